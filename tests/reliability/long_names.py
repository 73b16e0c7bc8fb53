"""1,000 runs, 100 tags and 10,000 classes, all of them with names of 200 characters: how fast the tab opens, and what each act in it takes.

    python tests/reliability/long_names.py [--runs 1000] [--tags 100] [--tags-of-run 100] [--classes 10000] [--logdir DIRECTORY]

Each run has each of the tags, which makes 100,000 series, and a class list of its own that says the same as those of the others: a log of
2 GB. `--tags-of-run 1` makes one of 1,000 series. `--logdir` keeps it, or takes it up again. Needs a Chromium.
"""

import argparse
import contextlib
import gzip
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, sync_playwright
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.event_file import write_event_file
from tb_confmat_plugin.record import class_list_id
from tb_confmat_plugin.summary import classes_summary, matrix_summary

sys.path.append(str(Path(__file__).parents[1] / "bench"))
from browser import launch, new_page, plugin_frame, spread
from dashboard import NOTE_LONG_TASKS, MainThread, heap, largest_renderer
from report import table, verdict
from samples import make_samples
from tensorboard_process import ROUTES, TensorBoard, tensorboard

SCALARS = "/data/plugin/scalars/tags"
LETTERS = 200
STEPS = 10  # of the first tag; the others have one
DISTINCT = 20  # matrices; a log repeats them
SAMPLES = 2  # of each class
OPENINGS = 5
MOST_OPENING = 3000  # ms

# Each act, what it is done to, and milliseconds until the frame after the one that shows it.
ACTS = """async ([what, more]) => {
  const type = (label, text) => {
    const input = document.querySelector(`input[aria-label="${label}"]`);
    input.focus();
    input.value = text;
    input.dispatchEvent(new Event('input', { bubbles: true }));
  };
  const press = (input, key) => input.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  const tick = (at) => document.querySelectorAll('nav[aria-label="Runs"] li input')[at].click();
  const button = (name) => [...document.querySelectorAll('nav[aria-label="Runs"] button')].find((one) => one.textContent === name).click();
  const acts = {
    'filter the runs': () => type('Filter runs', more),
    'filter no runs': () => type('Filter runs', ''),
    'tick a run': (begin) => { tick(more); return drawnSince(begin); },
    'untick it': () => tick(more),
    'tick 8 runs': (begin) => { button('All'); return drawnSince(begin); },
    'scroll the runs': () => { document.querySelector('nav[aria-label="Runs"] ul').scrollTop = more; },
    'look for a class': () => type('Find a class', more),
    'go to a class': (begin) => { press(document.querySelector('input[aria-label="Find a class"]'), 'Enter'); return drawnSince(begin); },
    'another tag': (begin) => {
      const select = [...document.querySelectorAll('select')].find((one) => one.labels[0].textContent.trim() === 'Tag');
      select.selectedIndex = more;
      select.dispatchEvent(new Event('change', { bubbles: true }));
      return drawnSince(begin);
    },
  };
  longTasks.length = 0;
  const [, shown] = await timed(acts[what]);
  await new Promise((go) => setTimeout(go, 1500));
  return [shown, longTasks.reduce((most, one) => Math.max(most, one), 0)];
}"""


