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
const GONE = 'this step is no longer in the log';

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

  /** The steps that were found to be no matrix, and why; also when they are no longer kept. */
  readonly problems = new Map<number, string>();

  /** Takes note of new steps, and forgets those that were logged again. */
  update(info: SeriesInfo): void {
    const logged = wallTimesOf(info);
    for (const [step, record] of this.records) if (logged.get(step) !== record.wallTime) this.forget(step);
    // What is on its way may be what was logged before.
    for (const [step, wallTime] of wallTimesOf(this.info)) {
      if (logged.get(step) === wallTime) continue;
      this.pending.delete(step);
      this.fetching.delete(step);
      if (!this.records.has(step)) this.problems.delete(step);
    }
    this.info = info;
  }

  /** A step that is ready, without waiting. */
  ready(step: number): Step | undefined {
    return this.steps.get(step);
  }

  /** A step that is now looked at: what is nearest to it is kept longest. */
  load(step: number): Promise<Step> {
    this.around = step;
    return this.decoded(step);
  }

  /** A step that is asked for in passing: what is looked at stays as near as it was. */
  async visit(step: number): Promise<Step> {
    if (!this.records.has(step) && !this.fetching.has(step)) {
      const range = this.rangeAround(step);
      if (range) await this.fetch(range.first, range.last);
    }
    return this.decoded(step);
  }

  /** Fetches what is nearest to a step first, then the rest as far as it is kept; a later call redirects an earlier one. */
  async prefetch(around: number): Promise<void> {
    this.around = around;
    if (this.prefetching) return;
    this.prefetching = true;
    try {
      for (let range = this.rangeAround(this.around); range; range = this.rangeAround(this.around)) {
        await this.decodeNear();
        await this.fetch(range.first, range.last);
      }
      await Promise.all(this.fetching.values());
      await this.decodeNear();
    } finally {
      this.prefetching = false;
    }
  }

  private decoded(step: number): Promise<Step> {
    const ready = this.steps.get(step);
    if (ready) return Promise.resolve(ready);
    const pending = this.pending.get(step);
    if (pending) return pending;
    const promise = this.decode(step).finally(() => {
      if (this.pending.get(step) === promise) this.pending.delete(step);
    });
    this.pending.set(step, promise);
    return promise;
  }

  private async decodeNear(): Promise<void> {
    const { steps } = this.info;
    const at = steps.indexOf(this.around ?? Number.NaN);
    for (let distance = 1; distance <= DECODED_AHEAD; distance++) {
      for (const step of [steps[at + distance], steps[at - distance]]) {
        if (step === undefined || !this.records.has(step) || this.steps.has(step)) continue;
        await this.decoded(step);
        if (!this.steps.has(step)) return; // there is no room for it
      }
    }
  }

  /** Steps next to each other that are not here, of about a batch's bytes, as near as can be to a step. */
  private rangeAround(around: number | null): { first: number; last: number } | null {
    const { steps, sizes } = this.info;
    const here = Math.max(0, steps.indexOf(around ?? Number.NaN));
    const missing = (i: number) => i >= 0 && i < steps.length && !this.records.has(steps[i]) && !this.fetching.has(steps[i]);
    let near = -1;
    for (let distance = 0; near < 0 && distance < steps.length; distance++) {
      near = [here + distance, here - distance].find(missing) ?? -1;
    }
    if (near < 0) return null;
    const full = this.recordBytes + sizes[near] > KEPT_BYTES;
    if (full && this.distance(steps[near]) >= this.distance(this.farthest(this.records))) return null;
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
    const steps = this.info.steps.filter((step) => step >= first && step <= last);
    const asked = this.info;
    const promise = fetchRecords(this.info.run, this.tag, first, last).then((records) => {
      const logged = this.info === asked ? null : wallTimesOf(this.info);
      // What was logged anew meanwhile is asked for again.
      for (const record of records) if (!logged || logged.get(record.step) === record.wallTime) this.keep(record);
      const found = new Set(records.map((record) => record.step));
      const before = logged && wallTimesOf(asked);
      // What is no longer there must not be asked for again and again.
      for (const step of steps) {
        if (found.has(step) || logged?.get(step) !== before?.get(step)) continue;
        this.keep({ step, wallTime: Number.NaN, bytes: new Uint8Array() }, GONE);
      }
    });
    for (const step of steps) this.fetching.set(step, promise);
    try {
      await promise;
    } finally {
      for (const step of steps) if (this.fetching.get(step) === promise) this.fetching.delete(step);
    }
  }

  private keep(record: LoggedRecord, problem = problemAtSight(record.bytes)): void {
    if (this.records.get(record.step)?.wallTime === record.wallTime) return; // fetched twice
    this.forget(record.step);
    this.records.set(record.step, record);
    this.recordBytes += record.bytes.length;
    if (problem) this.settle(record.step, { problem });
    while (this.recordBytes > KEPT_BYTES && this.records.size > 1) this.forget(this.farthest(this.records));
  }

  private distance(step: number): number {
    return Math.abs(step - (this.around ?? 0));
  }

  /** The step that is farthest from the one looked at. */
  private farthest(steps: ReadonlyMap<number, unknown>): number {
    return [...steps.keys()].reduce((far, step) => (this.distance(step) > this.distance(far) ? step : far));
  }

  private forget(step: number): void {
    const record = this.records.get(step);
    this.recordBytes -= record?.bytes.length ?? 0;
    this.records.delete(step);
    this.drop(step);
  }

  private async decode(step: number): Promise<Step> {
    if (!this.records.has(step)) await (this.fetching.get(step) ?? this.fetch(step, step));
    const ready = this.steps.get(step);
    if (ready) return ready;
    const record = this.records.get(step);
    if (!record) return { problem: GONE };
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
    } else this.problems.delete(step);
    while (this.cells > KEPT_CELLS && this.steps.size > 1) this.drop(this.farthest(this.steps));
  }

  private drop(step: number): void {
    this.cells -= cellsOf(this.steps.get(step));
    this.steps.delete(step);
  }
}

function wallTimesOf(info: SeriesInfo): Map<number, number> {
  return new Map(info.steps.map((step, i) => [step, info.wall_times[i]]));
}

function cellsOf(step: Step | undefined): number {
  return step && 'matrix' in step ? step.matrix.counts.length + step.matrix.numClasses : 0;
}
