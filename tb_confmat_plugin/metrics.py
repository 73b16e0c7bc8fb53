"""Metrics of a confusion matrix, each a function of its marginals, in one registry that everything else asks.

Where a metric is undefined (a share of nothing) it is NaN, never 0. What averages over classes do with that is the caller's choice,
`zero_division`, in the words of scikit-learn: NaN leaves undefined classes out of the average, 0 or 1 counts them as that.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tb_confmat_plugin.matrix import ConfusionMatrix

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Two-sided 95% of the standard normal distribution.
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Marginals:
    """What metrics are made of, as float64.

    Attributes:
      support: [C], samples of each true class.
      predicted: [C], samples predicted as each class.
      true_positives: [C], the diagonal.
      largest_confusion: the largest cell off the diagonal.
      zero_division: what a class counts as in averages where its metric is undefined; NaN leaves it out.
    """

    support: Floats
    predicted: Floats
    true_positives: Floats
    largest_confusion: float
    zero_division: float = math.nan

    @classmethod
    def of(cls, matrix: "ConfusionMatrix", zero_division: float = math.nan) -> "Marginals":
        """The marginals of a matrix.

        Raises:
          ValueError: another `zero_division` than 0, 1 or NaN; or a signed difference, of which no share is a share.
        """
        if not (zero_division in (0, 1) or zero_division != zero_division):  # noqa: PLR0124  # that is, if it is NaN
            raise ValueError(f"expected zero_division as 0, 1 or nan, got {zero_division!r}")
        refuse_signed(matrix)
        wrong = matrix.values[matrix.rows != matrix.cols]
        return cls(
            matrix.support.astype(np.float64),
            matrix.predicted.astype(np.float64),
            matrix.true_positives.astype(np.float64),
            float(wrong.max(initial=0)),
            float(zero_division),
        )

    @cached_property
    def total(self) -> float:
        """All samples."""
        return float(self.support.sum())

    @cached_property
    def correct(self) -> float:
        """All samples on the diagonal."""
        return float(self.true_positives.sum())

    @cached_property
    def wrong(self) -> float:
        """All samples off the diagonal."""
        return float((self.support - self.true_positives).sum())

    @cached_property
    def other_support(self) -> Floats:
        """[C], samples of all other true classes."""
        return _others(self.support)

    @cached_property
    def other_predicted(self) -> Floats:
        """[C], samples predicted as any other class."""
        return _others(self.predicted)

    @cached_property
    def stacked(self) -> Floats:
        """[3, C]: the true positives, the support and the predicted, the order of every gradient."""
        return np.stack([self.true_positives, self.support, self.predicted])


@dataclass(frozen=True)
class Metric:
    """One entry of the registry.

    Attributes:
      name: its public name.
      formula: the formula in terms of the marginals; TP, FP, FN and TN are those of a class against the rest, N is the total.
      source: who defined it, and when.
      compute: the function: marginals to a float, or to [C] for a metric of each class.
      per_class: whether it is a metric of each class.
      proportion: for a share of samples, the function that gives its numerator and denominator; it then has a Wilson interval.
      through: for what grows with that share and is not itself one, how; the bounds of the interval go the same way.
      gradient: for another function of the marginals of the whole matrix, its gradient as [3, C], by the true positives, the support and
        the predicted of each class; it then has an interval by the delta method.
      least: the smallest value that there is; the largest of what has an interval is 1.
    """

    name: str
    formula: str
    source: str
    compute: Callable[[Marginals], Any]
    per_class: bool = False
    proportion: Callable[[Marginals], tuple[Any, Any]] | None = None
    through: Callable[[Floats], Floats] | None = None
    gradient: Callable[[Marginals], Floats] | None = None
    least: float = 0.0


METRICS: dict[str, Metric] = {}


def compute_metrics(matrix: "ConfusionMatrix", zero_division: float = math.nan) -> dict[str, float]:
    """Every metric of the whole matrix; `ConfusionMatrix.metrics` says more."""
    marginals = Marginals.of(matrix, zero_division)
    return {name: float(metric.compute(marginals)) for name, metric in METRICS.items() if not metric.per_class}


def compute_intervals(matrix: "ConfusionMatrix", zero_division: float = math.nan) -> dict[str, tuple[float, float]]:
    """The interval of every metric of the whole matrix that has one; `ConfusionMatrix.metric_intervals` says more."""
    marginals = Marginals.of(matrix, zero_division)
    off = np.flatnonzero(matrix.rows != matrix.cols)
    wrong = matrix.rows[off], matrix.cols[off], matrix.values[off].astype(np.float64)
    found: dict[str, tuple[float, float]] = {}
    for name, metric in METRICS.items():
        if not metric.per_class and metric.proportion is not None:
            low, high = wilson_interval(*metric.proportion(marginals))
        elif metric.gradient is not None:
            with np.errstate(all="ignore"):  # a weight may be too small to divide by, or for the square of what that gives
                half = Z_95 * _standard_error(marginals, wrong, metric.gradient(marginals))
            low, high = np.clip(metric.compute(marginals) + np.array([-half, half]), metric.least, 1)
        else:
            continue
        found[name] = float(low), float(high)
    return found


def compute_per_class(matrix: "ConfusionMatrix") -> dict[str, Floats]:
    """Every metric of each class, and the interval of each share; `ConfusionMatrix.per_class` says more."""
    marginals = Marginals.of(matrix)
    found: dict[str, Floats] = {}
    for name, metric in METRICS.items():
        if metric.per_class:
            found[name] = metric.compute(marginals)
            if metric.proportion is not None:
                interval = wilson_interval(*metric.proportion(marginals))
                found[f"{name}_interval"] = metric.through(interval) if metric.through else interval
    return found


def wilson_interval(successes: Floats, trials: Floats) -> Floats:
    """The 95% score interval of a proportion (Wilson, 1927): [..., 2], lower and upper bound, NaN where there are no trials.

    >>> wilson_interval(np.array([9.0]), np.array([10.0])).round(4).tolist()
    [[0.5958, 0.9821]]
    """
    share = divide(successes, trials)
    with np.errstate(invalid="ignore"):  # 0 / 0 where there are no trials
        middle = (successes + Z_95**2 / 2) / (trials + Z_95**2)
        half = Z_95 / (trials + Z_95**2) * np.sqrt(successes * (trials - successes) / trials + Z_95**2 / 4)
    # Rounding must not take a bound beyond the ends, or the share out of its interval.
    lower, upper = np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)
    return np.stack([lower, upper], axis=-1)


def _standard_error(m: Marginals, wrong: tuple[Integers, Integers, Floats], gradient: Floats) -> float:
    """That of a metric when samples fall into cells at random (multinomial), by the delta method; NaN where it finds no spread.

    A sample in cell (i, j) moves the metric by g_ij = [i = j] TP_i + support_i + predicted_j, each of the gradient, and the variance is the
    sum over cells of count x (g_ij - mean g)^2. A constant added to every g_ij changes nothing.

    Args:
      m: the marginals.
      wrong: rows, columns and counts of the cells off the diagonal.
      gradient: [3, C].
    """
    rows, cols, counts = wrong
    by_support = gradient[1] - divide((m.stacked * gradient).sum(), m.total)
    at_correct = gradient[0] + by_support + gradient[2]
    at_wrong = by_support[rows] + gradient[2][cols]
    variance = (m.true_positives * at_correct**2).sum() + (counts * at_wrong**2).sum()
    # Where nothing spreads, rounding must not pass for a small spread.
    return math.sqrt(variance) if variance > 1e-20 * (m.stacked * gradient**2).sum() else math.nan


def refuse_signed(matrix: "ConfusionMatrix") -> None:
    """Shares of a difference of matrices mean nothing."""
    if matrix.values.min(initial=0) < 0:
        raise ValueError("expected counts, got a signed difference, of which there are no shares; subtract the shares of both instead")


def divide(numerator: Any, denominator: Any) -> Any:
    """The share, NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(denominator) == 0, np.nan, np.divide(numerator, denominator))


