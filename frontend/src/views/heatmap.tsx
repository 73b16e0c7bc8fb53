// The Matrix view: the heatmap of every chosen run, side by side.

import { useMemo } from 'preact/hooks';
import { type Camera, cellSize, visibleClasses } from '../camera';
import { exactCount, percent, shareOf } from '../format';
import { MARKS_FROM, marked } from '../gallery';
import { color, dark, hideBelow, hideDiagonal, normalize, palette, paletteName } from '../look';
import { type CellNumber, cellNumbers, cutInTheMiddle, numberSize } from '../marks';
import { countAt, denominator, type Matrix } from '../matrix';
import { inkOn } from '../palette';
import { drawCells, type Picture, standingOut } from '../raster';
import { extent, type Pane, panes, scale, seenClasses, told } from '../seen';
import { subject } from '../state';
import { Pair, Tooltip } from './cursor';
import { GAP, type Layout, panelsIn } from './layout';
import { INK, MANY, Sheet } from './sheet';
import { FONT, type Memory, measureIn, type Painter, painting, type Surface } from './surface';

const PROBLEM_WIDTH = 360;
const measureName = (text: string) => 1.1 * measureIn(13)(text); // which is bold

export function Heatmaps({ width, height }: { width: number; height: number }) {
  const all = panes.value;
  const panels = panelsIn(all.length, seenClasses.value, width, height, true);
  return (
    <div class="grid" style={{ gridTemplateColumns: `repeat(${panels.columns}, max-content)`, gap: `${GAP}px` }}>
      {all.map((pane, position) => (
        <Heatmap key={pane.run} pane={pane} layout={panels.at(position)} titled={all.length > 1} />
      ))}
    </div>
  );
}

function Heatmap({ pane, layout, titled }: { pane: Pane; layout: Layout; titled: boolean }) {
  const { run, step, matrix, problem, loading } = pane;
  const list = seenClasses.value;
  const wide = layout.left + layout.side;
  return (
    <figure class="heatmap">
      {titled && (
        <figcaption style={{ maxWidth: `${wide}px`, paddingLeft: `${layout.left}px` }}>
          <bdi title={run}>{cutInTheMiddle(run, layout.side - measureIn(11)(` step ${step}`), measureName)}</bdi>
          {step !== null && <small> step {step}</small>}
        </figcaption>
      )}
      {problem ? (
        <Unshown pane={pane} width={wide} />
      ) : step === null ? (
        <p class="waiting">This run has not logged up to this step</p>
      ) : (
        matrix && <Cells run={run} matrix={matrix} layout={layout} stale={loading} list={list} />
      )}
    </figure>
  );
}

/** Why a step is no matrix. */
export function Unshown({ pane: { run, step, problem }, width = PROBLEM_WIDTH }: { pane: Pane; width?: number }) {
  return (
    <p class="problem" style={{ maxWidth: `${Math.min(width, PROBLEM_WIDTH)}px` }}>
      Step {step} of run <bdi>{run}</bdi> cannot be shown: {problem}
    </p>
  );
}

interface CellsProps {
  run: string;
  matrix: Matrix;
  layout: Layout;
  stale: boolean;
  list: typeof seenClasses.value;
}

function Cells({ run, matrix, layout, stale, list }: CellsProps) {
  const { muted } = INK[dark.value ? 'dark' : 'light'];
  const marks = run === subject.value ? marked.value : null;
  const [painter, pick] = useMemo(() => {
    const picture = {
      matrix,
      normalize: normalize.value,
      scale: scale.value,
      palette: palette.value,
      hideDiagonal: hideDiagonal.value,
      hideBelow: hideBelow.value,
    };
    const look = JSON.stringify([
      normalize.value,
      extent.value,
      color.value,
      paletteName.value,
      dark.value,
      hideDiagonal.value,
      hideBelow.value,
    ]);
    return [painterOf(picture, look, muted, marks), standingOut(picture)] as const;
  }, [marks, matrix, normalize.value, scale.value, palette.value, hideDiagonal.value, hideBelow.value, muted]);
  return (
    <Sheet
      run={run}
      title={run}
      list={list}
      layout={layout}
      matrix={matrix}
      painter={painter}
      pick={pick}
      stale={stale}
      tooltip={
        <Tooltip run={run} layout={layout}>
          <Told />
        </Tooltip>
      }
    />
  );
}

