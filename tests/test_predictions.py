import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import confusion_matrix

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.predictions import as_numpy

modest = settings(deadline=None, derandomize=True, max_examples=60)

NAMES = ["husky", "cat", "ant", "dog"]  # not in alphabetical order


def says(message: str) -> str:
    return f"^{re.escape(message)}$"


def count(preds, target, **options) -> list[list[float]]:
    return ConfusionMatrix.from_predictions(preds, target, **options).to_dense().tolist()


def oracle(preds, target, labels, weights=None):
    """scikit-learn's matrix. It warns of a single label and refuses weights that are all 0, so it gets one sample of a class more."""
    target, preds = np.append(target, "more"), np.append(preds, "more")
    weights = None if weights is None else np.append(weights, 1)
    return confusion_matrix(target, preds, labels=[*map(str, labels), "more"], sample_weight=weights)[:-1, :-1]


@st.composite
def samples(draw):
    """A number of classes, predictions, truth and weights."""
    num_classes = draw(st.integers(1, 6))
    size = draw(st.integers(1, 40))
    labels = arrays.arrays(np.int64, size, elements=st.integers(0, num_classes - 1))
    weights = arrays.arrays(np.float64, size, elements=st.floats(0, 100))
    return num_classes, draw(labels), draw(labels), draw(weights)


@modest
@given(samples())
def test_labels_against_sklearn(sample):
    num_classes, preds, target, _ = sample
    expected = oracle(preds, target, range(num_classes))
    matrix = ConfusionMatrix.from_predictions(preds, target, num_classes=num_classes)
    assert matrix.values.dtype == np.int64
    np.testing.assert_array_equal(matrix.to_dense(), expected)


@modest
@given(samples())
def test_weights_against_sklearn(sample):
    num_classes, preds, target, weights = sample
    expected = oracle(preds, target, range(num_classes), weights)
    matrix = ConfusionMatrix.from_predictions(preds, target, num_classes=num_classes, sample_weight=weights)
    assert matrix.values.dtype == np.float64
    np.testing.assert_allclose(matrix.to_dense(), expected, rtol=1e-12)
    assert np.all(matrix.values > 0), "a cell of weight 0 is not stored"


@modest
@given(samples(), st.sampled_from([-100, 0, 2]))
def test_ignore_index_against_sklearn(sample, ignored):
    num_classes, preds, target, weights = sample
    target = np.where(preds == num_classes - 1, ignored, target)  # some to leave out
    kept = target != ignored
    expected = oracle(preds[kept], target[kept], range(num_classes), weights[kept])
    matrix = ConfusionMatrix.from_predictions(preds, target, num_classes=num_classes, sample_weight=weights, ignore_index=ignored)
    np.testing.assert_allclose(matrix.to_dense(), expected, rtol=1e-12)


@modest
@given(samples(), st.booleans())
def test_names_against_sklearn(sample, in_order):
    _, preds, target, _ = sample
    preds, target = (np.array(NAMES)[labels % 4] for labels in (preds, target))
    options = {"class_names": NAMES} if in_order else {}
    matrix = ConfusionMatrix.from_predictions(preds.tolist(), target, **options)
    np.testing.assert_array_equal(matrix.to_dense(), oracle(preds, target, matrix.class_names))
    assert matrix.class_names == (tuple(NAMES) if in_order else tuple(sorted({*preds, *target})))


@modest
@given(samples(), st.integers(0, 99), st.sampled_from(["float16", "float32", "float64", "int32", "uint8"]))
def test_scores_against_argmax_and_sklearn(sample, seed, dtype):
    num_classes, _, target, _ = sample
    scores = np.random.default_rng(seed).integers(0, 9, (len(target), num_classes)).astype(dtype)  # with many equal ones
    assert count(scores, target) == oracle(scores.argmax(axis=1), target, range(num_classes)).tolist()


def test_rows_are_true_and_columns_predicted():
    assert count(preds=[2, 2, 0], target=[0, 0, 1]) == [[0, 0, 2], [1, 0, 0], [0, 0, 0]]
    assert count(preds=["b"], target=["a"]) == [[0, 1], [0, 0]]
    assert count(preds=[[0.1, 0.9]], target=[0]) == [[0, 1], [0, 0]]


