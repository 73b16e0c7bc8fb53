// A line drawing of lucide's.

import type { IconNode } from 'lucide';
import { h } from 'preact';

export function Icon({ node, size = 18 }: { node: IconNode; size?: number }) {
  return (
    <svg viewBox="0 0 24 24" width={size} height={size} fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
      {node.map(([name, attributes]) => h(name, attributes as Record<string, string>))}
    </svg>
  );
}
