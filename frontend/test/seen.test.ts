import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { united } from '../src/arrange';
import { extentOf, type Matrix } from '../src/matrix';
import { changesBetween } from '../src/significance';
import { arrangedCounts, openPage, type Page } from './page';
import { denseOf, golden, matrixFrom, matrixFromCells, NORMALIZATIONS, sealed, seeded, valueIn, whole } from './samples';
import { until } from './server';

const draw = seeded(191);
const NAMES = ['cat', 'dog', 'ant', 'bee', 'cow', 'hen', 'catfish'];

let page: Page;
let { server, state, seen } = {} as Page;
beforeEach(async () => {
  page = await openPage();
  ({ server, state, seen } = page);
});
afterEach(() => page.close());

/** Counts below 128, not symmetric, a third of them 0. */
function anyCounts(n: number): number[][] {
  return Array.from({ length: n }, () => Array.from({ length: n }, () => Math.max(0, whole(draw, -40, 90))));
}

describe('the classes of several runs', () => {
  test('are aligned by their names', async () => {
    const lists = [NAMES.slice(0, 4), ['bee', 'cow', 'cat'], ['hen']];
    const counts = lists.map((names) => anyCounts(names.length));
    for (const [i, names] of lists.entries()) await page.log(`run ${i}`, 1, counts[i], names);
    await page.show('run 0', 'run 1', 'run 2');
    const list = seen.classes.value;
    expect(list).toEqual(united(lists.map((names) => ({ size: names.length, names }))));
    expect(list.size).toBe(6);
    for (const [i, names] of lists.entries()) {
      const expected = (list.names ?? []).map((row) =>
        (list.names ?? []).map((col) => counts[i][names.indexOf(row)]?.[names.indexOf(col)] ?? 0),
      );
      expect(denseOf(page.paneOf(`run ${i}`).whole as Matrix)).toEqual(expected);
      expect(page.paneOf(`run ${i}`).matrix).toBe(page.paneOf(`run ${i}`).whole);
    }
    expect(seen.seenClasses.value).toBe(list);
    state.chooseRuns(['run 1']);
    expect(seen.classes.value).toEqual({ size: 3, names: ['bee', 'cow', 'cat'] });
  });

  test('are their numbers where there are no names', async () => {
    await page.log('a', 1, anyCounts(2));
    await page.log('b', 1, anyCounts(4));
    await page.show('a', 'b');
    expect(seen.classes.value).toEqual({ size: 4, names: null });
    expect(page.matrixOf('a').numClasses).toBe(4);
  });

  test('have names by position only among runs of the same names and as many, and say so', async () => {
    const counts = anyCounts(3);
    await page.log('a', 1, anyCounts(3), ['cat', 'dog', 'ant']);
    await page.log('b', 1, anyCounts(3), ['ant', 'cat', 'dog']);
    await page.log('c', 1, counts);
    const found: [names: readonly string[] | null, says: boolean][] = [];
    for (const runs of [['c'], ['a', 'c'], ['b', 'c'], ['a', 'b', 'c']]) {
      await page.show(...runs);
      const whole = denseOf(page.paneOf('c').whole as Matrix);
      expect(whole.slice(0, 3).map((line) => line.slice(0, 3))).toEqual(counts);
      found.push([seen.classes.value.names, seen.isByPosition('c')]);
      for (const run of ['a', 'b', 'gone']) expect(seen.isByPosition(run)).toBe(false);
    }
    expect(found).toEqual([
      [null, false],
      [['cat', 'dog', 'ant'], true],
      [['ant', 'cat', 'dog'], true],
      [['0', '1', '2', 'cat', 'dog', 'ant'], false],
    ]);
    await page.show('b');
    state.baselineRun.value = 'c';
    state.baselineStep.value = 'same';
    await state.loadAside('c', 1);
    expect([seen.classes.value.names, seen.isByPosition('c')]).toEqual([['ant', 'cat', 'dog'], true]);
  });

  test('stay the same list, and their matrices the same, while nothing else is shown', async () => {
    await page.log('a', 1, anyCounts(3), NAMES.slice(0, 3));
    await page.log('a', 2, anyCounts(3), NAMES.slice(0, 3));
    await page.log('b', 2, anyCounts(3), NAMES.slice(0, 3));
    await page.show('a', 'b');
    const [list, matrix] = [seen.classes.value, page.matrixOf('b')];
    await page.goTo(1);
    await page.goTo(2);
    expect(seen.classes.value).toBe(list);
    expect(page.matrixOf('b')).toBe(matrix);
  });

  test('stay the same list also where the runs have different ones', async () => {
    for (const step of [1, 2]) await page.log('a', step, anyCounts(2), ['cat', 'dog']);
    for (const step of [1, 2]) await page.log('b', step, anyCounts(2), ['dog', 'ant']);
    await page.show('a', 'b');
    const list = seen.classes.value;
    await page.goTo(1);
    expect(seen.classes.value).toEqual(list);
    expect(seen.classes.value).toBe(list);
  });

  test('are none as long as nothing is here', () => {
    expect(seen.classes.value).toEqual({ size: 0, names: null });
    expect(seen.panes.value).toEqual([]);
    expect(seen.subjectPane.value).toBeNull();
    expect(seen.baselinePane.value).toBeNull();
    expect(seen.changes.value).toBeNull();
    expect(seen.told.value).toBeNull();
    expect(seen.shownShare.value).toBeNull();
    seen.choosePart(3);
    expect([seen.arrangement.value, seen.worstShown.value]).toEqual([null, []]);
    seen.goToClasses(0, 1);
    expect([state.cursor.value?.run, seen.told.value]).toEqual(['', null]);
  });
});

