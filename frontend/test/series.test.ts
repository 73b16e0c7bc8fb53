import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiError } from '../src/api';
import { countAt, type Matrix } from '../src/matrix';
import { Series, type Step } from '../src/series';
import { golden, sealed, sealedBody } from './samples';
import { infoOf, type Server, startServer, until } from './server';

const MEBIBYTE = 2 ** 20;
const STEPS = Array.from({ length: 40 }, (_, i) => 10 * i);

let server: Server;
let told: number;

beforeEach(async () => {
  server = await startServer();
  told = 0;
});
afterEach(() => server.stop());

function infoNow(run = 'run') {
  return infoOf(run, server.logs.get('val')?.get(run) ?? []);
}

function seriesNow(): Series {
  const series = new Series('val', infoNow(), () => told++);
  server.asked.length = 0;
  return series;
}

/** Logs matrices whose only cell, (0, 1), tells the step. */
async function logSteps(steps: readonly number[], again = 0): Promise<void> {
  const bytesOf = (...values: number[]) => new Uint8Array(Float64Array.from(values).buffer);
  for (const step of steps) {
    const planes = [...bytesOf(0, 0), 1, ...bytesOf(1 + step + again)];
    const record = await sealed({ type: 'matrix', num_classes: 2, cells: 1, dtype: 'float64' }, planes);
    server.log('val', 'run', step, record, step + 0.5 + again);
  }
}

function matrixOf(step: Step | undefined): Matrix {
  if (!step || !('matrix' in step)) throw new Error(`expected a matrix, got ${JSON.stringify(step)}`);
  return step.matrix;
}

/** What logSteps wrote into the matrix. */
const toldBy = (step: Step | undefined) => countAt(matrixOf(step), 0, 1) - 1;

const askedRanges = () => server.asked.map(({ query }) => [Number(query.first), Number(query.last)]);

/** How many steps each ask was for, and whether any step was asked for twice. */
function askedSteps(): number[] {
  return askedRanges().flatMap(([first, last]) => infoNow().steps.filter((step) => first <= step && step <= last));
}

test('a step is a matrix with the id of its class list', async () => {
  server.log('val', 'run', 4, golden('asymmetric'));
  server.log('val', 'run', 5, golden('two_classes'));
  const series = seriesNow();
  expect(series.ready(4)).toBeUndefined();
  const step = await series.load(4);
  expect(step).toMatchObject({ classesId: '8994ab3dfad64861' });
  expect(countAt(matrixOf(step), 0, 2)).toBe(5);
  expect(series.ready(4)).toBe(step);
  expect(series.ready(5)).toBeUndefined();
  expect(server.asked).toEqual([{ route: 'records', query: { run: 'run', tag: 'val', first: '4', last: '4' } }]);
});

test('a step that is here, or on its way, is not asked for again', async () => {
  await logSteps(STEPS);
  const series = seriesNow();
  const [one, other] = await Promise.all([series.load(0), series.load(0)]);
  expect(one).toBe(other);
  expect(await series.load(0)).toBe(one);
  expect(askedRanges()).toEqual([[0, 0]]);
  const release = server.hold(({ query }) => query.first === '10');
  const prefetched = series.prefetch(0);
  await until(() => expect(askedRanges()).toEqual([[0, 0], [10, 390]])); // biome-ignore format: pairs
  const later = series.load(200);
  release();
  expect(toldBy(await later)).toBe(200);
  await prefetched;
  expect(server.asked).toHaveLength(2);
});

test('a step visited in passing is there, and what is looked at stays nearest', async () => {
  const record = await emptyMatrix(900_000);
  for (const step of STEPS.slice(0, 8)) server.log('val', 'run', step, record);
  const series = seriesNow();
  const looked = await series.load(0);
  for (const step of STEPS.slice(1, 8)) expect(matrixOf(await series.visit(step)).numClasses).toBe(900_000);
  expect(series.ready(0)).toBe(looked);
  // Of the others there was room for three: those that are nearest to the one looked at.
  expect(STEPS.filter((step) => series.ready(step))).toEqual([0, 10, 20, 30]);
});

