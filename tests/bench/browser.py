"""What a user waits for in the browser, beside what they would use otherwise, in a headless Chromium without a graphics card.

The first sight of a log of 100 steps of 1,000 classes, beside TensorBoard's own Time Series tab on a log of 100 scalar tags; the
redraw after a move of the slider; and the same matrices drawn as SVG and by Plotly, at 100 and at 1,000 classes.
"""

import os
import random
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import plotly
from playwright.sync_api import Browser, Frame, Page, Playwright, sync_playwright
from report import table, verdict
from samples import make_samples
from tensorboard_process import TensorBoard, tensorboard
from torch.utils.tensorboard import SummaryWriter as TorchSummaryWriter

from tb_confmat_plugin import ConfusionMatrix, SummaryWriter

STEPS, CLASSES, SAMPLES = 100, 1_000, 50_000
SCALAR_TAGS = 100
OPENINGS = 7
DRAG_MILLISECONDS = 33
RIVAL_CLASSES, RIVAL_STEPS = (100, 1_000), 12
WINDOW = (1280, 800)
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PLOTLY = Path(plotly.__file__).with_name("package_data") / "plotly.min.js"

# A canvas is cleared before it is drawn, and the frame around the cells is the last thing drawn; only cells have one. A draw is
# complete if it shows what was asked for, and not what is there until that arrives. An act is timed until its script has run or
# drawn, and until the frame after the one that shows it.
NOTE_DRAWS = """
window.draws = [];
window.now = () => performance.timeOrigin + performance.now();
window.painted = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(now()))));
window.timed = async (act) => {
  const begin = now();
  const drawn = await act(begin);
  return [(drawn ?? now()) - begin, await painted() - begin];
};
{
  const begun = new WeakMap();
  const { clearRect, strokeRect } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.clearRect = function (...corners) {
    begun.set(this.canvas, now());
    clearRect.apply(this, corners);
  };
  CanvasRenderingContext2D.prototype.strokeRect = function (...corners) {
    strokeRect.apply(this, corners);
    if (this.canvas.classList.contains('cursor')) return;
    const complete = !document.querySelector('[aria-label="Confusion matrix"][aria-busy="true"], .stale');
    window.side = corners[2] - 1;
    window.draws.push({ begin: begun.get(this.canvas), end: now(), complete });
  };
  window.drawnSince = async (begin) => {
    for (let tries = 0; tries < 3000; tries++) {
      const found = window.draws.find((draw) => draw.begin >= begin && draw.complete);
      if (found) return found.end;
      await new Promise((go) => setTimeout(go));
    }
    throw new Error('nothing was drawn');
  };
}
"""

FIRST_CHART = """() => new Promise((resolve) => {
  const look = () => document.querySelector('scalar-card line-chart svg.line path, scalar-card line-chart canvas')
    ? resolve(now()) : requestAnimationFrame(look);
  look();
})"""

# One move of the slider each so many milliseconds, as when it is dragged; how long after each its heatmap was drawn.
DRAG = """async ([moves, pause]) => {
  const slider = document.querySelector('input[aria-label="Step"]');
  const waited = [];
  for (const index of moves) {
    const begin = now();
    slider.value = index;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    waited.push(await drawnSince(begin) - begin);
    await new Promise((go) => setTimeout(go, pause - (now() - begin)));
  }
  return waited;
}"""

OURS = """async (moves) => {
  const run = document.querySelector('nav[aria-label="Runs"] input[type="checkbox"]');
  const slider = document.querySelector('input[aria-label="Step"]');
  const times = [];
  for (const index of moves) times.push(await timed((begin) => {
    slider.value = index;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    return drawnSince(begin);
  }));
  run.click();
  await painted();
  const first = await timed((begin) => { run.click(); return drawnSince(begin); });
  return { first, times };
}"""

# One rectangle for each cell that is not zero, kept from step to step.
SVG = """async ({ steps, side, numClasses }) => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('width', side);
  svg.setAttribute('height', side);
  document.body.replaceChildren(svg);
  const size = side / numClasses;
  const draw = (cells) => {
    const most = cells.reduce((most, [, , count]) => Math.max(most, count), 0);
    while (svg.childElementCount > cells.length) svg.lastChild.remove();
    while (svg.childElementCount < cells.length) {
      const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
      rect.setAttribute('width', size);
      rect.setAttribute('height', size);
      svg.append(rect);
    }
    let rect = svg.firstChild;
    for (const [row, column, count] of cells) {
      rect.setAttribute('x', column * size);
      rect.setAttribute('y', row * size);
      rect.setAttribute('fill', `rgb(0 0 160 / ${count / most})`);
      rect = rect.nextSibling;
    }
  };
  const times = [];
  for (const cells of steps) times.push(await timed(() => draw(cells)));
  return { first: times.shift(), times };
}"""

