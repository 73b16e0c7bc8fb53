// The Gallery view: the worst confusions, each with its examples and an exemplar of both classes.

import { exactCount, nameOf, percent } from '../format';
import {
  cellKey,
  galleryCells,
  galleryColumns,
  galleryRows,
  hasExamples,
  listable,
  MOST_LISTED,
  noShelf,
  shelf,
} from '../gallery';
import { classes, goToClasses } from '../seen';
import { NumberField } from './choice';
import { keptInWords, OtherStep, Strip } from './examples';

export function Gallery() {
  const now = shelf.value;
  if (!hasExamples.value)
    return <p class="waiting">No examples were logged: give update(…, images=…, texts=…, ids=…) what to keep</p>;
  if (!now) return <p class="waiting">{noShelf.value}</p>;
  const { names } = classes.value;
  return (
    <div class="gallery">
      <div class="gallery-head">
        <span>
          The worst confusions of <bdi>{now.run}</bdi>, step {now.wanted}
        </span>
        {count('Confusions', galleryRows)}
        {count('Examples of each', galleryColumns)}
      </div>
      <OtherStep shelf={now} />
      <ol>
        {galleryCells.value.map((one) => {
          const found = now.cells.get(cellKey(one.trueClass, one.predictedClass));
          const exemplars = [one.trueClass, one.predictedClass].map((index) => ({
            index,
            examples: now.cells.get(cellKey(index, index))?.examples ?? [],
          }));
          return (
            <li key={cellKey(one.trueClass, one.predictedClass)}>
              <h3>
                <button type="button" class="plain" onClick={() => goToClasses(one.trueClass, one.predictedClass)}>
                  <span>
                    true <bdi>{nameOf(names, one.trueClass)}</bdi>, predicted <bdi>{nameOf(names, one.predictedClass)}</bdi>
                  </span>
                </button>
                <small>
                  {exactCount(one.count)} ({percent(one.share)} of the true class), {found ? keptInWords(found) : 'none kept'}
                </small>
              </h3>
              <div class="row">
                {found && <Strip shelf={now} examples={found.examples} most={galleryColumns.value} />}
                <div class="both">
                  {exemplars.map(({ index, examples }) => (
                    <div key={index} class="exemplar">
                      <small>
                        exemplar of <bdi>{nameOf(names, index)}</bdi>
                      </small>
                      {examples.length > 0 ? (
                        <Strip shelf={now} examples={examples} most={1} />
                      ) : (
                        <span class="note">none kept</span>
                      )}
                    </div>
                  ))}
                </div>
              </div>
            </li>
          );
        })}
      </ol>
    </div>
  );
}

function count(label: string, signal: { value: number }) {
  const choose = (value: number) => {
    signal.value = listable(value);
  };
  return <NumberField label={label} value={signal.value} least={1} most={MOST_LISTED} choose={choose} />;
}