def made_names(count: int, seed: int) -> list[str]:
    """Names of 200 characters that begin alike in tens, as those of a sweep or of a taxonomy do."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghijklmnoprstuvwz", k=draw.randint(3, 10))) for _ in range(2000)]

    def phrase(length: int) -> str:
        return " ".join(draw.choices(words, k=length // 4))[:length].strip().ljust(length, "x")

    starts = [phrase(LETTERS // 2) for _ in range(count // 10 + 1)]
    return [f"{starts[i // 10]}/{phrase(LETTERS // 2 - 8)} {i:06}" for i in range(count)]


def write_log(directory: Path, runs: int, tags: int, tags_of_run: int, classes: int) -> None:
    """The log; run `i` has `tags_of_run` tags from the `i`-th on, and the first tag in any case."""
    names = made_names(classes, 0)
    made = [make_samples(classes, SAMPLES * classes, seed) for seed in range(DISTINCT)]
    matrices = [ConfusionMatrix.from_predictions(one.preds, one.target, class_names=names) for one in made]
    summaries = [matrix_summary("", matrix) for matrix in matrices]
    class_list = classes_summary(matrices[0].classes)
    tag_names = sorted(made_names(tags, 1))

    def events(run: int) -> Iterator[bytes]:
        yield Event(file_version="brain.Event:2", wall_time=1e9).SerializeToString()
        yield Event(summary=class_list, wall_time=1e9).SerializeToString()
        for tag in sorted({0, *((run + more) % tags for more in range(tags_of_run))}):
            for step in range(1 if tag else STEPS):
                summary = summaries[(run + tag + step) % DISTINCT]
                summary.value[0].tag = tag_names[tag]
                yield Event(summary=summary, step=step, wall_time=1e9 + step).SerializeToString()
        yield Event(summary=Summary(value=[Summary.Value(tag="loss", simple_value=0.5)]), wall_time=1e9).SerializeToString()

    for run, name in enumerate(made_names(runs, 2)):
        write_event_file(directory / name, events(run))


def settle(board: TensorBoard, runs: int) -> None:
    """Waits until the last event of each run is loaded, without a question that makes the plugin read a series."""
    deadline = time.monotonic() + 1800
    while sum("loss" in tags for tags in json.loads(fetch(board, SCALARS)[1]).values()) < runs:
        if time.monotonic() > deadline:
            raise TimeoutError("the log was not loaded in half an hour")
        time.sleep(2)


def routes(board: TensorBoard) -> None:
    """Seconds and bytes of the answers that a page needs, as a browser asks for them."""
    answer = json.loads(fetch(board, f"{ROUTES}/series")[1])
    tag, run = answer["tag"], answer["series"][0]["run"]
    record = fetch(board, f"{ROUTES}/records", run=run, tag=tag, first=0, last=0)[1]
    identifier = class_list_id(record[20:])
    asked: list[tuple[str, dict[str, Any]]] = [
        ("/series", {}),
        ("/series", {"tag": tag}),
        ("/tags", {}),
        ("/records", {"run": run, "tag": tag, "first": 0, "last": STEPS - 1}),
        ("/classes", {"run": run, "id": identifier}),
    ]
    rows = []
    for route, query in asked:
        times = []
        for _ in range(OPENINGS):
            begin = time.perf_counter()
            sent, body = fetch(board, ROUTES + route, **query)
            times.append(1e3 * (time.perf_counter() - begin))
        rows.append([f"{route} of {', '.join(query) or 'nothing'}", *spread(times), f"{sent / 1e3:,.0f}", f"{len(body) / 1e3:,.0f}"])
    print(table(["one client, ms", "median", "least", "most", "KB sent", "KB unpacked"], rows))


def fetch(board: TensorBoard, path: str, **query: Any) -> tuple[int, bytes]:
    """How many bytes were sent, and the answer."""
    request = Request(f"http://127.0.0.1:{board.port}{path}?{urlencode(query)}", headers={"Accept-Encoding": "gzip"})
    with urlopen(request, timeout=120) as response:
        sent = response.read()
        return len(sent), gzip.decompress(sent) if response.headers["Content-Encoding"] == "gzip" else sent


def opening(browser: Browser, board: TensorBoard) -> None:
    """Milliseconds from the click on the tab, and from the navigation, to the first heatmap."""
    clicked, navigated, tasks = [], [], []
    for _ in range(OPENINGS):
        page = new_page(browser, script=NOTE_LONG_TASKS)
        page.goto(f"http://127.0.0.1:{board.port}/#timeseries")
        tab = page.get_by_role("tab", name="Confusion Matrix")
        tab.wait_for()
        page.wait_for_timeout(1000)  # TensorBoard's own page comes to rest
        page.evaluate("addEventListener('click', () => { window.clicked = now(); }, true)")
        tab.click()
        frame = plugin_frame(page)
        clicked.append(frame.evaluate("() => draws[0].end") - page.evaluate("() => clicked"))
        MainThread(page).settle()
        tasks.append(frame.evaluate("() => Math.max(0, ...longTasks)"))
        page.context.close()
        page = new_page(browser)
        page.goto(f"http://127.0.0.1:{board.port}/#confusion_matrix", wait_until="commit")
        frame = plugin_frame(page)
        navigated.append(frame.evaluate("() => draws[0].end") - page.evaluate("() => performance.timeOrigin"))
        page.context.close()
    print(f"the very first, of a server that has read no matrix yet: {clicked[0]:,.0f} ms")
    rows = [["since the click on the tab", *spread(clicked)], ["since the navigation", *spread(navigated)]]
    print(table(["ms until the first heatmap", "median", "least", "most"], [*rows, ["longest task", *spread(tasks)]]))
    print(verdict("opening the tab, the slowest", max(clicked), MOST_OPENING, "ms"))


def using(browser: Browser, board: TensorBoard, picture: Path | None) -> None:
    """Milliseconds of each act, how long it kept the page from answering, and what the page holds after all of them."""
    page = new_page(browser, script=NOTE_LONG_TASKS)
    page.goto(f"http://127.0.0.1:{board.port}/#confusion_matrix", wait_until="commit")
    frame = plugin_frame(page)
    MainThread(page).settle()
    if picture:
        page.screenshot(path=picture)
    found: dict[str, list[Any]] = {}

    def act(what: str, more: Any = None) -> None:
        found.setdefault(what, []).append(frame.evaluate(ACTS, [what, more]))

    for turn in range(3):
        act("scroll the runs", 2000 * (turn + 1))
        act("filter the runs", f"00{turn}")
        act("tick a run", 3 + turn)
        act("untick it", 3 + turn)
        act("filter no runs")
        act("look for a class", f" 00{turn}")
        act("look for a class", f" 00{turn}12")
        act("go to a class")
        act("another tag", 40 + turn)
        act("tick 8 runs")
        act("another tag", 0)
    rows = [[what, *spread([ms for ms, _ in all_]), f"{max(task for _, task in all_):.0f}"] for what, all_ in found.items()]
    print(table(["ms until shown", "median", "least", "most", "longest task"], rows))
    session = page.context.new_cdp_session(page)
    objects, buffers = heap(session)
    process = largest_renderer(browser)
    print(f"page: {objects / 1e6:.0f} MB of objects, {buffers / 1e6:.0f} of buffers, {process / 1e6:.0f} in the process")
    page.context.close()


def main() -> None:
    """Prints everything, with the load of the machine before."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=1000)
    arguments.add_argument("--tags", type=int, default=100)
    arguments.add_argument("--tags-of-run", type=int, default=100)
    arguments.add_argument("--classes", type=int, default=10_000)
    arguments.add_argument("--logdir", type=Path)
    arguments.add_argument("--without", action="store_true", help="only without the data server")
    arguments.add_argument("--picture", type=Path, help="where a picture of the tab goes")
    given = arguments.parse_args()
    with contextlib.ExitStack() as stack:
        logdir = given.logdir or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not logdir.exists() or not any(logdir.iterdir()):
            begin = time.perf_counter()
            write_log(logdir, given.runs, given.tags, given.tags_of_run, given.classes)
            print(f"written in {time.perf_counter() - begin:.0f} s")
        size = sum(path.stat().st_size for path in logdir.rglob("*tfevents*"))
        shape = (given.runs, given.tags, given.tags_of_run)
        series = sum(len({0, *((run + more) % given.tags for more in range(given.tags_of_run))}) for run in range(given.runs))
        print(f"{shape[0]:,} runs, {shape[1]} tags, {series:,} series, {given.classes:,} classes ({size / 1e6:,.0f} MB)")
        browser = launch(stack.enter_context(sync_playwright()))
        for fast in (True, False)[given.without :]:
            print(f"\n{'with the data server' if fast else 'without'} (load {os.getloadavg()[0]:.1f} before)", flush=True)
            begin = time.perf_counter()
            with tensorboard(logdir, fast, "--reload_interval", "600") as board:
                settle(board, given.runs)
                print(f"loaded after {time.perf_counter() - begin:.0f} s; memory {board.memory() / 1e6:,.0f} MB", flush=True)
                opening(browser, board)
                routes(board)
                using(browser, board, given.picture)
                print(f"memory of the server: {board.memory() / 1e6:,.0f} MB", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
