// Which classes stand where: the class lists of several runs as one, an order, and some of the classes with the rest summed up.

import { type Matrix, matrixOf } from './matrix';
import { finished, type Work } from './pieces';

export interface ClassList {
  readonly size: number;
  /** Null where classes have numbers only. */
  readonly names: readonly string[] | null;
}

/** What is shown at each place: a class of the list, and behind them all others as one, if `rest` says so. */
export interface Arrangement {
  readonly classes: Int32Array;
  readonly rest: boolean;
}

export const NO_CLASSES: ClassList = { size: 0, names: null };

/**
 * One list for several: the classes of the first in its order, then what the others have more. Classes without names are those at their
 * places where all names are the same, and as many; else classes of their own, which come first and so keep their numbers.
 */
export function united(lists: readonly ClassList[]): ClassList {
  const size = Math.max(0, ...lists.map((list) => list.size));
  const first = lists.find((list) => list.names)?.names;
  if (!first) return { size, names: null };
  const isOne = lists.every((list) => (list.names ? isSame(list.names, first) : list.size === first.length));
  const numbers = lists.flatMap((list) => (list.names ? [] : filled([], list.size)));
  const names = isOne ? first : [...new Set([...numbers, ...lists.flatMap((list) => list.names ?? [])])];
  return names.length >= size ? { size: names.length, names } : { size, names: filled(names, size) };
}

function filled(names: readonly string[], size: number): string[] {
  return Array.from({ length: size }, (_, index) => names[index] ?? String(index));
}

export function isSameList(a: ClassList, b: ClassList): boolean {
  return a.size === b.size && (a.names === b.names || (a.names !== null && b.names !== null && isSame(a.names, b.names)));
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, index) => name === b[index]));
}

const indexes = new WeakMap<readonly string[], Map<string, number>>();

/** Where a name stands in a list; -1 if it does not. */
export function indexOfName(names: readonly string[], name: string): number {
  let index = indexes.get(names);
  if (!index) {
    index = new Map(names.map((known, at) => [known, at]));
    indexes.set(names, index);
  }
  return index.get(name) ?? -1;
}

/** The place in `to` of every class of `from`; -1 where there is none. */
export function placesIn(from: ClassList, to: ClassList): Int32Array {
  return Int32Array.from({ length: from.size }, (_, index) => sameClass(index, from, to));
}

/** The class of `to` that class `index` of `from` is; -1 if there is none. */
export function sameClass(index: number, from: ClassList, to: ClassList): number {
  if (from.names && to.names) return from.names === to.names ? index : indexOfName(to.names, from.names[index] ?? String(index));
  const names = from.names ?? to.names;
  const isSame = !names || from.size === to.size || names[index] === String(index);
  return isSame && index < to.size ? index : -1;
}

/** The place of every class of a list of `size` in an arrangement of it; -1 where it is not shown. */
export function placesOf(arrangement: Arrangement, size: number): Int32Array {
  const places = new Int32Array(size).fill(arrangement.rest ? arrangement.classes.length : -1);
  for (const [place, index] of arrangement.classes.entries()) places[index] = place;
  return places;
}

export function shownSize({ classes, rest }: Arrangement): number {
  return classes.length + (rest ? 1 : 0);
}

/** A matrix with its classes at other places, of which there are `size`, or at none (-1); those at one are summed up with rows and columns. */
export function placed(matrix: Matrix, places: Int32Array, size: number): Matrix {
  return finished(placing(matrix, places, size));
}

