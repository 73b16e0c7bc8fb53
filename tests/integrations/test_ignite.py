"""A training with Ignite."""

import re

import pytest
import tensorboardX
import torch
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.handlers.tensorboard_logger import TensorboardLogger, global_step_from_engine
from ignite.metrics import Accuracy, ConfusionMatrix
from sklearn.metrics import confusion_matrix

from tb_confmat_plugin.integrations.ignite import ConfusionMatrixHandler

NAMES = ["cat", "dog", "owl"]
X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor([0.8, 0.3, 0.0])
BATCHES = list(zip(X.split(8), X.argmax(1).split(8), strict=True))


@pytest.fixture
def training():
    """A trainer that runs an evaluator after each epoch, the evaluator, and what the model has predicted at each."""
    model = torch.nn.Linear(3, 3)
    torch.nn.init.constant_(model.weight, 0.1)
    torch.nn.init.zeros_(model.bias)
    trainer = create_supervised_trainer(model, torch.optim.SGD(model.parameters(), 0.5), torch.nn.functional.cross_entropy)
    evaluator = create_supervised_evaluator(model)
    predicted = []

    @trainer.on(Events.EPOCH_COMPLETED)
    def evaluate():
        evaluator.run(BATCHES)
        predicted.append(model(X).argmax(1))

    return trainer, evaluator, predicted


def test_every_evaluation_is_logged(training, tmp_path, read_matrices):
    trainer, evaluator, predicted = training
    ConfusionMatrix(3).attach(evaluator, "cm")
    with TensorboardLogger(tmp_path) as logger:
        assert isinstance(logger.writer, tensorboardX.SummaryWriter), "which Ignite prefers"
        logger.attach(evaluator, ConfusionMatrixHandler("val", "cm", NAMES, global_step_from_engine(trainer)), Events.EPOCH_COMPLETED)
        trainer.run(BATCHES, max_epochs=3)
    logged = read_matrices(tmp_path)
    oracle = [confusion_matrix(X.argmax(1), preds, labels=[0, 1, 2]).tolist() for preds in predicted]
    assert oracle[0] != oracle[2], "it learned something"
    assert {step: matrix.to_dense().tolist() for step, matrix in logged["val"].items()} == dict(enumerate(oracle, 1))
    assert logged["val"][1].class_names == tuple(NAMES)


def test_two_processes_log_their_sum_once(world, read_matrices):
    """`read_matrices` refuses a step that was logged twice."""
    told = [told["ignite"] for told in world.told]
    logged = read_matrices(world.where / "ignite")
    assert [len(one["true"]) for one in told] == [20, 30]
    true, predicted = (told[0][key] + told[1][key] for key in ("true", "predicted"))
    counts = confusion_matrix(true, predicted, labels=[0, 1, 2])
    assert (counts != counts.T).any()
    assert {tag: {step: matrix.to_dense().tolist() for step, matrix in steps.items()} for tag, steps in logged.items()} == {
        "val": {1: counts.tolist()}
    }


@pytest.mark.filterwarnings("ignore:step 1 of 'own' was logged twice")
def test_without_a_step_it_is_that_of_the_engine(training, tmp_path, read_log):
    trainer, evaluator, _ = training
    ConfusionMatrix(3).attach(evaluator, "cm")
    with TensorboardLogger(tmp_path) as logger:
        logger.attach(evaluator, ConfusionMatrixHandler("own", "cm"), Events.EPOCH_COMPLETED)
        trainer.run(BATCHES, max_epochs=2)
    assert [(value.tag, value.step) for value in read_log(tmp_path)] == [("own", 1), ("own", 1)], "each run of an evaluator is its epoch 1"


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (ConfusionMatrix(3, average="recall"), "expected counts, got shares; make the metric with average=None"),
        (Accuracy(), "expected a square array of counts, got "),
        (None, "expected a metric 'cm' attached to the engine, got 'accuracy'"),
    ],
)
def test_what_cannot_be_logged_is_warned_of(metric, message, training, tmp_path, read_matrices):
    trainer, evaluator, predicted = training
    Accuracy().attach(evaluator, "accuracy")
    if metric:
        metric.attach(evaluator, "cm")
    with TensorboardLogger(tmp_path) as logger:
        logger.attach(evaluator, ConfusionMatrixHandler("val", "cm", NAMES, global_step_from_engine(trainer)), Events.EPOCH_COMPLETED)
        with pytest.warns(UserWarning, match=f"^no confusion matrix 'val' was logged at step [12]: {re.escape(message)}"):
            trainer.run(BATCHES, max_epochs=2)
    assert len(predicted) == 2, "the training went on"
    assert read_matrices(tmp_path) == {}
