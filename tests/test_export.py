import io
import itertools
import json
import re
import shutil
import string
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db
from pylatexenc.latexwalker import LatexEnvironmentNode, LatexMacroNode, LatexWalker

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.convert import logged_matrix
from tb_confmat_plugin.convert_csv import convert_matrix
from tb_confmat_plugin.export import FORMATS, guarded, unguarded

NAMES = ["cat", "a,b", "50% & {x_1}"]
COUNTS = [[11, 2, 5], [0, 13, 0], [1, 0, 0]]
LOGGED = logged_matrix("runs/first", "val", 3, 1000.5, ConfusionMatrix.from_dense(COUNTS, NAMES))
WEIGHTED = logged_matrix("second", "val", 4, 7.0, ConfusionMatrix.from_dense([[0.5, 0], [2, 0]]))


def written(name, *matrices, normalize=None):
    return FORMATS[name].write(matrices or (LOGGED,), normalize)


def test_cells():
    frame = pd.read_csv(io.BytesIO(written("csv", LOGGED, WEIGHTED)), dtype={"true": str, "predicted": str})
    assert list(frame.columns) == ["run", "tag", "step", "wall_time", "true", "predicted", "count"]
    assert frame.run.tolist() == ["runs/first"] * 5 + ["second"] * 2
    assert frame.wall_time.tolist() == [1000.5] * 5 + [7.0] * 2
    table = frame[frame.run == "runs/first"].pivot_table("count", "true", "predicted", fill_value=0).loc[NAMES, NAMES]
    assert table.to_numpy().tolist() == COUNTS
    assert frame[frame.run == "second"][["true", "predicted", "count"]].to_numpy().tolist() == [["0", "0", 0.5], ["1", "0", 2]]


def test_dense():
    frame = pd.read_csv(io.BytesIO(written("csv-dense")), index_col=0)
    assert frame.index.tolist() == list(frame.columns) == NAMES
    assert frame.index.name == "true\\predicted"
    assert frame.to_numpy().tolist() == COUNTS


def test_no_field_is_a_formula_and_each_comes_back(tmp_path):
    signs = "=+-@\t\r\n"
    texts = ["".join(letters) for length in range(5) for letters in itertools.product("'=-\t1x", repeat=length)]
    texts += [f"{sign}SUM(A1)" for sign in signs] + ["-2.5e+3", "+.5", "-1+2", "-inf", "'tis", "ünï", "=", " =1"]
    fields = [guarded(text) for text in texts]
    for text, field in zip(texts, fields, strict=True):
        is_number = re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", field) and np.isfinite(float(field))
        assert field[:1] not in set(signs) or len(field) == 1 or is_number
        assert unguarded(field) == text
    assert len(set(fields)) == len(set(texts))
    assert (guarded(-5), guarded(float("inf"))) == (-5, float("inf"))

    names = ["=1+1", "'=1+1", "-1", "@x"]
    matrix = logged_matrix("first", "val", 0, 0, ConfusionMatrix.from_dense(np.arange(16).reshape(4, 4), names))
    frame = pd.read_csv(io.BytesIO(written("csv-dense", matrix)), index_col=0)
    assert frame.index.tolist() == list(frame.columns) == ["'=1+1", "''=1+1", "-1", "'@x"]
    for name in ("csv", "csv-dense"):
        path = tmp_path / name
        path.write_bytes(written(name, matrix))
        (read,) = convert_matrix(path, "val", class_names=names).matrices
        assert read.matrix == matrix.matrix


def test_dense_shares():
    frame = pd.read_csv(io.BytesIO(written("csv-dense", normalize="pred")), index_col=0)
    np.testing.assert_array_equal(frame.to_numpy(), LOGGED.matrix.normalize("pred"))
    never = logged_matrix(".", "val", 0, 0, ConfusionMatrix.from_dense([[0, 0], [1, 3]]))
    assert written("csv-dense", never, normalize="true").decode() == "true\\predicted,0,1\n0,,\n1,0.25,0.75\n"


