import { describe, expect, test } from 'vitest';
import { type Camera, cellSize, constrained, FIT, largestZoom } from '../src/camera';
import { type DifferencePicture, differenceNumbers, drawDifference, signed } from '../src/difference';
import { compactCount, shortValue } from '../src/format';
import { gridOf } from '../src/grid';
import { numberSize } from '../src/marks';
import type { Normalize } from '../src/matrix';
import { divergingRamps, inkOn, paletteOf } from '../src/palette';
import { finished } from '../src/pieces';
import { type Changes, changesBetween } from '../src/significance';
import { matrixFrom, matrixFromCells, NORMALIZATIONS, pixelDifference, randomCounts, seeded, valueIn, whole } from './samples';

const palette = { ...paletteOf('blue-orange', false), hatch: 0xff0000ff };
const draw = seeded(131);

/** Colors that tell the ramp and the place: 1 for more, 2 for less, 3 for what may be noise. */
const RAMPS = Object.fromEntries(
  ['more', 'less', 'noise'].map((name, at) => [
    name,
    Uint32Array.from({ length: 256 }, (_, place) => (0x80000000 | ((at + 1) << 8) | place) >>> 0),
  ]),
) as unknown as DifferencePicture['ramps'];

function kindOf(color: number): string {
  return color >>> 24 === 0x80 ? ['', 'more', 'less', 'noise'][(color >>> 8) & 255] : color === palette.hatch ? 'hatch' : '';
}

function pictureOf(changes: Changes, numClasses: number, more: Partial<DifferencePicture> = {}): DifferencePicture {
  return {
    numClasses,
    changes,
    most: changes.most,
    ramps: RAMPS,
    palette,
    normalize: 'counts',
    log: false,
    neverSeen: () => false,
    ...more,
  };
}

function drawn(side: number, camera: Camera, picture: DifferencePicture): Uint32Array {
  const pixels = new Uint32Array(side * side);
  finished(drawDifference(pixels, side, camera, picture));
  return pixels;
}

/** Two matrices that differ, in part by more than noise. */
function anyPair(n: number): [before: number[][], after: number[][]] {
  const before = randomCounts(draw, n, 0.6);
  const after = before.map((line) => line.map((count) => (draw() < 0.5 ? count : whole(draw, 0, 3) * whole(draw, 0, 40))));
  return [before, after];
}

function anyChanges(n: number, normalize: Normalize) {
  const [before, after] = anyPair(n);
  return { before, after, changes: changesBetween(matrixFrom(before), matrixFrom(after), normalize) };
}

function anyCamera(side: number, n: number): Camera {
  const k = 1 + draw() * (largestZoom(side, n) - 1);
  return constrained({ x: -draw() * side * k, y: -draw() * side * k, k }, side, n);
}

/** How a cell is told of, by the rules. */
function kindAt(i: number, { changes: { difference, significant } }: DifferencePicture): string {
  if (Number.isNaN(difference[i]) || difference[i] === 0) return '';
  if (!significant[i]) return 'noise';
  return difference[i] > 0 ? 'more' : 'less';
}

