"""Smaller matrices out of a large one: some of its classes, or groups of them."""

import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.classes import Classes

if TYPE_CHECKING:
    from tb_confmat_plugin.matrix import ConfusionMatrix

Labels = npt.NDArray[np.int64]


def select_classes(
    matrix: "ConfusionMatrix", true: Iterable[Any] | None, pred: Iterable[Any] | None, other: str | None
) -> "ConfusionMatrix":
    """`ConfusionMatrix.select`."""
    if true is None and pred is None:
        raise ValueError("expected the classes to select, as true or pred or both, got neither")
    rows = _indices(matrix.classes, range(matrix.num_classes) if true is None else true)
    cols = rows if pred is None else _indices(matrix.classes, pred)
    kept = list(dict.fromkeys([*rows, *cols]))
    if not kept:
        raise ValueError("expected at least one class to select, got none")
    names = [matrix.classes[index] for index in kept]
    if other is not None:
        names.append(other)
    rest = len(kept) if other is not None else -1
    return _mapped(matrix, Classes.of(len(names), names), _places(matrix, rows, kept, rest), _places(matrix, cols, kept, rest))


def group_classes(matrix: "ConfusionMatrix", by: Mapping[Any, str] | Callable[[str], str] | int) -> "ConfusionMatrix":
    """`ConfusionMatrix.group`."""
    names = [matrix.classes[index] for index in range(matrix.num_classes)]
    if isinstance(by, Mapping):
        known = set(names) | set(range(matrix.num_classes))
        for key in by:
            if key not in known:
                raise ValueError(f"expected class names or indices to group, got {key!r}, which is no class")
        groups = [by.get(name, by.get(index, name)) for index, name in enumerate(names)]
    elif callable(by):
        groups = [by(name) for name in names]
    elif isinstance(by, numbers.Integral) and not isinstance(by, bool):
        if by < 1:
            raise ValueError(f"expected a depth of at least 1, got {by}")
        groups = ["/".join(name.split("/")[: int(by)]) for name in names]
    else:
        raise TypeError(f"expected a mapping, a function of the name or a depth of the paths in names, got {by!r}")
    order = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    places = np.array([order[group] for group in groups], np.int64)
    return _mapped(matrix, Classes.of(len(order), list(order)), places, places)


def _mapped(matrix: "ConfusionMatrix", classes: Classes, row_places: Labels, col_places: Labels) -> "ConfusionMatrix":
    """Every cell at its new place; -1 drops it."""
    rows, cols = row_places[matrix.rows], col_places[matrix.cols]
    kept = (rows >= 0) & (cols >= 0)
    return type(matrix)._counted(classes, rows[kept], cols[kept], matrix.values[kept])


def _places(matrix: "ConfusionMatrix", chosen: Sequence[int], kept: Sequence[int], rest: int) -> Labels:
    places = np.full(matrix.num_classes, rest, np.int64)
    place_of = {index: place for place, index in enumerate(kept)}
    for index in chosen:
        places[index] = place_of[index]
    return places


def _indices(classes: Classes, chosen: Iterable[Any]) -> list[int]:
    if isinstance(chosen, (str, bytes)):
        raise TypeError(f"expected a list of class names or indices, got the single text {chosen!r}")
    index_of = {name: index for index, name in enumerate(classes.names or ())}
    found = []
    for wanted in chosen:
        if isinstance(wanted, str):
            if wanted not in index_of:
                way_out = "class_names lists them" if classes.names else "it has none, so that classes are selected by index"
                raise ValueError(f"expected class names of this matrix, got {wanted!r}; {way_out}")
            found.append(index_of[wanted])
        elif isinstance(wanted, bool) or not isinstance(wanted, numbers.Integral):
            raise TypeError(f"expected class names or indices to select, got {wanted!r}")
        else:
            index = int(wanted)
            if not 0 <= index < len(classes):
                raise ValueError(f"expected class indices from 0 to {len(classes) - 1}, got {index}")
            found.append(index)
    return list(dict.fromkeys(found))
