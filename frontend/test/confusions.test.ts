import { describe, expect, test } from 'vitest';
import { everyConfusion, isMutual, rankedChanges, rankedConfusions } from '../src/confusions';
import { wilson } from '../src/metrics';
import { finished } from '../src/pieces';
import { changesBetween } from '../src/significance';
import { matrixFrom, matrixFromCells, NORMALIZATIONS, randomCounts, seeded, whole } from './samples';

const draw = seeded(151);

/** Small counts, of which many are the same. */
function tiedCounts(n: number): number[][] {
  return randomCounts(draw, n, 0.5).map((line, row) => line.map((count, col) => (row === col ? count : count % 5)));
}

describe('rankedConfusions', () => {
  test.each(['count', 'rate'] as const)('by %s, against a full sort, equal ones in the order of the matrix', (by) => {
    for (let round = 0; round < 150; round++) {
      const counts = round % 2 ? tiedCounts(whole(draw, 1, 14)) : randomCounts(draw, whole(draw, 1, 14));
      const rest = round % 3 === 0 ? counts.length - 1 : undefined;
      const support = counts.map((line) => line.reduce((sum, count) => sum + count, 0));
      const all = counts.flatMap((line, trueClass) =>
        line.flatMap((count, predictedClass) => {
          if (count === 0 || trueClass === predictedClass || trueClass === rest || predictedClass === rest) return [];
          const reverse = counts[predictedClass][trueClass];
          const value = by === 'count' ? count : wilson(count, support[trueClass])[0];
          return [{ value, of: { trueClass, predictedClass, count, share: count / support[trueClass], reverse } }];
        }),
      );
      const sorted = all.sort((a, b) => (Math.abs(a.value - b.value) < 1e-12 ? 0 : b.value - a.value));
      const most = [0, 1, 5, 1000][round % 4];
      const matrix = { ...matrixFrom(counts), ...(rest === undefined ? {} : { rest }) };
      expect(rankedConfusions(matrix, by, most)).toEqual(sorted.slice(0, most).map(({ of }) => of));
      const every = finished(everyConfusion(matrix, by));
      const ranked = Array.from({ length: every.size }, (_, rank) => every.at(rank));
      expect(ranked).toEqual(rankedConfusions(matrix, by, Number.POSITIVE_INFINITY));
      const among = new Set([...counts.keys()].filter(() => draw() < 0.3));
      const found = sorted.filter(({ of }) => among.has(of.trueClass) || among.has(of.predictedClass));
      expect(rankedConfusions(matrix, by, most, among)).toEqual(found.slice(0, most).map(({ of }) => of));
    }
  });

  test('a rate among few samples does not win by luck', () => {
    const matrix = matrixFrom([
      [0, 1, 0],
      [400, 600, 0],
      [0, 30, 70],
    ]);
    expect(rankedConfusions(matrix, 'rate', 3).map(({ trueClass }) => trueClass)).toEqual([1, 2, 0]);
    expect(rankedConfusions(matrix, 'count', 3).map(({ trueClass }) => trueClass)).toEqual([1, 2, 0]);
  });

  test('among many classes, with empty rows in between', () => {
    const n = 5000;
    const cells = Array.from({ length: 2000 }, (_, i) => [2 * i + 1, (i * 7) % n, 1 + ((i * 31) % 2003)] as const);
    const off = cells.filter(([row, col]) => row !== col);
    const sorted = [...off].sort((a, b) => b[2] - a[2]);
    for (const most of [1, 50, 1500, Number.POSITIVE_INFINITY]) {
      const found = rankedConfusions(matrixFromCells(n, cells), 'count', most);
      expect(found.map(({ trueClass, predictedClass, count }) => [trueClass, predictedClass, count])).toEqual(
        sorted.slice(0, most),
      );
    }
    // The rarest of all is found among its classes, however many are more frequent.
    const [row, col, count] = sorted[sorted.length - 1];
    const [{ trueClass, predictedClass, ...rarest }] = rankedConfusions(matrixFromCells(n, cells), 'count', 50, new Set([row]));
    expect([trueClass, predictedClass, rarest.count]).toEqual([row, col, count]);
  });
});

describe('rankedChanges', () => {
  test.each(NORMALIZATIONS)('those that are more than noise first, then by size, against a full sort, %s', (normalize) => {
    let significant = 0;
    for (let round = 0; round < 60; round++) {
      const n = whole(draw, 1, 9);
      const [before, after] = [tiedCounts(n), round % 2 ? tiedCounts(n) : randomCounts(draw, n)];
      const changes = changesBetween(matrixFrom(before), matrixFrom(after), normalize);
      for (const withDiagonal of [false, true]) {
        const sorted = [...changes.rows.keys()]
          .filter((i) => withDiagonal || changes.rows[i] !== changes.cols[i])
          .filter((i) => Math.abs(changes.difference[i]) > 0)
          .sort(
            (a, b) =>
              changes.significant[b] - changes.significant[a] ||
              Number(changes.rows[a] === changes.cols[a]) - Number(changes.rows[b] === changes.cols[b]) ||
              Math.abs(changes.difference[b]) - Math.abs(changes.difference[a]) ||
              a - b,
          );
        const most = [1, 4, 1000][round % 3];
        const expected = sorted.slice(0, most).map((i) => ({
          trueClass: changes.rows[i],
          predictedClass: changes.cols[i],
          before: before[changes.rows[i]][changes.cols[i]],
          after: after[changes.rows[i]][changes.cols[i]],
          difference: changes.difference[i],
          pValue: changes.pValue[i],
          significant: changes.significant[i] === 1,
        }));
        expect(rankedChanges(changes, most, withDiagonal)).toEqual(expected);
        const among = new Set([whole(draw, 0, n - 1)]);
        const ofOne = sorted.filter((i) => among.has(changes.rows[i]) || among.has(changes.cols[i])).slice(0, most);
        const found = rankedChanges(changes, most, withDiagonal, among);
        expect(found.map(({ trueClass, predictedClass }) => [trueClass, predictedClass])).toEqual(
          ofOne.map((i) => [changes.rows[i], changes.cols[i]]),
        );
        significant += expected.filter((one) => one.significant).length;
      }
    }
    expect(significant).toBeGreaterThan(50);
  });

  test('the diagonal is no confusion unless it is asked for', () => {
    const [before, after] = [
      [
        [5, 1],
        [0, 3],
      ],
      [
        [9, 1],
        [2, 3],
      ],
    ].map(matrixFrom);
    const changes = changesBetween(before, after, 'counts');
    const cells = (...more: [] | [boolean]) =>
      rankedChanges(changes, 9, ...more).map(({ trueClass, predictedClass }) => [trueClass, predictedClass]);
    expect(cells()).toEqual([[1, 0]]);
    expect(cells(true)).toEqual([
      [1, 0],
      [0, 0],
    ]);
  });
});

test('mutual are confusions of the same order in both directions', () => {
  for (let round = 0; round < 200; round++) {
    const [count, reverse] = [whole(draw, 0, 12), whole(draw, 0, 12)];
    const quotient = count / reverse;
    expect(isMutual(count, reverse)).toBe(count > 0 && reverse > 0 && quotient >= 0.5 && quotient <= 2);
    expect(isMutual(count, reverse, 5)).toBe(count > 0 && reverse > 0 && quotient >= 0.2 && quotient <= 5);
    expect(isMutual(reverse, count)).toBe(isMutual(count, reverse));
  }
});
