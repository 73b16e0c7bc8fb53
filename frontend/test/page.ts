// The page's modules as they are when it opens, over logs that a test writes.

import { effect } from '@preact/signals';
import { expect, vi } from 'vitest';
import type { Matrix } from '../src/matrix';
import { recordOf, sealed } from './samples';
import { type Server, startServer, until } from './server';

export type State = typeof import('../src/state') & typeof import('../src/loading');
/** What is seen and how one looks at it: the modules as one. */
export type Seen = typeof import('../src/seen') &
  typeof import('../src/look') &
  typeof import('../src/comparisons') &
  typeof import('../src/follow');
export type Pane = Seen['panes']['value'][number];

export interface Page {
  readonly server: Server;
  readonly state: State;
  readonly seen: Seen;
  /** Logs counts below 128, with the names of their classes where they have such. */
  log(run: string, step: number, counts: number[][], names?: readonly string[] | null, tag?: string): Promise<void>;
  /** Shows runs at the newest step, and waits until they are here. */
  show(...runs: string[]): Promise<void>;
  goTo(step: number): Promise<void>;
  settled(): Promise<void>;
  paneOf(run: string): Pane;
  matrixOf(run: string): Matrix;
  close(): Promise<void>;
}

export async function openPage(): Promise<Page> {
  const server = await startServer();
  const { state, seen, leave } = await reopened();
  const settled = () => until(() => expect(state.loading.value).toBe(false));
  const paneOf = (run: string) => seen.panes.value.find((pane) => pane.run === run) as Pane;
  return {
    server,
    state,
    seen,
    async log(run, step, counts, names = null, tag = 'val') {
      const id = names && encodeURIComponent(names.join(' '));
      if (id) server.classLists.set(`${run} ${id}`, await sealed({ type: 'classes', names }));
      server.log(tag, run, step, await recordOf(counts, id), step + 0.5);
    },
    async show(...runs) {
      await state.refresh();
      state.chooseRuns(runs);
      await settled();
    },
    async goTo(step) {
      state.goToStep(step);
      await settled();
    },
    settled,
    paneOf,
    matrixOf: (run) => paneOf(run).matrix as Matrix,
    async close() {
      leave();
      vi.restoreAllMocks();
      vi.useRealTimers();
      await server.stop();
    },
  };
}

/** The modules anew, as another visitor has them. */
export async function reopened(): Promise<{ state: State; seen: Seen; leave: () => void }> {
  vi.resetModules();
  const state = { ...(await import('../src/state')), ...(await import('../src/loading')) };
  const modules = [import('../src/seen'), import('../src/look'), import('../src/comparisons'), import('../src/follow')];
  const seen = Object.assign({}, ...(await Promise.all(modules))) as Seen;
  // The page draws whenever one of these changes.
  const leave = effect(() => void [seen.panes.value, seen.baselinePane.value, seen.scale.value, state.problems.value]);
  return { state, seen, leave };
}

/** The counts with row and column i those of class order[i]; the last, where there is a rest, the sums of all others. */
export function arrangedCounts(counts: readonly (readonly number[])[], order: readonly number[]): number[][] {
  const places = counts.map((_, index) => (order.includes(index) ? order.indexOf(index) : order.length));
  const size = order.length + (order.length < counts.length ? 1 : 0);
  const sums = Array.from({ length: size }, () => Array<number>(size).fill(0));
  for (const [row, line] of counts.entries()) for (const [col, count] of line.entries()) sums[places[row]][places[col]] += count;
  return sums;
}
