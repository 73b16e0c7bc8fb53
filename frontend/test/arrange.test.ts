import { describe, expect, test } from 'vitest';
import {
  type ClassList,
  indexOfName,
  isSameList,
  matchingClasses,
  matchingPairs,
  placed,
  placesIn,
  placesOf,
  sameClass,
  shownSize,
  soughtClasses,
  united,
  worstClasses,
} from '../src/arrange';
import { denseOf, matrixFrom, matrixFromCells, randomCounts, seeded, shuffled, whole } from './samples';

const draw = seeded(101);
const NAMES = ['cat', 'dog', 'ant', 'bee', 'cow', '0', '', 'ünï', '__proto__', 'Cat'];

/** Every count added up where its true and its predicted class go. */
function regrouped(counts: readonly (readonly number[])[], places: ArrayLike<number>, size: number): number[][] {
  const sums = Array.from({ length: size }, () => Array<number>(size).fill(0));
  for (const [row, line] of counts.entries()) for (const [col, count] of line.entries()) sums[places[row]][places[col]] += count;
  return sums;
}

function named(...names: string[]): ClassList {
  return { size: names.length, names };
}

function anyNames(): string[] {
  return shuffled(draw, NAMES.length)
    .slice(0, whole(draw, 1, NAMES.length))
    .map((index) => NAMES[index]);
}

describe('placed', () => {
  test('adds up every count where its classes go, in order, with its marginals', () => {
    for (let round = 0; round < 120; round++) {
      const n = whole(draw, 1, 20);
      const size = whole(draw, 1, round % 2 ? n : n + 3);
      const counts = randomCounts(draw, n, [0.05, 0.4, 1][round % 3]);
      const places = Int32Array.from({ length: n }, () => whole(draw, 0, size - 1));
      const moved = placed(matrixFrom(counts), places, size);
      // As if it had been logged like that: columns in order, none twice, no zeros, right sums.
      expect(moved).toEqual(matrixFrom(regrouped(counts, places, size)));
      expect(moved.total).toBe(matrixFrom(counts).total);
    }
  });

  test('a permutation and its inverse give the matrix back', () => {
    const n = 1500;
    const cells = new Map(Array.from({ length: 8000 }, () => [whole(draw, 0, n * n - 1), whole(draw, 1, 9)]));
    const sorted = [...cells].sort(([a], [b]) => a - b);
    const matrix = matrixFromCells(
      n,
      sorted.map(([at, count]) => [Math.floor(at / n), at % n, count] as const),
    );
    const order = shuffled(draw, n);
    const there = placesOf({ classes: Int32Array.from(order), rest: false }, n);
    const moved = placed(matrix, there, n);
    expect([...moved.support]).toEqual(order.map((index) => matrix.support[index]));
    expect([...moved.predicted]).toEqual(order.map((index) => matrix.predicted[index]));
    expect(placed(moved, Int32Array.from(order), n)).toEqual(matrix);
  });

  test('what stays where it is, is the same matrix', () => {
    const matrix = matrixFrom(randomCounts(draw, 6));
    expect(placed(matrix, Int32Array.of(0, 1, 2, 3, 4, 5), 6)).toBe(matrix);
    expect(placed(matrix, Int32Array.of(0, 1, 2, 3, 4, 5), 7).numClasses).toBe(7);
    expect(placed(matrix, Int32Array.of(0, 1, 2, 4, 3, 5), 6)).not.toBe(matrix);
  });

  test('leaves out what has no place', () => {
    for (let round = 0; round < 60; round++) {
      const n = whole(draw, 2, 8);
      const counts = randomCounts(draw, n);
      const places = Int32Array.from(shuffled(draw, n + 2).slice(0, n), (place) => (place > n - 2 ? -1 : place));
      const kept = counts.map((line, row) => line.map((count, col) => (Math.min(places[row], places[col]) < 0 ? 0 : count)));
      const there = places.map((place) => Math.max(place, 0));
      expect(placed(matrixFrom(counts), places, n)).toEqual(matrixFrom(regrouped(kept, there, n)));
    }
  });

  test('does not change the matrix it is made of', () => {
    const counts = randomCounts(draw, 7);
    const matrix = matrixFrom(counts);
    placed(matrix, Int32Array.of(2, 2, 1, 0, 0, 1, 2), 3);
    expect(matrix).toEqual(matrixFrom(counts));
  });

  test('rows are the true classes, columns the predicted', () => {
    const counts = [
      [5, 2, 0],
      [0, 7, 1],
      [3, 0, 9],
    ];
    expect(denseOf(placed(matrixFrom(counts), Int32Array.of(1, 0, 2), 3))).toEqual([
      [7, 0, 1],
      [2, 5, 0],
      [0, 3, 9],
    ]);
    // All but the last as one: what they were confused among themselves stands on its diagonal.
    expect(denseOf(placed(matrixFrom(counts), Int32Array.of(1, 1, 0), 2))).toEqual([
      [9, 3],
      [1, 14],
    ]);
  });
});

