// A canvas as sharp as the screen.

/** Sizes a canvas to the screen's pixels, empties it, and gives a context in CSS pixels. */
export function sized(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = pixelRatio(width, height);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Six million pixels at most: more cost time that nobody sees. */
function pixelRatio(width: number, height: number): number {
  return Math.min(window.devicePixelRatio || 1, Math.sqrt(6e6 / (width * height)));
}
