import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Log, sourceOf } from '../src/embedded';
import { decodeClasses, decodeMatrix } from '../src/record';
import { golden } from './samples';

const inBase64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));
const [ASYMMETRIC, EMPTY] = [golden('asymmetric'), golden('empty')];
const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => byte);

const LOG: Log = {
  matrices: [
    { tag: 'train', run: 'b', steps: [0], wall_times: [1], records: [inBase64(EMPTY)] },
    {
      tag: 'val',
      run: 'b',
      steps: [-4, 3, 7],
      wall_times: [1.25, 2.5, 3.75],
      records: [inBase64(ASYMMETRIC), inBase64(EVERY_BYTE), ''],
    },
    { tag: 'val', run: 'a', steps: [3], wall_times: [9], records: [inBase64(EMPTY)] },
  ],
  examples: [{ tag: 'val', run: 'b', steps: [3], wall_times: [2.5], records: [inBase64(ASYMMETRIC)] }],
  classes: { '00ff': inBase64(golden('class_list')) },
  images: { '0123456789abcdef': 'data:image/png;base64,AAAA' },
};

describe('a log in the page', () => {
  const source = sourceOf(LOG);

  test('tags, as they come', async () => {
    expect(await source.fetchTags()).toEqual(['train', 'val']);
  });

  test('series of a tag', async () => {
    const {
      series: [b, a],
    } = await source.fetchSeries('val');
    expect([b.run, a.run]).toEqual(['b', 'a']);
    expect(b).toMatchObject({ steps: [-4, 3, 7], wall_times: [1.25, 2.5, 3.75], sampled: false });
    for (const [i, length] of [ASYMMETRIC.length, 256, 0].entries()) {
      expect(b.sizes[i]).toBeGreaterThanOrEqual(length);
      expect(b.sizes[i]).toBeLessThan(length + 3);
    }
    expect(await source.fetchSeries('test')).toEqual({ tag: 'test', series: [] });
    expect(await source.fetchSeries(null)).toEqual(await source.fetchSeries('train'));
    expect(await sourceOf({ ...LOG, matrices: [] }).fetchSeries(null)).toEqual({ tag: null, series: [] });
  });

  test('records of steps, byte for byte', async () => {
    const all = await source.fetchRecords('b', 'val', -4, 7);
    expect(all).toEqual([
      { step: -4, wallTime: 1.25, bytes: ASYMMETRIC },
      { step: 3, wallTime: 2.5, bytes: EVERY_BYTE },
      { step: 7, wallTime: 3.75, bytes: Uint8Array.of() },
    ]);
    expect((await decodeMatrix(all[0].bytes)).matrix.total).toBeGreaterThan(0);
    expect((await source.fetchRecords('b', 'val', -3, 6)).map(({ step }) => step)).toEqual([3]);
    expect(await source.fetchRecords('c', 'val', -4, 7)).toEqual([]);
    expect((await source.fetchRecords('a', 'val', -4, 7)).map(({ bytes }) => bytes)).toEqual([EMPTY]);
  });

  test('class lists, by their ids alone', async () => {
    expect(await decodeClasses(await source.fetchClasses('a', '00ff'))).toEqual(await decodeClasses(golden('class_list')));
    for (const id of ['00fe', 'constructor', '__proto__']) {
      await expect(source.fetchClasses('a', id)).rejects.toThrow(`this page has no class list ${id}`);
    }
  });

  test('examples and their images', async () => {
    expect((await source.fetchExampleSeries('val')).map(({ run, steps }) => [run, steps])).toEqual([['b', [3]]]);
    expect(await source.fetchExamples('b', 'val', 3, 3)).toEqual([{ step: 3, wallTime: 2.5, bytes: ASYMMETRIC }]);
    expect(await source.fetchExamples('b', 'val', 7, 7)).toEqual([]);
    expect(source.imageAddress('b', { pack: 'x', name: '0123456789abcdef' })).toBe('data:image/png;base64,AAAA');
    expect(source.imageAddress('b', { pack: 'x', name: 'fedcba9876543210' })).toBe('');
  });
});

describe('what the page asks', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  /** The module that all others ask, as it is in a page with this content of the element that holds the log. */
  async function apiIn(textContent: string | null) {
    const element = textContent === null ? null : { textContent };
    vi.stubGlobal('document', { getElementById: (id: string) => (id === 'confusion-matrix-log' ? element : null) });
    vi.stubGlobal('fetch', () => Promise.reject(new Error('asked')));
    vi.resetModules();
    return import('../src/api');
  }

  test('is its own log, where it has one', async () => {
    const api = await apiIn(JSON.stringify(LOG));
    expect(await api.fetchTags()).toEqual(['train', 'val']);
    expect((await api.fetchRecords('b', 'val', 3, 3))[0].bytes).toEqual(EVERY_BYTE);
  });

  test('is the server, where it has none', async () => {
    await expect((await apiIn(null)).fetchTags()).rejects.toThrow('TensorBoard did not answer (asked)');
  });
});
