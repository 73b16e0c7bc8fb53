// The Difference view: the chosen run against the baseline, what may be noise in grey, and the changes that are more, ranked.

import { useMemo, useRef } from 'preact/hooks';
import type { ClassList } from '../arrange';
import { cellSize } from '../camera';
import { changedMost, type DifferencePicture, differenceNumbers, drawDifference, signed } from '../difference';
import { exactCount, percent, shareOf } from '../format';
import { color, diverging, normalize, palette } from '../look';
import { cutTo, numberSize } from '../marks';
import { countAt } from '../matrix';
import { baselinePane, changes, mostChange, seenClasses, subjectPane, told } from '../seen';
import type { Changes } from '../significance';
import { Pair, Tooltip } from './cursor';
import { paintNumbers, Unshown } from './heatmap';
import { panelsIn } from './layout';
import { Sheet } from './sheet';
import { measureIn, type Painter, painting } from './surface';

/** So many letters of a run's name. */
const NAME = 16;

/** The room for the heading, which takes two lines in a narrow window, or where it names two runs. */
export function headRoom(width: number): number {
  return width < (baselinePane.value?.run === subjectPane.value?.run ? 740 : 900) ? 48 : 30;
}

function Run({ run }: { run: string }) {
  return <bdi title={run}>{cutTo(run, NAME)}</bdi>;
}

export function Difference({ width, height }: { width: number; height: number }) {
  const pane = subjectPane.value;
  const base = baselinePane.value;
  const found = changes.value;
  const list = seenClasses.value;
  const layout = panelsIn(1, list, width, height - headRoom(width), false).at(0);
  const now = useMemo((): DifferencePicture | null => {
    if (!found || !pane?.matrix || !base?.matrix) return null;
    const [after, before] = [pane.matrix, base.matrix];
    return {
      numClasses: list.size,
      changes: found,
      most: mostChange.value,
      ramps: diverging.value,
      palette: palette.value,
      normalize: normalize.value,
      log: color.value === 'log',
      neverSeen: (row) => after.support[row] === 0 && before.support[row] === 0,
    };
  }, [found, mostChange.value, list, normalize.value, color.value, palette.value, diverging.value]);
  // Until a large comparison is made, the one before stays.
  const last = useRef<{ list: ClassList; picture: DifferencePicture | null }>({ list, picture: null });
  if (now || last.current.list !== list) last.current = { list, picture: now };
  const { picture } = last.current;
  const [painter, pick] = useMemo(() => (picture ? [painterOf(picture), changedMost(picture)] : []), [picture]);
  if (!pane || !base) return <p class="waiting">There is no earlier step to compare with: choose a baseline run in the panel</p>;
  const unshown = [pane, base].find((one) => one.problem);
  if (unshown) return <Unshown pane={unshown} />;
  if (!pane.matrix || !picture || !painter) return <p class="waiting">Comparing with the baseline…</p>;
  const { tested, found: certain } = picture.changes;
  return (
    <div class="grid">
      <p class="head">
        <Run run={pane.run} /> at step {pane.step} against{' '}
        {base.run !== pane.run && (
          <>
            <Run run={base.run} /> at{' '}
          </>
        )}
        step {base.step}:{' '}
        {now
          ? `${exactCount(certain.correct + certain.wrong)} of ${exactCount(tested)} cells changed by more than noise` +
            (certain.correct > 0 ? `, ${exactCount(certain.correct)} on the diagonal` : '')
          : 'comparing…'}
      </p>
      <Sheet
        run={pane.run}
        title={`${pane.run} step ${pane.step} against ${base.run} step ${base.step}`}
        list={list}
        layout={layout}
        matrix={pane.matrix}
        painter={painter}
        pick={pick}
        stale={pane.loading || base.loading || !now}
        tooltip={
          <Tooltip run={pane.run} layout={layout}>
            <Told />
          </Tooltip>
        }
      />
    </div>
  );
}

function painterOf(picture: DifferencePicture): Painter {
  return painting(
    picture.numClasses,
    (pixels, side, view) => drawDifference(pixels, side, view, picture),
    (surface, side, view) => {
      const usual = numberSize(cellSize(view, side, picture.numClasses));
      paintNumbers(surface, differenceNumbers(side, view, picture, measureIn(usual)));
    },
  );
}

function Told() {
  const base = baselinePane.value;
  if (!told.value || !base?.matrix) return null;
  const { matrix, cell } = told.value;
  const [before, after] = [base.matrix, matrix].map((one) => countAt(one, cell.trueClass, cell.predictedClass));
  const [shareBefore, shareAfter] = [base.matrix, matrix].map((one) => shareOf(one, cell, normalize.value));
  const change = signed(normalize.value === 'counts' ? after - before : shareAfter - shareBefore, normalize.value);
  return (
    <>
      <Pair list={seenClasses.value} cell={cell} />
      <b>{change}</b>
      <small>
        {exactCount(before)} ({percent(shareBefore)}) → {exactCount(after)} ({percent(shareAfter)})
        <br />
        {changeInWords(cell.trueClass, cell.predictedClass)}
      </small>
    </>
  );
}

/** The change of a cell since the baseline, from what to what, and whether it is more than noise. */
export function changeToldOf(row: number, column: number, isBrief = false): string {
  const [before, after] = [baselinePane.value?.matrix, subjectPane.value?.matrix];
  const n = seenClasses.value.size;
  if (before?.numClasses !== n || after?.numClasses !== n)
    return baselinePane.value?.problem ? 'the baseline cannot be shown' : 'there is no baseline';
  const cell = { trueClass: row, predictedClass: column };
  const [from, to] = [before, after].map((one) => countAt(one, row, column));
  const [shareBefore, shareAfter] = [before, after].map((one) => shareOf(one, cell, normalize.value));
  const change = signed(normalize.value === 'counts' ? to - from : shareAfter - shareBefore, normalize.value);
  return `${change} (${exactCount(from)} → ${exactCount(to)}), ${changeInWords(row, column, isBrief)}`;
}

/** Whether the change of a cell is more than noise; briefly without how many cells were tested, which the heading tells. */
export function changeInWords(row: number, column: number, isBrief = false): string {
  const found = changes.value;
  if (!found) return '';
  const i = indexOfCell(found, row, column);
  const counts = [baselinePane.value, subjectPane.value].map((pane) => (pane?.matrix ? countAt(pane.matrix, row, column) : 0));
  if (i < 0 && Math.max(...counts) > 0) return 'not shown, and not tested';
  if (i < 0 || !(Math.abs(found.difference[i]) > 0)) return 'no change';
  const p = found.pValue[i];
  if (Number.isNaN(p)) return 'not tested: one of the two has no such samples';
  const chance = p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`;
  const among = `raw ${chance}${isBrief ? '' : `, judged among ${exactCount(found.tested)} tested cells`}`;
  return found.significant[i] ? `more than noise (${among})` : `may be noise (${among})`;
}

function indexOfCell({ rowStart, cols }: Changes, row: number, column: number): number {
  const at = cols.subarray(rowStart[row], rowStart[row + 1]).indexOf(column);
  return at < 0 ? at : rowStart[row] + at;
}
