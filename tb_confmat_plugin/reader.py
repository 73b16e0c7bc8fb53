"""Confusion matrices out of event files, without a TensorBoard and without torch.

Most of a log is of other plugins. Its events are checked and passed over without being parsed: an event of ours holds the name of the
plugin, or at least the magic number of a record.
"""

import math
import os
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.event_file import EventFile, EventFileError, find_event_files, meter
from tb_confmat_plugin.matrix import ConfusionMatrix
from tb_confmat_plugin.names import (
    CLASSES_CONTENT,
    EXAMPLES_CONTENT,
    EXAMPLES_PLUGIN_NAME,
    IMAGES_CONTENT,
    MATRIX_CONTENT,
    PLUGIN_NAME,
    class_list_tag,
    examples_tag,
)
from tb_confmat_plugin.progress import Tell
from tb_confmat_plugin.record import MAGIC, RecordError, class_list_id, decode_classes, decode_matrix

_NAME = PLUGIN_NAME.encode("ascii")  # with which EXAMPLES_PLUGIN_NAME begins
_RESTART = Event(session_log=SessionLog(status=SessionLog.START)).SerializeToString()  # as torch writes it for its purge_step
_OURS = (_NAME, MAGIC, _RESTART)


@dataclass(frozen=True)
class LoggedExamples:
    """The examples of one step, in bytes as they were logged; `example_record.py` describes them.

    Attributes:
      record: which samples were kept, and where the image of each is.
      packs: the records of all packs of images of the run, by their tags.
    """

    record: bytes = field(repr=False)
    packs: Mapping[str, bytes] = field(repr=False, compare=False)


@dataclass(frozen=True)
class LoggedMatrix:
    """One matrix of a log.

    Attributes:
      run: the name of its run, as TensorBoard has it: the directory relative to the log directory, "." for that itself.
      tag: the name of its series.
      step: its step.
      wall_time: when it was logged, seconds since the epoch; 0 where the log has NaN or infinity.
      record: its bytes as they were logged.
      classes: its class names, or None: then classes are numbers.
      examples: what was logged of single samples with it; None if nothing was, or if it was not asked for.
    """

    run: str
    tag: str
    step: int
    wall_time: float
    record: bytes = field(repr=False)
    classes: Classes | None = field(repr=False)
    examples: LoggedExamples | None = field(default=None, repr=False)

    @property
    def matrix(self) -> ConfusionMatrix:
        """The matrix, decoded each time it is asked for, so that a long list of them stays small.

        Raises:
          RecordError: a record that does not hold what its header says.
        """
        try:
            return decode_matrix(self.record, self.classes)
        except RecordError as error:
            raise RecordError(f"{_place(self.run, self.tag, self.step)}: {error}") from error


