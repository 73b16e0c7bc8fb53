"""Speed and memory of counting, from labels and from scores, of encoding and of metrics; ours beside the other ways, in one run.

`make bench` installs the rivals and runs this. The machine may be busy with other things, so that rivals take turns: every figure is a
median over rounds in which each way ran once. Torch has one thread: the threads of several wait for each other as soon as anything else
runs, and then torchmetrics takes 3,100 ms in place of 55 for 1,000 classes, which would flatter ours.
"""

import math
import re
import statistics
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from report import kilobytes, milliseconds, table, verdict
from samples import Samples, make_samples
from sklearn.metrics import confusion_matrix

from tb_confmat_plugin import ConfusionMatrix, ConfusionMatrixAccumulator
from tb_confmat_plugin.record import encode_matrix

SAMPLES = 50_000
BATCH = 256
SIZES = {10: 6, 100: 12, 1_000: 50, 10_000: 20_000}  # classes, and how many times faster than torchmetrics ours is to be
ROUNDS = 15
BUDGET = 8.0  # seconds after which a way is not measured again at one size
SLOW = 20  # batches that the ways take which would need a minute for all: each batch costs them the same
MOST_CELLS_OF_PYCM = 100**2  # it takes a minute for 1,000 classes
MOST_ABOVE_ARGMAX = 1.15
SCORES_AT_HAND = 2_000_000  # batches that differ are as many as a cache holds, for logits have just been computed

Batches = list[tuple[torch.Tensor, torch.Tensor]]


def batches_of(samples: Samples) -> Batches:
    """The labels as a data loader gives them."""
    preds, target = torch.from_numpy(samples.preds), torch.from_numpy(samples.target)
    return list(zip(preds.split(BATCH), target.split(BATCH), strict=True))


# The ways to count labels: a function of the batches, the number of classes and the samples as a whole.


def ours(batches: Batches, num_classes: int) -> Any:
    accumulator = ConfusionMatrixAccumulator(num_classes)
    for preds, target in batches:
        accumulator.update(preds, target)
    return accumulator.compute()


def torchmetrics(batches: Batches, num_classes: int, **options: Any) -> Any:
    from torchmetrics.classification import MulticlassConfusionMatrix

    metric = MulticlassConfusionMatrix(num_classes, **options)
    for preds, target in batches:
        metric.update(preds, target)
    return metric.compute()


def torchmetrics_unchecked(batches: Batches, num_classes: int) -> Any:
    return torchmetrics(batches, num_classes, validate_args=False)


def dense_index_add(batches: Batches, num_classes: int) -> Any:
    counts = torch.zeros(num_classes**2, dtype=torch.int64)
    for preds, target in batches:
        counts.index_add_(0, target * num_classes + preds, torch.ones_like(preds))
    return counts.view(num_classes, num_classes)


def sort_once(batches: Batches, num_classes: int) -> Any:
    cells = [target * num_classes + preds for preds, target in batches]
    return torch.cat(cells).unique(return_counts=True)


def sklearn(batches: Batches, num_classes: int) -> Any:
    preds, target = (torch.cat(labels).numpy() for labels in zip(*batches, strict=True))
    return confusion_matrix(target, preds, labels=range(num_classes))


def pycm(batches: Batches, num_classes: int) -> Any:
    from pycm import ConfusionMatrix as PyCM

    preds, target = (torch.cat(labels).numpy() for labels in zip(*batches, strict=True))
    return PyCM(target, preds, metrics_off=True)


COUNTERS: dict[str, Callable[[Batches, int], Any]] = {
    "ours: ConfusionMatrixAccumulator": ours,
    "torchmetrics": torchmetrics,
    "torchmetrics, validate_args=False": torchmetrics_unchecked,
    "dense index_add_": dense_index_add,
    "cells kept, torch.unique once": sort_once,
    "scikit-learn, all labels at once": sklearn,
    "PyCM, all labels at once": pycm,
}


