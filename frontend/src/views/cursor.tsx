// The cell under the pointer or the cursor, marked above the cells, with its numbers beside it.

import { useLayoutEffect, useRef } from 'preact/hooks';
import { cellSize } from '../camera';
import { exactCount, nameOf, percent, shareOf } from '../format';
import { countAt } from '../matrix';
import { camera, cursor, dark, pointed, type Shown } from '../state';
import { sized } from './canvas';

/** A smaller cell is framed from outside, or the frame would hide it. */
const LEAST_FRAME = 7;

interface Props {
  one: Shown;
  width: number;
  height: number;
  left: number;
  top: number;
  side: number;
}

export function CursorLayer({ one, width, height, left, top, side }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const n = one.matrix?.numClasses ?? 0;
  const at = cursor.value && cursor.value.trueClass < n && cursor.value.predictedClass < n ? cursor.value : null;
  useLayoutEffect(() => {
    if (!canvas.current || side <= 0) return;
    const context = sized(canvas.current, width, height);
    if (!at) return;
    context.translate(left, top);
    paintCursor(context, cellSize(camera.value, side, n), side, camera.value, at, dark.value ? '#ffffff' : '#111318');
  });
  return (
    <>
      <canvas ref={canvas} class="cursor" />
      {at && !one.loading && pointed.value === one && <Tooltip one={one} left={left} top={top} side={side} />}
    </>
  );
}

function paintCursor(
  context: CanvasRenderingContext2D,
  size: number,
  side: number,
  view: { x: number; y: number },
  at: { trueClass: number; predictedClass: number },
  ink: string,
): void {
  const x = view.x + at.predictedClass * size;
  const y = view.y + at.trueClass * size;
  context.save();
  context.beginPath();
  context.rect(0, 0, side, side);
  context.clip();
  // The row and the column of the cell, back to their labels.
  context.globalAlpha = 0.07;
  context.fillStyle = ink;
  context.fillRect(0, y, Math.max(0, x), Math.max(size, 1));
  context.fillRect(x, 0, Math.max(size, 1), Math.max(0, y));
  context.globalAlpha = 1;
  context.strokeStyle = ink;
  context.lineWidth = 2;
  const grow = Math.max(0, (LEAST_FRAME - size) / 2);
  context.strokeRect(x - grow, y - grow, size + 2 * grow, size + 2 * grow);
  context.restore();
}

function Tooltip({ one, left, top, side }: { one: Shown; left: number; top: number; side: number }) {
  const at = cursor.value;
  const { matrix, names } = one;
  if (!at || !matrix) return null;
  const size = cellSize(camera.value, side, matrix.numClasses);
  const x = left + camera.value.x + (at.predictedClass + 1) * size;
  const y = top + camera.value.y + (at.trueClass + 1) * size;
  const toLeft = x > left + side * 0.6;
  const upward = y > top + side * 0.6;
  const trueName = nameOf(names, at.trueClass);
  const predictedName = nameOf(names, at.predictedClass);
  const share = (of: 'true' | 'pred' | 'all') => percent(shareOf(matrix, at, of));
  return (
    <div
      class="tooltip"
      aria-hidden="true"
      style={{
        left: `${toLeft ? x - size : x}px`,
        top: `${upward ? y - size : y}px`,
        transform: `translate(${toLeft ? 'calc(-100% - 10px)' : '10px'}, ${upward ? 'calc(-100% - 10px)' : '10px'})`,
      }}
    >
      <div class="pair">
        <span>True</span>
        <bdi>{trueName}</bdi>
        <span>Predicted</span>
        <bdi>{predictedName}</bdi>
      </div>
      <b class={at.trueClass === at.predictedClass ? 'correct' : 'wrong'}>
        {exactCount(countAt(matrix, at.trueClass, at.predictedClass))}
      </b>
      <dl>
        <dt>of this true class ({exactCount(matrix.support[at.trueClass])})</dt>
        <dd>{share('true')}</dd>
        <dt>of this prediction ({exactCount(matrix.predicted[at.predictedClass])})</dt>
        <dd>{share('pred')}</dd>
        <dt>of all ({exactCount(matrix.total)})</dt>
        <dd>{share('all')}</dd>
      </dl>
    </div>
  );
}
