"""The confusion matrix as a frozen, sparse value. Rows are the true classes, columns the predicted: everywhere."""

import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.checks import checked_counts, checked_indices, numbers_of, refuse_excess
from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.counting import Counts, add_cells, count_cells
from tb_confmat_plugin.metrics import compute_intervals, compute_metrics, compute_per_class, divide, refuse_signed
from tb_confmat_plugin.predictions import as_numpy, read_predictions
from tb_confmat_plugin.regroup import group_classes, select_classes

DENSE_LIMIT = 512 * 2**20


@dataclass(frozen=True)
class Confusion:
    """A pair of classes that are mixed up.

    Attributes:
      true: the name of the true class.
      predicted: the name of the class that it was taken for.
      count: how many samples, or their weight.
      rate: that as a share of the true class.
      reverse_count: samples of `predicted` that were taken for `true`.
      reverse_rate: that as a share of the class `predicted`, NaN if it has no samples.
    """

    true: str
    predicted: str
    count: int | float
    rate: float
    reverse_count: int | float
    reverse_rate: float


@dataclass(frozen=True, eq=False, repr=False)
class ConfusionMatrix:
    """How often samples of each true class were predicted as each class.

    Build one with `from_predictions`, `from_dense` or `from_coo`; the constructor itself checks nothing.
    Counts are int64, or float64 when samples have weights that are not integers. Only cells that are not zero are stored.

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
        threshold: float | None = None,
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
          threshold: for two classes and one score a sample, floats of the shape of `target`: above it the prediction is class 1. Integers
            are labels beside a threshold, too.

        Raises:
          ValueError: shapes that do not fit, or a label outside the classes; the message names value and position.
          TypeError: labels that are neither integers nor strings.

        >>> ConfusionMatrix.from_predictions(preds=[1, 1, 0], target=[0, 1, 0]).to_dense().tolist()
        [[1, 1], [0, 1]]
        """
        true, predicted, weights, classes = read_predictions(
            preds, target, num_classes, class_names, sample_weight, ignore_index, threshold
        )
        if weights is not None:
            return cls._counted(classes, true, predicted, weights)
        cells, counts = count_cells(true * len(classes) + predicted, len(classes))
        return cls(classes, cells // len(classes), cells % len(classes), counts)

    @classmethod
    def from_dense(cls, counts: Any, class_names: Iterable[Any] | None = None) -> "ConfusionMatrix":
        """Takes a square array [C, C] of counts, rows true and columns predicted: numpy, torch, or nested lists.

        Raises:
          ValueError: an array that is not square, or a count that is negative or not finite; the message names the cell.
          TypeError: an array that does not hold numbers.

        >>> ConfusionMatrix.from_dense([[5, 2], [0, 3]]).total
        10
        """
        if hasattr(counts, "tocoo"):
            raise TypeError(
                "expected a dense array of counts, got a sparse matrix; use from_coo(m.row, m.col, m.data, len(m)) of m = matrix.tocoo()"
            )
        dense = as_numpy(counts, "a square array of counts")
        if dense.ndim == 0:
            raise TypeError(f"expected a square array of counts, got {counts!r} ({type(counts).__name__})")
        if dense.ndim != 2 or dense.shape[0] != dense.shape[1]:
            raise ValueError(f"expected a square array [num_classes, num_classes] with true classes as rows, got shape {list(dense.shape)}")
        if dense.shape[0] == 0:
            raise ValueError("a confusion matrix has at least 1 class, got an array of shape [0, 0]")
        classes = Classes.of(dense.shape[0], class_names)
        flat = numbers_of(dense).ravel()
        cells = np.flatnonzero(flat != 0)  # several times faster than np.nonzero of two dimensions
        rows, cols = cells // len(classes), cells % len(classes)
        return cls(classes, rows, cols, checked_counts(rows, cols, flat[cells]))

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
        true, predicted, values = as_numpy(rows), as_numpy(cols), numbers_of(as_numpy(counts))
        if not true.ndim == predicted.ndim == values.ndim == 1 or not len(true) == len(predicted) == len(values):
            raise ValueError(
                "expected rows, cols and counts as three lists of one length, "
                f"got shapes {list(true.shape)}, {list(predicted.shape)} and {list(values.shape)}"
            )
        true, predicted = checked_indices("rows", true, classes), checked_indices("cols", predicted, classes)
        return cls._counted(classes, true, predicted, checked_counts(true, predicted, values))

    @classmethod
    def _counted(cls, classes: Classes, rows: npt.NDArray[np.int64], cols: npt.NDArray[np.int64], values: Counts) -> "ConfusionMatrix":
        """Adds up valid cells in any order."""
        refuse_excess(float(values.sum(dtype=np.float64)))
        cells, sums = add_cells(rows * len(classes) + cols, values)
        return cls(classes, cells // len(classes), cells % len(classes), sums)

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

    def to_dense(self, max_bytes: int = DENSE_LIMIT) -> Counts:
        """An array [C, C], rows true and columns predicted, of 8 bytes a cell.

        Raises:
          ValueError: it would take more than `max_bytes`, by default 512 MiB, which 8,192 classes take.
        """
        size = 8 * self.num_classes**2
        if size > max_bytes:
            raise ValueError(
                f"expected a dense array of at most {max_bytes:,} bytes, but {self.num_classes:,} classes take {size:,}; "
                f"pass max_bytes={size} if you have the memory, or use rows, cols and values"
            )
        dense = np.zeros((self.num_classes, self.num_classes), self.values.dtype)
        dense[self.rows, self.cols] = self.values
        return dense

    def normalize(self, over: str, max_bytes: int = DENSE_LIMIT) -> npt.NDArray[np.float64]:
        """Shares as an array [C, C], NaN where there is nothing to share.

        Args:
          over: "true" divides by the support, so that each row adds up to 1 and the diagonal is the recall; "pred" divides by the
            predictions, so that each column adds up to 1 and the diagonal is the precision; "all" divides by the total.
          max_bytes: as for `to_dense`.

        Raises:
          ValueError: another word for `over`, more than `max_bytes`, or a signed difference.

        >>> ConfusionMatrix.from_dense([[6, 2], [0, 0]]).normalize("true").tolist()
        [[0.75, 0.25], [nan, nan]]
        """
        if over not in ("true", "pred", "all"):
            raise ValueError(f"expected 'true', 'pred' or 'all' to normalize over, got {over!r}")
        refuse_signed(self)
        dense = self.to_dense(max_bytes).astype(np.float64, copy=False)
        if over == "all":
            shares = divide(dense, self.total)
        else:
            shares = divide(dense, self.support[:, None] if over == "true" else self.predicted[None, :])
        return np.asarray(shares, np.float64)

    def metrics(self, *, zero_division: float = math.nan) -> dict[str, float]:
        """Every metric of the whole matrix by name; `tb_confmat_plugin.metrics.METRICS` has their formulas and sources.

        `metric_intervals` has their 95% intervals.

        Args:
          zero_division: what macro and weighted averages count a class as where its metric is undefined (a precision without
            predictions, a recall without samples): 0 or 1, or NaN, the default, which leaves it out of the average.

        A metric that is undefined as a whole is NaN. All are equal to those of scikit-learn, torchmetrics and PyCM, except:

        - scikit-learn: `zero_division` is 0 unless given; averages are over the classes that occur unless `labels` names all; a Matthews
          correlation that is undefined is 0; a weighted average in which only classes without samples are defined is the unweighted one.
        - torchmetrics: as with 0 for `zero_division`, but macro averages leave out classes that never occur, neither true nor predicted;
          "macro" accuracy is the macro recall, so that a class that is only predicted counts as 0, where `balanced_accuracy` leaves it
          out; a Matthews correlation that is undefined is 0 or, of two classes or of one in a perfect matrix, another number.
        - PyCM: what is undefined is "None", and so is a macro average if one class is.

        Raises:
          ValueError: another `zero_division`, or a signed difference.

        >>> ConfusionMatrix.from_dense([[6, 2], [1, 1]]).metrics()["accuracy"]
        0.7
        """
        return compute_metrics(self, zero_division)

    def metric_intervals(self, *, zero_division: float = math.nan) -> dict[str, tuple[float, float]]:
        """The 95% interval of metrics of the whole matrix by name, as lower and upper bound, for samples drawn one by one at random.

        "accuracy" and what equals it (micro averages, and recall weighted by support) are proportions and have Wilson's. Others have that
        of the delta method: 1.96 standard errors to both sides, cut to the values that there are (for F1 as Takahashi, Yamamoto, Kuchiba
        and Koyama, 2022; for kappa as Fleiss, Cohen and Everitt, 1969). It needs many samples, and many of each class where classes count
        alike: of few it is too narrow. Weights are taken as numbers of samples. "total" has none, nor has "top_confusion_rate": the largest
        of many cells tends to lie above its own share, which no interval of a share knows.

        Args:
          zero_division: that of the metrics.

        Both bounds are NaN where the metric is undefined, and where the delta method finds no spread, as in a matrix without a mistake:
        that is no certainty.

        Raises:
          ValueError: another `zero_division`, or a signed difference.

        >>> low, high = ConfusionMatrix.from_dense([[60, 20], [10, 30]]).metric_intervals()["f1_macro"]
        >>> round(low, 3), round(high, 3)
        (0.652, 0.815)
        """
        return compute_intervals(self, zero_division)

    def per_class(self) -> dict[str, npt.NDArray[np.float64]]:
        """Every metric of each class by name, float64 [C], NaN where undefined.

        Shares also have a 95% Wilson interval, such as "recall_interval", float64 [C, 2]. For it weights are taken as numbers of samples.
        "f1" is no share of samples, but grows with "jaccard", which is one, as 2 J / (1 + J): its interval is made of that one's bounds.

        Raises:
          ValueError: a signed difference.

        >>> ConfusionMatrix.from_dense([[6, 2], [1, 1]]).per_class()["recall"].tolist()
        [0.75, 0.5]
        """
        return compute_per_class(self)

    def top_confusions(self, k: int = 10) -> list["Confusion"]:
        """The k largest cells off the diagonal, largest first, equal ones in the order of their rows and columns.

        Of a signed difference they are those that grew most, and have no rates (NaN).

        >>> ConfusionMatrix.from_dense([[6, 2], [1, 1]], ["cat", "dog"]).top_confusions(1)
        [Confusion(true='cat', predicted='dog', count=2, rate=0.25, reverse_count=1, reverse_rate=0.5)]
        """
        if isinstance(k, bool) or not isinstance(k, numbers.Integral) or k < 0:
            raise ValueError(f"expected k as an integer of at least 0, got {k!r}")
        off = np.flatnonzero(self.rows != self.cols)
        largest = off[np.argsort(-self.values[off], kind="stable")[:k]]
        cells = self.rows * self.num_classes + self.cols
        support = self.support if self.values.min(initial=0) >= 0 else np.zeros(self.num_classes)
        found = []
        for row, col, count in zip(self.rows[largest].tolist(), self.cols[largest].tolist(), self.values[largest].tolist(), strict=True):
            at = int(np.searchsorted(cells, col * self.num_classes + row))
            there = at < len(cells) and cells[at] == col * self.num_classes + row
            reverse = self.values[at].item() if there else 0
            rates = [float(divide(count, support[row])), float(divide(reverse, support[col]))]
            found.append(Confusion(self.classes[row], self.classes[col], count, rates[0], reverse, rates[1]))
        return found

    def select(
        self, true: Iterable[Any] | None = None, pred: Iterable[Any] | None = None, *, other: str | None = None
    ) -> "ConfusionMatrix":
        """A matrix of some classes only, given by name or index, in the order given.

        Args:
          true: the true classes whose rows are kept; all if only `pred` is given.
          pred: the predicted classes whose columns are kept; the same as `true` when left out. The new matrix has the classes of both.
          other: the name of a class to add last, which takes the samples that would be left out, so that the total stays.

        >>> small = ConfusionMatrix.from_dense([[5, 1, 2], [0, 7, 1], [3, 0, 9]], ["cat", "dog", "owl"])
        >>> small.select(["owl", "cat"]).to_dense().tolist()
        [[9, 3], [2, 5]]
        >>> small.select(["owl"], other="rest").to_dense().tolist()
        [[9, 3], [3, 13]]
        """
        return select_classes(self, true, pred, other)

    def group(self, by: "Mapping[Any, str] | Callable[[str], str] | int") -> "ConfusionMatrix":
        """A matrix of groups of classes, in the order in which each group first appears.

        Args:
          by: a mapping from class names or indices to groups, where classes that it does not mention stay as they are; a function from
            the name to the group; or the depth at which to cut names that are paths, such as 1 for "animal/dog" to "animal".

        >>> paths = ConfusionMatrix.from_dense([[5, 1, 2], [0, 7, 1], [3, 0, 9]], ["pet/cat", "pet/dog", "bird/owl"])
        >>> paths.group(1).to_dense().tolist()
        [[13, 3], [3, 9]]
        """
        return group_classes(self, by)

    def to_dataframe(self, max_bytes: int = DENSE_LIMIT) -> Any:
        """A pandas DataFrame [C, C] of counts, true classes as index and predicted classes as columns.

        Raises:
          ImportError: pandas is not installed.
          ValueError: it would take more than `max_bytes`, as for `to_dense`.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_dataframe needs pandas: pip install pandas") from error
        names = [self.classes[index] for index in range(self.num_classes)]
        return pd.DataFrame(self.to_dense(max_bytes), index=pd.Index(names, name="true"), columns=pd.Index(names, name="predicted"))

    def plot(self, ax: Any = None, normalize: str | None = None, **options: Any) -> Any:
        """Draws the matrix with matplotlib and returns the Axes; `tb_confmat_plugin.plot.plot_matrix` tells the options.

        Raises:
          ImportError: matplotlib is not installed.
        """
        try:
            from tb_confmat_plugin.plot import plot_matrix
        except ImportError as error:
            raise ImportError("plot needs matplotlib: pip install matplotlib") from error
        return plot_matrix(self, ax, normalize, **options)

    def __add__(self, other: object) -> "ConfusionMatrix":
        """The counts of both together. The classes must agree; a matrix without names takes those of the other."""
        return self._combined(other, 1, "add") if isinstance(other, ConfusionMatrix) else NotImplemented

    def __radd__(self, other: object) -> "ConfusionMatrix":
        """For `sum`, which begins with 0."""
        return self if isinstance(other, int) and other == 0 else NotImplemented

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

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor, so that the arrays of a copy cannot be written either.
        return type(self), (self.classes, self.rows, self.cols, self.values)

    def __hash__(self) -> int:
        return hash((self.classes, self.rows.tobytes(), self.cols.tobytes(), float(self.total)))

    def __repr__(self) -> str:
        return f"ConfusionMatrix({_in_words(self.classes)}, total={self.total:,}, cells={len(self.values):,})"

    def _repr_html_(self) -> str:
        """What a notebook shows: a table, or the largest confusions where a table would not fit."""
        from tb_confmat_plugin.html import matrix_to_html

        return matrix_to_html(self)

    def show(self, *, height: int = 640) -> Any:
        """The dashboard of this matrix, to look at in a notebook or to save; `tb_confmat_plugin.show` tells more, and takes several.

        >>> page = ConfusionMatrix.from_dense([[5, 2], [0, 3]], class_names=["cat", "dog"]).show()
        >>> page.height
        640
        """
        from tb_confmat_plugin.page import show

        return show(self, height=height)


def to_confusion_matrix(matrix: Any, class_names: Iterable[Any] | None = None) -> ConfusionMatrix:
    """Takes what people have: a ConfusionMatrix, a square array or scipy sparse matrix of counts, or something that makes one of these.

    That is an accumulator, or a metric of torchmetrics or Ignite, through its `compute()`; whatever else has a `to_confusion_matrix()`.
    """
    if isinstance(matrix, ConfusionMatrix):
        if class_names is None:
            return matrix
        return ConfusionMatrix(Classes.of(matrix.num_classes, class_names), matrix.rows, matrix.cols, matrix.values)
    if hasattr(matrix, "to_confusion_matrix"):
        return to_confusion_matrix(matrix.to_confusion_matrix(), class_names)
    if hasattr(matrix, "compute"):
        counts = to_confusion_matrix(matrix.compute(), class_names)
        for option in ("normalize", "average"):  # what torchmetrics and Ignite call it
            chosen = getattr(matrix, option, None)
            if chosen not in (None, "none"):
                raise ValueError(f"expected a metric that counts, got one of shares with {option}={chosen!r}; make it with {option}=None")
        return counts
    if isinstance(matrix, tuple):
        raise TypeError("expected a matrix, got a tuple; for predictions and labels use ConfusionMatrix.from_predictions(preds, target)")
    if hasattr(matrix, "tocoo"):
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"expected a square sparse matrix with true classes as rows, got shape {list(matrix.shape)}")
        sparse = matrix.tocoo()
        return ConfusionMatrix.from_coo(sparse.row, sparse.col, sparse.data, matrix.shape[0], class_names)
    return ConfusionMatrix.from_dense(matrix, class_names)


def _in_words(classes: Classes) -> str:
    if classes.names is None:
        return f"{classes.num_classes} classes without names"
    shown = ", ".join(repr(name) for name in classes.names[:3])
    return f"{classes.num_classes} classes [{shown}{', ...' if len(classes) > 3 else ''}]"
