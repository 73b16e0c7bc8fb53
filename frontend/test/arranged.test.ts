import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FIT } from '../src/camera';
import type { Matrix } from '../src/matrix';
import { orderOf } from '../src/order';
import { arrangedCounts, openPage, type Page } from './page';
import { denseOf, golden, matrixFrom, seeded, shuffled, whole } from './samples';
import { until } from './server';

const draw = seeded(192);
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

describe('an order', () => {
  let counts: number[][];
  beforeEach(async () => {
    counts = anyCounts(6);
    await page.log('a', 1, counts, NAMES.slice(0, 6));
    await page.log('a', 2, anyCounts(6), NAMES.slice(0, 6));
    await page.show('a');
    await page.goTo(1);
  });

  test.each(['name', 'support', 'recall', 'precision', 'similarity'] as const)(
    'by %s is that of the matrix, which is shown in it',
    async (name) => {
      await seen.chooseOrder(name);
      const order = [...(seen.arrangement.value?.classes ?? [])];
      if (name !== 'similarity') expect(order).toEqual([...orderOf(matrixFrom(counts), NAMES.slice(0, 6), name)]);
      expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5]);
      expect(denseOf(page.matrixOf('a'))).toEqual(arrangedCounts(counts, order));
      expect(denseOf(page.paneOf('a').whole as Matrix)).toEqual(counts);
      expect(seen.seenClasses.value).toEqual({ size: 6, names: order.map((index) => NAMES[index]) });
      expect(order.map((_, place) => seen.classAt(place))).toEqual(order);
      expect(order.map((index) => seen.placeOf(index))).toEqual([0, 1, 2, 3, 4, 5]);
      expect(seen.pinned.value).toMatchObject({ name, run: 'a', step: 1 });
      expect([seen.ordering.value, seen.shownShare.value]).toEqual([null, null]);
    },
  );

  test('stays when another step is looked at, until it is that of the log again', async () => {
    await seen.chooseOrder('support');
    const order = seen.arrangement.value;
    await page.goTo(2);
    expect(seen.arrangement.value?.classes).toEqual(order?.classes);
    expect(seen.pinned.value?.step).toBe(1);
    await seen.chooseOrder('logged');
    expect([seen.arrangement.value, seen.pinned.value]).toEqual([null, null]);
    expect([4, 2].map(seen.classAt)).toEqual([4, 2]);
    expect([4, 2].map(seen.placeOf)).toEqual([4, 2]);
    expect(page.matrixOf('a')).toBe(page.paneOf('a').whole);
  });

  test('may be made of another run and step, that need not be shown', async () => {
    const other = anyCounts(6);
    const reversed = NAMES.slice(0, 6).reverse();
    await page.log('b', 9, other, reversed);
    await page.log('b', 10, anyCounts(6), reversed);
    await state.refresh();
    await seen.chooseOrder('support', { run: 'b', step: 9 });
    const byName = [...orderOf(matrixFrom(other), null, 'support')].map((index) => 5 - index);
    const support = (index: number) => other[5 - index].reduce((sum, count) => sum + count, 0);
    const found = [...(seen.arrangement.value?.classes ?? [])];
    expect(found.map(support)).toEqual(byName.map(support));
    expect(seen.pinned.value).toMatchObject({ name: 'support', run: 'b', step: 9 });
  });

  test('of what is not there, or is no matrix, changes nothing', async () => {
    server.log('val', 'c', 1, golden('damaged'));
    await state.refresh();
    await seen.chooseOrder('support');
    const before = seen.pinned.value;
    for (const of of [
      { run: 'none', step: 1 },
      { run: 'c', step: 1 },
      { run: 'a', step: 77 },
    ])
      await seen.chooseOrder('recall', of);
    expect(seen.pinned.value).toBe(before);
    state.chooseRuns([]);
    await seen.chooseOrder('recall');
    expect(seen.pinned.value).toBe(before);
  });

  test('that was chosen last holds, whichever is made first', async () => {
    const release = server.hold(({ query }) => query.run === 'b');
    await page.log('b', 9, anyCounts(6), NAMES.slice(0, 6));
    await state.refresh();
    const slow = seen.chooseOrder('support', { run: 'b', step: 9 });
    const similar = seen.chooseOrder('similarity');
    await seen.chooseOrder('recall');
    release();
    await Promise.all([slow, similar]);
    expect(seen.pinned.value?.name).toBe('recall');
  });

  test('that takes its time tells how far it is, and ends when another is chosen', async () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => {
      now += 5;
      return now;
    });
    await page.log(
      'large',
      1,
      Array.from({ length: 250 }, (_, row) => Array.from({ length: 250 }, (_, col) => 1 + ((row * col) % 7))),
    );
    await page.show('large');
    const told: (number | null)[] = [];
    const stop = seen.ordering.subscribe((progress) => told.push(progress));
    const made = seen.chooseOrder('similarity');
    await until(() => expect(told.length).toBeGreaterThan(2));
    await seen.chooseOrder('support');
    await made;
    stop();
    expect(told.at(-1)).toBeNull();
    const progress = told.filter((one) => one !== null);
    expect(progress.length).toBeGreaterThan(0);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(seen.pinned.value?.name).toBe('support');
  });

  test('on a list of more classes has those that it knows, and behind them the others', async () => {
    await seen.chooseOrder('support');
    const order = [...(seen.arrangement.value?.classes ?? [])].map((index) => NAMES[index]);
    await page.log('b', 1, anyCounts(3), ['emu', 'hen', 'elk']);
    await page.show('a', 'b');
    expect(seen.seenClasses.value.names).toEqual([...order, 'emu', 'elk']);
    state.chooseRuns(['b']);
    expect(seen.seenClasses.value.names).toEqual(['hen', 'emu', 'elk']);
  });
});