describe('the cell that is told of', () => {
  beforeEach(async () => {
    await page.log('a', 4, anyCounts(3), null);
    await page.log('b', 4, anyCounts(3), null);
    await page.show('a', 'b');
  });
  const told = () => seen.told.value && [seen.told.value.pane.run, seen.told.value.cell.trueClass, seen.told.value.matrix];

  test('is that under the pointer, or else that of the cursor', () => {
    expect(told()).toBeNull();
    state.cursor.value = { trueClass: 1, predictedClass: 0, run: 'b' };
    expect(told()).toEqual(['b', 1, page.matrixOf('b')]);
    state.hover.value = { trueClass: 2, predictedClass: 0, run: 'a' };
    expect(told()).toEqual(['a', 2, page.matrixOf('a')]);
    state.hover.value = null;
    expect(told()).toEqual(['b', 1, page.matrixOf('b')]);
  });

  test('is one of the runs that have a matrix', async () => {
    state.cursor.value = { trueClass: 1, predictedClass: 0, run: 'b' };
    state.toggleRun('b');
    expect(told()).toEqual(['a', 1, page.matrixOf('a')]);
    state.toggleRun('b');
    server.log('val', 'b', 4, golden('damaged'), 1);
    await state.refresh();
    await until(() => expect(page.paneOf('b').problem).toContain('damaged record'));
    expect(told()).toEqual(['a', 1, page.matrixOf('a')]);
    state.chooseRuns(['b']);
    expect(told()).toBeNull();
  });

  test('is none where there are fewer classes', () => {
    for (const [trueClass, predictedClass] of [
      [3, 0],
      [0, 3],
    ]) {
      state.cursor.value = { trueClass, predictedClass, run: 'a' };
      expect(told()).toBeNull();
    }
  });
});

