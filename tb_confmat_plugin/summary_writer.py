"""torch's SummaryWriter with one method more. Apart from `writer` because it needs torch, which that does not."""

from collections.abc import Iterable
from typing import Any

from torch.utils.tensorboard import SummaryWriter as TorchSummaryWriter

from tb_confmat_plugin.writer import log_matrix


class SummaryWriter(TorchSummaryWriter):
    """`torch.utils.tensorboard.SummaryWriter` with `add_confusion_matrix`.

    >>> import tempfile
    >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     writer.add_confusion_matrix("val", [[5, 2], [0, 3]], 1, class_names=["cat", "dog"])
    """

    def add_confusion_matrix(
        self,
        tag: str,
        matrix: Any,
        global_step: int,
        walltime: float | None = None,
        *,
        class_names: Iterable[Any] | None = None,
        examples: Any = None,
    ) -> None:
        """Logs a confusion matrix; see `tb_confmat_plugin.add_confusion_matrix`."""
        log_matrix(self, tag, matrix, global_step, walltime, class_names, examples, caller=2)
