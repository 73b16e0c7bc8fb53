import { describe, expect, test } from 'vitest';
import { type Camera, cellSize, constrained, FIT, largestZoom } from '../src/camera';
import { countAt, extentOf, type Matrix, type Normalize } from '../src/matrix';
import { type Palette, paletteOf } from '../src/palette';
import { drawCells, type Picture } from '../src/raster';
import { scaleOf } from '../src/scale';
import { matrixFrom, matrixFromCells, NORMALIZATIONS, randomCounts, seeded, valueIn, whole } from './samples';

const PALETTE = paletteOf('blue-orange', false);

/** The palette with colors that no two kinds of pixel share. */
function pictureOf(matrix: Matrix, normalize: Normalize = 'counts', palette: Palette = PALETTE): Picture {
  return {
    matrix,
    normalize,
    scale: scaleOf(extentOf(matrix, normalize), 'linear'),
    palette: { ...palette, hatch: 0xff0000ff, frame: 0xff00ff00 },
  };
}

/** Whether a cell is drawn as if it were empty. */
function isHidden(row: number, col: number, count: number, { hideDiagonal = false, hideBelow = 0 }: Picture): boolean {
  return row === col ? hideDiagonal : count < hideBelow;
}

function drawn(side: number, camera: Camera, picture: Picture): Uint32Array {
  const pixels = new Uint32Array(side * side);
  drawCells(pixels, side, camera, picture);
  return pixels;
}

/** Where one pixel lies along one axis: in which class, whether on the line after it, and where its class begins in view. */
function placeOf(pixel: number, offset: number, size: number, numClasses: number) {
  const line = size < 5 ? 0 : size < 80 ? 1 : 2;
  for (let index = 0; index < numClasses; index++) {
    const [start, end] = [Math.round(offset + index * size), Math.round(offset + (index + 1) * size)];
    if (start <= pixel && pixel < end) return { index, onLine: pixel >= end - line, start: Math.max(0, start) };
  }
  throw new Error(`pixel ${pixel} lies beside the matrix`);
}

/** The color of one pixel by the rules, when cells are at least a pixel large. */
function pixelOf(x: number, y: number, size: number, camera: Camera, counts: number[][], picture: Picture): number {
  const { normalize, palette, scale } = picture;
  const [row, col] = [placeOf(y, camera.y, size, counts.length), placeOf(x, camera.x, size, counts.length)];
  const share = (at: number, other: number) => valueIn(counts, normalize, at, other);
  const neverSeen = counts[row.index].every((count) => count === 0);
  const undefinedColumn = normalize !== 'true' && Number.isNaN(share(0, col.index));
  if (neverSeen && !row.onLine && (x + y) % 8 === 0) return palette.hatch;
  if (undefinedColumn && !col.onLine && y % 4 === 2 && x - col.start >= 2 && (x - col.start) % 4 === 2) return palette.hatch;
  if (row.onLine || col.onLine) return palette.grid;
  const count = counts[row.index][col.index];
  if (count === 0 || isHidden(row.index, col.index, count, picture)) return palette.zero;
  if (row.index === col.index && row.index === picture.matrix.rest) return palette.frame;
  const value = share(row.index, col.index);
  return row.index === col.index ? palette.correct[scale.correct(value)] : palette.wrong[scale.wrong(value)];
}

/** The color of one pixel by the rules, when several cells share it. */
function pooledPixel(x: number, y: number, size: number, camera: Camera, counts: number[][], picture: Picture): number {
  const { normalize, palette, scale } = picture;
  const classes = [...counts.keys()];
  const middleIn = (pixel: number, offset: number) => (index: number) => Math.floor(offset + (index + 0.5) * size) === pixel;
  const [rows, cols] = [classes.filter(middleIn(y, camera.y)), classes.filter(middleIn(x, camera.x))];
  if (rows.every((row) => counts[row].every((count) => count === 0)) && (x + y) % 8 === 0) return palette.hatch;
  const ofNothing = (col: number) => counts.every((row) => row[col] === 0) || counts.flat().every((count) => count === 0);
  const undefinedLine =
    (normalize === 'pred' && cols.every(ofNothing)) || (normalize === 'all' && counts.flat().every((c) => c === 0));
  if (undefinedLine && x % 4 === 0 && y % 4 === 2) return palette.hatch;
  const pool = (correct: boolean) => {
    const cells = rows.flatMap((row) => cols.map((col) => ({ row, col })));
    const values = cells
      .filter(({ row, col }) => (row === col) === correct && counts[row][col] > 0)
      .filter(({ row, col }) => !isHidden(row, col, counts[row][col], picture))
      .map(({ row, col }) => valueIn(counts, normalize, row, col));
    return Math.max(0, ...values);
  };
  const [correct, wrong] = [pool(true), pool(false)];
  const correctPlace = correct > 0 ? scale.correct(correct) : 0;
  const wrongPlace = wrong > 0 ? scale.wrong(wrong) : 0;
  if (wrongPlace > correctPlace) return palette.wrong[wrongPlace];
  return correctPlace > 0 ? palette.correct[correctPlace] : palette.zero;
}