def test_json():
    first, second = json.loads(written("json", LOGGED, WEIGHTED))
    assert first == {
        "run": "runs/first",
        "tag": "val",
        "step": 3,
        "wall_time": 1000.5,
        "num_classes": 3,
        "class_names": NAMES,
        "total": 32,
        "cells": [[0, 0, 11], [0, 1, 2], [0, 2, 5], [1, 1, 13], [2, 0, 1]],
    }
    assert (second["class_names"], second["total"], second["cells"]) == (None, 2.5, [[0, 0, 0.5], [1, 0, 2]])


# Macros that pylatexenc does not know of, or would make a letter like it.
SIGNS = {"textless": "<", "textgreater": ">", "textbar": "|", "textasciicircum": "^", "textquotedbl": '"'}


def from_latex(text):
    """The rows of the only tabular, with what LaTeX would print in each cell: read by a parser that knows what macros take."""
    known = text.replace(r"{\char34}", r"\textquotedbl{}")  # the parser has no macros whose arguments are without braces
    nodes, _, _ = LatexWalker(known, tolerant_parsing=False).get_latex_nodes()
    (tabular,) = (node for node in nodes if node.isNodeType(LatexEnvironmentNode))
    columns = re.fullmatch("l(r+)", tabular.nodeargd.argnlist[0].latex_verbatim().strip("{}"))
    texts = get_default_latex_context_db()
    texts.add_context_category("signs", macros=[MacroTextSpec(name, sign) for name, sign in SIGNS.items()], prepend=True)
    printed = LatexNodes2Text(latex_context=texts, strict_latex_spaces=True)
    rows, cell = [[]], []
    for node in tabular.nodelist:
        if getattr(node, "specials_chars", "") == "&" or getattr(node, "macroname", "") == "\\":
            rows[-1].append(printed.nodelist_to_text(cell).strip())
            cell = []
            if node.isNodeType(LatexMacroNode):
                assert not any(node.nodeargd.argnlist or ()), f"the end of a row took {node.latex_verbatim()!r}"
                rows.append([])
        elif getattr(node, "macroname", "") != "hline":
            cell.append(node)
    assert rows.pop() == []
    assert {len(row) for row in rows} == {len(columns[0])}
    return rows


def test_latex():
    text = written("latex").decode()
    assert text.startswith("% val, run runs/first, step 3\n")
    head, *rows = from_latex(text)
    assert head == [r"true \ predicted", *NAMES]
    assert rows == [["cat", "11", "2", "5"], ["a,b", "0", "13", "0"], ["50% & {x_1}", "1", "0", "0"]]
    assert re.findall(r"\\textbf\{(\d+)\}", text) == ["11", "13", "0"], "the diagonal is bold"


def test_latex_shares():
    never = logged_matrix(".", "val", 0, 0, ConfusionMatrix.from_dense([[0, 0], [1, 2]]))
    assert from_latex(written("latex", never, normalize="true").decode())[1:] == [["0", "\u2013", "\u2013"], ["1", "0.333", "0.667"]]


def test_every_letter_that_means_something_to_latex():
    odd = logged_matrix(".", "a\nb", 0, 0, ConfusionMatrix.from_dense([[1]], ["~^\\<>#$\x1b"]))
    text = written("latex", odd).decode()
    row = r"\textasciitilde{}\textasciicircum{}\textbackslash{}\textless{}\null{}\textgreater{}\#\$\textbackslash{}x1b & \textbf{1} \\"
    assert row in text.splitlines()
    assert text.splitlines()[0] == r"% a\nb, run ., step 0", "a comment ends with its line"


def test_no_row_begins_with_what_the_end_of_a_row_takes():
    odd = logged_matrix(".", "val", 0, 0, ConfusionMatrix.from_dense([[1, 2, 0], [3, 4, 0], [0, 5, 6]], ['a|"', "[0, 1)", "*"]))
    lines = written("latex", odd).decode().splitlines()
    assert lines[5:8] == [
        r"a\textbar{}{\char34} & \textbf{1} & 2 & 0 \\",
        r"{[}0, 1) & 3 & \textbf{4} & 0 \\",
        r"{*} & 0 & 5 & \textbf{6} \\",
    ]


