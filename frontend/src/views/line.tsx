// A small line over all steps without axes, with a mark at the current one.

import { step, steps } from '../state';

export function Line(props: {
  points: readonly (readonly [step: number, value: number])[];
  width: number;
  height: number;
  stroke?: string;
  /** The value at the top; 1 unless told. */
  most?: number;
}) {
  const { points, width, height, stroke = 'currentColor', most = 1 } = props;
  if (points.length === 0) return null;
  const [first, last] = [steps.value[0], steps.value[steps.value.length - 1]];
  const x = (at: number) => (1 + (last > first ? (at - first) / (last - first) : 0.5) * (width - 2)).toFixed(1);
  const y = (value: number) => (height - 1 - (most > 0 ? Math.min(1, value / most) : 0) * (height - 2)).toFixed(1);
  return (
    <svg class="line-chart" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      <Now x={x} height={height} />
      <polyline stroke={stroke} points={points.map(([at, value]) => `${x(at)},${y(value)}`).join(' ')} />
      {points.length === 1 && <circle cx={x(points[0][0])} cy={y(points[0][1])} r="1.5" fill={stroke} />}
    </svg>
  );
}

/** On its own, so that a step is not every line drawn anew. */
function Now({ x, height }: { x: (at: number) => string; height: number }) {
  const now = x(step.value as number);
  return <line class="now" x1={now} x2={now} y1="0" y2={height} />;
}
