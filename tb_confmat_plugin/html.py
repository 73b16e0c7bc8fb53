"""The matrix as a table of HTML, for notebooks. Names are text: whatever they hold is escaped."""

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tb_confmat_plugin.matrix import ConfusionMatrix

MOST_CLASSES = 20
MOST_LETTERS = 40
MOST_CONFUSIONS = 10


def matrix_to_html(matrix: "ConfusionMatrix") -> str:
    """A table of all counts, or of the largest confusions for more than MOST_CLASSES classes."""
    return _cells(matrix) if matrix.num_classes <= MOST_CLASSES else _confusions(matrix)


def _cells(matrix: "ConfusionMatrix") -> str:
    names = [_name(matrix.classes[index]) for index in range(matrix.num_classes)]
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        f"<tr><th>{name}</th>{''.join(_cell(count, row == column) for column, count in enumerate(counts))}</tr>"
        for row, (name, counts) in enumerate(zip(names, matrix.to_dense().tolist(), strict=True))
    )
    return f"<table><caption>{escape(repr(matrix))}</caption><tr><th>True \\ Predicted</th>{head}</tr>{rows}</table>"


def _cell(count: float, correct: bool) -> str:
    text = _number(count)
    return f"<td><b>{text}</b></td>" if correct else f"<td>{text}</td>"


def _number(count: float) -> str:
    """A count, or a weight without the noise of its last digits."""
    return f"{count:,.6g}" if isinstance(count, float) and abs(count) < 1e6 else f"{count:,.0f}"


def _share(rate: float) -> str:
    return "n/a" if math.isnan(rate) else f"{rate:.1%}"


def _confusions(matrix: "ConfusionMatrix") -> str:
    rows = "".join(
        f"<tr><td>{_name(found.true)}</td><td>{_name(found.predicted)}</td><td>{_number(found.count)}</td><td>{_share(found.rate)}</td></tr>"
        for found in matrix.top_confusions(MOST_CONFUSIONS)
    )
    head = "<tr><th>True</th><th>Predicted</th><th>Count</th><th>Of true</th></tr>"
    return f"<table><caption>{escape(repr(matrix))}, its largest confusions</caption>{head}{rows}</table>"


def _name(name: str) -> str:
    return escape(name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS // 2]}…{name[-MOST_LETTERS // 2 :]}")
