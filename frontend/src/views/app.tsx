// The tab as a whole: toolbar above, runs at the left, matrices in the middle, details at the right, steps below.

import { isWide } from '../look';
import { problems, shown, tag, tags } from '../state';
import { Empty } from './empty';
import { Large } from './examples';
import { Legend } from './legend';
import { Matrices } from './matrices';
import { Panel } from './panel';
import { Runs } from './runs';
import { Status } from './status';
import { Steps } from './steps';
import { Toolbar } from './toolbar';

export function App() {
  if (tags.value === null && tag.value === '' && problems.value.length === 0) return <p class="waiting">Loading…</p>;
  if (tags.value?.length === 0) return <Empty />;
  return (
    <div class={isWide.value ? 'app wide' : 'app'}>
      <Toolbar />
      <Runs />
      <main>
        <Problems />
        <Matrices />
        <footer>
          <Status />
          {shown.value.some((one) => one.matrix) && <Legend />}
        </footer>
      </main>
      <Panel />
      <Steps />
      <Large />
    </div>
  );
}

function Problems() {
  const all = problems.value;
  if (all.length === 0) return null;
  return (
    <details class="problems" open={all.length < 4}>
      <summary>{all.length === 1 ? '1 problem' : `${all.length} problems`} so far; everything else is shown</summary>
      <ul>
        {all.slice(0, 100).map(({ where, what }) => (
          <li key={where + what}>
            <bdi>{where}</bdi>: {what}
          </li>
        ))}
      </ul>
    </details>
  );
}
