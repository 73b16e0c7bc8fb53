"""The ways to log a confusion matrix that are compared: ours, and what people do without it. One class a way.

A way is made with a directory, then asked to log a matrix at a step and to flush. Everything that a training script would hold
already (labels, the matrix) is given; what has to be made for logging alone is made in `log`.
"""

import os
from pathlib import Path
from typing import Any

from samples import Samples

from tb_confmat_plugin import ConfusionMatrix


class Given:
    """What a training script holds when it comes to logging."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.matrix = ConfusionMatrix.from_predictions(samples.preds, samples.target, class_names=samples.class_names)
        self.dense = self.matrix.to_dense()


class TensorBoardLogger:
    """What the ways that write into an event file share."""

    def __init__(self, directory: Path) -> None:
        from tb_confmat_plugin import SummaryWriter

        self.writer: Any = SummaryWriter(directory)

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()


class OursMatrix(TensorBoardLogger):
    """A ConfusionMatrix, with names."""

    def log(self, given: Given, step: int, tag: str) -> None:
        self.writer.add_confusion_matrix(tag, given.matrix, step)


class OursDense(TensorBoardLogger):
    """A dense numpy array, without names."""

    def log(self, given: Given, step: int, tag: str) -> None:
        self.writer.add_confusion_matrix(tag, given.dense, step)


class OursDenseNamed(TensorBoardLogger):
    """A dense numpy array and a list of names."""

    def log(self, given: Given, step: int, tag: str) -> None:
        self.writer.add_confusion_matrix(tag, given.dense, step, class_names=given.samples.class_names)


class OursPredictions(TensorBoardLogger):
    """Labels, as wandb takes them: counting included."""

    def log(self, given: Given, step: int, tag: str) -> None:
        preds, target, names = given.samples.preds, given.samples.target, given.samples.class_names
        self.writer.add_confusion_matrix(tag, ConfusionMatrix.from_predictions(preds, target, class_names=names), step)


class Scalars(TensorBoardLogger):
    """One scalar a cell."""

    def log(self, given: Given, step: int, tag: str) -> None:
        for true, row in enumerate(given.dense.tolist()):
            for predicted, count in enumerate(row):
                self.writer.add_scalar(f"{tag}/{true}/{predicted}", count, step)


class Figure(TensorBoardLogger):
    """An annotated picture of matplotlib, as tutorials draw it."""

    def log(self, given: Given, step: int, tag: str) -> None:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(figsize=(10, 10))
        axes.imshow(given.dense, cmap="Blues")
        names = given.samples.class_names
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        axes.set(xlabel="Predicted", ylabel="True")
        for true, row in enumerate(given.dense.tolist()):
            for predicted, count in enumerate(row):
                axes.text(predicted, true, count, ha="center", va="center")
        self.writer.add_figure(tag, figure, step)


class DenseTensor(TensorBoardLogger):
    """The whole matrix as an int64 tensor."""

    def log(self, given: Given, step: int, tag: str) -> None:
        from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary, SummaryMetadata
        from tensorboard.util.tensor_util import make_tensor_proto

        metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="bench"), data_class=DATA_CLASS_TENSOR)
        value = Summary.Value(tag=tag, tensor=make_tensor_proto(given.dense), metadata=metadata)
        self.writer._get_file_writer().add_summary(Summary(value=[value]), step)


class Wandb:
    """wandb.plot.confusion_matrix, offline. It has no flush: what counts as such is the end of its run."""

    def __init__(self, directory: Path) -> None:
        os.environ |= {"WANDB_MODE": "offline", "WANDB_CONSOLE": "off"}
        for kind in ("DATA", "CACHE", "CONFIG"):  # otherwise in the user's home; what it copies there is not counted
            os.environ[f"WANDB_{kind}_DIR"] = str(directory.parent / "wandb-home")
        import wandb

        self.wandb = wandb
        directory.mkdir(exist_ok=True)
        self.run = wandb.init(project="bench", dir=str(directory))

    def log(self, given: Given, step: int, tag: str) -> None:
        preds, target, names = given.samples.preds, given.samples.target, given.samples.class_names
        self.run.log({tag: self.wandb.plot.confusion_matrix(y_true=target.tolist(), preds=preds.tolist(), class_names=names)})

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.run.finish()


LOGGERS: dict[str, Any] = {
    "ours: ConfusionMatrix": OursMatrix,
    "ours: numpy array": OursDense,
    "ours: numpy array + class_names": OursDenseNamed,
    "ours: from predictions": OursPredictions,
    "one scalar a cell": Scalars,
    "annotated figure": Figure,
    "wandb.plot.confusion_matrix": Wandb,
    "dense int64 tensor": DenseTensor,
}
