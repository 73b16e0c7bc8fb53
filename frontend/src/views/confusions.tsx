// The Confusions tab: the pairs that are mixed up, ranked; a click goes to the cell.

import { computed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type ClassList, sameClass, soughtClasses } from '../arrange';
import type { Cell } from '../camera';
import { changesOf } from '../comparisons';
import { type ChangedConfusion, type Confusion, isMutual, type Ranking, rankedChanges, rankedConfusions } from '../confusions';
import { signed } from '../difference';
import { exactCount, nameOf, percent } from '../format';
import { normalize, ranking, view } from '../look';
import { cutTo } from '../marks';
import type { Matrix } from '../matrix';
import {
  arranged,
  chooseOrder,
  classes,
  goToClasses,
  goToPlaces,
  pinned,
  placeOf,
  search,
  seenClasses,
  settledBaseline,
  settledPanes,
} from '../seen';
import { subject } from '../state';
import { Unshown } from './heatmap';

const LISTED = 200;
/** Shown at first: to lay out more takes longer than a page may take for an answer. */
const FIRST = 40;
const GROUPS = 40;
/** So many classes of a group are named. */
const OF_GROUP = 12;
const NAME = 22;
const RANKINGS: readonly (readonly [Ranking, string])[] = [
  ['count', 'By count'],
  ['rate', 'By rate'],
  ['change', 'By change'],
];

const mine = computed(() => settledPanes.value.find((one) => one.run === subject.value));
const whole = computed(() => mine.value?.whole ?? null);
/** Beside differences what they show, at its places and with the diagonal; elsewhere all classes. */
const changed = computed(() => {
  const [before, after] = [settledBaseline.value, mine.value];
  if (!before?.whole || !after?.whole) return null;
  if (view.value !== 'difference') return changesOf(before.whole, after.whole, 'listed');
  // In the arrangement that names are of: it may be another one already.
  return changesOf(arranged(before.whole), arranged(after.whole), 'listed');
});

export function Confusions() {
  return (
    <div class="confusions">
      <fieldset class="chips" aria-label="Ranking">
        {RANKINGS.map(([name, text]) => (
          <button
            key={name}
            type="button"
            aria-pressed={ranking.value === name}
            onClick={() => {
              ranking.value = name;
            }}
          >
            {text}
          </button>
        ))}
      </fieldset>
      <Groups />
      {ranking.value === 'change' ? <Changed /> : whole.value && <Ranked matrix={whole.value} by={ranking.value} />}
    </div>
  );
}

/** The classes that the search is for. */
function wanted(): ReadonlySet<number> | undefined {
  return search.value.trim() === '' ? undefined : new Set(soughtClasses(classes.value, search.value));
}

function Names({ one, names }: { one: Cell; names: readonly string[] | null }) {
  return (
    <span class="names" title={`true ${nameOf(names, one.trueClass)}, predicted ${nameOf(names, one.predictedClass)}`}>
      <bdi>{cutTo(nameOf(names, one.trueClass), NAME)}</bdi>
      <span>
        → <bdi>{cutTo(nameOf(names, one.predictedClass), NAME)}</bdi>
      </span>
    </span>
  );
}

function Ranked({ matrix, by }: { matrix: Matrix; by: 'count' | 'rate' }) {
  const all = rankedConfusions(matrix, by, LISTED, wanted());
  if (all.length === 0) return <p class="note">No confusions{search.value.trim() !== '' && ` of “${search.value}”`}</p>;
  return (
    <>
      <p class="note">
        True → predicted: samples, and their share of the true class
        {by === 'rate' && '; ranked by the least that the share surely is (95%)'}
      </p>
      <Rows all={all} Row={RankedRow} />
    </>
  );
}

function Rows<One>({ all, Row }: { all: readonly One[]; Row: (props: { one: One }) => ComponentChildren }) {
  const list = useRef<HTMLOListElement>(null);
  const [isWhole, setWhole] = useState(false);
  useEffect(() => {
    if (isWhole) list.current?.children[FIRST]?.querySelector('button')?.focus();
  }, [isWhole]);
  return (
    <>
      <ol class="ranked" ref={list}>
        {(isWhole ? all : all.slice(0, FIRST)).map((one, i) => (
          <Row key={i} one={one} />
        ))}
      </ol>
      {!isWhole && all.length > FIRST && (
        <button type="button" class="plain" onClick={() => setWhole(true)}>
          Show {all.length - FIRST} more
        </button>
      )}
    </>
  );
}

function RankedRow({ one }: { one: Confusion }) {
  return (
    <li>
      <button type="button" onClick={() => goToClasses(one.trueClass, one.predictedClass)}>
        <Names one={one} names={classes.value.names} />
        <b>{exactCount(one.count)}</b>
        <span class="share">{percent(one.share)}</span>
        <small>
          {isMutual(one.count, one.reverse)
            ? `mutual: ${exactCount(one.reverse)} the other way`
            : one.reverse > 0
              ? `${exactCount(one.reverse)} the other way`
              : 'never the other way'}
        </small>
      </button>
    </li>
  );
}

