// The Classes tab: every class with its metrics, sortable; only the rows in sight are in the page.

import { computed } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { sameClass, soughtClasses } from '../arrange';
import { compactCount, exactCount, nameOf, percent } from '../format';
import type { Summary } from '../history';
import { goToStep } from '../loading';
import { type ClassColumn, type ClassFilter, classFilter, classSorting } from '../look';
import { cutTo } from '../marks';
import type { Matrix } from '../matrix';
import { type Interval, intervalOf, perClass } from '../metrics';
import { classes, goToClasses, hasClass, search, settledPanes } from '../seen';
import { histories, subject } from '../state';
import { Line } from './line';

/** What stands in a column, one under the other: all of them fit beside the matrix. */
const HEADS: readonly (readonly ClassColumn[])[] = [['name'], ['support', 'predicted'], ['precision'], ['recall'], ['f1']];
const TEXTS = { name: 'Class', support: 'Support', predicted: 'Predicted', precision: 'Precision', recall: 'Recall', f1: 'F1' };
const ROW = 44;
const SPARE = 6;
const NAME = 20;

const pane = computed(() => settledPanes.value.find((one) => one.run === subject.value) ?? settledPanes.value[0]);
const figures = computed(() => (pane.value?.whole ? perClass(pane.value.whole) : null));

/** The classes that are listed, in their order. */
const listed = computed<readonly number[]>(() => {
  const matrix = pane.value?.whole;
  const found = figures.value;
  if (!matrix || !found) return [];
  const list = classes.value;
  let rows = search.value.trim() === '' ? [...Array(list.size).keys()] : soughtClasses(list, search.value);
  if (classFilter.value === 'never-seen') rows = rows.filter((index) => isNeverSeen(matrix, index));
  if (classFilter.value === 'never-predicted')
    rows = rows.filter((index) => matrix.predicted[index] === 0 && matrix.support[index] > 0);
  const { column, down } = classSorting.value;
  if (column === null) return rows;
  if (column === 'name') {
    const { compare } = new Intl.Collator(undefined, { numeric: true });
    rows.sort((a, b) => compare(nameOf(list.names, a), nameOf(list.names, b)));
  } else {
    const key = found[column];
    // Undefined ones come last, whichever way it is sorted.
    const sign = down ? -1 : 1;
    rows.sort((a, b) => Number(Number.isNaN(key[a])) - Number(Number.isNaN(key[b])) || sign * (key[a] - key[b]) || a - b);
    return rows;
  }
  return down ? rows.reverse() : rows;
});

/** A class that only other runs have is not one that this run has never seen. */
function isNeverSeen(matrix: Matrix, index: number): boolean {
  return matrix.support[index] === 0 && hasClass(pane.value?.run ?? '', index);
}

export function Classes() {
  const scroller = useRef<HTMLElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight || 400));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const rows = listed.value;
  const matrix = pane.value?.whole;
  const first = Math.max(0, Math.min(rows.length - 1, Math.floor(top / ROW) - SPARE));
  const last = Math.min(rows.length, Math.ceil((top + height) / ROW) + SPARE);
  return (
    <div class="classes">
      <Filter matrix={matrix ?? null} />
      <section
        class="scroller"
        ref={scroller}
        aria-label="Classes"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
        tabIndex={0}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      >
        <table class="figures" aria-rowcount={rows.length + 1}>
          <thead>
            <tr>
              {HEADS.map((columns) => (
                <Head key={columns[0]} columns={columns} />
              ))}
              <th scope="col">
                F1 by step
                <small class="between">and at best</small>
              </th>
            </tr>
          </thead>
          <tbody>
            <tr style={{ height: `${first * ROW}px` }} />
            {matrix &&
              rows.slice(first, last).map((index, i) => <Row key={index} index={index} at={first + i} matrix={matrix} />)}
            <tr style={{ height: `${Math.max(0, rows.length - last) * ROW}px` }} />
          </tbody>
        </table>
      </section>
    </div>
  );
}

function Filter({ matrix }: { matrix: Matrix | null }) {
  const neverSeen = matrix?.support.reduce((sum, _, index) => sum + Number(isNeverSeen(matrix, index)), 0) ?? 0;
  const isNeverPredicted = (count: number, index: number) => count === 0 && (matrix?.support[index] ?? 0) > 0;
  const neverPredicted = matrix?.predicted.reduce((sum, count, index) => sum + Number(isNeverPredicted(count, index)), 0) ?? 0;
  const options: [ClassFilter, string][] = [
    ['all', 'All'],
    ['never-seen', `Never seen (${neverSeen})`],
    ['never-predicted', `Never predicted (${neverPredicted})`],
  ];
  return (
    <fieldset class="chips" aria-label="Which classes are listed">
      {options.map(([name, text]) => (
        <button
          key={name}
          type="button"
          aria-pressed={classFilter.value === name}
          onClick={() => {
            classFilter.value = name;
          }}
        >
          {text}
        </button>
      ))}
      {search.value.trim() !== '' && <span class="note">matching “{search.value}”</span>}
    </fieldset>
  );
}

