// The step slider, with a tick at every logged step and the chosen metric of each run behind it.

import { computed } from '@preact/signals';
import { Pause, Play } from 'lucide';
import { goToStep, togglePlay } from '../loading';
import { dark, metric } from '../look';
import { WHOLE } from '../metrics';
import { runColor } from '../palette';
import { chosenRuns, histories, historyProgress, loggedAt, playing, runSlots, step, steps } from '../state';
import { Icon } from './icon';

/** More ticks than this cannot be told apart. */
const MOST_TICKS = 200;
const CURVE = { width: 1000, height: 34 };

/** Where a step is along the slider, from 0 to 1. */
function placeOf(index: number): number {
  return steps.value.length > 1 ? index / (steps.value.length - 1) : 0;
}

/** They stay as they are while one moves. */
const ticks = computed(() =>
  steps.value.length > MOST_TICKS ? null : (
    <div class="ticks" aria-hidden="true">
      {steps.value.map((at, i) => (
        <i key={at} style={{ left: `${100 * placeOf(i)}%` }} />
      ))}
    </div>
  ),
);

export function Steps() {
  const all = steps.value;
  if (all.length === 0 || step.value === null) return <section class="steps" />;
  const index = all.indexOf(step.value);
  return (
    <section class="steps" aria-label="Steps">
      <button
        type="button"
        class="round"
        disabled={all.length < 2}
        onClick={togglePlay}
        aria-label={playing.value ? 'Pause' : 'Play'}
        title={all.length < 2 ? 'There is only one step' : playing.value ? 'Pause' : 'Play'}
      >
        <Icon node={playing.value ? Pause : Play} size={20} />
      </button>
      <div class="slider">
        {all.length > 1 && <Curves />}
        <input
          type="range"
          aria-label="Step"
          aria-valuetext={String(step.value)}
          min={0}
          max={all.length - 1}
          step={1}
          value={index}
          onInput={(event) => goToStep(all[event.currentTarget.valueAsNumber])}
        />
        {ticks.value}
        <div class="ends" aria-hidden="true">
          <span>{all[0]}</span>
          {all.length > 1 && <span>{all.at(-1)}</span>}
        </div>
      </div>
      <div class="now">
        Step <b>{step.value}</b>
        <small>{loggedAt.value !== null && new Date(loggedAt.value * 1000).toLocaleString()}</small>
      </div>
    </section>
  );
}

/** The chosen metric of each run over the places of its steps, as points of a line. */
const curves = computed(() => {
  const name = metric.value;
  const positions = new Map(steps.value.map((at, i) => [at, placeOf(i)]));
  const lines = chosenRuns.value.map((run) => {
    const points = [...(histories.value.get(run)?.values() ?? [])]
      .map((one) => [positions.get(one.step), one.metrics[name]] as const)
      .filter((point): point is readonly [number, number] => point[0] !== undefined && !Number.isNaN(point[1]))
      .sort((a, b) => a[0] - b[0]);
    return { run, points };
  });
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const y = (value: number) => CURVE.height - 3 - (most > least ? (value - least) / (most - least) : 0.5) * (CURVE.height - 6);
  return lines.map(({ run, points }) => ({
    run,
    isDot: points.length === 1,
    points: points.map(([at, value]) => `${(at * CURVE.width).toFixed(1)},${y(value).toFixed(2)}`).join(' '),
  }));
});

/** Behind the slider, so that peaks are seen where one drags. */
function Curves() {
  const { label } = WHOLE.find((one) => one.name === metric.value) ?? { label: '' };
  return (
    <div class="curves">
      <svg viewBox={`0 0 ${CURVE.width} ${CURVE.height}`} preserveAspectRatio="none" aria-hidden="true">
        {curves.value.map(({ run, isDot, points }) => (
          <polyline
            key={run}
            class={isDot ? 'dot' : undefined}
            stroke={runColor(runSlots.value.get(run) ?? 0, dark.value)}
            points={isDot ? `${points} ${points}` : points}
          />
        ))}
      </svg>
      <small>
        {label}
        {historyProgress.value < 1 && `, ${Math.round(100 * historyProgress.value)}% read`}
      </small>
    </div>
  );
}
