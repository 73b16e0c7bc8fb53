// What is looked at: signals, what follows from them, and the few things one can do. Knows nothing of the page.

import { batch, computed, signal } from '@preact/signals';
import { fetchClasses, fetchSeries, fetchTags, type SeriesInfo, type TagRuns } from './api';
import { type Camera, type Cell, FIT } from './camera';
import type { Matrix, Normalize } from './matrix';
import { type PaletteName, paletteOf } from './palette';
import { decodeClasses } from './record';
import { type ColorScale, scaleOf, sharedExtent } from './scale';
import { Series } from './series';

/** A cell under the pointer or the cursor, and the run in whose matrix it is. */
export interface Cursor extends Cell {
  readonly run: string;
  readonly byKeyboard: boolean;
}

/** What is shown of a run: the nearest step at or before the chosen one, and its matrix when it is here. */
export interface Shown {
  readonly run: string;
  readonly step: number | null;
  readonly matrix: Matrix | null;
  readonly names: readonly string[] | null;
  readonly problem: string | null;
  /** Whether what should be shown is still on its way. */
  readonly loading: boolean;
}

export interface Problem {
  readonly where: string;
  readonly what: string;
}

export const MOST_RUNS = 8;
const PLAY_MILLISECONDS = 350;
const LEFT_OUT = 'the series is too large for TensorBoard to give whole; some steps are left out';

export const tags = signal<readonly TagRuns[] | null>(null);
export const tag = signal('');
export const series = signal<ReadonlyMap<string, Series>>(new Map());
export const chosenRuns = signal<readonly string[]>([]);
export const runPattern = signal('');
export const wantedStep = signal<number | null>(null);
export const playing = signal(false);
export const camera = signal<Camera>(FIT);
export const cursor = signal<Cursor | null>(null);
export const normalize = signal<Normalize>('counts');
export const color = signal<ColorScale>('linear');
export const paletteName = signal<PaletteName>('blue-orange');
export const dark = signal(false);
const reports = signal<ReadonlyMap<string, Problem>>(new Map());
/** Class names by the id of their list; null for a list that could not be had. */
const classLists = signal<ReadonlyMap<string, readonly string[] | null>>(new Map());
// Series are not signals: these counters make what follows from them look again.
const arrived = signal(0);
const noticed = signal(0);

export const palette = computed(() => paletteOf(paletteName.value, dark.value));
export const steps = computed(() => unionOfSteps(chosenRuns.value.map((run) => series.value.get(run)?.info.steps ?? [])));
/** The chosen step: one of `steps`, or null when there are none. */
export const step = computed(
  () => nearestEarlier(steps.value, wantedStep.value ?? Number.POSITIVE_INFINITY) ?? steps.value[0] ?? null,
);

/** Everything that could not be shown, with the run, tag and step it belongs to. */
export const problems = computed<readonly Problem[]>(() => {
  noticed.value;
  const found = [...reports.value.values()];
  for (const { info, tag: ofTag, problems: ofSteps } of series.value.values()) {
    if (info.sampled) found.push({ where: `run ${info.run}, tag ${ofTag}`, what: LEFT_OUT });
    for (const [at, what] of ofSteps) found.push({ where: `run ${info.run}, tag ${ofTag}, step ${at}`, what });
  }
  return found;
});

const choosing = signal(0);

let lastShown = new Map<string, Shown>();

/** One entry a chosen run. While a matrix is on its way, the one before it stays, so that nothing flickers. */
export const shown = computed<readonly Shown[]>(() => {
  arrived.value;
  const now = chosenRuns.value.map((run): Shown => {
    const here = series.value.get(run);
    const at = here && step.value !== null ? nearestEarlier(here.info.steps, step.value) : null;
    const nothing = { run, step: null, matrix: null, names: null, problem: null, loading: false };
    if (!here || at === null) return nothing;
    const ready = here.ready(at);
    const namesHere = ready && (!('matrix' in ready) || !ready.classesId || classLists.value.has(ready.classesId));
    const failure = ready ? undefined : reports.value.get(`run ${run}, tag ${here.tag}`);
    if (failure) return { ...nothing, step: at, problem: failure.what };
    if (!ready || !namesHere) return { ...(lastShown.get(run) ?? { ...nothing, step: at }), loading: true };
    if ('problem' in ready) return { ...nothing, step: at, problem: ready.problem };
    const names = ready.classesId ? (classLists.value.get(ready.classesId) ?? null) : null;
    return { ...nothing, step: at, matrix: ready.matrix, names };
  });
  lastShown = new Map(now.map((one) => [one.run, one]));
  return now;
});

/** The matrix that the cursor is told of: that of its run or, when that run is no longer shown, the first. */
export const pointed = computed(() => {
  const withMatrix = shown.value.filter((one) => one.matrix);
  return withMatrix.find((one) => one.run === cursor.value?.run) ?? withMatrix[0];
});

/** Whether something else will be shown in a moment. */
export const loading = computed(() => choosing.value > 0 || shown.value.some((one) => one.loading));

export const extent = computed(() =>
  sharedExtent(
    shown.value.flatMap((one) => one.matrix ?? []),
    normalize.value,
  ),
);
export const scale = computed(() => scaleOf(extent.value, color.value));

/** The runs of the tag whose names the filter lets through; a filter that is no regular expression is taken as a text. */
export const filteredRuns = computed(() => {
  const runs = [...series.value.keys()];
  try {
    const pattern = new RegExp(runPattern.value, 'i');
    return runs.filter((run) => pattern.test(run));
  } catch {
    return runs.filter((run) => run.includes(runPattern.value));
  }
});

