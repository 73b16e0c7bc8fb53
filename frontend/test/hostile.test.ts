// Seeded mutations of the golden records: each is read rightly or refused in words. HOSTILE_RECORDS=1000000 asks for more of them.

import { readdirSync, readFileSync } from 'node:fs';
import { env } from 'node:process';
import { deflateSync, inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decodeExamples, type StepExamples } from '../src/examples';
import { decodeClasses, decodeMatrix, type MatrixRecord, RecordError } from '../src/record';
import { RECORDS, sealed, seeded, whole } from './samples';

const COUNT = Number(env.HOSTILE_RECORDS ?? 1000);
const GOLDEN = ['', 'examples/'].flatMap((directory) =>
  readdirSync(new URL(directory, RECORDS))
    .filter((file) => file.endsWith('.bin'))
    .map((file) => readFileSync(new URL(directory + file, RECORDS)))
    .filter((record) => record.length < 2000),
);
const ODD: unknown[] = [
  ...[0, 1, -1, 2, 127, 128, 2 ** 31, 1e9, 2 ** 53 - 1, 2 ** 53, 1e308, 0.5],
  ...['', 'int64', 'float64', '\ud800', '<script>', '../../etc', '0123456789abcdef', 'a'.repeat(1000)],
  ...[null, true, false, [], {}, [[]], { toString: 1, valueOf: 1 }, { length: 9 }, { constructor: null }],
];

type Draw = () => number;
type Bytes = Uint8Array<ArrayBuffer>;
const one = <T>(draw: Draw, of: readonly T[]) => of[whole(draw, 0, of.length - 1)];
const joined = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const head = Uint8Array.from('TBCM\u0001', (letter) => letter.charCodeAt(0));
const packed = (body: Bytes) => joined(head, deflateSync(body, { level: 1 }));

function damaged(data: Bytes, draw: Draw): Bytes {
  let hurt = data;
  for (let times = one(draw, [1, 1, 2, 4]); times > 0; times--) {
    const [first, last] = [whole(draw, 0, hurt.length), whole(draw, 0, hurt.length)].sort((a, b) => a - b);
    const other = one(draw, GOLDEN);
    const random = new Uint8Array(9).map(() => whole(draw, 0, 255));
    hurt = one(draw, [
      () => joined(hurt.subarray(0, first), random.subarray(0, 1), hurt.subarray(first + 1)),
      () => joined(hurt.subarray(0, first), one(draw, [random, new Uint8Array(9).fill(255)]), hurt.subarray(first + 9)),
      () => joined(hurt.subarray(0, first), hurt.subarray(last)),
      () => hurt.slice(0, first),
      () => joined(hurt.subarray(0, last), hurt.subarray(first, last), hurt.subarray(last)),
      () => joined(hurt.subarray(0, first), other.subarray(whole(draw, 0, other.length))),
    ])();
  }
  return hurt;
}

function changed(value: unknown, draw: Draw): unknown {
  if (Array.isArray(value) && value.length > 0 && draw() < 0.7) {
    const at = whole(draw, 0, value.length - 1);
    const [before, after] = [value.slice(0, at), value.slice(at + 1)];
    return one(draw, [
      () => [...before, ...after],
      () => [...before, value[at], value[at], ...after],
      () => [...before, changed(value[at], draw), ...after],
    ])();
  }
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0 && draw() < 0.9) {
    const { [one(draw, Object.keys(value))]: chosen, ...rest } = value as Record<string, unknown>;
    const key = Object.keys(value).find((name) => !(name in rest)) as string;
    return draw() < 0.15 ? rest : { ...value, [key]: changed(chosen, draw) };
  }
  if (typeof value === 'number' && draw() < 0.5) return value + one(draw, [-2, -1, 1, 2]);
  let odd = one(draw, ODD);
  for (let depth = one(draw, [0, 0, 0, 1, 5, 400]); depth > 0; depth--) odd = [odd];
  return odd;
}

function mutated(record: Bytes, draw: Draw): Bytes {
  const how = draw();
  if (how < 0.2) return damaged(record, draw);
  try {
    const body = inflateSync(record.subarray(5));
    if (how < 0.5) return packed(damaged(body, draw));
    const end = 4 + new DataView(body.buffer, body.byteOffset).getUint32(0, true);
    const planes = body.slice(end);
    const json = JSON.stringify(changed(JSON.parse(new TextDecoder().decode(body.subarray(4, end))), draw));
    return sealedBody(json, draw() < 0.3 ? damaged(planes, draw) : planes);
  } catch {
    return damaged(record, draw);
  }
}

