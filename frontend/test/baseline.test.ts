import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BaselineStep } from '../src/state';
import { openPage, type Page } from './page';
import { golden } from './samples';
import { until } from './server';

let page: Page;
let { server, state } = {} as Page;
beforeEach(async () => {
  page = await openPage();
  ({ server, state } = page);
  for (const step of [10, 20, 30, 40]) await page.log('a', step, [[step]]);
  for (const step of [5, 25, 35]) await page.log('b', step, [[step + 1]]);
  await page.log('c', 20, [[7]]);
});
afterEach(() => page.close());

describe('the run that is told of', () => {
  test('is the one that is wanted, or else the first', async () => {
    expect(state.subject.value).toBeNull();
    await page.show('a', 'b');
    expect(state.subject.value).toBe('a');
    state.wantedSubject.value = 'b';
    expect(state.subject.value).toBe('b');
    state.chooseRuns(['a']);
    expect(state.subject.value).toBe('a');
    state.chooseRuns(['a', 'b']);
    expect(state.subject.value).toBe('b');
    state.wantedSubject.value = 'c';
    expect(state.subject.value).toBe('a');
    state.chooseRuns([]);
    expect(state.subject.value).toBeNull();
  });
});

describe('the baseline', () => {
  const at = (step: BaselineStep, run: string | null = null) => {
    state.baselineStep.value = step;
    state.baselineRun.value = run;
    return state.baselineAt.value && [state.baselineAt.value.run, state.baselineAt.value.step];
  };

  test('is the step before, the first, the same or any other, of the run itself or of another', async () => {
    await page.show('a');
    await page.goTo(30);
    expect(at('previous')).toEqual(['a', 20]);
    expect(at('first')).toEqual(['a', 10]);
    expect(at('same')).toEqual(['a', 20]); // no run is told to differ from itself at the same step
    expect(at(25)).toEqual(['a', 20]);
    expect(at(9)).toBeNull();
    expect(at('previous', 'b')).toEqual(['b', 25]);
    expect(at('first', 'b')).toEqual(['b', 5]);
    expect(at('same', 'b')).toEqual(['b', 25]);
    expect(at(5, 'b')).toEqual(['b', 5]);
    expect(at('same', 'gone')).toEqual(['a', 20]);
    await page.goTo(10);
    expect(at('previous')).toBeNull();
    expect(at('previous', 'b')).toEqual(['b', 5]);
    expect(at('same', 'c')).toBeNull();
  });

  test('is of the run that is told of, at the step that is shown of it', async () => {
    await page.show('a', 'b');
    await page.goTo(30);
    state.wantedSubject.value = 'b';
    expect(at('previous')).toEqual(['b', 5]);
    expect(at('same', 'a')).toEqual(['a', 30]);
    state.goToStep(5);
    await page.settled();
    state.wantedSubject.value = 'a';
    expect(at('previous')).toBeNull(); // nothing is shown of it yet
    state.chooseRuns([]);
    expect(at('previous')).toBeNull();
  });

  test('of any run at any step', async () => {
    await page.show('a');
    expect(state.baselineFor('b', 35)).toEqual({ run: 'b', step: 25 });
    expect(state.baselineFor('gone', 35)).toBeNull();
    state.baselineStep.value = 'first';
    expect(state.baselineFor('gone', 35)).toBeNull();
    state.baselineStep.value = 'same';
    state.chooseRuns([]);
    expect(state.baselineFor('b', 30)).toEqual({ run: 'b', step: 25 });
  });

  test('is shown once it is here, and while another step of it is on its way that before', async () => {
    await page.show('a');
    at('same', 'b');
    const told = () => {
      const { run, step, matrix, loading } = state.baseline.value ?? {};
      return [run, step, matrix?.total, loading];
    };
    expect(told()).toEqual(['b', 35, undefined, true]);
    await state.loadAside('b', 35);
    expect(told()).toEqual(['b', 35, 36, false]);
    state.baselineStep.value = 5;
    if (told()[3]) expect(told()).toEqual(['b', 35, 36, true]);
    await state.loadAside('b', 5);
    expect(told()).toEqual(['b', 5, 6, false]);
    at('same', 'c');
    expect(told().slice(0, 1)).toEqual(['c']);
    expect(told()[2]).not.toBe(6);
    at(1, 'c');
    expect(state.baseline.value).toBeNull();
  });

  test('that is no matrix says so', async () => {
    server.log('val', 'b', 35, golden('damaged'));
    await page.show('a');
    at('same', 'b');
    await state.loadAside('b', 35);
    expect(state.baseline.value).toMatchObject({ run: 'b', step: 35, matrix: null });
    expect(state.baseline.value?.problem).toContain('damaged record');
  });
});

describe('a step that is looked at in passing', () => {
  test('is asked for once, and leaves what is looked at as it is', async () => {
    await page.show('a');
    await until(() => expect(server.asked.filter(({ route }) => route === 'records').length).toBeGreaterThan(1));
    server.asked.length = 0;
    await state.loadAside('b', 25);
    await state.loadAside('b', 25);
    await state.loadAside('gone', 1);
    expect(server.asked.map(({ route, query }) => [route, query.run])).toEqual([['records', 'b']]);
    expect([state.step.value, state.chosenRuns.value]).toEqual([40, ['a']]);
  });

  test('that cannot be had is reported, until it can', async () => {
    await page.show('a');
    server.failure = ({ query }) => (query.run === 'b' ? { status: 500, text: 'out of order' } : null);
    await state.loadAside('b', 25);
    expect(state.problems.value).toEqual([{ where: 'run b, tag val, step 25', what: 'out of order' }]);
    server.failure = null;
    await state.loadAside('b', 25);
    expect(state.problems.value).toEqual([]);
  });
});

test('a run that has no steps, or is no longer there, is no harm', async () => {
  server.logs.get('val')?.set('empty', []);
  await page.show('empty');
  expect([state.step.value, state.shown.value[0].step, state.historyProgress.value]).toEqual([null, null, 1]);
  state.chosenRuns.value = ['gone', 'c'];
  state.loadShown();
  await state.loadHistories();
  expect([...state.histories.value.keys()]).toEqual(['c']);
  expect(state.historyProgress.value).toBe(1);
});

test('more runs than colors share them', () => {
  state.chosenRuns.value = Array.from({ length: 10 }, (_, i) => `run ${i}`);
  expect([...state.runSlots.value.values()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0, 0]);
});