describe('an arrangement', () => {
  test('has each of its classes at its place, and all others at the last, or nowhere', () => {
    for (let round = 0; round < 100; round++) {
      const size = whole(draw, 1, 12);
      const classes = Int32Array.from(shuffled(draw, size).slice(0, whole(draw, 0, size)));
      for (const rest of [false, true]) {
        const places = placesOf({ classes, rest }, size);
        const expected = Array.from({ length: size }, (_, index) => {
          const place = classes.indexOf(index);
          return place < 0 && rest ? classes.length : place;
        });
        expect([...places]).toEqual(expected);
        expect(shownSize({ classes, rest })).toBe(classes.length + Number(rest));
      }
    }
  });

  test('of some classes and the rest keeps the total and the marginals of those', () => {
    for (let round = 0; round < 50; round++) {
      const counts = randomCounts(draw, whole(draw, 2, 25), 0.5);
      const classes = Int32Array.from(shuffled(draw, counts.length).slice(0, whole(draw, 1, counts.length - 1)));
      const size = classes.length + 1;
      const matrix = matrixFrom(counts);
      const some = placed(matrix, placesOf({ classes, rest: true }, counts.length), size);
      expect(some.total).toBe(matrix.total);
      expect([...some.support.subarray(0, -1)]).toEqual([...classes].map((index) => matrix.support[index]));
      expect([...some.predicted.subarray(0, -1)]).toEqual([...classes].map((index) => matrix.predicted[index]));
      expect(
        denseOf(some)
          .map((line) => line.slice(0, -1))
          .slice(0, -1),
      ).toEqual([...classes].map((row) => [...classes].map((col) => counts[row][col])));
    }
  });
});