function sealedBody(json: string, planes: Uint8Array): Bytes {
  const text = Uint8Array.from(
    json.replace(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`),
    (letter) => letter.charCodeAt(0),
  );
  return packed(joined(new Uint8Array(Uint32Array.of(text.length).buffer), text, planes));
}

function isMatrix({ matrix, classesId }: MatrixRecord): boolean {
  const { numClasses, rowStart, cols } = matrix;
  let right = classesId === null || typeof classesId === 'string';
  right &&= rowStart.length === numClasses + 1 && rowStart[0] === 0 && rowStart[numClasses] === cols.length;
  for (let row = 0; row < numClasses; row++) {
    right &&= rowStart[row] <= rowStart[row + 1] && matrix.diagonal[row] >= 0;
    for (let i = rowStart[row]; i < rowStart[row + 1]; i++) {
      right &&= cols[i] < numClasses && cols[i] !== row && (i === rowStart[row] ? cols[i] >= 0 : cols[i] > cols[i - 1]);
      right &&= matrix.counts[i] > 0;
    }
  }
  return right && matrix.total <= Number.MAX_SAFE_INTEGER;
}

function areExamples({ numClasses, cells }: StepExamples): boolean {
  const isText = (text: unknown) => text === null || typeof text === 'string';
  return cells.every(
    (cell) =>
      Math.max(cell.trueClass, cell.predictedClass) < numClasses &&
      cell.examples.every(
        ({ id, text, noImage, image }) =>
          [id, text, noImage].every(isText) &&
          (image === null || /^[0-9a-f]{16}\/[0-9a-f]{16}$/.test(`${image.pack}/${image.name}`)),
      ),
  );
}

const READERS: readonly ((record: Uint8Array) => Promise<boolean>)[] = [
  async (record) => isMatrix(await decodeMatrix(record)),
  async (record) => (await decodeClasses(record)).every((name) => typeof name === 'string'),
  async (record) => areExamples(await decodeExamples(record)),
];

test(`${COUNT} mutated records`, { timeout: 3_600_000 }, async () => {
  const draw = seeded(1);
  let taken = 0;
  for (let i = 0; i < COUNT; i++) {
    const record = mutated(one(draw, GOLDEN), draw);
    for (const read of READERS) {
      try {
        if (!(await read(record))) throw new Error('read wrongly');
        taken++;
      } catch (error) {
        if (!(error instanceof RecordError) || error.message.length > 300) {
          throw new Error(`record ${i}, ${record}: ${error}`, { cause: error });
        }
      }
    }
  }
  expect(taken).toBeGreaterThan(COUNT / 50);
  expect(taken).toBeLessThan(COUNT);
});

test('what is nested too deep to be told is refused all the same', async () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  const refusal = /^damaged record|^expected a record/;
  for (const header of [deep, `{"type":${deep}}`, `{"type":"matrix","num_classes":${deep}}`]) {
    await expect(decodeMatrix(await sealed(header))).rejects.toThrow(refusal);
    await expect(decodeMatrix(await sealed(header))).rejects.toBeInstanceOf(RecordError);
  }
  await expect(decodeExamples(await sealed(`{"type":"examples","num_classes":2,"packs":[${deep}]}`))).rejects.toThrow(refusal);
});

test.each([
  ['a pack that turns into a name', { packs: [['00112233445566aa']] }],
  ['a pack that turns into nothing', { packs: [{ toString: 1, valueOf: 1 }] }],
  ['a name that is a list', { packs: ['00112233445566aa'], images: [[0, ['00112233445566aa']]] }],
])('%s is refused', async (_, wrong) => {
  const record = await sealed({ type: 'examples', num_classes: 2, classes: null, cells: [[0, 1, 1, 4]], ...wrong });
  await expect(decodeExamples(record)).rejects.toThrow(/^damaged record: (packs that are no names|images that do not fit)$/);
});

test('a header of more than 32 MiB is not parsed', async () => {
  const body = new Uint8Array(2 ** 25 + 5).fill(32);
  body.set([1, 0, 0, 2]);
  const record = new Uint8Array(await new Blob([head, deflateSync(body, { level: 1 })]).arrayBuffer());
  await expect(decodeMatrix(record)).rejects.toThrow('damaged record: its header cannot be read (it has more than 32 MiB)');
});
