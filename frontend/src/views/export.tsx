// The menu that saves what is shown: as a picture, as tables, as a chart for elsewhere.

import { Download } from 'lucide';
import { Fragment } from 'preact';
import { useState } from 'preact/hooks';
import {
  cellRows,
  cellRowsOfRuns,
  changeRows,
  classRows,
  confusionRows,
  csvOf,
  denseRows,
  jsonOf,
  type Rows,
  TITLES,
  tableJsonOf,
  vegaLiteOf,
} from '../export';
import { color, dark, normalize, palette, ranking, view } from '../look';
import { cutInTheMiddle } from '../marks';
import { baselinePane, changes, classes, extent, type Pane, panes, seenClasses, subjectPane } from '../seen';
import { changesBetween } from '../significance';
import { step, tag } from '../state';
import { SvgContext } from '../svg';
import { keyIn, paintAt, paragraph } from './key';
import { Menu } from './menu';
import { drawings, INK } from './sheet';
import { FONT, measureIn, type Surface } from './surface';

/** Larger tables with a column for each class are of no use to anyone. */
const DENSE_AT_MOST = 2000;
const EDGE = 16;
/** The room for the name of each run, where there are several. */
const NAMES = 22;
const NAME = 12;
const LEAST_WIDTH = 400;
const PICTURE_DETAIL = 2;
interface Item {
  readonly text: string;
  /** Why it cannot be saved, where it cannot. */
  readonly cannot?: string | undefined;
  readonly save: () => void;
}

export function ExportMenu() {
  const [problem, setProblem] = useState('');
  const picture = (text: string, make: (name: string) => void): Item => ({
    text,
    save: () => {
      setProblem(drawings.size > 0 ? '' : 'Nothing is drawn here that could be saved as a picture');
      if (drawings.size > 0) make(pictureName());
    },
  });
  const rows: [text: string, ...items: Item[]][] = [['Picture', picture('PNG', savePng), picture('SVG', saveSvg)]];
  const pane = subjectPane.value;
  const all = panes.value.flatMap(({ run, step: at, matrix }) => (matrix && at !== null ? [{ run, step: at, matrix }] : []));
  if (all.length > 1) rows.push(['Cells, run by run', ...ofAll(all)]);
  if (pane?.matrix) rows.push(...tablesOf(pane, pane.matrix));
  return (
    <Menu label="Export" icon={Download}>
      {pane?.matrix && panes.value.length + Number(view.value === 'difference') > 1 && (
        <p class="note">
          {all.length > 1 ? 'The other tables and the chart' : 'Tables and chart'} are of <bdi>{pane.run}</bdi>, step {pane.step}
        </p>
      )}
      <div class="saves">
        {rows.map(([text, ...items]) => (
          <Fragment key={text}>
            <span>{text}</span>
            {items.map((item) => (
              <button
                key={item.text}
                type="button"
                class="plain"
                aria-label={`${text}, ${item.text}`}
                disabled={item.cannot !== undefined}
                title={item.cannot}
                onClick={item.save}
              >
                {item.text}
              </button>
            ))}
          </Fragment>
        ))}
      </div>
      <p role="alert">{problem}</p>
    </Menu>
  );
}

/** The numbers of a pane, each kind for tables and for programs. */
function tablesOf(pane: Pane, matrix: NonNullable<Pane['matrix']>): [text: string, ...items: Item[]][] {
  const list = seenClasses.value;
  const whole = pane.whole ?? matrix;
  const source = { tag: tag.value, run: pane.run, step: pane.step ?? 0 };
  const name = nameOfFile(source.tag, source.run, source.step);
  const csv = (end: string, rows: () => Rows, cannot?: string): Item => ({
    text: 'CSV',
    cannot,
    save: () => save(`${name}${end}.csv`, 'text/csv', csvOf(rows())),
  });
  const json = (end: string, content: () => string, text = 'JSON'): Item => ({
    text,
    save: () => save(`${name}${end}.json`, 'application/json', content()),
  });
  const table = (end: string, rows: () => Rows, about: object = {}): Item[] => [
    csv(end, rows),
    json(end, () => tableJsonOf(rows(), { ...source, ...about })),
  ];
  const base = baselinePane.value;
  const before = base?.matrix;
  const since = before && { run: base.run, step: base.step };
  // Of large matrices perhaps not yet compared: now it is waited for.
  const changed = () =>
    before ? changeRows(changes.value ?? changesBetween(before, matrix, normalize.value), list, normalize.value) : [];
  const look = () => ({
    normalize: normalize.value,
    color: color.value,
    extent: extent.value,
    palette: palette.value,
    page: page(),
    text: INK[dark.value ? 'dark' : 'light'].text,
  });
  return [
    [
      'Matrix',
      csv('', () => denseRows(matrix, list), list.size > DENSE_AT_MOST ? `Up to ${DENSE_AT_MOST} classes` : undefined),
      json('', () => jsonOf(matrix, list, source)),
    ],
    ['Cells that are not zero', csv('-cells', () => cellRows(matrix, list))],
    ['Classes with metrics', ...table('-classes', () => classRows(whole, classes.value))],
    [
      'Confusions, ranked',
      ...table('-confusions', () => confusionRows(whole, classes.value, ranking.value === 'rate' ? 'rate' : 'count')),
    ],
    ...(since
      ? [
          [
            'Changes since the baseline',
            ...table(nameOfFile('-since', since.run, since.step), changed, { baseline: since, normalize: normalize.value }),
          ] as [string, ...Item[]],
        ]
      : []),
    ['Chart', json('.vl', () => vegaLiteOf(matrix, list, source, look()), 'Vega-Lite')],
  ];
}

