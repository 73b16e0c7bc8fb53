import { describe, expect, test } from 'vitest';
import { inkOn, type PaletteName, packed, paletteOf, toCss } from '../src/palette';
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

const NAMES: readonly PaletteName[] = ['blue-orange', 'green-red'];
const PALETTES = NAMES.flatMap((name) => [false, true].map((dark) => ({ name, dark, palette: paletteOf(name, dark) })));

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

describe.each(PALETTES)('$name, dark: $dark', ({ dark, palette }) => {
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
      const lowest = opaque(ramp[1]);
      expect(Math.max(...lowest.map((channel, i) => Math.abs(channel - zero[i])))).toBeGreaterThanOrEqual(24);
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

  test('correct and wrong cells can be told apart at every place', () => {
    for (let place = 1; place < 256; place++) {
      const [a, b] = [opaque(palette.correct[place]), opaque(palette.wrong[place])];
      expect(Math.max(...a.map((channel, i) => Math.abs(channel - b[i])))).toBeGreaterThan(30);
    }
  });
});
