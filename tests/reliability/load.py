"""Many clients, large logs and hours of reloading: how soon TensorBoard answers, and how much memory it takes.

    python tests/reliability/load.py [--seconds 20] [--reload-seconds 600]

50 clients ask, each over a connection of its own, as fast as they are answered: 100 runs x 200 steps x 100 classes, then 10 runs x 100
steps x 1,000 classes, beside a run with examples, on both data paths. Meanwhile another plugin's route is asked, too. Then TensorBoard
reloads while steps arrive and a client asks for all of them. At last a series of more than the 256 MiB that the data server sends at
once.
"""

import argparse
import http.client
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event

from tb_confmat_plugin import ConfusionMatrix, Example, SummaryWriter
from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.event_file import write_event_file
from tb_confmat_plugin.example_record import ImagePlace, decode_examples
from tb_confmat_plugin.summary import classes_summary, matrix_summary

sys.path.append(str(Path(__file__).parents[1] / "bench"))
from report import milliseconds, table
from samples import make_samples
from tensorboard_process import ROUTES, TensorBoard, tensorboard

CLIENTS = 50
PROCESSES = 5  # of 10 clients each
DISTINCT = 20  # matrices of a size; a log repeats them
EXAMPLE_STEPS = 10
LOGS = ((100, 200, 100), (10, 100, 1000))  # runs, steps, classes
MOST_GROWTH = 1.2  # of the memory over the second half of the reloading, beside what was logged meanwhile


def write_log(directory: Path, runs: int, steps: int, classes: int) -> int:
    """Writes a log of 50 samples a class, and returns its bytes."""
    made = [make_samples(classes, 50 * classes, seed) for seed in range(DISTINCT)]
    matrices = [ConfusionMatrix.from_predictions(one.preds, one.target, class_names=one.class_names) for one in made]
    summaries = [matrix_summary("val", matrix) for matrix in matrices]
    for run in range(runs):
        events = [Event(file_version="brain.Event:2", wall_time=1.0), Event(summary=classes_summary(matrices[0].classes), wall_time=1.0)]
        events += [Event(summary=summaries[(run + step) % DISTINCT], step=step, wall_time=1e9 + step) for step in range(steps)]
        write_event_file(directory / f"run{run:03}", (event.SerializeToString() for event in events))
    return sum(path.stat().st_size for path in directory.rglob("*tfevents*"))


def write_examples(directory: Path) -> None:
    """Writes a run of steps that have 40 images of 32 x 32 pixels each."""
    rng = np.random.default_rng(0)
    with SummaryWriter(directory / "examples") as writer:
        for step in range(EXAMPLE_STEPS):
            images = rng.integers(256, size=(40, 32, 32, 3), dtype=np.uint8)
            examples = [Example(0, 1, image, id=f"{step}/{number}") for number, image in enumerate(images)]
            writer.add_confusion_matrix("seen", [[step, 40], [0, 1]], step, examples=examples)


