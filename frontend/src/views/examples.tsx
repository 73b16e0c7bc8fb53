// The examples of a cell: each with its image, text and confidence, beside what its true and its predicted class look like.

import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { imageAddress } from '../api';
import type { Example } from '../examples';
import { exactCount, nameOf, percent } from '../format';
import { cellKey, hasExamples, loadAllExamples, type Shelf, shelf, sightingsOf } from '../gallery';
import { classes } from '../seen';
import { cursor, goToStep } from '../state';

/** The example that is looked at in large, among its neighbors. */
const large = signal<{ run: string; all: readonly Example[]; at: number } | null>(null);

export function Examples({ trueClass, predictedClass }: { trueClass: number; predictedClass: number }) {
  if (!hasExamples.value) return null;
  const now = shelf.value;
  if (!now) return <p class="note">Loading the examples…</p>;
  const found = now.cells.get(cellKey(trueClass, predictedClass));
  const isClass = trueClass === predictedClass;
  return (
    <section class="examples" aria-label="Examples">
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
      <Large />
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
              large.value = { run: now.run, all: examples, at };
            }}
          >
            <Picture run={now.run} one={one} />
            {one.text !== null && <q>{one.text}</q>}
            <small>{one.confidence === null ? '' : percent(one.confidence)}</small>
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
  if (one.image) return <img src={imageAddress(run, one.image)} alt={describe(one)} loading="lazy" />;
  if (one.noImage !== null)
    return (
      <span class="no-image" title={one.noImage}>
        no image: {one.noImage}
      </span>
    );
  return one.text === null ? <span class="no-image">{one.id ?? 'no image'}</span> : null;
}

/** One example, large; the arrow keys go to its neighbors, Escape closes it. */
export function Large() {
  const dialog = useRef<HTMLDialogElement>(null);
  const now = large.value;
  useEffect(() => {
    if (now && !dialog.current?.open) dialog.current?.showModal();
    if (!now) dialog.current?.close();
    if (now) loadAllExamples();
  }, [now]);
  if (!now) return null;
  const one = now.all[now.at];
  const go = (by: number) => {
    large.value = { ...now, at: (now.at + by + now.all.length) % now.all.length };
  };
  const close = () => {
    large.value = null;
  };
  return (
    <dialog
      ref={dialog}
      class="large"
      aria-label={describe(one)}
      onClose={close}
      onClick={(event) => event.target === event.currentTarget && close()}
      onKeyDown={(event) => {
        if (event.key === 'ArrowRight') go(1);
        if (event.key === 'ArrowLeft') go(-1);
        if (event.key === 'm' || event.key === 'M') {
          close();
          mirror();
        }
        event.stopPropagation();
      }}
    >
      <Picture run={now.run} one={one} />
      {one.text !== null && <blockquote>{one.text}</blockquote>}
      <dl>
        <dt>True class</dt>
        <dd>
          <bdi>{nameOf(classes.value.names, one.trueClass)}</bdi>
          {one.trueConfidence !== null && one.trueClass !== one.predictedClass && ` (${percent(one.trueConfidence)})`}
        </dd>
        <dt>Predicted class</dt>
        <dd class={one.trueClass === one.predictedClass ? '' : 'worse'}>
          <bdi>{nameOf(classes.value.names, one.predictedClass)}</bdi>
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
      {one.id !== null && <Followed id={one.id} />}
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

function mirror(): void {
  const at = cursor.value;
  if (at) cursor.value = { ...at, trueClass: at.predictedClass, predictedClass: at.trueClass };
}

/** The same sample at other steps and in other runs, where it was kept. */
function Followed({ id }: { id: string }) {
  const sightings = sightingsOf(id);
  if (sightings.length < 2) return null;
  const { names } = classes.value;
  return (
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
              <button type="button" class="plain" onClick={() => goToStep(one.step)}>
                {one.step}
              </button>
            </td>
            <td class={one.trueClass === one.predictedClass ? 'better' : 'worse'}>
              <bdi>{nameOf(names, one.predictedClass)}</bdi>
            </td>
            <td>{one.confidence === null ? '' : percent(one.confidence)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
