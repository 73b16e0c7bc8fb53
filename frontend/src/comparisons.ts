// What changed between two matrices, each comparison made once, and large ones without keeping the page waiting.

import { signal } from '@preact/signals';
import { breath, inSlices } from './history';
import { normalize } from './look';
import type { Matrix, Normalize } from './matrix';
import { type Changes, changesBetween, comparison } from './significance';

interface Comparison {
  readonly before: Matrix;
  readonly normalize: Normalize;
  changes: Changes | null;
}
const comparisons = new WeakMap<Matrix, Comparison>();
const latest: Record<'shown' | 'listed', Comparison | null> = { shown: null, listed: null };
const compared = signal(0);
/** With fewer cells than this, a comparison is quicker than the eye. */
const FEW_TO_COMPARE = 40_000;

/** What changed between two matrices, each comparison made once; of large ones null until it is made, piece by piece. */
export function changesOf(before: Matrix, after: Matrix, purpose: 'shown' | 'listed'): Changes | null {
  if (before.numClasses !== after.numClasses) return null;
  compared.value;
  let mine = comparisons.get(after);
  if (mine?.before !== before || mine.normalize !== normalize.value) {
    const made: Comparison = { before, normalize: normalize.value, changes: null };
    mine = made;
    comparisons.set(after, made);
    if (before.counts.length + after.counts.length < FEW_TO_COMPARE) {
      made.changes = changesBetween(before, after, normalize.value);
    } else {
      const isWanted = () => latest.shown === made || latest.listed === made;
      breath()
        .then(() => inSlices(comparison(before, after, made.normalize), isWanted, () => {}))
        .then((changes) => {
          if (changes) made.changes = changes;
          else if (comparisons.get(after) === made) comparisons.delete(after); // given up: it may be wanted again
          compared.value++;
        });
    }
  }
  latest[purpose] = mine;
  return mine.changes;
}
