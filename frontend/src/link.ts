// The whole view as a text, kept in the page's address: whoever opens it sees the same.

import { batch, effect } from '@preact/signals';
import { breath } from './history';
import { type LinkStorage, linkStorage } from './host';
import type { Extent } from './matrix';
import { WHOLE } from './metrics';
import * as seen from './seen';
import * as state from './state';

const QUIET_MILLISECONDS = 400;

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
  put('view', seen.view.value, 'matrix');
  put('normalize', seen.normalize.value, 'counts');
  put('color', seen.color.value, 'linear');
  put('palette', seen.paletteName.value, 'blue-orange');
  put('range', seen.range.value, 'auto');
  if (seen.range.value === 'fixed') put('extent', JSON.stringify(seen.fixedExtent.value));
  put('bars', seen.barScale.value, 'shared');
  put('below', seen.hideBelow.value, 0);
  put('diagonal', seen.hideDiagonal.value ? 'hidden' : null);
  const order = seen.pinned.value;
  if (order) put('order', JSON.stringify([order.name, order.run, order.step]));
  put('show', seen.part.value, 'all');
  if (typeof seen.part.value === 'number') put('worst', seen.worstShown.value.join(' '));
  put('find', seen.search.value, '');
  put('subject', state.wantedSubject.value);
  put('baseline', state.baselineRun.value);
  put('since', state.baselineStep.value, 'previous');
  put('panel', seen.panelTab.value, 'summary');
  put('rank', seen.ranking.value, 'count');
  put('metric', seen.metric.value, 'f1_macro');
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
  batch(() => {
    seen.view.value = one(get('view'), ['matrix', 'compare', 'difference', 'timeline', 'gallery']);
    seen.normalize.value = one(get('normalize'), ['counts', 'true', 'pred', 'all']);
    seen.color.value = one(get('color'), ['linear', 'log']);
    seen.paletteName.value = one(get('palette'), ['blue-orange', 'green-red', 'cividis', 'viridis']);
    const extent = parsed<Extent>(get('extent'));
    const isExtent = [extent?.correct, extent?.wrong].every(
      (part) => Number.isFinite(part?.least) && Number.isFinite(part?.most),
    );
    seen.fixedExtent.value = extent && isExtent ? { ...extent, of: seen.normalize.value } : null;
    seen.range.value = one(get('range'), isExtent ? ['auto', 'steps', 'fixed'] : ['auto', 'steps']);
    seen.barScale.value = one(get('bars'), ['shared', 'row']);
    seen.hideBelow.value = Number(get('below') ?? 0) || 0;
    seen.hideDiagonal.value = get('diagonal') === 'hidden';
    seen.ranking.value = one(get('rank'), ['count', 'rate', 'change']);
    seen.panelTab.value = one(get('panel'), ['summary', 'classes', 'confusions', 'cell']);
    seen.metric.value = one(get('metric'), ['f1_macro', ...WHOLE.map(({ name }) => name)]);
    state.wantedSubject.value = get('subject');
    state.baselineRun.value = get('baseline');
    const since = get('since');
    state.baselineStep.value =
      since && Number.isFinite(Number(since)) ? Number(since) : one(since, ['previous', 'first', 'same']);
  });
  await state.restore(get('tag') ?? '', query.getAll('run'), get('step') === null ? null : Number(get('step')));
  while (state.loading.value) await breath();
  seen.search.value = get('find') ?? '';
  const order = parsed<[unknown, string, number]>(get('order'));
  if (Array.isArray(order)) {
    const [name, run, step] = order;
    await seen.chooseOrder(one(name, ['logged', 'name', 'support', 'recall', 'precision', 'similarity']), { run, step });
  } else await seen.chooseOrder('logged');
  const n = seen.classes.value.size;
  const isClass = (index: number) => Number.isInteger(index) && index >= 0 && index < n;
  const show = get('show') ?? 'all';
  const worst = get('worst')?.split(' ').map(Number);
  if (show === 'matches') seen.choosePart(show);
  else if (Number(show) > 0 && (worst ?? []).every(isClass)) seen.choosePart(Math.floor(Number(show)), worst);
  else seen.choosePart('all');
  const [trueClass, predictedClass, ...run] = (get('cell') ?? '').split(' ');
  const [x, y, k] = (get('camera') ?? '0 0 1').split(' ').map(Number);
  const cell = { trueClass: Number(trueClass), predictedClass: Number(predictedClass), run: run.join(' ') };
  batch(() => {
    state.cursor.value = run.length > 0 && isClass(cell.trueClass) && isClass(cell.predictedClass) ? cell : null;
    if (k >= 1 && Number.isFinite(x + y + k))
      state.camera.value = { x: x * state.cameraSide.value, y: y * state.cameraSide.value, k };
  });
}

/** One of the values that there are; the first where a link has another. */
function one<T>(value: unknown, values: readonly T[]): T {
  return values.includes(value as T) ? (value as T) : values[0];
}

function parsed<T>(text: string | null): T | null {
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
  const [address, latest] = parsed<[string, string]>(session.get()) ?? ['', ''];
  const asked = written !== '' && written === address ? latest : written;
  if (asked) await applyView(asked);
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    session.set(JSON.stringify([written, encodeView()]));
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
