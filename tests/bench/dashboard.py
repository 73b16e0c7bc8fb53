"""The tab at scale: how smooth it is, how long it keeps the page from answering, what it holds in memory, and what it weighs.

Two logs: 12 steps of 10,000 classes with 100,000 cells that are not zero, and 8 runs of 100 steps of 1,000 classes. Chromium draws
without a graphics card, which makes each figure one on the safe side. What else the machine does makes them worse: its load is told.
"""

import gzip
import os
import random
import re
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from browser import DRAG, DRAG_MILLISECONDS, WINDOW, launch, new_page, open_tab, p50_p95_max, p95, plugin_frame, spread, write_matrices
from playwright.sync_api import Browser, CDPSession, Frame, Page, sync_playwright
from report import table, verdict
from tensorboard_process import TensorBoard, tensorboard

from tb_confmat_plugin import __file__ as package

WIDE = {"runs": 1, "steps": 12, "classes": 10_000, "samples": 600_000}
LONG = {"runs": 8, "steps": 100, "classes": 1_000, "samples": 50_000}
BUNDLE = Path(package).with_name("static") / "index.js"
OPENINGS, ROUNDS, FRAMES = 5, 3, 180
SIDE = 800  # of the square of cells, in CSS pixels
VIEWS = ("Compare", "Difference", "Timeline", "Matrix")
LEAST_FPS, MOST_DRAW, MOST_FIRST, MOST_REDRAW, MOST_MEMORY, MOST_BUNDLE = 58, 6, 1500, 16, 400e6, 120_000

