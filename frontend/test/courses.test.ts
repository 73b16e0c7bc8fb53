import { describe, expect, test } from 'vitest';
import { type Camera, FIT } from '../src/camera';
import {
  type CoursePicture,
  type Courses,
  drawCourses,
  extentOfCourses,
  LINES_FROM,
  linePoints,
  stepRange,
  usualInterval,
} from '../src/courses';
import { drawGround, gridOf } from '../src/grid';
import { paletteOf } from '../src/palette';
import { scaleOf } from '../src/scale';
import { pixelDifference, seeded, whole } from './samples';

const draw = seeded(141);

function coded(code: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, place) => (0x80000000 | (code << 8) | place) >>> 0);
}

const PRIMES = [3, 5, 7, 11, 13, 17, 19];
const CORRECT = 100;
const WRONG = 101;
const palette = { ...paletteOf('blue-orange', false), correct: coded(CORRECT), wrong: coded(WRONG), hatch: 0xff0000ff };

/** Values of n x n cells at so many steps, some zero, some undefined. */
function anyCourses(n: number, steps: number): Courses {
  const value = () => (draw() < 0.2 ? 0 : draw() < 0.2 ? Number.NaN : whole(draw, 1, 255));
  const counts = Float64Array.from({ length: n * n * steps }, value);
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
    isHidden: () => false,
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
      for (let round = 0; round < 14; round++) {
        // Prime, so that no step begins between two pixels but the first.
        const inner = PRIMES[round % PRIMES.length];
        const size = inner < 4 ? inner : inner + 1;
        const length = whole(draw, 1, 30);
        if (length % inner === 0) continue;
        const n = whole(draw, 1, 5);
        const all = Array.from({ length: runs }, () => anyCourses(n, length));
        const hideDiagonal = round % 4 === 0;
        const side = n * size;
        const pixels = drawn(side, FIT, pictureOf(n, all, { isHidden: (row, column) => hideDiagonal && row === column }));
        const expected = groundOf(side, n, () => false);
        for (let at = 0; at < n * n; at++) {
          const [row, column] = [Math.floor(at / n), at % n];
          if (row === column && hideDiagonal) continue;
          for (let y = 0; y < inner; y++) {
            // The last run whose strip has begun.
            const slot = [...all.keys()].filter((one) => Math.floor((one * inner) / runs) <= y).at(-1) as number;
            for (let x = 0; x < inner; x++) {
              const value = all[slot].values[at * length + Math.floor((x * length) / inner)];
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
    const values = Float64Array.from(steps, (step) => (step >= appears ? 100 : 0));
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

  test('a step is where it was, of steps at uneven distances and of runs that ended earlier', () => {
    expect(onset([0, 1, 2, 3, 80, 100], 80, 100)).toBeGreaterThan(0.75);
    expect(onset([0, 10, 20, 30, 40], 40, 100)).toBeLessThan(0.5);
  });

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
      expect(
        linePoints(
          courses,
          cell,
          (value) => -value,
          (step) => step / 2,
          20,
        ),
      ).toEqual(expected);
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
      const values = Float64Array.from({ length }, (_, i) => i);
      const points = linePoints({ steps: [...values], counts: values, values }, 0, identity, identity, most);
      expect(points.length).toBeLessThanOrEqual(2 * most + 1);
      expect(points.length).toBeGreaterThanOrEqual(Math.min(length, most));
      expect(points[0]).toEqual([0, 0]);
      expect(points.at(-1)).toEqual([length - 1, length - 1]);
      expect(points).toEqual([...points].sort(([a], [b]) => a - b));
    }
  });
});

test('the usual interval between steps is the median of all', () => {
  for (let round = 0; round < 50; round++) {
    const all = Array.from({ length: whole(draw, 1, 4) }, () =>
      Array.from({ length: whole(draw, 1, 6) }, () => whole(draw, 0, 40)).sort((a, b) => a - b),
    );
    const intervals: number[] = [];
    for (const steps of all) for (let i = 1; i < steps.length; i++) intervals.push(steps[i] - steps[i - 1]);
    const found = usualInterval(all);
    if (intervals.length === 0) {
      expect(found).toBe(1);
      continue;
    }
    expect(intervals).toContain(found);
    expect(intervals.filter((one) => one < found).length).toBeLessThanOrEqual(intervals.length / 2);
    expect(intervals.filter((one) => one > found).length).toBeLessThanOrEqual(intervals.length / 2);
  }
  expect(usualInterval([[0, 10, 20, 30, 1000], [5]])).toBe(10);
  expect(usualInterval([])).toBe(1);
});

test('the extent and the steps of several courses', () => {
  for (let round = 0; round < 30; round++) {
    const n = whole(draw, 1, 3);
    const all = Array.from({ length: whole(draw, 1, 3) }, () => anyCourses(n, whole(draw, 1, 6)));
    const isCorrect = (cell: number) => Math.floor(cell / n) === cell % n;
    const range = (correct: boolean) => {
      const values = all.flatMap(({ steps, values: of }) =>
        [...of].filter((value, i) => value > 0 && isCorrect(Math.floor(i / steps.length)) === correct),
      );
      return values.length === 0 ? { least: 0, most: 0 } : { least: Math.min(...values), most: Math.max(...values) };
    };
    expect(extentOfCourses(all, (cell) => (isCorrect(cell) ? 'correct' : 'wrong'))).toEqual({
      correct: range(true),
      wrong: range(false),
    });
    const steps = all.flatMap((one) => one.steps);
    expect(stepRange(new Map(all.map((one, i) => [`run ${i}`, one])))).toEqual({ first: 0, last: Math.max(...steps) });
  }
  const later = { ...anyCourses(1, 2), steps: [3, 7] };
  expect(
    stepRange(
      new Map([
        ['a', later],
        ['b', { ...later, steps: [5, 6] }],
      ]),
    ),
  ).toEqual({ first: 3, last: 7 });
});
