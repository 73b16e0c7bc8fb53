// The Confusions tab: the pairs that are mixed up, ranked; a click goes to the cell.

import { computed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { matchingClasses } from '../arrange';
import { changesOf } from '../comparisons';
import { type ChangedConfusion, type Confusion, isMutual, type Ranking, rankedChanges, rankedConfusions } from '../confusions';
import { signed } from '../difference';
import { exactCount, nameOf, percent } from '../format';
import { normalize, ranking } from '../look';
import { cutTo } from '../marks';
import type { Matrix } from '../matrix';
import { chooseOrder, classes, goToClasses, pinned, search, settledBaseline, settledPanes } from '../seen';
import { subject } from '../state';

const LISTED = 200;
/** Shown at first: to lay out more takes longer than a page may take for an answer. */
const FIRST = 40;
const GROUPS = 40;
const NAME = 22;
const RANKINGS: readonly (readonly [Ranking, string])[] = [
  ['count', 'By count'],
  ['rate', 'By rate'],
  ['change', 'By change'],
];

const whole = computed(() => settledPanes.value.find((one) => one.run === subject.value)?.whole ?? null);
const changed = computed(() => {
  const before = settledBaseline.value?.whole;
  const after = whole.value;
  return before && after ? changesOf(before, after, 'listed') : null;
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
  return search.value.trim() === '' ? undefined : new Set(matchingClasses(classes.value, search.value));
}

function Names({ one }: { one: { trueClass: number; predictedClass: number } }) {
  const { names } = classes.value;
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
        <Names one={one} />
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
  if (!found) return <p class="note">Comparing with the baseline…</p>;
  const all = rankedChanges(found, LISTED, false, wanted());
  return (
    <>
      <p class="note">
        Since step {base.step} of <bdi>{base.run}</bdi>. Changes that may be noise come last, in grey (two-proportion test, 5% of
        the findings false).
      </p>
      {all.length === 0 && <p class="note">No confusion {search.value.trim() !== '' && `of “${search.value}” `}changed</p>}
      <Rows all={all} Row={ChangedRow} />
    </>
  );
}

function ChangedRow({ one }: { one: ChangedConfusion }) {
  const grew = one.after > one.before;
  const word = one.before === 0 ? 'appeared' : one.after === 0 ? 'vanished' : grew ? 'grew' : 'shrank';
  return (
    <li class={one.significant ? '' : 'noise'}>
      <button type="button" onClick={() => goToClasses(one.trueClass, one.predictedClass)}>
        <Names one={one} />
        <b>{signed(one.difference, normalize.value)}</b>
        <span class="share">
          {exactCount(one.before)} → {exactCount(one.after)}
        </span>
        <small>
          {word}
          {!one.significant && ', may be noise'}
        </small>
      </button>
    </li>
  );
}

/** Classes that are confused among themselves, once they were looked for. */
function Groups() {
  const order = pinned.value;
  if (order?.name !== 'similarity') {
    return (
      <button type="button" class="plain" onClick={() => chooseOrder('similarity')}>
        Find groups of classes that are confused among themselves
      </button>
    );
  }
  const { names } = order.list;
  return (
    <section class="groups">
      <h3>
        {order.groups.length === 0
          ? 'No group of classes is confused among itself more than by chance'
          : `${order.groups.length} ${order.groups.length === 1 ? 'group' : 'groups'} of classes confused among themselves`}
      </h3>
      <ol>
        {order.groups.slice(0, GROUPS).map((group) => (
          <li key={group.join(' ')}>
            <button type="button" class="plain" onClick={() => goToClasses(group[0], group[1])}>
              {group.slice(0, 12).map((index, i) => (
                <span key={index}>
                  {i > 0 && ', '}
                  <bdi>{cutTo(nameOf(names, index), NAME)}</bdi>
                </span>
              ))}
              {group.length > 12 && ` and ${group.length - 12} more`}
            </button>
          </li>
        ))}
      </ol>
      {order.groups.length > GROUPS && <p class="note">and {order.groups.length - GROUPS} smaller ones</p>}
    </section>
  );
}
