// The strokes of a canvas as SVG: shapes as shapes, text as text.

import type { Camera } from './camera';
import { toCss } from './palette';

export type DrawPixels = (pixels: Uint32Array, side: number, camera: Camera) => void;

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
  private readonly parts: string[] = [];
  private path = '';
  private clips = 0;

  constructor(
    private readonly width: number,
    private readonly height: number,
    private readonly background: string,
  ) {}

  toString(): string {
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}">\n` +
      `<rect width="100%" height="100%" fill="${this.background}"/>\n${this.parts.join('\n')}\n</svg>\n`
    );
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
    draw(pixels, side, view);
    const drawn = rectangles(pixels, side).map(
      ({ x, y, width, height, color }) => `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${toCss(color)}"/>`,
    );
    this.add(`<g shape-rendering="crispEdges">${drawn.join('')}</g>`);
  }

  private add(shape: string): void {
    const alpha = this.globalAlpha === 1 ? '' : ` opacity="${this.globalAlpha}"`;
    const moved = this.moved();
    this.parts.push(moved || alpha || this.clipping ? `<g${this.clipping}><g${moved}${alpha}>${shape}</g></g>` : shape);
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

interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
  color: number;
}

/** Rectangles of one color that make up a square of pixels: each line's runs, those that go on in the next line put together. */
export function rectangles(pixels: Uint32Array, side: number): Rectangle[] {
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
