import csv
import re
import time

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.convert import logged_matrix
from tb_confmat_plugin.convert_csv import convert_matrix, convert_predictions
from tb_confmat_plugin.export import FORMATS

NAMES = ["dog", "cat", "owl"]
AS_THEY_ARE = "pass --class-names with all as they are there, in order, or clean the file"
OTHER_NAMES = "expected the same names above the columns and before the rows, got"
TEN_CATS = ", ".join(["'cat'"] * 10)
COUNTS = [[11, 2, 5], [0, 13, 0], [1, 0, 300]]


@pytest.fixture
def file(tmp_path):
    """A function that writes a file of these lines and gives its path."""

    def write(*lines, encoding="utf-8"):
        path = tmp_path / "file.csv"
        path.write_text("\n".join(lines) + "\n", encoding)
        return path

    return write


def places(converted):
    return [(logged.run, logged.tag, logged.step, logged.wall_time) for logged in converted.matrices]


def dense(converted):
    return [logged.matrix.to_dense().tolist() for logged in converted.matrices]


def refused(call, path, message, *args, **options):
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}{message}')}$"):
        call(path, *args, **options)


def test_predictions_as_scikit_learn_counts_them(tmp_path):
    random = np.random.default_rng(0)
    true, predicted = random.choice(NAMES, 500), random.choice(NAMES, 500, p=[0.5, 0.3, 0.2])
    path = tmp_path / "predictions.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "predicted", "true"), *zip(range(500), predicted, true, strict=True)])
    begin = time.time()
    converted = convert_predictions(path, "val")
    (logged,) = converted.matrices
    assert (logged.run, logged.tag, logged.step) == (".", "val", 0)
    assert begin <= logged.wall_time <= time.time()
    assert logged.matrix == ConfusionMatrix.from_dense(sklearn.metrics.confusion_matrix(true, predicted), sorted(NAMES))
    assert converted.understood == (
        "500 predictions: true in column 'true', predicted in column 'predicted'",
        "3 classes in alphabetical order (cat, dog, owl); for another order, or more of them, pass --class-names",
        "no column 'step', so that all is step 0",
        "columns that are not used: 'id'",
    )
    later = convert_predictions(path, "val", step=7)
    assert (later.matrices[0].step, later.understood[2]) == (7, "no column 'step', so that all is step 7")
    (named,) = convert_predictions(path, "val", class_names=[*NAMES, "ant"]).matrices
    counted = sklearn.metrics.confusion_matrix(true, predicted, labels=[*NAMES, "ant"])
    assert named.matrix == ConfusionMatrix.from_dense(counted, [*NAMES, "ant"])


