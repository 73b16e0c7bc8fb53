import { describe, expect, test } from 'vitest';
import { type Camera, FIT } from '../src/camera';
import { type CoursePicture, type Courses, drawCourses, LINES_FROM, linePoints } from '../src/courses';
import { drawGround, gridOf } from '../src/grid';
import { paletteOf } from '../src/palette';
import { scaleOf } from '../src/scale';
import { pixelDifference, seeded, whole } from './samples';

const draw = seeded(141);

function coded(code: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, place) => (0x80000000 | (code << 8) | place) >>> 0);
}

const CORRECT = 100;
const WRONG = 101;
const palette = { ...paletteOf('blue-orange', false), correct: coded(CORRECT), wrong: coded(WRONG), hatch: 0xff0000ff };

/** Values of n x n cells at so many steps, some zero, some undefined. */
function anyCourses(n: number, steps: number): Courses {
  const value = () => (draw() < 0.2 ? 0 : draw() < 0.2 ? Number.NaN : whole(draw, 1, 255));
  const counts = Float32Array.from({ length: n * n * steps }, value);
  return { steps: Array.from({ length: steps }, (_, i) => 10 * i), counts, values: counts };
}

function pictureOf(numClasses: number, all: readonly Courses[], more: Partial<CoursePicture> = {}): CoursePicture {
  const range = { least: 1, most: 255 };
  return {
    numClasses,
    runs: all.map((courses, slot) => ({ courses, ramp: coded(slot) })),
    scale: scaleOf({ correct: range, wrong: range }, 'linear'),
    palette,
    firstStep: 0,
    lastStep: Math.max(...all.flatMap(({ steps }) => steps)),
    hideDiagonal: false,
    neverSeen: () => false,
    ...more,
  };
}

function drawn(side: number, camera: Camera, picture: CoursePicture): Uint32Array {
  const pixels = new Uint32Array(side * side);
  drawCourses(pixels, side, camera, picture);
  return pixels;
}

function groundOf(side: number, n: number, neverSeen: (row: number) => boolean): Uint32Array {
  const pixels = new Uint32Array(side * side);
  drawGround(pixels, side, gridOf(side, FIT, n), palette, neverSeen);
  return pixels;
}

