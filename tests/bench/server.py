"""What a large log costs TensorBoard with our plugin: its start, its memory, and how soon a matrix is served; on both data paths.

The log: 10 runs x 50 steps x 1,000 classes of 50,000 samples, compared with an empty log directory.
"""

import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from report import milliseconds, table, verdict
from samples import make_samples
from tensorboard_process import TensorBoard, tensorboard

from tb_confmat_plugin import ConfusionMatrix, SummaryWriter

RUNS, STEPS, CLASSES, SAMPLES = 10, 50, 1_000, 50_000
STARTS = 15  # pairs: one with the log, one without, in turn
MEMORY_STARTS = 3
MB = 1e6


def write_log(directory: Path, steps: int = STEPS, classes: int = CLASSES, samples: int = SAMPLES) -> int:
    """Writes a log whose matrices all differ, and returns its bytes."""
    for run in range(RUNS):
        with SummaryWriter(directory / f"run{run}") as writer:
            for step in range(steps):
                made = make_samples(classes, samples, seed=run * steps + step)
                matrix = ConfusionMatrix.from_predictions(made.preds, made.target, class_names=made.class_names)
                writer.add_confusion_matrix("val", matrix, step)
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def start_up(full: Path, empty: Path, fast: bool) -> None:
    """How much later TensorBoard answers with the log than without: the median of the differences of pairs."""
    times: dict[Path, list[float]] = {full: [], empty: []}
    for _ in range(STARTS):
        for logdir in (empty, full):
            with tensorboard(logdir, fast) as running:
                times[logdir].append(running.ready)
    differences = [with_log - without for with_log, without in zip(times[full], times[empty], strict=True)]
    low, later, high = statistics.quantiles(differences, n=4)
    print(f"first answer: {statistics.median(times[full]):.3f} s with the log, {statistics.median(times[empty]):.3f} s empty")
    print(f"      {STARTS} pairs: half of the differences from {milliseconds(low)} to {milliseconds(high)} ms;", end=" ")
    print(f"of the fastest starts {milliseconds(min(times[full]) - min(times[empty]))} ms")
    if fast:
        print(verdict("later than with an empty log", later * 1e3, 50, "ms"))


def memory(full: Path, small: Path, empty: Path, log_bytes: int, fast: bool) -> None:
    """Memory after the log is loaded, and after everything was asked for, each beyond that of an empty log."""
    loaded: dict[Path, list[int]] = {empty: [], small: [], full: []}
    asked: dict[Path, list[int]] = {empty: [], small: [], full: []}
    for logdir in list(loaded) * MEMORY_STARTS:
        with tensorboard(logdir, fast) as running:
            _settle(running, 0 if logdir == empty else RUNS)
            loaded[logdir].append(running.memory())
            for series in (running.get_json("/series", tag="val") or {"series": []})["series"]:
                running.get("/records", run=series["run"], tag="val", first=series["steps"][0], last=series["steps"][-1])
            time.sleep(1)
            asked[logdir].append(running.memory())
    for what, measured in (("loaded", loaded), ("all asked for", asked)):
        base, fixed, growth = (statistics.median(measured[logdir]) / MB for logdir in (empty, small, full))
        print(verdict(f"memory, {what}, beyond the {base:.0f} MB of an empty log", growth - base, 2 * log_bytes / MB, "MB"))
        print(f"      of it {fixed - base:.1f} MB for any log: {RUNS} runs of one 2 x 2 matrix each")


def latency(full: Path, fast: bool) -> None:
    """Time until one matrix has arrived, over one connection that is kept alive."""
    with tensorboard(full, fast) as running:
        _settle(running, RUNS)
        first_series, second_series = (_seconds(running, "/series", tag="val") for _ in range(2))
        order = [(f"run{run}", step) for run in range(RUNS) for step in range(STEPS)]
        random.Random(0).shuffle(order)
        times = [_seconds(running, "/records", run=run, tag="val", first=step, last=step) for run, step in order]
    with tensorboard(full, fast) as running:
        _settle(running, RUNS)
        unprepared = _seconds(running, "/records", run="run3", tag="val", first=7, last=7)
    p95 = statistics.quantiles(times, n=100)[94]
    header = ["ms", "first matrix", "p50", "p95", "max", "/series, first", "/series, again", "a matrix before any /series"]
    values = [times[0], statistics.median(times), p95, max(times), first_series, second_series, unprepared]
    print(table(header, [["", *map(milliseconds, values)]]))
    print(verdict(f"one matrix, p95 of {len(times)}, the first included", p95 * 1e3, 3, "ms"))
    print(verdict("the first matrix alone", times[0] * 1e3, 3, "ms"))


def _seconds(running: TensorBoard, path: str, **query: object) -> float:
    begin = time.perf_counter()
    status, body = running.get(path, **query)
    taken = time.perf_counter() - begin
    if status != 200 or not body:
        raise RuntimeError(f"{path} {query} answered {status}: {body[:200]!r}")
    return taken


def _settle(running: TensorBoard, runs: int) -> None:
    """Waits until the log is loaded, without a question that makes the plugin read a series."""
    begin = time.perf_counter()
    while len(json.load(urlopen(f"http://127.0.0.1:{running.port}/data/runs"))) < runs:
        if time.perf_counter() - begin > 120:
            raise RuntimeError(f"TensorBoard has not found {runs} runs in 120 s")
        time.sleep(0.1)
    time.sleep(3)


def main() -> None:
    """Prints all of it for both data paths."""
    with tempfile.TemporaryDirectory() as directory:
        full, small, empty = Path(directory, "full"), Path(directory, "small"), Path(directory, "empty")
        empty.mkdir()
        write_log(small, steps=1, classes=2, samples=10)
        log_bytes = write_log(full)
        print(f"\n{RUNS} runs x {STEPS} steps x {CLASSES:,} classes of {SAMPLES:,} samples: {log_bytes / MB:.2f} MB of logs")
        for fast in (True, False):
            print(
                "\nTensorBoard with its data server (the default)" if fast else "\nTensorBoard without its data server (--load_fast=false)"
            )
            start_up(full, empty, fast)
            memory(full, small, empty, log_bytes, fast)
            latency(full, fast)


if __name__ == "__main__":
    main()
