"""Writes the golden records and metrics that pytest (tests/test_record.py, tests/test_metrics.py) and vitest (frontend/test/) read.

    python tests/records/make.py

Each case is NAME.bin, the bytes of one record, beside NAME.json, what a reader makes of them:

    a matrix       {"num_classes", "dtype", "total", "classes_id", "cells": [[true, predicted, count], ...]}, cells in row-major order
    a class list   {"names": [...]}
    a bad record   {"error": a regular expression, found in the message when the bytes are read as a matrix}

and in the directory examples

    examples       {"num_classes", "classes_id", "cells": [[true, predicted, kept, seen or null], ...], "examples": [{"true", "predicted",
                   "image": [pack, name] or null, "no_image", "id", "text", "confidence", "true_confidence"}, ...]}
    images         {"images": {name: the bytes in hexadecimal digits}}
    a bad record   {"type": what the bytes are read as, "error": as above}

metrics.jsonl has lines of JSON: first the formulas by name, then a matrix a line with what Python's metrics of it are, undefined ones null.
Those of each class are told of about twenty classes, "of_classes".

The committed bytes are the contract between both readers: run this only for a new case or a new format version, and look at the diff.
zlib libraries differ, so that the bytes after the fifth may come out otherwise elsewhere; what they unpack to may not.
"""

import json
import math
import random
import struct
import zlib
from pathlib import Path

import numpy as np

from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.example_record import encode_examples, encode_images, pack_id
from tb_confmat_plugin.examples import Example, Examples
from tb_confmat_plugin.matrix import ConfusionMatrix
from tb_confmat_plugin.metrics import METRICS
from tb_confmat_plugin.record import encode_classes, encode_matrix

HERE = Path(__file__).parent
Cells = list[tuple[int, int, float]]

PETS = ["cat", "dog", "ant"]
NAMES = [
    "café",  # one code point for the last letter
    "cafe\u0301",  # and two
    "Straße 東京",
    "🐈‍⬛",  # a cat, a joiner, a black square
    "👩‍👩‍👧‍👦",
    "שלום",
    "مرحبا (3)",
    "\u202eright to left override",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "&amp; \"double\" 'single' `back` \\ / ${x} {{y}}",
    "\ud83d",  # half an emoji: JSON can say it, UTF-8 can't
    "\udc00\ud800",
    "",
    " ",
    "line\nbreak\ttab\x00null\x7f",
    "animal/dog/husky",
    "__proto__",
    "W" * 200,
    "0",
]


def matrices() -> dict[str, tuple[int, list[str] | None, Cells]]:
    """Name -> number of classes, their names, cells in row-major order."""
    draw = random.Random(20261121)
    places = sorted({(true, draw.choice([true, true, (true + 1) % 1000, draw.randrange(1000)])) for true in range(1000) for _ in range(2)})
    return {
        "two_classes": (2, None, [(0, 0, 50), (0, 1, 3), (1, 0, 7), (1, 1, 40)]),
        "asymmetric": (3, PETS, [(0, 0, 11), (0, 1, 2), (0, 2, 5), (1, 1, 13), (2, 0, 1), (2, 2, 300)]),
        "empty": (4, None, []),
        "one_class": (1, ["only"], [(0, 0, 9)]),
        "no_diagonal": (3, None, [(0, 2, 4), (1, 0, 6), (2, 1, 1000)]),
        # class 1 and 3 appear nowhere, 4 is never true, 0 never predicted
        "absent_classes": (5, None, [(0, 2, 8), (0, 4, 1), (2, 2, 6)]),
        "large_counts": (
            4,
            None,
            [
                *[(0, 0, 127), (0, 1, 128), (0, 2, 16_383), (0, 3, 16_384), (1, 0, 2**21 - 1), (1, 1, 2**21), (1, 2, 2**28)],
                *[(1, 3, 2**35 - 1), (2, 0, 2**35), (2, 1, 2**42), (2, 2, 2**49), (3, 0, 2**32 + 1), (3, 1, 2**31), (3, 2, 1)],
                (3, 3, 2**52 + 12_345),
            ],
        ),
        "largest_count": (2, None, [(1, 0, 2**53 - 1)]),
        "float_weights": (3, PETS, [(0, 0, 0.5), (0, 2, 1e-300), (1, 0, 1 / 3), (2, 1, 1234567.875), (2, 2, 0.1)]),
        "sparse_1000": (1000, None, [(true, predicted, 1 + draw.randrange(draw.choice([2, 40, 300]))) for true, predicted in places]),
    }


