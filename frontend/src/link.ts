// The whole view as a text, kept in the page's address: whoever opens it sees the same.

import { batch, effect, type Signal } from '@preact/signals';
import { FIT } from './camera';
import { galleryColumns, galleryRows, listable, USUALLY_LISTED } from './gallery';
import { type LinkStorage, linkStorage, runFilter } from './host';
import { restore } from './loading';
import * as look from './look';
import type { Extent } from './matrix';
import type { OrderName } from './order';
import { breath } from './pieces';
import * as seen from './seen';
import { CHOICES as REMEMBERED } from './settings';
import * as state from './state';

const QUIET_MILLISECONDS = 400;
const CHOICES: typeof REMEMBERED = {
  ...REMEMBERED,
  rank: { signal: look.ranking as Signal<string>, values: ['count', 'rate', 'change'] },
  listed: { signal: look.classFilter as Signal<string>, values: ['all', 'never-seen', 'never-predicted'] },
};
const ORDERS: readonly OrderName[] = ['logged', 'name', 'support', 'recall', 'precision', 'similarity'];
/** A cell as large as the window, of more classes than there can be. */
const MOST_ZOOM = 1e6;

let storage: LinkStorage | undefined;
let written = '';

/** What is looked at, as text; what is as it was at the first opening is left out, and so is the newest step, unless it is meant exactly. */
export function encodeView(exactly = false): string {
  const query = new URLSearchParams();
  const put = (key: string, value: string | number | boolean | null, usual: unknown = null) => {
    if (value !== null && value !== usual) query.append(key, String(value));
  };
  const newest = state.steps.value.at(-1);
  put('tag', state.tag.value, '');
  for (const run of state.chosenRuns.value) query.append('run', run);
  put('step', state.step.value, exactly ? null : newest);
  for (const [key, { signal, values }] of Object.entries(CHOICES)) put(key, signal.value, values[0]);
  if (look.range.value === 'fixed') put('extent', JSON.stringify(look.fixedExtent.value));
  put('below', look.hideBelow.value, 0);
  put('diagonal', look.hideDiagonal.value ? 'hidden' : null);
  const order = seen.pinned.value;
  if (order) put('order', JSON.stringify([order.name, order.run, order.step]));
  put('show', seen.part.value, 'all');
  if (typeof seen.part.value === 'number') put('worst', seen.worstShown.value.join(' '));
  put('find', seen.search.value, '');
  put('subject', state.wantedSubject.value);
  put('baseline', state.baselineRun.value);
  put('since', state.baselineStep.value, 'previous');
  const { column, down } = look.classSorting.value;
  if (column) put('sort', `${column}${down ? ' down' : ''}`);
  put('rows', galleryRows.value, USUALLY_LISTED.rows);
  put('columns', galleryColumns.value, USUALLY_LISTED.columns);
  put('wide', look.isWide.value ? 'yes' : null);
  put('runs', state.runPattern.value, runFilter());
  const cell = state.cursor.value;
  if (cell) put('cell', `${cell.trueClass} ${cell.predictedClass} ${cell.run}`);
  const { x, y, k } = state.camera.value;
  // In parts of the square, which is of another size in another window.
  const side = state.cameraSide.value;
  if (k > 1) put('camera', [x / side, y / side, k].map((part) => Number(part.toFixed(9))).join(' '));
  return query.toString();
}

let applying = Promise.resolve();

/** Looks at what a text says, as far as there is such; one after the other, so that the last one holds. */
export function applyView(text: string): Promise<void> {
  const apply = () => lookAt(text);
  applying = applying.then(apply, apply);
  return applying;
}

