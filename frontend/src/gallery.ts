// The examples behind the cells: those of the nearest step that has some, loaded when they are looked at.
//
// A matrix is drawn without them. Only then, once the step has been looked at for a moment and where cells are large enough to be marked, is
// the record of this one step loaded, for which cells have examples stands nowhere else: some KB of ids, texts and numbers, as much as a few
// matrices. The images, which are nearly all of the bytes, are loaded one by one where they come into view.

import { computed, effect, signal } from '@preact/signals';
import { fetchExampleSeries, fetchExamples, type LoggedRecord, type SeriesInfo } from './api';
import { type ClassList, sameClass } from './arrange';
import { cellSize } from './camera';
import { rankedConfusions } from './confusions';
import { decodeExamples, type Example, type StepExamples } from './examples';
import { nameOf } from './format';
import { namesFor } from './loading';
import { classAt, classes, seenClasses, settledPanes } from './seen';
import { camera, cameraSide, chosenRuns, loading, report, series, shown, step, subject, tag } from './state';

/** The examples of one run that are shown at a step, their classes on the common list. */
export interface Shelf {
  readonly run: string;
  readonly step: number;
  /** The step that was asked for: the nearest that has examples may be another. */
  readonly wanted: number;
  readonly cells: ReadonlyMap<string, { readonly examples: readonly Example[]; readonly seen: number | null }>;
}

interface Loaded {
  readonly wallTime: number;
  /** Null where they could not be read. */
  readonly examples: StepExamples | null;
  readonly list: ClassList;
}

/** Where a sample was kept, its classes on the common list; -1 for one that is not there. */
export interface Sighting extends Example {
  readonly run: string;
  readonly step: number;
  readonly predictedName: string;
  readonly isWrong: boolean;
}

/** Run by run the steps that have examples. */
export const exampleSteps = signal<ReadonlyMap<string, SeriesInfo>>(new Map());
const loaded = signal<ReadonlyMap<string, Loaded>>(new Map());
/** How many confusions the gallery has, and how many examples of each. */
export const USUALLY_LISTED = { rows: 10, columns: 5 };
export const galleryRows = signal(USUALLY_LISTED.rows);
export const galleryColumns = signal(USUALLY_LISTED.columns);
/** At most so many of either. */
export const MOST_LISTED = 50;

export function listable(count: number): number {
  return Math.min(MOST_LISTED, Math.max(1, Math.floor(count)));
}

/** Smaller cells are not marked. */
export const MARKS_FROM = 14;
const KEPT_STEPS = 64;
const HURRY_MILLISECONDS = 120;
const BATCH_BYTES = 1 << 20;

export const hasExamples = computed(() => exampleSteps.value.size > 0);
/** Whether cells are large enough for a mark. */
export const canMark = computed(() => cellSize(camera.value, cameraSide.value, seenClasses.value.size) >= MARKS_FROM);

function keyOf(run: string, at: number): string {
  return `${tag.value}\n${run}\n${at}`;
}

/** The nearest step that has examples, of two the earlier. */
export function exampleStepFor(run: string, wanted: number): number | null {
  const steps = exampleSteps.value.get(run)?.steps ?? [];
  const nearer = (near: number, one: number) => (Math.abs(one - wanted) < Math.abs(near - wanted) ? one : near);
  return steps.length === 0 ? null : steps.reduce(nearer);
}

/** The step of a run that is looked at, and the one whose examples are shown there. */
function lookedAt(run: string | null): { run: string; wanted: number; at: number } | null {
  const wanted = shown.value.find((one) => one.run === run)?.step ?? step.value;
  if (run === null || wanted === null) return null;
  const at = exampleStepFor(run, wanted);
  return at === null ? null : { run, wanted, at };
}

export function shelfOf(run: string | null): Shelf | null {
  const place = lookedAt(run);
  const found = place && loaded.value.get(keyOf(place.run, place.at));
  if (!place || !found?.examples) return null;
  const onList = (index: number) => sameClass(index, found.list, classes.value);
  const cells = new Map(
    found.examples.cells.flatMap((cell) => {
      const [trueClass, predictedClass] = [onList(cell.trueClass), onList(cell.predictedClass)];
      if (Math.min(trueClass, predictedClass) < 0) return []; // of another step, where there was one class more
      const examples = cell.examples.map((one) => ({ ...one, trueClass, predictedClass }));
      return [[cellKey(trueClass, predictedClass), { examples, seen: cell.seen }] as const];
    }),
  );
  return { run: place.run, step: place.at, wanted: place.wanted, cells };
}

/** The examples of the subject. */
export const shelf = computed(() => shelfOf(subject.value));

export function cellKey(trueClass: number, predictedClass: number): string {
  return `${trueClass} ${predictedClass}`;
}

/** Whether a cell, by its places, has examples. */
export const marked = computed<((row: number, column: number) => boolean) | null>(() => {
  const now = shelf.value;
  return now && ((row, column) => now.cells.has(cellKey(classAt(row), classAt(column))));
});

/** The worst confusions of the subject, by their classes on the common list. */
export const galleryCells = computed(() => {
  const pane = settledPanes.value.find((one) => one.run === subject.value);
  return pane?.whole ? rankedConfusions(pane.whole, 'count', galleryRows.value) : [];
});

/** Why there is no shelf. */
export const noShelf = computed(() => {
  const place = lookedAt(subject.value);
  if (!place) return `${subject.value} has no examples`;
  const isUnreadable = loaded.value.get(keyOf(place.run, place.at))?.examples === null;
  return isUnreadable ? `The examples of step ${place.at} can't be read` : 'Loading the examples…';
});

interface Trail {
  readonly run: string;
  readonly step: number;
  readonly wallTime: number;
  readonly list: ClassList;
  readonly byId: ReadonlyMap<string, Example>;
}

