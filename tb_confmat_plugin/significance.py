"""Whether two proportions differ by more than chance, such as the recall of each class in two runs."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST_EXPECTED = 5  # below this the normal distribution is no longer a fair approximation (Cochran, 1954)
FALSE_DISCOVERY_RATE = 0.05
_EQUALLY_LIKELY = 1 + 1e-7  # probabilities that differ by less are equal but for rounding


def two_proportion_p(successes_a: Any, trials_a: Any, successes_b: Any, trials_b: Any) -> Floats:
    """The two-sided p-value of each pair of proportions, float64 of the common shape of the arguments.

    It is that of the z-test with the pooled proportion, which is the chi-squared test (Pearson, 1900). Where one of the four counts that
    are expected, were the proportions equal, is below 5, it is that of the exact test (Fisher, 1922): the share of all tables of the
    same margins that are no more likely than this one. Both take the samples of the two for independent.

    Args:
      successes_a: counts from 0 to the trials. For the exact test weights are rounded to whole samples.
      trials_a: counts; where one is 0 the p-value is NaN.
      successes_b: the same of the other proportions.
      trials_b: and their trials.

    >>> two_proportion_p([90, 3], [100, 4], [75, 0], [100, 4]).round(4).tolist()
    [0.0052, 0.1429]
    """
    arrays = np.broadcast_arrays(*(np.asarray(given, np.float64) for given in (successes_a, trials_a, successes_b, trials_b)))
    a, n_a, b, n_b = (array.ravel() for array in arrays)
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (a + b) / (n_a + n_b)
        z = (a / n_a - b / n_b) / np.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    # Multiplied out, so that rounding cannot take an expected count of 5 below it.
    few = np.minimum(n_a, n_b) * np.minimum(a + b, n_a + n_b - a - b) < LEAST_EXPECTED * (n_a + n_b)
    found = np.full(a.shape, np.nan)
    for at in np.flatnonzero((n_a > 0) & (n_b > 0)):
        found[at] = _fisher_p(*(round(float(x[at])) for x in (a, n_a, b, n_b))) if few[at] else math.erfc(abs(z[at]) / math.sqrt(2))
    return found.reshape(arrays[0].shape)


def _fisher_p(a: int, n_a: int, b: int, n_b: int) -> float:
    successes = a + b
    low, high = max(0, successes - n_b), min(n_a, successes)
    k = np.arange(low, high, dtype=np.float64)
    # Each table's likelihood over that of the table before it, added up in logarithms, which no number of samples overflows.
    steps = np.log(n_a - k) + np.log(successes - k) - np.log(k + 1) - np.log(n_b - successes + k + 1)
    likelihood = np.append(0.0, np.cumsum(steps))
    weights = np.exp(likelihood - likelihood.max())
    share = weights[weights <= weights[a - low] * _EQUALLY_LIKELY].sum() / weights.sum()
    return float(min(share, 1.0))


def benjamini_hochberg(p_values: Any) -> Floats:
    """p-values adjusted for their number, so that of those up to q at most a share of q is by chance (Benjamini and Hochberg, 1995).

    The shape stays. NaN stays NaN, and is not counted as a test.

    >>> benjamini_hochberg([0.01, float("nan"), 0.04, 0.03]).tolist()
    [0.03, nan, 0.04, 0.04]
    """
    p = np.asarray(p_values, np.float64)
    adjusted = p.ravel().copy()
    tested = np.flatnonzero(~np.isnan(adjusted))
    falling = tested[np.argsort(-adjusted[tested], kind="stable")]
    ranks = np.arange(len(falling), 0, -1)
    adjusted[falling] = np.minimum(np.minimum.accumulate(adjusted[falling] * len(falling) / ranks), 1.0)
    return np.reshape(adjusted, p.shape)
