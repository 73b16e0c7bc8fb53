// The Summary tab: the chosen metric of every run with its interval and course, then all metrics, and what stands out.

import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { rankedConfusions } from '../confusions';
import { exactCount, intervalText, metricText, nameOf, percent, signedMetric } from '../format';
import { goToStep } from '../loading';
import { classFilter, dark, metric, panelTab } from '../look';
import { cutTo } from '../marks';
import { isLarge, type Matrix } from '../matrix';
import { WHOLE, type Whole, type WholeName, wholeInPieces } from '../metrics';
import { runColor } from '../palette';
import { breath, finished, inSlices } from '../pieces';
import { classes, goToClasses, hasClass, type Pane, settledPanes } from '../seen';
import {
  baselineFor,
  baselineRun,
  chosenRuns,
  histories,
  historyProgress,
  runSlots,
  series,
  step,
  steps,
  subject,
} from '../state';
import { Select } from './choice';

const wholes = new WeakMap<Matrix, Whole | null>();
const made = signal(0);

/** The metrics of a matrix; of a large one null until they are made, piece by piece. */
function wholeOf(matrix: Matrix): Whole | null {
  made.value;
  const known = wholes.get(matrix);
  if (known !== undefined) return known;
  const work = wholeInPieces(matrix);
  const found = isLarge(matrix) ? null : finished(work);
  wholes.set(matrix, found);
  if (!found) {
    const isWanted = () => settledPanes.value.some((pane) => pane.whole === matrix);
    breath()
      .then(() => inSlices(work, isWanted))
      .then((whole) => {
        if (whole) wholes.set(matrix, whole);
        else wholes.delete(matrix);
        made.value++;
      });
  }
  return found;
}

/** A metric where a run is compared to; NaN as long as it is not known. */
function baselineValue(run: string, at: number | null, name: WholeName): number {
  const base = at === null ? null : baselineFor(run, at);
  return base ? readAt(base.run, base.step, name) : Number.NaN;
}

/** A metric at a step that has been read; NaN where it has not. */
function readAt(run: string, at: number | null, name: WholeName): number {
  return (at === null ? undefined : histories.value.get(run)?.get(at)?.metrics[name]) ?? Number.NaN;
}

export function Summary() {
  const name = metric.value;
  const { formula } = WHOLE.find((one) => one.name === name) ?? { formula: '' };
  const panes = settledPanes.value;
  const mine = panes.find((pane) => pane.run === subject.value) ?? panes[0];
  return (
    <>
      <Select
        label="Metric"
        value={name}
        options={WHOLE.map((one) => [one.name, one.label] as const)}
        choose={(next) => {
          metric.value = next;
        }}
      />
      <p class="note formula">{formula}</p>
      <table class="figures" aria-label="The metric by run">
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">Value</th>
            <th scope="col">95% interval</th>
            <th scope="col">Change</th>
          </tr>
        </thead>
        <tbody>
          {panes.map((pane) => (
            <RunRow key={pane.run} pane={pane} name={name} />
          ))}
        </tbody>
      </table>
      <Chart name={name} />
      <Since runs={panes.map(({ run }) => run)} />
      {mine?.whole && <Findings run={mine.run} matrix={mine.whole} isOne={panes.length === 1} />}
      {mine?.whole && <AllMetrics pane={mine} matrix={mine.whole} />}
    </>
  );
}

function RunRow({ pane, name }: { pane: Pane; name: WholeName }) {
  const found = pane.whole && wholeOf(pane.whole);
  const value = found?.metrics[name] ?? readAt(pane.run, pane.step, name);
  return (
    <tr>
      <th scope="row" title={pane.run}>
        <i class="swatch" style={{ background: runColor(runSlots.value.get(pane.run) ?? 0, dark.value) }} />
        <bdi>{cutTo(pane.run, 14)}</bdi>
      </th>
      <td>{pane.whole && !found && Number.isNaN(value) ? '…' : metricText(value, name)}</td>
      <td>{pane.whole && !found ? '…' : intervalText(found?.intervals[name], name) || 'none'}</td>
      <td>{pane.whole && <Change now={value} before={baselineValue(pane.run, pane.step, name)} name={name} />}</td>
    </tr>
  );
}

function Change({ now, before, name }: { now: number; before: number; name: WholeName }) {
  const change = now - before;
  if (Number.isNaN(change)) return <span class="same">–</span>;
  const { higherIsBetter } = WHOLE.find((one) => one.name === name) ?? { higherIsBetter: true };
  const better = name === 'total' || change === 0 ? 'same' : change > 0 === higherIsBetter ? 'better' : 'worse';
  return <span class={better}>{signedMetric(change, name)}</span>;
}

/** What the changes are against, where it is another run: that one is told against itself. */
function Since({ runs }: { runs: readonly string[] }) {
  const base = baselineRun.value;
  if (base === null || !series.value.has(base) || runs.every((run) => run === base)) return null;
  return (
    <p class="note">
      Changes are against <bdi>{base}</bdi>
      {runs.includes(base) && '; that run itself is compared with another of its steps'}
    </p>
  );
}