def _average(values: Floats, weights: Floats | None, zero_division: float) -> float:
    """The mean over classes; undefined values count as `zero_division`, or not at all if that is NaN."""
    values = np.where(np.isnan(values), zero_division, values)
    defined = ~np.isnan(values)
    weights = np.ones_like(values) if weights is None else weights
    return float(divide((values[defined] * weights[defined]).sum(), weights[defined].sum()))


# The counts of a class against the rest.


def _false_positives(m: Marginals) -> Floats:
    return m.predicted - m.true_positives


def _false_negatives(m: Marginals) -> Floats:
    return m.support - m.true_positives


def _true_negatives(m: Marginals) -> Floats:
    # Sums of weights are rounded: what is left of them must not become negative.
    return np.maximum(m.total - m.support - _false_positives(m), 0)


def _negatives(m: Marginals) -> Floats:
    return _true_negatives(m) + _false_positives(m)


def _count(name: str, formula: str, compute: Callable[[Marginals], Floats]) -> None:
    METRICS[name] = Metric(name, formula, "a count", compute, per_class=True)


def _proportion(name: str, formula: str, source: str, proportion: Callable[[Marginals], tuple[Floats, Floats]]) -> None:
    METRICS[name] = Metric(name, formula, source, lambda m: divide(*proportion(m)), per_class=True, proportion=proportion)