describe('drawDifference', () => {
  test.each([[{}], [{ log: true }]])('what is more than noise by its sign, what is not in grey: %j', (more) => {
    const kinds: Record<string, number> = {};
    for (let round = 0; round < 40; round++) {
      const normalize = NORMALIZATIONS[round % 4];
      const n = whole(draw, 1, 8);
      const { changes } = anyChanges(n, normalize);
      const picture = pictureOf(changes, n, { normalize, ...more });
      const side = whole(draw, 2 * n, 30 * n);
      const pixels = drawn(side, FIT, picture);
      const grid = gridOf(side, FIT, n);
      const expected = new Map<number, number>();
      for (const [i, row] of changes.rows.entries()) expected.set(row * n + changes.cols[i], i);
      for (let row = grid.down.first; row <= grid.down.last; row++) {
        for (let column = grid.across.first; column <= grid.across.last; column++) {
          const i = expected.get(row * n + column);
          const kind = i === undefined ? '' : kindAt(i, picture);
          const found = new Set<number>();
          for (let y = grid.top(row); y < grid.bottom(row); y++)
            for (let x = grid.left(column); x < grid.right(column); x++) found.add(pixels[y * side + x]);
          if (found.size === 0) continue;
          expect(found.size).toBe(1);
          const [color] = found;
          expect([row, column, kindOf(color)]).toEqual([row, column, kind]);
          kinds[kind] = (kinds[kind] ?? 0) + 1;
          if (i === undefined || kind === '') continue;
          // The larger the change, the farther up the ramp, up to the largest.
          const part = row === column ? 'correct' : 'wrong';
          const t = Math.min(1, Math.abs(changes.difference[i]) / picture.changes.most[part]);
          const place = picture.log ? (255 * Math.log(1 + 50 * t)) / Math.log(51) : 255 * t;
          expect(Math.abs((color & 255) - Math.max(1, place))).toBeLessThanOrEqual(0.5 + 1e-9);
        }
      }
    }
    for (const kind of ['', 'more', 'less', 'noise']) expect(kinds[kind]).toBeGreaterThan(20);
  });

  test('rows of classes that were never seen are hatched', () => {
    const changes = changesBetween(
      matrixFrom([
        [1, 0],
        [0, 0],
      ]),
      matrixFrom([
        [2, 0],
        [0, 0],
      ]),
      'counts',
    );
    const pixels = drawn(60, FIT, pictureOf(changes, 2, { neverSeen: (row) => row === 1 }));
    expect(pixels.subarray(0, 29 * 60)).not.toContain(palette.hatch);
    expect(pixels.subarray(30 * 60)).toContain(palette.hatch);
  });

  describe('a part of the picture is that part of it', () => {
    const { changes } = anyChanges(10, 'counts');
    const within = (size: number, dx: number, dy: number) => {
      const picture = pictureOf(changes, 10);
      const [full, side] = [10 * size, 5 * size];
      const all = drawn(full, FIT, picture);
      const part = drawn(side, { x: -dx, y: -dy, k: full / side }, picture);
      const expected = part.map((_, at) => all[(Math.floor(at / side) + dy) * full + (at % side) + dx]);
      return pixelDifference(part, expected, side);
    };

    test.each([2, 4, 8, 32])('cells of %i pixels', (size) => {
      for (let round = 0; round < 20; round++) {
        const [dx, dy] = [whole(draw, 0, 5 * size), whole(draw, 0, 5 * size)];
        const isOnLine = size >= 5 && [dx, dy].some((by) => by % size === size - 1);
        if (!isOnLine) expect(within(size, dx, dy)).toBeNull();
      }
    });

    test('where it begins with the line between two cells', () => {
      for (const [dx, dy] of [
        [8, 0],
        [0, 8],
        [17, 26],
      ])
        expect(within(9, dx, dy)).toBeNull();
    });
  });

  describe('several cells a pixel', () => {
    test.each([
      [200, 90],
      [300, 100],
      [10_000, 50],
    ])('a lone change among %i classes is seen on %i pixels, wherever it is', (n, side) => {
      for (const [row, column] of [
        [0, n - 1],
        [n - 1, 0],
        [n - 1, n - 1],
        [n - 2, n - 3],
        [whole(draw, 0, n - 1), whole(draw, 0, n - 1)],
      ]) {
        const changes = changesBetween(matrixFromCells(n, []), matrixFromCells(n, [[row, column, 5]]), 'counts');
        const pixels = drawn(side, FIT, pictureOf(changes, n));
        const found = [...pixels.keys()].filter((at) => kindOf(pixels[at]) !== '');
        expect(found).toHaveLength(1);
        expect(Math.abs((found[0] % side) - (column / n) * side)).toBeLessThanOrEqual(1);
        expect(Math.abs(Math.floor(found[0] / side) - (row / n) * side)).toBeLessThanOrEqual(1);
      }
    });

    test('what is more than noise wins over what is not, then the larger change', () => {
      const changes: Changes = {
        rows: Int32Array.of(0, 0, 0, 50, 50, 50),
        cols: Int32Array.of(48, 50, 52, 68, 70, 72),
        rowStart: Int32Array.from({ length: 101 }, (_, row) => (row > 50 ? 6 : row > 0 ? 3 : 0)),
        before: Float64Array.of(0, 0, 0, 0, 0, 0),
        after: Float64Array.of(50, 10, 30, 9, 3, 20),
        difference: Float64Array.of(50, -10, 30, 9, 3, 20),
        pValue: Float64Array.of(1, 0, 0, 1, 1, 1),
        significant: Uint8Array.of(0, 1, 1, 0, 0, 0),
        tested: 6,
        found: { correct: 0, wrong: 2 },
        most: { correct: 0, wrong: 30 },
      };
      const pixels = drawn(10, FIT, pictureOf(changes, 100));
      // The largest that is more than noise, on the pixels around it as well; 20 of its 30.
      const where = (color: number) => [...pixels.keys()].filter((at) => pixels[at] === color);
      expect(where(RAMPS.more[255])).toEqual([4, 5, 6, 14, 15, 16]);
      expect(where(RAMPS.noise[170])).toEqual([57]);
      expect(pixels.filter((color) => kindOf(color) !== '')).toHaveLength(7);
    });
  });

  test('in its own colors, more, less and noise look different', () => {
    for (const dark of [false, true]) {
      const changes = changesBetween(
        matrixFrom([
          [500, 10, 500],
          [0, 0, 0],
          [0, 0, 0],
        ]),
        matrixFrom([
          [500, 500, 10],
          [0, 0, 0],
          [0, 0, 0],
        ]),
        'counts',
      );
      const pixels = drawn(90, FIT, pictureOf(changes, 3, { ramps: divergingRamps(dark), palette: paletteOf('viridis', dark) }));
      expect(new Set([15, 45, 75].map((x) => pixels[15 * 90 + x])).size).toBe(3);
    }
  });
});

