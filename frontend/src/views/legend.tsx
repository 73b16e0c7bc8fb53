// What the colors mean.

import type { ComponentChildren } from 'preact';
import { glyphAt } from '../bars';
import { cellSize } from '../camera';
import { signed } from '../difference';
import { exactCount, shortValue } from '../format';
import { canMark, marked } from '../gallery';
import { barScale, color, dark, diverging, fixedExtent, hideBelow, hideDiagonal, normalize, palette, view } from '../look';
import { gradientOf } from '../marks';
import { type Ramp as Colors, runColor, toCss } from '../palette';
import { middleOf } from '../scale';
import { extent, isFixed, mostChange, panes, seenClasses } from '../seen';
import { camera, cameraSide, runSlots } from '../state';
import { courseExtent } from './timeline';

export function Legend() {
  const matrices = panes.value.flatMap((one) => one.matrix ?? []);
  const neverSeen = matrices.some((matrix) => matrix.support.includes(0));
  const undefinedShares =
    (normalize.value === 'pred' && matrices.some((matrix) => matrix.predicted.includes(0))) ||
    (normalize.value === 'all' && matrices.some((matrix) => matrix.total === 0));
  if (view.value === 'gallery') return null;
  return (
    <section class="legend" aria-label="Legend">
      {view.value === 'matrix' && <Heat />}
      {view.value === 'difference' && <Diverging />}
      {(view.value === 'compare' || view.value === 'timeline') && <RunColors />}
      {view.value !== 'timeline' && <Key mark="zero">{view.value === 'difference' ? 'no change' : 'zero'}</Key>}
      {neverSeen && <Key mark="never-seen">class never seen</Key>}
      {view.value === 'matrix' && marked.value && canMark.value && <Key mark="has-examples">has examples</Key>}
      {view.value === 'matrix' && undefinedShares && <Key mark="undefined">undefined (n/a)</Key>}
      {view.value === 'matrix' && panes.value.length === 1 && <small>bars: support, predicted</small>}
      <Hidden />
    </section>
  );
}

function Heat() {
  return (
    <>
      <Ramp name="Correct" part="correct" />
      <Ramp name="Wrong" part="wrong" />
      {isFixed.value && <Fixed />}
    </>
  );
}

function Ramp({ name, part }: { name: string; part: 'correct' | 'wrong' }) {
  const reach = extent.value[part];
  const short = (value: number) => shortValue(value, normalize.value);
  return (
    <Bar
      name={name}
      colors={palette.value[part]}
      ends={reach.most === 0 ? null : ['0', short(middleOf(reach, color.value)), short(reach.most)]}
    />
  );
}

function Bar({ name, colors, ends }: { name: string; colors: Colors; ends: readonly string[] | null }) {
  return (
    <div class="ramp">
      <span>{name}</span>
      {ends === null ? (
        <small>none</small>
      ) : (
        <div>
          <div class="bar" style={{ backgroundImage: gradientOf(colors) }} />
          <small>
            {ends.map((end, i) => (
              <span key={i}>{end}</span>
            ))}
          </small>
        </div>
      )}
    </div>
  );
}

/** The ends of a color range that is held. */
function Fixed() {
  const field = (part: 'correct' | 'wrong') => {
    const now = fixedExtent.value;
    if (!now) return null;
    const factor = normalize.value === 'counts' ? 1 : 100;
    return (
      <label>
        {part} up to{' '}
        <input
          type="number"
          min={0}
          step="any"
          value={Number((now[part].most * factor).toPrecision(4))}
          onChange={(event) => {
            const most = event.currentTarget.valueAsNumber / factor;
            if (most > 0) fixedExtent.value = { ...now, [part]: { least: Math.min(now[part].least, most), most } };
          }}
        />
        {factor === 100 && '%'}
      </label>
    );
  };
  return (
    <div class="fixed">
      {field('correct')}
      {field('wrong')}
    </div>
  );
}

function Diverging() {
  const ramps = diverging.value;
  const most = mostChange.value;
  const reach = (sign: 1 | -1) =>
    `${signed(sign * most.wrong, normalize.value).replace(' points', '')}, diagonal ${signed(sign * most.correct, normalize.value)}`;
  const isPooled = cellSize(camera.value, cameraSide.value, seenClasses.value.size) <= 1;
  return (
    <>
      <Bar name="Fewer" colors={ramps.less} ends={most.wrong + most.correct > 0 ? ['0', reach(-1)] : null} />
      <Bar name="More" colors={ramps.more} ends={most.wrong + most.correct > 0 ? ['0', reach(1)] : null} />
      {isFixed.value && <Fixed />}
      <span class="key">
        <i class="swatch" style={{ background: toCss(ramps.noise[170]) }} />
        may be noise, or not tested
      </span>
      <small>two-proportion test, 5% level (Benjamini-Hochberg){isPooled && '; findings are drawn larger'}</small>
    </>
  );
}

function RunColors() {
  const full = (part: 'correct' | 'wrong') => shortValue(extent.value[part].most, normalize.value);
  const size = cellSize(camera.value, cameraSide.value, seenClasses.value.size);
  const glyph = glyphAt(size, panes.value.length);
  return (
    <>
      {panes.value.map(({ run }) => (
        <span key={run} class="key">
          <i class="swatch" style={{ background: runColor(runSlots.value.get(run) ?? 0, dark.value) }} />
          <bdi>{run}</bdi>
        </span>
      ))}
      {view.value === 'compare' && (
        <small>
          {glyph === 'pooled'
            ? 'the run with the most; grey: several have as much'
            : barScale.value === 'row'
              ? `a full ${glyph === 'stripes' ? 'color' : 'bar'} is the largest of its row`
              : `a full ${glyph === 'stripes' ? 'color' : 'bar'}: ${full('correct')} correct, ${full('wrong')} wrong`}
        </small>
      )}
      {view.value === 'timeline' && <Courses />}
    </>
  );
}

function Courses() {
  const extent = courseExtent.value;
  const short = (value: number) => shortValue(value, normalize.value);
  const scale = color.value === 'log' ? ', on a log scale' : '';
  const reach = extent
    ? `; full height: ${short(extent.correct.most)} correct, ${short(extent.wrong.most)} wrong${scale}`
    : ', each with a scale of its own';
  return <small>over all steps, marked at this one{reach}</small>;
}

/** What is logged and yet not drawn. */
function Hidden() {
  const hidden = [hideDiagonal.value && 'the diagonal', hideBelow.value > 0 && `counts under ${exactCount(hideBelow.value)}`];
  const said = hidden.filter(Boolean).join(' and ');
  return said ? <b class="hidden">{said} hidden</b> : null;
}

function Key({ mark, children }: { mark: string; children: ComponentChildren }) {
  return (
    <span class="key">
      <i class={mark} />
      {children}
    </span>
  );
}
