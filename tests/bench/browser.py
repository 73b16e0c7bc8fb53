"""What a user waits for in the browser: the first heatmap, and the redraw after a move of the slider.

The log: 100 steps of 1,000 classes of 50,000 samples. The rival for the first sight is TensorBoard's own Time Series tab on a log of
100 scalar tags, opened in turn with ours by the same headless Chromium, which draws without a graphics card.
"""

import os
import random
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from report import table, verdict
from samples import make_samples
from tensorboard_process import TensorBoard, tensorboard
from torch.utils.tensorboard import SummaryWriter as TorchSummaryWriter

from tb_confmat_plugin import ConfusionMatrix, SummaryWriter

STEPS, CLASSES, SAMPLES = 100, 1_000, 50_000
SCALAR_TAGS = 100
OPENINGS = 7
DRAG_MILLISECONDS = 33
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

# The frame around the cells is the last thing that a heatmap draws.
NOTE_DRAWS = """
window.draws = [];
const strokeRect = CanvasRenderingContext2D.prototype.strokeRect;
CanvasRenderingContext2D.prototype.strokeRect = function (...corners) {
  strokeRect.apply(this, corners);
  if (!this.canvas.classList.contains('cursor')) window.draws.push(performance.timeOrigin + performance.now());
};
"""

FIRST_CHART = """() => new Promise((resolve) => {
  const look = () => document.querySelector('scalar-card line-chart svg.line path, scalar-card line-chart canvas')
    ? resolve(performance.timeOrigin + performance.now()) : requestAnimationFrame(look);
  look();
})"""

# One move of the slider a DRAG_MILLISECONDS, as when it is dragged; how long after each its heatmap was drawn.
DRAG = """async ([moves, pause]) => {
  const slider = document.querySelector('input[type=range]');
  const waited = [];
  for (const index of moves) {
    const before = window.draws.length;
    const begin = performance.timeOrigin + performance.now();
    slider.value = index;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    for (let tries = 0; window.draws.length === before && tries < 1000; tries++) await new Promise((go) => setTimeout(go));
    waited.push(window.draws.at(-1) - begin);
    await new Promise((go) => setTimeout(go, pause - (performance.timeOrigin + performance.now() - begin)));
  }
  return waited;
}"""


def write_logs(ours: Path, scalars: Path) -> None:
    """The matrices, all different, and the scalars of the rival."""
    with SummaryWriter(ours) as writer:
        for step in range(STEPS):
            made = make_samples(CLASSES, SAMPLES, seed=step)
            matrix = ConfusionMatrix.from_predictions(made.preds, made.target, class_names=made.class_names)
            writer.add_confusion_matrix("val", matrix, step)
    rng = random.Random(0)
    with TorchSummaryWriter(scalars) as writer:
        for step in range(STEPS):
            for tag in range(SCALAR_TAGS):
                writer.add_scalar(f"tag{tag:03d}", rng.random(), step)


def new_page(browser: Browser) -> Page:
    """A page with an empty cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(NOTE_DRAWS)
    return context.new_page()


def first_sight(browser: Browser, ours: TensorBoard, scalars: TensorBoard) -> None:
    """Milliseconds from the navigation to the first heatmap, and to the first chart."""
    heatmap, chart, page_itself = [], [], []
    for _ in range(OPENINGS):
        page = new_page(browser)
        page.goto(f"http://127.0.0.1:{ours.port}/#confusion_matrix", wait_until="commit")
        frame = plugin_frame(page)
        frame.wait_for_function("() => window.draws.length > 0")
        begin = page.evaluate("() => performance.timeOrigin")
        heatmap.append(frame.evaluate("() => window.draws[0]") - begin)
        page_itself.append(page.evaluate("() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"))
        page.context.close()
        page = new_page(browser)
        page.goto(f"http://127.0.0.1:{scalars.port}/#timeseries", wait_until="commit")
        chart.append(page.evaluate(FIRST_CHART) - page.evaluate("() => performance.timeOrigin"))
        page.context.close()
    rows = [["our first heatmap", *summary(heatmap)], ["first chart of Time Series", *summary(chart)]]
    print(table(["ms since navigation", "median", "least", "most"], [*rows, ["of it TensorBoard's page", *summary(page_itself)]]))
    ratio = statistics.median(ours_ms / theirs for ours_ms, theirs in zip(heatmap, chart, strict=True))
    print(verdict("first heatmap / first chart, median of pairs", ratio, 1, ""))


def plugin_frame(page: Page) -> Any:
    """The frame of the tab."""
    while True:
        found = [frame for frame in page.frames if "plugin_entry" in frame.url]
        if found:
            return found[0]
        page.wait_for_timeout(5)


def slider_moves(browser: Browser, ours: TensorBoard) -> None:
    """Milliseconds from a move of the slider to the drawn heatmap, each step visited for the first time, then again."""
    order = list(range(STEPS - 1))
    random.Random(0).shuffle(order)
    page = new_page(browser)
    page.goto(f"http://127.0.0.1:{ours.port}/#confusion_matrix", wait_until="commit")
    frame = plugin_frame(page)
    frame.wait_for_function("() => window.draws.length > 0")
    first = frame.evaluate(DRAG, [order, DRAG_MILLISECONDS])
    again = frame.evaluate(DRAG, [order[::-1][1:], DRAG_MILLISECONDS])
    page.context.close()
    page = new_page(browser)
    page.goto(f"http://127.0.0.1:{ours.port}/#confusion_matrix", wait_until="commit")
    frame = plugin_frame(page)
    frame.wait_for_function("() => window.draws.length > 0")
    in_order = frame.evaluate(DRAG, [list(range(STEPS - 2, -1, -1)), DRAG_MILLISECONDS])
    rows = []
    for what, times in (("jumps, first visit", first), ("jumps, again", again), ("one by one, first visit", in_order)):
        rows.append([what, *(f"{value:.1f}" for value in (statistics.median(times), p95(times), max(times)))])
    print(table(["ms to redraw", "p50", "p95", "max"], rows))
    print(verdict("p95 of first visits, by jumps", p95(first), 16, "ms"))
    page.context.close()


def p95(times: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(times, n=100)[94]


def summary(times: list[float]) -> list[str]:
    """Median, least and most."""
    return [f"{value:.0f}" for value in (statistics.median(times), min(times), max(times))]


def main() -> None:
    """Prints both tables."""
    print(f"\nBrowser: {STEPS} steps x {CLASSES:,} classes, {SAMPLES:,} samples each\n")
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        ours_log, scalars_log = Path(directory, "ours"), Path(directory, "scalars")
        write_logs(ours_log, scalars_log)
        path = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        with tensorboard(ours_log, fast=True) as ours, tensorboard(scalars_log, fast=True) as scalars:
            first_sight(browser, ours, scalars)
            slider_moves(browser, ours)
        browser.close()


if __name__ == "__main__":
    main()
