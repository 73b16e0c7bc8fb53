// Is a change more than noise? Tests of two proportions, and of all the cells of two matrices at once.

import { denominator, type Matrix, type Normalize } from './matrix';
import { finished, sorted, type Work } from './pieces';

/** One entry for each cell that is shown and not zero in both matrices, by growing row, then column. */
export interface Changes {
  readonly rows: Int32Array;
  readonly cols: Int32Array;
  /** Row r's entries are those from rowStart[r] to rowStart[r + 1]. */
  readonly rowStart: Int32Array;
  /** The counts. */
  readonly before: Float64Array;
  readonly after: Float64Array;
  /** After less before, in counts or in shares as asked for; NaN where a share is undefined on one side. */
  readonly difference: Float64Array;
  /** Chance of a difference as large, were there none; NaN where there is nothing to test. */
  readonly pValue: Float64Array;
  /** 1 where the change is more than noise. */
  readonly significant: Uint8Array;
  /** How many cells have a p-value. */
  readonly tested: number;
  /** How many are more than noise, on the diagonal and off it. */
  readonly found: OnAndOff;
  /** The largest changes there. */
  readonly most: OnAndOff;
}

/** A number for the diagonal, which is correct, and one for the cells off it. */
export interface OnAndOff {
  readonly correct: number;
  readonly wrong: number;
}

/** The share of the findings that may be false. */
const LEVEL = 0.05;
const LEAST_EXPECTED = 5;
const NEXT_TO_EQUAL = 1 + 1e-12;

/**
 * The two-sided p-value of x1 of n1 against x2 of n2: the chance of a difference as large, were both of one proportion.
 * Fisher's exact test (Fisher, 1935) for whole numbers where one is expected to be below 5, as is the custom (Cochran, 1954);
 * otherwise the pooled z-test, whose square is the chi-squared test of Pearson (1900). NaN where n1 or n2 is 0.
 * Both take the samples as drawn independently: weights are tested as if each stood for so many samples.
 */
export function twoProportions(x1: number, n1: number, x2: number, n2: number): number {
  if (!(n1 > 0 && n2 > 0)) return Number.NaN;
  if (x1 * n2 === x2 * n1) return 1; // also the p-value of Fisher's test: nothing is likelier than what is expected
  const hits = x1 + x2;
  const misses = n1 - x1 + (n2 - x2);
  if (misses <= 0) return 1; // sums of weights that differ by their rounding
  const expected = (Math.min(hits, misses) / (n1 + n2)) * Math.min(n1, n2);
  const whole = Number.isInteger(x1) && Number.isInteger(n1) && Number.isInteger(x2) && Number.isInteger(n2);
  if (expected < LEAST_EXPECTED && whole) return fisher(x1, n1, hits, misses);
  // Roots apart and a quotient in between, since products of four can leave the range of a number.
  const spread = Math.sqrt(n1) * Math.sqrt(n2) * Math.sqrt(hits) * Math.sqrt(misses / (n1 + n2));
  return erfc(Math.abs(x1 * n2 - x2 * n1) / spread / Math.SQRT2);
}

/**
 * The sum of the hypergeometric probabilities of all tables with the same margins that are no likelier than this one.
 * Each probability is a simple multiple of its neighbor's: taken from the likeliest table outwards, in parts of that one's,
 * they need neither factorials nor logarithms, and fall so fast (fewer than 5 are expected) that some dozens are all.
 */
function fisher(x1: number, n1: number, hits: number, misses: number): number {
  const least = Math.max(0, n1 - misses);
  const most = Math.min(n1, hits);
  const others = misses - n1; // the misses of the second less the hits of the first
  const mode = Math.floor(((n1 + 1) / (hits + misses + 2)) * (hits + 1));
  const likeliest = Math.min(most, Math.max(least, mode));
  if (x1 === likeliest) return 1;

  let observed = 1;
  for (let k = likeliest; k < x1 && observed > 0; k++) observed *= ((hits - k) * (n1 - k)) / ((k + 1) * (others + k + 1));
  for (let k = likeliest; k > x1 && observed > 0; k--) observed *= (k * (others + k)) / ((hits - k + 1) * (n1 - k + 1));
  if (observed === 0) return 0;

  const limit = observed * NEXT_TO_EQUAL;
  const negligible = observed * 1e-16;
  let all = 0;
  let unlikely = 0;
  for (let k = likeliest, p = 1; k <= most && p > negligible; k++) {
    all += p;
    if (p <= limit) unlikely += p;
    p *= ((hits - k) * (n1 - k)) / ((k + 1) * (others + k + 1));
  }
  for (let k = likeliest, p = 1; k > least && p > negligible; k--) {
    p *= (k * (others + k)) / ((hits - k + 1) * (n1 - k + 1));
    all += p;
    if (p <= limit) unlikely += p;
  }
  return Math.min(1, unlikely / all);
}

