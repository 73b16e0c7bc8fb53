// Several runs in each cell: a bar for each, then as cells get smaller a stripe for each, then the run with the largest value.

import { type Camera, cellSize } from './camera';
import { compactCount, shortValue } from './format';
import { drawGround, eachVisible, fillBox, type Grid, gridOf, ROWS_IN_A_PIECE } from './grid';
import type { CellNumber, Measure } from './marks';
import { countAt, denominator, firstCellFrom, type Matrix, type Normalize } from './matrix';
import { inkOn, type Palette, type Ramp, toCss } from './palette';
import { largestOf, type Pick } from './pick';
import type { Work } from './pieces';
import type { Scale } from './scale';

/** One run: its matrix, where there is one, and its color from faint to full. */
export interface Competitor {
  readonly matrix: Matrix | null;
  readonly ramp: Ramp;
}

export interface BarPicture {
  readonly runs: readonly Competitor[];
  readonly numClasses: number;
  readonly normalize: Normalize;
  /** How long a bar is, from 1 to 255: for all rows, or by row. */
  readonly scaleOf: (row: number) => Scale;
  readonly palette: Palette;
  readonly hideDiagonal: boolean;
  readonly hideBelow: number;
}

const BARS_FROM = 12;
const STRIPES_FROM = 3;
const NUMBERS_FROM = 11;
/** Of numbers, the largest that fits. */
const FONT_SIZES = [10, 9, 8];
/** The place of a bar's color in the ramp of its run. */
const BAR = 200;

export type Glyph = 'numbers' | 'bars' | 'stripes' | 'pooled';

/** What is drawn in cells of a size. */
export function glyphAt(size: number, runs: number): Glyph {
  if (size >= Math.max(BARS_FROM, 2 * runs)) return (size - 3) / runs >= NUMBERS_FROM && size >= 40 ? 'numbers' : 'bars';
  return size >= Math.max(STRIPES_FROM, runs + 1) ? 'stripes' : 'pooled'; // the line between cells takes one pixel
}

// Kept from picture to picture: a fresh one of this size would keep the garbage collector busy while a slider moves.
let pool = { best: new Uint16Array(0), values: new Float32Array(0) };

/** For each pixel the best place there and whose it is, nothing at first, and its value. Whoever takes it has it until it is given back. */
function takePool(length: number): typeof pool {
  const mine = pool.best.length === length ? pool : { best: new Uint16Array(length), values: new Float32Array(length) };
  pool = { best: new Uint16Array(0), values: new Float32Array(0) };
  mine.best.fill(0);
  return mine;
}

/** Draws the square `side` x `side` pixels of what the camera shows, of many small cells some rows in each piece. */
export function* drawBars(pixels: Uint32Array, side: number, camera: Camera, picture: BarPicture): Work<void> {
  const { runs, numClasses, normalize, scaleOf, palette, hideDiagonal, hideBelow } = picture;
  const grid = gridOf(side, camera, numClasses);
  const neverSeen = (row: number) => runs.every(({ matrix }) => !matrix || matrix.support[row] === 0);
  drawGround(pixels, side, grid, palette, neverSeen);
  const glyph = glyphAt(grid.size, runs.length);
  if (glyph === 'pooled') {
    yield 0;
    return yield* drawPooled(pixels, side, grid, picture);
  }
  for (const [slot, { matrix, ramp }] of runs.entries()) {
    if (!matrix) continue;
    eachVisible(matrix, grid, (row, column, count) => {
      // Within the rest, what was confused and what was not is one number.
      if (row === column ? hideDiagonal || row === matrix.rest : count < hideBelow) return;
      const value = count / denominator(matrix, normalize, row, column);
      const scale = scaleOf(row);
      const place = row === column ? scale.correct(value) : scale.wrong(value);
      const x0 = grid.left(column);
      const y0 = grid.top(row);
      const x1 = grid.right(column);
      const y1 = grid.bottom(row);
      if (glyph === 'stripes') {
        const from = x0 + Math.round((slot * (x1 - x0)) / runs.length);
        const to = x0 + Math.round(((slot + 1) * (x1 - x0)) / runs.length);
        fillBox(pixels, side, from, y0, Math.max(to, from + 1), y1, ramp[place]);
      } else {
        const inner = y1 - y0 - 2;
        const from = y0 + 1 + Math.round((slot * inner) / runs.length);
        const to = y0 + 1 + Math.round(((slot + 1) * inner) / runs.length) - (inner / runs.length >= 4 ? 1 : 0);
        const long = Math.max(1, Math.round(((x1 - x0 - 2) * place) / 255));
        fillBox(pixels, side, x0 + 1, from, x0 + 1 + long, Math.max(to, from + 1), ramp[BAR]);
      }
    });
  }
}

