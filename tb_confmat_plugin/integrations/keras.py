"""Keras 3: a callback that predicts the validation data at the end of each epoch, and logs the confusion matrix.

It asks Keras for arrays only, so that the backend does not matter; it is tested with PyTorch's.
"""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.accumulate import ConfusionMatrixAccumulator
from tb_confmat_plugin.matrix import ConfusionMatrix
from tb_confmat_plugin.predictions import as_numpy
from tb_confmat_plugin.writer import add_confusion_matrix


class ConfusionMatrixCallback(keras.callbacks.Callback):
    """Logs the confusion matrix of the validation data at the end of each epoch.

    Keras does not tell callbacks what it predicted, so that the data is given again here and predicted once more.

    Args:
      writer: as for `add_confusion_matrix`, such as `torch.utils.tensorboard.SummaryWriter("runs/first")`. Closing it is up to you.
      validation_data: (x, y) or (x, y, sample_weight) of arrays; or batches of such: a `keras.utils.PyDataset`, a torch `DataLoader` or
        whatever else can be iterated over anew each epoch. Labels are integers or one-hot.
      class_names: one distinct name a class.
      tag: the name of the series.
      batch_size: of arrays, how many samples are predicted at a time.
      threshold: of a model with one output, the score above which the prediction is class 1.

    The class is on the last dimension of what the model predicts, and of one-hot labels. What cannot be counted is warned of, and the
    training goes on.
    """

    def __init__(
        self,
        writer: Any,
        validation_data: Any,
        class_names: Iterable[Any] | None = None,
        *,
        tag: str = "val",
        batch_size: int = 256,
        threshold: float = 0.5,
    ) -> None:
        super().__init__()
        self._writer = writer
        self._data = validation_data
        self._class_names = None if class_names is None else list(class_names)
        self._tag = tag
        self._batch_size = batch_size
        self._threshold = threshold

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Predicts and logs; Keras calls it."""
        try:
            matrix = self._matrix()
        except (TypeError, ValueError) as error:
            warnings.warn(f"no confusion matrix {self._tag!r} was logged at epoch {epoch}: {error}", stacklevel=2)
            return
        add_confusion_matrix(self._writer, self._tag, matrix, epoch)

    def _matrix(self) -> ConfusionMatrix:
        accumulator = None
        for x, y, *weight in self._batches():
            outputs = self.model.predict_on_batch(x)
            if isinstance(outputs, (dict, list, tuple)):
                raise TypeError(f"expected a model with one output, got {len(outputs)}")
            scores, target = np.asarray(outputs), as_numpy(y)
            if accumulator is None:
                binary = scores.shape[-1] == 1
                threshold = self._threshold if binary else None
                accumulator = ConfusionMatrixAccumulator(2 if binary else scores.shape[-1], self._class_names, threshold=threshold)
            accumulator.update(scores[..., 0] if binary else np.moveaxis(scores, -1, 1), _labels(target, scores), *weight)
        if accumulator is None:
            raise ValueError("expected validation data that can be iterated over anew each epoch, got no batch")
        return accumulator.compute()

    def _batches(self) -> Iterator[Any]:
        data = self._data
        if isinstance(data, tuple):
            for start in range(0, len(data[1]), self._batch_size):
                yield keras.tree.map_structure(lambda array, start=start: array[start : start + self._batch_size], data)
        elif isinstance(data, keras.utils.PyDataset):  # which does not end by itself
            yield from (data[index] for index in range(len(data)))
        else:
            yield from data


def _labels(target: npt.NDArray[Any], scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Class indices out of what Keras takes as labels: integers, as floats too, in a last dimension of their own or not, and one-hot."""
    if target.ndim == scores.ndim:
        target = target[..., 0] if target.shape[-1] == 1 else target.argmax(-1)
    whole = target.dtype.kind == "f" and bool(np.all(target == np.floor(target)))
    return target.astype(np.int64) if whole else target
