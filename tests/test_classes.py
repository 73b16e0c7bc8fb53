import re

import numpy as np
import pytest

from tb_confmat_plugin.classes import Classes


def says(message: str) -> str:
    """The pattern of exactly this message."""
    return f"^{re.escape(message)}$"


def test_named_classes():
    classes = Classes.of(3, iter(["cat", "dog", "ant"]))
    assert (classes.num_classes, classes.names, len(classes)) == (3, ("cat", "dog", "ant"), 3)
    assert [classes[0], classes[1], classes[2], classes[-1]] == ["cat", "dog", "ant", "ant"]
    assert list(classes) == ["cat", "dog", "ant"]


def test_classes_without_names_are_called_by_their_numbers():
    classes = Classes.of(np.int64(3))
    assert type(classes.num_classes) is int
    assert classes.names is None
    assert classes.id is None
    assert list(classes) == ["0", "1", "2"]
    assert classes[-1] == "2"


@pytest.mark.parametrize("names", [None, ["a", "b"]])
@pytest.mark.parametrize("index", [2, -3])
def test_an_index_outside_the_classes(names, index):
    with pytest.raises(IndexError):
        Classes.of(2, names)[index]


def test_integers_are_names_and_every_name_becomes_a_plain_string():
    names = Classes.of(4, [7, np.int64(-1), np.str_("x"), ""]).names
    assert names == ("7", "-1", "x", "")
    assert {type(name) for name in names} == {str}


def test_classes_are_taken_as_names():
    assert Classes.of(2, Classes.of(2, ["a", "b"])).names == ("a", "b")
    assert Classes.of(2, Classes.of(2)).names == ("0", "1")


def test_the_id_tells_lists_of_names_apart():
    ids = {Classes.of(len(names), names).id for names in (["a", "b"], ["b", "a"], ["ab"], ["a,b"], ["a", "b", "c"], ['a", "b'], ["\ud800"])}
    assert len(ids) == 7
    assert all(re.fullmatch("[0-9a-f]{16}", identifier) for identifier in ids)
    assert Classes.of(2, ["cat", "dog"]).id == Classes.of(2, ("cat", "dog")).id


def test_the_id_is_the_same_for_ever():
    """Event files refer to class lists by it."""
    assert Classes.of(3, ["cat", "dog", "ant"]).id == "8994ab3dfad64861"
    assert Classes.of(2, ["café", "🐈"]).id == "bace1b157209cb1d"


def test_classes_are_frozen_values():
    classes = Classes.of(2, ["a", "b"])
    with pytest.raises(AttributeError):
        classes.names = ("c", "d")
    assert classes == Classes.of(2, ["a", "b"])
    assert classes != Classes.of(2, ["b", "a"])
    assert classes != Classes.of(2)
    assert len({classes, Classes.of(2, ["a", "b"]), Classes.of(2)}) == 2


@pytest.mark.parametrize(
    ("num_classes", "names", "error", "message"),
    [
        (0, None, ValueError, "a confusion matrix has at least 1 class, got num_classes=0"),
        (-3, ["a"], ValueError, "a confusion matrix has at least 1 class, got num_classes=-3"),
        (2.0, None, TypeError, "num_classes must be an integer, got 2.0"),
        (True, None, TypeError, "num_classes must be an integer, got True"),
        ("2", None, TypeError, "num_classes must be an integer, got '2'"),
        (2, "ab", TypeError, "class_names must be a list of names, got the single str 'ab'"),
        (2, b"ab", TypeError, "class_names must be a list of names, got the single bytes b'ab'"),
        (
            3,
            ["a", "b"],
            ValueError,
            "expected 3 class names, one for each class, got 2; pass 3 names or leave class_names out",
        ),
        (2, [], ValueError, "expected 2 class names, one for each class, got 0; pass 2 names or leave class_names out"),
        (2, ["a", None], TypeError, "class names must be strings, got None (NoneType) at position 1; pass str(name)"),
        (2, [1.5, "b"], TypeError, "class names must be strings, got 1.5 (float) at position 0; pass str(name)"),
        (2, ["a", True], TypeError, "class names must be strings, got True (bool) at position 1; pass str(name)"),
        (
            4,
            ["a", "b", "c", "b"],
            ValueError,
            "class names must be distinct, got 'b' at positions 1 and 3; make them distinct, for example with a prefix",
        ),
        (
            2,
            ["1", 1],
            ValueError,
            "class names must be distinct, got '1' at positions 0 and 1; make them distinct, for example with a prefix",
        ),
        (94_906_266, None, ValueError, "a confusion matrix has at most 94906265 classes, got num_classes=94906266"),
    ],
)
def test_what_is_refused(num_classes, names, error, message):
    with pytest.raises(error, match=says(message)):
        Classes.of(num_classes, names)
