// TensorBoard around the tab: its reloads, its dark mode and its run filter. Where the page stands alone, each is simply not there.

/** Calls back when TensorBoard has reloaded its data, by its button or by itself. */
export function onReload(reload: () => void): void {
  const channel = new MessageChannel();
  channel.port1.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.isReply) return;
    channel.port1.postMessage(JSON.stringify({ type: message.type, id: message.id, payload: null, error: null, isReply: true }));
    if (message.type === 'experimental.DataReloaded' || message.type === 'experimental.RunsChanged') reload();
  };
  window.parent.postMessage('experimental.bootstrap', '*', [channel.port2]);
}

/** Calls back now and whenever the page turns dark or light. */
export function onDarkMode(tell: (dark: boolean) => void): void {
  const body = parentDocument()?.body;
  if (body && window.parent !== window) {
    const look = () => tell(body.classList.contains('dark-mode'));
    new MutationObserver(look).observe(body, { attributes: true, attributeFilter: ['class'] });
    look();
  } else {
    const preference = window.matchMedia('(prefers-color-scheme: dark)');
    preference.addEventListener('change', () => tell(preference.matches));
    tell(preference.matches);
  }
}

/** The regular expression in TensorBoard's own run filter, or an empty text. */
export function runFilter(): string {
  const location = parentDocument()?.location;
  if (!location) return '';
  const inHash = location.hash.includes('?') ? location.hash.slice(location.hash.indexOf('?')) : '';
  return new URLSearchParams(location.search).get('runFilter') ?? new URLSearchParams(inHash).get('runFilter') ?? '';
}

function parentDocument(): Document | null {
  try {
    return window.parent.document;
  } catch {
    return null; // a page of another origin around ours
  }
}

/** Where a text can be kept in the address of the page around the tab. */
export interface LinkStorage {
  get(): string;
  set(text: string): void;
  /** The address of the whole page; empty in a notebook, which has none for what it shows in a cell. */
  address(): string;
  /** Calls back when the address was changed by hand. */
  onChange(look: () => void): void;
}

const LINK_KEY = 'p.confusion_matrix.view';

/** TensorBoard's own store of what is in its address, which is not documented; without it, the address of the page itself. */
export function linkStorage(): LinkStorage {
  const around = window.parent as Window & {
    tensorboard?: {
      tf_storage?: { getString(key: string): string; setString(key: string, value: string, options: object): void };
    };
  };
  try {
    const store = around.tensorboard?.tf_storage;
    if (around !== window && store?.getString && store.setString) {
      return {
        get: () => store.getString(LINK_KEY) ?? '',
        set: (text) => store.setString(LINK_KEY, text, { useLocationReplace: true, defaultValue: '' }),
        address: () => around.location.href,
        onChange: (look) => around.addEventListener('hashchange', look),
      };
    }
  } catch {
    // a page of another origin around ours
  }
  if (isInNotebook()) return { get: () => '', set: () => {}, address: () => '', onChange: () => {} };
  return {
    get: () => decoded(window.location.hash.slice(1)),
    set: (text) => window.history.replaceState(null, '', text ? `#${encodeURIComponent(text)}` : window.location.pathname),
    address: () => window.location.href,
    onChange: (look) => window.addEventListener('hashchange', look),
  };
}

/** Whether the page is the text of a frame of another one, as in the output of a notebook: such a page has no address. */
export function isInNotebook(): boolean {
  return window.location.protocol === 'about:';
}

/** A text of an address; what was cut off in the middle of a character is no text. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
