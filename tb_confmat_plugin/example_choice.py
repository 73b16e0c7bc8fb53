"""Which samples are kept as examples: of the cells and classes that have the most wrong ones, the most telling."""

from collections import Counter

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

EXEMPLARS = 2  # examples of a cell on the diagonal


class Tallies:
    """How many samples were seen of each cell, and of each class how many wrong ones, as true class and as predicted class."""

    def __init__(self) -> None:
        self.cells: Counter[int] = Counter()  # true * C + predicted -> samples
        self.as_true: Counter[int] = Counter()
        self.as_predicted: Counter[int] = Counter()

    def add(self, cells: Labels, num_classes: int, counts: Labels | None = None) -> None:
        """Adds samples of these cells, one each or as many as `counts` says."""
        wrong = cells // num_classes != cells % num_classes
        for tally, keys, chosen in (
            (self.cells, cells, slice(None)),
            (self.as_true, cells // num_classes, wrong),
            (self.as_predicted, cells % num_classes, wrong),
        ):
            if counts is None:
                tally.update(keys[chosen].tolist())
            else:
                for key, count in zip(keys[chosen].tolist(), counts[chosen].tolist(), strict=True):
                    tally[key] += count


def choose(cells: Labels, ranks: Floats, tallies: Tallies, num_classes: int, per_cell: int, most: int) -> Labels:
    """Which samples are kept, as positions, at most `most`; a cell's samples of higher rank first.

    Of a wrong cell at most `per_cell` are kept, of a cell on the diagonal (exemplars) at most two. Where that is too many, wrong samples
    are divided among the true classes in proportion to their wrong samples, and within a class among its cells, by the method of
    Victor D'Hondt (1882): the worst are served first. One exemplar a class goes before that, to classes with the most wrong
    samples (as true or as predicted class) first, up to half of all.
    """
    order = np.lexsort((-ranks, cells))
    cells = cells[order]
    place = _places(cells)
    true, predicted = cells // num_classes, cells % num_classes
    wrong = np.flatnonzero((true != predicted) & (place < per_cell))
    samples = _look_up(tallies.cells, cells[wrong])
    wrong = wrong[np.lexsort((-ranks[order[wrong]], -samples / (place[wrong] + 1), true[wrong]))]
    errors = _look_up(tallies.as_true, true[wrong])
    wrong = wrong[np.argsort(-errors / (_places(true[wrong]) + 1), kind="stable")]
    right = np.flatnonzero((true == predicted) & (place < min(EXEMPLARS, per_cell)))
    confused = _look_up(tallies.as_true, true[right]) + _look_up(tallies.as_predicted, true[right])
    right = right[np.lexsort((-confused, place[right]))]
    firsts = right[: min(most // 2, int((place[right] == 0).sum()))]
    chosen: Labels = order[np.concatenate([firsts, wrong, right[len(firsts) :]])[:most]]
    return chosen


def _places(keys: Labels) -> Labels:
    """The position of each within the run of equal neighbors that it is in."""
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, np.int64)
    return np.arange(len(keys)) - np.repeat(starts, np.diff(starts, append=len(keys)))


def _look_up(tally: Counter[int], keys: Labels) -> Labels:
    return np.array([tally[key] for key in keys.tolist()], np.int64)
