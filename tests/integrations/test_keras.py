"""Trainings with Keras on its PyTorch backend."""

import io
import re
from collections import Counter

import keras
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.tensorboard import SummaryWriter

from tb_confmat_plugin.example_record import decode_examples, decode_images
from tb_confmat_plugin.examples import Examples
from tb_confmat_plugin.integrations.keras import ConfusionMatrixCallback

NAMES = ["cat", "dog", "owl"]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal([0.8, 0.3, 0.0], size=(90, 3)).astype(np.float32)
Y = X.argmax(1)
VAL = slice(60, 90)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        part = slice(60 + 10 * index, 70 + 10 * index)
        return X[part], Y[part]


def model_of(outputs: int = 3, loss: str = "sparse_categorical_crossentropy") -> keras.Model:
    activation = "softmax" if outputs > 1 else "sigmoid"
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(outputs, activation, kernel_initializer=keras.initializers.Constant(0.1))]
    )
    model.compile(keras.optimizers.SGD(0.5), loss)
    return model


class Seen(keras.callbacks.Callback):
    """What the model predicts of the validation data after each epoch."""

    def __init__(self):
        super().__init__()
        self.predictions = []

    def on_epoch_end(self, epoch, logs=None):
        self.predictions.append(self.model.predict(X[VAL], verbose=0))


def test_keras_runs_on_pytorch():
    assert keras.backend.backend() == "torch"


@pytest.mark.parametrize(
    "data",
    [
        (X[VAL], Y[VAL]),
        (X[VAL], Y[VAL, None].astype(np.float32)),
        (X[VAL], keras.utils.to_categorical(Y[VAL], 3)),
        (torch.from_numpy(X[VAL]), torch.from_numpy(Y[VAL])),
        DataLoader(TensorDataset(torch.from_numpy(X[VAL]), torch.from_numpy(Y[VAL])), 7),
        Batches(),
    ],
    ids=["arrays", "column of floats", "one-hot", "tensors", "DataLoader", "PyDataset"],
)
def test_every_epoch_is_logged(data, tmp_path, read_matrices):
    seen = Seen()
    with SummaryWriter(tmp_path) as writer:
        callback = ConfusionMatrixCallback(writer, data, NAMES, batch_size=8)
        model_of().fit(X[:60], Y[:60], epochs=3, verbose=0, callbacks=[seen, callback])
    logged = read_matrices(tmp_path)
    assert list(logged) == ["val"]
    oracle = [confusion_matrix(Y[VAL], scores.argmax(1), labels=[0, 1, 2]).tolist() for scores in seen.predictions]
    assert {epoch: matrix.to_dense().tolist() for epoch, matrix in logged["val"].items()} == dict(enumerate(oracle))
    assert oracle[0] != oracle[2], "it learned something"
    assert logged["val"][0].class_names == tuple(NAMES)


def test_one_output_and_weights(tmp_path, read_matrices):
    seen, weights = Seen(), np.linspace(0, 1, 30)
    with SummaryWriter(tmp_path) as writer:
        callback = ConfusionMatrixCallback(writer, (X[VAL], Y[VAL] == 2, weights), ["rest", "owl"], tag="owl", threshold=0.3)
        model = model_of(1, "binary_crossentropy")
        model.fit(X[:60], Y[:60] == 2, epochs=2, verbose=0, callbacks=[seen, callback])
    for epoch, matrix in read_matrices(tmp_path)["owl"].items():
        oracle = confusion_matrix(Y[VAL] == 2, seen.predictions[epoch][:, 0] > 0.3, sample_weight=weights)
        np.testing.assert_allclose(matrix.to_dense(), oracle)
    assert epoch == 1


