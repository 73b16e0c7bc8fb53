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

export function extentOf(matrix: Matrix, normalize: Normalize): Extent {
  const extent = { correct: { least: 0, most: 0 }, wrong: { least: 0, most: 0 } };
  const widen = (range: { least: number; most: number }, value: number) => {
    if (value > range.most) range.most = value;
    if (value > 0 && (range.least === 0 || value < range.least)) range.least = value;
  };
  for (let row = 0; row < matrix.numClasses; row++) {
    if (row === matrix.rest) continue; // sums of many classes would leave the others pale
    const diagonal = matrix.diagonal[row];
    if (diagonal > 0) widen(extent.correct, diagonal / denominator(matrix, normalize, row, row));
    for (let i = matrix.rowStart[row]; i < matrix.rowStart[row + 1]; i++) {
      if (matrix.cols[i] !== matrix.rest)
        widen(extent.wrong, matrix.counts[i] / denominator(matrix, normalize, row, matrix.cols[i]));
    }
  }
  return extent;
}
