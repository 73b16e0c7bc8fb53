import io
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.terminal import Progress, columns_of, count, draw_matrix, number_of, padded, printable, share, shortened, table

nan = float("nan")
SMALL = ConfusionMatrix.from_dense([[50, 2, 0], [7, 41, 0], [1000, 0, 0]], ["cat", "dog", "owl"])
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def plain(text):
    return _ESCAPE.sub("", text)


def test_numbers_where_they_fit():
    assert draw_matrix(SMALL, 60, color=False).splitlines() == [
        "        cat  dog  owl",
        "0 cat    50    2    ·",
        "1 dog     7   41    ·",
        "2 owl  1000    ·    ·",
        "rows: true, columns: predicted; 3 classes; 91 of 1,100",
        "correct (8.3%)",
    ]


def test_without_names():
    assert draw_matrix(ConfusionMatrix.from_dense([[1, 0], [12, 3]]), 80, color=False).splitlines()[:3] == [
        "    0  1",
        "0   1  ·",
        "1  12  3",
    ]


def test_numbers_above_where_names_are_too_long_and_short_numbers_where_long_ones_are():
    long = ConfusionMatrix.from_dense([[1234567, 2, 0], [7, 999600, 31400], [1000, 0, 9]], ["a long name", "dog", "owl"])
    assert draw_matrix(long, 45, color=False).splitlines()[:4] == [
        "                   0       1       2",
        "0 a long n…  1234567       2       ·",
        "1 dog              7  999600   31400",
        "2 owl           1000       ·       9",
    ]
    assert draw_matrix(long, 27, color=False).splitlines()[:4] == [
        "           0    1    2",
        "0 a l…  1.2M    2    ·",
        "1 dog      7 1.0M  31k",
        "2 owl   1.0k    ·    9",
    ]


def test_shares():
    text = draw_matrix(ConfusionMatrix.from_dense([[997, 3, 0], [1, 1, 0], [0, 0, 0]]), 80, color=False, normalize="true")
    assert text.splitlines()[:4] == ["      0    1    2", "0  >99%  <1%    ·", "1   50%  50%    ·", "2   n/a  n/a  n/a"]
    assert "columns: predicted, % of true;" in text
    by_column = draw_matrix(ConfusionMatrix.from_dense([[3, 2], [1, 8]]), 80, color=False, normalize="pred")
    assert by_column.splitlines()[1:3] == ["0  75% 20%", "1  25% 80%"]
    of_all = draw_matrix(ConfusionMatrix.from_dense([[4, 2], [1, 3]]), 80, color=False, normalize="all")
    assert of_all.splitlines()[1:3] == ["0  40% 20%", "1  10% 30%"]


def test_all_is_correct_only_where_nothing_is_wrong():
    """As in the dashboard."""
    for correct, wrong, rate in ((10**12, 10**8, "99.9%"), (9_996, 4, "99.9%"), (9_984, 16, "99.8%"), (7, 0, "100.0%")):
        text = draw_matrix(ConfusionMatrix.from_dense([[correct, wrong], [0, 0]]), 200, color=False)
        assert text.endswith(f" correct ({rate})")


def test_squares_where_numbers_do_not_fit():
    dense = np.zeros((12, 12), int)
    dense[3, 7], dense[7, 3], dense[0, 0], dense[11, 11] = 800, 100, 5000, 100
    lines = draw_matrix(ConfusionMatrix.from_dense(dense), 30, color=False).splitlines()
    assert lines[0] == "0  @@"
    assert lines[3] == "3  " + 7 * "  " + "@@"
    assert lines[7] == "7  " + 3 * "  " + ".."
    assert lines[11] == "11 " + 11 * "  " + ".."
    assert lines[12].startswith("rows: true")


def test_pooled_squares_show_their_largest_cell():
    dense = np.zeros((100, 100), int)
    dense[0, 99], dense[1, 98], dense[0, 0], dense[0, 1] = 1, 80, 10, 80
    lines = draw_matrix(ConfusionMatrix.from_dense(dense), 30, color=False).splitlines()
    assert lines[0] == "0  @" + 23 * " " + "@", "a correct cell before a larger wrong one"
    assert lines[1] == "4"
    assert lines[24] == "96"
    assert " ".join(lines[25:]).endswith("4 x 4 classes a square, which shows its largest cell")


def test_a_name_has_the_room_that_it_needs_among_many():
    names = [f"c{index}" for index in range(310)]
    names[2] = "golden_retriever"
    matrix = ConfusionMatrix.from_coo(range(310), range(310), [1] * 310, 310, names)
    assert "2 golden_retriever " in draw_matrix(matrix, 200, color=False)


