import { describe, expect, test } from 'vitest';
import { type BarPicture, barNumbers, drawBars, glyphAt, runCss } from '../src/bars';
import { type Camera, cellSize, constrained, FIT, largestZoom } from '../src/camera';
import { compactCount, shortValue } from '../src/format';
import { drawGround, gridOf } from '../src/grid';
import type { Matrix, Normalize } from '../src/matrix';
import { inkOn, paletteOf, runColor, runRamp } from '../src/palette';
import { finished } from '../src/pieces';
import { scaleOf, sharedExtent } from '../src/scale';
import { matrixFrom, matrixFromCells, NORMALIZATIONS, pixelDifference, randomCounts, seeded, valueIn, whole } from './samples';

const palette = paletteOf('blue-orange', false);
const draw = seeded(121);

/** Colors that tell the run and the place. */
function rampOf(slot: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, place) => (0x80000000 | (slot << 8) | place) >>> 0);
}

function slotOf(color: number): number {
  return color >>> 24 === 0x80 ? (color >>> 8) & 255 : -1;
}

function pictureOf(matrices: readonly (Matrix | null)[], more: Partial<BarPicture> = {}): BarPicture {
  const there = matrices.flatMap((matrix) => matrix ?? []);
  const scale = scaleOf(sharedExtent(there, more.normalize ?? 'counts'), 'linear');
  return {
    runs: matrices.map((matrix, slot) => ({ matrix, ramp: rampOf(slot) })),
    numClasses: there[0].numClasses,
    normalize: 'counts',
    scaleOf: () => scale,
    palette,
    hideDiagonal: false,
    hideBelow: 0,
    ...more,
  };
}

function drawn(side: number, camera: Camera, picture: BarPicture): Uint32Array {
  const pixels = new Uint32Array(side * side);
  finished(drawBars(pixels, side, camera, picture));
  return pixels;
}

function anyCamera(side: number, n: number): Camera {
  const k = 1 + draw() * (largestZoom(side, n) - 1);
  return constrained({ x: -draw() * side * k, y: -draw() * side * k, k }, side, n);
}

/** The colors within a cell, line by line; null where a part of the cell is out of view. */
function cellIn(pixels: Uint32Array, side: number, camera: Camera, n: number, row: number, column: number): number[][] | null {
  const size = cellSize(camera, side, n);
  const [x0, x1] = [column, column + 1].map((index) => Math.round(camera.x + index * size));
  const [y0, y1] = [row, row + 1].map((index) => Math.round(camera.y + index * size));
  if (Math.min(x0, y0) < 0 || Math.max(x1, y1) > side) return null;
  return Array.from({ length: y1 - y0 }, (_, y) => [...pixels.subarray((y0 + y) * side + x0, (y0 + y) * side + x1)]);
}

describe('what is drawn in a cell', () => {
  test('has room for every run, at any size and place', () => {
    for (let round = 0; round < 2000; round++) {
      const runs = whole(draw, 1, 8);
      const size = 1 + draw() * 60;
      const offset = -draw() * 100;
      const index = Math.ceil(-offset / size);
      const { left, right } = gridOf(1000, { x: offset, y: 0, k: 1 }, 1000 / size);
      const room = right(index) - left(index);
      const glyph = glyphAt(size, runs);
      if (glyph === 'stripes') expect(room).toBeGreaterThanOrEqual(runs);
      if (glyph === 'bars') expect(room - 2).toBeGreaterThanOrEqual(runs);
      if (glyph === 'numbers') expect((room - 2) / runs).toBeGreaterThanOrEqual(10);
    }
  });

  test('tells more the larger a cell is, and less of more runs', () => {
    const order = ['pooled', 'stripes', 'bars', 'numbers'];
    const ranks = (runs: number) => Array.from({ length: 200 }, (_, i) => order.indexOf(glyphAt(i / 2, runs)));
    for (let runs = 1; runs <= 8; runs++) {
      const found = ranks(runs);
      expect(found).toEqual([...found].sort((a, b) => a - b));
      expect(new Set(found).size).toBe(4);
      if (runs > 1) for (const [i, rank] of found.entries()) expect(rank).toBeLessThanOrEqual(ranks(runs - 1)[i]);
    }
    expect([2, 3, 11, 12, 39, 40].map((size) => glyphAt(size, 2))).toEqual([
      'pooled',
      'stripes',
      'stripes',
      'bars',
      'bars',
      'numbers',
    ]);
  });
});

