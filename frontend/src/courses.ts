// The course of cells over the steps, as lines where there is room and as strips of color where there is little.

import type { Camera } from './camera';
import { drawGround, fillBox, gridOf } from './grid';
import type { Extent } from './matrix';
import type { Palette, Ramp } from './palette';
import { type Scale, widest } from './scale';

/** The values of some cells of one run at all its steps, cell by cell. */
export interface Courses {
  readonly steps: readonly number[];
  readonly counts: Float64Array;
  /** In the normalization that was asked for; NaN where undefined. */
  readonly values: Float64Array;
}

export const LINES_FROM = 22;

export interface CoursePicture {
  readonly numClasses: number;
  /** A run each, its cells row by row. */
  readonly runs: readonly { readonly courses: Courses; readonly ramp: Ramp }[];
  readonly scale: Scale;
  readonly palette: Palette;
  readonly firstStep: number;
  readonly lastStep: number;
  /** Which cells are not drawn, row by row. */
  readonly isHidden: (row: number, column: number) => boolean;
  readonly neverSeen: (row: number) => boolean;
}

/** The ground, and where cells are small a strip for each run, from the first step at the left to the last. */
export function drawCourses(pixels: Uint32Array, side: number, camera: Camera, picture: CoursePicture): void {
  const { numClasses: n, runs, scale, palette, firstStep, lastStep, isHidden, neverSeen } = picture;
  const grid = gridOf(side, camera, n);
  drawGround(pixels, side, grid, palette, neverSeen);
  if (grid.size >= LINES_FROM) return;
  const interval = usualInterval(runs.map(({ courses }) => courses.steps));
  for (let row = grid.down.first; row <= grid.down.last; row++) {
    for (let column = grid.across.first; column <= grid.across.last; column++) {
      if (isHidden(row, column)) continue;
      const [x0, x1, y0, y1] = [grid.left(column), grid.right(column), grid.top(row), grid.bottom(row)];
      for (const [slot, { courses, ramp }] of runs.entries()) {
        const from = y0 + Math.floor((slot * (y1 - y0)) / runs.length);
        const to = y0 + Math.floor(((slot + 1) * (y1 - y0)) / runs.length);
        const { steps, values } = courses;
        const begin = (row * n + column) * steps.length;
        let i = -1;
        for (let x = x0; x < x1; x++) {
          const at = firstStep + ((x - x0) / (x1 - x0)) * (lastStep - firstStep + interval);
          while (i + 1 < steps.length && steps[i + 1] <= at) i++;
          if (i < 0 || at >= steps[steps.length - 1] + interval) continue; // before the run began, or after its end
          const value = values[begin + i];
          if (!(value > 0)) continue;
          const place = row === column ? scale.correct(value) : scale.wrong(value);
          const own = row === column ? palette.correct : palette.wrong;
          fillBox(pixels, side, x, from, x + 1, Math.max(to, from + 1), runs.length > 1 ? ramp[place] : own[place]);
        }
      }
    }
  }
}

/** The median of the intervals between steps: so long the last one is taken to last. */
export function usualInterval(all: readonly (readonly number[])[]): number {
  const intervals = all.flatMap((steps) => steps.slice(1).map((step, i) => step - steps[i])).sort((a, b) => a - b);
  return intervals[intervals.length >> 1] ?? 1;
}

/** The points of one cell's line, in a box: x by step, y by value; undefined values are left out. */
export function linePoints(
  courses: Courses,
  cell: number,
  heightOf: (value: number) => number,
  stepAt: (step: number) => number,
  most: number,
): [x: number, y: number][] {
  const { steps, values } = courses;
  const points: [number, number][] = [];
  const stride = Math.max(1, Math.floor(steps.length / most));
  for (let i = 0; i < steps.length; i++) {
    const value = values[cell * steps.length + i];
    if ((i % stride === 0 || i === steps.length - 1) && !Number.isNaN(value)) points.push([stepAt(steps[i]), heightOf(value)]);
  }
  return points;
}

/** From which value to which the courses go, those of correct cells apart; a cell of no part does not count. */
export function extentOfCourses(all: readonly Courses[], partOf: (cell: number) => 'correct' | 'wrong' | null): Extent {
  return widest(
    all.map(({ steps, values }) => {
      const extent = { correct: { least: 0, most: 0 }, wrong: { least: 0, most: 0 } };
      for (const [i, value] of values.entries()) {
        const name = partOf(Math.floor(i / steps.length));
        if (name === null) continue;
        const part = extent[name];
        if (value > part.most) part.most = value;
        if (value > 0 && (part.least === 0 || value < part.least)) part.least = value;
      }
      return extent;
    }),
  );
}

/** The largest count that a cell ever had. */
export function mostEver(all: readonly Courses[], cell: number): number {
  let most = 0;
  for (const { steps, counts } of all) {
    for (let i = cell * steps.length; i < (cell + 1) * steps.length; i++) if (counts[i] > most) most = counts[i];
  }
  return most;
}

/** The first and the last step of all. */
export function stepRange(all: ReadonlyMap<string, Courses>): { first: number; last: number } {
  const steps = [...all.values()].flatMap((one) => [one.steps[0], one.steps[one.steps.length - 1]]);
  return { first: Math.min(...steps), last: Math.max(...steps) };
}
