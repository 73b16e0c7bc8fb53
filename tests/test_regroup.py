import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tb_confmat_plugin import ConfusionMatrix

modest = settings(deadline=None, derandomize=True, max_examples=60)

COUNTS = [[5, 1, 2, 4], [0, 7, 1, 6], [3, 8, 9, 0], [10, 11, 12, 13]]
NAMES = ["pet/cat", "pet/dog/husky", "bird/owl", "fish"]
MATRIX = ConfusionMatrix.from_dense(COUNTS, NAMES)


def says(message: str) -> str:
    return f"^{re.escape(message)}$"


dense_arrays = st.integers(1, 6).flatmap(lambda size: arrays.arrays(np.int64, (size, size), elements=st.integers(0, 99)))


# select


@modest
@given(dense_arrays, st.data())
def test_select_is_numpys_indexing(dense, data) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(dense) - 1), min_size=1, unique=True))
    small = ConfusionMatrix.from_dense(dense).select(chosen)
    np.testing.assert_array_equal(small.to_dense(), dense[np.ix_(chosen, chosen)])
    assert small.class_names == tuple(map(str, chosen))


@modest
@given(dense_arrays, st.data())
def test_select_of_rows_and_columns_with_the_rest_keeps_the_total(dense, data) -> None:
    some = st.lists(st.integers(0, len(dense) - 1), unique=True)
    true, pred = data.draw(some), data.draw(some)
    if not true and not pred:
        return
    matrix = ConfusionMatrix.from_dense(dense)
    small, whole = matrix.select(true, pred), matrix.select(true, pred, other="rest")
    classes = list(dict.fromkeys([*true, *pred]))
    assert small.class_names == tuple(map(str, classes))
    assert whole.class_names == (*map(str, classes), "rest")
    assert whole.total == matrix.total
    for row, true_class in enumerate(classes):
        for column, pred_class in enumerate(classes):
            expected = dense[true_class, pred_class] if true_class in true and pred_class in pred else 0
            assert small.to_dense()[row, column] == whole.to_dense()[row, column] == expected
    if set(true) == set(range(len(dense))):
        assert whole.to_dense()[-1].sum() == 0, "all true classes are there"


def test_select_by_name_keeps_the_order_given() -> None:
    small = MATRIX.select(["fish", "pet/cat"])
    assert small.class_names == ("fish", "pet/cat")
    assert small.to_dense().tolist() == [[13, 10], [4, 5]]
    assert MATRIX.select([3, "pet/cat", 3, 0]) == small, "by index as well, and each class once"
    assert MATRIX.select(np.array([3, 0])) == small
    assert MATRIX.select(name for name in ["fish", "pet/cat"]) == small
    assert MATRIX.select(range(4)) == MATRIX


def test_select_rows_alone_and_columns_alone() -> None:
    columns = MATRIX.select(pred=["fish"])  # all true classes
    assert columns.class_names == tuple(NAMES)
    assert columns.to_dense().tolist() == [[0, 0, 0, 4], [0, 0, 0, 6], [0, 0, 0, 0], [0, 0, 0, 13]]
    both = MATRIX.select(true=["pet/cat"], pred=["fish", "bird/owl"])
    assert both.class_names == ("pet/cat", "fish", "bird/owl")
    assert both.to_dense().tolist() == [[0, 4, 2], [0, 0, 0], [0, 0, 0]]


def test_select_with_the_rest() -> None:
    whole = MATRIX.select(["bird/owl", "pet/cat"], other="other")
    assert whole.class_names == ("bird/owl", "pet/cat", "other")
    assert whole.to_dense().tolist() == [[9, 3, 8], [2, 5, 5], [13, 10, 37]]
    asymmetric = MATRIX.select(true=["pet/cat"], pred=["fish"], other="other")
    assert asymmetric.to_dense().tolist() == [[0, 4, 8], [0, 0, 0], [0, 19, 61]], "what is true but not selected is other"


def test_select_of_weights_and_of_differences() -> None:
    assert ConfusionMatrix.from_dense([[0.5, 1], [2, 0.25]]).select([1, 0]).to_dense().tolist() == [[0.25, 2], [1, 0.5]]
    difference = ConfusionMatrix.from_dense([[1, 2], [3, 4]]) - ConfusionMatrix.from_dense([[2, 2], [0, 9]])
    assert difference.select([1], other="rest").to_dense().tolist() == [[-5, 3], [0, -1]]