/** What each step has of samples with ids, without their texts. */
const trails = signal<ReadonlyMap<string, Trail>>(new Map());

/** In so many runs a sample is followed at most. */
const MOST_FOLLOWED = 50;

/** The runs in which samples are followed: those that are looked at first. */
function followedRuns(): string[] {
  return [...new Set([...chosenRuns.value, ...exampleSteps.value.keys()])].slice(0, MOST_FOLLOWED);
}

/** Where a sample was kept, at all steps of all runs that have been read. */
export function sightingsOf(id: string): Sighting[] {
  const found: Sighting[] = [];
  for (const [key, { run, step: at, list, byId }] of trails.value) {
    const one = byId.get(id);
    if (!one || key !== keyOf(run, at)) continue; // of another tag
    found.push({
      ...one,
      run,
      step: at,
      trueClass: sameClass(one.trueClass, list, classes.value),
      predictedClass: sameClass(one.predictedClass, list, classes.value),
      predictedName: nameOf(list.names, one.predictedClass),
      isWrong: one.trueClass !== one.predictedClass,
    });
  }
  return found.sort((a, b) => (a.run < b.run ? -1 : a.run > b.run ? 1 : a.step - b.step));
}

let following: Promise<void> | null = null;

/** Reads the examples of every step, to follow samples through them. */
export function loadTrails(): Promise<void> {
  following ??= readTrails().finally(() => {
    following = null;
  });
  return following;
}

async function readTrails(): Promise<void> {
  const ofTag = tag.value;
  for (const run of followedRuns()) {
    const info = exampleSteps.value.get(run);
    if (!info) continue;
    const missing = info.steps.flatMap((at, i) =>
      trails.value.get(keyOf(run, at))?.wallTime === info.wall_times[i] ? [] : [{ at, size: info.sizes[i] }],
    );
    for (let i = 0; i < missing.length; ) {
      const first = missing[i].at;
      let last = first;
      for (let bytes = 0; i < missing.length && (bytes === 0 || bytes + missing[i].size <= BATCH_BYTES); i++) {
        last = missing[i].at;
        bytes += missing[i].size;
      }
      try {
        const found = await Promise.all((await fetchExamples(run, ofTag, first, last)).map((record) => trailOf(run, record)));
        if (tag.value !== ofTag) return;
        trails.value = new Map([...trails.value, ...found.flatMap((one) => (one ? [[keyOf(run, one.step), one] as const] : []))]);
      } catch (error) {
        report(`run ${run}, tag ${ofTag}, examples`, (error as Error).message);
        return;
      }
    }
  }
}

async function trailOf(run: string, record: LoggedRecord): Promise<Trail | null> {
  let examples: StepExamples;
  try {
    examples = await decodeExamples(record.bytes);
  } catch {
    return null; // told where its step is looked at
  }
  const all = examples.cells.flatMap((cell) => cell.examples);
  const byId = new Map(all.flatMap((one) => (one.id === null ? [] : [[one.id, { ...one, text: null, image: null }] as const])));
  const list = { size: examples.numClasses, names: await namesFor(run, examples.classesId) };
  return { run, step: record.step, wallTime: record.wallTime, list, byId };
}

const pending = new Map<string, Promise<void>>();

/** Loads the examples of a step; again if it was logged again, or could not be read before. */
export function loadExamples(run: string, at: number): Promise<void> {
  const key = keyOf(run, at);
  const info = exampleSteps.value.get(run);
  const known = loaded.value.get(key);
  if (known?.examples && known.wallTime === info?.wall_times[info.steps.indexOf(at)]) return Promise.resolve();
  const before = pending.get(key);
  if (before) return before;
  const promise = load(run, at, key).finally(() => pending.delete(key));
  pending.set(key, promise);
  return promise;
}

async function load(run: string, at: number, key: string): Promise<void> {
  const where = `run ${run}, tag ${tag.value}, examples of step ${at}`;
  let found: Loaded = { wallTime: Number.NaN, examples: null, list: { size: 0, names: null } };
  try {
    const [record] = await fetchExamples(run, tag.value, at, at);
    if (record) {
      const examples = await decodeExamples(record.bytes);
      const list = { size: examples.numClasses, names: await namesFor(run, examples.classesId) };
      found = { wallTime: record.wallTime, examples, list };
    }
  } catch (error) {
    report(where, (error as Error).message);
  }
  const kept = [...loaded.value].filter(([one]) => one !== key).slice(-KEPT_STEPS * Math.max(1, chosenRuns.value.length));
  loaded.value = new Map(kept).set(key, found);
}

/** Finds out which steps have examples whenever the tag was loaded; loads those that are looked at, when `isOpen` says that they are. */
export function followExamples(isOpen: () => boolean): void {
  let listedTag = '';
  let asked = 0;
  effect(() => {
    const ofTag = tag.value;
    series.value; // anew at each reload
    const mine = ++asked;
    if (ofTag !== listedTag) {
      listedTag = ofTag;
      exampleSteps.value = new Map();
      trails.value = new Map();
    }
    if (ofTag === '') return;
    fetchExampleSeries(ofTag).then(
      (found) => {
        if (asked === mine) exampleSteps.value = new Map(found.map((info) => [info.run, info]));
      },
      (error: Error) => report(`tag ${ofTag}, examples`, error.message),
    );
  });
  let waiting: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    clearTimeout(waiting);
    if (!isOpen() || loading.value) return; // the matrix comes first
    const place = lookedAt(subject.value);
    // Not for every step that one hurries through.
    if (place) waiting = setTimeout(() => loadExamples(place.run, place.at), HURRY_MILLISECONDS);
  });
}
