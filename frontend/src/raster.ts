// The cells of a matrix as pixels. A pure function of numbers: what canvas shows them is somebody else's business.

import { type Camera, cellSize, visibleClasses } from './camera';
import { eachVisible } from './grid';
import { denominator, firstCellFrom, type Matrix, type Normalize } from './matrix';
import type { Palette } from './palette';
import { largestOf, type Pick } from './pick';
import type { Scale } from './scale';

export interface Picture {
  readonly matrix: Matrix;
  readonly normalize: Normalize;
  readonly scale: Scale;
  readonly palette: Palette;
  readonly hideDiagonal?: boolean;
  /** Confusions of a smaller count are not drawn. */
  readonly hideBelow?: number;
}

/** The cell that stands out most among some. */
export function standingOut({ matrix, normalize, scale, hideDiagonal = false, hideBelow = 0 }: Picture): Pick {
  return (down, across) => {
    const largest = largestOf();
    eachVisible(matrix, { down, across }, (row, column, count) => {
      const value = count / denominator(matrix, normalize, row, column);
      if (row === column) {
        if (!hideDiagonal) largest.add(row, column, 2 * scale.correct(value) + 1);
      } else if (count >= hideBelow) largest.add(row, column, 2 * scale.wrong(value));
    });
    return largest.found;
  };
}

/** Cells from this size on are set apart by lines. */
export const GRID_FROM = 5;
const HATCH_PERIOD = 8;

/** Draws the square `side` x `side` pixels of what the camera shows; camera and side are in the same pixels as `pixels`. */
export function drawCells(pixels: Uint32Array, side: number, camera: Camera, picture: Picture): void {
  const size = cellSize(camera, side, picture.matrix.numClasses);
  if (size < 1) drawPooled(pixels, side, camera, size, picture);
  else drawEach(pixels, side, camera, size, picture);
}

function drawEach(pixels: Uint32Array, side: number, camera: Camera, size: number, picture: Picture): void {
  const { matrix, normalize, scale, palette, hideDiagonal = false, hideBelow = 0 } = picture;
  const n = matrix.numClasses;
  const line = size >= GRID_FROM ? (size < 80 ? 1 : 2) : 0;
  const across = visibleClasses(camera.x, size, side, n);
  const down = visibleClasses(camera.y, size, side, n);
  const edge = (offset: number, index: number) => Math.min(side, Math.max(0, Math.round(offset + index * size)));
  // Where a column ends less its line, which a cell cut off at the edge of the viewport does not have.
  const left = new Int32Array(across.last - across.first + 2);
  for (let column = across.first; column <= across.last + 1; column++) left[column - across.first] = edge(camera.x, column);
  const right = (column: number) => Math.max(left[column - across.first], Math.round(camera.x + (column + 1) * size) - line);

  const empty = new Uint32Array(side).fill(palette.grid);
  for (let column = across.first; column <= across.last; column++) {
    empty.fill(palette.zero, left[column - across.first], Math.min(side, right(column)));
  }
  for (let row = down.first; row <= down.last; row++) {
    const top = edge(camera.y, row);
    const bottom = edge(camera.y, row + 1);
    const inner = Math.min(bottom, Math.max(top, Math.round(camera.y + (row + 1) * size) - line));
    if (bottom <= top) continue;
    const start = top * side;
    pixels.set(empty, start);
    const fill = (column: number, color: number) =>
      pixels.fill(color, start + left[column - across.first], start + Math.min(side, right(column)));
    if (row >= across.first && row <= across.last && matrix.diagonal[row] > 0 && !hideDiagonal) {
      // What was confused within the rest, and what was not, is one number: neither correct nor wrong.
      const value = matrix.diagonal[row] / denominator(matrix, normalize, row, row);
      fill(row, row === matrix.rest ? palette.frame : palette.correct[scale.correct(value)]);
    }
    const end = matrix.rowStart[row + 1];
    for (let i = firstCellFrom(matrix, row, across.first); i < end && matrix.cols[i] <= across.last; i++) {
      const column = matrix.cols[i];
      if (matrix.counts[i] >= hideBelow)
        fill(column, palette.wrong[scale.wrong(matrix.counts[i] / denominator(matrix, normalize, row, column))]);
    }
    for (let y = top + 1; y < inner; y++) pixels.copyWithin(y * side, start, start + side);
    for (let y = inner; y < bottom; y++) pixels.fill(palette.grid, y * side, (y + 1) * side);
    if (matrix.support[row] === 0) hatch(pixels, side, top, inner, palette.hatch);
  }
  if (normalize === 'pred' || normalize === 'all') {
    for (let column = across.first; column <= across.last; column++) {
      if (denominator(matrix, normalize, 0, column) === 0) {
        dot(pixels, side, left[column - across.first], Math.min(side, right(column)), palette.hatch);
      }
    }
  }
}