def test_select_of_ten_thousand_classes() -> None:
    matrix = ConfusionMatrix.from_coo([9_999, 5, 7], [5, 9_999, 7], [1, 2, 4], num_classes=10_000)
    assert matrix.select([9_999, 5], other="rest").to_dense().tolist() == [[0, 1, 0], [2, 0, 0], [0, 0, 4]]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "expected the classes to select, as true or pred or both, got neither"),
        ({"true": []}, ValueError, "expected at least one class to select, got none"),
        ({"true": [], "pred": []}, ValueError, "expected at least one class to select, got none"),
        ({"true": ["cat"]}, ValueError, "expected class names of this matrix, got 'cat'; class_names lists them"),
        ({"pred": [0, 4]}, ValueError, "expected class indices from 0 to 3, got 4"),
        ({"true": [-1]}, ValueError, "expected class indices from 0 to 3, got -1"),
        ({"true": "fish"}, TypeError, "expected a list of class names or indices, got the single text 'fish'"),
        ({"pred": b"fish"}, TypeError, "expected a list of class names or indices, got the single text b'fish'"),
        ({"true": [1.5]}, TypeError, "expected class names or indices to select, got 1.5"),
        ({"true": [True]}, TypeError, "expected class names or indices to select, got True"),
        ({"true": [None]}, TypeError, "expected class names or indices to select, got None"),
        (
            {"true": ["fish"], "other": "fish"},
            ValueError,
            "class names must be distinct, got 'fish' at positions 0 and 1; make them distinct, for example with a prefix",
        ),
    ],
)
def test_select_that_is_refused(options, error, message) -> None:
    with pytest.raises(error, match=says(message)):
        MATRIX.select(**options)


def test_select_by_name_where_there_are_none() -> None:
    message = "expected class names of this matrix, got '1'; it has none, so that classes are selected by index"
    with pytest.raises(ValueError, match=says(message)):
        ConfusionMatrix.from_dense(COUNTS).select(["1"])


# group


@modest
@given(dense_arrays, st.data())
def test_group_is_a_sum_of_blocks(dense, data) -> None:
    groups = data.draw(st.lists(st.sampled_from("xyz"), min_size=len(dense), max_size=len(dense)))
    order = list(dict.fromkeys(groups))
    belongs = np.array([[group == name for name in order] for group in groups], np.int64)
    found = ConfusionMatrix.from_dense(dense).group(dict(enumerate(groups)))
    assert found.class_names == tuple(order)
    np.testing.assert_array_equal(found.to_dense(), belongs.T @ dense @ belongs)


def test_group_by_paths() -> None:
    top = MATRIX.group(1)
    assert top.class_names == ("pet", "bird", "fish")
    assert top.to_dense().tolist() == [[13, 3, 10], [11, 9, 0], [21, 12, 13]]
    assert MATRIX.group(np.int64(1)) == top
    assert MATRIX.group(2).class_names == ("pet/cat", "pet/dog", "bird/owl", "fish")
    assert MATRIX.group(3) == MATRIX


def test_group_by_mapping_and_by_function() -> None:
    by_name = MATRIX.group({"pet/cat": "mammal", "pet/dog/husky": "mammal"})
    assert by_name.class_names == ("mammal", "bird/owl", "fish"), "those not mentioned stay"
    mixed = MATRIX.group({0: "land", "fish": "water", np.int64(1): "land"})
    assert mixed.class_names == ("land", "bird/owl", "water")
    assert mixed.to_dense().tolist() == [[13, 3, 10], [11, 9, 0], [21, 12, 13]]
    by_function = MATRIX.group(lambda name: str(len(name) // 5))
    assert by_function.class_names == ("1", "2", "0")
    assert by_function.to_dense().tolist() == [[5 + 2 + 3 + 9, 1 + 8, 4], [1, 7, 6], [10 + 12, 11, 13]]


def test_group_into_a_class_that_is_there() -> None:
    assert MATRIX.group({"pet/cat": "fish"}).class_names == ("fish", "pet/dog/husky", "bird/owl")
    assert ConfusionMatrix.from_dense([[1, 2], [3, 4]]).group({1: "0"}).to_dense().tolist() == [[10]]


@pytest.mark.parametrize(
    ("by", "error", "message"),
    [
        ({"cat": "x"}, ValueError, "expected class names or indices to group, got 'cat', which is no class"),
        ({4: "x"}, ValueError, "expected class names or indices to group, got 4, which is no class"),
        (0, ValueError, "expected a depth of at least 1, got 0"),
        (True, TypeError, "expected a mapping, a function of the name or a depth of the paths in names, got True"),
        ("pet", TypeError, "expected a mapping, a function of the name or a depth of the paths in names, got 'pet'"),
        ({0: None}, TypeError, "class names must be strings, got None (NoneType) at position 0; pass str(name)"),
    ],
)
def test_group_that_is_refused(by, error, message) -> None:
    with pytest.raises(error, match=says(message)):
        MATRIX.group(by)
