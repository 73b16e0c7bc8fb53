"""Trainings that end as they should not, hundreds of times: every matrix but the writer's queue can be read then, and none is wrong.

    python tests/reliability/crashes.py [--count 40] [--seed 1]

`--count` is the number of trainings of each kind. An end by the interpreter - falling off the script, an exception, sys.exit(), the end of
a process of multiprocessing or of a forked child - loses nothing, though no writer is closed. A signal loses at most the queue of the
writer. At last both data paths of TensorBoard are asked for every run, and have the bytes that the reader has.
"""

import argparse
import contextlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from tb_confmat_plugin import ConfusionMatrix, add_confusion_matrix, read_confusion_matrices

sys.path.append(str(Path(__file__).parents[1] / "bench"))

QUEUE = 10 + 1  # what torch's writer holds back, and the event that it is at
NAMES = [f"class {number}" for number in range(200)]
MOST_STEPS = 60  # of a training that ends by itself
HELD: list[SummaryWriter] = []  # writers that live until the end of their process
MANY_STEPS = 100_000  # more than are logged before a signal comes


def matrix_of(step: int, attempt: int = 0) -> ConfusionMatrix:
    """The matrix that is logged at a step; nothing else may ever be read there."""
    draw = np.random.default_rng([step, attempt])
    true = draw.integers(0, 200, 6000)
    return ConfusionMatrix.from_predictions(np.where(draw.random(6000) < 0.4, true, draw.integers(0, 200, 6000)), true, class_names=NAMES)


def steps_of(directory: Path) -> int:
    """After how many steps, at random, the training in a directory ends by itself."""
    return random.Random(directory.name).randint(1, MOST_STEPS)


def train(directory: Path, told: int, steps: int | None = None, first: int = 0, attempt: int = 0, **options: Any) -> SummaryWriter:
    """Logs a matrix a step, tells each step that was logged through a pipe, and does not close the writer."""
    writer = SummaryWriter(directory, **options)
    for step in range(first, first + (steps or steps_of(directory))):
        add_confusion_matrix(writer, "val", matrix_of(step, attempt), step)
        os.write(told, struct.pack("<I", step))
    return writer


def fall_off(directory: Path, told: int) -> None:
    """The writer is dropped, as at the end of a function, and the process ends."""
    train(directory, told)


def hold(directory: Path, told: int) -> None:
    """The writer is still there when the process ends."""
    HELD.append(train(directory, told))


def raise_exception(directory: Path, told: int) -> None:
    """A training that fails at some step."""
    HELD.append(train(directory, told))
    raise RuntimeError("on purpose")


def call_exit(directory: Path, told: int) -> None:
    """sys.exit() with a code."""
    HELD.append(train(directory, told))
    sys.exit(3)


def be_forked_by_multiprocessing(directory: Path, told: int) -> None:
    """A process of multiprocessing that logs; such processes do not run atexit."""
    process = multiprocessing.get_context("fork").Process(target=hold, args=(directory, told))
    process.start()
    process.join(60)
    assert process.exitcode == 0, process.exitcode


