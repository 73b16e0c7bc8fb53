"""Trainings with Lightning, under both of its names."""

import importlib
import sys
import warnings

import lightning.pytorch
import pytest
import pytorch_lightning
import torch
from sklearn.metrics import confusion_matrix
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import DataLoader, TensorDataset

from tb_confmat_plugin.integrations.lightning import ConfusionMatrixCallback, _bases

NAMES = ["cat", "dog", "owl"]


def loader(size: int, seed: int = 0, labels: bool = True) -> DataLoader:
    """Batches of 8 points, of which the class is the largest coordinate: most often 0, and 2 the least."""
    x = torch.randn(size, 3, generator=torch.Generator().manual_seed(seed)) + torch.tensor([0.8, 0.3, 0.0])
    return DataLoader(TensorDataset(x, x.argmax(1)) if labels else x, 8)


TRAIN, VAL = loader(64), loader(44, seed=1)


def as_dict(logits, target):
    return {"loss": logits.sum(), "logits": logits, "labels": target}


def as_tuple(logits, target):
    return logits.argmax(1), target


def as_dict_without_labels(logits, target):
    return {"preds": logits.argmax(1)}


def as_something_else(logits, target):
    return {"outputs": [(logits, target)]}


def model_of(package, returns=as_dict, **others):
    """A linear classifier whose steps return what `returns` makes of logits and labels, and which remembers them by epoch."""

    class Model(package.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 3)
            torch.nn.init.constant_(self.layer.weight, 0.1)
            torch.nn.init.zeros_(self.layer.bias)
            self.seen = []

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.5)

        def training_step(self, batch, batch_idx):
            return torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

        def on_validation_epoch_start(self):
            self.seen.append(([], []))

        on_test_epoch_start = on_predict_epoch_start = on_validation_epoch_start

        def validation_step(self, batch, batch_idx, dataloader_idx=0):
            logits = self.layer(batch[0])
            self.seen[-1][0].extend(logits.argmax(1).tolist())
            self.seen[-1][1].extend(batch[1].tolist())
            self.log("loss", torch.nn.functional.cross_entropy(logits, batch[1]))
            return returns(logits, batch[1])

        test_step = validation_step

        def predict_step(self, batch, batch_idx, dataloader_idx=0):
            return self.layer(batch[0] if isinstance(batch, list) else batch)

        def expected(self, epoch):
            return confusion_matrix(self.seen[epoch][1], self.seen[epoch][0], labels=[0, 1, 2]).tolist()

    for name, value in others.items():
        setattr(Model, name, value)
    return Model()


def tensorboard(package, path):
    return importlib.import_module(f"{package.__name__}.loggers").TensorBoardLogger(path, name="", version="")


def trainer_of(package, path, *callbacks, **options):
    return package.Trainer(
        **{
            "accelerator": "cpu",
            "callbacks": list(callbacks),
            "logger": tensorboard(package, path),
            "max_epochs": 3,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "log_every_n_steps": 1,
            **options,
        }
    )


packages = pytest.mark.parametrize("package", [lightning.pytorch, pytorch_lightning], ids=lambda package: package.__name__)


@packages
@pytest.mark.parametrize(
    ("returns", "predictions"),
    [
        (as_dict, None),
        (as_tuple, None),
        (as_dict_without_labels, None),
        (as_something_else, lambda outputs, batch: outputs["outputs"][0]),
    ],
)
def test_every_validation_is_logged(package, returns, predictions, tmp_path, read_matrices):
    model, callback = model_of(package, returns), ConfusionMatrixCallback(3, NAMES, predictions=predictions)
    trainer_of(package, tmp_path, callback).fit(model, TRAIN, VAL)
    logged = read_matrices(tmp_path)
    assert list(logged) == ["val"]
    # The first of what the model has seen is the sanity check.
    assert [matrix.to_dense().tolist() for matrix in logged["val"].values()] == [model.expected(epoch) for epoch in (1, 2, 3)]
    assert model.expected(1) != model.expected(3), "it learned something"
    assert all(matrix.class_names == tuple(NAMES) for matrix in logged["val"].values())
    scalars = EventAccumulator(str(tmp_path)).Reload().Scalars("loss")
    assert list(logged["val"]) == [scalar.step for scalar in scalars], "at the steps of Lightning's own charts"
    assert callback.matrices == {"val": list(logged["val"].values())[-1]}


