// Where sheets lie: the room for their labels and margins, and the squares of cells, as large as can be.

import type { ClassList } from '../arrange';
import { viewportSide } from '../camera';
import { LABEL_SIZE, labelWidth } from '../marks';
import { classes } from '../seen';
import { measureIn } from './surface';

export const PAD = 8;
export const GAP = 16;
export const AXIS_TITLE = 20;
const TITLE = 24;
const LABELS_AT_MOST = { beside: 150, above: 90 };
const MARGIN = 40;
const MARGIN_FROM = 260;
const LEAST_SIDE = 100;

const widestOf = new WeakMap<readonly string[], number>();

/** Measured once a class list: among ten thousand names it takes milliseconds. */
function widestLabel(list: ClassList): number {
  const { names, size } = list.size === classes.value.size ? classes.value : list; // in whatever order
  const known = names && widestOf.get(names);
  const widest = known ?? labelWidth(names, size, LABELS_AT_MOST.beside, measureIn(LABEL_SIZE));
  if (names) widestOf.set(names, widest);
  return widest;
}

/** Where the square of cells lies in its sheet: the room for labels and for bars of the margins, and its side. */
export interface Layout {
  readonly left: number;
  readonly top: number;
  readonly beside: number;
  readonly above: number;
  readonly flat: boolean;
  readonly margin: number;
  readonly side: number;
}

export interface Panels {
  readonly columns: number;
  /** The layout of the sheet at a position: only those at the edges have labels. */
  readonly at: (position: number) => Layout;
}

/** So many sheets in a space, as large as can be; they share their labels at the left and at the top. */
export function panelsIn(count: number, list: ClassList, width: number, height: number, withMargins: boolean): Panels {
  const n = Math.max(1, list.size);
  const share = count > 2 ? 0.14 : 0.24;
  const beside = Math.floor(Math.min(widestLabel(list), Math.max(24, Math.min(LABELS_AT_MOST.beside, share * width))));
  const left = AXIS_TITLE + beside + PAD;
  const title = count > 1 ? TITLE : 0;
  let best: { columns: number; side: number; above: number; flat: boolean; margin: number } | undefined;
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(count / columns);
    const across = (width - left - (columns - 1) * (GAP + PAD)) / columns - PAD;
    const down = (room: number) => (height - room - (rows - 1) * (GAP + PAD)) / rows - title - PAD;
    // Names stand upright above the columns where they do not fit side by side.
    const flat = viewportSide(Math.min(across, down(AXIS_TITLE + LABEL_SIZE + PAD)), n) / n >= beside + PAD;
    const above = flat
      ? LABEL_SIZE
      : Math.floor(Math.min(beside, Math.max(40, Math.min(LABELS_AT_MOST.above, 0.8 * share * height))));
    const room = Math.min(across, down(AXIS_TITLE + above + PAD));
    const margin = withMargins && count === 1 && room >= MARGIN_FROM ? MARGIN : 0;
    const side = viewportSide(room - margin, n);
    // Where all cannot be seen at once, one scrolls down to the others, never to the side.
    if (columns > 1 && across < LEAST_SIDE) break;
    if (!best || Math.max(side, LEAST_SIDE) >= Math.max(best.side, LEAST_SIDE)) best = { columns, side, above, flat, margin };
  }
  const { columns, above, flat, margin } = best as NonNullable<typeof best>;
  const side = Math.max(LEAST_SIDE, (best as NonNullable<typeof best>).side);
  return {
    columns,
    at: (position) => ({
      left: position % columns === 0 ? left : PAD,
      top: position < columns ? AXIS_TITLE + above + PAD : PAD,
      beside,
      above: flat ? beside : above,
      flat,
      margin,
      side,
    }),
  };
}