def bad_records() -> dict[str, tuple[bytes, str]]:
    """Name -> bytes, what the error says."""
    good = encode_matrix(matrix(*matrices()["asymmetric"]))
    middle = len(good) // 2
    planes = bytes([11, 13, 44, 1, 0, 3, 2, 5, 1])  # each plane has three integers of one byte
    header = {"type": "matrix", "num_classes": 3, "cells": 3, "dtype": "int64", "total": 76, "classes": None}
    return {
        "newer_version": (good[:4] + b"\x02" + good[5:], "newer version"),
        "damaged": (good[:middle] + bytes([good[middle] ^ 0x10]) + good[middle + 1 :], "damaged record"),
        "damaged_checksum": (good[:-1] + bytes([good[-1] ^ 1]), "damaged record"),
        "truncated": (good[:-7], "damaged record"),
        "not_a_record": (b"\x89PNG\r\n\x1a\n and so on", "not a confusion matrix record"),
        "no_bytes": (b"", "not a confusion matrix record"),
        "wrong_type": (encode_classes(Classes.of(3, PETS)), "expected a record of type .matrix."),
        "unknown_dtype": (sealed({**header, "dtype": "int32"}, planes), "damaged record"),
        "too_many_classes": (sealed({**header, "num_classes": 10**9}, planes), "damaged record: num_classes"),
        "classes_not_there": (sealed({**header, "num_classes": 10**6}, planes), "damaged record"),
        "cells_not_there": (sealed({**header, "cells": 10**9}, planes), "damaged record"),
        "cell_outside": (sealed(header, planes[:3] + bytes([1, 0, 6]) + planes[6:]), "damaged record"),
        "cell_on_diagonal": (sealed(header, planes[:3] + bytes([1, 0, 1]) + planes[6:]), "damaged record"),
        "zero_count": (sealed(header, planes[:-1] + b"\x00"), "damaged record"),
        "integer_too_large": (sealed(header, planes[:-1] + b"\x80\x80\x80\x80\x80\x80\x80\x10"), "damaged record"),
        "integer_unfinished": (sealed(header, planes[:-1] + b"\x81"), "damaged record"),
        "header_is_no_json": (sealed_text(b'{"type": "matrix", ', planes), "damaged record: its header"),
    }


def matrix(num_classes: int, names: list[str] | None, cells: Cells) -> ConfusionMatrix:
    """The value that cells in the form of the JSON files stand for."""
    rows, cols, counts = zip(*cells, strict=True) if cells else ((), (), ())
    return ConfusionMatrix.from_coo(list(rows), list(cols), list(counts), num_classes, names)


def sealed(header: dict[str, object], planes: bytes) -> bytes:
    """A record of any header and planes, fitting or not."""
    return sealed_text(json.dumps(header).encode("ascii"), planes)


def sealed_text(header: bytes, planes: bytes) -> bytes:
    """The same with the bytes of a header that need not be JSON."""
    return b"TBCM\x01" + zlib.compress(struct.pack("<I", len(header)) + header + planes)


def cases() -> dict[str, tuple[bytes, dict[str, object]]]:
    """Name -> bytes of the record, content of the JSON file."""
    found: dict[str, tuple[bytes, dict[str, object]]] = {}
    for name, (num_classes, names, cells) in matrices().items():
        value = matrix(num_classes, names, cells)
        found[name] = (
            encode_matrix(value),
            {
                "num_classes": num_classes,
                "dtype": "float64" if any(isinstance(count, float) for *_, count in cells) else "int64",
                "total": sum(count for *_, count in cells),
                "classes_id": value.classes.id,
                "cells": cells,
            },
        )
    _, asymmetric = found["asymmetric"]
    future = {"type": "matrix", "num_classes": 3, "cells": 3, "dtype": "int64", "total": 332, "classes": asymmetric["classes_id"]}
    future |= {"examples": {"per_cell": 4}, "unknown": [1, None, "é"]}
    # gaps: (0, 1) is cell 1; (0, 2) the next one; (2, 0) is cell 6. Another writer's version 1 with more to say.
    found["more_than_known"] = sealed(future, bytes([11, 13, 0xAC, 0x02, 1, 0, 3, 2, 5, 1]) + b"another plane"), asymmetric
    found["class_list"] = encode_classes(Classes.of(len(PETS), PETS)), {"names": PETS}
    found["class_list_any_text"] = encode_classes(Classes.of(len(NAMES), NAMES)), {"names": NAMES}
    found |= {name: (record, {"error": error}) for name, (record, error) in bad_records().items()}
    return found


