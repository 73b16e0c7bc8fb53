import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WHOLE } from '../src/metrics';
import { openPage, type Page, reopened, type Seen, type State } from './page';
import { seeded, shuffled, whole } from './samples';
import { until } from './server';

type Link = typeof import('../src/link');

const draw = seeded(201);
const NAMES = ['cat', 'dog & "ant"', 'bee=1', 'ünï+%20', 'cow'];
const RUNS = ['a', 'run 2/ü &=#%+', 'val run=a'];
const STEPS = [1, 5, 20];

let page: Page;
let { server, state, seen } = {} as { server: Page['server']; state: State; seen: Seen };
let link: Link;
let gallery: typeof import('../src/gallery');

/** A page with an address and what outlives its reload, as far as link.ts and host.ts look. */
let address: { hash: string; pathname: string; readonly href: string };
let changed: () => void;
/** What the page does when it is left. */
let leaving: () => void = () => {};
let session: Map<string, string>;

beforeEach(async () => {
  page = await openPage();
  ({ server, state, seen } = page);
  link = await import('../src/link');
  gallery = await import('../src/gallery');
  leaveBy(() => undefined);
  for (const run of RUNS) {
    for (const step of STEPS) {
      for (const tag of ['val', 'test/1']) {
        await page.log(run, step, anyCounts(), NAMES, tag);
      }
    }
  }
  address = {
    hash: '',
    pathname: '/plugin/',
    get href() {
      return `http://localhost/plugin/${this.hash}`;
    },
  };
  session = new Map();
  const window = {
    location: address,
    history: {
      replaceState: (_state: null, _title: string, url: string) => {
        address.hash = url.slice(url.indexOf('#'));
      },
    },
    addEventListener: (type: string, listener: () => void) => {
      if (type === 'pagehide') leaving = listener;
      else changed = listener;
    },
  };
  vi.stubGlobal('window', Object.assign(window, { parent: window }));
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => session.get(key) ?? null,
    setItem: (key: string, value: string) => void session.set(key, value),
  });
});
afterEach(async () => {
  vi.useRealTimers();
  leave();
  await page.close();
});

function anyCounts(): number[][] {
  return NAMES.map(() => NAMES.map(() => Math.max(0, whole(draw, -30, 99))));
}

/** Leaves the page, with all that it would still have done. */
let leave: () => void;

/** As a colleague opens the page, or the same visitor again. */
async function reopen(): Promise<void> {
  leaving();
  leaving = () => {};
  leave();
  const opened = await reopened();
  ({ state, seen } = opened);
  link = await import('../src/link');
  gallery = await import('../src/gallery');
  leaveBy(opened.leave);
}

function leaveBy(end: () => void): void {
  const timers = vi.spyOn(globalThis, 'setTimeout');
  leave = () => {
    for (const { value } of timers.mock.results) clearTimeout(value);
    timers.mockRestore();
    end();
  };
}

function any<T>(...values: readonly T[]): T {
  return values[whole(draw, 0, values.length - 1)];
}