def _whole(name: str, formula: str, source: str, compute: Callable[[Marginals], float], **interval: Any) -> None:
    METRICS[name] = Metric(name, formula, source, compute, **interval)


def _accuracy(m: Marginals) -> tuple[Any, Any]:
    return np.float64(m.correct), np.float64(m.total)  # which divide by 0


_count("support", "TP + FN", lambda m: m.support)
_count("predicted", "TP + FP", lambda m: m.predicted)
_count("true_positives", "TP", lambda m: m.true_positives)
_count("false_positives", "FP", _false_positives)
_count("false_negatives", "FN", _false_negatives)
_count("true_negatives", "TN = N - TP - FP - FN", _true_negatives)

_RETRIEVAL = "Kent, Berry, Luehrs and Perry, 1955"
_proportion("precision", "TP / (TP + FP)", _RETRIEVAL, lambda m: (m.true_positives, m.predicted))
_proportion("recall", "TP / (TP + FN)", _RETRIEVAL, lambda m: (m.true_positives, m.support))
_proportion("specificity", "TN / (TN + FP)", "Yerushalmy, 1947", lambda m: (_true_negatives(m), _negatives(m)))


def _jaccard(m: Marginals) -> tuple[Any, Any]:
    return m.true_positives, m.support + m.predicted - m.true_positives


METRICS["f1"] = Metric(
    "f1",
    "2 TP / (2 TP + FP + FN)",
    "van Rijsbergen, 1979; Dice, 1945",
    lambda m: divide(2 * m.true_positives, m.support + m.predicted),
    per_class=True,
    proportion=_jaccard,
    through=lambda jaccard: 2 * jaccard / (1 + jaccard),
)
_proportion("jaccard", "TP / (TP + FP + FN)", "Jaccard, 1901", _jaccard)
_proportion("false_positive_rate", "FP / (FP + TN)", "Green and Swets, 1966", lambda m: (_false_positives(m), _negatives(m)))

# Which combinations of TP, support and predicted are the numerator and the denominator of the shares that are averaged.
_COMBINATIONS = {
    "precision": ((1, 0, 0), (0, 0, 1)),
    "recall": ((1, 0, 0), (0, 1, 0)),
    "f1": ((2, 0, 0), (0, 1, 1)),
    "jaccard": ((1, 0, 0), (-1, 1, 1)),
}


def _mean_gradient(name: str, weights: Callable[[Marginals], Floats], m: Marginals) -> Floats:
    """The gradient of a mean over classes of a share, its weights held."""
    numerator, denominator = _COMBINATIONS[name]
    share = METRICS[name].compute(m)
    undefined = np.isnan(share)
    weight = np.where(undefined & math.isnan(m.zero_division), 0, weights(m))
    slope = divide(np.transpose([numerator]) - np.outer(denominator, share), np.dot(denominator, m.stacked))
    return np.asarray(np.where(undefined, 0, slope) * divide(weight, weight.sum()))


def _macro_gradient(name: str, m: Marginals) -> Floats:
    return _mean_gradient(name, lambda m: np.ones_like(m.support), m)


def _weighted_gradient(name: str, m: Marginals) -> Floats:
    gradient = _mean_gradient(name, lambda m: m.support, m)
    share = METRICS[name].compute(m)
    share = np.where(np.isnan(share), m.zero_division, share)
    counted = ~np.isnan(share)
    above = share[counted] - _average(share, m.support, m.zero_division)
    gradient[1, counted] += divide(above, m.support[counted].sum())
    return gradient


