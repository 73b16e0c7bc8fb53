"""Weights & Biases: the same matrix as a table of its cells and as a picture."""

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from tb_confmat_plugin.matrix import to_confusion_matrix

try:
    import wandb
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}; log_confusion_matrix needs Weights & Biases: pip install wandb") from error

_lock = threading.Lock()


def log_confusion_matrix(
    run: Any,
    tag: str,
    matrix: Any,
    step: int | None = None,
    *,
    prefix: str = "",
    class_names: Iterable[Any] | None = None,
    image: bool = True,
) -> None:
    """Logs a confusion matrix to a run of Weights & Biases: "TAG/table" with a row for each cell that is not zero, and "TAG/image".

    The table has the columns "true", "predicted" and "count", in the order of the classes, and all its rows, however many there are:
    W&B's own limit of 10,000 and 200,000 rows, past which it drops rows with a line in its log, is lifted for this table.

    Args:
      run: what `wandb.init()` returned.
      tag: the name of the series, such as "val".
      matrix: what `add_confusion_matrix` takes.
      step: the step of the run, which must not be smaller than the last one; if left out, W&B counts the calls of `run.log`.
      prefix: what both keys begin with, such as "model_a/".
      class_names: one distinct name a class; those of the `ConfusionMatrix` when left out.
      image: whether to log the picture too, for which matplotlib is needed.

    Raises:
      TypeError, ValueError: something that is no run, or a matrix or a tag that cannot be logged.
    """
    if not hasattr(run, "log"):
        raise TypeError(f"expected run as what wandb.init() returned, got {run!r}")
    if not isinstance(tag, str) or not tag:
        raise TypeError(f"expected tag as a text that is not empty, got {tag!r}")
    counts = to_confusion_matrix(matrix, class_names)
    names = [counts.classes[index] for index in range(counts.num_classes)]
    cells = zip(counts.rows.tolist(), counts.cols.tolist(), counts.values.tolist(), strict=True)
    rows = [[names[true], names[predicted], count] for true, predicted, count in cells]
    # No cell is optional, which spares W&B three quarters of its checks of every row.
    logged: dict[str, Any] = {f"{prefix}{tag}/table": wandb.Table(columns=["true", "predicted", "count"], data=rows, optional=False)}
    if image:
        import matplotlib.pyplot as plt

        figure = counts.plot(title=f"{prefix}{tag}").figure
        logged[f"{prefix}{tag}/image"] = wandb.Image(figure)
        plt.close(figure)
    with _room_for(len(rows)):
        run.log(logged, step=step)


@contextlib.contextmanager
def _room_for(rows: int) -> Iterator[None]:
    """Lets tables have so many rows. W&B knows these limits as settings of the class only, and reads them while it logs."""
    table = wandb.Table
    with _lock:
        limits = table.MAX_ROWS, table.MAX_ARTIFACT_ROWS
        table.MAX_ROWS, table.MAX_ARTIFACT_ROWS = (max(limit, rows) for limit in limits)
        try:
            yield
        finally:
            table.MAX_ROWS, table.MAX_ARTIFACT_ROWS = limits
