// The examples behind the cells: loaded when they are looked at, those of the nearest step that has some.

import { batch, computed, effect, signal } from '@preact/signals';
import { fetchExampleSeries, fetchExamples } from './api';
import { type ClassList, sameClass } from './arrange';
import { rankedConfusions } from './confusions';
import { decodeExamples, type Example, type StepExamples } from './examples';
import { classAt, classes, settledPanes } from './seen';
import { chosenRuns, loading, namesFor, nearestEarlier, report, series, shown, step, subject, tag } from './state';

/** The examples of one run that are shown at a step, their classes on the common list. */
export interface Shelf {
  readonly run: string;
  readonly step: number;
  /** The step that was asked for: the nearest that has examples may be another. */
  readonly wanted: number;
  readonly cells: ReadonlyMap<string, { readonly examples: readonly Example[]; readonly seen: number | null }>;
}

/** Run by run the steps that have examples. */
export const exampleSteps = signal<ReadonlyMap<string, readonly number[]>>(new Map());
const loaded = signal<ReadonlyMap<string, { readonly examples: StepExamples; readonly list: ClassList }>>(new Map());
/** How many confusions the gallery has, and how many examples of each. */
export const galleryRows = signal(10);
export const galleryColumns = signal(6);

const KEPT_STEPS = 64;
const HURRY_MILLISECONDS = 120;

export const hasExamples = computed(() => exampleSteps.value.size > 0);

function keyOf(run: string, at: number): string {
  return `${tag.value}\n${run}\n${at}`;
}

/** The nearest step that has examples: the last one up to the wanted, or else the first. */
export function exampleStepFor(run: string, wanted: number): number | null {
  const steps = exampleSteps.value.get(run) ?? [];
  return nearestEarlier(steps, wanted) ?? steps[0] ?? null;
}

export function shelfOf(run: string | null): Shelf | null {
  const wanted = shown.value.find((one) => one.run === run)?.step ?? step.value;
  if (run === null || wanted === null) return null;
  const at = exampleStepFor(run, wanted);
  const found = at === null ? undefined : loaded.value.get(keyOf(run, at));
  if (at === null || !found) return null;
  const list = classes.value;
  const cells = new Map(
    found.examples.cells.map(({ trueClass, predictedClass, examples, seen }) => {
      const key = cellKey(sameClass(trueClass, found.list, list), sameClass(predictedClass, found.list, list));
      return [key, { examples, seen }] as const;
    }),
  );
  return { run, step: at, wanted, cells };
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

/** Where a sample was kept: its predictions at other steps and in other runs, as far as they have been loaded. */
export interface Sighting {
  readonly run: string;
  readonly step: number;
  readonly trueClass: number;
  readonly predictedClass: number;
  readonly confidence: number | null;
}

export function sightingsOf(id: string): Sighting[] {
  const found: Sighting[] = [];
  const list = classes.value;
  for (const [key, { examples, list: own }] of loaded.value) {
    const [ofTag, run, at] = key.split('\n');
    if (ofTag !== tag.value) continue;
    for (const cell of examples.cells) {
      for (const one of cell.examples) {
        if (one.id !== id) continue;
        const [trueClass, predictedClass] = [cell.trueClass, cell.predictedClass].map((index) => sameClass(index, own, list));
        found.push({ run, step: Number(at), trueClass, predictedClass, confidence: one.confidence });
      }
    }
  }
  return found.sort((a, b) => (a.run < b.run ? -1 : a.run > b.run ? 1 : a.step - b.step));
}

/** Loads the examples of every step of the chosen runs, to follow a sample. */
export async function loadAllExamples(): Promise<void> {
  for (const run of chosenRuns.value) for (const at of exampleSteps.value.get(run) ?? []) await loadExamples(run, at);
}

const pending = new Map<string, Promise<void>>();

export function loadExamples(run: string, at: number): Promise<void> {
  const key = keyOf(run, at);
  const before = pending.get(key);
  if (loaded.value.has(key) || before) return before ?? Promise.resolve();
  const promise = load(run, at, key).finally(() => pending.delete(key));
  pending.set(key, promise);
  return promise;
}

async function load(run: string, at: number, key: string): Promise<void> {
  const where = `run ${run}, tag ${tag.value}, examples of step ${at}`;
  try {
    const record = await fetchExamples(run, tag.value, at);
    if (!record) return;
    const examples = await decodeExamples(record.bytes);
    const list = { size: examples.numClasses, names: await namesFor(run, examples.classesId) };
    const kept = [...loaded.value].slice(-KEPT_STEPS * Math.max(1, chosenRuns.value.length));
    loaded.value = new Map(kept).set(key, { examples, list });
  } catch (error) {
    report(where, (error as Error).message);
  }
}

/** Finds out which steps have examples whenever the tag was loaded; loads those that are looked at, when `isOpen` says that they are. */
export function followExamples(isOpen: () => boolean): void {
  effect(() => {
    const ofTag = tag.value;
    series.value; // anew at each reload
    if (ofTag === '') return;
    fetchExampleSeries(ofTag).then(
      (found) => {
        if (tag.value !== ofTag) return;
        batch(() => {
          exampleSteps.value = new Map(found.map(({ run, steps }) => [run, steps]));
        });
      },
      (error: Error) => report(`tag ${ofTag}, examples`, error.message),
    );
  });
  let waiting: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    clearTimeout(waiting);
    if (!isOpen() || step.value === null || loading.value) return; // what is looked at comes first
    const run = subject.value;
    const wanted = shown.value.find((one) => one.run === run)?.step ?? step.value;
    const at = run === null ? null : exampleStepFor(run, wanted);
    // Not for every step that one hurries through.
    if (run !== null && at !== null) waiting = setTimeout(() => loadExamples(run, at), HURRY_MILLISECONDS);
  });
}