def test_labels_of_each_place(tmp_path, read_matrices):
    """As in segmentation: the class is on the last dimension of the scores."""
    model = keras.Sequential([keras.Input((5, 3)), keras.layers.Activation("softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    x = X.reshape(-1, 5, 3)
    with SummaryWriter(tmp_path) as writer:
        callback = ConfusionMatrixCallback(writer, (x, (x.argmax(-1) + 1) % 3))
        callback.set_model(model)
        callback.on_epoch_end(4)
    counts = np.bincount(Y, minlength=3)
    assert read_matrices(tmp_path)["val"][4].to_dense().tolist() == [[0, 0, counts[2]], [counts[0], 0, 0], [0, counts[1], 0]]


def examples_in(logdir, read_log) -> dict[int, Examples]:
    """The examples of each step."""
    return {value.step: decode_examples(value.record)[0] for value in read_log(logdir) if value.content == b"examples"}


@pytest.mark.parametrize("form", ["arrays", "DataLoader"])
def test_examples_of_the_worst_confusions(form, tmp_path, read_log):
    """Pictures of one pixel row, of which the model sees all: those that it is most sure of are kept, as many as were chosen."""
    pictures, ids, seen = X[VAL].reshape(-1, 1, 3, 1), [f"val/{number}.png" for number in range(30)], Seen()
    model = keras.Sequential([keras.Input((1, 3, 1)), keras.layers.Flatten(), *model_of().layers])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    data = (pictures, Y[VAL])
    if form == "DataLoader":
        data = DataLoader(TensorDataset(*map(torch.from_numpy, data)), 7)
    with SummaryWriter(tmp_path) as writer:
        options = {"examples_per_cell": 2, "max_examples": 5, "example_choice": "most confident"}
        callback = ConfusionMatrixCallback(writer, data, NAMES, batch_size=8, images=True, ids=ids, texts=list(map(str, Y[VAL])), **options)
        model.fit(X[:60].reshape(-1, 1, 3, 1), Y[:60], epochs=2, verbose=0, callbacks=[ReshapedSeen(seen), callback])
    logged = examples_in(tmp_path, read_log)
    assert list(logged) == [0, 1]
    for epoch, kept in logged.items():
        scores = seen.predictions[epoch]
        assert 0 < len(kept) <= 5
        cells = Counter((one.true, one.predicted) for one in kept)
        assert max(cells.values()) <= 2
        for cell, count in cells.items():
            of_cell = np.flatnonzero((Y[VAL] == cell[0]) & (scores.argmax(1) == cell[1]))
            assert kept.seen[cell] == len(of_cell)
            found = [int(one.id[4:-4]) for one in kept if (one.true, one.predicted) == cell]
            assert set(found) <= set(of_cell.tolist())
            if cell[0] != cell[1]:
                assert found == of_cell[np.argsort(-scores[of_cell, cell[1]])][:count].tolist()
        for one in kept:
            assert one.text == str(one.true)
            np.testing.assert_allclose(one.confidence, scores[int(one.id[4:-4]), one.predicted], atol=1e-4)
    images = [value for value in read_log(tmp_path) if value.content == b"images"]
    assert images, "the pictures of what was kept"


class ReshapedSeen(keras.callbacks.Callback):
    """What `Seen` sees, of pictures."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def on_epoch_end(self, epoch, logs=None):
        self.seen.predictions.append(self.model.predict(X[VAL].reshape(-1, 1, 3, 1), verbose=0))


def bars(x):
    """Images [N, 3, 6] of inputs [N, 3]."""
    return np.clip(x, 0, 1)[:, :, None] * np.ones(6)


def test_images_made_of_the_inputs(tmp_path, read_log):
    with SummaryWriter(tmp_path) as writer:
        callback = ConfusionMatrixCallback(writer, (X[VAL], Y[VAL]), images=bars, thumbnail_size=4)
        model_of().fit(X[:60], Y[:60], epochs=1, verbose=0, callbacks=[callback])
    (pack,) = [value.record for value in read_log(tmp_path) if value.content == b"images"]
    sizes = {Image.open(io.BytesIO(image)).size for image in decode_images(pack).values()}
    assert sizes == {(4, 2)}


@pytest.mark.filterwarnings("ignore:__array__ implementation")
def test_an_error_of_the_users_function_stops_nothing(tmp_path, read_matrices):
    with SummaryWriter(tmp_path) as writer:
        callback = ConfusionMatrixCallback(writer, (X[VAL], Y[VAL]), images=lambda x: {}[len(x)])
        with pytest.warns(UserWarning, match=r"^no confusion matrix 'val' was logged at epoch \d: KeyError: 30$"):
            history = model_of().fit(X[:60], Y[:60], epochs=2, verbose=0, callbacks=[callback])
    assert history.epoch == [0, 1]
    assert read_matrices(tmp_path) == {}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"examples_per_class": 3}, TypeError, "examples_per_class"),
        ({"max_examples": 0}, ValueError, "expected max_examples as an integer from 1 to 1000, got 0"),
    ],
)
def test_options_that_there_are_not(options, error, message, tmp_path):
    with SummaryWriter(tmp_path) as writer, pytest.raises(error, match=message):
        ConfusionMatrixCallback(writer, (X[VAL], Y[VAL]), images=True, **options)


def test_a_list_of_arrays_where_a_tuple_is_meant(tmp_path):
    with SummaryWriter(tmp_path) as writer, pytest.raises(TypeError, match=r"^expected validation_data as a tuple \(x, y\), or as batches"):
        ConfusionMatrixCallback(writer, [X[VAL], Y[VAL]])


def two_outputs():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, [keras.layers.Dense(3)(inputs), keras.layers.Dense(3)(inputs)])
    model.compile("sgd", ["mse", "mse"])
    return model


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        (model_of, (X[VAL], Y[VAL] + 1), "label 3 of target is outside num_classes=3, at sample"),
        (model_of, [], "expected validation data that can be iterated over anew each epoch, got no batch"),
        (model_of, (X[VAL], Y[VAL] + 0.5), "expected integer labels, or scores with the class on dimension 1"),
        (two_outputs, (X[VAL], Y[VAL]), "expected a model with one output, got 2"),
        (model_of, (X[VAL], Y[VAL]), "expected images of shape [30, C, H, W] or [30, H, W, C] with 1, 3 or 4 channels"),
    ],
)
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # pytest.warns passes on what Keras warns of, without its module
def test_what_cannot_be_counted_is_warned_of(model, data, message, tmp_path, read_matrices):
    model = model()
    target = Y[:60] if len(model.outputs) == 1 else [X[:60], X[:60]]
    with SummaryWriter(tmp_path) as writer:
        callback = ConfusionMatrixCallback(writer, data, images=message.startswith("expected images"))
        with pytest.warns(UserWarning, match=rf"^no confusion matrix 'val' was logged at epoch \d: {re.escape(message)}"):
            history = model.fit(X[:60], target, epochs=2, verbose=0, callbacks=[callback])
    assert history.epoch == [0, 1], "the training went on"
    assert read_matrices(tmp_path) == {}