describe('the range of colors', () => {
  const LOGGED = [
    [[9, 4], [0, 4]], // biome-ignore format: a matrix a line
    [[50, 1], [30, 2]], // biome-ignore format: a matrix a line
    [[9, 2], [0, 90]], // biome-ignore format: a matrix a line
  ];
  beforeEach(async () => {
    await page.log('a', 1, LOGGED[0]);
    await page.log('a', 2, LOGGED[1]);
    await page.log('b', 2, LOGGED[2]);
    await page.show('a', 'b');
  });
  const over = (...all: number[][][]) => {
    for (const of of [seen.normalize.value]) {
      const values = (correct: boolean) =>
        all.flatMap((counts) =>
          [0, 1].flatMap((row) => [0, 1].filter((col) => (row === col) === correct).map((col) => valueIn(counts, of, row, col))),
        );
      const range = (some: number[]) => {
        const there = some.filter((value) => value > 0);
        return { least: Math.min(...there), most: Math.max(...there) };
      };
      return { correct: range(values(true)), wrong: range(values(false)) };
    }
  };

  test('is shared by all runs that are shown', async () => {
    for (const normalize of NORMALIZATIONS) {
      seen.normalize.value = normalize;
      expect(seen.extent.value).toEqual(over(LOGGED[1], LOGGED[2]));
    }
    seen.normalize.value = 'counts';
    expect(seen.scale.value.correct(90)).toBe(255);
    expect(seen.scale.value.correct(9)).toBe(26);
    seen.color.value = 'log';
    expect(seen.scale.value.correct(9)).toBeGreaterThan(80);
    await page.goTo(1);
    expect(seen.extent.value).toEqual(over(LOGGED[0]));
  });

  test('may be that of all steps, as far as they are known', async () => {
    seen.chooseRange('steps');
    await page.goTo(1);
    expect(seen.extent.value).toEqual(over(LOGGED[0]));
    await state.loadHistories();
    for (const normalize of NORMALIZATIONS) {
      seen.normalize.value = normalize;
      expect(seen.extent.value).toEqual(over(...LOGGED));
    }
    const before = seen.extent.value;
    await page.goTo(2);
    expect(seen.extent.value).toEqual(before);
    seen.chooseRange('auto');
    expect(seen.extent.value).toEqual(over(LOGGED[1], LOGGED[2]));
  });

  test('may be fixed as it is', async () => {
    const before = seen.extent.value;
    seen.chooseRange('fixed');
    await page.goTo(1);
    state.chooseRuns(['b']);
    await page.settled();
    expect(seen.extent.value).toEqual({ ...before, of: 'counts' });
    seen.normalize.value = 'true';
    expect(seen.extent.value).not.toEqual({ ...before, of: 'counts' }); // shares are no counts
    seen.normalize.value = 'counts';
    seen.fixedExtent.value = null;
    seen.range.value = 'fixed';
    await page.goTo(2);
    expect(seen.extent.value).toEqual(over(LOGGED[2]));
  });

  test('is without the classes that are summed up', async () => {
    const counts = anyCounts(7).map((line) => line.map((count) => count + 1));
    await page.log('c', 2, counts);
    await page.show('c');
    seen.choosePart(3, [0, 1, 2]);
    const shown = [0, 1, 2].map((row) => [0, 1, 2].map((col) => counts[row][col]));
    expect(seen.extent.value).toEqual(extentOf(matrixFrom(shown), 'counts'));
  });
});

test('the palette follows its name and the page', () => {
  const light = seen.palette.value;
  seen.dark.value = true;
  const dark = seen.palette.value;
  seen.paletteName.value = 'green-red';
  expect(new Set([light, dark, seen.palette.value].map(({ correct }) => correct[200])).size).toBe(3);
});

test('beside differences their ranked list is shown', () => {
  for (const view of ['compare', 'timeline', 'matrix'] as const) {
    seen.chooseView(view);
    expect([seen.view.value, seen.panelTab.value, seen.ranking.value]).toEqual([view, 'summary', 'count']);
  }
  seen.chooseView('difference');
  expect([seen.view.value, seen.panelTab.value, seen.ranking.value]).toEqual(['difference', 'confusions', 'change']);
});

