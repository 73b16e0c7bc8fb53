"""Bytes as they should not be: seeded mutations of good records, below their checksum and above it."""

import json
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).parents[1] / "records"

NUMBERS = [0, 1, -1, 2, 127, 128, 255, 2**31, 2**32 - 1, 10**9, 2**53 - 1, 2**53, 2**63, 2**64, 10**400, 0.5, 1e308, -0.0]
TEXTS = ["", "int64", "float64", "a" * 1000, "\ud800", "<script>alert(1)</script>", "../../etc/passwd", "\0", "0123456789abcdef"]
CONSTANTS = [None, True, False, float("nan"), float("inf"), [], {}, [[]], {"toString": 1, "valueOf": 1}, {"__proto__": [1]}]


def golden_records() -> dict[str, bytes]:
    """Every record of the golden files, good and bad, by its name."""
    return {str(path.relative_to(RECORDS).with_suffix("")): path.read_bytes() for path in sorted(RECORDS.rglob("*.bin"))}


def mutated(record: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """A record with something wrong: in its bytes; in what they unpack to, under a right checksum; or in its header."""
    how = rng.random()
    if how < 0.2:
        return damaged(record, others, rng)
    try:
        body = zlib.decompress(record[5:])
    except zlib.error:
        return damaged(record, others, rng)
    if how < 0.5:
        return record[:5] + zlib.compress(damaged(body, others, rng), 1)
    length = int.from_bytes(body[:4], "little")
    try:
        header = json.loads(body[4 : 4 + length])
    except ValueError:
        return damaged(record, others, rng)
    text = json.dumps(_changed(header, rng)).encode("ascii")
    if rng.random() < 0.1:
        text = damaged(text, others, rng)
    planes = body[4 + length :]
    if rng.random() < 0.3:
        planes = damaged(planes, others, rng)
    return record[:5] + zlib.compress(struct.pack("<I", len(text)) + text + planes, 1)


def damaged(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Bytes with one to four random injuries."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        data = rng.choice(_INJURIES)(data, others, rng)
    return data


def _flipped(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    if not data:
        return b"\x00"
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _overwritten(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    new = rng.choice((rng.randbytes(rng.randint(1, 9)), b"\xff" * 9, b"\x80" * 8, bytes(9), struct.pack("<d", float("nan"))))
    return data[:at] + new + data[at + len(new) :]


def _cut(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    first, last = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return rng.choice((data[:first], data[last:], data[:first] + data[last:]))


def _repeated(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    first, last = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:last] + data[first : min(last, first + 1000)] * rng.randint(1, 20) + data[last:]


def _crossed(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    other = rng.choice(others)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


_INJURIES: list[Callable[[bytes, Sequence[bytes], random.Random], bytes]] = [_flipped, _flipped, _overwritten, _cut, _repeated, _crossed]


def _changed(value: Any, rng: random.Random) -> Any:
    """A JSON value with something else somewhere in it."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.15:
            return {name: inner for name, inner in value.items() if name != key}
        return {**value, key: _changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.7:
        at = rng.randrange(len(value))
        what = rng.random()
        if what < 0.2:
            return value[:at] + value[at + 1 :]
        if what < 0.4:
            return value[: at + 1] + value[at:]
        return [*value[:at], _changed(value[at], rng), *value[at + 1 :]]
    if isinstance(value, int) and rng.random() < 0.5:
        return value + rng.choice((-2, -1, 1, 2, 0.0))
    other = rng.choice(rng.choice((NUMBERS, TEXTS, CONSTANTS)))
    for _ in range(rng.choice((0, 0, 0, 1, 5, 400))):
        other = [other]
    return other
