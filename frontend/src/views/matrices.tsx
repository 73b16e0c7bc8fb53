// The middle of the page: one of the views, as a whole one element for the keyboard.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { type Cell, constrained, FIT, withCellInView, zoomed } from '../camera';
import { moveStep } from '../loading';
import { panelTab, view } from '../look';
import { revealed, seenClasses, told } from '../seen';
import { camera, cameraSide, cursor, hover, loading, shown, subject } from '../state';
import { moveAmong } from './cards';
import { Compare } from './compare';
import { Difference, headRoom } from './difference';
import { Gallery } from './gallery';
import { Heatmaps } from './heatmap';
import { panelsIn } from './layout';
import { Timeline } from './timeline';

const ZOOM_STEP = 1.5;
/** A cell that was asked for by name is at least so large. */
const REVEALED_CELL = 28;
/** To zoom by less would cut off a row for nothing. */
const NEARLY = 1.3;

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

  const count = shown.value.length;
  const list = seenClasses.value;
  const isMatrix = view.value === 'matrix';
  const height = space.height - (view.value === 'difference' ? headRoom(space.width) : 0);
  const { side } = panelsIn(isMatrix ? count : 1, list, space.width, height, isMatrix).at(0);
  // The square has another size than before: what was seen in it stays.
  useLayoutEffect(() => {
    if (side <= 0 || side === cameraSide.value) return;
    const by = side / cameraSide.value;
    const { x, y, k } = camera.value;
    cameraSide.value = side;
    camera.value = { x: x * by, y: y * by, k };
  }, [side]);
  const cell = revealed.value;
  useEffect(() => {
    if (!cell || side <= 0) return;
    const { k } = camera.value;
    const least = (REVEALED_CELL * list.size) / side;
    const wanted = least < NEARLY ? k : Math.max(k, least);
    camera.value = withCellInView(centered(cell, wanted, side, list.size), cell, side, list.size);
    revealed.value = null;
  }, [cell]);
  const View = { matrix: Heatmaps, compare: Compare, difference: Difference, timeline: Timeline, gallery: Gallery }[view.value];
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
        if (press(event, side)) event.preventDefault();
      }}
      onPointerLeave={() => {
        hover.value = null;
      }}
    >
      <p id="keys" hidden>
        Arrow keys move from cell to cell, Home and End within a row, with Control to the first and last cell. M goes to the
        mirrored cell, Enter tells more of the cell. Plus and minus zoom, 0 shows all, Page Up goes to the next step, Page Down to
        the one before, Escape leaves the cell. Where there are cards, arrow keys go from card to card.
      </p>
      {count === 0 ? <p class="waiting">Tick a run to see its matrix</p> : space.width > 0 && <View {...space} />}
    </div>
  );
}

/** A camera that has a cell in its middle. */
function centered(cell: Cell, k: number, side: number, n: number) {
  const to = (index: number) => side / 2 - (index + 0.5) * (side / n) * k;
  return constrained({ x: to(cell.predictedClass), y: to(cell.trueClass), k }, side, n);
}

/** What a key does; whether it does anything. */
function press(event: KeyboardEvent, side: number): boolean {
  if (event.altKey || event.metaKey || (event.target as HTMLElement).closest('button, input, select, dialog')) return false;
  // Nothing is pointed at in the gallery: these keys scroll it.
  if (view.value === 'gallery' && !event.key.startsWith('Page')) return false;
  const cards = (event.currentTarget as HTMLElement).querySelector<HTMLElement>('.cards ul');
  if (cards && moveAmong(cards, event.key)) return true;
  const at = cursor.value;
  const n = seenClasses.value.size;
  const run = at?.run ?? subject.value;
  if (n === 0 || run === null) return false;
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
    hover.value = null;
    cursor.value = { ...next, run };
    camera.value = withCellInView(camera.value, next, side, n);
  };
  const move = (down: number, right: number) => {
    // From the cell under the pointer, if the keys were not used yet.
    const from = at ?? told.value?.cell;
    goTo(
      from
        ? { trueClass: from.trueClass + down, predictedClass: from.predictedClass + right }
        : { trueClass: 0, predictedClass: 0 },
    );
  };
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
    case 'm':
    case 'M':
      if (at) goTo({ trueClass: at.predictedClass, predictedClass: at.trueClass });
      return at !== null;
    case 'Enter':
      if (at) panelTab.value = 'cell';
      return at !== null;
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
    case 'PageUp': // as on the slider
      moveStep(1);
      return true;
    case 'PageDown':
      moveStep(-1);
      return true;
    case 'Escape':
      cursor.value = null;
      hover.value = null;
      return true;
    default:
      return false;
  }
}
