// Metrics of a confusion matrix and their 95% intervals: those of tb_confmat_plugin/metrics.py, which names their sources.
// What is undefined is NaN, and averages leave such classes out.

import type { Matrix } from './matrix';
import type { Work } from './pieces';

export type Interval = readonly [low: number, high: number];

export interface WholeMetric {
  readonly name: string;
  readonly label: string;
  readonly formula: string;
  readonly higherIsBetter: boolean;
}

export interface ClassMetric {
  readonly name: string;
  readonly label: string;
  readonly formula: string;
  /** Whether it is a share of samples or grows with one, and so has an interval. */
  readonly share: boolean;
}

const MICRO = 'of the summed counts of all classes, which is the accuracy where each sample has one label';
const SUM = 'sum of support x predicted';

/** Metrics of the whole matrix. */
export const WHOLE = [
  { name: 'total', label: 'Total', formula: 'N', higherIsBetter: true },
  { name: 'accuracy', label: 'Accuracy', formula: 'sum of TP / N', higherIsBetter: true },
  {
    name: 'balanced_accuracy',
    label: 'Balanced accuracy',
    formula: 'mean recall of the classes that have samples',
    higherIsBetter: true,
  },
  { name: 'precision_macro', label: 'Macro precision', formula: 'mean precision of all classes', higherIsBetter: true },
  { name: 'precision_micro', label: 'Micro precision', formula: `precision ${MICRO}`, higherIsBetter: true },
  {
    name: 'precision_weighted',
    label: 'Weighted precision',
    formula: 'mean precision of all classes, weighted by support',
    higherIsBetter: true,
  },
  { name: 'recall_macro', label: 'Macro recall', formula: 'mean recall of all classes', higherIsBetter: true },
  { name: 'recall_micro', label: 'Micro recall', formula: `recall ${MICRO}`, higherIsBetter: true },
  {
    name: 'recall_weighted',
    label: 'Weighted recall',
    formula: 'mean recall of all classes, weighted by support',
    higherIsBetter: true,
  },
  { name: 'f1_macro', label: 'Macro F1', formula: 'mean F1 of all classes', higherIsBetter: true },
  { name: 'f1_micro', label: 'Micro F1', formula: `F1 ${MICRO}`, higherIsBetter: true },
  { name: 'f1_weighted', label: 'Weighted F1', formula: 'mean F1 of all classes, weighted by support', higherIsBetter: true },
  { name: 'jaccard_macro', label: 'Macro Jaccard', formula: 'mean Jaccard of all classes', higherIsBetter: true },
  {
    name: 'matthews_corrcoef',
    label: 'Matthews correlation',
    formula: `(N c - ${SUM}) / sqrt((N^2 - sum of predicted^2) (N^2 - sum of support^2)), with c the sum of TP`,
    higherIsBetter: true,
  },
  {
    name: 'cohen_kappa',
    label: "Cohen's kappa",
    formula: `(p - e) / (1 - e), with p the accuracy and e = ${SUM} / N^2`,
    higherIsBetter: true,
  },
  {
    name: 'top_confusion_rate',
    label: 'Top confusion rate',
    formula: 'the largest cell off the diagonal / N',
    higherIsBetter: false,
  },
] as const satisfies readonly WholeMetric[];

/** Metrics of each class. */
export const PER_CLASS = [
  { name: 'support', label: 'Support', formula: 'TP + FN', share: false },
  { name: 'predicted', label: 'Predicted', formula: 'TP + FP', share: false },
  { name: 'true_positives', label: 'True positives', formula: 'TP', share: false },
  { name: 'false_positives', label: 'False positives', formula: 'FP', share: false },
  { name: 'false_negatives', label: 'False negatives', formula: 'FN', share: false },
  { name: 'true_negatives', label: 'True negatives', formula: 'TN = N - TP - FP - FN', share: false },
  { name: 'precision', label: 'Precision', formula: 'TP / (TP + FP)', share: true },
  { name: 'recall', label: 'Recall', formula: 'TP / (TP + FN)', share: true },
  { name: 'specificity', label: 'Specificity', formula: 'TN / (TN + FP)', share: true },
  { name: 'f1', label: 'F1', formula: '2 TP / (2 TP + FP + FN)', share: true },
  { name: 'jaccard', label: 'Jaccard', formula: 'TP / (TP + FP + FN)', share: true },
  { name: 'false_positive_rate', label: 'False positive rate', formula: 'FP / (FP + TN)', share: true },
] as const satisfies readonly ClassMetric[];

