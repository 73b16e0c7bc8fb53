import { effect } from '@preact/signals';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FIT } from '../src/camera';
import { countAt } from '../src/matrix';
import { golden, PETS, recordOf, sealed, seeded, whole } from './samples';
import { type Server, startServer, until } from './server';

type State = typeof import('../src/state') & typeof import('../src/loading');

let server: Server;
let state: State;
let stopLooking: () => void;

beforeEach(async () => {
  server = await startServer();
  vi.resetModules();
  state = { ...(await import('../src/state')), ...(await import('../src/loading')) };
  // As the page does, which draws whenever one of these changes.
  stopLooking = effect(() => void [state.shown.value, state.problems.value]);
});

afterEach(async () => {
  if (state.playing.value) state.togglePlay();
  vi.useRealTimers();
  stopLooking();
  await server.stop();
});

/** Logs matrices of two classes of which the count of (0, 1) is the step. */
async function log(
  run: string,
  steps: readonly number[],
  { tag = 'val', again = 0, classes = null as string | null } = {},
): Promise<void> {
  for (const step of steps) {
    const counts = [
      [9, step + again],
      [0, 4],
    ];
    server.log(tag, run, step, await recordOf(counts, classes), 1000 + step + again);
  }
}

/** Run by run what is shown: the step, and the count by which log() tells steps apart. */
function told(): object {
  return Object.fromEntries(
    state.shown.value.map(({ run, step, matrix, problem }) => [run, problem ?? (matrix ? [step, countAt(matrix, 0, 1)] : step)]),
  );
}

