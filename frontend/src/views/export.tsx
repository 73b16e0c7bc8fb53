// The menu that saves what is shown: as a picture, as tables, as a chart for elsewhere.

import { signal } from '@preact/signals';
import { Download } from 'lucide';
import { Fragment } from 'preact';
import {
  cellTable,
  cellTableOfRuns,
  changeTable,
  classTable,
  confusionTable,
  csvOf,
  denseTable,
  jsonOf,
  type Table,
  TITLES,
  tableJsonOf,
  vegaLiteOf,
} from '../export';
import { color, dark, hideBelow, hideDiagonal, normalize, palette, ranking, view } from '../look';
import { cutInTheMiddle } from '../marks';
import type { Matrix } from '../matrix';
import { inSlices, part, type Work } from '../pieces';
import { baselinePane, changes, classes, extent, type Pane, panes, seenClasses, subjectPane } from '../seen';
import { comparison } from '../significance';
import { baseline, step, tag } from '../state';
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
const TOGETHER = 100;
/** The share of the work after which a file is there as texts. */
const WRITTEN = 0.8;
interface Item {
  readonly text: string;
  /** Why it cannot be saved, where it cannot. */
  readonly cannot?: string | undefined;
  readonly save: () => void;
}

/** How far the file is that is being made; null when there is none. */
const saving = signal<number | null>(null);
const problem = signal('');

export function ExportMenu() {
  const picture = (text: string, type: string, make: () => Work<Blob | Promise<Blob>>): Item => ({
    text,
    save: () => {
      if (drawings.size > 0) save(`${pictureName()}.${type}`, make());
      else problem.value = 'Nothing is drawn here that could be saved as a picture';
    },
  });
  const rows: [text: string, ...items: Item[]][] = [['Picture', picture('PNG', 'png', png), picture('SVG', 'svg', svg)]];
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
      {saving.value !== null && <progress aria-label="Making the file" value={saving.value} max={1} />}
      <p role="alert">{problem.value}</p>
    </Menu>
  );
}

/** The numbers of a pane, each kind for tables and for programs. */
function tablesOf(pane: Pane, matrix: NonNullable<Pane['matrix']>): [text: string, ...items: Item[]][] {
  const list = seenClasses.value;
  const whole = pane.whole ?? matrix;
  const source = { tag: tag.value, run: pane.run, step: pane.step ?? 0 };
  const name = nameOfFile(source.tag, source.run, source.step);
  const since = baseline.value?.matrix && { run: baseline.value.run, step: baseline.value.step };
  const look = () => ({
    normalize: normalize.value,
    color: color.value,
    extent: extent.value,
    palette: palette.value,
    page: page(),
    text: INK[dark.value ? 'dark' : 'light'].text,
  });
  const ranked = () => confusionTable(whole, classes.value, ranking.value === 'rate' ? 'rate' : 'count');
  return [
    [
      'Matrix',
      {
        ...csv(name, () => denseTable(matrix, list)),
        cannot: list.size > DENSE_AT_MOST ? `Up to ${DENSE_AT_MOST} classes` : undefined,
      },
      json(name, () => jsonOf(matrix, list, source)),
    ],
    ['Cells that are not zero', csv(`${name}-cells`, () => cellTable(matrix, list))],
    ['Classes with metrics', ...csvAndJson(`${name}-classes`, () => classTable(whole, classes.value), source)],
    ['Confusions, ranked', ...csvAndJson(`${name}-confusions`, ranked, source)],
    ...(since
      ? [
          [
            'Changes since the baseline',
            ...csvAndJson(name + nameOfFile('-since', since.run, since.step), () => changed(matrix), {
              ...source,
              baseline: since,
              normalize: normalize.value,
            }),
          ] as [string, ...Item[]],
        ]
      : []),
    ['Chart', json(`${name}.vl`, () => vegaLiteOf(matrix, list, source, look()), 'Vega-Lite')],
  ];
}

