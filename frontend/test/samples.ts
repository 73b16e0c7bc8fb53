// Matrices and records for the tests: seeded ones, ones written out, and the golden ones that pytest reads too.

import { readFileSync } from 'node:fs';
import { countAt, type Matrix, matrixOf, type Normalize } from '../src/matrix';

export const NORMALIZATIONS: readonly Normalize[] = ['counts', 'true', 'pred', 'all'];
export const RECORDS = new URL('../../tests/records/', import.meta.url);
export const PETS = ['cat', 'dog', 'ant'];

/** Numbers from 0 to 1, the same ones every time (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seeded integer from `least` to `most`. */
export function whole(draw: () => number, least: number, most: number): number {
  return least + Math.floor(draw() * (most - least + 1));
}

/** Counts by true class, then predicted class: not symmetric, about `filled` of them above 0, some classes never seen or never predicted. */
export function randomCounts(draw: () => number, numClasses: number, filled = 0.4): number[][] {
  const absent = () => Array.from({ length: numClasses }, () => draw() < 0.15);
  const [neverSeen, neverPredicted] = [absent(), absent()];
  const count = (row: number, col: number) => {
    if (neverSeen[row] || neverPredicted[col] || draw() >= filled) return 0;
    return draw() < 0.7 ? whole(draw, 1, 20) : whole(draw, 100, 100_000);
  };
  return Array.from({ length: numClasses }, (_, row) => Array.from({ length: numClasses }, (_, col) => count(row, col)));
}

export function matrixFrom(counts: readonly (readonly number[])[]): Matrix {
  const rowStart = [0];
  const cols: number[] = [];
  const off: number[] = [];
  for (const [row, line] of counts.entries()) {
    for (const [col, count] of line.entries()) {
      if (col === row || count === 0) continue;
      cols.push(col);
      off.push(count);
    }
    rowStart.push(cols.length);
  }
  const diagonal = counts.map((line, row) => line[row]);
  return matrixOf(Float64Array.from(diagonal), Int32Array.from(rowStart), Int32Array.from(cols), Float64Array.from(off));
}

/** A matrix too large to write out, by its cells that are not zero, in row-major order. */
export function matrixFromCells(numClasses: number, cells: readonly (readonly [number, number, number])[]): Matrix {
  const diagonal = new Float64Array(numClasses);
  const rowStart = new Int32Array(numClasses + 1);
  for (const [row, col, count] of cells) {
    if (row === col) diagonal[row] = count;
    else rowStart[row + 1]++;
  }
  for (let row = 0; row < numClasses; row++) rowStart[row + 1] += rowStart[row];
  const off = cells.filter(([row, col]) => row !== col);
  return matrixOf(
    diagonal,
    rowStart,
    Int32Array.from(off, ([, col]) => col),
    Float64Array.from(off, ([, , count]) => count),
  );
}

/** Every count by true class, then predicted class. */
export function denseOf(matrix: Matrix): number[][] {
  const classes = [...matrix.diagonal.keys()];
  return classes.map((row) => classes.map((col) => countAt(matrix, row, col)));
}

/** The numbers below `length` in a seeded order. */
export function shuffled(draw: () => number, length: number): number[] {
  const order = [...Array(length).keys()];
  for (let i = length - 1; i > 0; i--) {
    const j = whole(draw, 0, i);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** The value of a cell by the definition, from the counts alone; NaN where the share is undefined. */
export function valueIn(counts: readonly (readonly number[])[], normalize: Normalize, row: number, col: number): number {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  const of = {
    counts: () => 1,
    true: () => sum(counts[row]),
    pred: () => sum(counts.map((line) => line[col])),
    all: () => sum(counts.flat()),
  };
  return counts[row][col] / of[normalize]();
}

/** The first pixel in which two pictures differ, in words; null where none does. Faster by far than to expect each of them. */
export function pixelDifference(found: Uint32Array, expected: Uint32Array, side: number): string | null {
  const at = expected.findIndex((color, i) => color !== found[i]);
  if (at < 0) return null;
  return `pixel (${at % side}, ${Math.floor(at / side)}) of ${side}: ${found[at].toString(16)} instead of ${expected[at].toString(16)}`;
}

export function golden(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`${name}.bin`, RECORDS)));
}

/** The record of any header (a text need not be JSON) and planes, fitting or not. */
export async function sealed(header: object | string, planes: Iterable<number> = []): Promise<Uint8Array<ArrayBuffer>> {
  const ascii = (json: string) => json.replace(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const text = new TextEncoder().encode(typeof header === 'string' ? header : ascii(JSON.stringify(header)));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.length, true);
  return sealedBody(Uint8Array.from([...length, ...text, ...planes]));
}

export async function sealedBody(body: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Response(new Blob([body]).stream().pipeThrough(new CompressionStream('deflate')));
  return new Uint8Array(await new Blob(['TBCM\u0001', await packed.arrayBuffer()]).arrayBuffer());
}

/** The record of counts below 128. */
export function recordOf(
  counts: readonly (readonly number[])[],
  classesId: string | null = null,
): Promise<Uint8Array<ArrayBuffer>> {
  const n = counts.length;
  const off = counts.flatMap((line, row) => line.map((count, col) => ({ count, at: row * n + col, row, col })));
  const cells = off.filter(({ count, row, col }) => count > 0 && row !== col);
  const gaps = cells.map(({ at }, i) => at - (i > 0 ? cells[i - 1].at : -1) - 1);
  const total = counts.flat().reduce((sum, count) => sum + count, 0);
  const header = { type: 'matrix', num_classes: n, cells: cells.length, dtype: 'int64', total, classes: classesId };
  return sealed(header, [...counts.map((line, row) => line[row]), ...gaps, ...cells.map(({ count }) => count)]);
}