@packages
def test_all_stages_after_a_training(package, tmp_path, read_matrices):
    """Lightning closes its writer after each, and goes on with it."""
    model, callback = model_of(package), ConfusionMatrixCallback(3)
    trainer = trainer_of(package, tmp_path, callback, max_epochs=1)
    trainer.fit(model, TRAIN, VAL)
    trainer.validate(model, loader(20, 2), verbose=False)
    trainer.test(model, loader(28, 3), verbose=False)
    model.predict_step = lambda batch, batch_idx: {"logits": model.layer(batch[0]), "target": batch[1]}
    logits = torch.cat([batch["logits"] for batch in trainer.predict(model, loader(12, 4))])
    logged = read_matrices(tmp_path)
    assert {tag: list(steps) for tag, steps in logged.items()} == {"val": [7, 8], "test": [8], "predict": [8]}
    assert logged["val"][8].to_dense().tolist() == model.expected(2)
    assert logged["test"][8].to_dense().tolist() == model.expected(3)
    target = loader(12, 4).dataset.tensors[1]
    assert logged["predict"][8].to_dense().tolist() == confusion_matrix(target, logits.argmax(1), labels=[0, 1, 2]).tolist()
    assert set(callback.matrices) == {"val", "test", "predict"}


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize(
    "returns",
    [
        lambda logits: logits,
        lambda logits: {"logits": logits},
        lambda logits: tuple(logits.topk(2).indices.T),
        lambda logits: list(logits.topk(2).indices.T),
    ],
    ids=["logits", "dict", "best two", "list of the best two"],
)
def test_predictions_without_labels(returns, labels, tmp_path, read_matrices):
    """The second part of a batch without names may be anything, such as the ids of the samples."""

    def predict_step(self, batch, batch_idx):
        return returns(self.layer(batch[0] if labels else batch))

    callback = ConfusionMatrixCallback(3)
    trainer = trainer_of(lightning.pytorch, tmp_path, callback)
    assert len(trainer.predict(model_of(lightning.pytorch, predict_step=predict_step), loader(12, labels=labels))) == 2
    assert callback.matrices == read_matrices(tmp_path) == {}


@pytest.mark.parametrize(
    ("loaders", "tags"),
    [
        ([loader(12, 5), loader(20, 6)], ["val/dataloader_idx_0", "val/dataloader_idx_1"]),
        ({"day": loader(12, 5), "night": loader(20, 6)}, ["val/day", "val/night"]),
    ],
)
def test_each_dataloader_has_its_tag(loaders, tags, tmp_path, read_matrices):
    model = model_of(lightning.pytorch)
    trainer_of(lightning.pytorch, tmp_path, ConfusionMatrixCallback(3)).validate(model, loaders, verbose=False)
    logged = read_matrices(tmp_path)
    assert list(logged) == tags
    assert [steps[0].total for steps in logged.values()] == [12, 20]
    assert (logged[tags[0]][0] + logged[tags[1]][0]).to_dense().tolist() == model.expected(0)


def test_a_dataloader_without_batches_is_left_out(tmp_path, read_matrices):
    def only_of_the_second(outputs, batch):
        return (outputs["logits"], outputs["labels"]) if len(batch[0]) == 5 else None

    trainer = trainer_of(lightning.pytorch, tmp_path, ConfusionMatrixCallback(3, predictions=only_of_the_second))
    trainer.validate(model_of(lightning.pytorch), [loader(8), loader(5)], verbose=False)
    assert list(read_matrices(tmp_path)) == ["val/dataloader_idx_1"]


def test_every_logger_that_writes_for_tensorboard(tmp_path, read_matrices):
    loggers = [
        tensorboard(lightning.pytorch, tmp_path / "a"),
        lightning.pytorch.loggers.CSVLogger(tmp_path / "c"),
        tensorboard(lightning.pytorch, tmp_path / "b"),
    ]
    trainer = trainer_of(lightning.pytorch, tmp_path, ConfusionMatrixCallback(3), logger=loggers)
    trainer.validate(model_of(lightning.pytorch), VAL, verbose=False)
    assert read_matrices(tmp_path / "a") == read_matrices(tmp_path / "b")
    assert read_matrices(tmp_path / "a")["val"][0].total == 44


def test_no_logger_that_writes_for_tensorboard(tmp_path):
    callback = ConfusionMatrixCallback(3)
    trainer = trainer_of(lightning.pytorch, tmp_path, callback, logger=lightning.pytorch.loggers.CSVLogger(tmp_path))
    with pytest.warns(
        UserWarning, match="^no logger of this Trainer writes for TensorBoard: add a TensorBoardLogger for confusion matrices$"
    ):
        trainer.validate(model_of(lightning.pytorch), VAL, verbose=False)
    assert callback.matrices["val"].total == 44


@pytest.mark.parametrize("options", [{"logger": False}, {"fast_dev_run": 2}])
def test_where_logging_is_turned_off(options, tmp_path):
    callback = ConfusionMatrixCallback(3)
    trainer_of(lightning.pytorch, tmp_path, callback, **options).fit(model_of(lightning.pytorch), TRAIN, VAL)
    assert callback.matrices["val"].total == (16 if "fast_dev_run" in options else 44)
    assert not list(tmp_path.rglob("*tfevents*"))


