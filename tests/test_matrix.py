import math
import pickle
import re
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tb_confmat_plugin.checks import MAX_TOTAL
from tb_confmat_plugin.matrix import Confusion, ConfusionMatrix, to_confusion_matrix

modest = settings(deadline=None, derandomize=True, max_examples=60)

COUNTS = [[11, 2, 5], [0, 13, 0], [1, 0, 300]]
NAMES = ("cat", "dog", "ant")


def says(message: str) -> str:
    return f"^{re.escape(message)}$"


whole = st.one_of(st.just(0), st.integers(0, 2**47 - 1))  # 36 of them stay below 2**53
fractions = st.one_of(st.just(0.0), st.floats(0, 1e6))


def square(elements, dtype):
    return st.integers(1, 6).flatmap(lambda size: arrays.arrays(dtype, (size, size), elements=elements))


dense_arrays = square(whole, np.int64) | square(fractions, np.float64)


def assert_well_formed(matrix: ConfusionMatrix) -> None:
    cells = matrix.rows * matrix.num_classes + matrix.cols
    assert np.all(np.diff(cells) > 0), "sorted, each cell once"
    assert np.all(matrix.values != 0)
    assert matrix.rows.dtype == matrix.cols.dtype == np.int64
    assert matrix.values.dtype in (np.int64, np.float64)
    assert not any(array.flags.writeable for array in (matrix.rows, matrix.cols, matrix.values))


@modest
@given(dense_arrays)
def test_dense_round_trip(dense):
    matrix = ConfusionMatrix.from_dense(dense)
    assert_well_formed(matrix)
    np.testing.assert_array_equal(matrix.to_dense(), dense)


@modest
@given(dense_arrays, st.randoms(use_true_random=False))
def test_coo_in_any_order(dense, random):
    rows, cols = np.nonzero(dense)
    order = random.sample(range(len(rows)), len(rows))
    matrix = ConfusionMatrix.from_coo(rows[order], cols[order], dense[rows, cols][order], num_classes=len(dense))
    assert_well_formed(matrix)
    assert matrix == ConfusionMatrix.from_dense(dense)


@modest
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**40)), max_size=30))
def test_repeated_cells_add_up_as_in_scipy(cells):
    rows, cols, counts = (np.array([cell[part] for cell in cells], np.int64) for part in range(3))
    matrix = ConfusionMatrix.from_coo(rows, cols, counts, num_classes=4)
    assert_well_formed(matrix)
    np.testing.assert_array_equal(matrix.to_dense(), scipy.sparse.coo_array((counts, (rows, cols)), shape=(4, 4)).toarray())


@modest
@given(dense_arrays)
def test_marginals(dense):
    matrix = ConfusionMatrix.from_dense(dense)
    # sums in another order may differ in the last digit where they are not whole
    np.testing.assert_allclose(matrix.support, dense.sum(axis=1), rtol=1e-14)
    np.testing.assert_allclose(matrix.predicted, dense.sum(axis=0), rtol=1e-14)
    np.testing.assert_array_equal(matrix.true_positives, np.diag(dense))
    np.testing.assert_allclose(matrix.total, dense.sum(), rtol=1e-14)
    if matrix.values.dtype == np.int64:
        assert matrix.total == sum(map(int, dense.ravel()))
        assert matrix.support.tolist() == [sum(map(int, row)) for row in dense]
        assert matrix.support.dtype == matrix.predicted.dtype == matrix.true_positives.dtype == np.int64


@st.composite
def two_arrays(draw):
    size = draw(st.integers(1, 5))
    elements = st.one_of(st.just(0), st.integers(0, 2**40))
    return tuple(draw(arrays.arrays(np.int64, (size, size), elements=elements)) for _ in range(2))


@modest
@given(two_arrays())
def test_plus_and_minus(pair):
    one, two = pair
    first, second = map(ConfusionMatrix.from_dense, pair)
    for result, expected in [(first + second, one + two), (first - second, one - two), (second - first, two - one)]:
        assert_well_formed(result)
        np.testing.assert_array_equal(result.to_dense(), expected)
    assert first + second == second + first
    assert first + second - second == first
    assert len((first - first).values) == 0


