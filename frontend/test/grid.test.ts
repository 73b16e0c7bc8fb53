import { describe, expect, test } from 'vitest';
import { type Camera, cellSize, constrained, FIT, largestZoom, visibleClasses } from '../src/camera';
import { drawGround, eachVisible, fillBox, gridOf } from '../src/grid';
import { paletteOf } from '../src/palette';
import { drawCells } from '../src/raster';
import { matrixFrom, pixelDifference, randomCounts, seeded, whole } from './samples';

const draw = seeded(111);
const palette = { ...paletteOf('blue-orange', false), hatch: 0xff0000ff };

function anyCamera(side: number, n: number): Camera {
  const k = 1 + draw() ** 2 * (largestZoom(side, n) - 1);
  return constrained({ x: -draw() * side * k, y: -draw() * side * k, k }, side, n);
}

function ground(side: number, camera: Camera, seen: readonly boolean[]): Uint32Array {
  const pixels = new Uint32Array(side * side).fill(7);
  drawGround(pixels, side, gridOf(side, camera, seen.length), palette, (row) => !seen[row]);
  return pixels;
}

test('of any two classes the pixels of the one end before those of the other begin, whatever the zoom', () => {
  for (let round = 0; round < 200; round++) {
    const [n, side] = [[1, 3, 40, 400][round % 4], whole(draw, 20, 200)];
    const camera = anyCamera(side, n);
    const size = cellSize(camera, side, n);
    const grid = gridOf(side, camera, n);
    expect(grid.size).toBe(size);
    expect(grid.across).toEqual(visibleClasses(camera.x, size, side, n));
    expect(grid.down).toEqual(visibleClasses(camera.y, size, side, n));
    const line = size < 5 ? 0 : size < 80 ? 1 : 2;
    for (const [{ first, last }, start, end, offset] of [
      [grid.across, grid.left, grid.right, camera.x],
      [grid.down, grid.top, grid.bottom, camera.y],
    ] as const) {
      const wrong: number[] = [];
      for (let index = first; index <= last; index++) {
        // Smaller than a pixel, a class has one that it may share.
        const isApart = size < 1 ? end(index) === start(index) + 1 : index === last || start(index + 1) - end(index) === line;
        const isWhereItLies = start(index) === Math.round(offset + index * size);
        if (!isApart || !isWhereItLies) wrong.push(index);
      }
      expect(wrong).toEqual([]);
    }
  }
});

describe('the ground', () => {
  test('is that of the heatmap: empty cells, lines from 5 pixels on, and hatched rows of classes that were never seen', () => {
    for (let round = 0; round < 150; round++) {
      const [n, side] = [whole(draw, 1, 12), whole(draw, 12, 70)];
      const camera = round % 5 === 0 ? FIT : anyCamera(side, n);
      const seen = Array.from({ length: n }, () => draw() < 0.7);
      const matrix = matrixFrom(seen.map((is, row) => seen.map((_, col) => (is && row === col ? 1 : 0))));
      const heatmap = new Uint32Array(side * side);
      const one = () => 1;
      const scale = { correct: one, wrong: one };
      drawCells(heatmap, side, camera, { matrix, normalize: 'counts', scale, palette, hideDiagonal: true });
      expect(pixelDifference(ground(side, camera, seen), heatmap, side)).toBeNull();
    }
  });

  describe('of several classes a pixel', () => {
    const hatched = (seen: boolean[]) => {
      const pixels = ground(10, FIT, seen);
      return [...Array(10).keys()].filter((y) => pixels.subarray(10 * y, 10 * y + 10).includes(palette.hatch));
    };

    test('is hatched where none of them was seen', () => {
      expect(hatched(Array(40).fill(true))).toEqual([]);
      expect(hatched(Array(40).fill(false))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(hatched(Array.from({ length: 40 }, (_, row) => row < 10 || row > 25))).toEqual([3, 4, 5, 6]);
    });

    test('is hatched only there', () => {
      expect(hatched(Array.from({ length: 40 }, (_, row) => row % 4 !== 1))).toEqual([]);
    });
  });
});

test('a box is filled up to its edges and to those of the picture', () => {
  for (let round = 0; round < 200; round++) {
    const side = whole(draw, 1, 12);
    const [x0, y0, x1, y1] = Array.from({ length: 4 }, () => whole(draw, -5, 17));
    const pixels = new Uint32Array(side * side);
    fillBox(pixels, side, x0, y0, x1, y1, 9);
    const expected = pixels.map((_, at) => {
      const [x, y] = [at % side, Math.floor(at / side)];
      return x0 <= x && x < x1 && y0 <= y && y < y1 ? 9 : 0;
    });
    expect(pixelDifference(pixels, expected, side)).toBeNull();
  }
});

test('every visible cell that is not zero is visited once, and no other', () => {
  for (let round = 0; round < 100; round++) {
    const counts = randomCounts(draw, whole(draw, 1, 30), [0.05, 0.5][round % 2]);
    const side = whole(draw, 20, 120);
    const grid = gridOf(side, anyCamera(side, counts.length), counts.length);
    const found: string[] = [];
    eachVisible(matrixFrom(counts), grid, (row, column, count) => found.push(`${row} ${column} ${count}`));
    const expected: string[] = [];
    for (let row = grid.down.first; row <= grid.down.last; row++) {
      for (let column = grid.across.first; column <= grid.across.last; column++) {
        if (counts[row][column] > 0) expected.push(`${row} ${column} ${counts[row][column]}`);
      }
    }
    expect(found.sort()).toEqual(expected.sort());
  }
});