def test_runs_steps_and_weights(file):
    path = file("label,guess,step,run,weight", "0,1,5,b,0.5", "0,1,5,b,2", "1,1,-3,b,1", "2,0,5,a/c,4", "2,0,5,b,1", encoding="utf-8-sig")
    columns = {"true": "label", "predicted": "guess"}
    converted = convert_predictions(path, "val", columns=columns, wall_time=9.5)
    assert places(converted) == [("a/c", "val", 5, 9.5), ("b", "val", -3, 9.5), ("b", "val", 5, 9.5)]
    assert dense(converted) == [
        [[0, 0, 0], [0, 0, 0], [4, 0, 0]],
        [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
        [[0, 2.5, 0], [0, 0, 0], [1, 0, 0]],
    ]
    assert converted.understood == (
        "5 predictions: true in column 'label', predicted in column 'guess', step in column 'step', run in column 'run', "
        "weight in column 'weight'",
        "3 classes by their numbers from 0",
    )
    named = convert_predictions(path, "val", columns=columns, class_names=NAMES)
    assert named.understood[1] == "3 classes by their numbers from 0"
    assert {logged.matrix.class_names for logged in named.matrices} == {tuple(NAMES)}


def test_many_names_are_not_all_said(file):
    converted = convert_predictions(file("true,predicted", *(f"{name},{name}" for name in "gfedcba")), "val")
    assert converted.understood[1].startswith("7 classes in alphabetical order (a, b, c, d, e, ...);")


def test_numbers_that_are_names(file):
    path = file("true,predicted", "1,2", "2,1", "2,1")
    assert dense(convert_predictions(path, "val", class_names=["2", "1"])) == [[[0, 2], [1, 0]]]
    assert dense(convert_predictions(path, "val", first_class=0)) == [[[0, 0, 0], [0, 0, 1], [0, 2, 0]]]
    assert dense(convert_predictions(file("true,predicted", "0,0"), "val")) == [[[1, 0], [0, 0]]]


def test_numbers_among_names(file):
    """Are they numbers of classes, with a value that is missing, or names? In what order?"""
    for call, lines in (
        (convert_predictions, ("true,predicted", "0,1", "1,nan", "2,1", "10,2")),
        (convert_matrix, ("true,predicted,count", "0,1,1", "1,nan,1", "2,1,1", "10,2,1")),
    ):
        told = f", line 3: expected classes as names or as numbers, got both, such as 'nan' and '0'; {AS_THEY_ARE}"
        refused(call, file(*lines), told, "val")
        names = ["0", "1", "2", "10", "nan"]
        (logged,) = call(file(*lines), "val", class_names=names).matrices
        assert logged.matrix == ConfusionMatrix.from_coo([0, 1, 2, 3], [1, 4, 1, 2], [1, 1, 1, 1], 5, names)
        unknown = ", line 3: 'nan' is not among the 4 class names; pass --class-names with all"
        refused(call, file(*lines), unknown, "val", class_names=names[:4])
    assert dense(convert_predictions(file("true,predicted", "0.5,1.5"), "val", class_names=["0.5", "1.5"])) == [[[0, 1], [0, 0]]]


def test_names_that_differ_by_blanks_only(file):
    told = ", line 3: 'cat' and ' cat' differ by blanks only; write both alike, or call one otherwise"
    refused(convert_predictions, file("true,predicted", "cat,dog", " cat,dog"), told, "val")
    refused(convert_matrix, file("true,predicted,count", "dog,cat,1", "dog, cat,2"), told, "val")
    distinct = "class names must be distinct, got 'cat' at positions 0 and 1; make them distinct, for example with a prefix"
    with pytest.raises(ValueError, match=f"^{distinct}$"):
        convert_matrix(file(",cat,cat ", "cat,1,2", "cat ,3,4"), "val")
    padded = convert_predictions(file("true , predicted", "cat , dog ", "cat , cat ", "dog , dog "), "val")
    assert padded.matrices[0].matrix == ConfusionMatrix.from_dense([[1, 1], [0, 1]], ["cat", "dog"])
    assert dense(convert_predictions(file("true, predicted, step", "0, 1, 4", "1,1 ,4"), "val")) == [[[0, 1], [0, 1]]]
    aligned = convert_matrix(file("    ,cat,dog", "cat ,  1,  2", "dog ,  0,  4"), "val")
    assert aligned.matrices[0].matrix == ConfusionMatrix.from_dense([[1, 2], [0, 4]], ["cat", "dog"])


@given(
    st.lists(st.text(" \ta'=", min_size=1, max_size=3), min_size=2, max_size=5, unique=True),
    st.randoms(use_true_random=False),
)
def test_names_with_blanks_come_back_from_our_files(tmp_path_factory, names, random):
    path = tmp_path_factory.getbasetemp() / "ours.csv"
    names = sorted(names)
    matrix = ConfusionMatrix.from_dense([[random.randrange(1, 99) for _ in names] for _ in names], names)
    logged = logged_matrix("a", " val ", 3, 9.5, matrix)
    path.write_bytes(FORMATS["csv"].write([logged], None))
    assert convert_matrix(path).matrices == [logged]
    path.write_bytes(FORMATS["csv-dense"].write([logged], None))
    assert convert_matrix(path, " val ", step=3).matrices[0].matrix == matrix


def test_classes_that_are_called_as_columns_are_come_back(tmp_path):
    path = tmp_path / "ours.csv"
    logged = logged_matrix(".", "val", 3, 9.5, ConfusionMatrix.from_dense([[4, 1], [2, 7]], ["true", "predicted"]))
    path.write_bytes(FORMATS["csv-dense"].write([logged], None))
    assert convert_matrix(path, "val", step=3).matrices[0].matrix == logged.matrix


def test_names_that_are_numbers_but_for_a_blank_come_back(tmp_path):
    path = tmp_path / "ours.csv"
    logged = logged_matrix(".", "val", 3, 9.5, ConfusionMatrix.from_dense([[4, 1], [2, 7]], [" 0", "1 "]))
    path.write_bytes(FORMATS["csv"].write([logged], None))
    assert convert_matrix(path).matrices == [logged]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["true,predicted"], ": expected at least two rows, got 1"),
        (["true,guess", "0,1"], ": there is no column 'predicted' among 'true', 'guess'; pass --columns predicted=NAME"),
        (["true,predicted,true", "0,1,0"], ": there are 2 columns 'true'"),
        (["true,predicted", "0,1", "", "0"], ", line 4: expected 2 columns as in the first line, got 1"),
        (["true,predicted", "cat,dog", "cat, "], ", line 3: the predicted class is empty; leave such rows out"),
        (["true,predicted", "1,0", "-1,0"], f", line 3: expected classes as names, or as whole numbers from 0, got -1; {AS_THEY_ARE}"),
        (["true,predicted", "1.0,0.0"], f", line 2: expected classes as names, or as whole numbers from 0, got 1.0; {AS_THEY_ARE}"),
        (["true,predicted,step", "1,0,1.5"], ", line 2: expected an integer as step, got '1.5'"),
        (["true,predicted,weight", "1,0,1", "0,1,much"], ", line 3: expected a number as weight, got 'much'"),
        (["true,predicted,weight", "1,0,nan"], ", line 2: expected a number as weight, got 'nan'"),
        (["true,predicted,weight", "1,0,1_0"], ", line 2: expected a number as weight, got '1_0'"),
        (["true,predicted,weight", "1,0,-2"], ", line 2: expected weight as at least 0, got -2"),
        (["true,predicted,run", "1,0,../x"], ", line 2: expected a run as the path of a directory below the output, got '../x'"),
        (["true,predicted,run", "1,0,/x"], ", line 2: expected a run as the path of a directory below the output, got '/x'"),
        (["true,predicted,run", "1,0,"], ", line 2: expected a run as the path of a directory below the output, got ''"),
    ],
)
def test_predictions_that_cannot_be_understood(file, lines, message):
    refused(convert_predictions, file(*lines), message, "val")


