// A log in the page itself, as tb_confmat_plugin/page.py puts it there: the same answers as the plugin's routes give, without a server.

import type { LoggedRecord, SeriesInfo, Source } from './api';

/** The records of one tag in one run, in base64, by growing step. */
interface Logged {
  readonly tag: string;
  readonly run: string;
  readonly steps: readonly number[];
  readonly wall_times: readonly number[];
  readonly records: readonly string[];
}

export interface Log {
  readonly matrices: readonly Logged[];
  readonly examples: readonly Logged[];
  /** The records of class lists, in base64, by their ids. */
  readonly classes: Readonly<Record<string, string>>;
  /** data: URLs of images, by their names. */
  readonly images: Readonly<Record<string, string>>;
}

const ELEMENT = 'confusion-matrix-log';

/** What the page holds; null where a server is to be asked. */
export const embedded: Source | null = sourceIn(globalThis.document?.getElementById(ELEMENT));

function sourceIn(element: HTMLElement | null | undefined): Source | null {
  return element ? sourceOf(JSON.parse(element.textContent ?? '')) : null;
}

export function sourceOf({ matrices, examples, classes, images }: Log): Source {
  return {
    fetchTags: async () => [...new Set(matrices.map(({ tag }) => tag))],
    async fetchSeries(wanted) {
      const tag = wanted ?? matrices[0]?.tag ?? null;
      return { tag, series: seriesOf(matrices, tag) };
    },
    fetchRecords: async (run, tag, first, last) => recordsOf(matrices, run, tag, first, last),
    async fetchClasses(_run, id) {
      if (!Object.hasOwn(classes, id)) throw new Error(`this page has no class list ${id}`);
      return bytesOf(classes[id]);
    },
    fetchExampleSeries: async (tag) => seriesOf(examples, tag),
    fetchExamples: async (run, tag, first, last) => recordsOf(examples, run, tag, first, last),
    imageAddress: (_run, { name }) => images[name] ?? '',
  };
}

function seriesOf(all: readonly Logged[], ofTag: string | null): SeriesInfo[] {
  const found = all.filter(({ tag }) => tag === ofTag);
  return found.map(({ run, steps, wall_times, records }) => {
    const sizes = records.map((record) => Math.ceil(record.length * 0.75)); // with its padding, if it has such
    return { run, steps, wall_times, sizes, sampled: false };
  });
}

function recordsOf(all: readonly Logged[], ofRun: string, ofTag: string, first: number, last: number): LoggedRecord[] {
  const found = all.find(({ run, tag }) => run === ofRun && tag === ofTag);
  const { steps = [], wall_times = [], records = [] } = found ?? {};
  return steps.flatMap((step, i) =>
    step >= first && step <= last ? [{ step, wallTime: wall_times[i], bytes: bytesOf(records[i]) }] : [],
  );
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
