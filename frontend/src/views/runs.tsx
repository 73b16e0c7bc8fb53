// The runs of the tag: a tick each shows its matrix.

import { chooseRuns, toggleRun } from '../loading';
import { dark } from '../look';
import { cutTo } from '../marks';
import { runColor } from '../palette';
import { isByPosition } from '../seen';
import { chosenRuns, filteredRuns, MOST_RUNS, runPattern, runSlots, series, shown, step } from '../state';

/** Rows drawn at most; the filter reaches the rest. */
const MOST_ROWS = 300;
/** Longer names are cut in their middle, so that more than three of them are in sight. */
const MOST_LETTERS = 60;

export function Runs() {
  const chosen = new Set(chosenRuns.value);
  const full = chosen.size >= MOST_RUNS;
  const filtered = filteredRuns.value;
  const hiddenChosen = chosenRuns.value.filter((run) => !filtered.includes(run));
  return (
    <nav class="runs" aria-label="Runs">
      <h2>
        Runs
        {series.value.size > 1 && (
          <span>
            <button type="button" class="plain" onClick={() => chooseRuns(filtered)} title={`The first ${MOST_RUNS} at most`}>
              All
            </button>
            <button type="button" class="plain" onClick={() => chooseRuns([])}>
              None
            </button>
          </span>
        )}
      </h2>
      {series.value.size > 5 && (
        <input
          type="search"
          aria-label="Filter runs"
          placeholder="Filter runs (regex)"
          value={runPattern.value}
          onInput={(event) => {
            runPattern.value = event.currentTarget.value;
          }}
        />
      )}
      <ul>
        {[...hiddenChosen, ...filtered.slice(0, MOST_ROWS)].map((run) => {
          const slot = runSlots.value.get(run);
          return (
            <li key={run}>
              <label title={run}>
                <input
                  type="checkbox"
                  aria-label={run}
                  checked={chosen.has(run)}
                  disabled={full && !chosen.has(run)}
                  style={slot === undefined ? undefined : { accentColor: runColor(slot, dark.value) }}
                  onChange={() => toggleRun(run)}
                />
                <bdi>{cutTo(run, MOST_LETTERS)}</bdi>
              </label>
              <Earlier run={run} />
              {isByPosition(run) && <small>no class names; matched by position</small>}
            </li>
          );
        })}
      </ul>
      {filtered.length > MOST_ROWS && <p class="note">{filtered.length - MOST_ROWS} more; filter to find them</p>}
      {full && <p class="note">{MOST_RUNS} runs are shown at most</p>}
    </nav>
  );
}

/** Runs may log at other steps: which one is shown then. */
function Earlier({ run }: { run: string }) {
  const one = shown.value.find((other) => other.run === run);
  if (!one || one.loading || one.step === step.value) return null;
  return (
    <small>
      {one.step === null ? `nothing up to step ${step.value}` : `shows step ${one.step}, its latest until ${step.value}`}
    </small>
  );
}
