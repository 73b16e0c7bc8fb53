import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Normalize } from '../src/matrix';
import { adjustedPValues, benjaminiHochberg, changesBetween, erfc, twoProportions } from '../src/significance';
import { matrixFrom, NORMALIZATIONS, RECORDS, randomCounts, seeded, valueIn, whole } from './samples';

interface Oracles {
  erfc: [x: number, value: number][];
  proportions: [x1: number, n1: number, x2: number, n2: number, pValue: number][];
  false_discoveries: { p_values: number[]; adjusted: number[] }[];
}

const ORACLES: Oracles = JSON.parse(readFileSync(new URL('significance.json', RECORDS), 'utf8'));

/** How far a number is from the expected one, in parts of that one. */
function relativeError(found: number, expected: number): number {
  return found === expected ? 0 : Math.abs(found - expected) / Math.abs(expected);
}

function worst(errors: readonly number[]): number {
  return Math.max(...errors.map((error) => (Number.isNaN(error) ? Number.POSITIVE_INFINITY : error)));
}

test('erfc is that of SciPy to 12 digits', () => {
  expect(worst(ORACLES.erfc.map(([x, value]) => relativeError(erfc(x), value)))).toBeLessThan(1e-12);
  expect(erfc(30)).toBe(0);
  expect(erfc(Number.POSITIVE_INFINITY)).toBe(0);
});

describe('twoProportions', () => {
  test('is the p-value of SciPy, from either side', () => {
    expect(ORACLES.proportions.length).toBeGreaterThan(200);
    for (const [x1, n1, x2, n2, pValue] of ORACLES.proportions) {
      const table = `${x1} of ${n1}, ${x2} of ${n2}`;
      expect(relativeError(twoProportions(x1, n1, x2, n2), pValue), table).toBeLessThan(1e-9);
      expect(relativeError(twoProportions(x2, n2, x1, n1), pValue), table).toBeLessThan(1e-9);
      expect(relativeError(twoProportions(n1 - x1, n1, n2 - x2, n2), pValue), table).toBeLessThan(1e-9);
    }
  });

  test("the lady tasting tea (Fisher, 1935), and the z-test's own table", () => {
    expect(twoProportions(3, 4, 1, 4)).toBeCloseTo(34 / 70, 14);
    expect(twoProportions(4, 4, 0, 4)).toBeCloseTo(2 / 70, 14);
    // 2 (n over 4) / (2 n over 4), for n larger than SciPy is exact for, and a table too unlikely for a number.
    const share = [0, 1, 2, 3].reduce((product, i) => (product * (1e9 - i)) / (2e9 - i), 1);
    expect(relativeError(twoProportions(0, 1e9, 4, 1e9), 2 * share)).toBeLessThan(1e-13);
    expect(twoProportions(2000, 2000, 0, 1e9)).toBe(0);
    // 15 of 20 and 5 of 20: z is the root of 10.
    expect(twoProportions(15, 20, 5, 20)).toBeCloseTo(0.0015654022580025, 14);
  });

  test('weights are tested by their normal distribution, however few', () => {
    expect(twoProportions(0.5, 1, 0.25, 1)).toBeCloseTo(erfc(0.25 / Math.sqrt(0.375 * 0.625 * 2) / Math.SQRT2), 14);
    expect(twoProportions(0.1 + 0.2, 0.3, 0.7, 0.7)).toBe(1); // 0.30000000000000004 of 0.3
    expect(twoProportions(1e-300, 1, 1e-200, 1e-150)).toBeGreaterThan(0.99);
  });

  test('there is nothing to test where there are no samples', () => {
    for (const [n1, n2] of [
      [0, 0],
      [0, 5],
      [5, 0],
    ]) {
      expect(twoProportions(0, n1, 0, n2)).toBeNaN();
    }
  });

  test('is a probability, and falls as proportions part', () => {
    for (const [n1, n2] of [
      [3, 200_000],
      [12, 9],
      [1e6, 1e6],
      [2 ** 40, 2 ** 45],
    ]) {
      const start = 2;
      let last = 1;
      for (let x = Math.ceil((start * n2) / n1); x <= n2; x = Math.ceil(x * 1.3) + 1) {
        const pValue = twoProportions(start, n1, x, n2);
        expect(pValue).toBeGreaterThanOrEqual(0);
        expect(pValue).toBeLessThanOrEqual(last);
        last = pValue;
      }
    }
  });

  test('where there is no difference, few seem to be one', () => {
    const draw = seeded(91);
    for (const [n1, n2, share] of [
      [15, 25, 0.1],
      [200, 300, 0.3],
    ]) {
      const hits = (n: number) => Array.from({ length: n }, () => draw()).filter((u) => u < share).length;
      const pValues = Array.from({ length: 2000 }, () => twoProportions(hits(n1), n1, hits(n2), n2));
      expect(pValues.filter((p) => p <= 0.05).length / 2000).toBeLessThan(0.07);
      expect(pValues.filter((p) => p <= 0.5).length / 2000).toBeLessThan(0.57);
    }
  });
});

