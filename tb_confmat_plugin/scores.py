"""The class of the largest score of each sample, the first of equals: argmax, many times faster where numpy's is slow.

numpy finds the largest of a row of memory fast when the row is long. Of few classes it is better to go column by column: the largest score
of many samples, and then the first class that has it, are each a few passes that have no branches. Images come in columns already.
"""

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]

NAN = np.iinfo(np.int64).min  # stands for the class of a sample of which a score is not a number
BLOCK = 1 << 17  # scores that are looked at together: with what is made of them they fit a cache
FEW_PIXELS = 64  # so many at least make going by columns worth while


def largest(scores: npt.NDArray[Any]) -> Labels:
    """[N, ...] the class of the largest of the scores [N, C, ...], NAN where one is NaN.

    Raises:
      TypeError: scores that are not numbers.
    """
    if scores.dtype.kind not in "fiu" and scores.size:
        raise TypeError(f"expected logits or probabilities as numbers in preds, got dtype {scores.dtype}")
    return _labels_of_rows(scores) if scores.ndim == 2 else _labels_of_images(scores)


def _labels_of_rows(scores: npt.NDArray[Any]) -> Labels:
    if scores.dtype == np.float16:
        scores = scores.astype(np.float32)  # numpy is five times slower with halves
    scores = np.ascontiguousarray(scores)
    chosen = np.empty(len(scores), scores.dtype)
    labels = largest_of_rows(scores, chosen)
    if scores.dtype.kind == "f":
        labels[np.isnan(chosen)] = NAN
    return labels


def largest_of_rows(scores: npt.NDArray[Any], chosen: npt.NDArray[Any]) -> Labels:
    """[N] the class of the largest of the scores [N, C], C-contiguous. These go into `chosen`, [N]: it is NaN where one of a row is."""
    labels: Labels = scores.argmax(1)  # it takes NaN for the largest
    scores.ravel().take(labels + _starts_of_rows(*scores.shape), None, chosen, "clip")  # with "raise" there would be one copy more
    return labels


@functools.lru_cache(maxsize=4)
def _starts_of_rows(rows: int, columns: int) -> Labels:
    return np.arange(rows) * columns


def largest_of_columns(scores: npt.NDArray[Any]) -> Labels:
    """[..., M] the class of the largest of the scores [..., C, M], NAN where one is NaN."""
    num_classes = scores.shape[-2]
    first = ((scores == scores.max(-2, keepdims=True)).view(np.uint8) * _places(num_classes)).max(-2)
    labels: Labels = num_classes - first.astype(np.int64)
    if not first.all():  # NaN is not equal to the largest, which then is NaN
        labels[first == 0] = NAN
    return labels


@functools.lru_cache(maxsize=4)
def _places(num_classes: int) -> npt.NDArray[Any]:
    """[C, 1]: the larger the earlier, and above 0."""
    return np.arange(num_classes, 0, -1).astype(np.min_scalar_type(num_classes))[:, None]


def _labels_of_images(scores: npt.NDArray[Any]) -> Labels:
    images, num_classes, *sides = scores.shape
    pixels = math.prod(sides)
    columns, labels = scores.reshape(images, num_classes, pixels), np.empty((images, pixels), np.int64)
    in_columns = pixels >= FEW_PIXELS and columns.strides[2] == columns.itemsize
    size = min(max(1, BLOCK // num_classes), max(1, pixels))
    at_once = max(1, BLOCK // (num_classes * size))
    for first in range(0, images, at_once):
        for start in range(0, pixels, size):
            part = (slice(first, first + at_once), slice(start, start + size))
            block = columns[part[0], :, part[1]]
            if block.dtype == np.float16:
                block = block.astype(np.float32)
            if in_columns:
                labels[part] = largest_of_columns(block)
            else:
                rows = np.moveaxis(block, 1, 2)
                labels[part] = _labels_of_rows(rows.reshape(-1, num_classes)).reshape(rows.shape[:2])
    return labels.reshape(images, *sides)
