// What changed between two matrices, each comparison made once, and large ones without keeping the page waiting.

import { signal } from '@preact/signals';
import { hideBelow, hideDiagonal, normalize, view } from './look';
import type { Matrix, Normalize } from './matrix';
import { breath, inSlices } from './pieces';
import { type Changes, changesBetween, comparison, type Hidden } from './significance';

interface Comparison {
  readonly before: Matrix;
  readonly after: Matrix;
  readonly normalize: Normalize;
  readonly hidden: Hidden;
  changes: Changes | null;
}
/** More would be megabytes for every step that was looked at. */
const latest: Record<'shown' | 'listed', Comparison | null> = { shown: null, listed: null };
const compared = signal(0);
/** With fewer cells than this, a comparison is quicker than the eye. */
const FEW_TO_COMPARE = 40_000;

/** What changed between two matrices, which is found once for both purposes; of large ones null until it is found, piece by piece. */
export function changesOf(before: Matrix, after: Matrix, purpose: 'shown' | 'listed'): Changes | null {
  if (before.numClasses !== after.numClasses) return null;
  compared.value;
  const of = normalize.value;
  // What is hidden among the differences is not judged with them; elsewhere nothing is judged by what is shown.
  const isShown = view.value === 'difference';
  const hidden = { diagonal: isShown && hideDiagonal.value, below: isShown ? hideBelow.value : 0 };
  const isSame = (one: Comparison | null) =>
    one?.before === before &&
    one.after === after &&
    one.normalize === of &&
    one.hidden.diagonal === hidden.diagonal &&
    one.hidden.below === hidden.below;
  const found = [latest.shown, latest.listed].find(isSame) ?? begun(before, after, of, hidden);
  latest[purpose] = found;
  return found.changes;
}

function begun(before: Matrix, after: Matrix, of: Normalize, hidden: Hidden): Comparison {
  const made: Comparison = { before, after, normalize: of, hidden, changes: null };
  if (before.counts.length + after.counts.length < FEW_TO_COMPARE) {
    made.changes = changesBetween(before, after, of, hidden);
    return made;
  }
  const isWanted = () => latest.shown === made || latest.listed === made;
  breath()
    .then(() => inSlices(comparison(before, after, of, hidden), isWanted))
    .then(async (changes) => {
      if (!changes) return;
      made.changes = changes;
      await breath(); // to show it is a task of its own
      compared.value++;
    });
  return made;
}
