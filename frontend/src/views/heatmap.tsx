// One matrix: its cells, numbers and labels on a canvas, with zoom and pointer.

import { select } from 'd3-selection';
import { type D3ZoomEvent, type ZoomTransform, zoom, zoomIdentity } from 'd3-zoom';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { type Camera, cellAt, cellSize, FIT, largestZoom, viewportSide } from '../camera';
import { axisLabels, cellNumbers, cutInTheMiddle, LABEL_SIZE, labelWidth, numberSize } from '../marks';
import { toCss } from '../palette';
import { drawCells, type Picture } from '../raster';
import { camera, cursor, dark, normalize, palette, type Shown, scale } from '../state';
import { sized } from './canvas';
import { CursorLayer } from './cursor';

const FONT = 'Roboto, "Segoe UI", system-ui, sans-serif';
const PAD = 8;
const PROBLEM_WIDTH = 360;
const STEP_NOTE = 72; // the room for a run's step beside its name
const AXIS_TITLE = 20;
const LABELS_AT_MOST = { beside: 180, above: 110 };
const INK = { light: { text: '#202124', muted: '#5f6368' }, dark: { text: '#e8eaed', muted: '#a3a9b2' } };

const measuring = document.createElement('canvas').getContext('2d') as CanvasRenderingContext2D;

function measureIn(size: number): (text: string) => number {
  const font = `${size}px ${FONT}`;
  return (text) => {
    measuring.font = font;
    return measuring.measureText(text).width;
  };
}
const measureLabel = measureIn(LABEL_SIZE);

const widestOf = new WeakMap<readonly string[], number>();

/** Measured once a class list: among ten thousand names it takes milliseconds. */
function widestLabel(names: readonly string[] | null, n: number): number {
  const known = names && widestOf.get(names);
  const widest = known ?? labelWidth(names, n, LABELS_AT_MOST.beside, measureLabel);
  if (names) widestOf.set(names, widest);
  return widest;
}

/** Where the square of cells lies in a panel of this size: its corner, its side, and the room for labels. */
export function layoutOf(one: Shown, width: number, height: number) {
  const n = one.matrix?.numClasses ?? 1;
  const beside = Math.min(widestLabel(one.names, n), Math.max(24, Math.min(LABELS_AT_MOST.beside, 0.3 * width)));
  const left = AXIS_TITLE + beside + PAD;
  // Names stand upright above the columns where they do not fit side by side.
  const flat = viewportSide(Math.min(width - left - PAD, height), n) / n >= beside + PAD;
  const above = flat ? LABEL_SIZE : Math.min(beside, Math.max(48, Math.min(LABELS_AT_MOST.above, 0.2 * height)));
  const top = AXIS_TITLE + above + PAD;
  const side = viewportSide(Math.min(width - left - PAD, height - top - PAD), n);
  return { left, top, beside, above: flat ? beside : above, flat, side };
}

interface Props {
  one: Shown;
  width: number;
  height: number;
  titled: boolean;
}

export function Heatmap({ one, width, height, titled }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const layout = layoutOf(one, width, height);
  const { left, top, side } = layout;
  const n = one.matrix?.numClasses ?? 0;
  const outer = { width: left + side + PAD, height: top + side + PAD };
  const view = camera.value;

  useLayoutEffect(() => {
    if (!canvas.current || !one.matrix || side <= 0) return;
    const context = sized(canvas.current, outer.width, outer.height);
    const picture = { matrix: one.matrix, normalize: normalize.value, scale: scale.value, palette: palette.value };
    const size = cellSize(view, side, n);
    const { text, muted } = INK[dark.value ? 'dark' : 'light'];
    paintCells(context, left, top, side, view, picture);
    context.translate(left, top);
    paintNumbers(context, cellNumbers(side, view, picture, muted, measureIn(numberSize(size))), size);
    paintLabels(context, one, layout, view, text, muted);
    context.strokeStyle = toCss(palette.value.frame);
    context.strokeRect(-0.5, -0.5, side + 1, side + 1);
  }, [one, width, height, titled, view, normalize.value, scale.value, palette.value]);

  useZoom(canvas, left, top, side, n, view);

  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const cell = n > 0 ? cellAt(view, side, n, event.clientX - box.left - left, event.clientY - box.top - top) : null;
    if (cell) cursor.value = { ...cell, run: one.run, byKeyboard: false };
    else if (!cursor.value?.byKeyboard) cursor.value = null;
  };
  return (
    <figure class={one.loading ? 'heatmap loading' : 'heatmap'}>
      {titled && (
        <figcaption style={{ maxWidth: `${width}px` }}>
          <bdi title={one.run}>{cutInTheMiddle(one.run, width - STEP_NOTE, measureLabel)}</bdi>
          {one.step !== null && <small> step {one.step}</small>}
        </figcaption>
      )}
      {one.problem ? (
        <p class="problem" style={{ maxWidth: `${Math.min(width, PROBLEM_WIDTH)}px` }}>
          Step {one.step} of run <bdi>{one.run}</bdi> cannot be shown: {one.problem}
        </p>
      ) : one.step === null ? (
        <p class="waiting">This run has not logged up to this step</p>
      ) : (
        <div class="canvases" style={{ width: `${outer.width}px`, height: `${outer.height}px` }}>
          <canvas
            ref={canvas}
            onPointerMove={point}
            onPointerDown={point}
            onDblClick={() => {
              camera.value = FIT;
            }}
          />
          <CursorLayer one={one} {...outer} left={left} top={top} side={side} />
        </div>
      )}
    </figure>
  );
}

