"""torchmetrics: the accumulator as a `Metric`. Its own confusion matrices need nothing: `add_confusion_matrix` takes them as they are."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from tb_confmat_plugin.accumulate import ConfusionMatrixAccumulator
from tb_confmat_plugin.matrix import ConfusionMatrix
from tb_confmat_plugin.metrics import METRICS
from tb_confmat_plugin.predictions import as_numpy

try:
    from torchmetrics import Metric
    from torchmetrics.utilities import dim_zero_cat
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}; ConfusionMatrixMetric needs torchmetrics: pip install torchmetrics") from error

PARTS = 64  # batches that are kept apart, before their cells are added up


class ConfusionMatrixMetric(Metric):
    """A confusion matrix of any number of classes as a torchmetrics `Metric`, whose value is one of the metrics of the matrix.

    So it fits where a metric is a number: a `MetricCollection`, `self.log` and `self.log_dict` of Lightning. The matrix itself is there
    besides: `add_confusion_matrix(writer, tag, metric, step)` takes the metric. It keeps only the cells that occur, and adds up the
    processes of `torch.distributed` as every metric does.

    Args:
      num_classes: the number of classes.
      class_names: one distinct name a class.
      metric: the name of the value, one of `ConfusionMatrix.metrics()`.
      ignore_index: samples whose true label is this are left out.
      threshold: for two classes and one score a sample: above it the prediction is class 1.
      **options: those of every `torchmetrics.Metric`.

    Raises:
      ValueError: another name of a metric.

    >>> metric = ConfusionMatrixMetric(num_classes=3)
    >>> metric.update(torch.tensor([0, 2, 2]), torch.tensor([0, 1, 2]))
    >>> metric.compute()
    tensor(0.6667)
    >>> metric.to_confusion_matrix().to_dense().tolist()
    [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    """

    is_differentiable = False
    full_state_update = False
    cells: Any  # int64 tensors [n, 3]: true class, predicted class, count. A list of them, and one tensor while synced.
    counts_by: Any  # the arguments that tell what is counted, as bytes

    def __init__(
        self,
        num_classes: int,
        class_names: Iterable[Any] | None = None,
        *,
        metric: str = "accuracy",
        ignore_index: int | None = None,
        threshold: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        names = ConfusionMatrixAccumulator(num_classes, class_names, ignore_index, threshold).classes.names
        self._arguments = (num_classes, names, ignore_index, threshold)
        scalars = [name for name, one in METRICS.items() if not one.per_class]
        if metric not in scalars:
            raise ValueError(f"expected metric as one of {', '.join(scalars)}, got {metric!r}")
        self._metric = metric
        self.add_state("cells", default=[], dist_reduce_fx="cat")
        # A MetricCollection lets metrics whose states are alike after a batch share one. Those that count otherwise must not: what they
        # count by is a state, too, as bytes, since states are compared with a tolerance.
        counts_by = repr((num_classes, ignore_index, threshold)).encode()
        self.add_state("counts_by", default=torch.tensor(list(counts_by), dtype=torch.uint8), dist_reduce_fx="max")
        self.reset()

    @property
    def higher_is_better(self) -> bool | None:
        """Whether a larger value is a better one, for `torchmetrics.wrappers.MetricTracker`; None for the number of samples."""
        return None if self._metric == "total" else self._metric != "top_confusion_rate"

    def reset(self) -> None:
        """Forgets all samples."""
        super().reset()
        # Never empty: of an empty list torchmetrics does not know what kind of tensor another process has.
        self.cells = [torch.zeros((0, 3), dtype=torch.int64, device=self.device)]

    def update(self, preds: Any, target: Any) -> None:
        """Adds a batch, of shapes as in `ConfusionMatrixAccumulator.update`.

        Raises:
          ValueError, TypeError: what the accumulator refuses; nothing of the batch is added then.
        """
        accumulator = ConfusionMatrixAccumulator(*self._arguments)
        accumulator.update(preds, target)
        batch = accumulator.compute()
        if len(self.cells) == PARTS:
            self.cells = [self._cells_of(self._matrix_of(self.cells))]
        self.cells.append(self._cells_of(batch))

    def forward(self, preds: Any, target: Any) -> Any:
        """Adds a batch, and returns its own value, on this process."""
        # Otherwise torchmetrics resets the metric, updates it and puts back what was, so that the parts would never be added up.
        self.update(preds, target)
        self._forward_cache = self._value_of(self._matrix_of(self.cells[-1]))
        return self._forward_cache

    def compute(self) -> Any:
        """The value: a tensor of float32 without dimensions, NaN if it is undefined."""
        return self._value_of(self._matrix_of(self.cells))

    def to_confusion_matrix(self) -> ConfusionMatrix:
        """The matrix of all samples so far, of all processes together: each of them must call it."""
        with self.sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute):
            return self._matrix_of(self.cells)

    def _matrix_of(self, cells: Any) -> ConfusionMatrix:
        rows, cols, counts = as_numpy(dim_zero_cat(cells)).T
        return ConfusionMatrix.from_coo(rows, cols, counts, *self._arguments[:2])

    def _cells_of(self, matrix: ConfusionMatrix) -> Any:
        return torch.from_numpy(np.stack([matrix.rows, matrix.cols, matrix.values], axis=1)).to(self.device)

    def _value_of(self, matrix: ConfusionMatrix) -> Any:
        return torch.tensor(matrix.metrics()[self._metric], device=self.device)
