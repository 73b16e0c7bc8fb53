import { afterEach, describe, expect, test, vi } from 'vitest';
import { breath, finished, inSlices, part, sorted, type Work, written } from '../src/pieces';
import { clock, turns } from './clock';
import { seeded, whole } from './samples';

const draw = seeded(191);

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('inSlices', () => {
  function* counted(to: number, seen: number[]): Work<string> {
    for (let i = 1; i <= to; i++) {
      seen.push(i);
      yield i / to;
    }
    return 'done';
  }

  test('gives the result, and tells every progress on the way', async () => {
    const told: number[] = [];
    expect(
      await inSlices(
        counted(4, []),
        () => true,
        (progress) => told.push(progress),
      ),
    ).toBe('done');
    expect(told).toEqual([0.25, 0.5, 0.75, 1]);
  });

  test('lets the page do other things, but not after every piece', async () => {
    clock(5);
    const page = turns();
    const at: number[] = [];
    await inSlices(
      counted(30, []),
      () => true,
      () => at.push(page.count),
    );
    page.stop();
    const slices = new Set(at).size;
    expect(slices).toBeGreaterThan(5);
    expect(slices).toBeLessThan(20);
  });

  test('ends, without a result, when it is no longer wanted', async () => {
    clock(5);
    const seen: number[] = [];
    let wanted = true;
    const tell = (progress: number) => {
      if (progress >= 0.1) wanted = false;
    };
    expect(await inSlices(counted(100, seen), () => wanted, tell)).toBeNull();
    expect(seen.length).toBeGreaterThanOrEqual(10);
    expect(seen.length).toBeLessThan(20);
  });
});

test('the page breathes when it is idle, where it can tell', async () => {
  const asked: unknown[] = [];
  vi.stubGlobal('requestIdleCallback', (callback: () => void, options: object) => {
    asked.push(options);
    callback();
  });
  await breath();
  expect(asked).toEqual([{ timeout: 100 }]);
});

/** All that work tells, and what it makes. */
function followed<T>(work: Work<T>): { told: number[]; made: T } {
  const told: number[] = [];
  for (;;) {
    const next = work.next();
    if (next.done) return { told, made: next.value };
    told.push(next.value);
  }
}

test('numbers are sorted as sort does it, equal ones as they were, and the work is in pieces', () => {
  for (let round = 0; round < 200; round++) {
    const size = round === 0 ? 20_000 : round % 40;
    const keys = Array.from({ length: size }, () => whole(draw, 0, 9));
    const by = (a: number, b: number) => keys[b] - keys[a];
    const { told, made } = followed(sorted(keys.keys(), by));
    expect([...made]).toEqual([...keys.keys()].sort(by));
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.every((one) => one >= 0 && one <= 1)).toBe(true);
    if (round === 0) expect(told.length).toBeGreaterThan(50);
  }
});

test('texts are written one after the other, with what is between them', () => {
  for (const size of [0, 1, 2, 15, 16, 17, 100]) {
    const { told, made } = followed(written(size, String, ','));
    expect(made.join('')).toBe([...Array(size).keys()].join(','));
    expect(told.at(-1)).toBe(size === 0 ? undefined : 1);
    expect(told.length).toBe(Math.ceil(size / 16));
  }
  expect(finished(written(3, String)).join('')).toBe('012');
});

test('a part brings the whole from one point to another', () => {
  const { told, made } = followed(part(written(32, String, ','), 0.5, 0.75));
  expect(told).toEqual([0.625, 0.75]);
  expect(made.join('')).toBe([...Array(32).keys()].join(','));
});
