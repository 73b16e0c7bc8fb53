"""Trainings with the Trainer of Transformers, of models made from scratch."""

import re

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    Trainer,
    TrainingArguments,
)

from tb_confmat_plugin.integrations.transformers import ConfusionMatrixCallback

NAMES = ["negative", "neutral", "positive"]


class Made(torch.utils.data.Dataset):
    """Sequences of 6 tokens, of which the first is the label and the others are noise."""

    def __init__(self, size: int, seed: int = 0, tokens: bool = False, labels: bool = True) -> None:
        random = np.random.default_rng(seed)
        self.ids = random.integers(3, 20, (size, 6))
        self.target = random.choice(3, size, p=[0.6, 0.3, 0.1])
        self.ids[:, 0] = self.target
        self.tokens, self.labels = tokens, labels

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, index):
        item = {"input_ids": torch.from_numpy(self.ids[index])}
        if self.labels:
            label = int(self.target[index])
            item["labels"] = torch.tensor([-100, label, label, 2, -100, -100]) if self.tokens else label
        return item


def trainer_of(tmp_path, tokens: bool = False, names=NAMES, **options) -> Trainer:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=8,
        num_labels=3,
        **({"id2label": dict(enumerate(names))} if names else {}),
    )
    arguments = {
        "output_dir": str(tmp_path / "out"),
        "num_train_epochs": 3,
        "eval_strategy": "epoch",
        "save_strategy": "no",
        "report_to": ["tensorboard"],
        "per_device_train_batch_size": 16,
        "per_device_eval_batch_size": 16,
        "learning_rate": 0.05,
        "disable_tqdm": True,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "logging_strategy": "epoch",
        "seed": 0,
    }
    others = {"train_dataset": Made(64, tokens=tokens), "eval_dataset": Made(40, 1, tokens=tokens)}
    for name, value in options.items():
        (arguments if name in TrainingArguments.__dataclass_fields__ else others)[name] = value
    model = (BertForTokenClassification if tokens else BertForSequenceClassification)(config)
    return Trainer(model, TrainingArguments(**arguments), **others)


@pytest.fixture(autouse=True)
def logdir(tmp_path, monkeypatch):
    """Where the Trainer logs."""
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "runs"))
    return tmp_path / "runs"


def oracle(predictions, target) -> list:
    kept = np.asarray(target).ravel() != -100
    preds = np.asarray(predictions).argmax(-1).ravel()
    return confusion_matrix(np.asarray(target).ravel()[kept], preds[kept], labels=[0, 1, 2]).tolist()


@pytest.mark.parametrize("tokens", [False, True], ids=["sequences", "tokens"])
def test_every_evaluation_is_logged(tokens, tmp_path, logdir, read_matrices):
    seen = []

    def compute_metrics(eval_pred):
        seen.append(oracle(eval_pred.predictions, eval_pred.label_ids))
        return {"number": len(seen)}

    trainer = trainer_of(tmp_path, tokens, compute_metrics=compute_metrics)
    trainer.add_callback(ConfusionMatrixCallback(trainer))
    trainer.train()
    logged = read_matrices(logdir)
    assert list(logged) == ["eval"]
    assert {step: matrix.to_dense().tolist() for step, matrix in logged["eval"].items()} == dict(zip([4, 8, 12], seen, strict=True))
    assert seen[0] != seen[2], "it learned something"
    assert logged["eval"][4].class_names == tuple(NAMES)
    assert logged["eval"][4].total == (120 if tokens else 40)
    scalars = EventAccumulator(str(logdir)).Reload().Scalars("eval/number")
    assert [(scalar.step, scalar.value) for scalar in scalars] == [(4, 1), (8, 2), (12, 3)], "the Trainer's own metrics are as before"
    assert len(list(logdir.glob("*tfevents*"))) == 1, "one writer for both"


@pytest.mark.parametrize(
    "options",
    [
        {"batch_eval_metrics": True},
        {"eval_do_concat_batches": False},
        {"preprocess_logits_for_metrics": lambda logits, labels: logits.argmax(-1)},
        {"preprocess_logits_for_metrics": lambda logits, labels: (logits, logits.sum(-1))},
    ],
    ids=["batches", "parts", "labels", "more"],
)
def test_predictions_in_other_forms(options, tmp_path, logdir, read_matrices):
    plain = trainer_of(tmp_path)
    expected = plain.predict(plain.eval_dataset)
    trainer = trainer_of(tmp_path, **options)
    trainer.add_callback(ConfusionMatrixCallback(trainer))
    for _ in range(2):
        assert trainer.evaluate()["eval_loss"] > 0
        trainer.state.global_step += 1
    logged = read_matrices(logdir)["eval"]
    assert logged[0] == logged[1], "counted anew"
    assert logged[0].to_dense().tolist() == oracle(expected.predictions, expected.label_ids)


def test_several_datasets_and_predictions_after_a_training(tmp_path, logdir, read_matrices):
    """The Trainer closes its writer after the training, and goes on with a new one."""
    trainer = trainer_of(tmp_path, num_train_epochs=1, eval_dataset={"day": Made(20, 2), "night": Made(12, 3)})
    trainer.add_callback(ConfusionMatrixCallback(trainer, class_names=["a", "b", "c"]))
    trainer.train()
    found = trainer.predict(Made(28, 4))
    trainer.predict(Made(28, 4, labels=False))
    logged = read_matrices(logdir)
    assert {tag: (list(steps), steps[4].total) for tag, steps in logged.items()} == {
        "eval_day": ([4], 20),
        "eval_night": ([4], 12),
        "test": ([4], 28),
    }
    assert logged["test"][4].to_dense().tolist() == oracle(found.predictions, found.label_ids)
    assert logged["test"][4].class_names == ("a", "b", "c")