def test_attributes():
    matrix = ConfusionMatrix.from_dense(COUNTS, class_names=NAMES)
    assert matrix.num_classes == 3
    assert matrix.class_names == NAMES
    assert (matrix.total, type(matrix.total)) == (332, int)
    assert matrix.support.tolist() == [18, 13, 301]
    assert matrix.predicted.tolist() == [12, 15, 305]
    assert matrix.true_positives.tolist() == [11, 13, 300]
    assert matrix.rows.tolist() == [0, 0, 0, 1, 2, 2]
    assert matrix.cols.tolist() == [0, 1, 2, 1, 0, 2]
    assert matrix.values.tolist() == [11, 2, 5, 13, 1, 300]


def test_nothing_counted():
    matrix = ConfusionMatrix.from_dense(np.zeros((4, 4)))
    assert_well_formed(matrix)
    assert (matrix.total, len(matrix.values)) == (0, 0)
    assert matrix.support.tolist() == matrix.predicted.tolist() == matrix.true_positives.tolist() == [0] * 4
    assert matrix.to_dense().tolist() == [[0] * 4] * 4
    assert matrix == ConfusionMatrix.from_coo([], [], [], num_classes=4)
    assert matrix + matrix == matrix


def test_the_largest_total():
    matrix = ConfusionMatrix.from_dense([[0, 2**53 - 2], [1, 0]])
    assert matrix.total == MAX_TOTAL == 2**53 - 1
    assert matrix.support.tolist() == [2**53 - 2, 1]
    assert ConfusionMatrix.from_coo([1, 1], [0, 0], [2**52, 2**52 - 1], num_classes=2).values.tolist() == [2**53 - 1]


@pytest.mark.parametrize("dtype", ["bool", "complex64", "object", "<U3"])
def test_dense_of_no_numbers(dtype):
    with pytest.raises(TypeError, match=r"^expected counts as integers, or floats for weighted samples, got dtype "):
        ConfusionMatrix.from_dense(np.array(COUNTS).astype(dtype))


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int64", "uint64", "float16", "float32", "float64", "longdouble"])
def test_whole_numbers_of_any_type_are_int64(dtype):
    matrix = ConfusionMatrix.from_dense(np.array(COUNTS, dtype))
    assert matrix.values.dtype == np.int64
    assert matrix.to_dense().tolist() == COUNTS


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.float16, torch.float32, torch.bfloat16])
def test_torch_counts(dtype):
    tensor = torch.tensor(COUNTS, dtype=dtype)
    assert ConfusionMatrix.from_dense(tensor).to_dense().tolist() == COUNTS
    sparse = ConfusionMatrix.from_coo(torch.tensor([2, 0]), torch.tensor([0, 1]), torch.tensor([7, 8], dtype=dtype), 3)
    assert sparse.to_dense().tolist() == [[0, 8, 0], [0, 0, 0], [7, 0, 0]]


def test_fractions_are_float64():
    matrix = ConfusionMatrix.from_dense([[0.5, 2], [0, 1]])
    assert (matrix.values.dtype, matrix.total, type(matrix.total)) == (np.float64, 3.5, float)


def test_later_changes_of_the_array_change_nothing():
    for array in (np.array(COUNTS), np.array(COUNTS, np.float64) + 0.5):
        matrix = ConfusionMatrix.from_dense(array)
        before = matrix.to_dense().tolist()
        array[:] = 7
        assert matrix.to_dense().tolist() == before
    rows, cols, counts = np.array([0]), np.array([1]), np.array([5])
    matrix = ConfusionMatrix.from_coo(rows, cols, counts, 2)
    for array in (rows, cols, counts):
        array[0] = 0
    assert matrix.to_dense().tolist() == [[0, 5], [0, 0]]


