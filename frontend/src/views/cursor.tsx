// The cell under the pointer and the one at the cursor, marked above the cells, with the names of their classes.

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { ClassList } from '../arrange';
import { type Camera, type Cell, cellSize } from '../camera';
import { nameOf } from '../format';
import { dark } from '../look';
import { cutInTheMiddle, LABEL_SIZE } from '../marks';
import { told } from '../seen';
import { camera, cursor, hover } from '../state';
import { type Layout, PAD } from './layout';
import { INK } from './sheet';
import { FONT, measureIn, sized } from './surface';

/** A smaller cell is framed from outside, or the frame would hide it. */
const LEAST_FRAME = 7;
const BOLDER = 1.06;
const measureBold = (text: string) => measureIn(LABEL_SIZE)(text) * BOLDER;

interface Props {
  list: ClassList;
  layout: Layout;
  view: Camera;
  width: number;
  height: number;
}

export function CursorLayer({ list, layout, view, width, height }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const wasEmpty = useRef(true);
  const inside = (cell: Cell | null) => cell && Math.max(cell.trueClass, cell.predictedClass) < list.size;
  const [at, over] = [cursor.value, hover.value];
  useLayoutEffect(() => {
    if (!canvas.current || layout.side <= 0) return;
    const isEmpty = !inside(over ?? at) && !inside(at);
    canvas.current.style.visibility = isEmpty ? 'hidden' : ''; // an empty one would cost its share of every frame, too
    if (isEmpty && wasEmpty.current) return; // a canvas that is touched is composed anew
    wasEmpty.current = isEmpty;
    const context = sized(canvas.current, width, height);
    context.translate(layout.left, layout.top);
    const ink = dark.value ? '#ffffff' : '#111318';
    const pointedAt = over ?? at;
    if (pointedAt && inside(pointedAt)) {
      paintCross(context, layout, view, list, pointedAt, ink);
      paintNames(context, layout, view, list, pointedAt, dark.value);
    }
    if (at && inside(at)) paintFrame(context, layout, view, list, at, ink, 2.5);
    if (over && inside(over)) paintFrame(context, layout, view, list, over, ink, 1.5);
  });
  return <canvas ref={canvas} class="cursor" />;
}

function within(context: CanvasRenderingContext2D, side: number, paint: () => void): void {
  context.save();
  context.beginPath();
  context.rect(0, 0, side, side);
  context.clip();
  paint();
  context.restore();
}

/** The row and the column of the cell, back to their labels. */
function paintCross(
  context: CanvasRenderingContext2D,
  { side }: Layout,
  view: Camera,
  list: ClassList,
  at: Cell,
  ink: string,
): void {
  const size = cellSize(view, side, list.size);
  const [x, y] = [view.x + at.predictedClass * size, view.y + at.trueClass * size];
  within(context, side, () => {
    context.globalAlpha = 0.07;
    context.fillStyle = ink;
    context.fillRect(0, y, Math.max(0, x), Math.max(size, 1));
    context.fillRect(x, 0, Math.max(size, 1), Math.max(0, y));
  });
}

function paintFrame(
  context: CanvasRenderingContext2D,
  { side }: Layout,
  view: Camera,
  list: ClassList,
  at: Cell,
  ink: string,
  thick: number,
): void {
  const size = cellSize(view, side, list.size);
  const [x, y] = [view.x + at.predictedClass * size, view.y + at.trueClass * size];
  const grow = Math.max(0, (LEAST_FRAME - size) / 2);
  within(context, side, () => {
    context.strokeStyle = ink;
    context.lineWidth = thick;
    context.strokeRect(x - grow, y - grow, size + 2 * grow, size + 2 * grow);
  });
}

