"""The byte layout of examples and of their images: two more types of the records that `record.py` describes.

A header of

    {"type": "examples", "num_classes": C, "classes": ID or null, "cells": [...], "packs": [...], and columns}

is the examples of one step; it has no planes. Examples are ordered by cell, in row-major order. "cells" has

    [true, predicted, kept, seen]    of each cell that has examples: how many, and of how many samples; "seen" is null where nobody
                                     counted

and the examples of the first cell come first. Each column is a list of one entry an example; a column of nulls alone is left out:

    "images"              [pack, hash]: a position in "packs" and the name of the image in that pack; a text: why there is no image,
                          though there should be one; null: none was given
    "ids", "texts"        texts, to be shown as they are; null: none was given
    "confidences"         the probability that the model gave the predicted class, from 0 to 1; null: not known
    "true_confidences"    that of the true class

A header of

    {"type": "images", "images": [[hash, size], ...]}

is a pack of images: those that were new in the run at a step. Its planes are their bytes, one after the other, each a PNG or WebP file of
so many bytes. An image is named by 16 hexadecimal digits made from its pixels, a pack by 16 made from the names of its images.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from tb_confmat_plugin.checks import MAX_TOTAL
from tb_confmat_plugin.classes import MAX_CLASSES, Classes
from tb_confmat_plugin.examples import MOST_EXAMPLES, Example, Examples
from tb_confmat_plugin.record import RecordError, opened, sealed, shown, whole_number

MAX_EXAMPLES_BYTES = 16 * 2**20
MAX_PACK_BYTES = 64 * 2**20
_NAME = re.compile(r"[0-9a-f]{16}")
_DIGITS = 5  # of a confidence

ImagePlace = tuple[str, str]  # the id of a pack, and the name of an image in it


def encode_examples(examples: Examples, places: Sequence[ImagePlace | None], classes: Classes) -> bytes:
    """The record of the examples of one step.

    Args:
      examples: ordered by cell, with indices for classes.
      places: where the image of each is; None if it has none.
      classes: those of the matrix.
    """
    packs = sorted({place[0] for place in places if place})
    cells = [[*cell, len(list(same)), examples.seen.get(cell)] for cell, same in groupby(map(_cell, examples.kept))]
    columns: dict[str, list[Any]] = {
        "images": [[packs.index(at[0]), at[1]] if at else one.no_image for one, at in zip(examples.kept, places, strict=True)],
        "ids": [one.id for one in examples.kept],
        "texts": [one.text for one in examples.kept],
        "confidences": [_rounded(one.confidence) for one in examples.kept],
        "true_confidences": [_rounded(one.true_confidence) for one in examples.kept],
    }
    header = {"type": "examples", "num_classes": len(classes), "classes": classes.id, "cells": cells, "packs": packs}
    return sealed(header | {name: column for name, column in columns.items() if any(entry is not None for entry in column)}, [])


def decode_examples(record: bytes) -> tuple[Examples, list[ImagePlace | None]]:
    """The examples of a record, without their images, and where these are.

    Raises:
      RecordError: damaged bytes, a record of another type or one of a newer version.
    """
    header, _, _ = opened(record, "examples", MAX_EXAMPLES_BYTES)
    num_classes = whole_number(header, "num_classes", 1, MAX_CLASSES)
    where, seen = _cells(header.get("cells"), num_classes)
    packs = header.get("packs")
    if not isinstance(packs, list) or not all(_is_name(pack) for pack in packs):
        raise RecordError("damaged record: packs that are no names")
    images = _column(header, "images", len(where), lambda entry: isinstance(entry, str) or _is_place(entry, len(packs)))
    ids, texts = (_column(header, name, len(where), lambda entry: isinstance(entry, str)) for name in ("ids", "texts"))
    sure, true_sure = (_column(header, name, len(where), _is_share) for name in ("confidences", "true_confidences"))
    kept = tuple(
        Example(cell[0], cell[1], None, text, identifier, confidence, true_confidence, image if isinstance(image, str) else None)
        for cell, text, identifier, confidence, true_confidence, image in zip(where, texts, ids, sure, true_sure, images, strict=True)
    )
    return Examples(kept, seen), [(packs[image[0]], image[1]) if isinstance(image, list) else None for image in images]


def packs_of(record: bytes) -> list[str]:
    """The ids of the packs that the images of a record of examples are in; none for a record that can't be read."""
    try:
        packs = opened(record, "examples", MAX_EXAMPLES_BYTES)[0].get("packs")
    except RecordError:
        return []
    return [pack for pack in packs if _is_name(pack)] if isinstance(packs, list) else []


def pack_id(names: Sequence[str]) -> str:
    """What a pack of images of these names is called."""
    return hashlib.sha256(" ".join(names).encode("ascii")).hexdigest()[:16]


def encode_images(images: Mapping[str, bytes]) -> bytes:
    """The record of a pack of images, by their names."""
    header = {"type": "images", "images": [[name, len(image)] for name, image in images.items()]}
    return sealed(header, list(images.values()), compression=0)  # they are compressed already


def decode_images(record: bytes) -> dict[str, bytes]:
    """The images of a pack, by their names.

    Raises:
      RecordError: damaged bytes, a record of another type or one of a newer version.
    """
    header, body, at = opened(record, "images", MAX_PACK_BYTES)
    listed = header.get("images")
    if not isinstance(listed, list) or not all(
        isinstance(one, list) and len(one) == 2 and _is_name(one[0]) and _is_whole(one[1], 0, MAX_PACK_BYTES) for one in listed
    ):
        raise RecordError("damaged record: a pack that does not name its images")
    images = {}
    for name, size in listed:
        if size > len(body) - at:
            raise RecordError("damaged record: it has fewer images than its header says")
        images[name] = body[at : at + size]
        at += size
    return images


def _cell(example: Example) -> tuple[int, int]:
    return int(example.true), int(example.predicted)


def _rounded(confidence: float | None) -> float | None:
    return None if confidence is None else round(confidence, _DIGITS)


def _cells(cells: Any, num_classes: int) -> tuple[list[tuple[int, int]], dict[tuple[int, int], int]]:
    """The cell of each example, and how many samples the cells have had."""
    where: list[tuple[int, int]] = []
    seen: dict[tuple[int, int], int] = {}
    for entry in cells if isinstance(cells, list) else [None]:
        if (
            not (isinstance(entry, list) and len(entry) == 4)
            or not all(_is_whole(index, 0, num_classes - 1) for index in entry[:2])
            or not _is_whole(entry[2], 1, MOST_EXAMPLES - len(where))
            or not (entry[3] is None or _is_whole(entry[3], entry[2], MAX_TOTAL))
        ):
            raise RecordError(f"damaged record: {shown(entry)} among its cells")
        cell = (entry[0], entry[1])
        if where and cell <= where[-1]:
            raise RecordError("damaged record: its cells are not in order")
        where += [cell] * entry[2]
        if entry[3] is not None:
            seen[cell] = entry[3]
    return where, seen


def _column(header: dict[str, Any], name: str, count: int, fits: Any) -> list[Any]:
    column = header.get(name, [None] * count)
    if not isinstance(column, list) or len(column) != count or not all(entry is None or fits(entry) for entry in column):
        raise RecordError(f"damaged record: {name} that do not fit its examples")
    return column


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_place(entry: Any, packs: int) -> bool:
    return isinstance(entry, list) and len(entry) == 2 and _is_whole(entry[0], 0, packs - 1) and _is_name(entry[1])


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
