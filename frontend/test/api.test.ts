import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ApiError,
  fetchClasses,
  fetchExampleSeries,
  fetchExamples,
  fetchRecords,
  fetchSeries,
  fetchTags,
  imageAddress,
  unframed,
} from '../src/api';
import { golden } from './samples';
import { type Server, startServer } from './server';

const ODD = 'a/b c?d=e&f#g+h%20é 東🐈';

describe('unframed', () => {
  test('frames byte for byte', () => {
    // Step -1, wall time 2.0, 3 bytes; step 2**40, wall time 0.5, none. By hand, from http_api.md.
    const frames = Uint8Array.from([
      ...[0, 0, 0, 0, 0, 0, 0xf0, 0xbf, 0, 0, 0, 0, 0, 0, 0, 0x40, 3, 0, 0, 0, 7, 8, 9],
      ...[0, 0, 0, 0, 0, 0, 0x70, 0x42, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 0, 0, 0, 0],
    ]);
    expect(unframed(frames.buffer)).toEqual([
      { step: -1, wallTime: 2, bytes: Uint8Array.of(7, 8, 9) },
      { step: 2 ** 40, wallTime: 0.5, bytes: Uint8Array.of() },
    ]);
  });

  test('nothing is no record', () => {
    expect(unframed(new ArrayBuffer(0))).toEqual([]);
  });

  test('a frame that ends early is an error', () => {
    const frame = new Uint8Array(25);
    frame[16] = 5;
    expect(unframed(frame.buffer)).toHaveLength(1);
    for (let length = 1; length < 25; length++) expect(() => unframed(frame.slice(0, length).buffer)).toThrow();
  });
});

describe('over HTTP', () => {
  let server: Server;
  beforeEach(async () => {
    server = await startServer();
    server.log('val', 'slow', 3, golden('asymmetric'), 1_795_000_000.25);
    server.log('val', 'slow', 7, Uint8Array.of(), 1_795_000_001.5);
    server.log('val', 'fast', -2, golden('empty'));
    server.log(ODD, ODD, 1, golden('two_classes'));
    server.classLists.set(`${ODD} 00ff`, golden('class_list'));
  });
  afterEach(() => server.stop());

  test('tags', async () => {
    expect(await fetchTags()).toEqual([ODD, 'val']);
    expect(server.asked).toEqual([{ route: 'tags', query: {} }]);
  });

  test('series', async () => {
    const {
      tag,
      series: [fast, slow],
    } = await fetchSeries('val');
    expect(tag).toBe('val');
    expect(fast.run).toBe('fast');
    const sizes = [golden('asymmetric').length, 0];
    expect(slow).toEqual({ run: 'slow', steps: [3, 7], wall_times: [1_795_000_000.25, 1_795_000_001.5], sizes, sampled: false });
    expect(server.asked).toEqual([{ route: 'series', query: { tag: 'val' } }]);
  });

  test('series of the first tag there is', async () => {
    expect(await fetchSeries(null)).toEqual(await fetchSeries(ODD));
    expect(server.asked).toEqual([
      { route: 'series', query: {} },
      { route: 'series', query: { tag: ODD } },
    ]);
    server.logs.clear();
    expect(await fetchSeries(null)).toEqual({ tag: null, series: [] });
  });

  test('series of some runs', async () => {
    expect((await fetchSeries('val', ['slow', 'none'])).series.map(({ run }) => run)).toEqual(['slow']);
    expect(await fetchSeries('val', [])).toEqual(await fetchSeries('val'));
    expect(server.asked[1]).toEqual({ route: 'series', query: { tag: 'val', most: '8' } });
  });

  test('records', async () => {
    expect(await fetchRecords('slow', 'val', -4, 7)).toEqual([
      { step: 3, wallTime: 1_795_000_000.25, bytes: golden('asymmetric') },
      { step: 7, wallTime: 1_795_000_001.5, bytes: Uint8Array.of() },
    ]);
    expect(server.asked).toEqual([{ route: 'records', query: { run: 'slow', tag: 'val', first: '-4', last: '7' } }]);
    expect(await fetchRecords('slow', 'val', 4, 6)).toEqual([]);
  });

  test('names of any letters reach the server', async () => {
    expect((await fetchSeries(ODD)).series[0].run).toBe(ODD);
    expect((await fetchRecords(ODD, ODD, 1, 1))[0].bytes).toEqual(golden('two_classes'));
    expect(await fetchClasses(ODD, '00ff')).toEqual(golden('class_list'));
    expect(server.asked[2]).toEqual({ route: 'classes', query: { run: ODD, id: '00ff' } });
  });

  test('examples', async () => {
    for (const step of [3, 8]) server.log(ODD, ODD, step, Uint8Array.of(step), step + 0.25, server.examples);
    const [info] = await fetchExampleSeries(ODD);
    expect(info).toMatchObject({ run: ODD, steps: [3, 8], wall_times: [3.25, 8.25], sizes: [1, 1] });
    expect(await fetchExamples(ODD, ODD, 3, 3)).toEqual([{ step: 3, wallTime: 3.25, bytes: Uint8Array.of(3) }]);
    expect((await fetchExamples(ODD, ODD, 3, 8)).map(({ step }) => step)).toEqual([3, 8]);
    expect(server.asked.slice(0, 2)).toEqual([
      { route: 'example_series', query: { tag: ODD } },
      { route: 'example_records', query: { run: ODD, tag: ODD, first: '3', last: '3' } },
    ]);
    expect(await fetchExampleSeries('val')).toEqual([]);
  });

  test('the address of an image is the route with its three names, whatever letters they have', () => {
    const url = new URL(imageAddress(ODD, { pack: '00112233445566aa', name: '&name=x' }), 'http://localhost/data/');
    expect(url.pathname).toBe('/data/image');
    expect([...url.searchParams]).toEqual([
      ['run', ODD],
      ['pack', '00112233445566aa'],
      ['name', '&name=x'],
    ]);
  });

  test('an error is told in the words of the server', async () => {
    server.failure = () => ({ status: 400, text: "expected 'first' as a step, an integer, got 'x'" });
    for (const asking of [fetchTags(), fetchSeries('val'), fetchRecords('slow', 'val', 0, 1), fetchClasses('slow', 'aa')]) {
      const error = await asking.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ApiError);
      expect(error).toMatchObject({ message: "expected 'first' as a step, an integer, got 'x'", status: 400 });
    }
  });

  test('an error without words is told by its number', async () => {
    server.failure = () => ({ status: 502, text: '' });
    await expect(fetchTags()).rejects.toMatchObject({ message: 'TensorBoard answered 502', status: 502 });
  });

  test('no answer at all', async () => {
    server.failure = () => 'broken';
    await expect(fetchTags()).rejects.toThrow(ApiError);
    await expect(fetchTags()).rejects.toMatchObject({ status: 0 });
    await expect(fetchTags()).rejects.toThrow(/^TensorBoard did not answer \(.+\); is it still running\?$/);
  });
});
