// The matrices of the chosen runs side by side, under one camera and one cursor; as a whole one element for the keyboard.

import { useEffect, useRef, useState } from 'preact/hooks';
import { type Cell, constrained, FIT, withCellInView, zoomed } from '../camera';
import { camera, cursor, loading, moveStep, pointed, shown } from '../state';
import { Heatmap, layoutOf } from './heatmap';

const ZOOM_STEP = 1.5;
const GAP = 16;
const TITLE = 24;

export function Matrices() {
  const grid = useRef<HTMLDivElement>(null);
  const [space, setSpace] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      if (width > 0 && height > 0) setSpace({ width, height }); // a hidden tab has no height
    });
    if (grid.current) observer.observe(grid.current);
    return () => observer.disconnect();
  }, []);

  const all = shown.value;
  const { columns, width, height } = panelSize(all.length, space.width, space.height);
  return (
    <div
      class="matrices"
      ref={grid}
      role="application"
      aria-label="Confusion matrix"
      aria-describedby="keys"
      aria-busy={loading.value}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application is interactive, by the keys below
      tabIndex={0}
      onKeyDown={(event) => {
        if (press(event, width, height)) event.preventDefault();
      }}
      onPointerLeave={() => {
        if (!cursor.value?.byKeyboard) cursor.value = null;
      }}
    >
      <p id="keys" hidden>
        Arrow keys move from cell to cell, Home and End within a row, with Control to the first and last cell. Plus and minus
        zoom, 0 shows all, Page Up and Page Down change the step, Escape leaves the cell.
      </p>
      {all.length === 0 && <p class="waiting">Tick a run to see its matrix</p>}
      {width > 0 && (
        <div
          class="grid"
          style={{ gridTemplateColumns: `repeat(${columns}, ${all.length > 1 ? `${width}px` : 'max-content'})`, gap: `${GAP}px` }}
        >
          {all.map((one) => (
            <Heatmap key={one.run} one={one} width={width} height={height} titled={all.length > 1} />
          ))}
        </div>
      )}
    </div>
  );
}

/** The columns that give the largest panels. */
function panelSize(count: number, width: number, height: number) {
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const panel = {
      columns,
      width: Math.floor((width - (columns - 1) * GAP) / columns),
      height: Math.floor((height - (rows - 1) * GAP) / rows) - (count > 1 ? TITLE : 0),
    };
    if (Math.min(panel.width, panel.height) > Math.min(best.width, best.height)) best = panel;
  }
  return best;
}

/** What a key does; whether it does anything. */
function press(event: KeyboardEvent, width: number, height: number): boolean {
  if (event.altKey || event.metaKey) return false;
  const at = cursor.value;
  const one = pointed.value;
  if (!one?.matrix) return false;
  const n = one.matrix.numClasses;
  const { side } = layoutOf(one, width, height);
  const zoom = (factor: number) => {
    const size = (side / n) * camera.value.k;
    const x = at ? camera.value.x + (at.predictedClass + 0.5) * size : side / 2;
    const y = at ? camera.value.y + (at.trueClass + 0.5) * size : side / 2;
    const next = zoomed(camera.value, factor, x, y, side, n);
    camera.value = at ? withCellInView(next, at, side, n) : next;
  };
  const goTo = (cell: Cell) => {
    const inside = (index: number) => Math.min(n - 1, Math.max(0, index));
    const next = { trueClass: inside(cell.trueClass), predictedClass: inside(cell.predictedClass) };
    cursor.value = { ...next, run: one.run, byKeyboard: true };
    camera.value = withCellInView(camera.value, next, side, n);
  };
  const move = (down: number, right: number) =>
    goTo(
      at ? { trueClass: at.trueClass + down, predictedClass: at.predictedClass + right } : { trueClass: 0, predictedClass: 0 },
    );
  const by = event.shiftKey ? 10 : 1;
  switch (event.key) {
    case 'ArrowUp':
      move(-by, 0);
      return true;
    case 'ArrowDown':
      move(by, 0);
      return true;
    case 'ArrowLeft':
      move(0, -by);
      return true;
    case 'ArrowRight':
      move(0, by);
      return true;
    case 'Home':
      goTo({ trueClass: event.ctrlKey ? 0 : (at?.trueClass ?? 0), predictedClass: 0 });
      return true;
    case 'End':
      goTo({ trueClass: event.ctrlKey ? n - 1 : (at?.trueClass ?? 0), predictedClass: n - 1 });
      return true;
    case '+':
    case '=':
      zoom(ZOOM_STEP);
      return true;
    case '-':
      zoom(1 / ZOOM_STEP);
      return true;
    case '0':
      camera.value = constrained(FIT, side, n);
      return true;
    case 'PageUp':
      moveStep(-1);
      return true;
    case 'PageDown':
      moveStep(1);
      return true;
    case 'Escape':
      cursor.value = null;
      return true;
    default:
      return false;
  }
}
