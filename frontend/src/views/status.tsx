// The one live region: the cell under the pointer or the cursor, in words; and what is not shown.

import { Fragment } from 'preact';
import { cellInWords, exactCount, percent, shareOf } from '../format';
import { normalize, view } from '../look';
import { countAt } from '../matrix';
import { groupsShown, panes, pinned, seenClasses, shownShare, told } from '../seen';
import { loading, shown, step } from '../state';
import { changeToldOf } from './difference';
import { areCards } from './timeline';

export function Status() {
  return (
    <div class="status">
      <div role="status" id="status" class={view.value === 'compare' && shown.value.length > 3 ? 'long' : ''}>
        {loading.value ? (
          <span class="hint">Loading step {step.value}…</span>
        ) : told.value ? (
          <Told />
        ) : (
          <span class="hint">{hint()}</span>
        )}
      </div>
      <Part />
    </div>
  );
}

function hint(): string {
  if (view.value === 'gallery') return '';
  if (areCards()) return 'Choose a confusion to go to its cell';
  return 'Point at a cell, or press Tab and the arrow keys';
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
      true{' '}
      <span>
        <bdi title={trueName}>{trueName}</bdi>,
      </span>{' '}
      predicted{' '}
      <span>
        <bdi title={predictedName}>{predictedName}</bdi>:
      </span>{' '}
      {count} ({share} of {of}
      {ofName !== '' && (
        <span class="again">
          {' '}
          <bdi>{ofName}</bdi>
        </span>
      )}
      ){view.value === 'difference' && <>, {changeToldOf(cell.trueClass, cell.predictedClass, true)}</>}
      {view.value === 'compare' &&
        panes.value.map(
          (other) =>
            other.run !== pane.run &&
            other.matrix && (
              <Fragment key={other.run}>
                ;{' '}
                <span>
                  <bdi>{other.run}</bdi>: {exactCount(countAt(other.matrix, cell.trueClass, cell.predictedClass))} (
                  {percent(shareOf(other.matrix, cell, normalize.value))})
                </span>
              </Fragment>
            ),
        )}
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
