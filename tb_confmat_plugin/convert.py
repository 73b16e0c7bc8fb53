"""Confusion matrices that were logged as one scalar a cell, turned into records. Nothing is guessed: what was understood is said."""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.util.tensor_util import make_ndarray

from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.event_file import find_event_files, meter, write_event_file
from tb_confmat_plugin.matrix import ConfusionMatrix
from tb_confmat_plugin.progress import Tell, over, part
from tb_confmat_plugin.reader import LoggedMatrices, LoggedMatrix, read_confusion_matrices
from tb_confmat_plugin.record import encode_matrix
from tb_confmat_plugin.summary import classes_summary, matrix_summary
from tb_confmat_plugin.terminal import number_of

# What is looked for when no pattern is given.
PATTERNS = ("{tag}_conf_{i}_{j}", "{tag}/{outcome}", "{tag}_{outcome}")
MISSING = ("refuse", "zero", "skip")
_OUTCOMES = {"tn": (0, 0), "fp": (0, 1), "fn": (1, 0), "tp": (1, 1)}
_OUTCOME = r"(?i:[tf][pn]|(?:true|false)_(?:positive|negative)s?)"
_LARGEST_EXACT = 2**24  # of the 32-bit floats that scalars are
_SEPARATORS = "/_-. "


@dataclass(frozen=True)
class Converted:
    """What was found in other data.

    Attributes:
      matrices: the matrices, by run, tag and step.
      understood: what they were made from and how, in sentences.
    """

    matrices: LoggedMatrices
    understood: tuple[str, ...]


def logged_matrix(run: str, tag: str, step: int, wall_time: float, matrix: ConfusionMatrix) -> LoggedMatrix:
    """A matrix as if it had been read from a log."""
    return LoggedMatrix(run, tag, step, wall_time, encode_matrix(matrix), matrix.classes if matrix.class_names else None)


def refuse_empty(tag: str | None) -> None:
    """Raises ValueError for an empty tag: TensorBoard has no name to show it by."""
    if tag == "":
        raise ValueError("expected a tag as a text that is not empty, got ''; pass --tag with a name, such as val")


def write_log(logdir: str | os.PathLike[str], matrices: Sequence[LoggedMatrix], progress: Tell | None = None) -> list[Path]:
    """Writes matrices into new event files, one in the directory of each run, beside those that are there, and returns their paths.

    `progress` is told how far that is: half of it is to read what is there.

    Raises:
      ValueError: a run has confusion matrices of the same tag already; nothing has been written then.
    """
    runs: dict[str, list[LoggedMatrix]] = {}
    for logged in matrices:
        runs.setdefault(logged.run, []).append(logged)
    there = read_confusion_matrices(logdir, progress=part(progress, 0, 2)) if os.path.isdir(logdir) else LoggedMatrices()
    for run, tag in sorted({(logged.run, logged.tag) for logged in matrices} & {(logged.run, logged.tag) for logged in there}):
        raise ValueError(f"run {run!r} in {os.fspath(logdir)} has confusion matrices of tag {tag!r} already; pass another tag or output")
    tell = part(progress, 1, 2)
    return [
        write_event_file(os.path.join(logdir, run), _events(of_run, part(tell, number, len(runs))))
        for number, (run, of_run) in enumerate(runs.items())
    ]


def _events(matrices: Sequence[LoggedMatrix], tell: Tell | None) -> Iterator[bytes]:
    first = matrices[0].wall_time
    yield Event(file_version="brain.Event:2", wall_time=first).SerializeToString()
    for classes in {logged.classes: None for logged in matrices if logged.classes}:
        yield Event(summary=classes_summary(classes), step=0, wall_time=first).SerializeToString()
    for logged in over(sorted(matrices, key=lambda logged: (logged.tag, logged.step)), tell):
        event = Event(summary=matrix_summary(logged.tag, logged.matrix), step=logged.step, wall_time=logged.wall_time)
        yield event.SerializeToString()