describe('never vanishing', () => {
  /** Draws random runs; the first cell in which not just the runs that are there are seen, in words. */
  function vanished(runs: number, cameraOf: (side: number, n: number) => Camera, glyphs = new Set<string>()): string | null {
    const n = whole(draw, 1, 7);
    const all = Array.from({ length: runs }, () => randomCounts(draw, n, 0.6));
    const side = whole(draw, 3 * n, 25 * n);
    const camera = cameraOf(side, n);
    const glyph = glyphAt(cellSize(camera, side, n), runs);
    glyphs.add(glyph);
    const pixels = drawn(side, camera, pictureOf(all.map(matrixFrom), { normalize: NORMALIZATIONS[whole(draw, 0, 3)] }));
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < n; column++) {
        const cell = cellIn(pixels, side, camera, n, row, column);
        if (!cell) continue;
        const found = [...new Set(cell.flat().map(slotOf))].filter((slot) => slot >= 0).sort();
        const there = [...all.keys()].filter((slot) => all[slot][row][column] > 0);
        // Pooled, none is seen of two that have as much.
        const isRight = glyph === 'pooled' ? found.length <= Math.min(1, there.length) : String(found) === String(there);
        if (!isRight) return `${glyph} of ${n} classes on ${side} pixels, cell (${row}, ${column}): ${found} instead of ${there}`;
      }
    }
    return null;
  }

  test.each([1, 2, 3, 5, 8])(
    'every cell of each of %i runs leaves a pixel of its color, where there is room for them',
    (runs) => {
      const glyphs = new Set<string>();
      for (let round = 0; round < 60; round++) expect(vanished(runs, () => FIT, glyphs)).toBeNull();
      for (const glyph of ['stripes', 'bars']) expect(glyphs).toContain(glyph);
    },
  );

  test('nor does any appear where none is, beside cells that are cut off', () => {
    for (let round = 0; round < 200; round++) expect(vanished(whole(draw, 1, 8), anyCamera)).toBeNull();
  });

  test.each([
    [300, 100],
    [1000, 90],
    [10_000, 50],
  ])('a lone confusion among %i classes is seen on %i pixels, wherever it is', (n, side) => {
    for (const [row, column] of [
      [0, n - 1],
      [n - 1, 0],
      [n - 1, n - 1],
      [whole(draw, 0, n - 1), whole(draw, 0, n - 1)],
      [n - 2, n - 3],
    ]) {
      const correct = matrixFromCells(n, [[0, 0, 1]]);
      const pixels = drawn(side, FIT, pictureOf([correct, matrixFromCells(n, [[row, column, 5]])]));
      const found = [...pixels.keys()].filter((at) => slotOf(pixels[at]) === 1);
      expect(found).toHaveLength(1);
      expect(Math.abs((found[0] % side) - (column / n) * side)).toBeLessThanOrEqual(1);
      expect(Math.abs(Math.floor(found[0] / side) - (row / n) * side)).toBeLessThanOrEqual(1);
    }
  });
});