def fork_in_between(directory: Path, told: int) -> None:
    """Children that were forked in mid-training end in all ways, may not log, and neither hang nor write."""
    steps = steps_of(directory)
    HELD.append(train(directory, told, (steps + 1) // 2))
    for way in (sys.exit, os._exit):
        child = os.fork()
        if child == 0:
            with contextlib.suppress(RuntimeError):
                add_confusion_matrix(HELD[0], "val", matrix_of(0), 10**6)
                os._exit(9)  # it should have been refused
            way(0)
        _, status = os.waitpid(child, 0)
        assert status == 0, status
    for step in range((steps + 1) // 2, steps):
        add_confusion_matrix(HELD[0], "val", matrix_of(step), step)
        os.write(told, struct.pack("<I", step))


def go_on(directory: Path, told: int) -> None:
    """A training that only a signal ends."""
    HELD.append(train(directory, told, MANY_STEPS))


def resume(checkpoint: int, directory: Path, told: int) -> None:
    """Begins again from a step, with other numbers, and is ended by a signal, too."""
    HELD.append(train(directory, told, MANY_STEPS, first=checkpoint, attempt=1, purge_step=checkpoint))


def fill_the_disk(directory: Path, told: int) -> None:
    """No file may grow beyond a random size, as on a disk that is full."""
    most = random.Random(str(directory)).randint(2_000, 300_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    with contextlib.suppress(OSError):  # File too large: torch raises it at the next call
        HELD.append(train(directory, told, 1000))


def log_until_full(directory: Path, told: int) -> None:
    """Logs until there is no room on the disk."""
    with contextlib.suppress(OSError):  # No space left on device: torch raises it at the next call
        HELD.append(train(directory, told, 1000))


LOSE_NOTHING: list[Callable[[Path, int], None]] = [
    fall_off,
    hold,
    raise_exception,
    call_exit,
    be_forked_by_multiprocessing,
    fork_in_between,
]


def end(training: Callable[[Path, int], None], directory: Path, kill: signal.Signals | None, rng: random.Random) -> list[int]:
    """Runs a training in a child until it ends, or until a signal ends it; returns the steps that it was told were logged."""
    reading, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)  # its stack trace is on purpose
        training(directory, told)
        sys.exit(0)  # through every frame of this script: the end of an interpreter, not os._exit
    os.close(told)
    heard = b""
    deadline = time.monotonic() + 60
    if kill:
        heard = os.read(reading, 4)  # begun
        time.sleep(rng.random() * 0.3)
        os.kill(child, kill)
    while piece := os.read(reading, 65536):
        heard += piece
        assert time.monotonic() < deadline, f"{directory} hangs"
    os.close(reading)
    os.waitpid(child, 0)
    return [step for (step,) in struct.iter_unpack("<I", heard[: len(heard) // 4 * 4])]


def read_back(directory: Path) -> dict[int, ConfusionMatrix]:
    """Step -> matrix; a damaged record would be an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return {logged.step: logged.matrix for logged in read_confusion_matrices(directory, tag="val", errors="raise")}


def check(directory: Path, logged: list[int], most_lost: int) -> int:
    """All that is read is right, and all but the last few steps are read; returns how many are not."""
    found = read_back(directory)
    assert list(found) == list(range(len(found))), f"{directory}: holes in {list(found)}"
    wrong = [step for step, matrix in found.items() if matrix != matrix_of(step)]
    assert not wrong, f"{directory}: other matrices at steps {wrong}"
    lost = max(logged, default=-1) + 1 - len(found)
    assert lost <= most_lost, f"{directory}: {lost} of {len(logged)} matrices are lost"
    return max(lost, 0)


def on_full_disks(disk: Path, count: int, rng: random.Random) -> int:
    """Logs on file systems of 16 to 300 KiB until they are full; returns how many, 0 where this user may mount none."""
    parent = os.getpid()
    disk.mkdir()
    for number in range(count):
        mount = ["mount", "-t", "tmpfs", "-o", f"size={rng.randint(16, 300)}k", "tmpfs", str(disk)]
        if not shutil.which("mount") or subprocess.run(mount, check=False, capture_output=True).returncode:
            return number
        try:
            check(disk / "run", end(log_until_full, disk / "run", None, rng), QUEUE + 1)
            assert os.statvfs(disk).f_bavail == 0, "the disk is not full"
        finally:
            if os.getpid() == parent:  # the child comes by, too
                subprocess.run(["umount", str(disk)], check=True)
    return count


def check_resumed(directory: Path, checkpoint: int, logged: list[int]) -> None:
    """What was logged from the checkpoint on is the new attempt's, what lies before is the first one's."""
    found = read_back(directory)
    assert list(found) == list(range(len(found))), f"{directory}: holes in {list(found)}"
    wrong = [step for step, matrix in found.items() if matrix != matrix_of(step, int(step >= checkpoint))]
    assert not wrong, f"{directory}, resumed at {checkpoint}: other matrices at steps {wrong}"
    assert len(found) > logged[-1] - QUEUE, f"{directory}: {len(found)} of {logged[-1] + 1} matrices"


def show(logdir: Path) -> None:
    """Both data paths of TensorBoard have the bytes of the reader, for every run."""
    from tensorboard_process import tensorboard

    expected: dict[str, dict[int, bytes]] = {}
    for logged in read_confusion_matrices(logdir, tag="val"):
        expected.setdefault(logged.run, {})[logged.step] = logged.record
    for fast in (True, False):
        with tensorboard(logdir, fast) as board:
            deadline = time.monotonic() + 120
            for run, records in expected.items():
                while True:  # it may still be reading
                    listed = {one["run"]: one["steps"] for one in (board.get_json("/series", tag="val") or {"series": []})["series"]}
                    steps = listed.get(run, [])
                    # With its data server TensorBoard goes by records alone, without it passes over the first purge_step of a run.
                    if run.startswith("resumed"):
                        steps = [step for step in steps if step <= max(records)]
                    if steps == list(records):
                        break
                    assert time.monotonic() < deadline, f"{run} has steps {steps} instead of {list(records)}"
                    time.sleep(0.5)
                status, body = board.get("/records", run=run, tag="val", first=0, last=max(records))
                assert status == 200, body
                found, at = {}, 0
                while at < len(body):
                    step, _, length = struct.unpack_from("<ddI", body, at)
                    found[int(step)] = body[at + 20 : at + 20 + length]
                    at += 20 + length
                assert found == records, f"{run} differs from what the reader has"
        print(f"TensorBoard {'with' if fast else 'without'} its data server: the same bytes in {len(expected)} runs", flush=True)


def main() -> None:
    """Prints what was lost by each kind of end, and fails where it is too much."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=40)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--no-tensorboard", action="store_true")
    given = arguments.parse_args()
    rng, logdir, parent = random.Random(given.seed), Path(tempfile.mkdtemp()), os.getpid()
    try:
        for training in LOSE_NOTHING:
            for number in range(given.count):
                directory = logdir / f"{training.__name__}-{number}"
                logged = end(training, directory, None, rng)
                assert len(logged) == steps_of(directory), f"{training.__name__} logged {len(logged)} steps"
                check(directory, logged, most_lost=0)
            print(f"{training.__name__}: {given.count} times, of 1 to {MOST_STEPS} matrices none was lost", flush=True)
        for kill in (signal.SIGKILL, signal.SIGTERM):
            lost = []
            for number in range(given.count):
                directory = logdir / f"{kill.name}-{number}"
                lost.append(check(directory, end(go_on, directory, kill, rng), QUEUE))
            print(f"{kill.name}: {given.count} times, at most {max(lost)} matrices lost", flush=True)
        for number in range(given.count):
            directory = logdir / f"resumed-{number}"
            end(go_on, directory, signal.SIGKILL, rng)
            time.sleep(1)  # the names of event files tell seconds
            checkpoint = len(read_back(directory)) // 2
            check_resumed(directory, checkpoint, end(partial(resume, checkpoint), directory, signal.SIGKILL, rng))
        print(f"killed, resumed with purge_step, killed again: {given.count} times, every matrix as logged last", flush=True)
        for number in range(given.count):
            directory = logdir / f"full-{number}"
            check(directory, end(fill_the_disk, directory, None, rng), QUEUE + 1)
        print(f"files that may not grow: {given.count} times, all that was written is right", flush=True)
        full = on_full_disks(logdir / "disk", given.count, rng)
        tried = f"{full} times, all that was written is right" if full else "not tried, only root may mount one"
        print(f"full disk: {tried}", flush=True)
        if not given.no_tensorboard:
            show(logdir)
    finally:
        if os.getpid() == parent:
            shutil.rmtree(logdir)


if __name__ == "__main__":
    main()