def convert_scalars(
    logdir: str | os.PathLike[str],
    pattern: str | None = None,
    *,
    tag: str | None = None,
    class_names: Sequence[str] | None = None,
    transposed: bool = False,
    first_class: int = 0,
    missing: str = "refuse",
    weights: bool = False,
    progress: Tell | None = None,
) -> Converted:
    """Finds matrices that were logged as one scalar a cell.

    Args:
      logdir: a log directory, as for `read_confusion_matrices`.
      pattern: what the scalars are called: {i} stands for the true class, {j} for the predicted one, {outcome} for tp, tn, fp or fn, or
        true_positives and so on (of which class 1 is the positive one), {tag} for any text, which becomes the tag. Each of PATTERNS if
        left out. Without {tag} the tag is what stands in its place in one of those, else what the pattern begins with. A
        curve that `add_scalars` logged is called by its tag, "_" and its own name.
      tag: the tag of the matrices, where the pattern has no {tag} or there is only one.
      class_names: the names of the classes in order. In the scalars' names there may be these or numbers.
      transposed: whether {i} is the predicted class instead, and {j} the true one.
      first_class: the number of the first class.
      missing: what to do where a cell was not logged at a step: "refuse", take it for "zero", or "skip" the step.
      weights: whether counts need not be whole.
      progress: told how far it is: half of it is to read.

    Returns:
      The matrices, each at the step and the time at which the last of its cells was logged.

    Raises:
      ValueError: no scalars of such names, cells that are missing (in every step, where such steps are to be skipped), or values that are
        no counts; the message says where and the way out.
    """
    if missing not in MISSING:
        raise ValueError(f"expected missing as one of {', '.join(map(repr, MISSING))}, got {missing!r}")
    refuse_empty(tag)
    patterns = [_Pattern(each, class_names) for each in ((pattern,) if pattern else PATTERNS)]
    series, seen = _scalars(logdir, patterns, part(progress, 0, 2))
    if not series:
        names = ", ".join(map(repr, sorted(seen)[:5]))
        _refuse_unknown_names([pattern] if pattern else PATTERNS, seen, class_names)
        raise ValueError(
            f"no scalars in {os.fspath(logdir)} are called like {' or '.join([pattern] if pattern else PATTERNS)}"
            + (f"; there are {len(seen)}, such as {names}; pass --scalars with their pattern" if seen else "; it has no scalars at all")
        )
    found, understood = LoggedMatrices(), []
    tags = {its_tag for _, its_tag in series}
    if tag is not None and len(tags) > 1:
        raise ValueError(
            f"cannot give the one tag {tag!r} to several: {', '.join(map(repr, sorted(tags)))}; leave it out, or narrow the pattern"
        )
    tell = part(progress, 1, 2)
    for number, ((run, its_tag), steps) in enumerate(sorted(series.items())):
        place = f"run {run!r}, tag {tag or its_tag!r}"
        classes, index_of = _classes_of(place, steps, class_names, first_class)
        if transposed and any(isinstance(each, int) for each in index_of):
            raise ValueError(f"{place}: outcomes say themselves which class is the true one; leave out --transposed")
        skipped = []
        for step, cells in over(sorted(steps.items()), part(tell, number, len(series))):
            matrix = _matrix(f"{place}, step {step}", cells, classes, index_of, transposed, missing, weights)
            if matrix is None:
                skipped.append(step)
            else:
                wall_time = max(cell.wall_time for cell in cells.values())
                found.append(logged_matrix(run, tag or its_tag, step, wall_time, matrix))
        understood.append(_in_words(place, steps, classes, index_of, transposed, skipped))
    if not found:
        way_out = "pass --missing zero if only counts above 0 were logged, or --scalars with the pattern of others"
        raise ValueError(f"{'; '.join(understood)}; so that nothing is left: {way_out}")
    return Converted(found, tuple(understood))


@dataclass(frozen=True)
class _Scalar:
    name: str
    value: float
    wall_time: float
    run: str  # whose directory it is in: of curves of add_scalars one of its own
    path: str
    times: int  # so often it was logged in this file
    again: bool  # whether it was logged before


# A class as it stands in the name of a scalar: its number or name, or its index where the outcome told it.
_Said = str | int
_Cells = dict[tuple[_Said, _Said], _Scalar]
_Steps = dict[int, _Cells]
_Place = tuple[str, str, str, _Said, _Said]  # run, name, tag, true and predicted class


