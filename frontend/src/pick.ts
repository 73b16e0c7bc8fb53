// Which cell a pixel shows where it stands for many: what one points at is what one sees.

import { type Camera, type Cell, cellSize } from './camera';
import type { Range } from './grid';

/** The cell of the largest rank among these rows and columns; null where all are empty. */
export type Pick = (rows: Range, columns: Range) => { readonly cell: Cell; readonly rank: number } | null;

/** How far around a pixel that shows nothing one may point. */
const REACH = 1;

/** The cell that is shown at a pixel of a square, or else beside it; null where cells are larger than pixels, and where nothing is. */
export function cellShown(pick: Pick, camera: Camera, side: number, numClasses: number, x: number, y: number): Cell | null {
  const size = cellSize(camera, side, numClasses);
  if (size >= 1 || x < 0 || y < 0 || x >= side || y >= side) return null;
  // A class is on the pixel in which its middle lies.
  const on = (offset: number, first: number, last: number): Range => ({
    first: Math.max(0, Math.ceil((first - offset) / size - 0.5)),
    last: Math.min(numClasses, Math.ceil((last + 1 - offset) / size - 0.5)) - 1,
  });
  const [column, row] = [Math.floor(x), Math.floor(y)];
  const within = (reach: number) =>
    pick(on(camera.y, row - reach, row + reach), on(camera.x, column - reach, column + reach))?.cell ?? null;
  return within(0) ?? within(REACH);
}

/** The first of the largest. */
export function largestOf(): { add: (trueClass: number, predictedClass: number, rank: number) => void; found: ReturnType<Pick> } {
  const made = {
    found: null as ReturnType<Pick>,
    add(trueClass: number, predictedClass: number, rank: number) {
      if (rank > (made.found?.rank ?? 0)) made.found = { cell: { trueClass, predictedClass }, rank };
    },
  };
  return made;
}
