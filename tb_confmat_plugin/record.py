"""The one byte layout of everything this plugin stores in an event file. `frontend/src/record.ts` is its mirror.

A record is

    bytes 0-3   the magic number "TBCM"
    byte  4     the format version, 1
    bytes 5-    one zlib stream (RFC 1950) of the body

and the body is

    4 bytes     the length of the header, unsigned, little endian
    header      one JSON object, in ASCII
    planes      as the header says

A header of {"type": "classes", "names": [...]} is a class list and has no planes. Those of "examples" and "images" are described in
`example_record.py`. A header of

    {"type": "matrix", "num_classes": C, "cells": K, "dtype": "int64" | "float64", "total": T, "classes": ID}

is a confusion matrix; "classes" is the id of its class list (16 hexadecimal digits), or null when classes have no names. Its planes
follow one another:

    diagonal    C counts, cell (0, 0) first
    gaps        K integers, one for each cell off the diagonal that is not zero, in row-major order: how many cells lie between it
                and the one before it (the first: before it), with cell (true, predicted) at true * C + predicted
    counts      K counts, those of these cells

Integers are unsigned LEB128, at most 2**53 - 1. Counts are such integers for "int64", and 8-byte little-endian IEEE 754 for "float64".

A reader ignores header fields and bytes after the planes that it does not know; what it could not ignore comes with a new version, and
a reader that meets a version above its own says so and leaves the record alone.

A body has at most 256 MiB, a header at most 32 MiB, and C + K is at most 2**25, which is 5,791 classes with every cell filled: what is
larger is neither written nor read, so that a forged record cannot take a reader's memory.
"""

import json
import reprlib
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.checks import MAX_TOTAL
from tb_confmat_plugin.classes import MAX_CLASSES, Classes
from tb_confmat_plugin.counting import Counts
from tb_confmat_plugin.matrix import ConfusionMatrix

MAGIC = b"TBCM"
VERSION = 1
MAX_BODY_BYTES = 256 * 2**20
MAX_HEADER_BYTES = 32 * 2**20
MAX_CELLS = 2**25  # off the diagonal, and the classes
_AT_ONCE = 2**20  # integers that are decoded together: each takes 50 bytes meanwhile
_COMPRESSION = 4  # half the time of zlib's default, for 2% more bytes


class RecordError(ValueError):
    """Bytes that are not a record this version can read."""


def encode_matrix(matrix: ConfusionMatrix) -> bytes:
    """The record of a matrix. Its class names are not in it, only the id of their list.

    Raises:
      ValueError: a cell below zero: a difference of matrices is not a matrix of counts. Or more cells than a record can have.
    """
    if len(matrix.values) and matrix.values.min() < 0:
        at = int(np.argmin(matrix.values))
        raise ValueError(
            f"expected counts of at least 0, got {matrix.values[at].item()} at (true {matrix.rows[at]}, predicted {matrix.cols[at]}); "
            "a difference of two matrices cannot be stored as counts"
        )
    off = matrix.rows != matrix.cols
    if matrix.num_classes + np.count_nonzero(off) > MAX_CELLS:
        raise ValueError(
            f"expected a matrix of at most {MAX_CELLS:,} classes and cells off the diagonal, got {matrix.num_classes:,} and "
            f"{np.count_nonzero(off):,}; put classes together with group() or select()"
        )
    positions = matrix.rows[off] * matrix.num_classes + matrix.cols[off]
    gaps = np.diff(positions, prepend=-1) - 1
    header = {
        "type": "matrix",
        "num_classes": matrix.num_classes,
        "cells": len(positions),
        "dtype": matrix.values.dtype.name,
        "total": matrix.total,
        "classes": matrix.classes.id,
    }
    return sealed(header, [_counts_to_bytes(matrix.true_positives), _leb128(gaps), _counts_to_bytes(matrix.values[off])])


def encode_classes(classes: Classes) -> bytes:
    """The record of a list of class names.

    Raises:
      ValueError: more letters than a record can have.
    """
    return sealed({"type": "classes", "names": classes.names}, [])


