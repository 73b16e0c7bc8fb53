// The records of one tag in one run: fetched in batches around the step that is looked at, decoded when needed, kept within bounds.

import { fetchRecords, type LoggedRecord, type SeriesInfo } from './api';
import type { Matrix } from './matrix';
import { decodeMatrix, problemAtSight } from './record';

/** A step is a matrix with the id of its class list, or the reason why there is none. */
export type Step = { readonly matrix: Matrix; readonly classesId: string | null } | { readonly problem: string };

const BATCH_BYTES = 1 << 20;
const KEPT_BYTES = 128 << 20;
const KEPT_CELLS = 4_000_000;
const DECODED_AHEAD = 6;

export class Series {
  private records = new Map<number, LoggedRecord>();
  private recordBytes = 0;
  private readonly steps = new Map<number, Step>();
  private readonly pending = new Map<number, Promise<Step>>();
  private readonly fetching = new Map<number, Promise<void>>();
  private cells = 0;
  private around: number | null = null;
  private prefetching = false;

  constructor(
    readonly tag: string,
    public info: SeriesInfo,
    private readonly onProblem: () => void,
  ) {}

  /** The steps that were found to be no matrix, and why. */
  readonly problems = new Map<number, string>();

  /** Takes note of new steps, and forgets those that were logged again. */
  update(info: SeriesInfo): void {
    const logged = new Map(info.steps.map((step, i) => [step, info.wall_times[i]]));
    for (const [step, record] of this.records) if (logged.get(step) !== record.wallTime) this.forget(step);
    this.info = info;
  }

  /** A step that is ready, without waiting. */
  ready(step: number): Step | undefined {
    return this.steps.get(step);
  }

  load(step: number): Promise<Step> {
    const ready = this.steps.get(step);
    if (ready) return Promise.resolve(ready);
    let promise = this.pending.get(step);
    if (!promise) {
      promise = this.decode(step).finally(() => this.pending.delete(step));
      this.pending.set(step, promise);
    }
    return promise;
  }

  /** Fetches what is nearest to a step first, then the rest as far as it is kept; a later call redirects an earlier one. */
  async prefetch(around: number): Promise<void> {
    this.around = around;
    if (this.prefetching) return;
    this.prefetching = true;
    try {
      for (let range = this.nextRange(); range; range = this.nextRange()) {
        await this.decodeNear();
        await this.fetch(range.first, range.last);
      }
      await this.decodeNear();
    } finally {
      this.prefetching = false;
    }
  }

  private async decodeNear(): Promise<void> {
    const { steps } = this.info;
    const at = steps.indexOf(this.around ?? Number.NaN);
    for (let distance = 1; distance <= DECODED_AHEAD; distance++) {
      for (const step of [steps[at + distance], steps[at - distance]]) {
        if (step !== undefined && this.records.has(step) && !this.steps.has(step)) await this.load(step);
      }
    }
  }

  /** Steps next to each other that are not here, of about a batch's bytes, as near as can be to the step looked at. */
  private nextRange(): { first: number; last: number } | null {
    const { steps, sizes } = this.info;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const here = Math.max(0, steps.indexOf(this.around ?? Number.NaN));
    const missing = (i: number) => i >= 0 && i < steps.length && !this.records.has(steps[i]);
    let near = -1;
    for (let distance = 0; near < 0 && distance < steps.length; distance++) {
      near = [here + distance, here - distance].find(missing) ?? -1;
    }
    if (near < 0) return null;
    if (total > KEPT_BYTES && this.recordBytes > KEPT_BYTES / 2 && Math.abs(near - here) > DECODED_AHEAD) return null;
    let [from, to, bytes] = [near, near, sizes[near]];
    for (let grown = true; grown; ) {
      grown = false;
      for (const i of near >= here ? [to + 1, from - 1] : [from - 1, to + 1]) {
        if (missing(i) && bytes + sizes[i] <= BATCH_BYTES) {
          bytes += sizes[i];
          [from, to] = [Math.min(from, i), Math.max(to, i)];
          grown = true;
        }
      }
    }
    return { first: steps[from], last: steps[to] };
  }

  private async fetch(first: number, last: number): Promise<void> {
    const promise = fetchRecords(this.info.run, this.tag, first, last).then((records) => {
      for (const record of records) this.keep(record);
      // What is no longer there must not be asked for again and again.
      for (const step of this.info.steps) {
        if (step >= first && step <= last && !this.records.has(step)) {
          this.keep({ step, wallTime: Number.NaN, bytes: new Uint8Array() });
        }
      }
    });
    const steps = this.info.steps.filter((step) => step >= first && step <= last);
    for (const step of steps) this.fetching.set(step, promise);
    try {
      await promise;
    } finally {
      for (const step of steps) this.fetching.delete(step);
    }
  }

  private keep(record: LoggedRecord): void {
    this.forget(record.step);
    this.records.set(record.step, record);
    this.recordBytes += record.bytes.length;
    const problem = problemAtSight(record.bytes);
    if (problem) this.settle(record.step, { problem });
    while (this.recordBytes > KEPT_BYTES && this.records.size > 1) {
      const distance = (step: number) => Math.abs(step - (this.around ?? 0));
      this.forget([...this.records.keys()].reduce((far, step) => (distance(step) > distance(far) ? step : far)));
    }
  }

  private forget(step: number): void {
    const record = this.records.get(step);
    this.recordBytes -= record?.bytes.length ?? 0;
    this.records.delete(step);
    this.problems.delete(step);
    this.drop(step);
  }

  private async decode(step: number): Promise<Step> {
    if (!this.records.has(step)) await (this.fetching.get(step) ?? this.fetch(step, step));
    const ready = this.steps.get(step);
    if (ready) return ready;
    const record = this.records.get(step);
    if (!record) return { problem: 'this step is no longer in the log' };
    let decoded: Step;
    try {
      decoded = await decodeMatrix(record.bytes);
    } catch (error) {
      decoded = { problem: (error as Error).message };
    }
    if (this.records.get(step) === record) this.settle(step, decoded);
    return decoded;
  }

  private settle(step: number, decoded: Step): void {
    this.drop(step);
    this.steps.set(step, decoded);
    this.cells += cellsOf(decoded);
    if ('problem' in decoded) {
      this.problems.set(step, decoded.problem);
      this.onProblem();
    }
    for (const oldest of this.steps.keys()) {
      if (this.cells <= KEPT_CELLS || oldest === step) break;
      this.drop(oldest);
    }
  }

  private drop(step: number): void {
    this.cells -= cellsOf(this.steps.get(step));
    this.steps.delete(step);
  }
}

function cellsOf(step: Step | undefined): number {
  return step && 'matrix' in step ? step.matrix.counts.length + step.matrix.numClasses : 0;
}