describe('several cells a pixel', () => {
  test('what is out of view hides nothing', () => {
    const n = 100;
    // Of the first column less than half a pixel is in view, of the last one all.
    for (const x of [-0.6, -0.9, -7.6]) {
      const camera = { x, y: -3.2, k: 1.9 };
      const size = cellSize(camera, 50, n);
      const column = Math.floor((49.5 - x) / size);
      for (let row = 5; row < 20; row++) {
        const strong = Array.from({ length: n }, (_, at) => [at, Math.floor(-x / size), 100] as const).filter(
          ([a, b]) => a !== b,
        );
        const picture = pictureOf([matrixFromCells(n, strong), matrixFromCells(n, [[row, column, 1]])]);
        const pixels = drawn(50, camera, picture);
        const found = [...pixels.keys()].filter((at) => slotOf(pixels[at]) === 1);
        expect(found).toEqual([Math.round(camera.y + row * size) * 50 + Math.min(49, Math.round(x + column * size))]);
      }
    }
  });

  test('the run with the largest value is seen, in the shade of that value', () => {
    for (let round = 0; round < 16; round++) {
      const [n, side] = [whole(draw, 20, 36), whole(draw, 4, 10)];
      const all = Array.from({ length: 3 }, () => randomCounts(draw, n, 0.1));
      const picture = pictureOf(all.map(matrixFrom), { normalize: NORMALIZATIONS[round % 4] });
      const scale = picture.scaleOf(0);
      const best = new Uint32Array(side * side);
      const most = new Float64Array(side * side); // of those with the best place
      const pixels = drawn(side, FIT, picture);
      const size = side / n;
      const pixelOf = (index: number) => Math.min(side - 1, Math.round(index * size));
      const owners = Array.from(best, () => new Set<number>());
      for (const [slot, counts] of all.entries()) {
        for (const [row, line] of counts.entries()) {
          for (const [col, count] of line.entries()) {
            if (count === 0) continue;
            const value = valueIn(counts, picture.normalize, row, col);
            const place = row === col ? scale.correct(value) : scale.wrong(value);
            const at = pixelOf(row) * side + pixelOf(col);
            if (place < best[at] || (place === best[at] && value < most[at])) continue;
            if (place > best[at] || value > most[at]) owners[at].clear();
            owners[at].add(slot);
            best[at] = place;
            most[at] = value;
          }
        }
      }
      const alone = best.map((place, at) => (owners[at].size === 1 ? place : 0));
      const places = pixels.map((color) => (slotOf(color) < 0 ? 0 : color & 255));
      expect(pixelDifference(places, alone, side)).toBeNull();
      for (const [at, its] of owners.entries()) if (its.size > 1) expect(pixels[at]).toBe(palette.frame);
    }
  });

  test('the larger of two values of one shade is seen', () => {
    const [one, more] = [1000, 1001].map((count) => matrixFromCells(100, [[7, 90, count]]));
    for (const [first, second, slot] of [
      [one, more, 1],
      [more, one, 0],
    ] as const)
      expect(slotOf(drawn(10, FIT, pictureOf([first, second]))[10 + 9])).toBe(slot);
  });

  test('pictures that are drawn piece by piece in turns do not disturb each other', () => {
    const n = 1500;
    const cells = Array.from({ length: 4000 }, () => [whole(draw, 0, n - 1), whole(draw, 0, n - 1)] as const);
    const counted = new Map(cells.map(([row, column]) => [row * n + column, [row, column, whole(draw, 1, 90)] as const]));
    const sorted = [...counted.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const picture = pictureOf([matrixFromCells(n, sorted)]);
    const alone = drawn(150, FIT, picture);
    const [one, other] = [new Uint32Array(150 * 150), new Uint32Array(150 * 150)];
    const work = drawBars(one, 150, FIT, picture);
    for (let piece = 0; piece < 3; piece++) expect(work.next().done).toBe(false);
    finished(drawBars(other, 150, FIT, picture));
    finished(work);
    expect(one).toEqual(alone);
    expect(other).toEqual(alone);
  });

  test('of equal values none is seen to be more', () => {
    const one = matrixFromCells(100, [
      [7, 90, 5],
      [7, 91, 5],
    ]);
    for (const runs of [2, 3]) {
      const pixels = drawn(10, FIT, pictureOf([null, ...Array.from({ length: runs }, () => one)]));
      expect([...pixels].filter((color) => slotOf(color) >= 0)).toEqual([]);
      expect(pixels[10 + 9]).toBe(palette.frame);
    }
  });
});

describe('bars', () => {
  test('are as long as their values, begin at one line, and stand in the order of the runs', () => {
    let compared = 0;
    for (let round = 0; round < 30; round++) {
      const [n, runs] = [whole(draw, 1, 4), whole(draw, 1, 8)];
      const all = Array.from({ length: runs }, () => randomCounts(draw, n, 0.7));
      const normalize = NORMALIZATIONS[round % 4];
      const side = whole(draw, 16 * n, (round % 3 ? 40 : 90) * n);
      const picture = pictureOf(all.map(matrixFrom), { normalize });
      const pixels = drawn(side, FIT, picture);
      for (let row = 0; row < n; row++) {
        for (let column = 0; column < n; column++) {
          const cell = cellIn(pixels, side, FIT, n, row, column) as number[][];
          const line = side / n < 80 ? 1 : 2;
          const room = cell[0].length - line - 2;
          let below = 1;
          const heights: number[] = [];
          for (const [slot, counts] of all.entries()) {
            const at = cell.flatMap((colors, y) =>
              colors.flatMap((color, x) => (slotOf(color) === slot ? [{ x, y, color }] : [])),
            );
            if (counts[row][column] === 0) {
              expect(at).toEqual([]);
              continue;
            }
            const scale = picture.scaleOf(row);
            const value = valueIn(counts, normalize, row, column);
            const place = row === column ? scale.correct(value) : scale.wrong(value);
            const [xs, ys] = [at.map(({ x }) => x), at.map(({ y }) => y)];
            const [width, height] = [Math.max(...xs), Math.max(...ys) - Math.min(...ys) + 1];
            expect(Math.min(...xs)).toBe(1);
            expect(width).toBe(Math.max(1, Math.round((room * place) / 255)));
            expect(at).toHaveLength(width * height); // a rectangle, which nothing covers
            expect(new Set(at.map(({ color }) => color)).size).toBe(1);
            expect(Math.min(...ys)).toBeGreaterThanOrEqual(below);
            below = Math.max(...ys) + 1;
            heights.push(height);
            compared++;
          }
          expect(below).toBeLessThanOrEqual(cell.length - line);
          if (heights.length > 1) expect(Math.max(...heights) - Math.min(...heights)).toBeLessThanOrEqual(1);
        }
      }
    }
    expect(compared).toBeGreaterThan(300);
  });

  test('of a row may have a scale of their own', () => {
    const matrix = matrixFrom([
      [0, 100, 50],
      [1, 0, 0],
      [0, 4, 0],
    ]);
    const own = (row: number) =>
      scaleOf({ correct: { least: 0, most: 0 }, wrong: { least: 1, most: [100, 1, 4][row] } }, 'linear');
    const pixels = drawn(90, FIT, pictureOf([matrix], { scaleOf: own }));
    const lengths = [0, 1, 2].map((row) =>
      [0, 1, 2].map((column) => cellIn(pixels, 90, FIT, 3, row, column)?.[10].filter((color) => slotOf(color) === 0).length),
    );
    expect(lengths).toEqual([
      [0, 27, 14],
      [27, 0, 0],
      [0, 27, 0],
    ]);
  });
});

describe('stripes', () => {
  test('stand side by side in the order of the runs, in the shade of their values', () => {
    const counts = [9, 3, 0, 6].map((wrong) => [
      [0, wrong],
      [0, 0],
    ]);
    const pixels = drawn(18, FIT, pictureOf(counts.map(matrixFrom)));
    expect(glyphAt(9, 4)).toBe('stripes');
    const cell = cellIn(pixels, 18, FIT, 2, 0, 1) as number[][];
    const shades = cell[0].map((color) => (slotOf(color) < 0 ? null : [slotOf(color), color & 255]));
    expect(shades).toEqual([[0, 255], [0, 255], [1, 85], [1, 85], null, null, [3, 170], [3, 170], null]);
    for (const line of cell.slice(1, -1)) expect(line).toEqual(cell[0]);
  });
});

describe('whatever the size of the cells', () => {
  const sizes = [0.4, 2, 4, 10, 40];
  const counts = randomCounts(draw, 10, 0.9).map((line, row) => line.map((count, col) => count + (row === col ? 3 : 0)));

  test.each(sizes)('what is hidden is not drawn, cells of %d pixels', (size) => {
    const side = 10 * size;
    const slots = (more: Partial<BarPicture>) =>
      [...drawn(side, FIT, pictureOf([matrixFrom(counts)], more))].filter((color) => slotOf(color) === 0).length;
    const ground = new Uint32Array(side * side);
    drawGround(ground, side, gridOf(side, FIT, 10), palette, () => false);
    expect(slots({})).toBeGreaterThan(0);
    const nothing = drawn(side, FIT, pictureOf([matrixFrom(counts)], { hideDiagonal: true, hideBelow: 1e9 }));
    expect(pixelDifference(nothing, ground, side)).toBeNull();
    if (size < 1) return;
    // The diagonal is not small, whatever its counts.
    const diagonal = counts.map((line, row) => line.map((count, col) => (row === col ? count : 0)));
    expect(slots({ hideBelow: 1e9 })).toBe(
      [...drawn(side, FIT, pictureOf([matrixFrom(diagonal)], { scaleOf: pictureOf([matrixFrom(counts)]).scaleOf }))].filter(
        (color) => slotOf(color) === 0,
      ).length,
    );
    expect(slots({ hideBelow: 20 })).toBeLessThan(slots({}));
    expect(slots({ hideDiagonal: true })).toBeLessThan(slots({}));
  });

  test('a class that none of the runs has seen is hatched, and a run without a matrix leaves the others theirs', () => {
    const [one, other] = [matrixFromCells(2, [[0, 0, 1]]), matrixFromCells(2, [[1, 0, 2]])];
    const hatched = (...matrices: (Matrix | null)[]) => {
      const pixels = drawn(60, FIT, pictureOf(matrices));
      return [0, 30].map((top) => pixels.subarray(top * 60, (top + 29) * 60).includes(palette.hatch));
    };
    expect(hatched(one)).toEqual([false, true]);
    expect(hatched(one, other)).toEqual([false, false]);
    expect(hatched(one, null)).toEqual([false, true]);
  });

  // A cell that is cut off looks as if the picture went on.
  describe.each([4, 9, 20, 40])('%i pixels', (size) => {
    const within = (dx: number, dy: number) => {
      const all = [counts, randomCounts(draw, 10, 0.9)].map(matrixFrom);
      const picture = pictureOf(all);
      const [full, side] = [10 * size, 5 * size];
      const whole = drawn(full, FIT, picture);
      const part = drawn(side, { x: -dx, y: -dy, k: full / side }, picture);
      const expected = part.map((_, at) => whole[(Math.floor(at / side) + dy) * full + (at % side) + dx]);
      return pixelDifference(part, expected, side);
    };

    test('a part of the picture is that part of it, where cells are whole', () => {
      for (const [row, column] of [
        [0, 0],
        [2, 3],
        [5, 5],
      ])
        expect(within(column * size, row * size)).toBeNull();
    });

    test('and where they are cut off', () => {
      for (let round = 0; round < 10; round++) expect(within(whole(draw, 1, 5 * size), whole(draw, 1, 5 * size))).toBeNull();
    });
  });
});

describe('the numbers', () => {
  const narrow = (text: string) => 6 * text.length;

  test.each(NORMALIZATIONS)('are the values of every run beside its bar, where they fit, %s', (normalize: Normalize) => {
    let told = 0;
    for (let round = 0; round < 40; round++) {
      const [n, runs] = [whole(draw, 1, 6), whole(draw, 1, 4)];
      const all = Array.from({ length: runs }, () => randomCounts(draw, n, 0.6));
      const side = whole(draw, 100, 500);
      const camera = anyCamera(side, n);
      const size = cellSize(camera, side, n);
      const measure = (text: string) => (round % 3 ? 6 : 25) * text.length; // as wide as a cell, now and then
      const [hideDiagonal, hideBelow] = [round % 4 === 1, round % 4 === 2 ? 15 : 0];
      const picture = pictureOf([...all.map(matrixFrom), null], { normalize, hideDiagonal, hideBelow });
      const grid = gridOf(side, camera, n);
      const expected: { text: string; x: number; y: number; font: number; ink: string }[] = [];
      for (let row = grid.down.first; row <= grid.down.last; row++) {
        for (let column = grid.across.first; column <= grid.across.last; column++) {
          for (const [slot, counts] of all.entries()) {
            const count = counts[row][column];
            if (glyphAt(size, runs + 1) !== 'numbers' || count === 0) continue;
            if (row === column ? hideDiagonal : count < hideBelow) continue;
            const value = valueIn(counts, normalize, row, column);
            const text = normalize === 'counts' ? compactCount(count) : shortValue(value, normalize);
            const y = camera.y + row * size + 1 + ((slot + 0.5) * (size - 3)) / (runs + 1);
            const { correct, wrong } = picture.scaleOf(row);
            const bar = ((row === column ? correct(value) : wrong(value)) / 255) * (size - 3);
            // Beside the bar, or else on it; or either with a smaller font.
            const places = [10, 9, 8].flatMap((font) => {
              const width = (measure(text) * font) / 10;
              const beside = { font, x: size - 4 - width / 2, ink: '#123456', fits: bar + 2 + width + 4 <= size };
              const room = Math.min(bar, size - 4) - width - 2; // less than its margins at the worst
              const on = { font, x: 2 + Math.max(0, room - 2) + width / 2, ink: inkOn(rampOf(slot)[200]), fits: room >= 0 };
              return [beside, on];
            });
            const place = places.find(({ fits }) => fits);
            if (place) expected.push({ text, x: camera.x + column * size + place.x, y, font: place.font, ink: place.ink });
          }
        }
      }
      const found = barNumbers(side, camera, picture, '#123456', measure);
      expect(found.length).toBe(expected.length);
      for (const [i, one] of found.entries()) {
        const { x, ...rest } = expected[i];
        expect(one).toMatchObject(rest);
        expect(one.x).toBeCloseTo(x, 6);
      }
      told += found.length;
    }
    expect(told).toBeGreaterThan(100);
  });

  test('are in their cell, each in the height of its bar', () => {
    const counts = [
      [5, 60],
      [1, 70],
      [2, 99],
    ].map(([correct, wrong]) => [
      [correct, 0],
      [wrong, 0],
    ]);
    const picture = pictureOf(counts.map(matrixFrom));
    const pixels = drawn(120, FIT, picture);
    const numbers = barNumbers(120, FIT, picture, '', narrow);
    expect(numbers.map(({ text }) => text)).toEqual(['5', '1', '2', '60', '70', '99']);
    for (const [i, { text, x, y }] of numbers.entries()) {
      expect(x + narrow(text) / 2).toBeLessThan(60);
      expect(slotOf(pixels[Math.round(y) * 120 + 1])).toBe(i % 3);
    }
  });
});

test('the solid color of a run is that of its bars', () => {
  for (const dark of [false, true]) {
    for (let slot = 0; slot < 8; slot++) {
      const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(runColor(slot, dark).slice(at, at + 2), 16));
      expect(runCss(runRamp(slot, dark))).toBe(`rgb(${red} ${green} ${blue})`);
    }
  }
});