type Oracle = (x: number, y: number, size: number, camera: Camera, counts: number[][], picture: Picture) => number;

/** The first pixel that is not as it should be, in words; null when all are. */
function difference(side: number, camera: Camera, counts: number[][], picture: Picture, oracle: Oracle): string | null {
  const pixels = drawn(side, camera, picture);
  const size = cellSize(camera, side, counts.length);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const expected = oracle(x, y, size, camera, counts, picture);
      const found = pixels[y * side + x];
      if (found !== expected) {
        const where = `pixel (${x}, ${y}) of ${side}, cells of ${size}, camera ${JSON.stringify(camera)}, ${picture.normalize}`;
        return `${where}: ${found.toString(16)} instead of ${expected.toString(16)}`;
      }
    }
  }
  return null;
}

describe('against the rules, pixel by pixel', () => {
  const draw = seeded(51);
  const anyCamera = (side: number, n: number, k: number) =>
    constrained({ x: -draw() * side * (k - 1), y: -draw() * side * (k - 1), k }, side, n);

  test.each(NORMALIZATIONS)('cells of a pixel or more, %s', (normalize) => {
    for (let round = 0; round < 60; round++) {
      const counts = randomCounts(draw, whole(draw, 1, 9), [0, 0.3, 0.7][round % 3]);
      const side = whole(draw, counts.length, 40);
      const camera =
        round % 4 === 0 ? FIT : anyCamera(side, counts.length, 1 + draw() * (largestZoom(side, counts.length) - 1) * draw());
      expect(difference(side, camera, counts, pictureOf(matrixFrom(counts), normalize), pixelOf)).toBeNull();
    }
  });

  test.each(NORMALIZATIONS)('several cells a pixel, %s', (normalize) => {
    for (let round = 0; round < 12; round++) {
      const counts = randomCounts(draw, whole(draw, 20, 40), [0.02, 0.3][round % 2]);
      const side = whole(draw, 5, 14);
      const camera = round % 4 === 0 ? FIT : anyCamera(side, counts.length, 1 + draw() * 0.4);
      expect(cellSize(camera, side, counts.length)).toBeLessThan(1);
      expect(difference(side, camera, counts, pictureOf(matrixFrom(counts), normalize), pooledPixel)).toBeNull();
    }
  });

  test('one picture after another on as many pixels', () => {
    for (let round = 0; round < 10; round++) {
      const counts = randomCounts(draw, 30, 0.05);
      const picture = pictureOf(matrixFrom(counts), NORMALIZATIONS[round % 4]);
      expect(difference(9, FIT, counts, picture, pooledPixel)).toBeNull();
    }
  });

  test.each([[{ hideDiagonal: true }], [{ hideBelow: 15 }], [{ hideDiagonal: true, hideBelow: 1000 }]])(
    'without what is hidden: %j',
    (hidden) => {
      for (let round = 0; round < 8; round++) {
        const normalize = NORMALIZATIONS[round % 4];
        const few = randomCounts(draw, 6);
        expect(
          difference(37, anyCamera(37, 6, 1.7), few, { ...pictureOf(matrixFrom(few), normalize), ...hidden }, pixelOf),
        ).toBeNull();
        const many = randomCounts(draw, 30, 0.3);
        const picture = { ...pictureOf(matrixFrom(many), normalize), ...hidden };
        expect(difference(11, anyCamera(11, 30, 1.2), many, picture, pooledPixel)).toBeNull();
      }
    },
  );

  test('with the rest summed up at the last place', () => {
    for (const normalize of NORMALIZATIONS) {
      const counts = randomCounts(draw, 5, 1);
      const picture = pictureOf({ ...matrixFrom(counts), rest: 4 }, normalize);
      expect(difference(40, FIT, counts, picture, pixelOf)).toBeNull();
    }
  });

  test('in the dark', () => {
    const counts = randomCounts(draw, 7);
    const picture = pictureOf(matrixFrom(counts), 'pred', paletteOf('green-red', true));
    expect(difference(40, anyCamera(40, 7, 2.3), counts, picture, pixelOf)).toBeNull();
  });
});