const STEP = 0.5;
const POINTS = Float64Array.from({ length: 13 }, (_, n) => (n * STEP) ** 2);
const WEIGHTS = POINTS.map((square) => Math.exp(-square));

/**
 * The complementary error function of x >= 0, to some 15 digits: below 0.5 by the series of erf, above by the trapezoidal rule
 * for its integral, which converges exponentially (Chiarella and Reichel, 1968; Matta and Reichel, 1971).
 */
export function erfc(x: number): number {
  const square = x * x;
  if (x < 0.5) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 14; n++) {
      term *= -square / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let sum = 0.5 / square;
  for (let n = 1; n < POINTS.length; n++) sum += WEIGHTS[n] / (POINTS[n] + square);
  if (square > 745) return 0; // below the least number, and the sum of infinity is NaN
  const trapezoids = ((2 * STEP * x) / Math.PI) * Math.exp(-square) * sum;
  // What the rule misses: the integrand's pole, which matters only near 0.
  return x < Math.PI / STEP ? trapezoids - 2 / Math.expm1((2 * Math.PI * x) / STEP) : trapezoids;
}

/**
 * 1 for the p-values to trust when many are tested, so that of those at most a share of `level` is expected to be false
 * (Benjamini and Hochberg, 1995). NaN is not tested.
 */
export function benjaminiHochberg(pValues: Float64Array, level = LEVEL): Uint8Array {
  const small = new Float64Array(pValues.length); // none above the level can be trusted
  let rank = 0;
  let tested = 0;
  for (let i = 0; i < pValues.length; i++) {
    if (pValues[i] <= level) small[rank++] = pValues[i];
    if (pValues[i] >= 0) tested++;
  }
  const sorted = small.subarray(0, rank).sort();
  while (rank > 0 && sorted[rank - 1] > (level * rank) / tested) rank--;
  const trusted = new Uint8Array(pValues.length);
  if (rank === 0) return trusted;
  const limit = sorted[rank - 1];
  for (let i = 0; i < pValues.length; i++) if (pValues[i] <= limit) trusted[i] = 1;
  return trusted;
}

/** p-values adjusted for their number: those up to a level are the ones that `benjaminiHochberg` trusts at it. NaN is not tested. */
export function adjustedPValues(pValues: Float64Array): Float64Array {
  return finished(adjustment(pValues));
}

/** The same piece by piece. */
export function* adjustment(pValues: Float64Array): Work<Float64Array> {
  const adjusted = pValues.slice();
  const tested = [...pValues.keys()].filter((i) => pValues[i] >= 0);
  const falling = yield* sorted(tested, (a, b) => pValues[b] - pValues[a]);
  let least = 1;
  for (const [above, i] of falling.entries()) {
    least = Math.min(least, (pValues[i] * falling.length) / (falling.length - above));
    adjusted[i] = least;
  }
  return adjusted;
}

/** Cells that are not compared: those of the diagonal, and confusions with smaller counts in both matrices. */
export interface Hidden {
  readonly diagonal: boolean;
  readonly below: number;
}
const NOTHING: Hidden = { diagonal: false, below: 0 };

/**
 * What changed from one matrix to another of the same classes, and which of it is more than noise at a false discovery rate of
 * `level`. Tested is the count's share of its true class for 'counts' and 'true', of its predicted class for 'pred', of all for 'all'.
 * Two evaluations of one data set have more in common than the tests assume: then they find rather too little than too much.
 */
export function changesBetween(before: Matrix, after: Matrix, normalize: Normalize, hidden = NOTHING, level = LEVEL): Changes {
  return finished(comparison(before, after, normalize, hidden, level));
}