BY_PLOTLY = """async ({ steps, side, numClasses }) => {
  const box = document.createElement('div');
  document.body.replaceChildren(box);
  const layout = { width: side, height: side, margin: { l: 0, r: 0, t: 0, b: 0 }, yaxis: { autorange: 'reversed' } };
  const times = [];
  for (const cells of steps) {
    const z = Array.from({ length: numClasses }, () => new Float64Array(numClasses));
    for (const [row, column, count] of cells) z[row][column] = count;
    times.push(await timed(async () => {
      await Plotly.react(box, [{ type: 'heatmap', z, showscale: false }], layout);
    }));
  }
  return { first: times.shift(), times };
}"""


def launch(playwright: Playwright) -> Browser:
    """A headless Chromium."""
    return playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=CHROMIUM_ARGUMENTS)


def make_matrix(classes: int, samples: int, seed: int) -> ConfusionMatrix:
    """One of many matrices, all different, of the same classes."""
    made = make_samples(classes, samples, seed)
    return ConfusionMatrix.from_predictions(made.preds, made.target, class_names=made.class_names)


def write_matrices(directory: Path, runs: int, steps: int, classes: int, samples: int) -> None:
    """A log of matrices that all differ."""
    for run in range(runs):
        with SummaryWriter(directory / f"run{run}") as writer:
            for step in range(steps):
                writer.add_confusion_matrix("val", make_matrix(classes, samples, seed=run * steps + step), step)


def write_scalars(directory: Path) -> None:
    """The log of the rival."""
    rng = random.Random(0)
    with TorchSummaryWriter(directory) as writer:
        for step in range(STEPS):
            for tag in range(SCALAR_TAGS):
                writer.add_scalar(f"tag{tag:03d}", rng.random(), step)


def new_page(browser: Browser, window: tuple[int, int] = WINDOW, script: str = "") -> Page:
    """A page with an empty cache that notes its draws."""
    context = browser.new_context(viewport={"width": window[0], "height": window[1]})
    context.add_init_script(NOTE_DRAWS + script)
    return context.new_page()


def plugin_frame(page: Page) -> Frame:
    """The frame of the tab, once a heatmap is drawn in it."""
    frame = page.wait_for_selector("iframe").content_frame()
    frame.wait_for_function("() => window.draws?.length > 0")
    return frame


def open_tab(page: Page, running: TensorBoard) -> Frame:
    """The frame of the tab, opened by its address."""
    page.goto(f"http://127.0.0.1:{running.port}/#confusion_matrix", wait_until="commit")
    return plugin_frame(page)


def first_sight(browser: Browser, ours: TensorBoard, scalars: TensorBoard) -> None:
    """Milliseconds from the navigation to the first heatmap, and to the first chart."""
    heatmap, chart, page_itself = [], [], []
    for _ in range(OPENINGS):
        page = new_page(browser)
        frame = open_tab(page, ours)
        heatmap.append(frame.evaluate("() => draws[0].end") - page.evaluate("() => performance.timeOrigin"))
        page_itself.append(page.evaluate("() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"))
        page.context.close()
        page = new_page(browser)
        page.goto(f"http://127.0.0.1:{scalars.port}/#timeseries", wait_until="commit")
        chart.append(page.evaluate(FIRST_CHART) - page.evaluate("() => performance.timeOrigin"))
        page.context.close()
    rows = [["our first heatmap", *spread(heatmap)], ["first chart of Time Series", *spread(chart)]]
    print(table(["ms since navigation", "median", "least", "most"], [*rows, ["of it TensorBoard's page", *spread(page_itself)]]))
    ratio = statistics.median(ours_ms / theirs for ours_ms, theirs in zip(heatmap, chart, strict=True))
    print(verdict("first heatmap / first chart, median of pairs", ratio, 1, ""))