/** Of MANY classes, a picture of them all is kept: the next time one comes by its step, it is there. Its matrix is kept with it. */
const MOST_KEPT = { pictures: 12, bytes: 32e6 };
const LEAST_KEPT = 200; // not the minimap
const kept = new Map<Matrix, { look: string; picture: HTMLCanvasElement }>();

/** Where the picture of all of a matrix, as `look` says, is kept; null for what is quickly drawn. */
function memoryOf(matrix: Matrix, look: string, side: number, view: Camera): Memory | null {
  if (matrix.numClasses < MANY || view.k > 1 || side < LEAST_KEPT) return null;
  const keep = (picture: HTMLCanvasElement) => {
    kept.delete(matrix); // so that it is the newest
    kept.set(matrix, { look, picture });
    const most = Math.min(MOST_KEPT.pictures, MOST_KEPT.bytes / (4 * picture.width ** 2));
    for (const oldest of kept.keys()) if (kept.size > most) kept.delete(oldest);
  };
  const recall = (pixels: number) => {
    const known = kept.get(matrix);
    if (known?.look !== look || known.picture.width !== pixels) return undefined;
    keep(known.picture);
    return known.picture;
  };
  return { recall, keep };
}

type Marks = ((row: number, column: number) => boolean) | null;

function painterOf(picture: Picture, look: string, muted: string, marks: Marks): Painter {
  const { matrix } = picture;
  return painting(
    matrix.numClasses,
    (pixels, side, view) => drawCells(pixels, side, view, picture),
    (surface, side, view) => {
      const size = cellSize(view, side, matrix.numClasses);
      paintNumbers(surface, cellNumbers(side, view, picture, muted, measureIn(numberSize(size))));
      if (marks && size >= MARKS_FROM) paintMarks(surface, side, view, size, picture, marks);
    },
    (side, view) => memoryOf(matrix, look, side, view),
  );
}

/** A corner on the cells that have examples. */
function paintMarks(
  surface: Surface,
  side: number,
  view: Camera,
  size: number,
  picture: Picture,
  marks: NonNullable<Marks>,
): void {
  const { matrix, palette: colors, normalize: of, scale: by } = picture;
  const across = visibleClasses(view.x, size, side, matrix.numClasses);
  const down = visibleClasses(view.y, size, side, matrix.numClasses);
  const long = Math.min(8, size / 3);
  for (let row = down.first; row <= down.last; row++) {
    for (let column = across.first; column <= across.last; column++) {
      if (!marks(row, column)) continue;
      const value = countAt(matrix, row, column) / denominator(matrix, of, row, column);
      const color = row === column ? colors.correct[by.correct(value)] : colors.wrong[by.wrong(value)];
      const [x, y] = [view.x + (column + 1) * size - 2, view.y + row * size + 1];
      surface.fillStyle = inkOn(color);
      surface.globalAlpha = 0.55;
      surface.beginPath();
      surface.moveTo(x - long, y);
      surface.lineTo(x, y);
      surface.lineTo(x, y + long);
      surface.fill();
      surface.globalAlpha = 1;
    }
  }
}

export function paintNumbers(surface: Surface, numbers: readonly CellNumber[]): void {
  surface.textAlign = 'center';
  surface.textBaseline = 'middle';
  let last = 0;
  for (const { text, x, y, font, ink } of numbers) {
    if (font !== last) surface.font = `${font}px ${FONT}`; // to set a font takes longer than to draw a number
    last = font;
    surface.fillStyle = ink;
    surface.fillText(text, x, y + 0.5);
  }
}

function Told() {
  if (!told.value) return null;
  const { matrix, cell } = told.value;
  const { trueClass, predictedClass } = cell;
  return (
    <>
      <Pair list={seenClasses.value} cell={cell} />
      <b class={trueClass === predictedClass ? 'correct' : 'wrong'}>{exactCount(countAt(matrix, trueClass, predictedClass))}</b>
      <small>
        {percent(shareOf(matrix, cell, 'true'))} of true · {percent(shareOf(matrix, cell, 'pred'))} of predicted
      </small>
    </>
  );
}
