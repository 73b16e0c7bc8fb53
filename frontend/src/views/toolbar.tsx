// The choices that hold for everything shown.

import type { Signal } from '@preact/signals';
import { chooseTag, color, normalize, paletteName, tag, tags } from '../state';

export function Toolbar() {
  return (
    <header class="toolbar">
      <h1 class="unseen">Confusion Matrix</h1>
      <Select label="Tag" value={tag.value} options={(tags.value ?? []).map((one) => [one.tag, one.tag])} choose={chooseTag} />
      <Choice
        label="Normalize"
        signal={normalize}
        options={[
          ['counts', 'Counts'],
          ['true', '% of true'],
          ['pred', '% of predicted'],
          ['all', '% of all'],
        ]}
      />
      <Choice
        label="Color"
        signal={color}
        options={[
          ['linear', 'Linear'],
          ['log', 'Log'],
        ]}
      />
      <Choice
        label="Palette"
        signal={paletteName}
        options={[
          ['blue-orange', 'Blue and orange'],
          ['green-red', 'Green and red'],
        ]}
      />
    </header>
  );
}

function Choice<T extends string>(props: { label: string; signal: Signal<T>; options: readonly (readonly [T, string])[] }) {
  const { label, signal, options } = props;
  const choose = (value: string) => {
    signal.value = value as T;
  };
  return <Select label={label} value={signal.value} options={options} choose={choose} />;
}

interface SelectProps {
  label: string;
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  choose: (value: string) => void;
}

function Select({ label, value, options, choose }: SelectProps) {
  return (
    <div class="choice">
      <label for={`choose-${label}`}>{label}</label>
      <select id={`choose-${label}`} value={value} onChange={(event) => choose(event.currentTarget.value)}>
        {options.map(([option, text]) => (
          <option key={option} value={option} selected={option === value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