describe('united', () => {
  test('has the classes of the first, then what the others have more, each once', () => {
    for (let round = 0; round < 200; round++) {
      const lists = Array.from({ length: whole(draw, 1, 4) }, () => named(...anyNames()));
      const expected: string[] = [];
      for (const { names } of lists) for (const name of names ?? []) if (!expected.includes(name)) expected.push(name);
      expect(united(lists)).toEqual(named(...expected));
    }
  });

  test('is the first list itself where all are the same, so that nothing has to be made anew', () => {
    const first = named('cat', 'dog');
    expect(united([first, named('cat', 'dog'), { size: 2, names: null }]).names).toBe(first.names);
    expect(united([first, named('dog', 'cat')]).names).toEqual(['cat', 'dog']);
    expect(united([first, named('cat', 'dog', 'ant')]).names).toEqual(['cat', 'dog', 'ant']);
  });

  test('keeps the numbers of classes without names', () => {
    expect(united([])).toEqual({ size: 0, names: null });
    expect(
      united([
        { size: 3, names: null },
        { size: 5, names: null },
        { size: 2, names: null },
      ]),
    ).toEqual({ size: 5, names: null });
  });

  test('has classes without names at the places of the names, where those are the same and as many', () => {
    const [pets, others] = [named('cat', 'dog'), named('dog', 'cat')];
    const numbered = (size: number): ClassList => ({ size, names: null });
    for (const [lists, expected] of [
      [[numbered(2), pets, pets], pets],
      [[pets, numbered(2)], pets],
      [[pets, numbered(3)], named('0', '1', '2', 'cat', 'dog')],
      [[numbered(1), pets], named('0', 'cat', 'dog')],
      [[pets, others, numbered(2)], named('0', '1', 'cat', 'dog')],
      [[numbered(2), others, numbered(3)], named('0', '1', '2', 'dog', 'cat')],
      [[named('2', '1', '3'), numbered(4)], named('0', '1', '2', '3')], // the names are numbers
    ] as const) {
      const list = united(lists);
      expect(list).toEqual(expected);
      for (const { size } of lists.filter(({ names }) => !names)) {
        expect([...placesIn(numbered(size), list)]).toEqual([...Array(size).keys()]);
        const back = placesIn(list, numbered(size));
        expect([...back]).toEqual(Array.from({ length: list.size }, (_, index) => (index < size ? index : -1)));
      }
    }
  });

  test('classes of the same name meet in it, whatever their numbers', () => {
    for (let round = 0; round < 100; round++) {
      const lists = [named(...anyNames()), named(...anyNames())];
      const list = united(lists);
      for (const from of lists) {
        const counts = randomCounts(draw, from.size, 0.6);
        const names = from.names ?? [];
        const there = denseOf(placed(matrixFrom(counts), placesIn(from, list), list.size));
        const expected = (list.names ?? []).map((row) =>
          (list.names ?? []).map((col) => counts[names.indexOf(row)]?.[names.indexOf(col)] ?? 0),
        );
        expect(there).toEqual(expected);
      }
    }
  });

  test('classes without names keep their places', () => {
    const list = united([named('cat', 'dog'), { size: 4, names: null }]);
    expect([...placesIn({ size: 4, names: null }, list)]).toEqual([0, 1, 2, 3]);
    expect([...placesIn(named('cat', 'dog'), list)]).toEqual([4, 5]);
    expect([...placesIn(named('dog', 'cat'), { size: 2, names: null })]).toEqual([0, 1]);
  });

  test('a class that a damaged list has no name for, or the name of another, is still a class of its own', () => {
    for (const from of [
      { size: 4, names: ['cat', 'dog'] },
      { size: 3, names: ['cat', 'dog', 'cat'] },
    ]) {
      const list = united([from]);
      expect([...placesIn(from, list)]).toEqual([...Array(from.size).keys()]);
    }
  });
});

test('lists are the same if they have the same classes at the same places', () => {
  const pets = named('cat', 'dog');
  const numbered = { size: 2, names: null };
  for (const list of [pets, numbered]) expect(isSameList(list, { ...list })).toBe(true);
  expect(isSameList(pets, named('cat', 'dog'))).toBe(true);
  for (const other of [named('dog', 'cat'), named('cat'), named('cat', 'dog', 'ant'), { ...pets, size: 3 }, numbered]) {
    expect(isSameList(pets, other)).toBe(false);
    expect(isSameList(other, pets)).toBe(false);
  }
  expect(isSameList(numbered, { size: 3, names: null })).toBe(false);
});

test('the same class of another list is that of the same name or, without names and among as many, of the same number', () => {
  const [pets, more] = [named('cat', 'dog', 'ant'), named('ant', 'bee', 'cat')];
  const numbered = { size: 2, names: null };
  const into = (from: ClassList, to: ClassList) => [0, 1, 2].map((index) => sameClass(index, from, to));
  expect(into(pets, more)).toEqual([2, -1, 0]);
  expect(into(more, pets)).toEqual([2, -1, 0]);
  expect(into(pets, pets)).toEqual([0, 1, 2]);
  expect(into(pets, numbered)).toEqual([-1, -1, -1]);
  expect(into(numbered, pets)).toEqual([-1, -1, -1]);
  expect(into({ size: 3, names: null }, pets)).toEqual([0, 1, 2]);
  expect(into(numbered, named('0', '2', '1'))).toEqual([0, -1, -1]);
  expect(into({ size: 3, names: null }, numbered)).toEqual([0, 1, -1]);
});

