import { expect, test } from 'vitest';
import { drawBars, longest } from '../src/bars';
import { constrained, FIT, largestZoom } from '../src/camera';
import { changedMost, drawDifference } from '../src/difference';
import { countAt, extentOf } from '../src/matrix';
import { divergingRamps, paletteOf } from '../src/palette';
import { cellShown } from '../src/pick';
import { finished } from '../src/pieces';
import { drawCells, standingOut } from '../src/raster';
import { scaleOf } from '../src/scale';
import { changesBetween } from '../src/significance';
import { matrixFromCells, seeded, whole } from './samples';

const draw = seeded(11);
const palette = paletteOf('blue-orange', false);

function sparse(n: number, cells: number) {
  const made = new Map<number, [number, number, number]>();
  for (let i = 0; i < cells; i++) {
    const [row, column] = [whole(draw, 0, n - 1), whole(draw, 0, n - 1)];
    made.set(row * n + column, [row, column, whole(draw, 1, 900)]);
  }
  return matrixFromCells(
    n,
    [...made.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]),
  );
}

test('of many cells a pixel, the one that is pointed at is the one whose color is seen', () => {
  let seen = 0;
  for (const normalize of ['counts', 'true', 'pred', 'all'] as const) {
    for (const zoomed of [false, true]) {
      const [n, side] = [whole(draw, 400, 900), whole(draw, 60, 120)];
      const matrix = sparse(n, 3 * n);
      const scale = scaleOf(extentOf(matrix, normalize), 'linear');
      const picture = { matrix, normalize, scale, palette };
      const camera = zoomed ? constrained({ x: -50.3, y: -70.8, k: Math.min(2.3, largestZoom(side, n)) }, side, n) : FIT;
      const pixels = new Uint32Array(side * side);
      drawCells(pixels, side, camera, picture);
      for (let round = 0; round < 400; round++) {
        const [x, y] = [whole(draw, 0, side - 1), whole(draw, 0, side - 1)];
        const color = pixels[y * side + x];
        if (!palette.correct.includes(color) && !palette.wrong.includes(color)) continue;
        const cell = cellShown(standingOut(picture), camera, side, n, x + draw(), y + draw());
        if (!cell) throw new Error(`a colored pixel at ${x}, ${y} of which nothing is told`);
        const { trueClass: row, predictedClass: column } = cell;
        const of = { counts: 1, true: matrix.support[row], pred: matrix.predicted[column], all: matrix.total }[normalize];
        const value = countAt(matrix, row, column) / of;
        expect(row === column ? palette.correct[scale.correct(value)] : palette.wrong[scale.wrong(value)]).toBe(color);
        seen++;
      }
    }
  }
  expect(seen).toBeGreaterThan(300);
});

test('a change that is more than noise is told wherever it is seen', () => {
  const [n, side] = [900, 90];
  const before = matrixFromCells(n, [
    [100, 100, 500],
    [100, 700, 20],
    [400, 30, 7],
    [400, 400, 9],
  ]);
  const after = matrixFromCells(n, [
    [100, 100, 200],
    [100, 700, 320],
    [400, 30, 8],
    [400, 400, 9],
  ]);
  const changes = changesBetween(before, after, 'counts');
  const ramps = divergingRamps(false);
  const picture = {
    numClasses: n,
    changes,
    most: changes.most,
    ramps,
    palette,
    normalize: 'counts' as const,
    log: false,
    neverSeen: () => false,
  };
  const pixels = new Uint32Array(side * side);
  finished(drawDifference(pixels, side, FIT, picture));
  const told = new Set<string>();
  for (let at = 0; at < pixels.length; at++) {
    if (![...ramps.more, ...ramps.less].includes(pixels[at])) continue;
    const cell = cellShown(changedMost(picture), FIT, side, n, (at % side) + 0.5, Math.floor(at / side) + 0.5);
    told.add(`${cell?.trueClass} ${cell?.predictedClass}`);
  }
  expect([...told].sort()).toEqual(['100 100', '100 700']);
  // Noise is told where nothing better is near.
  const noise = cellShown(changedMost(picture), FIT, side, n, 3.5, 40.5);
  expect(noise).toEqual({ trueClass: 400, predictedClass: 30 });
});

test('of several runs, the cell with the largest bar is told', () => {
  const [n, side] = [600, 60];
  const [one, two] = [matrixFromCells(n, [[12, 305, 4]]), matrixFromCells(n, [[17, 302, 9]])];
  const scale = scaleOf(extentOf(two, 'counts'), 'linear');
  const runs = [one, two].map((matrix) => ({ matrix, ramp: palette.wrong }));
  const shared = {
    numClasses: n,
    normalize: 'counts' as const,
    scaleOf: () => scale,
    palette,
    hideDiagonal: false,
    hideBelow: 0,
  };
  const pixels = new Uint32Array(side * side);
  finished(drawBars(pixels, side, FIT, { runs, ...shared }));
  expect(cellShown(longest({ runs, ...shared }), FIT, side, n, 30.5, 1.5)).toEqual({ trueClass: 17, predictedClass: 302 });
  expect(cellShown(longest({ runs: runs.slice(0, 1), ...shared }), FIT, side, n, 30.5, 1.5)).toEqual({
    trueClass: 12,
    predictedClass: 305,
  });
});

test('where cells are larger than pixels, outside and where nothing is, none is told', () => {
  const matrix = matrixFromCells(300, [[10, 20, 5]]);
  const picture = { matrix, normalize: 'counts' as const, scale: scaleOf(extentOf(matrix, 'counts'), 'log'), palette };
  const at = (side: number, x: number, y: number) => cellShown(standingOut(picture), FIT, side, 300, x, y);
  expect(at(100, 6.5, 3.5)).toEqual({ trueClass: 10, predictedClass: 20 });
  expect(at(100, 7.9, 2.1)).toEqual({ trueClass: 10, predictedClass: 20 }); // beside it
  expect(at(100, 60, 60)).toBeNull();
  expect(at(100, -1, 3)).toBeNull();
  expect(at(300, 20.5, 10.5)).toBeNull();
});
