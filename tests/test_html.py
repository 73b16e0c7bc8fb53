import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.html import MOST_CLASSES, MOST_CONFUSIONS, MOST_LETTERS

HOSTILE = [
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "a & b &lt;c&gt;",
    "'quoted' \\ back",
    "größe 日本 \u202e",
    "",
]


class Table(HTMLParser):
    """The tags, and the text of every cell, of a table; fails on a tag that is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.caption = ""
        self.tags: set[str] = set()
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not attrs
        self.tags.add(tag)
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "caption" in self._open:
            self.caption += data
        else:
            self.rows[-1][-1] += data


def shown(matrix: ConfusionMatrix) -> Table:
    return Table(matrix._repr_html_())


def test_all_counts_of_a_few_classes() -> None:
    matrix = ConfusionMatrix.from_dense([[11, 2, 5], [0, 13, 0], [1, 0, 1234567]], ["cat", "dog", "ant"])
    table = shown(matrix)
    assert table.rows == [
        ["True \\ Predicted", "cat", "dog", "ant"],
        ["cat", "11", "2", "5"],
        ["dog", "0", "13", "0"],
        ["ant", "1", "0", "1,234,567"],
    ]
    assert table.caption == repr(matrix)
    assert matrix._repr_html_().count("<td><b>") == 3, "the correct ones stand out"
    assert "<td><b>13</b></td>" in matrix._repr_html_()


def test_weights_without_the_noise_of_their_last_digits() -> None:
    table = shown(ConfusionMatrix.from_dense([[0.1 + 0.2, 2.5], [1e-9, 12345678.25]]))
    assert [row[1:] for row in table.rows[1:]] == [["0.3", "2.5"], ["1e-09", "12,345,678"]]


@pytest.mark.parametrize("with_table", [True, False], ids=["cells", "confusions"])
def test_hostile_names_are_text(with_table: bool) -> None:
    names = HOSTILE + ([] if with_table else [f"more {index}" for index in range(MOST_CLASSES)])
    counts = np.zeros((len(names), len(names)), int)
    counts[: len(HOSTILE), : len(HOSTILE)] = np.arange(len(HOSTILE) ** 2).reshape(len(HOSTILE), -1)[::-1]
    matrix = ConfusionMatrix.from_dense(counts, names)
    table = shown(matrix)
    assert table.tags <= {"table", "caption", "tr", "th", "td", "b"}
    assert table.caption.startswith(repr(matrix))
    short = [name for name in HOSTILE if len(name) <= MOST_LETTERS]
    assert len(short) == len(HOSTILE) - 1
    if with_table:
        assert [name for name in table.rows[0] if name in short] == short
    else:
        assert {*short[:2]} <= {name for row in table.rows for name in row}
    assert "<script" not in matrix._repr_html_()
    assert "<img" not in matrix._repr_html_()


def test_long_names_are_cut_in_the_middle() -> None:
    table = shown(ConfusionMatrix.from_dense([[1]], ["<" * 30 + "&" * 30]))
    assert table.rows[0][1] == "<" * 20 + "…" + "&" * 20
    assert len(table.rows[0][1]) == MOST_LETTERS + 1


def test_many_classes_show_the_largest_confusions() -> None:
    n = MOST_CLASSES + 1
    counts = np.diag(np.full(n, 90)) + np.triu(np.arange(n * n).reshape(n, n), 1)
    matrix = ConfusionMatrix.from_dense(counts)
    table = shown(matrix)
    assert table.rows[0] == ["True", "Predicted", "Count", "Of true"]
    assert len(table.rows) == 1 + MOST_CONFUSIONS
    largest = matrix.top_confusions(MOST_CONFUSIONS)
    assert table.rows[1] == [largest[0].true, largest[0].predicted, f"{largest[0].count:,}", f"{largest[0].rate:.1%}"]
    assert [row[2] for row in table.rows[1:]] == [f"{found.count:,}" for found in largest]
    assert table.caption == f"{matrix!r}, its largest confusions"


def test_the_limit_between_both() -> None:
    assert len(shown(ConfusionMatrix.from_dense(np.eye(MOST_CLASSES))).rows) == MOST_CLASSES + 1
    assert len(shown(ConfusionMatrix.from_dense(np.eye(MOST_CLASSES + 1))).rows) == 1, "nothing is confused"


def test_ten_thousand_classes_are_no_more_work() -> None:
    matrix = ConfusionMatrix.from_coo([9_999], [0], [7], num_classes=10_000)
    assert shown(matrix).rows[1:] == [["9999", "0", "7", "100.0%"]]


def test_a_difference_has_no_rates() -> None:
    cells = shown(ConfusionMatrix.from_dense([[1, 0], [0, 1]]) - ConfusionMatrix.from_dense([[3, 1200], [0, 0]]))
    assert [row[1:] for row in cells.rows[1:]] == [["-2", "-1,200"], ["0", "1"]]
    one = ConfusionMatrix.from_coo([1, 2], [0, 0], [5, 1], num_classes=MOST_CLASSES + 1)
    two = ConfusionMatrix.from_coo([1, 2], [0, 0], [2, 3], num_classes=MOST_CLASSES + 1)
    assert shown(one - two).rows[1:] == [["1", "0", "3", "n/a"], ["2", "0", "-2", "n/a"]]


def test_it_is_what_a_notebook_asks_for() -> None:
    assert re.match(r"<table>.*</table>$", ConfusionMatrix.from_dense([[0]])._repr_html_())
