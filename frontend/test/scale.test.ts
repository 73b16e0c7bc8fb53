import { describe, expect, test } from 'vitest';
import { extentOf } from '../src/matrix';
import { type ColorScale, middleOf, scaleOf, sharedExtent } from '../src/scale';
import { matrixFrom, NORMALIZATIONS, randomCounts, seeded, whole } from './samples';

const RANGES: readonly [least: number, most: number][] = [
  [1, 1],
  [1, 2],
  [1, 100_000],
  [3, 2 ** 53 - 1],
  [1e-9, 1],
  [0.25, 0.25],
  [1e-300, 1_234_567.875],
  [5e-324, 2 ** 53 - 1],
];
const SCALES: readonly ColorScale[] = ['linear', 'log'];
const CASES = SCALES.flatMap((color) => RANGES.map(([least, most]) => ({ color, least, most })));

describe.each(CASES)('$color from $least to $most', ({ color, least, most }) => {
  const other = { least: 7, most: 8 };
  const { correct } = scaleOf({ correct: { least, most }, wrong: other }, color);
  const steps = Array.from({ length: 501 }, (_, i) => i / 500);
  const values = [...steps.map((t) => least + (most - least) * t), ...steps.map((t) => least * (most / least) ** t)]
    .filter((value) => value >= least && value <= most)
    .sort((a, b) => a - b);

  test('places are whole numbers from 1 to 255 that never fall', () => {
    let before = 1;
    for (const value of values) {
      const place = correct(value);
      expect(Number.isInteger(place)).toBe(true);
      expect(place).toBeGreaterThanOrEqual(before);
      before = place;
    }
    expect(before).toBeLessThanOrEqual(255);
  });

  test('the largest value has the last place, and so has what lies above', () => {
    expect(correct(most)).toBe(255);
    expect(correct(most * 3)).toBe(255);
  });

  test('the middle of the legend is half way up', () => {
    const middle = middleOf({ least, most }, color);
    expect(middle).toBeGreaterThan(0);
    // A middle below the least value there is has no place to look up; it is where the ramp would have it all the same.
    if (middle >= least) expect(Math.abs(correct(middle) - 127.5)).toBeLessThanOrEqual(0.5);
    expect(middle).toBeLessThan(most);
  });

  test('correct and wrong cells have scales of their own', () => {
    const swapped = scaleOf({ correct: other, wrong: { least, most } }, color);
    for (const value of values) expect(swapped.wrong(value)).toBe(correct(value));
    expect(swapped.correct(8)).toBe(255);
  });
});

test('linear places are in proportion', () => {
  const { wrong } = scaleOf({ correct: { least: 0, most: 0 }, wrong: { least: 1, most: 255 } }, 'linear');
  for (let value = 1; value <= 255; value++) expect(wrong(value)).toBe(value);
  expect([0.1, 1.4, 1.6, 254.4, 254.6].map(wrong)).toEqual([1, 1, 2, 254, 255]);
});

test('logarithmic places tell small values apart that linear ones do not', () => {
  const extent = { correct: { least: 1, most: 1e6 }, wrong: { least: 1, most: 1e6 } };
  const places = (color: ColorScale) => [1, 10, 100, 1000].map((value) => scaleOf(extent, color).wrong(value));
  expect(places('linear')).toEqual([1, 1, 1, 1]);
  const [one, ten, hundred, thousand] = places('log');
  expect(Math.min(ten - one, hundred - ten, thousand - hundred)).toBeGreaterThan(25);
});

test('where there is nothing, a place is still a place', () => {
  for (const color of SCALES) {
    const { correct, wrong } = scaleOf({ correct: { least: 0, most: 0 }, wrong: { least: 0, most: 0 } }, color);
    for (const place of [correct(0), wrong(0), correct(1)]) {
      expect(Number.isInteger(place) && place >= 1 && place <= 255).toBe(true);
    }
  }
});

describe('one extent for several matrices', () => {
  const draw = seeded(21);
  const matrices = Array.from({ length: 12 }, () => matrixFrom(randomCounts(draw, whole(draw, 1, 9), 0.3)));

  test('reaches from the smallest to the largest of each', () => {
    for (const normalize of NORMALIZATIONS) {
      const shared = sharedExtent(matrices, normalize);
      for (const part of ['correct', 'wrong'] as const) {
        const ranges = matrices.map((matrix) => extentOf(matrix, normalize)[part]);
        expect(shared[part].most).toBe(Math.max(...ranges.map(({ most }) => most)));
        expect(shared[part].least).toBe(Math.min(...ranges.map(({ least }) => least).filter((least) => least > 0)));
      }
    }
  });

  test('passes over a matrix without such cells', () => {
    const right = matrixFrom([[5]]);
    const wrong = matrixFrom([
      [0, 3],
      [0, 0],
    ]);
    expect(sharedExtent([right, wrong], 'counts')).toEqual({ correct: { least: 5, most: 5 }, wrong: { least: 3, most: 3 } });
    expect(sharedExtent([matrixFrom([[0]])], 'true')).toEqual({ correct: { least: 0, most: 0 }, wrong: { least: 0, most: 0 } });
    expect(sharedExtent([], 'counts')).toEqual({ correct: { least: 0, most: 0 }, wrong: { least: 0, most: 0 } });
  });
});
