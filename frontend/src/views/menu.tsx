// A button that opens a small panel; Escape, a click or the focus elsewhere closes it.

import type { IconNode } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icon';

export function Menu({ label, icon, children }: { label: string; icon: IconNode; children: ComponentChildren }) {
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event) => {
      const element = details.current;
      if (!element?.open) return;
      const isEscape = (event as KeyboardEvent).key === 'Escape';
      if (isEscape && element.contains(document.activeElement)) element.querySelector('summary')?.focus();
      if (isEscape || (event.type !== 'keydown' && !element.contains(event.target as Node))) element.open = false;
    };
    const events = ['pointerdown', 'keydown', 'focusin'];
    for (const name of events) document.addEventListener(name, close);
    return () => {
      for (const name of events) document.removeEventListener(name, close);
    };
  }, []);
  return (
    <details class="menu" ref={details}>
      <summary class="tool" aria-label={label} title={label}>
        <Icon node={icon} />
        <span class="word">{label}</span>
      </summary>
      <div class="menu-body">{children}</div>
    </details>
  );
}
