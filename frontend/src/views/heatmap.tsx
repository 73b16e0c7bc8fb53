// The Matrix view: the heatmap of every chosen run, side by side.

import { useMemo } from 'preact/hooks';
import { cellSize } from '../camera';
import { exactCount, percent, shareOf } from '../format';
import { cellNumbers, cutInTheMiddle, LABEL_SIZE, numberSize } from '../marks';
import { countAt, type Matrix } from '../matrix';
import { drawCells, type Picture } from '../raster';
import { dark, hideBelow, hideDiagonal, normalize, type Pane, palette, panes, scale, seenClasses, told } from '../seen';
import { Pair, Tooltip } from './cursor';
import { GAP, INK, type Layout, panelsIn, Sheet } from './sheet';
import { FONT, measureIn, type Painter, paintPixels, type Surface } from './surface';

const PROBLEM_WIDTH = 360;
const STEP_NOTE = 72; // the room for a run's step beside its name
const measureLabel = measureIn(LABEL_SIZE);

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
          <bdi title={run}>{cutInTheMiddle(run, layout.side - STEP_NOTE, measureLabel)}</bdi>
          {step !== null && <small> step {step}</small>}
        </figcaption>
      )}
      {problem ? (
        <p class="problem" style={{ maxWidth: `${Math.min(wide, PROBLEM_WIDTH)}px` }}>
          Step {step} of run <bdi>{run}</bdi> cannot be shown: {problem}
        </p>
      ) : step === null ? (
        <p class="waiting">This run has not logged up to this step</p>
      ) : (
        matrix && <Cells run={run} matrix={matrix} layout={layout} stale={loading} list={list} />
      )}
    </figure>
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
  const paint = useMemo(() => {
    const picture = {
      matrix,
      normalize: normalize.value,
      scale: scale.value,
      palette: palette.value,
      hideDiagonal: hideDiagonal.value,
      hideBelow: hideBelow.value,
    };
    return painterOf(picture, muted);
  }, [matrix, normalize.value, scale.value, palette.value, hideDiagonal.value, hideBelow.value, muted]);
  return (
    <Sheet
      run={run}
      title={run}
      list={list}
      layout={layout}
      matrix={matrix}
      paint={paint}
      stale={stale}
      tooltip={
        <Tooltip run={run} layout={layout}>
          <Told />
        </Tooltip>
      }
    />
  );
}

function painterOf(picture: Picture, muted: string): Painter {
  return (surface, side, view) => {
    const size = cellSize(view, side, picture.matrix.numClasses);
    paintPixels(surface, side, view, size, (pixels, within, camera) => drawCells(pixels, within, camera, picture));
    paintNumbers(surface, cellNumbers(side, view, picture, muted, measureIn(numberSize(size))), numberSize(size));
  };
}

export function paintNumbers(
  surface: Surface,
  numbers: readonly { text: string; x: number; y: number; ink: string }[],
  fontSize: number,
): void {
  surface.font = `${fontSize}px ${FONT}`;
  surface.textAlign = 'center';
  surface.textBaseline = 'middle';
  for (const { text, x, y, ink } of numbers) {
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