def seconds(call: Callable[[], object]) -> float:
    """The time of one call; what it returns is freed in it."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def medians(calls: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median seconds of each call, measured in turns, so that a busy moment of the machine hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            if not times[name] or sum(times[name]) + times[name][-1] < BUDGET:
                times[name].append(seconds(call))
    return {name: statistics.median(took) for name, took in times.items()}


def print_labels() -> None:
    """Counting labels, and how many times faster than torchmetrics that is."""
    found: dict[int, dict[str, float]] = {}
    for num_classes in SIZES:
        batches = batches_of(make_samples(num_classes, SAMPLES))
        assert torch.equal(torch.from_numpy(ours(batches[:9], num_classes).to_dense(2**30)), dense_index_add(batches[:9], num_classes))
        # The ways of torchmetrics make all cells anew with every batch.
        slow = {name for name in COUNTERS if name.startswith("torchmetrics") and num_classes > 1_000}
        calls = {
            name: lambda counter=counter, given=batches[:SLOW] if name in slow else batches: counter(given, num_classes)
            for name, counter in COUNTERS.items()
            if counter is not pycm or num_classes**2 <= MOST_CELLS_OF_PYCM
        }
        found[num_classes] = {name: took * (len(batches) / SLOW if name in slow else 1) for name, took in medians(calls).items()}
    print(f"\nFrom {SAMPLES:,} labels in batches of {BATCH} to the matrix; medians in ms, and how many times as long as ours")
    print(f"(torchmetrics at 10,000 classes: {SLOW} batches, and the time of all at that rate)")
    rows = []
    for name in COUNTERS:
        row = [name]
        for medians_here in found.values():
            if name not in medians_here:
                row += ["-", ""]
                continue
            times = medians_here[name] / medians_here[next(iter(COUNTERS))]
            row += [milliseconds(medians_here[name]), f"x {times:,.1f}" if times < 100 else f"x {times:,.0f}"]
        rows.append(row)
    print(table(["", *(cell for num_classes in SIZES for cell in (f"{num_classes:,} classes", ""))], rows))
    print()
    for num_classes, least in SIZES.items():
        mine, its = found[num_classes][next(iter(COUNTERS))], found[num_classes]["torchmetrics"]
        print(
            verdict(
                f"{num_classes:,} classes, labels, 1/{least:,} of torchmetrics ({its / mine:,.0f} times faster)",
                mine * 1e3,
                its * 1e3 / least,
                "ms",
            )
        )
    sys.stdout.flush()


def peak_bytes(name: str, num_classes: int) -> tuple[int, int]:
    """Peak memory above the input in a process of its own: of the process, and of what Python and numpy allocated."""
    code = f"import counting; counting.print_peak({name!r}, {num_classes})"
    ran = subprocess.run([sys.executable, "-c", code], cwd=sys.path[0], check=True, capture_output=True, text=True)
    process, allocated = map(int, ran.stdout.split())
    return process, allocated


def print_peak(name: str, num_classes: int) -> None:
    """What the process of `peak_bytes` does."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    counter = COUNTERS[name]
    counter(batches_of(make_samples(2, 2 * BATCH)), 2)  # imports and threads are there
    batches = batches_of(make_samples(num_classes, SAMPLES))
    batches = batches[:SLOW] if name.startswith("torchmetrics") else batches  # it takes the same memory for each
    for preds, target in batches:
        (preds + target).sum()
    Path("/proc/self/clear_refs").write_text("5")  # from here on VmHWM is the peak
    before = status("VmRSS")
    counter(batches, num_classes)
    peak = status("VmHWM") - before
    if num_classes**2 * 8 > 1e8 and counter is not ours:
        print(peak, 0)
        return
    tracemalloc.start()
    counter(batches, num_classes)
    print(peak, tracemalloc.get_traced_memory()[1])


def status(field: str) -> int:
    """Bytes of a field of Linux's account of this process."""
    return 1024 * int(re.search(rf"{field}:\s*(\d+) kB", Path("/proc/self/status").read_text())[1])


def print_memory(num_classes: int = 10_000) -> None:
    """Memory at many classes."""
    rows, mine = [], 0
    for name, counter in COUNTERS.items():
        if counter is pycm:
            continue
        process, allocated = peak_bytes(name, num_classes)
        mine = max(process, allocated) if counter is ours else mine
        rows.append([name, f"{process / 1e6:,.1f}", f"{allocated / 1e6:,.1f}" if allocated else "-"])
    print(f"\nPeak memory above the input at {num_classes:,} classes, in MB: of the process, and as tracemalloc sees it")
    print(table(["", "process", "tracemalloc"], rows))
    print(verdict(f"{num_classes:,} classes, peak memory above the input", mine / 1e6, 8, "MB"), flush=True)


