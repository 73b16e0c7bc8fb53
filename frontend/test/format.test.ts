import { describe, expect, test } from 'vitest';
import {
  cellInWords,
  compactCount,
  exactCount,
  metricText,
  nameOf,
  percent,
  pointsText,
  shareOf,
  shortValue,
  signedMetric,
} from '../src/format';
import { matrixFrom, NORMALIZATIONS, PETS, randomCounts, seeded, valueIn } from './samples';

test.each([
  [0, '0'],
  [7, '7'],
  [999, '999'],
  [1000, '1,000'],
  [2 ** 53 - 1, '9,007,199,254,740,991'],
  [0.5, '0.5'],
  [1 / 3, '0.333333'],
  [347.568296, '347.568'], // no more than a sum of weights can bear
  [99_999, '99,999'],
  [123_456.789, '123,457'],
  [1_234_567.875, '1,234,568'],
  [1e-6, '0.000001'],
  [1.25e-7, '1.25e-7'], // a weight that is not nothing
  [1e-300, '1e-300'],
])('the exact count of %d is %s', (count, text) => {
  expect(exactCount(count)).toBe(text);
});

test.each([
  [0, '0'],
  [7, '7'],
  [999, '999'],
  [1000, '1K'],
  [1049, '1.05K'],
  [12_345, '12.3K'],
  [999_999, '1M'],
  [2_500_000, '2.5M'],
  [2 ** 53 - 1, '9010T'],
  [0.5, '0.5'],
  [1 / 3, '0.333'],
  [12.345, '12.3'],
  [1e-300, '1e-300'],
])('the compact count of %d is %s', (count, text) => {
  expect(compactCount(count)).toBe(text);
});

test.each([
  [Number.NaN, 'n/a'],
  [0, '0%'],
  [1, '100%'],
  [0.5, '50.0%'],
  [0.031, '3.1%'],
  [0.12345, '12.3%'],
  [0.9994, '99.9%'],
  [0.9996, '99.9%'], // not everything
  [1 - 1e-12, '99.9%'],
  [0.001, '0.1%'],
  [0.000999, '0.1%'],
  [0.00012345, '0.012%'],
  [1 / 3e6, '0.000033%'],
  [1e-9, '1e-7%'],
  [1e-300, '1e-298%'],
])('the share %d is %s', (share, text) => {
  expect(percent(share)).toBe(text);
});

test.each([
  [0.12345, 'f1_macro', '0.123'],
  [1, 'accuracy', '1.000'],
  [-0.5, 'cohen_kappa', '-0.500'],
  [Number.NaN, 'recall_macro', 'n/a'],
  [12_345, 'total', '12,345'],
  [0.25, 'total', '0.25'],
])('the metric %d, %s, is %s', (value, name, text) => {
  expect(metricText(value, name)).toBe(text);
});

test.each([
  [0.0625, 'f1_macro', '+0.063'],
  [-0.0625, 'f1_macro', '−0.063'],
  [0, 'f1_macro', '0'],
  [0.0004, 'f1_macro', '0'], // nothing that could be told
  [-0.0004, 'f1_macro', '0'],
  [1234, 'total', '+1,234'],
  [-1_000_000, 'total', '−1,000,000'],
  [0, 'total', '0'],
])('a change by %d, %s, is %s', (change, name, text) => {
  expect(signedMetric(change, name)).toBe(text);
});

test.each([
  [0.123, '+12.3 points'],
  [-0.123, '−12.3 points'],
  [0, '±0.0 points'],
  [0.0004, '±0.0 points'],
  [-0.0004, '±0.0 points'],
  [0.0006, '+0.1 points'],
  [-1, '−100.0 points'],
])('a change of a share by %d is %s', (change, text) => {
  expect(pointsText(change)).toBe(text);
});

