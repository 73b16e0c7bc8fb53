"""How fast `read_confusion_matrices` reads large logs, beside the readers in pure Python that TensorBoard has for scripts.

All check every checksum. Of what TensorBoard's give - data sorted by tags, parsed events, or their bytes - a script would still have to
find and decode the matrices.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from report import kilobytes, milliseconds, table, verdict
from samples import make_samples
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader, RawEventFileLoader

from tb_confmat_plugin import ConfusionMatrix, SummaryWriter, read_confusion_matrices

REPEATS = 5
LEAST_FACTOR = 10


def write_scalars(writer: SummaryWriter) -> None:
    """A long training: 100,000 scalars, and a matrix of 100 classes at each of 100 epochs."""
    for step in range(25_000):
        for name in ("loss/train", "loss/val", "accuracy/train", "accuracy/val"):
            writer.add_scalar(name, 1 / (step + 1), step)
        if step % 250 == 0:
            log_matrix(writer, 100, 10_000, step)


def write_pictures(writer: SummaryWriter) -> None:
    """300 pictures of noise, about 200 KB each, and a matrix of 1,000 classes at each of 50 steps."""
    random = np.random.default_rng(0)
    for step in range(300):
        writer.add_image("picture", random.integers(256, size=(3, 256, 256), dtype=np.uint8), step)
        if step % 6 == 0:
            log_matrix(writer, 1_000, 50_000, step)


def write_matrices(writer: SummaryWriter) -> None:
    """500 matrices of 1,000 classes and nothing else: no event can be passed over."""
    for step in range(500):
        log_matrix(writer, 1_000, 50_000, step)


def log_matrix(writer: SummaryWriter, classes: int, samples: int, step: int) -> None:
    """Logs one matrix."""
    made = make_samples(classes, samples, seed=step)
    writer.add_confusion_matrix("val", ConfusionMatrix.from_predictions(made.preds, made.target, class_names=made.class_names), step)


def accumulate(directory: Path) -> None:
    """Reads with what scripts use."""
    EventAccumulator(str(directory)).Reload()


def load(loader: type[RawEventFileLoader]) -> Callable[[Path], None]:
    """Reads with a loader of files."""

    def read(directory: Path) -> None:
        for path in directory.glob("*tfevents*"):
            for _ in loader(str(path)).Load():
                pass

    return read


THEIRS = {"EventAccumulator": accumulate, "EventFileLoader": load(EventFileLoader), "RawEventFileLoader": load(RawEventFileLoader)}


def seconds(read: Callable[[Path], object], directory: Path, repeats: int) -> float:
    """The median time of a reading."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        read(directory)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main() -> None:
    """Prints a row for each kind of log, and whether the target is met."""
    rows, factors = [], []
    for name, write in (("100,000 scalars", write_scalars), ("300 pictures", write_pictures), ("matrices only", write_matrices)):
        with tempfile.TemporaryDirectory() as directory:
            with SummaryWriter(directory) as writer:
                write(writer)
            path = Path(directory)
            size = sum(file.stat().st_size for file in path.iterdir())
            matrices = len(read_confusion_matrices(path))
            ours = seconds(read_confusion_matrices, path, REPEATS)
            decoded = seconds(lambda logdir: [logged.matrix for logged in read_confusion_matrices(logdir)], path, REPEATS)
            theirs = [seconds(read, path, 1) for read in THEIRS.values()]
        factors += [each / ours for each in theirs[:2]]
        times = [f"{milliseconds(each)} ({each / ours:.0f})" for each in theirs]
        rows.append(
            [name, f"{matrices:,}", kilobytes(size), milliseconds(ours), milliseconds(decoded), *times, f"{size / ours / 1e6:,.0f}"]
        )
    theirs_head = [f"{name} (times ours)" for name in THEIRS]
    print(table(["log", "matrices", "KB", "ours, ms", "and decoded", *theirs_head, "ours, MB/s"], rows))
    print(verdict("the time of ours at its worst", 100 / min(factors), 100 / LEAST_FACTOR, "% of EventAccumulator's and EventFileLoader's"))


if __name__ == "__main__":
    main()
