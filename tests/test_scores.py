import itertools

import numpy as np
import pytest

from tb_confmat_plugin import scores
from tb_confmat_plugin.scores import NAN, largest, largest_of_columns

nan, inf = float("nan"), float("inf")


def by_comparing(array: np.ndarray) -> np.ndarray:
    """The class of the largest of the scores [N, C, ...], each class compared with those before."""
    best, found = array[:, 0].astype(np.float64), np.zeros(array[:, 0].shape, np.int64)
    for index in range(1, array.shape[1]):
        larger = array[:, index] > best
        best[larger], found[larger] = array[:, index][larger], index
    found[np.isnan(array.astype(np.float64)).any(axis=1)] = NAN
    return found


SHAPES = [(7, 5), (1, 1), (0, 5), (40, 300), (2, 5, 70), (2, 5, 8, 9), (3, 255, 64), (2, 256, 65), (3, 300, 70), (5, 4, 3), (9, 2, 1, 1)]
SHAPES += [(2, 5, 0, 4), (0, 5, 70), (2, 3, 4, 5, 6), (1, 1, 100)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", ">f4", "int64", "uint8", "uint64"])
@pytest.mark.parametrize("block", [1 << 17, 700, 1])
def test_as_by_comparing(monkeypatch, shape, dtype, block):
    monkeypatch.setattr(scores, "BLOCK", block)
    array = np.random.default_rng(len(shape)).integers(0, 9, shape).astype(dtype)  # with many equal ones
    last_first = np.ascontiguousarray(np.moveaxis(array, 1, -1))
    for each in (array, np.moveaxis(last_first, -1, 1), array[::-1][::-1]):
        found = largest(each)
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, by_comparing(array))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_order_of_numbers_that_are_none(dtype):
    """Infinities, both zeros and both signs of NaN, in rows and in columns."""
    values = [nan, -nan, inf, -inf, 0.0, -0.0, float(np.finfo(dtype).max)]
    rows = np.array(list(itertools.product(values, repeat=3)), dtype)
    expected = by_comparing(rows)
    np.testing.assert_array_equal(largest(rows), expected)
    np.testing.assert_array_equal(largest(rows[::-1]), expected[::-1])
    np.testing.assert_array_equal(largest(rows.T[None]), expected[None])
    np.testing.assert_array_equal(largest_of_columns(rows.T), expected)


@pytest.mark.parametrize("num_classes", [1, 255, 256, 257, 65_536])
def test_every_class_can_be_the_largest(num_classes):
    for index in {0, 1 % num_classes, num_classes // 2, num_classes - 1}:
        column = np.zeros((num_classes, 2), np.float32)
        column[index, 0] = 1
        assert largest_of_columns(column).tolist() == [index, 0]


@pytest.mark.parametrize("array", [np.array([["a"]]), np.array([[[True] * 70]]), np.array([[1j]])])
def test_no_numbers(array):
    with pytest.raises(TypeError, match=rf"^expected logits or probabilities as numbers in preds, got dtype {array.dtype}$"):
        largest(array)
