"""Trainings in two processes of torch.distributed: a script that the tests start once for each rank; it prints what came of them.

The processes find each other through a file, so that no port is opened to others.
"""

import json
import os
import sys
import warnings
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

SECONDS = 300  # that the world may take, most of it for imports on a busy machine
NAMES = ["cat", "dog", "owl"]


def points(size: int) -> TensorDataset:
    """Points, of which the class is the largest coordinate: most often 0, and 2 the least."""
    x = torch.randn(size, 3, generator=torch.Generator().manual_seed(size)) + torch.tensor([0.8, 0.3, 0.0])
    return TensorDataset(x, x.argmax(1))


def lightning(rank: int, where: Path) -> dict[str, Any]:
    """Fits and tests on two devices; the labels of one epoch are wrong, on process 1 only."""
    import lightning.pytorch as pl

    from tb_confmat_plugin import add_confusion_matrix
    from tb_confmat_plugin.integrations.lightning import ConfusionMatrixCallback
    from tb_confmat_plugin.integrations.torchmetrics import ConfusionMatrixMetric

    seen: list[Any] = []

    class Model(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 3)
            self.metric = ConfusionMatrixMetric(3)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.5)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

        def validation_step(self, batch: Any, batch_idx: int) -> Any:
            logits = self.layer(batch[0])
            self.metric(logits, batch[1])
            self.log("accuracy", self.metric)
            if not self.trainer.sanity_checking:
                seen.extend([self.current_epoch, *pair] for pair in zip(batch[1].tolist(), logits.argmax(1).tolist(), strict=True))
            if rank == 1 and self.current_epoch == 1:
                return None  # what cannot be counted here, no process logs
            if rank == 1 and self.current_epoch == 2:
                return logits, batch[1] + 1  # among them label 3
            return logits, batch[1]

        def on_validation_epoch_end(self) -> None:
            add_confusion_matrix(self.logger.experiment, "metric", self.metric, self.current_epoch)

        def test_step(self, batch: Any, batch_idx: int) -> Any:
            return self.layer(batch[0]), batch[1]

    torch.manual_seed(0)
    callback = ConfusionMatrixCallback(3, NAMES)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=2,
        strategy="ddp",
        callbacks=[callback],
        logger=pl.loggers.TensorBoardLogger(where / "lightning", name="", version=""),
        max_epochs=4,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(Model(), DataLoader(points(64), 8), DataLoader(points(40), 8))
        trainer.test(trainer.model, DataLoader(points(24), 8), verbose=False)
    return {
        "seen": seen,
        "warned": [str(one.message) for one in caught if "no confusion matrix" in str(one.message)],
        "matrices": {tag: matrix.to_dense().tolist() for tag, matrix in callback.matrices.items()},
    }


def torchmetrics(rank: int, where: Path) -> dict[str, Any]:
    """A metric of which process 1 has no samples, and one of many classes."""
    from torchmetrics import MetricCollection

    from tb_confmat_plugin.integrations.torchmetrics import ConfusionMatrixMetric

    idle, many = ConfusionMatrixMetric(3), ConfusionMatrixMetric(50_000)
    if rank == 0:
        idle.update([0, 2, 2], [0, 1, 2])
    for shift in range(rank + 2):
        many.update([7, 40_000 + shift], [7, 3])
    collection = MetricCollection({"many": many})
    return {
        "idle": [idle.compute().item(), idle.to_confusion_matrix().to_dense().tolist()],
        "many": [list(cell) for cell in zip(*_cells(many.to_confusion_matrix()), strict=True)],
        "value": collection.compute()["many"].item(),
        "alone": len(many.cells),
    }


def ignite(rank: int, where: Path) -> dict[str, Any]:
    """An evaluation of other points on each process, each with a logger of its own for the same directory."""
    from ignite.engine import Engine, Events
    from ignite.handlers.tensorboard_logger import TensorboardLogger
    from ignite.metrics import ConfusionMatrix

    from tb_confmat_plugin.integrations.ignite import ConfusionMatrixHandler

    x, y = points(20 + 10 * rank).tensors
    evaluator = Engine(lambda engine, batch: batch)
    ConfusionMatrix(3).attach(evaluator, "cm")
    scores = x + torch.tensor([0.0, 0.0, 0.9])  # class 2 is predicted too often
    with TensorboardLogger(where / "ignite", filename_suffix=f".{rank}") as logger:
        logger.attach(evaluator, ConfusionMatrixHandler("val", "cm", NAMES), Events.EPOCH_COMPLETED)
        evaluator.run(list(zip(scores.split(8), y.split(8), strict=True)))
    return {"predicted": scores.argmax(1).tolist(), "true": y.tolist()}


def _cells(matrix: Any) -> list[list[int]]:
    return [matrix.rows.tolist(), matrix.cols.tolist(), matrix.values.tolist()]


def accelerate(rank: int, where: Path) -> dict[str, Any]:
    """The loop of the documentation, on 21 samples: the last batch is filled up, and what it is filled up with must not count."""
    from accelerate import Accelerator

    from tb_confmat_plugin import ConfusionMatrixAccumulator, add_confusion_matrix

    accelerator = Accelerator(cpu=True, log_with="tensorboard", project_dir=where)
    accelerator.init_trackers("accelerate")
    data = points(21)
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 3)
    model, optimizer, loader = accelerator.prepare(model, torch.optim.SGD(model.parameters(), 0.1), DataLoader(data, 4))
    for x, y in loader:
        optimizer.zero_grad()
        accelerator.backward(torch.nn.functional.cross_entropy(model(x), y))
        optimizer.step()
    accumulator = ConfusionMatrixAccumulator(3, NAMES)
    with torch.no_grad():
        for x, y in loader:
            preds, target = accelerator.gather_for_metrics((model(x).argmax(1), y))
            accumulator.update(preds, target)
        everything = model(data.tensors[0]).argmax(1).tolist()
    if accelerator.is_main_process:
        add_confusion_matrix(accelerator.get_tracker("tensorboard", unwrap=True), "val", accumulator, 5)
    accelerator.end_training()
    return {"world": accelerator.num_processes, "cells": accumulator.compute().to_dense().tolist(), "predicted": everything}


def run(rank: int, where: Path) -> None:
    """What one process does."""
    torch.set_num_threads(1)
    # What torchrun sets. Lightning and Accelerate take it from there, and join the group that there is.
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", LOCAL_WORLD_SIZE="2", GLOO_SOCKET_IFNAME="lo")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="0")
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{where / 'store'}", rank=rank, world_size=2, timeout=timedelta(seconds=SECONDS / 2)
    )
    # The last one ends the group. Where not all libraries are installed, the others train.
    installed = [scenario for scenario in (torchmetrics, ignite, lightning, accelerate) if find_spec(scenario.__name__)]
    told = {scenario.__name__: scenario(rank, where) for scenario in installed}
    Path(where, f"told_{rank}.json").write_text(json.dumps(told), "utf-8")


if __name__ == "__main__":
    run(int(sys.argv[1]), Path(sys.argv[2]))