test('of steps that are only visited the first are kept', async () => {
  const record = await emptyMatrix(1_500_000);
  for (const step of STEPS.slice(0, 5)) server.log('val', 'run', step, record);
  const series = seriesNow();
  for (const step of STEPS.slice(0, 5)) await series.visit(step);
  expect(STEPS.filter((step) => series.ready(step))).toEqual([0, 10]);
});

test('a step that arrives twice stays what it is', async () => {
  await logSteps(STEPS);
  server.log('val', 'run', 20, golden('damaged'));
  const series = seriesNow();
  const releaseOne = server.hold(({ query }) => query.first === query.last);
  const releaseAll = server.hold(({ query }) => query.first !== query.last);
  const loading = series.load(20);
  const prefetched = series.prefetch(20);
  await until(() => expect(server.asked).toHaveLength(2));
  releaseOne();
  const problem = await loading;
  releaseAll();
  await prefetched;
  expect(series.ready(20)).toBe(problem);
  expect([...series.problems.keys()]).toEqual([20]);
});

describe('prefetch', () => {
  test('fetches small records at once', async () => {
    await logSteps(STEPS);
    const series = seriesNow();
    await series.prefetch(200);
    expect(askedRanges()).toEqual([[0, 390]]);
    for (const step of STEPS) expect(toldBy(await series.load(step))).toBe(step);
    expect(server.asked).toHaveLength(1);
  });

  test('decodes only what is near', async () => {
    await logSteps(STEPS);
    const series = seriesNow();
    await series.load(200);
    await series.prefetch(200);
    expect(STEPS.filter((step) => series.ready(step))).toEqual([140, 150, 160, 170, 180, 190, 200, 210, 220, 230, 240, 250, 260]);
  });

  test('fetches large records in batches, the nearest first', async () => {
    const large = new Uint8Array(300_000);
    large.set(golden('newer_version'));
    for (const step of STEPS) server.log('val', 'run', step, large);
    server.log('val', 'run', 100, new Uint8Array(3 * MEBIBYTE)); // larger than a batch
    const series = seriesNow();
    await series.prefetch(200);
    const ranges = askedRanges();
    expect(askedSteps().sort((a, b) => a - b)).toEqual(STEPS);
    const nearest = ranges.map(([first, last]) =>
      first <= 200 && 200 <= last ? 0 : Math.min(...[first, last].map((at) => Math.abs(at - 200))),
    );
    expect(nearest).toEqual([...nearest].sort((a, b) => a - b));
    expect(ranges[0]).toEqual([190, 210]);
    expect(ranges).toContainEqual([100, 100]);
    for (const [first, last] of ranges) expect((last - first) / 10).toBeLessThan(3);
    expect(ranges.length).toBeLessThan(20);
  });

  test('is redirected by a later call', async () => {
    const large = new Uint8Array(MEBIBYTE);
    for (const step of STEPS) server.log('val', 'run', step, large);
    const series = seriesNow();
    const release = server.hold(() => true);
    const first = series.prefetch(0);
    await until(() => expect(server.asked).toHaveLength(1));
    await series.prefetch(390);
    release();
    await first;
    expect(askedRanges().slice(0, 4)).toEqual([
      [0, 0],
      [390, 390],
      [380, 380],
      [370, 370],
    ]);
    expect(server.asked).toHaveLength(STEPS.length);
  });

  test('of one step, or of none, asks for no more', async () => {
    await logSteps([7]);
    const series = seriesNow();
    await series.load(7);
    await series.prefetch(7);
    expect(askedRanges()).toEqual([[7, 7]]);
    await new Series('val', infoOf('run', []), () => told++).prefetch(0);
    expect(server.asked).toHaveLength(1);
  });
});

