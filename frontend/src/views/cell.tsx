// The Cell tab: one cell in every run, with intervals, its course and its mirror image; on the diagonal, its class.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Courses } from '../courses';
import { compactCount, exactCount, nameOf, percent, pointsText } from '../format';
import { goToStep } from '../loading';
import { dark, normalize } from '../look';
import { cutTo } from '../marks';
import { countAt, denominator } from '../matrix';
import { type Interval, wilson } from '../metrics';
import { runColor } from '../palette';
import { baselinePane, classAt, loadCourses, type Pane, panes, seenClasses } from '../seen';
import { adjustedPValues, twoProportions } from '../significance';
import { chosenRuns, cursor, runSlots, series, subject } from '../state';
import { Between, bestOf, type ClassFigure, courseOfClass, scarceSupport } from './classes';
import { changeToldOf } from './difference';
import { Examples } from './examples';
import { Line } from './line';

const SHARES = [
  ['true', 'of true'],
  ['pred', 'of predicted'],
  ['all', 'of all'],
] as const;

const RUN = 14;

const course = signal<ReadonlyMap<string, Courses> | null>(null);
let wanted = 0;

export function CellPanel() {
  const at = cursor.value;
  const list = seenClasses.value;
  const trueClass = at?.trueClass ?? -1;
  const predictedClass = at?.predictedClass ?? -1;
  const isThere = at !== null && Math.max(trueClass, predictedClass) < list.size;
  useEffect(() => {
    const mine = ++wanted;
    course.value = null;
    if (isThere) {
      loadCourses([{ trueClass, predictedClass }], () => wanted === mine).then((found) => {
        if (wanted === mine) course.value = found;
      });
    }
    return () => void wanted++;
  }, [trueClass, predictedClass, list, chosenRuns.value, series.value, normalize.value]);
  if (!isThere) return <p class="note">Click a cell, or find a class, to read more of it here</p>;
  const isClass = trueClass === predictedClass;
  const all = panes.value.filter((pane) => pane.matrix);
  return (
    <div class="cell">
      <h2>
        {isClass ? (
          <bdi>{nameOf(list.names, trueClass)}</bdi>
        ) : (
          <>
            true <bdi>{nameOf(list.names, trueClass)}</bdi>, predicted <bdi>{nameOf(list.names, predictedClass)}</bdi>
          </>
        )}
      </h2>
      <Shares all={all} trueClass={trueClass} predictedClass={predictedClass} />
      {!isClass && <Mirror all={all} trueClass={trueClass} predictedClass={predictedClass} />}
      {Math.min(classAt(trueClass), classAt(predictedClass)) >= 0 && (
        <Examples trueClass={classAt(trueClass)} predictedClass={classAt(predictedClass)} />
      )}
      {all.length > 1 && <Versus all={all} trueClass={trueClass} predictedClass={predictedClass} />}
      <p class="note">
        <bdi>{subject.value}</bdi> against{' '}
        {baselinePane.value ? (
          <>
            <bdi>{baselinePane.value.run}</bdi> at step {baselinePane.value.step}
          </>
        ) : (
          'the baseline'
        )}
        : {changeToldOf(trueClass, predictedClass)}
      </p>
      <Course />
      {isClass && classAt(trueClass) >= 0 && <Best index={classAt(trueClass)} />}
    </div>
  );
}

interface Props {
  all: readonly Pane[];
  trueClass: number;
  predictedClass: number;
}

function RunName({ run }: { run: string }) {
  return (
    <>
      <i class="swatch" style={{ background: runColor(runSlots.value.get(run) ?? 0, dark.value) }} />
      <bdi title={run}>{cutTo(run, RUN)}</bdi>
    </>
  );
}