describe('the changes since the baseline', () => {
  test('are from its matrix to that of the run, on one list, in the order that is shown', async () => {
    const [before, after] = [anyCounts(4), anyCounts(4)];
    await page.log('a', 1, after, NAMES.slice(0, 4));
    await page.log('b', 1, before, ['bee', 'cat', 'ant', 'dog']);
    await page.show('a');
    expect(seen.changes.value).toBeNull(); // there is no step before
    state.baselineRun.value = 'b';
    state.baselineStep.value = 'same';
    await state.loadAside('b', 1);
    const aligned = [1, 3, 2, 0];
    for (const normalize of NORMALIZATIONS) {
      seen.normalize.value = normalize;
      expect(seen.changes.value).toEqual(
        changesBetween(matrixFrom(arrangedCounts(before, aligned)), matrixFrom(after), normalize),
      );
    }
    await seen.chooseOrder('support');
    const order = [...(seen.pinned.value?.classes ?? [])];
    const ordered = arrangedCounts(
      before,
      order.map((index) => aligned[index]),
    );
    expect(seen.changes.value).toEqual(changesBetween(matrixFrom(ordered), matrixFrom(arrangedCounts(after, order)), 'all'));
    expect(seen.baselinePane.value).toMatchObject({ run: 'b', step: 1 });
  });

  test('have colors that are their own, or mean the same at every step', async () => {
    const counts = [anyCounts(4), anyCounts(4), anyCounts(4)];
    for (const [i, one] of counts.entries()) await page.log('a', i, one, NAMES.slice(0, 4));
    await page.show('a');
    seen.view.value = 'difference';
    await state.loadAside('a', 1);
    const own = changesBetween(matrixFrom(counts[1]), matrixFrom(counts[2]), 'counts').most;
    expect(seen.mostChange.value).toEqual(own);
    await state.loadHistories();
    seen.chooseRange('steps');
    const { correct, wrong } = seen.extent.value;
    expect(seen.mostChange.value).toEqual({ correct: correct.most, wrong: wrong.most });
    seen.range.value = 'auto';
    seen.chooseRange('fixed');
    expect(seen.mostChange.value).toEqual(own);
    await page.goTo(1);
    expect(seen.mostChange.value).toEqual(own);
    seen.range.value = 'auto';
    expect(seen.mostChange.value).toEqual(changesBetween(matrixFrom(counts[0]), matrixFrom(counts[1]), 'counts').most);
  });

  test('are judged without what is hidden among them, and elsewhere with it', async () => {
    const [before, after] = [anyCounts(4), anyCounts(4)];
    await page.log('a', 1, before, NAMES.slice(0, 4));
    await page.log('a', 2, after, NAMES.slice(0, 4));
    await page.show('a');
    await state.loadAside('a', 1);
    const all = changesBetween(matrixFrom(before), matrixFrom(after), 'counts');
    expect(seen.changes.value).toEqual(all);
    seen.hideDiagonal.value = true;
    expect(seen.changes.value).toEqual(all);
    seen.view.value = 'difference';
    const shown = { diagonal: true, below: 0 };
    expect(seen.changes.value).toEqual(changesBetween(matrixFrom(before), matrixFrom(after), 'counts', shown));
    seen.hideBelow.value = 5;
    expect(seen.changes.value).toEqual(changesBetween(matrixFrom(before), matrixFrom(after), 'counts', { ...shown, below: 5 }));
  });

  test('a class that only another run has is none of this one', async () => {
    await page.log('a', 1, anyCounts(2), ['ant', 'bee']);
    await page.log('b', 1, anyCounts(3), ['bee', 'cat', 'ant']);
    await page.show('a', 'b');
    const has = (run: string) => [0, 1, 2].map((index) => seen.hasClass(run, index));
    expect(seen.classes.value.names).toEqual(['ant', 'bee', 'cat']);
    expect([has('a'), has('b')]).toEqual([
      [true, true, false],
      [true, true, true],
    ]);
  });
});

test('the changes of large matrices are found piece by piece, those that are no longer wanted not to their end', async () => {
  const [before, after, other] = [1, 2, 3].map((k) =>
    matrixFromCells(
      300,
      Array.from({ length: 60_000 }, (_, i) => [Math.floor(i / 200), k + (i % 200), 1 + ((i * k) % 11)] as const),
    ),
  );
  expect(seen.changesOf(before, other, 'shown')).toBeNull();
  expect(seen.changesOf(before, after, 'shown')).toBeNull();
  expect(seen.changesOf(before, after, 'listed')).toBeNull();
  await until(() => expect(seen.changesOf(before, after, 'shown')).not.toBeNull());
  const found = seen.changesOf(before, after, 'shown');
  expect(found).toEqual(changesBetween(before, after, 'counts'));
  expect(seen.changesOf(before, after, 'listed')).toBe(found);
  expect(seen.changesOf(before, other, 'shown')).toBeNull(); // given up above, and begun anew
});

