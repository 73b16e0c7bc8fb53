// One square of cells with its labels, margins, frame and cursor, under the shared camera; what is in the cells, its painter knows.

import { select } from 'd3-selection';
import { type D3ZoomEvent, type ZoomTransform, zoom, zoomIdentity } from 'd3-zoom';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import type { ClassList } from '../arrange';
import { type Camera, cellAt, cellSize, constrained, FIT, largestZoom, visibleClasses } from '../camera';
import { exactCount, nameOf } from '../format';
import { dark, type PanelTab, palette, panelTab } from '../look';
import { axisLabels, LABEL_SIZE, type Label } from '../marks';
import type { Matrix } from '../matrix';
import { toCss } from '../palette';
import { cellShown, type Pick } from '../pick';
import { inSlices } from '../pieces';
import { groupsShown, type Span } from '../seen';
import { type Cursor, camera, cursor, hover } from '../state';
import { CursorLayer } from './cursor';
import { AXIS_TITLE, type Layout, PAD } from './layout';
import { Minimap } from './minimap';
import { FONT, measureIn, type Painter, pixelRatio, type Surface, sized } from './surface';

const LEAST_GROUP = 6;
/** From so many classes on, to set up a sheet or put it in another order, and to draw it, are too much for one task. */
export const MANY = 4000;
/** Of the canvas; the page's own style sheet has the same ground. */
export const INK = {
  light: { text: '#202124', muted: '#5f6368', ground: '#ffffff' },
  dark: { text: '#e8eaed', muted: '#a3a9b2', ground: '#26292e' },
};

const measureLabel = measureIn(LABEL_SIZE);
/** Every sheet that is shown, for those who draw it elsewhere. */
export const drawings = new Map<string, Drawing>();
export interface Drawing {
  readonly title: string;
  /** Where its square begins. */
  readonly left: number;
  readonly width: number;
  readonly height: number;
  readonly element: HTMLElement;
  readonly draw: (surface: Surface) => void;
}

interface Props {
  /** The run that a cell under the pointer belongs to. */
  run: string;
  title: string;
  list: ClassList;
  layout: Layout;
  /** Whose support and predictions the labels and margins tell of. */
  matrix: Matrix;
  painter: Painter;
  /** What it shows where many cells share a pixel. */
  pick?: Pick | undefined;
  stale: boolean;
  tooltip: ComponentChildren;
}

export function Sheet({ run, title, list, layout, matrix, painter, pick, stale, tooltip }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  /** What was chosen before a click, which may become a double click. */
  const before = useRef<{ cursor: Cursor | null; tab: PanelTab } | null>(null);
  const { left, top, side, margin } = layout;
  const n = list.size;
  const outer = { width: left + side + margin + PAD, height: top + side + margin + PAD };
  const view = constrained(camera.value, side, n);
  const ink = INK[dark.value ? 'dark' : 'light'];
  const groups = groupsShown.value;
  const labelsAlong = (offset: number, room: number, shown: boolean) =>
    useMemo(
      () => (shown ? axisLabels(list.names, n, offset, cellSize(view, side, n), side, room, measureLabel) : []),
      [list, offset, view.k, side, room, shown],
    );
  const labels = {
    rows: labelsAlong(view.y, layout.beside, left > PAD),
    columns: labelsAlong(view.x, layout.above, top > PAD),
  };

  const draw = (surface: Surface) => {
    surface.translate(left, top);
    surface.save();
    surface.beginPath();
    surface.rect(0, 0, side, side);
    surface.clip(); // numbers of cells that are cut off at the edge
    painter.paint(surface, side, view);
    paintGroups(surface, groups, side, n, view, ink.text);
    surface.restore();
    paintLabels(surface, labels, matrix, layout, ink);
    if (margin > 0) paintMargins(surface, matrix, layout, view, ink.muted);
    surface.strokeStyle = toCss(palette.value.frame);
    surface.lineWidth = 1;
    surface.strokeRect(-0.5, -0.5, side + 1, side + 1);
  };
  const drawnList = useRef<ClassList | null>(null);
  useLayoutEffect(() => {
    const drawNow = () => {
      if (canvas.current && side > 0) draw(sized(canvas.current, outer.width, outer.height, ink.ground));
    };
    const isKnown = drawnList.current === list;
    if (n < MANY || isKnown) return drawNow();
    let isWanted = true;
    const soon = setTimeout(async () => {
      const pixels = painter.prepare(side, view, pixelRatio(outer.width, outer.height));
      await inSlices(pixels, () => isWanted);
      if (!isWanted) return;
      drawnList.current = list;
      drawNow();
    });
    return () => {
      isWanted = false;
      clearTimeout(soon);
    };
  }, [
    painter,
    groups,
    list,
    matrix,
    layout.left,
    layout.top,
    side,
    margin,
    layout.flat,
    view.x,
    view.y,
    view.k,
    palette.value,
    dark.value,
  ]);
  useLayoutEffect(() => {
    const element = canvas.current;
    if (element) drawings.set(run, { title, left, ...outer, element, draw });
    return () => void drawings.delete(run);
  });

  useZoom(canvas, left, top, side, n, view);

  const cellUnder = (event: PointerEvent | MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    // The canvas is shown at whole pixels.
    const [x, y] = [event.clientX - Math.round(box.left) - left, event.clientY - Math.round(box.top) - top];
    return (pick && cellShown(pick, view, side, n, x, y)) ?? cellAt(view, side, n, x, y);
  };
  const point = (event: PointerEvent) => {
    const cell = cellUnder(event);
    hover.value = cell && { ...cell, run };
    if (canvas.current) canvas.current.title = cell ? '' : labelUnder(event, layout, view, list, matrix);
  };
  return (
    <div class={stale ? 'sheet stale' : 'sheet'} style={{ width: `${outer.width}px`, height: `${outer.height}px` }}>
      <canvas
        ref={canvas}
        onPointerMove={point}
        onPointerDown={point}
        onClick={(event) => {
          if (event.detail === 1) before.current = { cursor: cursor.value, tab: panelTab.value };
          // The one that is told: a click has whole coordinates, where those of the pointer may be finer.
          const cell = hover.value?.run === run ? hover.value : cellUnder(event);
          if (!cell) return;
          cursor.value = { ...cell, run };
          panelTab.value = 'cell';
        }}
        onDblClick={() => {
          camera.value = FIT;
          if (!before.current) return;
          cursor.value = before.current.cursor; // it was not meant to go to a cell
          panelTab.value = before.current.tab;
        }}
      />
      <CursorLayer list={list} layout={layout} view={view} {...outer} />
      {view.k > 1.01 && left > PAD && top > PAD && <Minimap paint={painter.paint} layout={layout} />}
      {tooltip}
    </div>
  );
}

