// The one live region: the cell under the pointer or the cursor, in words.

import { cellInWords } from '../format';
import { cursor, normalize, shown } from '../state';

export function Status() {
  const at = cursor.value;
  const one = shown.value.find(({ run }) => run === at?.run);
  return (
    <div class="status" role="status" id="status">
      {at && one?.matrix ? <Told /> : <span class="hint">Point at a cell, or press Tab and the arrow keys</span>}
    </div>
  );

  function Told() {
    if (!at || !one?.matrix) return null;
    const { trueName, predictedName, count, share, of, ofName } = cellInWords(one.matrix, one.names, at, normalize.value);
    return (
      <span>
        {shown.value.length > 1 && (
          <span class="run">
            <bdi>{one.run}</bdi>:{' '}
          </span>
        )}
        true <bdi>{trueName}</bdi>, predicted <bdi>{predictedName}</bdi>: {count} ({share} of {of}
        {ofName !== '' && ' '}
        <bdi>{ofName}</bdi>)
      </span>
    );
  }
}
