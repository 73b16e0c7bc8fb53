// The side panel: what the numbers say, of all, of each class, of the confusions, and of one cell.

import { Maximize2, Minimize2 } from 'lucide';
import { useEffect, useRef } from 'preact/hooks';
import { isWide, type PanelTab, panelTab } from '../look';
import { cutTo } from '../marks';
import { type BaselineStep, baselineRun, baselineStep, chosenRuns, series, steps, subject, wantedSubject } from '../state';
import { CellPanel } from './cell';
import { Select } from './choice';
import { Classes } from './classes';
import { Confusions } from './confusions';
import { Icon } from './icon';
import { Summary } from './summary';

const TABS: readonly (readonly [PanelTab, string])[] = [
  ['summary', 'Summary'],
  ['classes', 'Classes'],
  ['confusions', 'Confusions'],
  ['cell', 'Cell'],
];
/** More steps than this and the list of baselines holds every so many. */
const MOST_LISTED = 400;

export function Panel() {
  const Body = { summary: Summary, classes: Classes, confusions: Confusions, cell: CellPanel }[panelTab.value];
  const move = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const at = TABS.findIndex(([name]) => name === panelTab.value);
    panelTab.value = TABS[(at + by + TABS.length) % TABS.length][0];
    (event.currentTarget as HTMLElement)
      .querySelectorAll<HTMLElement>('[role=tab]')
      [(at + by + TABS.length) % TABS.length].focus();
    event.preventDefault();
  };
  const tabs = useRef<HTMLDivElement>(null);
  const focused = useRef<EventTarget | null>(null);
  useEffect(() => {
    // What had the focus went away with the tab that it was in.
    const isGone = focused.current && !(focused.current as Element).isConnected;
    if (isGone && document.activeElement === document.body)
      tabs.current?.querySelector<HTMLElement>('[aria-selected=true]')?.focus();
  }, [panelTab.value]);
  return (
    <aside
      class="panel"
      aria-label="Details"
      onFocusIn={(event) => {
        focused.current = event.target;
      }}
    >
      <div class="tabs" ref={tabs}>
        <div role="tablist" aria-label="Details" onKeyDown={move}>
          {TABS.map(([name, text]) => (
            <button
              key={name}
              type="button"
              role="tab"
              id={`tab-${name}`}
              aria-selected={panelTab.value === name}
              aria-controls="panel-body"
              tabIndex={panelTab.value === name ? 0 : -1}
              onClick={() => {
                panelTab.value = name;
              }}
            >
              {text}
            </button>
          ))}
        </div>
        <button
          type="button"
          class="plain"
          aria-pressed={isWide.value}
          aria-label="Wide panel"
          title={isWide.value ? 'Narrower' : 'Wider'}
          onClick={() => {
            isWide.value = !isWide.value;
          }}
        >
          <Icon node={isWide.value ? Minimize2 : Maximize2} size={15} />
        </button>
      </div>
      <Against />
      <div class="panel-body" id="panel-body" role="tabpanel" aria-labelledby={`tab-${panelTab.value}`} tabIndex={-1}>
        <Body />
      </div>
    </aside>
  );
}

/** So many letters of a run's name are seen in a closed list. */
const RUN = 15;

/** The run that is told of, and what it is compared with. */
function Against() {
  const runs = chosenRuns.value;
  const others = [...series.value.keys()].filter((run) => run !== subject.value);
  const isSameRun = !others.includes(baselineRun.value ?? '');
  const all = steps.value;
  const stride = Math.ceil(all.length / MOST_LISTED);
  const listed = all.filter((at, i) => i % stride === 0 || at === baselineStep.value);
  return (
    <div class="against">
      {runs.length > 1 && (
        <Select
          label="Run"
          value={subject.value ?? ''}
          options={runs.map((run) => [run, cutTo(run, RUN)])}
          choose={(run) => {
            wantedSubject.value = run;
          }}
        />
      )}
      {others.length > 0 && (
        <Select
          label="Baseline run"
          value={others.includes(baselineRun.value ?? '') ? (baselineRun.value as string) : ''}
          options={[['', 'same run'], ...others.slice(0, MOST_LISTED).map((run) => [run, cutTo(run, RUN)] as const)]}
          choose={(run) => {
            baselineRun.value = run === '' ? null : run;
            if (run !== '' && baselineStep.value === 'previous') baselineStep.value = 'same';
            if (run === '' && baselineStep.value === 'same') baselineStep.value = 'previous';
          }}
        />
      )}
      <Select
        label="Baseline step"
        value={isSameRun && baselineStep.value === 'same' ? 'previous' : String(baselineStep.value)}
        options={[
          ['previous', 'previous'],
          ['first', 'first'],
          ...(isSameRun ? [] : [['same', 'same'] as const]),
          ...listed.map((at) => [String(at), String(at)] as const),
        ]}
        choose={(value) => {
          baselineStep.value = (Number.isNaN(Number(value)) ? value : Number(value)) as BaselineStep;
        }}
      />
    </div>
  );
}
