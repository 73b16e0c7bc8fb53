"""Ignite: a handler that logs what its `ConfusionMatrix` metric has counted."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from tb_confmat_plugin.writer import add_confusion_matrix

try:
    from ignite import distributed
    from ignite.engine import Engine
    from ignite.handlers.base_logger import BaseHandler
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}; ConfusionMatrixHandler needs Ignite: pip install pytorch-ignite") from error


class ConfusionMatrixHandler(BaseHandler):
    """Logs a confusion matrix out of `engine.state.metrics`, to be attached to Ignite's `TensorboardLogger`.

    Args:
      tag: the name of the series, such as "val".
      metric_name: the name under which an `ignite.metrics.ConfusionMatrix` without `average` was attached to the engine; its rows are the
        true classes, too. Or any other metric whose value `add_confusion_matrix` takes.
      class_names: one distinct name a class.
      global_step_transform: a function of engine and event that gives the step, such as `global_step_from_engine(trainer)`; the count of
        the event in the engine itself if left out, as in the other handlers of Ignite.

    What cannot be logged is warned of, and the training goes on. Ignite's metric has added up all processes, and process 0 alone logs it:
    the others need no `TensorboardLogger`, whose writers would share a file if they began in the same second.

    >>> handler = ConfusionMatrixHandler("val", "confusion_matrix", class_names=["cat", "dog"])
    """

    def __init__(
        self,
        tag: str,
        metric_name: str,
        class_names: Iterable[Any] | None = None,
        global_step_transform: Callable[[Engine, Any], int] | None = None,
    ) -> None:
        self._tag = tag
        self._metric_name = metric_name
        self._class_names = None if class_names is None else list(class_names)
        self._step = global_step_transform

    def __call__(self, engine: Engine, logger: Any, event_name: Any) -> None:
        """Logs the matrix; Ignite calls it."""
        if distributed.get_rank():
            return
        step = self._step(engine, event_name) if self._step else engine.state.get_event_attrib_value(event_name)
        try:
            matrix = engine.state.metrics[self._metric_name]
            if getattr(matrix, "is_floating_point", bool)():
                raise TypeError("expected counts, got shares; make the metric with average=None")
            add_confusion_matrix(logger.writer, self._tag, matrix, step, class_names=self._class_names)
        except KeyError:
            attached = ", ".join(map(repr, engine.state.metrics)) or "none"
            problem = f"expected a metric {self._metric_name!r} attached to the engine, got {attached}"
        except (TypeError, ValueError) as error:
            problem = str(error)
        else:
            return
        warnings.warn(f"no confusion matrix {self._tag!r} was logged at step {step}: {problem}", stacklevel=2)
