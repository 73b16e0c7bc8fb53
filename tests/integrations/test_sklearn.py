"""Estimators of scikit-learn."""

import re

import numpy as np
import pytest
import tensorboardX
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.tensorboard import SummaryWriter

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.integrations.sklearn import log_estimator

X, Y = load_digits(return_X_y=True)
TRAIN, TEST = slice(0, 600), slice(600, 900)
WORDS = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


@pytest.fixture(params=[tensorboardX.SummaryWriter, SummaryWriter], ids=["tensorboardX", "torch"])
def writer(request, tmp_path):
    with request.param(str(tmp_path)) as writer:
        yield writer


def only(read_matrices, writer, tmp_path, step: int = 0):
    writer.close()
    logged = read_matrices(tmp_path)
    assert list(logged) == ["test"]
    assert list(logged["test"]) == [step]
    return logged["test"][step]


@pytest.mark.parametrize(
    "estimator",
    [
        KNeighborsClassifier(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3]}, cv=2),
    ],
    ids=["classifier", "pipeline", "search"],
)
def test_labels_that_are_words(estimator, writer, tmp_path, read_matrices):
    estimator.fit(X[TRAIN], WORDS[Y[TRAIN]])
    returned = log_estimator(writer, "test", estimator, X[TEST], WORDS[Y[TEST]], 7)
    matrix = only(read_matrices, writer, tmp_path, 7)
    assert matrix == returned
    assert matrix.class_names == tuple(sorted(WORDS))
    assert matrix.to_dense().tolist() == confusion_matrix(WORDS[Y[TEST]], estimator.predict(X[TEST])).tolist()


def test_labels_that_are_numbers_with_names_and_weights(writer, tmp_path, read_matrices):
    estimator = KNeighborsClassifier().fit(X[TRAIN], 10 * Y[TRAIN])
    weights = np.linspace(0, 1, 300)
    log_estimator(writer, "test", estimator, X[TEST], 10 * Y[TEST], sample_weight=weights, class_names=WORDS.tolist())
    matrix = only(read_matrices, writer, tmp_path)
    assert matrix.class_names == tuple(WORDS)
    oracle = confusion_matrix(10 * Y[TEST], estimator.predict(X[TEST]), sample_weight=weights)
    np.testing.assert_allclose(matrix.to_dense(), oracle)


@pytest.mark.parametrize("class_names", [None, ["zero", "two", "three"]])
def test_labels_that_the_estimator_has_not_seen_come_last(class_names, writer, tmp_path, read_matrices):
    some = Y < 4
    seen = some & (Y != 1)
    estimator = KNeighborsClassifier().fit(X[seen], Y[seen])
    log_estimator(writer, "test", estimator, X[some], Y[some], class_names=class_names)
    matrix = only(read_matrices, writer, tmp_path)
    assert matrix.class_names == (*(class_names or ["0", "2", "3"]), "1")
    assert matrix.to_dense().tolist() == confusion_matrix(Y[some], estimator.predict(X[some]), labels=[0, 2, 3, 1]).tolist()


def test_an_estimator_without_classes(writer, tmp_path, read_matrices):
    estimator = IsolationForest(n_estimators=10, random_state=0).fit(X[TRAIN])
    inliers = np.where(Y[TEST] < 7, 1, -1)
    log_estimator(writer, "test", estimator, X[TEST], inliers)
    matrix = only(read_matrices, writer, tmp_path)
    assert matrix.class_names == ("-1", "1")
    assert matrix.to_dense().tolist() == confusion_matrix(inliers, estimator.predict(X[TEST])).tolist()


def test_a_detector_of_outliers_that_finds_none_has_both_classes(writer, tmp_path, read_matrices):
    estimator = IsolationForest(n_estimators=10, random_state=0).fit(X[TRAIN])
    inliers = X[TRAIN][estimator.predict(X[TRAIN]) == 1][:7]
    log_estimator(writer, "test", estimator, inliers, [1] * 7, class_names=["outlier", "inlier"])
    assert only(read_matrices, writer, tmp_path) == ConfusionMatrix.from_dense([[0, 0], [0, 7]], ["outlier", "inlier"])


@pytest.mark.parametrize(("names", "said"), [(["zero", "one", "two", "three"], 4), (["zero", "two"], 2)])
@pytest.mark.parametrize("all_known", [True, False])
def test_names_for_another_number_of_classes(names, said, all_known, writer, tmp_path, read_matrices):
    """One name too many has shifted all the others: class 1 is not in the training data."""
    seen = (Y < 4) & (Y != 1)
    estimator = KNeighborsClassifier().fit(X[seen], Y[seen])
    some = seen if all_known else Y < 4
    message = (
        f"expected a class name for each of the 3 classes that the estimator knows, got {said}; "
        "pass names for these, in this order: '0', '2', '3'"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        log_estimator(writer, "test", estimator, X[some], Y[some], class_names=iter(names))
    with pytest.raises(TypeError, match=r"^class_names must be a list of names, got the single str 'abc'$"):
        log_estimator(writer, "test", estimator, X[some], Y[some], class_names="abc")
    writer.close()
    assert read_matrices(tmp_path) == {}


@pytest.mark.parametrize(("labels", "none"), [(WORDS.astype(object), None), (WORDS.astype(object), np.nan), (np.arange(10.0), np.nan)])
def test_a_sample_without_a_label(labels, none, writer, tmp_path, read_matrices):
    estimator = KNeighborsClassifier().fit(X[TRAIN], labels[Y[TRAIN]])
    y = labels[Y[TEST]]
    log_estimator(writer, "test", estimator, X[TEST], y)
    y[5] = none
    message = f"^expected a label in y for each sample, got {none!r} at position 5; leave such samples out$"
    with pytest.raises(ValueError, match=message):
        log_estimator(writer, "test", estimator, X[TEST], y, 1)
    assert only(read_matrices, writer, tmp_path).total == 300


@pytest.mark.parametrize(
    ("estimator", "y", "error", "message"),
    [
        (LinearRegression(), Y, TypeError, "expected a classifier, got the regressor LinearRegression"),
        (
            KNeighborsClassifier(),
            np.stack([Y, Y], 1),
            ValueError,
            "expected one label a sample, got predictions of shape [300, 2] and y of shape [300, 2]; log each output of its own",
        ),
    ],
)
def test_what_is_no_classifier_of_one_label(estimator, y, error, message, writer, tmp_path, read_matrices):
    estimator.fit(X[TRAIN], y[TRAIN])
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        log_estimator(writer, "test", estimator, X[TEST], y[TEST])
    writer.close()
    assert read_matrices(tmp_path) == {}
