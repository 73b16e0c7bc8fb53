import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openPage, type Page } from './page';
import { sealed, seeded } from './samples';
import { until } from './server';

const NAMES = ['cat', 'dog', 'owl'];
const COUNTS = [
  [5, 2, 0],
  [9, 4, 1],
  [0, 3, 7],
];

type Gallery = typeof import('../src/gallery');
/** True class, predicted class, id, confidence. */
type One = readonly [number, number, string | null, number?];

let page: Page;
let gallery: Gallery;
let isOpen: { value: boolean };
beforeEach(async () => {
  page = await openPage();
  gallery = await import('../src/gallery');
  const { signal } = await import('@preact/signals');
  isOpen = signal(false);
});
afterEach(() => {
  isOpen.value = false; // which ends what is being waited for
  return page.close();
});

/** The record of examples in the order of their cells, each cell of which had ten times as many samples. */
async function examplesOf(all: readonly One[], names: readonly string[] | null = NAMES) {
  const cells: number[][] = [];
  for (const [trueClass, predictedClass] of all) {
    const last = cells.at(-1);
    if (last && last[0] === trueClass && last[1] === predictedClass) last[2]++;
    else cells.push([trueClass, predictedClass, 1, 0]);
  }
  for (const cell of cells) cell[3] = 10 * cell[2];
  return sealed({
    type: 'examples',
    num_classes: names?.length ?? 3,
    classes: names && encodeURIComponent(names.join(' ')),
    cells,
    packs: [],
    ids: all.map(([, , id]) => id),
    confidences: all.map(([, , , confidence]) => confidence ?? null),
  });
}

async function keep(run: string, step: number, all: readonly One[], wallTime = step, names: readonly string[] = NAMES) {
  page.server.log('val', run, step, await examplesOf(all, names), wallTime, page.server.examples);
}

/** Matrices of these steps, and from then on what followExamples does. */
async function open(runs: Readonly<Record<string, readonly number[]>>, names: readonly string[] = NAMES) {
  for (const [run, steps] of Object.entries(runs)) for (const step of steps) await page.log(run, step, COUNTS, names);
  gallery.followExamples(() => isOpen.value);
  await page.show(...Object.keys(runs));
  if (page.server.examples.size > 0) await until(() => expect(gallery.hasExamples.value).toBe(true));
}

function askedFor(): readonly string[] {
  return page.server.asked
    .filter(({ route }) => route === 'example_records')
    .map(({ query }) => `${query.run} ${query.first}-${query.last}`);
}

const shelved = () => until(() => expect(gallery.shelf.value).not.toBeNull());
const idsOf = (trueClass: number, predictedClass: number) =>
  gallery.shelf.value?.cells.get(gallery.cellKey(trueClass, predictedClass))?.examples.map(({ id }) => id);