def print_scores() -> None:
    """An update from logits beside the fastest argmax alone.

    Batches differ, as they do in training: in one batch that comes again and again a processor learns by heart where the largest scores
    are, and argmax of few classes takes half the time. That is shown as well.
    """
    rows, verdicts = [], []
    for num_classes in SIZES:
        most = max(2, min(SAMPLES // BATCH, SCORES_AT_HAND // (BATCH * num_classes)))
        for different in (most, 1):
            found = medians_of_scores(num_classes, different)
            fastest = min(found["numpy"], found["torch"])
            ratio = found["update"] / fastest
            name = f"{num_classes:,} classes, {different} batches" if different > 1 else f"{num_classes:,} classes, always the same batch"
            rows.append([name, *(f"{took * 1e6:,.1f}" for took in found.values()), f"{ratio:.2f}"])
            extra = f"argmax {fastest * 1e6:,.1f}, ours {(found['update'] - fastest) * 1e6:+,.1f} microseconds"
            verdicts.append(verdict(f"{name}, update : argmax ({extra})", ratio, MOST_ABOVE_ARGMAX, ""))
    print(f"\nFrom float32 logits [{BATCH}, C], a batch; medians in microseconds")
    print(table(["", "ours: update", "numpy argmax", "torch argmax", "ours : fastest"], rows))
    print("\n".join(verdicts), flush=True)


def medians_of_scores(num_classes: int, different: int) -> dict[str, float]:
    """Median seconds a batch of an update and of argmax alone."""
    batches = [(torch.randn(BATCH, num_classes), torch.randint(num_classes, (BATCH,))) for _ in range(different)]
    arrays, accumulator = [logits.numpy() for logits, _ in batches], ConfusionMatrixAccumulator(num_classes)
    turns = max(1, (max(4, 40_000 // num_classes) if num_classes > 100 else 400) // different)  # counting in between is part of the cost

    def update() -> None:
        for _ in range(turns):
            for logits, target in batches:
                accumulator.update(logits, target)

    def by_numpy() -> None:
        for _ in range(turns):
            for array in arrays:
                array.argmax(1)

    def by_torch() -> None:
        for _ in range(turns):
            for logits, _ in batches:
                logits.argmax(1)

    calls = {"update": update, "numpy": by_numpy, "torch": by_torch}
    return {name: took / (turns * different) for name, took in medians(calls, 101).items()}


def adaptive_bits(values: Any) -> float:
    """The ideal code length of integers of at least 0 with frequencies that are learnt on the way, in bits.

    Each integer v is the bucket of v + 1, its number of binary digits k, and then the k - 1 digits after the first as they are. A bucket
    costs -log2((seen before + 1/2) / (integers before + 64/2)): the estimator of Krichevsky and Trofimov for 64 buckets. Up to 32 (v + 1)
    each value is a bucket of its own, so that small gaps and counts are coded as they are distributed.
    """
    seen, bits = [0] * 96, 0.0
    for before, value in enumerate((np.asarray(values) + 1).tolist()):
        digits = value.bit_length()
        bucket = value if value <= 32 else 32 + digits
        bits += math.log2((before + len(seen) / 2) / (seen[bucket] + 0.5)) + (0 if value <= 32 else digits - 1)
        seen[bucket] += 1
    return bits


def adaptive_bytes(matrix: ConfusionMatrix) -> float:
    """What an adaptive arithmetic coder would take: diagonal, gaps between the cells off it, and their counts, each learnt apart."""
    off = matrix.rows != matrix.cols
    gaps = np.diff(matrix.rows[off] * matrix.num_classes + matrix.cols[off], prepend=-1) - 1
    return sum(map(adaptive_bits, (matrix.true_positives, gaps, matrix.values[off] - 1))) / 8


def print_encoding() -> None:
    """Time and bytes of a record."""
    rows, verdicts = [], []
    for num_classes in (1_000, 10_000):
        samples = make_samples(num_classes, SAMPLES)
        matrix = ConfusionMatrix.from_predictions(samples.preds, samples.target, num_classes=num_classes)
        took = medians({"encode": lambda: encode_matrix(matrix)}, 41)["encode"]
        size, ideal = len(encode_matrix(matrix)), adaptive_bytes(matrix)
        rows.append(
            [
                f"{num_classes:,} classes",
                f"{len(matrix.values):,}",
                milliseconds(took),
                kilobytes(size),
                kilobytes(ideal),
                f"{size / ideal:.2f}",
            ]
        )
        if num_classes == 10_000:
            verdicts += [verdict(f"{num_classes:,} classes, encoding", took * 1e3, 3, "ms")]
            verdicts += [verdict(f"{num_classes:,} classes, record", size / 1e3, 32, "KB")]
        verdicts += [verdict(f"{num_classes:,} classes, record : adaptive coder", size / ideal, 1.25, "")]
    print(f"\nEncoding a matrix of {SAMPLES:,} samples")
    print(table(["", "cells", "ms", "KB", "adaptive coder KB", "ours : it"], rows))
    print("\n".join(verdicts), flush=True)


def print_metrics() -> None:
    """All metrics of a matrix."""
    rows, took = [], 0.0
    for num_classes in SIZES:
        samples = make_samples(num_classes, SAMPLES)
        matrix = ConfusionMatrix.from_predictions(samples.preds, samples.target, num_classes=num_classes)
        found = medians({"whole": matrix.metrics, "each": matrix.per_class}, 41)
        took = sum(found.values())
        rows.append([f"{num_classes:,} classes", milliseconds(found["whole"]), milliseconds(found["each"]), milliseconds(took)])
    print("\nAll metrics of a matrix, in ms")
    print(table(["", "metrics()", "per_class()", "both"], rows))
    print(verdict("10,000 classes, all metrics", took * 1e3, 10, "ms"))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print_labels()
    print_memory()
    print_scores()
    print_encoding()
    print_metrics()
