"""What the command line prints: tables, a matrix fitted to the width of the terminal, and a bar for what takes long.

Names come from logs. Whatever they hold is text: a control character in them is written out and never reaches the terminal.
"""

import math
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.metrics import refuse_signed

if TYPE_CHECKING:
    from tb_confmat_plugin.matrix import ConfusionMatrix

# From light to dark, of the 256 colors that every terminal with colors has; correct cells blue, wrong ones orange, as in the dashboard.
_BLUES = (195, 153, 117, 75, 39, 33, 27, 20)
_ORANGES = (230, 223, 222, 215, 214, 208, 202, 166)
_DARK = frozenset((27, 20))  # white has more contrast on these than black
_SHADES = ".:-=+*#@"  # the same without colors
_ZERO, _UNDEFINED = "·", "n/a"
_MANY_NAMES = 10_000


def printable(text: str) -> str:
    """The text with all that is not for the eye written out, an escape for example as backslash, x, 1 and b."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text)


def columns_of(text: str) -> int:
    """How many columns of a terminal a printable text takes: Chinese letters take two, accents on their own none."""
    return sum(0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


def shortened(text: str, columns: int) -> str:
    """The text, or its beginning and an ellipsis, in at most so many columns."""
    if columns_of(text) <= columns:
        return text
    while columns_of(text) > columns - 1:
        text = text[:-1]
    return f"{text}…"


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """The text with spaces behind it, or before it."""
    spaces = " " * (columns - columns_of(text))
    return spaces + text if right else text + spaces


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Columns as wide as their widest cell, the first `left` of them aligned to the left, the others to the right."""
    lines = [list(header), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(columns_of(line[column]) for line in lines) for column in range(len(header))]
    lines.insert(1, ["─" * width for width in widths])
    aligned = ([padded(cell, width, right=at >= left) for at, (cell, width) in enumerate(zip(line, widths, strict=True))] for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in aligned)


def share(value: float, digits: int = 3) -> str:
    """A share, "n/a" where it is undefined."""
    return "n/a" if math.isnan(value) else f"{value:.{digits}f}"


def count(value: float) -> str:
    """A count with its thousands set apart, or a weight without the noise of its last digits."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"


def number_of(number: int, one: str, several: str = "") -> str:
    """How many of what: "1 step", "2,000 steps", "2 matrices".

    Args:
      number: how many.
      one: the word for one of them.
      several: the word for more, or none; with an "s" if left out.
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


class Progress:
    """A bar on a terminal, nothing elsewhere.

    Args:
      stream: where it is drawn, usually stderr.
      what: what takes long.
    """

    def __init__(self, stream: TextIO, what: str) -> None:
        self._stream = stream if stream.isatty() else None
        self._what = what
        self._drawn = ""

    def __call__(self, done: int, total: int) -> None:
        """Draws how much is done."""
        if self._stream is None:
            return
        full = int(20 * done / max(total, 1))
        line = f"{self._what} [{'█' * full}{' ' * (20 - full)}] {done / max(total, 1):4.0%}"
        if line != self._drawn:
            self._drawn = line
            self._stream.write(f"\r{line}")
            self._stream.flush()

    def close(self) -> None:
        """Takes the bar away."""
        if self._stream is not None and self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


class _Layout(NamedTuple):
    """How a matrix is fitted to a width: `block` classes a square, `columns` a square, and whether numbers fit, and short ones."""

    block: int
    columns: int
    numbers: bool
    short: bool