/** The names of both classes at their axes, also where labels are thinned out. */
function paintNames(
  context: CanvasRenderingContext2D,
  { left, top, beside, above, flat, side }: Layout,
  view: Camera,
  list: ClassList,
  at: Cell,
  isDark: boolean,
): void {
  const size = cellSize(view, side, list.size);
  const middle = (offset: number, index: number) => offset + (index + 0.5) * size;
  const { text: ink } = INK[isDark ? 'dark' : 'light'];
  const tag = (name: string, room: number, x: number, y: number, align: 'left' | 'center' | 'right') => {
    const beneath = measureIn(LABEL_SIZE)(cutInTheMiddle(name, room, measureIn(LABEL_SIZE))); // which is to be covered
    const text = cutInTheMiddle(name, room * BOLDER + 2, measureBold); // what fits as a label, fits in bold
    const width = Math.max(context.measureText(text).width, beneath) + 8;
    const from = align === 'right' ? x - width + 4 : align === 'center' ? x - width / 2 : x - 4;
    context.fillStyle = isDark ? '#4a4f58' : '#dfe3e8';
    context.beginPath();
    context.roundRect(from, y - 9, width, 18, 4);
    context.fill();
    context.fillStyle = ink;
    context.textAlign = align;
    context.fillText(text, x, y);
  };
  context.save();
  context.font = `500 ${LABEL_SIZE}px ${FONT}`;
  context.textBaseline = 'middle';
  const [x, y] = [middle(view.x, at.predictedClass), middle(view.y, at.trueClass)];
  if (left > PAD && y >= 0 && y <= side) {
    tag(nameOf(list.names, at.trueClass), beside, -PAD / 2 - 2, y, 'right');
  }
  if (top > PAD && x >= 0 && x <= side) {
    const name = nameOf(list.names, at.predictedClass);
    if (flat) tag(name, above, x, -PAD / 2 - LABEL_SIZE / 2, 'center');
    else {
      context.translate(x, -PAD / 2 - 2);
      context.rotate(-Math.PI / 2);
      tag(name, above, 0, 0, 'left');
    }
  }
  context.restore();
}

/** What is told of the cell under the pointer, beside it; it never covers its row and column up to their labels. */
export function Tooltip({ run, layout, children }: { run: string; layout: Layout; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const tooltip = box.current;
    const around = tooltip?.closest('.matrices')?.getBoundingClientRect();
    if (!tooltip || !around) return;
    tooltip.style.translate = 'none';
    const { left, top, right, bottom } = tooltip.getBoundingClientRect();
    const by = (start: number, end: number, from: number, to: number) => Math.max(from - start, Math.min(0, to - end));
    tooltip.style.translate = `${by(left, right, around.left, around.right - 4)}px ${by(top, bottom, around.top, around.bottom - 4)}px`;
  });
  const now = told.value;
  // At the cursor of the keys, the status and the panel tell the same and cover nothing.
  if (!now || !hover.value || now.pane.run !== run || now.pane.loading) return null;
  const { left, top, side } = layout;
  const size = cellSize(camera.value, side, now.matrix.numClasses);
  const x = left + camera.value.x + (now.cell.predictedClass + 1) * size;
  const y = top + camera.value.y + (now.cell.trueClass + 1) * size;
  const toLeft = x > left + side * 0.7;
  const upward = y > top + side * 0.7;
  return (
    <div
      class="tooltip"
      ref={box}
      aria-hidden="true"
      style={{
        left: `${toLeft ? x - size : x}px`,
        top: `${upward ? y - size : y}px`,
        transform: `translate(${toLeft ? 'calc(-100% - 8px)' : '8px'}, ${upward ? 'calc(-100% - 8px)' : '8px'})`,
      }}
    >
      {children}
    </div>
  );
}

export function Pair({ list, cell }: { list: ClassList; cell: Cell }) {
  return (
    <div class="pair">
      <span>True</span>
      <bdi>{nameOf(list.names, cell.trueClass)}</bdi>
      <span>Predicted</span>
      <bdi>{nameOf(list.names, cell.predictedClass)}</bdi>
    </div>
  );
}
