"""The classes of a confusion matrix: how many there are, and what they are called."""

import hashlib
import json
import numbers
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

MAX_CLASSES = 94_906_265  # the square root of 2**53 - 1: every cell has a number that is exact in any reader


@dataclass(frozen=True)
class Classes:
    """An ordered list of classes, named or only numbered.

    Attributes:
      num_classes: how many classes there are, at least 1.
      names: one distinct name a class, or None when the classes are known by their index alone.
    """

    num_classes: int
    names: tuple[str, ...] | None = field(default=None)

    @classmethod
    def of(cls, num_classes: int, class_names: "Iterable[Any] | Classes | None" = None) -> "Classes":
        """Checks the names against the number of classes.

        Names are strings; integers (such as scikit-learn's `target_names` of the digits) are taken as their decimal text.

        Raises:
          ValueError: fewer than one class or too many, a wrong number of names, or a name given twice.
          TypeError: a name that is neither a string nor an integer.

        >>> Classes.of(2, ["cat", "dog"])[1]
        'dog'
        """
        if isinstance(num_classes, bool) or not isinstance(num_classes, numbers.Integral):
            raise TypeError(f"num_classes must be an integer, got {num_classes!r}")
        num_classes = int(num_classes)
        if num_classes < 1:
            raise ValueError(f"a confusion matrix has at least 1 class, got num_classes={num_classes}")
        if num_classes > MAX_CLASSES:
            raise ValueError(f"a confusion matrix has at most {MAX_CLASSES} classes, got num_classes={num_classes}")
        if class_names is None:
            return cls(num_classes)
        names = tuple(_as_name(name, position) for position, name in enumerate(as_list(class_names)))
        if len(names) != num_classes:
            raise ValueError(
                f"expected {num_classes} class names, one for each class, got {len(names)}; "
                f"pass {num_classes} names or leave class_names out"
            )
        _refuse_duplicates(names)
        return cls(num_classes, names)

    @cached_property
    def id(self) -> str | None:
        """What a record calls its class list by: 16 hexadecimal digits made from the names alone, None without names."""
        if self.names is None:
            return None
        return hashlib.sha256(json.dumps(self.names).encode("ascii")).hexdigest()[:16]

    def __len__(self) -> int:
        return self.num_classes

    def __getitem__(self, index: int) -> str:
        """The name of the class at `index`, or its number in decimal when the classes have no names."""
        if self.names is not None:
            return self.names[index]
        return str(range(self.num_classes)[index])


def as_list(class_names: Any) -> list[Any]:
    """Class names as a list, without a check of each.

    Raises:
      TypeError: something without an order of its own, or no collection of names at all.
    """
    if isinstance(class_names, Classes):
        return [class_names[index] for index in range(len(class_names))]
    if isinstance(class_names, (str, bytes)):
        raise TypeError(f"class_names must be a list of names, got the single {type(class_names).__name__} {class_names!r}")
    if isinstance(class_names, (Set, Mapping)) or not isinstance(class_names, Iterable):
        raise TypeError(f"class_names must be a list of names in the order of the classes, got {class_names!r}")
    return list(class_names)


def _as_name(name: Any, position: int) -> str:
    if isinstance(name, str):
        return str(name)
    if isinstance(name, numbers.Integral) and not isinstance(name, bool):
        return str(int(name))
    raise TypeError(f"class names must be strings, got {name!r} ({type(name).__name__}) at position {position}; pass str(name)")


def _refuse_duplicates(names: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        if name in first:
            raise ValueError(
                f"class names must be distinct, got {name!r} at positions {first[name]} and {position}; "
                "make them distinct, for example with a prefix"
            )
        first[name] = position
