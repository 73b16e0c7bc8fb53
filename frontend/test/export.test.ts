import { describe, expect, test } from 'vitest';
import {
  cellsOf,
  cellTable,
  cellTableOfRuns,
  changeTable,
  classTable,
  confusionTable,
  csvOf,
  denseTable,
  jsonOf,
  type Look,
  type Table,
  TITLES,
  tableJsonOf,
  vegaLiteOf,
} from '../src/export';
import { shortValue } from '../src/format';
import { extentOf, type Matrix, type Normalize } from '../src/matrix';
import { intervalOf, PER_CLASS, perClass, type ShareName, wilson } from '../src/metrics';
import { paletteOf } from '../src/palette';
import { finished, type Work } from '../src/pieces';
import { type ColorScale, scaleOf } from '../src/scale';
import { changesBetween } from '../src/significance';
import { matrixFrom, matrixFromCells, NORMALIZATIONS, PETS, randomCounts, seeded, valueIn, whole } from './samples';

const draw = seeded(171);
const HOSTILE = [
  "'=x",
  "'tis",
  '-1',
  '@a',
  '\r-x',
  'a,b',
  '"',
  'say "hi"',
  'two\nlines',
  'two\r\nlines',
  ' ',
  '',
  '=1+1',
  'ünï 🐈',
  ';',
  '\t',
  '\ud83d',
];
const SOURCE = { tag: 'val/"matrix"', run: 'run\\1', step: 12 };

/** What work makes, as one text. */
function textOf(work: Work<string[]>): string {
  return finished(work).join('');
}

function tableOf([header, ...rows]: (string | number | boolean)[][]): Table {
  return { header: header as string[], size: rows.length, row: (index) => rows[index] };
}

function rowsOf(table: Table | Work<Table>) {
  const { header, size, row } = 'row' in table ? table : finished(table);
  return [header, ...Array.from({ length: size }, (_, index) => row(index))];
}

