"""Lightning, under either of its names: a callback that counts what the steps of a LightningModule predict."""

import importlib
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from tb_confmat_plugin.accumulate import ConfusionMatrixAccumulator
from tb_confmat_plugin.matrix import ConfusionMatrix
from tb_confmat_plugin.writer import add_confusion_matrix

PREDS = ("preds", "predictions", "logits", "probs", "y_pred", "y_hat")
TARGET = ("target", "targets", "labels", "label", "y", "y_true")


def _bases() -> list[Any]:
    """The Callback of the package that the program uses: `lightning` and `pytorch_lightning` are one library with two sets of classes.

    Where both are in use, a Trainer of either takes the callback; up to 2.5 none took a callback of the other.
    """
    names = ("lightning.pytorch", "pytorch_lightning")
    if imported := [importlib.import_module(name).Callback for name in names if sys.modules.get(name)]:
        return imported
    for name in names:
        try:
            return [importlib.import_module(name).Callback]
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError("ConfusionMatrixCallback needs Lightning: pip install lightning")


class ConfusionMatrixCallback(*_bases()):  # type: ignore[misc]  # known at run time only
    """Logs the confusion matrix of each validation, test or prediction epoch, under the tags "val", "test" and "predict".

    All devices are added up, and process 0 logs once, at the step of Lightning's own charts, to every logger whose experiment is a writer
    for TensorBoard. Of several dataloaders each has its tag: "val/NAME" of a dict of them, else "val/dataloader_idx_0". The batches of
    the sanity check are not counted. What cannot be counted is warned of, and the training goes on.

    Predictions and labels are found in what the step returns: a dict with the keys of `PREDS` and `TARGET`, or a tuple (preds, target).
    Labels that are not in its dict are taken from a batch (inputs, target), or a dict with a key of `TARGET`. A `predict_step` may return
    the predictions alone; its labels are those of such a key only, since a tuple, there, may be anything else: without one it logs nothing.

    Args:
      num_classes: the number of classes.
      class_names: one distinct name a class.
      predictions: a function of what the step returned and of its batch, for all that is not found as above. It returns
        (preds, target), of shapes as in `ConfusionMatrixAccumulator.update`, or None for a batch to leave out.
      prefix: what the tags begin with; two callbacks of one trainer need two.
      ignore_index: samples whose true label is this are left out.
      threshold: for two classes and one score a sample: above it the prediction is class 1.

    Attributes:
      matrices: the last matrix of each tag, the same on every device. Checkpoints carry them. Where Lightning starts the processes within
        its call and ends them with it ("ddp_spawn", "ddp_notebook"), it is empty in the one that called.

    >>> callback = ConfusionMatrixCallback(num_classes=2, class_names=["cat", "dog"])
    >>> callback.matrices
    {}
    """

    def __init__(
        self,
        num_classes: int,
        class_names: Iterable[Any] | None = None,
        *,
        predictions: Callable[[Any, Any], tuple[Any, Any] | None] | None = None,
        prefix: str = "",
        ignore_index: int | None = None,
        threshold: float | None = None,
    ) -> None:
        names = ConfusionMatrixAccumulator(num_classes, class_names, ignore_index, threshold).classes.names
        self._new = partial(ConfusionMatrixAccumulator, num_classes, names, ignore_index, threshold)
        self._predictions = predictions
        self._prefix = prefix
        self._counting: list[ConfusionMatrixAccumulator] = []  # one a dataloader
        self._problem: str | None = None
        self._last: dict[str, ConfusionMatrixAccumulator] = {}

    @property
    def matrices(self) -> dict[str, ConfusionMatrix]:
        """The last matrix of each tag."""
        return {tag: accumulator.compute() for tag, accumulator in self._last.items()}

    @property
    def state_key(self) -> str:
        """What a checkpoint calls the state of this callback."""
        return f"{type(self).__qualname__}({self._prefix!r})"

    def state_dict(self) -> dict[str, Any]:
        """The last matrices. An epoch that was interrupted is not among them: Lightning begins it anew."""
        return {tag: accumulator.state_dict() for tag, accumulator in self._last.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the matrices of a checkpoint; those of other classes are left out, with a warning, and the training goes on."""
        self._last = {}
        for tag, state in state_dict.items():
            accumulator = self._new()
            try:
                accumulator.load_state_dict(state)
            except ValueError as error:
                warnings.warn(f"the last confusion matrix {tag!r} of the checkpoint was left out: {error}", stacklevel=2)
            else:
                self._last[tag] = accumulator

    def on_validation_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins to count."""
        self._start(trainer.num_val_batches)

    def on_test_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins to count."""
        self._start(trainer.num_test_batches)

    def on_predict_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins to count."""
        self._start(trainer.num_predict_batches)

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Counts the batch."""
        if not trainer.sanity_checking:
            self._count("validation_step", outputs, batch, dataloader_idx)

    def on_test_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Counts the batch."""
        self._count("test_step", outputs, batch, dataloader_idx)

    def on_predict_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Counts the batch, if it has labels."""
        self._count("predict_step", outputs, batch, dataloader_idx)

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Logs the epoch."""
        self._end(trainer, "val", trainer.val_dataloaders)

    def on_test_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Logs the epoch."""
        self._end(trainer, "test", trainer.test_dataloaders)

    def on_predict_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Logs the epoch."""
        self._end(trainer, "predict", trainer.predict_dataloaders)

    def _start(self, batches: list[int | float]) -> None:
        self._counting = [self._new() for _ in batches]
        self._problem = None

    def _count(self, step: str, outputs: Any, batch: Any, dataloader_idx: int) -> None:
        try:
            found = self._predictions(outputs, batch) if self._predictions else find_predictions(step, outputs, batch)
            if found is not None:
                self._counting[dataloader_idx].update(*found)
        except (TypeError, ValueError) as error:
            self._problem = self._problem or str(error)
        except Exception as error:  # a function of the user's may raise anything
            self._problem = self._problem or f"{type(error).__name__}: {error}"

    def _end(self, trainer: Any, stage: str, dataloaders: Any) -> None:
        # What one process could not count, no process logs: half a matrix would look like a whole one.
        if not trainer.strategy.reduce_boolean_decision(self._problem is None):
            if self._problem:
                _warn_of(self._prefix + stage, self._problem)
            return
        for index, accumulator in enumerate(self._counting):
            tag = self._prefix + stage + _name_of(dataloaders, index, len(self._counting))
            try:
                matrix = accumulator.sync().compute()
            except ValueError as error:  # a label outside the classes; with several processes each of them comes here
                _warn_of(tag, str(error))
                continue
            if matrix.total:
                self._last[tag] = accumulator
                if trainer.is_global_zero:
                    _log(trainer, tag, matrix)


def find_predictions(step: str, outputs: Any, batch: Any) -> tuple[Any, Any] | None:
    """(preds, target) in what a step returned, with the labels of the batch if it returned none; None for predictions without labels.

    Of `predict_step` a tuple may be the two best classes, and of its batch inputs and ids, so that labels there need a name.

    Raises:
      TypeError: there are none where there should be.
    """
    preds = target = None
    predicts = step == "predict_step"
    if isinstance(outputs, Mapping):
        preds, target = _first(outputs, PREDS), _first(outputs, TARGET)
    elif isinstance(outputs, (tuple, list)):
        preds, target = outputs if len(outputs) == 2 and not predicts else (None, None)
    elif predicts:  # of the other steps a tensor is the loss
        preds = outputs
    if target is None:
        is_pair = isinstance(batch, (tuple, list)) and len(batch) == 2 and not predicts
        target = _first(batch, TARGET) if isinstance(batch, Mapping) else batch[1] if is_pair else None
    if preds is not None and target is not None:
        return preds, target
    if predicts:
        return None
    got = f"a dict with {', '.join(map(repr, outputs)) or 'nothing'}" if isinstance(outputs, Mapping) else type(outputs).__name__
    raise TypeError(
        f"expected {step} to return {{'preds': ..., 'target': ...}} or (preds, target), got {got}; "
        "or pass ConfusionMatrixCallback(predictions=...), a function of what it returns and the batch"
    )


def _first(mapping: Mapping[Any, Any], keys: tuple[str, ...]) -> Any:
    return next((mapping[key] for key in keys if key in mapping), None)


def _name_of(dataloaders: Any, index: int, count: int) -> str:
    if count == 1:
        return ""
    if isinstance(dataloaders, Mapping) and len(dataloaders) == count:
        return f"/{list(dataloaders)[index]}"
    return f"/dataloader_idx_{index}"  # as Lightning calls its own metrics


def _log(trainer: Any, tag: str, matrix: ConfusionMatrix) -> None:
    writers = [logger.experiment for logger in trainer.loggers if hasattr(getattr(logger, "experiment", None), "_get_file_writer")]
    if trainer.loggers and not writers:
        warnings.warn("no logger of this Trainer writes for TensorBoard: add a TensorBoardLogger for confusion matrices", stacklevel=2)
    # Not global_step: that counts the steps of optimizers, and where Lightning logs "val_loss" is one less.
    step = trainer.fit_loop.epoch_loop._batches_that_stepped
    for writer in writers:
        writer._get_file_writer()  # opens it again: after fit() Lightning closes it, and logs on with it in test()
        add_confusion_matrix(writer, tag, matrix, step)


def _warn_of(tag: str, problem: str) -> None:
    warnings.warn(f"no confusion matrix {tag!r} was logged: {problem}", stacklevel=2)
