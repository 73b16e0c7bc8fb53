"""What people have as predictions and truth - tensors, arrays, lists, scores or names - as pairs of class indices."""

import math
import numbers
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.classes import MAX_CLASSES, Classes, as_list
from tb_confmat_plugin.scores import NAN, largest

Labels = npt.NDArray[np.int64]
Weights = npt.NDArray[Any]  # int64 or float64


def as_numpy(array: Any, expected: str = "an array or a list") -> npt.NDArray[Any]:
    """A numpy view or copy of an array, of nested lists, or of a torch tensor on any device, without importing torch."""
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            "expected an array without a mask, got a masked one; pass array.compressed(), or give masked labels an ignore_index"
        )
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        try:
            return np.asarray(array)
        except TypeError:  # bfloat16, which numpy does not have
            return np.asarray(array.float())
    try:
        found = np.asarray(array)
    except ValueError as error:
        raise ValueError(f"expected an array, got nested lists of unequal lengths: {error}") from error
    if found.dtype == object and not found.ndim:
        raise TypeError(f"expected {expected}, got {array!r} ({type(array).__name__})")
    if found.dtype.kind == "U" and isinstance(array, (list, tuple)) and found.ndim == 1:
        # numpy makes texts of numbers that stand among texts, and of a missing label the class "nan".
        return found if all(isinstance(one, str) for one in array) else np.asarray(array, object)
    return found


def on_device(array: Any) -> bool:
    """Whether this is a tensor elsewhere than in the memory of the CPU."""
    return hasattr(array, "device") and getattr(array.device, "type", "cpu") != "cpu"


def read_predictions(
    preds: Any,
    target: Any,
    num_classes: int | None,
    class_names: Iterable[Any] | None,
    sample_weight: Any,
    ignore_index: int | None,
    threshold: float | None,
) -> tuple[Labels, Labels, Weights | None, Classes]:
    """The true label, predicted label and weight of every sample that counts, flat, and the classes they belong to."""
    names = None if class_names is None else as_list(class_names)
    if num_classes is None and names is not None:
        num_classes = len(names)
    scores, true = as_numpy(preds), as_numpy(target)
    predicted, num_classes = _labels(scores, true.ndim, num_classes, threshold)
    if predicted.shape != true.shape:
        raise shapes_differ(scores.shape, true.shape)
    shape = true.shape
    true, predicted = true.ravel(), predicted.ravel()
    weights = None if sample_weight is None else as_weights(as_numpy(sample_weight), shape)
    if weights is not None:
        _refuse_wrong_weights(weights)
    checked_ignore_index(ignore_index)
    positions = np.arange(true.size) if ignore_index is None else np.flatnonzero(true != ignore_index)
    if len(positions) < true.size:
        true, predicted = true[positions], predicted[positions]
        weights = None if weights is None else weights[positions]
    if scores.dtype.kind == "f" and predicted.dtype == np.int64:
        _refuse_nan(scores, predicted, positions, shape)
    if true.dtype.kind in "UO" and true.size:
        if names is None:
            names = sorted({*_strings("target", true), *_strings("preds", predicted)})
        classes = Classes.of(len(names) if num_classes is None else num_classes, names)
        true, predicted = _positions("target", true, classes), _positions("preds", predicted, classes)
    else:
        true, predicted = _integers("target", true, shape), _integers("preds", predicted, shape)
        classes = Classes.of(_classes_of(true, predicted) if num_classes is None else num_classes, names)
    way_out = "; pass a larger num_classes or ignore_index={label}"
    if num_classes == 1 and scores.ndim > len(shape):
        way_out = "; for one score a sample pass preds.squeeze(1) and a threshold"
    _refuse_outside("target", true, positions, classes, way_out)
    way_out = "; pass a larger num_classes" if threshold is None else "; scores beside a threshold are floats"
    _refuse_outside("preds", predicted, positions, classes, way_out)
    return true, predicted, weights, classes


def _classes_of(true: Labels, predicted: Labels) -> int:
    """The number of classes, when labels are all there is to tell."""
    largest = int(max(true.max(initial=0), predicted.max(initial=0)))
    if largest >= MAX_CLASSES:
        raise ValueError(
            f"expected labels from 0 to the number of classes less 1, got {largest}; number the classes from 0, or pass strings"
        )
    if largest > MANY_CLASSES and largest > 10 * len(true):
        warnings.warn(
            f"the largest label makes {largest + 1:,} classes of {len(true):,} samples; pass num_classes", UserWarning, stacklevel=4
        )
    return largest + 1


def _labels(
    scores: npt.NDArray[Any], target_ndim: int, num_classes: int | None, threshold: float | None
) -> tuple[npt.NDArray[Any], int | None]:
    """Predicted labels out of whatever preds is, and the number of classes if it tells that."""
    if target_ndim and scores.ndim == target_ndim + 1:
        if threshold is not None:
            raise scores_beside_a_threshold(scores.shape)
        if num_classes is not None and scores.shape[1] != num_classes:
            raise wrong_scores(scores.shape, num_classes)
        if scores.shape[1] == 0:
            raise ValueError(f"expected the scores of at least 1 class on dimension 1 of preds, got preds of shape {list(scores.shape)}")
        return largest(scores), scores.shape[1]
    if threshold is None:
        return scores, num_classes
    if num_classes not in (None, 2):
        raise ValueError(f"expected two classes beside a threshold, got num_classes={num_classes}")
    checked_threshold(threshold)
    return over_threshold(scores, threshold) if scores.dtype.kind == "f" else scores, 2