/** Looks at the page in some way that a link tells of. */
async function lookAround(): Promise<void> {
  await state.refresh();
  await state.showTag(any('val', 'test/1'));
  state.chooseRuns(RUNS.filter((_, i) => i === 1 || draw() < 0.5));
  state.goToStep(any(...STEPS));
  await until(() => expect(state.loading.value).toBe(false));
  seen.view.value = any('matrix', 'compare', 'difference', 'timeline', 'gallery');
  gallery.galleryRows.value = any(10, 1, 50);
  gallery.galleryColumns.value = any(5, 32);
  seen.normalize.value = any('counts', 'true', 'pred', 'all');
  seen.color.value = any('linear', 'log');
  seen.paletteName.value = any('blue-orange', 'green-red', 'cividis', 'viridis');
  seen.barScale.value = any('shared', 'row');
  seen.hideBelow.value = any(0, 3, 2.5);
  seen.hideDiagonal.value = any(false, true);
  seen.panelTab.value = any('summary', 'classes', 'confusions', 'cell');
  seen.metric.value = any('f1_macro', 'accuracy', 'cohen_kappa');
  seen.ranking.value = any('count', 'rate', 'change');
  seen.classFilter.value = any('all', 'never-seen', 'never-predicted');
  seen.classSorting.value = { column: any(null, ...seen.CLASS_COLUMNS), down: false };
  if (seen.classSorting.value.column) seen.classSorting.value = { ...seen.classSorting.value, down: draw() < 0.5 };
  seen.isWide.value = any(false, true);
  state.runPattern.value = any('', 'run', '^a$|&=+', '[');
  state.wantedSubject.value = any(null, RUNS[1]);
  state.baselineRun.value = any(null, ...RUNS);
  state.baselineStep.value = any<State['baselineStep']['value']>('previous', 'first', 'same', 5);
  seen.chooseRange(any('auto', 'steps', 'fixed'));
  await seen.chooseOrder(any('logged', 'name', 'support', 'recall', 'precision', 'similarity'));
  if (draw() < 0.3) await seen.chooseOrder('support', { run: RUNS[2], step: 5 });
  seen.searchFor(any('', 'ant', '=+&', 'zzz'));
  const part = any<'all' | 'matches' | 'worst' | 'told'>('all', 'matches', 'worst', 'told');
  if (part === 'worst') seen.choosePart(2);
  else if (part === 'told') seen.choosePart(3, shuffled(draw, 5).slice(0, 3));
  else seen.choosePart(part);
  state.cursor.value =
    draw() < 0.5 ? null : { trueClass: whole(draw, 0, 1), predictedClass: whole(draw, 0, 1), run: any(...RUNS) };
  if (draw() < 0.5) state.camera.value = { x: -0.345, y: -0.75, k: 1.75 };
}

/** All that a link is to bring back. */
function looks(): object {
  const pinned = seen.pinned.value;
  return {
    tag: state.tag.value,
    runs: state.chosenRuns.value,
    step: state.step.value,
    shown: seen.panes.value.map(({ run, step, matrix }) => ({ run, step, matrix })),
    view: seen.view.value,
    gallery: [gallery.galleryRows.value, gallery.galleryColumns.value],
    normalize: seen.normalize.value,
    color: seen.color.value,
    palette: seen.paletteName.value,
    range: seen.range.value,
    fixed: seen.range.value === 'fixed' ? seen.fixedExtent.value : null,
    bars: seen.barScale.value,
    below: seen.hideBelow.value,
    diagonal: seen.hideDiagonal.value,
    order: pinned && [pinned.name, pinned.run, pinned.step, [...pinned.classes]],
    part: seen.part.value,
    worst: typeof seen.part.value === 'number' ? seen.worstShown.value : [],
    search: seen.search.value,
    subject: state.wantedSubject.value,
    baseline: [state.baselineRun.value, state.baselineStep.value, state.baselineAt.value],
    panel: seen.panelTab.value,
    metric: seen.metric.value,
    ranking: seen.ranking.value,
    classes: [seen.classFilter.value, seen.classSorting.value],
    wide: seen.isWide.value,
    filter: [state.runPattern.value, state.filteredRuns.value],
    cursor: state.cursor.value,
    camera: state.camera.value,
  };
}