/** The same piece by piece, so that a page can do other things in between; each step tells how far it is, from 0 to 1. */
export function* comparison(before: Matrix, after: Matrix, normalize: Normalize, hidden = NOTHING, level = LEVEL): Work<Changes> {
  const n = before.numClasses;
  if (after.numClasses !== n) {
    throw new Error(
      `expected two matrices of the same classes, got one of ${n} and one of ${after.numClasses}: align them first`,
    );
  }
  const { rows, cols, rowStart, counts } = unionOf(before, after, hidden);
  yield 0;
  const tested = normalize === 'counts' ? 'true' : normalize;
  const size = rows.length;
  const difference = new Float64Array(size);
  const pValue = new Float64Array(size);
  let testedCells = 0;
  for (let i = 0; i < size; i++) {
    const row = rows[i];
    const col = cols[i];
    const x1 = counts[0][i];
    const x2 = counts[1][i];
    // A share of nothing is 0 / 0, which is NaN.
    difference[i] = x2 / denominator(after, normalize, row, col) - x1 / denominator(before, normalize, row, col);
    pValue[i] = twoProportions(x1, denominator(before, tested, row, col), x2, denominator(after, tested, row, col));
    if (!Number.isNaN(pValue[i])) testedCells++;
    if (i % PIECE === PIECE - 1) yield i / size;
  }
  const significant = benjaminiHochberg(pValue, level);
  yield 1;
  const cells = {
    rows,
    cols,
    rowStart,
    before: counts[0],
    after: counts[1],
    difference,
    pValue,
    significant,
    tested: testedCells,
  };
  return { ...cells, ...mostChanged(cells, after.rest) };
}

/**
 * How many changes are more than noise, and how large the largest is: of those where there are such, since shares of a few samples change
 * more than all that is certain. Where classes are summed up, that place is no measure of the others.
 */
function mostChanged({ rows, cols, difference, significant }: Omit<Changes, 'found' | 'most'>, rest: number | undefined) {
  const [found, all, certain] = Array.from({ length: 3 }, () => ({ correct: 0, wrong: 0 }));
  for (let i = 0; i < rows.length; i++) {
    const part = rows[i] === cols[i] ? 'correct' : 'wrong';
    if (significant[i]) found[part]++;
    const change = Math.abs(difference[i]);
    if (rows[i] === rest || cols[i] === rest || !(change > 0)) continue;
    if (change > all[part]) all[part] = change;
    if (significant[i] && change > certain[part]) certain[part] = change;
  }
  return { found, most: { correct: certain.correct || all.correct, wrong: certain.wrong || all.wrong } };
}

const BEYOND = 2 ** 31 - 1;
const PIECE = 4096;

/** The cells that are shown and not zero in one or both matrices, with the counts of both. */
function unionOf(a: Matrix, b: Matrix, hidden: Hidden) {
  const most = 2 * a.numClasses + a.cols.length + b.cols.length;
  const rows = new Int32Array(most);
  const cols = new Int32Array(most);
  const counts = [new Float64Array(most), new Float64Array(most)] as const;
  const rowStart = new Int32Array(a.numClasses + 1);
  let size = 0;
  for (let row = 0; row < a.numClasses; row++) {
    rowStart[row] = size;
    const endA = a.rowStart[row + 1];
    const endB = b.rowStart[row + 1];
    let i = a.rowStart[row];
    let j = b.rowStart[row];
    let diagonal = a.diagonal[row] > 0 || b.diagonal[row] > 0 ? row : BEYOND;
    while (true) {
      const colA = i < endA ? a.cols[i] : BEYOND;
      const colB = j < endB ? b.cols[j] : BEYOND;
      const col = Math.min(colA, colB, diagonal);
      if (col === BEYOND) break;
      rows[size] = row;
      cols[size] = col;
      if (col === diagonal) {
        counts[0][size] = a.diagonal[row];
        counts[1][size] = b.diagonal[row];
        diagonal = BEYOND;
      } else {
        if (col === colA) counts[0][size] = a.counts[i++];
        if (col === colB) counts[1][size] = b.counts[j++];
      }
      // Within the rest, what was confused and what was not is one number.
      const isHidden =
        row === col ? hidden.diagonal || row === a.rest : Math.max(counts[0][size], counts[1][size]) < hidden.below;
      if (isHidden) counts[0][size] = counts[1][size] = 0;
      else size++;
    }
  }
  rowStart[a.numClasses] = size;
  return {
    rows: rows.subarray(0, size),
    cols: cols.subarray(0, size),
    rowStart,
    counts: [counts[0].subarray(0, size), counts[1].subarray(0, size)] as const,
  };
}