def odd_matrices() -> dict[str, tuple[int, None, Cells]]:
    """More matrices, of which metrics may be undefined, or hard to tell in floating point."""
    draw = random.Random(20261122)
    places = [(true, predicted) for true in range(9) for predicted in range(9) if draw.random() < 0.7]
    of_1000 = sorted({(true, draw.choice([true, 0, draw.randrange(1000)])) for true in range(1, 1000) for _ in range(3) if true % 7})
    return {
        "perfect": (3, None, [(0, 0, 5), (1, 1, 1), (2, 2, 70)]),
        "perfect_weights": (3, None, [(0, 0, 0.1), (1, 1, 0.2), (2, 2, 0.7)]),
        "perfectly_wrong": (2, None, [(0, 1, 3), (1, 0, 4)]),
        "each_class_all_or_nothing": (3, None, [(0, 0, 5), (1, 2, 4), (2, 2, 8)]),
        "one_class_predicted": (3, None, [(0, 1, 5), (1, 1, 3), (2, 1, 1)]),
        "one_class_true": (3, None, [(1, 0, 5), (1, 1, 3), (1, 2, 1)]),
        "one_sample": (2, None, [(1, 0, 1)]),
        "never_predicted": (3, None, [(0, 0, 50), (0, 2, 1), (1, 0, 2), (1, 2, 9), (2, 0, 4), (2, 2, 7)]),
        "never_true": (3, None, [(0, 0, 50), (0, 1, 6), (0, 2, 1), (2, 0, 4), (2, 1, 1), (2, 2, 7)]),
        "nothing_to_average": (2, None, [(0, 1, 5)]),
        "rare_class": (3, None, [(0, 0, 2**52), (0, 1, 3), (1, 0, 1), (1, 1, 7), (1, 2, 2), (2, 1, 1), (2, 2, 9)]),
        "rarest_class": (2, None, [(0, 0, 10**15), (0, 1, 1), (1, 0, 1), (1, 1, 1)]),
        "weights": (9, None, [(*place, draw.choice([0.01, 1, 300]) * draw.random()) for place in places]),
        "dense": (9, None, [(*place, draw.randrange(1, 200)) for place in places]),
        "undefined_in_1000": (1000, None, [(*place, draw.randrange(1, 60)) for place in of_1000]),
    }


def or_null(values: object) -> object:
    """Floats in any nesting as JSON can say them."""
    if isinstance(values, (list, tuple)):
        return [or_null(value) for value in values]
    return None if isinstance(values, float) and math.isnan(values) else values


def metric_lines() -> list[dict[str, object]]:
    """The lines of metrics.jsonl."""
    whole, per_class = ({name: metric.formula for name, metric in METRICS.items() if metric.per_class == each} for each in (False, True))
    lines: list[dict[str, object]] = [{"metrics": whole, "per_class": per_class}]
    for name, (num_classes, names, cells) in (matrices() | odd_matrices()).items():
        value = matrix(num_classes, names, cells)
        of_classes = np.arange(0, num_classes, 1 + num_classes // 20)
        lines.append(
            {
                "name": name,
                "num_classes": num_classes,
                "metrics": {name: or_null(found) for name, found in value.metrics().items()},
                "intervals": {name: or_null(found) for name, found in value.metric_intervals().items()},
                "of_classes": of_classes.tolist(),
                "per_class": {name: or_null(found[of_classes].tolist()) for name, found in value.per_class().items()},
                "cells": cells,
            }
        )
    return lines


# Images of one and of two pixels: what Pillow made of them once.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63f80f0001010100b138f6140000000049454e44ae426082"
)
WEBP = bytes.fromhex("5249464620000000574542505650384c140000002f010000000750e4540820000a9afec78888fe07")
PICTURES = {"00112233445566aa": PNG, "ffeeddccbbaa0011": WEBP}