def test_it_is_frozen():
    matrix = ConfusionMatrix.from_dense(COUNTS)
    with pytest.raises(AttributeError):
        matrix.values = np.zeros(6)
    with pytest.raises(ValueError, match="read-only"):
        matrix.values[0] = 99


def test_equality_and_hash():
    matrix = ConfusionMatrix.from_dense(COUNTS, NAMES)
    same = ConfusionMatrix.from_dense(np.array(COUNTS, float), list(NAMES))
    assert matrix == same
    assert hash(matrix) == hash(same)
    others = [
        ConfusionMatrix.from_dense(COUNTS),
        ConfusionMatrix.from_dense(COUNTS, ["cat", "ant", "dog"]),
        ConfusionMatrix.from_dense(np.transpose(COUNTS), NAMES),
        ConfusionMatrix.from_dense([[11, 2, 5], [0, 13, 0], [1, 0, 301]], NAMES),
        ConfusionMatrix.from_dense([[11, 2, 5], [0, 13, 0], [0, 1, 300]], NAMES),
        ConfusionMatrix.from_coo([0], [0], [11], 3, NAMES),
    ]
    assert all(matrix != other for other in others)
    assert matrix != COUNTS
    assert len({matrix, same, *others}) == len({hash(each) for each in [matrix, *others]}) == 7


def test_repr():
    assert repr(ConfusionMatrix.from_dense(COUNTS, NAMES)) == "ConfusionMatrix(3 classes ['cat', 'dog', 'ant'], total=332, cells=6)"
    matrix = ConfusionMatrix.from_coo([0], [1], [1234567], 4, ["a", "b", "c", "d"])
    assert repr(matrix) == "ConfusionMatrix(4 classes ['a', 'b', 'c', ...], total=1,234,567, cells=1)"
    assert repr(ConfusionMatrix.from_dense([[1]])) == "ConfusionMatrix(1 classes without names, total=1, cells=1)"


def test_a_matrix_without_names_takes_those_of_the_other():
    named, bare = ConfusionMatrix.from_dense(COUNTS, NAMES), ConfusionMatrix.from_dense(COUNTS)
    assert [(named + bare).class_names, (bare - named).class_names, (bare + bare).class_names] == [NAMES, NAMES, None]


def test_weights_and_whole_counts_together():
    both = ConfusionMatrix.from_dense([[1, 2], [0, 0]]) + ConfusionMatrix.from_dense([[0, 0.5], [0.25, 0]])
    assert both.to_dense().tolist() == [[1, 2.5], [0.25, 0]]


@pytest.mark.parametrize(
    ("one", "two", "classes"),
    [
        ([[1]], COUNTS, "1 classes without names and 3 classes without names"),
        ((COUNTS, NAMES), (COUNTS, NAMES[::-1]), "3 classes ['cat', 'dog', 'ant'] and 3 classes ['ant', 'dog', 'cat']"),
    ],
)
def test_matrices_of_different_classes(one, two, classes):
    first, second = (ConfusionMatrix.from_dense(*(given if isinstance(given, tuple) else (given,))) for given in (one, two))
    way_out = "; build both with the same class_names"
    with pytest.raises(ValueError, match=says(f"cannot add matrices of different classes: {classes}{way_out}")):
        first + second
    with pytest.raises(ValueError, match=says(f"cannot subtract matrices of different classes: {classes}{way_out}")):
        first - second


@pytest.mark.parametrize("other", [3, COUNTS, None])
def test_only_matrices_add(other):
    matrix = ConfusionMatrix.from_dense(COUNTS)
    with pytest.raises(TypeError, match="unsupported operand"):
        matrix + other
    with pytest.raises(TypeError, match="unsupported operand"):
        matrix - other


def test_sum_of_many():
    matrices = [ConfusionMatrix.from_dense([[1, 2], [0, 4]], ["a", "b"]), ConfusionMatrix.from_dense([[0, 5], [7, 0]])]
    assert sum(matrices) == matrices[0] + matrices[1]
    for other in (1, 0.0, None):
        with pytest.raises(TypeError, match="unsupported operand"):
            other + matrices[0]


