import type { ComponentChild, FunctionComponent, VNode } from 'preact';
import { beforeEach, expect, test } from 'vitest';
import { Series } from '../src/series';
import { chosenRuns, series, wantedStep } from '../src/state';
import { Line } from '../src/views/line';
import { infoOf } from './server';

type Drawn = VNode<Record<string, string> & { children?: ComponentChild }>;

/** What is drawn, by its element. */
function drawn(points: [number, number][]): Record<string, Record<string, string>> {
  const svg = Line({ points, width: 102, height: 22 }) as Drawn;
  const parts = [svg.props.children].flat().filter(Boolean) as Drawn[];
  const made = parts.map((part) =>
    typeof part.type === 'string' ? part : (part.type as FunctionComponent)(part.props),
  ) as Drawn[];
  return Object.fromEntries(made.map((part) => [part.type, part.props]));
}

beforeEach(() => {
  const logged = (steps: number[]) => steps.map((step) => ({ step, wallTime: step, bytes: new Uint8Array() }));
  const runs = Object.entries({ a: [0, 20, 40], b: [40, 100], c: [200] });
  series.value = new Map(runs.map(([run, steps]) => [run, new Series('val', infoOf(run, logged(steps)), () => undefined)]));
  chosenRuns.value = ['a', 'b'];
});

test('lines of runs that logged other steps have one axis, and a mark at the current step', () => {
  wantedStep.value = 40;
  const [a, b] = [drawn([[0, 0.5], [20, 1], [40, 0]]), drawn([[40, 1], [100, 0.5]])]; // biome-ignore format: a run a line
  expect(a.polyline.points).toBe('1.0,11.0 21.0,1.0 41.0,21.0');
  expect(b.polyline.points).toBe('41.0,1.0 101.0,11.0');
  for (const { line } of [a, b]) expect(line).toMatchObject({ x1: '41.0', x2: '41.0', y1: '0', y2: 22 });
  wantedStep.value = 100;
  expect(drawn([[0, 1]]).line).toMatchObject({ x1: '101.0', x2: '101.0' });
});

test('a single value is a dot where its step is, and in the middle where there is no other', () => {
  expect(drawn([[20, 1]]).circle).toMatchObject({ cx: '21.0', cy: '1.0' });
  chosenRuns.value = ['c'];
  expect(drawn([[200, 0]])).toMatchObject({ circle: { cx: '51.0', cy: '21.0' }, line: { x1: '51.0' } });
});
