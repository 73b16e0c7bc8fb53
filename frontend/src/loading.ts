// What one can choose - a tag, runs, a step - and the loading that follows from it: what is shown first, then what is near.

import { batch } from '@preact/signals';
import { ApiError, FEW_RUNS, fetchClasses, fetchSeries, fetchTags, type SeriesInfo } from './api';
import { scan, summaryOf } from './history';
import { decodeClasses } from './record';
import { Series } from './series';
import {
  arrived,
  baselineRun,
  choosing,
  chosenRuns,
  classLists,
  clearProblem,
  filteredRuns,
  forget,
  histories,
  MOST_RUNS,
  namesOf,
  nearestEarlier,
  noticed,
  playing,
  report,
  reports,
  series,
  step,
  steps,
  subject,
  tag,
  tags,
  wantedStep,
} from './state';

const PLAY_MILLISECONDS = 350;
/** Charts that grow are drawn anew this often. */
const TELL_MILLISECONDS = 250;

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
    if (!same) forget();
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

/** Summarizes every step of the chosen runs and of the baseline that is not yet summarized, run by run, the subject first. */
export function loadHistories(): Promise<void> {
  const runs = [...chosenRuns.value].sort((a, b) => Number(b === subject.value) - Number(a === subject.value));
  const base = baselineRun.value;
  if (base !== null && series.value.has(base) && !runs.includes(base)) runs.push(base);
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