describe('a link', () => {
  test('says nothing where there is nothing, and little of what is as usual', async () => {
    expect(link.encodeView()).toBe('');
    await page.show('a');
    expect(link.encodeView()).toBe('tag=test%2F1&run=a');
    state.goToStep(5);
    seen.normalize.value = 'true';
    expect(link.encodeView()).toBe('tag=test%2F1&run=a&step=5&normalize=true');
  });

  test('brings back what was looked at, wherever it is opened', async () => {
    const different = new Set<string>();
    for (let round = 0; round < 15; round++) {
      await lookAround();
      const [text, before] = [link.encodeView(), looks()];
      different.add(text);
      await reopen();
      await link.applyView(text);
      expect(looks()).toEqual(before);
      expect(link.encodeView()).toBe(text);
    }
    expect(different.size).toBe(15);
  });

  test('is opened by one who looks at something else', async () => {
    await lookAround();
    seen.choosePart('all');
    await seen.chooseOrder('support');
    const [text, before] = [link.encodeView(), looks()];
    for (let round = 0; round < 10; round++) {
      await lookAround();
      await link.applyView(text);
      expect(looks()).toEqual(before);
    }
  });

  test('without an order shows the classes as they were logged', async () => {
    await page.show('a');
    const [text, before] = [link.encodeView(), looks()];
    await seen.chooseOrder('support');
    await link.applyView(text);
    expect(looks()).toEqual(before);
  });

  // What the one asks for is taken for the other's.
  test('that is opened while another is being opened wins', async () => {
    await lookAround();
    const first = link.encodeView();
    for (let round = 0; round < 4; round++) {
      await lookAround();
      const [text, before] = [link.encodeView(), looks()];
      await reopen();
      await Promise.all([link.applyView(first), link.applyView(text)]);
      expect(looks()).toEqual(before);
    }
  });

  test('that tells of what is no longer there shows what is', async () => {
    await page.show(RUNS[1]);
    state.goToStep(5);
    const text = link.encodeView();
    server.logs.get('test/1')?.delete(RUNS[1]);
    await reopen();
    await link.applyView(text);
    expect([state.tag.value, state.chosenRuns.value, state.step.value]).toEqual(['test/1', ['a'], 5]);
    server.logs.delete('test/1');
    await reopen();
    await link.applyView(text);
    expect([state.tag.value, state.chosenRuns.value, state.step.value]).toEqual(['val', ['a'], 20]);
    expect(state.problems.value).toEqual([]);
  });

  test('shows as many runs as can be shown', async () => {
    for (let i = 0; i < 12; i++) await page.log(`more ${i}`, 1, anyCounts());
    await link.applyView(`tag=val&${Array.from({ length: 12 }, (_, i) => `run=more+${i}`).join('&')}`);
    expect(state.chosenRuns.value).toEqual(Array.from({ length: 8 }, (_, i) => `more ${i}`));
  });
});