class LoggedMatrices(list[LoggedMatrix]):
    """The matrices of a log, sorted by run, tag and step: a list that pandas can have, too."""

    def to_dataframe(self) -> Any:
        """A pandas DataFrame in long form: one row for each cell that is not zero.

        Its columns are run, tag, step, wall_time (seconds since the epoch), true, predicted (class names, or numbers as text) and count.

        Raises:
          ImportError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_dataframe needs pandas: pip install pandas") from error
        matrices = [logged.matrix for logged in self]
        cells = [len(matrix.values) for matrix in matrices]
        names = [np.array([matrix.classes[index] for index in range(matrix.num_classes)], object) for matrix in matrices]
        return pd.DataFrame(
            {
                "run": np.repeat(np.array([logged.run for logged in self], object), cells),
                "tag": np.repeat(np.array([logged.tag for logged in self], object), cells),
                "step": np.repeat(np.array([logged.step for logged in self], np.int64), cells),
                "wall_time": np.repeat(np.array([logged.wall_time for logged in self], np.float64), cells),
                "true": _joined([name[matrix.rows] for name, matrix in zip(names, matrices, strict=True)], object),
                "predicted": _joined([name[matrix.cols] for name, matrix in zip(names, matrices, strict=True)], object),
                "count": _joined([matrix.values for matrix in matrices], np.int64),
            }
        )


def _joined(arrays: list[Any], dtype: Any) -> Any:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype)


def read_confusion_matrices(
    logdir: str | os.PathLike[str],
    *,
    run: str | Collection[str] | None = None,
    tag: str | None = None,
    errors: str = "warn",
    examples: bool = False,
    progress: Tell | None = None,
) -> LoggedMatrices:
    """Reads every confusion matrix that was logged into a directory, without a TensorBoard.

    Of a step that was logged twice in a run and tag the newer matrix is kept, as in the dashboard; where a run was resumed with torch's
    `purge_step`, what it had logged from that step on is left out. Steps that were logged out of order are all there, sorted. The last
    event of a file that is still being written, or whose writer was killed, is left out if it is not whole.

    Args:
      logdir: the directory that you would give to TensorBoard; with fsspec installed also "s3://bucket/runs", "gs://..." and the like.
      run: only this run, or these; the files of others are not opened.
      tag: only this tag.
      errors: what to do about a damaged file or record, or one of a newer version: "warn" names it and reads the rest, "raise" raises.
      examples: whether to read what was logged of single samples, too, with all images of the runs; `show` shows them.
      progress: called as the reading goes on, with the bytes read and the bytes of all files.

    Returns:
      A list of `LoggedMatrix`, each with run, tag, step, wall_time and matrix, sorted by the first three; its `to_dataframe()` gives all
      cells to pandas. A run or tag that is not there is told in a warning, with those that are.

    Raises:
      FileNotFoundError, NotADirectoryError: there is no such directory.
      EventFileError, RecordError: with "raise", what is damaged, by its file or run, tag and step.
      ImportError: a directory elsewhere, and fsspec or its part for such directories is not installed.

    >>> import tempfile
    >>> from tb_confmat_plugin import SummaryWriter
    >>> logdir = tempfile.mkdtemp()
    >>> with SummaryWriter(logdir) as writer:
    ...     writer.add_confusion_matrix("val", [[5, 2], [0, 3]], 1, class_names=["cat", "dog"])
    >>> logged = read_confusion_matrices(logdir)[0]
    >>> logged.run, logged.tag, logged.step, logged.matrix.to_dense().tolist()
    ('.', 'val', 1, [[5, 2], [0, 3]])
    """
    if errors not in ("warn", "raise"):
        raise ValueError(f"expected errors as 'warn' or 'raise', got {errors!r}")
    wanted = [run] if isinstance(run, str) else run
    there = find_event_files(logdir)
    files = [file for file in there if wanted is None or file.run in wanted]
    on_read = meter(files, progress)
    runs: dict[str, _Run] = {}
    damage: list[Exception] = []
    for file in files:
        runs.setdefault(file.run, _Run(file.run, examples)).read(file, on_read, damage)
    found = LoggedMatrices(logged for each in runs.values() for logged in each.matrices(tag, damage))
    if damage and errors == "raise":
        raise damage[0]
    for error in damage:
        warnings.warn(str(error), UserWarning, stacklevel=2)
    tags = {its_tag for each in runs.values() for its_tag in each.tags()}
    for what, names, known in (("run", wanted or (), {file.run for file in there}), ("tag", () if tag is None else (tag,), tags)):
        for name in names if what == "run" or tags else ():  # a log may be at its beginning
            if name not in known:
                warnings.warn(absent(what, name, sorted(known)), AbsentWarning, stacklevel=2)
    return found


class AbsentWarning(UserWarning):
    """What was asked for is not in the log."""


def absent(what: str, name: str, there: Sequence[str]) -> str:
    """What is said of a name that is not there, with those that are."""
    return f"there is no {what} {name!r}; there {'is' if len(there) == 1 else 'are'} {listed(there) or 'none'}"


def listed(names: Sequence[str], most: int = 10) -> str:
    """Names in a message, the first of many."""
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most:,} more" if len(names) > most else "")


class _Run:
    """What the files of one run hold, newest last."""

    def __init__(self, name: str, examples: bool) -> None:
        self._name = name
        self._plugins = {PLUGIN_NAME, EXAMPLES_PLUGIN_NAME} if examples else {PLUGIN_NAME}
        self._contents: dict[str, bytes] = {}  # of the metadata of each tag: that of its first event counts, as for TensorBoard
        self._class_lists: dict[str, bytes] = {}
        self._matrices: dict[tuple[str, int], tuple[float, bytes]] = {}
        self._examples: dict[tuple[str, int], bytes] = {}
        self._packs: dict[str, bytes] = {}

    def read(self, file: EventFile, on_read: Callable[[int], None] | None, damage: list[Exception]) -> None:
        """Adds what a file holds."""
        try:
            for at, data, intact in file.frames(on_read, _OURS):
                if not intact:
                    damage.append(EventFileError(f"{file.path}: the event at byte {at:,} is damaged: {self._guess(data)}"))
                else:
                    self._add(Event.FromString(data))
        except (EventFileError, DecodeError, OSError) as error:
            damage.append(EventFileError(f"{file.path}: {error}; the rest of this file is left out"))

    def _guess(self, data: bytes) -> str:
        """What a damaged event was, as far as it still tells."""
        try:
            event = Event.FromString(data)
        except DecodeError:
            return f"run {self._name!r}, tag and step unknown"
        tags = ", ".join(repr(value.tag) for value in event.summary.value)
        return f"run {self._name!r}, tag {tags or 'unknown'}, step {event.step}, as far as can be told"

    def _add(self, event: Any) -> None:
        if event.session_log.status == SessionLog.START:
            self._matrices = {place: logged for place, logged in self._matrices.items() if place[1] < event.step}
            self._examples = {place: logged for place, logged in self._examples.items() if place[1] < event.step}
        for value in event.summary.value:
            plugin = value.metadata.plugin_data
            if plugin.plugin_name in self._plugins:
                self._contents.setdefault(value.tag, plugin.content)
            content = self._contents.get(value.tag)
            record = value.tensor.string_val[0] if value.tensor.string_val else b""
            if content == MATRIX_CONTENT:
                self._matrices[value.tag, event.step] = event.wall_time if math.isfinite(event.wall_time) else 0.0, record
            elif content == CLASSES_CONTENT:
                self._class_lists[value.tag] = record
            elif content == EXAMPLES_CONTENT:
                self._examples[value.tag, event.step] = record
            elif content == IMAGES_CONTENT:
                self._packs[value.tag] = record

    def tags(self) -> set[str]:
        """The tags of its matrices."""
        return {tag for tag, _ in self._matrices}

    def matrices(self, tag: str | None, damage: list[Exception]) -> Iterable[LoggedMatrix]:
        """The matrices of all files, sorted."""
        classes: dict[str, Classes | None] = {}
        for (its_tag, step), (wall_time, record) in sorted(self._matrices.items()):
            if tag is None or its_tag == tag:
                try:
                    identifier = class_list_id(record)
                except RecordError as error:
                    damage.append(RecordError(f"{_place(self._name, its_tag, step)}: {error}"))
                    continue
                if identifier is not None and identifier not in classes:
                    classes[identifier] = self._class_list(identifier, damage)
                kept = self._examples.get((examples_tag(its_tag), step))
                examples = None if kept is None else LoggedExamples(kept, self._packs)
                yield LoggedMatrix(self._name, its_tag, step, wall_time, record, classes.get(identifier or ""), examples)

    def _class_list(self, identifier: str, damage: list[Exception]) -> Classes | None:
        name = class_list_tag(identifier)
        try:
            return decode_classes(self._class_lists[name])
        except KeyError:
            damage.append(RecordError(f"run {self._name!r} has no class list {identifier!r}; its matrices have class numbers instead"))
        except RecordError as error:
            damage.append(RecordError(f"run {self._name!r}, class list {identifier!r}: {error}; its matrices have class numbers instead"))
        return None


def _place(run: str, tag: str, step: int) -> str:
    return f"run {run!r}, tag {tag!r}, step {step}"
