"""Counting batch by batch: labels are buffered where they are, and counted many at a time."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.checks import MAX_TOTAL, refuse_excess
from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.counting import Counts, add_cells, count_cells
from tb_confmat_plugin.example_keeper import ExampleKeeper, check_batch
from tb_confmat_plugin.examples import Choice, Examples, Settings
from tb_confmat_plugin.matrix import ConfusionMatrix
from tb_confmat_plugin.predictions import (
    as_numpy,
    as_weights,
    checked_ignore_index,
    checked_threshold,
    on_device,
    over_threshold,
    scores_beside_a_threshold,
    shapes_differ,
    wrong_scores,
    wrong_weights,
)
from tb_confmat_plugin.scores import BLOCK, NAN, largest, largest_of_columns, largest_of_rows

Labels = npt.NDArray[np.int64]

BUFFERED = 1 << 17  # samples: 2 MB, and as much again while they are counted
DENSE_CELLS = 1 << 16  # up to 256 classes an array of all cells is smaller and faster than a list of those that occur
FEW_CLASSES = 48  # up to so many, all scores are buffered: by columns, the largest of many samples are found several times faster


class ConfusionMatrixAccumulator:
    """A confusion matrix that grows by batches, on any device, of any number of classes.

    `update` only copies labels and weights into a buffer, and scores of few classes: on a GPU nothing waits for it. They are checked and
    counted when the buffer of 131,072 samples is full and at `compute`, so that a wrong one is reported there, with the update that it came
    with; all samples that are right stay counted. At no number of classes is an array of all cells made that is larger than 512 KB.

    Args:
      num_classes: the number of classes.
      class_names: one distinct name a class.
      ignore_index: samples whose true label is this are left out.
      threshold: for two classes and one score a sample: above it the prediction is class 1.
      examples_per_cell: how many wrong examples of a cell are kept at most, where `update` is given images, texts or ids; of a class
        that was recognized, two.
      max_examples: how many are kept of all cells, at most 1,000; those of the classes with the most wrong samples before others.
      example_choice: which wrong samples of a cell are kept: the "most confident" in the wrong class, or "random" ones. Without
        scores, and of those that are right, always random ones.
      seed: that of the random choice. The same samples in the same order get the same random numbers after each `reset()`.
      thumbnail_size: the longest side of the images that are kept, in pixels, at most 512.

    >>> accumulator = ConfusionMatrixAccumulator(num_classes=2)
    >>> accumulator.update(preds=[1, 1], target=[0, 1])
    >>> accumulator.update(preds=[[0.9, 0.1]], target=[0])
    >>> accumulator.compute().to_dense().tolist()
    [[1, 1], [0, 1]]
    """

    def __init__(
        self,
        num_classes: int,
        class_names: Iterable[Any] | None = None,
        ignore_index: int | None = None,
        threshold: float | None = None,
        *,
        examples_per_cell: int = 8,
        max_examples: int = 200,
        example_choice: Choice = "most confident",
        seed: int = 0,
        thumbnail_size: int = 96,
    ) -> None:
        self.classes = Classes.of(num_classes, class_names)
        if threshold is not None and num_classes != 2:
            raise ValueError(f"expected num_classes=2 beside a threshold, got {num_classes}")
        self.ignore_index = checked_ignore_index(ignore_index)
        self.threshold = checked_threshold(threshold)
        self._settings = Settings(examples_per_cell, max_examples, example_choice, seed, thumbnail_size)
        self._keeper: ExampleKeeper | None = None  # made when there is a first example to keep
        self.reset()

    def reset(self) -> None:
        """Forgets all samples."""
        self._cells: Labels = np.zeros(0, np.int64)  # sorted
        self._counts: Counts = np.zeros(0, np.int64)
        self._dense: Counts | None = np.zeros(len(self.classes) ** 2, np.int64) if len(self.classes) ** 2 <= DENSE_CELLS else None
        self._buffer: Any = None  # [2, BUFFERED], predictions and true labels, numpy or on the device of the labels
        self._device: Any = None  # that of the buffer, None for numpy
        self._weights: Any = None  # [BUFFERED] beside the buffer, when a sample in it has a weight
        self._filled = 0
        # Of the last samples in the buffer, of which the predictions are still to be found: [C, BLOCK // C]. Of many classes the
        # predictions are there, and these are the largest scores, still to be searched for NaN: [1, BUFFERED].
        self._scores: Any = None
        self._waiting = 0  # how many samples these are
        self._starts: list[int] = []  # where each update begins in the buffer; below 0 if the buffer has only the rest of it
        self._updates = 0  # those before the ones in the buffer
        self._synced = False
        if self._keeper:
            self._keeper.reset()

    def update(  # noqa: PLR0912  # taken apart, it would cost a call more a batch
        self, preds: Any, target: Any, sample_weight: Any = None, *, images: Any = None, texts: Any = None, ids: Any = None
    ) -> None:
        """Adds a batch.

        Args:
          preds: labels of the shape of `target`; or logits or probabilities with the class on dimension 1, of which the largest is taken,
            the first of equals. Torch tensors on any device, numpy arrays and lists are welcome.
          target: the true labels, integers.
          sample_weight: one finite weight of at least 0 a sample, of the shape of `target`. While all are integers, the counts are.
          images: one a sample, for `examples()`; then `target` is of shape [N]. A tensor or array [N, C, H, W], [N, H, W, C] or
            [N, H, W] with 1, 3 or 4 channels, of uint8 or of floats in [0, 1] (others are stretched to that); or a list of N such
            without the N, or of PIL images. Only the few that may be kept are copied, as thumbnails; one that can't be read is
            left out with a warning. With images, texts or ids, a GPU is waited for.
          texts: one string or None a sample, of which 500 characters are kept.
          ids: what each sample is called at every step and in every run, such as a file path, of which 300 characters are kept.

        Raises:
          ValueError: shapes that do not fit; and what `compute` raises, when the buffer was full: this batch is added all the same.
          TypeError: labels that are not integers.
        """
        if images is not None or texts is not None or ids is not None:
            check_batch(target, images, texts, ids)
            self.update(preds, target, sample_weight)
            self._keeper = self._keeper or ExampleKeeper(len(self.classes), self._settings)
            self._keeper.add(preds, target, self.threshold, self.ignore_index, images, texts, ids)
            return
        try:  # a tensor on the CPU, the common case, costs least this way
            labels, true = preds.numpy(), target.numpy()
        except (AttributeError, TypeError, RuntimeError):
            if on_device(preds) and on_device(target):
                self._update_on_device(preds, target, sample_weight)
                return
            labels, true = as_numpy(preds), as_numpy(target)
        if labels.ndim == true.ndim + 1 > 1:
            if self.threshold is not None:
                raise scores_beside_a_threshold(labels.shape)
            if labels.shape[1] != self.classes.num_classes:
                raise wrong_scores(labels.shape, self.classes.num_classes)
            if sample_weight is None and self._buffer_scores(labels, true):
                return
            labels = largest(labels)
        if labels.shape != true.shape:
            raise shapes_differ(labels.shape, true.shape)
        if self.threshold is not None and labels.dtype.kind == "f":
            labels = over_threshold(labels, self.threshold)
        if (labels.dtype.kind not in "iub" or true.dtype.kind not in "iub") and true.size:
            raise _not_integers(labels.dtype, true.dtype)
        weights = None if sample_weight is None else as_weights(as_numpy(sample_weight), true.shape)
        if true.ndim != 1:
            labels, true = labels.ravel(), true.ravel()
        filled, buffer = self._filled, self._buffer
        end = filled + len(true)
        if self._waiting == 0 and end <= BUFFERED and type(buffer) is np.ndarray and weights is self._weights is None:
            buffer[0, filled:end] = labels
            buffer[1, filled:end] = true
            self._starts.append(filled)
            self._filled = end
        else:
            self._add(labels, true, weights, None)

    def compute(self) -> ConfusionMatrix:
        """The matrix of all samples so far.

        Raises:
          ValueError: a label outside the classes, scores that are NaN, or a weight that is no weight; the message names the update and
            the sample in it. Called again, it gives the matrix of the samples that are right.
        """
        self._flush()
        n = len(self.classes)
        cells, counts = self._sparse()
        refuse_excess(float(counts.sum(dtype=np.float64)))
        return ConfusionMatrix(self.classes, cells // n, cells % n, counts.copy())

    def examples(self) -> Examples:
        """The examples kept of the batches that came with images, texts or ids, for `add_confusion_matrix(..., examples=...)`.

        >>> accumulator = ConfusionMatrixAccumulator(num_classes=2)
        >>> accumulator.update(preds=[[0.2, 0.8], [0.9, 0.1]], target=[0, 0], ids=["a.png", "b.png"])
        >>> [(example.true, example.predicted, example.id) for example in accumulator.examples()]
        [(0, 0, 'b.png'), (0, 1, 'a.png')]
        """
        return self._keeper.examples() if self._keeper else Examples()

    def merge(self, other: "ConfusionMatrixAccumulator") -> "ConfusionMatrixAccumulator":
        """Adds the samples of another accumulator of the same classes, and returns this one."""
        if self.classes != other.classes:
            raise ValueError(
                f"expected accumulators of the same classes, got {len(self.classes)} and {len(other.classes)} classes"
                + (" with other names" if len(self.classes) == len(other.classes) else "")
            )
        self._flush()
        other._flush()
        self._count(*other._sparse())
        self._synced |= other._synced
        if other._keeper:
            self._keeper = self._keeper or ExampleKeeper(len(self.classes), self._settings)
            self._keeper.merge(other._keeper)
        return self

    def sync(self, group: Any = None) -> "ConfusionMatrixAccumulator":
        """Adds up the samples of all processes of `torch.distributed`; afterwards each holds the whole. Returns this accumulator.

        Without an initialized `torch.distributed` it does nothing. Every process of the group must call it.

        Args:
          group: a process group; all processes if left out.

        Raises:
          ValueError: on every process, when the classes of two differ, a label of one was wrong, or one was synced before without
            `reset()`: its samples would be counted twice. Also on a process that is not in the group.
        """
        from tb_confmat_plugin.distributed import gather

        problem = self._count_buffered()
        gathered = gather(self.classes, *self._sparse(), problem, self._synced, self._keeper is not None, group)
        if gathered is not None:
            parts, examples = gathered
            keeper = self._keeper or ExampleKeeper(len(self.classes), self._settings)
            if examples:
                keeper.sync(group)
            self._keeper = None
            self.reset()
            self._keeper = keeper if examples else None
            for cells, counts in parts:
                self._count(cells, counts)
            self._synced = True
        return self

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes to go on counting elsewhere, of tensors and plain values: fit for `torch.save`."""
        import torch

        self._flush()
        cells, counts = self._sparse()
        return {
            "num_classes": len(self.classes),
            "class_names": None if self.classes.names is None else list(self.classes.names),
            "cells": torch.from_numpy(cells.copy()),
            "counts": torch.from_numpy(counts.copy()),
            "updates": self._updates,
            "synced": self._synced,
            "examples": torch.frombuffer(bytearray(self._keeper.to_bytes()), dtype=torch.uint8) if self._keeper else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes the samples of a `state_dict()` in place of its own, and its random numbers; what was said of examples here, holds on.

        Raises:
          ValueError: a state of other classes.
        """
        classes = Classes.of(state["num_classes"], state["class_names"])
        if classes != self.classes:
            raise ValueError(
                f"expected the state of an accumulator of {len(self.classes)} classes, got one of {len(classes)} classes"
                + (" with other names" if len(self.classes) == len(classes) else "")
            )
        self.reset()
        self._count(as_numpy(state["cells"]), as_numpy(state["counts"]))
        self._updates = int(state["updates"])
        self._synced = bool(state["synced"])
        if state.get("examples") is not None:  # a state of before there were examples has none
            self._keeper = ExampleKeeper.from_bytes(as_numpy(state["examples"]).tobytes(), self._settings)

    def __getstate__(self) -> dict[str, Any]:
        self._flush()
        return {**self.__dict__, "_buffer": None, "_device": None, "_scores": None, "_starts": []}

    def _update_on_device(self, preds: Any, target: Any, sample_weight: Any) -> None:
        """As `update`, without waiting for the device: nothing here reads a value of a tensor."""
        import torch

        preds, target = preds.detach(), target.detach()
        if preds.ndim == target.ndim + 1 > 1:
            if self.threshold is not None:
                raise scores_beside_a_threshold(tuple(preds.shape))
            if preds.shape[1] != len(self.classes):
                raise wrong_scores(tuple(preds.shape), len(self.classes))
            largest, labels = preds.max(dim=1)
            preds = torch.where(largest.isnan(), NAN, labels) if preds.is_floating_point() else labels
        if preds.shape != target.shape:
            raise shapes_differ(tuple(preds.shape), tuple(target.shape))
        if self.threshold is not None and preds.is_floating_point():
            preds = torch.where(preds.isnan(), NAN, (preds > self.threshold).long())
        for tensor in (preds, target):
            if (tensor.is_floating_point() or tensor.is_complex()) and target.numel():
                raise _not_integers(preds.dtype, target.dtype)
        if sample_weight is not None:
            if not on_device(sample_weight):
                sample_weight = torch.from_numpy(as_weights(as_numpy(sample_weight), tuple(target.shape)))
            if sample_weight.shape != target.shape:
                raise wrong_weights(tuple(sample_weight.shape), tuple(target.shape))
            if sample_weight.dtype == torch.bool or sample_weight.is_complex():
                raise TypeError(f"expected sample_weight as numbers, got dtype {sample_weight.dtype}")
            sample_weight = sample_weight.detach().reshape(-1)
            if sample_weight.dtype == getattr(torch, "uint64", None):  # torch 2.3 has it first
                sample_weight = sample_weight.double()  # it may be larger than an int64, and to look would be to wait
        self._add(preds.reshape(-1), target.reshape(-1), sample_weight, target.device)

    def _buffer_scores(self, scores: npt.NDArray[Any], true: npt.NDArray[Any]) -> bool:
        """The quick way of `update` for the most common scores; False if they are others or there is no room."""
        filled, waiting, samples, buffer = self._filled, self._waiting, len(scores), self._buffer
        end, seen = filled + samples, waiting + samples
        if scores.dtype.char != "f" or true.dtype.kind not in "iub" or true.shape != (samples,) or not scores.flags.c_contiguous:
            return False
        if end > BUFFERED or type(buffer) is not np.ndarray or self._weights is not None:
            return False
        if self._scores is None:
            n = self.classes.num_classes
            self._scores = np.empty((n, BLOCK // n) if n <= FEW_CLASSES else (1, BUFFERED), np.float32)
        if seen > self._scores.shape[1]:
            self._label_scores()
            waiting, seen = 0, samples
            if seen > self._scores.shape[1]:
                return False
        if self.classes.num_classes <= FEW_CLASSES:
            self._scores[:, waiting:seen] = scores.T
        else:
            buffer[0, filled:end] = largest_of_rows(scores, self._scores[0, waiting:seen])
        buffer[1, filled:end] = true
        self._starts.append(filled)
        self._filled, self._waiting = end, seen
        return True

    def _label_scores(self) -> None:
        """Makes the predictions of the last samples in the buffer out of their scores."""
        if self._waiting:
            labels, scores = self._buffer[0, self._filled - self._waiting : self._filled], self._scores[:, : self._waiting]
            if self.classes.num_classes <= FEW_CLASSES:
                labels[:] = largest_of_columns(scores)
            else:
                labels[np.isnan(scores[0])] = NAN
            self._waiting = 0

    def _add(self, labels: Any, true: Any, weights: Any, device: Any) -> None:
        """Buffers flat labels and weights of any number, all numpy without a device, else tensors."""
        self._label_scores()
        problem = None
        for start in range(0, max(len(true), 1), BUFFERED):
            part = slice(start, start + BUFFERED)
            size = len(true[part])
            if self._buffer is None or self._device != device or self._filled + size > BUFFERED:
                problem = problem or self._count_buffered()
                if self._buffer is None or self._device != device:
                    self._buffer, self._device = _empty((2, BUFFERED), device), device
            if start:
                self._updates -= 1  # its first part was taken for a whole one
            place = slice(self._filled, self._filled + size)
            if weights is not None and (self._weights is None or _has_floats(weights) > _has_floats(self._weights)):
                before = 1 if self._weights is None else self._weights[: self._filled]
                self._weights = _empty((BUFFERED,), device, floats=_has_floats(weights))
                self._weights[: self._filled] = before
            if self._weights is not None:
                self._weights[place] = 1 if weights is None else weights[part]
            self._starts.append(self._filled - start)
            self._buffer[0, place] = labels[part]
            self._buffer[1, place] = true[part]
            self._filled += size
        if problem:
            raise problem

    def _flush(self) -> None:
        problem = self._count_buffered()
        if problem:
            raise problem

    def _count_buffered(self) -> ValueError | None:
        """Checks and counts what is buffered; the error is that of the first sample that is wrong."""
        if not self._starts:
            return None
        self._label_scores()
        labels, true = as_numpy(self._buffer[:, : self._filled])
        weights = None if self._weights is None else as_weights(as_numpy(self._weights[: self._filled]), labels.shape)
        starts, updates = self._starts, self._updates
        self._filled, self._starts, self._weights, self._updates = 0, [], None, updates + len(starts)
        n = len(self.classes)
        # As unsigned integers, negative ones are too large as well.
        right = (labels.view(np.uint64) < n) & (true.view(np.uint64) < n)
        if weights is not None:
            right &= (weights >= 0) & (weights < np.inf)
        wrong = ~right
        if self.ignore_index is not None:
            ignored = true == self.ignore_index
            right &= ~ignored
            wrong &= ~ignored
        problem = None
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            update = int(np.searchsorted(starts, at, side="right")) - 1
            where = f"sample {at - starts[update]} of update {updates + update} (both counted from 0)"
            problem = ValueError(_wrong_sample(int(labels[at]), int(true[at]), n, where, None if weights is None else weights[at]))
        if not right.all():
            labels, true, weights = labels[right], true[right], None if weights is None else weights[right]
        true *= n  # in the buffer: it is done with, and new memory costs more than the sum
        true += labels
        self._count(true, weights)
        return problem

    def _count(self, cells: Labels, counts: Counts | None) -> None:
        """Adds cells in any order, each once or as often as `counts` says. It replaces arrays and changes none: a copy may share them."""
        # Integers whose sum is not exact become what cannot overflow, and are refused by `compute`.
        if counts is not None and self._counts.dtype != np.float64 and (_has_floats(counts) or counts.sum(dtype=np.float64) > MAX_TOTAL):
            self._counts = self._counts.astype(np.float64)
            self._dense = None if self._dense is None else self._dense.astype(np.float64)
        if self._dense is not None:
            added = np.bincount(cells, weights=counts, minlength=len(self._dense))
            self._dense = self._dense + added.astype(self._dense.dtype, copy=False)
            return
        if counts is None:
            cells, counts = count_cells(cells, len(self.classes))
            if not len(self._cells):
                self._cells, self._counts = cells, counts.astype(self._counts.dtype, copy=False)
                return
        both = np.concatenate([self._counts, counts]).astype(self._counts.dtype, copy=False)
        self._cells, self._counts = add_cells(np.concatenate([self._cells, cells]), both)

    def _sparse(self) -> tuple[Labels, Counts]:
        if self._dense is None:
            return self._cells, self._counts
        cells = np.flatnonzero(self._dense)
        return cells, self._dense[cells]


def _empty(shape: tuple[int, ...], device: Any, floats: bool = False) -> Any:
    """An array without values, of int64 or of floating point: numpy without a device, else a tensor."""
    if device is None:
        return np.empty(shape, np.float64 if floats else np.int64)
    import torch

    widest = torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no float64
    return torch.empty(shape, dtype=widest if floats else torch.int64, device=device)


def _has_floats(array: Any) -> bool:
    return bool(array.dtype.kind == "f" if isinstance(array, np.ndarray) else array.is_floating_point())


def _not_integers(preds: Any, target: Any) -> TypeError:
    return TypeError(
        f"expected integer labels, or scores with the class on dimension 1 of preds; got preds of {preds} and target of {target}"
    )


def _wrong_sample(label: int, true: int, num_classes: int, where: str, weight: float | None) -> str:
    if not 0 <= true < num_classes:
        return f"label {true} of target is outside num_classes={num_classes}, at {where}; pass a larger num_classes or ignore_index={true}"
    if label == NAN:
        return f"expected scores in preds, got NaN for {where}"
    if not 0 <= label < num_classes:
        return f"label {label} of preds is outside num_classes={num_classes}, at {where}; pass a larger num_classes"
    return f"expected sample_weight of at least 0, got {weight} for {where}"