test('only nothing is 0%, only everything is 100%', () => {
  const draw = seeded(71);
  for (let round = 0; round < 5000; round++) {
    const share = draw() ** [1, 4, 12][round % 3];
    for (const near of [share, 1 - share]) {
      if (near === 0 || near === 1) continue;
      for (const text of [percent(near), shortValue(near, 'true')]) {
        expect(Number.parseFloat(text)).toBeGreaterThan(0);
        expect(Number.parseFloat(text)).toBeLessThan(100);
        expect(Math.abs(Number.parseFloat(text) / 100 - near)).toBeLessThanOrEqual(0.005 + 1e-9);
      }
    }
  }
});

test.each([
  [0, '0%'],
  [1, '100%'],
  [0.004, '0.4%'],
  [0.005, '1%'],
  [0.123, '12%'],
  [0.994, '99%'],
  [0.996, '99.6%'],
  [0.99999, '99.9%'],
])('a share of %d in a cell is %s', (share, text) => {
  for (const normalize of ['true', 'pred', 'all'] as const) expect(shortValue(share, normalize)).toBe(text);
  expect(shortValue(4200, 'counts')).toBe('4.2K');
});

test('a class without a name is told by its number', () => {
  expect(nameOf(PETS, 1)).toBe('dog');
  expect(nameOf(null, 12)).toBe('12');
  expect(nameOf(PETS, 3)).toBe('3');
  expect(nameOf(['', ' '], 0)).toBe('(no name)');
  expect(nameOf(['', ' '], 1)).toBe('(no name)');
});

describe('shareOf', () => {
  test('is the share by its definition; counts are told beside their share of the true class', () => {
    const draw = seeded(72);
    for (let round = 0; round < 20; round++) {
      const counts = randomCounts(draw, 6);
      for (const normalize of NORMALIZATIONS) {
        for (const trueClass of counts.keys()) {
          for (const predictedClass of counts.keys()) {
            const expected = valueIn(counts, normalize === 'counts' ? 'true' : normalize, trueClass, predictedClass);
            expect(shareOf(matrixFrom(counts), { trueClass, predictedClass }, normalize)).toBe(expected);
          }
        }
      }
    }
  });
});

describe('cellInWords', () => {
  const matrix = matrixFrom([
    [38, 2, 0],
    [0, 6, 0],
    [0, 0, 0],
  ]);
  const words = (trueClass: number, predictedClass: number, normalize: Parameters<typeof cellInWords>[3]) => {
    const told = cellInWords(matrix, PETS, { trueClass, predictedClass }, normalize);
    const of = `${told.share} of ${told.of}${told.ofName && ` ${told.ofName}`}`;
    return `true ${told.trueName}, predicted ${told.predictedName}: ${told.count} (${of})`;
  };

  test.each([
    ['counts', 'true cat, predicted dog: 2 (5.0% of true cat)'],
    ['true', 'true cat, predicted dog: 2 (5.0% of true cat)'],
    ['pred', 'true cat, predicted dog: 2 (25.0% of predicted dog)'],
    ['all', 'true cat, predicted dog: 2 (4.3% of all)'],
  ] as const)('%s', (normalize, text) => {
    expect(words(0, 1, normalize)).toBe(text);
  });

  test('a share of nothing is n/a', () => {
    expect(words(2, 0, 'counts')).toBe('true ant, predicted cat: 0 (n/a of true ant)');
    expect(words(2, 0, 'true')).toBe('true ant, predicted cat: 0 (n/a of true ant)');
    expect(words(0, 2, 'pred')).toBe('true cat, predicted ant: 0 (n/a of predicted ant)');
    expect(words(0, 2, 'true')).toBe('true cat, predicted ant: 0 (0% of true cat)');
    const empty = cellInWords(matrixFrom([[0]]), null, { trueClass: 0, predictedClass: 0 }, 'all');
    expect(empty).toEqual({ trueName: '0', predictedName: '0', count: '0', share: 'n/a', of: 'all', ofName: '' });
  });

  test('names are passed on as they are', () => {
    const odd = ['<b>', '\ud83d', ''];
    const { trueName, predictedName } = cellInWords(matrix, odd, { trueClass: 0, predictedClass: 1 }, 'counts');
    expect([trueName, predictedName]).toEqual(['<b>', '\ud83d']);
  });
});
