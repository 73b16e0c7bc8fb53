// What is logged and what of it is chosen: signals, and the few things one can do. Knows nothing of the page.

import { batch, computed, signal } from '@preact/signals';
import { ApiError, FEW_RUNS, fetchClasses, fetchSeries, fetchTags, type SeriesInfo } from './api';
import { type Camera, type Cell, FIT } from './camera';
import { type Summary, scan, summaryOf } from './history';
import type { Matrix } from './matrix';
import { decodeClasses } from './record';
import { Series } from './series';

/** A cell, by its places in what is shown, and the run in whose matrix it is. */
export interface Cursor extends Cell {
  readonly run: string;
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
export type BaselineStep = 'previous' | 'first' | 'same' | number;

const PLAY_MILLISECONDS = 350;
/** Charts that grow are drawn anew this often. */
const TELL_MILLISECONDS = 250;
const LEFT_OUT = 'the series is too large for TensorBoard to give whole; some steps are left out';
const FAR = 'steps beyond ±(2**53 - 1) cannot be told apart here, and are left out';

/** All tags; null until they are known, which may be after one of them is shown. */
export const tags = signal<readonly string[] | null>(null);
export const tag = signal('');
export const series = signal<ReadonlyMap<string, Series>>(new Map());
export const chosenRuns = signal<readonly string[]>([]);
export const runPattern = signal('');
export const wantedStep = signal<number | null>(null);
export const playing = signal(false);
export const camera = signal<Camera>(FIT);
/** The side of the square that the camera's pixels are of: they grow and shrink with it. */
export const cameraSide = signal(1);
/** The cell that was clicked or gone to by keys: it stays when the pointer leaves. */
export const cursor = signal<Cursor | null>(null);
/** The cell under the pointer. */
export const hover = signal<Cursor | null>(null);
export const wantedSubject = signal<string | null>(null);
/** What the chosen run is compared with: another run, or null for the run itself, at another or the same step. */
export const baselineRun = signal<string | null>(null);
export const baselineStep = signal<BaselineStep>('previous');
const reports = signal<ReadonlyMap<string, Problem>>(new Map());
/** Class names by the id of their list; null for a list that could not be had. */
const classLists = signal<ReadonlyMap<string, readonly string[] | null>>(new Map());
// Series are not signals: these counters make what follows from them look again.
const arrived = signal(0);
const noticed = signal(0);

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
    if (info.far) found.push({ where: `run ${info.run}, tag ${ofTag}`, what: FAR });
    for (const [at, what] of ofSteps) found.push({ where: `run ${info.run}, tag ${ofTag}, step ${at}`, what });
  }
  return found;
});

const choosing = signal(0);

let lastShown = new Map<string, Shown>();

/** One entry a chosen run. While a matrix is on its way, the one before it stays, so that nothing flickers. */
export const shown = computed<readonly Shown[]>(() => {
  const now = chosenRuns.value.map((run) => showing(run, step.value, lastShown.get(run)));
  lastShown = new Map(now.map((one) => [one.run, one]));
  return now;
});

/** What is there of a run at a step or before it. */
function showing(run: string, wanted: number | null, before: Shown | undefined): Shown {
  arrived.value;
  const here = series.value.get(run);
  const at = here && wanted !== null ? nearestEarlier(here.info.steps, wanted) : null;
  const nothing = { run, step: null, matrix: null, names: null, problem: null, loading: false };
  if (!here || at === null) return nothing;
  const ready = here.ready(at);
  const namesHere = ready && (!('matrix' in ready) || !ready.classesId || classLists.value.has(ready.classesId));
  const failure = ready ? undefined : reports.value.get(`run ${run}, tag ${here.tag}`);
  if (failure) return { ...nothing, step: at, problem: failure.what };
  if (!ready || !namesHere) return { ...(before ?? { ...nothing, step: at }), loading: true };
  if ('problem' in ready) return { ...nothing, step: at, problem: ready.problem };
  return { ...nothing, step: at, matrix: ready.matrix, names: namesOf(ready.classesId) };
}

/** The names of a class list; null where there is none or it could not be had. */
function namesOf(classesId: string | null): readonly string[] | null {
  return classesId ? (classLists.value.get(classesId) ?? null) : null;
}

