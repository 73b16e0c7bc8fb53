import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Matrix } from '../src/matrix';
import {
  type Interval,
  intervalOf,
  PER_CLASS,
  type PerClassName,
  perClass,
  type ShareName,
  WHOLE,
  type WholeName,
  wholeInPieces,
  wholeMetrics,
  wilson,
} from '../src/metrics';
import { finished } from '../src/pieces';
import { matrixFrom, matrixFromCells, RECORDS, randomCounts, seeded, whole } from './samples';

type Golden<T> = T | null;

/** A matrix and what metrics.py makes of it: what is undefined is null, and those of each class are told of some. */
interface Content {
  name: string;
  num_classes: number;
  cells: [trueClass: number, predictedClass: number, count: number][];
  metrics: Record<WholeName, Golden<number>>;
  intervals: Partial<Record<WholeName, Golden<number>[]>>;
  of_classes: number[];
  per_class: Record<PerClassName, Golden<number>[]> & Record<string, Golden<number>[][]>;
}

const LINES = readFileSync(new URL('metrics.jsonl', RECORDS), 'utf8').trimEnd().split('\n');
const FORMULAS: { metrics: Record<string, string>; per_class: Record<string, string> } = JSON.parse(LINES[0]);
const GOLDEN = LINES.slice(1).map((line): [name: string, content: Content] => [JSON.parse(line).name, JSON.parse(line)]);
const SHARES = PER_CLASS.flatMap(({ name, share }) => (share ? [name as ShareName] : []));
const intervalsOf = (matrix: Matrix) => finished(wholeInPieces(matrix)).intervals;
const SIGNED: WholeName[] = ['matthews_corrcoef', 'cohen_kappa'];
const ASYMMETRIC = [
  [50, 9, 1],
  [2, 30, 0],
  [4, 7, 5],
];

/** Up to rounding; undefined only where it is. */
function expectClose(found: Iterable<number>, expected: readonly Golden<number>[], what: string): void {
  const pairs = [...found].map((value, i) => ({ value, of: expected[i] ?? Number.NaN }));
  expect(pairs.length, what).toBe(expected.length);
  const wrong = pairs.filter(({ value, of }) =>
    Number.isNaN(of) ? !Number.isNaN(value) : !(Math.abs(value - of) <= 1e-9 * Math.abs(of) + 1e-15),
  );
  expect(wrong, what).toEqual([]);
}

function transposed(counts: readonly (readonly number[])[]): number[][] {
  return counts.map((_, row) => counts.map((line) => line[row]));
}

