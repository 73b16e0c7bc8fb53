import json
import runpy
from fractions import Fraction
from math import comb
from pathlib import Path

import pytest

RECORDS = Path(__file__).parent / "records"
WRITTEN = json.loads((RECORDS / "significance.json").read_text("ascii"))


@pytest.fixture(scope="module")
def oracles():
    return runpy.run_path(str(RECORDS / "significance.py"))["oracles"]()


def flat(value):
    """What a JSON value holds, with the places."""
    if isinstance(value, dict):
        return [(key, *leaf) for key, part in value.items() for leaf in flat(part)]
    if isinstance(value, list):
        return [(index, *leaf) for index, part in enumerate(value) for leaf in flat(part)]
    return [(value,)]


def test_committed_oracles_are_what_scipy_says(oracles):
    written, found = flat(WRITTEN), flat(oracles)
    assert [leaf[:-1] for leaf in written] == [leaf[:-1] for leaf in found]
    # Releases of SciPy differ in the last digits.
    assert [leaf[-1] for leaf in written] == pytest.approx([leaf[-1] for leaf in found], rel=1e-9, abs=0)
    assert min(len(WRITTEN["erfc"]), len(WRITTEN["proportions"])) > 50
    assert len(WRITTEN["average_linkages"]) > 5


def test_fishers_test_is_the_sum_it_is_defined_as():
    tested = 0
    for x1, n1, x2, n2, p_value in WRITTEN["proportions"]:
        hits, total = x1 + x2, n1 + n2
        expected = min(hits, total - hits) * min(n1, n2) / total
        if expected >= 5 or total > 3000 or hits % 1 or n1 % 1:
            continue
        ways = [comb(n1, k) * comb(n2, hits - k) for k in range(min(n1, hits) + 1)]
        unlikely = sum(way for way in ways if way <= ways[x1])
        assert p_value == pytest.approx(float(Fraction(unlikely, comb(total, hits))), rel=1e-9, abs=0)
        tested += 1
    assert tested > 50
