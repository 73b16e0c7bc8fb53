// The key of a picture that leaves the page: what the legend on the page says, painted.

import { FIT } from '../camera';
import { dark, palette } from '../look';
import { cutInTheMiddle } from '../marks';
import { toCss } from '../palette';
import { dot, hatch } from '../raster';
import { INK } from './sheet';
import { FONT, measureIn, painting, type Surface } from './surface';

const LINE = 16;
const ROW = 30;
const APART = 22;
const BOX = 12;
const TITLE = 14;
const WORDS = 12;
const ENDS = 10;
const SLICES = 64;
const measureTitle = measureIn(TITLE);
const measureWords = measureIn(WORDS);
const measureEnds = measureIn(ENDS);

/** Something of a size that is painted at (0, 0). */
interface Piece {
  readonly width: number;
  readonly height: number;
  readonly paint: (surface: Surface) => void;
}

/** The legend in so much room across. */
export function keyIn(width: number): Piece {
  const entries = [...document.querySelectorAll('.legend > *')].flatMap((entry) => pieceOf(entry, width) ?? []);
  let [x, y, row] = [0, 0, 0];
  const placed = entries.map((piece) => {
    if (x > 0 && x + piece.width > width) [x, y, row] = [0, y + row, 0];
    const at = { piece, x, y };
    x += piece.width + APART;
    row = Math.max(row, piece.height);
    return at;
  });
  return {
    width,
    height: y + row,
    paint(surface) {
      for (const one of placed) paintAt(surface, one.x, one.y, one.piece.paint);
    },
  };
}

export function paintAt(surface: Surface, x: number, y: number, paint: (surface: Surface) => void): void {
  surface.save();
  surface.translate(x, y);
  paint(surface);
  surface.restore();
}

/** Text in lines that are no wider than the room; a title in larger letters. */
export function paragraph(text: string, width: number, isTitle = false): Piece {
  const measure = isTitle ? measureTitle : measureWords;
  const line = isTitle ? LINE + 4 : LINE;
  const lines: string[] = [];
  for (const word of text.trim().split(/\s+/)) {
    const longer = lines.length > 0 ? `${lines[lines.length - 1]} ${word}` : '';
    if (longer && measure(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(cutInTheMiddle(word, width, measure));
  }
  return {
    width: Math.ceil(Math.max(...lines.map(measure))),
    height: lines.length * line + 6,
    paint(surface) {
      const { text: ink, muted } = INK[dark.value ? 'dark' : 'light'];
      write(surface, isTitle ? `500 ${TITLE}px ${FONT}` : `${WORDS}px ${FONT}`, isTitle ? ink : muted);
      for (const [i, words] of lines.entries()) surface.fillText(words, 0, line / 2 + i * line);
    },
  };
}

function pieceOf(entry: Element, width: number): Piece | null {
  if (entry.matches('.fixed')) return null; // fields to fill in
  if (entry.matches('.ramp')) return ramp(entry);
  const mark = entry.querySelector('i');
  if (!mark) return paragraph(entry.textContent, width);
  const room = BOX + 6;
  const words = paragraph(entry.textContent, width - room);
  return {
    ...words,
    width: room + words.width,
    paint(surface) {
      paintAt(surface, 0, 2, (here) => paintMark(here, mark));
      paintAt(surface, room, 0, words.paint);
    },
  };
}

function ramp(entry: Element): Piece {
  const name = entry.querySelector('span')?.textContent ?? '';
  const bar = entry.querySelector('.bar');
  const colors = (bar ? getComputedStyle(bar).backgroundImage : '').match(/rgb[^)]*/g) ?? [];
  const stops = colors.map((color) => (color.match(/\d+/g) ?? []).map(Number));
  const ends = [...entry.querySelectorAll('small span')].map((end) => end.textContent);
  if (stops.length < 2) return paragraph(`${name}: ${entry.querySelector('small')?.textContent}`, Number.POSITIVE_INFINITY);
  const left = Math.ceil(measureWords(name)) + 8;
  const slice = Math.ceil(
    Math.max(
      128,
      ends.reduce((sum, end) => sum + measureEnds(end) + 10, 0),
    ) / SLICES,
  );
  const long = slice * SLICES;
  return {
    width: left + long,
    height: ROW,
    paint(surface) {
      const { muted } = INK[dark.value ? 'dark' : 'light'];
      write(surface, `${WORDS}px ${FONT}`, muted);
      surface.fillText(name, 0, LINE / 2);
      for (let i = 0; i < SLICES; i++) {
        const at = (i / (SLICES - 1)) * (stops.length - 1);
        const [from, to] = [stops[Math.floor(at)], stops[Math.ceil(at)]];
        surface.fillStyle = `rgb(${from.map((channel, c) => Math.round(channel + (to[c] - channel) * (at % 1))).join(' ')})`;
        surface.fillRect(left + i * slice, 2, long - i * slice, 9); // over the one before: no seams between them
      }
      write(surface, `${ENDS}px ${FONT}`, muted);
      for (const [i, end] of ends.entries()) {
        surface.textAlign = i === 0 ? 'left' : i === ends.length - 1 ? 'right' : 'center';
        surface.fillText(end, left + (long * i) / (ends.length - 1), 19);
      }
    },
  };
}

/** A run's color, or how cells of a kind look. */
function paintMark(surface: Surface, mark: Element): void {
  const { frame, hatch: color, zero } = palette.value;
  if (mark.matches('.swatch')) {
    surface.fillStyle = getComputedStyle(mark).backgroundColor;
    surface.fillRect(0, 0, BOX, BOX);
  } else {
    const draw = (pixels: Uint32Array, side: number) => {
      pixels.fill(zero);
      if (mark.matches('.never-seen')) hatch(pixels, side, 0, side, color);
      if (mark.matches('.undefined')) dot(pixels, side, 0, side, color);
      if (mark.matches('.has-examples'))
        for (let y = 0; y < side / 2; y++) pixels.fill(color, y * side + side / 2 + y, (y + 1) * side);
    };
    const outline = () => {
      surface.strokeStyle = toCss(frame);
      surface.lineWidth = 1;
      surface.strokeRect(0.5, 0.5, BOX - 1, BOX - 1);
    };
    painting(1, draw, outline).paint(surface, BOX, FIT);
  }
}

function write(surface: Surface, font: string, color: string): void {
  surface.font = font;
  surface.fillStyle = color;
  surface.textAlign = 'left';
  surface.textBaseline = 'middle';
}