def test_images_have_the_class_on_dimension_1():
    scores = np.random.default_rng(5).normal(size=(2, 3, 4, 5))
    target = np.random.default_rng(6).integers(0, 3, (2, 4, 5))
    assert count(scores, target) == confusion_matrix(target.ravel(), scores.argmax(axis=1).ravel()).tolist()
    assert count(scores.argmax(axis=1), target, sample_weight=np.full((2, 4, 5), 2)) == (2 * np.array(count(scores, target))).tolist()


def test_the_first_of_equal_scores_wins():
    assert count(preds=[[0.2, 0.4, 0.4]], target=[0]) == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert count(preds=torch.tensor([[3, 3, 1]]), target=[2])[2] == [1, 0, 0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_torch_scores_of_every_precision(dtype):
    scores = torch.tensor([[0.5, 2.0, 1.0], [3.0, -1.0, 0.0], [0.0, 1.0, 8.0]], dtype=dtype, requires_grad=True)
    assert count(scores, torch.tensor([0, 1, 1])) == [[0, 1, 0], [1, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_scores_of_two_classes_beside_a_threshold(dtype):
    scores = torch.tensor([0.25, 0.5, 0.75, 1.0], dtype=dtype)
    assert count(scores, torch.tensor([0, 0, 1, 0]), threshold=0.5) == [[2, 1], [0, 1]], "above it, not at it"
    assert count(scores.tolist(), [0, 0, 1, 0], threshold=0.5) == [[2, 1], [0, 1]]
    assert count(scores - 0.5, [0, 0, 1, 0], threshold=0) == [[2, 1], [0, 1]], "logits"
    assert count(scores.reshape(2, 2), [[0, 0], [1, 0]], threshold=0.5) == [[2, 1], [0, 1]]
    assert count(scores, [0, -1, 1, 0], threshold=0.5, ignore_index=-1, sample_weight=[1, 1, 2, 3]) == [[1, 3], [0, 2]]


def test_a_threshold_means_two_classes():
    matrix = ConfusionMatrix.from_predictions([0.1], [0], threshold=0.5, class_names=["no", "yes"])
    assert (matrix.num_classes, matrix.class_names) == (2, ("no", "yes"))
    assert count(np.zeros(0), np.zeros(0, int), threshold=0.5) == [[0, 0], [0, 0]]
    assert count([1, 0], [0, 0], threshold=0.5) == [[1, 1], [0, 0]], "integers are labels already"
    assert count(np.float32(0.9), 0, threshold=0.5) == [[0, 1], [0, 0]]


@modest
@given(arrays.arrays(np.float32, 20, elements=st.floats(0, 1, width=32)), st.sampled_from([0.1, 0.5, 0.9]))
def test_thresholds_against_sklearn(scores, threshold):
    target = np.arange(20) % 2
    expected = oracle((scores > np.float32(threshold)).astype(int), target, range(2))
    assert count(scores, target, threshold=threshold) == expected.tolist()


def test_scores_that_are_nan_do_not_matter_where_the_sample_is_left_out():
    scores = np.array([[np.nan, np.nan], [0.1, 0.9]])
    assert count(scores, [255, 0], ignore_index=255) == [[0, 1], [0, 0]]
    assert count([np.nan, 0.9], [255, 0], ignore_index=255, threshold=0.5) == [[0, 1], [0, 0]]
    with pytest.raises(ValueError, match=says("expected scores in preds, got NaN for class 1 of sample 2")):
        count([[np.nan, 0], [0.1, 0.9], [0, np.nan]], [255, 0, 1], ignore_index=255)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64])
def test_torch_labels_of_every_width(dtype):
    assert count(torch.tensor([1, 2, 1], dtype=dtype), torch.tensor([0, 0, 0], dtype=dtype)) == [[0, 2, 1], [0, 0, 0], [0, 0, 0]]


def test_lists_of_tensors_bools_and_single_samples():
    assert count([torch.tensor(1), torch.tensor(0)], [torch.tensor(0), torch.tensor(0)]) == [[1, 1], [0, 0]]
    assert count([True, True], np.array([False, True])) == [[0, 1], [0, 1]]
    assert count(1, 0) == [[0, 1], [0, 0]]


def test_weights_of_bfloat16_and_of_whole_numbers():
    weights = torch.tensor([0.5, 1.5, 0.25], dtype=torch.bfloat16)
    assert count([1, 1, 0], [0, 0, 0], sample_weight=weights) == [[0.25, 2.0], [0, 0]]
    matrix = ConfusionMatrix.from_predictions([1, 1], [0, 0], sample_weight=[3, 4])
    assert (matrix.total, matrix.values.dtype) == (7, np.int64)


def test_the_number_of_classes():
    def num_classes(preds, target, **options):
        return ConfusionMatrix.from_predictions(preds, target, **options).num_classes

    assert num_classes([0, 1], [0, 0]) == 2
    assert num_classes([0, 0], [0, 4]) == 5
    assert num_classes([0, 1], [0, 0], num_classes=7) == 7
    assert num_classes([0, 1], [0, 0], num_classes=np.int32(7)) == 7
    assert num_classes([0, 1], [0, 0], class_names=NAMES) == 4
    assert num_classes([0, 1], [0, 0], class_names=iter(NAMES)) == 4
    assert num_classes([[0.1, 0.2, 0.3]], [0]) == 3
    assert num_classes([[0.1, 0.2, 0.3]], [0], num_classes=3) == 3
    assert num_classes([[0.1, 0.2, 0.3, 0.4]], [0], class_names=NAMES) == 4
    assert num_classes([], []) == 1
    assert num_classes([], [], num_classes=3) == 3
    assert num_classes([], [], class_names=NAMES) == 4
    assert num_classes(np.zeros((0, 3)), []) == 3
    assert num_classes([3], [-1], ignore_index=-1) == 1, "what is left out does not count"


def test_ignore_index_among_names():
    matrix = ConfusionMatrix.from_predictions(["b", "c", "b"], ["a", "void", "b"], ignore_index="void")
    assert matrix.class_names == ("a", "b")
    assert matrix.to_dense().tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"preds": [1, 2], "target": [1, 2, 0]},
            ValueError,
            "expected preds of the shape of target, or with one more dimension, the class, as dimension 1; got preds [2] and target [3]",
        ),
        (
            {"preds": [1, 2], "target": 1},
            ValueError,
            "expected preds of the shape of target, or with one more dimension, the class, as dimension 1; got preds [2] and target []",
        ),
        (
            {"preds": np.zeros((4, 3, 5)), "target": np.zeros((4, 3), int)},
            ValueError,
            "expected preds of the shape of target, or with one more dimension, the class, as dimension 1; "
            "got preds [4, 3, 5] and target [4, 3]",
        ),
        (
            {"preds": np.zeros((5, 3)), "target": [0] * 5, "num_classes": 4},
            ValueError,
            "expected 4 scores a sample on dimension 1 of preds, got preds of shape [5, 3]",
        ),
        (
            {"preds": np.zeros((2, 0)), "target": [0, 0]},
            ValueError,
            "expected the scores of at least 1 class on dimension 1 of preds, got preds of shape [2, 0]",
        ),
        (
            {"preds": [["a", "b"]], "target": [0]},
            TypeError,
            "expected logits or probabilities as numbers in preds, got dtype <U1",
        ),
        (
            {"preds": [[0.0, 1.0, 2.0], [0.0, 1.0, np.nan]], "target": [0, 0]},
            ValueError,
            "expected scores in preds, got NaN for class 2 of sample 1",
        ),
        (
            {"preds": np.array([[[1.0, 1.0], [1.0, np.nan], [1.0, 1.0]]]), "target": [[0, 0]]},
            ValueError,
            "expected scores in preds, got NaN for class 1 of sample [0, 1]",
        ),
        (
            {"preds": [1, 0, 2], "target": [0, 0, 12], "num_classes": 10},
            ValueError,
            "label 12 at position 2 of target is outside num_classes=10; pass a larger num_classes or ignore_index=12",
        ),
        (
            {"preds": [1, 0], "target": [2, 0], "num_classes": 2},
            ValueError,
            "label 2 at position 0 of target is outside num_classes=2; pass a larger num_classes or ignore_index=2",
        ),
        (
            {"preds": [1, 0], "target": [0, -100]},
            ValueError,
            "label -100 at position 1 of target is outside num_classes=2; pass a larger num_classes or ignore_index=-100",
        ),
        (
            {"preds": [0, 3, 1], "target": [0, 1, 1], "class_names": ["a", "b"]},
            ValueError,
            "label 3 at position 1 of preds is outside num_classes=2; pass a larger num_classes",
        ),
        (
            {"preds": [0.2, np.nan], "target": [1, 0], "threshold": 0.5},
            ValueError,
            "expected scores in preds, got NaN for sample 1",
        ),
        (
            {"preds": [[0.2, 0.8]], "target": [[1, 0]], "threshold": math.nan},
            ValueError,
            "expected threshold as a number, got nan",
        ),
        (
            {"preds": [0.2, 0.8], "target": [1, 0], "threshold": 0.5, "num_classes": 3},
            ValueError,
            "expected two classes beside a threshold, got num_classes=3",
        ),
        (
            {"preds": [[0.2, 0.8]], "target": [1], "threshold": 0.5},
            ValueError,
            "expected one score a sample beside a threshold, got preds of shape [1, 2]; "
            "leave threshold out for the class of the largest score",
        ),
        (
            {"preds": [[0.2], [0.8]], "target": [1, 0], "threshold": 0.5},
            ValueError,
            "expected one score a sample beside a threshold, got preds of shape [2, 1]; pass preds.squeeze(1)",
        ),
        (
            {"preds": [[0.2], [0.8]], "target": [0, 1]},
            ValueError,
            "label 1 at position 1 of target is outside num_classes=1; for one score a sample pass preds.squeeze(1) and a threshold",
        ),
        (
            {"preds": [[0.2], [0.8]], "target": [0, 1], "num_classes": 2},
            ValueError,
            "expected 2 scores a sample on dimension 1 of preds, got preds of shape [2, 1]; "
            "for one score a sample pass preds.squeeze(1) and a threshold",
        ),
        (
            {"preds": [0.2, 0.8], "target": [1, 0], "threshold": "0.5"},
            ValueError,
            "expected threshold as a number, got '0.5'",
        ),
        (
            {"preds": [1, 0], "target": [1, 0], "ignore_index": [0, 1]},
            TypeError,
            "expected ignore_index as one label, got [0, 1]; give all that is to be left out the same label",
        ),
        (
            {"preds": None, "target": [1, 0]},
            TypeError,
            "expected an array or a list, got None (NoneType)",
        ),
        (
            {"preds": np.eye(3), "target": np.eye(3, dtype=int)},
            TypeError,
            "expected preds as integer or string labels, got dtype float64 and shape [3, 3]; "
            "if target has a one for the class of each sample, pass target.argmax(1)",
        ),
        (
            {"preds": np.array([1, 0], object), "target": np.array([1, 1], object)},
            TypeError,
            "expected target as strings like the other labels, got 1 at position 0; pass whole numbers as an array of integers",
        ),
        (
            {"preds": ["a", 1], "target": ["a", "b"]},
            TypeError,
            "expected preds as strings like the other labels, got 1 at position 1; pass whole numbers as an array of integers",
        ),
        (
            {"preds": ["a", "b"], "target": ("a", math.nan)},
            TypeError,
            "expected target as strings like the other labels, got nan at position 1",
        ),
        (
            {"preds": [200, 30], "target": [1, 0], "threshold": 128},
            ValueError,
            "label 200 at position 0 of preds is outside num_classes=2; scores beside a threshold are floats",
        ),
        (
            {"preds": [0.2, 0.8], "target": [1, 2], "threshold": 0.5},
            ValueError,
            "label 2 at position 1 of target is outside num_classes=2; pass a larger num_classes or ignore_index=2",
        ),
        (
            {"preds": [1.0, 0.0], "target": [1, 0]},
            TypeError,
            "expected preds as integer or string labels, got dtype float64 and shape [2]; "
            "for one score a sample and two classes pass a threshold",
        ),
        (
            {"preds": [1, 0], "target": [0.5, 0]},
            TypeError,
            "expected target as integer or string labels, got dtype float64 and shape [2]",
        ),
        (
            {"preds": ["a", "b"], "target": [0, 1]},
            TypeError,
            "expected preds as integer or string labels, got dtype <U1 and shape [2]",
        ),
        (
            {"preds": np.array(["a", None], object), "target": ["a", "b"]},
            TypeError,
            "expected preds as strings like the other labels, got None at position 1",
        ),
        (
            {"preds": ["a", "b"], "target": np.array([float("nan"), "b"], object)},
            TypeError,
            "expected target as strings like the other labels, got nan at position 0",
        ),
        (
            {"preds": ["cat", "bee"], "target": ["cat", "dog"], "class_names": NAMES},
            ValueError,
            "label 'bee' at position 1 of preds is not in class_names; add it",
        ),
        (
            {"preds": ["cat", "cat"], "target": ["bee", "dog"], "class_names": NAMES},
            ValueError,
            "label 'bee' at position 0 of target is not in class_names; add it",
        ),
        (
            {"preds": ["a", "b"], "target": ["a", "b"], "num_classes": 3},
            ValueError,
            "expected 3 class names, one for each class, got 2; pass 3 names or leave class_names out",
        ),
        ({"preds": [1, 0], "target": [1, 0], "num_classes": 2.5}, TypeError, "num_classes must be an integer, got 2.5"),
        (
            {"preds": [1], "target": [2**40]},
            ValueError,
            "expected labels from 0 to the number of classes less 1, got 1099511627776; number the classes from 0, or pass strings",
        ),
        (
            {"preds": [1, 0], "target": [1, 0], "sample_weight": ["1", "2"]},
            TypeError,
            "expected sample_weight as numbers, got dtype <U1",
        ),
        (
            {"preds": [1, 0], "target": [1, 0], "sample_weight": [1.0, 2.0, 3.0]},
            ValueError,
            "expected one sample_weight a sample, shape [2], got shape [3]",
        ),
        (
            {"preds": [1, 0], "target": [1, 0], "sample_weight": [1.0, -0.5]},
            ValueError,
            "expected sample_weight of at least 0, got -0.5 at position 1",
        ),
        (
            {"preds": [1, 0], "target": [1, 0], "sample_weight": [np.nan, 1.0]},
            ValueError,
            "expected sample_weight of at least 0, got nan at position 0",
        ),
        (
            {"preds": [1, 0], "target": [1, 0], "sample_weight": [1.0, np.inf]},
            ValueError,
            "expected sample_weight of at least 0, got inf at position 1",
        ),
        (
            {"preds": [1, 0], "target": [1, 0], "sample_weight": [1e300, 1.0]},
            ValueError,
            "expected counts that add up to less than 2**53, which is exact in any reader, got 1e+300",
        ),
    ],
)
def test_what_is_refused(options, error, message):
    with pytest.raises(error, match=says(message)):
        ConfusionMatrix.from_predictions(**options)


