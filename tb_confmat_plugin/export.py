"""Matrices of a log in the formats of others: each a function from the matrices to bytes, in one registry."""

import contextlib
import csv
import io
import json
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tb_confmat_plugin.matrix import DENSE_LIMIT
from tb_confmat_plugin.page import page_html
from tb_confmat_plugin.progress import Tell, over
from tb_confmat_plugin.reader import LoggedMatrix, listed
from tb_confmat_plugin.terminal import printable

CELL_COLUMNS = ("run", "tag", "step", "wall_time", "true", "predicted", "count")
CORNER = "true\\predicted"


@dataclass(frozen=True)
class Format:
    """One entry of the registry.

    Attributes:
      suffix: of its files.
      write: the function: matrices, what to normalize over, and what is told how many of them are done, to bytes.
      single: whether it holds one matrix, not several.
      shares: whether it can hold shares in place of counts.
      binary: whether it is not for the eye, nor for a terminal.
      examples: whether it can hold examples, too.
    """

    suffix: str
    write: Callable[[Sequence[LoggedMatrix], str | None, Tell | None], bytes]
    single: bool = False
    shares: bool = False
    binary: bool = False
    examples: bool = False


def _cells(matrices: Sequence[LoggedMatrix], normalize: str | None, tell: Tell | None = None) -> bytes:
    """CSV in long form: one row for each cell that is not zero."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CELL_COLUMNS)
    for logged in over(matrices, tell):
        matrix = logged.matrix
        # Guarded once, not in each of maybe millions of rows.
        names = [guarded(matrix.classes[index]) for index in range(matrix.num_classes)]
        place = guarded(logged.run), guarded(logged.tag), logged.step, logged.wall_time
        cells = zip(matrix.rows.tolist(), matrix.cols.tolist(), matrix.values.tolist(), strict=True)
        writer.writerows((*place, names[row], names[col], count) for row, col, count in cells)
    return file.getvalue().encode("utf-8", "backslashreplace")


def _dense(matrices: Sequence[LoggedMatrix], normalize: str | None, tell: Tell | None = None) -> bytes:
    """CSV of one matrix as it is drawn: a row for each true class, a column for each predicted one."""
    names, values = _table(matrices[0], normalize)
    return _csv([(CORNER, *names), *((name, *row) for name, row in zip(names, values, strict=True))])


def _json(matrices: Sequence[LoggedMatrix], normalize: str | None, tell: Tell | None = None) -> bytes:
    """A list of objects, whose cells are [true, predicted, count] by class index."""
    objects = []
    for logged in over(matrices, tell):
        matrix = logged.matrix
        cells = [list(cell) for cell in zip(matrix.rows.tolist(), matrix.cols.tolist(), matrix.values.tolist(), strict=True)]
        whole = {
            "run": logged.run,
            "tag": logged.tag,
            "step": logged.step,
            "wall_time": logged.wall_time,
            "num_classes": matrix.num_classes,
            "class_names": matrix.class_names,
            "total": matrix.total,
            "cells": cells,
        }
        objects.append(json.dumps(whole))  # a text of it, as the cells of all at once would fill the memory
    return f"[{', '.join(objects)}]\n".encode("ascii")


def _latex(matrices: Sequence[LoggedMatrix], normalize: str | None, tell: Tell | None = None) -> bytes:
    """A tabular environment that needs no packages, correct cells in bold."""
    (logged,) = matrices
    names, values = _table(logged, normalize)
    head = " & ".join(["true $\\backslash$ predicted", *map(_tex, names)])
    lines = []
    for row, (name, cells) in enumerate(zip(names, values, strict=True)):
        texts = ["--" if cell is None else str(cell) if normalize is None else f"{cell:.3f}" for cell in cells]
        texts[row] = f"\\textbf{{{texts[row]}}}"
        lines.append(" & ".join([_tex(name), *texts]) + " \\\\")
    whole = [
        f"% {printable(_title(logged))}",
        f"\\begin{{tabular}}{{l{'r' * len(names)}}}",
        "\\hline",
        f"{head} \\\\",
        "\\hline",
        *lines,
        "\\hline",
        "\\end{tabular}",
        "",
    ]
    return "\n".join(whole).encode("utf-8", "backslashreplace")


def _picture(kind: str) -> Callable[[Sequence[LoggedMatrix], str | None, Tell | None], bytes]:
    def draw(matrices: Sequence[LoggedMatrix], normalize: str | None, tell: Tell | None = None) -> bytes:
        try:
            import matplotlib as mpl
        except ImportError as error:
            raise ImportError(f"{kind.upper()} needs matplotlib: pip install matplotlib") from error
        mpl.use("agg")  # which needs no display
        import matplotlib.pyplot as plt

        (logged,) = matrices
        file = io.BytesIO()
        with (
            _missing_letters_told_once(kind),
            plt.rc_context({"svg.hashsalt": "tb-confmat", "svg.fonttype": "none"}),
        ):  # the same matrix gives the same bytes
            figure = logged.matrix.plot(normalize=normalize, title=printable(_title(logged)).replace("$", r"\$")).figure
            figure.savefig(file, format=kind, dpi=200, metadata={"Date": None} if kind == "svg" else None)
            plt.close(figure)
        return file.getvalue()

    return draw


@contextlib.contextmanager
def _missing_letters_told_once(kind: str) -> Iterator[None]:
    """Of letters that no font has matplotlib tells one by one, several times each; in SVG they are text, for fonts elsewhere."""
    with warnings.catch_warnings(record=True) as told:
        warnings.filterwarnings("always", r"Glyph \d+ ", UserWarning)
        yield
    missing = dict[str, None]()
    for each in told:
        if found := re.match(r"Glyph (\d+) ", str(each.message)):
            missing[chr(int(found[1]))] = None
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    if missing and kind != "svg":
        way_out = "pass --format svg, which has them as text, or name a font that has them as font.family in a matplotlibrc"
        warnings.warn(f"no font has {listed(list(missing))}, drawn as boxes; {way_out}", UserWarning, stacklevel=4)


def _html(matrices: Sequence[LoggedMatrix], normalize: str | None, tell: Tell | None = None) -> bytes:
    """The dashboard in one file, with the matrices and their examples in it."""
    return page_html(matrices, tell).encode("ascii")


FORMATS: dict[str, Format] = {
    "csv": Format(".csv", _cells),
    "csv-dense": Format(".csv", _dense, single=True, shares=True),
    "html": Format(".html", _html, binary=True, examples=True),
    "json": Format(".json", _json),
    "latex": Format(".tex", _latex, single=True, shares=True),
    "png": Format(".png", _picture("png"), single=True, shares=True, binary=True),
    "svg": Format(".svg", _picture("svg"), single=True, shares=True),
}


def _title(logged: LoggedMatrix) -> str:
    return f"{logged.tag}, run {logged.run}, step {logged.step}"


def _table(logged: LoggedMatrix, normalize: str | None) -> tuple[list[str], list[list[float | None]]]:
    """Names, and counts or shares as rows, None where a share is undefined."""
    matrix = logged.matrix
    if matrix.num_classes**2 * 8 > DENSE_LIMIT:
        raise ValueError(f"{matrix.num_classes:,} classes are too many for a table; pass --format csv, a row for each cell above 0")
    names = [matrix.classes[index] for index in range(matrix.num_classes)]
    dense = matrix.to_dense() if normalize is None else matrix.normalize(normalize)
    # NaN is the one number that differs from itself.
    return names, [[None if value != value else value for value in row] for row in dense.tolist()]  # noqa: PLR0124


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([guarded(value) for value in row] for row in rows)
    return file.getvalue().encode("utf-8", "backslashreplace")


_FORMULA = re.compile(r"'*[=+@\t\r\n-].", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)


def guarded(value: object) -> object:
    """A field of a CSV file that no spreadsheet runs as a formula.

    Texts that begin with = + - @, a tab or the end of a line get an apostrophe before them, and so do those that begin with apostrophes
    and one of these: so `unguarded` gives each text back. Numbers and single signs are no formulas.

    >>> guarded("=1+1"), guarded("'=1+1"), guarded("'tis"), guarded("-1"), guarded("+")
    ("'=1+1", "''=1+1", "'tis", '-1', '+')
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value) else value


def unguarded(text: str) -> str:
    """The text that was guarded.

    >>> [unguarded(text) for text in ("'=1+1", "''=1+1", "'tis", "-1")]
    ['=1+1', "'=1+1", "'tis", '-1']
    """
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


_TEX = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "\\": "\\textbackslash{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    '"': "{\\char34}",  # which babel makes a command of in some languages
    "[": "{[}",  # the end of a row would take these two for its own
    "*": "{*}",
}


# Dashes, quotes, guillemets and the turned ? and !, as TeX sets them. Some are of the T1 fonts only; LuaTeX makes them across {} too.
_LIGATURE = re.compile("(?<=[-`',?!<>])(?=[-`',<>])")


def _tex(name: str) -> str:
    pieces = _LIGATURE.split(printable(name))
    return "\\null{}".join("".join(_TEX.get(letter, letter) for letter in piece) for piece in pieces)
