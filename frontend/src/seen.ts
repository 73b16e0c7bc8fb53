// What is seen of the chosen matrices: on one class list, in an order, some of the classes or all, and in which colors.

import { batch, computed, signal } from '@preact/signals';
import {
  type Arrangement,
  type ClassList,
  isSameList,
  NO_CLASSES,
  placed,
  placesIn,
  placesOf,
  placing,
  sameClass,
  shownSize,
  soughtClasses,
  united,
  worstClasses,
} from './arrange';
import { type Cell, FIT } from './camera';
import { changesOf } from './comparisons';
import type { Courses } from './courses';
import { scan } from './history';
import { loadAside, namesFor } from './loading';
import { type ColorRange, color, fixedExtent, normalize, panelTab, range, view } from './look';
import { countAt, denominator, type Extent, isLarge, type Matrix, shareExtents } from './matrix';
import { type OrderName, orderOf, similarity } from './order';
import { breath, finished, inSlices, type Work } from './pieces';
import { scaleOf, sharedExtent, widest } from './scale';
import type { Changes, OnAndOff } from './significance';
import {
  baseline,
  camera,
  chosenRuns,
  clearProblem,
  cursor,
  histories,
  hover,
  report,
  type Shown,
  series,
  shown,
  subject,
} from './state';

/** Which classes are shown: all, those that match the search, or so many of the worst. */
export type Part = 'all' | 'matches' | number;
export const search = signal('');
export const part = signal<Part>('all');
/** A class that is to be brought into view, by its place. */
export const revealed = signal<Cell | null>(null);
/** How far an order is that takes its time; null when none is being made. */
export const ordering = signal<number | null>(null);

/** An order that was made of the matrix of one run and step, and stays as it is when others are looked at. */
export interface Pinned extends Arrangement {
  readonly name: OrderName;
  readonly run: string;
  readonly step: number;
  readonly list: ClassList;
  /** Classes that are confused among themselves, where the order is by similarity. */
  readonly groups: readonly (readonly number[])[];
}
export const pinned = signal<Pinned | null>(null);
const worst = signal<{ list: ClassList; classes: readonly number[] } | null>(null);

/** The worst classes, as they were when they were asked for. */
export const worstShown = computed(() => worst.value?.classes ?? []);

/** What is shown of a run: its matrix with all classes on the common list, and as it is arranged. */
export interface Pane extends Omit<Shown, 'names'> {
  readonly whole: Matrix | null;
}

/** Whether a run has a class of the common list: other runs may have more. */
export function hasClass(run: string, index: number): boolean {
  const one = shown.value.find((other) => other.run === run);
  return !one?.matrix || sameClass(index, classes.value, listOf(one.matrix, one.names)) >= 0;
}

/** Whether a run has no names of classes, and those of the other runs are taken for them. */
export function isByPosition(run: string): boolean {
  const one = [...shown.value, baseline.value].find((other) => other?.run === run);
  const { names, size } = classes.value;
  return names !== null && one?.matrix?.numClasses === size && !one.names;
}

let lastList: ClassList = NO_CLASSES;
/** The classes of all chosen runs as one list. */
export const classes = computed<ClassList>(() => {
  const lists = [...shown.value, baseline.value].flatMap((one) => (one?.matrix ? [listOf(one.matrix, one.names)] : []));
  const list = united(lists);
  if (!isSameList(list, lastList)) lastList = list;
  return lastList;
});

function listOf(matrix: Matrix, names: readonly string[] | null): ClassList {
  return { size: matrix.numClasses, names };
}

/** What is shown where, or null when it is every class as it was logged. */
export const arrangement = computed<Arrangement | null>(() => {
  const list = classes.value;
  const order = pinned.value;
  const among = partOf(list);
  if (!order && !among) return null;
  if (order?.list === list && !among) return order;
  let sequence = order ? inList(order, list) : Int32Array.from({ length: list.size }, (_, index) => index);
  if (among) sequence = sequence.filter((index) => among.has(index));
  return { classes: sequence, rest: sequence.length < list.size };
});

function partOf(list: ClassList): ReadonlySet<number> | null {
  if (part.value === 'all') return null;
  if (part.value === 'matches') {
    const found = soughtClasses(list, search.value);
    return found.length > 0 ? new Set(found) : null;
  }
  const chosen = worst.value;
  return chosen && new Set(chosen.classes.map((index) => sameClass(index, chosen.list, list)).filter((index) => index >= 0));
}

