"""Keras 3: a callback that predicts the validation data at the end of each epoch, and logs the confusion matrix,
with examples of what was mixed up.

It asks Keras for arrays only, so that the backend does not matter; it is tested with PyTorch's.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.accumulate import ConfusionMatrixAccumulator
from tb_confmat_plugin.predictions import as_numpy
from tb_confmat_plugin.writer import add_confusion_matrix

try:
    import keras
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}; ConfusionMatrixCallback needs Keras and its backend: pip install keras torch") from error


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
      images: True to keep examples of the inputs, where these are images as `ConfusionMatrixAccumulator.update` takes them; or a function
        that makes such images of the inputs of a batch, which may be several or normalized.
      texts: one text a sample, in the order of the validation data, to be kept as an example or beside its image.
      ids: what each sample is called, likewise, such as a file path.
      **options: how many examples of how many confusions are kept, and which: `examples_per_cell`, `max_examples`, `example_choice`, `seed`
        and `thumbnail_size` of `ConfusionMatrixAccumulator`.

    Raises:
      TypeError, ValueError: options that the accumulator does not take, or a list of arrays where a tuple of them is meant.

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
        images: bool | Callable[[Any], Any] = False,
        texts: Sequence[str | None] | None = None,
        ids: Sequence[Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if isinstance(validation_data, list) and not all(isinstance(batch, (tuple, list)) for batch in validation_data):
            raise TypeError("expected validation_data as a tuple (x, y), or as batches of such; got a list of arrays, or of other things")
        self._writer = writer
        self._data = validation_data
        self._class_names = None if class_names is None else list(class_names)
        self._tag = tag
        self._batch_size = batch_size
        self._threshold = threshold
        self._images = images
        self._texts = texts
        self._ids = ids
        self._options = options
        ConfusionMatrixAccumulator(2, **options)  # which refuses what it does not take now, not after an epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Predicts and logs; Keras calls it."""
        try:
            accumulator = self._count()
            matrix = accumulator.compute()
        except (TypeError, ValueError) as error:
            problem = str(error)
        except Exception as error:  # the user's data, or a function of the user's, may raise anything
            problem = f"{type(error).__name__}: {error}"
        else:
            add_confusion_matrix(self._writer, self._tag, matrix, epoch, examples=accumulator.examples())
            return
        warnings.warn(f"no confusion matrix {self._tag!r} was logged at epoch {epoch}: {problem}", stacklevel=2)

    def _count(self) -> ConfusionMatrixAccumulator:
        accumulator, done = None, 0
        for x, y, *weight in self._batches():
            outputs = self.model.predict_on_batch(x)
            if isinstance(outputs, (dict, list, tuple)):
                raise TypeError(f"expected a model with one output, got {len(outputs)}")
            scores, target = np.asarray(outputs), as_numpy(y)
            if accumulator is None:
                binary = scores.shape[-1] == 1
                threshold = self._threshold if binary else None
                num_classes = 2 if binary else scores.shape[-1]
                accumulator = ConfusionMatrixAccumulator(num_classes, self._class_names, threshold=threshold, **self._options)
            part = slice(done, done + len(target))
            done += len(target)
            accumulator.update(
                scores[..., 0] if binary else np.moveaxis(scores, -1, 1),
                _labels(target, scores),
                *weight,
                images=self._images(x) if callable(self._images) else x if self._images else None,
                texts=None if self._texts is None else self._texts[part],
                ids=None if self._ids is None else self._ids[part],
            )
        if accumulator is None:
            raise ValueError("expected validation data that can be iterated over anew each epoch, got no batch")
        return accumulator

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
