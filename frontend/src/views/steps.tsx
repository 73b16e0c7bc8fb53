// The step slider, with a tick at every logged step.

import { type IconNode, Pause, Play } from 'lucide';
import { h } from 'preact';
import { goToStep, playing, series, shown, step, steps, togglePlay } from '../state';

/** More ticks than this cannot be told apart. */
const MOST_TICKS = 200;

export function Steps() {
  const all = steps.value;
  if (all.length === 0 || step.value === null) return <section class="steps" />;
  const index = all.indexOf(step.value);
  const place = (i: number) => (all.length > 1 ? i / (all.length - 1) : 0);
  return (
    <section class="steps" aria-label="Steps">
      <button
        type="button"
        onClick={togglePlay}
        aria-label={playing.value ? 'Pause' : 'Play'}
        title={playing.value ? 'Pause' : 'Play'}
      >
        <Icon node={playing.value ? Pause : Play} />
      </button>
      <div class="slider">
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
        {all.length <= MOST_TICKS && (
          <div class="ticks" aria-hidden="true">
            {all.map((at, i) => (
              <i key={at} style={{ left: `${100 * place(i)}%` }} />
            ))}
          </div>
        )}
        <div class="ends" aria-hidden="true">
          <span>{all[0]}</span>
          {all.length > 1 && <span>{all.at(-1)}</span>}
        </div>
      </div>
      <div class="now">
        Step <b>{step.value}</b>
        <small>{loggedAt()}</small>
      </div>
    </section>
  );
}

function loggedAt(): string {
  const one = shown.value[0];
  const info = one && series.value.get(one.run)?.info;
  const i = info && one.step !== null ? info.steps.indexOf(one.step) : -1;
  return info && i >= 0 && !one.loading ? new Date(info.wall_times[i] * 1000).toLocaleString() : '';
}

function Icon({ node }: { node: IconNode }) {
  return (
    <svg viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
      {node.map(([name, attributes]) => h(name, attributes as Record<string, string>))}
    </svg>
  );
}
