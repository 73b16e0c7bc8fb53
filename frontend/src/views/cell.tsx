// The Cell tab: one cell in every run, with intervals, its course and its mirror image; on the diagonal, its class.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Courses } from '../courses';
import { compactCount, exactCount, nameOf, percent, pointsText } from '../format';
import { goToStep } from '../loading';
import { dark, normalize } from '../look';
import { cutTo } from '../marks';
import { countAt, denominator, type Matrix, type Normalize } from '../matrix';
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
  const all = panes.value.filter((pane) => pane.matrix);
  const isClass = trueClass === predictedClass && trueClass !== all[0]?.matrix?.rest; // what is summed up has no recall
  const base = baselinePane.value;
  const cell = { all, trueClass, predictedClass, isClass };
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
      <Shares {...cell} />
      {Math.min(classAt(trueClass), classAt(predictedClass)) >= 0 && (
        <Examples trueClass={classAt(trueClass)} predictedClass={classAt(predictedClass)} />
      )}
      {all.length > 1 && <Versus {...cell} />}
      {base && (
        <p class="note">
          <bdi>{subject.value}</bdi> against {base.run !== subject.value && <bdi>{base.run} at </bdi>}step {base.step}:{' '}
          {changeToldOf(trueClass, predictedClass)}
        </p>
      )}
      <Course />
      {isClass && classAt(trueClass) >= 0 && <Best index={classAt(trueClass)} />}
    </div>
  );
}

interface Props {
  all: readonly Pane[];
  trueClass: number;
  predictedClass: number;
  /** Whether it tells of one class, and not of a confusion. */
  isClass: boolean;
}

function RunName({ run }: { run: string }) {
  return (
    <>
      <i class="swatch" style={{ background: runColor(runSlots.value.get(run) ?? 0, dark.value) }} />
      <bdi title={run}>{cutTo(run, RUN)}</bdi>
    </>
  );
}

function headOf(of: Normalize, text: string, isClass: boolean): string {
  return isClass && of !== 'all' ? (of === 'true' ? 'Recall' : 'Precision') : text;
}

/** The cell in each run, and that of the same two classes the other way round. */
function Shares({ all, trueClass, predictedClass, isClass }: Props) {
  const names = seenClasses.value.names;
  const share = (matrix: Matrix, of: Normalize, row: number, column: number) => {
    const [count, divisor] = [countAt(matrix, row, column), denominator(matrix, of, row, column)];
    return percent(divisor > 0 ? count / divisor : Number.NaN);
  };
  return (
    <table class="figures" aria-label="The cell by run">
      <thead>
        <tr>
          <th scope="col">Run</th>
          <th scope="col">Count</th>
          {SHARES.map(([of, text]) => (
            <th key={of} scope="col">
              {headOf(of, text, isClass)}
            </th>
          ))}
          {trueClass !== predictedClass && (
            <th scope="col">
              <button
                type="button"
                class="plain"
                title={`true ${nameOf(names, predictedClass)}, predicted ${nameOf(names, trueClass)} (M)`}
                onClick={() => {
                  if (cursor.value) cursor.value = { ...cursor.value, trueClass: predictedClass, predictedClass: trueClass };
                }}
              >
                Other way
              </button>
            </th>
          )}
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
                    {share(matrix, of, trueClass, predictedClass)}
                    <Between interval={interval} />
                  </td>
                );
              })}
              {trueClass !== predictedClass && (
                <td>
                  {exactCount(countAt(matrix, predictedClass, trueClass))}
                  <small class="between">{share(matrix, 'true', predictedClass, trueClass)}</small>
                </td>
              )}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** Whether the other runs differ from the chosen one by more than noise: in recall and precision on the diagonal, else in the share. */
function Versus({ all, trueClass, predictedClass, isClass }: Props) {
  const mine = all.find((pane) => pane.run === subject.value) ?? all[0];
  const own = mine?.matrix;
  if (!own) return null;
  const others = all.filter((pane) => pane !== mine);
  const shares = SHARES.slice(0, isClass ? 2 : 1);
  const tests = others.flatMap(({ matrix }) =>
    shares.map(([of]) => {
      const [from, to] = [own, matrix].map((one): [number, number] =>
        one ? [countAt(one, trueClass, predictedClass), denominator(one, of, trueClass, predictedClass)] : [0, 0],
      );
      return { change: to[0] / to[1] - from[0] / from[1], p: twoProportions(...from, ...to) };
    }),
  );
  const adjusted = adjustedPValues(Float64Array.from(tests, ({ p }) => p));
  const tested = tests.filter(({ p }) => !Number.isNaN(p)).length; // where both have samples
  return (
    <>
      <table class="figures" aria-label="The other runs">
        <thead>
          <tr>
            <th scope="col">
              Against <bdi title={mine.run}>{cutTo(mine.run, RUN)}</bdi>
            </th>
            {shares.map(([of, text]) => (
              <th key={of} scope="col">
                {headOf(of, text, isClass)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {others.map(({ run, step }, i) => (
            <tr key={run}>
              <th scope="row" title={run}>
                <RunName run={run} />
                {step !== mine.step && <small class="between">step {step}</small>}
              </th>
              {shares.map(([of], j) => {
                const [{ change }, p] = [tests[i * shares.length + j], adjusted[i * shares.length + j]];
                return (
                  <td key={of}>
                    {Number.isNaN(p) ? 'n/a' : pointsText(change)}
                    {change !== 0 && p <= 1 && (
                      <small class="between">
                        {p <= 0.05 ? <b>more than noise</b> : 'may be noise'}
                        <br />
                        {p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`}
                      </small>
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {tested > 1 && <p class="note">p is adjusted for these {tested} tests (Benjamini-Hochberg)</p>}
    </>
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
                        {scarce !== null && (
                          <>
                            <br />
                            only {compactCount(scarce)} {scarce === 1 ? 'sample' : 'samples'}
                          </>
                        )}
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
