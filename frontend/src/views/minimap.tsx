// The whole matrix, small, and where in it one is.

import { useLayoutEffect, useRef } from 'preact/hooks';
import { constrained, FIT } from '../camera';
import { dark, seenClasses } from '../seen';
import { camera } from '../state';
import type { Layout } from './sheet';
import { type Painter, sized } from './surface';

const LARGEST = 110;

export function Minimap({ paint, layout }: { paint: Painter; layout: Layout }) {
  const cells = useRef<HTMLCanvasElement>(null);
  const side = Math.floor(Math.min(LARGEST, layout.side / 3));
  useLayoutEffect(() => {
    if (cells.current) paint(sized(cells.current, side, side), side, FIT);
  }, [paint, side]);
  const { x, y, k } = camera.value;
  const factor = side / (layout.side * k);
  const goTo = (event: PointerEvent) => {
    if (event.buttons !== 1) return;
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const to = (at: number) => layout.side / 2 - (at / side) * layout.side * k;
    const next = { x: to(event.clientX - box.left), y: to(event.clientY - box.top), k };
    camera.value = constrained(next, layout.side, seenClasses.value.size);
  };
  return (
    <div
      class={dark.value ? 'minimap dark' : 'minimap'}
      aria-hidden="true"
      style={{
        left: `${layout.left + layout.side - side - 6}px`,
        top: `${layout.top + 6}px`,
        width: `${side}px`,
        height: `${side}px`,
      }}
      onPointerDown={goTo}
      onPointerMove={goTo}
    >
      <canvas ref={cells} />
      <i
        style={{
          left: `${-x * factor}px`,
          top: `${-y * factor}px`,
          width: `${layout.side * factor}px`,
          height: `${layout.side * factor}px`,
        }}
      />
    </div>
  );
}
