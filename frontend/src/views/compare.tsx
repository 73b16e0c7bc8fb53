// The Compare view: one bar for each run inside each cell.

import { useMemo } from 'preact/hooks';
import { BAR_FONT_SIZE, type BarPicture, barNumbers, drawBars, longest } from '../bars';
import { exactCount, percent, shareOf } from '../format';
import { barScale, color, dark, hideBelow, hideDiagonal, normalize, palette } from '../look';
import { countAt, denominator, type Matrix, type Normalize } from '../matrix';
import { runColor, runRamp } from '../palette';
import { type ColorScale, type Scale, smallScaleOf } from '../scale';
import { panes, scale, seenClasses, told } from '../seen';
import { runSlots } from '../state';
import { Pair, Tooltip } from './cursor';
import { paintNumbers } from './heatmap';
import { panelsIn } from './layout';
import { INK, Sheet } from './sheet';
import { measureIn, type Painter, painting } from './surface';

export function Compare({ width, height }: { width: number; height: number }) {
  const all = panes.value;
  const list = seenClasses.value;
  const layout = panelsIn(1, list, width, height, false).at(0);
  const matrices = all.map((pane) => pane.matrix);
  const first = all.find((pane) => pane.matrix);
  const { text } = INK[dark.value ? 'dark' : 'light'];
  const [painter, pick] = useMemo(() => {
    const scales = barScale.value === 'row' ? rowScales(matrices, list.size, normalize.value, color.value) : null;
    const picture: BarPicture = {
      runs: all.map(({ run, matrix }) => ({ matrix, ramp: runRamp(runSlots.value.get(run) ?? 0, dark.value) })),
      numClasses: list.size,
      normalize: normalize.value,
      scaleOf: (row) => scales?.[row] ?? scale.value,
      palette: palette.value,
      hideDiagonal: hideDiagonal.value,
      hideBelow: hideBelow.value,
    };
    return [painterOf(picture, text), longest(picture)] as const;
  }, [
    ...pad(matrices),
    list,
    normalize.value,
    color.value,
    scale.value,
    palette.value,
    barScale.value,
    hideDiagonal.value,
    hideBelow.value,
    text,
  ]);
  if (!first?.matrix) return <p class="waiting">None of these runs has a matrix at this step</p>;
  return (
    <div class="grid">
      <Sheet
        run={first.run}
        title={all.map((pane) => pane.run).join(', ')}
        list={list}
        layout={layout}
        matrix={first.matrix}
        painter={painter}
        pick={pick}
        stale={all.some((pane) => pane.loading)}
        tooltip={
          <Tooltip run={first.run} layout={layout}>
            <Told />
          </Tooltip>
        }
      />
    </div>
  );
}

/** As many dependencies whatever the number of runs. */
function pad(matrices: readonly (Matrix | null)[]): (Matrix | null)[] {
  return Array.from({ length: 8 }, (_, i) => matrices[i] ?? null);
}

/** The scale of each row: its own largest value is a full bar. */
function rowScales(matrices: readonly (Matrix | null)[], n: number, of: Normalize, kind: ColorScale): Scale[] {
  const correct = new Float64Array(n);
  const wrong = new Float64Array(n);
  const least = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  for (const matrix of matrices) {
    if (!matrix) continue;
    for (let row = 0; row < n; row++) {
      if (matrix.diagonal[row] > 0)
        correct[row] = Math.max(correct[row], matrix.diagonal[row] / denominator(matrix, of, row, row));
      for (let i = matrix.rowStart[row]; i < matrix.rowStart[row + 1]; i++) {
        const value = matrix.counts[i] / denominator(matrix, of, row, matrix.cols[i]);
        wrong[row] = Math.max(wrong[row], value);
        least[row] = Math.min(least[row], value);
      }
    }
  }
  return Array.from({ length: n }, (_, row) =>
    smallScaleOf({ correct: { least: correct[row], most: correct[row] }, wrong: { least: least[row], most: wrong[row] } }, kind),
  );
}

function painterOf(picture: BarPicture, ink: string): Painter {
  return painting(
    picture.numClasses,
    (pixels, side, view) => drawBars(pixels, side, view, picture),
    (surface, side, view) => paintNumbers(surface, barNumbers(side, view, picture, ink, measureIn(BAR_FONT_SIZE))),
  );
}

/** The exact counts of every run. */
function Told() {
  if (!told.value) return null;
  const { cell } = told.value;
  return (
    <>
      <Pair list={seenClasses.value} cell={cell} />
      <table>
        <tbody>
          {panes.value.map(({ run, matrix }) => (
            <tr key={run}>
              <td>
                <i class="swatch" style={{ background: runColor(runSlots.value.get(run) ?? 0, dark.value) }} />
                <bdi>{run}</bdi>
              </td>
              <td>{matrix ? exactCount(countAt(matrix, cell.trueClass, cell.predictedClass)) : 'n/a'}</td>
              <td>{matrix ? percent(shareOf(matrix, cell, normalize.value)) : ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