describe('a part of the classes', () => {
  let counts: number[][];
  beforeEach(async () => {
    counts = anyCounts(7);
    await page.log('a', 1, counts, NAMES);
    await page.log('a', 2, anyCounts(7), NAMES);
    await page.show('a');
    await page.goTo(1);
  });
  const support = (index: number) => counts[index].reduce((sum, count) => sum + count, 0);
  const total = () => counts.flat().reduce((sum, count) => sum + count, 0);

  test('those that match the search, with the others summed up, the totals kept, and their share told', () => {
    seen.searchFor('cat');
    expect(seen.arrangement.value).toBeNull();
    seen.choosePart('matches');
    expect(seen.seenClasses.value).toEqual({ size: 3, names: ['cat', 'catfish', 'other (5 classes)'] });
    expect(denseOf(page.matrixOf('a'))).toEqual(arrangedCounts(counts, [0, 6]));
    expect(page.matrixOf('a').total).toBe(total());
    expect(page.matrixOf('a').rest).toBe(2);
    expect(seen.shownShare.value).toEqual({ classes: 2, of: 7, share: (support(0) + support(6)) / total() });
    expect([0, 1, 2].map(seen.classAt)).toEqual([0, 6, -1]);
    expect([0, 6, 3].map(seen.placeOf)).toEqual([0, 1, -1]);
    seen.searchFor('ee');
    expect(seen.seenClasses.value.names).toEqual(['bee', 'other (6 classes)']);
    for (const nothing of ['', 'emu']) {
      seen.searchFor(nothing);
      expect(seen.arrangement.value).toBeNull();
    }
    seen.choosePart('all');
    expect(page.matrixOf('a')).toBe(page.paneOf('a').whole);
  });

  test('the worst of the chosen run as it was then, whatever is looked at later', async () => {
    seen.choosePart(3);
    const errors = counts.map((line, index) =>
      counts.reduce((sum, other, at) => sum + (at === index ? 0 : line[at] + other[index]), 0),
    );
    const worst = [...errors.keys()].sort((a, b) => errors[b] - errors[a] || a - b).slice(0, 3);
    expect(seen.worstShown.value).toEqual(worst);
    const shown = [...worst].sort((a, b) => a - b);
    expect(seen.seenClasses.value.names).toEqual([...shown.map((index) => NAMES[index]), 'other (4 classes)']);
    expect(denseOf(page.matrixOf('a'))).toEqual(arrangedCounts(counts, shown));
    await page.goTo(2);
    expect(seen.worstShown.value).toEqual(worst);
    await page.log('b', 1, anyCounts(2), ['emu', 'cow']);
    await page.show('a', 'b');
    expect(seen.worstShown.value).toEqual(worst);
    state.chooseRuns(['b']);
    const both = worst.includes(4) ? ['cow', 'other (1 classes)'] : ['other (2 classes)'];
    expect(seen.seenClasses.value.names).toEqual(both);
  });

  test('those that are told, in place of the worst', () => {
    seen.choosePart(2, [5, 1]);
    expect(seen.worstShown.value).toEqual([5, 1]);
    expect(seen.seenClasses.value.names).toEqual(['dog', 'hen', 'other (5 classes)']);
  });

  test('all of them, if so many are asked for', () => {
    seen.choosePart(7);
    expect(seen.seenClasses.value).toEqual({ size: 7, names: NAMES });
    expect([page.matrixOf('a').rest, seen.shownShare.value]).toEqual([undefined, null]);
  });

  test('in the order that was chosen', async () => {
    await seen.chooseOrder('support');
    const order = [...(seen.pinned.value?.classes ?? [])];
    seen.choosePart(3, [0, 2, 5]);
    const shown = order.filter((index) => [0, 2, 5].includes(index));
    expect([...(seen.arrangement.value?.classes ?? [])]).toEqual(shown);
    expect(denseOf(page.matrixOf('a'))).toEqual(arrangedCounts(counts, shown));
  });
});

