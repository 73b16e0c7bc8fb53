// Where the cells of a matrix lie in a square viewport. Pixels are CSS pixels, from the viewport's upper left corner.

/** Zoom and pan: k times as large as when all fits, moved by x and y pixels. */
export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly k: number;
}

export interface Cell {
  readonly trueClass: number;
  readonly predictedClass: number;
}

export function isSameCell(a: Cell, b: Cell): boolean {
  return a.trueClass === b.trueClass && a.predictedClass === b.predictedClass;
}

export const FIT: Camera = { x: 0, y: 0, k: 1 };
const LARGEST_FITTED_CELL = 220;
const LARGEST_ZOOMED_CELL = 96;

/** The side of the viewport in the space there is: a matrix of few classes does not fill it. */
export function viewportSide(space: number, numClasses: number): number {
  return Math.max(0, Math.floor(Math.min(space, numClasses * LARGEST_FITTED_CELL)));
}

export function cellSize(camera: Camera, side: number, numClasses: number): number {
  return (side / numClasses) * camera.k;
}

export function largestZoom(side: number, numClasses: number): number {
  return Math.max(1, (LARGEST_ZOOMED_CELL * numClasses) / Math.max(side, 1));
}

/** The nearest camera that is not zoomed too far in or out and shows nothing beside the matrix. */
export function constrained(camera: Camera, side: number, numClasses: number): Camera {
  const k = Math.min(Math.max(camera.k, 1), largestZoom(side, numClasses));
  const inside = (offset: number) => Math.min(0, Math.max(offset, side * (1 - k)));
  return { x: inside(camera.x), y: inside(camera.y), k };
}

/** Zooms by a factor and keeps the point (x, y) where it is. */
export function zoomed(camera: Camera, factor: number, x: number, y: number, side: number, numClasses: number): Camera {
  const k = Math.min(Math.max(camera.k * factor, 1), largestZoom(side, numClasses));
  const by = k / camera.k;
  return constrained({ x: x - (x - camera.x) * by, y: y - (y - camera.y) * by, k }, side, numClasses);
}

export function cellAt(camera: Camera, side: number, numClasses: number, x: number, y: number): Cell | null {
  if (x < 0 || y < 0 || x >= side || y >= side) return null;
  const size = cellSize(camera, side, numClasses);
  const index = (offset: number) => Math.min(numClasses - 1, Math.max(0, Math.floor(offset / size)));
  return { trueClass: index(y - camera.y), predictedClass: index(x - camera.x) };
}

/** The classes of which a part can be seen along one axis, from first to last, given that axis' offset. */
export function visibleClasses(offset: number, size: number, side: number, numClasses: number): { first: number; last: number } {
  const first = Math.max(0, Math.floor(-offset / size));
  const last = Math.min(numClasses - 1, Math.ceil((side - offset) / size) - 1);
  return { first, last };
}

/** Pans no farther than needed to bring a cell into view; one that is larger than the viewport fills it. */
export function withCellInView(camera: Camera, cell: Cell, side: number, numClasses: number): Camera {
  const size = cellSize(camera, side, numClasses);
  const shown = (offset: number, index: number) => {
    const [atStart, atEnd] = [-index * size, side - (index + 1) * size];
    return Math.min(Math.max(offset, Math.min(atStart, atEnd)), Math.max(atStart, atEnd));
  };
  const moved = { x: shown(camera.x, cell.predictedClass), y: shown(camera.y, cell.trueClass), k: camera.k };
  return constrained(moved, side, numClasses);
}