export function unionOfSteps(lists: readonly (readonly number[])[]): number[] {
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}

/** The last of growing steps that is at most `wanted`; null if all are later. */
export function nearestEarlier(sorted: readonly number[], wanted: number): number | null {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= wanted) low = middle + 1;
    else high = middle;
  }
  return low > 0 ? sorted[low - 1] : null;
}

/** Asks TensorBoard what there is; at the first call, and again whenever it has reloaded. */
export async function refresh(): Promise<void> {
  try {
    const found = await fetchTags();
    const isThere = (wanted: string) => found.some((one) => one.tag === wanted);
    const next = [wantedTag, tag.value].find(isThere) ?? found[0]?.tag ?? '';
    if (next) await showTag(next);
    tags.value = found;
    clearProblem('TensorBoard');
  } catch (error) {
    report('TensorBoard', (error as Error).message);
  }
}

let wantedTag = '';

/** Shows a tag; for the tag already shown, looks for new steps and runs and keeps the view. */
export async function showTag(next: string): Promise<void> {
  wantedTag = next;
  const infos = await fetchSeries(next);
  if (wantedTag !== next) return; // another one was chosen meanwhile
  classLists.value = new Map([...classLists.value].filter(([, names]) => names !== null)); // what failed is asked for again
  batch(() => {
    const same = tag.value === next;
    const newest = steps.value.at(-1);
    const atEnd = step.value === null || step.value === newest;
    series.value = new Map(infos.map((info) => [info.run, (same && updated(info)) || seriesOf(next, info)]));
    tag.value = next;
    const kept = chosenRuns.value.filter((run) => series.value.has(run));
    chosenRuns.value = kept.length > 0 ? kept : filteredRuns.value.concat([...series.value.keys()]).slice(0, 1);
    // Someone who looks at the newest step follows the training; anyone else stays where they are.
    if (!same || atEnd) wantedStep.value = null;
    if (!same) {
      lastShown = new Map();
      reports.value = new Map(); // those of the tag before
      camera.value = FIT;
      cursor.value = null;
    }
  });
  clearProblem(`tag ${next}`);
  loadShown();
}

/** Chooses the tag in the toolbar. */
export function chooseTag(next: string): void {
  choosing.value++;
  showTag(next)
    .catch((error: Error) => report(`tag ${next}`, error.message))
    .finally(() => {
      choosing.value--;
    });
}

export function toggleRun(run: string): void {
  const chosen = chosenRuns.value;
  if (chosen.includes(run)) chosenRuns.value = chosen.filter((other) => other !== run);
  else chosenRuns.value = [...series.value.keys()].filter((other) => other === run || chosen.includes(other)).slice(0, MOST_RUNS);
  loadShown();
}

export function goToStep(next: number): void {
  wantedStep.value = next;
  loadShown();
}

/** Moves by steps of the slider, and stays within them. */
export function moveStep(by: number): void {
  const all = steps.value;
  const next = all[Math.min(all.length - 1, Math.max(0, all.indexOf(step.value ?? Number.NaN) + by))];
  if (next !== undefined) goToStep(next);
}

let player: ReturnType<typeof setInterval> | undefined;

export function togglePlay(): void {
  clearInterval(player);
  playing.value = !playing.value;
  if (!playing.value) return;
  if (step.value === steps.value.at(-1) && steps.value.length > 0) goToStep(steps.value[0]);
  player = setInterval(() => {
    if (step.value === steps.value.at(-1)) togglePlay();
    else moveStep(1);
  }, PLAY_MILLISECONDS);
}

/** Loads what is to be shown now, then what is near to it. */
export function loadShown(): void {
  for (const run of chosenRuns.value) {
    const here = series.value.get(run);
    const at = here && step.value !== null ? nearestEarlier(here.info.steps, step.value) : null;
    if (!here || at === null) continue;
    const where = `run ${run}, tag ${here.tag}`;
    loadStep(here, at).then(
      () => clearProblem(where),
      (error: Error) => report(where, error.message),
    );
  }
}

async function loadStep(here: Series, at: number): Promise<void> {
  const waited = !here.ready(at);
  const loaded = await here.load(at);
  if ('matrix' in loaded && loaded.classesId) await loadClassList(here.info.run, loaded.classesId);
  if (waited) arrived.value++;
  await here.prefetch(at);
}

async function loadClassList(run: string, id: string): Promise<void> {
  const where = `run ${run}, class names`;
  // What one run has lost, another may have; this one is not asked again before the next reload.
  if (classLists.value.get(id) || (classLists.value.has(id) && reports.value.has(where))) return;
  let names: readonly string[] | null = null;
  try {
    names = await decodeClasses(await fetchClasses(run, id));
    clearProblem(where);
  } catch (error) {
    report(where, `${(error as Error).message}; classes are shown by number`);
  }
  classLists.value = new Map(classLists.value).set(id, classLists.value.get(id) ?? names);
}

function updated(info: SeriesInfo): Series | undefined {
  const here = series.value.get(info.run);
  here?.update(info);
  return here;
}

function seriesOf(ofTag: string, info: SeriesInfo): Series {
  return new Series(ofTag, info, () => noticed.value++);
}

function report(where: string, what: string): void {
  reports.value = new Map(reports.value).set(where, { where, what });
}

function clearProblem(where: string): void {
  if (!reports.value.has(where)) return;
  const rest = new Map(reports.value);
  rest.delete(where);
  reports.value = rest;
}
