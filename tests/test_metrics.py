import functools
import itertools
import json
import math
import re
import runpy
import warnings
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pycm
import pytest
import scipy.stats
import sklearn.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torchmetrics.functional import classification as torchmetrics

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.metrics import METRICS, wilson_interval

modest = settings(deadline=None, derandomize=True, max_examples=60)

WHOLE = [
    "accuracy",
    "balanced_accuracy",
    *(f"{name}_{average}" for name in ("precision", "recall", "f1") for average in ("macro", "micro", "weighted")),
    "jaccard_macro",
    "matthews_corrcoef",
    "cohen_kappa",
    "top_confusion_rate",
    "total",
]
COUNTS = ["support", "predicted", "true_positives", "false_positives", "false_negatives", "true_negatives"]
SHARES = ["precision", "recall", "specificity", "f1", "jaccard", "false_positive_rate"]
SIGNED = ["matthews_corrcoef", "cohen_kappa"]
AVERAGED = [f"{name}_{average}" for name in ("precision", "recall", "f1") for average in ("macro", "weighted")] + ["jaccard_macro"]
WILSON = ["accuracy", *(f"{name}_micro" for name in ("precision", "recall", "f1")), "recall_weighted"]
DELTA = [name for name in WHOLE if name not in (*WILSON, "top_confusion_rate", "total")]
ASYMMETRIC = [[50, 9, 1], [2, 30, 0], [4, 7, 5]]


def says(message: str) -> str:
    return f"^{re.escape(message)}$"


@functools.cache
def random_arrays(how_many: int, seed: int, least: int = 1) -> list[np.ndarray]:
    """Counts of all kinds, with something counted: dense and sparse, small and large, with classes absent, never predicted, never true."""
    random = np.random.default_rng(seed)
    found: list[np.ndarray] = []
    while len(found) < how_many:
        size = int(random.integers(least, 9))
        dense = random.integers(0, random.choice([2, 6, 50, 10**6]), (size, size))
        dense[random.random((size, size)) < random.choice([0, 0.5, 0.9])] = 0
        kind = len(found) % 8
        one, two = random.integers(0, size, 2)
        if kind in (0, 4):
            dense[one], dense[:, one] = 0, 0
        elif kind in (1, 4):
            dense[:, one] = 0
        elif kind in (2, 5):
            dense[two] = 0
        elif kind == 3:
            dense *= np.eye(size, dtype=np.int64)
        elif kind == 6 and size > 1:
            dense[:, [column for column in range(size) if column != one]] = 0
        if dense.any():
            found.append(dense)
    return found


def samples(dense: np.ndarray) -> dict[str, np.ndarray]:
    """What scikit-learn takes: a sample for each cell, weighted by its count."""
    rows, cols = np.nonzero(dense)
    return {"y_true": rows, "y_pred": cols, "sample_weight": dense[rows, cols]}


def undefined_as(values: np.ndarray, zero_division: float) -> np.ndarray:
    return np.where(np.isnan(values), zero_division, values)


# What there is.


def test_the_metrics_are_those_of_the_issue() -> None:
    matrix = ConfusionMatrix.from_dense(ASYMMETRIC)
    assert sorted(matrix.metrics()) == sorted(WHOLE)
    assert sorted(matrix.per_class()) == sorted([*COUNTS, *SHARES, *(f"{name}_interval" for name in SHARES)])
    assert sorted(METRICS) == sorted([*WHOLE, *COUNTS, *SHARES])