def test_no_two_signs_become_another_one():
    """In T1 fonts commas and angle brackets would, and in LuaLaTeX across {}."""
    odd = logged_matrix(".", "val", 0, 0, ConfusionMatrix.from_dense([[1, 2], [3, 4]], ["``a--", ",,b<<"]))
    lines = written("latex", odd).decode().splitlines()
    assert lines[5:7] == [
        r"`\null{}`a-\null{}- & \textbf{1} & 2 \\",
        r",\null{},b\textless{}\null{}\textless{} & 3 & \textbf{4} \\",
    ]


# Every sign of a keyboard, alone and next to those with which it might mean something else, and some beyond.
SIGNS_NEXT_TO_EACH_OTHER = ["".join(first + second for second in string.punctuation) for first in "-`',?!<>\\[*"]
ODD = [*string.punctuation, *SIGNS_NEXT_TO_EACH_OTHER, "größe", "[0, 1)", "a\\\\b", "\\input{x}", "-->", "``a''"]
ODD_MATRIX = logged_matrix("r", "a_b%", 0, 0, ConfusionMatrix.from_dense(np.eye(len(ODD), dtype=int), ODD))


def test_names_of_all_signs_are_printed_as_they_are():
    (_, *head), *rows = from_latex(written("latex", ODD_MATRIX).decode())
    assert [*head] == [row[0] for row in rows] == ODD


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex (Debian: texlive-latex-base)")
def test_latex_compiles_without_a_package(tmp_path):
    table = written("latex", ODD_MATRIX).decode()
    (tmp_path / "table.tex").write_text(f"\\documentclass{{article}}\\begin{{document}}\n{table}\\end{{document}}\n", "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "table.pdf").read_bytes().startswith(b"%PDF")


def test_png():
    data = written("png", normalize="true")
    assert data == written("png", normalize="true")
    assert data != written("png")
    picture = matplotlib.image.imread(io.BytesIO(data))
    assert min(picture.shape[:2]) > 300
    assert picture.std() > 0.05


def test_svg():
    data = written("svg")
    assert data == written("svg")
    texts = ["".join(text.itertext()) for text in ET.fromstring(data).iter("{http://www.w3.org/2000/svg}text")]
    assert {"val, run runs/first, step 3", "Predicted", "True", *NAMES, "11", "13", "5", "2", "1"} <= set(texts)


ABROAD = logged_matrix("r", "val", 3, 0, ConfusionMatrix.from_dense([[3, 1], [0, 5]], ["東京\U0001f408", "dog\x1b[31m"]))


def test_letters_that_no_font_has():
    told = (
        "no font has '東', '京', '\U0001f408', drawn as boxes; pass --format svg, which has them as text, or name a font that has them as"
    )
    with pytest.warns(UserWarning, match=f"^{told} font.family in a matplotlibrc$") as found:
        written("png", ABROAD)
    assert len(found) == 1
    texts = ["".join(text.itertext()) for text in ET.fromstring(written("svg", ABROAD)).iter("{http://www.w3.org/2000/svg}text")]
    assert {"東京\U0001f408", "dog\\x1b[31m"} <= set(texts)


def test_other_warnings_of_a_picture_are_told(monkeypatch):
    savefig = matplotlib.figure.Figure.savefig

    def warned(*args, **options):
        warnings.warn("the disk is nearly full", RuntimeWarning, stacklevel=2)
        return savefig(*args, **options)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", warned)
    with pytest.warns(RuntimeWarning, match="^the disk is nearly full$"):
        written("svg")


def test_names_that_utf_8_cannot_hold():
    odd = logged_matrix(".", "val", 0, 0, ConfusionMatrix.from_dense([[1]], ["\ud83d"]))
    assert written("csv", odd).decode().splitlines()[1] == ".,val,0,0,\\ud83d,\\ud83d,1"
    assert json.loads(written("json", odd))[0]["class_names"] == ["\ud83d"]


@pytest.mark.parametrize("name", ["png", "svg"])
def test_without_matplotlib(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=f"^{name.upper()} needs matplotlib: pip install matplotlib$"):
        written(name)


def test_only_pictures_load_matplotlib():
    script = "import tb_confmat_plugin.export, sys; assert not {'matplotlib', 'torch', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
