// The whole matrix, small, and where in it one is.

import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { constrained, FIT } from '../camera';
import { dark } from '../look';
import { seenClasses } from '../seen';
import { camera } from '../state';
import type { Layout } from './layout';
import { type Paint, sized } from './surface';

const LARGEST = 110;
const LEAST = 56;
const GAP = 6;

/** Where it covers no cell, if there is room: over the labels of the rows or beside them. `free` pixels are empty before the sheet. */
function placeIn({ left, top, side }: Layout, free: number): { left: number; top: number; size: number } {
  const over = Math.floor(Math.min(LARGEST, free + left - 3 * GAP, top - 2 * GAP));
  if (over >= LEAST) return { left: left - 2 * GAP - over, top: top - GAP - over, size: over };
  const beside = Math.min(LARGEST, free - 2 * GAP);
  if (beside >= LEAST) return { left: -GAP - beside, top, size: beside };
  const within = Math.floor(Math.min(LARGEST, side / 3));
  return { left: left + side - within - GAP, top: top + GAP, size: within };
}

export function Minimap({ paint, layout }: { paint: Paint; layout: Layout }) {
  const cells = useRef<HTMLCanvasElement>(null);
  const [free, setFree] = useState(0);
  useLayoutEffect(() => {
    const [sheet, view] = ['.sheet', '.matrices'].map((name) => cells.current?.closest(name)?.getBoundingClientRect().left ?? 0);
    setFree(Math.floor(sheet - view));
  }, [layout.left, layout.top, layout.side]);
  const { left, top, size: side } = placeIn(layout, free);
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
        left: `${left}px`,
        top: `${top}px`,
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
