// A select with its label.

import type { Signal } from '@preact/signals';

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
}

export function Select<T extends string>({ label, value, options, choose }: Props<T>) {
  const id = `choose-${label.replaceAll(' ', '-')}`;
  return (
    <div class="choice">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => choose(event.currentTarget.value as T)}>
        {options.map(([option, text]) => (
          <option key={option} value={option} selected={option === value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
