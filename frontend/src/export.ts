// What is shown, for other programs: tables as CSV and JSON, the chart as a Vega-Lite specification with its data.

import type { ClassList } from './arrange';
import { everyConfusion } from './confusions';
import { nameOf, shortValue } from './format';
import { denominator, type Extent, type Matrix, type Normalize } from './matrix';
import { intervalOf, PER_CLASS, perClass, type ShareName, wilson } from './metrics';
import { inkOn, type Palette } from './palette';
import { part, sorted, type Work, written } from './pieces';
import { type ColorScale, scaleOf, valueAt } from './scale';
import { adjustment, type Changes } from './significance';

/** Where a matrix comes from. */
export interface Source {
  readonly tag: string;
  readonly run: string;
  readonly step: number;
}

type Value = string | number | boolean;

/** A table whose rows are made one at a time: there may be a million. */
export interface Table {
  readonly header: readonly string[];
  readonly size: number;
  readonly row: (index: number) => readonly Value[];
}

/** The share of the work after which a table that is yet to be made is there. */
const MADE = 0.3;

function* made(table: Table | Work<Table>): Work<Table> {
  return 'row' in table ? table : yield* part(table, 0, MADE);
}

/** A table, line by line; what is undefined is empty. */
export function* csvOf(table: Table | Work<Table>): Work<string[]> {
  const { header, size, row } = yield* made(table);
  const field = (value: Value) => {
    const text = typeof value === 'string' ? guarded(value) : Number.isNaN(value) ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const line = (values: readonly Value[]) => `${values.map(field).join(',')}\r\n`;
  return [
    line(header),
    ...(yield* part(
      written(size, (index) => line(row(index))),
      MADE,
      1,
    )),
  ];
}

/**
 * A text that no spreadsheet runs as a formula, as docs/logs.md tells it and export.py does it: what begins like one, or with apostrophes
 * and then like one, gets an apostrophe, so that programs can take it away again. Numbers and single signs are no formulas.
 */
function guarded(text: string): string {
  return /^'*[=+@\t\r\n-]./s.test(text) && !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? `'${text}` : text;
}

/** The same table as objects, after what it is of, which is never nothing; what is undefined is null. */
export function* tableJsonOf(table: Table | Work<Table>, about: object): Work<string[]> {
  const { header, size, row } = yield* made(table);
  const objectOf = (values: readonly Value[]) => Object.fromEntries(header.map((name, column) => [name, values[column]]));
  const objects = yield* part(
    written(size, (index) => JSON.stringify(objectOf(row(index))), ','),
    MADE,
    1,
  );
  return [`${JSON.stringify(about).slice(0, -1)},"rows":[`, ...objects, ']}'];
}

/** Every cell in its place, a row for each true class. */
export function denseTable(matrix: Matrix, { names }: ClassList): Table {
  const n = matrix.numClasses;
  const row = (index: number) => {
    const counts = new Array<Value>(n).fill(0);
    counts[index] = matrix.diagonal[index];
    for (let i = matrix.rowStart[index]; i < matrix.rowStart[index + 1]; i++) counts[matrix.cols[i]] = matrix.counts[i];
    return [nameOf(names, index), ...counts];
  };
  return { header: ['true\\predicted', ...Array.from({ length: n }, (_, index) => nameOf(names, index))], size: n, row };
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

export function cellTable(matrix: Matrix, { names }: ClassList): Table {
  const cells = [...cellsOf(matrix)];
  return {
    header: ['true_class', 'predicted_class', 'count', 'share_of_true', 'share_of_predicted', 'share_of_all'],
    size: cells.length,
    row: (index) => {
      const { row, column, count } = cells[index];
      const shares = [count / matrix.support[row], count / matrix.predicted[column], count / matrix.total];
      return [nameOf(names, row), nameOf(names, column), count, ...shares];
    },
  };
}

/** The cells of several runs one below the other. */
export function* cellTableOfRuns(
  runs: readonly { readonly run: string; readonly step: number; readonly matrix: Matrix }[],
  list: ClassList,
): Work<Table> {
  const tables: Table[] = [];
  const rows: [of: number, index: number][] = [];
  for (const [of, { matrix }] of runs.entries()) {
    tables.push(cellTable(matrix, list));
    for (let index = 0; index < tables[of].size; index++) rows.push([of, index]);
    yield (of + 1) / runs.length;
  }
  return {
    header: ['run', 'step', ...tables[0].header],
    size: rows.length,
    row: (at) => {
      const [of, index] = rows[at];
      return [runs[of].run, runs[of].step, ...tables[of].row(index)];
    },
  };
}

/** Every metric of each class, with the intervals of shares. */
export function classTable(matrix: Matrix, { names }: ClassList): Table {
  const values = perClass(matrix);
  return {
    header: ['class', ...PER_CLASS.flatMap(({ name, share }) => (share ? [name, `${name}_low`, `${name}_high`] : [name]))],
    size: matrix.numClasses,
    row: (index) => [
      nameOf(names, index),
      ...PER_CLASS.flatMap(({ name, share }) =>
        share ? [values[name][index], ...intervalOf(matrix, name as ShareName, index)] : [values[name][index]],
      ),
    ],
  };
}

/** The confusions, ranked, each with the 95% interval of its share and the count of its mirror image. */
export function* confusionTable(matrix: Matrix, { names }: ClassList, by: 'count' | 'rate'): Work<Table> {
  const { size, at } = yield* everyConfusion(matrix, by);
  const share = ['share_of_true', 'share_of_true_low', 'share_of_true_high'];
  return {
    header: ['true_class', 'predicted_class', 'count', ...share, 'reverse_count'],
    size,
    row: (rank) => {
      const one = at(rank);
      const shares = [one.share, ...wilson(one.count, matrix.support[one.trueClass])];
      return [nameOf(names, one.trueClass), nameOf(names, one.predictedClass), one.count, ...shares, one.reverse];
    },
  };
}

/** Every cell that is not zero before and after: those that changed by more than noise first, then by the size of the change. */
export function* changeTable(changes: Changes, { names }: ClassList, normalize: Normalize): Work<Table> {
  const { rows, cols, before, after, difference, pValue, significant } = changes;
  const adjusted = yield* part(adjustment(pValue), 0, 0.5);
  const size = difference.map((change) => Math.abs(change) || 0);
  const order = (a: number, b: number) => significant[b] - significant[a] || size[b] - size[a];
  const ranked = yield* part(sorted(rows.keys(), order), 0.5, 1);
  const change = normalize === 'counts' ? 'change' : `change_of_share_of_${SHARES[normalize]}`;
  return {
    header: ['true_class', 'predicted_class', 'before', 'after', change, 'p_value', 'adjusted_p_value', 'significant'],
    size: ranked.length,
    row: (rank) => {
      const i = ranked[rank];
      const tested = [pValue[i], adjusted[i], significant[i] === 1];
      return [nameOf(names, rows[i]), nameOf(names, cols[i]), before[i], after[i], difference[i], ...tested];
    },
  };
}

const SHARES = { true: 'true', pred: 'predicted', all: 'all' };

/** The whole matrix, for programs. */
export function* jsonOf(matrix: Matrix, { names, size }: ClassList, source: Source): Work<string[]> {
  const cells = [...cellsOf(matrix)];
  const about = { ...source, rows_are: 'true classes', num_classes: size, class_names: names };
  const list = (of: 'row' | 'column' | 'count') => written(cells.length, (i) => String(cells[i][of]), ',');
  const rows = yield* part(list('row'), 0, 0.3);
  const cols = yield* part(list('column'), 0.3, 0.6);
  const counts = yield* part(list('count'), 0.6, 1);
  return [`${JSON.stringify(about).slice(0, -1)},"rows":[`, ...rows, '],"cols":[', ...cols, '],"counts":[', ...counts, ']}'];
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
export function* vegaLiteOf(matrix: Matrix, { names, size }: ClassList, source: Source, look: Look): Work<string[]> {
  const { normalize, extent, palette, page, text } = look;
  const order = Array.from({ length: size }, (_, index) => nameOf(names, index));
  const scale = scaleOf(extent, look.color);
  const numbered = size <= NUMBERED_AT_MOST;
  const cells = [...cellsOf(matrix)];
  const datumOf = (index: number) => {
    const { row, column, count } = cells[index];
    const value = count / denominator(matrix, normalize, row, column);
    // Of the classes that are summed up nobody knows which were taken for each other.
    const part = row !== column ? 'wrong' : row === matrix.rest ? 'rest' : 'correct';
    const fill = part === 'rest' ? palette.frame : palette[part][scale[part](value)];
    const number = numbered ? { label: shortValue(value, normalize), ink: inkOn(fill) } : {};
    return { true: order[row], predicted: order[column], count, value, part, ...number };
  };
  const heights = Array.from({ length: STOPS + 1 }, (_, i) => i / STOPS);
  const layerOf = (part: string, color: object) => ({
    transform: [{ filter: `datum.part === '${part}'` }],
    mark: { type: 'rect' },
    encoding: { color },
  });
  const ramp = (part: 'correct' | 'wrong') => {
    const range = extent[part].most > 0 ? extent[part] : { least: 1, most: 1 };
    return layerOf(part, {
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
  const longest = () => cells.reduce((most, _, index) => Math.max(most, datumOf(index).label?.length ?? 0), 0);
  const step = numbered ? Math.max(24, 7 * longest() + 8) : size <= 50 ? 24 : 4;
  const ink = { labelColor: text, titleColor: text };
  const chart = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: `${source.tag}, ${source.run}, step ${source.step}`, subtitle: TITLES[normalize] },
    background: page,
    width: { step },
    height: { step },
    encoding: {
      x: { field: 'predicted', ...axis('Predicted') },
      y: { field: 'true', ...axis('True') },
      tooltip: told,
    },
    layer: [
      ramp('correct'),
      ramp('wrong'),
      ...(matrix.rest === undefined ? [] : [layerOf('rest', { value: hexOf(palette.frame) })]),
      ...(numbered ? [numbers] : []),
    ],
    resolve: { scale: { color: 'independent' } },
    config: {
      axis: ink,
      legend: ink,
      title: { color: text, subtitleColor: text },
      view: { fill: hexOf(palette.zero), stroke: hexOf(palette.frame) },
    },
  };
  const values = yield* written(cells.length, (index) => JSON.stringify(datumOf(index)), ',');
  return [`${JSON.stringify(chart).slice(0, -1)},"data":{"values":[`, ...values, ']}}'];
}

/** As every program takes it. */
function hexOf(color: number): string {
  return `#${[0, 8, 16].map((shift) => ((color >> shift) & 255).toString(16).padStart(2, '0')).join('')}`;
}