describe('benjaminiHochberg', () => {
  test("trusts what SciPy's adjusted p-values do, at any level", () => {
    expect(ORACLES.false_discoveries.length).toBeGreaterThan(5);
    for (const { p_values, adjusted } of ORACLES.false_discoveries) {
      for (const level of [0.01, 0.05, 0.3, 0.9]) {
        const trusted = benjaminiHochberg(Float64Array.from(p_values), level);
        expect([...trusted]).toEqual(adjusted.map((p) => (p <= level ? 1 : 0)));
      }
      for (const [i, p] of adjustedPValues(Float64Array.from(p_values)).entries()) expect(p).toBeCloseTo(adjusted[i], 12);
    }
  });

  test('a p-value is trusted when a larger one is', () => {
    // 0.04 is above its own limit of 0.05 / 3 times 1, and below it with both others.
    expect([...benjaminiHochberg(Float64Array.of(0.045, 0.04, 0.05))]).toEqual([1, 1, 1]);
    expect([...benjaminiHochberg(Float64Array.of(0.045, 0.04, 0.06))]).toEqual([0, 0, 0]);
  });

  test('what is NaN is neither trusted nor counted', () => {
    expect([...benjaminiHochberg(Float64Array.of(Number.NaN, 0.04, Number.NaN))]).toEqual([0, 1, 0]);
    expect([...benjaminiHochberg(Float64Array.of(0.9, 0.04, 0.9))]).toEqual([0, 0, 0]);
    expect([...benjaminiHochberg(new Float64Array(0))]).toEqual([]);
    expect([...benjaminiHochberg(Float64Array.of(Number.NaN))]).toEqual([0]);
    expect([...adjustedPValues(Float64Array.of(Number.NaN, 0.04, 0.5))]).toEqual([Number.NaN, 0.08, 0.5]);
  });
});