async function lookAt(text: string): Promise<void> {
  const query = new URLSearchParams(text);
  const get = (key: string) => query.get(key);
  const numbers = (key: string) => (get(key) ?? '').split(' ').map((part) => finite(part));
  batch(() => {
    for (const [key, { signal, values }] of Object.entries(CHOICES)) signal.value = one(get(key), values);
    const fixed = extentIn(get('extent'));
    look.fixedExtent.value = fixed && { ...fixed, of: look.normalize.value };
    if (fixed && get('range') === 'fixed') look.range.value = 'fixed';
    look.hideBelow.value = Math.max(0, finite(get('below')) ?? 0);
    look.hideDiagonal.value = get('diagonal') === 'hidden';
    const [column, down] = (get('sort') ?? '').split(' ');
    look.classSorting.value = { column: one(column, [null, ...look.CLASS_COLUMNS]), down: down === 'down' };
    galleryRows.value = listable(finite(get('rows')) ?? USUALLY_LISTED.rows);
    galleryColumns.value = listable(finite(get('columns')) ?? USUALLY_LISTED.columns);
    look.isWide.value = get('wide') === 'yes';
    state.runPattern.value = get('runs') ?? runFilter();
    state.wantedSubject.value = get('subject');
    state.baselineRun.value = get('baseline');
  });
  await restore(get('tag') ?? '', query.getAll('run'), finite(get('step')));
  const isLogged = (step: unknown) => [...state.series.value.values()].some(({ info }) => info.steps.includes(step as number));
  const since = finite(get('since'));
  state.baselineStep.value = since !== null && isLogged(since) ? since : one(get('since'), ['previous', 'first', 'same']);
  while (state.loading.value) await breath();
  seen.search.value = get('find') ?? '';
  const order = parsed(get('order'));
  const [name, run, step] = Array.isArray(order) ? order : [];
  const isThere = state.series.value.get(run)?.info.steps.includes(step);
  await seen.chooseOrder(isThere ? one(name, ORDERS) : 'logged', { run, step });
  const n = seen.classes.value.size;
  const isClass = (index: unknown): index is number => Number.isInteger(index) && Number(index) >= 0 && Number(index) < n;
  const most = Math.floor(finite(get('show')) ?? 0);
  const worst = get('worst') === null ? undefined : (numbers('worst') as number[]);
  if (get('show') === 'matches') seen.choosePart('matches');
  else if (most > 0 && (worst ?? []).every(isClass)) seen.choosePart(Math.min(most, n), worst);
  else seen.choosePart('all');
  const [trueClass, predictedClass] = numbers('cell');
  const ofRun = (get('cell') ?? '').split(' ').slice(2).join(' ');
  const side = state.cameraSide.value;
  const [x, y, k] = numbers('camera');
  const within = (offset: number, zoom: number) => Math.min(0, Math.max(offset, 1 - zoom)) * side;
  batch(() => {
    const isCell = isClass(trueClass) && isClass(predictedClass) && ofRun !== '';
    state.cursor.value = isCell ? { trueClass, predictedClass, run: ofRun } : null;
    const isCamera = x != null && y != null && k != null && k >= 1 && k <= MOST_ZOOM;
    state.camera.value = isCamera ? { x: within(x, k), y: within(y, k), k } : FIT;
  });
}

/** A number that is written out and has an end. */
function finite(text: string | null): number | null {
  return text !== null && /\d/.test(text) && Number.isFinite(Number(text)) ? Number(text) : null;
}

/** Two ranges, neither of them upside down. */
function extentIn(text: string | null): Extent | null {
  const { correct, wrong } = (parsed(text) ?? {}) as Partial<Record<string, { least: unknown; most: unknown }>>;
  const isRange = ({ least, most }: { least: unknown; most: unknown }) =>
    Number.isFinite(least) && Number.isFinite(most) && 0 <= (least as number) && (least as number) <= (most as number);
  return correct && wrong && isRange(correct) && isRange(wrong) ? ({ correct, wrong } as Extent) : null;
}

/** One of the values that there are; the first where a link has another. */
function one<T>(value: unknown, values: readonly T[]): T {
  return values.includes(value as T) ? (value as T) : values[0];
}

function parsed(text: string | null) {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null; // a link that was cut off: the rest of it holds
  }
}

/** Opens the view that the address holds, if it does, and keeps the address up with what is looked at from then on. */
export async function followLink(): Promise<void> {
  const here = linkStorage();
  storage = here;
  written = here.get();
  // A page that is loaded again shows what was looked at last, also where its address had not caught up with it.
  const [address, latest] = (parsed(session.get()) as [string, string] | null) ?? ['', ''];
  const asked = written !== '' && written === address ? latest : written;
  if (asked) await applyView(asked);
  let timer: ReturnType<typeof setTimeout> | undefined;
  window.addEventListener('pagehide', () => session.set(JSON.stringify([written, encodeView()])));
  effect(() => {
    encodeView(); // what it reads is what the link is of
    clearTimeout(timer);
    timer = setTimeout(() => write(), QUIET_MILLISECONDS);
  });
  here.onChange(() => {
    const now = here.get();
    if (now === written) return;
    written = now;
    if (now) applyView(now);
  });
}

function write(exactly = false): void {
  const now = encodeView(exactly);
  if (now === written || state.tag.value === '') return;
  written = now;
  storage?.set(now);
  session.set(JSON.stringify([now, now]));
}

/** What outlives a reload of this page and nothing else, where the browser has such a place. */
const session = {
  get(): string | null {
    try {
      return sessionStorage.getItem('confusion_matrix.view');
    } catch {
      return null; // blocked: the address alone counts
    }
  },
  set(text: string): void {
    try {
      sessionStorage.setItem('confusion_matrix.view', text);
    } catch {
      // as above
    }
  },
};

/** Puts the address of this view on the clipboard; where the page may not, gives it to be copied by hand. */
export async function copyLink(): Promise<string | null> {
  write(true);
  const address = storage?.address() ?? window.location.href;
  try {
    await navigator.clipboard.writeText(address);
    return null;
  } catch {
    return address; // pages that are not served safely have no clipboard
  }
}