/** The same piece by piece. */
export function* placing(matrix: Matrix, places: Int32Array, size: number): Work<Matrix> {
  const n = matrix.numClasses;
  if (size === n && places.every((place, index) => place === index)) return matrix;
  const diagonal = new Float64Array(size);
  const cells = matrix.counts.length;
  const rows = new Int32Array(cells);
  const cols = new Int32Array(cells);
  const counts = new Float64Array(cells);
  let kept = 0;
  for (let row = 0; row < n; row++) {
    const at = places[row];
    if (at < 0) continue;
    diagonal[at] += matrix.diagonal[row];
    for (let i = matrix.rowStart[row]; i < matrix.rowStart[row + 1]; i++) {
      const col = places[matrix.cols[i]];
      if (col === at) diagonal[at] += matrix.counts[i];
      else if (col >= 0) {
        rows[kept] = at;
        cols[kept] = col;
        counts[kept++] = matrix.counts[i];
      }
    }
  }
  yield 0.2;
  // Sorted by column, then by row, each by counting: a comparing sort takes ten times as long.
  const byColumn = sortedBy(cols, null, kept, size);
  yield 0.4;
  const sorted = sortedBy(rows, byColumn, kept, size);
  yield 0.6;
  const rowStart = new Int32Array(size + 1);
  const newCols = new Int32Array(kept);
  const newCounts = new Float64Array(kept);
  let end = 0;
  let lastRow = -1;
  for (const i of sorted) {
    if (end > 0 && rows[i] === lastRow && newCols[end - 1] === cols[i]) newCounts[end - 1] += counts[i];
    else {
      newCols[end] = cols[i];
      newCounts[end++] = counts[i];
      rowStart[rows[i] + 1]++;
    }
    lastRow = rows[i];
  }
  for (let row = 0; row < size; row++) rowStart[row + 1] += rowStart[row];
  yield 0.8;
  return matrixOf(diagonal, rowStart, newCols.subarray(0, end), newCounts.subarray(0, end));
}

/** The indices 0 to `length` (in the order `from`, where given) sorted by key; those of the same key keep their order. */
function sortedBy(keys: Int32Array, from: Int32Array | null, length: number, size: number): Int32Array {
  const next = new Int32Array(size + 1);
  for (let i = 0; i < length; i++) next[keys[i] + 1]++;
  for (let key = 0; key < size; key++) next[key + 1] += next[key];
  const sorted = new Int32Array(length);
  for (let j = 0; j < length; j++) {
    const i = from ? from[j] : j;
    sorted[next[keys[i]]++] = i;
  }
  return sorted;
}

/** The classes that take part in most errors, as true or as predicted class, the worst first. */
export function worstClasses(matrix: Matrix, most: number): number[] {
  const errors = matrix.support.map((support, index) => support + matrix.predicted[index] - 2 * matrix.diagonal[index]);
  return [...errors.keys()].sort((a, b) => errors[b] - errors[a] || a - b).slice(0, most);
}

/** An arrow or what is typed for one; where there is none, a comma, which names may have. */
const BETWEEN = [/\u2192|->/, /,/];

/** The pairs that a text such as `cat → dog` is for, those of the best matches first; none where it is of a single class. */
export function matchingPairs(list: ClassList, text: string, most: number): [trueClass: number, predictedClass: number][] {
  const parts = BETWEEN.map((between) => text.split(between)).find(({ length }) => length > 1);
  if (parts?.length !== 2) return [];
  const [from, to] = parts.map((part) => matchingClasses(list, part).slice(0, most));
  const ranks = from.flatMap((_, i) => to.map((_, j) => [i, j] as const)).sort((a, b) => a[0] + a[1] - b[0] - b[1]);
  return ranks.flatMap(([i, j]): [number, number][] => (from[i] === to[j] ? [] : [[from[i], to[j]]])).slice(0, most);
}

/** The classes that a text is for: by their names, or as a pair. */
export function soughtClasses(list: ClassList, text: string): number[] {
  const found = matchingClasses(list, text);
  return found.length > 0 ? found : [...new Set(matchingPairs(list, text, PAIRS).flat())];
}
const PAIRS = 12;

/** The classes in whose names a text occurs, in whatever case; where one has exactly this name, it comes first. */
export function matchingClasses({ size, names }: ClassList, text: string): number[] {
  const wanted = text.trim().toLowerCase();
  const found: number[] = [];
  if (wanted === '') return found;
  for (let index = 0; index < size; index++) {
    const name = (names?.[index] ?? String(index)).toLowerCase();
    if (name === wanted) found.unshift(index);
    else if (name.includes(wanted)) found.push(index);
  }
  return found;
}
