"""What logging a confusion matrix costs: time of the call, time until it is in the file, and bytes; ours beside the other ways.

Every way and size runs in a process of its own, with a limit of time. `make bench` installs the rivals and runs this.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loggers import LOGGERS, Given
from report import kilobytes, milliseconds, table, verdict
from samples import make_samples

SIZES = [(10, 10_000), (100, 10_000), (1_000, 50_000)]
LIMIT = 120.0  # seconds a way may take for one size
BUDGET = 8.0  # seconds after which no further step is logged
MOST_STEPS = 30


def measure(directory: Path, way: str, num_classes: int, count: int, accuracy: float) -> dict[str, Any]:
    """Medians over the steps of one way, as the process that was started for it sees them."""
    given = [Given(make_samples(num_classes, count, seed, accuracy)) for seed in range(3)]
    idle_end, idle_bytes = _idle(way, directory / "idle")
    log = directory / "log"
    logger = LOGGERS[way](log)
    if way.startswith("ours"):
        logger.log(given[0], 0, "names")  # writes the class names, which are measured apart
        logger.flush()
    before = max(_bytes_in(log), idle_bytes)
    calls, totals = [], []
    begin = time.perf_counter()
    while len(calls) < MOST_STEPS and (not calls or time.perf_counter() - begin < BUDGET):
        step = len(calls) + 1
        start = time.perf_counter()
        logger.log(given[step % len(given)], step, "val")
        called = time.perf_counter()
        logger.flush()
        totals.append(time.perf_counter() - start)
        calls.append(called - start)
    end = max(0.0, _seconds(logger.close) - idle_end) / len(calls)
    return {
        "call": statistics.median(calls),
        "total": statistics.median(totals) + end,
        "bytes": (_bytes_in(log) - before) / len(calls),
        "steps": len(calls),
    }


def _idle(way: str, where: Path) -> tuple[float, int]:
    """How long the end of a log takes that has one tiny matrix, and its bytes. Imports and caches are warm afterwards."""
    logger = LOGGERS[way](where)
    logger.log(Given(make_samples(3, 100)), 0, "val")
    return _seconds(logger.close), _bytes_in(where)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _bytes_in(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file() and not path.is_symlink())


def run(way: str, num_classes: int, count: int, accuracy: float = 0.76) -> dict[str, Any]:
    """The measures of one way in a process of its own, or why there are none."""
    # Files instead of pipes: wandb has a process of its own that would keep a pipe open.
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory,
        tempfile.TemporaryFile("w+") as output,
        tempfile.TemporaryFile("w+") as errors,
    ):
        command = [sys.executable, __file__, directory, way, str(num_classes), str(count), str(accuracy)]
        try:
            code = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, timeout=LIMIT).returncode
        except subprocess.TimeoutExpired:
            return {"why": f"takes over {LIMIT:.0f} s"}
        output.seek(0)
        errors.seek(0)
        messages = errors.read().strip().splitlines()
        if code != 0:
            return {"why": (messages or [f"exit code {code}"])[-1][:80]}
        measured: dict[str, Any] = json.loads(output.read().splitlines()[-1])
        return measured | {"notes": [line.strip() for line in messages if "truncat" in line.lower()][:1]}


def print_size(num_classes: int, count: int) -> dict[str, dict[str, Any]]:
    """Measures and prints all ways for one size."""
    cells = len(Given(make_samples(num_classes, count)).matrix.values)
    print(f"\n{num_classes:,} classes, {count:,} samples, {cells:,} cells that are not zero; medians a step")
    found = {way: run(way, num_classes, count) for way in LOGGERS}
    ours = found["ours: ConfusionMatrix"]
    rows = []
    for way, measured in found.items():
        if "why" in measured:
            rows.append([way, "-", "-", "-", "-", "-", measured["why"]])
            continue
        figures = [milliseconds(measured["call"]), milliseconds(measured["total"]), kilobytes(measured["bytes"])]
        ratios = [_ratio(ours[key], measured[key]) for key in ("call", "bytes")]
        rows.append([way, *figures, *ratios, "; ".join([f"{measured['steps']} steps", *measured["notes"]])])
    print(table(["", "call ms", "with flush ms", "KB", "ours : it, call", "bytes", ""], rows), flush=True)
    return found


def _ratio(ours: float, other: float) -> str:
    return f"1 : {other / ours:,.0f}" if other >= 10 * ours else f"1 : {other / ours:.2g}"


def print_names() -> None:
    """The class names, written once a run: time of the call and bytes of their record."""
    from tb_confmat_plugin.classes import Classes
    from tb_confmat_plugin.summary import classes_summary

    rows = []
    for num_classes, _ in SIZES:
        names, times = make_samples(num_classes, num_classes).class_names, []
        for _ in range(9):
            start = time.perf_counter()
            size = classes_summary(Classes.of(num_classes, names)).ByteSize()
            times.append(time.perf_counter() - start)
        rows.append(
            [
                f"{num_classes:,} names of {statistics.mean(map(len, names)):.0f} letters",
                milliseconds(statistics.median(times)),
                kilobytes(size),
            ]
        )
    print("\nClass names, once a run (not in the figures above)")
    print(table(["", "ms", "KB"], rows))


def print_verdicts(found: dict[int, dict[str, dict[str, Any]]]) -> None:
    """The targets of the project beside what was measured, with the slower and larger of our two main ways."""
    print("\nTargets (the worse of `ours: ConfusionMatrix` and `ours: numpy array`)")
    ours = {
        num_classes: {key: max(ways["ours: ConfusionMatrix"][key], ways["ours: numpy array"][key]) for key in ("call", "bytes")}
        for num_classes, ways in found.items()
    }
    at_100 = found[100]
    for rival, part in (("one scalar a cell", 100), ("annotated figure", 1000)):
        if "why" in at_100[rival]:
            print(f"?     100 classes, {rival}: {at_100[rival]['why']}")
            continue
        print(verdict(f"100 classes, call, 1/{part} of {rival}", ours[100]["call"] * 1e3, at_100[rival]["call"] * 1e3 / part, "ms"))
        print(verdict(f"100 classes, bytes, 1/200 of {rival}", ours[100]["bytes"] / 1e3, at_100[rival]["bytes"] / 1e3 / 200, "KB"))
    print(verdict("1,000 classes, call", ours[1000]["call"] * 1e3, 4, "ms"))
    print(verdict("1,000 classes, bytes", ours[1000]["bytes"] / 1e3, 14, "KB"))
    early = run("ours: ConfusionMatrix", 1_000, 50_000, 0.6)
    cells = len(Given(make_samples(1_000, 50_000, 0, 0.6)).matrix.values)
    figures = f"{milliseconds(early['call'])} ms, {kilobytes(early['bytes'])} KB"
    print(f"      earlier in training, 60 % right and {cells:,} cells not zero: {figures}")


def main() -> None:
    """Prints everything; or, in the process of one way, its measures as JSON."""
    if len(sys.argv) > 1:
        warnings.simplefilter("ignore")
        directory, way, num_classes, count, accuracy = sys.argv[1:]
        print(json.dumps(measure(Path(directory), way, int(num_classes), int(count), float(accuracy))))
        return
    found = {num_classes: print_size(num_classes, count) for num_classes, count in SIZES}
    print_names()
    print_verdicts(found)


if __name__ == "__main__":
    main()
