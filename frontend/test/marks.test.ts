import { describe, expect, test } from 'vitest';
import { cellSize, constrained, FIT, largestZoom, visibleClasses } from '../src/camera';
import { shortValue } from '../src/format';
import { axisLabels, cellNumbers, cutInTheMiddle, cutTo, gradientOf, labelWidth, numberSize, strideOf } from '../src/marks';
import { extentOf, type Normalize } from '../src/matrix';
import { inkOn, paletteOf, toCss } from '../src/palette';
import type { Picture } from '../src/raster';
import { scaleOf } from '../src/scale';
import { matrixFrom, NORMALIZATIONS, PETS, randomCounts, seeded, valueIn, whole } from './samples';

const WIDTHS: Record<string, number> = { i: 3, W: 11, '…': 9 };
/** As a proportional font would: letters of different widths, an emoji twice as wide. */
const measure = (text: string) => [...text].reduce((sum, letter) => sum + (WIDTHS[letter] ?? (letter.length > 1 ? 14 : 7)), 0);

describe('axisLabels', () => {
  const draw = seeded(61);

  test('labels lie at the middles of visible classes, never closer than 15 pixels', () => {
    for (let round = 0; round < 300; round++) {
      const n = [1, 2, 10, 97, 1000, 10_000][round % 6];
      const side = whole(draw, 100, 900);
      const k = 1 + draw() ** 3 * (largestZoom(side, n) - 1);
      const camera = constrained({ x: -draw() * side * k, y: 0, k }, side, n);
      const size = cellSize(camera, side, n);
      const labels = axisLabels(null, n, camera.x, size, side, 100, measure);
      const { first, last } = visibleClasses(camera.x, size, side, n);
      for (const [i, { index, text, at }] of labels.entries()) {
        expect(at).toBeCloseTo(camera.x + (index + 0.5) * size, 9);
        expect(at >= 0 && at <= side && index >= first && index <= last).toBe(true);
        expect(text).toBe(String(index));
        if (i > 0) expect(at - labels[i - 1].at).toBeGreaterThanOrEqual(15 - 1e-6);
      }
      // And no sparser than the next stride: 1, 2, 5, 10.
      expect(labels.length).toBeGreaterThanOrEqual(Math.floor(Math.min(side / 15, last - first) / 2.5) - 1);
    }
  });

  test('every class where there is room, otherwise every 2nd, 5th, 10th, counted from the first class', () => {
    const indices = (offset: number, size: number) =>
      axisLabels(null, 1000, offset, size, 300, 100, measure).map(({ index }) => index);
    expect(indices(0, 30)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(indices(0, 15)).toHaveLength(20);
    expect(indices(0, 14).slice(0, 4)).toEqual([0, 2, 4, 6]);
    expect(indices(0, 3).slice(0, 4)).toEqual([0, 5, 10, 15]);
    expect(indices(-33, 3).slice(0, 3)).toEqual([15, 20, 25]);
    expect(indices(-30, 0.3).slice(0, 3)).toEqual([100, 150, 200]);
  });

  test('names are told, cut to the width there is', () => {
    const labels = axisLabels(['cat', 'a rather long name', 'ant'], 3, 0, 30, 90, 60, measure);
    expect(labels.map(({ text }) => text)).toEqual(['cat', cutInTheMiddle('a rather long name', 60, measure), 'ant']);
    expect(labels.map(({ at }) => at)).toEqual([15, 45, 75]);
    expect(measure(labels[1].text)).toBeLessThanOrEqual(60);
  });
});

test('strides are 1, 2, 5, 10, 20 and so on, the first that is enough', () => {
  expect([0, 0.2, 1, 1.1, 2, 2.1, 5, 6, 10.5, 20, 33, 51, 4999, 5001].map(strideOf)).toEqual([
    1, 1, 1, 2, 2, 5, 5, 10, 20, 20, 50, 100, 5000, 10_000,
  ]);
});

describe('cutInTheMiddle', () => {
  const draw = seeded(62);
  const LETTERS = ['a', 'i', 'W', ' ', 'é', '東', '🐈', '👩', '\ud83d'];
  const anyText = () => Array.from({ length: whole(draw, 0, 60) }, () => LETTERS[whole(draw, 0, 8)]).join('');

  test('leaves what fits', () => {
    expect(cutInTheMiddle('cat', 21, measure)).toBe('cat');
    expect(cutInTheMiddle('', 0, measure)).toBe('');
  });

  test('keeps as much of both ends as fits', () => {
    for (let round = 0; round < 500; round++) {
      const text = anyText();
      const width = whole(draw, 9, 300);
      const cut = cutInTheMiddle(text, width, measure);
      expect(measure(cut)).toBeLessThanOrEqual(width);
      if (measure(text) <= width) {
        expect(cut).toBe(text);
        continue;
      }
      const [head, tail, ...more] = cut.split('…');
      expect(more).toEqual([]);
      expect(text.startsWith(head) && text.endsWith(tail)).toBe(true);
      const [before, after] = [[...head].length, [...tail].length];
      expect(before - after === 0 || before - after === 1).toBe(true);
      const letters = [...text];
      const kept = before + after + 1;
      const longer = `${letters.slice(0, Math.ceil(kept / 2)).join('')}…${letters.slice(letters.length - Math.floor(kept / 2)).join('')}`;
      if (kept < letters.length) expect(measure(longer)).toBeGreaterThan(width);
    }
  });

  test('by letters keeps at most so many, the sign among them', () => {
    for (let round = 0; round < 200; round++) {
      const text = anyText();
      const most = whole(draw, 1, 40);
      const cut = [...cutTo(text, most)];
      expect(cut).toHaveLength(Math.min(most, [...text].length));
      if ([...text].length <= most) expect(cut.join('')).toBe(text);
      else expect(cut.indexOf('…')).toBe(Math.ceil((most - 1) / 2));
    }
    expect(cutTo('🐈🐕🐜🐈', 3)).toBe('🐈…🐈');
  });

  test('never splits an emoji', () => {
    const text = '🐈🐕🐜🐈🐕🐜🐈🐕🐜';
    const half = /\p{Surrogate}/u;
    for (let width = 9; width < 130; width++) expect(cutInTheMiddle(text, width, measure)).not.toMatch(half);
    expect('\ud83d').toMatch(half);
    expect(cutInTheMiddle(text, 40, measure)).toBe('🐈…🐜');
  });

  test('where nothing fits, a sign that there was something', () => {
    expect(cutInTheMiddle('W', 3, measure)).toBe('…');
    expect(cutInTheMiddle('dog', 0, measure)).toBe('…');
  });

  test('measures only so much of a text without end', () => {
    let longest = 0;
    const cut = cutInTheMiddle(`${'a'.repeat(1e6)}z`, 1e9, (text) => {
      longest = Math.max(longest, text.length);
      return measure(text);
    });
    expect(longest).toBeLessThan(500);
    expect(cut).toMatch(/^a+…a+z$/);
  });
});

describe('labelWidth', () => {
  test('is that of the longest label', () => {
    expect(labelWidth(PETS, 3, 200, measure)).toBe(21);
    expect(labelWidth(['cat', 'elephant', 'ant'], 3, 200, measure)).toBe(56);
    expect(labelWidth(null, 10_000, 200, measure)).toBe(measure('9999'));
    expect(labelWidth(['a'], 1, 200, () => 6.2)).toBe(7);
    expect(labelWidth(null, 5, 200, () => 6.2)).toBe(7);
  });

  test('keeps within its limit', () => {
    expect(labelWidth(['a rather long name'], 1, 50, measure)).toBe(50);
    expect(labelWidth(null, 10_000, 20, measure)).toBe(20);
    let measured = 0;
    const width = labelWidth(['x'.repeat(1e6), 'y'], 2, 80, (text) => {
      measured = Math.max(measured, text.length);
      return measure(text);
    });
    expect([width, measured]).toEqual([80, 1]);
  });

  test('does not measure every one of many names, nor changes their order', () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `class ${i}`);
    const before = [...names];
    let measured = 0;
    const width = labelWidth(names, 10_000, 200, (text) => {
      measured++;
      return measure(text);
    });
    expect(width).toBe(measure('class 9999'));
    expect(measured).toBeLessThan(100);
    expect(names).toEqual(before);
  });
});

