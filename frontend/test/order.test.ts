import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { countAt, type Matrix } from '../src/matrix';
import { averageLinkage, type Merge, orderOf, type Similarity, similarity } from '../src/order';
import { matrixFrom, matrixFromCells, RECORDS, randomCounts, seeded, whole } from './samples';

interface Dendrogram {
  counts: number[][];
  clusters: [similarity: number, classes: number[]][];
}

const DENDROGRAMS: Dendrogram[] = JSON.parse(readFileSync(new URL('significance.json', RECORDS), 'utf8')).average_linkages;

/** What a generator returns in the end, and what it yielded before. */
function finished<T>(generator: Generator<number, T>): { value: T; progress: number[] } {
  const progress: number[] = [];
  while (true) {
    const step = generator.next();
    if (step.done) return { value: step.value, progress };
    progress.push(step.value);
  }
}

function similar(counts: readonly (readonly number[])[]): Similarity {
  return finished(similarity(matrixFrom(counts))).value;
}

/** The classes of each merge, sorted. */
function classesOf(merges: readonly Merge[], numClasses: number): number[][] {
  const members: number[][] = Array.from({ length: numClasses }, (_, index) => [index]);
  for (const { one, other } of merges) members.push([...members[one], ...members[other]].sort((a, b) => a - b));
  return members.slice(numClasses);
}

function ascending(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}

/** Every class as often correct, and no errors. */
function withoutErrors(numClasses: number, correct: number): number[][] {
  return Array.from({ length: numClasses }, (_, row) =>
    Array.from({ length: numClasses }, (_, col) => (row === col ? correct : 0)),
  );
}

function sorted(groups: readonly (readonly number[])[]): number[][] {
  return groups.map((group) => ascending(group)).sort((a, b) => a[0] - b[0]);
}

function isTogether(classes: readonly number[], order: Int32Array): boolean {
  const places = classes.map((index) => order.indexOf(index));
  return Math.max(...places) - Math.min(...places) === classes.length - 1;
}

/** A matrix of single errors: a share of each class's is mistaken for another of its block, the others for any class. */
function planted(draw: () => number, blockOf: readonly number[], errors: number, inBlock: number): Matrix {
  const n = blockOf.length;
  const counts = new Map<number, number>();
  for (let row = 0; row < n; row++) {
    const own = blockOf[row] < 0 ? [] : [...blockOf.keys()].filter((col) => col !== row && blockOf[col] === blockOf[row]);
    counts.set(row * n + row, 200 + 40 * (row % 7));
    for (let i = 0; i < errors; i++) {
      const other = (row + whole(draw, 1, n - 1)) % n;
      const col = own.length > 0 && draw() < inBlock ? own[whole(draw, 0, own.length - 1)] : other;
      counts.set(row * n + col, (counts.get(row * n + col) ?? 0) + 1);
    }
  }
  const cells = [...counts].sort(([a], [b]) => a - b);
  return matrixFromCells(
    n,
    cells.map(([at, count]) => [Math.floor(at / n), at % n, count] as const),
  );
}

describe('orderOf', () => {
  const counts = [
    [5, 0, 5, 0, 0],
    [0, 0, 0, 0, 0],
    [0, 2, 8, 0, 0],
    [1, 0, 0, 1, 0],
    [4, 0, 0, 0, 16],
  ];
  const matrix = matrixFrom(counts);

  test('by a figure of each class: the largest support, the worst recall and precision first, undefined last, equal ones as logged', () => {
    expect([...orderOf(matrix, null, 'logged')]).toEqual([0, 1, 2, 3, 4]);
    expect([...orderOf(matrix, null, 'support')]).toEqual([4, 0, 2, 3, 1]);
    expect([...orderOf(matrix, null, 'recall')]).toEqual([0, 3, 2, 4, 1]); // 1/2, 1/2, 4/5, 4/5, undefined
    expect([...orderOf(matrix, null, 'precision')]).toEqual([1, 0, 2, 3, 4]); // 0, 5/10, 8/13, 1, 1
    const firstSeen = [
      [1, 2],
      [0, 0],
    ];
    const secondSeen = [
      [0, 0],
      [2, 1],
    ];
    const secondPredicted = [
      [0, 1],
      [0, 1],
    ];
    expect([...orderOf(matrixFrom(firstSeen), null, 'recall')]).toEqual([0, 1]);
    expect([...orderOf(matrixFrom(secondSeen), null, 'recall')]).toEqual([1, 0]);
    expect([...orderOf(matrixFrom(secondPredicted), null, 'precision')]).toEqual([1, 0]);
  });

  test('by name as people sort, numbers by their value', () => {
    const names = ['class 10', 'Zebra', 'class 9', 'ähnlich', 'class 10'];
    expect([...orderOf(matrix, names, 'name')]).toEqual([3, 2, 0, 4, 1]);
    expect([...orderOf(matrix, null, 'name')]).toEqual([0, 1, 2, 3, 4]);
  });

  test('is sorted, whatever the matrix', () => {
    const draw = seeded(81);
    for (let round = 0; round < 50; round++) {
      const some = matrixFrom(randomCounts(draw, whole(draw, 0, 30)));
      const recall = [...orderOf(some, null, 'recall')].map((index) => some.diagonal[index] / some.support[index]);
      const defined = recall.filter((value) => !Number.isNaN(value));
      expect(recall).toEqual([...ascending(defined), ...recall.slice(defined.length)]);
      const support = [...orderOf(some, null, 'support')].map((index) => some.support[index]);
      expect(support).toEqual(ascending(support).reverse());
    }
  });
});

