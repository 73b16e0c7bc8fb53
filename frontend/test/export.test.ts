import { describe, expect, test } from 'vitest';
import { cellRows, cellsOf, classRows, csvOf, denseRows, jsonOf, vegaLiteOf } from '../src/export';
import { intervalOf, PER_CLASS, type ProportionName, perClass } from '../src/metrics';
import { matrixFrom, matrixFromCells, NORMALIZATIONS, PETS, randomCounts, seeded, valueIn, whole } from './samples';

const draw = seeded(171);
const HOSTILE = ['a,b', '"', 'say "hi"', 'two\nlines', 'two\r\nlines', ' ', '', '=1+1', 'ünï 🐈', ';', '\t', '\ud83d'];
const SOURCE = { tag: 'val/"matrix"', run: 'run\\1', step: 12 };

/** Rows of fields, as RFC 4180 has them. */
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
  return rows;
}

function named(n: number) {
  return { size: n, names: Array.from({ length: n }, (_, index) => `${HOSTILE[index % HOSTILE.length]}${index}`) };
}

describe('csvOf', () => {
  test('what is read is what was written, whatever the texts', () => {
    for (let round = 0; round < 100; round++) {
      const columns = whole(draw, 2, 5);
      const field = () => (draw() < 0.5 ? HOSTILE[whole(draw, 0, HOSTILE.length - 1)] : whole(draw, -5, 1e6) / 8);
      const rows = Array.from({ length: whole(draw, 0, 6) }, () => Array.from({ length: columns }, field));
      expect(parsedCsv(csvOf(rows))).toEqual(rows.map((row) => row.map(String)));
    }
  });

  test('a number is written so that it is the same when it is read', () => {
    const numbers = [0, -0.1, 1 / 3, 2 ** 53 - 1, 1e-300, 1e21];
    expect(parsedCsv(csvOf([numbers]))[0].map(Number)).toEqual(numbers);
  });

  test('what is undefined is empty', () => {
    expect(csvOf([['a', Number.NaN, 0], []])).toBe('a,,0\r\n\r\n');
    expect(csvOf([])).toBe('');
  });
});

describe('tables', () => {
  test('with a column for each class have every count in its place', () => {
    for (let round = 0; round < 30; round++) {
      const counts = randomCounts(draw, whole(draw, 1, 12));
      const list = named(counts.length);
      const [header, ...rows] = parsedCsv(csvOf(denseRows(matrixFrom(counts), list)));
      expect(header).toEqual(['true \\ predicted', ...list.names]);
      expect(rows.map(([name]) => name)).toEqual(list.names);
      expect(rows.map(([, ...line]) => line.map(Number))).toEqual(counts);
    }
  });

  test('of the cells have each that is not zero, row by row', () => {
    for (let round = 0; round < 60; round++) {
      const counts = randomCounts(draw, whole(draw, 1, 12), [0.1, 0.5, 1][round % 3]);
      const matrix = matrixFrom(counts);
      const cells = counts.flatMap((line, row) => line.map((count, column) => ({ row, column, count })));
      const there = cells.filter(({ count }) => count > 0);
      expect([...cellsOf(matrix)]).toEqual(there);

      const list = named(counts.length);
      const [header, ...rows] = parsedCsv(csvOf(cellRows(matrix, list)));
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
      const [header, ...rows] = parsedCsv(csvOf(classRows(matrix, list)));
      expect(new Set(header).size).toBe(header.length);
      for (const [index, row] of rows.entries()) {
        expect(row).toHaveLength(header.length);
        const at = (name: string) => {
          const field = row[header.indexOf(name)];
          return field === '' ? Number.NaN : Number(field);
        };
        expect(row[header.indexOf('class')]).toBe(list.names[index]);
        expect(at('support')).toBe(counts[index].reduce((sum, count) => sum + count, 0));
        for (const { name, proportion } of PER_CLASS) {
          expect(at(name)).toBe(perClass(matrix)[name][index]);
          if (!proportion) expect(header).not.toContain(`${name}_low`);
          else expect([at(`${name}_low`), at(`${name}_high`)]).toEqual(intervalOf(matrix, name as ProportionName, index));
        }
      }
      expect(rows).toHaveLength(counts.length);
    }
  });

  test('of classes without names have their numbers', () => {
    const matrix = matrixFrom([[1, 2], [0, 3]]); // biome-ignore format: one line
    const list = { size: 2, names: null };
    expect(denseRows(matrix, list)).toEqual([['true \\ predicted', '0', '1'], ['0', 1, 2], ['1', 0, 3]]); // biome-ignore format: one line
    expect(cellRows(matrix, list).map((row) => row.slice(0, 3))).toEqual([['true_class', 'predicted_class', 'count'], ['0', '0', 1], ['0', '1', 2], ['1', '1', 3]]); // biome-ignore format: one line
    expect(classRows(matrix, list).map(([name]) => name)).toEqual(['class', '0', '1']);
  });
});

