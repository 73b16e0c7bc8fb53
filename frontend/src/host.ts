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
