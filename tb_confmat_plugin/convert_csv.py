"""Confusion matrices out of CSV files of predictions or of counts. Nothing is guessed: what was understood is said."""

import csv
import io
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import NoReturn

from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.convert import Converted, logged_matrix, refuse_empty
from tb_confmat_plugin.export import CELL_COLUMNS as OUR_COLUMNS
from tb_confmat_plugin.export import CORNER, unguarded
from tb_confmat_plugin.matrix import ConfusionMatrix
from tb_confmat_plugin.progress import Tell, over, part
from tb_confmat_plugin.reader import LoggedMatrices, listed
from tb_confmat_plugin.terminal import number_of

PREDICTION_COLUMNS = ("true", "predicted", "step", "run", "weight")
CELL_COLUMNS = ("true", "predicted", "count", "step", "run", "tag", "wall_time")

_Cells = list[tuple[int, int, float]]
_Path = str | os.PathLike[str]


def convert_predictions(
    path: _Path,
    tag: str,
    *,
    step: int | None = None,
    columns: Mapping[str, str] | None = None,
    class_names: Sequence[str] | None = None,
    first_class: int | None = None,
    wall_time: float | None = None,
    progress: Tell | None = None,
) -> Converted:
    """Counts a CSV file of predictions with a row for each sample.

    Args:
      path: the file, in UTF-8, with a header: its columns "true" and "predicted" hold class names, or numbers from 0, not both; "step" (an
        integer), "run" and "weight" are used if they are there. Blanks around what a field holds count in files of `export` alone.
      tag: the tag of the matrices.
      step: the step, where the file has no column for it; 0 if left out.
      columns: what these columns are called in the file, where it is otherwise: {"true": "label"}.
      class_names: the names of the classes in order; found in the file and sorted if left out and labels are names.
      first_class: the number of the first class; to be told where classes are numbers and none is 0.
      wall_time: the time of all matrices, seconds since the epoch; now if left out.
      progress: told how far it is.

    Returns:
      A matrix for each run and step.

    Raises:
      ValueError: a column that is not there, or a row that cannot be understood, by its line.
    """
    refuse_empty(tag)
    unknown = sorted(set(columns or {}) - set(PREDICTION_COLUMNS))
    if unknown:
        raise ValueError(f"expected columns to be called otherwise among {', '.join(PREDICTION_COLUMNS)}, got {unknown[0]!r}")
    file = _File(path, part(progress, 0, 3))
    file.find_columns(PREDICTION_COLUMNS, needed=2, called=columns or {})
    classes, index_of, about = file.classes(class_names, first_class)
    now = time.time() if wall_time is None else wall_time
    cells: dict[tuple[str, str, int, float], _Cells] = {}
    true, predicted = file.at["true"], file.at["predicted"]
    for line, row in over(file.rows, part(progress, 1, 3)):
        place = file.run(line, row), tag, file.step(line, row, step), now
        weight = file.number(line, row, "weight", 1)
        cells.setdefault(place, []).append((index_of[row[true]], index_of[row[predicted]], weight))
    used = ", ".join(f"{name} in column {file.header[at]!r}" for name, at in file.at.items())
    understood = (f"{number_of(len(file.rows), 'prediction')}: {used}", about, *file.left_out(step))
    return Converted(_counted(file, cells, classes, part(progress, 2, 3)), understood)