/** A pinned order on another list of classes: those that it does not know come last. */
function inList(order: Pinned, list: ClassList): Int32Array {
  if (order.list === list) return order.classes;
  const known = [...order.classes].map((index) => sameClass(index, order.list, list)).filter((index) => index >= 0);
  const rest = new Set(known);
  return Int32Array.from([
    ...known,
    ...Array.from({ length: list.size }, (_, index) => index).filter((index) => !rest.has(index)),
  ]);
}

const places = computed(() => arrangement.value && placesOf(arrangement.value, classes.value.size));

/** The classes as they are shown; the last may stand for all others. */
export const seenClasses = computed<ClassList>(() => {
  const list = classes.value;
  const now = arrangement.value;
  if (!now) return list;
  const names = [...now.classes].map((index) => list.names?.[index] ?? String(index));
  if (now.rest) names.push(`other (${(list.size - now.classes.length).toLocaleString('en-US')} classes)`);
  return { size: names.length, names };
});

const wholes = new WeakMap<Matrix, { list: ClassList; whole: Matrix }>();
const arrangedOf = new WeakMap<Matrix, { arrangement: Arrangement; matrix: Matrix }>();

/** A matrix with its classes on the common list. */
function onList(matrix: Matrix, names: readonly string[] | null, list: ClassList): Matrix {
  const known = wholes.get(matrix);
  if (known?.list === list) return known.whole;
  const isSame = names === list.names && matrix.numClasses === list.size;
  const whole = isSame ? matrix : placed(matrix, placesIn(listOf(matrix, names), list), list.size);
  wholes.set(matrix, { list, whole });
  return whole;
}

/** A matrix on the common list as it is arranged. */
export function arranged(whole: Matrix): Matrix {
  const [now, to] = [arrangement.value, places.value];
  return now && to?.length === whole.numClasses ? arrangedAs(whole, now, to) : whole;
}

function arrangedAs(whole: Matrix, now: Arrangement, to: Int32Array): Matrix {
  return finished(arranging(whole, now, to));
}

function* arranging(whole: Matrix, now: Arrangement, to: Int32Array): Work<Matrix> {
  const known = arrangedOf.get(whole);
  if (known?.arrangement === now) return known.matrix;
  const size = shownSize(now);
  const moved = yield* placing(whole, to, size);
  if (!now.rest) shareExtents(whole, moved);
  const matrix = now.rest ? { ...moved, rest: size - 1 } : moved;
  arrangedOf.set(whole, { arrangement: now, matrix });
  return matrix;
}

function paneOf({ names, ...one }: Shown): Pane {
  const whole = one.matrix && onList(one.matrix, names, classes.value);
  return { ...one, whole, matrix: whole && arranged(whole) };
}

export const panes = computed<readonly Pane[]>(() => shown.value.map(paneOf));
/** The same for what tells more of a step than its cells, which can wait while one hurries through the steps. */
export const settledPanes = signal<readonly Pane[]>([]);
export const settledBaseline = signal<Pane | null>(null);
export const subjectPane = computed(() => panes.value.find((one) => one.run === subject.value) ?? null);
export const baselinePane = computed(() => baseline.value && paneOf(baseline.value));

/** What changed from the baseline to the subject, and what of it is more than noise. */
export const changes = computed<Changes | null>(() => {
  const [before, after] = [baselinePane.value?.matrix, subjectPane.value?.matrix];
  return before && after ? changesOf(before, after, 'shown') : null;
});

/** The cell that is told of, under the pointer or else at the cursor, and the matrix that it is told of. */
export const told = computed<{ pane: Pane; matrix: Matrix; cell: Cell } | null>(() => {
  const cell = hover.value ?? cursor.value;
  if (!cell) return null;
  const withMatrix = panes.value.filter((one) => one.matrix);
  const pane = withMatrix.find((one) => one.run === cell.run) ?? withMatrix[0];
  if (!pane?.matrix || Math.max(cell.trueClass, cell.predictedClass) >= pane.matrix.numClasses) return null;
  return { pane, matrix: pane.matrix, cell };
});

