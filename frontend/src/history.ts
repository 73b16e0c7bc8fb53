// What is kept of every step of a run, whichever is looked at: its metrics and marginals, and the course of single cells.

import type { ClassList } from './arrange';
import { type Extent, extentsOf, type Matrix, type Normalize } from './matrix';
import { type WholeName, wholeMetrics } from './metrics';
import { breath, SLICE_MILLISECONDS } from './pieces';
import type { Series } from './series';

/** One step, without its cells. */
export interface Summary {
  readonly step: number;
  readonly wallTime: number;
  readonly classes: ClassList;
  readonly metrics: Record<WholeName, number>;
  readonly support: Float32Array;
  readonly predicted: Float32Array;
  readonly truePositives: Float32Array;
  readonly extents: Record<Normalize, Extent>;
}

export function summaryOf(step: number, wallTime: number, matrix: Matrix, classes: ClassList): Summary {
  return {
    step,
    wallTime,
    classes,
    metrics: wholeMetrics(matrix),
    support: Float32Array.from(matrix.support),
    predicted: Float32Array.from(matrix.predicted),
    truePositives: Float32Array.from(matrix.diagonal),
    extents: extentsOf(matrix),
  };
}

/** Visits the matrices of a run in the order of their steps, without keeping the page waiting; ends when they are no longer wanted. */
export async function scan(
  series: Series,
  steps: readonly number[],
  isWanted: () => boolean,
  visit: (step: number, matrix: Matrix, classesId: string | null) => Promise<void>,
): Promise<void> {
  let begun = performance.now();
  for (const step of steps) {
    const found = series.ready(step) ?? (await series.visit(step));
    if (!isWanted()) return;
    if ('matrix' in found) await visit(step, found.matrix, found.classesId);
    if (performance.now() - begun < SLICE_MILLISECONDS) continue;
    await breath();
    if (!isWanted()) return;
    begun = performance.now();
  }
}