def convert_matrix(
    path: _Path,
    tag: str | None = None,
    *,
    step: int | None = None,
    class_names: Sequence[str] | None = None,
    first_class: int | None = None,
    transposed: bool = False,
    weights: bool = False,
    wall_time: float | None = None,
    progress: Tell | None = None,
) -> Converted:
    """Reads a CSV file of counts: in long form with the columns "true", "predicted" and "count", or as a square.

    Args:
      path: the file, in UTF-8. In long form "run", "tag", "step" and "wall_time" are used if they are there. A square may have the names
        of the classes above its columns and before its rows.
      tag: the tag of the matrices, needed where the file has no column for it.
      step: the step, where the file has no column for it; 0 if left out.
      class_names: the names of the classes in order, where a file does not tell them.
      first_class: in long form as for `convert_predictions`.
      transposed: whether the rows of a square are the predicted classes.
      weights: whether counts need not be whole.
      wall_time: the time, where the file has no column for it, seconds since the epoch; now if left out.
      progress: told how far it is.

    Raises:
      ValueError: a file of another form, or a row that cannot be understood, by its line.
    """
    refuse_empty(tag)
    file = _File(path, part(progress, 0, 3))
    now = time.time() if wall_time is None else wall_time
    if {"true", "predicted", "count"} <= set(file.header):
        if transposed:
            file.refuse("the columns say which class is true and which predicted; leave --transposed out")
        return _long_form(file, tag, step, class_names, first_class, weights, now, progress)
    if first_class is not None:
        file.refuse("a square tells its classes by their places; leave --first-class out")
    if tag is None:
        file.refuse("there is no tag in it; pass --tag")
    if file.header[0] != CORNER and {"true", "predicted"} <= set(file.header):
        file.refuse("it has the columns 'true' and 'predicted', but no column 'count'; with a row for each sample pass it as --predictions")
    named = not _is_number(file.header[0])
    names = file.header[1:] if named else None
    if named and names != (before := [file.clean(row[0]) for _, row in file.rows]):
        two = f"{listed(names or [])} and {listed(before)}"
        file.refuse(f"expected the same names above the columns and before the rows, got {two}; of predictions pass it as --predictions")
    if names is not None and class_names is not None and names != list(class_names):
        file.refuse(f"it has the class names {listed(names)}, but others were given: {listed(class_names)}; leave --class-names out")
    lines = [(line, row[1:]) for line, row in file.rows] if named else [(1, file.header), *file.rows]
    counts = []
    for line, row in lines:
        if len(row) != len(lines):
            file.refuse(f"expected {len(lines)} counts, as there are rows, got {len(row)}", line)
        counts.append([file.as_count(text, line, weights) for text in row])
    if class_names is not None and len(class_names) != len(counts):
        file.refuse(f"it has {len(counts):,} classes, but --class-names has {len(class_names):,} names")
    if transposed:
        counts = [list(column) for column in zip(*counts, strict=True)]
    matrix = ConfusionMatrix.from_dense(counts, names if class_names is None else class_names)
    axes = "rows are predicted, columns are true" if transposed else "rows are true, columns are predicted"
    sure = transposed or file.header[0] == CORNER
    understood = (
        f"a square of {number_of(len(counts), 'class', 'classes')} {'with' if named else 'without'} names",
        axes if sure else f"{axes}; if it is the other way round, pass --transposed",
    )
    return Converted(LoggedMatrices([logged_matrix(".", tag, step or 0, now, matrix)]), understood)


def _long_form(
    file: "_File",
    tag: str | None,
    step: int | None,
    class_names: Sequence[str] | None,
    first_class: int | None,
    weights: bool,
    now: float,
    progress: Tell | None,
) -> Converted:
    file.find_columns(CELL_COLUMNS, needed=3, called={})
    if tag is None and "tag" not in file.at:
        file.refuse("there is no column 'tag'; pass --tag")
    if tag is not None:
        file.at.pop("tag", None)
    classes, index_of, about = file.classes(class_names, first_class)
    cells: dict[tuple[str, str, int, float], _Cells] = {}
    lines: dict[tuple[object, ...], int] = {}
    for line, row in over(file.rows, part(progress, 1, 3)):
        of_row = file.text(row, "tag") if tag is None else tag
        if not of_row:
            file.refuse("the tag is empty; write one there, or pass --tag for all", line)
        place = file.run(line, row), of_row, file.step(line, row, step), file.number(line, row, "wall_time", now)
        cell = index_of[row[file.at["true"]]], index_of[row[file.at["predicted"]]]
        if (first := lines.setdefault((*place[:3], *cell), line)) != line:
            told = f"true {file.text(row, 'true')!r}, predicted {file.text(row, 'predicted')!r} stands in line {first} already"
            file.refuse(f"{told}; for several steps, tags or runs give the file columns of these names, else add the counts up", line)
        cells.setdefault(place, []).append((*cell, file.as_count(file.text(row, "count"), line, weights)))
    understood = (f"{number_of(len(file.rows), 'cell')} in long form with the columns {', '.join(file.at)}", about, *file.left_out(step))
    return Converted(_counted(file, cells, classes, part(progress, 2, 3)), understood)


def _counted(file: "_File", cells: dict[tuple[str, str, int, float], _Cells], classes: Classes, tell: Tell | None) -> LoggedMatrices:
    times: dict[tuple[str, str, int], float] = {}
    found = LoggedMatrices()
    for (run, tag, step, wall_time), of_matrix in over(sorted(cells.items()), tell):
        if times.setdefault((run, tag, step), wall_time) != wall_time:
            file.refuse(f"run {run!r}, tag {tag!r}, step {step} has several times: {times[run, tag, step]} and {wall_time}")
        rows, cols, counts = (list(column) for column in zip(*of_matrix, strict=True))
        matrix = ConfusionMatrix.from_coo(rows, cols, counts, len(classes), classes.names)
        found.append(logged_matrix(run, tag, step, wall_time, matrix))
    return found