export type WholeName = (typeof WHOLE)[number]['name'];
export type PerClassName = (typeof PER_CLASS)[number]['name'];
export type ShareName = Extract<(typeof PER_CLASS)[number], { share: true }>['name'];

// Two-sided 95% of the standard normal distribution.
const Z = 1.959963984540054;

/** The score interval of a proportion (Wilson, 1927). */
export function wilson(successes: number, trials: number): Interval {
  if (trials === 0) return [Number.NaN, Number.NaN];
  const middle = (successes + Z ** 2 / 2) / (trials + Z ** 2);
  const half = (Z / (trials + Z ** 2)) * Math.sqrt((successes * (trials - successes)) / trials + Z ** 2 / 4);
  // Rounding must not leave the share outside.
  const share = successes / trials;
  return [Math.max(0, Math.min(middle - half, share)), Math.min(1, Math.max(middle + half, share))];
}

type OfClass = (matrix: Matrix, index: number) => number;

const support: OfClass = (m, i) => m.support[i];
const predicted: OfClass = (m, i) => m.predicted[i];
const truePositives: OfClass = (m, i) => m.diagonal[i];
const falsePositives: OfClass = (m, i) => m.predicted[i] - m.diagonal[i];
const falseNegatives: OfClass = (m, i) => m.support[i] - m.diagonal[i];
// Sums of weights are rounded: what is left of them must not become negative.
const trueNegatives: OfClass = (m, i) => Math.max(m.total - m.support[i] - falsePositives(m, i), 0);
const negatives: OfClass = (m, i) => trueNegatives(m, i) + falsePositives(m, i);

const PROPORTIONS: Record<Exclude<ShareName, 'f1'>, readonly [part: OfClass, whole: OfClass]> = {
  precision: [truePositives, predicted],
  recall: [truePositives, support],
  specificity: [trueNegatives, negatives],
  jaccard: [truePositives, (m, i) => m.support[i] + m.predicted[i] - m.diagonal[i]],
  false_positive_rate: [falsePositives, negatives],
};

// Where the whole is 0 the part is, too, and the share NaN.
const share =
  ([part, whole]: readonly [OfClass, OfClass]): OfClass =>
  (m, i) =>
    part(m, i) / whole(m, i);

const OF_CLASS: Record<PerClassName, OfClass> = {
  support,
  predicted,
  true_positives: truePositives,
  false_positives: falsePositives,
  false_negatives: falseNegatives,
  true_negatives: trueNegatives,
  precision: share(PROPORTIONS.precision),
  recall: share(PROPORTIONS.recall),
  specificity: share(PROPORTIONS.specificity),
  f1: (m, i) => (2 * m.diagonal[i]) / (m.support[i] + m.predicted[i]),
  jaccard: share(PROPORTIONS.jaccard),
  false_positive_rate: share(PROPORTIONS.false_positive_rate),
};

export function perClass(matrix: Matrix): Record<PerClassName, Float64Array> {
  return Object.fromEntries(PER_CLASS.map(({ name }) => [name, ofClasses(matrix, name)])) as Record<PerClassName, Float64Array>;
}

function ofClasses(matrix: Matrix, name: PerClassName): Float64Array {
  const found = new Float64Array(matrix.numClasses);
  const of = OF_CLASS[name];
  for (let i = 0; i < found.length; i++) found[i] = of(matrix, i);
  return found;
}