/** The cells of every run, as Compare and the small multiples show them. */
function ofAll(all: Parameters<typeof cellRowsOfRuns>[0]): Item[] {
  const name = nameOfFile(tag.value, 'runs', step.value, 'cells');
  const rows = () => cellRowsOfRuns(all, seenClasses.value);
  return [
    { text: 'CSV', save: () => save(`${name}.csv`, 'text/csv', csvOf(rows())) },
    { text: 'JSON', save: () => save(`${name}.json`, 'application/json', tableJsonOf(rows(), { tag: tag.value })) },
  ];
}

function nameOfFile(...parts: readonly (string | number | null)[]): string {
  return parts.join('-').replaceAll(/[^\p{L}\p{N}_.-]+/gu, '_');
}

function save(name: string, type: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Whether the picture is of one run at one step. */
function isOfOne(): boolean {
  return view.value === 'difference' || (view.value === 'matrix' && panes.value.length === 1);
}

function pictureName(): string {
  const [pane, base] = [subjectPane.value, baselinePane.value];
  if (!isOfOne()) return nameOfFile(tag.value, view.value, step.value);
  const against = view.value === 'difference' ? ['against', base?.run ?? '', base?.step ?? ''] : [];
  return nameOfFile(tag.value, pane?.run ?? '', pane?.step ?? '', ...against);
}

function titleOfPicture(): string {
  const [[key, { title }]] = drawings;
  const pane = subjectPane.value;
  if (key === 'cards') return `${tag.value}, the worst confusions of ${title}, step ${pane?.step}`;
  if (!isOfOne()) return `${tag.value}, step ${step.value}`;
  return `${tag.value}, ${title}${view.value === 'matrix' ? `, step ${pane?.step}` : ''}`;
}

/** What the picture shows of all there is, in the words of the page. */
function notes(): string {
  const what = TITLES[normalize.value] + (color.value === 'log' ? ', log scale' : '');
  const runs = [...document.querySelectorAll('.runs li small')].map((note) => {
    const run = note.parentElement?.querySelector('bdi')?.textContent;
    return `${run} ${note.textContent}.`;
  });
  const others = [...document.querySelectorAll('.status .part, .matrices .problem')].map((note) => note.textContent);
  return [`${view.value === 'difference' ? 'Change of: ' : ''}${what}.`, ...runs, ...others].join(' ');
}

/** All drawings as they lie on the page, under one title, over one key. */
function composed(): { width: number; height: number; paint: (surface: Surface) => void } {
  const all = [...drawings].map(([run, one]) => ({ ...one, run, box: one.element.getBoundingClientRect() }));
  const left = Math.min(...all.map(({ box }) => box.left));
  const top = Math.min(...all.map(({ box }) => box.top));
  const wide = Math.ceil(Math.max(LEAST_WIDTH, ...all.map(({ box, width: own }) => box.left - left + own)));
  const high = Math.ceil(Math.max(...all.map(({ box, height: own }) => box.top - top + own)));
  const named = view.value === 'matrix' && panes.value.length > 1;
  const above = [paragraph(titleOfPicture(), wide, true), paragraph(notes(), wide)];
  const head = above.reduce((sum, { height }) => sum + height, 0) + (named ? NAMES : 8);
  const key = keyIn(wide);
  return {
    width: wide + 2 * EDGE,
    height: EDGE + head + high + 12 + key.height + EDGE,
    paint: (surface) => {
      let y = EDGE;
      for (const one of above) {
        paintAt(surface, EDGE, y, one.paint);
        y += one.height;
      }
      for (const { run, box, left: inset, width: own, draw } of all) {
        paintAt(surface, EDGE + box.left - left, EDGE + head + box.top - top, (here) => {
          if (named) {
            here.font = `500 ${NAME}px ${FONT}`;
            here.fillStyle = INK[dark.value ? 'dark' : 'light'].text;
            here.textAlign = 'left';
            here.textBaseline = 'middle';
            const at = `, step ${panes.value.find((pane) => pane.run === run)?.step}`;
            const measure = measureIn(NAME);
            here.fillText(cutInTheMiddle(run, own - inset - 1.1 * measure(at), measure) + at, inset, -10);
          }
          draw(here);
        });
      }
      paintAt(surface, EDGE, EDGE + head + high + 12, key.paint);
    },
  };
}

function page(): string {
  return getComputedStyle(document.documentElement).backgroundColor;
}

function saveSvg(name: string): void {
  const { width, height, paint } = composed();
  const svg = new SvgContext(width, height, page());
  paint(svg);
  save(`${name}.svg`, 'image/svg+xml', svg.toString());
}

function savePng(name: string): void {
  const { width, height, paint } = composed();
  const canvas = document.createElement('canvas');
  canvas.width = width * PICTURE_DETAIL;
  canvas.height = height * PICTURE_DETAIL;
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  context.scale(PICTURE_DETAIL, PICTURE_DETAIL);
  context.fillStyle = page();
  context.fillRect(0, 0, width, height);
  paint(context);
  canvas.toBlob((blob) => blob && save(`${name}.png`, 'image/png', blob), 'image/png');
}