def test_a_sum_beyond_what_is_exact():
    half = ConfusionMatrix.from_dense([[0, 2**52], [0, 0]])
    with pytest.raises(ValueError, match="add up to less than 2"):
        half + half
    with pytest.raises(ValueError, match="add up to less than 2"):  # in 64 bits they would add up to 0
        ConfusionMatrix.from_predictions([0, 1, 1, 0], [0, 1, 0, 1], sample_weight=[2**62] * 4)


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        ([[1, 2]], ValueError, "expected a square array [num_classes, num_classes] with true classes as rows, got shape [1, 2]"),
        ([1, 2], ValueError, "expected a square array [num_classes, num_classes] with true classes as rows, got shape [2]"),
        (
            np.zeros((2, 2, 2)),
            ValueError,
            "expected a square array [num_classes, num_classes] with true classes as rows, got shape [2, 2, 2]",
        ),
        (5, TypeError, "expected a square array of counts, got 5 (int)"),
        (np.zeros((0, 0)), ValueError, "a confusion matrix has at least 1 class, got an array of shape [0, 0]"),
        ([[1, 2], [-3, 4]], ValueError, "expected counts of at least 0, got -3 at (true 1, predicted 0)"),
        ([[1, np.nan], [0, -1]], ValueError, "expected counts of at least 0, got nan at (true 0, predicted 1) and 1 more such cells"),
        ([[1, 0], [np.inf, 0]], ValueError, "expected counts of at least 0, got inf at (true 1, predicted 0)"),
        ([[1, 0], [-np.inf, -2]], ValueError, "expected counts of at least 0, got -inf at (true 1, predicted 0) and 1 more such cells"),
        (
            [[2**52, 2**52], [0, 0]],
            ValueError,
            "expected counts that add up to less than 2**53, which is exact in any reader, got 9.007e+15",
        ),
        (
            np.full((2, 2), 2**63, np.uint64),
            ValueError,
            "expected counts that add up to less than 2**53, which is exact in any reader, got 3.689e+19",
        ),
    ],
)
def test_dense_that_is_refused(counts, error, message):
    with pytest.raises(error, match=says(message)):
        ConfusionMatrix.from_dense(counts)


def test_names_are_checked():
    for build in (
        lambda: ConfusionMatrix.from_dense(COUNTS, ["a", "b"]),
        lambda: ConfusionMatrix.from_coo([0], [0], [1], 3, ["a", "b"]),
        lambda: to_confusion_matrix(ConfusionMatrix.from_dense(COUNTS), ["a", "b"]),
        lambda: to_confusion_matrix(scipy.sparse.coo_array(COUNTS), ["a", "b"]),
    ):
        with pytest.raises(ValueError, match="expected 3 class names, one for each class, got 2"):
            build()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ([0, 1], [0], [1, 2], 2),
            ValueError,
            "expected rows, cols and counts as three lists of one length, got shapes [2], [1] and [2]",
        ),
        (
            ([[0]], [[0]], [[1]], 2),
            ValueError,
            "expected rows, cols and counts as three lists of one length, got shapes [1, 1], [1, 1] and [1, 1]",
        ),
        (([0.0], [0], [1], 2), TypeError, "expected rows as integers, got dtype float64"),
        (([0], ["a"], [1], 2), TypeError, "expected cols as integers, got dtype <U1"),
        (([0], [0], ["a"], 2), TypeError, "expected counts as integers, or floats for weighted samples, got dtype <U1"),
        (([0, 5], [0, 0], [1, 1], 3), ValueError, "expected rows from 0 to 2, got 5 at position 1"),
        (([0, 0], [-1, 0], [1, 1], 3), ValueError, "expected cols from 0 to 2, got -1 at position 0"),
        (([2, 0], [1, 0], [-4, -2], 3), ValueError, "expected counts of at least 0, got -4 at (true 2, predicted 1) and 1 more such cells"),
        (([2], [1], [np.nan], 3), ValueError, "expected counts of at least 0, got nan at (true 2, predicted 1)"),
        (([], [], [], 0), ValueError, "a confusion matrix has at least 1 class, got num_classes=0"),
        (([], [], [], 1.0), TypeError, "num_classes must be an integer, got 1.0"),
    ],
)
def test_coo_that_is_refused(arguments, error, message):
    with pytest.raises(error, match=says(message)):
        ConfusionMatrix.from_coo(*arguments)


