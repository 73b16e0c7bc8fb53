// The examples of a cell: each with its image, text and confidence, beside what its true and its predicted class look like.

import { signal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { imageAddress } from '../api';
import type { Example } from '../examples';
import { exactCount, nameOf, percent } from '../format';
import { cellKey, hasExamples, loadTrails, noShelf, type Shelf, type Sighting, shelf, sightingsOf } from '../gallery';
import { goToStep, toggleRun } from '../loading';
import { classes, goToClasses } from '../seen';
import { chosenRuns, wantedSubject } from '../state';

/** Images up to this width are enlarged pixel by pixel; larger ones are photographs. */
const PIXELS_TO = 32;

/** The example that is looked at in large, among its neighbors. */
const large = signal<{ shelf: Shelf; all: readonly Example[]; at: number } | null>(null);

export function Examples({ trueClass, predictedClass }: { trueClass: number; predictedClass: number }) {
  if (!hasExamples.value) return null;
  const now = shelf.value;
  if (!now) return <p class="note">{noShelf.value}</p>;
  const found = now.cells.get(cellKey(trueClass, predictedClass));
  const isClass = trueClass === predictedClass;
  return (
    <section class="examples" aria-label="Examples" onKeyDown={(event) => isM(event) && goFromHere(predictedClass, trueClass)}>
      <h3>
        Examples
        <small>{found ? keptInWords(found) : 'none was kept of this cell'}</small>
      </h3>
      <OtherStep shelf={now} />
      {found && <Strip shelf={now} examples={found.examples} />}
      {!isClass && (
        <div class="exemplars">
          <Exemplars shelf={now} index={trueClass} what="true class" />
          <Exemplars shelf={now} index={predictedClass} what="predicted class" />
        </div>
      )}
    </section>
  );
}

export function keptInWords({ examples, seen }: { examples: readonly Example[]; seen: number | null }): string {
  const kept = exactCount(examples.length);
  if (seen === null) return `${kept} kept`;
  return `${kept} of ${exactCount(seen)} ${seen === 1 ? 'sample' : 'samples'} kept`;
}

/** That what is seen is of another step, if it is. */
export function OtherStep({ shelf: { step, wanted } }: { shelf: Shelf }) {
  if (step === wanted) return null;
  return (
    <p class="note">
      Step {wanted} has no examples; these are of step {step}
    </p>
  );
}

function Exemplars({ shelf: now, index, what }: { shelf: Shelf; index: number; what: string }) {
  const found = now.cells.get(cellKey(index, index));
  const name = nameOf(classes.value.names, index);
  return (
    <div>
      <h4>
        {what} <bdi>{name}</bdi>
      </h4>
      {found ? <Strip shelf={now} examples={found.examples} /> : <p class="note">no exemplar was kept</p>}
    </div>
  );
}

/** Examples side by side. */
export function Strip({
  shelf: now,
  examples,
  most = examples.length,
}: {
  shelf: Shelf;
  examples: readonly Example[];
  most?: number;
}) {
  return (
    <ul class="strip">
      {examples.slice(0, most).map((one, at) => (
        <li key={`${one.id ?? ''} ${one.image?.name ?? ''} ${one.text ?? ''}`}>
          <button
            type="button"
            class={one.trueClass === one.predictedClass ? 'example' : 'example wrong'}
            onClick={() => {
              large.value = { shelf: now, all: examples, at };
            }}
          >
            <Picture run={now.run} one={one} />
            {one.text !== null && <q>{one.text}</q>}
            {one.confidence !== null && <small>{percent(one.confidence)} sure</small>}
            {one.id !== null && (
              <small class="id">
                <bdi>{one.id}</bdi>
              </small>
            )}
          </button>
        </li>
      ))}
    </ul>
  );
}

function describe(one: Example): string {
  const { names } = classes.value;
  const said = `true ${nameOf(names, one.trueClass)}, predicted ${nameOf(names, one.predictedClass)}`;
  return one.id === null ? said : `${one.id}: ${said}`;
}

function Picture({ run, one }: { run: string; one: Example }) {
  if (one.image)
    return (
      <img
        src={imageAddress(run, one.image)}
        alt={describe(one)}
        loading="lazy"
        onLoad={({ currentTarget: image }) => image.classList.toggle('pixels', image.naturalWidth <= PIXELS_TO)}
      />
    );
  if (one.noImage !== null)
    return (
      <span class="no-image" title={one.noImage}>
        no image: {one.noImage}
      </span>
    );
  return one.text === null ? <span class="no-image">{one.id ?? 'no image'}</span> : null;
}

function isM({ key }: KeyboardEvent): boolean {
  return key === 'm' || key === 'M';
}

/** Goes to another cell and gives the cells the focus: what had it, an example of this one, will be gone. */
function goFromHere(trueClass: number, predictedClass: number): void {
  goToClasses(trueClass, predictedClass);
  document.querySelector<HTMLElement>('.matrices')?.focus();
}

/** One example, large; the arrow keys go to its neighbors, M to the mirrored cell, Escape closes it. */
export function Large() {
  const dialog = useRef<HTMLDialogElement>(null);
  const now = large.value;
  useLayoutEffect(() => {
    if (now && !dialog.current?.open) dialog.current?.showModal();
    if (now) loadTrails();
  }, [now]);
  if (!now) return null;
  const one = now.all[now.at];
  const isWrong = one.trueClass !== one.predictedClass;
  const { names } = classes.value;
  const go = (by: number) => {
    large.value = { ...now, at: (now.at + by + now.all.length) % now.all.length };
  };
  const close = () => dialog.current?.close(); // which gives the focus back to what opened it
  return (
    <dialog
      ref={dialog}
      class="large"
      aria-label={describe(one)}
      onClose={() => {
        large.value = null;
      }}
      onClick={(event) => event.target === event.currentTarget && close()}
      onKeyDown={(event) => {
        if (event.key === 'ArrowRight') go(1);
        if (event.key === 'ArrowLeft') go(-1);
        if (isM(event) && isWrong) {
          close();
          goFromHere(one.predictedClass, one.trueClass);
        }
        event.stopPropagation();
      }}
    >
      <div class="large-body">
        <div class="pictures">
          <Picture run={now.shelf.run} one={one} />
          {isWrong && (
            <div>
              <Beside shelf={now.shelf} index={one.trueClass} />
              <Beside shelf={now.shelf} index={one.predictedClass} />
            </div>
          )}
        </div>
        {one.text !== null && <blockquote>{one.text}</blockquote>}
        <dl>
          <dt>True class</dt>
          <dd>
            <bdi>{nameOf(names, one.trueClass)}</bdi>
            {one.trueConfidence !== null && isWrong && ` (${percent(one.trueConfidence)})`}
          </dd>
          <dt>Predicted class</dt>
          <dd class={isWrong ? 'worse' : ''}>
            <bdi>{nameOf(names, one.predictedClass)}</bdi>
            {one.confidence !== null && ` (${percent(one.confidence)})`}
          </dd>
          {one.id !== null && (
            <>
              <dt>Id</dt>
              <dd>
                <bdi>{one.id}</bdi>
              </dd>
            </>
          )}
        </dl>
        {one.id !== null && <Followed id={one.id} close={close} />}
      </div>
      <p class="buttons">
        <button type="button" class="tool" onClick={() => go(-1)}>
          Previous
        </button>
        <span>
          {now.at + 1} of {now.all.length}
        </span>
        <button type="button" class="tool" onClick={() => go(1)}>
          Next
        </button>
        <button type="button" class="tool" onClick={close}>
          Close
        </button>
      </p>
    </dialog>
  );
}

/** An exemplar of a class, beside what was taken for it or should have been. */
function Beside({ shelf: { run, cells }, index }: { shelf: Shelf; index: number }) {
  const one = cells.get(cellKey(index, index))?.examples[0];
  if (!one) return null;
  return (
    <figure>
      <Picture run={run} one={one} />
      {one.text !== null && <q>{one.text}</q>}
      <figcaption>
        exemplar of <bdi>{nameOf(classes.value.names, index)}</bdi>
      </figcaption>
    </figure>
  );
}

/** The same sample at other steps and in other runs, where it was kept. */
function Followed({ id, close }: { id: string; close: () => void }) {
  const sightings = sightingsOf(id);
  if (sightings.length < 2) return null;
  const goTo = ({ run, step, trueClass, predictedClass }: Sighting) => {
    close();
    if (!chosenRuns.value.includes(run)) toggleRun(run);
    wantedSubject.value = run;
    goToStep(step);
    if (Math.min(trueClass, predictedClass) >= 0) goFromHere(trueClass, predictedClass);
  };
  return (
    <div class="followed">
      <table class="figures" aria-label="The sample at other steps and in other runs">
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">Step</th>
            <th scope="col">Predicted</th>
            <th scope="col">Confidence</th>
          </tr>
        </thead>
        <tbody>
          {sightings.map((one) => (
            <tr key={`${one.run} ${one.step}`}>
              <th scope="row">
                <bdi>{one.run}</bdi>
              </th>
              <td>
                <button type="button" class="plain" onClick={() => goTo(one)}>
                  {one.step}
                </button>
              </td>
              <td class={one.isWrong ? 'worse' : 'better'}>
                <bdi>{one.predictedName}</bdi>
              </td>
              <td>{one.confidence === null ? '' : percent(one.confidence)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
