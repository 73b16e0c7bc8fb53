// The search for a class, or for a pair as in `cat → dog`: what matches is listed while one types, and Enter goes to the first.

import { useState } from 'preact/hooks';
import { matchingClasses, matchingPairs } from '../arrange';
import { nameOf } from '../format';
import { choosePart, classes, goToClasses, part, search, searchFor } from '../seen';

const LISTED = 12;

function noteOf(found: number, pairs: number, all: number): string {
  if (found > 0) return `${found.toLocaleString('en-US')} of ${all.toLocaleString('en-US')} classes`;
  return pairs > 0 ? 'true → predicted' : 'No class has this in its name';
}

export function Find() {
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const list = classes.value;
  const found = open || part.value === 'matches' ? matchingClasses(list, search.value) : [];
  const pairs = found.length === 0 && open ? matchingPairs(list, search.value, LISTED) : [];
  const options = found.length > 0 ? found.slice(0, LISTED).map((index) => [index, index] as const) : pairs;
  const isOpen = open && search.value.trim() !== '';
  const go = ([trueClass, predictedClass]: readonly [number, number]) => {
    setOpen(false);
    if (part.value !== 'matches') searchFor(''); // it was found: lists need not be narrowed any more
    goToClasses(trueClass, predictedClass);
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setActive(Math.min(options.length - 1, active + 1));
    else if (event.key === 'ArrowUp') setActive(Math.max(0, active - 1));
    else if (event.key === 'Enter' && options.length > 0) go(options[Math.min(active, options.length - 1)]);
    else if (event.key === 'Escape' && isOpen) setOpen(false);
    else return; // Escape once more empties the field
    event.preventDefault();
  };
  return (
    <div class="find">
      <input
        type="search"
        // biome-ignore lint/a11y/noRedundantRoles: the types ask for a list, which would be the browser's own
        role="combobox"
        list={undefined}
        aria-label="Find a class"
        aria-expanded={isOpen}
        aria-controls="found-classes"
        aria-autocomplete="list"
        aria-activedescendant={isOpen && options.length > 0 ? `found-${active}` : undefined}
        placeholder="Find a class"
        title="A class, or a pair: cat → dog"
        value={search.value}
        onInput={(event) => {
          searchFor(event.currentTarget.value);
          setActive(0);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={press}
      />
      {isOpen && (
        <div class="found">
          <div id="found-classes" role="listbox" aria-label="Classes found">
            {options.map(([trueClass, predictedClass], i) => (
              <div
                key={`${trueClass} ${predictedClass}`}
                id={`found-${i}`}
                role="option"
                aria-selected={i === active}
                tabIndex={-1}
                // Before the field loses the focus, which would close the list.
                onPointerDown={(event) => {
                  event.preventDefault();
                  go([trueClass, predictedClass]);
                }}
              >
                <bdi>{nameOf(list.names, trueClass)}</bdi>
                {predictedClass !== trueClass && (
                  <>
                    {' → '}
                    <bdi>{nameOf(list.names, predictedClass)}</bdi>
                  </>
                )}
              </div>
            ))}
          </div>
          <p class="note">
            {noteOf(found.length, pairs.length, list.size)}
            {found.length > 1 && found.length < list.size && (
              <button
                type="button"
                class="plain"
                tabIndex={-1}
                onPointerDown={(event) => {
                  event.preventDefault();
                  choosePart('matches');
                  setOpen(false);
                }}
              >
                show only these
              </button>
            )}
          </p>
        </div>
      )}
    </div>
  );
}