def _refuse_unknown_names(patterns: Sequence[str], seen: set[str], class_names: Sequence[str] | None) -> None:
    """Tells of scalars that would fit if what they have in place of numbers were names of classes."""
    for pattern in patterns:
        anything = _Pattern(pattern, class_names, known=False).longest_first
        for name in sorted(seen):
            if (found := anything.fullmatch(name)) and "i" in (groups := found.groupdict()):
                raise ValueError(
                    f"{name!r} is like {pattern} only if {groups['i']!r} and {groups['j']!r} are names of classes; "
                    "pass --class-names with all of them in order"
                )


class _Pattern:
    """What the names of scalars must be like; classes may be called anything if they are not known."""

    def __init__(self, text: str, class_names: Sequence[str] | None, *, known: bool = True) -> None:
        used = re.findall(r"\{(tag|i|j|outcome)\}", text)
        if {"i", "j", "outcome"} & set(used) not in ({"i", "j"}, {"outcome"}) or len(used) > len(set(used)):
            raise ValueError(f"expected a pattern with {{i}} and {{j}}, or with {{outcome}}, each once, got {text!r}")
        self.text = text
        names = [re.escape(name) for name in sorted(class_names or (), key=len)] if known else [".+"]
        # Where a name can be taken apart in several ways, these two find different ones.
        self.longest_first = self._expression([r"[1-9]\d*", "0", *names[::-1]], ".+")
        self.shortest_first = self._expression([*names, r"[1-9]\d*?", "0"], ".+?")
        # The tag where the names do not tell it: that which one of PATTERNS finds in them, else what they begin with.
        usual = "|".join(re.escape(each).replace(re.escape("{tag}"), "(.+)") for each in PATTERNS)
        named = next(filter(None, found.groups())) if (found := re.fullmatch(usual, text)) else re.split(r"[{[(<]", text)[0]
        self.tag = named.strip(_SEPARATORS) or "confusion_matrix"

    def _expression(self, classes: Sequence[str], tag: str) -> re.Pattern[str]:
        groups = {"{tag}": f"(?P<tag>{tag})", "{outcome}": f"(?P<outcome>{_OUTCOME})"}
        groups |= {f"{{{each}}}": f"(?P<{each}>{'|'.join(classes)})" for each in "ij"}
        parts = re.split(r"(\{(?:tag|i|j|outcome)\})", self.text)
        return re.compile("".join(groups.get(part) or re.escape(part) for part in parts))

    def meaning(self, name: str) -> tuple[str, _Said, _Said] | None:
        """Tag, true and predicted class of a scalar; None if it is not called like this."""
        found, other = self.longest_first.fullmatch(name), self.shortest_first.fullmatch(name)
        if not found or not other:
            return None
        groups = found.groupdict()
        if groups != other.groupdict():
            ways = " or ".join(", ".join(f"{key} {value!r}" for key, value in each.groupdict().items()) for each in (other, found))
            raise ValueError(f"{name!r} is like {self.text} in more than one way: {ways}; pass --scalars or --class-names that leave one")
        tag = groups.get("tag", self.tag)
        if "outcome" in groups:
            words = groups["outcome"].lower().split("_")
            return tag, *_OUTCOMES[words[0] if len(words) == 1 else words[0][0] + words[1][0]]
        return tag, groups["i"], groups["j"]


def _scalars(
    logdir: str | os.PathLike[str], patterns: Sequence[_Pattern], progress: Tell | None
) -> tuple[dict[tuple[str, str], _Steps], set[str]]:
    """The scalars that fit a pattern by run and tag, and the names of all others."""
    files = find_event_files(logdir)
    on_read = meter(files, progress)
    series: dict[tuple[str, str], _Steps] = {}
    unknown: set[str] = set()
    for file in files:
        places: dict[str, _Place | None] = {}
        for at, data, intact in file.frames(on_read):
            if not intact:
                raise ValueError(f"{file.path}: the event at byte {at:,} is damaged; a matrix that lacks a cell is not converted")
            event = Event.FromString(data)
            if event.session_log.status == SessionLog.START:
                _leave_out(series, file.run, event.step)
            for value in event.summary.value:
                number = _number(value)
                if number is None:
                    continue
                if value.tag not in places:
                    places[value.tag] = _place(file.run, value.tag, patterns)
                if place := places[value.tag]:
                    run, name, tag, *cell = place
                    cells = series.setdefault((run, tag), {}).setdefault(event.step, {})
                    before = cells.get((cell[0], cell[1]))
                    if before and before.name != name:
                        raise ValueError(f"{before.name!r} and {name!r} mean one cell of tag {tag!r}; pass --scalars with one pattern")
                    times = before.times + 1 if before and before.path == file.path else 1
                    scalar = _Scalar(name, number, event.wall_time, file.run, file.path, times, before is not None)
                    cells[cell[0], cell[1]] = scalar
        unknown |= {_joined(file.run, name)[1] for name, place in places.items() if place is None}
    return {place: steps for place, steps in series.items() if steps}, unknown