describe('cellNumbers', () => {
  const MUTED = '#5f6368';
  const palette = paletteOf('blue-orange', false);
  const pictureOf = (counts: number[][], normalize: Normalize, more: Partial<Picture> = {}): Picture => {
    const matrix = matrixFrom(counts);
    return { matrix, normalize, scale: scaleOf(extentOf(matrix, normalize), 'linear'), palette, ...more };
  };
  const narrow = () => 1;

  test.each(NORMALIZATIONS)('are the values of the visible cells at their middles, %s', (normalize) => {
    const draw = seeded(63);
    let [told, smaller] = [0, 0];
    for (let round = 0; round < 40; round++) {
      const counts = randomCounts(draw, whole(draw, 2, 12));
      const n = counts.length;
      const side = whole(draw, 60, 400);
      const k = 1 + draw() * (largestZoom(side, n) - 1);
      const camera = constrained({ x: -draw() * side * k, y: -draw() * side * k, k }, side, n);
      const size = cellSize(camera, side, n);
      const [across, down] = [visibleClasses(camera.x, size, side, n), visibleClasses(camera.y, size, side, n)];
      const [hideDiagonal, hideBelow] = [round % 4 === 1, round % 4 === 2 ? 10 : 0];
      const picture = pictureOf(counts, normalize, { hideDiagonal, hideBelow });
      const expected: object[] = [];
      for (let row = down.first; row <= down.last; row++) {
        for (let col = across.first; col <= across.last; col++) {
          const value = valueIn(counts, normalize, row, col);
          const zero = counts[row][col] === 0;
          const unseen = counts[row].every((count) => count === 0);
          if (size < 24 || Number.isNaN(value) || (zero && (size < 36 || unseen))) continue;
          if (row === col ? hideDiagonal : !zero && counts[row][col] < hideBelow) continue;
          const text = shortValue(value, normalize);
          const usual = numberSize(size);
          const font = Math.min(usual, Math.floor((usual * (size - 4)) / measure(text)));
          if (font < 8) continue;
          smaller += font < usual ? 1 : 0;
          const color = row === col ? palette.correct[picture.scale.correct(value)] : palette.wrong[picture.scale.wrong(value)];
          const [x, y] = [camera.x + (col + 0.5) * size, camera.y + (row + 0.5) * size];
          expected.push({ text, x, y, font, ink: zero ? MUTED : inkOn(color) });
        }
      }
      expect(cellNumbers(side, camera, picture, MUTED, measure)).toEqual(expected);
      told += expected.length;
    }
    expect(told).toBeGreaterThan(200);
    expect(smaller).toBeGreaterThan(0);
  });

  const counts = [
    [12, 1, 0],
    [0, 0, 0],
    [0, 100_000, 7],
  ];
  const texts = (side: number, normalize: Normalize, width = narrow) =>
    cellNumbers(side, FIT, pictureOf(counts, normalize), MUTED, width).map(({ text }) => text);

  test('come from 24 pixels a cell on, zeros from 36', () => {
    expect(texts(71, 'counts')).toEqual([]);
    expect(texts(72, 'counts')).toEqual(['12', '1', '100K', '7']);
    expect(texts(107, 'counts')).toEqual(['12', '1', '100K', '7']);
    expect(texts(108, 'counts')).toEqual(['12', '1', '0', '0', '100K', '7']);
  });

  test('are smaller where they are long, and left out where nobody could read them', () => {
    const wide = (text: string) => 2 * measure(text);
    expect(texts(72, 'counts', wide as () => number)).toEqual(['1', '7']);
    const sizes = (side: number) => cellNumbers(side, FIT, pictureOf(counts, 'counts'), MUTED, measure).map(({ font }) => font);
    expect(sizes(81)).toEqual([10, 10, 8, 10]);
    expect(sizes(96)).toEqual([10, 10, 10, 10]);
  });

  test('are shares where shares are asked for, and nothing where there is none', () => {
    expect(texts(120, 'true')).toEqual(['92%', '8%', '0%', '0%', '99.9%', '0.007%']);
    expect(texts(120, 'pred')).toEqual(['100%', '0.001%', '0%', '0%', '99.9%', '100%']);
    expect(texts(120, 'all')).toEqual(['0.012%', '0.001%', '0%', '0%', '99.9%', '0.007%']);
  });

  test('of what is summed up as one are written on its color, which is neither right nor wrong', () => {
    const inkOf = (dark: boolean, rest: Partial<{ rest: number }>) => {
      const picture = { ...pictureOf(counts, 'counts'), palette: paletteOf('blue-orange', dark) };
      const numbers = cellNumbers(120, FIT, { ...picture, matrix: { ...picture.matrix, ...rest } }, MUTED, narrow);
      return numbers.find(({ text }) => text === '12')?.ink;
    };
    for (const dark of [false, true]) expect(inkOf(dark, { rest: 0 })).toBe(inkOn(paletteOf('blue-orange', dark).frame));
    expect(inkOf(false, { rest: 0 })).not.toBe(inkOf(false, {}));
  });

  test('are written in a size that grows with the cell, within bounds', () => {
    expect([10, 24, 30, 40, 50, 60, 96, 500].map(numberSize)).toEqual([10, 10, 10, 12, 15, 18, 26, 26]);
  });
});

test('the gradient of a legend goes from the lowest color of a value to the highest', () => {
  const { wrong } = paletteOf('blue-orange', true);
  const stops = gradientOf(wrong).match(/rgb\([^)]*\)/g) ?? [];
  expect(stops).toHaveLength(9);
  expect(stops[0]).toBe(toCss(wrong[1]));
  expect(stops[4]).toBe(toCss(wrong[128]));
  expect(stops[8]).toBe(toCss(wrong[255]));
  expect(gradientOf(wrong)).toBe(`linear-gradient(to right, ${stops.join(', ')})`);
});