_whole("total", "N", "a count", lambda m: m.total)
_whole("accuracy", "sum of TP / N", "a share", lambda m: divide(*_accuracy(m)), proportion=_accuracy)
_whole(
    "balanced_accuracy",
    "mean recall of the classes that have samples",
    "Brodersen, Ong, Stephan and Buhmann, 2010",
    lambda m: _average(METRICS["recall"].compute(m), None, math.nan),
    gradient=partial(_mean_gradient, "recall", lambda m: np.sign(m.support)),
)
# mypy does not infer a lambda's default argument, which binds the metric of this turn of the loop.
for _name in ("precision", "recall", "f1"):
    _per_class = METRICS[_name]
    _spoken = _name.replace("f1", "F1")
    _whole(
        f"{_name}_macro",
        f"mean {_spoken} of all classes",
        "Lewis, 1991",
        lambda m, metric=_per_class: _average(metric.compute(m), None, m.zero_division),  # type: ignore[misc]  # see above
        gradient=partial(_macro_gradient, _name),
    )
    _whole(
        f"{_name}_micro",
        f"{_spoken} of the summed counts of all classes, which is the accuracy where each sample has one label",
        "Lewis, 1991",
        lambda m: divide(*_accuracy(m)),
        proportion=_accuracy,
    )
    _whole(
        f"{_name}_weighted",
        f"mean {_spoken} of all classes, weighted by support",
        "Lewis, 1991",
        lambda m, metric=_per_class: _average(metric.compute(m), m.support, m.zero_division),  # type: ignore[misc]  # see above
        # The mean recall weighted by support is the accuracy, and has its interval.
        **{"proportion": _accuracy} if _name == "recall" else {"gradient": partial(_weighted_gradient, _name)},
    )
_whole(
    "jaccard_macro",
    "mean Jaccard of all classes",
    "Jaccard, 1901",
    lambda m: _average(METRICS["jaccard"].compute(m), None, m.zero_division),
    gradient=partial(_macro_gradient, "jaccard"),
)


# N^2 minus a sum of products over classes is written as a sum over pairs of different classes. Then nothing cancels out: a matrix of one
# class gives exactly 0 whatever the weights, and a rare class tells at any N. In gradients, too, the sum over the other classes stands in
# place of minus the count of a class: N is held there, and constants do not matter.


def _others(counts: Floats) -> Floats:
    """[C]: the sum over all other classes."""
    before, behind = np.cumsum(counts[:-1]), np.cumsum(counts[:0:-1])[::-1]
    others: Floats = np.append(0.0, before) + np.append(behind, 0.0)
    return others


def _apart(m: Marginals) -> float:
    """N^2 minus the sum of support x predicted: pairs of a truth and a prediction that differ."""
    return float((m.support * m.other_predicted).sum())


def _spreads(m: Marginals) -> tuple[float, float]:
    """N^2 minus the sum of support^2, and of predicted^2: pairs of truths that differ, and of predictions."""
    return float((m.support * m.other_support).sum()), float((m.predicted * m.other_predicted).sum())


def _matthews(m: Marginals) -> float:
    found = divide(_apart(m) - m.total * m.wrong, math.sqrt(math.prod(_spreads(m))))
    return float(np.clip(found, -1.0, 1.0))


def _matthews_gradient(m: Marginals) -> Floats:
    spreads, found = _spreads(m), _matthews(m)
    scale = math.sqrt(math.prod(spreads))
    by_support = divide(m.other_predicted, scale) - found * divide(m.other_support, spreads[0])
    by_predicted = divide(m.other_support, scale) - found * divide(m.other_predicted, spreads[1])
    return np.stack([np.full_like(by_support, divide(m.total, scale)), by_support, by_predicted])


def _kappa(m: Marginals) -> float:
    apart = _apart(m)
    return float(divide(apart - m.total * m.wrong, apart))


def _kappa_gradient(m: Marginals) -> Floats:
    by_true_positives, disagreement = np.full_like(m.support, m.total), 1 - _kappa(m)
    gradient = np.stack([by_true_positives, disagreement * m.other_predicted, disagreement * m.other_support])
    return np.asarray(divide(gradient, _apart(m)))


_whole(
    "matthews_corrcoef",
    "(N c - sum of support x predicted) / sqrt((N^2 - sum of predicted^2) (N^2 - sum of support^2)), with c the sum of TP",
    "Matthews, 1975; for many classes Gorodkin, 2004",
    _matthews,
    gradient=_matthews_gradient,
    least=-1.0,
)
_whole(
    "cohen_kappa",
    "(p - e) / (1 - e), with p the accuracy and e = sum of support x predicted / N^2",
    "Cohen, 1960",
    _kappa,
    gradient=_kappa_gradient,
    least=-1.0,
)
# It has no interval: that of a share holds for a cell chosen beforehand, and the largest of many lies above its own share.
_whole("top_confusion_rate", "the largest cell off the diagonal / N", "a share", lambda m: divide(m.largest_confusion, m.total))