def _leave_out(series: dict[tuple[str, str], _Steps], run: str, first: int) -> None:
    """Forgets what a training that began anew from a step on (`purge_step`) had logged from there on in its directory."""
    for steps in series.values():
        for step in [step for step in steps if step >= first]:
            kept = {cell: scalar for cell, scalar in steps[step].items() if scalar.run != run}
            if kept:
                steps[step] = kept
            else:
                del steps[step]


def _place(run: str, name: str, patterns: Sequence[_Pattern]) -> _Place | None:
    """What a scalar is, if it fits a pattern as it is, or as a curve of `add_scalars`."""
    for its_run, its_name in ((run, name), _joined(run, name)):
        for pattern in patterns:
            if means := pattern.meaning(its_name):
                return its_run, its_name, *means
    return None


def _joined(run: str, name: str) -> tuple[str, str]:
    """Run and name of a scalar as `add_scalar` would have it, where it is a curve of `add_scalars`.

    That puts each curve into a run of its own below the writer's: torch into tag_curve, with "_" for each "/" of the tag, tensorboardX into
    tag/curve.
    """
    path = f"/{run.replace(os.sep, '/')}"
    for start in (f"/{name.replace('/', '_')}_", f"/{name}/"):
        parent, found, curve = path.rpartition(start)
        if found and "/" not in curve:
            return parent[1:] or ".", f"{name}_{curve}"
    return run, name


def _number(value: Any) -> float | None:
    """The number of a scalar in either of the forms in which writers store it, None for other data."""
    if value.WhichOneof("value") == "simple_value":
        return float(value.simple_value)
    if value.HasField("tensor") and not value.tensor.string_val:
        array = make_ndarray(value.tensor)
        if array.size == 1 and array.dtype.kind in "iuf":
            return float(array.item())
    return None


def _classes_of(place: str, steps: _Steps, class_names: Sequence[str] | None, first_class: int) -> tuple[Classes, dict[_Said, int]]:
    """The classes of a series, and the index of each as it stands in the names."""
    said = {each for cells in steps.values() for cell in cells for each in cell}
    outcomes = {each for each in said if isinstance(each, int)}
    if outcomes and outcomes != said:
        raise ValueError(f"{place}: there are both cells and outcomes; pass --scalars with the pattern of one of them")
    if outcomes:
        if class_names is not None and len(class_names) != 2:
            raise ValueError(f"{place}: outcomes are of two classes, got {len(class_names)} class names")
        return Classes.of(2, class_names), {each: int(each) for each in said}
    if class_names is not None and said <= set(class_names):
        index_of = {each: class_names.index(str(each)) for each in said}
    else:
        named = sorted(str(each) for each in said if not str(each).isdecimal())
        if named:
            raise ValueError(f"{place}: some scalars have class names, such as {named[0]!r}, and some have numbers; expected one of both")
        index_of = {each: int(each) - first_class for each in said}
    least, most = min(index_of.values()), max(index_of.values())
    if least < 0:
        raise ValueError(f"{place}: there is a class {least + first_class}, but the first one is {first_class}; pass --first-class")
    if least > 0 and class_names is None:
        raise ValueError(
            f"{place}: the first class is {least + first_class}; pass --first-class {least + first_class} if there is none before it, "
            "or --class-names with all"
        )
    num_classes = len(class_names) if class_names is not None else max(most + 1, 2)
    if most >= num_classes:
        raise ValueError(
            f"{place}: class {most + first_class} is beyond the {num_classes} class names, which begin at {first_class}; "
            "pass --class-names with all, or --first-class"
        )
    return Classes.of(num_classes, class_names), index_of


