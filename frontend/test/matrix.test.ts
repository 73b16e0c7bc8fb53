import { expect, test } from 'vitest';
import { countAt, denominator, extentOf, firstCellFrom, type Matrix } from '../src/matrix';
import { matrixFrom, NORMALIZATIONS, randomCounts, seeded, valueIn, whole } from './samples';

const draw = seeded(11);
const MATRICES = Array.from({ length: 40 }, (_, i) => {
  const counts = randomCounts(draw, i < 5 ? i + 1 : whole(draw, 2, 25), [0, 0.05, 0.4, 1][i % 4]);
  return { counts, matrix: matrixFrom(counts), classes: counts.map((_, index) => index) };
});

test('rows are the true classes, columns the predicted', () => {
  const matrix = matrixFrom([
    [1, 2, 0],
    [0, 0, 0],
    [4, 0, 8],
  ]);
  expect(countAt(matrix, 0, 1)).toBe(2);
  expect(countAt(matrix, 1, 0)).toBe(0);
  expect(countAt(matrix, 2, 0)).toBe(4);
  expect([...matrix.support]).toEqual([3, 0, 12]);
  expect([...matrix.predicted]).toEqual([5, 2, 8]);
  expect(matrix.total).toBe(15);
});

test('every count', () => {
  for (const { counts, matrix, classes } of MATRICES) {
    expect(classes.map((row) => classes.map((col) => countAt(matrix, row, col)))).toEqual(counts);
  }
});

test('marginals and total', () => {
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
  for (const { counts, matrix, classes } of MATRICES) {
    expect([...matrix.support]).toEqual(counts.map(sum));
    expect([...matrix.predicted]).toEqual(classes.map((col) => sum(counts.map((line) => line[col]))));
    expect(matrix.total).toBe(sum(counts.flat()));
    expect(matrix.numClasses).toBe(counts.length);
  }
});

test('marginals do not change the diagonal', () => {
  const matrix = matrixFrom([
    [1, 2],
    [3, 4],
  ]);
  expect([...matrix.diagonal]).toEqual([1, 4]);
});

test('the first cell of a row from any column', () => {
  for (const { counts, matrix, classes } of MATRICES) {
    for (const row of classes) {
      const own = classes.filter((col) => col !== row && counts[row][col] > 0);
      for (const from of [...classes, counts.length]) {
        const before = own.filter((col) => col < from).length;
        expect(firstCellFrom(matrix, row, from)).toBe(matrix.rowStart[row] + before);
      }
    }
  }
});

test('what a count is divided by gives the share by its definition', () => {
  for (const { counts, matrix, classes } of MATRICES) {
    for (const normalize of NORMALIZATIONS) {
      for (const row of classes) {
        for (const col of classes) {
          expect(counts[row][col] / denominator(matrix, normalize, row, col)).toBe(valueIn(counts, normalize, row, col));
        }
      }
    }
  }
});

test('the extent of correct and of wrong cells', () => {
  for (const { counts, matrix, classes } of MATRICES) {
    for (const normalize of NORMALIZATIONS) {
      const range = (correct: boolean) => {
        const cells = classes
          .flatMap((row) => classes.map((col) => [row, col]))
          .filter(([row, col]) => (row === col) === correct);
        const values = cells.map(([row, col]) => valueIn(counts, normalize, row, col)).filter((value) => value > 0);
        return values.length === 0 ? { least: 0, most: 0 } : { least: Math.min(...values), most: Math.max(...values) };
      };
      expect(extentOf(matrix, normalize)).toEqual({ correct: range(true), wrong: range(false) });
    }
  }
});

test('what is summed up as one is no part of the extent', () => {
  let narrower = 0;
  for (const { counts, matrix, classes } of MATRICES.filter((_, i) => i % 3 === 2)) {
    for (const rest of [0, counts.length - 1]) {
      for (const normalize of NORMALIZATIONS) {
        const others = classes.filter((index) => index !== rest);
        const range = (correct: boolean) => {
          const cells = others
            .flatMap((row) => others.map((col) => [row, col]))
            .filter(([row, col]) => (row === col) === correct);
          const values = cells.map(([row, col]) => valueIn(counts, normalize, row, col)).filter((value) => value > 0);
          return values.length === 0 ? { least: 0, most: 0 } : { least: Math.min(...values), most: Math.max(...values) };
        };
        const found = extentOf({ ...matrix, rest }, normalize);
        expect(found).toEqual({ correct: range(true), wrong: range(false) });
        if (found.wrong.most < extentOf(matrix, normalize).wrong.most) narrower++;
      }
    }
  }
  expect(narrower).toBeGreaterThan(10);
});

test('the samples hold what these tests are about', () => {
  const some = (holds: (matrix: Matrix) => boolean) => MATRICES.filter(({ matrix }) => holds(matrix)).length;
  expect(some(({ support }) => support.includes(0))).toBeGreaterThan(5);
  expect(some(({ predicted }) => predicted.includes(0))).toBeGreaterThan(5);
  expect(some(({ total }) => total === 0)).toBeGreaterThan(0);
  expect(some(({ cols }) => cols.length > 100)).toBeGreaterThan(5);
});