def test_to_confusion_matrix():
    matrix = ConfusionMatrix.from_dense(COUNTS, NAMES)
    assert to_confusion_matrix(matrix) is matrix
    renamed = to_confusion_matrix(matrix, ["x", "y", "z"])
    assert renamed.class_names == ("x", "y", "z")
    assert renamed.to_dense().tolist() == COUNTS
    for counts in (COUNTS, np.array(COUNTS), torch.tensor(COUNTS)):
        assert to_confusion_matrix(counts, NAMES) == matrix


class Metric:
    """As those of torchmetrics, with its options as attributes."""

    def __init__(self, **options):
        vars(self).update(options)

    def compute(self):
        return torch.tensor(COUNTS)


def test_what_makes_a_matrix():
    expected = ConfusionMatrix.from_dense(COUNTS, NAMES)
    for options in ({}, {"normalize": None}, {"normalize": "none"}, {"average": None}, {"normalize": None, "average": "none"}):
        assert to_confusion_matrix(Metric(**options), NAMES) == expected
    assert to_confusion_matrix(Metric(to_confusion_matrix=lambda: COUNTS, normalize="true"), NAMES) == expected, "it comes before compute()"
    for option in ("normalize", "average"):
        message = f"expected a metric that counts, got one of shares with {option}='all'; make it with {option}=None"
        with pytest.raises(ValueError, match=says(message)):
            to_confusion_matrix(Metric(**{option: "all"}))