/** The whole name of the class at a label under the pointer; at a bar of the margins, what it is of. */
function labelUnder(event: PointerEvent, layout: Layout, view: Camera, list: ClassList, matrix: Matrix): string {
  const { left, top, side, margin } = layout;
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
  const [x, y] = [event.clientX - box.left - left, event.clientY - box.top - top];
  const cell = cellAt(view, side, list.size, Math.min(side - 1, Math.max(0, x)), Math.min(side - 1, Math.max(0, y)));
  if (!cell || (x < 0 && y < 0) || x >= side + margin || y >= side + margin || (x >= side && y >= side)) return '';
  const [trueName, predictedName] = [cell.trueClass, cell.predictedClass].map((index) => nameOf(list.names, index));
  if (x >= side) return `${trueName}: ${exactCount(matrix.support[cell.trueClass])} samples`;
  if (y >= side) return `predicted ${predictedName}: ${exactCount(matrix.predicted[cell.predictedClass])} samples`;
  return x < 0 ? trueName : predictedName;
}

/** A frame around each group of classes that the order has put together. */
function paintGroups(surface: Surface, groups: readonly Span[], side: number, n: number, view: Camera, ink: string): void {
  const size = cellSize(view, side, n);
  surface.strokeStyle = ink;
  surface.lineWidth = 1;
  for (const { first, last } of groups) {
    const long = (last - first + 1) * size;
    const [x, y] = [view.x + first * size, view.y + first * size];
    if (long < LEAST_GROUP || x + long < 0 || y + long < 0 || x > side || y > side) continue;
    surface.strokeRect(Math.round(x) - 0.5, Math.round(y) - 0.5, Math.round(long), Math.round(long));
  }
}

function paintLabels(
  surface: Surface,
  labels: { rows: readonly Label[]; columns: readonly Label[] },
  matrix: Matrix,
  { left, top, flat, side }: Layout,
  { text, muted }: { text: string; muted: string },
): void {
  surface.textBaseline = 'middle';
  surface.font = `500 ${LABEL_SIZE}px ${FONT}`;
  surface.fillStyle = muted;
  surface.textAlign = 'center';
  if (top > PAD) surface.fillText('Predicted', side / 2, -top + AXIS_TITLE / 2);
  if (left > PAD) {
    surface.save();
    surface.translate(-left + AXIS_TITLE / 2, side / 2);
    surface.rotate(-Math.PI / 2);
    surface.fillText('True', 0, 0);
    surface.restore();
  }
  surface.font = `${LABEL_SIZE}px ${FONT}`;
  surface.textAlign = 'right';
  for (const label of labels.rows) {
    surface.fillStyle = matrix.support[label.index] === 0 ? muted : text;
    surface.fillText(label.text, -PAD / 2 - 2, label.at);
  }
  for (const label of labels.columns) {
    surface.fillStyle = matrix.predicted[label.index] === 0 ? muted : text;
    if (flat) {
      surface.textAlign = 'center';
      surface.fillText(label.text, label.at, -PAD / 2 - LABEL_SIZE / 2);
    } else {
      surface.save();
      surface.translate(label.at, -PAD / 2 - 2);
      surface.rotate(-Math.PI / 2);
      surface.textAlign = 'left';
      surface.fillText(label.text, 0, 0);
      surface.restore();
    }
  }
}

