// The confusions of a matrix, ranked: by how often, by how likely, or by how much they changed.

import type { Cell } from './camera';
import { countAt, type Matrix } from './matrix';
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
  readonly pValue: number;
  readonly significant: boolean;
}

/** Collects the largest of many values without sorting them all; of equal ones the first. */
class Largest {
  readonly ids: number[] = [];
  private readonly values: number[] = [];

  constructor(private readonly most: number) {}

  offer(id: number, value: number): void {
    const full = this.values.length === this.most;
    if (full && !(value > this.values[this.most - 1])) return;
    let [low, high] = [0, this.values.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.values[middle] >= value) low = middle + 1;
      else high = middle;
    }
    this.values.splice(low, 0, value);
    this.ids.splice(low, 0, id);
    if (full) {
      this.values.pop();
      this.ids.pop();
    }
  }
}

/** The lower end of the 95% interval of a share (Wilson, 1927): a rate among few samples does not win by luck. */
function surely(count: number, of: number): number {
  const z2 = 1.959963984540054 ** 2;
  return (count + z2 / 2 - Math.sqrt(z2) * Math.sqrt((count * (of - count)) / of + z2 / 4)) / (of + z2);
}

/** The worst confusions: by count, or by the rate at which the true class is taken for the predicted one. */
export function rankedConfusions(matrix: Matrix, by: 'count' | 'rate', most: number): Confusion[] {
  const { numClasses, rowStart, cols, counts, support, rest } = matrix;
  const largest = new Largest(most);
  const rowOf = new Map<number, number>();
  for (let row = 0; row < numClasses; row++) {
    for (let i = rowStart[row]; i < rowStart[row + 1]; i++) {
      if (row !== rest && cols[i] !== rest) largest.offer(i, by === 'count' ? counts[i] : surely(counts[i], support[row]));
    }
  }
  const wanted = [...largest.ids].sort((a, b) => a - b);
  let row = 0;
  for (const i of wanted) {
    while (rowStart[row + 1] <= i) row++;
    rowOf.set(i, row);
  }
  return largest.ids.map((i) => {
    const trueClass = rowOf.get(i) as number;
    const predictedClass = cols[i];
    const reverse = countAt(matrix, predictedClass, trueClass);
    return { trueClass, predictedClass, count: counts[i], share: counts[i] / support[trueClass], reverse };
  });
}

/** The confusions that changed most: those that are more than noise first, then by size of the change. */
export function rankedChanges(changes: Changes, most: number, withDiagonal = false): ChangedConfusion[] {
  const { rows, cols, before, after, difference, pValue, significant } = changes;
  const [noise, sure] = [new Largest(most), new Largest(most)];
  for (let i = 0; i < rows.length; i++) {
    if ((rows[i] === cols[i] && !withDiagonal) || !(Math.abs(difference[i]) > 0)) continue;
    (significant[i] ? sure : noise).offer(i, Math.abs(difference[i]));
  }
  return [...sure.ids, ...noise.ids].slice(0, most).map((i) => ({
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