/** In each cell, or on each pixel that several share, the run with the largest value. There may be 100,000 cells: nothing is done twice. */
function* drawPooled(pixels: Uint32Array, side: number, grid: Grid, picture: BarPicture): Work<void> {
  const { runs, normalize, scaleOf, palette, hideDiagonal, hideBelow } = picture;
  const { across, down, size } = grid;
  const inside = (at: number) => Math.min(side - 1, Math.max(0, at));
  const lefts = new Int32Array(across.last + 1);
  for (let column = across.first; column <= across.last; column++) lefts[column] = inside(grid.left(column));
  const mine = takePool(pixels.length);
  const { best, values } = mine;
  for (const [slot, { matrix, ramp }] of runs.entries()) {
    if (!matrix) continue;
    const { rowStart, cols, counts, diagonal, predicted, rest } = matrix;
    const show = (row: number, top: number, column: number, place: number, exact: number) => {
      const left = lefts[column];
      const at = top * side + left;
      const known = best[at] >> 4;
      if (place < known) return;
      const value = Math.fround(exact);
      const isEqual = place === known && value === values[at];
      // Values of one shade may still differ.
      if (place === known && (value < values[at] || (isEqual && (best[at] & 15) === slot))) return;
      best[at] = (place << 4) | slot;
      values[at] = value;
      // Where another run has as much, neither is seen to have more.
      const color = isEqual ? palette.frame : ramp[place];
      if (size <= 1) pixels[at] = color;
      else fillBox(pixels, side, left, top, Math.max(grid.right(column), left + 1), Math.max(grid.bottom(row), top + 1), color);
    };
    for (let row = down.first; row <= down.last; row++) {
      if (row % ROWS_IN_A_PIECE === 0) yield (slot + row / picture.numClasses) / runs.length;
      const top = inside(grid.top(row));
      const scale = scaleOf(row);
      const ofRow = denominator(matrix, normalize, row, row);
      // Within the rest, what was confused and what was not is one number.
      const isShown = diagonal[row] > 0 && row >= across.first && row <= across.last && !hideDiagonal && row !== rest;
      if (isShown) show(row, top, row, scale.correct(diagonal[row] / ofRow), diagonal[row] / ofRow);
      const end = rowStart[row + 1];
      for (let i = firstCellFrom(matrix, row, across.first); i < end && cols[i] <= across.last; i++) {
        if (counts[i] < hideBelow) continue;
        const value = counts[i] / (normalize === 'pred' ? predicted[cols[i]] : ofRow);
        show(row, top, cols[i], scale.wrong(value), value);
      }
    }
  }
  pool = mine;
}

/** The cell with the largest bar among some. */
export function longest({ runs, normalize, scaleOf, hideDiagonal, hideBelow }: BarPicture): Pick {
  return (down, across) => {
    const largest = largestOf();
    for (const { matrix } of runs) {
      if (!matrix) continue;
      eachVisible(matrix, { down, across }, (row, column, count) => {
        if (row === column ? hideDiagonal || row === matrix.rest : count < hideBelow) return;
        const value = count / denominator(matrix, normalize, row, column);
        largest.add(row, column, row === column ? scaleOf(row).correct(value) : scaleOf(row).wrong(value));
      });
    }
    return largest.found;
  };
}

/** The value of every run beside its bar, where it fits. */
export function barNumbers(side: number, camera: Camera, picture: BarPicture, ink: string, measure: Measure): CellNumber[] {
  const { runs, numClasses, normalize, scaleOf, hideDiagonal, hideBelow } = picture;
  if (glyphAt(cellSize(camera, side, numClasses), runs.length) !== 'numbers') return [];
  const { across, down, size } = gridOf(side, camera, numClasses);
  const numbers: CellNumber[] = [];
  for (let row = down.first; row <= down.last; row++) {
    for (let column = across.first; column <= across.last; column++) {
      for (const [slot, { matrix, ramp }] of runs.entries()) {
        if (!matrix || matrix.support[row] === 0 || (row === column && hideDiagonal)) continue;
        const count = countAt(matrix, row, column);
        const of = denominator(matrix, normalize, row, column);
        if (count === 0 || of === 0 || (row !== column && count < hideBelow)) continue;
        const text = normalize === 'counts' ? compactCount(count) : shortValue(count / of, normalize);
        const y = camera.y + row * size + 1 + ((slot + 0.5) * (size - 3)) / runs.length;
        const scale = scaleOf(row);
        const bar = ((size - 3) * (row === column ? scale.correct(count / of) : scale.wrong(count / of))) / 255;
        for (const font of FONT_SIZES) {
          const width = (measure(text) * font) / FONT_SIZES[0];
          // At the end of the cell, or at the end of a bar that is so long that it would reach into the number; never half on a bar.
          const isBeside = bar + width <= size - 6;
          const room = isBeside ? size - 4 : Math.min(bar, size - 4);
          if (room < width + 2) continue;
          const end = isBeside ? room : Math.max(width + 2, room - 2);
          numbers.push({ text, x: camera.x + column * size + end - width / 2, y, font, ink: isBeside ? ink : inkOn(ramp[BAR]) });
          break;
        }
      }
    }
  }
  return numbers;
}

export const BAR_FONT_SIZE = FONT_SIZES[0];

/** The solid color of a run, as its bars have it. */
export function runCss(ramp: Ramp): string {
  return toCss(ramp[255]);
}
