// What is shown, for other programs: tables as CSV and JSON, the chart as a Vega-Lite specification with its data.

import type { ClassList } from './arrange';
import { rankedConfusions } from './confusions';
import { nameOf, shortValue } from './format';
import { denominator, type Extent, type Matrix, type Normalize } from './matrix';
import { intervalOf, PER_CLASS, perClass, type ShareName, wilson } from './metrics';
import { inkOn, type Palette } from './palette';
import { type ColorScale, scaleOf, valueAt } from './scale';
import { adjustedPValues, type Changes } from './significance';

/** Where a matrix comes from. */
export interface Source {
  readonly tag: string;
  readonly run: string;
  readonly step: number;
}

type Value = string | number | boolean;
export type Rows = readonly (readonly Value[])[];

/** A table; what is undefined is empty. */
export function csvOf(rows: Rows): string {
  const field = (value: Value) => {
    const text = typeof value === 'string' ? guarded(value) : Number.isNaN(value) ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

/**
 * A text that no spreadsheet runs as a formula, as docs/logs.md tells it and export.py does it: what begins like one, or with apostrophes
 * and then like one, gets an apostrophe, so that programs can take it away again. Numbers and single signs are no formulas.
 */
function guarded(text: string): string {
  return /^'*[=+@\t\r\n-]./s.test(text) && !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? `'${text}` : text;
}

/** The same table as objects; what is undefined is null. */
export function tableJsonOf([header, ...rows]: Rows, about: object): string {
  return JSON.stringify({ ...about, rows: rows.map((row) => Object.fromEntries(row.map((value, i) => [header[i], value]))) });
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

const CELL_HEADER = ['true_class', 'predicted_class', 'count', 'share_of_true', 'share_of_predicted', 'share_of_all'];

export function cellRows(matrix: Matrix, { names }: ClassList): Value[][] {
  const rows = [...cellsOf(matrix)].map(({ row, column, count }) => [
    nameOf(names, row),
    nameOf(names, column),
    count,
    count / matrix.support[row],
    count / matrix.predicted[column],
    count / matrix.total,
  ]);
  return [CELL_HEADER, ...rows];
}

/** The cells of several runs one below the other. */
export function cellRowsOfRuns(
  runs: readonly { readonly run: string; readonly step: number; readonly matrix: Matrix }[],
  list: ClassList,
): Value[][] {
  const rows = runs.flatMap(({ run, step, matrix }) =>
    cellRows(matrix, list)
      .slice(1)
      .map((row) => [run, step, ...row]),
  );
  return [['run', 'step', ...CELL_HEADER], ...rows];
}

/** Every metric of each class, with the intervals of shares. */
export function classRows(matrix: Matrix, { names }: ClassList): Value[][] {
  const values = perClass(matrix);
  const header = PER_CLASS.flatMap(({ name, share }) => (share ? [name, `${name}_low`, `${name}_high`] : [name]));
  const rows = Array.from({ length: matrix.numClasses }, (_, index) => [
    nameOf(names, index),
    ...PER_CLASS.flatMap(({ name, share }) =>
      share ? [values[name][index], ...intervalOf(matrix, name as ShareName, index)] : [values[name][index]],
    ),
  ]);
  return [['class', ...header], ...rows];
}

/** The confusions, ranked, each with the 95% interval of its share and the count of its mirror image. */
export function confusionRows(matrix: Matrix, { names }: ClassList, by: 'count' | 'rate'): Value[][] {
  const share = ['share_of_true', 'share_of_true_low', 'share_of_true_high'];
  const rows = rankedConfusions(matrix, by, Number.POSITIVE_INFINITY).map((one) => [
    nameOf(names, one.trueClass),
    nameOf(names, one.predictedClass),
    one.count,
    one.share,
    ...wilson(one.count, matrix.support[one.trueClass]),
    one.reverse,
  ]);
  return [['true_class', 'predicted_class', 'count', ...share, 'reverse_count'], ...rows];
}

/** Every cell that is not zero before and after: those that changed by more than noise first, then by the size of the change. */
export function changeRows(changes: Changes, { names }: ClassList, normalize: Normalize): Value[][] {
  const { rows, cols, before, after, difference, pValue, significant } = changes;
  const adjusted = adjustedPValues(pValue);
  const size = (i: number) => Math.abs(difference[i]) || 0;
  const ranked = [...rows.keys()].sort((a, b) => significant[b] - significant[a] || size(b) - size(a) || a - b);
  const change = normalize === 'counts' ? 'change' : `change_of_share_of_${SHARES[normalize]}`;
  return [
    ['true_class', 'predicted_class', 'before', 'after', change, 'p_value', 'adjusted_p_value', 'significant'],
    ...ranked.map((i) => [
      nameOf(names, rows[i]),
      nameOf(names, cols[i]),
      before[i],
      after[i],
      difference[i],
      pValue[i],
      adjusted[i],
      significant[i] === 1,
    ]),
  ];
}

const SHARES = { true: 'true', pred: 'predicted', all: 'all' };

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

/** As the toolbar calls them. */
export const TITLES: Record<Normalize, string> = {
  counts: 'Counts',
  true: '% of true',
  pred: '% of predicted',
  all: '% of all',
};

/** The colors that are shown. */
export interface Look {
  readonly normalize: Normalize;
  readonly color: ColorScale;
  readonly extent: Extent;
  readonly palette: Palette;
  readonly page: string;
  readonly text: string;
}

const STOPS = 16;
const NUMBERED_AT_MOST = 30;

/** A heatmap with its data in the colors that are shown, to go on with in Vega-Lite's editors. */
export function vegaLiteOf(matrix: Matrix, { names, size }: ClassList, source: Source, look: Look): string {
  const { normalize, extent, palette, page, text } = look;
  const order = Array.from({ length: size }, (_, index) => nameOf(names, index));
  const scale = scaleOf(extent, look.color);
  const numbered = size <= NUMBERED_AT_MOST;
  const values = [...cellsOf(matrix)].map(({ row, column, count }) => {
    const value = count / denominator(matrix, normalize, row, column);
    // Of the classes that are summed up nobody knows which were taken for each other.
    const part = row !== column ? 'wrong' : row === matrix.rest ? 'rest' : 'correct';
    const fill = part === 'rest' ? palette.frame : palette[part][scale[part](value)];
    const number = numbered ? { label: shortValue(value, normalize), ink: inkOn(fill) } : {};
    return { true: order[row], predicted: order[column], count, value, part, ...number };
  });
  const heights = Array.from({ length: STOPS + 1 }, (_, i) => i / STOPS);
  const cells = (part: string, color: object) => ({
    transform: [{ filter: `datum.part === '${part}'` }],
    mark: { type: 'rect' },
    encoding: { color },
  });
  const ramp = (part: 'correct' | 'wrong') => {
    const range = extent[part].most > 0 ? extent[part] : { least: 1, most: 1 };
    return cells(part, {
      field: 'value',
      type: 'quantitative',
      title: part === 'correct' ? 'Correct' : 'Wrong',
      scale: {
        ...(look.color === 'log' ? { type: 'symlog', constant: range.least } : {}),
        domain: heights.map((height) => valueAt(range, look.color, height)),
        range: heights.map((height) => hexOf(palette[part][Math.max(1, Math.round(height * 255))])),
        interpolate: 'rgb',
        clamp: true,
      },
      legend: normalize === 'counts' ? {} : { format: '.0%' },
    });
  };
  const numbers = {
    mark: { type: 'text' },
    encoding: { text: { field: 'label', type: 'nominal' }, color: { field: 'ink', type: 'nominal', scale: null } },
  };
  const axis = (title: string) => ({
    type: 'nominal',
    title,
    scale: { domain: order },
    axis: { labelOverlap: 'greedy' },
  });
  const told = [
    { field: 'true', title: 'True' },
    { field: 'predicted', title: 'Predicted' },
    { field: 'count', title: 'Count', format: ',' },
    ...(normalize === 'counts' ? [] : [{ field: 'value', title: TITLES[normalize], format: '.1%' }]),
  ];
  const longest = values.reduce((most, { label = '' }) => Math.max(most, label.length), 0);
  const step = numbered ? Math.max(24, 7 * longest + 8) : size <= 50 ? 24 : 4;
  const ink = { labelColor: text, titleColor: text };
  return JSON.stringify({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: `${source.tag}, ${source.run}, step ${source.step}`, subtitle: TITLES[normalize] },
    background: page,
    width: { step },
    height: { step },
    data: { values },
    encoding: {
      x: { field: 'predicted', ...axis('Predicted') },
      y: { field: 'true', ...axis('True') },
      tooltip: told,
    },
    layer: [
      ramp('correct'),
      ramp('wrong'),
      ...(matrix.rest === undefined ? [] : [cells('rest', { value: hexOf(palette.frame) })]),
      ...(numbered ? [numbers] : []),
    ],
    resolve: { scale: { color: 'independent' } },
    config: {
      axis: ink,
      legend: ink,
      title: { color: text, subtitleColor: text },
      view: { fill: hexOf(palette.zero), stroke: hexOf(palette.frame) },
    },
  });
}

/** As every program takes it. */
function hexOf(color: number): string {
  return `#${[0, 8, 16].map((shift) => ((color >> shift) & 255).toString(16).padStart(2, '0')).join('')}`;
}
