// The one live region: the cell under the pointer or the cursor, in words.

import type { Cell } from '../camera';
import { cellInWords } from '../format';
import type { Matrix } from '../matrix';
import { cursor, loading, normalize, pointed, shown, step } from '../state';

export function Status() {
  const at = cursor.value;
  const matrix = pointed.value?.matrix;
  return (
    <div class="status" role="status" id="status">
      {loading.value ? (
        <span class="hint">Loading step {step.value}…</span>
      ) : at && matrix && Math.max(at.trueClass, at.predictedClass) < matrix.numClasses ? (
        <Told at={at} matrix={matrix} />
      ) : (
        <span class="hint">Point at a cell, or press Tab and the arrow keys</span>
      )}
    </div>
  );
}

function Told({ at, matrix }: { at: Cell; matrix: Matrix }) {
  const names = pointed.value?.names ?? null;
  const { trueName, predictedName, count, share, of, ofName } = cellInWords(matrix, names, at, normalize.value);
  return (
    <span>
      {shown.value.length > 1 && (
        <span class="run">
          <bdi>{pointed.value?.run}</bdi>:{' '}
        </span>
      )}
      true <bdi>{trueName}</bdi>, predicted <bdi>{predictedName}</bdi>: {count} ({share} of {of}
      {ofName !== '' && ' '}
      <bdi>{ofName}</bdi>)
    </span>
  );
}
