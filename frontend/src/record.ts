// The mirror of tb_confmat_plugin/record.py, which specifies the byte layout.

import { type Matrix, matrixOf } from './matrix';

const MAGIC = 'TBCM';
const VERSION = 1;
const MAX_BODY_BYTES = 256 * 2 ** 20;
const MAX_HEADER_BYTES = 32 * 2 ** 20;
const MAX_CELLS = 2 ** 25;
const MAX_CLASSES = 94_906_265;

/** Bytes that are not a record this version can read; the message is made to be shown. */
export class RecordError extends Error {}

/** A matrix, and the id of the list of its class names, null when its classes have none. */
export interface MatrixRecord {
  matrix: Matrix;
  classesId: string | null;
}

export async function decodeMatrix(record: Uint8Array): Promise<MatrixRecord> {
  const { header, body, at } = await opened(record, 'matrix');
  const numClasses = wholeNumber(header, 'num_classes', 1, MAX_CLASSES);
  const cells = wholeNumber(header, 'cells', 0, Number.MAX_SAFE_INTEGER);
  if (numClasses + cells > MAX_CELLS) {
    const [classes, off, most] = [numClasses, cells, MAX_CELLS].map((count) => count.toLocaleString('en'));
    throw new RecordError(`damaged record: ${classes} classes and ${off} cells, expected at most ${most} of both`);
  }
  if (header.dtype !== 'int64' && header.dtype !== 'float64') {
    throw new RecordError(`damaged record: counts of type ${shown(header.dtype)}, expected int64 or float64`);
  }
  const planes = new Planes(body, at);
  const counted = (count: number) => (header.dtype === 'int64' ? planes.leb128(count) : planes.float64(count));
  const diagonal = counted(numClasses);
  const gaps = planes.leb128(cells);
  const counts = counted(cells);

  const rowStart = new Int32Array(numClasses + 1);
  const cols = new Int32Array(cells);
  const end = numClasses * numClasses;
  let position = -1;
  for (let i = 0; i < cells; i++) {
    position += gaps[i] + 1;
    if (position >= end) throw new RecordError('damaged record: a cell lies outside the matrix');
    const row = Math.floor(position / numClasses);
    const col = position - row * numClasses;
    if (row === col) throw new RecordError('damaged record: a cell of the diagonal stands among those off it');
    if (!(counts[i] > 0 && counts[i] < Infinity)) throw new RecordError('damaged record: a count that is not a number above 0');
    rowStart[row + 1]++;
    cols[i] = col;
  }
  for (let row = 0; row < numClasses; row++) {
    rowStart[row + 1] += rowStart[row];
    if (!(diagonal[row] >= 0 && diagonal[row] < Infinity)) {
      throw new RecordError('damaged record: a count that is not a number above 0');
    }
  }
  const matrix = matrixOf(diagonal, rowStart, cols, counts);
  if (matrix.total > Number.MAX_SAFE_INTEGER) throw new RecordError('damaged record: a count that is not a number above 0');
  return { matrix, classesId: typeof header.classes === 'string' ? header.classes : null };
}

export async function decodeClasses(record: Uint8Array): Promise<string[]> {
  const { names } = (await opened(record, 'classes')).header;
  if (!Array.isArray(names) || names.length === 0 || !names.every((name) => typeof name === 'string')) {
    throw new RecordError('damaged record: a class list without names');
  }
  return names;
}

/** What can be told without unpacking: null, or why these bytes cannot be a record for this version. */
export function problemAtSight(record: Uint8Array): string | null {
  if (record.length < 5 || String.fromCharCode(...record.subarray(0, 4)) !== MAGIC) {
    return 'not a confusion matrix record: it does not begin with TBCM';
  }
  if (record[4] > VERSION) {
    return `written by a newer version (format ${record[4]}, this one reads up to ${VERSION}); upgrade tb-confmat-plugin`;
  }
  if (record[4] < VERSION) return `damaged record: there is no format ${record[4]}`;
  return null;
}

