"""How far a long work is, told to whoever asked: a function that is called with how much is done, and of how much."""

from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

Tell = Callable[[int, int], None]
_Item = TypeVar("_Item")


def over(items: Collection[_Item], tell: Tell | None) -> Iterator[_Item]:
    """The items one after the other, while `tell` is called about a hundred times.

    >>> [*over("ab", lambda done, total: print(f"{done} of {total}"))]
    0 of 2
    1 of 2
    2 of 2
    ['a', 'b']
    """
    if tell is None:
        yield from items
        return
    total = len(items)
    for done, item in enumerate(items):
        if done % (total // 100 + 1) == 0:
            tell(done, total)
        yield item
    tell(total, total)


def part(tell: Tell | None, number: int, of: int) -> Tell | None:
    """What to call in one of several parts of a work, which are taken for equally long; the first is 0.

    >>> part(lambda done, total: print(f"{done} of {total}"), 1, 2)(3, 10)
    13 of 20
    """
    return None if tell is None else lambda done, total: tell(number * total + done, of * total)