test('a name is found where it stands, and only there', () => {
  for (const [at, name] of NAMES.entries()) expect(indexOfName(NAMES, name)).toBe(at);
  for (const name of ['constructor', 'CAT', '1']) expect(indexOfName(NAMES, name)).toBe(-1);
});

test('the worst classes take part in most errors, as true or as predicted class', () => {
  for (let round = 0; round < 100; round++) {
    const counts = randomCounts(draw, whole(draw, 1, 15), 0.3).map((line) => line.map((count) => count % 4)); // with ties
    const errors = counts.map((line, index) =>
      counts.reduce((sum, other, at) => sum + (at === index ? 0 : line[at] + other[index]), 0),
    );
    const most = whole(draw, 0, counts.length + 2);
    const found = worstClasses(matrixFrom(counts), most);
    expect(found).toEqual([...errors.keys()].sort((a, b) => errors[b] - errors[a] || a - b).slice(0, most));
  }
});

describe('matchingPairs', () => {
  const list = named('wildcat', 'dog', 'Cat', 'hot dog', 'a, b');

  test('are the pairs of the classes that each side is for, the very ones first', () => {
    expect(matchingPairs(list, 'cat → dog', 9)).toEqual([
      [2, 1],
      [2, 3],
      [0, 1],
      [0, 3],
    ]);
    expect(matchingPairs(list, 'DOG->wild', 9)).toEqual([
      [1, 0],
      [3, 0],
    ]);
    expect(matchingPairs(list, 'dog, cat', 1)).toEqual([[1, 2]]);
    expect(matchingPairs({ size: 12, names: null }, '10, 3', 9)).toEqual([[10, 3]]);
    expect(matchingPairs(list, 'a, b -> dog', 9)).toEqual([
      [4, 1],
      [4, 3],
    ]);
    expect(soughtClasses(list, 'wild -> dog')).toEqual([0, 1, 3]);
    expect(soughtClasses(list, 'dog')).toEqual([1, 3]);
    expect(soughtClasses(list, 'emu')).toEqual([]);
  });

  test('are never of one class, and none where a side is for none', () => {
    expect(matchingPairs(list, 'dog → dog', 9)).toEqual([
      [1, 3],
      [3, 1],
    ]);
    for (const text of ['dog', 'dog →', '→ dog', 'dog → emu', 'dog → cat → dog', ''])
      expect(matchingPairs(list, text, 9)).toEqual([]);
  });
});

describe('matchingClasses', () => {
  test('are those in whose names the text occurs, in whatever case; the very one first', () => {
    const list = named('wildcat', 'dog', 'Cat', 'catfish', 'ant');
    expect(matchingClasses(list, 'cat')).toEqual([2, 0, 3]);
    expect(matchingClasses(list, ' CAT ')).toEqual([2, 0, 3]);
    expect(matchingClasses(list, 'a')).toEqual([0, 2, 3, 4]);
    expect(matchingClasses(list, 'cow')).toEqual([]);
    expect(matchingClasses(list, '.')).toEqual([]);
    expect(matchingClasses(named('a b', 'ab'), 'a b')).toEqual([0]);
  });

  test('are none without a text', () => {
    for (const text of ['', ' ', '\t']) expect(matchingClasses(named('a b', ''), text)).toEqual([]);
  });

  test('are found by their numbers where they have no names', () => {
    expect(matchingClasses({ size: 120, names: null }, '11')).toEqual([11, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119]);
    expect(matchingClasses({ size: 13, names: ['x'] }, '1')).toEqual([1, 10, 11, 12]);
  });
});
