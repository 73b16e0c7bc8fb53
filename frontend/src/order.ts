// Orders of the classes: by a figure of each, by name, or so that classes that are confused with each other stand together.

import { countAt, type Matrix } from './matrix';
import type { Work } from './pieces';

export type OrderName = 'logged' | 'name' | 'support' | 'recall' | 'precision' | 'similarity';

/** The class at each place. Support: largest first; recall and precision: worst first, undefined last; equal ones as logged. */
export function orderOf(matrix: Matrix, names: readonly string[] | null, order: Exclude<OrderName, 'similarity'>): Int32Array {
  const { diagonal, numClasses, predicted, support } = matrix;
  const classes = Int32Array.from({ length: numClasses }, (_, index) => index);
  if (order === 'name') {
    if (!names) return classes;
    const { compare } = new Intl.Collator(undefined, { numeric: true });
    return classes.sort((a, b) => compare(names[a], names[b]) || a - b);
  }
  if (order === 'support') return classes.sort((a, b) => support[b] - support[a] || a - b);
  if (order === 'logged') return classes;
  const of = order === 'recall' ? support : predicted;
  const figure = diagonal.map((correct, index) => (of[index] > 0 ? correct / of[index] : 2));
  return classes.sort((a, b) => figure[a] - figure[b] || a - b);
}

export interface Similarity {
  /** The class at each place. */
  readonly order: Int32Array;
  /** Classes that are confused among themselves more than by chance, in that order; the most similar groups first. */
  readonly groups: readonly (readonly number[])[];
}

/** Two clusters made one. Clusters up to the number of classes are the classes, those behind them the merges. */
export interface Merge {
  readonly one: number;
  readonly other: number;
  /** The mean similarity of the classes of the one and of the other. */
  readonly similarity: number;
  /** Errors between the one and the other, in both directions. */
  readonly errors: number;
  readonly size: number;
}

/**
 * How alike two classes are: the mean of the shares of its samples that either loses to the other, 0 for a class never seen.
 * A share of the samples of both would let a large class hide that half of a small one is mistaken for it.
 */
function similarityOf(matrix: Matrix, a: number, b: number): number {
  return share(countAt(matrix, a, b), matrix.support[a]) + share(countAt(matrix, b, a), matrix.support[b]);
}

function share(count: number, support: number): number {
  return count > 0 ? count / support / 2 : 0;
}

/**
 * The order and the groups of the dendrogram. A generator, so that a page can do other things in between: each step takes some
 * milliseconds and yields how much is done, from 0 to 1.
 *
 * Order: the clusters of a dendrogram lie side by side, turned such that of their ends the most similar ones meet. Clusters that
 * are never confused with each other come by size, so that classes that are confused with none come last.
 *
 * Groups: the largest clusters between whose two halves there are more errors than chance would have put there, even as the
 * likeliest of all the pairs of clusters that could have been merged.
 */
export function* similarity(matrix: Matrix): Work<Similarity> {
  const n = matrix.numClasses;
  const merges = yield* averageLinkage(matrix);
  const order = yield* orderOfLeaves(matrix, merges);
  const places = new Int32Array(n);
  for (let place = 0; place < n; place++) places[order[place]] = place;
  const found = groupsOf(matrix, merges);
  const groups = found.map((classes) => classes.sort((a, b) => places[a] - places[b]));
  return { order, groups };
}

/** Work between two yields, in visits of a neighbor: a few milliseconds. */
const WORK = 10_000;
const NEXT_TO_EQUAL = 1 + 1e-12;

/**
 * The merges of average linkage (Sokal and Michener, 1958) by chains of nearest neighbors (Murtagh, 1983), as far as similarities
 * are above 0. Only those are kept: with sums in place of means, the update of Lance and Williams (1967) is an addition.
 *
 * A merge moves the links of the cluster that has fewer, so that each of m links moves O(log n) times at most. The nearest
 * neighbor is on top of a heap whose entries may be out of date, but never too low, since no merge comes nearer than both its
 * parts were. That keeps a class that is confused with all others as cheap as any.
 */