def test_files_of_another_kind(file):
    coded = file("true,predicted", "cat,dog", "löwe,dog", encoding="latin-1")
    told = ", line 3: byte 24 (0xf6) is not UTF-8; save the file as CSV in UTF-8"
    refused(convert_predictions, coded, told, "val")
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        told = f", line 1: its columns seem to be separated by {name}, expected commas; save the file as CSV with commas"
        lines = "true,predicted,count", "cat,dog,3"
        refused(convert_predictions, file(*(line.replace(",", separator) for line in lines)), told, "val")
        refused(convert_matrix, file(*(line.replace(",", separator) for line in lines)), told, "val")
    long = "true,predicted", f"cat,{'x' * (csv.field_size_limit() + 1)}"
    told = f", line 2: field larger than field limit ({csv.field_size_limit()}); expected CSV, in which quotes come in pairs"
    refused(convert_predictions, file(*long), told, "val")


def test_names_that_do_not_fit(file):
    unknown = ", line 3: 'emu' is not among the 3 class names; pass --class-names with all"
    refused(convert_predictions, file("true,predicted", "cat,dog", "emu,cat"), unknown, "val", class_names=NAMES)
    beyond = ", line 3: class 3 is beyond the 3 class names, which begin at 0; pass --class-names with all"
    refused(convert_predictions, file("true,predicted", "0,2", "3,1"), beyond, "val", class_names=NAMES)
    called = ": there is no column 'w' among 'true', 'predicted'; pass --columns weight=NAME"
    refused(convert_predictions, file("true,predicted", "0,2"), called, "val", columns={"weight": "w"})
    with pytest.raises(ValueError, match=r"^expected columns to be called otherwise among true, .*, got 'preds'$"):
        convert_predictions(file("true,predicted", "0,2"), "val", columns={"preds": "w"})


def test_numbers_that_do_not_begin_at_0(file):
    path = file("true,predicted,count", "1,2,5", "3,1,2")
    for names in (None, ["cat", "dog", "owl"], ["cat", "dog", "owl", "ant"]):
        told = ": the first class is 1; pass --first-class 1 if there is none before it, or else the number of the first"
        refused(convert_matrix, path, told, "val", class_names=names)
        refused(convert_predictions, path, told, "val", class_names=names)
    named = convert_matrix(path, "val", first_class=1, class_names=["cat", "dog", "owl"])
    assert named.matrices[0].matrix == ConfusionMatrix.from_dense([[0, 5, 0], [0, 0, 0], [2, 0, 0]], ["cat", "dog", "owl"])
    assert named.understood[1] == "3 classes by their numbers from 1"
    assert dense(convert_predictions(path, "val", first_class=1)) == [[[0, 1, 0], [0, 0, 0], [1, 0, 0]]]
    assert dense(convert_matrix(path, "val", first_class=0)) == [[[0] * 4, [0, 0, 5, 0], [0] * 4, [0, 2, 0, 0]]]
    low = ", line 2: there is a class 1, but the first one is 2; pass --first-class with the least"
    refused(convert_matrix, path, low, "val", first_class=2)
    beyond = ", line 3: class 3 is beyond the 2 class names, which begin at 1; pass --class-names with all"
    refused(convert_matrix, path, beyond, "val", first_class=1, class_names=["cat", "dog"])


