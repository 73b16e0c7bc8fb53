import { describe, expect, test } from 'vitest';
import {
  type Camera,
  cellAt,
  cellSize,
  constrained,
  FIT,
  isSameCell,
  largestZoom,
  viewportSide,
  visibleClasses,
  withCellInView,
  zoomed,
} from '../src/camera';
import { seeded, whole } from './samples';

interface View {
  camera: Camera;
  side: number;
  n: number;
  size: number;
}

const draw = seeded(41);

function randomView(): View {
  const n = [1, 2, 3, 10, 97, 1000, 10_000][whole(draw, 0, 6)];
  const side = whole(draw, 1, 4) === 1 ? whole(draw, 20, 95) : whole(draw, 96, 1200);
  const k = 1 + (largestZoom(side, n) - 1) * draw() ** 3;
  const offset = () => side * (1 - k) * draw();
  const camera = constrained({ x: offset(), y: offset(), k }, side, n);
  return { camera, side, n, size: cellSize(camera, side, n) };
}

const VIEWS = Array.from({ length: 400 }, randomView);

/** Within `side`, not beyond the matrix, not zoomed too far. */
function expectLegal(camera: Camera, side: number, n: number): void {
  expect(camera.k).toBeGreaterThanOrEqual(1);
  expect(camera.k).toBeLessThanOrEqual(largestZoom(side, n));
  for (const offset of [camera.x, camera.y]) {
    expect(offset).toBeLessThanOrEqual(0);
    expect(offset + side * camera.k).toBeGreaterThanOrEqual(side - 1e-6);
  }
}

test('the viewport fills the space, except for a few classes', () => {
  expect(viewportSide(700.7, 10_000)).toBe(700);
  expect(viewportSide(700, 2)).toBe(440);
  expect(viewportSide(100, 2)).toBe(100);
  expect(viewportSide(-3, 2)).toBe(0);
});

test('all cells fit when nothing is zoomed', () => {
  expect(cellSize(FIT, 600, 12)).toBe(50);
  expect(cellSize({ ...FIT, k: 3 }, 600, 12)).toBe(150);
});

test('one can zoom until a cell is large, and never below all', () => {
  expect(cellSize({ ...FIT, k: largestZoom(500, 1000) }, 500, 1000)).toBeCloseTo(96);
  expect(largestZoom(240, 2)).toBe(1);
  expect(largestZoom(0, 2)).toBeGreaterThanOrEqual(1);
});

describe('constrained', () => {
  test('gives only cameras that are within bounds', () => {
    for (const { side, n } of VIEWS) {
      const far = () => (draw() - 0.5) * 10 * side;
      expectLegal(constrained({ x: far(), y: far(), k: 20 * draw() ** 3 }, side, n), side, n);
    }
  });

  test('changes none that is', () => {
    for (const { camera, side, n } of VIEWS) expect(constrained(camera, side, n)).toEqual(camera);
  });

  test('takes the nearest', () => {
    expect(constrained({ x: 5, y: -250, k: 2 }, 100, 1000)).toEqual({ x: 0, y: -100, k: 2 });
    expect(constrained({ x: -30, y: 7, k: 0.5 }, 100, 1000)).toEqual({ x: 0, y: 0, k: 1 });
  });
});

describe('zoomed', () => {
  test('stays within bounds and scales by the factor as far as it may', () => {
    for (const { camera, side, n } of VIEWS) {
      const factor = 4 ** (2 * draw() - 1);
      const next = zoomed(camera, factor, draw() * side, draw() * side, side, n);
      expectLegal(next, side, n);
      expect(next.k).toBeCloseTo(Math.min(largestZoom(side, n), Math.max(1, camera.k * factor)), 6);
    }
  });

  test('keeps the point where it is when it zooms in', () => {
    for (const { camera, side, n } of VIEWS) {
      const [x, y] = [draw() * side, draw() * side];
      const next = zoomed(camera, 1 + draw(), x, y, side, n);
      // The same place of the matrix, as a share of its side, is under the point.
      expect((x - next.x) / next.k).toBeCloseTo((x - camera.x) / camera.k, 6);
      expect((y - next.y) / next.k).toBeCloseTo((y - camera.y) / camera.k, 6);
    }
  });
});