test('every pixel is written, at any zoom and place', () => {
  const draw = seeded(52);
  for (let round = 0; round < 300; round++) {
    const n = [1, 2, 7, 60, 500][round % 5];
    const side = whole(draw, 1, 130);
    const k = 1 + draw() ** 2 * (largestZoom(side, n) - 1);
    const camera = constrained({ x: -draw() * side * k, y: -draw() * side * k, k }, side, n);
    const matrix = matrixFromCells(n, [[n - 1, n - 1, 3], ...(n > 1 ? [[n - 1, 0, 1] as const] : [])]);
    const picture = pictureOf(matrix, NORMALIZATIONS[round % 4]);
    expect(drawn(side, camera, picture).indexOf(0)).toBe(-1);
  }
});

describe('rows are the true classes, columns the predicted', () => {
  // Each confusion has a color of its own; (1, 2) to (2, 0) are not there.
  const counts = [
    [3, 0, 5],
    [4, 3, 0],
    [0, 2, 3],
  ];
  const picture = pictureOf(matrixFrom(counts));
  const color = (row: number, col: number) => {
    const { palette, scale } = picture;
    if (counts[row][col] === 0) return palette.zero;
    return row === col ? palette.correct[scale.correct(3)] : palette.wrong[scale.wrong(counts[row][col])];
  };

  test('at rest', () => {
    const pixels = drawn(30, FIT, picture);
    for (const row of [0, 1, 2])
      for (const col of [0, 1, 2]) expect(pixels[(row * 10 + 5) * 30 + col * 10 + 5]).toBe(color(row, col));
    expect(pixels[5 * 30 + 25]).toBe(PALETTE.wrong[255]); // true 0, predicted 2, the only 5
    expect(pixels[25 * 30 + 5]).toBe(PALETTE.zero); // true 2, predicted 0
  });

  test('zoomed, panned and cut off at the edges', () => {
    const camera = { x: -27, y: -13, k: 2 }; // cells of 20 pixels; in view columns 1 (from -7) and 2, rows 0 (from -13), 1 and 2
    const pixels = drawn(30, camera, picture);
    for (const [x, y, row, col] of [
      [0, 0, 0, 1],
      [11, 0, 0, 1],
      [13, 0, 0, 2],
      [29, 5, 0, 2],
      [0, 7, 1, 1],
      [29, 25, 1, 2],
      [0, 29, 2, 1],
      [29, 29, 2, 2],
    ]) {
      expect([x, y, pixels[y * 30 + x]]).toEqual([x, y, color(row, col)]);
    }
    for (const at of [12, 30 * 6 + 3, 30 * 26 + 29, 30 * 29 + 12]) expect(pixels[at]).toBe(PALETTE.grid);
  });

  test('pooled', () => {
    const matrix = matrixFromCells(100, [
      [2, 2, 9],
      [5, 95, 7],
    ]);
    const pixels = drawn(10, FIT, pictureOf(matrix));
    expect(pixels[9]).toBe(PALETTE.wrong[255]);
    expect(pixels[90]).not.toBe(PALETTE.wrong[255]);
  });
});