function Changed() {
  const base = settledBaseline.value;
  const found = changed.value;
  if (!base) return <p class="note">There is no earlier step: choose a baseline above</p>;
  const unshown = [mine.value, base].find((one) => one?.problem);
  if (unshown) return <Unshown pane={unshown} />;
  if (!found) return <p class="note">Comparing with the baseline…</p>;
  const isShown = view.value === 'difference';
  const among = wanted();
  const all = rankedChanges(found, LISTED, isShown, among && isShown ? new Set([...among].map(placeOf)) : among);
  return (
    <>
      <p class="note">
        Since step {base.step} of <bdi>{base.run}</bdi>. Changes that may be noise come last, in grey (two-proportion test, 5% of
        the findings false).
      </p>
      {all.length === 0 && (
        <p class="note">
          No {isShown ? 'cell' : 'confusion'} {search.value.trim() !== '' && `of “${search.value}” `}changed
        </p>
      )}
      <Rows all={all} Row={ChangedRow} />
    </>
  );
}

function ChangedRow({ one }: { one: ChangedConfusion }) {
  const grew = one.after > one.before;
  const word = one.before === 0 ? 'appeared' : one.after === 0 ? 'vanished' : grew ? 'grew' : 'shrank';
  const isShown = view.value === 'difference';
  return (
    <li class={one.significant ? '' : 'noise'}>
      <button type="button" onClick={() => (isShown ? goToPlaces(one) : goToClasses(one.trueClass, one.predictedClass))}>
        <Names one={one} names={(isShown ? seenClasses : classes).value.names} />
        <b>{signed(one.difference, normalize.value)}</b>
        <span class="share">
          {exactCount(one.before)} → {exactCount(one.after)}
        </span>
        <small>
          {word}
          {one.trueClass === one.predictedClass && ', correct'}
          {!one.significant && (Number.isNaN(one.pValue) ? ', not tested: one of the two has no such samples' : ', may be noise')}
        </small>
      </button>
    </li>
  );
}

/** To the most frequent confusion among some classes of a list, as their matrix is now. */
function goToWorst(group: readonly number[], list: ClassList): void {
  const matrix = whole.value;
  const here = group.map((index) => sameClass(index, list, classes.value)).filter((index) => index >= 0);
  const among = new Set(here);
  let [trueClass, predictedClass, most] = [here[0], here[1], 0];
  for (const row of matrix ? here : []) {
    const { rowStart, cols, counts } = matrix as Matrix;
    for (let i = rowStart[row]; i < rowStart[row + 1]; i++)
      if (counts[i] > most && among.has(cols[i])) [trueClass, predictedClass, most] = [row, cols[i], counts[i]];
  }
  if (here.length > 1) goToClasses(trueClass, predictedClass);
}

/** Classes that are confused among themselves, once they were looked for. */
function Groups() {
  const order = pinned.value;
  const heading = useRef<HTMLHeadingElement>(null);
  const isFound = order?.name === 'similarity';
  const isAwaited = useRef(false);
  useEffect(() => {
    // The button that had the focus is gone.
    if (isFound && isAwaited.current && document.activeElement === document.body) heading.current?.focus();
    isAwaited.current = false;
  }, [isFound]);
  const find = () => {
    isAwaited.current = true;
    chooseOrder('similarity');
  };
  if (!isFound) {
    return (
      <div class="chips">
        <button type="button" title="Orders the matrix by similarity" onClick={find}>
          Find groups of classes confused among themselves
        </button>
      </div>
    );
  }
  const { names } = order.list;
  const listed = (group: readonly number[]) => group.slice(0, OF_GROUP);
  return (
    <section class="groups">
      <h3 ref={heading} tabIndex={-1}>
        {order.groups.length === 0
          ? 'No group of classes is confused among itself more than by chance'
          : `${order.groups.length} ${order.groups.length === 1 ? 'group' : 'groups'} of classes confused among themselves`}
      </h3>
      <ol>
        {order.groups.slice(0, GROUPS).map((group) => (
          <li key={group.join(' ')}>
            <button
              type="button"
              class="plain"
              title={listed(group)
                .map((index) => nameOf(names, index))
                .join(', ')}
              onClick={() => goToWorst(group, order.list)}
            >
              {listed(group).map((index, i) => (
                <span key={index}>
                  {i > 0 && ', '}
                  <bdi>{cutTo(nameOf(names, index), NAME)}</bdi>
                </span>
              ))}
              {group.length > OF_GROUP && ` and ${group.length - OF_GROUP} more`}
            </button>
          </li>
        ))}
      </ol>
      {order.groups.length > GROUPS && <p class="note">and {order.groups.length - GROUPS} with fewer confusions among them</p>}
    </section>
  );
}