export function* averageLinkage(matrix: Matrix): Work<Merge[]> {
  const n = matrix.numClasses;
  const links = new Links(n, matrix.cols.length);
  const heaps = Array.from({ length: n }, () => new Heap());
  let work = 0;
  for (let row = 0; row < n; row++) {
    for (let i = matrix.rowStart[row]; i < matrix.rowStart[row + 1]; i++, work++) {
      links.add(row, matrix.cols[i], share(matrix.counts[i], matrix.support[row]), matrix.counts[i]);
    }
    if (work > WORK) {
      work = 0;
      yield (0.1 * row) / n;
    }
  }
  for (let row = 0; row < n; row++) {
    for (let i = matrix.rowStart[row]; i < matrix.rowStart[row + 1]; i++, work += 2) {
      const { sum } = links;
      const key = sum[links.find(row, matrix.cols[i])];
      // Where each is mistaken for the other, both rows come by; two entries are no harm.
      heaps[row].push(key, matrix.cols[i]);
      heaps[matrix.cols[i]].push(key, row);
    }
    if (work > WORK) {
      work = 0;
      yield 0.1 + (0.1 * row) / n;
    }
  }

  const size = new Int32Array(n).fill(1);
  const into = Int32Array.from({ length: n }, (_, index) => index); // where a cluster went
  const cluster = into.slice(); // its number among the merges
  const merges: Merge[] = [];
  let finished = 0;

  const now = (slot: number) => {
    let at = slot;
    while (into[at] !== at) {
      into[at] = into[into[at]];
      at = into[at];
    }
    return at;
  };

  const keyOf = (tip: number, slot: number) => links.sum[links.find(tip, slot)] / size[slot];

  /** The neighbor of which a cluster has most in common with each class, or -1. */
  const nearest = (tip: number): number => {
    const heap = heaps[tip];
    while (heap.slots.length > 0) {
      work++;
      const slot = now(heap.slots[0]);
      if (slot === tip) {
        heap.pop();
        continue;
      }
      const key = keyOf(tip, slot);
      if (key * NEXT_TO_EQUAL >= heap.keys[0]) return slot;
      heap.pop();
      heap.push(key, slot);
    }
    return -1;
  };

  const merge = (a: number, b: number) => {
    const [from, to] = heaps[a].slots.length < heaps[b].slots.length ? [a, b] : [b, a];
    const between = links.find(from, to);
    const similarity = links.sum[between] / (size[from] * size[to]);
    merges.push({
      one: cluster[from],
      other: cluster[to],
      similarity,
      errors: links.errors[between],
      size: size[from] + size[to],
    });
    links.remove(between);
    for (const entry of heaps[from].slots) {
      const slot = now(entry);
      const at = links.find(from, slot);
      if (at < 0) continue; // the other cluster, this one, or a second entry
      const sum = links.sum[at];
      const errors = links.errors[at];
      links.remove(at);
      heaps[to].push(links.add(to, slot, sum, errors) / size[slot], slot);
    }
    work += heaps[from].slots.length;
    heaps[from] = new Heap();
    into[from] = to;
    size[to] += size[from];
    cluster[to] = n + merges.length - 1;
  };

  const chain: number[] = [];
  for (let start = 0; start < n; start++) {
    // A cluster that was merged into another goes on there, which is never before it.
    while (into[start] === start) {
      if (chain.length === 0) chain.push(start);
      const tip = chain[chain.length - 1];
      const next = nearest(tip);
      if (next < 0) {
        chain.pop(); // all that it is confused with is in it
        finished++;
        break;
      }
      const before = chain[chain.length - 2];
      if (before !== undefined && keyOf(tip, next) <= keyOf(tip, before) * NEXT_TO_EQUAL) {
        chain.length -= 2;
        merge(tip, before);
      } else {
        chain.push(next);
      }
      if (work > WORK) {
        work = 0;
        yield 0.2 + 0.7 * ((merges.length + finished) / n);
      }
    }
  }
  return merges;
}

