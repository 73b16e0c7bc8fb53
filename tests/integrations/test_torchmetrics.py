"""Metrics of torchmetrics as they are logged, and the metric of ours among them."""

import pickle
import re

import lightning.pytorch
import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.tensorboard import SummaryWriter
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    BinaryConfusionMatrix,
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MultilabelConfusionMatrix,
)
from torchmetrics.wrappers import MetricTracker

from tb_confmat_plugin import ConfusionMatrixAccumulator, add_confusion_matrix
from tb_confmat_plugin.integrations.torchmetrics import PARTS, ConfusionMatrixMetric

NAMES = ["cat", "dog", "owl"]


def batches(count: int, classes: int = 3, size: int = 20, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Logits and labels, of which half the logits are right."""
    random = torch.Generator().manual_seed(seed)
    target = torch.randint(classes, (count, size), generator=random) // torch.randint(1, 3, (count, size), generator=random)
    logits = torch.randn(count, size, classes, generator=random) + 2 * torch.nn.functional.one_hot(target, classes)
    return list(zip(logits, target, strict=True))


def expected(some, classes: int = 3) -> list:
    preds = torch.cat([logits.argmax(1) for logits, _ in some])
    return confusion_matrix(torch.cat([target for _, target in some]), preds, labels=range(classes)).tolist()


@pytest.mark.parametrize("compute", [False, True])
def test_their_metrics_are_logged_as_they_are(compute, tmp_path, read_matrices):
    """Rows are the true classes in torchmetrics, too."""
    data = batches(5)
    multiclass, binary = MulticlassConfusionMatrix(3), BinaryConfusionMatrix(normalize="none")
    for logits, target in data:
        multiclass.update(logits, target)
        binary.update(logits[:, 2].sigmoid(), target == 2)
    with SummaryWriter(tmp_path) as writer:
        for tag, metric, names in (("multiclass", multiclass, NAMES), ("binary", binary, ["rest", "owl"])):
            add_confusion_matrix(writer, tag, metric.compute() if compute else metric, 1, class_names=names)
    logged = read_matrices(tmp_path)
    assert logged["multiclass"][1].to_dense().tolist() == expected(data)
    assert logged["multiclass"][1].class_names == tuple(NAMES)
    scores = torch.cat([logits[:, 2] for logits, _ in data])
    target = torch.cat([target for _, target in data])
    assert logged["binary"][1].to_dense().tolist() == confusion_matrix(target == 2, scores > 0).tolist()


@pytest.mark.parametrize(
    ("metric", "target", "error", "message"),
    [
        (
            MulticlassConfusionMatrix(3, normalize="true"),
            torch.tensor([0, 1, 2]),
            ValueError,
            "expected a metric that counts, got one of shares with normalize='true'; make it with normalize=None",
        ),
        (
            MultilabelConfusionMatrix(3),
            torch.eye(3).long(),
            ValueError,
            "expected a square array [num_classes, num_classes] with true classes as rows, got shape [3, 2, 2]",
        ),
        (MulticlassAccuracy(3), torch.tensor([0, 1, 2]), TypeError, "expected a square array of counts, got tensor(1.) (Tensor)"),
    ],
)
def test_metrics_that_are_no_matrix_of_counts(metric, target, error, message, tmp_path):
    metric.update(torch.eye(3), target)
    with SummaryWriter(tmp_path) as writer, pytest.raises(error, match=f"^{re.escape(message)}$"):
        add_confusion_matrix(writer, "val", metric, 1)


def test_our_accumulator_is_logged_as_it_is(tmp_path, read_matrices):
    accumulator = ConfusionMatrixAccumulator(3, NAMES)
    for batch in batches(5):
        accumulator.update(*batch)
    with SummaryWriter(tmp_path) as writer:
        add_confusion_matrix(writer, "val", accumulator, 1)
    assert read_matrices(tmp_path)["val"][1] == accumulator.compute()


def test_our_metric_counts_and_is_logged(tmp_path, read_matrices):
    data = batches(2 * PARTS + 3)
    metric = ConfusionMatrixMetric(3, NAMES, metric="balanced_accuracy")
    for logits, target in data:
        metric.update(logits, target)
        assert len(metric.cells) <= PARTS, "its parts are added up"
    with SummaryWriter(tmp_path) as writer:
        add_confusion_matrix(writer, "val", metric, 1)
    assert read_matrices(tmp_path)["val"][1].to_dense().tolist() == expected(data)
    target, preds = torch.cat([target for _, target in data]), torch.cat([logits.argmax(1) for logits, _ in data])
    assert metric.compute().item() == pytest.approx(balanced_accuracy_score(target, preds))
    assert metric.compute().shape == ()
    metric.reset()
    assert metric.to_confusion_matrix().total == 0


def test_our_metric_in_a_collection():
    collection = MetricCollection({"theirs": MulticlassAccuracy(3, average="micro"), "ours": ConfusionMatrixMetric(3)}, prefix="val/")
    data = batches(PARTS + 5)
    for batch in data:
        now = collection(*batch)
        assert now["val/ours"] == now["val/theirs"], "the value of the batch"
    found = collection.compute()
    assert found["val/ours"] == found["val/theirs"]
    assert found["val/ours"] != now["val/ours"]
    assert collection["ours"].to_confusion_matrix().to_dense().tolist() == expected(data)
    other = collection.clone(prefix="test/")
    other.reset()
    assert set(other(*data[0])) == {"test/theirs", "test/ours"}
    assert collection["ours"].to_confusion_matrix().total == 20 * len(data), "a clone counts on its own"


@pytest.mark.parametrize(
    ("arguments", "first", "second", "expected"),
    [
        (
            {"plain": {}, "kappa": {"metric": "cohen_kappa"}, "without_0": {"ignore_index": 0}, "more": {"num_classes": 4}},
            ([1, 2], [1, 2]),
            ([1, 2, 0], [0, 0, 0]),
            {"plain": [[1, 1, 1], [0, 1, 0], [0, 0, 1]], "without_0": [[0, 0, 0], [0, 1, 0], [0, 0, 1]]},
        ),
        (
            {"plain": {"threshold": 0.5}, "kappa": {"threshold": 0.5, "metric": "cohen_kappa"}, "higher": {"threshold": 0.500002}},
            (torch.tensor([0.55, 0.9]), torch.tensor([1, 1])),
            (torch.tensor([0.500001, 0.55]), torch.tensor([1, 0])),
            {"plain": [[0, 1], [0, 3]], "higher": [[0, 1], [1, 2]]},
        ),
    ],
    ids=["labels", "thresholds"],
)
def test_metrics_that_count_otherwise_share_no_state_in_a_collection(arguments, first, second, expected):
    """After the first batch all of them have counted the same; those that differ by their value alone share what they count."""
    num_classes = len(expected["plain"])
    collection = MetricCollection({name: ConfusionMatrixMetric(**{"num_classes": num_classes, **one}) for name, one in arguments.items()})
    collection.update(*first)
    assert [metric.to_confusion_matrix().total for metric in collection.values()] == [2] * len(arguments)
    collection.update(*second)
    others = [[name] for name in arguments if name not in ("plain", "kappa")]
    assert sorted(map(sorted, collection.compute_groups.values())) == sorted([["kappa", "plain"], *others])
    found = {name: metric.to_confusion_matrix().to_dense().tolist() for name, metric in collection.items()}
    assert found["kappa"] == found["plain"]
    assert {name: found[name] for name in expected} == expected
    values = collection.compute()
    for name, counts in expected.items():
        assert values[name].item() == pytest.approx(np.trace(counts) / np.sum(counts))


def test_our_metric_with_self_log(tmp_path, read_matrices):
    class Model(lightning.pytorch.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 3)
            self.confusion = ConfusionMatrixMetric(3)
            self.metrics = MetricCollection(
                {"theirs": MulticlassAccuracy(3, average="micro"), "kappa": ConfusionMatrixMetric(3, metric="cohen_kappa")}
            )

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.5)

        def training_step(self, batch, batch_idx):
            return torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

        def validation_step(self, batch, batch_idx):
            logits = self.layer(batch[0])
            self.confusion(logits, batch[1])
            self.log("ours", self.confusion)
            self.metrics.update(logits, batch[1])
            self.log_dict(self.metrics)

        def on_validation_epoch_end(self):
            if not self.trainer.sanity_checking:
                add_confusion_matrix(self.logger.experiment, "val", self.confusion, self.current_epoch)

    ((x, y),) = batches(1, size=40)
    data = DataLoader(TensorDataset(x, y), 8)
    trainer = lightning.pytorch.Trainer(
        accelerator="cpu",
        max_epochs=3,
        logger=lightning.pytorch.loggers.TensorBoardLogger(tmp_path, name="", version=""),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )
    trainer.fit(Model(), data, data)
    logged = read_matrices(tmp_path)["val"]
    assert [(epoch, matrix.total) for epoch, matrix in logged.items()] == [(0, 40), (1, 40), (2, 40)], "reset between the epochs"
    now = {name: value.item() for name, value in trainer.callback_metrics.items()}
    assert now["ours"] == now["theirs"] == pytest.approx(logged[2].metrics()["accuracy"])
    assert now["kappa"] == pytest.approx(logged[2].metrics()["cohen_kappa"])


def test_their_tracker_knows_which_value_is_best():
    metrics = {name: ConfusionMatrixMetric(3, metric=name) for name in ("accuracy", "top_confusion_rate", "total")}
    assert [metric.higher_is_better for metric in metrics.values()] == [True, False, None]
    del metrics["total"]
    tracker = MetricTracker(MetricCollection(metrics))
    for some in (batches(1, seed=1), [(torch.tensor([0, 1, 2]), torch.tensor([0, 1, 2]))], batches(1, seed=2)):
        tracker.increment()
        tracker.update(*some[0])
    best, step = tracker.best_metric(return_step=True)
    assert (best, step) == ({"accuracy": 1, "top_confusion_rate": 0}, {"accuracy": 1, "top_confusion_rate": 1})


def test_our_metric_of_many_classes():
    """An array of all cells would take 80 GB."""
    metric = ConfusionMatrixMetric(100_000)
    target = torch.arange(0, 100_000, 50)
    for shift in (0, 1, 1):
        metric.update((target + shift) % 100_000, target)
    matrix = metric.to_confusion_matrix()
    assert (matrix.total, len(matrix.values), metric.compute().item()) == (6_000, 4_000, pytest.approx(1 / 3))
    assert sum(part.numel() for part in metric.cells) == 18_000


def test_our_metric_elsewhere():
    """Saved, loaded, pickled, and merged: each in the way of torchmetrics."""
    data = batches(6)
    one, two = ConfusionMatrixMetric(3, NAMES), ConfusionMatrixMetric(3, NAMES)
    one.persistent(True)
    for batch in data[:4]:
        one.update(*batch)
    loaded = ConfusionMatrixMetric(3, NAMES)
    loaded.persistent(True)
    loaded.load_state_dict(one.state_dict())
    assert loaded.to_confusion_matrix() == one.to_confusion_matrix() == pickle.loads(pickle.dumps(one)).to_confusion_matrix()
    for batch in data[4:]:
        two.update(*batch)
    one.merge_state(two)
    assert one.to_confusion_matrix().to_dense().tolist() == expected(data)


def test_our_metric_of_scores_and_a_threshold():
    metric = ConfusionMatrixMetric(2, threshold=0.5, ignore_index=-1)
    metric.update(torch.tensor([0.4, 0.6, 0.7, 0.9]), torch.tensor([1, 0, 1, -1]))
    assert metric.to_confusion_matrix().to_dense().tolist() == [[0, 1], [1, 1]]


def test_what_is_wrong():
    with pytest.raises(ValueError, match=r"^expected metric as one of total, accuracy, .*, got 'recall'$"):
        ConfusionMatrixMetric(3, metric="recall")
    metric = ConfusionMatrixMetric(3)
    metric.update([0, 1], [0, 2])
    with pytest.raises(ValueError, match="label 3 of target is outside num_classes=3"):
        metric.update([0, 1], [0, 3])
    assert metric.to_confusion_matrix().to_dense().tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_a_device_gets_its_cells_back():
    metric = ConfusionMatrixMetric(3).to("meta")
    assert {part.device.type for part in metric.cells} == {"meta"}
    assert np.prod(metric.cells[0].shape) == 0


def test_our_metric_in_two_processes(world):
    for told in (told["torchmetrics"] for told in world.told):
        assert told["idle"] == [pytest.approx(2 / 3), [[1, 0, 0], [0, 0, 1], [0, 0, 1]]], "one of them had no samples"
        assert told["many"] == [[3, 40_000, 2], [3, 40_001, 2], [3, 40_002, 1], [7, 7, 5]]
        assert told["value"] == 0.5
    assert [told["torchmetrics"]["alone"] for told in world.told] == [3, 4], "afterwards each has its own samples again"


def test_our_metric_in_two_processes_of_lightning(world, read_matrices):
    logged = read_matrices(world.where / "lightning")["metric"]
    scalars = EventAccumulator(str(world.where / "lightning")).Reload().Scalars("accuracy")
    assert [matrix.total for matrix in logged.values()] == [40] * 4
    assert [scalar.value for scalar in scalars] == pytest.approx([matrix.metrics()["accuracy"] for matrix in logged.values()])