@packages
def test_a_training_that_is_resumed(package, tmp_path, read_matrices):
    whole, restored = model_of(package), ConfusionMatrixCallback(3, NAMES)
    trainer_of(package, tmp_path / "whole", ConfusionMatrixCallback(3, NAMES)).fit(whole, TRAIN, VAL)

    first, callback = model_of(package), ConfusionMatrixCallback(3, NAMES)
    trainer = trainer_of(package, tmp_path / "parts", callback, max_epochs=1)
    trainer.fit(first, TRAIN, VAL)
    trainer.save_checkpoint(tmp_path / "last.ckpt")

    seen = []

    class Look(package.Callback):
        def on_train_start(self, trainer, pl_module):
            seen.append(restored.matrices)

    second = trainer_of(package, tmp_path / "parts", restored, Look(), num_sanity_val_steps=0)
    second.fit(model_of(package), TRAIN, VAL, ckpt_path=tmp_path / "last.ckpt")
    assert seen == [callback.matrices]
    assert seen[0]["val"].total == 44
    assert read_matrices(tmp_path / "parts") == read_matrices(tmp_path / "whole")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, NAMES), "expected the state of an accumulator of 3 classes, got one of 3 classes with other names"),
        ((4,), "expected the state of an accumulator of 4 classes, got one of 3 classes"),
    ],
    ids=["names", "number"],
)
def test_a_training_resumed_with_other_classes_goes_on(arguments, message, tmp_path, read_matrices):
    trainer = trainer_of(lightning.pytorch, tmp_path, ConfusionMatrixCallback(3), max_epochs=1)
    trainer.fit(model_of(lightning.pytorch, as_tuple), TRAIN, VAL)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    callback = ConfusionMatrixCallback(*arguments)
    message = f"^the last confusion matrix 'val' of the checkpoint was left out: {message}$"
    with pytest.warns(UserWarning, match=message):
        callback.load_state_dict(trainer.callbacks[0].state_dict())
    assert callback.matrices == {}
    resumed = trainer_of(lightning.pytorch, tmp_path / "resumed", callback, max_epochs=2)
    with pytest.warns(UserWarning, match=message):
        resumed.fit(model_of(lightning.pytorch, as_tuple), TRAIN, VAL, ckpt_path=tmp_path / "last.ckpt")
    assert resumed.current_epoch == 2
    (matrix,) = read_matrices(tmp_path / "resumed")["val"].values()
    assert callback.matrices == {"val": matrix}
    assert (matrix.total, len(matrix.classes)) == (44, arguments[0])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message)  # before 2.6 no state is loaded here
        resumed.validate(model_of(lightning.pytorch, as_tuple), VAL, ckpt_path=tmp_path / "last.ckpt", verbose=False)
    assert len(callback.matrices["val"].classes) == arguments[0]


def test_two_callbacks(tmp_path, read_matrices):
    """For a model with two heads, say; the second one here tells class 2 from the rest."""
    callbacks = [
        ConfusionMatrixCallback(3),
        ConfusionMatrixCallback(
            2, threshold=0.4, prefix="owl/", predictions=lambda outputs, _: (outputs["logits"][:, 2].sigmoid(), outputs["labels"] == 2)
        ),
    ]
    assert callbacks[0].state_key != callbacks[1].state_key
    model = model_of(lightning.pytorch)
    trainer_of(lightning.pytorch, tmp_path, *callbacks).validate(model, VAL, verbose=False)
    logged = read_matrices(tmp_path)
    assert list(logged) == ["val", "owl/val"]
    assert logged["owl/val"][0].support.tolist() == [sum(logged["val"][0].support[:2]), logged["val"][0].support[2]]


EXPECTED = r"expected validation_step to return \{'preds': \.\.\., 'target': \.\.\.\} or \(preds, target\), got "


@pytest.mark.parametrize(
    ("returns", "num_classes", "message"),
    [
        (lambda logits, target: None, 3, EXPECTED + "NoneType; or pass ConfusionMatrixCallback"),
        (lambda logits, target: logits.sum(), 3, EXPECTED + "Tensor; or pass"),
        (lambda logits, target: {"loss": logits.sum(), "out": 1}, 3, EXPECTED + "a dict with 'loss', 'out'; or pass"),
        (lambda logits, target: {}, 3, EXPECTED + "a dict with nothing; or pass"),
        (lambda logits, target: (logits.sum(), logits), 3, "expected preds of the shape of target"),
        (as_tuple, 2, "label 2 of target is outside num_classes=2, at sample 2 of update 1"),
    ],
)
def test_what_cannot_be_counted_is_warned_of(returns, num_classes, message, tmp_path, read_matrices):
    callback = ConfusionMatrixCallback(num_classes)
    trainer = trainer_of(lightning.pytorch, tmp_path, callback, max_epochs=2)
    with pytest.warns(UserWarning, match=f"^no confusion matrix 'val' was logged: {message}") as warned:
        trainer.fit(model_of(lightning.pytorch, returns), TRAIN, VAL)
    assert len([one for one in warned if "confusion matrix" in str(one.message)]) == 2, "once an epoch"
    assert trainer.current_epoch == 2, "the training went on"
    assert callback.matrices == read_matrices(tmp_path) == {}