describe('drawCourses', () => {
  test.each([1, 2, 3])(
    'a strip for each of %i runs, from the first step at the left to the last, in the shade of its values',
    (runs) => {
      let strips = 0;
      for (let round = 0; round < 40; round++) {
        const [n, size, length] = [whole(draw, 1, 5), whole(draw, 4, LINES_FROM - 1), whole(draw, 1, 30)];
        const all = Array.from({ length: runs }, () => anyCourses(n, length));
        const hideDiagonal = round % 4 === 0;
        const side = n * size;
        const pixels = drawn(side, FIT, pictureOf(n, all, { hideDiagonal }));
        const inner = size < 5 ? size : size - 1;
        const expected = groundOf(side, n, () => false);
        for (let at = 0; at < n * n; at++) {
          const [row, column] = [Math.floor(at / n), at % n];
          if (row === column && hideDiagonal) continue;
          for (let y = 0; y < inner; y++) {
            // The last run whose strip has begun.
            const slot = [...all.keys()].filter((one) => Math.floor((one * inner) / runs) <= y).at(-1) as number;
            for (let x = 0; x < inner; x++) {
              const value = all[slot].values[at * length + Math.floor((x / inner) * length)];
              if (!(value > 0)) continue;
              const code = runs > 1 ? slot : row === column ? CORRECT : WRONG;
              expected[(row * size + y) * side + column * size + x] = coded(code)[value];
              strips++;
            }
          }
        }
        expect(pixelDifference(pixels, expected, side)).toBeNull();
      }
      expect(strips).toBeGreaterThan(1000);
    },
  );

  test('only the ground where there is room for lines, and hatched rows of classes that were never seen', () => {
    const courses = anyCourses(3, 5);
    const neverSeen = (row: number) => row === 1;
    const ground = (side: number) => groundOf(side, 3, neverSeen);
    const side = 3 * LINES_FROM;
    const picture = pictureOf(3, [courses], { neverSeen });
    expect(pixelDifference(drawn(side, FIT, picture), ground(side), side)).toBeNull();
    expect(pixelDifference(drawn(side - 1, FIT, picture), ground(side - 1), side - 1)).not.toBeNull();
    const nothing = { ...courses, values: courses.values.map(() => Number.NaN) };
    expect(pixelDifference(drawn(30, FIT, pictureOf(3, [nothing], { neverSeen })), ground(30), 30)).toBeNull();
    expect(ground(30)).toContain(palette.hatch);
  });

  /** Where a value appears that was 0 before, as a share of the cell. */
  const onset = (steps: number[], appears: number, lastStep: number) => {
    const values = Float32Array.from(steps, (step) => (step >= appears ? 100 : 0));
    const side = LINES_FROM - 1;
    const pixels = drawn(side, FIT, pictureOf(1, [{ steps, counts: values, values }], { firstStep: 0, lastStep }));
    return pixels.subarray(0, side - 1).indexOf(coded(CORRECT)[100]) / (side - 1);
  };

  test('a step is where it was, of steps at even distances', () => {
    const steps = [...Array(11).keys()];
    expect(onset(steps, 0, 10)).toBe(0);
    expect(onset(steps, 5, 10)).toBeCloseTo(5 / 11, 1);
    expect(onset(steps, 10, 10)).toBeCloseTo(10 / 11, 1);
  });

  // Strips go by the position of a step among those of the run; lines, and the mark of the current step, go by its number.
  test('a step is where it was, of steps at uneven distances and of runs that ended earlier', () => {
    expect(onset([0, 1, 2, 3, 80, 100], 80, 100)).toBeGreaterThan(0.75);
    expect(onset([0, 10, 20, 30, 40], 40, 100)).toBeLessThan(0.5);
  });

  // A strip that is cut off by the edge of the view is pressed into what is left of it.
  test('a part of the picture is that part of it', () => {
    const picture = pictureOf(10, [anyCourses(10, 8)]);
    const all = drawn(200, FIT, picture);
    const part = drawn(100, { x: -30, y: -30, k: 2 }, picture);
    const expected = part.map((_, at) => all[(Math.floor(at / 100) + 30) * 200 + (at % 100) + 30]);
    expect(pixelDifference(part, expected, 100)).toBeNull();
  });
});

describe('linePoints', () => {
  const identity = (value: number) => value;

  test('are the defined values of one cell, x by step, y by value', () => {
    for (let round = 0; round < 50; round++) {
      const courses = anyCourses(2, whole(draw, 1, 20));
      const { steps, values } = courses;
      const cell = whole(draw, 0, 3);
      const expected = steps.map((step, i) => [step / 2, -values[cell * steps.length + i]]).filter(([, y]) => !Number.isNaN(y));
      expect(linePoints(courses, cell, (value) => -value, (step) => step / 2, 20)).toEqual(expected); // biome-ignore format: one line
    }
  });

  test('of many steps are about as many as can be told apart, the first and the last among them', () => {
    for (const [length, most] of [
      [1000, 50],
      [199, 100],
      [5, 5],
      [5, 1],
      [12_345, 7],
    ]) {
      const values = Float32Array.from({ length }, (_, i) => i);
      const points = linePoints({ steps: [...values], counts: values, values }, 0, identity, identity, most);
      expect(points.length).toBeLessThanOrEqual(2 * most + 1);
      expect(points.length).toBeGreaterThanOrEqual(Math.min(length, most));
      expect(points[0]).toEqual([0, 0]);
      expect(points.at(-1)).toEqual([length - 1, length - 1]);
      expect(points).toEqual([...points].sort(([a], [b]) => a - b));
    }
  });
});