/** The Wilson interval of a share of one class; weights are taken as numbers of samples. F1 grows with the Jaccard index. */
export function intervalOf(matrix: Matrix, name: ShareName, index: number): Interval {
  const [part, whole] = PROPORTIONS[name === 'f1' ? 'jaccard' : name];
  const [low, high] = wilson(part(matrix, index), whole(matrix, index));
  return name === 'f1' ? [(2 * low) / (1 + low), (2 * high) / (1 + high)] : [low, high];
}

export interface Whole {
  readonly metrics: Record<WholeName, number>;
  /**
   * Of each metric that has one, for samples drawn one by one at random: Wilson's for the accuracy and what equals it, for others that of
   * the delta method. NaN where the metric is undefined and where the delta method finds no spread, which is no certainty.
   */
  readonly intervals: Partial<Record<WholeName, Interval>>;
}

export function wholeMetrics(matrix: Matrix): Record<WholeName, number> {
  return metricsOf(matrix, sharesOf(matrix), pairsOf(matrix));
}

function metricsOf(matrix: Matrix, shares: Shares, pairs: Pairs): Record<WholeName, number> {
  const { total } = matrix;
  const accuracy = sum(matrix.diagonal) / total;
  const macro = (name: Averaged) => average(shares[name], null);
  const weighted = (name: Averaged) => average(shares[name], matrix.support);
  return {
    total,
    accuracy,
    balanced_accuracy: macro('recall'),
    precision_macro: macro('precision'),
    precision_micro: accuracy,
    precision_weighted: weighted('precision'),
    recall_macro: macro('recall'),
    recall_micro: accuracy,
    recall_weighted: weighted('recall'),
    f1_macro: macro('f1'),
    f1_micro: accuracy,
    f1_weighted: weighted('f1'),
    jaccard_macro: macro('jaccard'),
    matthews_corrcoef: matthews(pairs),
    cohen_kappa: kappa(pairs),
    top_confusion_rate: largest(matrix.counts) / total,
  };
}

/** All metrics of the whole matrix with their intervals, piece by piece; each step tells how far it is, from 0 to 1. */
export function* wholeInPieces(matrix: Matrix): Work<Whole> {
  const shares = sharesOf(matrix);
  yield 0;
  const pairs = pairsOf(matrix);
  yield 0.1;
  const metrics = metricsOf(matrix, shares, pairs);
  yield 0.2;
  const accuracy = wilson(sum(matrix.diagonal), matrix.total);
  const intervals: Partial<Record<WholeName, Interval>> = {
    accuracy,
    precision_micro: accuracy,
    recall_micro: accuracy,
    recall_weighted: accuracy,
    f1_micro: accuracy,
  };
  const macro = (of: Averaged) => () => meanGradient(matrix, of, shares[of], null);
  const weighted = (of: Averaged, mean: number) => () => meanGradient(matrix, of, shares[of], mean);
  const gradients: readonly (readonly [name: WholeName, gradient: () => Gradient, least?: number])[] = [
    ['recall_macro', macro('recall')],
    ['precision_macro', macro('precision')],
    ['precision_weighted', weighted('precision', metrics.precision_weighted)],
    ['f1_macro', macro('f1')],
    ['f1_weighted', weighted('f1', metrics.f1_weighted)],
    ['jaccard_macro', macro('jaccard')],
    ['matthews_corrcoef', () => matthewsGradient(pairs), -1],
    ['cohen_kappa', () => kappaGradient(pairs), -1],
  ];
  for (const [i, [name, gradient, least = 0]] of gradients.entries()) {
    const half = Z * standardError(matrix, gradient());
    const interval: Interval = [Math.max(metrics[name] - half, least), Math.min(metrics[name] + half, 1)];
    intervals[name] = interval;
    if (name === 'recall_macro') intervals.balanced_accuracy = interval; // which it is
    yield 0.2 + (0.8 * (i + 1)) / gradients.length;
  }
  return { metrics, intervals };
}

