// Where cells lie in a square of pixels, cell by cell: the ground that views other than the heatmap draw on.

import { type Camera, cellSize, visibleClasses } from './camera';
import { firstCellFrom, type Matrix } from './matrix';
import type { Palette } from './palette';
import { GRID_FROM, hatch } from './raster';

export interface Range {
  readonly first: number;
  readonly last: number;
}

/** So many rows of many classes are drawn in a piece. */
export const ROWS_IN_A_PIECE = 512;

/** The visible classes along both axes, and the pixels from which to which a class goes, less the line behind it, in view or not. */
export interface Grid {
  readonly size: number;
  readonly across: Range;
  readonly down: Range;
  readonly left: (column: number) => number;
  readonly right: (column: number) => number;
  readonly top: (row: number) => number;
  readonly bottom: (row: number) => number;
}

export function gridOf(side: number, camera: Camera, n: number): Grid {
  const size = cellSize(camera, side, n);
  const line = size >= GRID_FROM ? (size < 80 ? 1 : 2) : 0;
  const start = (offset: number, index: number) => Math.round(offset + index * size);
  // Of several cells on a pixel each has it all.
  const end = (offset: number, index: number) => Math.max(start(offset, index + 1) - line, start(offset, index) + (line ? 0 : 1));
  const [across, down] = [visibleClasses(camera.x, size, side, n), visibleClasses(camera.y, size, side, n)];
  const edges = (of: (offset: number, index: number) => number, offset: number, { first, last }: Range) => {
    let found: Int32Array | undefined; // only where one asks: of many classes they take a while
    const all = () => {
      const each = new Int32Array(Math.max(0, last - first + 1));
      for (let i = 0; i < each.length; i++) each[i] = of(offset, first + i);
      return each;
    };
    return (index: number) => {
      found ??= all();
      return found[index - first];
    };
  };
  return {
    size,
    across,
    down,
    left: edges(start, camera.x, across),
    right: edges(end, camera.x, across),
    top: edges(start, camera.y, down),
    bottom: edges(end, camera.y, down),
  };
}

/** Empty cells with lines between them; the rows of classes that were never seen are hatched. */
export function drawGround(
  pixels: Uint32Array,
  side: number,
  grid: Grid,
  palette: Palette,
  neverSeen: (row: number) => boolean,
): void {
  const { across, down } = grid;
  pixels.fill(grid.size >= GRID_FROM ? palette.grid : palette.zero);
  if (grid.size >= GRID_FROM) {
    for (let row = down.first; row <= down.last; row++) {
      const top = Math.max(0, grid.top(row));
      const bottom = Math.min(side, grid.bottom(row));
      if (bottom <= top) continue;
      for (let column = across.first; column <= across.last; column++) {
        fillBox(pixels, side, grid.left(column), top, grid.right(column), top + 1, palette.zero);
      }
      for (let y = top + 1; y < bottom; y++) pixels.copyWithin(y * side, top * side, (top + 1) * side);
    }
  }
  // A line of pixels is hatched when none of the classes on it was seen.
  const unseen = new Uint8Array(side);
  for (let row = down.first; row <= down.last; row++) if (neverSeen(row)) mark(unseen, grid.top(row), grid.bottom(row), 1);
  for (let row = down.first; row <= down.last; row++) if (!neverSeen(row)) mark(unseen, grid.top(row), grid.bottom(row), 0);
  for (let y = 0; y < side; y++) if (unseen[y]) hatch(pixels, side, y, y + 1, palette.hatch);
}

function mark(lines: Uint8Array, top: number, bottom: number, value: number): void {
  if (bottom > 0) lines.fill(value, Math.max(0, top), bottom);
}

/** Fills a rectangle, its right and lower edges not included. */
export function fillBox(pixels: Uint32Array, side: number, x0: number, y0: number, x1: number, y1: number, color: number): void {
  const left = Math.max(0, x0);
  const right = Math.min(side, x1);
  const bottom = Math.min(side, y1);
  if (right <= left) return;
  for (let y = Math.max(0, y0); y < bottom; y++) pixels.fill(color, y * side + left, y * side + right);
}

/** Visits the visible cells of a matrix that are not zero. */
export function eachVisible(
  matrix: Matrix,
  { across, down }: Pick<Grid, 'across' | 'down'>,
  visit: (row: number, column: number, count: number) => void,
): void {
  const { rowStart, cols, counts, diagonal } = matrix;
  for (let row = down.first; row <= down.last; row++) {
    if (diagonal[row] > 0 && row >= across.first && row <= across.last) visit(row, row, diagonal[row]);
    const end = rowStart[row + 1];
    for (let i = firstCellFrom(matrix, row, across.first); i < end && cols[i] <= across.last; i++) visit(row, cols[i], counts[i]);
  }
}