/** Time for what should not happen. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30));
}

function where(): string[] {
  return state.problems.value.map((problem) => problem.where).sort();
}

describe('nearestEarlier', () => {
  test('is the last step that is not later', () => {
    const draw = seeded(91);
    for (let round = 0; round < 500; round++) {
      const sorted = [...new Set(Array.from({ length: whole(draw, 0, 12) }, () => whole(draw, -20, 20)))].sort((a, b) => a - b);
      const wanted = whole(draw, -25, 25);
      expect(state.nearestEarlier(sorted, wanted)).toBe(sorted.filter((step) => step <= wanted).at(-1) ?? null);
    }
    expect(state.nearestEarlier([3, 5], Number.POSITIVE_INFINITY)).toBe(5);
  });
});

test('unionOfSteps has every step once, by number', () => {
  expect(state.unionOfSteps([])).toEqual([]);
  expect(state.unionOfSteps([[], [5]])).toEqual([5]);
  expect(
    state.unionOfSteps([
      [-1, 2, 10],
      [2, 9, 100],
    ]),
  ).toEqual([-1, 2, 9, 10, 100]);
});

describe('refresh', () => {
  test('shows the newest step of the first run of the first tag', async () => {
    await log('slow', [1, 2]);
    await log('fast', [1, 2, 3]);
    await log('fast', [7], { tag: 'test' });
    expect(state.tags.value).toBeNull();
    await state.refresh();
    expect(state.tags.value).toEqual(['test', 'val']);
    expect(state.tag.value).toBe('test');
    await until(() => expect(told()).toEqual({ fast: [7, 7] }));
    expect(state.problems.value).toEqual([]);
  });

  test('shows a tag before all tags are known', async () => {
    await log('fast', [1]);
    const release = server.hold(({ route }) => route === 'tags');
    const asked = state.refresh();
    await until(() => expect(told()).toEqual({ fast: [1, 1] }));
    expect([state.tag.value, state.tags.value]).toEqual(['val', null]);
    release();
    await asked;
    expect(state.tags.value).toEqual(['val']);
  });

  test('shows one of the first runs before all runs are known', async () => {
    for (let run = 10; run < 30; run++) await log(`r${run}`, [run]);
    const release = server.hold(({ route, query }) => route === 'series' && !('most' in query));
    const asked = state.refresh();
    await until(() => expect(told()).toEqual({ r10: [10, 10] }));
    expect(state.series.value.size).toBe(8);
    release();
    await asked;
    expect(state.series.value.size).toBe(20);
    expect(told()).toEqual({ r10: [10, 10] });
    expect(server.asked.filter(({ route }) => route === 'records')).toHaveLength(1);
  });

  test('shows the runs that were asked for before all runs are known', async () => {
    for (let run = 10; run < 30; run++) await log(`r${run}`, [run]);
    const release = server.hold(({ route, query }) => route === 'series' && !('run' in query));
    const asked = state.restore('val', ['r29', 'none', 'r17'], 29);
    await until(() => expect(told()).toEqual({ r29: [29, 29], r17: [17, 17] }));
    release();
    await asked;
    expect(state.series.value.size).toBe(20);
    expect(told()).toEqual({ r29: [29, 29], r17: [17, 17] });
  });

  test('leaves out steps that numbers here cannot tell apart, and says so', async () => {
    await log('fast', [-(2 ** 53), 1, 2 ** 53 - 1, 2 ** 53]);
    await state.refresh();
    await until(() => expect(Object.keys(told())).toEqual(['fast']));
    expect(state.steps.value).toEqual([1, 2 ** 53 - 1]);
    expect(state.problems.value).toEqual([{ where: 'run fast, tag val', what: expect.stringContaining('are left out') }]);
  });

  test('of a tag that is not there shows the first, without a complaint', async () => {
    await log('fast', [1]);
    await state.restore('none', ['fast'], 1);
    await until(() => expect(told()).toEqual({ fast: [1, 1] }));
    expect(state.tag.value).toBe('val');
    expect(state.problems.value).toEqual([]);
  });

  test('of an empty log shows nothing, and whatever comes later', async () => {
    await state.refresh();
    expect(state.tags.value).toEqual([]);
    expect(state.step.value).toBeNull();
    expect(state.shown.value).toEqual([]);
    await log('fast', [3]);
    await state.refresh();
    await until(() => expect(told()).toEqual({ fast: [3, 3] }));
  });

  test('takes the run filter into account, as a regular expression or as a text', async () => {
    for (const run of ['a', 'b (old', 'B2']) await log(run, [1]);
    state.runPattern.value = '^b';
    await state.refresh();
    expect(state.filteredRuns.value).toEqual(['B2', 'b (old']);
    expect(state.chosenRuns.value).toEqual(['B2']);
    state.runPattern.value = '(ol';
    expect(state.filteredRuns.value).toEqual(['b (old']);
    state.runPattern.value = 'none';
    expect(state.filteredRuns.value).toEqual([]);
  });

  test('chooses a run even when the filter lets none through', async () => {
    await log('a', [1]);
    state.runPattern.value = 'none';
    await state.refresh();
    expect(state.chosenRuns.value).toEqual(['a']);
  });

  test('follows the training when the newest step is looked at', async () => {
    await log('fast', [1, 2]);
    await state.refresh();
    await until(() => expect(told()).toEqual({ fast: [2, 2] }));
    await log('fast', [3]);
    await state.refresh();
    await until(() => expect(told()).toEqual({ fast: [3, 3] }));
    state.goToStep(1);
    state.goToStep(3);
    await log('fast', [4]);
    await state.refresh();
    await until(() => expect(told()).toEqual({ fast: [4, 4] }));
  });

  test('stays at any other step, with zoom, place, cursor and runs', async () => {
    for (const run of ['fast', 'slow', 'third']) await log(run, [1, 2, 3]);
    await state.refresh();
    state.toggleRun('third');
    state.goToStep(2);
    state.camera.value = { x: -30, y: -40, k: 3 };
    const cursor = { trueClass: 1, predictedClass: 0, run: 'third' };
    state.cursor.value = cursor;
    for (const run of ['fast', 'slow', 'third']) await log(run, [4]);
    await log('again', [1, 2, 3, 4]);
    await state.refresh();
    expect(state.step.value).toBe(2);
    await until(() => expect(told()).toEqual({ fast: [2, 2], third: [2, 2] }));
    expect(state.steps.value).toEqual([1, 2, 3, 4]);
    expect(state.camera.value).toEqual({ x: -30, y: -40, k: 3 });
    expect(state.cursor.value).toEqual(cursor);
    expect([...state.series.value.keys()]).toEqual(['again', 'fast', 'slow', 'third']);
  });

  test('shows the newer matrix of a step that was logged again', async () => {
    await log('fast', [1, 2]);
    await state.refresh();
    await until(() => expect(told()).toEqual({ fast: [2, 2] }));
    await log('fast', [2], { again: 50 });
    await state.refresh();
    await until(() => expect(told()).toEqual({ fast: [2, 52] }));
  });

  test('does not ask again for what it has', async () => {
    await log('fast', [1, 2, 3]);
    await state.refresh();
    await until(() => expect(server.asked.filter(({ route }) => route === 'records')).toHaveLength(2));
    server.asked.length = 0;
    await state.refresh();
    state.goToStep(1);
    await until(() => expect(told()).toEqual({ fast: [1, 1] }));
    expect(server.asked.map(({ route }) => route)).toEqual(['series', 'tags']);
  });

  test('goes on with the runs that are left, and with a tag that is left', async () => {
    await log('fast', [1]);
    await log('slow', [1, 2]);
    await log('slow', [5], { tag: 'val2' });
    await state.refresh();
    server.logs.get('val')?.delete('fast');
    await state.refresh();
    await until(() => expect(told()).toEqual({ slow: [2, 2] }));
    server.logs.delete('val');
    await state.refresh();
    expect(state.tag.value).toBe('val2');
    await until(() => expect(told()).toEqual({ slow: [5, 5] }));
  });

  test('reports a server that does not answer, and forgets that when it does', async () => {
    await log('fast', [1]);
    server.failure = () => 'broken';
    await state.refresh();
    expect(state.problems.value).toEqual([{ where: 'TensorBoard', what: expect.stringContaining('is it still running?') }]);
    expect(state.tags.value).toBeNull();
    server.failure = null;
    await state.refresh();
    expect(state.problems.value).toEqual([]);
    await until(() => expect(told()).toEqual({ fast: [1, 1] }));
    server.failure = () => ({ status: 500, text: 'out of order' });
    await state.refresh();
    expect(state.problems.value).toEqual([{ where: 'TensorBoard', what: 'out of order' }]);
    expect(told()).toEqual({ fast: [1, 1] });
  });
});

describe('showTag', () => {
  beforeEach(async () => {
    await log('fast', [1, 2, 3]);
    await log('slow', [1, 2, 3]);
    await log('slow', [1, 5], { tag: 'val2' });
    await state.refresh();
    await until(() => expect(told()).toEqual({ fast: [3, 3] }));
  });

  test('begins anew: the newest step, unzoomed, no cursor', async () => {
    state.goToStep(1);
    state.camera.value = { x: -30, y: -40, k: 3 };
    state.cursor.value = { trueClass: 1, predictedClass: 0, run: 'fast' };
    await state.showTag('val2');
    expect(state.tag.value).toBe('val2');
    expect(state.camera.value).toEqual(FIT);
    expect(state.cursor.value).toBeNull();
    await until(() => expect(told()).toEqual({ slow: [5, 5] }));
  });

  test('keeps the chosen runs that have the tag', async () => {
    state.toggleRun('slow');
    state.toggleRun('fast');
    await state.showTag('val2');
    await state.showTag('val');
    await until(() => expect(told()).toEqual({ slow: [3, 3] }));
  });

  test('does not show the matrix of another tag meanwhile', async () => {
    state.toggleRun('slow');
    await until(() => expect(told()).toEqual({ fast: [3, 3], slow: [3, 3] }));
    const release = server.hold(({ route }) => route === 'records');
    await state.showTag('val2');
    expect(told()).toEqual({ slow: 5 });
    release();
    await until(() => expect(told()).toEqual({ slow: [5, 5] }));
  });

  test('the tag chosen last is shown, whichever is answered first', async () => {
    const release = server.hold(({ query }) => query.tag === 'val2');
    const first = state.showTag('val2');
    await state.showTag('val');
    release();
    await first;
    expect(state.tag.value).toBe('val');
    await until(() => expect(told()).toEqual({ fast: [3, 3] }));
  });

  test('a reload does not bring back the tag that was left meanwhile', async () => {
    const release = server.hold(({ route, query }) => route === 'series' && query.tag === 'val');
    const reload = state.refresh();
    state.chooseTag('val2');
    await until(() => expect(told()).toEqual({ slow: [5, 5] }));
    release();
    await reload;
    await until(() => expect(told()).toEqual({ slow: [5, 5] }));
    expect(state.tag.value).toBe('val2');
  });

  test('tells that something else is on its way, until the last choice is shown', async () => {
    await until(() => expect(state.loading.value).toBe(false));
    await log('fast', [4], { tag: 'val3' });
    const releaseFirst = server.hold(({ query }) => query.tag === 'val2');
    const releaseSecond = server.hold(({ route, query }) => route === 'series' && query.tag === 'val3');
    const releaseRecords = server.hold(({ route, query }) => route === 'records' && query.tag === 'val3');
    state.chooseTag('val2');
    state.chooseTag('val3');
    expect(state.loading.value).toBe(true);
    releaseFirst();
    await quiet();
    expect(state.loading.value).toBe(true);
    releaseSecond();
    await until(() => expect(told()).toEqual({ fast: 4 }));
    expect(state.loading.value).toBe(true);
    releaseRecords();
    await until(() => expect(told()).toEqual({ fast: [4, 4] }));
    await until(() => expect(state.loading.value).toBe(false));
    state.chooseTag('none');
    expect(state.loading.value).toBe(true);
    await until(() => expect(state.loading.value).toBe(false));
  });

  test('a choice that fails is reported, and what is shown stays', async () => {
    state.chooseTag('none');
    await until(() => expect(where()).toEqual(['tag none']));
    expect(state.tag.value).toBe('val');
    expect(told()).toEqual({ fast: [3, 3] });
    await state.refresh();
    expect(state.tag.value).toBe('val');
    await log('slow', [1], { tag: 'none' });
    state.chooseTag('none');
    await until(() => expect(told()).toEqual({ slow: [1, 1] }));
    expect(where()).toEqual([]);
  });
});

describe('several runs', () => {
  beforeEach(async () => {
    await log('a', [1, 2, 3, 4]);
    await log('b', [2, 4]);
    await log('c', [3]);
    await state.refresh();
  });

  test('are shown in the order of their names, each at its nearest step that is not later', async () => {
    state.toggleRun('c');
    state.toggleRun('b');
    expect(state.chosenRuns.value).toEqual(['a', 'b', 'c']);
    await until(() => expect(told()).toEqual({ a: [4, 4], b: [4, 4], c: [3, 3] }));
    state.goToStep(3);
    await until(() => expect(told()).toEqual({ a: [3, 3], b: [2, 2], c: [3, 3] }));
    state.goToStep(1);
    await until(() => expect(told()).toEqual({ a: [1, 1], b: null, c: null }));
    await quiet();
    const records = server.asked.filter(({ route }) => route === 'records');
    for (const { query } of records) expect(query.first).toMatch(/^\d+$/);
  });

  test('have the steps of all of them on the slider', () => {
    state.toggleRun('a');
    expect(state.step.value).toBeNull();
    expect(state.shown.value).toEqual([]);
    state.toggleRun('c');
    expect(state.steps.value).toEqual([3]);
    state.toggleRun('b');
    expect(state.steps.value).toEqual([2, 3, 4]);
    expect(state.step.value).toBe(4);
  });

  test('come and go', async () => {
    state.toggleRun('b');
    await until(() => expect(told()).toEqual({ a: [4, 4], b: [4, 4] }));
    state.toggleRun('a');
    expect(told()).toEqual({ b: [4, 4] });
    state.toggleRun('b');
    expect(told()).toEqual({});
    await state.refresh();
    await until(() => expect(told()).toEqual({ a: [4, 4] }));
  });

  test('are at most eight', async () => {
    for (let i = 0; i < 9; i++) await log(`more ${i}`, [4]);
    await state.refresh();
    for (const run of state.series.value.keys()) if (run !== 'a') state.toggleRun(run);
    expect(state.chosenRuns.value).toHaveLength(state.MOST_RUNS);
  });

  test('keep their colors while they are chosen', () => {
    const slots = () => Object.fromEntries(state.runSlots.value);
    expect(slots()).toEqual({ a: 0 });
    state.toggleRun('c');
    expect(slots()).toEqual({ a: 0, c: 2 });
    state.toggleRun('b');
    expect(slots()).toEqual({ a: 0, b: 1, c: 2 }); // whichever was chosen first
    state.toggleRun('a');
    expect(slots()).toEqual({ b: 1, c: 2 });
    state.toggleRun('a');
    expect(slots()).toEqual({ a: 0, b: 1, c: 2 });
  });

  test('are chosen at once, in their order, as many as there are', () => {
    state.chooseRuns(['c', 'none', 'a']);
    expect(state.chosenRuns.value).toEqual(['a', 'c']);
    state.chooseRuns([]);
    expect(state.chosenRuns.value).toEqual([]);
  });
});

describe('steps', () => {
  beforeEach(async () => {
    await log('a', [10, 20, 30]);
    await state.refresh();
    await until(() => expect(told()).toEqual({ a: [30, 30] }));
  });

  test('move one by one, and stop at the ends', () => {
    state.moveStep(1);
    expect(state.step.value).toBe(30);
    state.moveStep(-1);
    expect(state.step.value).toBe(20);
    state.moveStep(-5);
    expect(state.step.value).toBe(10);
    state.moveStep(1);
    expect(state.step.value).toBe(20);
    state.moveStep(5);
    expect(state.step.value).toBe(30);
  });

  test('that are not there lead to the one before, or to the first', () => {
    state.goToStep(25);
    expect(state.step.value).toBe(20);
    state.goToStep(5);
    expect(state.step.value).toBe(10);
  });

  test('tell when they were logged, by a run that has this very step', async () => {
    await log('b', [15, 20], { again: 500 });
    await state.refresh();
    state.chooseRuns(['a', 'b']);
    const told = [10, 15, 20, 30].map((at) => {
      state.goToStep(at);
      return state.loggedAt.value;
    });
    expect(told).toEqual([1010, 1515, 1020, 1030]);
    state.chooseRuns([]);
    expect(state.loggedAt.value).toBeNull();
  });

  test('do not move where there are none', () => {
    state.toggleRun('a');
    state.moveStep(1);
    expect(state.wantedStep.value).toBeNull();
  });

  test('play from the first to the last, and stop there', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    state.togglePlay();
    expect(state.playing.value).toBe(true);
    const seen = [state.step.value];
    for (let tick = 0; tick < 4; tick++) {
      vi.advanceTimersByTime(350);
      seen.push(state.step.value);
    }
    expect(seen).toEqual([10, 20, 30, 30, 30]);
    expect(state.playing.value).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('play from where one is, and pause', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    await log('a', [40]);
    await state.refresh();
    state.goToStep(20);
    state.togglePlay();
    vi.advanceTimersByTime(349);
    expect(state.step.value).toBe(20);
    vi.advanceTimersByTime(1);
    expect(state.step.value).toBe(30);
    state.togglePlay();
    vi.advanceTimersByTime(5000);
    expect(state.step.value).toBe(30);
  });

  test('keep the matrix before while the next is on its way', async () => {
    await log('a', [40]);
    const release = server.hold(({ query }) => query.first === '40');
    await state.refresh();
    expect(state.step.value).toBe(40);
    expect(told()).toEqual({ a: [30, 30] });
    expect(state.loading.value).toBe(true);
    release();
    await until(() => expect(told()).toEqual({ a: [40, 40] }));
    expect(state.loading.value).toBe(false);
  });
});

describe('class names', () => {
  const names = () => state.shown.value.map((one) => one.names);
  const askedLists = () => server.asked.filter(({ route }) => route === 'classes').map(({ query }) => query.id);

  test('are those of the list that the matrix refers to, asked for once', async () => {
    server.classLists.set('a one', await sealed({ type: 'classes', names: ['x', 'y'] }));
    server.classLists.set('a two', await sealed({ type: 'classes', names: ['v', 'w'] }));
    await log('a', [1, 2], { classes: 'one' });
    await log('a', [3], { classes: 'two' });
    await log('a', [4]);
    await state.refresh();
    await until(() => expect(told()).toEqual({ a: [4, 4] }));
    expect(names()).toEqual([null]);
    for (const [step, expected] of [
      [3, ['v', 'w']],
      [2, ['x', 'y']],
      [1, ['x', 'y']],
      [3, ['v', 'w']],
    ] as const) {
      state.goToStep(step);
      await until(() => expect(names()).toEqual([expected]));
    }
    await quiet();
    expect(askedLists()).toEqual(['two', 'one']);
    expect(state.problems.value).toEqual([]);
  });

  test('of a list that is missing are reported, and the numbers shown', async () => {
    await log('a', [1, 2], { classes: 'lost' });
    await state.refresh();
    await until(() => expect(told()).toEqual({ a: [2, 2] }));
    expect(names()).toEqual([null]);
    const lost = { where: 'run a, class names', what: expect.stringMatching(/there is no classes.*by number/) };
    expect(state.problems.value).toEqual([lost]);
    state.goToStep(1);
    await until(() => expect(told()).toEqual({ a: [1, 1] }));
    await quiet();
    expect(askedLists()).toEqual(['lost']);
    expect(state.problems.value).toEqual([lost]);
  });

  test('come together with the matrix', async () => {
    server.classLists.set('a one', await sealed({ type: 'classes', names: ['x', 'y'] }));
    await log('a', [1], { classes: 'one' });
    const release = server.hold(({ route }) => route === 'classes');
    await state.refresh();
    await until(() => expect(askedLists()).toEqual(['one']));
    await quiet();
    expect(told()).toEqual({ a: 1 });
    release();
    await until(() => expect(told()).toEqual({ a: [1, 1] }));
    expect(names()).toEqual([['x', 'y']]);
  });

  test('of a list that is damaged are reported, and shown once it is there', async () => {
    server.classLists.set('a late', golden('damaged'));
    await log('a', [1], { classes: 'late' });
    await state.refresh();
    await until(() => expect(told()).toEqual({ a: [1, 1] }));
    expect(state.problems.value).toEqual([{ where: 'run a, class names', what: expect.stringContaining('damaged record') }]);
    server.classLists.set('a late', await sealed({ type: 'classes', names: ['x', 'y'] }));
    await state.refresh();
    await until(() => expect(names()).toEqual([['x', 'y']]));
    expect(where()).toEqual([]);
  });

  test('of another run do for the same list', async () => {
    server.classLists.set('b same', await sealed({ type: 'classes', names: ['x', 'y'] }));
    await log('a', [1], { classes: 'same' });
    await log('b', [1], { classes: 'same' });
    await state.refresh();
    await until(() => expect(told()).toEqual({ a: [1, 1] }));
    await state.refresh();
    state.toggleRun('b');
    await until(() =>
      expect(names()).toEqual([
        ['x', 'y'],
        ['x', 'y'],
      ]),
    );
  });

  test('of a golden record', async () => {
    server.log('val', 'pets', 0, golden('asymmetric'));
    server.classLists.set('pets 8994ab3dfad64861', golden('class_list'));
    await state.refresh();
    await until(() => expect(names()).toEqual([PETS]));
  });
});

describe('what cannot be shown', () => {
  test('is reported with run, tag and step, and the rest is shown', async () => {
    await log('a', [1, 2, 3]);
    await log('b', [1, 2, 3]);
    server.log('val', 'a', 2, golden('damaged'));
    server.log('val', 'b', 1, golden('newer_version'));
    await state.refresh();
    state.toggleRun('b');
    state.goToStep(2);
    await until(() => expect(told()).toEqual({ a: expect.stringContaining('damaged record'), b: [2, 2] }));
    await until(() => expect(where()).toEqual(['run a, tag val, step 2', 'run b, tag val, step 1']));
    state.goToStep(3);
    await until(() => expect(told()).toEqual({ a: [3, 3], b: [3, 3] }));
    await log('a', [2]);
    await state.refresh();
    state.goToStep(2);
    await until(() => expect(told()).toEqual({ a: [2, 2], b: [2, 2] }));
    await until(() => expect(where()).toEqual(['run b, tag val, step 1']));
  });

  test('because the server fails is reported, and forgotten when it does not', async () => {
    await log('a', [1]);
    server.failure = ({ route }) => (route === 'records' ? { status: 404, text: 'no such run' } : null);
    await state.refresh();
    await until(() => expect(state.problems.value).toEqual([{ where: 'run a, tag val', what: 'no such run' }]));
    expect(told()).toEqual({ a: 'no such run' });
    server.failure = null;
    await state.refresh();
    await until(() => expect(told()).toEqual({ a: [1, 1] }));
    await until(() => expect(where()).toEqual([]));
  });

  test('because steps were left out is reported as long as that is so', async () => {
    await log('a', [1]);
    await log('a', [1], { tag: 'val2' });
    server.sampled.add('val a');
    await state.refresh();
    const left = { where: 'run a, tag val', what: expect.stringContaining('some steps are left out') };
    await until(() => expect(told()).toEqual({ a: [1, 1] }));
    expect(state.problems.value).toEqual([left]);
    await state.showTag('val2');
    await until(() => expect(told()).toEqual({ a: [1, 1] }));
    expect(state.problems.value).toEqual([]);
    await state.showTag('val');
    expect(state.problems.value).toEqual([left]);
    server.sampled.clear();
    await state.refresh();
    expect(state.problems.value).toEqual([]);
  });
});