describe('the courses of cells', () => {
  const STEPS = [1, 2, 5];
  let logged: Record<string, number[][][]>;
  beforeEach(async () => {
    logged = { a: STEPS.map(() => anyCounts(3)), b: STEPS.map(() => anyCounts(3)) };
    logged.a[1][2] = [0, 0, 0];
    for (const run of ['a', 'b'])
      for (const [i, step] of STEPS.entries()) await page.log(run, step, logged[run][i], NAMES.slice(0, 3));
    await page.show('a', 'b');
  });
  const CELLS = [
    { trueClass: 0, predictedClass: 1 },
    { trueClass: 2, predictedClass: 0 },
    { trueClass: 1, predictedClass: 1 },
  ];

  test.each(NORMALIZATIONS)('are their counts and values at every step of each run, %s', async (normalize) => {
    seen.normalize.value = normalize;
    await seen.chooseOrder('support');
    const order = [...(seen.arrangement.value?.classes ?? [])];
    const found = await seen.loadCourses(CELLS, () => true);
    expect([...(found?.keys() ?? [])]).toEqual(['a', 'b']);
    for (const [run, { steps, counts, values }] of found ?? []) {
      expect(steps).toEqual(STEPS);
      const there = logged[run].map((of) => arrangedCounts(of, order));
      const expected = CELLS.flatMap(({ trueClass, predictedClass }) => there.map((of) => of[trueClass][predictedClass]));
      expect([...counts]).toEqual(expected);
      const shares = CELLS.flatMap(({ trueClass, predictedClass }) =>
        there.map((of) => {
          const isSeen = of[trueClass].some((count) => count > 0);
          // A count of no samples is not like zero.
          return isSeen || normalize !== 'counts' ? valueIn(of, normalize, trueClass, predictedClass) : Number.NaN;
        }),
      );
      expect([...values]).toEqual(shares);
    }
    const ofRows = normalize === 'counts' || normalize === 'true';
    if (ofRows) expect([...(found?.get('a')?.values ?? [])].some(Number.isNaN)).toBe(true);
  });

  test('have gaps where there is no matrix', async () => {
    server.log('val', 'a', 2, golden('damaged'), 99);
    await state.refresh();
    const found = await seen.loadCourses(CELLS, () => true);
    expect([...(found?.get('a')?.counts ?? [])].map(Number.isNaN)).toEqual([
      false,
      true,
      false,
      false,
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  test('are of the runs that there are', async () => {
    state.chosenRuns.value = ['gone', 'b'];
    expect([...((await seen.loadCourses(CELLS, () => true))?.keys() ?? [])]).toEqual(['b']);
  });

  test('are none when they are no longer wanted', async () => {
    let left = 4;
    expect(await seen.loadCourses(CELLS, () => left-- > 0)).toBeNull();
    expect(await seen.loadCourses([], () => false)).toBeNull();
  });
});

describe('what the choices ask for', () => {
  test('the baseline and the histories are loaded', async () => {
    await page.log('a', 1, anyCounts(2));
    await page.log('a', 2, anyCounts(2));
    await page.log('b', 2, anyCounts(2));
    await page.log('b', 3, anyCounts(2));
    seen.followChoices();
    await page.show('a');
    await until(() => expect(seen.baselinePane.value?.matrix).toBeTruthy());
    expect(seen.baselinePane.value).toMatchObject({ run: 'a', step: 1 });
    await until(() => expect(state.historyProgress.value).toBe(1));
    state.baselineRun.value = 'b';
    state.baselineStep.value = 'same';
    await until(() => expect(seen.baselinePane.value).toMatchObject({ run: 'b', step: 2, loading: false }));
    state.chooseRuns(['a', 'b']);
    await until(() => expect(state.historyProgress.value).toBe(1));
    expect([...state.histories.value.keys()].sort()).toEqual(['a', 'b']);
    await page.log('b', 4, anyCounts(2));
    await state.refresh();
    await until(() => expect(state.histories.value.get('b')?.has(4)).toBe(true));
  });

  test('the histories also where the newest step is no matrix', async () => {
    for (const step of [1, 2, 3]) await page.log('a', step, anyCounts(2));
    server.log('val', 'a', 4, golden('damaged'));
    seen.followChoices();
    await page.show('a');
    expect(page.paneOf('a').problem).toContain('damaged record');
    await until(() => expect(state.historyProgress.value).toBe(1));
    expect([...(state.histories.value.get('a')?.keys() ?? [])]).toEqual([1, 2, 3]);
  });

  test('the histories once', async () => {
    for (let step = 1; step <= 8; step++) await page.log('a', step, anyCounts(2));
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => {
      now += 300;
      return now;
    });
    let changes = 0;
    state.histories.subscribe(() => changes++);
    seen.followChoices();
    await page.show('a');
    await until(() => expect(state.historyProgress.value === 1 || changes > 20).toBe(true));
    expect(changes).toBeLessThanOrEqual(11);
  });

  test('what tells of few cells follows at once, of many when one stays', async () => {
    const n = 20_001;
    await page.log('a', 1, anyCounts(3));
    for (const step of [2, 3])
      server.log(
        'val',
        'a',
        step,
        await sealed({ type: 'matrix', num_classes: n, cells: 0, dtype: 'int64' }, new Uint8Array(n).fill(step)),
      );
    await page.show('a');
    for (const step of [2, 1]) await page.goTo(step);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    seen.followChoices();
    const settledAt = () => seen.settledPanes.value.map(({ step }) => step);
    expect(settledAt()).toEqual([1]);
    for (const step of [2, 3]) {
      state.goToStep(step);
      expect(seen.panes.value[0].step).toBe(step);
      vi.advanceTimersByTime(119);
      expect(settledAt()).toEqual([1]);
    }
    vi.advanceTimersByTime(1);
    expect(seen.settledPanes.value).toBe(seen.panes.value);
    expect(settledAt()).toEqual([3]);
    state.goToStep(2);
    state.goToStep(1);
    expect(settledAt()).toEqual([1]);
    vi.advanceTimersByTime(500);
    expect(settledAt()).toEqual([1]);
  });

  test('the cursor stays at its classes, also over no runs at all', async () => {
    await page.log('a', 1, anyCounts(3), ['cat', 'dog', 'ant']);
    await page.log('b', 1, anyCounts(4), ['ant', 'cat', 'bee', 'dog']);
    await page.log('c', 1, anyCounts(2), ['dog', 'bee']);
    seen.followChoices();
    await page.show('a');
    state.cursor.value = { trueClass: 0, predictedClass: 1, run: 'a' };
    for (const runs of [['a', 'b'], ['b'], [], ['b'], [], ['a'], [], [], ['b']]) {
      await page.show(...runs);
      const { names } = seen.seenClasses.value;
      const at = state.cursor.value;
      expect(at).not.toBeNull();
      if (runs.length > 0) expect([names?.[at.trueClass], names?.[at.predictedClass]]).toEqual(['cat', 'dog']);
    }
    await page.show();
    await page.show('c');
    expect(state.cursor.value).toBeNull();
  });

  test('of another tag all classes are shown, as they were logged', async () => {
    await page.log('a', 1, anyCounts(3), NAMES.slice(0, 3));
    await page.log('a', 1, anyCounts(4), NAMES.slice(0, 4), 'val2');
    seen.followChoices();
    await page.show('a');
    await seen.chooseOrder('recall');
    seen.searchFor('cat');
    seen.choosePart('matches');
    expect(seen.arrangement.value?.rest).toBe(true);
    await state.refresh();
    expect(seen.arrangement.value?.rest).toBe(true);
    await state.showTag('val2');
    await page.settled();
    expect([seen.arrangement.value, seen.pinned.value, seen.part.value, seen.search.value]).toEqual([null, null, 'all', '']);
    expect(page.matrixOf('a').numClasses).toBe(4);
  });
});