describe('averageLinkage', () => {
  test('merges what SciPy does, at the same similarity', () => {
    expect(DENDROGRAMS.length).toBeGreaterThan(5);
    for (const { counts, clusters } of DENDROGRAMS) {
      const merges = finished(averageLinkage(matrixFrom(counts))).value;
      const found = classesOf(merges, counts.length).map((classes, i) => ({ classes: String(classes), merge: merges[i] }));
      expect(found.map(({ classes }) => classes).sort()).toEqual(clusters.map(([, classes]) => String(classes)).sort());
      for (const [similarity, classes] of clusters) {
        const { merge } = found.find((one) => one.classes === String(classes)) as (typeof found)[0];
        expect(merge.similarity).toBeCloseTo(similarity, 12);
        expect(merge.size).toBe(classes.length);
      }
    }
  });

  test('every merge tells the mean similarity and the errors between its halves, by the definition', () => {
    const draw = seeded(82);
    for (const n of [2, 5, 40, 150]) {
      const counts = randomCounts(draw, n, n > 100 ? 0.03 : 0.3);
      const support = counts.map((line) => line.reduce((sum, count) => sum + count, 0));
      const members: number[][] = Array.from({ length: n }, (_, index) => [index]);
      for (const { one, other, similarity, errors, size } of finished(averageLinkage(matrixFrom(counts))).value) {
        let sum = 0;
        let between = 0;
        for (const a of members[one]) {
          for (const b of members[other]) {
            between += counts[a][b] + counts[b][a];
            sum += (support[a] > 0 ? counts[a][b] / support[a] : 0) + (support[b] > 0 ? counts[b][a] / support[b] : 0);
          }
        }
        expect(similarity).toBeCloseTo(sum / 2 / (members[one].length * members[other].length), 12);
        expect(errors).toBe(between);
        members.push([...members[one], ...members[other]]);
        expect(size).toBe(members[members.length - 1].length);
      }
    }
  });

  test('no merge is more similar than its halves, and each class is merged as far as confusions reach', () => {
    const draw = seeded(83);
    for (const blocks of [1, 4]) {
      const n = 400;
      const cells = Array.from({ length: 3000 }, () => {
        const row = whole(draw, 0, n - 1);
        return row * n + ((row + blocks * whole(draw, 1, n / blocks - 1)) % n);
      });
      const unique = [...new Set(cells)].sort((a, b) => a - b);
      const matrix = matrixFromCells(
        n,
        unique.map((at) => [Math.floor(at / n), at % n, whole(draw, 1, 3)] as const),
      );
      const merges = finished(averageLinkage(matrix)).value;
      expect(merges).toHaveLength(n - blocks);
      for (const { one, other, similarity } of merges) {
        for (const half of [one, other])
          if (half >= n) expect(merges[half - n].similarity).toBeGreaterThan(similarity * (1 - 1e-9));
      }
    }
  });
});