describe('the cursor', () => {
  const pair = () => {
    const at = state.cursor.value;
    return at && [seen.seenClasses.value.names?.[at.trueClass], seen.seenClasses.value.names?.[at.predictedClass]];
  };
  const point = (trueClass: number, predictedClass: number) => {
    state.cursor.value = { run: 'a', trueClass, predictedClass };
  };
  beforeEach(async () => {
    await page.log('a', 1, anyCounts(7), NAMES);
    await page.show('a');
  });

  test('follows its classes from order to order and from part to part', async () => {
    for (let round = 0; round < 60; round++) {
      const [row, col] = [whole(draw, 0, 6), whole(draw, 0, 6)];
      const part = shuffled(draw, 7).slice(0, 5);
      await seen.chooseOrder((['support', 'recall', 'name'] as const)[round % 3]);
      point(seen.placeOf(row), seen.placeOf(col));
      expect(pair()).toEqual([NAMES[row], NAMES[col]]);
      state.camera.value = { x: -9, y: -9, k: 3 };
      state.hover.value = { run: 'a', trueClass: 0, predictedClass: 0 };
      await seen.chooseOrder((['precision', 'similarity', 'logged'] as const)[round % 3]);
      expect(pair()).toEqual([NAMES[row], NAMES[col]]);
      expect([state.camera.value, state.hover.value]).toEqual([FIT, null]);
      seen.choosePart(5, part);
      expect(pair()).toEqual(part.includes(row) && part.includes(col) ? [NAMES[row], NAMES[col]] : null);
      seen.choosePart('all');
    }
  });

  test('goes when what it was at was summed up with others', () => {
    seen.choosePart(2, [0, 1]);
    point(2, 0);
    expect(pair()).toEqual(['other (5 classes)', 'cat']);
    seen.choosePart(3, [0, 1, 2]);
    expect(state.cursor.value).toBeNull();
    seen.choosePart('all');
    expect(state.cursor.value).toBeNull();
  });

  test('goes to classes, wherever they are', async () => {
    await seen.chooseOrder('recall');
    seen.choosePart(2, [0, 1]);
    state.hover.value = { run: 'a', trueClass: 0, predictedClass: 0 };
    seen.goToClasses(1, 0);
    expect([pair(), seen.part.value, seen.panelTab.value, state.hover.value]).toEqual([['dog', 'cat'], 2, 'cell', null]);
    expect(state.cursor.value).toEqual({ run: 'a', ...seen.revealed.value });
    seen.goToClasses(1, 4);
    expect([pair(), seen.part.value]).toEqual([['dog', 'cow'], 'all']);
    expect(state.cursor.value).toEqual({ run: 'a', ...seen.revealed.value });
  });
});
