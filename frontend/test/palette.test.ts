import { describe, expect, test } from 'vitest';
import { divergingRamps, inkOn, type PaletteName, packed, paletteOf, runColor, runRamp, toCss } from '../src/palette';
import { seeded, whole } from './samples';

type Channels = [red: number, green: number, blue: number];

/** What a canvas would show, read as it does: byte by byte. */
function channelsOf(color: number): [...Channels, number] {
  return [...new Uint8Array(Uint32Array.of(color).buffer)] as [...Channels, number];
}

/** WCAG 2.2, relative luminance. */
function luminance([red, green, blue]: Channels): number {
  const linear = (channel: number) =>
    channel <= 0.04045 * 255 ? channel / 255 / 12.92 : ((channel / 255 + 0.055) / 1.055) ** 2.4;
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

function contrast(a: Channels, b: Channels): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

function fromHex(css: string): Channels {
  const [, red, green, blue] = /^#(..)(..)(..)$/.exec(css) ?? [];
  return [red, green, blue].map((digits) => Number.parseInt(digits, 16)) as Channels;
}

function opaque(color: number): Channels {
  const [red, green, blue, alpha] = channelsOf(color);
  expect(alpha).toBe(255);
  return [red, green, blue];
}

const TWO_HUES: readonly PaletteName[] = ['blue-orange', 'green-red'];
const NAMES: readonly PaletteName[] = [...TWO_HUES, 'cividis', 'viridis'];
const SLOTS = [0, 1, 2, 3, 4, 5, 6, 7];
const PALETTES = NAMES.flatMap((name) => [false, true].map((dark) => ({ name, dark, palette: paletteOf(name, dark) })));

/** The largest difference of a channel. */
function distance(a: number, b: number): number {
  const [one, other] = [opaque(a), opaque(b)];
  return Math.max(...one.map((channel, i) => Math.abs(channel - other[i])));
}

test('colors are packed as a canvas keeps them', () => {
  expect(channelsOf(packed(1, 2, 3))).toEqual([1, 2, 3, 255]);
  expect(channelsOf(packed(255, 128, 0))).toEqual([255, 128, 0, 255]);
  expect(toCss(packed(255, 128, 7))).toBe('rgb(255 128 7)');
});

test('ink is black or white, and can be read on any color', () => {
  const draw = seeded(31);
  const inks = new Set<string>();
  for (let round = 0; round < 5000; round++) {
    const color: Channels = [whole(draw, 0, 255), whole(draw, 0, 255), whole(draw, 0, 255)];
    const ink = inkOn(packed(...color));
    inks.add(ink);
    expect(contrast(fromHex(ink), color)).toBeGreaterThanOrEqual(4.5);
  }
  expect(inks.size).toBe(2);
});

describe.each(PALETTES)('$name, dark: $dark', ({ name, dark, palette }) => {
  const zero = opaque(palette.zero);

  describe.each(['correct', 'wrong'] as const)('%s', (part) => {
    const ramp = palette[part];

    test('has 256 opaque colors', () => {
      expect(ramp.length).toBe(256);
      for (const color of ramp) opaque(color);
    });

    test('every number on it can be read', () => {
      for (const color of ramp) expect(contrast(fromHex(inkOn(color)), opaque(color))).toBeGreaterThanOrEqual(4.5);
    });

    test('leads ever farther away from the page', () => {
      const away = [...ramp].map((color) => (dark ? luminance(opaque(color)) : -luminance(opaque(color))));
      for (let place = 1; place < 256; place++) {
        expect(away[place]).toBeGreaterThan(Math.max(...away.slice(0, place)) - 0.0006); // 8 bits a channel round it
        if (place >= 16) expect(away[place]).toBeGreaterThan(away[place - 16]);
      }
      expect(contrast(opaque(ramp[255]), zero)).toBeGreaterThan(4.5);
    });

    test('its lowest color is not that of an empty cell', () => {
      expect(distance(ramp[1], palette.zero)).toBeGreaterThanOrEqual(24);
    });
  });

  test('what is not a count looks different from zero and from each other', () => {
    for (const color of [palette.grid, palette.frame, palette.hatch]) {
      opaque(color);
      expect(color).not.toBe(palette.zero);
    }
    expect(contrast(opaque(palette.hatch), zero)).toBeGreaterThan(1.5);
    expect(palette.hatch).not.toBe(palette.grid);
  });

  test('correct and wrong cells can be told apart at every place, where they have hues of their own', () => {
    for (let place = 1; place < 256; place++) {
      if (TWO_HUES.includes(name)) expect(distance(palette.correct[place], palette.wrong[place])).toBeGreaterThan(30);
      else expect(palette.correct[place]).toBe(palette.wrong[place]);
    }
  });
});

describe.each([false, true])('the colors of runs, dark: %s', (dark) => {
  const { zero, grid } = paletteOf('blue-orange', dark);

  test.each(SLOTS)('that of slot %i goes from faint to full, away from the page', (slot) => {
    const ramp = runRamp(slot, dark);
    expect(ramp.length).toBe(256);
    expect(opaque(ramp[255])).toEqual(fromHex(runColor(slot, dark)));
    for (let place = 1; place < 256; place++) {
      expect(distance(ramp[place], zero)).toBeGreaterThanOrEqual(distance(ramp[place - 1], zero));
    }
    expect(contrast(opaque(ramp[1]), opaque(zero))).toBeGreaterThan(1.4); // a stripe of it is seen
    expect(ramp).not.toContain(grid);
    expect(contrast(opaque(ramp[255]), opaque(zero))).toBeGreaterThan(2.9);
  });

  test('can be told apart, and come again when there are no more', () => {
    for (const one of SLOTS) {
      expect(runColor(one + SLOTS.length, dark)).toBe(runColor(one, dark));
      for (const other of SLOTS.slice(0, one)) {
        expect(distance(runRamp(one, dark)[255], runRamp(other, dark)[255])).toBeGreaterThan(40);
      }
    }
  });
});

describe.each([false, true])('the colors of changes, dark: %s', (dark) => {
  const { more, less, noise } = divergingRamps(dark);
  const { zero } = paletteOf('blue-orange', dark);

  test('more and less can be told apart at every place, and from what may be noise', () => {
    for (let place = 1; place < 256; place++) {
      expect(distance(more[place], less[place])).toBeGreaterThan(15);
      if (place > 100) {
        expect(distance(more[place], noise[place])).toBeGreaterThan(30);
        expect(distance(less[place], noise[place])).toBeGreaterThan(30);
      }
    }
  });

  test('what may be noise is grey, and not nothing', () => {
    for (const color of noise) {
      const channels = opaque(color);
      expect(Math.max(...channels) - Math.min(...channels)).toBeLessThanOrEqual(8);
    }
    expect(distance(noise[1], zero)).toBeGreaterThanOrEqual(10);
    expect(distance(noise[255], zero)).toBeGreaterThan(distance(noise[1], zero));
    expect(distance(noise[255], zero)).toBeLessThan(distance(more[255], zero));
    expect(distance(noise[255], zero)).toBeLessThan(distance(less[255], zero));
  });
});