describe('similarity', () => {
  test("the order keeps every cluster of SciPy's together", () => {
    let clustersSeen = 0;
    for (const { counts, clusters } of DENDROGRAMS) {
      const { order } = similar(counts);
      expect(ascending([...order])).toEqual([...counts.keys()]);
      for (const [, classes] of clusters) expect(isTogether(classes, order), String(classes)).toBe(true);
      clustersSeen += clusters.length;
    }
    expect(clustersSeen).toBeGreaterThan(80);
  });

  test('small classes are as similar as large ones', () => {
    // Half of class 3, of 10 samples, is mistaken for class 0, of 100 000; that is mistaken for class 1 more often, but rarely.
    const counts = [
      [99_000, 900, 100, 0],
      [0, 500, 0, 0],
      [0, 0, 500, 0],
      [5, 0, 0, 5],
    ];
    const [first] = finished(averageLinkage(matrixFrom(counts))).value;
    expect([first.one, first.other].sort()).toEqual([0, 3]);
    expect(first.similarity).toBe(0.25);
  });

  test('the most similar ends of two clusters meet', () => {
    // Pairs 0 1 and 2 3; between them, 0 and 3 are confused.
    const counts = [
      [50, 40, 0, 10],
      [40, 60, 0, 0],
      [0, 0, 55, 45],
      [0, 0, 45, 55],
    ];
    expect([...similar(counts).order]).toEqual([1, 0, 3, 2]);
    // Only one is ever predicted for the other.
    expect([...similar(counts.map((line, row) => line.map((count, col) => (row > col ? 0 : count)))).order]).toEqual([
      1, 0, 3, 2,
    ]);
  });

  test('classes that are never confused come last, as logged; what is never confused with each other by size', () => {
    const counts = withoutErrors(8, 50);
    counts[6][1] = 20; // a pair
    counts[2][5] = 10; // and three
    counts[5][7] = 9;
    counts[3][3] = 0; // never there
    expect([...similar(counts).order]).toEqual([2, 5, 7, 1, 6, 0, 3, 4]);
  });

  test('one class, none, no errors, nothing logged', () => {
    expect(similar([])).toEqual({ order: new Int32Array(0), groups: [] });
    expect(similar([[7]])).toEqual({ order: Int32Array.of(0), groups: [] });
    expect(similar([[0]])).toEqual({ order: Int32Array.of(0), groups: [] });
    const nothing = Array.from({ length: 5 }, () => [0, 0, 0, 0, 0]);
    expect(similar(nothing)).toEqual({ order: Int32Array.of(0, 1, 2, 3, 4), groups: [] });
  });

  test('a large matrix comes in many steps, complete', () => {
    const draw = seeded(85);
    const n = 5000;
    const cells = Array.from({ length: n }, (_, row) => [row, (row + whole(draw, 1, n - 1)) % n, whole(draw, 1, 5)] as const);
    const { value, progress } = finished(similarity(matrixFromCells(n, cells)));
    expect(ascending([...value.order])).toEqual([...new Array(n).keys()]);
    expect(progress.length).toBeGreaterThan(5);
    expect(progress).toEqual(ascending(progress));
    expect(progress[0] >= 0 && progress[progress.length - 1] <= 1).toBe(true);
  });

  test.each([
    [60, 40],
    [300, 24],
    [1000, 16],
  ])('finds the groups that were planted among %i classes, with %i errors each, and no others', (n, errors) => {
    const draw = seeded(84);
    // Blocks of 2 to 6 classes that are not next to each other, and as many classes in none.
    const places = [...Array(n).keys()].map((index) => (index * 7 + 3) % n);
    const blockOf: number[] = new Array(n).fill(-1);
    const blocks: number[][] = [];
    for (let at = 0; at + 6 < n / 2; at += blocks[blocks.length - 1].length) {
      const block = places.slice(at, at + 2 + (blocks.length % 5));
      for (const index of block) blockOf[index] = blocks.length;
      blocks.push(block);
    }
    const matrix = planted(draw, blockOf, errors, 0.8);
    const { value, progress } = finished(similarity(matrix));
    expect(sorted(value.groups)).toEqual(sorted(blocks));
    for (const group of value.groups) expect(isTogether(group, value.order)).toBe(true);
    const among = value.groups.map((group) =>
      group.reduce((sum, a) => group.reduce((inner, b) => inner + (a === b ? 0 : countAt(matrix, a, b)), sum), 0),
    );
    expect(among).toEqual([...among].sort((a, b) => b - a)); // those with most confusions first
    expect(progress).toEqual(ascending(progress));
    expect(progress.every((done) => done >= 0 && done <= 1)).toBe(true);
    if (n === 1000) expect(progress.length).toBeGreaterThan(5);
  });

  test.each([
    [10, 200],
    [100, 3],
    [100, 1000],
    [1000, 10],
  ])('finds no groups in even noise among %i classes, with %i errors each', (n, errors) => {
    let found = 0;
    for (let seed = 0; seed < 10; seed++) {
      const { value } = finished(similarity(planted(seeded(900 + seed), new Array(n).fill(-1), errors, 0)));
      found += value.groups.length;
    }
    expect(found).toBeLessThanOrEqual(1); // the promise is one in 20 matrices
  });

  test('a class that all others are mistaken for makes no group of them', () => {
    const n = 50;
    const counts = withoutErrors(n, 90);
    for (let row = 0; row < n; row++) if (row !== 4) counts[row][4] = 20 + (row % 3);
    expect(similar(counts).groups).toEqual([]);
    const turned = counts.map((line, row) => line.map((_, col) => counts[col][row]));
    expect(similar(turned).groups).toEqual([]);
  });

  test('one pair in a quiet matrix is a group, in whichever direction', () => {
    const counts = withoutErrors(10, 90);
    counts[7][2] = 15;
    expect(similar(counts)).toEqual({ order: Int32Array.of(2, 7, 0, 1, 3, 4, 5, 6, 8, 9), groups: [[2, 7]] });
  });
});
