import numpy as np
import pytest
import scipy.stats

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.changes import aligned, cell_changes, class_changes

NAMES = ["cat", "dog", "owl", "ant"]
BEFORE = ConfusionMatrix.from_dense([[90, 10, 0, 0], [5, 95, 0, 0], [0, 3, 1, 0], [0, 0, 0, 0]], NAMES)
AFTER = ConfusionMatrix.from_dense([[70, 29, 1, 0], [4, 146, 0, 0], [0, 0, 5, 0], [0, 0, 0, 0]], NAMES)


def adjusted(*p_values):
    return scipy.stats.false_discovery_control(p_values, method="bh")


def chi2(a, n_a, b, n_b):
    return scipy.stats.chi2_contingency([[a, n_a - a], [b, n_b - b]], correction=False).pvalue


def fisher(a, n_a, b, n_b):
    return scipy.stats.fisher_exact([[a, n_a - a], [b, n_b - b]]).pvalue


def test_classes_by_recall():
    cat, dog, owl, ant = class_changes(BEFORE, AFTER)
    assert [(change.true, change.predicted) for change in (cat, dog, owl, ant)] == [(name, None) for name in NAMES]
    assert (cat.before, cat.after, cat.trials_before, cat.trials_after) == (0.9, 0.7, 100, 100)
    assert cat.change == pytest.approx(-0.2)
    assert (dog.before, dog.after, dog.trials_after) == (0.95, pytest.approx(146 / 150), 150)
    p_values = chi2(90, 100, 70, 100), fisher(95, 100, 146, 150), fisher(1, 4, 5, 5)
    assert [change.p_value for change in (cat, dog, owl)] == pytest.approx(p_values)
    assert [change.adjusted_p_value for change in (cat, dog, owl)] == pytest.approx(adjusted(*p_values))
    assert [change.significant for change in (cat, dog, owl, ant)] == [True, False, False, False]
    assert np.isnan([ant.before, ant.after, ant.change, ant.p_value, ant.adjusted_p_value]).all()


def test_classes_by_precision():
    changes = {change.true: change for change in class_changes(BEFORE, AFTER, "precision")}
    assert (changes["cat"].before, changes["cat"].after) == (90 / 95, 70 / 74)
    assert (changes["dog"].trials_before, changes["dog"].trials_after) == (108, 175)
    assert changes["owl"].p_value == pytest.approx(fisher(1, 1, 5, 6))
    assert [change.true for change in class_changes(BEFORE, AFTER, "precision")] == ["owl", "dog", "cat", "ant"]


def test_cells():
    changes = cell_changes(BEFORE, AFTER)
    assert [(change.true, change.predicted, change.before, change.after) for change in changes] == [
        ("owl", "dog", 0.75, 0),
        ("cat", "dog", 0.1, 0.29),
        ("dog", "cat", 0.05, pytest.approx(4 / 150)),
        ("cat", "owl", 0, 0.01),
    ]
    p_values = fisher(3, 4, 0, 5), chi2(10, 100, 29, 100), fisher(5, 100, 4, 150), fisher(0, 100, 1, 100)
    assert [change.p_value for change in changes] == pytest.approx(p_values)
    assert [change.adjusted_p_value for change in changes] == pytest.approx(adjusted(*p_values))
    assert [change.significant for change in changes] == [False, True, False, False]


def test_a_class_that_came_to_be():
    (change,) = cell_changes(ConfusionMatrix.from_dense([[0, 0], [0, 4]]), ConfusionMatrix.from_dense([[1, 3], [0, 4]]))
    assert (change.true, change.predicted, change.after, change.trials_before) == ("0", "1", 0.75, 0)
    assert np.isnan([change.before, change.change, change.p_value]).all()
    assert not change.significant
    assert cell_changes(ConfusionMatrix.from_dense([[3]]), ConfusionMatrix.from_dense([[4]])) == []


def cells_by_name(matrix):
    names = [matrix.classes[index] for index in range(matrix.num_classes)]
    return {(names[i], names[j]): count for (i, j), count in np.ndenumerate(matrix.to_dense()) if count}


def test_aligned_by_name():
    order = [2, 0, 3, 1]
    moved = ConfusionMatrix.from_dense(AFTER.to_dense()[np.ix_(order, order)], [NAMES[index] for index in order])
    assert aligned(BEFORE, moved) == (BEFORE, AFTER, "classes differ and are matched by name")
    other = ConfusionMatrix.from_dense([[4, 1, 2], [0, 3, 0], [5, 0, 6]], ["emu", "dog", "bee"])
    first, second, words = aligned(BEFORE, other)
    assert first.class_names == second.class_names == (*NAMES, "emu", "bee")
    assert (cells_by_name(first), cells_by_name(second)) == (cells_by_name(BEFORE), cells_by_name(other))
    assert words == "classes differ and are matched by name; only before: 'ant', 'cat', 'owl'; only after: 'bee', 'emu'"


def test_aligned_as_they_are():
    assert aligned(BEFORE, AFTER) == (BEFORE, AFTER, None)
    numbered = ConfusionMatrix.from_dense(AFTER.to_dense())
    assert aligned(BEFORE, numbered) == (BEFORE, numbered, "the classes have no names after, and are matched by position")
    assert aligned(numbered, BEFORE) == (numbered, BEFORE, "the classes have no names before, and are matched by position")
    assert aligned(numbered, numbered) == (numbered, numbered, None)
    message = (
        "^expected the same number of classes, or names in both to match them by, got 4 classes with names and 2 classes without names; "
        "log both with the names of their classes$"
    )
    with pytest.raises(ValueError, match=message):
        aligned(BEFORE, ConfusionMatrix.from_dense([[1, 2], [0, 3]]))


@pytest.mark.parametrize("compare", [class_changes, cell_changes])
def test_what_cannot_be_compared(compare):
    with pytest.raises(ValueError, match="matrices of different classes"):
        compare(BEFORE, ConfusionMatrix.from_dense([[1, 2], [3, 4]]))
    with pytest.raises(ValueError, match="signed difference"):
        compare(BEFORE, AFTER - BEFORE)


def test_only_shares_are_tested():
    with pytest.raises(ValueError, match="expected metric as one of 'recall', 'precision', got 'f1'"):
        class_changes(BEFORE, AFTER, "f1")