def example_cases() -> dict[str, tuple[bytes, dict[str, object]]]:
    """The cases of the directory examples."""
    pack, other = pack_id(list(PICTURES)), "0123456789abcdef"
    full = [
        (Example(0, 0, None, None, "val/1.png", 0.98, 0.98), (pack, "00112233445566aa")),
        (Example(0, 2, None, "<b>text & \ud83d</b>", "val/2.png", 0.9, 0.05), (other, "ffeeddccbbaa0011")),
        (Example(0, 2, None, None, "val/<script>.svg", 0.7, 0.1, "the image has no pixels (0 x 0)"), None),
        (Example(2, 1, None, "שלום", None, None, None), (pack, "ffeeddccbbaa0011")),
    ]
    texts = [(Example(1, 0, None, f"text {number}"), None) for number in range(3)]
    found = {
        "full": _examples(full, {(0, 0): 11, (0, 2): 340}, PETS),
        "texts": _examples(texts, {(1, 0): 3}, None),
        "none": _examples([], {}, None),
        "images": (encode_images(PICTURES), {"images": {name: image.hex() for name, image in PICTURES.items()}}),
        "no_images": (encode_images({}), {"images": {}}),
    }
    header = json.loads(zlib.decompress(found["full"][0][5:])[4:])
    more = {**header, "unknown": [1, {"a": None}], "weights": [1, 2, 3, 4]}
    found["more_than_known"] = sealed(more, b"a plane"), found["full"][1]
    bad: dict[str, tuple[dict[str, object], str]] = {
        "too_many_classes": ({"num_classes": 10**9}, "damaged record: num_classes"),
        "class_outside": ({"cells": [[0, 3, 4, 5]]}, "damaged record: .*among its cells"),
        "more_kept_than_seen": ({"cells": [[0, 2, 4, 3]]}, "damaged record: .*among its cells"),
        "too_many_examples": ({"cells": [[0, 1, 10**9, None]]}, "damaged record: .*among its cells"),
        "cells_not_in_order": ({"cells": [[1, 0, 2, None], [0, 1, 2, None]]}, "damaged record: its cells are not in order"),
        "cells_not_there": ({"cells": None}, "damaged record: .*among its cells"),
        "fewer_ids": ({"ids": ["a"]}, "damaged record: ids that do not fit"),
        "confidence_above_1": ({"confidences": [1.5, None, None, None]}, "damaged record: confidences that do not fit"),
        "text_no_text": ({"texts": [None, ["<b>"], None, None]}, "damaged record: texts that do not fit"),
        "pack_not_there": ({"images": [[2, "00112233445566aa"], None, None, None]}, "damaged record: images that do not fit"),
        "image_no_name": ({"images": [[0, "../../secret"], None, None, None]}, "damaged record: images that do not fit"),
        "pack_no_name": ({"packs": ["../../secret"]}, "damaged record: packs that are no names"),
    }
    for name, (wrong, error) in bad.items():
        found[name] = sealed({**header, **wrong}, b""), {"type": "examples", "error": error}
    for name, listed, error in (
        ("images_not_there", [["00112233445566aa", 10**6]], "damaged record: it has fewer images than its header says"),
        ("images_no_name", [["x", 3]], "damaged record: a pack that does not name its images"),
        ("images_negative", [["00112233445566aa", -1]], "damaged record: a pack that does not name its images"),
        ("images_no_list", None, "damaged record: a pack that does not name its images"),
    ):
        found[name] = sealed({"type": "images", "images": listed}, b"abc"), {"type": "images", "error": error}
    newer = found["full"][0][:4] + b"\x02" + found["full"][0][5:]
    found["newer_version"] = newer, {"type": "examples", "error": "newer version"}
    found["truncated"] = found["images"][0][:-5], {"type": "images", "error": "damaged record"}
    found["wrong_type"] = found["images"][0], {"type": "examples", "error": "expected a record of type .examples."}
    bomb = struct.pack("<I", 20) + bytes(17 * 2**20)
    found["too_large"] = b"TBCM\x01" + zlib.compress(bomb, 9), {"type": "examples", "error": "larger than 16 MiB"}
    return found


def _examples(
    kept: list[tuple[Example, tuple[str, str] | None]], seen: dict[tuple[int, int], int], names: list[str] | None
) -> tuple[bytes, dict[str, object]]:
    classes = Classes.of(3, names)
    record = encode_examples(Examples(tuple(one for one, _ in kept), seen), [place for _, place in kept], classes)
    cells = list(dict.fromkeys((one.true, one.predicted) for one, _ in kept))
    counts = [sum((one.true, one.predicted) == cell for one, _ in kept) for cell in cells]
    return record, {
        "num_classes": 3,
        "classes_id": classes.id,
        "cells": [[*cell, count, seen.get(cell)] for cell, count in zip(cells, counts, strict=True)],
        "examples": [{**vars(one), "image": place} for one, place in kept],
    }


def main() -> None:
    """Writes every case."""
    for directory, found in ((HERE, cases()), (HERE / "examples", example_cases())):
        for name, (record, content) in found.items():
            path = directory / name
            path.with_suffix(".bin").write_bytes(record)
            path.with_suffix(".json").write_text(json.dumps(content, ensure_ascii=True) + "\n", "ascii")
    (HERE / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in metric_lines()), "ascii")


if __name__ == "__main__":
    main()