type Averaged = 'precision' | 'recall' | 'f1' | 'jaccard';
type Shares = Record<Averaged, Float64Array>;

function sharesOf(matrix: Matrix): Shares {
  const of = (name: Averaged) => ofClasses(matrix, name);
  return { precision: of('precision'), recall: of('recall'), f1: of('f1'), jaccard: of('jaccard') };
}

/** The mean over the classes where a share is defined. */
function average(shares: Float64Array, weights: Float64Array | null): number {
  let sum = 0;
  let of = 0;
  for (let i = 0; i < shares.length; i++) {
    if (Number.isNaN(shares[i])) continue;
    const weight = weights ? weights[i] : 1;
    sum += shares[i] * weight;
    of += weight;
  }
  return sum / of;
}

function sum(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

function largest(values: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > largest) largest = values[i];
  return largest;
}

/** How a metric grows with the marginals of each class. */
interface Gradient {
  readonly truePositives: Float64Array;
  readonly support: Float64Array;
  readonly predicted: Float64Array;
}

function gradientOf(numClasses: number): Gradient {
  return {
    truePositives: new Float64Array(numClasses),
    support: new Float64Array(numClasses),
    predicted: new Float64Array(numClasses),
  };
}

/** The standard error of a metric by the delta method, which metrics.py explains; NaN where it finds no spread. */
function standardError(matrix: Matrix, gradient: Gradient): number {
  const { numClasses, diagonal, rowStart, cols, counts } = matrix;
  const { truePositives, support, predicted } = gradient;
  let drift = 0;
  let scale = 0;
  const marginals = [diagonal, matrix.support, matrix.predicted];
  for (const [which, slopes] of [truePositives, support, predicted].entries()) {
    const samples = marginals[which];
    for (let i = 0; i < numClasses; i++) {
      drift += samples[i] * slopes[i];
      scale += samples[i] * slopes[i] * slopes[i];
    }
  }
  const mean = drift / matrix.total;
  let variance = 0;
  for (let row = 0; row < numClasses; row++) {
    const bySupport = support[row] - mean;
    const correct = truePositives[row] + bySupport + predicted[row];
    variance += diagonal[row] * correct * correct;
    for (let i = rowStart[row]; i < rowStart[row + 1]; i++) {
      const wrong = bySupport + predicted[cols[i]];
      variance += counts[i] * wrong * wrong;
    }
  }
  // Where nothing spreads, rounding must not pass for a small spread.
  return variance > 1e-20 * scale ? Math.sqrt(variance) : Number.NaN;
}

/** Which multiples of TP, and of TP, support and predicted, are the numerator and the denominator of the shares that are averaged. */
const COMBINATIONS: Record<Averaged, readonly [numerator: number, denominator: readonly [number, number, number]]> = {
  precision: [1, [0, 0, 1]],
  recall: [1, [0, 1, 0]],
  f1: [2, [0, 1, 1]],
  jaccard: [1, [-1, 1, 1]],
};

/** Of a mean over classes, weighted by support if that weighted mean is given. */
function meanGradient(matrix: Matrix, name: Averaged, shares: Float64Array, weightedMean: number | null): Gradient {
  const gradient = gradientOf(matrix.numClasses);
  const [numerator, [ofTruePositives, ofSupport, ofPredicted]] = COMBINATIONS[name];
  const weightOf = (i: number) => (Number.isNaN(shares[i]) ? 0 : weightedMean === null ? 1 : matrix.support[i]);
  let weights = 0;
  for (let i = 0; i < shares.length; i++) weights += weightOf(i);
  for (let i = 0; i < shares.length; i++) {
    if (Number.isNaN(shares[i])) continue;
    const denominator = ofTruePositives * matrix.diagonal[i] + ofSupport * matrix.support[i] + ofPredicted * matrix.predicted[i];
    const slope = weightOf(i) / weights / denominator;
    gradient.truePositives[i] = slope * (numerator - ofTruePositives * shares[i]);
    gradient.support[i] = -slope * ofSupport * shares[i];
    gradient.predicted[i] = -slope * ofPredicted * shares[i];
    if (weightedMean !== null) gradient.support[i] += (shares[i] - weightedMean) / weights;
  }
  return gradient;
}

