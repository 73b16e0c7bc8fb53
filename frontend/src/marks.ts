// What is written around and into the cells, as a list of texts with places: which labels fit, which numbers do.

import { type Camera, cellSize, visibleClasses } from './camera';
import { nameOf, shortValue } from './format';
import { denominator, firstCellFrom } from './matrix';
import { inkOn, toCss } from './palette';
import type { Picture } from './raster';

export type Measure = (text: string) => number;

export interface Label {
  readonly index: number;
  readonly text: string;
  /** The middle of the class along its axis, in pixels of the viewport. */
  readonly at: number;
}

/** A number in a cell, where its middle is, and its font's size. */
export interface CellNumber {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly font: number;
  readonly ink: string;
}

export const LABEL_SIZE = 12;
const LABEL_SPACING = 15;
const NUMBERS_FROM = 24;
const ZEROS_FROM = 36;
const NUMBER_SIZE = { least: 10, most: 26 };
const LEAST_READ = 8;

/** The labels of one axis. At most one every LABEL_SPACING pixels: every class, every 2nd, 5th, 10th, 20th and so on. */
export function axisLabels(
  names: readonly string[] | null,
  numClasses: number,
  offset: number,
  size: number,
  side: number,
  width: number,
  measure: Measure,
): Label[] {
  const stride = strideOf(LABEL_SPACING / size);
  const { first, last } = visibleClasses(offset, size, side, numClasses);
  const labels: Label[] = [];
  for (let index = Math.ceil(first / stride) * stride; index <= last; index += stride) {
    const at = offset + (index + 0.5) * size;
    if (at >= 0 && at <= side) labels.push({ index, text: cutInTheMiddle(nameOf(names, index), width, measure), at });
  }
  return labels;
}

/** 1, 2, 5, 10, 20, 50 and so on: the first that is at least `least`. */
export function strideOf(least: number): number {
  for (let power = 1; ; power *= 10) {
    for (const digit of [1, 2, 5]) if (digit * power >= least) return digit * power;
  }
}

/** Names are told apart by their ends as much as by their beginnings. */
export function cutInTheMiddle(text: string, width: number, measure: Measure): string {
  if (text.length < 400 && measure(text) <= width) return text;
  const letters = [...text];
  let low = 0;
  let high = Math.min(letters.length - 1, 400);
  const cut = (kept: number) => {
    const head = Math.ceil(kept / 2);
    return `${letters.slice(0, head).join('')}…${letters.slice(letters.length - (kept - head)).join('')}`;
  };
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (measure(cut(middle)) <= width) low = middle;
    else high = middle - 1;
  }
  return cut(low);
}

/** The same by the number of letters, for texts that the page itself lays out. */
export function cutTo(text: string, letters: number): string {
  return cutInTheMiddle(text, letters, (part) => [...part].length);
}

/** The room that the longest label needs, up to a limit. */
export function labelWidth(names: readonly string[] | null, numClasses: number, limit: number, measure: Measure): number {
  if (!names) return Math.min(limit, Math.ceil(measure(String(numClasses - 1))));
  const longest = [...names].sort((a, b) => b.length - a.length).slice(0, 30);
  return Math.min(limit, Math.ceil(Math.max(...longest.map((name) => (name.length < 400 ? measure(name) : limit)))));
}

export function numberSize(size: number): number {
  return Math.round(Math.min(NUMBER_SIZE.most, Math.max(NUMBER_SIZE.least, size * 0.26 + 2)));
}

/** The size at which a number fits a cell: that of all, or smaller where it is long; 0 where none could read it. `measure` is for that of all. */
export function fontFor(text: string, size: number, measure: Measure): number {
  const usual = numberSize(size);
  const font = Math.min(usual, Math.floor((usual * (size - 4)) / measure(text)));
  return font < LEAST_READ ? 0 : font;
}

/** The numbers of the visible cells, where they fit; `measure` is for a font of numberSize(size). */
export function cellNumbers(side: number, camera: Camera, picture: Picture, mutedInk: string, measure: Measure): CellNumber[] {
  const { matrix, normalize, scale, palette, hideDiagonal = false, hideBelow = 0 } = picture;
  const n = matrix.numClasses;
  const size = cellSize(camera, side, n);
  if (size < NUMBERS_FROM) return [];
  const numbers: CellNumber[] = [];
  const across = visibleClasses(camera.x, size, side, n);
  const down = visibleClasses(camera.y, size, side, n);
  const add = (row: number, column: number, count: number) => {
    const of = denominator(matrix, normalize, row, column);
    if (row === column ? hideDiagonal : count > 0 && count < hideBelow) return;
    if (of === 0 || (count === 0 && (size < ZEROS_FROM || matrix.support[row] === 0))) return;
    const value = count / of;
    const text = shortValue(value, normalize);
    const font = fontFor(text, size, measure);
    if (font === 0) return;
    const correct = row === matrix.rest ? palette.frame : palette.correct[scale.correct(value)];
    const color = row === column ? correct : palette.wrong[scale.wrong(value)];
    const ink = count === 0 ? mutedInk : inkOn(color);
    numbers.push({ text, x: camera.x + (column + 0.5) * size, y: camera.y + (row + 0.5) * size, font, ink });
  };
  for (let row = down.first; row <= down.last; row++) {
    let i = firstCellFrom(matrix, row, across.first);
    for (let column = across.first; column <= across.last; column++) {
      if (row === column) add(row, column, matrix.diagonal[row]);
      else if (i < matrix.rowStart[row + 1] && matrix.cols[i] === column) add(row, column, matrix.counts[i++]);
      else add(row, column, 0);
    }
  }
  return numbers;
}

/** The colors of a ramp as a CSS gradient, for its legend. */
export function gradientOf(ramp: Uint32Array): string {
  const stops = Array.from({ length: 9 }, (_, i) => toCss(ramp[Math.max(1, Math.round((i / 8) * 255))]));
  return `linear-gradient(to right, ${stops.join(', ')})`;
}
