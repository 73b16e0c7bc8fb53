// What is logged and what of it is chosen, as signals. Knows nothing of the page; loading.ts fills and changes it.

import { computed, signal } from '@preact/signals';
import { type Camera, type Cell, FIT } from './camera';
import type { Summary } from './history';
import type { Matrix } from './matrix';
import type { Series } from './series';

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
/** What could not be had, by where it belongs. */
export const reports = signal<ReadonlyMap<string, Problem>>(new Map());
/** Class names by the id of their list; null for a list that could not be had. */
export const classLists = signal<ReadonlyMap<string, readonly string[] | null>>(new Map());
// Series are not signals: these counters make what follows from them look again.
export const arrived = signal(0);
export const noticed = signal(0);

export const steps = computed(() => unionOfSteps(chosenRuns.value.map((run) => series.value.get(run)?.info.steps ?? [])));
/** The chosen step: one of `steps`, or null when there are none. */
export const step = computed(
  () => nearestEarlier(steps.value, wantedStep.value ?? Number.POSITIVE_INFINITY) ?? steps.value[0] ?? null,
);

/** When the chosen step was logged, by the first run that has this very step, in seconds since 1970. */
export const loggedAt = computed(() => {
  for (const run of chosenRuns.value) {
    const info = series.value.get(run)?.info;
    const i = info?.steps.indexOf(step.value ?? Number.NaN) ?? -1;
    if (info && i >= 0) return info.wall_times[i];
  }
  return null;
});

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

/** How many choices of a tag are on their way. */
export const choosing = signal(0);

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
export function namesOf(classesId: string | null): readonly string[] | null {
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
/** How far the histories of the chosen runs are, from 0 to 1; steps that were found to be no matrix have been read. */
export const historyProgress = computed(() => {
  noticed.value;
  let [done, all] = [0, 0];
  for (const run of chosenRuns.value) {
    const here = series.value.get(run);
    const known = histories.value.get(run);
    for (const at of here?.info.steps ?? []) {
      all++;
      if (known?.has(at) || here?.problems.has(at)) done++;
    }
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

/** Forgets what is of the tag before. */
export function forget(): void {
  lastShown = new Map();
  reports.value = new Map();
  histories.value = new Map();
  camera.value = FIT;
  cursor.value = null;
  hover.value = null;
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