def test_an_error_of_the_users_function_stops_nothing(tmp_path, read_matrices):
    trainer = trainer_of(lightning.pytorch, tmp_path, ConfusionMatrixCallback(3, predictions=lambda outputs, batch: outputs["probs"]))
    with pytest.warns(UserWarning, match=r"^no confusion matrix 'val' was logged: KeyError: 'probs'$"):
        trainer.fit(model_of(lightning.pytorch), TRAIN, VAL)
    assert trainer.current_epoch == 3, "the training went on"
    assert read_matrices(tmp_path) == {}


def test_labels_in_a_batch_that_is_a_dict(tmp_path, read_matrices):
    batches = DataLoader([{"x": row, "labels": label} for row, label in zip(torch.eye(3), [0, 2, 2], strict=True)], 3)
    model = model_of(lightning.pytorch, predict_step=lambda self, batch, batch_idx, dataloader_idx=0: {"y_hat": batch["x"]})
    trainer_of(lightning.pytorch, tmp_path, ConfusionMatrixCallback(3)).predict(model, batches)
    assert read_matrices(tmp_path)["predict"][0].to_dense().tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 1]]


def test_arguments_are_checked_at_once():
    with pytest.raises(ValueError, match="expected 3 class names"):
        ConfusionMatrixCallback(3, ["cat", "dog"])


LIGHTNING, PYTORCH_LIGHTNING = lightning.pytorch.Callback, pytorch_lightning.Callback


@pytest.mark.parametrize(
    ("absent", "bases"),
    [
        (["pytorch_lightning"], [LIGHTNING]),
        (["lightning.pytorch"], [PYTORCH_LIGHTNING]),
        ([], [LIGHTNING, PYTORCH_LIGHTNING]),
        (["lightning.pytorch", "pytorch_lightning"], [LIGHTNING]),
    ],
)
def test_it_is_a_callback_of_the_packages_in_use(absent, bases, monkeypatch):
    monkeypatch.setattr(lightning, "pytorch", lightning.pytorch)  # the last case imports it anew
    for name in absent:
        monkeypatch.delitem(sys.modules, name)
    assert _bases() == bases


@pytest.mark.parametrize(("not_installed", "base"), [("pytorch_lightning", LIGHTNING), ("lightning.pytorch", PYTORCH_LIGHTNING)])
def test_it_is_a_callback_of_the_package_that_is_installed(not_installed, base, monkeypatch):
    monkeypatch.setitem(sys.modules, not_installed, None)
    assert _bases() == [base]


def test_without_lightning(monkeypatch):
    for name in ("lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"^ConfusionMatrixCallback needs Lightning: pip install lightning$"):
        _bases()


def test_one_callback_instead_of_a_list(tmp_path, read_matrices):
    trainer_of(lightning.pytorch, tmp_path, callbacks=ConfusionMatrixCallback(3)).validate(model_of(lightning.pytorch), VAL, verbose=False)
    assert list(read_matrices(tmp_path)) == ["val"]


def test_two_processes(world, read_matrices):
    told = [told["lightning"] for told in world.told]
    logged = read_matrices(world.where / "lightning")
    assert {tag: list(steps) for tag, steps in logged.items()} == {"metric": [0, 1, 2, 3], "val": [3, 15], "test": [16]}
    for epoch, matrix in zip((0, 3), logged["val"].values(), strict=True):
        pairs = [(true, predicted) for one in told for at, true, predicted in one["seen"] if at == epoch]
        assert matrix.to_dense().tolist() == confusion_matrix(*zip(*pairs, strict=True), labels=[0, 1, 2]).tolist()
        assert matrix.total == 40
    assert (
        told[0]["matrices"]
        == told[1]["matrices"]
        == {tag: logged[tag][step].to_dense().tolist() for tag, step in (("val", 15), ("test", 16))}
    )


def test_what_one_of_two_processes_cannot_count_none_logs(world):
    first, second = (told["lightning"]["warned"] for told in world.told)
    wrong = "no confusion matrix 'val' was logged: process 1 of the group got wrong samples; their own messages say which"
    assert first == [wrong]
    assert second[0].startswith("no confusion matrix 'val' was logged: expected validation_step to return")
    assert second[1].startswith(f"{wrong}. Here: label 3 of target is outside num_classes=3")
    assert len(second) == 2