describe('changesBetween', () => {
  const draw = seeded(92);

  /** What it says of each cell, by the definitions, from the counts alone. */
  function expected(before: number[][], after: number[][], normalize: Normalize) {
    const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
    const of = (counts: number[][], row: number, col: number) => {
      if (normalize === 'pred') return sum(counts.map((line) => line[col]));
      return normalize === 'all' ? sum(counts.flat()) : sum(counts[row]);
    };
    return before.flatMap((line, row) =>
      line.flatMap((x1, col) => {
        const x2 = after[row][col];
        if (x1 === 0 && x2 === 0) return [];
        const difference = valueIn(after, normalize, row, col) - valueIn(before, normalize, row, col);
        const pValue = twoProportions(x1, of(before, row, col), x2, of(after, row, col));
        return [{ row, col, x1, x2, difference, pValue }];
      }),
    );
  }

  test.each(NORMALIZATIONS)('tells the cells of both matrices, with %s', (normalize) => {
    let [undefinedOnes, measured] = [0, 0];
    for (let round = 0; round < 60; round++) {
      const n = whole(draw, 1, 9);
      const before = randomCounts(draw, n);
      const after = round % 3 === 0 ? randomCounts(draw, n) : before.map((line) => line.map((x) => Math.ceil(x * draw() * 1.5)));
      const rest = round % 4 === 1 ? n - 1 : undefined;
      const hidden = { diagonal: round % 5 === 2, below: round % 5 === 3 ? 9 : 0 };
      const withRest = (counts: number[][]) => ({ ...matrixFrom(counts), ...(rest === undefined ? {} : { rest }) });
      const changes = changesBetween(withRest(before), withRest(after), normalize, hidden);
      // Within the rest, what was confused and what was not is one number.
      const cells = expected(before, after, normalize).filter(({ row, col, x1, x2 }) =>
        row === col ? !hidden.diagonal && row !== rest : Math.max(x1, x2) >= hidden.below,
      );
      expect([...changes.rows]).toEqual(cells.map(({ row }) => row));
      expect([...changes.cols]).toEqual(cells.map(({ col }) => col));
      expect([...changes.before]).toEqual(cells.map(({ x1 }) => x1));
      expect([...changes.after]).toEqual(cells.map(({ x2 }) => x2));
      expect([...changes.difference]).toEqual(cells.map(({ difference }) => difference));
      expect([...changes.pValue]).toEqual(cells.map(({ pValue }) => pValue));
      expect(changes.significant).toEqual(benjaminiHochberg(changes.pValue));
      const nothing = cells.filter(({ pValue }) => Number.isNaN(pValue)).length;
      expect(changes.tested).toBe(cells.length - nothing);
      expect([...changes.rowStart]).toEqual(
        Array.from({ length: n + 1 }, (_, row) => cells.filter((cell) => cell.row < row).length),
      );
      for (const part of ['correct', 'wrong'] as const) {
        const there = cells.map((cell, i) => ({ ...cell, certain: changes.significant[i] === 1 }));
        const mine = there.filter(({ row, col }) => (row === col) === (part === 'correct'));
        expect(changes.found[part]).toBe(mine.filter(({ certain }) => certain).length);
        // A place where classes are summed up is no measure.
        const changed = mine.filter(({ row, col, difference }) => row !== rest && col !== rest && Math.abs(difference) > 0);
        const largest = (some: typeof mine) => Math.max(0, ...some.map(({ difference }) => Math.abs(difference)));
        const certain = changed.filter((cell) => cell.certain);
        expect(changes.most[part]).toBe(largest(certain.length > 0 ? certain : changed));
        measured += certain.length > 0 ? 1 : 0;
      }
      undefinedOnes += nothing;
    }
    expect(undefinedOnes > 0).toBe(normalize !== 'all');
    expect(measured).toBeGreaterThan(20);
  });

  test('a change of one class is told from noise, by the level that is asked for', () => {
    const before = [
      [90, 10, 0],
      [30, 170, 0],
      [2, 3, 995],
    ];
    const after = [
      [89, 11, 0],
      [90, 110, 0],
      [1, 4, 995],
    ];
    const of = (level?: number) => {
      const { rows, cols, difference, significant } = changesBetween(
        matrixFrom(before),
        matrixFrom(after),
        'true',
        undefined,
        level,
      );
      return [...significant.keys()].filter((i) => significant[i]).map((i) => [rows[i], cols[i], difference[i]]);
    };
    expect(of()).toEqual([
      [1, 0, 90 / 200 - 30 / 200],
      [1, 1, 110 / 200 - 170 / 200],
    ]);
    expect(of(1e-12)).toEqual([]);
    expect(of(1)).toHaveLength(7);
  });

  test('a matrix has not changed from itself', () => {
    const matrix = matrixFrom(randomCounts(draw, 20));
    const { difference, pValue, significant, tested } = changesBetween(matrix, matrix, 'pred');
    expect(tested).toBeGreaterThan(20);
    expect([...difference].every((value) => value === 0) && [...pValue].every((value) => value === 1)).toBe(true);
    expect(significant).toEqual(new Uint8Array(tested));
  });

  test('nothing is found in nothing, and classes have to be the same', () => {
    const nothing = matrixFrom([]);
    expect(changesBetween(nothing, nothing, 'true').tested).toBe(0);
    expect(() => changesBetween(matrixFrom([[1]]), nothing, 'true')).toThrow(
      'expected two matrices of the same classes, got one of 1 and one of 0: align them first',
    );
  });
});
