// What the colors mean.

import type { ComponentChildren } from 'preact';
import { shortValue } from '../format';
import { gradientOf } from '../marks';
import { middleOf } from '../scale';
import { color, extent, normalize, palette, shown } from '../state';

export function Legend() {
  const matrices = shown.value.flatMap((one) => one.matrix ?? []);
  const neverSeen = matrices.some((matrix) => matrix.support.includes(0));
  const undefinedShares =
    (normalize.value === 'pred' && matrices.some((matrix) => matrix.predicted.includes(0))) ||
    (normalize.value === 'all' && matrices.some((matrix) => matrix.total === 0));
  return (
    <section class="legend" aria-label="Legend">
      <Ramp name="Correct" part="correct" />
      <Ramp name="Wrong" part="wrong" />
      <Key mark="zero">zero</Key>
      {neverSeen && <Key mark="never-seen">class never seen</Key>}
      {undefinedShares && <Key mark="undefined">undefined (n/a)</Key>}
    </section>
  );
}

function Ramp({ name, part }: { name: string; part: 'correct' | 'wrong' }) {
  const range = extent.value[part];
  const short = (value: number) => shortValue(value, normalize.value);
  return (
    <div class="ramp">
      <span>{name}</span>
      {range.most === 0 ? (
        <small>none</small>
      ) : (
        <div>
          <div class="bar" style={{ backgroundImage: gradientOf(palette.value[part]) }} />
          <small>
            <span>0</span>
            <span>{short(middleOf(range, color.value))}</span>
            <span>{short(range.most)}</span>
          </small>
        </div>
      )}
    </div>
  );
}

function Key({ mark, children }: { mark: string; children: ComponentChildren }) {
  return (
    <span class="key">
      <i class={mark} />
      {children}
    </span>
  );
}
