import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { countAt, type Matrix } from '../src/matrix';
import { decodeClasses, decodeMatrix, problemAtSight, RecordError } from '../src/record';
import { denseOf, golden, PETS, RECORDS, randomCounts, recordOf, sealed, sealedBody, seeded, whole } from './samples';

interface Content {
  num_classes: number;
  total: number;
  classes_id: string | null;
  cells?: [trueClass: number, predictedClass: number, count: number][];
  names?: string[];
  error?: string;
}

const namesOf = (ending: string) =>
  readdirSync(RECORDS)
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length));
const GOLDEN = namesOf('.bin').map((name): [name: string, content: Content] => [
  name,
  JSON.parse(readFileSync(new URL(`${name}.json`, RECORDS), 'utf8')),
]);
const MATRICES = GOLDEN.filter(([, content]) => content.cells);
const CLASS_LISTS = GOLDEN.filter(([, content]) => content.names);
const BAD = GOLDEN.filter(([, content]) => content.error);

const HEADER = { type: 'matrix', num_classes: 3, cells: 3, dtype: 'int64', total: 332, classes: null };
const PLANES = [11, 13, 0xac, 2, 1, 0, 3, 2, 5, 1];
const DENSE = [
  [11, 2, 5],
  [0, 13, 0],
  [1, 0, 300],
];
const BEYOND = 'damaged record: an integer above 2**53 - 1';
const NO_COUNT = 'damaged record: a count that is not a number above 0';
const TOO_FEW = 'damaged record: it has fewer cells than its header says';

/** Every cell that is not zero, in row-major order. */
function cellsOf(matrix: Matrix): number[][] {
  const cells: number[][] = [];
  for (let row = 0; row < matrix.numClasses; row++) {
    const own = [...matrix.cols.subarray(matrix.rowStart[row], matrix.rowStart[row + 1])];
    for (const col of [...own, row].sort((a, b) => a - b)) {
      const count = countAt(matrix, row, col);
      if (count !== 0) cells.push([row, col, count]);
    }
  }
  return cells;
}

/** The message with which a record is refused; null when it is read, and then it keeps the promises of Matrix. */
async function refusal(record: Uint8Array): Promise<string | null> {
  let matrix: Matrix;
  try {
    matrix = (await decodeMatrix(record)).matrix;
  } catch (error) {
    expect(error).toBeInstanceOf(RecordError);
    return (error as RecordError).message;
  }
  expect(matrix.rowStart[0]).toBe(0);
  expect(matrix.rowStart[matrix.numClasses]).toBe(matrix.cols.length);
  for (let row = 0; row < matrix.numClasses; row++) {
    for (let i = matrix.rowStart[row]; i < matrix.rowStart[row + 1]; i++) {
      expect(matrix.cols[i]).not.toBe(row);
      expect(matrix.cols[i]).toBeGreaterThan(i > matrix.rowStart[row] ? matrix.cols[i - 1] : -1);
      expect(matrix.cols[i]).toBeLessThan(matrix.numClasses);
      expect(matrix.counts[i]).toBeGreaterThan(0);
    }
    expect(matrix.diagonal[row]).toBeGreaterThanOrEqual(0);
  }
  expect(matrix.total).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
  return null;
}

function doubles(...values: number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(values).buffer);
}

function withBitFlipped(bytes: Uint8Array<ArrayBuffer>, bit: number): Uint8Array<ArrayBuffer> {
  const flipped = bytes.slice();
  flipped[bit >> 3] ^= 1 << (bit & 7);
  return flipped;
}