def draw_matrix(matrix: "ConfusionMatrix", width: int, *, color: bool, normalize: str | None = None) -> str:
    """The matrix in lines of at most `width` columns: numbers where they fit, else squares, which show several classes each if need be.

    Args:
      matrix: counts; rows are true, columns predicted.
      width: of the terminal, in columns.
      color: whether to use the colors of terminals; without them darker cells are denser characters.
      normalize: "true", "pred" or "all" for percentages as in `ConfusionMatrix.normalize`; counts if left out.

    Raises:
      ValueError: a signed difference.
    """
    refuse_signed(matrix)
    values = _values(matrix, normalize)
    cap = max(width // 4, 6)
    # Only some of so many classes have a line: to look at all their names would take seconds.
    many = matrix.num_classes > max(_MANY_NAMES, width)
    indices = range(0, matrix.num_classes, -(-matrix.num_classes // max(width - cap, 1)) if many else 1)
    names = [printable(matrix.classes[index]) for index in indices]
    texts = [[_text(value, normalize, short=short) for value in values.tolist()] for short in (False, True)]
    label = min(max(columns_of(_numbered(matrix, index)) for index in indices), cap)
    of_row, of_column = _undefined(matrix, normalize)
    least = len(_UNDEFINED if of_row.any() or of_column.any() else _ZERO)
    layout = _layout(matrix.num_classes, names, [max(map(len, each), default=least) for each in texts], least, width - label - 1)
    levels = _levels(matrix, values)
    head, lines = _head(names, layout), []
    squares = _squares(matrix, levels, layout.block)
    for row, cells in enumerate(squares):
        line = []
        for col, at in enumerate(cells.tolist()):
            nothing = _UNDEFINED if layout.numbers and (of_row[row] or of_column[col]) else _ZERO
            text = "" if not layout.numbers else texts[layout.short][at] if at >= 0 else nothing
            line.append(_cell(text, at >= 0 and int(levels[at]), row == col, layout, color))
        name = shortened(_numbered(matrix, row * layout.block), label)
        lines.append(f"{padded(name, label)} {''.join(line)}".rstrip())
    notes = textwrap.wrap("; ".join(_notes(matrix, layout, normalize)), width)
    return "\n".join([*([" " * (label + 1) + head] if head else []), *lines, *notes])


def _values(matrix: "ConfusionMatrix", normalize: str | None) -> npt.NDArray[np.float64]:
    """[nnz]: what the cells say."""
    values = matrix.values.astype(np.float64)
    if normalize is None:
        return values
    whole = {"true": matrix.support[matrix.rows], "pred": matrix.predicted[matrix.cols], "all": matrix.total}[normalize]
    return np.asarray(values / whole, np.float64)


def _text(value: float, normalize: str | None, *, short: bool) -> str:
    if normalize is not None:
        percent = 100 * value
        return "<1%" if percent < 0.5 else ">99%" if 99.5 <= percent < 100 else f"{percent:.0f}%"
    if not short:
        return f"{value:.0f}" if value == int(value) else f"{value:.3g}"
    for unit, power in (("T", 12), ("G", 9), ("M", 6), ("k", 3)):
        if value >= 0.9995 * 10**power:
            units = value / 10**power
            return f"{units:.1f}{unit}" if units < 9.95 else f"{units:.0f}{unit}"
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _undefined(matrix: "ConfusionMatrix", normalize: str | None) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """[C] and [C]: in which rows and in which columns cells are shares of nothing. All cells would be too many where classes are."""
    none = np.zeros(matrix.num_classes, bool)
    return {
        None: (none, none),
        "true": (matrix.support == 0, none),
        "pred": (none, matrix.predicted == 0),
        "all": (none if matrix.total else ~none, none),
    }[normalize]


def _numbered(matrix: "ConfusionMatrix", index: int) -> str:
    """The number and the name of a class, or its number alone where that is its name."""
    name = printable(matrix.classes[index])
    return name if name == str(index) else f"{index} {name}"


def _layout(classes: int, names: list[str], widest: list[int], least: int, room: int) -> _Layout:
    # Above the cells there must be room for the names, or else for the numbers of the classes.
    for short, head in ((False, max(map(columns_of, names))), (False, len(str(classes - 1))), (True, len(str(classes - 1)))):
        columns = max(widest[short], least, head) + 1
        if columns * classes <= room:
            return _Layout(1, columns, numbers=True, short=short)
    if 2 * classes <= room:
        return _Layout(1, 2, numbers=False, short=False)
    return _Layout(-(-classes // max(room, 1)), 1, numbers=False, short=False)


def _levels(matrix: "ConfusionMatrix", values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """[nnz]: how dark each cell is, from 0 to 7, on a scale of correct cells and one of wrong ones."""
    correct = matrix.rows == matrix.cols
    levels = np.zeros(len(values), np.int64)
    for part in (correct, ~correct):
        if part.any():
            levels[part] = np.ceil(len(_BLUES) * values[part] / values[part].max()).astype(np.int64) - 1
    return np.clip(levels, 0, len(_BLUES) - 1)


def _squares(matrix: "ConfusionMatrix", levels: npt.NDArray[np.int64], block: int) -> npt.NDArray[np.int64]:
    """[side, side]: which stored cell each square shows, -1 for none: the largest of its correct cells, or of the others."""
    side = -(-matrix.num_classes // block)
    squares = np.full((side, side), -1)
    order = np.lexsort((matrix.values, levels, matrix.rows == matrix.cols))  # of the cells of one square the last stays
    squares[matrix.rows[order] // block, matrix.cols[order] // block] = order
    return squares


def _cell(text: str, level: int | bool, correct: bool, layout: _Layout, color: bool) -> str:
    """A square; `level` is False where there is nothing."""
    if level is False:
        return text.rjust(layout.columns)
    if not color:
        return text.rjust(layout.columns) if layout.numbers else _SHADES[level] * layout.columns
    shade = (_BLUES if correct else _ORANGES)[level]
    return f"\x1b[48;5;{shade};38;5;{231 if shade in _DARK else 16}m{text.rjust(layout.columns)}\x1b[0m"


def _head(names: list[str], layout: _Layout) -> str:
    """The names above the columns where all fit, else their numbers, or nothing above squares."""
    if not layout.numbers:
        return ""
    fit = all(columns_of(name) < layout.columns for name in names)
    return "".join(padded(name if fit else str(index), layout.columns, right=True) for index, name in enumerate(names))


def _notes(matrix: "ConfusionMatrix", layout: _Layout, normalize: str | None) -> list[str]:
    shares = {None: "", "true": ", % of true", "pred": ", % of predicted", "all": ", % of all"}[normalize]
    correct = matrix.true_positives.sum().item()
    rate = "n/a" if not matrix.total else f"{correct / matrix.total:.1%}"
    if rate == "100.0%" and correct < matrix.total:
        rate = "99.9%"  # one wrong sample of a billion is one
    pooled = f"{layout.block} x {layout.block} classes a square, which shows its largest cell"
    return [
        f"rows: true, columns: predicted{shares}",
        f"{matrix.num_classes:,} classes",
        f"{count(correct)} of {count(matrix.total)} correct ({rate})",
        *([pooled] if layout.block > 1 else []),
    ]