def _matrix(
    place: str, cells: _Cells, classes: Classes, index_of: dict[_Said, int], transposed: bool, missing: str, weights: bool
) -> ConfusionMatrix | None:
    """The matrix of one step, None if it is to be skipped."""
    n = len(classes)
    if _is_mixed(cells):
        if missing == "skip":
            return None
        raise ValueError(
            f"{place}: it was logged more than once, and not with the same cells each time, so that it cannot be told which belong "
            "together; pass --missing skip to leave such steps out"
        )
    if len(cells) < n * n and missing != "zero":
        if missing == "skip":
            return None
        if any(isinstance(each, int) for each in index_of):
            names = ", ".join(repr(scalar.name) for scalar in cells.values())
            raise ValueError(
                f"{place}: of tp, fp, fn and tn there is only {names}; pass --missing zero if only counts above 0 were logged, "
                "--missing skip to leave such steps out, or --scalars with the pattern of others"
            )
        present = {(index_of[i], index_of[j]) for i, j in cells}
        lacking = next((i, j) for i in range(n) for j in range(n) if (i, j) not in present)
        raise ValueError(
            f"{place}: {len(cells):,} of {n * n:,} cells were logged, {lacking} for example was not; "
            "pass --missing zero if only counts above 0 were logged, or --missing skip to leave such steps out"
        )
    first = np.array([index_of[i] for i, _ in cells])
    second = np.array([index_of[j] for _, j in cells])
    counts = np.array([scalar.value for scalar in cells.values()])
    wrong = np.flatnonzero(~np.isfinite(counts) | (counts != np.floor(counts)) & (not weights))
    if len(wrong):
        scalar = list(cells.values())[wrong[0]]
        raise ValueError(
            f"{place}: {scalar.name!r} is {scalar.value:g}, expected a count; shares cannot be turned into counts, "
            "and for sums of sample weights pass --weights"
        )
    rows, cols = (second, first) if transposed else (first, second)
    try:
        return ConfusionMatrix.from_coo(rows, cols, counts, n, classes.names)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _is_mixed(cells: _Cells) -> bool:
    """Whether these are of several times that a step was logged, so that together they never were a matrix."""
    paths: dict[str, set[str]] = {}
    for scalar in cells.values():
        paths.setdefault(scalar.run, set()).add(scalar.path)
    return any(len(found) > 1 for found in paths.values()) or len({scalar.times for scalar in cells.values()}) > 1


def _in_words(place: str, steps: _Steps, classes: Classes, index_of: dict[_Said, int], transposed: bool, skipped: list[int]) -> str:
    """What was understood of a series."""
    if len(skipped) == len(steps):
        return f"{place}: each step ({_span(steps)}) lacks some of the {len(classes) ** 2:,} cells, or mixes those of several times"
    cells = [(cell, scalar) for cells in steps.values() for cell, scalar in cells.items()]
    (i, j), example = next(((cell, scalar) for cell, scalar in cells if cell[0] != cell[1]), cells[0])
    true, predicted = (j, i) if transposed else (i, j)
    sentence = (
        f"{place}: {number_of(len(steps) - len(skipped), 'step')} ({_span(steps)}) of {number_of(len(classes), 'class', 'classes')}, "
        f"with {example.name!r} as true {classes[index_of[true]]}, predicted {classes[index_of[predicted]]}"
    )
    if skipped:
        sentence += f"; left out for lack of cells, or for a mix of several times: {number_of(len(skipped), 'step')}, such as {skipped[0]}"
    if again := sorted(step for step, cells in steps.items() if step not in skipped and any(scalar.again for scalar in cells.values())):
        sentence += f"; logged more than once: {number_of(len(again), 'step')}, such as {again[0]}, of which the last time is taken"
    if any(scalar.value >= _LARGEST_EXACT for _, scalar in cells):
        sentence += f"; counts above {_LARGEST_EXACT:,} had been rounded when they were logged, as scalars are 32-bit floats"
    return sentence


def _span(steps: Collection[int]) -> str:
    return f"{min(steps)} to {max(steps)}" if len(steps) > 1 else str(min(steps))
