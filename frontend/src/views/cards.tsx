// The course of single confusions as small charts, where there are too many classes for a course in each cell.

import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { type Cell, isSameCell } from '../camera';
import { type Courses, linePoints, stepRange } from '../courses';
import { exactCount, nameOf, percent, shareOf, shortValue } from '../format';
import { dark, normalize } from '../look';
import { cutTo } from '../marks';
import { countAt, type Matrix } from '../matrix';
import { runColor } from '../palette';
import { classAt, goToClasses, seenClasses, subjectPane } from '../seen';
import { cursor, runSlots, step } from '../state';
import { drawings, INK } from './sheet';
import { FONT, type Surface, strokeLine } from './surface';

const NAME = 14;
const CARD = { width: 180, height: 56, head: 34, gap: 12 };

interface CardsProps {
  cells: readonly Cell[];
  /** The first of them, where it is not one of the worst. */
  goneTo: Cell | null;
  courses: ReadonlyMap<string, Courses>;
  stale: boolean;
}

/** The worst confusions as small charts; before them, another cell that was gone to. */
export function Cards({ cells, goneTo, courses: of, stale }: CardsProps) {
  const box = useRef<HTMLUListElement>(null);
  const list = seenClasses.value;
  const { first, last } = stepRange(of);
  const { width, height } = CARD;
  const x = (at: number) => 2 + (last > first ? (at - first) / (last - first) : 0.5) * (width - 4);
  // Each has a scale of its own: the most frequent confusion would leave the others flat.
  const mostOf = (cell: number) => {
    let most = 0;
    for (const { steps, values } of of.values()) {
      for (let i = 0; i < steps.length; i++) most = Math.max(most, values[cell * steps.length + i] || 0);
    }
    return most;
  };
  const now = x(step.value ?? first);
  const matrix = subjectPane.value?.matrix;
  const cards = cells.map((cell, i) => {
    const most = mostOf(i);
    const y = (value: number) => height - 3 - (most > 0 ? value / most : 0) * (height - 8);
    return {
      cell,
      most: shortValue(most, normalize.value),
      names: [cell.trueClass, cell.predictedClass].map((index) => nameOf(list.names, index)),
      value: matrix ? valueIn(matrix, cell) : '',
      lines: [...of].map(([run, one]) => ({
        run,
        stroke: runColor(runSlots.value.get(run) ?? 0, dark.value),
        points: linePoints(one, i, y, x, width),
      })),
    };
  });
  useLayoutEffect(() => {
    if (!box.current) return;
    drawings.set('cards', {
      title: subjectPane.value?.run ?? '',
      left: 0,
      ...sizeOf(cards.length),
      element: box.current,
      draw: (surface) => paintCards(surface, cards, now),
    });
    return () => void drawings.delete('cards');
  });
  const at = cursor.value;
  useEffect(() => {
    box.current?.querySelector('[aria-current=true]')?.scrollIntoView({ block: 'nearest' });
  }, [goneTo, at]);
  return (
    <div class="cards">
      <p class="head">
        {goneTo ? 'The cell that was gone to, and the' : 'The'} {cells.length - (goneTo ? 1 : 0)} worst confusions of{' '}
        <bdi>{subjectPane.value?.run}</bdi> at step {subjectPane.value?.step}, over all steps; show fewer classes to see the
        course of each cell
      </p>
      <ul ref={box} class={stale ? 'stale' : undefined} onKeyDown={press}>
        {cards.map(({ cell, names, value, most, lines }) => (
          <li key={`${cell.trueClass} ${cell.predictedClass}`}>
            <button
              type="button"
              aria-current={at !== null && isSameCell(at, cell)}
              onClick={() => goToClasses(classAt(cell.trueClass), classAt(cell.predictedClass))}
            >
              <span class="names" title={`true ${names[0]}, predicted ${names[1]}`}>
                <bdi>{cutTo(names[0], NAME)}</bdi>
                <span>
                  → <bdi>{cutTo(names[1], NAME)}</bdi>
                </span>
              </span>
              <b>{value}</b>
              <small class="note">up to {most}</small>
              <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
                <line class="now" x1={now} x2={now} y1="0" y2={height} />
                {lines.map(({ run, stroke, points }) => (
                  <polyline
                    key={run}
                    stroke={stroke}
                    points={points.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(' ')}
                  />
                ))}
              </svg>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Arrow keys, Home and End go from card to card. */
function press(event: KeyboardEvent): void {
  if (moveAmong(event.currentTarget as HTMLElement, event.key)) event.preventDefault();
}

/** Focuses the card that a key leads to, from the one that has the focus or else the current one; whether there is one. */
export function moveAmong(list: HTMLElement, key: string): boolean {
  const cards = [...list.querySelectorAll('button')];
  const from = cards.indexOf(document.activeElement as HTMLButtonElement);
  const across = cards.findIndex((card) => card.offsetTop > cards[0].offsetTop);
  const row = across > 0 ? across : cards.length;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row, Home: -from, End: cards.length - 1 - from }[key];
  if (by === undefined || cards.length === 0) return false;
  const current = cards.findIndex((card) => card.ariaCurrent === 'true');
  const to = from < 0 ? Math.max(current, 0) : from + by;
  cards[to]?.focus();
  return true;
}

/** In the unit of the course. */
function valueIn(matrix: Matrix, cell: Cell): string {
  return normalize.value === 'counts'
    ? exactCount(countAt(matrix, cell.trueClass, cell.predictedClass))
    : percent(shareOf(matrix, cell, normalize.value));
}

const CARD_COLUMNS = 4;

function sizeOf(count: number): { width: number; height: number } {
  const { width, height, head, gap } = CARD;
  const rows = Math.ceil(count / CARD_COLUMNS);
  return { width: CARD_COLUMNS * (width + gap), height: rows * (height + head + gap) };
}

interface Card {
  readonly names: readonly string[];
  readonly value: string;
  readonly lines: readonly { stroke: string; points: readonly (readonly [number, number])[] }[];
}

/** The cards for a picture that is exported. */
function paintCards(surface: Surface, cards: readonly Card[], now: number): void {
  const { width, height, head, gap } = CARD;
  const { text, muted } = INK[dark.value ? 'dark' : 'light'];
  for (const [i, { names, value, lines }] of cards.entries()) {
    surface.save();
    surface.translate((i % CARD_COLUMNS) * (width + gap), Math.floor(i / CARD_COLUMNS) * (height + head + gap));
    surface.font = `11px ${FONT}`;
    surface.textBaseline = 'middle';
    surface.fillStyle = text;
    surface.textAlign = 'left';
    surface.fillText(cutTo(names[0], NAME), 2, 8);
    surface.fillText(`→ ${cutTo(names[1], NAME)}`, 2, 22);
    surface.textAlign = 'right';
    surface.fillText(value, width - 2, 8);
    surface.translate(0, head);
    surface.lineWidth = 1;
    surface.strokeStyle = muted;
    surface.globalAlpha = 0.4;
    surface.strokeRect(0.5, 0.5, width - 1, height - 1);
    strokeLine(surface, [
      [now, 0],
      [now, height],
    ]);
    surface.globalAlpha = 1;
    surface.lineWidth = 1.75;
    for (const { stroke, points } of lines) {
      surface.strokeStyle = stroke;
      strokeLine(surface, points);
    }
    surface.restore();
  }
}