/** Rows of fields, as RFC 4180 has them, less the apostrophes that keep spreadsheets from running them (docs/logs.md). */
function parsedCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (let at = 0; at < text.length; ) {
    let field = '';
    if (text[at] === '"') {
      for (at++; text[at] !== '"' || text[at + 1] === '"'; at++) {
        if (text[at] === undefined) throw new Error('a quote that does not end');
        if (text[at] === '"') at++;
        field += text[at];
      }
      at++;
    } else while (at < text.length && !',\r\n"'.includes(text[at])) field += text[at++];
    row.push(field);
    if (text[at] === ',') at++;
    else if (text.startsWith('\r\n', at)) {
      rows.push(row);
      row = [];
      at += 2;
    } else throw new Error(`expected a comma or the end of a line at ${at} of ${JSON.stringify(text)}`);
  }
  expect(row).toEqual([]);
  return rows.map((line) => line.map((field) => (/^'+[=+@\t\r\n-]./s.test(field) ? field.slice(1) : field)));
}

function named(n: number) {
  return { size: n, names: Array.from({ length: n }, (_, index) => `${HOSTILE[index % HOSTILE.length]}${index}`) };
}

describe('csvOf', () => {
  test('what is read is what was written, whatever the texts', () => {
    for (let round = 0; round < 100; round++) {
      const columns = whole(draw, 2, 5);
      const field = () => (draw() < 0.5 ? HOSTILE[whole(draw, 0, HOSTILE.length - 1)] : whole(draw, -5, 1e6) / 8);
      const rows = Array.from({ length: whole(draw, 1, 40) }, () => Array.from({ length: columns }, field));
      expect(parsedCsv(textOf(csvOf(tableOf(rows))))).toEqual(rows.map((row) => row.map(String)));
    }
  });

  test('a number is written so that it is the same when it is read', () => {
    const numbers = [0, -0.1, 1 / 3, 2 ** 53 - 1, 1e-300, 1e21];
    expect(parsedCsv(textOf(csvOf(tableOf([[], numbers]))))[1].map(Number)).toEqual(numbers);
  });

  test('no text is a formula for a spreadsheet, and each is another', () => {
    const formulas = ['=1+1', '+x', '-1+2', '@SUM(A1)', '\tx', '-inf', "'=1", "''-x"];
    const harmless = ["'tis", '-1', '+2.5e-3', '=', '-', 'a=1', ' =1'];
    const fields = textOf(csvOf(tableOf([[...formulas, ...harmless]])))
      .slice(0, -2)
      .split(',');
    expect(fields).toEqual([...formulas.map((text) => `'${text}`), ...harmless]);
    expect(textOf(csvOf(tableOf([[-1.5, Number.NEGATIVE_INFINITY, true]])))).toBe('-1.5,-Infinity,true\r\n'); // numbers are no texts
  });

  test('what is undefined is empty', () => {
    expect(textOf(csvOf(tableOf([['a'], ['b', Number.NaN, 0], []])))).toBe('a\r\nb,,0\r\n\r\n');
  });
});

describe('tables', () => {
  test('with a column for each class have every count in its place', () => {
    for (let round = 0; round < 30; round++) {
      const counts = randomCounts(draw, whole(draw, 1, 12));
      const list = named(counts.length);
      const [header, ...rows] = parsedCsv(textOf(csvOf(denseTable(matrixFrom(counts), list))));
      expect(header).toEqual(['true\\predicted', ...list.names]);
      expect(rows.map(([name]) => name)).toEqual(list.names);
      expect(rows.map(([, ...line]) => line.map(Number))).toEqual(counts);
    }
  });

  test('of the cells of several runs have the run and its step first', () => {
    const list = named(2);
    const [one, two] = [
      matrixFrom([
        [3, 1],
        [0, 2],
      ]),
      matrixFrom([
        [0, 5],
        [0, 0],
      ]),
    ];
    const [header, ...rows] = rowsOf(
      cellTableOfRuns(
        [
          { run: 'a', step: 4, matrix: one },
          { run: 'b', step: 3, matrix: two },
        ],
        list,
      ),
    );
    expect(header).toEqual(['run', 'step', ...rowsOf(cellTable(one, list))[0]]);
    expect(rows.map((row) => row.slice(0, 5))).toEqual([
      ['a', 4, list.names[0], list.names[0], 3],
      ['a', 4, list.names[0], list.names[1], 1],
      ['a', 4, list.names[1], list.names[1], 2],
      ['b', 3, list.names[0], list.names[1], 5],
    ]);
  });

  test('of the cells have each that is not zero, row by row', () => {
    for (let round = 0; round < 60; round++) {
      const counts = randomCounts(draw, whole(draw, 1, 12), [0.1, 0.5, 1][round % 3]);
      const matrix = matrixFrom(counts);
      const cells = counts.flatMap((line, row) => line.map((count, column) => ({ row, column, count })));
      const there = cells.filter(({ count }) => count > 0);
      expect([...cellsOf(matrix)]).toEqual(there);

      const list = named(counts.length);
      const [header, ...rows] = parsedCsv(textOf(csvOf(cellTable(matrix, list))));
      expect(header).toEqual(['true_class', 'predicted_class', 'count', 'share_of_true', 'share_of_predicted', 'share_of_all']);
      expect(rows).toEqual(
        there.map(({ row, column }) => [
          list.names[row],
          list.names[column],
          ...NORMALIZATIONS.map((normalize) => String(valueIn(counts, normalize, row, column))),
        ]),
      );
    }
  });

  test('of the classes have every metric under its name, and the intervals of shares', () => {
    for (let round = 0; round < 20; round++) {
      const counts = randomCounts(draw, whole(draw, 1, 8));
      const matrix = matrixFrom(counts);
      const list = named(counts.length);
      const [header, ...rows] = parsedCsv(textOf(csvOf(classTable(matrix, list))));
      expect(new Set(header).size).toBe(header.length);
      for (const [index, row] of rows.entries()) {
        expect(row).toHaveLength(header.length);
        const at = (name: string) => {
          const field = row[header.indexOf(name)];
          return field === '' ? Number.NaN : Number(field);
        };
        expect(row[header.indexOf('class')]).toBe(list.names[index]);
        expect(at('support')).toBe(counts[index].reduce((sum, count) => sum + count, 0));
        for (const { name, share } of PER_CLASS) {
          expect(at(name)).toBe(perClass(matrix)[name][index]);
          if (!share) expect(header).not.toContain(`${name}_low`);
          else expect([at(`${name}_low`), at(`${name}_high`)]).toEqual(intervalOf(matrix, name as ShareName, index));
        }
      }
      expect(rows).toHaveLength(counts.length);
    }
  });

  test.each(['count', 'rate'] as const)(
    'of the confusions have all of them by %s, with their intervals and mirror images',
    (by) => {
      for (let round = 0; round < 20; round++) {
        const counts = randomCounts(draw, whole(draw, 1, 9));
        const support = counts.map((line) => line.reduce((sum, count) => sum + count, 0));
        const list = named(counts.length);
        const [header, ...rows] = rowsOf(confusionTable(matrixFrom(counts), list, by));
        const share = ['share_of_true', 'share_of_true_low', 'share_of_true_high'];
        expect(header).toEqual(['true_class', 'predicted_class', 'count', ...share, 'reverse_count']);
        const rank = by === 'count' ? 2 : 4;
        for (const [i, row] of rows.entries()) {
          const [trueClass, predictedClass] = row.slice(0, 2).map((name) => list.names.indexOf(name as string));
          const count = counts[trueClass][predictedClass];
          const shares = [count / support[trueClass], ...wilson(count, support[trueClass])];
          expect(row.slice(2)).toEqual([count, ...shares, counts[predictedClass][trueClass]]);
          if (i > 0) expect(row[rank]).toBeLessThanOrEqual((rows[i - 1][rank] as number) + 1e-12);
        }
        expect(rows).toHaveLength(counts.flatMap((line, row) => line.filter((count, col) => count > 0 && row !== col)).length);
      }
    },
  );

  test('of the changes have every cell, what is more than noise first, then by size', () => {
    const list = named(6);
    const changeOf = {
      counts: 'change',
      true: 'change_of_share_of_true',
      pred: 'change_of_share_of_predicted',
      all: 'change_of_share_of_all',
    };
    let significant = 0;
    for (const normalize of NORMALIZATIONS) {
      const [before, after] = [randomCounts(draw, 6, 0.8), randomCounts(draw, 6, 0.8)];
      const changes = changesBetween(matrixFrom(before), matrixFrom(after), normalize);
      const [header, ...rows] = rowsOf(changeTable(changes, list, normalize));
      const tested = ['p_value', 'adjusted_p_value', 'significant'];
      expect(header).toEqual(['true_class', 'predicted_class', 'before', 'after', changeOf[normalize], ...tested]);
      expect(rows).toHaveLength(changes.rows.length);
      const ranks = rows.map((row) => [row[7] ? 1 : 0, Math.abs(row[4] as number) || 0]);
      for (let i = 1; i < ranks.length; i++) {
        const [[sureBefore, sizeBefore], [sure, size]] = [ranks[i - 1], ranks[i]];
        expect(sureBefore > sure || (sureBefore === sure && sizeBefore >= size)).toBe(true);
      }
      for (const [trueName, predictedName, one, other, difference, p, adjusted, isSure] of rows) {
        const [row, col] = [trueName, predictedName].map((name) => list.names.indexOf(name as string));
        expect([one, other]).toEqual([before[row][col], after[row][col]]);
        const [from, to] = [before, after].map((counts) => valueIn(counts, normalize, row, col));
        if (Number.isFinite(to - from)) expect(difference).toBeCloseTo(to - from, 10);
        expect(isSure).toBe((adjusted as number) <= 0.05);
        if (!Number.isNaN(p)) expect(adjusted).toBeGreaterThanOrEqual(p as number);
        significant += Number(isSure);
      }
    }
    expect(significant).toBeGreaterThan(20);
  });

  test('as JSON are objects with what they are of, null where undefined', () => {
    const rows = [
      ['a', 'b'],
      ['=x', Number.NaN],
      ['', 0.5],
    ];
    const read = JSON.parse(textOf(tableJsonOf(tableOf(rows), SOURCE)));
    expect(read).toEqual({
      ...SOURCE,
      rows: [
        { a: '=x', b: null },
        { a: '', b: 0.5 },
      ],
    });
  });

  test('of classes without names have their numbers', () => {
    const matrix = matrixFrom([
      [1, 2],
      [0, 3],
    ]);
    const list = { size: 2, names: null };
    expect(rowsOf(denseTable(matrix, list))).toEqual([
      ['true\\predicted', '0', '1'],
      ['0', 1, 2],
      ['1', 0, 3],
    ]);
    expect(rowsOf(cellTable(matrix, list)).map((row) => row.slice(0, 3))).toEqual([
      ['true_class', 'predicted_class', 'count'],
      ['0', '0', 1],
      ['0', '1', 2],
      ['1', '1', 3],
    ]);
    expect(rowsOf(classTable(matrix, list)).map(([name]) => name)).toEqual(['class', '0', '1']);
  });
});

test('how far a file is, only grows', () => {
  const matrix = matrixFrom(randomCounts(draw, 40, 0.9));
  const list = named(40);
  const changes = changesBetween(matrixFrom(randomCounts(draw, 40, 0.9)), matrix, 'true');
  for (const work of [jsonOf(matrix, list, SOURCE), csvOf(changeTable(changes, list, 'true')), csvOf(cellTable(matrix, list))]) {
    const told: number[] = [];
    for (let next = work.next(); !next.done; next = work.next()) told.push(next.value);
    expect(told.length).toBeGreaterThan(20);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.at(-1)).toBeCloseTo(1);
  }
});

test('JSON holds the whole matrix, its names and where it comes from', () => {
  for (let round = 0; round < 30; round++) {
    const counts = randomCounts(draw, whole(draw, 1, 12));
    const matrix = matrixFrom(counts);
    const list = round % 2 ? named(counts.length) : { size: counts.length, names: null };
    const read = JSON.parse(textOf(jsonOf(matrix, list, SOURCE)));
    expect(read).toMatchObject({ ...SOURCE, rows_are: 'true classes', num_classes: counts.length, class_names: list.names });
    const cells = read.rows.map((row: number, i: number) => [row, read.cols[i], read.counts[i]] as const);
    expect(matrixFromCells(read.num_classes, cells)).toEqual(matrix);
    expect([read.cols.length, read.counts.length]).toEqual([cells.length, cells.length]);
  }
});

describe('vegaLiteOf', () => {
  const look = (matrix: Matrix, normalize: Normalize, dark = false, color: ColorScale = 'linear'): Look => ({
    normalize,
    color,
    extent: extentOf(matrix, normalize),
    palette: paletteOf('blue-orange', dark),
    page: dark ? 'rgb(38, 41, 46)' : 'rgb(255, 255, 255)',
    text: dark ? '#e8eaed' : '#202124',
  });

  test.each(NORMALIZATIONS)('has every cell that is not zero with its value, %s', (normalize) => {
    for (let round = 0; round < 10; round++) {
      const counts = randomCounts(draw, whole(draw, 1, 9));
      const { names, size } = named(counts.length);
      const matrix = matrixFrom(counts);
      const { data, title } = JSON.parse(textOf(vegaLiteOf(matrix, { names, size }, SOURCE, look(matrix, normalize))));
      const expected = counts.flatMap((line, row) =>
        line.flatMap((count, col) => {
          const value = valueIn(counts, normalize, row, col);
          const part = row === col ? 'correct' : 'wrong';
          const label = shortValue(value, normalize);
          return count > 0 ? [{ true: names[row], predicted: names[col], count, value, part, label }] : [];
        }),
      );
      expect(data.values.map(({ ink: _, ...one }: { ink: string }) => one)).toEqual(expected);
      expect(title.text).toBe('val/"matrix", run\\1, step 12');
    }
  });

  const counts = [
    [5, 0, 1],
    [2, 0, 0],
    [0, 0, 7],
  ];
  const spec = (size = 3, normalize = NORMALIZATIONS[0]) => {
    const matrix = size === 3 ? matrixFrom(counts) : matrixFromCells(size, [[0, 1, 1]]);
    return JSON.parse(textOf(vegaLiteOf(matrix, { size, names: size === 3 ? PETS : null }, SOURCE, look(matrix, normalize))));
  };

  test('rows are the true classes, columns the predicted; all of them, in their order, also those without a cell', () => {
    const { encoding } = spec();
    expect(encoding.x).toMatchObject({ field: 'predicted', type: 'nominal', scale: { domain: PETS } });
    expect(encoding.y).toMatchObject({ field: 'true', type: 'nominal', scale: { domain: PETS } });
  });

  test('each layer has fields that there are; correct and wrong cells have colors of their own', () => {
    for (const normalize of NORMALIZATIONS) {
      const { $schema, title, layer, data, encoding: shared, resolve } = spec(3, normalize);
      expect($schema).toMatch(/^https:\/\/vega\.github\.io\/schema\/vega-lite\/v\d\.json$/);
      const fields = Object.keys(data.values[0]);
      const [correct, wrong] = layer;
      expect(layer).toHaveLength(3);
      for (const { field } of shared.tooltip) expect(fields).toContain(field);
      for (const { encoding, mark } of layer) {
        expect(['rect', 'text']).toContain(mark.type);
        for (const { field } of Object.values<{ field?: string }>(encoding)) if (field) expect(fields).toContain(field);
      }
      expect([correct, wrong].map(({ transform }) => transform)).toEqual([
        [{ filter: "datum.part === 'correct'" }],
        [{ filter: "datum.part === 'wrong'" }],
      ]);
      expect(correct.encoding.color.scale.range).not.toEqual(wrong.encoding.color.scale.range);
      expect(resolve).toEqual({ scale: { color: 'independent' } });
      expect([correct, wrong].map(({ encoding }) => encoding.color.title)).toEqual(['Correct', 'Wrong']);
      expect(title.subtitle).toBe(TITLES[normalize]);
    }
  });

  const channels = (color: string) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  /** Relative luminance (WCAG 2.2). */
  const luminance = (rgb: readonly number[]) => {
    const linear = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [red, green, blue] = rgb.map((channel) => linear(channel / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };

  test.each([false, true])('cells have the colors that are shown, and numbers that can be read on them, dark: %s', (dark) => {
    for (const color of ['linear', 'log'] as const) {
      for (const name of ['blue-orange', 'green-red', 'cividis', 'viridis'] as const) {
        const matrix = matrixFrom(randomCounts(draw, 12, 0.7));
        const palette = paletteOf(name, dark);
        const shown = { ...look(matrix, 'true', dark, color), palette };
        const { layer, data, background } = JSON.parse(textOf(vegaLiteOf(matrix, named(12), SOURCE, shown)));
        expect(background).toBe(shown.page);
        const scale = scaleOf(shown.extent, color);
        for (const { value, part, ink } of data.values as { value: number; part: 'correct' | 'wrong'; ink: string }[]) {
          const { domain, range, type, constant } = layer[part === 'correct' ? 0 : 1].encoding.color.scale;
          expect([domain.length, type]).toEqual([range.length, color === 'log' ? 'symlog' : undefined]);
          // As d3-scale has it: between the stops on both sides, each at its height.
          const height = (of: number) => (color === 'log' ? Math.log1p(of / constant) : of);
          const above = Math.max(
            1,
            domain.findIndex((stop: number) => stop >= value),
          );
          const t = (height(value) - height(domain[above - 1])) / (height(domain[above]) - height(domain[above - 1]));
          const to = channels(range[above]);
          const fill = channels(range[above - 1]).map((from, c) => from + (to[c] - from) * t);
          const exact = palette[part][scale[part](value)];
          for (const [c, channel] of fill.entries()) expect(Math.abs(channel - ((exact >> (8 * c)) & 255))).toBeLessThan(6);
          const [low, high] = [luminance(fill), luminance(channels(ink))].sort((a, b) => a - b);
          expect((high + 0.05) / (low + 0.05)).toBeGreaterThan(4.4);
        }
      }
    }
  });

  test('what is summed up as one has a color of its own', () => {
    const matrix = { ...matrixFrom(counts), rest: 2 };
    const { layer, data } = JSON.parse(textOf(vegaLiteOf(matrix, { size: 3, names: PETS }, SOURCE, look(matrix, 'counts'))));
    expect(data.values.map(({ part }: { part: string }) => part)).toEqual(['correct', 'wrong', 'wrong', 'rest']);
    expect(layer[2].transform).toEqual([{ filter: "datum.part === 'rest'" }]);
    expect(layer[2].encoding.color.value).toMatch(/^#[0-9a-f]{6}$/);
  });

  test('of many classes has small cells without numbers', () => {
    const sizes = [30, 31, 50, 51];
    expect(sizes.map((size) => spec(size).layer.length)).toEqual([3, 2, 2, 2]);
    expect(sizes.map((size) => spec(size).width.step)).toEqual([24, 24, 24, 4]);
    expect(sizes.map((size) => spec(size).height.step)).toEqual([24, 24, 24, 4]);
  });
});
