import { afterEach, describe, expect, test, vi } from 'vitest';
import { onDarkMode, onReload, runFilter } from '../src/host';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A page within a page, as far as host.ts looks. */
function stubWindow(own: object, parent: object | null): void {
  const window = { ...own, parent };
  if (parent === null) window.parent = window;
  vi.stubGlobal('window', window);
}

describe('onReload', () => {
  /** TensorBoard's end of the channel, and what comes back on it. */
  function connected(reload: () => void) {
    let port: MessagePort | undefined;
    const postMessage = vi.fn((_message: string, _origin: string, [given]: MessagePort[]) => {
      port = given;
    });
    stubWindow({}, { postMessage });
    onReload(reload);
    expect(postMessage.mock.calls.map(([message, origin]) => [message, origin])).toEqual([['experimental.bootstrap', '*']]);
    const answers: unknown[] = [];
    if (port) port.onmessage = ({ data }) => answers.push(JSON.parse(data));
    return { send: (message: object) => port?.postMessage(JSON.stringify(message)), answers, close: () => port?.close() };
  }

  test('answers every message, and calls back for new data and new runs', async () => {
    const reload = vi.fn();
    const { send, answers, close } = connected(reload);
    send({ type: 'experimental.DataReloaded', id: 1, payload: null, isReply: false });
    send({ type: 'experimental.RunsChanged', id: 2, payload: ['a'], isReply: false });
    send({ type: 'experimental.Something', id: 3, payload: null, isReply: false });
    send({ type: 'experimental.DataReloaded', id: 4, payload: null, isReply: true });
    send({ type: 'last', id: 5, isReply: false });
    await vi.waitFor(() => expect(answers).toHaveLength(4));
    expect(answers[0]).toEqual({ type: 'experimental.DataReloaded', id: 1, payload: null, error: null, isReply: true });
    expect(answers.map((answer) => (answer as { id: number }).id)).toEqual([1, 2, 3, 5]);
    expect(reload).toHaveBeenCalledTimes(2);
    close();
  });
});

describe('onDarkMode', () => {
  test('follows the class of the page around', () => {
    let dark = true;
    let changed = () => {};
    const observed: unknown[] = [];
    vi.stubGlobal(
      'MutationObserver',
      class {
        constructor(look: () => void) {
          changed = look;
        }
        observe(...what: unknown[]) {
          observed.push(...what);
        }
      },
    );
    const body = { classList: { contains: (name: string) => name === 'dark-mode' && dark } };
    stubWindow({}, { document: { body } });
    const told: boolean[] = [];
    onDarkMode((isDark) => told.push(isDark));
    dark = false;
    changed();
    expect(told).toEqual([true, false]);
    expect(observed).toEqual([body, { attributes: true, attributeFilter: ['class'] }]);
  });

  test.each([
    ['alone', null],
    ['in a page of another origin', Object.defineProperty({}, 'document', { get: () => { throw new DOMException('blocked'); } })], // biome-ignore format: one line
  ])('follows the preference of the reader, %s', (_where, parent) => {
    let changed = () => {};
    const preference = { matches: true, addEventListener: (_type: string, listener: () => void) => (changed = listener) };
    const matchMedia = vi.fn((_query: string) => preference);
    stubWindow({ matchMedia, document: { body: {} } }, parent);
    const told: boolean[] = [];
    onDarkMode((isDark) => told.push(isDark));
    preference.matches = false;
    changed();
    expect(told).toEqual([true, false]);
    expect(matchMedia).toHaveBeenCalledWith('(prefers-color-scheme: dark)');
  });
});

describe('runFilter', () => {
  test.each([
    ['', '', ''],
    ['?runFilter=a%7Cb&x=1', '', 'a|b'],
    ['', '#timeseries', ''],
    ['', '#custom?runFilter=%5Ea', '^a'],
    ['?runFilter=', '#x?runFilter=a', ''],
  ])('%s%s', (search, hash, filter) => {
    stubWindow({}, { document: { location: { search, hash } } });
    expect(runFilter()).toBe(filter);
  });

  test('is empty where the page around may not be looked at', () => {
    stubWindow({}, Object.defineProperty({}, 'document', { get: () => { throw new DOMException('blocked'); } })); // biome-ignore format: one line
    expect(runFilter()).toBe('');
  });
});