@pytest.mark.parametrize("names", [["my_runtime"], ["runtime", "my_runtime"], ["test_runtime", "eval_my_runtime"]])
def test_metrics_that_end_like_those_of_the_trainer(names, tmp_path, logdir, read_matrices):
    trainer = trainer_of(tmp_path, compute_metrics=lambda eval_pred: dict.fromkeys(names, 1.0))
    trainer.add_callback(ConfusionMatrixCallback(trainer))
    assert "eval_my_runtime" in trainer.evaluate()
    trainer.predict(Made(12, 4))
    assert {tag: steps[0].total for tag, steps in read_matrices(logdir).items()} == {"eval": 40, "test": 12}


def test_a_writer_of_ones_own(tmp_path, logdir, read_matrices):
    trainer = trainer_of(tmp_path, report_to=[], names=None)
    with SummaryWriter(tmp_path / "own") as writer:
        trainer.add_callback(ConfusionMatrixCallback(trainer, writer))
        trainer.evaluate()
    matrix = read_matrices(tmp_path / "own")["eval"][0]
    assert matrix.total == 40
    assert matrix.class_names == ("LABEL_0", "LABEL_1", "LABEL_2"), "as Transformers calls them"
    assert not logdir.exists()


def test_a_process_that_is_not_the_main_one_logs_nothing(tmp_path, logdir):
    trainer = trainer_of(tmp_path)
    trainer.add_callback(ConfusionMatrixCallback(trainer))
    trainer.state.is_world_process_zero = False
    trainer.evaluate()
    assert not logdir.exists()


@pytest.mark.parametrize(
    ("options", "class_names", "message"),
    [
        (
            {"report_to": []},
            None,
            'nothing writes for TensorBoard; pass report_to="tensorboard" to TrainingArguments, or a writer to the callback',
        ),
        (
            {"preprocess_logits_for_metrics": lambda logits, labels: logits.argmax(-1)},
            ["a", "b"],
            "label 2 of target is outside num_classes=2",
        ),
        ({"preprocess_logits_for_metrics": lambda logits, labels: logits.sum(-1)}, None, "expected integer labels, or scores with"),
    ],
    ids=["no writer", "wrong label", "no predictions"],
)
def test_what_cannot_be_logged_is_warned_of(options, class_names, message, tmp_path, logdir, read_matrices):
    trainer = trainer_of(tmp_path, num_train_epochs=2, **options)
    trainer.add_callback(ConfusionMatrixCallback(trainer, class_names=class_names))
    with pytest.warns(UserWarning, match=rf"^no confusion matrix 'eval' was logged at step \d: {re.escape(message)}"):
        trainer.train()
    assert trainer.state.epoch == 2, "the training went on"
    assert not logdir.exists() or read_matrices(logdir) == {}


class LossAlone(torch.nn.Module):
    """A model that returns its loss, and nothing that it predicts."""

    def __init__(self):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(()))

    def forward(self, input_ids, labels=None, **options):
        return {"loss": (self.bias - 1).square().mean()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("loss only", "the Trainer passes on no predictions; leave prediction_loss_only=True out of TrainingArguments"),
        ("later", "trainer.compute_metrics was set after this callback was made, which takes predictions from there; set it before"),
        ("model", "expected a model that returns logits, got its loss alone"),
    ],
)
def test_an_evaluation_whose_predictions_do_not_come(change, message, tmp_path, logdir, read_matrices):
    trainer = trainer_of(tmp_path, prediction_loss_only=change == "loss only")
    if change == "model":
        trainer.model = trainer.model_wrapped = LossAlone()
    trainer.add_callback(ConfusionMatrixCallback(trainer, class_names=NAMES))
    if change == "later":
        trainer.compute_metrics = lambda eval_pred: {"number": len(eval_pred.label_ids)}
    for evaluate, tag in ((trainer.evaluate, "eval"), (lambda: trainer.predict(Made(12, 4)), "test")):
        with pytest.warns(UserWarning, match=f"^no confusion matrix '{tag}' was logged at step 0: {re.escape(message)}$") as told:
            evaluate()
        assert len(told) == 1
    assert not logdir.exists() or read_matrices(logdir) == {}


def test_a_loss_without_labels_is_no_reason_to_warn(tmp_path, logdir, read_matrices):
    trainer = trainer_of(tmp_path)
    trainer.add_callback(ConfusionMatrixCallback(trainer, class_names=NAMES))
    trainer.prediction_step = lambda *arguments, **options: (torch.tensor(0.5), None, None)
    assert trainer.evaluate()["eval_loss"] == 0.5
    assert not logdir.exists() or read_matrices(logdir) == {}


def test_a_model_that_does_not_name_its_classes(tmp_path):
    trainer = trainer_of(tmp_path)
    trainer.model = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"^expected a model whose config names its classes, got Linear; pass class_names$"):
        ConfusionMatrixCallback(trainer)
    ConfusionMatrixCallback(trainer, class_names=["a", "b"])