describe('several cells a pixel', () => {
  /** 100 classes on 10 pixels; in the pixel (9, 0) two confusions of 4 and 6, and elsewhere one of 10 in a class of few samples. */
  const matrix = matrixFromCells(100, [
    [0, 0, 996],
    [0, 95, 4],
    [1, 1, 94],
    [1, 99, 6],
    [50, 20, 10],
  ]);
  const at = (normalize: Normalize, x: number, y: number) => drawn(10, FIT, pictureOf(matrix, normalize))[y * 10 + x];
  const place = (normalize: Normalize, value: number) => PALETTE.wrong[pictureOf(matrix, normalize).scale.wrong(value)];

  test('the largest is taken', () => {
    expect(at('counts', 9, 0)).toBe(place('counts', 6));
    expect(at('true', 9, 0)).toBe(place('true', 0.06));
    expect(at('pred', 9, 0)).toBe(place('pred', 1));
    expect(at('all', 9, 0)).toBe(place('all', 6 / 1110));
  });

  test('rows of classes that were never seen are hatched, and no others', () => {
    const pixels = drawn(10, FIT, pictureOf(matrix));
    const hatched = [...Array(10).keys()].filter((y) => pixels.subarray(y * 10, y * 10 + 10).includes(0xff0000ff));
    expect(hatched).toEqual([1, 2, 3, 4, 6, 7, 8, 9]);
  });

  test.each(NORMALIZATIONS)('one lone confusion of 10,000 classes is seen, %s', (normalize) => {
    const n = 10_000;
    const diagonal = Array.from({ length: n }, (_, row) => [row, row, 50] as const);
    const lone = [3000, 9999, 1] as const;
    const cells = [...diagonal, lone].sort(([a, b], [c, d]) => a - c || b - d);
    const pixels = drawn(700, FIT, pictureOf(matrixFromCells(n, cells), normalize));
    const wrong = new Set(PALETTE.wrong);
    const found = [...pixels.keys()].filter((pixel) => wrong.has(pixels[pixel]));
    expect(found).toEqual([210 * 700 + 699]);
    expect(pixels[found[0]]).toBe(PALETTE.wrong[255]);
  });

  test('a confusion that stands out more than the diagonal is seen in its pixel', () => {
    const beside = matrixFromCells(100, [
      [0, 0, 1],
      [0, 1, 9],
      [50, 50, 1000],
      [50, 90, 9],
    ]);
    const pixels = drawn(10, FIT, pictureOf(beside));
    expect(pixels[0]).toBe(PALETTE.wrong[255]);
    expect(pixels[55]).toBe(PALETTE.correct[255]);
  });
});

describe('what is not a count', () => {
  const counts = [
    [6, 0, 0, 2],
    [0, 0, 0, 0],
    [1, 0, 0, 3],
    [0, 0, 0, 8],
  ];
  const marked = (normalize: Normalize) => {
    const pixels = drawn(80, FIT, pictureOf(matrixFrom(counts), normalize));
    const share = (row: number, col: number) => {
      let marks = 0;
      for (let y = 20 * row; y < 20 * row + 19; y++) {
        for (let x = 20 * col; x < 20 * col + 19; x++) if (pixels[y * 80 + x] === 0xff0000ff) marks++;
      }
      return marks > 0;
    };
    return [0, 1, 2, 3].map((row) => [0, 1, 2, 3].map((col) => share(row, col)));
  };

  test('a class that was never seen is hatched along its whole row', () => {
    const hatched = [false, true, false, false].map((row) => Array(4).fill(row));
    expect(marked('counts')).toEqual(hatched);
    expect(marked('true')).toEqual(hatched);
    expect(marked('all')).toEqual(hatched);
  });

  test('shares of a class that was never predicted are dotted along its whole column', () => {
    expect(marked('pred')).toEqual([0, 1, 2, 3].map((row) => [0, 1, 2, 3].map((col) => row === 1 || col === 1 || col === 2)));
  });

  test('of nothing at all, every share of all is dotted', () => {
    const nothing = matrixFrom([
      [0, 0],
      [0, 0],
    ]);
    const dots = (normalize: Normalize) =>
      drawn(40, FIT, pictureOf(nothing, normalize)).filter((color) => color === 0xff0000ff).length;
    expect(dots('all')).toBeGreaterThan(dots('counts'));
    expect(countAt(nothing, 0, 0)).toBe(0);
  });
});

test('lines set cells apart from 5 pixels on, and grow with them', () => {
  const picture = pictureOf(matrixFrom(Array.from({ length: 4 }, (_, i) => Array.from({ length: 4 }, (_, j) => 1 + i + j))));
  const lines = (side: number) =>
    drawn(side, FIT, picture)
      .subarray(0, side)
      .filter((color) => color === PALETTE.grid).length;
  expect([19, 20, 316, 320].map(lines)).toEqual([0, 4, 4, 8]);
});