describe('update', () => {
  test('takes note of new steps, and keeps those that have not changed', async () => {
    await logSteps([0, 1, 2]);
    const series = seriesNow();
    await series.prefetch(0);
    const before = await series.load(1);
    await logSteps([3]);
    server.asked.length = 0;
    series.update(infoNow());
    expect(series.ready(1)).toBe(before);
    expect(series.info.steps).toEqual([0, 1, 2, 3]);
    expect(toldBy(await series.load(3))).toBe(3);
    await series.prefetch(3);
    expect(askedRanges()).toEqual([[3, 3]]);
  });

  test('forgets a step that was logged again, and one that is no longer there', async () => {
    await logSteps([0, 1, 2]);
    const series = seriesNow();
    await series.prefetch(1);
    for (const step of [0, 1, 2]) await series.load(step);
    await logSteps([1], 100);
    server.logs.get('val')?.get('run')?.pop();
    series.update(infoNow());
    expect([0, 1, 2].map((step) => series.ready(step) !== undefined)).toEqual([true, false, false]);
    expect(toldBy(await series.load(1))).toBe(101);
  });

  test('a step logged again while it is decoded', async () => {
    await logSteps([0, 1]);
    const series = seriesNow();
    await series.prefetch(1);
    await logSteps([1], 100);
    const older = series.load(1);
    series.update(infoNow());
    const newer = series.load(1);
    expect(toldBy(await older)).toBe(1);
    expect(toldBy(await newer)).toBe(101);
    expect(toldBy(series.ready(1))).toBe(101);
    expect(await series.load(1)).toBe(await newer);
  });

  test('a step logged again while it is fetched', async () => {
    await logSteps([0, 1]);
    const series = seriesNow();
    const release = server.hold(({ query }) => query.first === '1');
    const older = series.load(1);
    await until(() => expect(server.asked).toHaveLength(1));
    await logSteps([1], 100);
    series.update(infoNow());
    const newer = series.load(1);
    release();
    await older;
    expect(toldBy(await newer)).toBe(101);
    expect(toldBy(series.ready(1))).toBe(101);
    expect(series.problems.size).toBe(0);
  });
});

describe('what is no matrix', () => {
  test('is a step with a problem, and told of', async () => {
    server.log('val', 'run', 0, golden('asymmetric'));
    server.log('val', 'run', 1, golden('damaged'));
    server.log('val', 'run', 2, golden('newer_version'));
    server.log('val', 'run', 3, Uint8Array.of());
    server.log('val', 'run', 4, golden('class_list'));
    const series = seriesNow();
    expect(await series.load(1)).toEqual({ problem: expect.stringContaining('damaged record') });
    expect(told).toBe(1);
    for (const step of [0, 2, 3, 4]) await series.load(step);
    expect([...series.problems.keys()].sort()).toEqual([1, 2, 3, 4]);
    expect(series.problems.get(2)).toContain('newer version');
    expect(series.problems.get(3)).toContain('not a confusion matrix record');
    expect(series.problems.get(4)).toContain("expected a record of type 'matrix'");
    expect(told).toBe(4);
    expect(countAt(matrixOf(series.ready(0)), 0, 2)).toBe(5);
  });

  test('is seen at sight, before anyone looks at it', async () => {
    await logSteps(STEPS);
    server.log('val', 'run', 0, golden('newer_version'));
    const series = seriesNow();
    await series.prefetch(390);
    expect([...series.problems.keys()]).toEqual([0]);
    expect(series.ready(0)).toEqual({ problem: expect.stringContaining('newer version') });
  });

  test('is forgotten when the step is logged again', async () => {
    server.log('val', 'run', 1, golden('damaged'), 1);
    const series = seriesNow();
    await series.load(1);
    server.log('val', 'run', 1, golden('asymmetric'), 2);
    series.update(infoNow());
    expect(series.problems.size).toBe(0);
    expect(countAt(matrixOf(await series.load(1)), 0, 2)).toBe(5);
    expect(series.problems.size).toBe(0);
  });

  test('a step that has gone from the log says so, and is not asked for without end', async () => {
    await logSteps([0, 1, 2]);
    const series = seriesNow();
    server.logs.get('val')?.get('run')?.splice(1, 2);
    await series.prefetch(0);
    const gone = { problem: 'this step is no longer in the log' };
    for (const step of [1, 2]) {
      expect(await series.load(step)).toEqual(gone);
      expect(series.problems.get(step)).toBe(gone.problem);
    }
    expect(askedRanges()).toEqual([[0, 2]]);
    await logSteps([1]);
    series.update(infoNow());
    expect(toldBy(await series.load(1))).toBe(1);
    expect(await series.load(2)).toEqual(gone);
  });
});