describe('a link that is hostile or was cut off does no harm', () => {
  /** What the page relies on; null where it holds. */
  function harm(): string | null {
    const { view, normalize, color, paletteName, range, fixedExtent, barScale, hideBelow, panelTab, metric, part } = seen;
    const isOne = (value: unknown, ...values: unknown[]) => values.includes(value);
    const { x, y, k } = state.camera.value;
    const n = seen.seenClasses.value.size;
    const cell = state.cursor.value;
    const isPlace = (place: number) => Number.isInteger(place) && place >= 0 && place < n;
    const since = state.baselineStep.value;
    const fixed = fixedExtent.value;
    const holds: Record<string, boolean> = {
      view: isOne(view.value, 'matrix', 'compare', 'difference', 'timeline', 'gallery'),
      step: state.steps.value.includes(state.step.value as number) && Number.isFinite(state.wantedStep.value ?? 0),
      normalize: isOne(normalize.value, 'counts', 'true', 'pred', 'all'),
      color: isOne(color.value, 'linear', 'log'),
      palette: isOne(paletteName.value, 'blue-orange', 'green-red', 'cividis', 'viridis'),
      range: isOne(range.value, 'auto', 'steps') || (range.value === 'fixed' && fixed !== null),
      extent:
        fixed === null ||
        [fixed.correct, fixed.wrong].every(({ least, most }) => least >= 0 && least <= most && Number.isFinite(most)),
      bars: isOne(barScale.value, 'shared', 'row'),
      below: Number.isFinite(hideBelow.value) && hideBelow.value >= 0,
      ranking: isOne(seen.ranking.value, 'count', 'rate', 'change'),
      filter: isOne(seen.classFilter.value, 'all', 'never-seen', 'never-predicted'),
      sorting: isOne(seen.classSorting.value.column, null, ...seen.CLASS_COLUMNS),
      switches: isOne(seen.isWide.value, true, false) && isOne(seen.hideDiagonal.value, true, false),
      panel: isOne(panelTab.value, 'summary', 'classes', 'confusions', 'cell'),
      metric: isOne(metric.value, ...WHOLE.map(({ name }) => name)),
      part: isOne(part.value, 'all', 'matches') || (Number.isInteger(part.value) && isOne(part.value, 1, 2, 3, 4, 5)),
      order: isOne(seen.pinned.value?.name, undefined, 'name', 'support', 'recall', 'precision', 'similarity'),
      since: isOne(since, 'previous', 'first', 'same', ...STEPS),
      camera: k >= 1 && [x, y].every((offset) => offset <= 0 && offset >= 1 - k) && k <= 1e6,
      cursor: cell === null || (isPlace(cell.trueClass) && isPlace(cell.predictedClass) && cell.run !== ''),
      shown: n > 0 && seen.panes.value.some(({ matrix }) => matrix?.total === seen.panes.value[0].whole?.total),
      told: cell === null || seen.told.value !== null,
      colors: seen.scale.value.correct(3) >= 1 && seen.scale.value.wrong(3) <= 255 && seen.palette.value.zero > 0,
      problems: state.problems.value.length === 0,
    };
    const broken = Object.keys(holds).filter((name) => !holds[name]);
    return broken.length === 0 ? null : `${broken}: ${JSON.stringify(looks(), (key, value) => (key === 'shown' ? '' : value))}`;
  }

  const ODD = ['', 'x', '-1', '1.5', '1e999', 'NaN', '[]', 'null', '__proto__', '0 0', '9 9 a', '-1 0 a', 'a b 2', '0 0 1e999', 'x'.repeat(5000), '  ', '999', 'Infinity', 'down', '5 5 1e5']; // biome-ignore format: as many as there are
  const KEYS = ['step', 'view', 'normalize', 'color', 'palette', 'range', 'extent', 'bars', 'below', 'diagonal', 'show', 'worst', 'find', 'subject', 'baseline', 'since', 'panel', 'metric', 'rank', 'listed', 'sort', 'wide', 'runs', 'order', 'cell', 'camera', 'tag', 'run']; // biome-ignore format: as many as there are

  /** Looks at what a text says; what that broke, in words. */
  async function harmOf(text: string): Promise<string | null> {
    await link.applyView(text);
    const found = harm();
    return found && `${text.slice(0, 60)}: ${found}`;
  }

  test('any key with any value', async () => {
    for (const key of KEYS) {
      for (const odd of ODD) expect(await harmOf(new URLSearchParams({ [key]: odd }).toString())).toBeNull();
    }
  });

  test('what has the right beginning', async () => {
    for (const text of [
      'range=fixed',
      'range=fixed&extent=5',
      'range=fixed&extent={"correct":{"least":1,"most":2}}',
      'range=fixed&extent={"correct":{"least":1,"most":2},"wrong":null}',
      'range=fixed&extent={"correct":{"least":1,"most":"2"},"wrong":{"least":1,"most":2}}',
      'order=["evil","a",1]',
      'order=[["name"],"a",1]',
      'order=["name",{"a":1},1]',
      'order=["name","gone",1]',
      'order={"0":"name"}',
      'order=["support"]',
      'order=["support","a",1e400]',
      'order=["support","a","5"]',
      'order=["support","a",6]',
      'range=fixed&extent={"correct":{"least":3,"most":2},"wrong":{"least":1,"most":2}}',
      'range=fixed&extent={"correct":{"least":-3,"most":2},"wrong":{"least":1,"most":2}}',
      'range=fixed&extent={"correct":{"least":1,"most":1e999},"wrong":{"least":1,"most":2}}',
      'show=2&worst=0',
      'show=2&worst=0 x',
      'show=2&worst=0 99',
      'show=2&worst=',
      'show=1e9&worst=0 1',
      'show=2',
      'show=matches&find=zzz',
    ])
      expect(await harmOf(text)).toBeNull();
  });

  test('anything at all', async () => {
    const words = [...ODD, 'name', 'a', ...RUNS, '"', '{', '[', ':', ',', '}', ']', 'e', '.', '-', '0', '7', '20', '%', '\ud83d', '\0', 'least', 'most', 'correct', 'fixed', 'all']; // biome-ignore format: as many as there are
    const phrase = () => Array.from({ length: whole(draw, 0, 5) }, () => any(...words)).join(any('', ' ', '"', ','));
    for (let round = 0; round < 250; round++) {
      const query = new URLSearchParams();
      for (let i = whole(draw, 0, 5); i > 0; i--) query.append(any(...KEYS), phrase());
      expect(await harmOf(round % 5 ? query.toString() : phrase())).toBeNull();
    }
  });

  test('every so often cut off', async () => {
    await lookAround();
    await seen.chooseOrder('support');
    seen.chooseRange('fixed');
    seen.choosePart(3, [4, 0, 2]);
    state.cursor.value = { trueClass: 2, predictedClass: 1, run: RUNS[1] };
    state.camera.value = { x: -3, y: -4, k: 2 };
    const text = link.encodeView();
    for (let length = text.length; length >= 0; length -= 5) {
      expect(await harmOf(text.slice(0, length))).toBeNull();
    }
  });
});

