// A stand-in for the plugin's routes (tb_confmat_plugin/http_api.md) over real HTTP, with logs that a test can write to.

import { createServer } from 'node:http';
import { vi } from 'vitest';

export interface Logged {
  readonly step: number;
  readonly wallTime: number;
  readonly bytes: Uint8Array;
}

export interface Asked {
  readonly route: string;
  readonly query: Readonly<Record<string, string>>;
}

export interface Server {
  /** tag -> run -> what was logged, in any order. */
  readonly logs: Map<string, Map<string, Logged[]>>;
  /** As logs, of the examples beside them. */
  readonly examples: Map<string, Map<string, Logged[]>>;
  /** "run id" -> the record of a class list. */
  readonly classLists: Map<string, Uint8Array>;
  /** "tag run" of the series that say they are sampled. */
  readonly sampled: Set<string>;
  /** What was asked for since the start, or since a test emptied it. */
  readonly asked: Asked[];
  /** Answers given in place of the right one, for asks that match: a status and a text, or a broken connection. */
  failure: ((asked: Asked) => { status: number; text: string } | 'broken' | null) | null;
  /** The answers to such asks, as they are now, arrive only once the function that it gives is called. */
  hold(matches: (asked: Asked) => boolean): () => void;
  log(tag: string, run: string, step: number, bytes: Uint8Array, wallTime?: number, logs?: Server['logs']): void;
  stop(): Promise<void>;
}

/** Starts a server, to which the relative URLs of `fetch` lead until it stops. */
export async function startServer(): Promise<Server> {
  const held: { matches: (asked: Asked) => boolean; released: Promise<void> }[] = [];
  const http = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const asked = { route: url.pathname.slice(1), query: Object.fromEntries(url.searchParams) };
    server.asked.push(asked);
    const failure = server.failure?.(asked);
    if (failure === 'broken') return response.destroy();
    const answer = failure ?? answerTo(server, asked, url.searchParams.getAll('run'));
    await held.find(({ matches }) => matches(asked))?.released;
    const content = 'text' in answer ? new TextEncoder().encode(answer.text) : answer.bytes;
    response.writeHead(answer.status, { 'Content-Length': String(content.length) }).end(content);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${http.address().port}`;
  const absolute = globalThis.fetch;
  vi.stubGlobal('fetch', (url: string) => absolute(`${address}/${url}`));
  const server: Server = {
    logs: new Map(),
    examples: new Map(),
    classLists: new Map(),
    sampled: new Set(),
    asked: [],
    failure: null,
    hold(matches) {
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      held.push({ matches, released });
      return release;
    },
    log(tag, run, step, bytes, wallTime = step + 0.5, logs = server.logs) {
      const runs = logs.get(tag) ?? new Map<string, Logged[]>();
      logs.set(tag, runs);
      const kept = (runs.get(run) ?? []).filter((logged) => logged.step !== step);
      runs.set(
        run,
        [...kept, { step, wallTime, bytes }].sort((a, b) => a.step - b.step),
      );
    },
    async stop() {
      vi.unstubAllGlobals();
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(resolve));
    },
  };
  return server;
}

type Answer = { status: number; text: string } | { status: number; bytes: Uint8Array };

function answerTo(server: Server, { route, query }: Asked, only: readonly string[]): Answer {
  const json = (value: unknown) => ({ status: 200, text: JSON.stringify(value) });
  const all = [...server.logs.keys()].sort();
  const tag = query.tag ?? (route === 'series' ? (all[0] ?? null) : null);
  const runs = server.logs.get(tag);
  if (route === 'tags') return json({ tags: all });
  if (route === 'series' && tag === null) return json({ tag, series: [] });
  if (route === 'series' && runs && (only.length === 0 || only.some((run) => runs.has(run)))) {
    const series = [...runs]
      .sort()
      .filter(([run]) => only.length === 0 || only.includes(run))
      .slice(0, Number(query.most ?? Number.POSITIVE_INFINITY))
      .map(([run, logged]) => ({ ...infoOf(run, logged), sampled: server.sampled.has(`${tag} ${run}`) }));
    return json({ tag, series });
  }
  if (route === 'example_series') {
    return json({
      tag: query.tag,
      series: [...(server.examples.get(query.tag) ?? [])].map(([run, found]) => infoOf(run, found)),
    });
  }
  const logged = (route === 'example_records' ? server.examples.get(query.tag) : runs)?.get(query.run);
  if ((route === 'records' || route === 'example_records') && logged) {
    const [first, last] = [Number(query.first), Number(query.last)];
    return { status: 200, bytes: framed(logged.filter(({ step }) => first <= step && step <= last)) };
  }
  const classList = server.classLists.get(`${query.run} ${query.id}`);
  if (route === 'classes' && classList) return { status: 200, bytes: classList };
  return { status: 404, text: `there is no ${route} of ${JSON.stringify(query)}` };
}

/** What the route /series says of one run. */
export function infoOf(run: string, logged: readonly Logged[]) {
  return {
    run,
    steps: logged.map(({ step }) => step),
    wall_times: logged.map(({ wallTime }) => wallTime),
    sizes: logged.map(({ bytes }) => bytes.length),
    sampled: false,
  };
}

/** One frame a record: step, wall time, length, bytes, little endian. */
export function framed(logged: readonly Logged[]): Uint8Array<ArrayBuffer> {
  const frames = new Uint8Array(logged.reduce((sum, { bytes }) => sum + 20 + bytes.length, 0));
  const view = new DataView(frames.buffer);
  let at = 0;
  for (const { step, wallTime, bytes } of logged) {
    view.setFloat64(at, step, true);
    view.setFloat64(at + 8, wallTime, true);
    view.setUint32(at + 16, bytes.length, true);
    frames.set(bytes, at + 20);
    at += 20 + bytes.length;
  }
  return frames;
}

/** Waits until an expectation holds. */
export async function until(expectation: () => void): Promise<void> {
  for (const end = Date.now() + 10_000; ; ) {
    try {
      return expectation();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}