describe('the examples of a step', () => {
  test('are asked for only once they are looked at, and once', async () => {
    await keep('a', 2, [
      [1, 0, 'x', 0.75],
      [1, 0, 'y', 0.5],
      [2, 2, 'z'],
    ]);
    await open({ a: [1, 2] });
    expect(gallery.shelf.value).toBeNull();
    expect(askedFor()).toEqual([]);
    isOpen.value = true;
    await shelved();
    expect(gallery.shelf.value).toMatchObject({ run: 'a', step: 2, wanted: 2 });
    expect([idsOf(1, 0), idsOf(2, 2), idsOf(0, 1)]).toEqual([['x', 'y'], ['z'], undefined]);
    expect(gallery.shelf.value?.cells.get('1 0')).toMatchObject({
      seen: 20,
      examples: [{ confidence: 0.75 }, { confidence: 0.5 }],
    });
    expect([gallery.marked.value?.(1, 0), gallery.marked.value?.(0, 1)]).toEqual([true, false]);
    isOpen.value = false;
    isOpen.value = true;
    await page.goTo(1);
    await page.goTo(2);
    await gallery.loadExamples('a', 2);
    expect(askedFor()).toEqual(['a 2-2']);
  });

  test('that one hurries through are not asked for', async () => {
    for (const step of [1, 2, 3, 4]) await keep('a', step, [[1, 0, `${step}`]]);
    await open({ a: [1, 2, 3, 4] });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    isOpen.value = true;
    for (const step of [1, 2, 3]) {
      page.state.goToStep(step);
      vi.advanceTimersByTime(50);
    }
    vi.useRealTimers();
    isOpen.value = false;
    isOpen.value = true;
    await until(() => expect(idsOf(1, 0)).toEqual(['3']));
    expect(askedFor()).toEqual(['a 3-3']);
  });

  test.each([
    [0, 4],
    [5, 4],
    [7, 4],
    [8, 10],
    [99, 10],
  ])('of step %i, where there are none, are those of the nearest, step %i', async (wanted, nearest) => {
    await keep('a', 4, [[1, 0, 'four']]);
    await keep('a', 10, [[1, 0, 'ten']]);
    await open({ a: [0, 5, 7, 8, 99] });
    isOpen.value = true;
    await page.goTo(wanted);
    await until(() => expect(gallery.shelf.value).toMatchObject({ step: nearest, wanted }));
    expect(idsOf(1, 0)).toEqual([nearest === 4 ? 'four' : 'ten']);
  });

  test('are there anew when the step was logged again', async () => {
    await keep('a', 1, [[1, 0, 'old']], 100);
    await open({ a: [1] });
    isOpen.value = true;
    await shelved();
    await keep('a', 1, [[1, 0, 'new']], 200);
    await page.state.refresh();
    await until(() => expect(idsOf(1, 0)).toEqual(['new']));
    await page.state.refresh();
    await gallery.loadExamples('a', 1);
    expect(askedFor()).toHaveLength(2);
  });

  test('that a run has none of, or that cannot be read, are not waited for', async () => {
    page.server.log('val', 'broken', 1, Uint8Array.of(1, 2, 3), 1, page.server.examples);
    await open({ none: [1], broken: [1] });
    page.state.wantedSubject.value = 'none';
    isOpen.value = true;
    expect(gallery.noShelf.value).toBe('none has no examples');
    page.state.wantedSubject.value = 'broken';
    expect(gallery.noShelf.value).toBe('Loading the examples…');
    await until(() => expect(gallery.noShelf.value).toBe("The examples of step 1 can't be read"));
    expect(page.state.problems.value.map(({ where }) => where)).toContain('run broken, tag val, examples of step 1');
    await keep('broken', 1, [[0, 1, 'mended']], 2);
    await page.state.refresh();
    await until(() => expect(idsOf(0, 1)).toEqual(['mended']));
  });

  test('that TensorBoard has let go of meanwhile are not waited for', async () => {
    await keep('a', 1, [[1, 0, 'x']]);
    await open({ a: [1] });
    page.server.examples.get('val')?.set('a', []);
    isOpen.value = true;
    await until(() => expect(gallery.noShelf.value).toBe("The examples of step 1 can't be read"));
    await page.state.refresh();
    await until(() => expect(gallery.noShelf.value).toBe('a has no examples'));
  });

  test('are named by the classes of their own run', async () => {
    await page.log('b', 1, COUNTS, ['owl', 'cat', 'dog']);
    await keep('b', 1, [[0, 2, 'an owl for a dog']], 1, ['owl', 'cat', 'dog']);
    await open({ a: [1] });
    isOpen.value = true;
    await page.show('a', 'b');
    page.state.wantedSubject.value = 'b';
    await shelved();
    const { names } = page.seen.classes.value;
    expect(names).toEqual(NAMES);
    expect(idsOf(2, 1)).toEqual(['an owl for a dog']);
    expect(gallery.shelf.value?.cells.get('2 1')?.examples[0]).toMatchObject({ trueClass: 2, predictedClass: 1 });
  });

  test('of a tag are gone with it', async () => {
    await keep('a', 1, [[1, 0, 'x']]);
    await page.log('a', 1, COUNTS, NAMES, 'zest');
    await open({ a: [1] });
    isOpen.value = true;
    await shelved();
    await page.state.chooseTag('zest');
    await page.settled();
    expect([gallery.hasExamples.value, gallery.shelf.value, gallery.marked.value]).toEqual([false, null, null]);
    expect(page.state.problems.value).toEqual([]);
  });
});