let scratch: HTMLCanvasElement | undefined;

function paintCells(
  context: CanvasRenderingContext2D,
  left: number,
  top: number,
  side: number,
  view: Camera,
  picture: Picture,
): void {
  const ratio = context.getTransform().a;
  // Pooled cells are drawn in CSS pixels, so that a lone one is as large on any screen.
  const detail = cellSize(view, side, picture.matrix.numClasses) < 1 ? 1 : ratio;
  const pixels = Math.round(side * detail);
  const factor = pixels / side;
  scratch ??= document.createElement('canvas');
  if (scratch.width !== pixels || scratch.height !== pixels) scratch.width = scratch.height = pixels;
  const target = scratch.getContext('2d') as CanvasRenderingContext2D;
  const image = target.createImageData(pixels, pixels);
  drawCells(new Uint32Array(image.data.buffer), pixels, { x: view.x * factor, y: view.y * factor, k: view.k }, picture);
  target.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(scratch, left, top, side, side);
}

function paintNumbers(context: CanvasRenderingContext2D, numbers: ReturnType<typeof cellNumbers>, size: number): void {
  context.save();
  context.beginPath();
  context.font = `${numberSize(size)}px ${FONT}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (const { text, x, y, ink } of numbers) {
    context.fillStyle = ink;
    context.fillText(text, x, y + 0.5);
  }
  context.restore();
}

function paintLabels(
  context: CanvasRenderingContext2D,
  one: Shown,
  { left, top, beside, above, flat, side }: ReturnType<typeof layoutOf>,
  view: Camera,
  text: string,
  muted: string,
): void {
  if (!one.matrix) return;
  const n = one.matrix.numClasses;
  const size = cellSize(view, side, n);
  context.textBaseline = 'middle';
  context.clearRect(-left, -top, left + side + PAD, top); // numbers of cells that are cut off at the edge
  context.clearRect(-left, -top, left, top + side + PAD);
  context.clearRect(side, -top, PAD, top + side + PAD);
  context.clearRect(-left, side, left + side + PAD, PAD);
  context.font = `500 ${LABEL_SIZE}px ${FONT}`;
  context.fillStyle = muted;
  context.textAlign = 'center';
  context.fillText('Predicted', side / 2, -top + AXIS_TITLE / 2);
  context.save();
  context.translate(-left + AXIS_TITLE / 2, side / 2);
  context.rotate(-Math.PI / 2);
  context.fillText('True', 0, 0);
  context.restore();
  context.font = `${LABEL_SIZE}px ${FONT}`;
  context.textAlign = 'right';
  for (const label of axisLabels(one.names, n, view.y, size, side, beside, measureLabel)) {
    context.fillStyle = one.matrix.support[label.index] === 0 ? muted : text;
    context.fillText(label.text, -PAD / 2 - 2, label.at);
  }
  for (const label of axisLabels(one.names, n, view.x, size, side, above, measureLabel)) {
    context.fillStyle = one.matrix.predicted[label.index] === 0 ? muted : text;
    if (flat) {
      context.textAlign = 'center';
      context.fillText(label.text, label.at, -PAD / 2 - LABEL_SIZE / 2);
    } else {
      context.save();
      context.translate(label.at, -PAD / 2 - 2);
      context.rotate(-Math.PI / 2);
      context.textAlign = 'left';
      context.fillText(label.text, 0, 0);
      context.restore();
    }
  }
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
      .constrain((transform) => {
        const inside = (offset: number, corner: number) => Math.min(corner, Math.max(offset, corner + side * (1 - transform.k)));
        const [x, y] = [inside(transform.x, left), inside(transform.y, top)];
        return zoomIdentity.translate(x, y).scale(transform.k);
      })
      .on('zoom', (event: D3ZoomEvent<HTMLCanvasElement, unknown>) => {
        if (!event.sourceEvent) return;
        const { x, y, k } = event.transform;
        camera.value = { x: x - left, y: y - top, k };
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
