// A small line without axes.

export function Line(props: {
  points: readonly (readonly [x: number, y: number])[];
  width: number;
  height: number;
  stroke?: string;
  /** The value at the top; 1 unless told. */
  most?: number;
}) {
  const { points, width, height, stroke = 'currentColor', most = 1 } = props;
  if (points.length === 0) return null;
  const [first, last] = [points[0][0], points[points.length - 1][0]];
  const x = (at: number) => 1 + (last > first ? (at - first) / (last - first) : 0.5) * (width - 2);
  const y = (value: number) => height - 1 - (most > 0 ? Math.min(1, value / most) : 0) * (height - 2);
  return (
    <svg class="line-chart" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      <polyline stroke={stroke} points={points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ')} />
      {points.length === 1 && <circle cx={x(first)} cy={y(points[0][1])} r="1.5" fill={stroke} />}
    </svg>
  );
}