function Head({ columns }: { columns: readonly ClassColumn[] }) {
  const { column: by, down } = classSorting.value;
  const sort = by !== null && columns.includes(by) ? (down ? 'descending' : 'ascending') : 'none';
  const next = (column: ClassColumn) => {
    if (by !== column) classSorting.value = { column, down: column === 'support' || column === 'predicted' };
    else classSorting.value = { column, down: !down };
  };
  return (
    <th scope="col" aria-sort={sort}>
      {columns.map((column) => (
        <button key={column} type="button" class="plain" onClick={() => next(column)}>
          {TEXTS[column]}
          {by === column && (down ? ' ▾' : ' ▴')}
        </button>
      ))}
    </th>
  );
}

function Row({ index, at, matrix }: { index: number; at: number; matrix: Matrix }) {
  const found = figures.value;
  if (!found) return null;
  const f1 = courseOfClass(index);
  const best = bestOf(f1);
  return (
    <tr style={{ height: `${ROW}px` }} aria-rowindex={at + 2}>
      <th scope="row">
        <button type="button" class="plain" title={nameOf(classes.value.names, index)} onClick={() => goToClasses(index, index)}>
          <bdi>{cutTo(nameOf(classes.value.names, index), NAME)}</bdi>
        </button>
        {matrix.support[index] === 0 && (
          <small class="mark">{isNeverSeen(matrix, index) ? 'never seen' : 'not a class of this run'}</small>
        )}
        {matrix.predicted[index] === 0 && matrix.support[index] > 0 && <small class="mark">never predicted</small>}
      </th>
      <td title={`${exactCount(matrix.support[index])} samples, predicted ${exactCount(matrix.predicted[index])} times`}>
        {compactCount(matrix.support[index])}
        <small class="between">{compactCount(matrix.predicted[index])}</small>
      </td>
      <td>
        {percent(found.precision[index])}
        <Between interval={intervalOf(matrix, 'precision', index)} />
      </td>
      <td>
        {percent(found.recall[index])}
        <Between interval={intervalOf(matrix, 'recall', index)} />
      </td>
      <td>
        {percent(found.f1[index])}
        <Between interval={intervalOf(matrix, 'f1', index)} />
      </td>
      <td>
        <Line points={f1} width={52} height={20} />
        {best && (
          <button type="button" class="plain best" onClick={() => goToStep(best[0])} title={`Go to step ${best[0]}`}>
            {percent(best[1])} at {best[0]}
          </button>
        )}
      </td>
    </tr>
  );
}

export function Between({ interval: [low, high] }: { interval: Interval }) {
  if (Number.isNaN(low)) return null;
  const short = (value: number) => {
    const points = 100 * value;
    return points > 0 && points < 0.1 ? String(Number(points.toPrecision(2))) : points.toFixed(points < 10 ? 1 : 0);
  };
  return (
    <small class="between" title="95% interval (Wilson)">
      {short(low)}–{short(high)}
    </small>
  );
}

export type ClassFigure = 'f1' | 'recall' | 'precision';

export function figureAt(one: Summary, own: number, figure: ClassFigure): number {
  const [support, predicted, correct] = [one.support[own], one.predicted[own], one.truePositives[own]];
  const of = figure === 'f1' ? (support + predicted) / 2 : figure === 'recall' ? support : predicted;
  return of === 0 ? Number.NaN : correct / of;
}

/** The support of a class at a step, where it is less than half of what the class has at another: a figure of few samples may be luck. */
export function scarceSupport(index: number, run: string, step: number): number | null {
  const list = classes.value;
  const all = [...(histories.value.get(run)?.values() ?? [])].map((one) => {
    const own = sameClass(index, list, one.classes);
    return { step: one.step, support: own < 0 ? 0 : one.support[own] };
  });
  const here = all.find((one) => one.step === step)?.support ?? 0;
  return all.some(({ support }) => here < support / 2) ? here : null;
}

/** A figure of a class at every step of a run that has been read. */
export function courseOfClass(index: number, run = subject.value, figure: ClassFigure = 'f1'): [step: number, value: number][] {
  const list = classes.value;
  return [...(histories.value.get(run ?? '')?.values() ?? [])]
    .map((one): [number, number] => {
      const own = sameClass(index, list, one.classes);
      return [one.step, own < 0 ? Number.NaN : figureAt(one, own, figure)];
    })
    .filter(([, value]) => !Number.isNaN(value))
    .sort((a, b) => a[0] - b[0]);
}

/** The step with the largest value, the first of equals. */
export function bestOf(course: readonly (readonly [number, number])[]): readonly [number, number] | null {
  return course.reduce<readonly [number, number] | null>((best, one) => (!best || one[1] > best[1] ? one : best), null);
}
