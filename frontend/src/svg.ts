// The strokes of a canvas as SVG: shapes as shapes, text as text.

import type { Camera } from './camera';
import { toCss } from './palette';
import { finished, part, type Work, written } from './pieces';

/** Draws all pixels of a square: at once, or as work piece by piece. */
export type DrawPixels = (pixels: Uint32Array, side: number, camera: Camera) => Work<void> | void;

interface Style {
  fillStyle: string;
  strokeStyle: string;
  lineWidth: number;
  globalAlpha: number;
  font: string;
  textAlign: string;
  textBaseline: string;
  transform: readonly string[];
  clipping: string;
}

/** As much of a canvas' 2D context as the views use. */
export class SvgContext implements Style {
  fillStyle = '#000000';
  strokeStyle = '#000000';
  lineWidth = 1;
  globalAlpha = 1;
  font = '12px sans-serif';
  textAlign = 'left';
  textBaseline = 'alphabetic';
  transform: readonly string[] = [];
  clipping = '';
  private readonly saved: Style[] = [];
  private readonly parts: (string | Pixels)[] = [];
  private path = '';
  private clips = 0;

  constructor(
    private readonly width: number,
    private readonly height: number,
    private readonly background: string,
  ) {}

  /** The document, in texts that follow one another. */
  *texts(): Work<string[]> {
    const size = `width="${this.width}" height="${this.height}"`;
    const texts = [
      `<svg xmlns="http://www.w3.org/2000/svg" ${size} viewBox="0 0 ${this.width} ${this.height}">\n`,
      `<rect width="100%" height="100%" fill="${this.background}"/>\n`,
    ];
    const squares = this.parts.filter((one) => typeof one !== 'string').length;
    let done = 0;
    for (const one of this.parts) {
      if (typeof one === 'string') texts.push(one, '\n');
      else texts.push(one.before, ...(yield* part(drawnPixels(one), done / squares, ++done / squares)), one.after, '\n');
    }
    return [...texts, '</svg>\n'];
  }

  save(): void {
    const { fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline, transform, clipping } = this;
    this.saved.push({ fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline, transform, clipping });
  }

  restore(): void {
    Object.assign(this, this.saved.pop());
  }

  translate(x: number, y: number): void {
    this.transform = [...this.transform, `translate(${round(x)} ${round(y)})`];
  }

  rotate(angle: number): void {
    this.transform = [...this.transform, `rotate(${round((angle * 180) / Math.PI)})`];
  }

  beginPath(): void {
    this.path = '';
  }

  moveTo(x: number, y: number): void {
    this.path += `M${round(x)} ${round(y)}`;
  }

  lineTo(x: number, y: number): void {
    this.path += `L${round(x)} ${round(y)}`;
  }

  rect(x: number, y: number, width: number, height: number): void {
    this.path += `M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${round(-width)}z`;
  }

  clip(): void {
    const id = `clip${++this.clips}`;
    this.parts.push(`<clipPath id="${id}"><path d="${this.path}"${this.moved()}/></clipPath>`);
    this.clipping = ` clip-path="url(#${id})"`;
  }

  stroke(): void {
    this.add(`<path d="${this.path}" fill="none"${this.stroked()}/>`);
  }

  fill(): void {
    this.add(`<path d="${this.path}"${this.filled()}/>`);
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.add(`<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"${this.filled()}/>`);
  }

  strokeRect(x: number, y: number, width: number, height: number): void {
    this.add(
      `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="none"${this.stroked()}/>`,
    );
  }

  fillText(text: string, x: number, y: number): void {
    const anchor = { center: 'middle', right: 'end' }[this.textAlign] ?? 'start';
    const baseline = this.textBaseline === 'middle' ? ' dominant-baseline="central"' : '';
    const font = escaped(this.font);
    this.add(
      `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${baseline} style="font:${font}"${this.filled()}>${escaped(text)}</text>`,
    );
  }

  /** Pixels as rectangles of one color each. */
  drawPixels(side: number, view: Camera, draw: DrawPixels): void {
    const pixels = new Uint32Array(side * side);
    const work = draw(pixels, side, view);
    if (work) finished(work);
    const [before, after] = this.around();
    this.parts.push({ before: `${before}<g shape-rendering="crispEdges">`, pixels, side, after: `</g>${after}` });
  }

  private add(shape: string): void {
    this.parts.push(this.around().join(shape));
  }

  /** What comes before and after a shape that is drawn now. */
  private around(): [before: string, after: string] {
    const alpha = this.globalAlpha === 1 ? '' : ` opacity="${this.globalAlpha}"`;
    const moved = this.moved();
    return moved || alpha || this.clipping ? [`<g${this.clipping}><g${moved}${alpha}>`, '</g></g>'] : ['', ''];
  }

  private moved(): string {
    return this.transform.length > 0 ? ` transform="${this.transform.join(' ')}"` : '';
  }

  private filled(): string {
    return ` fill="${escaped(this.fillStyle)}"`;
  }

  private stroked(): string {
    return ` stroke="${escaped(this.strokeStyle)}" stroke-width="${this.lineWidth}"`;
  }
}

/** A square of pixels that become rectangles when the document is written: there may be hundreds of thousands. */
interface Pixels {
  readonly before: string;
  readonly pixels: Uint32Array;
  readonly side: number;
  readonly after: string;
}

function* drawnPixels({ pixels, side }: Pixels): Work<string[]> {
  const all = yield* part(rectangles(pixels, side), 0, 0.5);
  const textOf = ({ x, y, width, height, color }: Rectangle) =>
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${toCss(color)}"/>`;
  return yield* part(
    written(all.length, (i) => textOf(all[i])),
    0.5,
    1,
  );
}

interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
  color: number;
}

/** Rectangles of one color that make up a square of pixels: each line's runs, those that go on in the next line put together. */
export function* rectangles(pixels: Uint32Array, side: number): Work<Rectangle[]> {
  const done: Rectangle[] = [];
  let open = new Map<number, Rectangle>();
  for (let y = 0; y < side; y++) {
    const here = new Map<number, Rectangle>();
    for (let x = 0; x < side; ) {
      const color = pixels[y * side + x];
      let end = x + 1;
      while (end < side && pixels[y * side + end] === color) end++;
      const above = open.get(x);
      if (above && above.width === end - x && above.color === color) {
        above.height++;
        here.set(x, above);
      } else {
        const next = { x, y, width: end - x, height: 1, color };
        here.set(x, next);
        done.push(next);
      }
      x = end;
    }
    open = here;
    yield (y + 1) / side;
  }
  return done;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

export function escaped(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML has no way to write them, nor halves of surrogate pairs
  const unspeakable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/gu;
  return text.replace(unspeakable, '\ufffd').replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