def test_nested_lists_of_unequal_lengths():
    with pytest.raises(ValueError, match=r"^expected an array, got nested lists of unequal lengths: "):
        ConfusionMatrix.from_predictions([[0.1, 0.2], [0.3]], [0, 1])


def test_as_numpy_makes_no_copy_of_what_is_one_already():
    array, tensor = np.arange(3), torch.arange(3)
    assert as_numpy(array) is array
    assert np.shares_memory(as_numpy(tensor), tensor.numpy())


def test_the_position_of_a_wrong_label_counts_the_ignored_ones() -> None:
    with pytest.raises(ValueError, match="label 12 at position 3 of target"):
        ConfusionMatrix.from_predictions([0, 1, 1, 0], [255, 255, 1, 12], num_classes=2, ignore_index=255)


def test_a_weight_that_no_integer_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="less than 2\\*\\*53"):
        ConfusionMatrix.from_predictions([0], [0], sample_weight=np.array([2**63], np.uint64))


@pytest.mark.parametrize("class_names", ["ab", {"a", "b"}, {"a": 0, "b": 1}, 5])
def test_class_names_without_an_order_are_refused(class_names):
    with pytest.raises(TypeError, match="class_names must be a list of names"):
        ConfusionMatrix.from_predictions([0], [1], class_names=class_names)


def test_labels_that_look_like_identifiers_are_warned_of():
    with pytest.warns(UserWarning, match="makes 1,440,765 classes of 2 samples; pass num_classes") as warned:
        ConfusionMatrix.from_predictions([0, 0], [0, 1440764])
    assert warned[0].filename == __file__
    with pytest.raises(ValueError, match="got 9223372036854775813 in target"):
        ConfusionMatrix.from_predictions(np.array([0]), np.array([2**63 + 5], np.uint64))