test('JSON holds the whole matrix, its names and where it comes from', () => {
  for (let round = 0; round < 30; round++) {
    const counts = randomCounts(draw, whole(draw, 1, 12));
    const matrix = matrixFrom(counts);
    const list = round % 2 ? named(counts.length) : { size: counts.length, names: null };
    const read = JSON.parse(jsonOf(matrix, list, SOURCE));
    expect(read).toMatchObject({ ...SOURCE, rows_are: 'true classes', num_classes: counts.length, class_names: list.names });
    const cells = read.rows.map((row: number, i: number) => [row, read.cols[i], read.counts[i]] as const);
    expect(matrixFromCells(read.num_classes, cells)).toEqual(matrix);
    expect([read.cols.length, read.counts.length]).toEqual([cells.length, cells.length]);
  }
});

describe('vegaLiteOf', () => {
  test.each(NORMALIZATIONS)('has every cell that is not zero with its value, %s', (normalize) => {
    for (let round = 0; round < 10; round++) {
      const counts = randomCounts(draw, whole(draw, 1, 9));
      const { names, size } = named(counts.length);
      const { data, title } = JSON.parse(vegaLiteOf(matrixFrom(counts), { names, size }, SOURCE, normalize));
      const expected = counts.flatMap((line, row) =>
        line.flatMap((count, col) => {
          const value = valueIn(counts, normalize, row, col);
          return count > 0 ? [{ true: names[row], predicted: names[col], count, value, correct: row === col }] : [];
        }),
      );
      expect(data).toEqual({ values: expected });
      expect(title).toBe('val/"matrix", run\\1, step 12');
    }
  });

  const counts = [
    [5, 0, 1],
    [2, 0, 0],
    [0, 0, 7],
  ];
  const spec = (size = 3, normalize = NORMALIZATIONS[0]) => {
    const matrix = size === 3 ? matrixFrom(counts) : matrixFromCells(size, [[0, 1, 1]]);
    return JSON.parse(vegaLiteOf(matrix, { size, names: size === 3 ? PETS : null }, SOURCE, normalize));
  };

  test('rows are the true classes, columns the predicted; all of them, in their order, also those without a cell', () => {
    const { encoding } = spec();
    expect(encoding.x).toMatchObject({ field: 'predicted', type: 'nominal', sort: PETS, scale: { domain: PETS } });
    expect(encoding.y).toMatchObject({ field: 'true', type: 'nominal', sort: PETS, scale: { domain: PETS } });
  });

  test('each layer has fields that there are; correct and wrong cells have colors of their own', () => {
    for (const normalize of NORMALIZATIONS) {
      const { $schema, layer, data, resolve } = spec(3, normalize);
      expect($schema).toMatch(/^https:\/\/vega\.github\.io\/schema\/vega-lite\/v\d\.json$/);
      const fields = Object.keys(data.values[0]);
      const [correct, wrong, numbers] = layer;
      expect(layer).toHaveLength(3);
      for (const { encoding, mark } of layer) {
        expect(['rect', 'text']).toContain(mark.type);
        for (const { field } of Object.values<{ field?: string }>(encoding)) if (field) expect(fields).toContain(field);
      }
      expect([correct, wrong].map(({ transform }) => transform)).toEqual([
        [{ filter: 'datum.correct === true' }],
        [{ filter: 'datum.correct === false' }],
      ]);
      expect(correct.encoding.color.scale.scheme).not.toBe(wrong.encoding.color.scale.scheme);
      expect(resolve).toEqual({ scale: { color: 'independent' } });
      expect(numbers.encoding.text).toMatchObject({ field: 'value', format: normalize === 'counts' ? ',' : '.0%' });
      expect(correct.encoding.color.title).toMatch(normalize === 'counts' ? /^Count, / : /^Share of /);
    }
  });

  test('of many classes has small cells without numbers', () => {
    const sizes = [30, 31, 50, 51];
    expect(sizes.map((size) => spec(size).layer.length)).toEqual([3, 2, 2, 2]);
    expect(sizes.map((size) => spec(size).width.step)).toEqual([24, 24, 24, 4]);
    expect(sizes.map((size) => spec(size).height.step)).toEqual([24, 24, 24, 4]);
  });
});