describe('a sample', () => {
  test('is followed over all steps of all runs, the chosen ones first, and what is looked at stays', async () => {
    const steps = Array.from({ length: 150 }, (_, i) => i + 1);
    for (const step of steps)
      await keep(
        'a',
        step,
        [
          [1, step % 3, 'x', 0.5],
          [1, 2, `only at ${step}`],
        ].sort((one, other) => Number(one[1]) - Number(other[1])) as unknown as One[],
      );
    await keep('b', 7, [[1, 1, 'x', 0.25]]);
    await keep('c', 7, [[1, 0, 'x', 0.125]]);
    await open({ b: [7], a: [150] });
    page.state.wantedSubject.value = 'a';
    isOpen.value = true;
    await shelved();
    await Promise.all([gallery.loadTrails(), gallery.loadTrails()]);
    const found = gallery.sightingsOf('x');
    expect(found.map(({ run, step }) => [run, step])).toEqual([...steps.map((step) => ['a', step]), ['b', 7], ['c', 7]]);
    expect(found[0]).toMatchObject({ trueClass: 1, predictedClass: 1, predictedName: 'dog', isWrong: false, confidence: 0.5 });
    expect(found[1]).toMatchObject({ predictedClass: 2, predictedName: 'owl', isWrong: true });
    expect(gallery.sightingsOf('only at 3').map(({ step }) => step)).toEqual([3]);
    expect(gallery.sightingsOf('nobody')).toEqual([]);
    expect(gallery.shelf.value).toMatchObject({ run: 'a', step: 150 });
    expect(askedFor()).toEqual(['a 150-150', 'a 1-150', 'b 7-7', 'c 7-7']);
    await gallery.loadTrails();
    await keep('a', 151, [[2, 0, 'x', 0.5]]);
    await page.state.refresh();
    await until(() => expect(gallery.exampleSteps.value.get('a')?.steps).toHaveLength(151));
    await gallery.loadTrails();
    expect(askedFor().filter((one) => one !== 'a 151-151')).toHaveLength(4);
    expect(gallery.sightingsOf('x').at(-3)).toMatchObject({ step: 151, trueClass: 2 });
  });

  test('is followed in answers of about a megabyte', async () => {
    const draw = seeded(11);
    const long = () => Array.from({ length: 50_000 }, () => draw().toString(36).slice(2, 10)).join('');
    for (const step of [1, 2, 3, 4, 5])
      await keep('a', step, [
        [1, 0, 'x'],
        [1, 2, long()],
      ]);
    await open({ a: [1] });
    const { sizes } = gallery.exampleSteps.value.get('a') ?? {};
    expect(Math.min(...(sizes ?? []))).toBeGreaterThan(250_000);
    expect(Math.max(...(sizes ?? []))).toBeLessThan(340_000);
    await gallery.loadTrails();
    expect(askedFor()).toEqual(['a 1-3', 'a 4-5']);
    expect(gallery.sightingsOf('x')).toHaveLength(5);
  });

  test('is followed past records that cannot be read and answers that do not come', async () => {
    page.server.log('val', 'a', 1, Uint8Array.of(9), 1, page.server.examples);
    await keep('a', 2, [[1, 0, 'x']]);
    await keep('b', 1, [[1, 0, 'x']]);
    await open({ a: [1], b: [1] });
    page.server.failure = ({ route, query }) =>
      route === 'example_records' && query.run === 'b' ? { status: 500, text: 'on fire' } : null;
    await gallery.loadTrails();
    expect(gallery.sightingsOf('x')).toMatchObject([{ run: 'a', step: 2 }]);
    expect(page.state.problems.value).toEqual([{ where: 'run b, tag val, examples', what: 'on fire' }]);
  });

  test('of a tag that is left meanwhile is not taken for one of the next', async () => {
    await keep('a', 1, [[1, 0, 'x']]);
    await page.log('a', 1, COUNTS, NAMES, 'zest');
    await open({ a: [1] });
    const release = page.server.hold(({ route }) => route === 'example_records');
    const reading = gallery.loadTrails();
    await page.state.chooseTag('zest');
    release();
    await reading;
    expect(gallery.sightingsOf('x')).toEqual([]);
  });
});

test('the gallery has the worst confusions first, as many as are wanted', async () => {
  page.seen.followChoices();
  await open({ a: [1] });
  const cells = () =>
    gallery.galleryCells.value.map(({ trueClass, predictedClass, count }) => [trueClass, predictedClass, count]);
  expect(cells()).toEqual([
    [1, 0, 9],
    [2, 1, 3],
    [0, 1, 2],
    [1, 2, 1],
  ]);
  gallery.galleryRows.value = 2;
  expect(cells()).toHaveLength(2);
});

test('cells are marked from a size on', async () => {
  await open({ a: [1] });
  page.state.cameraSide.value = 3 * gallery.MARKS_FROM;
  expect(gallery.canMark.value).toBe(true);
  page.state.cameraSide.value--;
  expect(gallery.canMark.value).toBe(false);
  page.state.camera.value = { x: 0, y: 0, k: 1.1 };
  expect(gallery.canMark.value).toBe(true);
});

test('when the list of examples cannot be had, this is told and the matrix is there', async () => {
  page.server.failure = ({ route }) => (route === 'example_series' ? { status: 503, text: 'busy' } : null);
  await open({ a: [1] });
  await until(() => expect(page.state.problems.value).toEqual([{ where: 'tag val, examples', what: 'busy' }]));
  expect(page.matrixOf('a').numClasses).toBe(3);
  expect(gallery.hasExamples.value).toBe(false);
});
