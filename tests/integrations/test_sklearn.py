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
