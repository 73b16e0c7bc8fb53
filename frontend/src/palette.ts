// Colors: one ramp for correct cells and one of another hue for wrong ones, for a light and for a dark page.

import {
  interpolateBlues,
  interpolateCividis,
  interpolateGreens,
  interpolateGreys,
  interpolateOranges,
  interpolatePurples,
  interpolateReds,
  interpolateViridis,
} from 'd3-scale-chromatic';

/** 256 colors as a canvas keeps them (little endian: alpha, blue, green, red), the lowest clearly different from an empty cell. */
export type Ramp = Uint32Array;

export interface Palette {
  readonly correct: Ramp;
  readonly wrong: Ramp;
  readonly zero: number;
  readonly grid: number;
  readonly frame: number;
  /** Lines over the cells of a class that was never seen, and dots where a share is undefined. */
  readonly hatch: number;
}

export type PaletteName = 'blue-orange' | 'green-red' | 'cividis' | 'viridis';

type Interpolator = (t: number) => string;

const HUES: Record<PaletteName, readonly [correct: Interpolator, wrong: Interpolator]> = {
  'blue-orange': [interpolateBlues, interpolateOranges],
  'green-red': [interpolateGreens, interpolateReds],
  cividis: [interpolateCividis, interpolateCividis],
  viridis: [interpolateViridis, interpolateViridis],
};
/** Ramps whose low end is dark by themselves. */
const DARK_FIRST: readonly Interpolator[] = [interpolateCividis, interpolateViridis];

/**
 * Runs: the first ones after Okabe and Ito (2008), the others searched for so that any two are told apart by most color visions: at least
 * 10 apart by CIEDE2000, also as simulated after Machado et al. (2009), and each with a contrast of 3 to the page.
 */
const RUN_COLORS = {
  light: ['#0072b2', '#d55e00', '#009e73', '#870069', '#2d2d2d', '#2d00d2', '#696969', '#004b00'],
  dark: ['#4fa8e0', '#ff8f40', '#a0e6a0', '#a55a87', '#e1e1e1', '#695aff', '#e11e00', '#00874b'],
};

const DARK_PAGE = [38, 41, 46] as const;
const LIGHT_PAGE = [255, 255, 255] as const;

export function paletteOf(name: PaletteName, dark: boolean): Palette {
  const [correct, wrong] = HUES[name];
  return {
    correct: rampOf(correct, dark),
    wrong: rampOf(wrong, dark),
    zero: dark ? packed(...DARK_PAGE) : packed(...LIGHT_PAGE),
    grid: dark ? packed(53, 57, 64) : packed(232, 235, 239),
    frame: dark ? packed(92, 98, 108) : packed(190, 196, 205),
    hatch: dark ? packed(92, 98, 108) : packed(190, 196, 205),
  };
}

const runRamps = new Map<string, Ramp>();

/** The color of the run in a slot, from faint to full; made once. */
export function runRamp(slot: number, dark: boolean): Ramp {
  const color = runColor(slot, dark);
  const known = runRamps.get(color);
  if (known) return known;
  const full = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)) as unknown as Channels;
  const page = dark ? DARK_PAGE : LIGHT_PAGE;
  const least = dark ? 0.5 : 0.3; // on a dark page little is seen less
  const ramp = Uint32Array.from({ length: 256 }, (_, i) => packed(...mixed(page, full, least + ((1 - least) * i) / 255)));
  runRamps.set(color, ramp);
  return ramp;
}

export function runColor(slot: number, dark: boolean): string {
  const colors = RUN_COLORS[dark ? 'dark' : 'light'];
  return colors[slot % colors.length];
}

/** More, less, and what may be noise: neither the hues of correct and wrong cells, unless those are green and red, nor of one run. */
export function divergingRamps(dark: boolean): { more: Ramp; less: Ramp; noise: Ramp } {
  // On a dark page their brightest ends would both be white.
  const hue = (interpolate: Interpolator) => rampOf(interpolate, dark, 0.42);
  return { more: hue(interpolatePurples), less: hue(interpolateGreens), noise: faded(interpolateGreys, dark) };
}

/** Grey that stays behind every color. */
function faded(interpolate: Interpolator, dark: boolean): Ramp {
  const page = dark ? DARK_PAGE : LIGHT_PAGE;
  const grey = channels(interpolate(dark ? 0.35 : 0.6));
  return Uint32Array.from({ length: 256 }, (_, i) => packed(...mixed(page, grey, 0.12 + (0.3 * i) / 255)));
}

function rampOf(interpolate: Interpolator, dark: boolean, brightest = 0.22): Ramp {
  const ramp = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const t = i / 255;
    if (DARK_FIRST.includes(interpolate)) {
      // Little lies next to the page, whichever it is.
      ramp[i] = packed(...channels(interpolate(dark ? 0.12 + 0.88 * t : 0.94 - 0.94 * t)));
    } else if (dark) {
      // On a dark page little is dark: the ramp upside down, and its low end faded into the page.
      const color = channels(interpolate(0.88 - (0.88 - brightest) * t));
      const opacity = Math.min(1, 0.38 + 0.9 * t);
      ramp[i] = packed(...mixed(DARK_PAGE, color, opacity));
    } else {
      ramp[i] = packed(...channels(interpolate(0.16 + 0.8 * t)));
    }
  }
  return ramp;
}

type Channels = readonly [red: number, green: number, blue: number];

function channels(css: string): Channels {
  // Some interpolators write rgb(1, 2, 3), some #010203.
  const hex = css.startsWith('#');
  const [red, green, blue] = hex
    ? [1, 3, 5].map((at) => Number.parseInt(css.slice(at, at + 2), 16))
    : (css.match(/\d+/g) ?? []).map(Number);
  return [red, green, blue];
}

function mixed(under: Channels, over: Channels, opacity: number): Channels {
  const mix = (i: 0 | 1 | 2) => Math.round(under[i] + (over[i] - under[i]) * opacity);
  return [mix(0), mix(1), mix(2)];
}

export function packed(red: number, green: number, blue: number): number {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

export function toCss(color: number): string {
  return `rgb(${color & 255} ${(color >> 8) & 255} ${(color >> 16) & 255})`;
}

/** Black or white, whichever can be read on a color (relative luminance: WCAG 2.2). */
export function inkOn(color: number): string {
  const [red, green, blue] = [color & 255, (color >> 8) & 255, (color >> 16) & 255].map((channel) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? '#000000' : '#ffffff';
}
