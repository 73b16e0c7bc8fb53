// What changed between two matrices, as cells with colors: more and less in different hues, what may be noise in grey.

import { type Camera, cellSize } from './camera';
import { compactCount, percent, shortValue } from './format';
import { drawGround, fillBox, gridOf, type Range, ROWS_IN_A_PIECE } from './grid';
import { type CellNumber, fontFor, type Measure } from './marks';
import type { Normalize } from './matrix';
import { inkOn, type Palette, type Ramp } from './palette';
import { largestOf, type Pick } from './pick';
import type { Work } from './pieces';
import type { Changes, OnAndOff } from './significance';

/** More and less, each from faint to full, and the same in grey. */
export interface DivergingRamps {
  readonly more: Ramp;
  readonly less: Ramp;
  readonly noise: Ramp;
}

export interface DifferencePicture {
  readonly numClasses: number;
  readonly changes: Changes;
  /** The changes that have the full color. */
  readonly most: OnAndOff;
  readonly ramps: DivergingRamps;
  readonly palette: Palette;
  readonly normalize: Normalize;
  readonly log: boolean;
  readonly neverSeen: (row: number) => boolean;
}

/** How large a change is beside the largest of its kind, from 1 to 255; 0 where there is none, or none that is defined. */
function placeOf(i: number, { changes, most, log }: DifferencePicture): number {
  const change = Math.abs(changes.difference[i]);
  if (!(change > 0)) return 0;
  const t = Math.min(1, change / (changes.rows[i] === changes.cols[i] ? most.correct : most.wrong));
  return Math.max(1, Math.round(255 * (log ? Math.log1p(t * 50) / Math.log1p(50) : t)));
}

function colorOf(i: number, place: number, { changes, ramps }: DifferencePicture): number {
  return (changes.significant[i] === 0 ? ramps.noise : changes.difference[i] > 0 ? ramps.more : ramps.less)[place];
}

/** Draws the square `side` x `side` pixels of what the camera shows, some rows in each piece. */
export function* drawDifference(pixels: Uint32Array, side: number, camera: Camera, picture: DifferencePicture): Work<void> {
  const { changes, numClasses, palette, neverSeen } = picture;
  const { rowStart } = changes;
  const grid = gridOf(side, camera, numClasses);
  drawGround(pixels, side, grid, palette, neverSeen);
  const best = grid.size < 2 ? new Uint16Array(pixels.length) : null;
  const inside = (at: number) => (best ? Math.min(side - 1, Math.max(0, at)) : at); // also where less than half a pixel is in view
  for (let row = grid.down.first; row <= grid.down.last; row++) {
    if (row % ROWS_IN_A_PIECE === 0) yield row / numClasses;
    const top = inside(grid.top(row));
    const bottom = grid.bottom(row);
    for (let i = rowStart[row]; i < rowStart[row + 1]; i++) {
      const column = changes.cols[i];
      if (column < grid.across.first || column > grid.across.last) continue;
      const place = placeOf(i, picture);
      if (place === 0) continue;
      const left = inside(grid.left(column));
      if (best) {
        const at = top * side + left;
        // What is more than noise wins over what is not, whatever its size.
        const rank = changes.significant[i] === 0 ? place : 256 + place;
        if (rank <= best[at]) continue;
        best[at] = rank;
        if (grid.size <= 1) {
          const color = colorOf(i, place, picture);
          if (rank > 256) spread(pixels, best, side, left, top, color, rank);
          else pixels[at] = color;
          continue;
        }
      }
      const color = colorOf(i, place, picture);
      fillBox(pixels, side, left, top, Math.max(grid.right(column), left + 1), Math.max(bottom, top + 1), color);
    }
  }
}

/** A pixel and those around it that show less: what is more than noise is rare, and one pixel of it would not be found. */
function spread(pixels: Uint32Array, best: Uint16Array, side: number, x: number, y: number, color: number, rank: number): void {
  for (let down = Math.max(0, y - 1); down <= Math.min(side - 1, y + 1); down++) {
    for (let across = Math.max(0, x - 1); across <= Math.min(side - 1, x + 1); across++) {
      const at = down * side + across;
      if (best[at] > rank) continue;
      best[at] = rank;
      pixels[at] = color;
    }
  }
}

/** The cell that changed most among some, and around them what changed by more than noise: that is seen there, too. */
export function changedMost(picture: DifferencePicture): Pick {
  const { changes, numClasses } = picture;
  const { rowStart } = changes;
  const among = (down: Range, across: Range, isWanted: (i: number) => boolean) => {
    const largest = largestOf();
    for (let row = Math.max(0, down.first); row <= Math.min(numClasses - 1, down.last); row++) {
      for (let i = rowStart[row]; i < rowStart[row + 1]; i++) {
        const column = changes.cols[i];
        if (column < across.first || column > across.last || !isWanted(i)) continue;
        const place = placeOf(i, picture);
        if (place > 0) largest.add(row, column, changes.significant[i] === 0 ? place : 256 + place);
      }
    }
    return largest.found;
  };
  const wider = ({ first, last }: Range) => ({ first: 2 * first - last - 1, last: 2 * last - first + 1 });
  return (down, across) =>
    among(wider(down), wider(across), (i) => changes.significant[i] === 1) ?? among(down, across, () => true);
}

const NUMBERS_FROM = 26;

/** A change with its sign; of shares in percentage points. */
export function signed(change: number, normalize: Normalize): string {
  return withSign(change, normalize === 'counts' ? compactCount : (size) => percent(size).replace('%', ' points'));
}

/** The same as short as it can be told, where the unit is known. */
function shortSigned(change: number, normalize: Normalize): string {
  return withSign(change, (size) => shortValue(size, normalize).replace('%', ''));
}

function withSign(change: number, told: (size: number) => string): string {
  if (Number.isNaN(change)) return 'n/a';
  return `${change > 0 ? '+' : change < 0 ? '−' : ''}${told(Math.abs(change))}`;
}

/** The changes of the visible cells, where they fit; `measure` is for a font of numberSize(size). What may be noise is not told where something larger has no room. */
export function differenceNumbers(side: number, camera: Camera, picture: DifferencePicture, measure: Measure): CellNumber[] {
  const { changes, numClasses, normalize } = picture;
  const { rowStart } = changes;
  const size = cellSize(camera, side, numClasses);
  const real: CellNumber[] = [];
  const noise: CellNumber[] = [];
  if (size < NUMBERS_FROM) return real;
  let all = true;
  const { across, down } = gridOf(side, camera, numClasses);
  for (let row = down.first; row <= down.last; row++) {
    for (let i = rowStart[row]; i < rowStart[row + 1]; i++) {
      const column = changes.cols[i];
      const place = column >= across.first && column <= across.last ? placeOf(i, picture) : 0;
      if (place === 0) continue;
      const isReal = changes.significant[i] === 1;
      const text = shortSigned(changes.difference[i], normalize);
      const font = fontFor(text, size, measure);
      if (font === 0) {
        all &&= !isReal;
        continue;
      }
      const [x, y] = [camera.x + (column + 0.5) * size, camera.y + (row + 0.5) * size];
      (isReal ? real : noise).push({ text, x, y, font, ink: inkOn(colorOf(i, place, picture)) });
    }
  }
  return all ? [...real, ...noise] : real;
}
