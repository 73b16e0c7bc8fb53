// The Timeline view: the course of each cell over the steps; with many classes, of the worst confusions.

import { computed, effect, signal, untracked } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { ClassList } from '../arrange';
import { type Camera, type Cell, cellSize, isSameCell } from '../camera';
import { rankedConfusions } from '../confusions';
import {
  type CoursePicture,
  type Courses,
  drawCourses,
  extentOfCourses,
  LINES_FROM,
  linePoints,
  mostEver,
  stepRange,
  usualInterval,
} from '../courses';
import { exactCount, percent, shareOf } from '../format';
import { color, dark, hideBelow, hideDiagonal, normalize, palette, view } from '../look';
import { countAt } from '../matrix';
import { runColor, runRamp } from '../palette';
import { scaleOf } from '../scale';
import { loadCourses, panes, seenClasses, subjectPane, told } from '../seen';
import { chosenRuns, cursor, runSlots, series, step } from '../state';
import { Cards } from './cards';
import { Pair, Tooltip } from './cursor';
import { panelsIn } from './layout';
import { INK, Sheet } from './sheet';
import { type Painter, painting, type Surface, strokeLine } from './surface';

/** More classes than this and cells are too small for a course. */
const MOST_CLASSES = 40;
const CARDS = 24;
const NO_EXTENT = { correct: { least: 0, most: 0 }, wrong: { least: 0, most: 0 } };

/** Of which cells the courses are wanted. */
interface Wanted {
  readonly list: ClassList;
  readonly cells: readonly Cell[];
  /** The first of them, where it is not one of the worst but was gone to. */
  readonly goneTo: Cell | null;
}

/** The courses that are shown, and whether others are on their way. */
const courses = signal<(Wanted & { of: ReadonlyMap<string, Courses> }) | null>(null);
const busy = signal(false);
let loads = 0;

/** From which value to which the courses in cells go; null where each has a scale of its own. */
export const courseExtent = computed(() => {
  const n = seenClasses.value.size;
  const now = courses.value;
  if (!now || n > MOST_CLASSES) return null;
  const rest = panes.value.find((pane) => pane.matrix)?.matrix?.rest;
  return extentOfCourses([...now.of.values()], (cell) => {
    const [row, column] = [Math.floor(cell / n), cell % n];
    if (row === rest || column === rest) return null; // sums of many classes would leave the others flat
    return row === column ? 'correct' : 'wrong';
  });
});

/** Whether there is no room for a course in each cell. */
export function areCards(): boolean {
  return view.value === 'timeline' && seenClasses.value.size > MOST_CLASSES;
}

async function load(wanted: Wanted): Promise<void> {
  const mine = ++loads;
  busy.value = true;
  const found = await loadCourses(wanted.cells, () => loads === mine);
  if (loads !== mine) return;
  courses.value = found && { ...wanted, of: found };
  busy.value = false;
}

export function Timeline({ width, height }: { width: number; height: number }) {
  const list = seenClasses.value;
  const n = list.size;
  const inCells = n <= MOST_CLASSES;
  // All cells, or those that are worst now, and before them the one that was gone to.
  const usual = useMemo((): readonly Cell[] => {
    if (inCells) return Array.from({ length: n * n }, (_, i) => ({ trueClass: Math.floor(i / n), predictedClass: i % n }));
    const matrix = subjectPane.value?.matrix;
    const ranked = matrix ? rankedConfusions(matrix, normalize.value === 'true' ? 'rate' : 'count', CARDS) : [];
    return ranked.filter((one) => one.count >= hideBelow.value);
  }, [list, inCells ? null : subjectPane.value?.matrix, normalize.value, inCells ? 0 : hideBelow.value]);
  const goneTo = useGoneTo(usual, list);
  const wanted = useMemo(() => ({ list, cells: goneTo ? [goneTo, ...usual] : usual, goneTo }), [list, usual, goneTo]);
  useEffect(
    () =>
      effect(() => {
        // Loaded again whenever one of these is another.
        [chosenRuns.value, series.value, normalize.value];
        untracked(() => load(wanted));
      }),
    [wanted],
  );
  const now = courses.value;
  // Other cards stay until theirs are read; courses of other cells would stand in the wrong place.
  if (!now || (inCells ? now.cells !== wanted.cells : now.list !== list))
    return <p class="waiting">{busy.value ? 'Reading all steps…' : 'There is nothing to show'}</p>;
  if (inCells) return <InCells courses={now.of} width={width} height={height} />;
  return <Cards cells={now.cells} goneTo={now.goneTo} courses={now.of} stale={now.cells !== wanted.cells} />;
}

/** The last cell of these classes that was gone to, unless it is among those that are shown anyway. */
function useGoneTo(cells: readonly Cell[], list: ClassList): Cell | null {
  const last = useRef<{ list: ClassList; cell: Cell } | null>(null);
  const isShown = (one: Cell) => cells.some((cell) => isSameCell(cell, one));
  const at = cursor.value;
  if (!at || last.current?.list !== list) last.current = null; // its places are those of other classes now
  const isOther = at && Math.max(at.trueClass, at.predictedClass) < list.size && !isShown(at);
  if (isOther && !(last.current && isSameCell(last.current.cell, at))) last.current = { list, cell: at };
  return last.current && !isShown(last.current.cell) ? last.current.cell : null;
}

