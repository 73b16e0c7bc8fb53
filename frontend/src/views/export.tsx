// The menu that saves what is shown: as a picture, as tables, as a chart for elsewhere.

import { Download } from 'lucide';
import { cellRows, classRows, csvOf, denseRows, jsonOf, vegaLiteOf } from '../export';
import { classes, dark, normalize, seenClasses, subjectPane } from '../seen';
import { step, tag } from '../state';
import { SvgContext } from '../svg';
import { Menu } from './menu';
import { drawings, INK } from './sheet';
import { FONT, type Surface } from './surface';

/** Larger tables with a column for each class are of no use to anyone. */
const DENSE_AT_MOST = 2000;
const HEAD = 34;
const EDGE = 16;
const PICTURE_DETAIL = 2;

export function ExportMenu() {
  const pane = subjectPane.value;
  const matrix = pane?.matrix;
  const list = seenClasses.value;
  const source = () => ({ tag: tag.value, run: pane?.run ?? '', step: pane?.step ?? 0 });
  const name = `${tag.value}-${pane?.run ?? ''}-${step.value ?? ''}`.replaceAll(/[^\p{L}\p{N}_.-]+/gu, '_');
  const items: [text: string, can: boolean, save: () => void][] = [
    ['Picture, PNG', true, () => savePng(`${name}.png`)],
    ['Picture, SVG', true, () => save(`${name}.svg`, 'image/svg+xml', svgOfWhatIsShown())],
  ];
  if (matrix) {
    const whole = pane.whole ?? matrix;
    items.push(
      ['Matrix, CSV', list.size <= DENSE_AT_MOST, () => save(`${name}.csv`, 'text/csv', csvOf(denseRows(matrix, list)))],
      ['Cells that are not zero, CSV', true, () => save(`${name}-cells.csv`, 'text/csv', csvOf(cellRows(matrix, list)))],
      ['Classes with metrics, CSV', true, () => save(`${name}-classes.csv`, 'text/csv', csvOf(classRows(whole, classes.value)))],
      ['Matrix, JSON', true, () => save(`${name}.json`, 'application/json', jsonOf(matrix, list, source()))],
      [
        'Chart, Vega-Lite',
        true,
        () => save(`${name}.vl.json`, 'application/json', vegaLiteOf(matrix, list, source(), normalize.value)),
      ],
    );
  }
  return (
    <Menu label="Export" icon={Download}>
      {items.map(([text, can, act]) => (
        <button
          key={text}
          type="button"
          class="plain"
          disabled={!can}
          onClick={act}
          title={can ? '' : `Up to ${DENSE_AT_MOST} classes`}
        >
          {text}
        </button>
      ))}
    </Menu>
  );
}

function save(name: string, type: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** All drawings as they lie on the page, under one title. */
function composed(): { width: number; height: number; paint: (surface: Surface) => void } {
  const all = [...drawings.values()].map((one) => ({ ...one, box: one.element.getBoundingClientRect() }));
  const left = Math.min(...all.map(({ box }) => box.left));
  const top = Math.min(...all.map(({ box }) => box.top));
  const width = Math.max(...all.map(({ box, width: own }) => box.left - left + own)) + 2 * EDGE;
  const height = Math.max(...all.map(({ box, height: own }) => box.top - top + own)) + HEAD + 2 * EDGE;
  const ink = INK[dark.value ? 'dark' : 'light'];
  const several = all.length > 1;
  return {
    width: Math.ceil(width),
    height: Math.ceil(height),
    paint: (surface) => {
      surface.font = `500 14px ${FONT}`;
      surface.fillStyle = ink.text;
      surface.textAlign = 'left';
      surface.textBaseline = 'middle';
      surface.fillText(`${tag.value}, step ${step.value}${several ? '' : `, ${all[0]?.title ?? ''}`}`, EDGE, EDGE + HEAD / 3);
      for (const { box, title, draw } of all) {
        surface.save();
        surface.translate(EDGE + box.left - left, EDGE + HEAD + box.top - top);
        if (several) {
          surface.font = `500 12px ${FONT}`;
          surface.fillStyle = ink.text;
          surface.fillText(title, 8, -8);
        }
        draw(surface);
        surface.restore();
      }
    },
  };
}

function page(): string {
  return getComputedStyle(document.documentElement).backgroundColor;
}

function svgOfWhatIsShown(): string {
  const { width, height, paint } = composed();
  const svg = new SvgContext(width, height, page());
  paint(svg);
  return svg.toString();
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
  canvas.toBlob((blob) => blob && save(name, 'image/png', blob), 'image/png');
}
