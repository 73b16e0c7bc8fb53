"""The one call beside the other `SummaryWriter` calls: a matrix at a step, into the event file."""

import math
import numbers
import operator
import os
import threading
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from tb_confmat_plugin.checks import MAX_TOTAL
from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.example_log import FULL, WrittenImages, example_summaries, read_examples
from tb_confmat_plugin.examples import Examples
from tb_confmat_plugin.matrix import to_confusion_matrix
from tb_confmat_plugin.summary import classes_summary, matrix_summary
from tb_confmat_plugin.unwritten import remember


@dataclass
class _Written:
    """What one event file has been given so far."""

    class_lists: set[str] = field(default_factory=set)
    last_steps: dict[str, int] = field(default_factory=dict)
    images: WrittenImages = field(default_factory=WrittenImages)


_written: "WeakKeyDictionary[Any, _Written]" = WeakKeyDictionary()
_lock = threading.Lock()


def _unlock() -> None:
    """A child may be forked while another thread of its parent holds the lock, and would wait for ever."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_unlock)  # Windows has no forks


def add_confusion_matrix(
    writer: Any,
    tag: str,
    matrix: Any,
    global_step: int,
    walltime: float | None = None,
    *,
    class_names: Iterable[Any] | None = None,
    examples: Any = None,
) -> None:
    """Logs a confusion matrix, for the "Confusion Matrix" tab of TensorBoard.

    Args:
      writer: a `torch.utils.tensorboard.SummaryWriter`, one of tensorboardX, or anything with its `_get_file_writer()`. Where that
        gives None, as some frameworks' writers do in processes that must not log, nothing is written.
      tag: the name of the series, such as "val".
      matrix: a `ConfusionMatrix`; or a square numpy array, torch tensor or scipy sparse matrix of counts [C, C], rows true and
        columns predicted; or a `ConfusionMatrixAccumulator`, or a confusion matrix metric of torchmetrics or Ignite, whose `compute()`
        is then called.
      global_step: the step or epoch, an integer that grows from call to call.
      walltime: seconds since the epoch; now when left out.
      class_names: one distinct name a class; those of the `ConfusionMatrix` when left out.
      examples: samples to be shown at their cells: what `ConfusionMatrixAccumulator.examples()` returns, or a list of `Example`, of
        which the first 1,000 are taken. Images become thumbnails of at most 96 pixels a side, and each is written once; when the writer has
        written 32 MiB of them, further ones are left out. A new writer of the same run, as after a restart, begins anew.

    Raises:
      TypeError, ValueError: an argument that cannot be logged, or a closed writer; nothing has been written then.
      RuntimeError: a writer that was made before this process was forked.

    Warns:
      UserWarning: the step does not grow. TensorBoard drops what was logged for the tag at this step and later ones, or, read without
        its data server, keeps the last record of each step. Or an example is logged without its image, and why.

    >>> import tempfile
    >>> from torch.utils.tensorboard import SummaryWriter
    >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     add_confusion_matrix(writer, "val", [[5, 2], [0, 3]], global_step=1, class_names=["cat", "dog"])
    """
    log_matrix(writer, tag, matrix, global_step, walltime, class_names, examples, caller=2)


def log_matrix(
    writer: Any,
    tag: str,
    matrix: Any,
    global_step: Any,
    walltime: float | None,
    class_names: Iterable[Any] | None,
    examples: Any,
    caller: int,
) -> None:
    """What `add_confusion_matrix` does, as a function and as a method; a warning points `caller` calls up, at the user's own line."""
    if not isinstance(tag, str) or not tag:
        raise TypeError(f"expected tag as a text that is not empty, got {tag!r}")
    step = _step(global_step)
    if walltime is not None and (isinstance(walltime, bool) or not isinstance(walltime, numbers.Real) or not math.isfinite(walltime)):
        raise TypeError(f"expected walltime as seconds since the epoch, got {walltime!r}")
    counts = to_confusion_matrix(matrix, class_names)
    summary = matrix_summary(tag, counts)
    file_writer = _file_writer(writer)
    if file_writer is None:  # frameworks give a process that must not log such a writer
        return
    remember(file_writer)
    kept, problem = (Examples(), None) if examples is None else read_examples(examples, counts.classes)
    with _lock:
        written = _written.setdefault(file_writer, _Written())
        new_classes = counts.classes.id is not None and counts.classes.id not in written.class_lists
        last_step = written.last_steps.get(tag)
        if new_classes:
            # Always step 0: what a later purge from some step on removes, it does not remove.
            file_writer.add_summary(_as_written_by(file_writer, classes_summary(counts.classes)), 0, walltime)
        if kept:
            problem = _write_examples(file_writer, written, tag, kept, counts.classes, step, walltime) or problem
        file_writer.add_summary(_as_written_by(file_writer, summary), step, walltime)
        if counts.classes.id is not None:
            written.class_lists.add(counts.classes.id)
        written.last_steps[tag] = step
    if last_step is not None and step <= last_step:
        warnings.warn(_does_not_grow(tag, step, last_step), UserWarning, stacklevel=caller + 1)
    if problem:
        warnings.warn(problem, UserWarning, stacklevel=caller + 1)


def _write_examples(
    file_writer: Any, written: _Written, tag: str, examples: Examples, classes: Classes, step: int, walltime: float | None
) -> str | None:
    """Writes the examples of a step, after the images that are new; the text is a warning that is due."""
    summaries, images = example_summaries(tag, examples, classes, written.images)
    for summary in summaries[:-1]:  # at step 0, as the class names are
        file_writer.add_summary(_as_written_by(file_writer, summary), 0, walltime)
    file_writer.add_summary(_as_written_by(file_writer, summaries[-1]), step, walltime)
    first_left_out = images.full and not written.images.full
    written.images = images
    return FULL if first_left_out else None


def _step(global_step: Any) -> int:
    try:
        step = None if isinstance(global_step, (bool, np.bool_)) else operator.index(global_step)
    except TypeError:  # a tensor or an array of a float has __index__, too
        step = None
    if step is None:
        raise TypeError(f"expected global_step as an integer, got {global_step!r}; pass the epoch or the number of batches seen")
    if abs(step) > MAX_TOTAL:
        raise ValueError(f"expected global_step between -2**53 and 2**53, got {step}")
    return step


def _file_writer(writer: Any) -> Any:
    if not hasattr(writer, "_get_file_writer"):
        raise TypeError(
            f"expected a SummaryWriter of torch.utils.tensorboard, or anything with its _get_file_writer(), got {type(writer).__name__}"
        )
    if getattr(writer, "all_writers", writer) is None:  # torch's mark of a closed writer, which would silently open a second file
        raise ValueError("the SummaryWriter is closed; log before close(), or make a new SummaryWriter")
    return writer._get_file_writer()


def _as_written_by(file_writer: Any, summary: Any) -> Any:
    """The summary in the messages of the writer: tensorboardX has its own, and takes no others."""
    if not type(file_writer).__module__.startswith("tensorboardX"):
        return summary
    from tensorboardX.proto.summary_pb2 import Summary

    return Summary.FromString(summary.SerializeToString())


def _does_not_grow(tag: str, step: int, last_step: int) -> str:
    if step == last_step:
        return f"step {step} of {tag!r} was logged twice: TensorBoard shows the newer matrix"
    return (
        f"step {step} of {tag!r} was logged after step {last_step}: TensorBoard's data server drops the steps from {step} on that "
        "were logged before; log steps in growing order, or start a new run"
    )