@pytest.mark.parametrize("form", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_scipy_sparse(form, kind):
    sparse = getattr(scipy.sparse, f"{form}_{kind}")(np.array(COUNTS))
    assert to_confusion_matrix(sparse, NAMES) == ConfusionMatrix.from_dense(COUNTS, NAMES)


def test_scipy_sparse_with_repeated_cells():
    sparse = scipy.sparse.coo_array(([1, 2, 4], ([0, 1, 0], [1, 0, 1])), shape=(2, 2))
    assert to_confusion_matrix(sparse).to_dense().tolist() == [[0, 5], [2, 0]]


@pytest.mark.parametrize("sparse", [scipy.sparse.coo_array(np.ones((2, 3))), scipy.sparse.coo_array(np.ones(4))], ids=["2x3", "4"])
def test_scipy_sparse_that_is_not_square(sparse):
    message = f"expected a square sparse matrix with true classes as rows, got shape {list(sparse.shape)}"
    with pytest.raises(ValueError, match=says(message)):
        to_confusion_matrix(sparse)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (([0, 1], [0, 1]), "got a tuple; for predictions and labels use ConfusionMatrix.from_predictions(preds, target)"),
        (None, "expected a square array of counts, got None (NoneType)"),
        ([[True, False], [False, True]], "got dtype bool; pass array.astype(int)"),
        (np.ma.masked_array([[1, 2], [3, 4]], [[0, 1], [0, 0]]), "expected an array without a mask"),
    ],
)
def test_what_is_no_matrix(matrix, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        to_confusion_matrix(matrix)


def test_a_sparse_matrix_is_not_dense():
    with pytest.raises(TypeError, match="got a sparse matrix; use from_coo"):
        ConfusionMatrix.from_dense(scipy.sparse.coo_array([[1, 2], [3, 4]]))


def test_a_copy_cannot_be_written_either():
    matrix = ConfusionMatrix.from_dense([[5, 2], [0, 3]], ["cat", "dog"])
    copied = pickle.loads(pickle.dumps(matrix))
    assert copied == matrix
    with pytest.raises(ValueError, match="read-only"):
        copied.values[0] = 1


# Shares, confusions and other forms.


@modest
@given(dense_arrays)
def test_normalize_against_numpy(dense):
    matrix = ConfusionMatrix.from_dense(dense)
    sums = {"true": dense.sum(axis=1, keepdims=True), "pred": dense.sum(axis=0, keepdims=True), "all": dense.sum()}
    for over, whole in sums.items():
        shares = matrix.normalize(over)
        assert shares.dtype == np.float64
        with np.errstate(divide="ignore", invalid="ignore"):
            np.testing.assert_allclose(shares, np.where(whole == 0, np.nan, dense / whole), rtol=1e-14)
        assert np.all(np.isnan(shares) | ((shares >= 0) & (shares <= 1)))


def test_normalize_is_by_rows_for_true_and_by_columns_for_pred():
    matrix = ConfusionMatrix.from_dense([[6, 2, 0], [0, 0, 0], [1, 1, 0]])
    nan = pytest.approx(math.nan, nan_ok=True)
    assert matrix.normalize("true").tolist() == [[0.75, 0.25, 0], [nan] * 3, [0.5, 0.5, 0]]
    assert matrix.normalize("pred").tolist() == [[6 / 7, 2 / 3, nan], [0, 0, nan], [1 / 7, 1 / 3, nan]]
    assert matrix.normalize("all").tolist() == [[0.6, 0.2, 0], [0, 0, 0], [0.1, 0.1, 0]]
    per_class = matrix.per_class()
    np.testing.assert_array_equal(np.diag(matrix.normalize("true")), per_class["recall"])
    np.testing.assert_array_equal(np.diag(matrix.normalize("pred")), per_class["precision"])


@pytest.mark.parametrize("over", [None, "row", "True", 0])
def test_normalize_over_something_else(over):
    with pytest.raises(ValueError, match=says(f"expected 'true', 'pred' or 'all' to normalize over, got {over!r}")):
        ConfusionMatrix.from_dense(COUNTS).normalize(over)


def test_metrics_take_what_an_undefined_one_counts_as():
    matrix = ConfusionMatrix.from_dense([[60, 0], [20, 0]])  # class 1 is never predicted
    for options, precision in (({}, 0.75), ({"zero_division": 0}, 0.375), ({"zero_division": 1}, 0.875)):
        assert matrix.metrics(**options)["precision_macro"] == precision
        assert np.mean(matrix.metric_intervals(**options)["precision_macro"]) == pytest.approx(precision, rel=1e-14)
    assert matrix.per_class()["precision"].tolist() == [0.75, pytest.approx(math.nan, nan_ok=True)]


def test_top_confusions():
    matrix = ConfusionMatrix.from_dense([[11, 2, 5], [4, 0, 0], [1, 0, 300]], NAMES)
    assert matrix.top_confusions() == [
        Confusion("cat", "ant", 5, 5 / 18, 1, 1 / 301),
        Confusion("dog", "cat", 4, 1.0, 2, 2 / 18),
        Confusion("cat", "dog", 2, 2 / 18, 4, 1.0),
        Confusion("ant", "cat", 1, 1 / 301, 5, 5 / 18),
    ]
    assert matrix.top_confusions(np.int64(2)) == matrix.top_confusions(2) == matrix.top_confusions()[:2]
    assert matrix.top_confusions(0) == ConfusionMatrix.from_dense(np.eye(3)).top_confusions() == []
    assert [type(value) for value in vars(matrix.top_confusions(1)[0]).values()] == [str, str, int, float, int, float]


def test_top_confusions_without_a_reverse():
    found = ConfusionMatrix.from_dense([[0, 3], [0, 0]]).top_confusions()
    assert [(each.true, each.predicted, each.count, each.rate, each.reverse_count) for each in found] == [("0", "1", 3, 1.0, 0)]
    assert math.isnan(found[0].reverse_rate), "class 1 has no samples"
    weighted = ConfusionMatrix.from_dense([[0.5, 0.25], [0.125, 0]]).top_confusions()
    assert [(each.count, each.rate, each.reverse_count, each.reverse_rate) for each in weighted] == [
        (0.25, 0.25 / 0.75, 0.125, 1),
        (0.125, 1, 0.25, 0.25 / 0.75),
    ]


@modest
@given(dense_arrays, st.integers(0, 8))
def test_top_confusions_are_the_largest(dense, k):
    found = ConfusionMatrix.from_dense(dense).top_confusions(k)
    off = [(-dense[row, column], row, column) for row, column in np.ndindex(dense.shape) if row != column and dense[row, column]]
    assert [(-each.count, int(each.true), int(each.predicted)) for each in found] == sorted(off)[:k], "equal ones by row and column"
    for each in found:
        assert each.reverse_count == dense[int(each.predicted), int(each.true)]


def test_many_top_confusions_that_are_equal():
    matrix = ConfusionMatrix.from_dense(np.ones((30, 30)))
    found = matrix.top_confusions(900)
    assert matrix.top_confusions() == found[:10]
    assert [(int(each.true), int(each.predicted)) for each in found] == [cell for cell in np.ndindex(30, 30) if cell[0] != cell[1]]


def test_top_confusions_of_a_difference_are_those_that_grew():
    difference = ConfusionMatrix.from_dense([[9, 5], [1, 0]]) - ConfusionMatrix.from_dense([[9, 2], [4, 0]])
    grown, shrunk = difference.top_confusions()
    assert (grown.true, grown.predicted, grown.count, grown.reverse_count) == ("0", "1", 3, -3)
    assert (shrunk.count, shrunk.reverse_count) == (-3, 3)
    assert all(math.isnan(rate) for each in (grown, shrunk) for rate in (each.rate, each.reverse_rate))


@pytest.mark.parametrize("k", [-1, 1.5, True, "3", None])
def test_top_confusions_of_no_number(k):
    with pytest.raises(ValueError, match=says(f"expected k as an integer of at least 0, got {k!r}")):
        ConfusionMatrix.from_dense(COUNTS).top_confusions(k)


def test_dense_has_a_limit_that_can_be_lifted():
    matrix = ConfusionMatrix.from_coo([9_999], [0], [7], num_classes=10_000)
    message = (
        "expected a dense array of at most 536,870,912 bytes, but 10,000 classes take 800,000,000; "
        "pass max_bytes=800000000 if you have the memory, or use rows, cols and values"
    )
    for ask in (matrix.to_dense, matrix.to_dataframe, lambda: matrix.normalize("true")):
        with pytest.raises(ValueError, match=says(message)):
            ask()
    small = ConfusionMatrix.from_dense(COUNTS)
    assert small.to_dense(max_bytes=72).tolist() == COUNTS
    for ask in (small.to_dense, small.to_dataframe, lambda max_bytes: small.normalize("all", max_bytes)):
        with pytest.raises(ValueError, match=r"^expected a dense array of at most 71 bytes, but 3 classes take 72; pass max_bytes=72 "):
            ask(71)
        ask(72)


def test_to_dataframe():
    frame = ConfusionMatrix.from_dense(COUNTS, NAMES).to_dataframe()
    names = {"index": pd.Index(NAMES, name="true"), "columns": pd.Index(NAMES, name="predicted")}
    pd.testing.assert_frame_equal(frame, pd.DataFrame(COUNTS, **names))
    assert frame.loc["cat", "ant"] == 5, "the true class comes first"
    bare = ConfusionMatrix.from_dense([[0.5]]).to_dataframe()
    assert (bare.loc["0", "0"], bare.dtypes["0"]) == (0.5, np.float64)


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=says("to_dataframe needs pandas: pip install pandas")):
        ConfusionMatrix.from_dense(COUNTS).to_dataframe()
