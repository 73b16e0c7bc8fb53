"""What people have as predictions and truth - tensors, arrays, lists, scores or names - as pairs of class indices."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.classes import Classes

Labels = npt.NDArray[np.int64]
Weights = npt.NDArray[Any]  # int64 or float64


def as_numpy(array: Any) -> npt.NDArray[Any]:
    """A numpy view or copy of an array, of nested lists, or of a torch tensor on any device, without importing torch."""
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        try:
            return np.asarray(array)
        except TypeError:  # bfloat16, which numpy does not have
            return np.asarray(array.float())
    try:
        return np.asarray(array)
    except ValueError as error:
        raise ValueError(f"expected an array, got nested lists of unequal lengths: {error}") from error


def read_predictions(
    preds: Any,
    target: Any,
    num_classes: int | None,
    class_names: Iterable[Any] | None,
    sample_weight: Any,
    ignore_index: int | None,
) -> tuple[Labels, Labels, Weights | None, Classes]:
    """The true label, predicted label and weight of every sample that counts, flat, and the classes they belong to."""
    names = None if class_names is None else list(class_names)
    if num_classes is None and names is not None:
        num_classes = len(names)
    scores, true = as_numpy(preds), as_numpy(target)
    if true.ndim and scores.ndim == true.ndim + 1:
        if num_classes is None:
            num_classes = scores.shape[1]
        elif scores.shape[1] != num_classes:
            raise ValueError(f"expected {num_classes} scores a sample on dimension 1 of preds, got preds of shape {list(scores.shape)}")
        predicted = _largest(scores)
    else:
        predicted = scores
    if predicted.shape != true.shape:
        raise ValueError(
            "expected preds of the shape of target, or with one more dimension, the class, as dimension 1; "
            f"got preds {list(scores.shape)} and target {list(true.shape)}"
        )
    true, predicted = true.ravel(), predicted.ravel()
    weights = None if sample_weight is None else _weights(as_numpy(sample_weight), as_numpy(target).shape)
    positions = np.arange(true.size) if ignore_index is None else np.flatnonzero(true != ignore_index)
    if len(positions) < true.size:
        true, predicted = true[positions], predicted[positions]
        weights = None if weights is None else weights[positions]
    if true.dtype.kind in "UO" and true.size:
        if names is None:
            names = sorted({*_strings("target", true), *_strings("preds", predicted)})
        classes = Classes.of(len(names) if num_classes is None else num_classes, names)
        true, predicted = _positions("target", true, classes), _positions("preds", predicted, classes)
    else:
        true, predicted = _integers("target", true), _integers("preds", predicted)
        if num_classes is None:
            num_classes = 1 + int(max(true.max(initial=0), predicted.max(initial=0)))
        classes = Classes.of(num_classes, names)
    _refuse_outside("target", true, positions, classes, "; pass a larger num_classes or ignore_index={label}")
    _refuse_outside("preds", predicted, positions, classes, "; pass a larger num_classes")
    return true, predicted, weights, classes


def _largest(scores: npt.NDArray[Any]) -> Labels:
    if scores.dtype.kind not in "fiu":
        raise TypeError(f"expected logits or probabilities as numbers in preds, got dtype {scores.dtype}")
    if scores.shape[1] == 0:
        raise ValueError(f"expected the scores of at least 1 class on dimension 1 of preds, got preds of shape {list(scores.shape)}")
    if scores.dtype.kind == "f":
        wrong = np.argwhere(np.isnan(scores))
        if len(wrong):
            row, label, *rest = wrong[0].tolist()
            raise ValueError(f"expected scores in preds, got NaN for class {label} of sample {[row, *rest] if rest else row}")
    largest: Labels = np.argmax(scores, axis=1).astype(np.int64, copy=False)
    return largest


def _weights(weights: npt.NDArray[Any], shape: tuple[int, ...]) -> Weights:
    if weights.dtype.kind not in "fiu":
        raise TypeError(f"expected sample_weight as numbers, got dtype {weights.dtype}")
    if weights.shape != shape:
        raise ValueError(f"expected one sample_weight a sample, shape {list(shape)}, got shape {list(weights.shape)}")
    wrong = np.flatnonzero(~(weights.ravel() >= 0) | (weights.ravel() == np.inf))
    if len(wrong):
        raise ValueError(f"expected sample_weight of at least 0, got {weights.ravel()[wrong[0]]} at position {wrong[0]}")
    whole = weights.dtype.kind in "iu" and weights.max(initial=0) < 2**63  # larger ones are refused with their sum
    return weights.ravel().astype(np.int64 if whole else np.float64)


def _strings(name: str, labels: npt.NDArray[Any]) -> list[str]:
    for position, label in enumerate(labels):
        if not isinstance(label, str):
            raise TypeError(f"expected {name} as strings like the other labels, got {label!r} at position {position}")
    return [str(label) for label in labels]


def _positions(name: str, labels: npt.NDArray[Any], classes: Classes) -> Labels:
    index = {class_name: position for position, class_name in enumerate(classes.names or ())}
    for position, label in enumerate(_strings(name, labels)):
        if label not in index:
            raise ValueError(f"label {label!r} at position {position} of {name} is not in class_names; add it")
    return np.array([index[str(label)] for label in labels], np.int64)


def _integers(name: str, labels: npt.NDArray[Any]) -> Labels:
    if labels.dtype.kind not in "iub" and labels.size:
        raise TypeError(f"expected {name} as integer or string labels, got dtype {labels.dtype} and shape {list(labels.shape)}")
    return labels.astype(np.int64)


def _refuse_outside(name: str, labels: Labels, positions: npt.NDArray[Any], classes: Classes, way_out: str) -> None:
    outside = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(outside):
        label = labels[outside[0]]
        raise ValueError(
            f"label {label} at position {positions[outside[0]]} of {name} is outside num_classes={len(classes)}"
            + way_out.format(label=label)
        )
