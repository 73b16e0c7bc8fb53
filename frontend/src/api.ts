// What is logged: from the page itself, or else over the plugin's HTTP API (tb_confmat_plugin/http_api.md), whose URLs are relative: the
// page's base lies in the plugin.

import { embedded } from './embedded';

/** What is logged of one tag in one run: its steps, growing, and the bytes of the record of each. */
export interface SeriesInfo {
  readonly run: string;
  readonly steps: readonly number[];
  readonly wall_times: readonly number[];
  readonly sizes: readonly number[];
  readonly sampled: boolean;
  /** Whether steps were left out that a JavaScript number cannot tell from their neighbors: our writers log none of these. */
  readonly far?: boolean;
}

/** The series of a tag in each run that has it; null where there is no tag at all. */
export interface TagSeries {
  readonly tag: string | null;
  readonly series: readonly SeriesInfo[];
}

export interface LoggedRecord {
  readonly step: number;
  readonly wallTime: number;
  readonly bytes: Uint8Array;
}

const FRAME_BYTES = 20;
export const FEW_RUNS = 8;

/** An answer that is not the expected one; `status` is 0 when there was none. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** Where the log is: behind the plugin's routes, or in the page itself. */
export interface Source {
  fetchTags(): Promise<readonly string[]>;
  /** Of the first tag there is, if none is named; of these runs, or the first FEW_RUNS where the list is empty, or else of all. */
  fetchSeries(tag: string | null, runs?: readonly string[]): Promise<TagSeries>;
  /** The records of all steps from first to last, both included. */
  fetchRecords(run: string, tag: string, first: number, last: number): Promise<LoggedRecord[]>;
  fetchClasses(run: string, id: string): Promise<Uint8Array>;
  /** As fetchSeries, of the steps that have examples. */
  fetchExampleSeries(tag: string): Promise<readonly SeriesInfo[]>;
  /** As fetchRecords, of the examples. Asked for those of one step, the server also looks for their images. */
  fetchExamples(run: string, tag: string, first: number, last: number): Promise<LoggedRecord[]>;
  /** The address of an image; what is there is a PNG or WebP file, or nothing. */
  imageAddress(run: string, image: { pack: string; name: string }): string;
}

const routes: Source = {
  async fetchTags() {
    return (await (await get('tags', {})).json()).tags;
  },
  async fetchSeries(tag, runs) {
    const which = runs?.length === 0 ? [['most', String(FEW_RUNS)]] : (runs ?? []).map((run) => ['run', run]);
    return (await get('series', [...(tag === null ? [] : [['tag', tag]]), ...which])).json();
  },
  async fetchRecords(run, tag, first, last) {
    const query = { run, tag, first: String(first), last: String(last) };
    return unframed(await (await get('records', query)).arrayBuffer());
  },
  async fetchClasses(run, id) {
    return new Uint8Array(await (await get('classes', { run, id })).arrayBuffer());
  },
  async fetchExampleSeries(tag) {
    return (await (await get('example_series', { tag })).json()).series;
  },
  async fetchExamples(run, tag, first, last) {
    const query = { run, tag, first: String(first), last: String(last) };
    return unframed(await (await get('example_records', query)).arrayBuffer());
  },
  imageAddress(run, { pack, name }) {
    return `image?${new URLSearchParams({ run, pack, name })}`;
  },
};

const source = embedded ?? routes;
export const { fetchTags, fetchRecords, fetchClasses, fetchExamples, imageAddress } = source;

export async function fetchSeries(tag: string | null, runs?: readonly string[]): Promise<TagSeries> {
  const found = await source.fetchSeries(tag, runs);
  return { tag: found.tag, series: found.series.map(exactOf) };
}

export async function fetchExampleSeries(tag: string): Promise<readonly SeriesInfo[]> {
  return (await source.fetchExampleSeries(tag)).map(exactOf);
}

/** A series without the steps that are told wrongly. */
function exactOf(info: SeriesInfo): SeriesInfo {
  if (info.steps.every(Number.isSafeInteger)) return info;
  const kept = (_: unknown, i: number) => Number.isSafeInteger(info.steps[i]);
  const [steps, wall_times, sizes] = [info.steps, info.wall_times, info.sizes].map((all) => all.filter(kept));
  return { ...info, steps, wall_times, sizes, far: true };
}

export function unframed(buffer: ArrayBuffer): LoggedRecord[] {
  const view = new DataView(buffer);
  const records: LoggedRecord[] = [];
  for (let at = 0; at < buffer.byteLength; ) {
    const length = view.getUint32(at + 16, true);
    const bytes = new Uint8Array(buffer, at + FRAME_BYTES, length);
    records.push({ step: view.getFloat64(at, true), wallTime: view.getFloat64(at + 8, true), bytes });
    at += FRAME_BYTES + length;
  }
  return records;
}

async function get(route: string, query: Record<string, string> | string[][]): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`${route}?${new URLSearchParams(query)}`);
  } catch (error) {
    throw new ApiError(`TensorBoard did not answer (${(error as Error).message}); is it still running?`, 0);
  }
  if (!response.ok) throw new ApiError((await response.text()) || `TensorBoard answered ${response.status}`, response.status);
  return response;
}
