// A select or a number with its label.

import type { Signal } from '@preact/signals';
import { type View, view } from '../look';

const CELLS: readonly View[] = ['matrix', 'compare', 'difference', 'timeline'];
/** The views in which a control changes something, where not in all. */
const USED_IN: Record<string, readonly View[] | undefined> = {
  Color: CELLS,
  Order: CELLS,
  Show: CELLS,
  Palette: ['matrix', 'timeline'],
  Range: ['matrix', 'compare', 'difference'],
  'Bars in Compare': ['compare'],
  'Hide counts under': CELLS,
  'Hide the diagonal': CELLS,
};

/** Whether a control can be used, and why not. */
export function useOf(label: string, title?: string): { disabled: boolean; title: string | undefined } {
  const disabled = USED_IN[label]?.includes(view.value) === false;
  return { disabled, title: disabled ? 'Changes nothing in this view' : title };
}

export type Options<T extends string> = readonly (readonly [value: T, text: string])[];

export function Choice<T extends string>({ label, signal, options }: { label: string; signal: Signal<T>; options: Options<T> }) {
  const choose = (value: T) => {
    signal.value = value;
  };
  return <Select label={label} value={signal.value} options={options} choose={choose} />;
}

interface Props<T extends string> {
  label: string;
  value: T;
  options: Options<T>;
  choose: (value: T) => void;
  title?: string;
}

function idOf(label: string): string {
  return `choose-${label.replaceAll(' ', '-')}`;
}

export function Select<T extends string>({ label, value, options, choose, title }: Props<T>) {
  const id = idOf(label);
  return (
    <div class="choice">
      <label for={id}>{label}</label>
      <select id={id} value={value} {...useOf(label, title)} onChange={(event) => choose(event.currentTarget.value as T)}>
        {options.map(([option, text]) => (
          <option key={option} value={option} selected={option === value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

interface NumberProps {
  label: string;
  value: number;
  least: number;
  most?: number;
  choose: (value: number) => void;
}

/** Taken when it is typed to its end; what is no such number is put back, what is too large becomes the most. */
export function NumberField({ label, value, least, most = 2 ** 53, choose }: NumberProps) {
  const id = idOf(label);
  return (
    <div class="choice">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        min={least}
        max={most}
        step="any"
        value={value}
        {...useOf(label)}
        onChange={({ currentTarget: field }) => {
          const typed = Math.min(field.valueAsNumber, most);
          field.value = String(value); // until there is another
          if (typed >= least) choose(typed);
        }}
      />
    </div>
  );
}