const extentNow = computed(() =>
  sharedExtent(
    panes.value.flatMap((one) => one.matrix ?? []),
    normalize.value,
  ),
);

/** Whether colors are held as they were chosen, for values of this normalization. */
export const isFixed = computed(() => range.value === 'fixed' && fixedExtent.value?.of === normalize.value);

/** From which value to which colors go. */
export const extent = computed<Extent>(() => {
  if (isFixed.value && fixedExtent.value) return fixedExtent.value;
  if (range.value !== 'steps') return extentNow.value;
  const all = chosenRuns.value.flatMap((run) => [...(histories.value.get(run)?.values() ?? [])]);
  return widest([extentNow.value, ...all.map((one) => one.extents[normalize.value])]);
});
export const scale = computed(() => scaleOf(extent.value, color.value));

/** The changes that have the full color: the largest, or where colors are to stay the same what a cell can hold at all. */
export const mostChange = computed<OnAndOff>(() => {
  if (!isFixed.value && range.value !== 'steps') return changes.value?.most ?? { correct: 0, wrong: 0 };
  return { correct: extent.value.correct.most, wrong: extent.value.wrong.most };
});

/** Colors that are held begin as they are. */
export function chooseRange(next: ColorRange): void {
  const held = (part: 'correct' | 'wrong') => {
    const { least, most } = extent.value[part];
    // Where nothing changed, no change can be held.
    const upTo = (view.value === 'difference' && mostChange.value[part]) || most;
    return { least: Math.min(least, upTo), most: upTo };
  };
  if (next === 'fixed') fixedExtent.value = { correct: held('correct'), wrong: held('wrong'), of: normalize.value };
  range.value = next;
}

/** What is shown of the classes and of the samples, where not all classes are. */
export const shownShare = computed<{ classes: number; of: number; share: number } | null>(() => {
  const now = arrangement.value;
  const whole = (subjectPane.value ?? panes.value[0])?.whole;
  if (!now?.rest || !whole) return null;
  const samples = now.classes.reduce((sum, index) => sum + whole.support[index], 0);
  return { classes: now.classes.length, of: classes.value.size, share: samples / whole.total };
});

/** Neighboring places, from the first to the last. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** Where the groups of the order are, as far as their classes still stand side by side. */
export const groupsShown = computed<readonly Span[]>(() => {
  const order = pinned.value;
  if (!order) return [];
  const list = classes.value;
  return order.groups.flatMap((group) => {
    const at = group.map((index) => placeOf(sameClass(index, order.list, list))).filter((place) => place >= 0);
    const [first, last] = [Math.min(...at), Math.max(...at)];
    return at.length > 1 && last - first + 1 === at.length ? [{ first, last }] : [];
  });
});

/** The class of the common list at a place; -1 for the rest. */
export function classAt(place: number): number {
  const now = arrangement.value;
  return now ? (now.classes[place] ?? -1) : place;
}

/** The place of a class of the common list; -1 where it is not shown on its own. */
export function placeOf(index: number): number {
  const now = arrangement.value;
  if (!now) return index;
  const place = places.value?.[index] ?? -1;
  return place < now.classes.length ? place : -1;
}

/** Changes what stands where, and takes the cursor along. */
function rearrange(change: () => void): void {
  const at = cursor.value;
  const pair = at && { run: at.run, trueClass: classAt(at.trueClass), predictedClass: classAt(at.predictedClass) };
  batch(() => {
    change();
    camera.value = FIT;
    hover.value = null;
    const next = pair && { run: pair.run, trueClass: placeOf(pair.trueClass), predictedClass: placeOf(pair.predictedClass) };
    cursor.value = next && Math.min(next.trueClass, next.predictedClass) >= 0 ? next : null;
  });
}

let wantedOrder = 0;

