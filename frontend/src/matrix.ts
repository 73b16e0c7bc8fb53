// A confusion matrix in memory: the diagonal apart, the cells off it by rows. Rows are the true classes, columns the predicted.

export interface Matrix {
  readonly numClasses: number;
  readonly diagonal: Float64Array;
  /** Row r's cells off the diagonal are those from rowStart[r] to rowStart[r + 1], by growing column. */
  readonly rowStart: Int32Array;
  readonly cols: Int32Array;
  readonly counts: Float64Array;
  /** Samples of each true class, the row sums. */
  readonly support: Float64Array;
  /** Samples predicted as each class, the column sums. */
  readonly predicted: Float64Array;
  readonly total: number;
  /** The place of the classes that are summed up as one, where there are such. */
  readonly rest?: number;
}

export type Normalize = 'counts' | 'true' | 'pred' | 'all';

export function matrixOf(diagonal: Float64Array, rowStart: Int32Array, cols: Int32Array, counts: Float64Array): Matrix {
  const numClasses = diagonal.length;
  const support = diagonal.slice();
  const predicted = diagonal.slice();
  let total = 0;
  for (let row = 0; row < numClasses; row++) {
    for (let i = rowStart[row]; i < rowStart[row + 1]; i++) {
      support[row] += counts[i];
      predicted[cols[i]] += counts[i];
    }
    total += support[row];
  }
  return { numClasses, diagonal, rowStart, cols, counts, support, predicted, total };
}

export function countAt(matrix: Matrix, trueClass: number, predictedClass: number): number {
  if (trueClass === predictedClass) return matrix.diagonal[trueClass];
  const i = firstCellFrom(matrix, trueClass, predictedClass);
  return i < matrix.rowStart[trueClass + 1] && matrix.cols[i] === predictedClass ? matrix.counts[i] : 0;
}

/** The index of the first cell of a row at or right of a column; the end of the row if there is none. */
export function firstCellFrom(matrix: Matrix, row: number, column: number): number {
  let low = matrix.rowStart[row];
  let high = matrix.rowStart[row + 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (matrix.cols[middle] < column) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What a count is divided by; 0 where the share is undefined. */
export function denominator(matrix: Matrix, normalize: Normalize, trueClass: number, predictedClass: number): number {
  if (normalize === 'true') return matrix.support[trueClass];
  if (normalize === 'pred') return matrix.predicted[predictedClass];
  return normalize === 'all' ? matrix.total : 1;
}

/** The smallest and largest value among the correct and among the wrong cells that are not zero; 0 where there are none. */
export interface Extent {
  correct: { least: number; most: number };
  wrong: { least: number; most: number };
}

type Extents = Record<Normalize, Extent>;
const extents = new WeakMap<Matrix, Extents>();

export function extentOf(matrix: Matrix, normalize: Normalize): Extent {
  return extentsOf(matrix)[normalize];
}

/** In every normalization: one way through the cells, which is made once. */
export function extentsOf(matrix: Matrix): Extents {
  const known = extents.get(matrix);
  if (known) return known;
  const none = () => ({ correct: { least: 0, most: 0 }, wrong: { least: 0, most: 0 } });
  const found = { counts: none(), true: none(), pred: none(), all: none() };
  const { numClasses, diagonal, rowStart, cols, counts, support, predicted, total, rest } = matrix;
  const widen = (part: 'correct' | 'wrong', count: number, row: number, column: number) => {
    if (!(count > 0)) return;
    widenTo(found.counts[part], count);
    widenTo(found.true[part], count / support[row]);
    widenTo(found.pred[part], count / predicted[column]);
  };
  for (let row = 0; row < numClasses; row++) {
    if (row === rest) continue; // sums of many classes would leave the others pale
    widen('correct', diagonal[row], row, row);
    for (let i = rowStart[row]; i < rowStart[row + 1]; i++) if (cols[i] !== rest) widen('wrong', counts[i], row, cols[i]);
  }
  for (const part of ['correct', 'wrong'] as const) {
    const { least, most } = found.counts[part];
    if (most > 0) found.all[part] = { least: least / total, most: most / total };
  }
  extents.set(matrix, found);
  return found;
}

/** Whether work on all of it takes so long that it is done piece by piece; on others it is quicker than the eye. */
export function isLarge({ numClasses, counts }: Matrix): boolean {
  return numClasses + counts.length >= LARGE;
}
const LARGE = 40_000;

/** For a matrix whose cells are those of another in other places: they are not looked through again. */
export function shareExtents(of: Matrix, to: Matrix): void {
  extents.set(to, extentsOf(of));
}

function widenTo(range: { least: number; most: number }, value: number): void {
  if (value > range.most) range.most = value;
  if (range.least === 0 || value < range.least) range.least = value;
}
