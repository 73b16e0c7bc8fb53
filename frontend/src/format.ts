// Numbers and cells in words.

import type { Cell } from './camera';
import { countAt, denominator, type Matrix, type Normalize } from './matrix';

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
/** Of sums of weights: what is behind is their noise. */
const SIX_DIGITS = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 6 });
const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

export function exactCount(count: number): string {
  return isTiny(count) ? String(count) : (Math.abs(count) < 1e5 ? SIX_DIGITS : WHOLE).format(count);
}

export function compactCount(count: number): string {
  if (isTiny(count)) return String(Number(count.toPrecision(3)));
  return count < 1000 && Number.isInteger(count) ? String(count) : COMPACT.format(count);
}

/** A sum of weights that decimals would round to nothing, or need a line for. */
function isTiny(count: number): boolean {
  return count > 0 && count < 1e-6;
}

/** A share as a percentage, with one decimal, or with two significant digits when it is small. NaN is n/a. */
export function percent(share: number): string {
  if (Number.isNaN(share)) return 'n/a';
  const value = share * 100;
  if (value === 0 || value === 100) return `${value}%`;
  if (value < 0.1) return `${Number(value.toPrecision(2))}%`;
  return `${Math.min(value, 99.9).toFixed(1)}%`; // 99.96% is not everything
}

/** A value of a cell as short as it can be told, for the cell itself and for the legend. */
export function shortValue(value: number, normalize: Normalize): string {
  if (normalize === 'counts') return compactCount(value);
  const rounded = Math.round(value * 100);
  return value > 0 && (rounded === 0 || (rounded === 100 && value < 1)) ? percent(value) : `${rounded}%`;
}

/** The name of a class; its number where there are no names. */
export function nameOf(names: readonly string[] | null, index: number): string {
  const name = names?.[index] ?? String(index);
  return name.trim() === '' ? '(no name)' : name;
}

/** The share that a normalization makes of a cell, and what it is a share of; counts are told beside their share of the true class. */
export function shareOf(matrix: Matrix, cell: Cell, normalize: Normalize): number {
  const of = denominator(matrix, normalize === 'counts' ? 'true' : normalize, cell.trueClass, cell.predictedClass);
  return of === 0 ? Number.NaN : countAt(matrix, cell.trueClass, cell.predictedClass) / of;
}

/** `true cat, predicted dog: 12 (3.1% of true cat)`, in parts, since names of any script are set apart on the page. */
export function cellInWords(matrix: Matrix, names: readonly string[] | null, cell: Cell, normalize: Normalize) {
  const trueName = nameOf(names, cell.trueClass);
  const predictedName = nameOf(names, cell.predictedClass);
  return {
    trueName,
    predictedName,
    count: exactCount(countAt(matrix, cell.trueClass, cell.predictedClass)),
    share: percent(shareOf(matrix, cell, normalize)),
    of: normalize === 'all' ? 'all' : normalize === 'pred' ? 'predicted' : 'true',
    ofName: normalize === 'all' ? '' : normalize === 'pred' ? predictedName : trueName,
  };
}

/** A metric of the whole matrix: three digits are what its interval bears. */
export function metricText(value: number, name: string): string {
  if (Number.isNaN(value)) return 'n/a';
  return name === 'total' ? exactCount(value) : value.toFixed(3);
}

/** An interval of a metric; nothing where it is undefined. */
export function intervalText(interval: readonly [number, number] | undefined, name: string): string {
  return interval && !Number.isNaN(interval[0]) ? `${metricText(interval[0], name)}–${metricText(interval[1], name)}` : '';
}

/** A change of a metric with its sign. */
export function signedMetric(change: number, name: string): string {
  const size = metricText(Math.abs(change), name);
  return Number(size.replaceAll(',', '')) === 0 ? '0' : `${change > 0 ? '+' : '−'}${size}`;
}

/** A change of a share, in percentage points. */
export function pointsText(change: number): string {
  const size = Math.abs(100 * change).toFixed(1);
  return `${size === '0.0' ? '±' : change > 0 ? '+' : '−'}${size} points`;
}
