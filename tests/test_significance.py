import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from tb_confmat_plugin.significance import benjamini_hochberg, two_proportion_p

nan = float("nan")


@st.composite
def proportions(draw):
    trials = [draw(st.integers(1, 400)) for _ in range(2)]
    return [draw(st.integers(0, trials[0])), trials[0], draw(st.integers(0, trials[1])), trials[1]]


def oracle(a, n_a, b, n_b):
    """The p-value by scipy: chi-squared without correction is the square of the pooled z."""
    of = np.array([[a, n_a - a], [b, n_b - b]])
    if scipy.stats.contingency.expected_freq(of).min() < 5:
        return scipy.stats.fisher_exact(of).pvalue
    return scipy.stats.chi2_contingency(of, correction=False).pvalue


@given(proportions())
def test_the_same_as_scipy(pair):
    assert two_proportion_p(*pair) == pytest.approx(oracle(*pair), rel=1e-6, abs=1e-12)


@given(proportions())
def test_neither_the_order_nor_what_a_success_is_matters(pair):
    a, n_a, b, n_b = pair
    p = two_proportion_p(*pair)
    assert 0 <= p <= 1
    assert two_proportion_p(b, n_b, a, n_a) == pytest.approx(p, rel=1e-9)
    assert two_proportion_p(n_a - a, n_a, n_b - b, n_b) == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize(
    ("pair", "exact"),
    [
        ((5, 10, 5, 10), False),
        ((4, 10, 5, 10), True),
        ((15, 20, 15, 20), False),
        ((16, 20, 15, 20), True),
        ((16, 20, 40, 200), False),
        ((21, 31, 31, 31), False),
    ],
)
def test_which_test_is_taken_where(pair, exact):
    a, n_a, b, n_b = pair
    table = [[a, n_a - a], [b, n_b - b]]
    fisher, chi2 = scipy.stats.fisher_exact(table).pvalue, scipy.stats.chi2_contingency(table, correction=False).pvalue
    assert two_proportion_p(*pair) == pytest.approx(fisher if exact else chi2, rel=1e-9)


def test_many_samples_do_not_overflow():
    pair = (3, 4_000_000, 8, 3_000_000)
    assert two_proportion_p(*pair) == pytest.approx(scipy.stats.fisher_exact([[3, 3_999_997], [8, 2_999_992]]).pvalue, rel=1e-6)


def test_nothing_to_compare_is_undefined():
    p = two_proportion_p([0, 3, 0], [0, 5, 0], [2, 0, 0], [5, 0, 0])
    assert np.isnan(p).all()
    assert two_proportion_p([0, 7], [9, 7], [0, 8], [8, 8]).tolist() == [1, 1]


def test_shapes_are_kept_and_weights_rounded():
    p = two_proportion_p([[90.0, 3.4], [3.0, 80.5]], 100, [[75, 0], [0, 70]], 100)
    assert p.shape == (2, 2)
    assert p[0, 1] == p[1, 0] == pytest.approx(oracle(3, 100, 0, 100))
    assert p[1, 1] == pytest.approx(scipy.stats.chi2_contingency([[80.5, 19.5], [70, 30]], correction=False).pvalue)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_as_scipy_does(p):
    assert benjamini_hochberg(p) == pytest.approx(scipy.stats.false_discovery_control(p, method="bh"))


def test_undefined_ones_are_no_tests():
    adjusted = benjamini_hochberg([[0.01, nan], [0.04, 0.02]])
    assert adjusted[0, 0] == pytest.approx(0.03)
    assert adjusted[1].tolist() == pytest.approx([0.04, 0.03])
    assert np.isnan(adjusted[0, 1])
    assert benjamini_hochberg([]).shape == (0,)