/** Bars for support at the right and for predictions below, the correct part of each in its color. */
function paintMargins(surface: Surface, matrix: Matrix, { side, margin }: Layout, view: Camera, muted: string): void {
  const { numClasses: n, rest } = matrix;
  const size = cellSize(view, side, n);
  const room = margin - 12;
  const correctInk = toCss(palette.value.correct[170]);
  const wrongInk = toCss(palette.value.wrong[110]);
  const bars = (
    counts: Float64Array,
    offset: number,
    bar: (lengths: Float32Array, size: number, place: Place | null, ink: string) => void,
  ) => {
    const { first, last } = visibleClasses(offset, size, side, n);
    let most = 0; // of those in view
    for (let i = first; i <= last; i++) if (counts[i] > most && i !== rest) most = counts[i];
    if (most === 0) return;
    if (size < 1) {
      // Where several classes share a pixel, the largest of them is seen.
      const lengths = new Float32Array(side);
      for (let pixel = 0, i = first; pixel < side; pixel++) {
        const end = Math.min(n, Math.ceil((pixel + 1 - offset) / size));
        let largest = 0;
        for (; i < end; i++) if (counts[i] > largest && i !== rest) largest = counts[i];
        lengths[pixel] = Math.round((largest / most) * room);
      }
      bar(lengths, 1, null, correctInk);
      return;
    }
    const gap = size >= 5 ? 1 : 0;
    const to = new Float32Array(last - first + 1);
    const correct = new Float32Array(last - first + 1);
    for (let i = first; i <= last; i++) {
      to[i - first] = Math.round(Math.min(1, counts[i] / most) * room);
      correct[i - first] = counts[i] > 0 && i !== rest ? to[i - first] * (matrix.diagonal[i] / counts[i]) : 0;
    }
    const place = { offset: offset + first * size, gap };
    bar(to, size, place, wrongInk);
    bar(correct, size, place, correctInk);
    if (rest !== undefined && rest <= last) {
      bar(
        to.map((length, i) => (i + first === rest ? length : 0)),
        size,
        place,
        muted,
      );
    }
  };
  /** Bars of one color, each in the room of its class: as rectangles, since one path of all takes longer to fill. */
  const along = (isDown: boolean) => (lengths: Float32Array, size: number, place: Place | null, ink: string) => {
    surface.fillStyle = ink;
    const { offset, gap } = place ?? { offset: 0, gap: 0 };
    for (let i = 0, next = 1; i < lengths.length; i = next, next++) {
      while (gap === 0 && next < lengths.length && lengths[next] === lengths[i]) next++; // as one
      const start = Math.max(0, offset + i * size);
      const thick = Math.min(side, offset + next * size) - start - gap;
      if (!(lengths[i] > 0) || thick <= 0) continue;
      if (isDown) surface.fillRect(side + 8, start, lengths[i], thick);
      else surface.fillRect(start, side + 8, thick, lengths[i]);
    }
  };
  bars(matrix.support, view.y, along(true));
  bars(matrix.predicted, view.x, along(false));
}

interface Place {
  readonly offset: number;
  readonly gap: number;
}

/** Wheel, pinch and drag, by d3-zoom; the camera is shared, so its own state follows ours. */
function useZoom(
  canvas: { current: HTMLCanvasElement | null },
  left: number,
  top: number,
  side: number,
  n: number,
  view: Camera,
): void {
  useEffect(() => {
    if (!canvas.current || n === 0 || side <= 0) return;
    const behaviour = zoom<HTMLCanvasElement, unknown>()
      .extent([
        [left, top],
        [left + side, top + side],
      ])
      .translateExtent([
        [0, 0],
        [side, side],
      ])
      .scaleExtent([1, largestZoom(side, n)])
      .clickDistance(4)
      .constrain((transform) => {
        const inside = (offset: number, corner: number) => Math.min(corner, Math.max(offset, corner + side * (1 - transform.k)));
        const [x, y] = [inside(transform.x, left), inside(transform.y, top)];
        return zoomIdentity.translate(x, y).scale(transform.k);
      })
      .on('zoom', (event: D3ZoomEvent<HTMLCanvasElement, unknown>) => {
        if (!event.sourceEvent) return;
        const { x, y, k } = event.transform;
        camera.value = { x: x - left, y: y - top, k };
        hover.value = null; // another cell is there now
      });
    const element = select(canvas.current);
    element.call(behaviour).on('dblclick.zoom', null);
    return () => {
      element.on('.zoom', null);
    };
  }, [left, top, side, n]);
  useEffect(() => {
    if (!canvas.current) return;
    const transform: ZoomTransform = zoomIdentity.translate(view.x + left, view.y + top).scale(view.k);
    // What d3-zoom keeps on its element; setting it by its own method would call back.
    (canvas.current as HTMLCanvasElement & { __zoom?: ZoomTransform }).__zoom = transform;
  });
}
