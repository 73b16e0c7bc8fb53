"""Writes what SciPy makes of proportions, p-values and dendrograms, for frontend/test/significance.test.ts and order.test.ts to agree with.

    python tests/records/significance.py

significance.json holds, each a list:

    erfc                 [x, erfc(x)]
    proportions          [x1, n1, x2, n2, p-value]: of Fisher's exact test for whole numbers of which one is expected to be below 5,
                         otherwise of the chi-squared test without correction, which is the pooled z-test
    false_discoveries    {"p_values", "adjusted"} (Benjamini and Hochberg, 1995)
    average_linkages     {"counts" by true class, then predicted, "clusters": [[similarity, classes], ...] of the dendrogram}
"""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import average
from scipy.spatial.distance import squareform
from scipy.special import erfc
from scipy.stats import chi2_contingency, false_discovery_control, fisher_exact
from scipy.stats.contingency import expected_freq

OUTPUT = Path(__file__).with_suffix(".json")
Proportions = tuple[float, float, float, float]


def oracles() -> dict[str, list[Any]]:
    """The content of significance.json."""
    draw = random.Random(20261122)
    points = [0, 1e-300, 1e-9, 0.1, 0.499999, 0.5, 0.500001, 1, 2, 3.5, 6.28, 6.29, 10, 20, 26, *(draw.uniform(0, 8) for _ in range(60))]
    return {
        "erfc": [[x, float(erfc(x))] for x in points],
        "proportions": [[*table, p_value(table)] for table in tables(draw)],
        "false_discoveries": [{"p_values": ps, "adjusted": false_discovery_control(ps).tolist()} for ps in many_p_values(draw)],
        "average_linkages": [{"counts": counts.tolist(), "clusters": clusters(counts)} for counts in matrices(draw)],
    }


def tables(draw: random.Random) -> list[Proportions]:
    """Two proportions each: written out where a test is at its limits, then drawn, small ones and large."""
    found: list[Proportions] = [
        *[(0, 1, 1, 1), (0, 10, 10, 10), (3, 7, 3, 7), (0, 5, 0, 9), (5, 5, 9, 9), (1, 2, 2, 4), (0, 1, 1, 1_000_000)],
        *[(8, 10, 1, 10), (1, 10, 8, 10), (10, 20, 10, 21), (9, 10, 989_999, 1_000_000), (3, 100_000, 12, 100_000)],
        *[(0, 1000, 40, 1000), (990, 1000, 1000, 1000), (0, 10**6, 4, 10**6), (2, 10**5, 30, 10**6), (400, 1000, 600, 1000)],
        *[(0.5, 4, 2.25, 5), (1e-3, 2e-2, 3e-3, 5e-2), (100.5, 1000, 150.25, 1200), (10**7, 10**8, 10**7 + 10**4, 10**8)],
    ]
    for _ in range(300):
        sizes = [draw.choice([5, 30, 1000, 50_000]) for _ in range(2)]
        n1, n2 = (draw.randint(1, size) for size in sizes)
        share = draw.choice([0.001, 0.03, 0.5, 0.97, 1])
        x1, x2 = (round(n * min(1, share * draw.uniform(0.3, 1.4))) for n in (n1, n2))
        found.append((x1, n1, x2, n2))
    return found


def p_value(table: Proportions) -> float:
    """Two-sided."""
    x1, n1, x2, n2 = table
    observed = np.array([[x1, n1 - x1], [x2, n2 - x2]])
    if 0 in observed.sum(axis=0):
        return 1.0  # SciPy has no chi-squared test of these
    if expected_freq(observed).min() < 5 and all(float(x).is_integer() for x in table):
        return float(fisher_exact(observed).pvalue)
    return float(chi2_contingency(observed, correction=False).pvalue)


def many_p_values(draw: random.Random) -> list[list[float]]:
    """Of nothing, of noise, and of noise with a few that are none; some the same."""
    noise = [[draw.random() for _ in range(size)] for size in (1, 2, 40, 200)]
    mixed = [[draw.random() ** draw.choice([1, 1, 8]) for _ in range(size)] for size in (5, 60, 300)]
    return [[1.0], [0.03, 0.03, 0.03], [0.01, 0.2, 0.01, 1.0], *noise, *mixed]


def matrices(draw: random.Random) -> list[np.ndarray]:
    """Counts without ties: full ones and sparse ones, some classes without samples, some never confused."""
    found = []
    for size, filled in [(2, 1), (3, 1), (7, 1), (12, 0.3), (20, 0.15), (30, 0.1), (30, 1)]:
        counts = np.array([[draw.randint(1, 10**6) if draw.random() < filled else 0 for _ in range(size)] for _ in range(size)])
        if size == 20:
            counts[[3, 11]] = 0  # never true
            counts[:, 7] = 0  # never predicted
        found.append(counts)
    return found


def clusters(counts: np.ndarray) -> list[list[Any]]:
    """Those of two classes and more with a similarity above 0: the mean of the shares of samples that either class loses to the other."""
    support = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, support, out=np.zeros(counts.shape), where=support > 0)
    distances = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distances, 0)
    members = [[index] for index in range(len(counts))]
    found = []
    for one, other, distance, _ in average(squareform(distances)).tolist():
        members.append(sorted(members[int(one)] + members[int(other)]))
        if 1 - distance > 1e-12:
            found.append([1 - distance, members[-1]])
    return found


def main() -> None:
    """Writes the file."""
    OUTPUT.write_text(json.dumps(oracles()) + "\n", "ascii")


if __name__ == "__main__":
    main()
