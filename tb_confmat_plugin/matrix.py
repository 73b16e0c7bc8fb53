"""The confusion matrix as a frozen, sparse value. Rows are the true classes, columns the predicted: everywhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.predictions import as_numpy, read_predictions

Counts = npt.NDArray[Any]  # int64, or float64 when samples have weights

# Beyond this neither a float64 nor a browser can hold a count exactly.
MAX_TOTAL = 2**53 - 1


@dataclass(frozen=True, eq=False, repr=False)
class ConfusionMatrix:
    """How often samples of each true class were predicted as each class.

    Build one with `from_predictions`, `from_dense` or `from_coo`; the constructor itself checks nothing.
    Counts are int64, or float64 when samples have weights. Only cells that are not zero are stored.

    Attributes:
      classes: the ordered classes; `classes[i]` is the name of row and column i.
      rows: int64 [nnz], the true class of each stored cell, sorted, then by column.
      cols: int64 [nnz], the predicted class of each stored cell.
      values: int64 or float64 [nnz], the count of each stored cell, never zero.

    >>> matrix = ConfusionMatrix.from_dense([[5, 2], [0, 3]], class_names=["cat", "dog"])
    >>> matrix.support.tolist(), matrix.predicted.tolist(), matrix.true_positives.tolist()
    ([7, 3], [5, 5], [5, 3])
    """

    classes: Classes
    rows: npt.NDArray[np.int64]
    cols: npt.NDArray[np.int64]
    values: Counts

    def __post_init__(self) -> None:
        for array in (self.rows, self.cols, self.values):
            array.setflags(write=False)

    @classmethod
    def from_predictions(
        cls,
        preds: Any,
        target: Any,
        *,
        num_classes: int | None = None,
        class_names: Iterable[Any] | None = None,
        sample_weight: Any = None,
        ignore_index: int | None = None,
    ) -> "ConfusionMatrix":
        """Counts predictions against the truth.

        Args:
          preds: predicted labels, the same shape as `target`; or logits or probabilities with the class on dimension 1
            ([N, C] beside a target of [N], [N, C, H, W] beside [N, H, W]), of which the largest is taken, the first of equals.
            Torch tensors on any device, numpy arrays and lists are welcome.
          target: the true labels, integers from 0 or strings.
          num_classes: the number of classes; found from `class_names`, the class dimension or the labels when left out.
          class_names: one distinct name a class. With string labels it also gives their order (sorted when left out).
          sample_weight: one finite weight of at least 0 a sample, the shape of `target`.
          ignore_index: samples whose true label is this are left out.

        Raises:
          ValueError: shapes that do not fit, or a label outside the classes; the message names value and position.
          TypeError: labels that are neither integers nor strings.

        >>> ConfusionMatrix.from_predictions(preds=[1, 1, 0], target=[0, 1, 0]).to_dense().tolist()
        [[1, 1], [0, 1]]
        """
        true, predicted, weights, classes = read_predictions(preds, target, num_classes, class_names, sample_weight, ignore_index)
        values: Counts = np.ones(len(true), np.int64) if weights is None else weights
        return cls._counted(classes, true, predicted, values)

    @classmethod
    def from_dense(cls, counts: Any, class_names: Iterable[Any] | None = None) -> "ConfusionMatrix":
        """Takes a square array [C, C] of counts, rows true and columns predicted: numpy, torch, or nested lists.

        Raises:
          ValueError: an array that is not square, or a count that is negative or not finite; the message names the cell.
          TypeError: an array that does not hold numbers.

        >>> ConfusionMatrix.from_dense([[5, 2], [0, 3]]).total
        10
        """
        dense = as_numpy(counts)
        if dense.ndim != 2 or dense.shape[0] != dense.shape[1]:
            raise ValueError(f"expected a square array [num_classes, num_classes] with true classes as rows, got shape {list(dense.shape)}")
        if dense.shape[0] == 0:
            raise ValueError("a confusion matrix has at least 1 class, got an array of shape [0, 0]")
        classes = Classes.of(dense.shape[0], class_names)
        flat = _numbers(dense).ravel()
        cells = np.flatnonzero(flat != 0)  # several times faster than np.nonzero of two dimensions
        rows, cols = cells // len(classes), cells % len(classes)
        return cls(classes, rows, cols, _checked(rows, cols, flat[cells]))

    @classmethod
    def from_coo(cls, rows: Any, cols: Any, counts: Any, num_classes: int, class_names: Iterable[Any] | None = None) -> "ConfusionMatrix":
        """Takes cells in any order: true classes `rows`, predicted classes `cols` and `counts`, each [nnz]. Repeated cells add up.

        Raises:
          ValueError: lengths that differ, an index outside `num_classes`, a count that is negative or not finite.
          TypeError: indices that are not integers.

        >>> ConfusionMatrix.from_coo([0, 0], [1, 1], [2, 3], num_classes=2).to_dense().tolist()
        [[0, 5], [0, 0]]
        """
        classes = Classes.of(num_classes, class_names)
        true, predicted, values = as_numpy(rows), as_numpy(cols), _numbers(as_numpy(counts))
        if not true.ndim == predicted.ndim == values.ndim == 1 or not len(true) == len(predicted) == len(values):
            raise ValueError(
                "expected rows, cols and counts as three lists of one length, "
                f"got shapes {list(true.shape)}, {list(predicted.shape)} and {list(values.shape)}"
            )
        true, predicted = _indices("rows", true, classes), _indices("cols", predicted, classes)
        return cls._counted(classes, true, predicted, _checked(true, predicted, values))

    @classmethod
    def _counted(cls, classes: Classes, rows: npt.NDArray[np.int64], cols: npt.NDArray[np.int64], values: Counts) -> "ConfusionMatrix":
        """Adds up valid cells in any order."""
        cells, position = np.unique(rows * len(classes) + cols, return_inverse=True)
        sums = np.bincount(position, weights=values, minlength=len(cells)).astype(values.dtype, copy=False)
        _refuse_excess(float(values.sum(dtype=np.float64)))
        kept = sums != 0
        return cls(classes, cells[kept] // len(classes), cells[kept] % len(classes), sums[kept])

    @property
    def num_classes(self) -> int:
        """The number of rows and of columns."""
        return self.classes.num_classes

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names in order, or None when the classes are known by index alone."""
        return self.classes.names

    @property
    def total(self) -> int | float:
        """The number of samples counted, or the sum of their weights."""
        return self.values.sum().item()  # type: ignore[no-any-return]  # numpy types item() as Any

    @property
    def support(self) -> Counts:
        """[C]: samples of each true class, the row sums."""
        return self._sums(self.rows, self.values)

    @property
    def predicted(self) -> Counts:
        """[C]: samples predicted as each class, the column sums."""
        return self._sums(self.cols, self.values)

    @property
    def true_positives(self) -> Counts:
        """[C]: samples of each class that were predicted as that class, the diagonal."""
        diagonal = self.rows == self.cols
        return self._sums(self.rows[diagonal], self.values[diagonal])

    def _sums(self, index: npt.NDArray[np.int64], values: Counts) -> Counts:
        # Exact for integers: bincount adds in float64, and the total is below 2**53.
        return np.bincount(index, weights=values, minlength=self.num_classes).astype(values.dtype, copy=False)

    def to_dense(self) -> Counts:
        """An array [C, C], rows true and columns predicted, of 8 bytes a cell."""
        dense = np.zeros((self.num_classes, self.num_classes), self.values.dtype)
        dense[self.rows, self.cols] = self.values
        return dense

    def __add__(self, other: object) -> "ConfusionMatrix":
        """The counts of both together. The classes must agree; a matrix without names takes those of the other."""
        return self._combined(other, 1, "add") if isinstance(other, ConfusionMatrix) else NotImplemented

    def __sub__(self, other: object) -> "ConfusionMatrix":
        """The signed difference, a value of its own kind: its cells may be negative, so it cannot be logged as counts."""
        return self._combined(other, -1, "subtract") if isinstance(other, ConfusionMatrix) else NotImplemented

    def _combined(self, other: "ConfusionMatrix", sign: int, verb: str) -> "ConfusionMatrix":
        same_names = self.class_names is None or other.class_names is None or self.class_names == other.class_names
        if self.num_classes != other.num_classes or not same_names:
            raise ValueError(
                f"cannot {verb} matrices of different classes: {_in_words(self.classes)} and {_in_words(other.classes)}; "
                "build both with the same class_names"
            )
        return self._counted(
            self.classes if other.class_names is None else other.classes,
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.cols, other.cols]),
            np.concatenate([self.values, sign * other.values]),
        )

    def __eq__(self, other: object) -> bool:
        """Whether classes, names and every count are the same."""
        if not isinstance(other, ConfusionMatrix):
            return NotImplemented
        return (
            self.classes == other.classes
            and np.array_equal(self.rows, other.rows)
            and np.array_equal(self.cols, other.cols)
            and np.array_equal(self.values, other.values)
        )

    def __hash__(self) -> int:
        return hash((self.classes, self.rows.tobytes(), self.cols.tobytes(), float(self.total)))

    def __repr__(self) -> str:
        return f"ConfusionMatrix({_in_words(self.classes)}, total={self.total:,}, cells={len(self.values):,})"