# Tasks that kept the page from answering for more than 50 ms, but for those of TensorBoard's own page.
NOTE_LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const { name, duration } of list.getEntries()) if (name !== 'same-origin-ancestor') window.longTasks.push(duration);
}).observe({ type: 'longtask', buffered: true });
"""

# A user who moves in every frame: events as fast as frames, so that a slow machine has fewer of both.
GESTURE = """async ([kind, frames]) => {
  const box = document.querySelector('[aria-label="Confusion matrix"] canvas').getBoundingClientRect();
  const [x, y] = [box.right - side / 2 - 60, box.bottom - side / 2 - 60];
  const canvas = document.elementFromPoint(x, y);
  const slider = document.querySelector('input[aria-label="Step"]');
  const send = (Type, name, more) => canvas.dispatchEvent(new Type(name, {
    bubbles: true, cancelable: true, view: window, clientX: x, clientY: y, ...more,
  }));
  const wheel = (deltaY) => send(WheelEvent, 'wheel', { deltaY });
  const move = (dx, dy) => {
    for (const [Type, name] of [[PointerEvent, 'pointermove'], [MouseEvent, 'mousemove']]) {
      send(Type, name, { buttons: 1, clientX: x + dx, clientY: y + dy });
    }
  };
  const frame = () => new Promise(requestAnimationFrame);
  const swing = (i, reach) => reach - Math.abs(reach - (i % (2 * reach)));
  const acts = {
    rest: () => {},
    zoom: (i) => wheel(i < frames / 2 ? -60 : 60),
    pan: (i) => move(-2 * swing(i, 40), -3 * swing(i, 25)),
    scrub: (i) => {
      slider.value = swing(i + 1, slider.max - 1);
      slider.dispatchEvent(new Event('input', { bubbles: true }));
    },
  };
  if (kind === 'pan') {
    for (let i = 0; i < 10; i++) { wheel(-100); await frame(); }
    send(MouseEvent, 'mousedown', { buttons: 1 });
  }
  await frame();
  await frame();
  draws.length = longTasks.length = 0;
  const begin = await frame();
  for (let i = 0; i < frames; i++) { acts[kind](i); await frame(); }
  const end = await frame();
  await painted();
  const found = {
    fps: 1000 * (frames + 1) / (end - begin), draws: draws.map((draw) => draw.end - draw.begin), longTasks: [...longTasks],
  };
  if (kind === 'pan') {
    send(MouseEvent, 'mouseup');
    for (let i = 0; i < 12; i++) { wheel(100); await frame(); }
  }
  return found;
}"""

# Milliseconds until the frame after the one that shows what was chosen, and the long tasks until some while later.
CHOOSE_VIEW = """async (name) => {
  longTasks.length = 0;
  const radio = [...document.querySelectorAll('input[type="radio"]')].find((one) => one.labels[0].textContent.trim() === name);
  const [, shown] = await timed(() => radio.click());
  await new Promise((go) => setTimeout(go, 1500));
  return { shown, longTasks: [...longTasks] };
}"""

CHOOSE_ORDER = """async (text) => {
  longTasks.length = 0;
  const select = [...document.querySelectorAll('select')].find((one) => one.labels[0].textContent.trim() === 'Order');
  const [shown] = await timed((begin) => {
    select.selectedIndex = [...select.options].findIndex((one) => one.text === text);
    select.dispatchEvent(new Event('change', { bubbles: true }));
    return drawnSince(begin);
  });
  await new Promise((go) => setTimeout(go, 500));
  return { shown, longTasks: [...longTasks] };
}"""


# Milliseconds until a file is made, its size, and the long tasks on the way.
SAVE = """async (label) => {
  longTasks.length = 0;
  let size = 0;
  const { createObjectURL } = URL;
  URL.createObjectURL = (blob) => { size = blob.size; return createObjectURL(blob); };
  const begin = now();
  document.querySelector(`.saves [aria-label="${label}"]`).click();
  while (!size) await new Promise((go) => setTimeout(go, 5));
  const took = now() - begin;
  await new Promise((go) => setTimeout(go, 300));
  URL.createObjectURL = createObjectURL;
  return { took, size, longTasks: [...longTasks] };
}"""


def from_the_tab(browser: Browser, wide: TensorBoard) -> None:
    """Milliseconds from the click on our tab to the first heatmap."""
    waited, rows = [], []
    for _ in range(OPENINGS):
        page = new_page(browser, script=NOTE_LONG_TASKS)
        page.goto(f"http://127.0.0.1:{wide.port}/#timeseries")
        tab = page.get_by_role("tab", name="Confusion Matrix")
        tab.wait_for()
        page.evaluate("addEventListener('click', () => { window.clicked = now(); }, true)")
        tab.click()
        frame = plugin_frame(page)
        waited.append(frame.evaluate("() => draws[0].end") - page.evaluate("() => clicked"))
        MainThread(page).settle()
        rows.append(frame.evaluate("() => longTasks"))
        page.context.close()
    print(table(["ms since the click on the tab", "median", "least", "most"], [["first heatmap", *spread(waited)]]))
    print(verdict("first heatmap of 10,000 classes", statistics.median(waited), MOST_FIRST, "ms"))
    print(long_tasks("opening, until all steps are read", [task for tasks in rows for task in tasks], OPENINGS), end="\n\n")


def gestures(browser: Browser, wide: TensorBoard, side: int | None) -> None:
    """Frames per second, and milliseconds of a draw, while one zooms, pans and scrubs."""
    page = new_page(browser, script=NOTE_LONG_TASKS)
    frame = open_tab(page, wide)
    shown = grown(page, frame, side) if side else frame.evaluate("() => side")
    thread = MainThread(page)
    thread.settle()
    rows, lines = [], []
    for kind in ("rest", "zoom", "pan", "scrub"):
        rounds, busy = [], []
        for _ in range(ROUNDS):
            before = thread.milliseconds()
            rounds.append(frame.evaluate(GESTURE, [kind, FRAMES]))
            busy.append((thread.milliseconds() - before) / FRAMES)
        fps = statistics.median(one["fps"] for one in rounds)
        draws = [draw for one in rounds for draw in one["draws"]]
        told = p50_p95_max(draws) if draws else [""] * 3
        rows.append([kind, f"{fps:.1f}", f"{len(draws) / ROUNDS / FRAMES:.2f}", *told, f"{statistics.median(busy):.1f}"])
        if kind == "rest":
            continue
        if side:
            lines += [at_least(f"{kind}, frames per second", fps, LEAST_FPS), verdict(f"{kind}, draw p95", p95(draws), MOST_DRAW, "ms")]
        lines.append(long_tasks(f"{kind}, {FRAMES} frames", [task for one in rounds for task in one["longTasks"]], ROUNDS))
    print(f"A square of cells of {shown:.0f} x {shown:.0f} CSS pixels")
    print(table(["", "fps", "draws a frame", "draw p50 ms", "p95", "max", "main thread, ms of CPU a frame"], rows))
    print(*lines, sep="\n", end="\n\n")
    page.context.close()


def grown(page: Page, frame: Frame, side: int) -> float:
    """Makes the window so large that the square of cells has this side, and returns its side."""
    width, height = WINDOW
    for _ in range(6):
        shown: float = frame.evaluate("() => side")
        if abs(shown - side) < 1:
            break
        width, height = width + round(side - shown), height + round(side - shown)
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(800)
    return shown


def choices(browser: Browser, wide: TensorBoard) -> None:
    """How long a change of the view and the order by similarity take at 10,000 classes, and how long each keeps the page from answering."""
    page = new_page(browser, script=NOTE_LONG_TASKS)
    frame = open_tab(page, wide)
    MainThread(page).settle()
    found: dict[str, list[Any]] = {}
    for _ in range(ROUNDS):
        for view in VIEWS:
            found.setdefault(f"to {view}", []).append(frame.evaluate(CHOOSE_VIEW, view))
        for order in ("Similarity", "As logged"):
            found.setdefault(f"order: {order}", []).append(frame.evaluate(CHOOSE_ORDER, order))
    rows = []
    for what, rounds in found.items():
        tasks = [task for one in rounds for task in one["longTasks"]]
        rows.append([what, *spread([one["shown"] for one in rounds]), f"{len(tasks) / ROUNDS:.1f}", f"{max(tasks, default=0):.0f}"])
    print(table(["10,000 classes, ms until shown", "median", "least", "most", "long tasks", "longest"], rows))
    print(verdict("longest task of all of these", max(float(row[-1]) for row in rows), 50, "ms"), end="\n\n")
    page.context.close()


def saves(browser: Browser, wide: TensorBoard) -> None:
    """How long each file of 10,000 classes takes to be made, and how long it keeps the page from answering."""
    page = new_page(browser, script=NOTE_LONG_TASKS)
    frame = open_tab(page, wide)
    MainThread(page).settle()
    frame.get_by_label("Export", exact=True).click()
    labels = frame.evaluate("() => [...document.querySelectorAll('.saves button:enabled')].map((one) => one.ariaLabel)")
    rows = []
    for label in labels:
        rounds = [frame.evaluate(SAVE, label) for _ in range(ROUNDS)]
        tasks = [task for one in rounds for task in one["longTasks"]]
        size = f"{rounds[0]['size'] / 1e6:.1f}"
        rows.append([label, size, *spread([one["took"] for one in rounds]), f"{len(tasks) / ROUNDS:.1f}", f"{max(tasks, default=0):.0f}"])
    print(table(["10,000 classes, a file of", "MB", "ms, median", "least", "most", "long tasks", "longest"], rows))
    print(verdict("longest task of all of these", max(float(row[-1]) for row in rows), 50, "ms"), end="\n\n")
    page.context.close()


def many_runs(browser: Browser, long: TensorBoard, view: str) -> None:
    """Milliseconds from a move of the slider to the drawn view of 8 runs, and the memory once all steps were visited."""
    order = list(range(1, LONG["steps"] - 1))  # before the first step there is nothing to differ from
    random.Random(0).shuffle(order)
    page = new_page(browser, script=NOTE_LONG_TASKS)
    frame = open_tab(page, long)
    begin = time.perf_counter()
    frame.get_by_role("button", name="All", exact=True).click()
    MainThread(page).settle()
    print(f"all steps of {LONG['runs']} runs read after {time.perf_counter() - begin:.0f} s")
    frame.evaluate(CHOOSE_VIEW, view)
    frame.evaluate("() => { longTasks.length = 0; draws.length = 0; }")
    moves = order + order[-2::-1]
    times = frame.evaluate(DRAG, [moves, DRAG_MILLISECONDS])
    drawn, tasks = frame.evaluate("() => [draws.map((draw) => draw.end - draw.begin), longTasks]")
    row = [f"{view} of {LONG['runs']} runs", *p50_p95_max(times), *p50_p95_max(drawn)[:2]]
    print(table(["ms from a move of the slider", "p50", "p95", "max", "of it the draw, p50", "p95"], [row]))
    print(verdict(f"{view}, p95", p95(times), MOST_REDRAW, "ms"))
    print(long_tasks(f"{len(moves)} moves", tasks, 1))
    for other in VIEWS:
        frame.evaluate(CHOOSE_VIEW, other)
    memory(browser, page, long)
    page.context.close()


def memory(browser: Browser, page: Page, long: TensorBoard) -> None:
    """What the page holds, beside what it held before the tab was opened."""
    session = page.context.new_cdp_session(page)
    with_all = heap(session), largest_renderer(browser)
    session.send("HeapProfiler.collectGarbage")
    rows = [["all steps of all runs visited", *map(megabytes, (*with_all[0], with_all[1]))]]
    rows.append(["  garbage collected", *map(megabytes, (*heap(session), largest_renderer(browser)))])
    page.goto("about:blank")
    page.goto(f"http://127.0.0.1:{long.port}/#timeseries")
    MainThread(page).settle()
    session.send("HeapProfiler.collectGarbage")
    rows.append(["TensorBoard without the tab", *map(megabytes, (*heap(session), largest_renderer(browser)))])
    print(table(["MB", "JavaScript heap", "buffers", "process (PSS)"], rows))
    print(verdict("JavaScript heap and buffers", sum(with_all[0]) / 1e6, MOST_MEMORY / 1e6, "MB"))
    print(verdict("the whole process", with_all[1] / 1e6, MOST_MEMORY / 1e6, "MB"), end="\n\n")


def heap(session: CDPSession) -> tuple[float, float]:
    """Bytes of objects, those of the document among them, and of the buffers of typed arrays."""
    usage = session.send("Runtime.getHeapUsage")
    return usage["usedSize"] + usage.get("embedderHeapUsedSize", 0), usage.get("backingStorageSize", 0)


def largest_renderer(browser: Browser) -> float:
    """Bytes of the process that has the page: the largest of those that draw pages, memory that it shares counted in parts."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    maps = [Path(f"/proc/{one['id']}/smaps_rollup").read_text() for one in processes if one["type"] == "renderer"]
    return max(int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0]) * 1024 for text in maps)