/**
 * What each two clusters have in common, in an open hash table with linear probing (Knuth, 1973): a Map of objects takes twice
 * as long. Merges leave ever fewer links, so that it never has to grow.
 */
class Links {
  /** The sum of the similarities of the classes of the one and of the other. */
  readonly sum: Float64Array;
  readonly errors: Float64Array;
  private readonly pairs: Float64Array;
  private readonly mask: number;

  constructor(
    private readonly numClasses: number,
    most: number,
  ) {
    const length = 2 ** Math.ceil(Math.log2(2 * most + 2));
    this.mask = length - 1;
    this.pairs = new Float64Array(length).fill(-1);
    this.sum = new Float64Array(length);
    this.errors = new Float64Array(length);
  }

  private home(pair: number): number {
    const low = pair % this.numClasses;
    const hash = Math.imul((pair - low) / this.numClasses, 0x9e3779b1) ^ Math.imul(low, 0x85ebca6b);
    return (hash ^ (hash >>> 15)) & this.mask;
  }

  /** Where the link is, or the free place where it would be. */
  private placeOf(pair: number): number {
    let at = this.home(pair);
    while (this.pairs[at] !== pair && this.pairs[at] >= 0) at = (at + 1) & this.mask;
    return at;
  }

  private pairOf(a: number, b: number): number {
    return a < b ? a * this.numClasses + b : b * this.numClasses + a;
  }

  find(a: number, b: number): number {
    const at = this.placeOf(this.pairOf(a, b));
    return this.pairs[at] < 0 ? -1 : at;
  }

  /** Adds to a link, whether or not there is one already; returns its sum. */
  add(a: number, b: number, sum: number, errors: number): number {
    const pair = this.pairOf(a, b);
    const at = this.placeOf(pair);
    if (this.pairs[at] < 0) {
      this.pairs[at] = pair;
      this.sum[at] = 0;
      this.errors[at] = 0;
    }
    this.errors[at] += errors;
    this.sum[at] += sum;
    return this.sum[at];
  }

  /** Takes a link out, and moves those behind it that would not be found any more. */
  remove(at: number): void {
    const { errors, mask, pairs, sum } = this;
    let hole = at;
    for (let next = (at + 1) & mask; pairs[next] >= 0; next = (next + 1) & mask) {
      const passed = (next - this.home(pairs[next])) & mask;
      if (passed < ((next - hole) & mask)) continue;
      pairs[hole] = pairs[next];
      sum[hole] = sum[next];
      errors[hole] = errors[next];
      hole = next;
    }
    pairs[hole] = -1;
  }
}

/** A binary heap, the largest key on top. */
class Heap {
  readonly keys: number[] = [];
  readonly slots: number[] = [];

  push(key: number, slot: number): void {
    const { keys, slots } = this;
    let at = keys.length;
    keys.push(key);
    slots.push(slot);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (keys[above] >= key) break;
      keys[at] = keys[above];
      slots[at] = slots[above];
      at = above;
    }
    keys[at] = key;
    slots[at] = slot;
  }

  pop(): void {
    const { keys, slots } = this;
    const key = keys.pop() as number;
    const slot = slots.pop() as number;
    const length = keys.length;
    if (length === 0) return;
    let at = 0;
    for (let below = 1; below < length; below = 2 * at + 1) {
      if (below + 1 < length && keys[below + 1] > keys[below]) below++;
      if (keys[below] <= key) break;
      keys[at] = keys[below];
      slots[at] = slots[below];
      at = below;
    }
    keys[at] = key;
    slots[at] = slot;
  }
}

