// What is shown, for other programs: tables as CSV and JSON, the chart as a Vega-Lite specification with its data.

import type { ClassList } from './arrange';
import { nameOf } from './format';
import { denominator, type Matrix, type Normalize } from './matrix';
import { intervalOf, PER_CLASS, type ProportionName, perClass } from './metrics';

/** Where a matrix comes from. */
export interface Source {
  readonly tag: string;
  readonly run: string;
  readonly step: number;
}

type Value = string | number;

export function csvOf(rows: readonly (readonly Value[])[]): string {
  const field = (value: Value) => {
    const text = typeof value === 'number' && Number.isNaN(value) ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

/** Every cell in its place, a row for each true class. */
export function denseRows(matrix: Matrix, { names }: ClassList): Value[][] {
  const n = matrix.numClasses;
  const header = ['true \\ predicted', ...Array.from({ length: n }, (_, index) => nameOf(names, index))];
  const rows = Array.from({ length: n }, (_, row) => {
    const counts = new Array<Value>(n).fill(0);
    counts[row] = matrix.diagonal[row];
    for (let i = matrix.rowStart[row]; i < matrix.rowStart[row + 1]; i++) counts[matrix.cols[i]] = matrix.counts[i];
    return [nameOf(names, row), ...counts];
  });
  return [header, ...rows];
}

/** The cells that are not zero, row by row. */
export function* cellsOf(matrix: Matrix): Generator<{ row: number; column: number; count: number }> {
  for (let row = 0; row < matrix.numClasses; row++) {
    let diagonal = matrix.diagonal[row];
    for (let i = matrix.rowStart[row]; i < matrix.rowStart[row + 1]; i++) {
      if (matrix.cols[i] > row && diagonal > 0) {
        yield { row, column: row, count: diagonal };
        diagonal = 0;
      }
      yield { row, column: matrix.cols[i], count: matrix.counts[i] };
    }
    if (diagonal > 0) yield { row, column: row, count: diagonal };
  }
}

export function cellRows(matrix: Matrix, { names }: ClassList): Value[][] {
  const header = ['true_class', 'predicted_class', 'count', 'share_of_true', 'share_of_predicted', 'share_of_all'];
  const rows = [...cellsOf(matrix)].map(({ row, column, count }) => [
    nameOf(names, row),
    nameOf(names, column),
    count,
    count / matrix.support[row],
    count / matrix.predicted[column],
    count / matrix.total,
  ]);
  return [header, ...rows];
}

/** Every metric of each class, with the intervals of those that are proportions. */
export function classRows(matrix: Matrix, { names }: ClassList): Value[][] {
  const values = perClass(matrix);
  const header = PER_CLASS.flatMap(({ name, proportion }) => (proportion ? [name, `${name}_low`, `${name}_high`] : [name]));
  const rows = Array.from({ length: matrix.numClasses }, (_, index) => [
    nameOf(names, index),
    ...PER_CLASS.flatMap(({ name, proportion }) =>
      proportion ? [values[name][index], ...intervalOf(matrix, name as ProportionName, index)] : [values[name][index]],
    ),
  ]);
  return [['class', ...header], ...rows];
}

export function jsonOf(matrix: Matrix, { names, size }: ClassList, source: Source): string {
  const cells = [...cellsOf(matrix)];
  return JSON.stringify({
    ...source,
    rows_are: 'true classes',
    num_classes: size,
    class_names: names,
    rows: cells.map(({ row }) => row),
    cols: cells.map(({ column }) => column),
    counts: cells.map(({ count }) => count),
  });
}

const TITLES: Record<Normalize, string> = {
  counts: 'Count',
  true: 'Share of true',
  pred: 'Share of predicted',
  all: 'Share of all',
};

/** A heatmap with its data, to go on with in Vega-Lite's editors. */
export function vegaLiteOf(matrix: Matrix, { names, size }: ClassList, source: Source, normalize: Normalize): string {
  const order = Array.from({ length: size }, (_, index) => nameOf(names, index));
  const values = [...cellsOf(matrix)].map(({ row, column, count }) => ({
    true: order[row],
    predicted: order[column],
    count,
    value: count / denominator(matrix, normalize, row, column),
    correct: row === column,
  }));
  const axis = (title: string) => ({ type: 'nominal', sort: order, title, scale: { domain: order } });
  const color = (scheme: string, title: string) => ({
    field: 'value',
    type: 'quantitative',
    title,
    scale: { scheme, domainMin: 0 },
  });
  const encoding = { x: { field: 'predicted', ...axis('Predicted') }, y: { field: 'true', ...axis('True') } };
  const cells = (correct: boolean) => ({
    transform: [{ filter: `datum.correct === ${correct}` }],
    mark: { type: 'rect', tooltip: { content: 'data' } },
    encoding: correct
      ? { color: color('blues', `${TITLES[normalize]}, correct`) }
      : { color: color('oranges', `${TITLES[normalize]}, wrong`) },
  });
  const numbers = {
    mark: { type: 'text' },
    encoding: { text: { field: 'value', format: normalize === 'counts' ? ',' : '.0%' }, color: { value: 'black' } },
  };
  return JSON.stringify({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: `${source.tag}, ${source.run}, step ${source.step}`,
    width: { step: size <= 50 ? 24 : 4 },
    height: { step: size <= 50 ? 24 : 4 },
    data: { values },
    encoding,
    layer: [cells(true), cells(false), ...(size <= 30 ? [numbers] : [])],
    resolve: { scale: { color: 'independent' } },
  });
}