/** What the numbers hide: the most frequent confusion, and the classes that are missing. */
function Findings({ run, matrix, isOne }: { run: string; matrix: Matrix; isOne: boolean }) {
  const { names } = classes.value;
  const top = rankedConfusions(matrix, 'count', 1)[0];
  const neverSeen = matrix.support.reduce((sum, one, i) => sum + Number(one === 0 && hasClass(run, i)), 0);
  const neverPredicted = matrix.predicted.reduce((sum, one, i) => sum + Number(one === 0 && matrix.support[i] > 0), 0);
  const show = (which: 'never-seen' | 'never-predicted') => {
    classFilter.value = which;
    panelTab.value = 'classes';
  };
  return (
    <ul class="findings">
      <li>
        {top ? (
          <button type="button" class="plain" onClick={() => goToClasses(top.trueClass, top.predictedClass)}>
            Most frequent confusion{!isOne && ' of '}
            {!isOne && <bdi>{run}</bdi>}: true <bdi>{nameOf(names, top.trueClass)}</bdi>, predicted{' '}
            <bdi>{nameOf(names, top.predictedClass)}</bdi>: {exactCount(top.count)} ({percent(top.share)} of the true class)
          </button>
        ) : (
          'No confusions'
        )}
      </li>
      {neverPredicted > 0 && (
        <li>
          <button type="button" class="plain" onClick={() => show('never-predicted')}>
            {exactCount(neverPredicted)} {neverPredicted === 1 ? 'class that has samples is' : 'classes that have samples are'}{' '}
            never predicted
          </button>
        </li>
      )}
      {neverSeen > 0 && (
        <li>
          <button type="button" class="plain" onClick={() => show('never-seen')}>
            {exactCount(neverSeen)} {neverSeen === 1 ? 'class is' : 'classes are'} never seen
          </button>
        </li>
      )}
    </ul>
  );
}

function AllMetrics({ pane, matrix }: { pane: Pane; matrix: Matrix }) {
  const found = wholeOf(matrix);
  if (!found) return <p class="waiting">Computing the metrics…</p>;
  const { metrics, intervals } = found;
  return (
    <table class="figures">
      <caption>
        All metrics of <bdi>{pane.run}</bdi>, step {pane.step}
      </caption>
      <thead>
        <tr>
          <th scope="col">Metric</th>
          <th scope="col">Value</th>
          <th scope="col">95% interval</th>
          <th scope="col">Change</th>
        </tr>
      </thead>
      <tbody>
        {WHOLE.map(({ name, label, formula }) => (
          <tr key={name}>
            <th scope="row" title={formula}>
              {label}
            </th>
            <td>{metricText(metrics[name], name)}</td>
            <td>{intervalText(intervals[name], name)}</td>
            <td>
              <Change now={metrics[name]} before={baselineValue(pane.run, pane.step, name)} name={name} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const CHART_HEIGHT = 170;

/** The metric over the steps, a line for each run; a click goes to the step. */
function Chart({ name }: { name: WholeName }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const runs = chosenRuns.value;
  const all = steps.value;
  const isDark = dark.value;
  const data: (number | null)[][] = [
    [...all],
    ...runs.map((run) => {
      const history = histories.value.get(run);
      return all.map((at) => {
        const value = history?.get(at)?.metrics[name];
        return value === undefined || Number.isNaN(value) ? null : value;
      });
    }),
  ];
  useEffect(() => {
    if (!box.current || runs.length === 0) return; // uPlot draws no axes without values
    const ink = isDark ? '#a9afb8' : '#5f6368';
    const line = {
      stroke: ink,
      grid: { stroke: isDark ? '#353940' : '#e8ebef', width: 1 },
      ticks: { show: false },
      font: '11px system-ui',
    };
    const made = new uPlot(
      {
        width: box.current.clientWidth,
        height: CHART_HEIGHT,
        legend: { show: false },
        scales: {
          x: {
            time: false,
            range: (u, first, last) => (u.data[0].length > 1 ? [first, last] : [u.data[0][0] - 1, u.data[0][0] + 1]),
          },
        },
        cursor: { drag: { x: false, y: false }, y: false },
        axes: [
          { ...line, size: 24 },
          { ...line, size: 52 },
        ],
        series: [
          {},
          ...runs.map((run) => ({
            label: run,
            stroke: runColor(runSlots.value.get(run) ?? 0, isDark),
            width: 2,
            spanGaps: true,
            points: { size: 5 },
          })),
        ],
        hooks: {
          draw: [
            (u) => {
              if (step.value === null) return;
              const x = Math.round(u.valToPos(step.value, 'x', true));
              u.ctx.fillStyle = ink;
              u.ctx.globalAlpha = 0.5;
              u.ctx.fillRect(x, u.bbox.top, 1, u.bbox.height);
              u.ctx.globalAlpha = 1;
            },
          ],
        },
      },
      data as uPlot.AlignedData,
      box.current,
    );
    plot.current = made;
    const resize = new ResizeObserver(() => {
      if (box.current && box.current.clientWidth > 0) made.setSize({ width: box.current.clientWidth, height: CHART_HEIGHT });
    });
    resize.observe(box.current);
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [runs.join('\n'), isDark]);
  useEffect(() => {
    plot.current?.setData(data as uPlot.AlignedData);
  }, [histories.value, all, name, runs]);
  useEffect(() => {
    plot.current?.redraw(false);
  }, [step.value]);
  const { label } = WHOLE.find((one) => one.name === name) ?? { label: '' };
  return (
    <div class="chart">
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the step slider does the same by keys */}
      <div
        ref={box}
        role="img"
        aria-label={`${label} over the steps; the step slider has the same course`}
        onClick={() => {
          const i = plot.current?.cursor.idx;
          if (i !== undefined && i !== null && all[i] !== undefined) goToStep(all[i]);
        }}
      />
      {historyProgress.value < 1 && <progress aria-label="Steps read" value={historyProgress.value} max={1} />}
    </div>
  );
}