def to_confusion_matrix(matrix: Any, class_names: Iterable[Any] | None = None) -> ConfusionMatrix:
    """Takes what people have: a ConfusionMatrix, a square array of counts, or a scipy sparse matrix of counts."""
    if isinstance(matrix, ConfusionMatrix):
        if class_names is None:
            return matrix
        return ConfusionMatrix(Classes.of(matrix.num_classes, class_names), matrix.rows, matrix.cols, matrix.values)
    if hasattr(matrix, "tocoo"):
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"expected a square sparse matrix with true classes as rows, got shape {list(matrix.shape)}")
        sparse = matrix.tocoo()
        return ConfusionMatrix.from_coo(sparse.row, sparse.col, sparse.data, matrix.shape[0], class_names)
    return ConfusionMatrix.from_dense(matrix, class_names)


def _numbers(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype.kind not in "iuf" and array.size:
        raise TypeError(f"expected counts as integers, or floats for weighted samples, got dtype {array.dtype}")
    return array


def _checked(rows: npt.NDArray[np.int64], cols: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> Counts:
    """Counts as int64 where all are whole, else float64; refuses what cannot be a count and names its cell."""
    wrong = np.flatnonzero(~(values >= 0) | (values == np.inf))
    if len(wrong):
        at = wrong[0]
        raise ValueError(
            f"expected counts of at least 0, got {values[at].item()} at (true {rows[at]}, predicted {cols[at]})"
            + (f" and {len(wrong) - 1} more such cells" if len(wrong) > 1 else "")
        )
    _refuse_excess(float(values.sum(dtype=np.float64)))
    whole = values.dtype.kind in "iu" or bool(np.all(values == np.floor(values)))
    return values.astype(np.int64 if whole else np.float64)


def _refuse_excess(total: float) -> None:
    if total > MAX_TOTAL:
        raise ValueError(f"expected counts that add up to less than 2**53, which is exact in any reader, got {total:.4g}")


def _indices(name: str, index: npt.NDArray[Any], classes: Classes) -> npt.NDArray[np.int64]:
    if index.dtype.kind not in "iu" and index.size:
        raise TypeError(f"expected {name} as integers, got dtype {index.dtype}")
    outside = np.flatnonzero((index < 0) | (index >= len(classes)))
    if len(outside):
        at = outside[0]
        raise ValueError(f"expected {name} from 0 to {len(classes) - 1}, got {index[at]} at position {at}")
    return index.astype(np.int64)


def _in_words(classes: Classes) -> str:
    if classes.names is None:
        return f"{classes.num_classes} classes without names"
    shown = ", ".join(repr(name) for name in classes.names[:3])
    return f"{classes.num_classes} classes [{shown}{', ...' if len(classes) > 3 else ''}]"
