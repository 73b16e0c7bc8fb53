// The choices that hold for everything shown.

import { Check, Link, Settings2 } from 'lucide';
import { useState } from 'preact/hooks';
import { hasExamples } from '../gallery';
import { isInNotebook } from '../host';
import { copyLink } from '../link';
import { chooseTag } from '../loading';
import {
  barScale,
  type ColorRange,
  chooseView,
  classFilter,
  color,
  hideBelow,
  hideDiagonal,
  normalize,
  paletteName,
  range,
  type View,
  view,
} from '../look';
import { chooseOrder, choosePart, chooseRange, classes, ordering, type Part, part, pinned, search } from '../seen';
import { tag, tags } from '../state';
import { Choice, NumberField, Select, useOf } from './choice';
import { ExportMenu } from './export';
import { Find } from './find';
import { Icon } from './icon';
import { Menu } from './menu';

const VIEWS: readonly (readonly [View, string])[] = [
  ['matrix', 'Matrix'],
  ['compare', 'Compare'],
  ['difference', 'Difference'],
  ['timeline', 'Timeline'],
  ['gallery', 'Gallery'],
];
const PARTS = [10, 20, 50, 100];

export function Toolbar() {
  return (
    <header class="toolbar">
      <h1 class="unseen">Confusion Matrix</h1>
      <Select label="Tag" value={tag.value} options={(tags.value ?? [tag.value]).map((one) => [one, one])} choose={otherTag} />
      <Views />
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
      <Select
        label="Order"
        value={pinned.value?.name ?? 'logged'}
        choose={chooseOrder}
        options={[
          ['logged', 'As logged'],
          ['name', 'Name'],
          ['support', 'Support'],
          ['recall', 'Recall'],
          ['precision', 'Precision'],
          ['similarity', 'Similarity'],
        ]}
      />
      {ordering.value !== null && <progress aria-label="Ordering the classes" value={ordering.value} max={1} />}
      <Show />
      <Find />
      <div class="actions">
        <Menu label="Display" icon={Settings2}>
          <Display />
        </Menu>
        <ExportMenu />
        {!isInNotebook() && <CopyLink />}
      </div>
    </header>
  );
}

function otherTag(next: string): void {
  classFilter.value = 'all'; // the other one may have no such classes
  chooseTag(next);
}

function Views() {
  return (
    <fieldset class="views">
      <legend class="unseen">View</legend>
      {VIEWS.filter(([name]) => name !== 'gallery' || hasExamples.value || view.value === name).map(([name, text]) => (
        <label key={name} class={view.value === name ? 'chosen' : ''}>
          <input type="radio" name="view" checked={view.value === name} onChange={() => chooseView(name)} />
          {text}
        </label>
      ))}
    </fieldset>
  );
}

function Show() {
  const n = classes.value.size;
  const options: [string, string][] = [['all', 'All classes']];
  for (const most of PARTS) if (most < n || part.value === most) options.push([String(most), `${most} worst`]);
  if (search.value.trim() !== '' || part.value === 'matches') options.push(['matches', `Matching “${search.value}”`]);
  const choose = (value: string) => choosePart((value === 'all' || value === 'matches' ? value : Number(value)) as Part);
  return (
    <Select
      label="Show"
      value={String(part.value)}
      options={options}
      choose={choose}
      title="The worst are in most errors, as true or as predicted class"
    />
  );
}

function Display() {
  return (
    <>
      <Choice
        label="Palette"
        signal={paletteName}
        options={[
          ['blue-orange', 'Blue and orange'],
          ['green-red', 'Green and red'],
          ['cividis', 'Cividis'],
          ['viridis', 'Viridis'],
        ]}
      />
      <Select<ColorRange>
        label="Range"
        value={range.value}
        choose={chooseRange}
        options={[
          ['auto', 'Of what is shown'],
          ['steps', 'Shared over all steps'],
          ['fixed', 'Fixed as it is now'],
        ]}
      />
      <Choice
        label="Bars in Compare"
        signal={barScale}
        options={[
          ['shared', 'One scale'],
          ['row', 'A scale per row'],
        ]}
      />
      <NumberField
        label="Hide counts under"
        value={hideBelow.value}
        least={0}
        choose={(least) => {
          hideBelow.value = least;
        }}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={hideDiagonal.value}
          {...useOf('Hide the diagonal')}
          onChange={(event) => {
            hideDiagonal.value = event.currentTarget.checked;
          }}
        />
        Hide the diagonal
      </label>
    </>
  );
}

function CopyLink() {
  const [copied, setCopied] = useState<'no' | 'yes' | string>('no');
  const copy = async () => {
    const link = await copyLink();
    setCopied(link ?? 'yes');
    setTimeout(() => setCopied('no'), link ? 20_000 : 2000);
  };
  return (
    <>
      <button type="button" class="tool" onClick={copy} aria-label="Copy link" title={copied === 'yes' ? 'Copied' : 'Copy link'}>
        <Icon node={copied === 'yes' ? Check : Link} />
        <span class="word">{copied === 'yes' ? 'Copied' : 'Copy link'}</span>
      </button>
      {copied !== 'no' && copied !== 'yes' && (
        <input
          class="by-hand"
          aria-label="Link to this view, to be copied by hand"
          readOnly
          value={copied}
          onFocus={(event) => event.currentTarget.select()}
        />
      )}
    </>
  );
}