/** The run that the side panel tells of and that is compared with the baseline: that of the cursor, or the first. */
export const subject = computed(() => {
  const runs = chosenRuns.value;
  return wantedSubject.value !== null && runs.includes(wantedSubject.value) ? wantedSubject.value : (runs[0] ?? null);
});
/** The run and the step that a run at a step is compared with; null where there is none. */
export function baselineFor(mine: string, at: number): { run: string; step: number } | null {
  const run = baselineRun.value !== null && series.value.has(baselineRun.value) ? baselineRun.value : mine;
  const all = series.value.get(run)?.info.steps ?? [];
  // No run is told to differ from itself at the same step.
  const wanted = run === mine && baselineStep.value === 'same' ? 'previous' : baselineStep.value;
  let found: number | null;
  if (wanted === 'first') found = all[0] ?? null;
  else if (wanted === 'same') found = nearestEarlier(all, step.value ?? at);
  else if (wanted === 'previous') found = all[all.findLastIndex((one) => one < at)] ?? null;
  else found = nearestEarlier(all, wanted);
  return found === null ? null : { run, step: found };
}

/** What the subject is compared with. */
export const baselineAt = computed(() => {
  const mine = shown.value.find((one) => one.run === subject.value);
  return mine && mine.step !== null ? baselineFor(mine.run, mine.step) : null;
});

let lastBaseline: Shown | undefined;
export const baseline = computed<Shown | null>(() => {
  const at = baselineAt.value;
  const before = lastBaseline?.run === at?.run ? lastBaseline : undefined;
  lastBaseline = at ? showing(at.run, at.step, before) : undefined;
  return lastBaseline ?? null;
});

/** Whether something else will be shown in a moment. */
export const loading = computed(() => choosing.value > 0 || shown.value.some((one) => one.loading));

/** Run by run the summaries of its steps, as far as they have been made. */
export const histories = signal<ReadonlyMap<string, ReadonlyMap<number, Summary>>>(new Map());
/** How far the histories of the chosen runs are, from 0 to 1. */
export const historyProgress = computed(() => {
  let [done, all] = [0, 0];
  for (const run of chosenRuns.value) {
    const info = series.value.get(run)?.info;
    all += info?.steps.length ?? 0;
    done += Math.min(histories.value.get(run)?.size ?? 0, info?.steps.length ?? 0);
  }
  return all === 0 ? 1 : done / all;
});

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
    const wanted = [restored?.tag ?? '', wantedTag, tag.value].filter((one) => one !== '');
    // At first only what is to be shown: where there are 1,000 runs, all of them take longer, and all tags, too.
    const few = tag.value === '' ? (restored?.runs ?? []) : undefined;
    const isShown = await showTag(wanted[0] ?? null, few).catch(isGone);
    const isWhole = few === undefined || (few.length === 0 && series.value.size < FEW_RUNS);
    if (isShown && !isWhole) await showTag(wantedTag);
    const found = await fetchTags();
    if (!isShown && found.length > 0) await showTag(wanted.find((one) => found.includes(one)) ?? found[0]);
    tags.value = found;
    clearProblem('TensorBoard');
  } catch (error) {
    report('TensorBoard', (error as Error).message);
  }
}

let wantedTag = '';
/** The runs that were asked for: a tag that some of them have not does not forget them. */
let wishedRuns: readonly string[] = [];
let restored: { tag: string; runs: readonly string[]; step: number | null } | null = null;

/** Shows a tag, runs and a step of it, as far as they are there. */
export async function restore(ofTag: string, runs: readonly string[], at: number | null): Promise<void> {
  restored = { tag: ofTag, runs, step: at };
  await refresh();
  restored = null;
}

/**
 * Shows a tag, or the first; for the tag already shown, looks for new steps and runs and keeps the view. Of its runs all, or those that
 * fetchSeries takes. Whether there is such a tag.
 */
export async function showTag(wanted: string | null, runs?: readonly string[]): Promise<boolean> {
  wantedTag = wanted ?? '';
  const { tag: next, series: infos } = await fetchSeries(wanted, runs);
  if (wantedTag !== (wanted ?? '')) return true; // another one was chosen meanwhile
  if (next === null || infos.length === 0) return false;
  wantedTag = next;
  classLists.value = new Map([...classLists.value].filter(([, names]) => names !== null)); // what failed is asked for again
  batch(() => {
    const same = tag.value === next;
    const newest = steps.value.at(-1);
    const atEnd = step.value === null || step.value === newest;
    series.value = new Map(infos.map((info) => [info.run, (same && updated(info)) || seriesOf(next, info)]));
    tag.value = next;
    if (restored?.tag === next) wishedRuns = restored.runs;
    const kept = wishedRuns.filter((run) => series.value.has(run)).slice(0, MOST_RUNS);
    chosenRuns.value = kept.length > 0 ? kept : filteredRuns.value.concat([...series.value.keys()]).slice(0, 1);
    // Someone who looks at the newest step follows the training; anyone else stays where they are.
    if (!same || atEnd) wantedStep.value = null;
    if (restored?.tag === next) wantedStep.value = restored.step;
    if (!same) {
      lastShown = new Map();
      reports.value = new Map(); // those of the tag before
      histories.value = new Map();
      camera.value = FIT;
      cursor.value = null;
      hover.value = null;
    }
  });
  clearProblem(`tag ${next}`);
  loadShown();
  return true;
}