/** Of large matrices perhaps not yet compared: now it is waited for. */
function* changed(after: Matrix): Work<Table> {
  const [of, list] = [normalize.value, seenClasses.value];
  const before = baselinePane.value?.matrix;
  if (!before) throw new Error('The baseline is not there any more: choose another one');
  // All of them, also where some are hidden and the others are judged without them.
  const isWhole = view.value !== 'difference' || (!hideDiagonal.value && hideBelow.value === 0);
  const found = (isWhole && changes.value) || (yield* part(comparison(before, after, of), 0, 0.5));
  return yield* part(changeTable(found, list, of), 0.5, 1);
}

/** The cells of every run, as Compare and the small multiples show them. */
function ofAll(all: Parameters<typeof cellTableOfRuns>[0]): Item[] {
  const name = nameOfFile(tag.value, 'runs', step.value, 'cells');
  return csvAndJson(name, () => cellTableOfRuns(all, seenClasses.value), { tag: tag.value });
}

function csvAndJson(name: string, table: () => Table | Work<Table>, about: object): Item[] {
  return [csv(name, table), json(name, () => tableJsonOf(table(), about))];
}

function csv(name: string, table: () => Table | Work<Table>): Item {
  return { text: 'CSV', save: () => save(`${name}.csv`, blobOf('text/csv', csvOf(table()))) };
}

function json(name: string, make: () => Work<string[]>, text = 'JSON'): Item {
  return { text, save: () => save(`${name}.json`, blobOf('application/json', make())) };
}

function nameOfFile(...parts: readonly (string | number | null)[]): string {
  return parts.join('-').replaceAll(/[^\p{L}\p{N}_.-]+/gu, '_');
}

/** As bytes these texts take as long as they are long, so they become them a few at a time. */
function* blobOf(type: string, work: Work<string[]>): Work<Blob> {
  const texts = yield* part(work, 0, WRITTEN);
  const blobs: Blob[] = [];
  for (let i = 0; i < texts.length; i += TOGETHER) {
    blobs.push(new Blob(texts.slice(i, i + TOGETHER)));
    yield WRITTEN + (1 - WRITTEN) * (i / texts.length);
  }
  return new Blob(blobs, { type });
}

/** Makes a file, one at a time, while the page goes on, and saves it. */
async function save(name: string, work: Work<Blob | Promise<Blob>>): Promise<void> {
  if (saving.value !== null) return;
  saving.value = 0;
  problem.value = '';
  try {
    const made = await inSlices(
      work,
      () => true,
      (progress) => {
        saving.value = progress;
      },
    );
    download(name, (await made) as Blob);
  } catch (error) {
    problem.value = `${name} could not be made: ${(error as Error).message}`;
  } finally {
    saving.value = null;
  }
}

function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
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
function composed(): { width: number; height: number; paint: (surface: Surface) => Work<void> } {
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
    *paint(surface) {
      let y = EDGE;
      for (const one of above) {
        paintAt(surface, EDGE, y, one.paint);
        y += one.height;
      }
      for (const [i, { run, box, left: inset, width: own, draw }] of all.entries()) {
        yield i / all.length;
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

function* svg(): Work<Blob> {
  const { width, height, paint } = composed();
  const surface = new SvgContext(width, height, page());
  yield* part(paint(surface), 0, 0.2);
  return yield* part(blobOf('image/svg+xml', surface.texts()), 0.2, 1);
}

function* png(): Work<Promise<Blob>> {
  const { width, height, paint } = composed();
  const canvas = document.createElement('canvas');
  canvas.width = width * PICTURE_DETAIL;
  canvas.height = height * PICTURE_DETAIL;
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  context.scale(PICTURE_DETAIL, PICTURE_DETAIL);
  context.fillStyle = page();
  context.fillRect(0, 0, width, height);
  yield* paint(context);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the picture is too large'))), 'image/png');
  });
}