@pytest.mark.parametrize("name", METRICS)
def test_each_tells_its_name_formula_and_source(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name
    assert metric.per_class == (name in COUNTS + SHARES)
    assert (metric.proportion is not None) == (name in SHARES + WILSON)
    assert (metric.gradient is not None) == (name in DELTA)
    assert metric.least == (-1 if name in SIGNED else 0)
    assert metric.formula
    assert re.search(r"\b(1[89]|20)\d\d\b|^a (count|share)$", metric.source), "who defined it, and when"


@pytest.mark.parametrize("name", COUNTS + SHARES)
def test_the_formula_as_written_is_what_is_computed(name: str) -> None:
    found = ConfusionMatrix.from_dense(ASYMMETRIC).per_class()
    counts = {short: found[long] for short, long in zip(("TP", "FP", "FN", "TN"), COUNTS[2:], strict=True)}
    formula = METRICS[name].formula.split("=")[-1].replace("2 TP", "2 * TP").strip()
    np.testing.assert_allclose(eval(formula, {"N": np.sum(ASYMMETRIC), **counts}), found[name], rtol=1e-15)


def test_by_hand() -> None:
    matrix = ConfusionMatrix.from_dense([[6, 2], [1, 1]])
    found = matrix.per_class()
    assert {name: found[name].tolist() for name in COUNTS} == {
        "support": [8, 2],
        "predicted": [7, 3],
        "true_positives": [6, 1],
        "false_positives": [1, 2],
        "false_negatives": [2, 1],
        "true_negatives": [1, 6],
    }
    expected = {
        "precision": [6 / 7, 1 / 3],
        "recall": [6 / 8, 1 / 2],
        "specificity": [1 / 2, 6 / 8],
        "f1": [12 / 15, 2 / 5],
        "jaccard": [6 / 9, 1 / 4],
        "false_positive_rate": [1 / 2, 2 / 8],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-15)
    assert matrix.metrics() == pytest.approx(
        {
            "total": 10,
            "accuracy": 0.7,
            "balanced_accuracy": 0.625,
            **{f"{name}_macro": np.mean(expected[name]) for name in ("precision", "recall", "f1", "jaccard")},
            **{f"{name}_weighted": 0.8 * expected[name][0] + 0.2 * expected[name][1] for name in ("precision", "recall", "f1")},
            **{f"{name}_micro": 0.7 for name in ("precision", "recall", "f1")},
            "matthews_corrcoef": (6 * 1 - 2 * 1) / math.sqrt(7 * 3 * 8 * 2),
            "cohen_kappa": (0.7 - 0.62) / (1 - 0.62),
            "top_confusion_rate": 0.2,
        },
        rel=1e-14,
    )


# scikit-learn.


def test_per_class_is_scikit_learns() -> None:
    """Shares of a class do not depend on other classes, so that 2,500 matrices go to scikit-learn as the blocks of one."""
    matrices = random_arrays(2500, seed=1)
    starts = np.cumsum([0, *map(len, matrices)])
    blocks = [samples(dense) for dense in matrices]
    truth = {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}
    shift = np.repeat(starts[:-1], [len(block["y_true"]) for block in blocks])
    truth |= {"y_true": truth["y_true"] + shift, "y_pred": truth["y_pred"] + shift, "labels": np.arange(starts[-1])}
    found = [ConfusionMatrix.from_dense(dense).per_class() for dense in matrices]
    ours = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    for zero_division in (0, 1, math.nan):
        theirs = sklearn.metrics.precision_recall_fscore_support(**truth, average=None, zero_division=zero_division)
        for name, values in zip(("precision", "recall", "f1"), theirs, strict=False):
            np.testing.assert_allclose(undefined_as(ours[name], zero_division), values, rtol=1e-14)
            assert np.isnan(ours[name]).any(), "some are undefined"
        np.testing.assert_array_equal(ours["support"], theirs[3])
        if zero_division in (0, 1):
            jaccard = sklearn.metrics.jaccard_score(**truth, average=None, zero_division=zero_division)
            np.testing.assert_allclose(undefined_as(ours["jaccard"], zero_division), jaccard, rtol=1e-14)


def sklearn_averages(dense: np.ndarray, zero_division: float) -> dict[str, float]:
    given, labels = samples(dense), np.arange(len(dense))
    found = {}
    for average in ("macro", "micro", "weighted"):
        shares = sklearn.metrics.precision_recall_fscore_support(**given, labels=labels, average=average, zero_division=zero_division)
        found |= {f"{name}_{average}": share for name, share in zip(("precision", "recall", "f1"), shares, strict=False)}
    return found


def test_the_whole_matrix_is_scikit_learns() -> None:
    differences = 0
    for dense, zero_division in zip(random_arrays(150, seed=2), itertools.cycle([0, 1, math.nan])):
        ours = ConfusionMatrix.from_dense(dense).metrics(zero_division=zero_division)
        given = samples(dense)
        theirs = sklearn_averages(dense, zero_division)
        if zero_division in (0, 1):
            theirs["jaccard_macro"] = sklearn.metrics.jaccard_score(
                **given, labels=np.arange(len(dense)), average="macro", zero_division=zero_division
            )
        theirs["accuracy"] = sklearn.metrics.accuracy_score(**given)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a single class, of one that is only predicted, and of an undefined kappa
            theirs["balanced_accuracy"] = sklearn.metrics.balanced_accuracy_score(**given)
            theirs["cohen_kappa"] = sklearn.metrics.cohen_kappa_score(
                given["y_true"], given["y_pred"], labels=np.arange(len(dense)), sample_weight=given["sample_weight"]
            )
            theirs["matthews_corrcoef"] = sklearn.metrics.matthews_corrcoef(**given)
        if math.isnan(ours["matthews_corrcoef"]):
            assert theirs.pop("matthews_corrcoef") == 0, "scikit-learn's value for what is undefined"
            differences += 1
        if math.isnan(zero_division) and math.isnan(ours["precision_weighted"]):
            theirs.pop("precision_weighted")  # no class that has samples was predicted; they fall back on no weights at all
            differences += 1
        assert {name: ours[name] for name in theirs} == pytest.approx(theirs, rel=1e-12, abs=1e-12, nan_ok=True), dense
    assert differences > 20


def test_scikit_learn_averages_over_the_classes_that_occur_unless_told() -> None:
    dense = np.array([[5, 3, 0], [1, 2, 0], [0, 0, 0]])
    given, ours = samples(dense), ConfusionMatrix.from_dense(dense)
    over_two = sklearn.metrics.f1_score(**given, average="macro")
    over_three = sklearn.metrics.f1_score(**given, average="macro", labels=[0, 1, 2], zero_division=0)
    assert over_three == pytest.approx(2 / 3 * over_two)
    assert ours.metrics()["f1_macro"] == pytest.approx(over_two)
    assert ours.metrics(zero_division=0)["f1_macro"] == pytest.approx(over_three)


def test_scikit_learn_averages_without_weights_when_no_weight_is_defined() -> None:
    dense = np.array([[0, 5], [0, 0]])  # class 0 has no precision, class 1 no weight
    theirs = sklearn_averages(dense, math.nan)["precision_weighted"]
    assert (theirs, math.isnan(ConfusionMatrix.from_dense(dense).metrics()["precision_weighted"])) == (0, True)


def test_weights_are_scikit_learns() -> None:
    random = np.random.default_rng(3)
    for dense in random_arrays(60, seed=3):
        weighted = dense * random.random(dense.shape)
        ours = ConfusionMatrix.from_dense(weighted).metrics(zero_division=0)
        theirs = sklearn_averages(weighted, 0) | {"accuracy": sklearn.metrics.accuracy_score(**samples(weighted))}
        assert {name: ours[name] for name in theirs} == pytest.approx(theirs, rel=1e-12, abs=1e-15)
        if not math.isnan(ours["matthews_corrcoef"]):
            assert ours["matthews_corrcoef"] == pytest.approx(sklearn.metrics.matthews_corrcoef(**samples(weighted)), rel=1e-9, abs=1e-9)


def test_ten_thousand_classes() -> None:
    random = np.random.default_rng(4)
    n, size = 10_000, 50_000
    target = np.minimum(random.geometric(5 / n, size) - 1, n - 2)  # the last class never occurs, and many do only as predictions
    preds = np.where(random.random(size) < 0.7, target, random.integers(0, n - 1, size))
    matrix = ConfusionMatrix.from_predictions(preds, target, num_classes=n)
    per_class, ours = matrix.per_class(), matrix.metrics(zero_division=0)
    labels = np.arange(n)
    theirs = sklearn.metrics.precision_recall_fscore_support(target, preds, labels=labels, average=None, zero_division=math.nan)
    for name, values in zip(("precision", "recall", "f1", "support"), theirs, strict=True):
        np.testing.assert_allclose(per_class[name], values, rtol=1e-14)
    for average in ("macro", "weighted"):
        theirs = sklearn.metrics.precision_recall_fscore_support(target, preds, labels=labels, average=average, zero_division=0)
        assert [ours[f"{name}_{average}"] for name in ("precision", "recall", "f1")] == pytest.approx(theirs[:3], rel=1e-12)
    assert ours["accuracy"] == sklearn.metrics.accuracy_score(target, preds) == np.mean(preds == target)
    recall = np.bincount(target, preds == target, n)[np.unique(target)] / np.bincount(target, minlength=n)[np.unique(target)]
    assert ours["balanced_accuracy"] == pytest.approx(recall.mean(), rel=1e-12)
    assert [ours["matthews_corrcoef"], ours["cohen_kappa"]] == pytest.approx(exact_correlations(matrix), rel=1e-13)


# torchmetrics.


@pytest.mark.parametrize("num_classes", [2, 3, 5, 9])
def test_torchmetrics(num_classes: int) -> None:
    """Its metrics of each of 500 samples at once; it counts in float32."""
    random = np.random.default_rng(num_classes)
    target, preds = (np.minimum(random.geometric(0.4, (500, 6)) - 1, num_classes - 1) for _ in range(2))
    preds = np.where(random.random(preds.shape) < 0.4, target, preds)
    matrices = [ConfusionMatrix.from_predictions(*labels, num_classes=num_classes) for labels in zip(preds, target, strict=True)]
    per_class = [matrix.per_class() for matrix in matrices]
    whole = [matrix.metrics(zero_division=0) for matrix in matrices]
    tensors = torch.from_numpy(preds), torch.from_numpy(target)

    def theirs(name: str, average: str | None) -> np.ndarray:
        function = getattr(torchmetrics, f"multiclass_{name}")
        return function(*tensors, num_classes=num_classes, average=average, multidim_average="samplewise").numpy()

    names = {"precision": "precision", "recall": "recall", "specificity": "specificity", "f1": "f1_score"}
    for ours, name in names.items():
        found = np.array([each[ours] for each in per_class])
        assert np.isnan(found).any() or name == "specificity"
        np.testing.assert_allclose(undefined_as(found, 0), theirs(name, None), rtol=1e-5, atol=1e-6)
    for ours, name in names.items():
        if ours != "specificity":
            for average in ("micro", "weighted"):
                expected = theirs(name, average)
                np.testing.assert_allclose([each[f"{ours}_{average}"] for each in whole], expected, rtol=1e-5, atol=1e-6)
            # Its macro averages leave out the classes that never occur.
            expected = theirs(name, "macro")
            present = [np.isfinite(each["jaccard"]) for each in per_class]
            found = [undefined_as(each[ours], 0)[seen].mean() for each, seen in zip(per_class, present, strict=True)]
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
            complete = [seen.all() for seen in present]
            found = np.array([each[f"{ours}_macro"] for each in whole])
            np.testing.assert_allclose(found[complete], expected[complete], rtol=1e-5, atol=1e-6)
    counts = torchmetrics.multiclass_stat_scores(*tensors, num_classes=num_classes, average=None, multidim_average="samplewise").numpy()
    for place, name in enumerate(["true_positives", "false_positives", "true_negatives", "false_negatives", "support"]):
        np.testing.assert_array_equal([each[name] for each in per_class], counts[..., place])
    # Its balanced accuracy, too, counts a class that is only predicted as 0, where ours has nothing to recall.
    always_true = [(each["support"] > 0).all() for each in per_class]
    ours = np.array([each["balanced_accuracy"] for each in whole])
    np.testing.assert_allclose(ours[always_true], theirs("accuracy", "macro")[always_true], rtol=1e-5, atol=1e-6)


def test_torchmetrics_of_the_whole_matrix() -> None:
    undefined = 0
    for counts in random_arrays(200, seed=6, least=2):
        dense = np.minimum(counts, 40)
        rows, cols = (torch.from_numpy(np.repeat(index.ravel(), dense.ravel())) for index in np.indices(dense.shape))
        ours = ConfusionMatrix.from_dense(dense).metrics(zero_division=0)
        kappa = torchmetrics.multiclass_cohen_kappa(cols, rows, num_classes=len(dense)).item()
        assert ours["cohen_kappa"] == pytest.approx(kappa, rel=1e-4, abs=1e-5, nan_ok=True)
        correlation = torchmetrics.multiclass_matthews_corrcoef(cols, rows, num_classes=len(dense)).item()
        if not math.isnan(ours["matthews_corrcoef"]):
            assert ours["matthews_corrcoef"] == pytest.approx(correlation, rel=1e-4, abs=1e-4)
        elif len(dense) > 2:  # of two classes, and for a perfect matrix of one, it gives yet another number
            assert correlation in (0, 1)
            undefined += 1
        if len(np.unique([*rows, *cols])) == len(dense):
            jaccard = torchmetrics.multiclass_jaccard_index(cols, rows, num_classes=len(dense)).item()
            assert ours["jaccard_macro"] == pytest.approx(jaccard, rel=1e-5)
    assert undefined > 10


# PyCM.

PYCM_PER_CLASS = {
    "support": "P",
    "predicted": "TOP",
    "true_positives": "TP",
    "false_positives": "FP",
    "false_negatives": "FN",
    "true_negatives": "TN",
    "precision": "PPV",
    "recall": "TPR",
    "specificity": "TNR",
    "f1": "F1",
    "jaccard": "J",
    "false_positive_rate": "FPR",
}
PYCM_WHOLE = {
    "accuracy": "Overall ACC",
    "precision_micro": "PPV Micro",
    "recall_micro": "TPR Micro",
    "f1_micro": "F1 Micro",
    "matthews_corrcoef": "Overall MCC",
    "cohen_kappa": "Kappa",
}


def number(value: float | str) -> float:
    return math.nan if value == "None" else float(value)


def test_pycm() -> None:
    undefined = dict.fromkeys(PYCM_WHOLE, 0)
    for dense in random_arrays(800, seed=7, least=2):
        matrix = ConfusionMatrix.from_dense(dense)
        theirs = pycm.ConfusionMatrix(matrix={row: dict(enumerate(counts)) for row, counts in enumerate(dense.tolist())})
        per_class, ours = matrix.per_class(), matrix.metrics()
        for name, stat in PYCM_PER_CLASS.items():
            values = [number(theirs.class_stat[stat][index]) for index in range(len(dense))]
            np.testing.assert_allclose(per_class[name], values, rtol=1e-13, atol=1e-15)
        for name, stat in PYCM_WHOLE.items():
            value = number(theirs.overall_stat[stat])
            assert ours[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), (name, dense)
            undefined[name] += math.isnan(value)
        for name, stat in [("precision", "PPV Macro"), ("recall", "TPR Macro"), ("f1", "F1 Macro")]:
            # "None" as soon as one class is undefined; ours are the average of the others.
            if np.isnan(per_class[name]).any():
                assert theirs.overall_stat[stat] == "None"
            else:
                assert ours[f"{name}_macro"] == pytest.approx(theirs.overall_stat[stat], rel=1e-12)
    assert undefined["matthews_corrcoef"] > 50
    assert undefined["cohen_kappa"] > 5


# What is exact, and what is undefined.


def exact_correlations(matrix: ConfusionMatrix) -> list[float]:
    """Matthews' and Cohen's from their definitions, in integers of any size."""
    total, correct = int(matrix.total), int(matrix.true_positives.sum())
    support, predicted = [int(count) for count in matrix.support], [int(count) for count in matrix.predicted]
    by_chance = sum(true * guessed for true, guessed in zip(support, predicted, strict=True))
    spread = [total**2 - sum(count**2 for count in counts) for counts in (predicted, support)]
    return [
        (total * correct - by_chance) / math.sqrt(Fraction(spread[0] * spread[1])),
        float(Fraction(total * correct - by_chance, total**2 - by_chance)),
    ]


@pytest.mark.parametrize(
    "dense",
    [
        [[2**52, 3, 0], [1, 7, 2], [0, 1, 9]],
        [[10**15, 0], [0, 1]],
        [[10**15, 1], [1, 1]],
        [[10**12, 10**6], [10**5, 3]],
        [[5, 3], [3, 10**15]],
    ],
)
def test_a_rare_class_tells_at_any_total(dense: list[list[int]]) -> None:
    matrix = ConfusionMatrix.from_dense(dense)
    found = matrix.metrics()
    assert [found["matthews_corrcoef"], found["cohen_kappa"]] == pytest.approx(exact_correlations(matrix), rel=1e-12)


def test_perfect_and_perfectly_wrong() -> None:
    for counts in ([3, 4], [10**15, 1], [0.1, 0.2, 0.7]):
        found = ConfusionMatrix.from_dense(np.diag(counts)).metrics()
        assert {name: found[name] for name in WHOLE if name not in ("total", "top_confusion_rate")} == {
            name: 1.0 for name in WHOLE if name not in ("total", "top_confusion_rate")
        }
    wrong = ConfusionMatrix.from_dense([[0, 3], [4, 0]]).metrics()
    assert (wrong["matthews_corrcoef"], wrong["accuracy"], wrong["top_confusion_rate"]) == (-1, 0, 4 / 7)
    weighted = ConfusionMatrix.from_dense([[0, 9472120.423979472], [25651375.499919474, 0]]).metrics()
    assert weighted["matthews_corrcoef"] == -1, "however it is rounded"


@pytest.mark.parametrize("size", [1, 3])
def test_nothing_counted(size: int) -> None:
    matrix = ConfusionMatrix.from_dense(np.zeros((size, size)))
    assert matrix.metrics() == pytest.approx({name: 0 if name == "total" else math.nan for name in WHOLE}, nan_ok=True)
    for name, values in matrix.per_class().items():
        assert values.shape == ((size, 2) if name.endswith("_interval") else (size,))
        np.testing.assert_array_equal(values, np.full(values.shape, 0 if name in COUNTS else math.nan))


@pytest.mark.parametrize("zero_division", [0, 1])
def test_nothing_counted_and_averages_that_count_what_is_undefined(zero_division: int) -> None:
    found = ConfusionMatrix.from_dense(np.zeros((3, 3))).metrics(zero_division=zero_division)
    assert {name for name in WHOLE if not math.isnan(found[name])} == {"total", *(name for name in AVERAGED if "macro" in name)}
    assert found["f1_macro"] == zero_division
    assert math.isnan(found["f1_weighted"]), "there is no weight at all"


def test_a_single_class() -> None:
    found = ConfusionMatrix.from_dense([[5]])
    assert found.metrics() == pytest.approx(
        dict.fromkeys(WHOLE, 1.0) | {"total": 5, "top_confusion_rate": 0, "matthews_corrcoef": math.nan, "cohen_kappa": math.nan},
        nan_ok=True,
    )
    assert math.isnan(found.per_class()["specificity"][0]), "there are no samples of other classes"


def test_undefined_classes_in_averages() -> None:
    matrix = ConfusionMatrix.from_dense([[5, 0, 1], [1, 0, 1], [0, 0, 0]])  # class 1 is never predicted, class 2 never true
    found = {value: matrix.metrics(zero_division=value) for value in (math.nan, 0, 1)}
    assert [each["precision_macro"] for each in found.values()] == pytest.approx([(5 / 6 + 0) / 2, 5 / 6 / 3, (5 / 6 + 1) / 3])
    assert [each["recall_macro"] for each in found.values()] == pytest.approx([(5 / 6 + 0) / 2, 5 / 6 / 3, (5 / 6 + 1) / 3])
    assert [each["precision_weighted"] for each in found.values()] == pytest.approx([5 / 6, 6 / 8 * 5 / 6, 6 / 8 * 5 / 6 + 2 / 8])
    assert [each["balanced_accuracy"] for each in found.values()] == [5 / 12] * 3, "by definition over the classes that have samples"
    for name in set(WHOLE) - set(AVERAGED):
        assert len({each[name] for each in found.values()}) == 1, "only averages change"


# Properties of every metric.

whole_counts = st.one_of(st.just(0), st.integers(0, 10**9))
weights = st.one_of(st.just(0.0), st.floats(1e-9, 1e9))


def square(elements, dtype):
    return st.integers(1, 6).flatmap(lambda size: arrays.arrays(dtype, (size, size), elements=elements))


any_counts = square(whole_counts, np.int64) | square(weights, np.float64)


@modest
@given(any_counts, st.sampled_from([math.nan, 0, 1]))
def test_shares_are_shares_or_nan(dense, zero_division) -> None:
    matrix = ConfusionMatrix.from_dense(dense)
    for name, found in (matrix.per_class() | matrix.metrics(zero_division=zero_division)).items():
        values = np.asarray(found)
        assert values.dtype == np.float64
        low, high = (0, math.inf) if name in (*COUNTS, "total") else (-1 if name in SIGNED else 0, 1)
        assert np.all(np.isnan(values) | ((values >= low) & (values <= high))), name


@modest
@given(any_counts, st.randoms(use_true_random=False))
def test_the_order_of_classes_does_not_matter(dense, random) -> None:
    order = random.sample(range(len(dense)), len(dense))
    one, two = ConfusionMatrix.from_dense(dense), ConfusionMatrix.from_dense(dense[np.ix_(order, order)])
    # Of weights, what is left when nearly all is taken away is as rounded as the whole.
    exact = one.values.dtype == np.int64
    rounding = {"rtol": 1e-9, "atol": 1e-12 if exact else 1e-7 * (1 + float(one.total))}
    for name, values in one.per_class().items():
        if exact or name in (*COUNTS, "precision", "recall", "f1", "jaccard"):
            np.testing.assert_allclose(two.per_class()[name], values[order], err_msg=name, **rounding)
    if exact:
        assert two.metrics() == pytest.approx(one.metrics(), rel=1e-9, abs=1e-12, nan_ok=True)


@modest
@given(square(whole_counts, np.int64), st.integers(2, 1000))
def test_shares_do_not_change_with_the_unit(dense, factor) -> None:
    one, many = ConfusionMatrix.from_dense(dense), ConfusionMatrix.from_dense(dense * factor)
    for name in (*COUNTS, *SHARES):
        by = factor if name in COUNTS else 1
        np.testing.assert_allclose(many.per_class()[name], one.per_class()[name] * by, rtol=1e-13, err_msg=name)
    found = {name: value * (factor if name == "total" else 1) for name, value in one.metrics().items()}
    assert many.metrics() == pytest.approx(found, rel=1e-9, abs=1e-12, nan_ok=True)


SWAPS = {"precision": "recall", "support": "predicted", "false_positives": "false_negatives"}
ALIKE = ["true_positives", "true_negatives", "f1", "jaccard"]


def test_the_axes_are_not_swapped() -> None:
    rows, columns = ConfusionMatrix.from_dense(ASYMMETRIC), ConfusionMatrix.from_dense(np.transpose(ASYMMETRIC))
    one, two = rows.per_class(), columns.per_class()
    assert one["support"].tolist() == [60, 32, 16], "rows are the true classes"
    for name, other in SWAPS.items():
        assert not np.isclose(one[name], one[other]).any()
        np.testing.assert_array_equal(one[name], two[other])
        np.testing.assert_array_equal(one[other], two[name])
    for name in ALIKE:
        np.testing.assert_array_equal(one[name], two[name])
    for name in ("specificity", "false_positive_rate", "recall_interval", "precision_interval"):
        assert not np.isclose(one[name], two[name]).any()
    first, second = rows.metrics(), columns.metrics()
    assert first["precision_macro"] == pytest.approx(second["recall_macro"])
    assert first["recall_macro"] == pytest.approx(second["precision_macro"])
    assert first["precision_macro"] != pytest.approx(first["recall_macro"])
    assert first["balanced_accuracy"] == pytest.approx(first["recall_macro"])
    for name in ("accuracy", "f1_macro", "jaccard_macro", "matthews_corrcoef", "cohen_kappa", "top_confusion_rate", "total"):
        assert first[name] == pytest.approx(second[name])
    for name in ("balanced_accuracy", "precision_weighted", "f1_weighted"):
        assert first[name] != pytest.approx(second[name])


@modest
@given(square(weights, np.float64))
def test_weights_of_one_predicted_class_have_no_correlation(dense) -> None:
    """However their sums are rounded."""
    dense[:, 1:] = 0
    found = ConfusionMatrix.from_dense(dense).metrics()
    assert math.isnan(found["matthews_corrcoef"])
    assert math.isnan(found["cohen_kappa"]) or found["cohen_kappa"] == pytest.approx(0, abs=1e-12)


# Intervals.


def test_wilson_is_scipys() -> None:
    trials = np.array([1, 2, 3, 7, 20, 99, 1000, 12345, 10**6])
    pairs = np.array([(k, n) for n in trials for k in {0, 1, n // 10, n // 3, n // 2, n - 1, n} if k <= n])
    found = wilson_interval(*pairs.T.astype(np.float64))
    expected = [scipy.stats.binomtest(int(k), int(n)).proportion_ci(0.95, method="wilson") for k, n in pairs]
    np.testing.assert_allclose(found, [[interval.low, interval.high] for interval in expected], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("dense", "end"),
    [([[65.3053218368288, 1e-15], [0, 0.18138778838836134]], 1), ([[0, 5.713956004558744], [0.0009819426931267062, 0]], -1)],
)
def test_rounding_takes_no_correlation_beyond_the_ends(dense, end) -> None:
    assert ConfusionMatrix.from_dense(dense).metrics()["matthews_corrcoef"] == end


def test_rounding_takes_no_bound_beyond_the_ends_and_no_share_out() -> None:
    trials = np.random.default_rng(5).random(1000)
    for share in (1 - 1e-16, 1 - 1e-15, 1e-15):
        successes = trials * share
        low, high = wilson_interval(successes, trials).T
        assert np.all((low >= 0) & (low <= successes / trials) & (successes / trials <= high) & (high <= 1))


def test_the_intervals_are_those_of_their_proportions() -> None:
    per_class = ConfusionMatrix.from_dense(ASYMMETRIC).per_class()
    of = {
        "precision": ("true_positives", per_class["predicted"]),
        "recall": ("true_positives", per_class["support"]),
        "specificity": ("true_negatives", per_class["true_negatives"] + per_class["false_positives"]),
        "false_positive_rate": ("false_positives", per_class["true_negatives"] + per_class["false_positives"]),
        "jaccard": ("true_positives", per_class["support"] + per_class["false_positives"]),
    }
    assert sorted([*of, "f1"]) == sorted(SHARES)
    for name, (part, whole) in of.items():
        for index in range(3):
            k, n = int(per_class[part][index]), int(whole[index])
            expected = scipy.stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
            np.testing.assert_allclose(per_class[f"{name}_interval"][index], [expected.low, expected.high], rtol=0, atol=1e-12)


def test_the_interval_of_f1_holds_about_as_often_as_it_says() -> None:
    rng, truth = np.random.default_rng(5), np.array([[0.24, 0.06, 0.02], [0.01, 0.3, 0.05], [0.04, 0.03, 0.25]])
    of_truth = ConfusionMatrix.from_dense(truth).per_class()["f1"]
    drawn = [ConfusionMatrix.from_dense(counts.reshape(3, 3)).per_class() for counts in rng.multinomial(200, truth.ravel(), 2000)]
    low, high = np.moveaxis([each["f1_interval"] for each in drawn], -1, 0)
    held = np.mean((low <= of_truth) & (of_truth <= high), axis=0)
    assert np.all((held > 0.935) & (held < 0.965)), held


@modest
@given(any_counts)
def test_intervals_contain_their_shares(dense) -> None:
    per_class = ConfusionMatrix.from_dense(dense).per_class()
    for name in SHARES:
        share, (low, high) = per_class[name], per_class[f"{name}_interval"].T
        defined = ~np.isnan(share)
        np.testing.assert_array_equal(np.isnan(low), ~defined)
        np.testing.assert_array_equal(np.isnan(high), ~defined)
        assert np.all((low >= 0) & (low <= share) & (share <= high) & (high <= 1) | ~defined), name
        assert np.all((low < high) | ~defined)


# Intervals of the whole matrix.


def standard_errors(matrix: ConfusionMatrix, zero_division: float = math.nan) -> dict[str, float]:
    """Those that the intervals by the delta method were made of; infinite where both bounds were cut off."""
    found, intervals = matrix.metrics(zero_division=zero_division), matrix.metric_intervals(zero_division=zero_division)
    errors = {}
    for name in DELTA:
        low, high = intervals[name]
        half = [found[name] - low if low > (-1 if name in SIGNED else 0) else math.inf, high - found[name] if high < 1 else math.inf]
        errors[name] = min(half) / scipy.stats.norm.ppf(0.975) if not math.isnan(low) else math.nan
    return errors


def numeric_standard_errors(dense: np.ndarray, zero_division: float) -> dict[str, float]:
    """By the definition: each metric's differential quotient of each cell that holds samples, and the multinomial covariance."""
    counts, total = dense[dense > 0], dense.sum()
    slopes: dict[str, list[float]] = {name: [] for name in DELTA}
    for cell in np.argwhere(dense > 0):
        moved = []
        for step in (1e-4, -1e-4):
            there = dense.astype(np.float64)
            there[tuple(cell)] *= 1 + step
            moved.append(ConfusionMatrix.from_dense(there).metrics(zero_division=zero_division))
        for name, found in slopes.items():
            found.append((moved[0][name] - moved[1][name]) / (2e-4 * dense[tuple(cell)]))
    covariance = np.diag(counts) - np.outer(counts, counts) / total
    return {name: math.sqrt(max(np.array(found) @ covariance @ np.array(found), 0)) for name, found in slopes.items()}


def test_which_have_an_interval() -> None:
    intervals = ConfusionMatrix.from_dense(ASYMMETRIC).metric_intervals()
    assert sorted(intervals) == sorted([*WILSON, *DELTA])
    assert all(type(low) is type(high) is float for low, high in intervals.values())


def test_the_interval_of_the_accuracy_is_wilsons() -> None:
    intervals = ConfusionMatrix.from_dense(ASYMMETRIC).metric_intervals()
    expected = scipy.stats.binomtest(85, 108).proportion_ci(0.95, method="wilson")
    for name in WILSON:
        assert intervals[name] == pytest.approx((expected.low, expected.high), rel=1e-12)


@pytest.mark.parametrize("zero_division", [math.nan, 0, 1])
def test_standard_errors_are_those_of_differential_quotients(zero_division: float) -> None:
    compared = dict.fromkeys(DELTA, 0)
    for small in random_arrays(80, seed=8, least=2):
        dense = small * 50  # so that few bounds are cut off
        found = standard_errors(ConfusionMatrix.from_dense(dense), zero_division)
        expected = numeric_standard_errors(dense, zero_division)
        for name in DELTA:
            if math.isnan(found[name]):
                value = ConfusionMatrix.from_dense(dense).metrics(zero_division=zero_division)[name]
                assert math.isnan(value) or expected[name] < 1e-7, (name, dense)
            elif math.isfinite(found[name]):
                assert found[name] == pytest.approx(expected[name], rel=1e-5, abs=1e-9), (name, dense)
                compared[name] += 1
    assert min(compared.values()) > 30


def test_standard_errors_of_means_of_independent_shares() -> None:
    """Recalls, given the supports, are independent binomial shares, and so are precisions, given the predictions.

    That supports vary, too, is of no weight here: at the first order a mean of recalls does not change with them.
    """
    matrix = ConfusionMatrix.from_dense(np.multiply(ASYMMETRIC, 10))
    found, per_class = standard_errors(matrix), matrix.per_class()
    for name, trials in [("recall", "support"), ("precision", "predicted")]:
        share = per_class[name]
        expected = math.sqrt((share * (1 - share) / per_class[trials]).sum()) / 3
        assert found[f"{name}_macro"] == pytest.approx(expected, rel=1e-12)
    assert found["balanced_accuracy"] == found["recall_macro"] != pytest.approx(found["precision_macro"], rel=0.1)


@pytest.mark.parametrize("dense", [np.multiply(ASYMMETRIC, 10), [[2**52, 3, 0], [1, 7, 2], [0, 1, 9]], [[5, 4], [3, 10**15]]])
def test_standard_errors_of_correlations_at_any_total(dense) -> None:
    """In 80 digits: kappa by the formula of Fleiss, Cohen and Everitt, 1969; Matthews by the derivatives of Gorodkin's formula."""
    found = standard_errors(ConfusionMatrix.from_dense(dense))
    with localcontext(prec=80):
        total = Decimal(int(np.sum(dense)))
        share = [[Decimal(int(count)) / total for count in row] for row in np.asarray(dense)]
        classes = range(len(share))
        true, predicted = [sum(row) for row in share], [sum(column) for column in zip(*share, strict=True)]
        agreed, chance = sum(share[i][i] for i in classes), sum(true[i] * predicted[i] for i in classes)
        on = sum(share[i][i] * ((1 - chance) - (predicted[i] + true[i]) * (1 - agreed)) ** 2 for i in classes)
        off = sum(share[i][j] * (predicted[i] + true[j]) ** 2 for i in classes for j in classes if i != j)
        apart = agreed * chance - 2 * chance + agreed
        kappa = (on + (1 - agreed) ** 2 * off - apart**2) / total / (1 - chance) ** 4
        spreads = [1 - sum(part**2 for part in parts) for parts in (true, predicted)]
        scale = (spreads[0] * spreads[1]).sqrt()
        value = (agreed - chance) / scale
        slopes = [
            [((i == j) - predicted[i] - true[j]) / scale + value * (true[i] / spreads[0] + predicted[j] / spreads[1]) for j in classes]
            for i in classes
        ]
        mean, mean_square = (sum(share[i][j] * slopes[i][j] ** power for i in classes for j in classes) for power in (1, 2))
        matthews = (mean_square - mean**2) / total
    assert found["cohen_kappa"] == pytest.approx(math.sqrt(kappa), rel=1e-9)
    assert found["matthews_corrcoef"] == pytest.approx(math.sqrt(matthews), rel=1e-9)


def test_intervals_of_samples_drawn_at_random() -> None:
    """95% of them hold the metric of where the samples come from, and standard errors are the standard deviations of the metrics."""
    random = np.random.default_rng(9)
    source = np.array([[300, 40, 20, 0], [10, 150, 60, 5], [0, 30, 80, 10], [25, 5, 15, 50]])
    truth = ConfusionMatrix.from_dense(source).metrics()
    drawn = [ConfusionMatrix.from_dense(counts.reshape(4, 4)) for counts in random.multinomial(2000, source.ravel() / source.sum(), 2000)]
    metrics, intervals = [matrix.metrics() for matrix in drawn], [matrix.metric_intervals() for matrix in drawn]
    errors = standard_errors(ConfusionMatrix.from_dense(source))
    for name in (*WILSON, *DELTA):
        held = np.mean([low <= truth[name] <= high for low, high in (each[name] for each in intervals)])
        assert 0.935 < held < 0.965, name  # three standard deviations of 2,000 tries
    for name in DELTA:
        deviation = np.std([each[name] for each in metrics])
        assert errors[name] * math.sqrt(source.sum() / 2000) == pytest.approx(deviation, rel=0.06), name


def test_the_width_falls_with_the_root_of_the_samples() -> None:
    one, many = (standard_errors(ConfusionMatrix.from_dense(np.multiply(ASYMMETRIC, factor))) for factor in (100, 6400))
    assert {name: error / 8 for name, error in one.items()} == pytest.approx(many, rel=1e-9)


def test_the_axes_of_intervals_are_not_swapped() -> None:
    one, two = (ConfusionMatrix.from_dense(dense).metric_intervals() for dense in (ASYMMETRIC, np.transpose(ASYMMETRIC)))
    for name in ("accuracy", "f1_macro", "jaccard_macro", "matthews_corrcoef", "cohen_kappa"):
        assert one[name] == pytest.approx(two[name])
    assert one["precision_macro"] == pytest.approx(two["recall_macro"])
    for name in ("balanced_accuracy", "precision_macro", "precision_weighted", "f1_weighted"):
        assert one[name] != pytest.approx(two[name], rel=1e-3)


@modest
@given(any_counts, st.sampled_from([math.nan, 0, 1]))
def test_intervals_of_the_whole_contain_its_metrics(dense, zero_division) -> None:
    matrix = ConfusionMatrix.from_dense(dense)
    found = matrix.metrics(zero_division=zero_division)
    for name, (low, high) in matrix.metric_intervals(zero_division=zero_division).items():
        if math.isnan(low):
            assert math.isnan(high)
            assert math.isnan(found[name]) or name in DELTA
        else:
            assert (-1 if name in SIGNED else 0) <= low <= found[name] <= high <= 1, name
            assert low < high, name


PERFECT = [np.diag(counts) for counts in ([3, 4], [10**15, 1], [0.1, 0.2, 0.7], [5, 1, 70], [9])]


@pytest.mark.parametrize("dense", [*PERFECT, np.zeros((3, 3)), [[5, 0], [0, 0]]])
def test_no_mistake_is_no_certainty(dense) -> None:
    intervals = ConfusionMatrix.from_dense(dense).metric_intervals()
    assert {name for name in DELTA if math.isnan(intervals[name][0])} == set(DELTA)
    assert math.isnan(intervals["accuracy"][0]) == (np.sum(dense) == 0)


def test_no_spread_beside_spread() -> None:
    right_or_wrong = ConfusionMatrix.from_dense([[5, 0, 0], [0, 0, 4], [0, 0, 8]]).metric_intervals()
    without = {name for name in DELTA if math.isnan(right_or_wrong[name][0])}
    assert without == {"balanced_accuracy", "recall_macro"}, "each recall is 0 or 1, so that samples of other supports have the same mean"
    one_predicted = ConfusionMatrix.from_dense([[5, 0], [3, 0]]).metric_intervals()
    assert {name for name in DELTA if math.isnan(one_predicted[name][0])} == {*without, "matthews_corrcoef", "cohen_kappa"}


def test_weights_too_small_to_divide_by() -> None:
    tiny = ConfusionMatrix.from_dense([[1e-300, 1e-310], [1e-305, 0]])
    for low, high in tiny.metric_intervals().values():
        assert math.isnan(low) or -1 <= low < high <= 1


# The golden metrics: the contract with frontend/src/metrics.ts.

RECORDS = Path(__file__).parent / "records"
GOLDEN = [json.loads(line) for line in (RECORDS / "metrics.jsonl").read_text("ascii").splitlines()]


def leaves(content: object, path: tuple = ()) -> dict[tuple, object]:
    """Every number, text and null by where it is, in order."""
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        return {at: leaf for key, inner in items for at, leaf in leaves(inner, (*path, key)).items()}
    return {path: content}


def test_the_golden_metrics_are_those_of_today() -> None:
    """Up to rounding, which differs between processors."""
    today = json.loads(json.dumps(runpy.run_path(str(RECORDS / "make.py"))["metric_lines"]()))
    assert len(today) == len(GOLDEN) > 20
    for written, found in zip(GOLDEN, today, strict=True):
        expected, numbers = leaves(written), leaves(found)
        assert list(numbers) == list(expected)
        for path, value in expected.items():
            if isinstance(value, float):
                assert numbers[path] == pytest.approx(value, rel=1e-10, abs=1e-14), (written["name"], path)
            else:
                assert numbers[path] == value, (written["name"], path)


# What is refused.


@pytest.mark.parametrize("zero_division", [0.5, -1, 2, "warn", None, math.inf])
def test_another_zero_division(zero_division) -> None:
    matrix = ConfusionMatrix.from_dense(ASYMMETRIC)
    for ask in (matrix.metrics, matrix.metric_intervals):
        with pytest.raises(ValueError, match=says(f"expected zero_division as 0, 1 or nan, got {zero_division!r}")):
            ask(zero_division=zero_division)


def test_a_signed_difference_has_no_metrics() -> None:
    difference = ConfusionMatrix.from_dense([[1, 2], [3, 4]]) - ConfusionMatrix.from_dense([[2, 0], [0, 0]])
    message = "expected counts, got a signed difference, of which there are no shares; subtract the shares of both instead"
    for ask in (difference.metrics, difference.metric_intervals, difference.per_class, lambda: difference.normalize("true")):
        with pytest.raises(ValueError, match=says(message)):
            ask()
