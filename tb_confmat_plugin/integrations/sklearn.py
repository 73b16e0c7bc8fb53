"""scikit-learn: a fitted estimator and the data to judge it by, in one call."""

import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.classes import as_list
from tb_confmat_plugin.matrix import ConfusionMatrix
from tb_confmat_plugin.reader import listed
from tb_confmat_plugin.writer import add_confusion_matrix

try:
    from sklearn.base import is_outlier_detector, is_regressor
    from sklearn.utils.multiclass import unique_labels
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}; log_estimator needs scikit-learn: pip install scikit-learn") from error


def log_estimator(
    writer: Any,
    tag: str,
    estimator: Any,
    X: Any,
    y: Any,
    global_step: int = 0,
    *,
    sample_weight: Any = None,
    class_names: Iterable[Any] | None = None,
) -> ConfusionMatrix:
    """Logs the confusion matrix of what a fitted classifier predicts, and returns it.

    Args:
      writer: as for `add_confusion_matrix`; without PyTorch, one of tensorboardX.
      tag: the name of the series, such as "test".
      estimator: anything with `predict`: a classifier, a pipeline, a search that has been fitted, a detector of outliers.
      X: the samples, as `estimator.predict` takes them.
      y: their true labels, [N].
      global_step: the step; scripts that train once need none.
      sample_weight: one finite weight of at least 0 a sample, [N].
      class_names: one distinct name for each of `estimator.classes_`, in that order (for -1 and 1 of a detector of outliers); the labels
        themselves when left out. Labels of `y` that are not in the training data have no place among these names: they are classes of
        their own after them, called by the labels themselves.

    Raises:
      TypeError, ValueError: a regressor, several outputs a sample, a sample without a label, another number of names than of classes, or
        what `add_confusion_matrix` refuses; nothing has been written then.

    >>> import tempfile
    >>> from sklearn.dummy import DummyClassifier
    >>> from tensorboardX import SummaryWriter
    >>> estimator = DummyClassifier().fit([[0], [0], [0]], ["dog", "dog", "cat"])
    >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     log_estimator(writer, "test", estimator, X=[[0], [0]], y=["cat", "dog"]).to_dense().tolist()
    [[0, 1], [0, 1]]
    """
    if is_regressor(estimator):
        raise TypeError(f"expected a classifier, got the regressor {type(estimator).__name__}")
    predicted, true = np.asarray(estimator.predict(X)), np.asarray(y)
    if not predicted.ndim == true.ndim == 1:
        raise ValueError(
            "expected one label a sample, "
            f"got predictions of shape {list(predicted.shape)} and y of shape {list(true.shape)}; log each output of its own"
        )
    _refuse_missing(true)
    labels = unique_labels(true, predicted)
    known = np.asarray(getattr(estimator, "classes_", [-1, 1] if is_outlier_detector(estimator) else labels))
    labels = np.concatenate([known, np.setdiff1d(labels, known)])
    own = [str(label) for label in labels]
    names = own if class_names is None else [*_checked_names(class_names, own[: len(known)]), *own[len(known) :]]
    order = np.argsort(labels, kind="stable")
    preds, target = (order[np.searchsorted(labels, some, sorter=order)] for some in (predicted, true))
    matrix = ConfusionMatrix.from_predictions(preds, target, class_names=names, sample_weight=sample_weight)
    add_confusion_matrix(writer, tag, matrix, global_step)
    return matrix


def _refuse_missing(labels: npt.NDArray[Any]) -> None:
    """Of labels that are objects some may be None or NaN, which nothing can sort."""
    if labels.dtype.kind in "Of":
        for position, label in enumerate(labels.tolist()):
            if not isinstance(label, (str, bytes, numbers.Number, np.generic)) or label != label:  # noqa: PLR0124  # NaN differs from itself
                raise ValueError(f"expected a label in y for each sample, got {label!r} at position {position}; leave such samples out")


def _checked_names(class_names: Iterable[Any], classes: list[str]) -> list[Any]:
    names = as_list(class_names)
    if len(names) != len(classes):
        raise ValueError(
            f"expected a class name for each of the {len(classes)} classes that the estimator knows, got {len(names)}; "
            f"pass names for these, in this order: {listed(classes)}"
        )
    return names