class MainThread:
    """The thread of a page that runs its scripts."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def milliseconds(self) -> float:
        """How long it has had a processor so far; what others do on it meanwhile does not count."""
        metrics = {one["name"]: one["value"] for one in self._session.send("Performance.getMetrics")["metrics"]}
        return float(metrics["TaskDuration"]) * 1e3

    def settle(self) -> None:
        """Waits until it has little to do: all steps are read."""
        for _ in range(600):
            before = self.milliseconds()
            self._page.wait_for_timeout(500)
            if self.milliseconds() - before < 25:
                return
        raise RuntimeError("the page does not come to rest")


def long_tasks(what: str, tasks: Iterable[float], rounds: int) -> str:
    """One line."""
    found = list(tasks)
    return f"      {what}: {len(found) / rounds:.3g} long tasks, the longest {max(found, default=0):.0f} ms"


def at_least(what: str, value: float, least: float) -> str:
    """One line: the value, its target, and whether it is met."""
    return f"{'PASS' if value >= least else 'MISS'}  {what}: {value:.1f} (target: at least {least})"


def megabytes(count: float) -> str:
    """In 1,000,000 bytes."""
    return f"{count / 1e6:.0f}"


def load() -> None:
    """How many processes waited for a processor in the last minute."""
    print(f"[load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors]")


def main() -> None:
    """Prints everything."""
    print("\nDashboard at scale\n")
    weight = len(gzip.compress(BUNDLE.read_bytes(), 9))
    print(verdict("bundle, gzipped", weight / 1e3, MOST_BUNDLE / 1e3, "KB"), end="\n\n")
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        wide_log, long_log = Path(directory, "wide"), Path(directory, "long")
        write_matrices(wide_log, **WIDE)
        write_matrices(long_log, **LONG)
        browser = launch(playwright)
        load()
        with tensorboard(wide_log, fast=True) as wide:
            from_the_tab(browser, wide)
            for side in (None, SIDE):
                load()
                gestures(browser, wide, side)
            load()
            choices(browser, wide)
            saves(browser, wide)
        browser.close()
        for view in ("Compare", "Difference"):
            load()
            browser = launch(playwright)  # its renderer has had no other page
            with tensorboard(long_log, fast=True) as long:
                many_runs(browser, long, view)
            browser.close()


if __name__ == "__main__":
    main()
