// What the colors mean.

import type { ComponentChildren } from 'preact';
import { glyphAt } from '../bars';
import { cellSize } from '../camera';
import { LINES_FROM } from '../courses';
import { signed } from '../difference';
import { exactCount, shortValue } from '../format';
import { canMark, marked } from '../gallery';
import { barScale, color, dark, diverging, fixedExtent, hideBelow, hideDiagonal, normalize, palette, view } from '../look';
import { cutTo, gradientOf } from '../marks';
import type { Extent } from '../matrix';
import { type Ramp as Colors, runColor, toCss } from '../palette';
import { middleOf } from '../scale';
import { baselinePane, extent, isFixed, mostChange, panes, seenClasses, subjectPane } from '../seen';
import { camera, cameraSide, runSlots } from '../state';
import { NumberField } from './choice';
import { areCards, courseExtent } from './timeline';

/** So many letters of a run's name. */
const NAME = 32;

export function Legend() {
  const isHeat = view.value === 'matrix';
  const drawn = view.value === 'difference' ? [subjectPane.value, baselinePane.value] : panes.value;
  const matrices = drawn.flatMap((one) => one?.matrix ?? []);
  // A row of several runs is hatched where none of them has samples.
  const byNone = (row: number) => matrices.every(({ support }) => support[row] === 0);
  const unseen = (byAll: boolean) =>
    matrices.some(({ support }) => support.some((count, row) => count === 0 && (isHeat || byNone(row) === byAll)));
  const undefinedShares =
    (normalize.value === 'pred' && matrices.some((matrix) => matrix.predicted.includes(0))) ||
    (normalize.value === 'all' && matrices.some((matrix) => matrix.total === 0));
  if (view.value === 'gallery') return null;
  return (
    <section class="legend" aria-label="Legend">
      {isHeat && <Heat />}
      {view.value === 'difference' && <Diverging />}
      {(view.value === 'compare' || view.value === 'timeline') && <RunColors />}
      {view.value !== 'timeline' && (
        <Key mark="zero">
          {view.value === 'difference' ? 'no change' : view.value === 'compare' && unseen(false) ? 'zero, or no samples' : 'zero'}
        </Key>
      )}
      {!areCards() && unseen(true) && <Key mark="never-seen">class never seen</Key>}
      {isHeat && marked.value && canMark.value && <Key mark="has-examples">has examples</Key>}
      {isHeat && undefinedShares && <Key mark="undefined">undefined (n/a)</Key>}
      {isHeat && panes.value.length === 1 && <small>bars: support, predicted</small>}
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

function Ramp({ name, part, of = extent.value }: { name: string; part: 'correct' | 'wrong'; of?: Extent }) {
  const reach = of[part];
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
    const isCounts = normalize.value === 'counts';
    const factor = isCounts ? 1 : 100;
    return (
      <NumberField
        label={`${part} up to${isCounts ? '' : ' %'}`}
        value={Number((now[part].most * factor).toPrecision(4))}
        least={Number.MIN_VALUE}
        most={isCounts ? 2 ** 53 : 100}
        choose={(value) => {
          const most = value / factor;
          fixedExtent.value = { ...now, [part]: { least: Math.min(now[part].least, most), most } };
        }}
      />
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
  const isStrips = !areCards() && size < LINES_FROM;
  // The strips of a single run have the colors of a heatmap.
  const reach = view.value === 'timeline' && isStrips && panes.value.length === 1 ? courseExtent.value : null;
  return (
    <>
      {reach ? (
        <>
          <Ramp name="Correct" part="correct" of={reach} />
          <Ramp name="Wrong" part="wrong" of={reach} />
        </>
      ) : (
        panes.value.map(({ run }) => (
          <span key={run} class="key">
            <i class="swatch" style={{ background: runColor(runSlots.value.get(run) ?? 0, dark.value) }} />
            <bdi title={run}>{cutTo(run, NAME)}</bdi>
          </span>
        ))
      )}
      {view.value === 'compare' && (
        <small>
          {glyph === 'pooled'
            ? 'the run with the most; grey: several have as much'
            : barScale.value === 'row'
              ? `a full ${glyph === 'stripes' ? 'color' : 'bar'} is the largest of its row`
              : `a full ${glyph === 'stripes' ? 'color' : 'bar'}: ${full('correct')} correct, ${full('wrong')} wrong`}
        </small>
      )}
      {view.value === 'timeline' && <Courses full={reach ? '' : isStrips ? 'color' : 'height'} />}
    </>
  );
}

function Courses({ full }: { full: string }) {
  const extent = courseExtent.value;
  const short = (value: number) => shortValue(value, normalize.value);
  const scale = color.value === 'log' ? ', on a log scale' : '';
  const reach = extent
    ? full && `; full ${full}: ${short(extent.correct.most)} correct, ${short(extent.wrong.most)} wrong${scale}`
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
