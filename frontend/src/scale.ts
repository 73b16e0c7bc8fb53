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

/** The same, slower and without tables: where there is one for each row, theirs would fill the memory. */
export function smallScaleOf(extent: Extent, color: ColorScale): Scale {
  const place = ({ least, most }: { least: number; most: number }) => {
    const height = (value: number) => (color === 'log' ? logarithm(value, least) : value);
    const reach = height(most);
    return (value: number) => (value >= most ? 255 : Math.max(1, Math.round((255 * height(value)) / reach) || 1));
  };
  return { correct: place(extent.correct), wrong: place(extent.wrong) };
}

const single = new Float32Array(1);
const bitsOfSingle = new Uint32Array(single.buffer);
/** A number's exponent and the first 7 bits behind its point. */
function bucketOf(value: number): number {
  single[0] = value;
  return bitsOfSingle[0] >>> 16;
}
const BUCKETS = 1 << 15;

/**
 * Where each place begins is known beforehand, and by a number's bits about where to look: a logarithm for each cell would be
 * most of the time that a picture takes. One function for all scales is also one that the engine makes part of the loop.
 */
function placeIn({ least, most }: { least: number; most: number }, color: ColorScale): (value: number) => number {
  const from = new Float64Array(257).fill(Number.POSITIVE_INFINITY);
  const first = new Uint8Array(BUCKETS).fill(1);
  for (let place = 2; place <= 255; place++) from[place] = valueAt({ least, most }, color, (place - 0.5) / 255);
  for (let place = 2; place <= 255; place++) first.fill(place, bucketOf(from[place]) + 1, bucketOf(from[place + 1]) + 1);
  return (value) => {
    if (value >= most) return 255;
    let place = first[bucketOf(value)];
    while (value >= from[place + 1]) place++;
    return place;
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
