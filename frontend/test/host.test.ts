import { afterEach, describe, expect, test, vi } from 'vitest';
import { isInNotebook, linkStorage, onDarkMode, onReload, runFilter } from '../src/host';

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
    [
      'in a page of another origin',
      Object.defineProperty({}, 'document', {
        get: () => {
          throw new DOMException('blocked');
        },
      }),
    ],
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
    stubWindow(
      {},
      Object.defineProperty({}, 'document', {
        get: () => {
          throw new DOMException('blocked');
        },
      }),
    );
    expect(runFilter()).toBe('');
  });
});

describe('linkStorage', () => {
  const VIEW = 'tag=a%20b&run=x/y&find=ünï #%&cell=1 2 run';

  /** A page with an address of its own, as far as host.ts looks. */
  function pageAt(hash: string) {
    const location = { hash, pathname: '/plugin/', href: `http://localhost/plugin/${hash}` };
    const listeners: Record<string, () => void> = {};
    const replaceState = (_state: null, _title: string, url: string) => {
      location.hash = url.includes('#') ? url.slice(url.indexOf('#')) : '';
      location.href = `http://localhost/plugin/${location.hash}`;
    };
    const addEventListener = (type: string, listener: () => void) => {
      listeners[type] = listener;
    };
    return { page: { location, history: { replaceState }, addEventListener }, listeners };
  }

  describe('in TensorBoard', () => {
    /** As much of its store as is used: what is set stands in the address of the page around, and empty texts do not. */
    function inTensorBoard() {
      const kept = new Map<string, string>();
      const options: object[] = [];
      const tf_storage = {
        getString: (key: string) => kept.get(key) ?? '',
        setString: (key: string, value: string, how: object) => {
          kept.set(key, value);
          options.push(how);
        },
      };
      const { page, listeners } = pageAt('#custom');
      stubWindow({}, { ...page, tensorboard: { tf_storage } });
      return { kept, options, listeners };
    }

    test('is in its own store, of which the address is made', () => {
      const { kept, options } = inTensorBoard();
      const storage = linkStorage();
      expect(storage.get()).toBe('');
      storage.set(VIEW);
      expect(storage.get()).toBe(VIEW);
      expect([...kept]).toEqual([['p.confusion_matrix.view', VIEW]]);
      expect(options).toEqual([{ useLocationReplace: true, defaultValue: '' }]);
      expect(storage.address()).toBe('http://localhost/plugin/#custom');
    });

    test('is empty where the store has nothing', () => {
      const tf_storage = { getString: () => null, setString: () => undefined };
      stubWindow({}, { tensorboard: { tf_storage } });
      expect(linkStorage().get()).toBe('');
    });

    test('calls back when the address around is changed', () => {
      const { listeners } = inTensorBoard();
      const look = vi.fn();
      linkStorage().onChange(look);
      listeners.hashchange();
      expect(look).toHaveBeenCalledTimes(1);
    });
  });

  const BLOCKED = Object.defineProperty({}, 'tensorboard', {
    get: () => {
      throw new DOMException('blocked');
    },
  });
  const OLD = { tensorboard: { tf_storage: { getString: () => 'x' } } };

  describe.each([
    ['alone', null],
    ['in a page of another origin', BLOCKED],
    ['in another page', {}],
    ['in a TensorBoard that has another store', OLD],
  ])('%s', (_where, parent) => {
    test('is in the address of the page itself', () => {
      const { page } = pageAt('');
      stubWindow(page, parent);
      const storage = linkStorage();
      expect(storage.get()).toBe('');
      storage.set(VIEW);
      expect(page.location.hash).not.toMatch(/[ "<>]/);
      expect(storage.get()).toBe(VIEW);
      expect(storage.address()).toBe(page.location.href);
      storage.set('');
      expect(page.location.hash).toBe('');
      expect(storage.get()).toBe('');
    });

    test('calls back when the address is changed', () => {
      const { page, listeners } = pageAt('');
      stubWindow(page, parent);
      const look = vi.fn();
      linkStorage().onChange(look);
      listeners.hashchange();
      expect(look).toHaveBeenCalledTimes(1);
    });
  });

  test('is nowhere in a notebook, whose cells have no address', () => {
    const { page } = pageAt('');
    const location = { ...page.location, protocol: 'about:', href: 'about:srcdoc' };
    const replaceState = () => {
      throw new DOMException('another address');
    };
    stubWindow({ ...page, location, history: { replaceState } }, BLOCKED);
    expect(isInNotebook()).toBe(true);
    const storage = linkStorage();
    storage.set(VIEW);
    storage.onChange(() => {});
    expect([storage.get(), storage.address()]).toEqual(['', '']);
  });

  test.each(['http:', 'https:', 'file:'])('a page at %s is in no notebook', (protocol) => {
    stubWindow({ location: { protocol } }, null);
    expect(isInNotebook()).toBe(false);
  });

  test.each(['#tag%3Dval%26run%3Da%2', '#100%', '#%ff'])('an address that was cut off is no error: %s', (hash) => {
    const { page } = pageAt(hash);
    stubWindow(page, null);
    expect(linkStorage().get()).toEqual(expect.any(String));
  });
});