describe('cellAt', () => {
  test('finds the cell in whose square a point lies', () => {
    for (const { camera, side, n, size } of VIEWS) {
      const [x, y] = [draw() * side, draw() * side];
      const cell = cellAt(camera, side, n, x, y);
      if (!cell) throw new Error('a point of the viewport lies in a cell');
      const [left, top] = [camera.x + cell.predictedClass * size, camera.y + cell.trueClass * size];
      for (const inside of [x - left, left + size - x, y - top, top + size - y]) expect(inside).toBeGreaterThanOrEqual(-1e-6);
    }
  });

  test('finds every visible cell from its middle: columns are predicted, rows true', () => {
    for (const { camera, side, n, size } of VIEWS) {
      const cell = { trueClass: whole(draw, 0, n - 1), predictedClass: whole(draw, 0, n - 1) };
      const [x, y] = [camera.x + (cell.predictedClass + 0.5) * size, camera.y + (cell.trueClass + 0.5) * size];
      const inside = x >= 0 && y >= 0 && x < side && y < side;
      expect(cellAt(camera, side, n, x, y)).toEqual(inside ? cell : null);
    }
    expect(cellAt(FIT, 300, 3, 250, 50)).toEqual({ trueClass: 0, predictedClass: 2 });
  });

  test('finds nothing outside', () => {
    for (const [x, y] of [
      [-1, 5],
      [5, -0.1],
      [300, 5],
      [5, 300],
    ]) {
      expect(cellAt(FIT, 300, 3, x, y)).toBeNull();
    }
    expect(cellAt(FIT, 300, 3, 299.9, 0)).toEqual({ trueClass: 0, predictedClass: 2 });
  });
});

test('the visible classes are those of which a part is within the viewport', () => {
  for (const { camera, side, n, size } of VIEWS) {
    const { first, last } = visibleClasses(camera.x, size, side, n);
    const shows = (index: number) => camera.x + (index + 1) * size > 1e-6 && camera.x + index * size < side - 1e-6;
    expect(first).toBeGreaterThanOrEqual(0);
    expect(last).toBeLessThan(n);
    expect(shows(first) && shows(last)).toBe(true);
    expect(first === 0 || !shows(first - 1)).toBe(true);
    expect(last === n - 1 || !shows(last + 1)).toBe(true);
  }
  expect(visibleClasses(-25, 10, 50, 100)).toEqual({ first: 2, last: 7 });
  expect(visibleClasses(0, 10, 50, 100)).toEqual({ first: 0, last: 4 });
  expect(visibleClasses(0, 10, 50, 3)).toEqual({ first: 0, last: 2 });
});

describe('withCellInView', () => {
  const seen = (offset: number, index: number, size: number, side: number) => ({
    before: Math.max(0, -(offset + index * size)),
    after: Math.max(0, offset + (index + 1) * size - side),
  });

  test('shows the whole cell, or as much of it as there is room for', () => {
    for (const { camera, side, n, size } of VIEWS) {
      const cell = { trueClass: whole(draw, 0, n - 1), predictedClass: whole(draw, 0, n - 1) };
      const next = withCellInView(camera, cell, side, n);
      expectLegal(next, side, n);
      expect(next.k).toBe(camera.k);
      for (const [offset, index] of [
        [next.x, cell.predictedClass],
        [next.y, cell.trueClass],
      ]) {
        const { before, after } = seen(offset, index, size, side);
        expect(before + after).toBeLessThanOrEqual(Math.max(0, size - side) + 1e-6);
      }
    }
  });

  test('does not move for a cell that is in view', () => {
    let inView = 0;
    for (const { camera, side, n, size } of VIEWS) {
      const cell = cellAt(camera, side, n, draw() * side, draw() * side);
      if (!cell) throw new Error('a point of the viewport lies in a cell');
      const hidden = [seen(camera.x, cell.predictedClass, size, side), seen(camera.y, cell.trueClass, size, side)];
      if (hidden.some(({ before, after }) => before + after > 0)) continue;
      inView++;
      expect(withCellInView(camera, cell, side, n)).toEqual(camera);
    }
    expect(inView).toBeGreaterThan(50);
  });

  test('moves no farther than needed', () => {
    const camera = { x: -500, y: -500, k: 10 }; // cells of 10 pixels, the 50th to the 59th in view
    const view = (trueClass: number, predictedClass: number) => withCellInView(camera, { trueClass, predictedClass }, 100, 100);
    expect(view(55, 52)).toEqual(camera);
    expect(view(50, 59)).toEqual(camera);
    expect(view(49, 60)).toEqual({ x: -510, y: -490, k: 10 });
    expect(view(1, 99)).toEqual({ x: -900, y: -10, k: 10 });
    expect(view(55, 20)).toEqual({ x: -200, y: -500, k: 10 });
  });

  test('fills the viewport with a cell that is larger', () => {
    const camera = { x: -150, y: 0, k: 9.6 }; // cells of 96 pixels in 20
    expect(withCellInView(camera, { trueClass: 1, predictedClass: 1 }, 20, 2)).toEqual({ x: -150, y: -96, k: 9.6 });
  });
});

test('a cell is not its mirror image', () => {
  const cell = { trueClass: 2, predictedClass: 5 };
  expect(isSameCell(cell, { ...cell })).toBe(true);
  for (const other of [
    { trueClass: 5, predictedClass: 2 },
    { ...cell, trueClass: 5 },
    { ...cell, predictedClass: 2 },
  ])
    expect(isSameCell(cell, other)).toBe(false);
});
