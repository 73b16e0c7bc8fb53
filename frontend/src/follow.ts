// What follows from the choices: what is loaded beyond the matrices themselves, and what goes with them.

import { batch, computed, effect, untracked } from '@preact/signals';
import { type ClassList, sameClass } from './arrange';
import { loadAside, loadHistories } from './loading';
import {
  arrangement,
  baselinePane,
  classAt,
  classes,
  panes,
  part,
  pinned,
  placeOf,
  search,
  settledBaseline,
  settledPanes,
} from './seen';
import { baseline, baselineAt, baselineRun, type Cursor, chosenRuns, cursor, loading, series, tag } from './state';

/** Below so many cells all is told at once. */
const FEW_CELLS = 3000;
const HURRY_MILLISECONDS = 120;

const isAnythingShown = computed(() => panes.value.some((one) => one.matrix ?? one.problem));

/** Loads what the choices ask for beyond the matrices themselves. */
export function followChoices(): void {
  let settling: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const now = panes.value;
    [baseline.value, arrangement.value];
    clearTimeout(settling);
    const cells = now.reduce((sum, { whole }) => sum + (whole ? whole.counts.length + whole.numClasses : 0), 0);
    const settle = () => {
      batch(() => {
        settledPanes.value = now;
        settledBaseline.value = baselinePane.peek(); // arranged by now, and not while one waits for the cells
      });
    };
    if (cells < FEW_CELLS) settle();
    else settling = setTimeout(settle, HURRY_MILLISECONDS);
  });
  effect(() => {
    const at = baselineAt.value;
    if (at && !loading.value) untracked(() => loadAside(at.run, at.step)); // what is looked at comes first
  });
  effect(() => {
    [series.value, chosenRuns.value, baselineRun.value];
    if (isAnythingShown.value) untracked(loadHistories); // which tells of what it finds by signals
  });
  // The cursor stays at its classes when runs of other classes come or go, also where none was shown between.
  let last: { cursor: Cursor; list: ClassList; trueClass: number; predictedClass: number } | null = null;
  effect(() => {
    const list = classes.value;
    const now = cursor.value;
    if (list.size === 0) return;
    if (now && last?.cursor === now && last.list !== list) {
      const [trueClass, predictedClass] = [last.trueClass, last.predictedClass].map((index) => {
        const there = index < 0 ? -1 : sameClass(index, (last as NonNullable<typeof last>).list, list);
        return there < 0 ? -1 : placeOf(there);
      });
      cursor.value = Math.min(trueClass, predictedClass) < 0 ? null : { ...now, trueClass, predictedClass };
      return;
    }
    last = now && { cursor: now, list, trueClass: classAt(now.trueClass), predictedClass: classAt(now.predictedClass) };
  });
  let ofTag = tag.value;
  effect(() => {
    if (tag.value === ofTag) return;
    ofTag = tag.value;
    batch(() => {
      pinned.value = null;
      part.value = 'all';
      search.value = '';
    });
  });
}
