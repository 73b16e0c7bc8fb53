// The confusions of a matrix, ranked: by how often, by how likely, or by how much they changed.

import type { Cell } from './camera';
import { countAt, type Matrix } from './matrix';
import { sorted, type Work } from './pieces';
import type { Changes } from './significance';

export type Ranking = 'count' | 'rate' | 'change';

export interface Confusion extends Cell {
  readonly count: number;
  /** Of the true class. */
  readonly share: number;
  /** The count of the mirrored cell. */
  readonly reverse: number;
}

export interface ChangedConfusion extends Cell {
  readonly before: number;
  readonly after: number;
  readonly difference: number;
  /** NaN where there is nothing to test. */
  readonly pValue: number;
  readonly significant: boolean;
}

/** Collects the largest of many values without sorting them all; of equal ones the first. */
class Largest {
  private kept: { readonly id: number; readonly value: number }[] = [];
  private least = Number.NEGATIVE_INFINITY;

  constructor(private readonly most: number) {}

  offer(id: number, value: number): void {
    if (!(value > this.least)) return;
    this.kept.push({ id, value });
    if (this.kept.length >= 2 * this.most + SPARE) this.prune();
  }

  get ids(): number[] {
    this.prune();
    return this.kept.map(({ id }) => id);
  }

  private prune(): void {
    this.kept = this.kept.sort((a, b) => b.value - a.value).slice(0, this.most);
    if (this.kept.length === this.most) this.least = this.kept.at(-1)?.value ?? Number.POSITIVE_INFINITY;
  }
}

const SPARE = 64;

/** Whether a cell is of one of these classes; every cell is where none are named. */
function isOf(among: ReadonlySet<number> | undefined, row: number, column: number): boolean {
  return !among || among.has(row) || among.has(column);
}

/** The lower end of the 95% interval of a share (Wilson, 1927): a rate among few samples does not win by luck. */
function surely(count: number, of: number): number {
  const z2 = 1.959963984540054 ** 2;
  return (count + z2 / 2 - Math.sqrt(z2) * Math.sqrt((count * (of - count)) / of + z2 / 4)) / (of + z2);
}

/** The worst confusions, of all or of some classes: by count, or by the rate at which the true class is taken for the predicted one. */
export function rankedConfusions(matrix: Matrix, by: 'count' | 'rate', most: number, among?: ReadonlySet<number>): Confusion[] {
  const { numClasses, rowStart, cols, counts, support, rest } = matrix;
  const largest = new Largest(most);
  const rowOf = new Map<number, number>();
  for (let row = 0; row < numClasses; row++) {
    for (let i = rowStart[row]; i < rowStart[row + 1]; i++) {
      if (row === rest || cols[i] === rest || !isOf(among, row, cols[i])) continue;
      largest.offer(i, by === 'count' ? counts[i] : surely(counts[i], support[row]));
    }
  }
  const ids = largest.ids;
  const wanted = [...ids].sort((a, b) => a - b);
  let row = 0;
  for (const i of wanted) {
    while (rowStart[row + 1] <= i) row++;
    rowOf.set(i, row);
  }
  return ids.map((i) => confusionAt(matrix, rowOf.get(i) as number, i));
}

/** All of them, ranked alike, piece by piece: how many there are, and which is at a rank. */
export function* everyConfusion(
  matrix: Matrix,
  by: 'count' | 'rate',
): Work<{ readonly size: number; readonly at: (rank: number) => Confusion }> {
  const { numClasses, rowStart, cols, counts, support, rest } = matrix;
  const rowOf = new Int32Array(cols.length);
  for (let row = 0; row < numClasses; row++) rowOf.fill(row, rowStart[row], rowStart[row + 1]);
  const worth = Float64Array.from(counts, (count, i) => (by === 'count' ? count : surely(count, support[rowOf[i]])));
  const ids = [...cols.keys()].filter((i) => rowOf[i] !== rest && cols[i] !== rest);
  yield 0;
  const ranked = yield* sorted(ids, (a, b) => worth[b] - worth[a]);
  return { size: ranked.length, at: (rank) => confusionAt(matrix, rowOf[ranked[rank]], ranked[rank]) };
}

/** The confusion at an index of the cells. */
function confusionAt(matrix: Matrix, trueClass: number, i: number): Confusion {
  const { cols, counts, support } = matrix;
  const reverse = countAt(matrix, cols[i], trueClass);
  return { trueClass, predictedClass: cols[i], count: counts[i], share: counts[i] / support[trueClass], reverse };
}

/**
 * The confusions, of all or of some classes, that changed most: those that are more than noise first, then by size of the change. With
 * the diagonal, what is correct comes after the mistakes: its counts are larger, and would stand before all of them.
 */
export function rankedChanges(
  changes: Changes,
  most: number,
  withDiagonal = false,
  among?: ReadonlySet<number>,
): ChangedConfusion[] {
  const { rows, cols, before, after, difference, pValue, significant } = changes;
  const [sure, sureCorrect, noise, noiseCorrect] = Array.from({ length: 4 }, () => new Largest(most));
  for (let i = 0; i < rows.length; i++) {
    const isCorrect = rows[i] === cols[i];
    if ((isCorrect && !withDiagonal) || !(Math.abs(difference[i]) > 0) || !isOf(among, rows[i], cols[i])) continue;
    const [ofWrong, ofCorrect] = significant[i] ? [sure, sureCorrect] : [noise, noiseCorrect];
    (isCorrect ? ofCorrect : ofWrong).offer(i, Math.abs(difference[i]));
  }
  return [sure, sureCorrect, noise, noiseCorrect]
    .flatMap(({ ids }) => ids)
    .slice(0, most)
    .map((i) => ({
      trueClass: rows[i],
      predictedClass: cols[i],
      before: before[i],
      after: after[i],
      difference: difference[i],
      pValue: pValue[i],
      significant: significant[i] === 1,
    }));
}

/** Whether a confusion and its mirror image are of the same order: neither is more than `factor` times the other. */
export function isMutual(count: number, reverse: number, factor = 2): boolean {
  return Math.min(count, reverse) > 0 && Math.max(count, reverse) <= factor * Math.min(count, reverse);
}