def client(port: int, runs: int, steps: int, class_list: str, images: list[ImagePlace], seconds: float, seed: int, answers: Any) -> None:
    """Asks what a page asks, at random, until the time is over; puts (route, seconds) into the queue."""
    rng = random.Random(seed)
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=120) for _ in range(CLIENTS // PROCESSES)]
    found: list[tuple[str, float]] = []

    def ask(connection: http.client.HTTPConnection) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            run, step = f"run{rng.randrange(runs):03}", rng.randrange(steps)
            seen, (pack, name) = rng.randrange(EXAMPLE_STEPS), rng.choice(images)
            route, query = rng.choices(
                [
                    ("one record", {"run": run, "tag": "val", "first": step, "last": step}),
                    ("20 records", {"run": run, "tag": "val", "first": step, "last": step + 19}),
                    ("/series", {"tag": "val"}),
                    ("/tags", {}),
                    ("/classes", {"run": run, "id": class_list}),
                    ("/index.js", {}),
                    ("/example_series", {"tag": "seen"}),
                    ("/example_records", {"run": "examples", "tag": "seen", "first": seen, "last": seen}),
                    ("/image", {"run": "examples", "pack": pack, "name": name}),
                    ("another plugin's", {}),
                ],
                [50, 10, 5, 5, 5, 5, 5, 5, 5, 5],
            )[0]
            path = {"one record": "/records", "20 records": "/records"}.get(route, route)
            address = "/data/plugins_listing" if route.startswith("another") else f"{ROUTES}{path}?{urlencode(query)}"
            begin = time.perf_counter()
            connection.request("GET", address, headers={"Accept-Encoding": "gzip"})
            response = connection.getresponse()
            body = response.read()
            found.append((route, time.perf_counter() - begin))
            if response.status != 200 or not body:
                raise RuntimeError(f"{address} answered {response.status}: {body[:200]!r}")

    threads = [threading.Thread(target=ask, args=(connection,)) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put(found)


def settle(board: TensorBoard, runs: int, steps: int) -> dict[str, Any]:
    """Waits until all is loaded; returns the first series."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        series = (board.get_json("/series", tag="val") or {"series": []})["series"]
        if len(series) == runs and all(len(one["steps"]) == steps for one in series):
            return dict(series[0])
        time.sleep(1)
    raise TimeoutError("the log was not loaded in 600 s")


def many_clients(directory: Path, runs: int, steps: int, classes: int, fast: bool, seconds: float) -> None:
    """p50 and p99 of each route with 50 clients at once, and the memory before and after."""
    with tensorboard(directory, fast, "--reload_interval", "30") as board:
        settle(board, runs, steps)
        before = board.memory()
        class_list = Classes.of(classes, make_samples(classes, classes).class_names).id or ""
        images = []
        for step in range(EXAMPLE_STEPS):
            _, body = board.get("/example_records", run="examples", tag="seen", first=step, last=step)
            images += [place for place in decode_examples(body[20:])[1] if place]
        answers: Any = multiprocessing.Queue()
        question = (board.port, runs, steps, class_list, images, seconds)
        processes = [multiprocessing.Process(target=client, args=(*question, seed, answers)) for seed in range(PROCESSES)]
        for process in processes:
            process.start()
        found = [answer for _ in processes for answer in answers.get(timeout=seconds + 300)]
        for process in processes:
            process.join(60)
            assert process.exitcode == 0, "a client failed"
        after = board.memory()
    rows = []
    for route in sorted({route for route, _ in found}):
        times = [taken for name, taken in found if name == route]
        p50, p99 = (milliseconds(float(np.quantile(times, share))) for share in (0.5, 0.99))
        rows.append([route, str(len(times)), p50, p99, milliseconds(max(times))])
    print(table(["route", "answers", "p50 ms", "p99 ms", "max ms"], rows))
    print(f"{len(found) / seconds:,.0f} answers a second; memory {before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after", flush=True)


def reloading(fast: bool, seconds: float, runs: int, steps: int, classes: int) -> None:
    """The memory of a TensorBoard that reloads each second while a training goes on beside a log, and a page follows it and 7 others."""
    with tempfile.TemporaryDirectory() as place, SummaryWriter(f"{place}/growing") as writer:
        write_log(Path(place), runs, steps, classes)
        made = make_samples(classes, 50 * classes)
        matrix = ConfusionMatrix.from_predictions(made.preds, made.target, class_names=made.class_names)
        writer.add_confusion_matrix("val", matrix, 0)
        writer.flush()
        with tensorboard(Path(place), fast, "--reload_interval", "1") as board:
            begin, step, seen, logged = time.monotonic(), 0, [], 0
            while (passed := time.monotonic() - begin) < seconds:
                for _ in range(2):
                    step += 1
                    writer.add_confusion_matrix("val", matrix, step)
                writer.flush()
                for series in (board.get_json("/series", tag="val") or {"series": []})["series"][:8]:
                    board.get("/records", run=series["run"], tag="val", first=series["steps"][0], last=series["steps"][-1])
                logged = sum(path.stat().st_size for path in Path(place).rglob("*tfevents*"))
                if passed >= len(seen) * seconds / 10:
                    seen.append((board.memory(), logged))
                time.sleep(1)
            seen.append((board.memory(), logged))
    course = ", ".join(f"{memory / 1e6:.0f}" for memory, _ in seen)
    way = "with the data server" if fast else "without"
    log = f"{step} steps in {seconds:.0f} s beside {runs} runs x {steps} steps x {classes:,} classes"
    print(f"{way}, {log} (load {os.getloadavg()[0]:.1f}), MB: {course}; log {logged / 1e6:.1f} MB", flush=True)
    (half, log_then), (last, log_now) = seen[len(seen) // 2], seen[-1]
    # A series that grows is read and sent whole again and again: of what was taken for that, some stays with the C library.
    assert last - half < (MOST_GROWTH - 1) * half + 16 * (log_now - log_then), f"memory grew from {half} to {last}"


def too_large() -> None:
    """A series of 320 MiB: what can be sent is a sample of its steps, said to be one, with the last step and the right bytes."""
    rng = np.random.default_rng(0)
    cells = np.sort(rng.choice(4000**2, 1_000_000, replace=False))
    matrix = ConfusionMatrix.from_coo(cells // 4000, cells % 4000, rng.integers(1, 2**33, 1_000_000), 4000)
    summary = matrix_summary("val", matrix)
    record = summary.value[0].tensor.string_val[0]
    steps = int(320 * 2**20 / len(record))
    with tempfile.TemporaryDirectory() as place:
        events = (Event(summary=summary, step=step, wall_time=1e9 + step).SerializeToString() for step in range(steps))
        write_event_file(f"{place}/run", events)
        with tensorboard(Path(place), True) as board:
            deadline = time.monotonic() + 120
            while True:
                (series,) = (board.get_json("/series", tag="val") or {"series": [{"steps": [-1]}]})["series"]
                if series["steps"][-1] == steps - 1 or time.monotonic() > deadline:
                    break
                time.sleep(1)
            assert series["steps"][-1] == steps - 1, "the last step is not there"
            assert series["sampled"], "a sample is not said to be one"
            status, body = board.get("/records", run="run", tag="val", first=steps - 1, last=steps - 1)
            assert (status, body[20:]) == (200, record)
            memory = board.memory()
    size, shown = len(record) / 2**20, len(series["steps"])
    print(f"{steps} steps of {size:.1f} MiB: {shown} are shown, the last among them; memory {memory / 1e6:.0f} MB")


def main() -> None:
    """Prints all figures, with the load of the machine before."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=20)
    arguments.add_argument("--reload-seconds", type=float, default=600)
    given = arguments.parse_args()
    for runs, steps, classes in LOGS:
        with tempfile.TemporaryDirectory() as place:
            size = write_log(Path(place), runs, steps, classes)
            write_examples(Path(place))
            for fast in (True, False):
                load = os.getloadavg()[0]
                way = "with the data server" if fast else "without"
                print(f"\n{runs} runs x {steps} steps x {classes:,} classes ({size / 1e6:.1f} MB), {CLIENTS} clients,", end=" ")
                print(f"{way} (load {load:.1f} before)")
                many_clients(Path(place), runs, steps, classes, fast, given.seconds)
    print()
    for log in ((0, 0, 100), *LOGS):
        for fast in (True, False):
            reloading(fast, given.reload_seconds, *log)
    too_large()


if __name__ == "__main__":
    main()
