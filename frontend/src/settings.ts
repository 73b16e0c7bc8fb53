// Choices that outlive the page, in the browser's storage where there is one.

import { effect, type Signal } from '@preact/signals';
import { barScale, color, metric, normalize, paletteName, panelTab, range, view } from './look';
import { WHOLE } from './metrics';

/** Choices by their names, each with the values that there are, the first of them as the page opens. */
export const CHOICES: Record<string, { signal: Signal<string>; values: readonly string[] }> = {
  view: { signal: view as Signal<string>, values: ['matrix', 'compare', 'difference', 'timeline', 'gallery'] },
  panel: { signal: panelTab as Signal<string>, values: ['summary', 'classes', 'confusions', 'cell'] },
  metric: { signal: metric as Signal<string>, values: ['f1_macro', ...WHOLE.map(({ name }) => name)] },
  normalize: { signal: normalize as Signal<string>, values: ['counts', 'true', 'pred', 'all'] },
  color: { signal: color as Signal<string>, values: ['linear', 'log'] },
  palette: { signal: paletteName as Signal<string>, values: ['blue-orange', 'green-red', 'cividis', 'viridis'] },
  range: { signal: range as Signal<string>, values: ['auto', 'steps'] },
  bars: { signal: barScale as Signal<string>, values: ['shared', 'row'] },
};

export function rememberSettings(): void {
  for (const [name, { signal, values }] of Object.entries(CHOICES)) {
    const key = `confusion_matrix.${name}`;
    const remembered = stored(key);
    if (remembered !== null && values.includes(remembered)) signal.value = remembered;
    effect(() => store(key, signal.value));
  }
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is blocked, as in some embedded pages: the defaults hold
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // blocked or full: the choice holds until the page is left
  }
}