/** The classes along the dendrogram: each cluster is a path, and two become one where their most similar ends meet. */
function* orderOfLeaves(matrix: Matrix, merges: readonly Merge[]): Work<Int32Array> {
  const n = matrix.numClasses;
  const first = new Int32Array(n + merges.length);
  const last = new Int32Array(n + merges.length);
  const merged = new Uint8Array(n + merges.length);
  const beside = [new Int32Array(n).fill(-1), new Int32Array(n).fill(-1)];
  for (let index = 0; index < n; index++) {
    first[index] = index;
    last[index] = index;
  }
  const connect = (a: number, b: number) => {
    beside[beside[0][a] < 0 ? 0 : 1][a] = b;
  };
  for (const [index, { one, other }] of merges.entries()) {
    let best = -1;
    let distance = 0;
    let seam = [0, 0];
    for (const a of [last[one], first[one]]) {
      for (const b of [first[other], last[other]]) {
        const alike = similarityOf(matrix, a, b);
        // Of ends that are equally similar, often not at all, those meet that were logged closer to each other.
        if (alike < best || (alike === best && Math.abs(a - b) >= distance)) continue;
        best = alike;
        distance = Math.abs(a - b);
        seam = [a, b];
      }
    }
    const [a, b] = seam;
    connect(a, b);
    connect(b, a);
    first[n + index] = a === first[one] ? last[one] : first[one];
    last[n + index] = b === first[other] ? last[other] : first[other];
    merged[one] = 1;
    merged[other] = 1;
    if (index % 2000 === 1999) yield 0.9 + (0.1 * index) / n;
  }

  const size = (cluster: number) => (cluster < n ? 1 : merges[cluster - n].size);
  const start = (cluster: number) => Math.min(first[cluster], last[cluster]);
  const whole = [...merged.keys()].filter((cluster) => !merged[cluster]);
  whole.sort((a, b) => size(b) - size(a) || start(a) - start(b));
  const order = new Int32Array(n);
  let place = 0;
  for (const cluster of whole) {
    let before = -1;
    let at = start(cluster);
    while (at >= 0) {
      order[place++] = at;
      const next = beside[0][at] === before ? beside[1][at] : beside[0][at];
      before = at;
      at = next;
    }
  }
  return order;
}

/**
 * Chance spreads the errors of a class, as true class and as predicted, evenly over the other classes that occur. A merge is no
 * chance if there are more errors between its halves than both of these together say, and so many that the probability of
 * them (of a Poisson variable, by the bound of Chernoff, 1952) is below 5 % for all pairs of clusters there ever are: n² / 2 pairs of
 * classes, and for each merge those of the new cluster with the others.
 */
function groupsOf(matrix: Matrix, merges: readonly Merge[]): number[][] {
  const { diagonal, numClasses: n, predicted, support } = matrix;
  const errors = support.map((count, index) => count + predicted[index] - 2 * diagonal[index]);
  const occurring = support.reduce((count, samples, index) => count + (samples + predicted[index] > 0 ? 1 : 0), 0);
  const pairs = 1.5 * occurring ** 2;
  const all = new Float64Array(n + merges.length); // errors of all classes of a cluster
  all.set(errors);
  const size = (cluster: number) => (cluster < n ? 1 : merges[cluster - n].size);
  const within = new Float64Array(n + merges.length); // those among them
  const isGroup = merges.map(({ one, other, errors }, index) => {
    all[n + index] = all[one] + all[other];
    within[n + index] = within[one] + within[other] + errors;
    const chance = (all[one] * size(other) + all[other] * size(one)) / (occurring - 1);
    return errors > chance && errors * Math.log(errors / chance) - errors + chance > Math.log(pairs / 0.05);
  });

  const group = new Int32Array(n + merges.length).fill(-1);
  const tops: number[] = [];
  for (let index = merges.length - 1; index >= 0; index--) {
    const cluster = n + index;
    if (group[cluster] < 0 && isGroup[index]) group[cluster] = tops.push(index) - 1;
    group[merges[index].one] = group[cluster];
    group[merges[index].other] = group[cluster];
  }
  const members: number[][] = tops.map(() => []);
  for (let index = 0; index < n; index++) if (group[index] >= 0) members[group[index]].push(index);
  return members
    .map((classes, at) => ({ classes, errors: within[n + tops[at]] }))
    .sort((a, b) => b.errors - a.errors || a.classes[0] - b.classes[0])
    .map(({ classes }) => classes);
}
