"""What examples cost: the time of a validation loop, the bytes of a log, and the memory of TensorBoard.

As of CIFAR-100: 10,000 validation images of 32 x 32 pixels (crops of scikit-learn's two photographs) and 100 classes, 300 times, by a model
that becomes better. Its scores are made up; how long a real network would take for them is measured beside it.
"""

import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from report import kilobytes, milliseconds, table, verdict
from sklearn.datasets import load_sample_images
from tensorboard_process import TensorBoard, tensorboard
from torch import nn

from tb_confmat_plugin import ConfusionMatrixAccumulator, SummaryWriter

STEPS, SAMPLES, CLASSES, BATCH = 300, 10_000, 100, 250
LOOP_SAMPLES = 2_000  # of which the time of the loop is measured
MB = 1e6


def crops(count: int, side: int) -> torch.Tensor:
    """Photographs [N, 3, side, side], uint8."""
    random, photos = np.random.default_rng(0), load_sample_images().images
    found = np.empty((count, 3, side, side), np.uint8)
    for at in range(count):
        photo = photos[at % len(photos)]
        row, column = (random.integers(size - side) for size in photo.shape[:2])
        found[at] = photo[row : row + side, column : column + side].transpose(2, 0, 1)
    return torch.from_numpy(found)


def epochs(steps: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Logits [N, C] and labels of each validation: each sample has its difficulty and its two wrong classes, and each epoch its noise."""
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(SAMPLES) % CLASSES
    difficulty = torch.rand(SAMPLES, generator=generator)
    look_alikes = torch.randint(CLASSES, (2, SAMPLES), generator=generator)
    for step in range(steps):
        skill = 1 - 0.95 * 0.985**step
        logits = torch.randn(SAMPLES, CLASSES, generator=generator)
        logits[torch.arange(SAMPLES), target] += 8 * (skill - difficulty) + 4
        logits[torch.arange(SAMPLES), look_alikes] += 2.5
        yield logits, target


class Residual(nn.Module):
    """Two convolutions around which the input goes."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            *(nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()),
            *(nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)),
        )
        self.around = nn.Conv2d(channels, out, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images to images."""
        return torch.relu(self.path(images) + self.around(images))


def resnet20() -> nn.Module:
    """The network of 20 layers for CIFAR of He, Zhang, Ren and Sun (2016), with random weights."""
    blocks = [Residual(before, out, stride) for before, out, stride in [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2]
    blocks += [Residual(before, out, stride) for before, out, stride in [(32, 64, 2)] + [(64, 64, 1)] * 2]
    first = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*first, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES)).eval()


@torch.no_grad()
def loop_seconds(images: torch.Tensor) -> float:
    """One validation of all samples by a ResNet-20."""
    model, times = resnet20(), []
    for _ in range(5):
        begin = time.perf_counter()
        for batch in images[:LOOP_SAMPLES].split(BATCH):
            model(batch.float() / 255)
        times.append(time.perf_counter() - begin)
    return min(times) * SAMPLES / LOOP_SAMPLES


def count(accumulator: ConfusionMatrixAccumulator, logits: torch.Tensor, target: torch.Tensor, **more: Any) -> float:
    """Seconds of one validation's updates."""
    accumulator.reset()
    begin = time.perf_counter()
    for start in range(0, len(target), BATCH):
        part = slice(start, start + BATCH)
        accumulator.update(logits[part], target[part], **{name: values[part] for name, values in more.items()})
    return time.perf_counter() - begin


def write_log(directory: Path, images: torch.Tensor, ids: list[str], with_examples: bool) -> list[list[float]]:
    """Logs all steps; seconds of each for counting, and for the rest until it is in the file."""
    accumulator, times = ConfusionMatrixAccumulator(CLASSES, [f"class {number}" for number in range(CLASSES)]), []
    with SummaryWriter(directory / "run") as writer:
        for step, (logits, target) in enumerate(epochs(STEPS)):
            counting = count(accumulator, logits, target, **({"images": images, "ids": ids} if with_examples else {}))
            begin = time.perf_counter()
            writer.add_confusion_matrix("val", accumulator.compute(), step, examples=accumulator.examples() if with_examples else None)
            writer.flush()
            times.append([counting, time.perf_counter() - begin])
    return times


def bytes_in(directory: Path) -> int:
    """Of all files."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def settled(running: TensorBoard) -> None:
    """Waits until the log is loaded."""
    deadline = time.perf_counter() + 300
    while (running.get_json("/series", tag="val") or {"series": [{"steps": [0]}]})["series"][0]["steps"][-1] < STEPS - 1:
        if time.perf_counter() > deadline:
            raise RuntimeError("TensorBoard did not load the log in 300 s")
        time.sleep(0.2)
    time.sleep(2)


def server(logs: dict[str, Path], fast: bool) -> None:
    """Memory of TensorBoard with and without examples in the log; how soon examples and images come."""
    memory: dict[str, list[float]] = {}
    for name, logdir in logs.items():
        with tensorboard(logdir, fast) as running:
            settled(running)
            memory[name] = [running.memory() / MB]
            if name == "with examples":
                begin = time.perf_counter()
                steps = running.get_json("/example_series", tag="val")["series"][0]["steps"]
                listed = time.perf_counter()
                _, frames = running.get("/example_records", run="run", tag="val", first=steps[-1], last=steps[-1])
                first = time.perf_counter()
                each, milli = statistics.median(image_times(running, frames[20:])), milliseconds
                print(f"      {len(steps)} steps with examples, listed in {milli(listed - begin)} ms", end="; ")
                print(f"those of the last, and their packs, in {milli(first - listed)} ms; then each image in {milli(each)} ms")
            memory[name].append(running.memory() / MB)
    with_examples, without = memory["with examples"], memory["without"]
    log_bytes = (bytes_in(logs["with examples"]) - bytes_in(logs["without"])) / MB
    print(verdict("memory for examples, loaded", with_examples[0] - without[0], 2 * log_bytes, "MB"))
    print(verdict("memory for examples, all of a step asked for", with_examples[1] - without[1], 4 * log_bytes, "MB"))


def image_times(running: TensorBoard, record: bytes) -> list[float]:
    """Seconds of each image of a record of examples."""
    from tb_confmat_plugin.example_record import decode_examples

    times = []
    for place in decode_examples(record)[1]:
        if place:
            begin = time.perf_counter()
            status, _ = running.get("/image", run="run", pack=place[0], name=place[1])
            times.append(time.perf_counter() - begin)
            if status != 200:
                raise RuntimeError(f"image {place} answered {status}")
    return times


def print_sizes() -> None:
    """One validation by the size of its images, the first one: all its images are new."""
    logits, target = next(epochs(1))
    rows = []
    for side, size, floats in ((32, SAMPLES, False), (32, SAMPLES, True), (224, SAMPLES, False), (224, 2_000, True)):
        photos = crops(500, side)
        images = (photos / 255 if floats else photos)[torch.arange(size) % 500]
        accumulator = ConfusionMatrixAccumulator(CLASSES)
        plain = min(count(accumulator, logits[:size], target[:size]) for _ in range(3))
        more = min(count(accumulator, logits[:size], target[:size], images=images) for _ in range(3))
        rows.append([f"{size:,} of {side} x {side}, {'floats' if floats else 'uint8'}", milliseconds(plain), milliseconds(more)])
    print("\nupdate() of one validation, ms")
    print(table(["images", "without examples", "with"], rows))


def main() -> None:
    """Prints everything."""
    warnings.simplefilter("error")
    images, ids = crops(SAMPLES, 32), [f"val/{number:05}.png" for number in range(SAMPLES)]
    loop = loop_seconds(images)
    print(f"{STEPS} steps x {SAMPLES:,} images x {CLASSES} classes; a validation by a ResNet-20 takes {loop:.2f} s here")
    with tempfile.TemporaryDirectory() as directory:
        logs = {"with examples": Path(directory, "with"), "without": Path(directory, "without")}
        times = {name: write_log(logdir, images, ids, name == "with examples") for name, logdir in logs.items()}
        sizes = {name: bytes_in(logdir) for name, logdir in logs.items()}
        rows = [
            [name, *(milliseconds(statistics.mean(step[part] for step in times[name])) for part in (0, 1)), kilobytes(sizes[name] / STEPS)]
            for name in logs
        ]
        print(table(["mean of a step", "counting ms", "logging, with flush, ms", "KB"], rows))
        added = statistics.mean(map(sum, times["with examples"])) - statistics.mean(map(sum, times["without"]))
        first = sum(times["with examples"][0]) - sum(times["without"][0])
        print(verdict("time added to the validation loop", 100 * added / loop, 5, "%"))
        print(f"      {milliseconds(added)} ms a step; {milliseconds(first)} ms in the first")
        print(verdict("the log", sizes["with examples"] / MB, 40, "MB"))
        for fast in (True, False):
            print(
                "\nTensorBoard with its data server (the default)" if fast else "\nTensorBoard without its data server (--load_fast=false)"
            )
            server(logs, fast)
    print_sizes()


if __name__ == "__main__":
    main()