def decode_matrix(record: bytes, classes: Classes | None = None) -> ConfusionMatrix:
    """The matrix of a record, with `classes` for its names if they are given.

    Raises:
      RecordError: damaged bytes, a record of another type or one of a newer version.
    """
    header, body, at = opened(record, "matrix")
    num_classes, cells = whole_number(header, "num_classes", 1, MAX_CLASSES), whole_number(header, "cells", 0, MAX_TOTAL)
    if num_classes + cells > MAX_CELLS:
        raise RecordError(f"damaged record: {num_classes:,} classes and {cells:,} cells, expected at most {MAX_CELLS:,} of both")
    if header.get("dtype") not in ("int64", "float64"):
        raise RecordError(f"damaged record: counts of type {shown(header.get('dtype'))}, expected int64 or float64")
    whole = header["dtype"] == "int64"
    read = _from_leb128 if whole else _from_float64
    diagonal, at = read(body, at, num_classes)
    gaps, at = _from_leb128(body, at, cells)
    counts, at = read(body, at, cells)
    # Summed in floating point first, so that forged gaps cannot wrap around.
    if float(gaps.sum(dtype=np.float64)) + cells > num_classes**2:
        raise RecordError("damaged record: a cell lies outside the matrix")
    gaps += 1
    positions = np.cumsum(gaps, out=gaps)  # in place where it can be: there may be millions
    positions -= 1
    if np.any(positions % (num_classes + 1) == 0):
        raise RecordError("damaged record: a cell of the diagonal stands among those off it")
    seen = np.flatnonzero(diagonal)
    counts, positions = np.concatenate([counts, diagonal[seen]]), np.concatenate([positions, seen * (num_classes + 1)])
    del diagonal, gaps, seen
    order = np.argsort(positions, kind="stable")
    values, positions = counts[order], positions[order]
    del counts, order
    with np.errstate(over="ignore"):  # forged counts may add up to infinity
        total = float(values.sum(dtype=np.float64))
    if not np.all(values > 0) or total > MAX_TOTAL:
        raise RecordError("damaged record: a count that is not a number above 0")
    if classes is None or len(classes) != num_classes:
        classes = Classes(num_classes)
    return ConfusionMatrix(classes, positions // num_classes, positions % num_classes, values)


def class_list_id(record: bytes) -> str | None:
    """The id of the class list that the matrix of this record refers to."""
    identifier = opened(record, "matrix")[0].get("classes")
    return identifier if isinstance(identifier, str) else None


def decode_classes(record: bytes) -> Classes:
    """The classes of a class-list record.

    Raises:
      RecordError: damaged bytes, a record of another type or one of a newer version.
    """
    names = opened(record, "classes")[0].get("names")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise RecordError("damaged record: a class list without names")
    return Classes(len(names), tuple(names))


def sealed(header: dict[str, Any], planes: list[bytes], compression: int = _COMPRESSION) -> bytes:
    """The record of a header and its planes.

    Raises:
      ValueError: more bytes than a reader takes.
    """
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    size = 4 + len(text) + sum(map(len, planes))
    if len(text) > MAX_HEADER_BYTES or size > MAX_BODY_BYTES:
        raise ValueError(
            f"expected at most {MAX_BODY_BYTES >> 20} MiB for a record of {header['type']} before it is compressed, and "
            f"{MAX_HEADER_BYTES >> 20} MiB for the names in it, got {size / 2**20:.0f} and {len(text) / 2**20:.0f} MiB; shorten the names, "
            "or put classes together with group() or select()"
        )
    body = b"".join([struct.pack("<I", len(text)), text, *planes])
    return MAGIC + bytes([VERSION]) + zlib.compress(body, compression)


def opened(record: bytes, expected: str, most: int = MAX_BODY_BYTES) -> tuple[dict[str, Any], bytes, int]:
    """Header, body and the offset of the first plane.

    Raises:
      RecordError: damaged bytes, a record of another type or one of a newer version, or a body of more than `most` bytes.
    """
    if len(record) < 5 or record[:4] != MAGIC:
        raise RecordError("not a confusion matrix record: it does not begin with TBCM")
    if record[4] > VERSION:
        raise RecordError(f"written by a newer version (format {record[4]}, this one reads up to {VERSION}); upgrade tb-confmat-plugin")
    if record[4] < VERSION:
        raise RecordError(f"damaged record: there is no format {record[4]}")
    stream = zlib.decompressobj()
    try:
        body = stream.decompress(record[5:], most)
    except zlib.error as error:
        raise RecordError(f"damaged record: {error}") from error
    if stream.unused_data:
        raise RecordError("damaged record: it goes on after its end")
    if not stream.eof:
        raise RecordError(f"damaged record: it ends early, or is larger than {most >> 20} MiB when unpacked")
    length = int.from_bytes(body[:4], "little")
    if length > MAX_HEADER_BYTES:
        raise RecordError(f"damaged record: its header cannot be read (it has more than {MAX_HEADER_BYTES >> 20} MiB)")
    try:
        header = json.loads(body[4 : 4 + length].decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise RecordError(f"damaged record: its header cannot be read ({error})") from error
    if not isinstance(header, dict) or header.get("type") != expected:
        found = header.get("type") if isinstance(header, dict) else header
        raise RecordError(f"expected a record of type {expected!r}, got {shown(found)}")
    return header, body, 4 + length


def whole_number(header: dict[str, Any], field: str, least: int, most: int) -> int:
    """A field of a header that must be an integer from `least` to `most`."""
    value = header.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RecordError(f"damaged record: {field} is {shown(value)}, expected an integer from {least} to {most}")
    return value


def shown(value: Any) -> str:
    """Something from a header for a message: what a stranger wrote may be long, and nested deeper than repr() can follow."""
    return reprlib.repr(value)


def _counts_to_bytes(counts: Counts) -> bytes:
    return _leb128(counts) if counts.dtype == np.int64 else counts.astype("<f8").tobytes()


def _leb128(values: npt.NDArray[Any]) -> bytes:
    if not len(values):
        return b""
    most = int(values.max())
    if most < 128:  # the common case: every integer is one byte
        return values.astype(np.uint8).tobytes()
    columns = -(-most.bit_length() // 7)
    shifted = values[:, None] >> (7 * np.arange(columns))
    used = shifted > 0
    used[:, 0] = True
    more = np.zeros_like(shifted)
    more[:, :-1] = used[:, 1:].astype(np.int64) << 7
    return ((shifted & 127) | more)[used].astype(np.uint8).tobytes()


def _from_leb128(body: bytes, at: int, count: int) -> tuple[npt.NDArray[np.int64], int]:
    if count > len(body) - at:
        raise RecordError("damaged record: it has fewer cells than its header says")
    values = np.zeros(count, np.int64)
    for done in range(0, count, _AT_ONCE):
        at = _fill_from_leb128(values[done : done + _AT_ONCE], body, at)
    return values, at


def _fill_from_leb128(values: npt.NDArray[np.int64], body: bytes, at: int) -> int:
    count = len(values)
    plane = np.frombuffer(body, np.uint8, min(len(body) - at, 8 * count), at)
    ends = np.flatnonzero(plane < 128)[:count]
    if len(ends) < count:
        raise RecordError("damaged record: it has fewer cells than its header says")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 8:
        raise RecordError("damaged record: an integer above 2**53 - 1")
    for place in range(int(lengths.max())):
        longer = np.flatnonzero(lengths > place)
        values[longer] |= (plane[starts[longer] + place].astype(np.int64) & 127) << (7 * place)
    if values.max() > MAX_TOTAL:
        raise RecordError("damaged record: an integer above 2**53 - 1")
    return at + int(ends[-1]) + 1


def _from_float64(body: bytes, at: int, count: int) -> tuple[npt.NDArray[np.float64], int]:
    if 8 * count > len(body) - at:
        raise RecordError("damaged record: it has fewer cells than its header says")
    return np.frombuffer(body, "<f8", count, at).astype(np.float64), at + 8 * count