/** Counts up to this are nearly all there are where cells are pooled; their places are looked up. */
const FREQUENT = 256;

/** Several cells a pixel: the largest of them, so that one lone confusion is still seen and the legend stays true. */
function drawPooled(pixels: Uint32Array, side: number, camera: Camera, size: number, picture: Picture): void {
  const { matrix, normalize, scale, palette, hideDiagonal = false, hideBelow = 0 } = picture;
  const { rowStart, cols, counts, diagonal, support, predicted } = matrix;
  const { correct, wrong } = palette;
  // A class belongs to the pixel in which its middle lies.
  const within = (offset: number) => ({
    first: Math.max(0, Math.ceil(-offset / size - 0.5)),
    last: Math.min(matrix.numClasses, Math.ceil((side - offset) / size - 0.5)) - 1,
  });
  const [across, down] = [within(camera.x), within(camera.y)];
  const pixelOf = (offset: number, index: number) => Math.min(side - 1, Math.max(0, Math.floor(offset + (index + 0.5) * size)));
  const byColumn = normalize === 'pred';
  const byCount = normalize === 'counts' || normalize === 'all';
  const places = new Uint8Array(FREQUENT);
  if (byCount)
    for (let count = 1; count < FREQUENT; count++) places[count] = scale.wrong(count / denominator(matrix, normalize, 0, 0));
  const xOf = new Int32Array(matrix.numClasses);
  for (let column = across.first; column <= across.last; column++) xOf[column] = pixelOf(camera.x, column);
  // What each pixel of a line shows: twice the place, and one more for the diagonal. Where that shares a pixel with a confusion,
  // the one that stands out more is seen, and of equals the diagonal.
  const shown = new Uint16Array(side);
  let line = -side;
  for (let row = down.first; row <= down.last; row++) {
    const start = pixelOf(camera.y, row) * side;
    if (start !== line) {
      shown.fill(0);
      pixels.fill(palette.zero, line + side, start + side); // line by line, while it is at hand
      line = start;
    }
    if (diagonal[row] > 0 && row >= across.first && row <= across.last && !hideDiagonal) {
      const x = xOf[row];
      const value = 2 * scale.correct(diagonal[row] / denominator(matrix, normalize, row, row)) + 1;
      if (value > shown[x]) {
        shown[x] = value;
        pixels[line + x] = correct[value >> 1];
      }
    }
    const ofRow = byColumn ? 1 : denominator(matrix, normalize, row, 0);
    const end = rowStart[row + 1];
    let i = across.first === 0 ? rowStart[row] : firstCellFrom(matrix, row, across.first);
    for (; i < end && cols[i] <= across.last; i++) {
      const count = counts[i];
      if (count < hideBelow) continue;
      const x = xOf[cols[i]];
      const whole = count | 0;
      const known = byCount && whole === count && whole < FREQUENT;
      const value = 2 * (known ? places[whole] : scale.wrong(count / (byColumn ? predicted[cols[i]] : ofRow)));
      if (value > shown[x]) {
        shown[x] = value;
        pixels[line + x] = wrong[value >> 1];
      }
    }
  }
  pixels.fill(palette.zero, line + side);

  // A line of pixels is marked when that holds for every class on it.
  const seen = new Uint8Array(side);
  const defined = new Uint8Array(side);
  for (let row = down.first; row <= down.last; row++) if (support[row] > 0) seen[pixelOf(camera.y, row)] = 1;
  for (let y = 0; y < side; y++) if (!seen[y]) hatch(pixels, side, y, y + 1, palette.hatch);
  if (normalize === 'counts' || normalize === 'true') return;
  for (let column = across.first; column <= across.last; column++) {
    if (denominator(matrix, normalize, 0, column) > 0) defined[xOf[column]] = 1;
  }
  for (let x = 0; x < side; x++) if (!defined[x] && x % (HATCH_PERIOD / 2) === 0) dot(pixels, side, x - 2, x + 1, palette.hatch);
}

export function hatch(pixels: Uint32Array, side: number, top: number, bottom: number, color: number): void {
  for (let y = top; y < bottom; y++) {
    for (let x = (HATCH_PERIOD - (y % HATCH_PERIOD)) % HATCH_PERIOD; x < side; x += HATCH_PERIOD) pixels[y * side + x] = color;
  }
}

export function dot(pixels: Uint32Array, side: number, left: number, right: number, color: number): void {
  for (let y = 2; y < side; y += HATCH_PERIOD / 2) {
    for (let x = left + 2; x < right; x += HATCH_PERIOD / 2) pixels[y * side + x] = color;
  }
}