function Shares({ all, trueClass, predictedClass }: Props) {
  return (
    <table class="figures" aria-label="The cell by run">
      <thead>
        <tr>
          <th scope="col">Run</th>
          <th scope="col">Count</th>
          {SHARES.map(([of, text]) => (
            <th key={of} scope="col">
              {trueClass === predictedClass && of !== 'all' ? (of === 'true' ? 'Recall' : 'Precision') : text}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {all.map(({ run, matrix }) => {
          if (!matrix) return null;
          const count = countAt(matrix, trueClass, predictedClass);
          return (
            <tr key={run}>
              <th scope="row" title={run}>
                <RunName run={run} />
              </th>
              <td>{exactCount(count)}</td>
              {SHARES.map(([of]) => {
                const divisor = denominator(matrix, of, trueClass, predictedClass);
                const interval: Interval = divisor > 0 ? wilson(count, divisor) : [Number.NaN, Number.NaN];
                return (
                  <td key={of} title={divisor > 0 ? `of ${exactCount(divisor)}` : ''}>
                    {percent(divisor === 0 ? Number.NaN : count / divisor)}
                    <Between interval={interval} />
                  </td>
                );
              })}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Mirror({ all, trueClass, predictedClass }: Props) {
  const names = seenClasses.value.names;
  return (
    <button
      type="button"
      class="plain"
      title="M"
      onClick={() => {
        if (cursor.value) cursor.value = { ...cursor.value, trueClass: predictedClass, predictedClass: trueClass };
      }}
    >
      The other way, true <bdi>{nameOf(names, predictedClass)}</bdi>, predicted <bdi>{nameOf(names, trueClass)}</bdi>:{' '}
      {all.map(({ matrix }) => (matrix ? exactCount(countAt(matrix, predictedClass, trueClass)) : 'n/a')).join(', ')}
    </button>
  );
}

/** Whether the other runs differ from the chosen one by more than noise: in recall and precision on the diagonal, else in the share. */
function Versus({ all, trueClass, predictedClass }: Props) {
  const mine = all.find((pane) => pane.run === subject.value) ?? all[0];
  if (!mine?.matrix) return null;
  const [isClass, own] = [trueClass === predictedClass, mine.matrix];
  const made = all.flatMap(({ run, matrix }) => {
    if (run === mine.run || !matrix) return [];
    return (isClass ? (['true', 'pred'] as const) : (['true'] as const)).map((of) => {
      const [from, to] = [own, matrix].map((one): [number, number] => [
        countAt(one, trueClass, predictedClass),
        denominator(one, of, trueClass, predictedClass),
      ]);
      const what = of === 'pred' ? 'precision' : isClass ? 'recall' : 'share of the true class';
      return { run, what, change: to[0] / to[1] - from[0] / from[1], p: twoProportions(...from, ...to) };
    });
  });
  const tests = made.filter(({ change }) => !Number.isNaN(change)); // where both have samples
  const adjusted = adjustedPValues(Float64Array.from(tests, ({ p }) => p));
  return (
    <ul class="findings">
      {tests.map(({ run, what, change }, i) => {
        const p = adjusted[i];
        return (
          <li key={`${run} ${what}`}>
            <RunName run={run} />: {what} {pointsText(change)} against <bdi>{mine.run}</bdi>
            {change !== 0 && (
              <>
                , {p <= 0.05 ? 'more than noise' : 'may be noise'} ({p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`}
                {tests.length > 1 && `, adjusted for these ${tests.length} tests by Benjamini-Hochberg`})
              </>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function Course() {
  const found = course.value;
  if (!found) return <p class="note">Reading its course…</p>;
  const most = Math.max(...[...found.values()].flatMap(({ values }) => [...values].filter((value) => !Number.isNaN(value))), 0);
  const asText = (value: number) => (normalize.value === 'counts' ? exactCount(value) : percent(value));
  return (
    <figure class="course">
      {[...found].map(([run, { steps, values }]) => (
        <div key={run}>
          <small>
            <RunName run={run} />
          </small>
          <Line
            points={steps.flatMap((at, i) => (Number.isNaN(values[i]) ? [] : [[at, values[i]] as const]))}
            width={250}
            height={44}
            most={most}
            stroke={runColor(runSlots.value.get(run) ?? 0, dark.value)}
          />
        </div>
      ))}
      <figcaption class="note">The course over the steps, up to {asText(most)}</figcaption>
    </figure>
  );
}

const FIGURES: readonly (readonly [ClassFigure, string])[] = [
  ['recall', 'Recall'],
  ['precision', 'Precision'],
  ['f1', 'F1'],
];

/** When the class was at its best, in each run. */
function Best({ index }: { index: number }) {
  return (
    <table class="figures" aria-label="The class at its best">
      <thead>
        <tr>
          <th scope="col">At its best</th>
          {FIGURES.map(([name, text]) => (
            <th key={name} scope="col">
              {text}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {chosenRuns.value.map((run) => (
          <tr key={run}>
            <th scope="row" title={run}>
              <RunName run={run} />
            </th>
            {FIGURES.map(([name]) => {
              const best = bestOf(courseOfClass(index, run, name));
              const scarce = best && scarceSupport(index, run, best[0]);
              return (
                <td key={name}>
                  {best && (
                    <button type="button" class="plain" onClick={() => goToStep(best[0])}>
                      {percent(best[1])}
                      <small class="between">
                        step {best[0]}
                        {scarce !== null && `, only ${compactCount(scarce)} ${scarce === 1 ? 'sample' : 'samples'}`}
                      </small>
                    </button>
                  )}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
