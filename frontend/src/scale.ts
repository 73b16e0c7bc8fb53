// From a value to a place in a ramp, linear or logarithmic.

import type { Extent, Matrix, Normalize } from './matrix';
import { extentOf } from './matrix';

export type ColorScale = 'linear' | 'log';

/** Places from 1 to 255: 0 is for nothing, so that even the smallest value can be told from an empty cell. */
export interface Scale {
  readonly correct: (value: number) => number;
  readonly wrong: (value: number) => number;
}

export function scaleOf(extent: Extent, color: ColorScale): Scale {
  return { correct: placeIn(extent.correct, color), wrong: placeIn(extent.wrong, color) };
}

function placeIn({ least, most }: { least: number; most: number }, color: ColorScale): (value: number) => number {
  const height = (value: number) => (color === 'log' ? logarithm(value, least) : value);
  const reach = height(most);
  return (value) => {
    const t = height(value) / reach;
    return t >= 1 ? 255 : Math.max(1, Math.round(t * 255) || 1); // NaN where there is nothing at all
  };
}

/** log1p(value / least), also where that quotient is too large for a number. */
function logarithm(value: number, least: number): number {
  return Math.log(value + least) - Math.log(least);
}

/** The value half way up a ramp, for its legend. */
export function middleOf(range: { least: number; most: number }, color: ColorScale): number {
  return valueAt(range, color, 0.5);
}

/** The value at a height of a ramp, from 0 to 1. */
export function valueAt({ least, most }: { least: number; most: number }, color: ColorScale, height: number): number {
  if (height === 1) return most; // not but for rounding
  return color === 'log' ? least * Math.expm1(logarithm(most, least) * height) : most * height;
}

/** One extent for several matrices, so that a color means the same in all of them. */
export function sharedExtent(matrices: readonly Matrix[], normalize: Normalize): Extent {
  return widest(matrices.map((matrix) => extentOf(matrix, normalize)));
}

export function widest(extents: readonly Extent[]): Extent {
  const over = (part: 'correct' | 'wrong') => {
    const ranges = extents.map((extent) => extent[part]).filter((range) => range.most > 0);
    return ranges.length === 0
      ? { least: 0, most: 0 }
      : { least: Math.min(...ranges.map((range) => range.least)), most: Math.max(...ranges.map((range) => range.most)) };
  };
  return { correct: over('correct'), wrong: over('wrong') };
}
