import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { scan, summaryOf } from '../src/history';
import { extentOf, type Matrix } from '../src/matrix';
import { wholeMetrics } from '../src/metrics';
import { Series } from '../src/series';
import { clock, turns } from './clock';
import { denseOf, golden, matrixFrom, NORMALIZATIONS, randomCounts, recordOf, sealed, seeded, whole } from './samples';
import { infoOf, type Server, startServer, until } from './server';

type State = typeof import('../src/state') & typeof import('../src/loading');

const draw = seeded(181);

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test('a summary is of its matrix', () => {
  for (let round = 0; round < 20; round++) {
    const counts = randomCounts(draw, whole(draw, 1, 9));
    const matrix = matrixFrom(counts);
    const classes = { size: counts.length, names: null };
    const { extents, metrics, support, predicted, truePositives, ...rest } = summaryOf(5, 12.5, matrix, classes);
    expect(rest).toEqual({ step: 5, wallTime: 12.5, classes });
    expect(metrics).toEqual(wholeMetrics(matrix));
    expect([...support]).toEqual([...matrix.support]);
    expect([...predicted]).toEqual([...matrix.predicted]);
    expect([...truePositives]).toEqual([...matrix.diagonal]);
    for (const normalize of NORMALIZATIONS) expect(extents[normalize]).toEqual(extentOf(matrix, normalize));
  }
});

let server: Server;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.stop());

/** Logs matrices of two classes of which the count of (0, 1) is the step. */
async function log(run: string, steps: readonly number[], { tag = 'val', again = 0, classes = null as string | null } = {}) {
  for (const step of steps) {
    const counts = [
      [9, step + again],
      [0, 4],
    ];
    server.log(tag, run, step, await recordOf(counts, classes), 1000 + step + again);
  }
}

describe('scan', () => {
  const STEPS = [0, 3, 10, 11, 40];

  async function seriesNow(): Promise<Series> {
    await log('run', STEPS);
    server.log('val', 'run', 10, golden('damaged'));
    return new Series('val', infoOf('run', server.logs.get('val')?.get('run') ?? []), () => undefined);
  }

  const countOf = (matrix: Matrix) => denseOf(matrix)[0][1];

  test('visits the matrices in the order that is asked for, and passes over what is none', async () => {
    const series = await seriesNow();
    const found: number[][] = [];
    await scan(
      series,
      [40, 0, 10, 3],
      () => true,
      async (step, matrix) => void found.push([step, countOf(matrix)]),
    );
    expect(found).toEqual([
      [40, 40],
      [0, 0],
      [3, 3],
    ]);
    await scan(
      series,
      [],
      () => true,
      async () => expect.unreachable(),
    );
  });

  test('waits for each visit', async () => {
    const series = await seriesNow();
    let inside = 0;
    await scan(
      series,
      STEPS,
      () => true,
      async () => {
        expect(++inside).toBe(1);
        await new Promise((resolve) => setTimeout(resolve));
        inside--;
      },
    );
  });

  test('lets the page do other things where it takes its time, even if all is there', async () => {
    const series = await seriesNow();
    for (const step of STEPS) await series.load(step);
    const turnsAt = async (milliseconds: number) => {
      clock(milliseconds);
      const page = turns();
      const at: number[] = [];
      await scan(
        series,
        STEPS,
        () => true,
        async () => void at.push(page.count),
      );
      page.stop();
      vi.restoreAllMocks();
      return new Set(at).size;
    };
    expect(await turnsAt(0)).toBe(1);
    expect(await turnsAt(20)).toBe(4);
  });

  test.each([0, 20])('ends as soon as it is no longer wanted, the clock going by %i', async (milliseconds) => {
    const series = await seriesNow();
    for (const step of STEPS) await series.load(step);
    clock(milliseconds);
    const found: number[] = [];
    await scan(
      series,
      STEPS,
      () => found.length < 2,
      async (step) => void found.push(step),
    );
    expect(found).toEqual([0, 3]);
  });

  test('ends when it is no longer wanted while a step is on its way', async () => {
    const series = await seriesNow();
    await series.load(0);
    const release = server.hold(() => true);
    let wanted = true;
    const found: number[] = [];
    const scanning = scan(
      series,
      STEPS,
      () => wanted,
      async (step) => void found.push(step),
    );
    await until(() => expect(server.asked).toHaveLength(2));
    wanted = false;
    release();
    await scanning;
    expect(found).toEqual([0]);
    expect(server.asked).toHaveLength(2);
  });

  test('fails when the server does', async () => {
    const series = await seriesNow();
    await series.load(0);
    server.failure = () => ({ status: 500, text: 'out of order' });
    await expect(
      scan(
        series,
        STEPS,
        () => true,
        async () => undefined,
      ),
    ).rejects.toThrow('out of order');
  });
});

