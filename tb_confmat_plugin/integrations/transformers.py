"""Hugging Face Transformers: a callback of its Trainer that logs every evaluation."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from tb_confmat_plugin.accumulate import ConfusionMatrixAccumulator
from tb_confmat_plugin.predictions import as_numpy
from tb_confmat_plugin.writer import add_confusion_matrix

try:
    from transformers import TrainerCallback
    from transformers.integrations import TensorBoardCallback
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}; ConfusionMatrixCallback needs Transformers: pip install 'transformers[torch]'") from error

_LOSS_ONLY = "the Trainer passes on no predictions; leave prediction_loss_only=True out of TrainingArguments"
_SET_LATER = "trainer.compute_metrics was set after this callback was made, which takes predictions from there; set it before"


class ConfusionMatrixCallback(TrainerCallback):
    """Logs the confusion matrix of each `evaluate` and `predict` of a Trainer, once, on its main process.

    `trainer.add_callback(ConfusionMatrixCallback(trainer))` is all there is to do. Tags are what the Trainer's own metrics begin with:
    "eval", "eval_NAME" of a dict of datasets, "test" of `predict`. It takes its predictions on their way to `trainer.compute_metrics`,
    which is called as before. Sequence and token classification, one label a sample or a token, fit as they are; so does
    `batch_eval_metrics`. What cannot be counted is warned of, and the training goes on; a dataset without labels logs nothing.

    Args:
      trainer: the Trainer.
      writer: as for `add_confusion_matrix`; that of the Trainer's own `TensorBoardCallback` if left out (report_to="tensorboard").
      class_names: one distinct name a class; those of `model.config.id2label` when left out.
      ignore_index: samples and tokens whose label is this are left out.

    Raises:
      ValueError: a model without `config.id2label`, and no `class_names`.
    """

    def __init__(self, trainer: Any, writer: Any = None, class_names: Iterable[Any] | None = None, *, ignore_index: int = -100) -> None:
        if class_names is None:
            config: Any = getattr(trainer.model, "config", None)
            if not hasattr(config, "id2label"):
                raise ValueError(f"expected a model whose config names its classes, got {type(trainer.model).__name__}; pass class_names")
            class_names = (config.id2label[index] for index in range(config.num_labels))
        names = list(class_names)
        self._accumulator = ConfusionMatrixAccumulator(len(names), names, ignore_index)
        self._trainer = trainer
        self._writer = writer
        self._compute_metrics = trainer.compute_metrics
        self._problem: str | None = None
        self._asked = False  # for metrics of this evaluation
        trainer.compute_metrics = self.compute_metrics

    def compute_metrics(self, eval_pred: Any, **options: Any) -> dict[str, Any]:
        """Counts the predictions of an evaluation, or of a batch of it with `batch_eval_metrics`; the Trainer calls it.

        Returns:
          What the `compute_metrics` that the Trainer had returns.
        """
        self._asked = True
        preds, target = eval_pred.predictions, eval_pred.label_ids
        try:
            if isinstance(target, list):  # eval_do_concat_batches=False
                for one, true in zip(preds, target, strict=True):
                    self._count(one, true)
            else:
                self._count(preds, target)
        except (TypeError, ValueError) as error:
            self._problem = self._problem or str(error)
        return self._compute_metrics(eval_pred, **options) if self._compute_metrics else {}

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """Logs what was counted."""
        self._log(args, state, control, metrics)

    def on_predict(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """Logs what was counted, if the dataset has labels."""
        self._log(args, state, control, metrics)

    def _count(self, preds: Any, target: Any) -> None:
        if isinstance(preds, tuple):  # the logits come before hidden states and the like
            if not preds:
                raise ValueError("expected a model that returns logits, got its loss alone")
            preds = preds[0]
        preds, target = as_numpy(preds), as_numpy(target)
        # Transformers has the class on the last dimension.
        self._accumulator.update(np.moveaxis(preds, -1, 1) if preds.ndim == target.ndim + 1 > 1 else preds, target)

    def _log(self, args: Any, state: Any, control: Any, metrics: dict[str, Any]) -> None:
        # Every evaluation is timed, so that "eval_runtime" tells what all its metrics begin with; "eval_my_runtime" is longer.
        tag = min((key.removesuffix("_runtime") for key in metrics if key.endswith("_runtime")), key=len)
        problem, self._problem = self._problem, None
        asked, self._asked = self._asked, False
        if not asked and f"{tag}_loss" in metrics:  # which is to say that there may be labels
            if args.prediction_loss_only:
                problem = _LOSS_ONLY
            elif self._trainer.compute_metrics != self.compute_metrics:
                problem = _SET_LATER
        try:
            matrix = self._accumulator.compute()
        except ValueError as error:
            problem = problem or str(error)
        self._accumulator.reset()
        if not state.is_world_process_zero:
            return
        if problem is None and matrix.total:
            writer = self._writer or self._own_writer(args, state, control)
            if writer is not None:
                add_confusion_matrix(writer, tag, matrix, state.global_step)
                writer.flush()
                return
            problem = 'nothing writes for TensorBoard; pass report_to="tensorboard" to TrainingArguments, or a writer to the callback'
        if problem:
            warnings.warn(f"no confusion matrix {tag!r} was logged at step {state.global_step}: {problem}", stacklevel=2)

    def _own_writer(self, args: Any, state: Any, control: Any) -> Any:
        """The writer of the Trainer: a second one in its directory would hide the first from a TensorBoard without its data server."""
        for callback in self._trainer.callback_handler.callbacks:
            if isinstance(callback, TensorBoardCallback):
                if callback.tb_writer is None:  # before and after the training it has none, and makes one for the next line of the log
                    callback.on_log(args, state, control, logs={})
                return callback.tb_writer
        return None