def slider_moves(browser: Browser, ours: TensorBoard) -> None:
    """Milliseconds from a move of the slider to the drawn heatmap, each step visited for the first time, then again."""
    order = list(range(STEPS - 1))
    random.Random(0).shuffle(order)
    page = new_page(browser)
    frame = open_tab(page, ours)
    first = frame.evaluate(DRAG, [order, DRAG_MILLISECONDS])
    again = frame.evaluate(DRAG, [order[::-1][1:], DRAG_MILLISECONDS])
    page.context.close()
    page = new_page(browser)
    in_order = open_tab(page, ours).evaluate(DRAG, [list(range(STEPS - 2, -1, -1)), DRAG_MILLISECONDS])
    page.context.close()
    rows = [["jumps, first visit", *p50_p95_max(first)], ["jumps, again", *p50_p95_max(again)]]
    print(table(["ms to redraw", "p50", "p95", "max"], [*rows, ["one by one, first visit", *p50_p95_max(in_order)]]))
    print(verdict("p95 of first visits, by jumps", p95(first), 16, "ms"))


def rivals(browser: Browser, directory: Path) -> None:
    """The same matrices, from memory to the screen: drawn for the first time, then step after step in its place."""
    rows, ratios = [], []
    for classes in RIVAL_CLASSES:
        write_matrices(directory / str(classes), 1, RIVAL_STEPS, classes, 50 * classes)
        with tensorboard(directory / str(classes), fast=True) as running:
            page = new_page(browser)
            frame = open_tab(page, running)
            side = frame.evaluate("() => side")
            page.wait_for_timeout(2000)  # all steps are fetched
            measured = {"ours": frame.evaluate(OURS, list(range(RIVAL_STEPS - 2, -1, -1)))}
            page.context.close()
        steps = [cells_of(make_matrix(classes, 50 * classes, seed)) for seed in range(RIVAL_STEPS)]
        page = new_page(browser)
        page.goto("about:blank")
        page.add_script_tag(path=PLOTLY)
        given = {"steps": steps, "side": side, "numClasses": classes}
        measured |= {"SVG": page.evaluate(SVG, given), "Plotly": page.evaluate(BY_PLOTLY, given)}
        page.context.close()
        for what, times in measured.items():
            redraws = [statistics.median(one) for one in zip(*times["times"], strict=True)]
            rows.append([f"{classes:,} classes, {what}", *(f"{value:.1f}" for value in (*times["first"], *redraws))])
        ours, svg, by_plotly = (statistics.median(drawn for drawn, _ in times["times"]) for times in measured.values())
        ratios.append(f"{classes:,} classes, {len(steps[0]):,} cells: SVG {svg / ours:.0f}x, Plotly {by_plotly / ours:.0f}x")
    print(table(["ms", "first draw", "and shown", "redraw", "and shown"], rows))
    print("a redraw by the others, beside ours:", *ratios, sep="\n  ")


def cells_of(matrix: ConfusionMatrix) -> list[tuple[int, int, float]]:
    """Row, column and count of every cell that is not zero."""
    dense = matrix.to_dense()
    return [(int(row), int(column), float(dense[row, column])) for row, column in zip(*dense.nonzero(), strict=True)]


def p95(times: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(times, n=100)[94]


def p50_p95_max(times: Sequence[float]) -> list[str]:
    """Of milliseconds."""
    return [f"{value:.1f}" for value in (statistics.median(times), p95(times), max(times))]


def spread(times: Sequence[float]) -> list[str]:
    """Median, least and most, of milliseconds."""
    return [f"{value:.0f}" for value in (statistics.median(times), min(times), max(times))]


def main() -> None:
    """Prints all tables."""
    print(f"\nBrowser: {STEPS} steps x {CLASSES:,} classes, {SAMPLES:,} samples each\n")
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        ours_log, scalars_log = Path(directory, "ours"), Path(directory, "scalars")
        write_matrices(ours_log, 1, STEPS, CLASSES, SAMPLES)
        write_scalars(scalars_log)
        browser = launch(playwright)
        with tensorboard(ours_log, fast=True) as ours, tensorboard(scalars_log, fast=True) as scalars:
            first_sight(browser, ours, scalars)
            slider_moves(browser, ours)
        rivals(browser, Path(directory, "rivals"))
        browser.close()


if __name__ == "__main__":
    main()