function isGone(error: Error): false {
  if (error instanceof ApiError && error.status === 404) return false;
  throw error;
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
  chooseRuns(chosen.includes(run) ? chosen.filter((other) => other !== run) : [...chosen, run]);
}

/** Chooses runs, as many as can be shown; they stand in the order of the list. */
export function chooseRuns(runs: readonly string[]): void {
  const wanted = new Set(runs);
  chosenRuns.value = [...series.value.keys()].filter((run) => wanted.has(run)).slice(0, MOST_RUNS);
  wishedRuns = chosenRuns.value;
  loadShown();
}

/** Which of the run colors every chosen run has: it keeps it while it is chosen. */
export const runSlots = computed<ReadonlyMap<string, number>>(() => {
  const kept = new Map([...lastSlots].filter(([run]) => chosenRuns.value.includes(run)));
  const all = [...series.value.keys()];
  for (const run of chosenRuns.value) {
    if (kept.has(run)) continue;
    const taken = new Set(kept.values());
    const own = Math.max(0, all.indexOf(run)); // whichever was ticked first
    kept.set(run, [...Array(MOST_RUNS).keys()].map((i) => (own + i) % MOST_RUNS).find((slot) => !taken.has(slot)) ?? 0);
  }
  lastSlots = kept;
  return kept;
});
let lastSlots: ReadonlyMap<string, number> = new Map();

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

/** Loads a step that is looked at in passing: the baseline, or where an order was made. */
export async function loadAside(run: string, at: number): Promise<void> {
  const here = series.value.get(run);
  if (!here || here.ready(at)) return;
  const where = `run ${run}, tag ${here.tag}, step ${at}`;
  try {
    const loaded = await here.visit(at);
    if ('matrix' in loaded && loaded.classesId) await loadClassList(run, loaded.classesId);
    clearProblem(where);
  } catch (error) {
    report(where, (error as Error).message);
  }
  arrived.value++;
}

let wantedHistories = '';
let loadingHistories: Promise<void> | null = null;

/** Summarizes every step of the chosen runs that is not yet summarized, run by run, the subject first. */
export function loadHistories(): Promise<void> {
  const runs = [...chosenRuns.value].sort((a, b) => Number(b === subject.value) - Number(a === subject.value));
  const wanted = `${tag.value}\n${runs.join('\n')}\n${runs.map((run) => series.value.get(run)?.info.wall_times)}`;
  if (loadingHistories && wantedHistories === wanted) return loadingHistories;
  wantedHistories = wanted;
  const mine = summarize(runs, () => wantedHistories === wanted).finally(() => {
    if (loadingHistories === mine) loadingHistories = null;
  });
  loadingHistories = mine;
  return mine;
}

async function summarize(runs: readonly string[], isWanted: () => boolean): Promise<void> {
  for (const run of runs) {
    const here = series.value.get(run);
    if (!here) continue;
    const logged = new Map(here.info.steps.map((at, i) => [at, here.info.wall_times[i]]));
    const known = new Map([...(histories.value.get(run) ?? [])].filter(([at, one]) => logged.get(at) === one.wallTime));
    const missing = here.info.steps.filter((at) => !known.has(at));
    const tell = () => {
      histories.value = new Map(histories.value).set(run, new Map(known));
    };
    let told = performance.now();
    const where = `run ${run}, its other steps`;
    await scan(here, missing, isWanted, async (at, matrix, classesId) => {
      const names = await namesFor(run, classesId);
      known.set(at, summaryOf(at, logged.get(at) ?? Number.NaN, matrix, { size: matrix.numClasses, names }));
      if (performance.now() - told < TELL_MILLISECONDS) return;
      tell();
      told = performance.now();
    }).then(
      () => clearProblem(where),
      (error: Error) => report(where, error.message),
    );
    if (!isWanted()) return;
    if (missing.some((at) => known.has(at))) tell();
  }
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

/** The names of a class list, loaded if they are not here yet. */
export async function namesFor(run: string, classesId: string | null): Promise<readonly string[] | null> {
  if (classesId && !classLists.value.has(classesId)) await loadClassList(run, classesId);
  return namesOf(classesId);
}

function updated(info: SeriesInfo): Series | undefined {
  const here = series.value.get(info.run);
  here?.update(info);
  return here;
}

function seriesOf(ofTag: string, info: SeriesInfo): Series {
  return new Series(ofTag, info, () => noticed.value++);
}

export function report(where: string, what: string): void {
  reports.value = new Map(reports.value).set(where, { where, what });
}

export function clearProblem(where: string): void {
  if (!reports.value.has(where)) return;
  const rest = new Map(reports.value);
  rest.delete(where);
  reports.value = rest;
}