def test_a_first_class_where_classes_are_no_numbers(file):
    told = ": classes are told by their names; leave --first-class out"
    refused(convert_predictions, file("true,predicted", "cat,dog"), told, "val", first_class=1)
    refused(convert_predictions, file("true,predicted", "1,2"), told, "val", first_class=1, class_names=["1", "2"])
    square = ": a square tells its classes by their places; leave --first-class out"
    refused(convert_matrix, file("1,2", "0,4"), square, "val", first_class=0)


SQUARE = logged_matrix("first", "val", 3, 1000.5, ConfusionMatrix.from_dense(COUNTS, NAMES))
OTHER = logged_matrix("second", "train", 4, 7.0, ConfusionMatrix.from_dense([[0.5, 1, 0], [2, 0, 0], [0, 0, 3]], NAMES))


def test_what_was_exported_comes_back(tmp_path):
    path = tmp_path / "cells.csv"
    path.write_bytes(FORMATS["csv"].write([SQUARE, OTHER], None))
    converted = convert_matrix(path, class_names=NAMES, weights=True)
    assert converted.matrices == [SQUARE, OTHER]
    columns = "true, predicted, count, step, run, tag, wall_time"
    assert converted.understood == (f"10 cells in long form with the columns {columns}", "3 classes by the names that were given")
    other = convert_matrix(path, "other", weights=True)
    assert {logged.tag for logged in other.matrices} == {"other"}
    assert other.understood[-1] == "columns that are not used: 'tag'"
    path.write_bytes(FORMATS["csv-dense"].write([SQUARE], None))
    square = convert_matrix(path, "val", step=3, wall_time=1000.5)
    assert places(square) == [(".", "val", 3, 1000.5)]
    assert square.matrices[0].matrix == SQUARE.matrix
    assert square.understood == ("a square of 3 classes with names", "rows are true, columns are predicted")


def test_a_long_form_has_no_order_of_classes(tmp_path):
    matrix = ConfusionMatrix.from_dense([[4, 1, 0], [0, 2, 0], [0, 0, 0]], ["owl", "cat", "emu"])
    path = tmp_path / "cells.csv"
    path.write_bytes(FORMATS["csv"].write([logged_matrix(".", "val", 0, 0, matrix)], None))
    alone = convert_matrix(path)
    assert alone.matrices[0].matrix == ConfusionMatrix.from_dense([[2, 0], [1, 4]], ["cat", "owl"])
    assert alone.understood[1].endswith("for another order, or more of them, pass --class-names")
    assert convert_matrix(path, class_names=["owl", "cat", "emu"]).matrices[0].matrix == matrix


def test_long_form_with_less(file):
    converted = convert_matrix(file("predicted,true,count,note", "1,0,6,x", "0,0,2,y"), "val", step=8, wall_time=3)
    assert places(converted) == [(".", "val", 8, 3)]
    assert dense(converted) == [[[2, 6], [0, 0]]]
    assert converted.understood[-1] == "columns that are not used: 'note'"
    for call in (convert_predictions, convert_matrix):
        refused(call, file("true,predicted,count,step", "0,1,5,4"), ": there is a column for the step; leave --step out", "val", step=5)
    refused(convert_matrix, file("true,predicted,count", "0,1,5"), ": there is no column 'tag'; pass --tag")
    refused(convert_matrix, file("true,predicted,count", "0,1,x"), ", line 2: expected a number as count, got 'x'", "val")
    times = ": run '.', tag 'val', step 0 has several times: 5.0 and 6.0"
    refused(convert_matrix, file("true,predicted,count,wall_time", "0,1,2,5", "1,0,2,6"), times, "val")
    said = ": the columns say which class is true and which predicted; leave --transposed out"
    refused(convert_matrix, file("true,predicted,count", "0,1,5"), said, "val", transposed=True)