/** Orders the classes by the matrix of a run and step, that of the subject unless told otherwise; the order then stays. */
export async function chooseOrder(name: OrderName, of?: { run: string; step: number }): Promise<void> {
  const mine = ++wantedOrder;
  ordering.value = null;
  if (name === 'logged') {
    rearrange(() => {
      pinned.value = null;
    });
    return;
  }
  const source = of ? await matrixAt(of.run, of.step) : subjectPane.value;
  if (!source?.whole || source.step === null || wantedOrder !== mine) return;
  const list = classes.value;
  const { run, step, whole } = source;
  let made: { order: Int32Array; groups: readonly (readonly number[])[] } | null;
  if (name === 'similarity') {
    made = await inSlices(
      similarity(whole),
      () => wantedOrder === mine,
      (progress) => {
        ordering.value = progress;
      },
    );
  } else made = { order: orderOf(whole, list.names, name), groups: [] };
  if (!made || wantedOrder !== mine) return;
  const { order, groups } = made;
  const next = { name, run, step, list, classes: order, rest: false, groups };
  const to = placesOf(next, list.size);
  const isWanted = () => wantedOrder === mine && list === classes.value && part.value === 'all';
  // Large matrices are brought into the order one by one, so that none of it is left for the task that shows them.
  const large = [...panes.value, baselinePane.value].flatMap((pane) => pane?.whole ?? []).filter(isLarge);
  for (const one of new Set(large)) {
    await breath();
    if (isWanted()) await inSlices(arranging(one, next, to), isWanted);
  }
  if (large.length > 0) await breath();
  if (wantedOrder !== mine) return;
  rearrange(() => {
    ordering.value = null;
    pinned.value = next;
  });
}

async function matrixAt(run: string, step: number): Promise<{ run: string; step: number; whole: Matrix } | null> {
  await loadAside(run, step);
  const found = series.value.get(run)?.ready(step);
  if (!found || !('matrix' in found)) return null;
  return { run, step, whole: onList(found.matrix, await namesFor(run, found.classesId), classes.value) };
}

/** Shows all classes, those that match the search, or the worst of the subject as it is now. */
export function choosePart(next: Part, these?: readonly number[]): void {
  const whole = (subjectPane.value ?? panes.value[0])?.whole;
  rearrange(() => {
    if (typeof next === 'number' && whole) worst.value = { list: classes.value, classes: these ?? worstClasses(whole, next) };
    part.value = next;
  });
}

export function searchFor(text: string): void {
  if (part.value !== 'matches') search.value = text;
  else
    rearrange(() => {
      search.value = text;
    });
}

/** Goes to a cell by its classes on the common list; shows all classes if one of them is not shown. */
export function goToClasses(trueClass: number, predictedClass: number): void {
  if (Math.min(placeOf(trueClass), placeOf(predictedClass)) < 0) choosePart('all');
  goToPlaces({ trueClass: placeOf(trueClass), predictedClass: placeOf(predictedClass) });
}

/** Goes to a cell by its places as they are shown. */
export function goToPlaces({ trueClass, predictedClass }: Cell): void {
  const cell = { trueClass, predictedClass };
  batch(() => {
    cursor.value = { ...cell, run: subject.value ?? '' };
    hover.value = null;
    revealed.value = cell;
    panelTab.value = 'cell';
  });
}

/** The courses of cells, by their places, over all steps of the chosen runs; null when they are no longer wanted. */
export async function loadCourses(cells: readonly Cell[], isWanted: () => boolean): Promise<ReadonlyMap<string, Courses> | null> {
  const found = new Map<string, Courses>();
  const of = normalize.value;
  for (const run of chosenRuns.value) {
    const here = series.value.get(run);
    if (!here) continue;
    const { steps } = here.info;
    const counts = new Float64Array(cells.length * steps.length).fill(Number.NaN);
    const values = counts.slice();
    const index = new Map(steps.map((step, i) => [step, i]));
    const where = `run ${run}, courses`;
    const visited = scan(here, steps, isWanted, async (step, matrix, classesId) => {
      const there = arranged(onList(matrix, await namesFor(run, classesId), classes.value));
      const at = index.get(step) as number;
      for (const [i, { trueClass, predictedClass }] of cells.entries()) {
        const count = countAt(there, trueClass, predictedClass);
        const divisor = denominator(there, of, trueClass, predictedClass);
        counts[i * steps.length + at] = count;
        // Where the class has no samples, a count of zero tells nothing either.
        const isUndefined = of === 'counts' ? there.support[trueClass] === 0 : divisor === 0;
        values[i * steps.length + at] = isUndefined ? Number.NaN : count / divisor;
      }
    });
    await visited.then(
      () => clearProblem(where),
      (error: Error) => report(where, error.message),
    );
    if (!isWanted()) return null;
    found.set(run, { steps, counts, values });
  }
  return found;
}