describe('the histories of the chosen runs', () => {
  let state: State;
  beforeEach(async () => {
    vi.resetModules();
    state = { ...(await import('../src/state')), ...(await import('../src/loading')) };
    await log('a', [1, 2, 3, 4]);
    await log('b', [2, 5]);
    await state.refresh();
  });

  /** Run by run the steps that are summarized, and the accuracies by which log() tells them apart. */
  const told = () =>
    Object.fromEntries(
      [...state.histories.value].map(([run, of]) => [run, [...of].map(([step, one]) => [step, one.metrics.accuracy])]),
    );
  const expected = (...steps: number[]) => steps.map((step) => [step, 13 / (13 + step)]);

  test('hold a summary of every step', async () => {
    expect(state.historyProgress.value).toBe(0);
    await state.loadHistories();
    expect(told()).toEqual({ a: expected(1, 2, 3, 4) });
    expect(state.historyProgress.value).toBe(1);
    state.toggleRun('b');
    expect(state.historyProgress.value).toBe(4 / 6);
    await state.loadHistories();
    expect(told()).toEqual({ a: expected(1, 2, 3, 4), b: expected(2, 5) });
    expect(state.histories.value.get('b')?.get(5)).toMatchObject({ step: 5, wallTime: 1005, classes: { size: 2, names: null } });
    expect(state.historyProgress.value).toBe(1);
    state.chooseRuns([]);
    expect(state.historyProgress.value).toBe(1);
    await state.loadHistories();
  });

  test('know the names of the classes', async () => {
    server.classLists.set('c one', await sealed({ type: 'classes', names: ['x', 'y'] }));
    await log('c', [1], { classes: 'one' });
    await log('c', [2], { classes: 'lost' });
    await state.refresh();
    state.chooseRuns(['c']);
    await state.loadHistories();
    expect([...(state.histories.value.get('c')?.values() ?? [])].map(({ classes }) => classes.names)).toEqual([['x', 'y'], null]);
  });

  test('begin with the run that is told of', async () => {
    state.toggleRun('b');
    state.wantedSubject.value = 'b';
    await state.loadHistories();
    expect([...state.histories.value.keys()]).toEqual(['b', 'a']);
  });

  test('take up what is new, and keep what has not changed', async () => {
    await state.loadHistories();
    const before = state.histories.value.get('a');
    await log('a', [6]);
    await log('a', [2], { again: 50 });
    await state.refresh();
    expect(state.historyProgress.value).toBe(4 / 5);
    await state.loadHistories();
    const after = state.histories.value.get('a');
    expect([...(after?.keys() ?? [])].sort()).toEqual([1, 2, 3, 4, 6]);
    for (const step of [1, 3, 4]) expect(after?.get(step)).toBe(before?.get(step));
    expect(after?.get(2)?.metrics.accuracy).toBe(13 / (13 + 52));
    await state.loadHistories();
    expect(state.histories.value.get('a')).toBe(after);
  });

  test('leave out what is no matrix', async () => {
    server.log('val', 'a', 3, golden('damaged'));
    await state.refresh();
    await state.loadHistories();
    expect(told()).toEqual({ a: expected(1, 2, 4) });
    expect(state.historyProgress.value).toBe(1); // it has been read
    await log('a', [5]);
    await log('a', [3], { again: 1 });
    await state.refresh();
    expect(state.historyProgress.value).toBe(3 / 5);
    await state.loadHistories();
    expect(told()).toEqual({ a: [...expected(1, 2, 4), [3, 13 / 17], ...expected(5)] });
    expect(state.historyProgress.value).toBe(1);
  });

  test('grow while they are made', async () => {
    clock(300);
    const sizes: number[] = [];
    state.histories.subscribe((now) => sizes.push(now.get('a')?.size ?? 0));
    await state.loadHistories();
    expect(sizes).toEqual([0, 1, 2, 3, 4, 4]);
  });

  test('are not made twice when they are asked for again meanwhile', async () => {
    await until(() => expect(state.loading.value).toBe(false));
    clock(300);
    const sizes: number[] = [];
    state.histories.subscribe((now) => sizes.push(now.get('a')?.size ?? 0));
    await Promise.all([state.loadHistories(), state.loadHistories(), state.loadHistories()]);
    expect(sizes).toEqual([0, 1, 2, 3, 4, 4]);
  });

  test('end when others are wanted', async () => {
    await until(() => expect(state.loading.value).toBe(false));
    vi.resetModules();
    state = { ...(await import('../src/state')), ...(await import('../src/loading')) };
    const release = server.hold(({ query }) => query.run === 'a');
    await state.refresh();
    const first = state.loadHistories();
    state.chooseRuns(['b']);
    await state.loadHistories();
    release();
    await first;
    expect(told()).toEqual({ b: expected(2, 5) });
  });

  test('are those of the tag', async () => {
    await log('a', [7], { tag: 'val2' });
    await state.loadHistories();
    await state.showTag('val2');
    expect(told()).toEqual({});
    await state.loadHistories();
    expect(told()).toEqual({ a: expected(7) });
  });

  test('that cannot be had are reported, until they can', async () => {
    await until(() => expect(state.loading.value).toBe(false));
    vi.resetModules();
    state = { ...(await import('../src/state')), ...(await import('../src/loading')) };
    server.failure = ({ route }) => (route === 'records' ? { status: 500, text: 'out of order' } : null);
    await state.refresh();
    await state.loadHistories();
    expect(state.problems.value).toContainEqual({ where: 'run a, its other steps', what: 'out of order' });
    expect(state.historyProgress.value).toBe(0);
    server.failure = null;
    await state.loadHistories();
    expect(told()).toEqual({ a: expected(1, 2, 3, 4) });
    expect(state.problems.value.map(({ where }) => where)).not.toContain('run a, its other steps');
  });
});