function InCells({ courses: of, width, height }: { courses: ReadonlyMap<string, Courses>; width: number; height: number }) {
  const list = seenClasses.value;
  const n = list.size;
  const layout = panelsIn(1, list, width, height, false).at(0);
  const first = panes.value.find((pane) => pane.matrix);
  const picture = useMemo((): CoursePicture => {
    const { first: firstStep, last: lastStep } = stepRange(of);
    const all = [...of.values()];
    const least = hideBelow.value;
    return {
      numClasses: n,
      runs: [...of].map(([run, one]) => ({ courses: one, ramp: runRamp(runSlots.value.get(run) ?? 0, dark.value) })),
      scale: scaleOf(courseExtent.value ?? NO_EXTENT, color.value),
      palette: palette.value,
      firstStep,
      lastStep,
      isHidden: (row, column) => (row === column ? hideDiagonal.value : least > 0 && mostEver(all, row * n + column) < least),
      neverSeen: (row) => panes.value.every((pane) => !pane.matrix || pane.matrix.support[row] === 0),
    };
  }, [of, n, courseExtent.value, color.value, palette.value, dark.value, hideDiagonal.value, hideBelow.value]);
  const runs = [...of.keys()];
  const colors = runs.map((run) => runColor(runSlots.value.get(run) ?? 0, dark.value));
  const { muted } = INK[dark.value ? 'dark' : 'light'];
  const painter = useMemo(() => painterOf(picture, colors, step.value ?? 0, muted), [picture, step.value, muted]);
  if (!first?.matrix) return <p class="waiting">None of these runs has a matrix at this step</p>;
  return (
    <div class="grid">
      <Sheet
        run={first.run}
        title={runs.join(', ')}
        list={list}
        layout={layout}
        matrix={first.matrix}
        painter={painter}
        stale={busy.value}
        tooltip={
          <Tooltip run={first.run} layout={layout}>
            <Told />
          </Tooltip>
        }
      />
    </div>
  );
}

function painterOf(picture: CoursePicture, colors: readonly string[], at: number, muted: string): Painter {
  return painting(
    picture.numClasses,
    (pixels, side, view) => drawCourses(pixels, side, view, picture),
    (surface, side, view) => {
      const size = cellSize(view, side, picture.numClasses);
      if (size >= LINES_FROM) paintLines(surface, side, view, size, picture, colors, at);
      else paintNow(surface, side, view, size, picture, at, muted);
    },
  );
}

const INSET = 3;

function place(step: number, { firstStep, lastStep }: CoursePicture): number {
  return lastStep > firstStep ? (step - firstStep) / (lastStep - firstStep) : 0.5;
}

function paintLines(
  surface: Surface,
  side: number,
  view: Camera,
  size: number,
  picture: CoursePicture,
  colors: readonly string[],
  at: number,
): void {
  const n = picture.numClasses;
  const box = size - 2 * INSET - 1;
  for (let row = 0; row < n; row++) {
    const top = view.y + row * size + INSET;
    if (top > side || top + size < 0 || picture.neverSeen(row)) continue;
    for (let column = 0; column < n; column++) {
      const left = view.x + column * size + INSET;
      if (left > side || left + size < 0 || picture.isHidden(row, column)) continue;
      const now = left + place(at, picture) * box;
      const thick = size > 60 ? 1.75 : 1.25;
      surface.lineWidth = thick;
      for (const [slot, { courses: one }] of picture.runs.entries()) {
        const heightOf = (value: number) => {
          const height = row === column ? picture.scale.correct(value) : picture.scale.wrong(value);
          return top + box - (value > 0 ? height / 255 : 0) * box;
        };
        const points = linePoints(one, row * n + column, heightOf, (step) => left + place(step, picture) * box, Math.ceil(box));
        if (points.length === 0) continue;
        surface.strokeStyle = colors[slot];
        // A single step is a dash, or it would not be seen.
        strokeLine(surface, points.length === 1 ? [points[0], [points[0][0] + 2, points[0][1]]] : points);
        // A mark where the current step is: a line there would look like one between cells.
        const current = points.findLast(([x]) => x <= now + 0.01);
        if (!current) continue;
        surface.fillStyle = colors[slot];
        surface.fillRect(current[0] - 1.5 * thick, current[1] - 1.5 * thick, 3 * thick, 3 * thick);
      }
    }
  }
}

/** Where the current step is in the strips of each column. */
function paintNow(
  surface: Surface,
  side: number,
  view: Camera,
  size: number,
  picture: CoursePicture,
  at: number,
  muted: string,
): void {
  surface.strokeStyle = muted;
  surface.globalAlpha = 0.5;
  surface.lineWidth = 1;
  surface.beginPath();
  const { firstStep, lastStep, runs } = picture;
  const reach = lastStep - firstStep + usualInterval(runs.map(({ courses: one }) => one.steps));
  for (let column = 0; column < picture.numClasses; column++) {
    const x = view.x + (column + (at - firstStep) / reach) * size;
    if (x < 0 || x > side) continue;
    surface.moveTo(x, 0);
    surface.lineTo(x, side);
  }
  surface.stroke();
  surface.globalAlpha = 1;
}

function Told() {
  if (!told.value) return null;
  const { cell } = told.value;
  return (
    <>
      <Pair list={seenClasses.value} cell={cell} />
      <small>
        {panes.value.map(({ run, step: at, matrix }) => (
          <span key={run} class="line">
            <bdi>{run}</bdi>, step {at}: {matrix ? exactCount(countAt(matrix, cell.trueClass, cell.predictedClass)) : 'n/a'}
            {matrix && ` (${percent(shareOf(matrix, cell, normalize.value))})`}
          </span>
        ))}
      </small>
    </>
  );
}