describe('what there is', () => {
  test('names, order and formulas are those of Python', () => {
    const formulas = (metrics: typeof WHOLE | typeof PER_CLASS) => metrics.map(({ name, formula }) => [name, formula]);
    expect(formulas(WHOLE)).toEqual(Object.entries(FORMULAS.metrics));
    expect(formulas(PER_CLASS)).toEqual(Object.entries(FORMULAS.per_class));
    for (const [, golden] of GOLDEN) {
      const intervals = SHARES.map((name) => `${name}_interval`);
      expect(Object.keys(golden.metrics)).toEqual(WHOLE.map(({ name }) => name));
      expect(Object.keys(golden.per_class).sort()).toEqual([...PER_CLASS.map(({ name }) => name), ...intervals].sort());
    }
  });

  test('labels tell metrics apart', () => {
    for (const metrics of [WHOLE, PER_CLASS]) {
      const labels = metrics.map(({ label }) => label);
      expect(new Set(labels).size).toBe(labels.length);
      expect(labels.filter((label) => !/^[A-Z][A-Za-z1' ]+$/.test(label))).toEqual([]);
    }
  });

  test('of all but the top confusion rate more is better', () => {
    expect(WHOLE.filter(({ higherIsBetter }) => !higherIsBetter).map(({ name }) => name)).toEqual(['top_confusion_rate']);
  });

  test('the golden matrices hold what these tests are about', () => {
    const undefinedIn = (pick: (content: Content) => unknown) =>
      GOLDEN.filter(([, content]) => JSON.stringify(pick(content)).includes('null')).length;
    expect(GOLDEN.length).toBeGreaterThan(20);
    for (const { name } of WHOLE.slice(1)) expect(undefinedIn(({ metrics }) => metrics[name])).toBeGreaterThan(0);
    for (const name of SHARES) expect(undefinedIn(({ per_class }) => per_class[name])).toBeGreaterThan(1);
    expect(GOLDEN.filter(([, content]) => content.num_classes === 1000).length).toBe(2);
  });
});

describe.each(GOLDEN)('as Python: %s', (_, golden) => {
  const matrix = matrixFromCells(golden.num_classes, golden.cells);

  test('metrics', () => {
    const found = wholeMetrics(matrix);
    expect(Object.keys(found)).toEqual(Object.keys(golden.metrics));
    for (const { name } of WHOLE) expectClose([found[name]], [golden.metrics[name]], name);
  });

  test('intervals', () => {
    const found = intervalsOf(matrix);
    expect(Object.keys(found).sort()).toEqual(Object.keys(golden.intervals).sort());
    expect(finished(wholeInPieces(matrix)).metrics).toEqual(wholeMetrics(matrix));
    for (const { name } of WHOLE) expectClose(found[name] ?? [], golden.intervals[name] ?? [], name);
  });

  test('of each class', () => {
    const found = perClass(matrix);
    expect(Object.keys(found)).toEqual(PER_CLASS.map(({ name }) => name));
    for (const { name } of PER_CLASS) {
      expect(found[name].length).toBe(golden.num_classes);
      expectClose(
        golden.of_classes.map((index) => found[name][index]),
        golden.per_class[name],
        name,
      );
    }
    for (const name of SHARES) {
      golden.of_classes.forEach((index, i) => {
        expectClose(intervalOf(matrix, name, index), golden.per_class[`${name}_interval`][i], `${name} of ${index}`);
      });
    }
  });
});

test('by hand', () => {
  const matrix = matrixFrom([
    [6, 2],
    [1, 1],
  ]);
  const found = perClass(matrix);
  expect([...found.precision]).toEqual([6 / 7, 1 / 3]);
  expect([...found.recall]).toEqual([6 / 8, 1 / 2]);
  expect([...found.specificity]).toEqual([1 / 2, 6 / 8]);
  expect([...found.f1]).toEqual([12 / 15, 2 / 5]);
  expect([...found.jaccard]).toEqual([6 / 9, 1 / 4]);
  const metrics = wholeMetrics(matrix);
  expect([metrics.accuracy, metrics.balanced_accuracy, metrics.top_confusion_rate, metrics.total]).toEqual([0.7, 0.625, 0.2, 10]);
  expect(metrics.matthews_corrcoef).toBeCloseTo((6 * 1 - 2 * 1) / Math.sqrt(7 * 3 * 8 * 2), 14);
  expect(metrics.cohen_kappa).toBeCloseTo((0.7 - 0.62) / (1 - 0.62), 14);
});

test('the axes are not swapped', () => {
  const [rows, columns] = [matrixFrom(ASYMMETRIC), matrixFrom(transposed(ASYMMETRIC))];
  const [one, two] = [perClass(rows), perClass(columns)];
  expect([...one.support]).toEqual([60, 32, 16]);
  expect(one.precision).toEqual(two.recall);
  expect(one.recall).toEqual(two.precision);
  expect(one.false_negatives).toEqual(two.false_positives);
  expect(intervalOf(rows, 'recall', 2)).toEqual(intervalOf(columns, 'precision', 2));
  const [first, second] = [intervalsOf(rows), intervalsOf(columns)];
  expectClose(first.recall_macro as Interval, second.precision_macro as Interval, 'recall');
  expectClose(first.f1_macro as Interval, second.f1_macro as Interval, 'f1');
  expect(first.recall_macro?.[0]).not.toBeCloseTo(second.recall_macro?.[0] as number, 3);
});

describe('properties', () => {
  const draw = seeded(31);
  const matrices = Array.from({ length: 60 }, (_, i) =>
    matrixFrom(randomCounts(draw, i < 6 ? i + 1 : whole(draw, 2, 20), [0, 0.1, 0.5, 1][i % 4])),
  );

  test('metrics lie where they can, inside their intervals', () => {
    let narrow = 0;
    for (const matrix of matrices) {
      const [found, intervals] = [wholeMetrics(matrix), intervalsOf(matrix)];
      for (const { name } of WHOLE.slice(1)) {
        const least = SIGNED.includes(name) ? -1 : 0;
        const [value, [low, high]] = [found[name], intervals[name] ?? [Number.NaN, Number.NaN]];
        expect(Number.isNaN(value) || (least <= value && value <= 1)).toBe(true);
        if (Number.isNaN(low)) expect(high).toBe(Number.NaN);
        else expect(least <= low && low <= value && value <= high && high <= 1 && low < high).toBe(true);
        if (high - low < 0.1) narrow++;
      }
    }
    expect(narrow).toBeGreaterThan(100);
  });

  test('intervals of classes hold their shares', () => {
    for (const matrix of matrices) {
      const found = perClass(matrix);
      for (const name of SHARES) {
        found[name].forEach((share, index) => {
          const [low, high] = intervalOf(matrix, name, index);
          if (Number.isNaN(share)) expect([low, high]).toEqual([Number.NaN, Number.NaN]);
          else expect(0 <= low && low <= share && share <= high && high <= 1 && low < high).toBe(true);
        });
      }
    }
  });

  test('a matrix is not changed', () => {
    const [matrix, before] = [matrixFrom(ASYMMETRIC), matrixFrom(ASYMMETRIC)];
    perClass(matrix).support.fill(0);
    intervalsOf(matrix);
    expect(matrix).toEqual(before);
  });
});

test('the Wilson interval', () => {
  expectClose(wilson(9, 10), [0.5958499732047615, 0.9821237869049271], 'as scipy.stats.binomtest');
  expectClose(wilson(0, 7), [0, 0.35433043506668743], 'none');
  expectClose(wilson(7, 7), [0.6456695649333126, 1], 'all');
  expect(wilson(0, 0)).toEqual([Number.NaN, Number.NaN]);
});
