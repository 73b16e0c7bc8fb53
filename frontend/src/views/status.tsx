// The one live region: the cell under the pointer or the cursor, in words; and what is not shown.

import { cellInWords, percent } from '../format';
import { normalize } from '../look';
import { groupsShown, pinned, seenClasses, shownShare, told } from '../seen';
import { loading, shown, step } from '../state';

export function Status() {
  return (
    <div class="status">
      <div role="status" id="status">
        {loading.value ? (
          <span class="hint">Loading step {step.value}…</span>
        ) : told.value ? (
          <Told />
        ) : (
          <span class="hint">Point at a cell, or press Tab and the arrow keys</span>
        )}
      </div>
      <Part />
    </div>
  );
}

function Told() {
  if (!told.value) return null;
  const { pane, matrix, cell } = told.value;
  const { trueName, predictedName, count, share, of, ofName } = cellInWords(
    matrix,
    seenClasses.value.names,
    cell,
    normalize.value,
  );
  return (
    <span>
      {shown.value.length > 1 && (
        <span class="run">
          <bdi>{pane.run}</bdi>:{' '}
        </span>
      )}
      true <bdi>{trueName}</bdi>, predicted <bdi>{predictedName}</bdi>: {count} ({share} of {of}
      {ofName !== '' && ' '}
      <bdi>{ofName}</bdi>)
    </span>
  );
}

function Part() {
  const part = shownShare.value;
  const order = pinned.value;
  if (!part && !order) return null;
  const number = (value: number) => value.toLocaleString('en-US');
  return (
    <p class="part">
      {part && `Showing ${number(part.classes)} of ${number(part.of)} classes, ${percent(part.share)} of samples. `}
      {order && (
        <>
          Ordered by {order.name} in <bdi>{order.run}</bdi> at step {order.step}.
          {groupsShown.value.length > 0 && ' Frames: groups confused among themselves.'}
        </>
      )}
    </p>
  );
}