describe('a server that fails', () => {
  test('rejects, and is asked again', async () => {
    await logSteps(STEPS);
    const series = seriesNow();
    server.failure = () => ({ status: 404, text: "run 'run' has no confusion matrix of tag 'val'" });
    await expect(series.load(20)).rejects.toThrow(ApiError);
    await expect(series.load(20)).rejects.toThrow("run 'run' has no confusion matrix");
    await expect(series.prefetch(20)).rejects.toThrow(ApiError);
    server.failure = () => 'broken';
    await expect(series.load(20)).rejects.toThrow('did not answer');
    expect(series.problems.size).toBe(0);
    server.failure = null;
    expect(toldBy(await series.load(20))).toBe(20);
    await series.prefetch(20);
    expect(toldBy(series.ready(30))).toBe(30);
  });
});

describe('memory', () => {
  test('of records beyond 128 MiB the nearest are kept', async () => {
    const record = new Uint8Array(12 * MEBIBYTE);
    record.set(golden('newer_version'));
    for (const step of STEPS.slice(0, 20)) server.log('val', 'run', step, record);
    const series = seriesNow();
    const expectNoOtherProblem = () => {
      for (const problem of series.problems.values()) expect(problem).toContain('newer version');
    };
    await series.load(100);
    await series.prefetch(100);
    expect(askedSteps().sort((a, b) => a - b)).toEqual([60, 70, 80, 90, 100, 110, 120, 130, 140, 150]);
    expectNoOtherProblem();

    server.asked.length = 0;
    await series.load(80);
    expect(server.asked).toEqual([]);

    expect(await series.load(0)).toEqual({ problem: expect.stringContaining('newer version') });
    expect(series.ready(0)).toBeDefined();
    await series.prefetch(0);
    expect(askedSteps()).toEqual([0, 10, 20, 30, 40, 50]);
    expectNoOtherProblem();
    // Also of those that are no longer kept it is known that they are none.
    expect([...series.problems.keys()].sort((x, y) => x - y)).toEqual(STEPS.slice(0, 16));
    expect(await series.load(190)).toEqual({ problem: expect.stringContaining('newer version') });
  });

  test('of matrices beyond four million cells the nearest are kept, and always the one looked at', async () => {
    const record = await emptyMatrix(900_000);
    for (const step of STEPS) server.log('val', 'run', step, record);
    const series = seriesNow();
    const looked = await series.load(200);
    await series.prefetch(200);
    expect(series.ready(200)).toBe(looked);
    const kept = STEPS.filter((step) => series.ready(step));
    expect(kept).toHaveLength(4);
    for (const step of kept) expect(Math.abs(step - 200)).toBeLessThanOrEqual(20);
    await series.load(0);
    expect(series.ready(0)).toBeDefined();
    await series.prefetch(0);
    expect(STEPS.filter((step) => series.ready(step))).toEqual([0, 10, 20, 30]);
  });

  test('a matrix of more cells than that is shown all the same', async () => {
    server.log('val', 'run', 0, await emptyMatrix(4_100_000));
    const series = seriesNow();
    const step = await series.load(0);
    expect(matrixOf(step).numClasses).toBe(4_100_000);
    expect(series.ready(0)).toBe(step);
  });
});

/** The record of so many classes without a sample: few bytes, much memory. */
function emptyMatrix(classes: number): Promise<Uint8Array<ArrayBuffer>> {
  const header = JSON.stringify({ type: 'matrix', num_classes: classes, cells: 0, dtype: 'int64' });
  const body = new Uint8Array(4 + header.length + classes);
  new DataView(body.buffer).setUint32(0, header.length, true);
  body.set(new TextEncoder().encode(header), 4);
  return sealedBody(body);
}