export interface Opened {
  header: Record<string, unknown>;
  body: Uint8Array;
  at: number;
}

export async function opened(record: Uint8Array, type: string, mostBytes = MAX_BODY_BYTES): Promise<Opened> {
  const problem = problemAtSight(record);
  if (problem) throw new RecordError(problem);
  const body = await inflated(record.subarray(5), mostBytes);
  let header: unknown;
  let at = 4;
  try {
    const length = new DataView(body.buffer, body.byteOffset).getUint32(0, true);
    if (length > MAX_HEADER_BYTES) throw new Error(`it has more than ${MAX_HEADER_BYTES / 2 ** 20} MiB`);
    at += length;
    const text = body.subarray(4, at);
    if (text.some((byte) => byte > 127)) throw new Error('it is not ASCII');
    header = JSON.parse(new TextDecoder().decode(text));
  } catch (error) {
    throw new RecordError(`damaged record: its header cannot be read (${(error as Error).message})`);
  }
  const found = isObject(header) ? header.type : header;
  if (!isObject(header) || found !== type) {
    throw new RecordError(`expected a record of type '${type}', got ${shown(found)}`);
  }
  return { header, body, at };
}

async function inflated(data: Uint8Array, mostBytes: number): Promise<Uint8Array> {
  const stream = new DecompressionStream('deflate');
  const writer = stream.writable.getWriter();
  // A damaged stream fails the reader below too, which reports it; here it would only be reported twice.
  writer.write(data as Uint8Array<ArrayBuffer>).catch(() => undefined);
  writer.close().catch(() => undefined);
  const reader = stream.readable.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      length += value.length;
      if (length > mostBytes) {
        await reader.cancel();
        throw new RecordError(`larger than ${mostBytes / 2 ** 20} MiB when unpacked`);
      }
    }
  } catch (error) {
    const { message, cause } = error as Error; // newer versions of Node say it in the cause
    throw new RecordError(`damaged record: ${message || (cause as Error | undefined)?.message || 'not a zlib stream'}`);
  }
  if (chunks.length === 1) return chunks[0];
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

class Planes {
  constructor(
    private readonly body: Uint8Array,
    private at: number,
  ) {}

  leb128(count: number): Float64Array {
    this.expect(count);
    const { body } = this;
    const values = new Float64Array(count);
    let at = this.at;
    for (let i = 0; i < count; i++) {
      let byte = body[at++];
      let value = byte & 127;
      for (let place = 128; byte > 127; place *= 128) {
        byte = body[at++];
        value += (byte & 127) * place;
        if (place > 128 ** 7 || value > Number.MAX_SAFE_INTEGER)
          throw new RecordError('damaged record: an integer above 2**53 - 1');
      }
      if (byte === undefined) throw new RecordError('damaged record: it has fewer cells than its header says');
      values[i] = value;
    }
    this.at = at;
    return values;
  }

  float64(count: number): Float64Array {
    this.expect(8 * count);
    const values = new Float64Array(this.body.slice(this.at, this.at + 8 * count).buffer);
    this.at += 8 * count;
    return values;
  }

  // Before memory is taken for what a forged header claims.
  private expect(bytes: number): void {
    if (bytes > this.body.length - this.at) throw new RecordError('damaged record: it has fewer cells than its header says');
  }
}

// What a stranger wrote may be long, or nested deeper than JSON.stringify can follow.
function shown(value: unknown): string {
  try {
    const text = String(JSON.stringify(value));
    return text.length > 60 ? `${text.slice(0, 57)}...` : text;
  } catch {
    return '...';
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function wholeNumber(header: Record<string, unknown>, field: string, least: number, most: number): number {
  const value = header[field];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new RecordError(`damaged record: ${field} is ${shown(value)}, expected an integer from ${least} to ${most}`);
  }
  return value;
}