test.each([
  [12, 'counts', '+12'],
  [-12, 'counts', '−12'],
  [-12_345, 'counts', '−12.3K'],
  [0, 'counts', '0'],
  [0.123, 'true', '+12.3 points'],
  [-0.5, 'pred', '−50.0 points'],
  [-0.001, 'all', '−0.1 points'],
  [0, 'true', '0 points'],
  [Number.NaN, 'true', 'n/a'],
] as const)('a change by %d, %s, is told as %s', (change, normalize, text) => {
  expect(signed(change, normalize)).toBe(text);
});

describe('differenceNumbers', () => {
  const measure = (text: string) => 7 * text.length;

  test.each(NORMALIZATIONS)('are the changes of the visible cells, where they fit, %s', (normalize) => {
    let told = 0;
    for (let round = 0; round < 40; round++) {
      const n = whole(draw, 1, 8);
      const { before, after, changes } = anyChanges(n, normalize);
      const side = whole(draw, 20 * n, 60 * n);
      const camera = anyCamera(side, n);
      const size = cellSize(camera, side, n);
      const picture = pictureOf(changes, n, { normalize });
      const { across, down } = gridOf(side, camera, n);
      const real: object[] = [];
      const noise: object[] = [];
      let leftOut = 0;
      for (let row = down.first; row <= down.last; row++) {
        for (let column = across.first; column <= across.last; column++) {
          const i = changes.rows.findIndex((of, at) => of === row && changes.cols[at] === column);
          if (size < 26 || i < 0 || kindAt(i, picture) === '') continue;
          const change = valueIn(after, normalize, row, column) - valueIn(before, normalize, row, column);
          const size1 = Math.abs(change);
          const size2 = normalize === 'counts' ? compactCount(size1) : shortValue(size1, normalize).replace('%', '');
          const text = `${change > 0 ? '+' : '−'}${size2}`;
          const most = picture.changes.most[row === column ? 'correct' : 'wrong'];
          const kind = kindAt(i, picture) as keyof typeof RAMPS;
          const usual = numberSize(size);
          const font = Math.min(usual, Math.floor((usual * (size - 4)) / measure(text)));
          if (font < 8) {
            if (kind !== 'noise') leftOut++;
            continue;
          }
          const ink = inkOn(RAMPS[kind][Math.max(1, Math.min(255, Math.round((255 * size1) / most)))]);
          (kind === 'noise' ? noise : real).push({
            text,
            x: camera.x + (column + 0.5) * size,
            y: camera.y + (row + 0.5) * size,
            font,
            ink,
          });
        }
      }
      const found = differenceNumbers(side, camera, picture, measure);
      expect(found).toEqual(leftOut === 0 ? [...real, ...noise] : real);
      told += found.length;
    }
    expect(told).toBeGreaterThan(100);
  });
});
