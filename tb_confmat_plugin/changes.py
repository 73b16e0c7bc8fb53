"""What changed between two matrices of the same classes, and whether by more than chance."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tb_confmat_plugin.classes import Classes
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


def aligned(before: "ConfusionMatrix", after: "ConfusionMatrix") -> tuple["ConfusionMatrix", "ConfusionMatrix", str | None]:
    """Both matrices with the classes of both, matched by name, and how in words: None where they have the same classes as they are.

    The classes of `before` come first, in its order; a class that a matrix does not have has counts of 0 there. Where one of the two has
    no names, and as many classes as the other, they are matched by position.

    Raises:
      ValueError: different numbers of classes, of which not all have names.

    >>> from tb_confmat_plugin import ConfusionMatrix
    >>> before = ConfusionMatrix.from_dense([[9, 1], [2, 7]], ["cat", "dog"])
    >>> after = ConfusionMatrix.from_dense([[8, 0], [3, 5]], ["dog", "owl"])
    >>> before, after, words = aligned(before, after)
    >>> after.class_names, after.to_dense().tolist()
    (('cat', 'dog', 'owl'), [[0, 0, 0], [0, 8, 0], [0, 3, 5]])
    >>> words
    "classes differ and are matched by name; only before: 'cat'; only after: 'owl'"
    """
    first, second = before.class_names, after.class_names
    if first is None or second is None:
        if before.num_classes == after.num_classes:
            side = "before" if first is None else "after"
            return before, after, None if first is second else f"the classes have no names {side}, and are matched by position"
        sides = [f"{each.num_classes:,} classes {'with' if each.class_names else 'without'} names" for each in (before, after)]
        raise ValueError(
            f"expected the same number of classes, or names in both to match them by, got {sides[0]} and {sides[1]}; "
            "log both with the names of their classes"
        )
    if first == second:
        return before, after, None
    classes = Classes.of(len({*first, *second}), list(dict.fromkeys((*first, *second))))
    index_of = {name: index for index, name in enumerate(classes.names or ())}
    lone = (("only before", index_of.keys() - set(second)), ("only after", index_of.keys() - set(first)))
    words = [f"; {which}: {', '.join(map(repr, sorted(names)))}" for which, names in lone if names]
    matched = _placed(before, first, classes, index_of), _placed(after, second, classes, index_of)
    return *matched, f"classes differ and are matched by name{''.join(words)}"


def _placed(matrix: "ConfusionMatrix", names: tuple[str, ...], classes: Classes, index_of: dict[str, int]) -> "ConfusionMatrix":
    places = np.array([index_of[name] for name in names], np.int64)
    return type(matrix).from_coo(places[matrix.rows], places[matrix.cols], matrix.values, len(classes), classes.names)


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
