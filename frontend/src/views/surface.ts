// What the views are painted on: a canvas, or an SVG that is exported; both take the same strokes.

import { type Camera, cellSize } from '../camera';
import { finished, type Work } from '../pieces';
import { type DrawPixels, SvgContext } from '../svg';

export const FONT = 'Roboto, "Segoe UI", system-ui, sans-serif';
export type Surface = CanvasRenderingContext2D | SvgContext;
/** Draws into a square at (0, 0) what the camera shows. */
export type Paint = (surface: Surface, side: number, view: Camera) => void;
/** Paints cells, as pixels, and what comes over them. */
export interface Painter {
  readonly paint: Paint;
  /** Draws the pixels piece by piece for the next painting, on a screen of so many pixels for one of CSS. */
  readonly prepare: (side: number, view: Camera, ratio: number) => Work<void>;
}

/** Pixels are drawn sharp where cells are larger than a pixel, in CSS pixels where they are pooled. */
export function painting(numClasses: number, draw: DrawPixels, over: Paint, memoryOf?: MemoryOf): Painter {
  const detailOf = (side: number, view: Camera, ratio: number) => (cellSize(view, side, numClasses) < 1 ? 1 : ratio);
  return {
    paint(surface, side, view) {
      if (surface instanceof SvgContext) surface.drawPixels(side, view, draw);
      else paintPixels(surface, side, view, detailOf(side, view, surface.getTransform().a), draw, memoryOf?.(side, view));
      over(surface, side, view);
    },
    *prepare(side, view, ratio) {
      // What is remembered as a picture is drawn in one piece, which takes a moment.
      if (!memoryOf?.(side, view)) yield* drawn(side, view, detailOf(side, view, ratio), draw);
    },
  };
}

/** Sizes a canvas to the screen's pixels, empties it, and gives a context in CSS pixels. On a ground it is opaque: cheaper to show. */
export function sized(canvas: HTMLCanvasElement, width: number, height: number, ground?: string): CanvasRenderingContext2D {
  const ratio = pixelRatio(width, height);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext('2d', { alpha: ground === undefined }) as CanvasRenderingContext2D;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, w, h);
  if (ground !== undefined) {
    context.fillStyle = ground;
    context.fillRect(0, 0, w, h); // to the last pixel: what is left out would be black
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** Six million pixels at most: more cost time that nobody sees. */
export function pixelRatio(width: number, height: number): number {
  return Math.min(window.devicePixelRatio || 1, Math.sqrt(6e6 / (width * height)));
}

interface Scratch {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  readonly image: ImageData;
  /** What was drawn last, and whether all of it. */
  holds: { readonly draw: DrawPixels; readonly side: number; readonly view: Camera; isWhole: boolean } | null;
}
// Kept from picture to picture, for the sheet and for the minimap, each of its size.
const scratches = new Map<number, Scratch>();
const MOST_SCRATCHES = 3;

function scratchOf(pixels: number): Scratch {
  const known = scratches.get(pixels);
  if (known) return known;
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = pixels;
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  const made = { canvas, context, image: context.createImageData(pixels, pixels), holds: null };
  scratches.set(pixels, made);
  for (const size of scratches.keys()) if (scratches.size > MOST_SCRATCHES) scratches.delete(size);
  return made;
}

/** Where a square of pixels is kept for the next time that it is shown. */
export interface Memory {
  /** The picture of so many pixels a side, if there is one. */
  readonly recall: (pixels: number) => HTMLCanvasElement | undefined;
  readonly keep: (picture: HTMLCanvasElement) => void;
}

export type MemoryOf = (side: number, view: Camera) => Memory | null;

/** Draws what the camera shows into the scratch of its size, unless it is there. */
function* drawn(side: number, view: Camera, detail: number, draw: DrawPixels): Work<void> {
  const pixels = Math.round(side * detail);
  const scratch = scratchOf(pixels);
  const { x, y, k } = view;
  const last = scratch.holds;
  const isSame = last?.draw === draw && last.side === side && last.view.x === x && last.view.y === y && last.view.k === k;
  if (isSame && last.isWhole) return;
  const now = { draw, side, view, isWhole: false };
  scratch.holds = now;
  const factor = pixels / side;
  const work = draw(new Uint32Array(scratch.image.data.buffer), pixels, { x: x * factor, y: y * factor, k });
  for (const done of work ?? []) {
    yield done;
    if (scratch.holds !== now) return; // something else was drawn meanwhile
  }
  now.isWhole = true;
}

/** Puts drawn pixels, all of them, into the square of this side. */
function paintPixels(
  surface: CanvasRenderingContext2D,
  side: number,
  view: Camera,
  detail: number,
  draw: DrawPixels,
  memory?: Memory | null,
): void {
  const pixels = Math.round(side * detail);
  const known = memory?.recall(pixels);
  if (known) {
    surface.imageSmoothingEnabled = false;
    surface.drawImage(known, 0, 0, side, side);
    return;
  }
  finished(drawn(side, view, detail, draw));
  const { canvas, context, image } = scratchOf(pixels);
  if (memory) {
    const picture = document.createElement('canvas');
    picture.width = picture.height = pixels;
    picture.getContext('2d', { alpha: false })?.putImageData(image, 0, 0);
    memory.keep(picture);
  }
  const { a, e, f } = surface.getTransform();
  if (detail === a && Number.isInteger(e) && Number.isInteger(f)) {
    surface.putImageData(image, e, f); // one copy less
    return;
  }
  context.putImageData(image, 0, 0);
  surface.imageSmoothingEnabled = false;
  surface.drawImage(canvas, 0, 0, side, side);
}

const measuring = document.createElement('canvas').getContext('2d') as CanvasRenderingContext2D;

const widths = new Map<string, number>();
const MOST_WIDTHS = 5000;

/** How wide a text is; most are measured again in the next picture. */
export function measureIn(size: number): (text: string) => number {
  const font = `${size}px ${FONT}`;
  return (text) => {
    const key = `${size} ${text}`;
    const known = widths.get(key);
    if (known !== undefined) return known;
    if (widths.size >= MOST_WIDTHS) widths.clear();
    measuring.font = font;
    const { width } = measuring.measureText(text);
    widths.set(key, width);
    return width;
  };
}

/** A line through points. */
export function strokeLine(surface: Surface, points: readonly (readonly [number, number])[]): void {
  surface.beginPath();
  for (const [i, [x, y]] of points.entries()) {
    if (i === 0) surface.moveTo(x, y);
    else surface.lineTo(x, y);
  }
  surface.stroke();
}