async function bodyOf(record: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([record.subarray(5)]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

describe('golden records', () => {
  test('are all read here', () => {
    expect(namesOf('.json').filter((name) => name !== 'significance')).toEqual(GOLDEN.map(([name]) => name));
    expect(MATRICES.length + CLASS_LISTS.length + BAD.length).toBe(GOLDEN.length);
    expect(Math.min(MATRICES.length, BAD.length)).toBeGreaterThan(9);
    expect(CLASS_LISTS.length).toBeGreaterThan(1);
  });

  test.each(MATRICES)('matrix %s', async (name, expected) => {
    const { matrix, classesId } = await decodeMatrix(golden(name));
    expect(cellsOf(matrix)).toEqual(expected.cells);
    expect(matrix.numClasses).toBe(expected.num_classes);
    expect(matrix.total).toBe(expected.total);
    expect(classesId).toBe(expected.classes_id);
  });

  test.each(CLASS_LISTS)('class list %s', async (name, expected) => {
    expect(await decodeClasses(golden(name))).toEqual(expected.names);
  });

  test('half an emoji survives in a name', async () => {
    expect(await decodeClasses(golden('class_list_any_text'))).toContain('\udc00\ud800');
  });

  test.each(BAD)('bad record %s', async (name, expected) => {
    expect(await refusal(golden(name))).toMatch(new RegExp(expected.error as string));
  });
});

test('the layout byte for byte', async () => {
  expect(denseOf((await decodeMatrix(await sealed(HEADER, PLANES))).matrix)).toEqual(DENSE);
  const weighted = { ...HEADER, num_classes: 2, cells: 1, dtype: 'float64' };
  const planes = [...doubles(0.5, 0), 2, ...doubles(0.25)];
  expect(denseOf((await decodeMatrix(await sealed(weighted, planes))).matrix)).toEqual([
    [0.5, 0],
    [0.25, 0],
  ]);
});

test('a record anywhere in a larger buffer', async () => {
  const record = golden('float_weights');
  const around = new Uint8Array(record.length + 9);
  around.set(record, 3);
  const { matrix } = await decodeMatrix(around.subarray(3, 3 + record.length));
  expect(cellsOf(matrix)).toEqual(MATRICES.find(([name]) => name === 'float_weights')?.[1].cells);
});

test('seeded matrices', async () => {
  const draw = seeded(1);
  for (let round = 0; round < 40; round++) {
    const counts = randomCounts(draw, whole(draw, 1, 30)).map((line) => line.map((count) => count % 128));
    expect(denseOf((await decodeMatrix(await recordOf(counts))).matrix)).toEqual(counts);
  }
});

test('a body that is unpacked in many pieces', async () => {
  const draw = seeded(2);
  const diagonal = Array.from({ length: 300_000 }, () => whole(draw, 0, 127));
  const record = await sealed({ ...HEADER, num_classes: diagonal.length, cells: 1 }, [...diagonal, 5, 9]);
  const { matrix } = await decodeMatrix(record);
  expect([...matrix.diagonal]).toEqual(diagonal);
  expect(countAt(matrix, 0, 5)).toBe(9);
});

describe('the id of the class list', () => {
  test.each([[null], [5], [['a']], [{}]])('%j is none', async (odd) => {
    expect((await decodeMatrix(await sealed({ ...HEADER, classes: odd }, PLANES))).classesId).toBeNull();
  });
});

const LARGEST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]; // 2**53 - 1
const many = (count: number, byte: number) => Array<number>(count).fill(byte);

describe('forged matrices', () => {
  test.each<[header: object, planes: number[], message: string]>([
    [{ num_classes: '3' }, PLANES, 'damaged record: num_classes is "3", expected an integer from 1 to 94906265'],
    [{ num_classes: 1e9 }, PLANES, 'damaged record: num_classes is 1000000000, expected an integer from 1 to 94906265'],
    [{ num_classes: true }, PLANES, 'damaged record: num_classes is true, expected an integer from 1 to 94906265'],
    [{ num_classes: null }, PLANES, 'damaged record: num_classes is null, expected an integer from 1 to 94906265'],
    [{ num_classes: 2.5 }, PLANES, 'damaged record: num_classes is 2.5, expected an integer from 1 to 94906265'],
    [{ num_classes: 0 }, PLANES, 'damaged record: num_classes is 0, expected an integer from 1 to 94906265'],
    [{ num_classes: 94_906_265 }, PLANES, 'damaged record: 94,906,265 classes and 3 cells, expected at most 33,554,432 of both'],
    [{ num_classes: 2 ** 25 - 3 }, PLANES, TOO_FEW],
    [{ num_classes: 2 ** 25 - 2 }, PLANES, 'damaged record: 33,554,430 classes and 3 cells, expected at most 33,554,432 of both'],
    [{ cells: -1 }, PLANES, 'damaged record: cells is -1, expected an integer from 0 to 9007199254740991'],
    [{ cells: 2 ** 53 }, PLANES, 'damaged record: cells is 9007199254740992, expected an integer from 0 to 9007199254740991'],
    [
      { cells: 2 ** 53 - 1 },
      PLANES,
      'damaged record: 3 classes and 9,007,199,254,740,991 cells, expected at most 33,554,432 of both',
    ],
    [{ cells: 4 }, PLANES, TOO_FEW],
    [{ dtype: 'int32' }, PLANES, 'damaged record: counts of type "int32", expected int64 or float64'],
    [{ dtype: ['int64'] }, PLANES, 'damaged record: counts of type ["int64"], expected int64 or float64'],
    [{ dtype: 'float64' }, PLANES, TOO_FEW],
    [{ type: 'classes' }, PLANES, `expected a record of type 'matrix', got "classes"`],
    [{}, [], TOO_FEW],
    [{}, PLANES.slice(0, -1), TOO_FEW],
    [{}, [...PLANES.slice(0, -1), 0x80], TOO_FEW],
    [{}, [...PLANES.slice(0, 4), 1, 0, 6, ...PLANES.slice(7)], 'damaged record: a cell lies outside the matrix'],
    [{}, [...PLANES.slice(0, 4), ...LARGEST, ...LARGEST, ...LARGEST, 2, 5, 1], 'damaged record: a cell lies outside the matrix'],
    [{}, [...PLANES.slice(0, 4), 1, 0, 1, 2, 5, 1], 'damaged record: a cell of the diagonal stands among those off it'],
    [{}, [...PLANES.slice(0, -1), 0], NO_COUNT],
    [{}, [...PLANES.slice(0, -1), ...many(7, 0x80), 0x10], BEYOND],
    [{}, [...PLANES.slice(0, -1), ...many(8, 0x80), 1], BEYOND],
    [{}, [...PLANES.slice(0, -1), ...LARGEST], NO_COUNT], // the counts add up to more than 2**53 - 1
    [{ num_classes: 2, cells: 0 }, [...LARGEST, 1], NO_COUNT],
    // An integer of more than 8 bytes, even if most of them say nothing.
    [{ num_classes: 1, cells: 0 }, [0x81, ...many(7, 0x80), 0], BEYOND],
    [{ num_classes: 2, cells: 1 }, [1, 1, ...many(400, 0x80), 0, 5], BEYOND],
    [{ num_classes: 2, cells: 0, dtype: 'float64' }, [...doubles(Number.POSITIVE_INFINITY, 1)], NO_COUNT],
    [{ num_classes: 2, cells: 0, dtype: 'float64' }, [...doubles(Number.NaN, 1)], NO_COUNT],
    [{ num_classes: 2, cells: 0, dtype: 'float64' }, [...doubles(-1, 1)], NO_COUNT],
    [{ num_classes: 2, cells: 1, dtype: 'float64' }, [...doubles(1, 1), 1, ...doubles(Number.POSITIVE_INFINITY)], NO_COUNT],
    [{ num_classes: 2, cells: 1, dtype: 'float64' }, [...doubles(1, 1), 1, ...doubles(Number.NaN)], NO_COUNT],
    [{ num_classes: 2, cells: 1, dtype: 'float64' }, [...doubles(1, 1), 1, ...doubles(-1)], NO_COUNT],
    [{ num_classes: 2, cells: 0, dtype: 'float64' }, [...doubles(1e308, 1e308)], NO_COUNT],
    [{ num_classes: 1, cells: 0, dtype: 'float64' }, [...doubles(2 ** 53)], NO_COUNT],
  ])('%j %j', async (header, planes, message) => {
    expect(await refusal(await sealed({ ...HEADER, ...header }, planes))).toBe(message);
  });

  test('the largest that are right', async () => {
    expect(await refusal(await sealed({ ...HEADER, num_classes: 1, cells: 0 }, LARGEST))).toBeNull();
    expect(
      await refusal(await sealed({ ...HEADER, num_classes: 1, cells: 0, dtype: 'float64' }, doubles(2 ** 53 - 1))),
    ).toBeNull();
    expect(await refusal(await sealed({ ...HEADER, num_classes: 1, cells: 0 }, [0x81, ...many(6, 0x80), 0]))).toBeNull();
  });

  test('header fields and bytes after the planes that are not known are passed over', async () => {
    expect(await refusal(await sealed({ ...HEADER, more: ['x'] }, [...PLANES, 1, 2, 3]))).toBeNull();
  });
});

describe('forged headers', () => {
  const UNREADABLE = 'damaged record: its header cannot be read';
  test.each<[content: number[], message: string]>([
    [[], UNREADABLE],
    [[1, 0], UNREADABLE],
    [[2, 0, 0, 0, 0x7b], UNREADABLE],
    [[2, 0, 0, 0, 0xff, 0xff], UNREADABLE],
    [[2, 0, 0, 0, 0x31, 0x32], "expected a record of type 'matrix', got 12"],
    [[2, 0, 0, 0, 0x5b, 0x5d], "expected a record of type 'matrix', got []"],
    [[2, 0, 0, 0, 0x7b, 0x7d], "expected a record of type 'matrix', got undefined"],
    [[4, 0, 0, 0, 0x6e, 0x75, 0x6c, 0x6c], "expected a record of type 'matrix', got null"],
  ])('%j', async (content, message) => {
    expect((await refusal(await sealedBody(Uint8Array.from(content))))?.slice(0, message.length)).toBe(message);
  });

  test.each([['{"type": "matrix", '], [JSON.stringify({ ...HEADER, more: 'é' })], [`\ufeff${JSON.stringify(HEADER)}`]])(
    '%s',
    async (text) => {
      expect(await refusal(await sealed(text, PLANES))).toContain(UNREADABLE);
    },
  );

  test.each([[null], [[]], ['ab'], [[1, 2]], [['a', null]], [{ a: 1 }]])('names %j', async (names) => {
    const record = await sealed({ type: 'classes', names });
    await expect(decodeClasses(record)).rejects.toThrow(new RecordError('damaged record: a class list without names'));
  });

  test('the last of the ASCII characters is one of them', async () => {
    expect(await decodeClasses(await sealed('{"type": "classes", "names": ["\u007f"]}'))).toEqual(['\u007f']);
  });

  test('a matrix is no class list', async () => {
    await expect(decodeClasses(golden('asymmetric'))).rejects.toThrow(`expected a record of type 'classes', got "matrix"`);
    expect(await decodeClasses(await sealed({ type: 'classes', names: PETS }))).toEqual(PETS);
  });
});

describe('at sight', () => {
  test('what begins otherwise is no record', () => {
    for (const bytes of [[], [0x54, 0x42, 0x43, 0x4d], [0x54, 0x42, 0x43, 0x4e, 1], [0, 0, 0, 0, 0, 0, 0]]) {
      expect(problemAtSight(Uint8Array.from(bytes))).toBe('not a confusion matrix record: it does not begin with TBCM');
    }
    expect(problemAtSight(golden('empty'))).toBeNull();
  });

  test('there was no version before the first', async () => {
    const older = golden('empty');
    older[4] = 0;
    expect(await refusal(older)).toBe('damaged record: there is no format 0');
  });

  test('a newer version asks for an upgrade', async () => {
    const newer = golden('empty');
    newer[4] = 7;
    const message = 'written by a newer version (format 7, this one reads up to 1); upgrade tb-confmat-plugin';
    expect(problemAtSight(newer)).toBe(message);
    expect(await refusal(newer)).toBe(message);
    await expect(decodeClasses(newer)).rejects.toThrow(message);
  });
});

describe('damaged bytes', () => {
  const SMALL = ['asymmetric', 'float_weights', 'large_counts', 'empty'];

  test.each(SMALL)('every truncation of %s is refused', async (name) => {
    const record = golden(name);
    for (let length = 0; length < record.length; length++) expect(await refusal(record.subarray(0, length))).not.toBeNull();
  });

  test.each(SMALL)('every flipped bit of %s is refused, or changes nothing', async (name) => {
    const record = golden(name);
    const content = MATRICES.find(([other]) => other === name)?.[1];
    let refused = 0;
    for (let bit = 0; bit < 8 * record.length; bit++) {
      const flipped = withBitFlipped(record, bit);
      if (await refusal(flipped)) refused++;
      else expect(cellsOf((await decodeMatrix(flipped)).matrix)).toEqual(content?.cells);
    }
    expect(refused).toBeGreaterThan(0.95 * 8 * record.length);
  });

  test.each(['asymmetric', 'float_weights'])('every flipped bit of %s under a right checksum', async (name) => {
    const body = await bodyOf(golden(name));
    let refused = 0;
    for (let bit = 0; bit < 8 * body.length; bit++) if (await refusal(await sealedBody(withBitFlipped(body, bit)))) refused++;
    expect(refused).toBeGreaterThan(0.3 * 8 * body.length);
  });

  test('seeded bytes in place of the planes', async () => {
    const draw = seeded(3);
    let read = 0;
    for (let round = 0; round < 500; round++) {
      const byte = () => (draw() < 0.5 ? whole(draw, 0, 4) : whole(draw, 0, 255));
      const planes = Array.from({ length: whole(draw, 0, 30) }, byte);
      const header = {
        ...HEADER,
        num_classes: whole(draw, 1, 4),
        cells: whole(draw, 0, 4),
        dtype: draw() < 0.7 ? 'int64' : 'float64',
      };
      if ((await refusal(await sealed(header, planes))) === null) read++;
    }
    expect(read).toBeGreaterThan(20);
    expect(read).toBeLessThan(480);
  });

  test('zlib’s own words are passed on', async () => {
    const record = golden('asymmetric');
    record[record.length - 1] ^= 1;
    expect(await refusal(record)).toMatch(/^damaged record: ./);
  });

  test('a bomb is refused before it fills the memory', async () => {
    let left = 257;
    const zeros = new ReadableStream({
      pull: (controller) => (left-- > 0 ? controller.enqueue(new Uint8Array(2 ** 20)) : controller.close()),
    });
    const packed = await new Response(zeros.pipeThrough(new CompressionStream('deflate'))).arrayBuffer();
    expect(packed.byteLength).toBeLessThan(2 ** 20);
    const bomb = new Uint8Array(await new Blob(['TBCM\u0001', packed]).arrayBuffer());
    expect(await refusal(bomb)).toBe('damaged record: larger than 256 MiB when unpacked');
  });
});