def over_threshold(scores: npt.NDArray[Any], threshold: float) -> Labels:
    """Class 1 for scores above the threshold, else 0; NAN where a score is no number."""
    return np.where(np.isnan(scores), NAN, (scores > threshold).astype(np.int64))


def _refuse_nan(scores: npt.NDArray[Any], predicted: Labels, positions: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    wrong = np.flatnonzero(predicted == NAN)
    if not len(wrong):
        return
    sample = [int(index) for index in np.unravel_index(positions[wrong[0]], shape)]
    named = sample[0] if len(sample) == 1 else sample
    if scores.shape == shape:
        raise ValueError(f"expected scores in preds, got NaN for sample {named}")
    label = int(np.isnan(np.moveaxis(scores, 1, -1)[tuple(sample)]).argmax())
    raise ValueError(f"expected scores in preds, got NaN for class {label} of sample {named}")


def as_weights(weights: npt.NDArray[Any], shape: tuple[int, ...]) -> Weights:
    """Weights of samples of a shape, flat, as int64 where they are integers, else float64; their values are not checked."""
    if weights.dtype.kind not in "fiu":
        raise TypeError(f"expected sample_weight as numbers, got dtype {weights.dtype}")
    if weights.shape != shape:
        raise wrong_weights(weights.shape, shape)
    whole = weights.dtype.kind in "iu" and weights.max(initial=0) < 2**63  # larger ones are refused with their sum
    return weights.ravel().astype(np.int64 if whole else np.float64)


def _refuse_wrong_weights(weights: Weights) -> None:
    wrong = np.flatnonzero(~(weights >= 0) | (weights == np.inf))
    if len(wrong):
        raise ValueError(f"expected sample_weight of at least 0, got {weights[wrong[0]]} at position {wrong[0]}")


def checked_threshold(threshold: float | None) -> float | None:
    """The threshold, if it is a number or none at all."""
    if threshold is not None and (not isinstance(threshold, numbers.Real) or math.isnan(threshold)):
        raise ValueError(f"expected threshold as a number, got {threshold!r}")
    return threshold


def checked_ignore_index(ignore_index: Any) -> Any:
    """The label to leave out, if it is one or none at all."""
    if ignore_index is not None and not isinstance(ignore_index, (numbers.Integral, str)):
        raise TypeError(f"expected ignore_index as one label, got {ignore_index!r}; give all that is to be left out the same label")
    return ignore_index


def shapes_differ(preds: tuple[int, ...], target: tuple[int, ...]) -> ValueError:
    """The error of shapes that do not fit."""
    return ValueError(
        "expected preds of the shape of target, or with one more dimension, the class, as dimension 1; "
        f"got preds {list(preds)} and target {list(target)}"
    )


def wrong_scores(shape: tuple[int, ...], num_classes: int) -> ValueError:
    """The error of scores of another number of classes."""
    way_out = "; for one score a sample pass preds.squeeze(1) and a threshold" if shape[1] == 1 and num_classes == 2 else ""
    return ValueError(f"expected {num_classes} scores a sample on dimension 1 of preds, got preds of shape {list(shape)}{way_out}")


def scores_beside_a_threshold(shape: tuple[int, ...]) -> ValueError:
    """The error of scores of each class where there is to be one a sample."""
    way_out = "pass preds.squeeze(1)" if shape[1] == 1 else "leave threshold out for the class of the largest score"
    return ValueError(f"expected one score a sample beside a threshold, got preds of shape {list(shape)}; {way_out}")


def wrong_weights(weights: tuple[int, ...], target: tuple[int, ...]) -> ValueError:
    """The error of weights of another shape than the samples."""
    return ValueError(f"expected one sample_weight a sample, shape {list(target)}, got shape {list(weights)}")


def _strings(name: str, labels: npt.NDArray[Any]) -> list[str]:
    for position, label in enumerate(labels):
        if not isinstance(label, str):
            way_out = "; pass whole numbers as an array of integers" if isinstance(label, numbers.Integral) else ""
            raise TypeError(f"expected {name} as strings like the other labels, got {label!r} at position {position}{way_out}")
    return [str(label) for label in labels]


def _positions(name: str, labels: npt.NDArray[Any], classes: Classes) -> Labels:
    index = {class_name: position for position, class_name in enumerate(classes.names or ())}
    for position, label in enumerate(_strings(name, labels)):
        if label not in index:
            raise ValueError(f"label {label!r} at position {position} of {name} is not in class_names; add it")
    return np.array([index[str(label)] for label in labels], np.int64)


MANY_CLASSES = 100_000  # from here on labels are taken for identifiers of another kind


def _integers(name: str, labels: npt.NDArray[Any], shape: tuple[int, ...]) -> Labels:
    if labels.dtype.kind not in "iub" and labels.size:
        way_out = ""
        if labels.dtype.kind == "f" and len(shape) > 1:
            way_out = "; if target has a one for the class of each sample, pass target.argmax(1)"
        elif labels.dtype.kind == "f" and name == "preds":
            way_out = "; for one score a sample and two classes pass a threshold"
        raise TypeError(f"expected {name} as integer or string labels, got dtype {labels.dtype} and shape {list(shape)}{way_out}")
    if labels.dtype.kind == "u" and labels.size and labels.max() > np.iinfo(np.int64).max:
        raise ValueError(f"expected labels from 0 to the number of classes less 1, got {labels.max()} in {name}")
    return labels.astype(np.int64)


def _refuse_outside(name: str, labels: Labels, positions: npt.NDArray[Any], classes: Classes, way_out: str) -> None:
    outside = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(outside):
        label = labels[outside[0]]
        raise ValueError(
            f"label {label} at position {positions[outside[0]]} of {name} is outside num_classes={len(classes)}"
            + way_out.format(label=label)
        )
