// Long work piece by piece, so that the page can answer in between.

/** What yields how far it is, from 0 to 1, and returns what it made. */
export type Work<T> = Generator<number, T>;

/** How long the page may be kept from answering. */
export const SLICE_MILLISECONDS = 12;

/** Lets the page do what waits: input first, then drawing. */
export function breath(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback === 'function') requestIdleCallback(() => resolve(), { timeout: 100 });
    else setTimeout(resolve, 4);
  });
}

/** Does all of it at once. */
export function finished<T>(work: Work<T>): T {
  for (;;) {
    const next = work.next();
    if (next.done) return next.value;
  }
}

/** Does it slice by slice; gives what it made, or null when it is no longer wanted. */
export async function inSlices<T>(work: Work<T>, isWanted: () => boolean, tell?: (progress: number) => void): Promise<T | null> {
  for (;;) {
    const begun = performance.now();
    while (performance.now() - begun < SLICE_MILLISECONDS) {
      const next = work.next();
      if (next.done) return next.value;
      tell?.(next.value);
    }
    await breath();
    if (!isWanted()) return null;
  }
}

/** Work that is a part of other work, which it brings from one point to another. */
export function* part<T>(work: Work<T>, from: number, to: number): Work<T> {
  for (;;) {
    const next = work.next();
    if (next.done) return next.value;
    yield from + (to - from) * next.value;
  }
}

const PIECE = 4096;

/** Numbers in order; equal ones stay as they are (a merge sort from below). */
export function* sorted(numbers: Iterable<number>, compare: (a: number, b: number) => number): Work<Int32Array> {
  let from = Int32Array.from(numbers);
  let to = new Int32Array(from.length);
  const n = from.length;
  for (let width = 1, done = 0; width < n; width *= 2) {
    for (let begin = 0; begin < n; begin += 2 * width) {
      const middle = Math.min(n, begin + width);
      const end = Math.min(n, middle + width);
      for (let at = begin, i = begin, j = middle; at < end; at++) {
        const isFirst = i < middle && (j === end || compare(from[i], from[j]) <= 0);
        to[at] = from[isFirst ? i++ : j++];
        if (++done % PIECE === 0) yield done / (n * Math.ceil(Math.log2(n)));
      }
    }
    [from, to] = [to, from];
  }
  return from;
}

const TOGETHER = 16;

/** Texts one after the other, a few in each string. */
export function* written(size: number, textOf: (index: number) => string, separator = ''): Work<string[]> {
  const texts: string[] = [];
  for (let begin = 0; begin < size; begin += TOGETHER) {
    let text = '';
    for (let i = begin; i < Math.min(size, begin + TOGETHER); i++) text += (i > 0 ? separator : '') + textOf(i);
    texts.push(text);
    yield Math.min(1, (begin + TOGETHER) / size);
  }
  return texts;
}