class _File:
    """A CSV file in memory.

    Attributes:
      header: its first row, cleaned.
      rows: the others as they stand there, with the number of the line on which each ends.
      at: where the columns are that are used.
    """

    def __init__(self, path: _Path, tell: Tell | None) -> None:
        self._path = os.fspath(path)
        self.at: dict[str, int] = {}
        with open(path, "rb") as file:
            data = file.read()
        try:
            text = data.decode("utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self.refuse(f"byte {error.start:,} ({data[error.start]:#04x}) is not UTF-8; save the file as CSV in UTF-8", line)
        reader = csv.reader(over(list(io.StringIO(text, newline="")), tell))
        try:
            rows = [(reader.line_num, row) for row in reader if row]
        except csv.Error as error:
            self.refuse(f"{error}; expected CSV, in which quotes come in pairs", reader.line_num)
        if len(rows) < 2:
            self.refuse(f"expected at least two rows, got {len(rows)}")
        first = rows[0][1]
        self._is_ours = first[0] == CORNER or tuple(first) == OUR_COLUMNS
        self.header = [self.clean(field) for field in first]
        for separator, name in ((";", "semicolons"), ("\t", "tabs")):
            if len(self.header) == 1 and separator in self.header[0]:
                self.refuse(f"its columns seem to be separated by {name}, expected commas; save the file as CSV with commas", rows[0][0])
        self.rows = rows[1:]

    def refuse(self, message: str, line: int | None = None) -> NoReturn:
        raise ValueError(f"{self._path}{'' if line is None else f', line {line}'}: {message}")

    def clean(self, field: str) -> str:
        """What a field holds. Programs pad fields with blanks; `export` does not, and a name in its files may begin or end with one."""
        return unguarded(field if self._is_ours else field.strip())

    def find_columns(self, known: Sequence[str], needed: int, called: Mapping[str, str]) -> None:
        """Finds the known columns, of which the first are needed."""
        for name in known:
            in_file = called.get(name, name)
            if self.header.count(in_file) > 1:
                self.refuse(f"there are {self.header.count(in_file)} columns {in_file!r}")
            if in_file in self.header:
                self.at[name] = self.header.index(in_file)
            elif name in known[:needed] or name in called:
                self.refuse(f"there is no column {in_file!r} among {', '.join(map(repr, self.header))}; pass --columns {name}=NAME")
        for line, row in self.rows:
            if len(row) != len(self.header):
                self.refuse(f"expected {len(self.header)} columns as in the first line, got {len(row)}", line)

    def left_out(self, step: int | None) -> list[str]:
        """What is said of a column that is not there, and of those that are not used."""
        all_of_one = [] if "step" in self.at else [f"no column 'step', so that all is step {step or 0}"]
        others = [repr(name) for at, name in enumerate(self.header) if at not in self.at.values()]
        return [*all_of_one, *([f"columns that are not used: {', '.join(others)}"] if others else [])]

    def text(self, row: list[str], name: str) -> str:
        return self.clean(row[self.at[name]])

    def as_number(self, field: str, name: str, line: int) -> float:
        text = field.strip()
        if not _is_number(text):
            self.refuse(f"expected a number as {name}, got {text!r}", line)
        if float(text) < 0:
            self.refuse(f"expected {name} as at least 0, got {float(text):g}", line)
        return float(text)

    def as_count(self, text: str, line: int, weights: bool) -> float:
        found = self.as_number(text, "count", line)
        if not weights and not found.is_integer():
            way_out = "shares cannot be turned into counts, and for sums of sample weights pass --weights"
            self.refuse(f"expected a count, got {found:g}; {way_out}", line)
        return found

    def number(self, line: int, row: list[str], name: str, without: float) -> float:
        return self.as_number(self.text(row, name), name, line) if name in self.at else without

    def step(self, line: int, row: list[str], without: int | None) -> int:
        if "step" not in self.at:
            return without or 0
        if without is not None:
            self.refuse("there is a column for the step; leave --step out")
        text = self.text(row, "step").strip()
        if not re.fullmatch(r"[-+]?\d{1,15}", text):
            self.refuse(f"expected an integer as step, got {text!r}", line)
        return int(text)

    def run(self, line: int, row: list[str]) -> str:
        if "run" not in self.at:
            return "."
        name = self.text(row, "run")
        if not name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            self.refuse(f"expected a run as the path of a directory below the output, got {name!r}", line)
        return name

    def classes(self, class_names: Sequence[str] | None, first_class: int | None) -> tuple[Classes, dict[str, int], str]:
        """The classes, the index of each field with a label, and how they were understood."""
        labels: dict[str, str] = {}  # of each field
        lines: dict[str, int] = {}
        for name in ("true", "predicted"):
            first: dict[str, int] = {}
            for line, row in self.rows:
                first.setdefault(row[self.at[name]], line)
            written: dict[str, str] = {}  # how each label is in this column: blanks may set a whole column apart
            for field, line in first.items():
                label = labels[field] = self.clean(field)
                if not label:
                    self.refuse(f"the {name} class is empty; leave such rows out", line)
                if (other := written.setdefault(label, field)) != field and not _is_number(label):
                    self.refuse(f"{other!r} and {field!r} differ by blanks only; write both alike, or call one otherwise", line)
                lines[label] = min(line, lines.get(label, line))
        classes, index_of, about = self._understood(lines, class_names, first_class)
        return classes, {field: index_of[label] for field, label in labels.items()}, about

    def _understood(
        self, lines: dict[str, int], class_names: Sequence[str] | None, first_class: int | None
    ) -> tuple[Classes, dict[str, int], str]:
        """`classes` of these labels, each with the line on which it is first."""
        named = class_names is not None and set(lines) <= set(class_names)
        if not named and all(re.fullmatch(r"0|[1-9]\d{0,8}", label) for label in lines):
            return self._numbered(lines, class_names, first_class)
        if first_class is not None:
            self.refuse("classes are told by their names; leave --first-class out")
        if class_names is not None and named:
            index_of = {name: index for index, name in enumerate(class_names)}
            return (
                Classes.of(len(class_names), class_names),
                index_of,
                f"{number_of(len(class_names), 'class', 'classes')} by the names that were given",
            )
        if class_names is not None and not all(map(_is_number, lines)):
            unknown = next(label for label in lines if label not in class_names)
            self.refuse(f"{unknown!r} is not among the {len(class_names)} class names; pass --class-names with all", lines[unknown])
        way_out = "pass --class-names with all as they are there, in order, or clean the file"
        numbers = [label for label in lines if _is_number(label)]
        if len(numbers) == len(lines):
            odd = next(label for label in lines if not re.fullmatch(r"0|[1-9]\d{0,8}", label))
            self.refuse(f"expected classes as names, or as whole numbers from 0, got {odd}; {way_out}", lines[odd])
        if numbers:
            name = next(label for label in lines if not _is_number(label))
            self.refuse(f"expected classes as names or as numbers, got both, such as {name!r} and {numbers[0]!r}; {way_out}", lines[name])
        names = sorted(lines)
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        many = number_of(len(names), "class", "classes")
        about = f"{many} in alphabetical order ({shown}); for another order, or more of them, pass --class-names"
        return Classes.of(len(names), names), {name: index for index, name in enumerate(names)}, about

    def _numbered(
        self, lines: dict[str, int], class_names: Sequence[str] | None, first_class: int | None
    ) -> tuple[Classes, dict[str, int], str]:
        """`classes` that are numbers."""
        least, most = min(lines, key=int), max(lines, key=int)
        if first_class is None and int(least) > 0:
            way_out = f"pass --first-class {least} if there is none before it, or else the number of the first"
            self.refuse(f"the first class is {least}; {way_out}")
        first = first_class or 0
        if int(least) < first:
            self.refuse(f"there is a class {least}, but the first one is {first}; pass --first-class with the least", lines[least])
        index_of = {label: int(label) - first for label in lines}
        if class_names is not None and index_of[most] >= len(class_names):
            self.refuse(
                f"class {most} is beyond the {len(class_names)} class names, which begin at {first}; pass --class-names with all",
                lines[most],
            )
        classes = Classes.of(max(index_of[most] + 1, 2) if class_names is None else len(class_names), class_names)
        return classes, index_of, f"{len(classes):,} classes by their numbers from {first}"


def _is_number(text: str) -> bool:
    """Whether it is a number that is finite, as Python has it, but for underscores and blanks."""
    try:
        return abs(float(text)) < float("inf") and "_" not in text and text == text.strip()
    except ValueError:
        return False
