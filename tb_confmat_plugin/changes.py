"""What changed between two matrices of the same classes, and whether by more than chance."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tb_confmat_plugin.metrics import METRICS, Floats, Marginals, divide
from tb_confmat_plugin.significance import FALSE_DISCOVERY_RATE, benjamini_hochberg, two_proportion_p

if TYPE_CHECKING:
    from tb_confmat_plugin.matrix import ConfusionMatrix

# Metrics of a class that are proportions, so that they can be tested, and of which more is better.
TESTED_METRICS = ("recall", "precision")


@dataclass(frozen=True)
class Change:
    """A share before and after.

    Attributes:
      true: the name of the true class, or of the class alone where `predicted` is None.
      predicted: for a cell the name of the predicted class.
      before: the share before, NaN where it is undefined.
      after: and after.
      trials_before: of how many samples it is the share.
      trials_after: and after.
      p_value: two-sided; NaN where a share is undefined.
      adjusted_p_value: the same adjusted for the number of shares compared (Benjamini and Hochberg, 1995).
    """

    true: str
    predicted: str | None
    before: float
    after: float
    trials_before: float
    trials_after: float
    p_value: float
    adjusted_p_value: float

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before

    @property
    def significant(self) -> bool:
        """Whether it is significant at a false discovery rate of 5%."""
        return self.adjusted_p_value <= FALSE_DISCOVERY_RATE


def class_changes(before: "ConfusionMatrix", after: "ConfusionMatrix", metric: str = "recall") -> list[Change]:
    """The change of each class in a metric, largest fall first, those that are undefined last.

    Args:
      before: counts.
      after: counts of the same classes.
      metric: "recall" or "precision".

    Raises:
      ValueError: classes that differ, a signed difference, or another metric.

    >>> from tb_confmat_plugin import ConfusionMatrix
    >>> before = ConfusionMatrix.from_dense([[90, 10], [5, 95]], ["cat", "dog"])
    >>> after = ConfusionMatrix.from_dense([[75, 25], [4, 96]], ["cat", "dog"])
    >>> [(found.true, round(found.change, 2), found.significant) for found in class_changes(before, after)]
    [('cat', -0.15, True), ('dog', 0.01, False)]
    """
    if metric not in TESTED_METRICS:
        raise ValueError(f"expected metric as one of {', '.join(map(repr, TESTED_METRICS))}, got {metric!r}")
    _ = before - after  # refuses other classes
    proportion = METRICS[metric].proportion
    assert proportion is not None
    parts = [part for matrix in (before, after) for part in proportion(Marginals.of(matrix))]
    changes = _changes([(index, None) for index in range(before.num_classes)], before, *parts)
    return sorted(changes, key=lambda change: (np.isnan(change.change), change.change))


def cell_changes(before: "ConfusionMatrix", after: "ConfusionMatrix") -> list[Change]:
    """The change of each cell off the diagonal as a share of its true class, largest change first, those that are undefined last.

    Cells that are empty in both are left out: nothing was expected there, and nothing is.

    Raises:
      ValueError: classes that differ, or a signed difference.
    """
    _ = before - after  # refuses other classes
    n = before.num_classes
    off = [matrix.rows != matrix.cols for matrix in (before, after)]
    cells = [matrix.rows[part] * n + matrix.cols[part] for matrix, part in zip((before, after), off, strict=True)]
    union = np.union1d(*cells)
    parts = []
    for matrix, part, own in zip((before, after), off, cells, strict=True):
        counts = np.zeros(len(union))
        counts[np.searchsorted(union, own)] = matrix.values[part]
        parts += [counts, Marginals.of(matrix).support[union // n]]
    changes = _changes([divmod(cell, n) for cell in union.tolist()], before, *parts)
    return sorted(changes, key=lambda change: (np.isnan(change.change), -abs(change.change)))


def _changes(places: list[tuple[int, int | None]], matrix: "ConfusionMatrix", *parts: Floats) -> list[Change]:
    successes_before, trials_before, successes_after, trials_after = parts
    p_values = two_proportion_p(*parts)
    columns = [
        divide(successes_before, trials_before),
        divide(successes_after, trials_after),
        trials_before,
        trials_after,
        p_values,
        benjamini_hochberg(p_values),
    ]
    names = matrix.classes
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        Change(names[true], None if predicted is None else names[predicted], *row)
        for (true, predicted), row in zip(places, rows, strict=True)
    ]