/**
 * What correlations are made of. N^2 minus a sum of products over classes is written as a sum over pairs of different classes: so nothing
 * cancels out, and a rare class tells at any N.
 */
interface Pairs {
  readonly total: number;
  readonly wrong: number;
  /** Samples of all other classes than one. */
  readonly otherSupport: Float64Array;
  readonly otherPredicted: Float64Array;
  /** N^2 minus the sum of support x predicted, of support^2, and of predicted^2. */
  readonly apart: number;
  readonly spreadOfSupport: number;
  readonly spreadOfPredicted: number;
}

function pairsOf(matrix: Matrix): Pairs {
  const [otherSupport, otherPredicted] = [others(matrix.support), others(matrix.predicted)];
  let [apart, spreadOfSupport, spreadOfPredicted] = [0, 0, 0];
  for (let i = 0; i < matrix.numClasses; i++) {
    apart += matrix.support[i] * otherPredicted[i];
    spreadOfSupport += matrix.support[i] * otherSupport[i];
    spreadOfPredicted += matrix.predicted[i] * otherPredicted[i];
  }
  const [total, wrong] = [matrix.total, sum(matrix.counts)];
  return { total, wrong, otherSupport, otherPredicted, apart, spreadOfSupport, spreadOfPredicted };
}

/** For each class the sum over all others. */
function others(counts: Float64Array): Float64Array {
  const found = new Float64Array(counts.length);
  let [before, behind] = [0, 0];
  for (let i = 0; i < counts.length; i++) {
    found[i] = before;
    before += counts[i];
  }
  for (let i = counts.length - 1; i >= 0; i--) {
    found[i] += behind;
    behind += counts[i];
  }
  return found;
}

function matthews({ total, wrong, apart, spreadOfSupport, spreadOfPredicted }: Pairs): number {
  const scale = Math.sqrt(spreadOfSupport * spreadOfPredicted);
  return scale === 0 ? Number.NaN : Math.min(Math.max((apart - total * wrong) / scale, -1), 1);
}

function kappa({ total, wrong, apart }: Pairs): number {
  return (apart - total * wrong) / apart;
}

// In these N is held, and a constant that would cancel is added: the sum over the other classes stands in place of minus a count.

function matthewsGradient(pairs: Pairs): Gradient {
  const { otherSupport, otherPredicted, spreadOfSupport, spreadOfPredicted } = pairs;
  const gradient = gradientOf(otherSupport.length);
  const scale = Math.sqrt(spreadOfSupport * spreadOfPredicted);
  const found = matthews(pairs);
  for (let i = 0; i < otherSupport.length; i++) {
    gradient.truePositives[i] = pairs.total / scale;
    gradient.support[i] = otherPredicted[i] / scale - found * (otherSupport[i] / spreadOfSupport);
    gradient.predicted[i] = otherSupport[i] / scale - found * (otherPredicted[i] / spreadOfPredicted);
  }
  return gradient;
}

function kappaGradient(pairs: Pairs): Gradient {
  const gradient = gradientOf(pairs.otherSupport.length);
  const disagreement = 1 - kappa(pairs);
  for (let i = 0; i < pairs.otherSupport.length; i++) {
    gradient.truePositives[i] = pairs.total / pairs.apart;
    gradient.support[i] = (disagreement * pairs.otherPredicted[i]) / pairs.apart;
    gradient.predicted[i] = (disagreement * pairs.otherSupport[i]) / pairs.apart;
  }
  return gradient;
}