@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
def test_a_million_classes(normalize):
    """All cells would take a terabyte."""
    matrix = ConfusionMatrix.from_coo([7, 999_999], [7, 0], [3, 5], 1_000_000)
    lines = draw_matrix(matrix, 60, color=False, normalize=normalize).splitlines()
    assert lines[0] == "0      @"
    assert lines[52] == f"{52 * 18_868}" + " @"
    assert " ".join(lines[53:]).endswith(
        "1,000,000 classes; 3 of 8 correct (37.5%); 18868 x 18868 classes a square, which shows its largest cell"
    )


def test_colors():
    text = draw_matrix(SMALL, 60, color=True)
    assert plain(text) == draw_matrix(SMALL, 60, color=False)
    assert _ESCAPE.findall(text) == [
        *("\x1b[48;5;20;38;5;231m", "\x1b[0m", "\x1b[48;5;230;38;5;16m", "\x1b[0m"),  # 50 is the most that is correct
        *("\x1b[48;5;230;38;5;16m", "\x1b[0m", "\x1b[48;5;27;38;5;231m", "\x1b[0m"),
        *("\x1b[48;5;166;38;5;16m", "\x1b[0m"),
    ]


NAMES = st.lists(st.text(st.characters(codec="utf-8"), max_size=12), min_size=1, max_size=30, unique=True)


@given(NAMES, st.integers(20, 100), st.booleans(), st.sampled_from([None, "true", "pred", "all"]), st.randoms(use_true_random=False))
def test_no_line_is_wider_and_no_name_reaches_the_terminal(names, width, color, normalize, random):
    dense = [[random.choice([0, 0, 1, 20, 31_415]) for _ in names] for _ in names]
    text = draw_matrix(ConfusionMatrix.from_dense(dense, names), width, color=color, normalize=normalize)
    for line in plain(text).splitlines():
        assert columns_of(line) <= width
        assert line.isprintable()
    assert color or "\x1b" not in text


def test_a_difference_is_refused():
    with pytest.raises(ValueError, match="signed difference"):
        draw_matrix(SMALL - SMALL - SMALL, 80, color=False)


def test_an_empty_matrix():
    text = draw_matrix(ConfusionMatrix.from_dense([[0, 0], [0, 0]]), 80, color=True, normalize="true")
    assert text.splitlines() == [
        "     0   1",
        "0  n/a n/a",
        "1  n/a n/a",
        "rows: true, columns: predicted, % of true; 2 classes; 0 of 0 correct (n/a)",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("café 東京 🐈", "café 東京 🐈"),
        ("a\x1b[31mred\n", "a\\x1b[31mred\\n"),
        ("\u202eback", "\\u202eback"),
        ("\ud83d", "\\ud83d"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


def test_columns():
    assert [columns_of(text) for text in ("", "abc", "東京", unicodedata.normalize("NFD", "é"))] == [0, 3, 4, 1]
    assert [shortened("東京 owl", columns) for columns in (8, 7, 4, 3)] == ["東京 owl", "東京 o…", "東…", "東…"]
    assert [padded("東", 4), padded("東", 4, right=True)] == ["東  ", "  東"]


def test_tables():
    assert table(("name", "n"), [("東京", "1"), ("a\n", "1,000")]).splitlines() == [
        "name      n",
        "────  ─────",
        "東京      1",
        "a\\n   1,000",
    ]
    assert table(("a", "b", "n"), [("x", "y", "3")], left=2).splitlines() == ["a  b  n", "─  ─  ─", "x  y  3"]


def test_numbers():
    assert [share(0.12345), share(nan), share(0.12345, 4)] == ["0.123", "n/a", "0.1235"]
    assert [count(1234), count(1234.0), count(0.1 + 0.2), count(12345.678)] == ["1,234", "1,234", "0.3", "12,345.7"]


def test_numbers_of_things():
    assert [number_of(number, "step") for number in (0, 1, 2000)] == ["0 steps", "1 step", "2,000 steps"]
    assert [number_of(number, "matrix", "matrices") for number in (1, 2)] == ["1 matrix", "2 matrices"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_on_a_terminal():
    stream = Terminal()
    bar = Progress(stream, "reading")
    for done in (0, 50, 50, 100):
        bar(done, 100)
    bar.close()
    assert stream.getvalue().split("\r") == [
        "",
        f"reading [{' ' * 20}]   0%",
        f"reading [{'█' * 10}{' ' * 10}]  50%",
        f"reading [{'█' * 20}] 100%",
        "\x1b[K",
    ]


def test_no_progress_elsewhere():
    stream, unused = io.StringIO(), Terminal()
    bar = Progress(stream, "reading")
    bar(1, 2)
    bar.close()
    Progress(unused, "reading").close()
    assert stream.getvalue() == unused.getvalue() == ""
    Progress(Terminal(), "an empty log")(0, 0)
