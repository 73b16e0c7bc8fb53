import { afterEach, beforeEach, expect, test, vi } from 'vitest';

type Look = typeof import('../src/look');

let stored: Map<string, string>;
let look: Look;
let rememberSettings: () => void;

/** A choice by its name in the storage: where it is, what it is at first, and another one. */
const CHOICES = [
  ['view', (of: Look) => of.view, 'matrix', 'timeline'],
  ['panel', (of: Look) => of.panelTab, 'summary', 'cell'],
  ['metric', (of: Look) => of.metric, 'f1_macro', 'cohen_kappa'],
  ['normalize', (of: Look) => of.normalize, 'counts', 'pred'],
  ['color', (of: Look) => of.color, 'linear', 'log'],
  ['palette', (of: Look) => of.paletteName, 'blue-orange', 'viridis'],
  ['range', (of: Look) => of.range, 'auto', 'steps'],
  ['bars', (of: Look) => of.barScale, 'shared', 'row'],
] as const;
const FIRST = CHOICES.map(([, , first]) => first);
const OTHERS = CHOICES.map(([, , , other]) => other);

const chosen = () => CHOICES.map(([, signal]) => signal(look).value);
const inStorage = () => CHOICES.map(([name]) => stored.get(`confusion_matrix.${name}`));

/** As if the page was opened. */
async function open(): Promise<void> {
  vi.resetModules();
  look = await import('../src/look');
  ({ rememberSettings } = await import('../src/settings'));
}

function choose(values: readonly string[]): void {
  for (const [i, [, signal]] of CHOICES.entries()) signal(look).value = values[i] as never;
}

beforeEach(async () => {
  stored = new Map();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
  });
  await open();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test('choices are kept, and found again', async () => {
  rememberSettings();
  expect(chosen()).toEqual(FIRST);
  choose(OTHERS);
  expect(inStorage()).toEqual(OTHERS);
  expect(stored.size).toBe(CHOICES.length);
  await open();
  expect(chosen()).toEqual(FIRST);
  rememberSettings();
  expect(chosen()).toEqual(OTHERS);
  choose(FIRST);
  expect(inStorage()).toEqual(FIRST);
});

test.each(['', 'rows', '__proto__', 'constructor', 'null'])('what is no choice is passed over: %s', (odd) => {
  for (const [name] of CHOICES) stored.set(`confusion_matrix.${name}`, odd);
  rememberSettings();
  expect(chosen()).toEqual(FIRST);
});

test('a fixed range of colors is not kept, as little as what it was fixed to', async () => {
  rememberSettings();
  look.range.value = 'fixed';
  await open();
  rememberSettings();
  expect(look.range.value).toBe('auto');
});

test('without storage the choices hold as long as the page', () => {
  const blocked = () => {
    throw new DOMException('The operation is insecure.', 'SecurityError');
  };
  vi.stubGlobal('localStorage', { getItem: blocked, setItem: blocked });
  rememberSettings();
  choose(OTHERS);
  expect(chosen()).toEqual(OTHERS);
});