def test_an_empty_tag(file):
    message = "expected a tag as a text that is not empty, got ''; pass --tag with a name, such as val"
    for call in (convert_predictions, convert_matrix):
        with pytest.raises(ValueError, match=f"^{message}$"):
            call(file("true,predicted,count", "0,1,2"), "")
    told = ", line 3: the tag is empty; write one there, or pass --tag for all"
    path = file("true,predicted,count,tag", "0,1,2,val", "1,0,3,")
    refused(convert_matrix, path, told)
    assert {logged.tag for logged in convert_matrix(path, "test").matrices} == {"test"}


def test_a_cell_that_is_there_twice(file):
    told = ", line 4: true 'a', predicted 'b' stands in line 2 already; "
    told += "for several steps, tags or runs give the file columns of these names, else add the counts up"
    refused(convert_matrix, file("true,predicted,count", "a,b,2", "b,a,7", "a,b,3"), told, "val")
    several = convert_matrix(file("true,predicted,count,step", "a,b,2,1", "b,a,7,1", "a,b,3,2"), "val")
    assert dense(several) == [[[0, 2], [7, 0]], [[0, 3], [0, 0]]]
    refused(convert_matrix, file("true,predicted,count,tag", "a,b,2,x", "b,a,7,x", "a,b,3,y"), told, "val")


def test_squares(file):
    plain = convert_matrix(file("1,2", "0,4"), "val")
    assert (plain.matrices[0].run, plain.matrices[0].step) == (".", 0)
    assert dense(plain) == [[[1, 2], [0, 4]]]
    assert plain.understood == (
        "a square of 2 classes without names",
        "rows are true, columns are predicted; if it is the other way round, pass --transposed",
    )
    named = convert_matrix(file(",cat,dog", "cat,1,2.5", "dog,0,4"), "val", transposed=True, weights=True)
    assert named.matrices[0].matrix == ConfusionMatrix.from_dense([[1, 0], [2.5, 4]], ["cat", "dog"])
    assert named.understood == ("a square of 2 classes with names", "rows are predicted, columns are true")
    given = convert_matrix(file("1,2", "0,4"), "val", class_names=["cat", "dog"])
    assert given.matrices[0].matrix.class_names == ("cat", "dog")


@pytest.mark.parametrize(
    ("lines", "message", "options"),
    [
        (["1,2", "0,4"], ": there is no tag in it; pass --tag", {"tag": None}),
        (["1,2", "0,4,5"], ", line 2: expected 2 counts, as there are rows, got 3", {}),
        (["1,2", "0,4", "1,1"], ", line 1: expected 3 counts, as there are rows, got 2", {}),
        (["1,2", "0,4"], ": it has 2 classes, but --class-names has 3 names", {"class_names": NAMES}),
        (["1,2", "0,x"], ", line 2: expected a number as count, got 'x'", {}),
        (
            [",a,b", "b,1,2", "a,3,4"],
            f": {OTHER_NAMES} 'a', 'b' and 'b', 'a'; of predictions pass it as --predictions",
            {},
        ),
        (
            [",a,b", "a,1,2", "b,3,4"],
            ": it has the class names 'a', 'b', but others were given: 'b', 'a'; leave --class-names out",
            {"class_names": ["b", "a"]},
        ),
        (
            ["predicted,true", *["cat,dog"] * 400],
            ": it has the columns 'true' and 'predicted', but no column 'count'; with a row for each sample pass it as --predictions",
            {},
        ),
        (
            ["truth,guess", *["cat,dog"] * 400],
            f": {OTHER_NAMES} 'guess' and {TEN_CATS} and 390 more; of predictions pass it as --predictions",
            {},
        ),
    ],
)
def test_squares_that_cannot_be_understood(file, lines, message, options):
    refused(convert_matrix, file(*lines), message, **{"tag": "val", **options})


def test_what_is_no_count(file):
    refused(convert_matrix, file("1,2", "0,-2"), ", line 2: expected count as at least 0, got -2", "val")
    shares = "; shares cannot be turned into counts, and for sums of sample weights pass --weights"
    square = FORMATS["csv-dense"].write([SQUARE], "true").decode().splitlines()
    refused(convert_matrix, file(*square), f", line 2: expected a count, got 0.611111{shares}", "val")
    lines = "true,predicted,count", "0,1,3", "1,0,2.5"
    refused(convert_matrix, file(*lines), f", line 3: expected a count, got 2.5{shares}", "val")
    assert dense(convert_matrix(file(*lines), "val", weights=True)) == [[[0, 3], [2.5, 0]]]
