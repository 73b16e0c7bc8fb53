import { afterEach, beforeEach, expect, test, vi } from 'vitest';

let stored: Map<string, string>;
let state: typeof import('../src/state');
let rememberSettings: () => void;

beforeEach(async () => {
  stored = new Map();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
  });
  vi.resetModules();
  state = await import('../src/state');
  ({ rememberSettings } = await import('../src/settings'));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const chosen = () => [state.normalize.value, state.color.value, state.paletteName.value];

test('choices are kept, and found again', () => {
  rememberSettings();
  expect(chosen()).toEqual(['counts', 'linear', 'blue-orange']);
  state.normalize.value = 'pred';
  state.color.value = 'log';
  state.paletteName.value = 'green-red';
  expect([...stored]).toEqual([
    ['confusion_matrix.normalize', 'pred'],
    ['confusion_matrix.color', 'log'],
    ['confusion_matrix.palette', 'green-red'],
  ]);
  state.normalize.value = 'counts';
  state.color.value = 'linear';
  stored.set('confusion_matrix.normalize', 'all');
  stored.set('confusion_matrix.color', 'log');
  rememberSettings();
  expect(chosen()).toEqual(['all', 'log', 'green-red']);
});

test('what is no choice is passed over', () => {
  stored.set('confusion_matrix.normalize', 'rows');
  stored.set('confusion_matrix.color', '');
  stored.set('confusion_matrix.palette', '__proto__');
  rememberSettings();
  expect(chosen()).toEqual(['counts', 'linear', 'blue-orange']);
});

test('without storage the choices hold as long as the page', () => {
  const blocked = () => {
    throw new DOMException('The operation is insecure.', 'SecurityError');
  };
  vi.stubGlobal('localStorage', { getItem: blocked, setItem: blocked });
  rememberSettings();
  state.normalize.value = 'true';
  expect(chosen()).toEqual(['true', 'linear', 'blue-orange']);
});