describe('the address', () => {
  const hashOf = (text: string) => `#${encodeURIComponent(text)}`;

  test('is kept up with what is looked at, once it is quiet', async () => {
    await page.show('a');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await link.followLink();
    vi.advanceTimersByTime(399);
    expect(address.hash).toBe('');
    seen.normalize.value = 'pred';
    vi.advanceTimersByTime(399);
    expect(address.hash).toBe('');
    vi.advanceTimersByTime(1);
    expect(address.hash).toBe(hashOf('tag=test%2F1&run=a&normalize=pred'));
    const written = vi.spyOn(window.history, 'replaceState');
    seen.normalize.value = 'counts';
    seen.normalize.value = 'pred';
    vi.advanceTimersByTime(5000);
    expect(written).not.toHaveBeenCalled();
  });

  test('is not written before there is something to look at', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await link.followLink();
    seen.normalize.value = 'pred';
    vi.advanceTimersByTime(5000);
    expect(address.hash).toBe('');
  });

  test('is opened, and again when it is changed by hand', async () => {
    await lookAround();
    const [text, before] = [link.encodeView(), looks()];
    address.hash = hashOf(text);
    await reopen();
    await link.followLink();
    expect(looks()).toEqual(before);
    const asked = () => server.asked.filter(({ route }) => route === 'tags').length;
    const reloads = asked() + 1;
    address.hash = hashOf('tag=val&run=a&step=5&view=timeline');
    changed();
    await until(() => expect(asked()).toBe(reloads));
    await until(() => expect([state.tag.value, state.step.value, seen.view.value]).toEqual(['val', 5, 'timeline']));
    await until(() => expect(state.loading.value).toBe(false));
    changed(); // as it was
    address.hash = '';
    changed();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(asked()).toBe(reloads);
    expect([state.step.value, seen.view.value]).toEqual([5, 'timeline']);
  });

  test('of a page that is loaded again before it was kept up is that of what was looked at last', async () => {
    await page.show('a');
    address.hash = hashOf('tag=val&run=a&step=5');
    await link.followLink();
    expect(state.step.value).toBe(5);
    seen.normalize.value = 'all';
    state.goToStep(1);
    await reopen();
    await link.followLink();
    expect([state.step.value, seen.normalize.value]).toEqual([1, 'all']);
    // Another address is another view.
    address.hash = hashOf('tag=val&run=a&step=20');
    await reopen();
    await link.followLink();
    expect([state.step.value, seen.normalize.value]).toEqual([20, 'counts']);
  });

  test('is all there is where nothing outlives a reload', async () => {
    const blocked = () => {
      throw new DOMException('The operation is insecure.', 'SecurityError');
    };
    vi.stubGlobal('sessionStorage', { getItem: blocked, setItem: blocked });
    address.hash = hashOf('tag=val&run=a&step=5');
    await link.followLink();
    seen.normalize.value = 'all';
    await reopen();
    await link.followLink();
    expect([state.step.value, seen.normalize.value]).toEqual([5, 'counts']);
  });

  test('is copied as it is at that moment', async () => {
    await page.show('a');
    const copied: string[] = [];
    vi.stubGlobal('navigator', { clipboard: { writeText: async (text: string) => void copied.push(text) } });
    expect(await link.copyLink()).toBeNull();
    await link.followLink();
    seen.normalize.value = 'all';
    expect(await link.copyLink()).toBeNull();
    // The newest step as well: it is another one tomorrow.
    const exactly = hashOf(`tag=test%2F1&run=a&step=${state.steps.value.at(-1)}&normalize=all`);
    expect(copied).toEqual(['http://localhost/plugin/', `http://localhost/plugin/${exactly}`]);
    vi.stubGlobal('navigator', {});
    expect(await link.copyLink()).toBe(copied[1]);
  });
});
