"""A million mutated records and event files, given to everything in Python that reads them: each is read rightly or refused in words.

python tests/reliability/hostile_records.py [--count 1000000] [--seed 1]
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mutations import damaged, golden_records, mutated
from tensorboard.compat.proto.event_pb2 import Event

from tb_confmat_plugin import read_confusion_matrices
from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.event_file import write_event_file
from tb_confmat_plugin.example_record import decode_examples, decode_images, encode_examples, packs_of
from tb_confmat_plugin.examples import MOST_EXAMPLES
from tb_confmat_plugin.names import MATRIX_CONTENT
from tb_confmat_plugin.record import (
    MAX_BODY_BYTES,
    MAX_CELLS,
    RecordError,
    class_list_id,
    decode_classes,
    decode_matrix,
    encode_matrix,
    sealed,
)
from tb_confmat_plugin.summary import classes_summary, tensor_summary

MOST_SECONDS = 5.0  # of one small record, of the processor: nothing hangs
MOST_MEMORY = 3 * 2**29  # bytes of a process that decodes the worst record that can be made
FILES = 0.02  # event files as a share of the records: each has several
LARGE = b"\x81" + b"\x80" * 6 + b"\x00"  # 1, in as many bytes as may be
NAMES = ["cat", "dog", "ant"]


def check_matrix(record: bytes) -> None:
    """What was read keeps the promises of a `ConfusionMatrix`, and comes back when it is written and read again."""
    matrix = decode_matrix(record)
    positions = matrix.rows * matrix.num_classes + matrix.cols
    assert np.all(np.diff(positions) > 0), "cells out of order"
    assert np.all((matrix.values > 0) & np.isfinite(matrix.values)), "a count that is none"
    assert len(matrix.values) == 0 or (positions[0] >= 0 and positions[-1] < matrix.num_classes**2), "a cell outside"
    assert decode_matrix(encode_matrix(matrix)) == matrix, "another matrix after a round trip"


def check_classes(record: bytes) -> None:
    """A class list has as many names as it says, all of them texts."""
    classes = decode_classes(record)
    assert len(classes) == len(classes.names or ()) > 0
    assert all(isinstance(name, str) for name in classes.names or ())


def check_examples(record: bytes) -> None:
    """Examples are in bounds, and can be written again."""
    examples, places = decode_examples(record)
    assert len(examples.kept) == len(places) <= MOST_EXAMPLES
    encode_examples(examples, places, Classes(2))


def check_images(record: bytes) -> None:
    """Images are bytes of the pack itself."""
    assert sum(map(len, decode_images(record).values())) <= MAX_BODY_BYTES


CHECKS: list[Callable[[bytes], object]] = [check_matrix, check_classes, check_examples, check_images, class_list_id]


def try_record(record: bytes) -> int:
    """Gives a record to every reader, and returns how many took it; another exception than RecordError is a defect."""
    taken = 0
    packs_of(record)  # takes anything
    for check in CHECKS:
        try:
            check(record)
        except RecordError as error:
            if len(str(error)) > 500:
                raise AssertionError(f"a message of {len(str(error))} letters") from error
        else:
            taken += 1
    return taken


def event_bytes(records: list[bytes], rng: random.Random) -> list[bytes]:
    """Events of these records, with steps and times that may be anything."""
    times = [0.0, -1.0, 1.79e9, 1e300, float("nan"), float("inf")]
    events = [Event(file_version="brain.Event:2"), Event(summary=classes_summary(Classes.of(3, NAMES)), step=0)]
    for record in records:
        summary = tensor_summary(rng.choice(["val", "train", "\N{SNOWMAN}", ""]), record, MATRIX_CONTENT)
        events.append(
            Event(summary=summary, step=rng.choice([0, 1, -1, 2**63 - 1, -(2**63), rng.getrandbits(40)]), wall_time=rng.choice(times))
        )
    return [event.SerializeToString() for event in events]


def try_event_file(records: list[bytes], others: list[bytes], rng: random.Random, directory: Path) -> int:
    """Writes an event file with these records, damages it, and reads it; returns how many matrices were read."""
    events = event_bytes(records, rng)
    if rng.random() < 0.3:  # under a right checksum
        at = rng.randrange(len(events))
        events[at] = damaged(events[at], others, rng)
    path = write_event_file(directory / "run", events)
    if rng.random() < 0.7:
        path.write_bytes(damaged(path.read_bytes(), others, rng))
    found = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # each names its damage
        for logged in read_confusion_matrices(directory):
            try:
                found += logged.matrix.num_classes > 0
            except RecordError:
                continue
    shutil.rmtree(directory / "run")
    return found


def run(count: int, seed: int) -> Counter[str]:
    """Tries `count` records and a share of event files; returns how many there were and how many were taken."""
    rng, golden = random.Random(seed), list(golden_records().values())
    small = [record for record in golden if len(record) < 2000]
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as directory:
        for number in range(count):
            record = mutated(rng.choice(small), small, rng)
            begin = time.process_time()
            try:
                tally["taken by a reader"] += try_record(record) > 0
                if rng.random() < FILES:
                    mixed = [rng.choice((record, rng.choice(small))) for _ in range(3)]
                    tally["matrices read from them"] += try_event_file(mixed, small, rng, Path(directory))
                    tally["event files"] += 1
            except Exception as error:
                raise AssertionError(f"record {number} of seed {seed}, {record.hex()}: {error!r}") from error
            seconds = time.process_time() - begin
            assert seconds < MOST_SECONDS, f"record {number} of seed {seed} took {seconds:.1f} s: {record.hex()}"
            tally["records"] += 1
    return tally


# The peak of a new process counts that of the one it came from: it is set back first.
READ = r"""
import re, sys
from tb_confmat_plugin.example_record import decode_examples, decode_images, packs_of
from tb_confmat_plugin.record import RecordError, class_list_id, decode_classes, decode_matrix
record, said = sys.stdin.buffer.read(), set()
open("/proc/self/clear_refs", "w").write("5")
for decode in (decode_matrix, decode_classes, decode_examples, decode_images, class_list_id, packs_of):
    try:
        decode(record)
        said.add("read by " + decode.__name__)
    except RecordError as error:
        if not str(error).startswith("expected a record of type"):
            said.add(str(error)[:60])
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1], "; ".join(sorted(said)))
"""


def worst_records() -> dict[str, Callable[[], bytes]]:
    """Makes small records that would take the most memory from a reader that believes them."""
    cells = MAX_CELLS - 10_000

    def header(num_classes: int, cells: int, dtype: str = "int64") -> dict[str, object]:
        return {"type": "matrix", "num_classes": num_classes, "cells": cells, "dtype": dtype, "total": 1, "classes": None}

    def with_text(text: bytes) -> bytes:
        return b"TBCM\x01" + zlib.compress(len(text).to_bytes(4, "little") + text)

    gaps = bytearray(cells)
    gaps[::10_000] = b"\x01" * len(gaps[::10_000])  # between two cells of the diagonal lie 10,000 others
    bodies = 30 * 2**20
    return {
        "10^9 classes claimed": lambda: sealed(header(10**9, 0), []),
        "2^53 - 1 cells claimed": lambda: sealed(header(3, 2**53 - 1), [bytes(20)]),
        "33 million classes": lambda: sealed(header(MAX_CELLS, 0), [b"\x01" * MAX_CELLS]),
        "33 million cells": lambda: sealed(header(10_000, cells), [bytes(10_000), bytes(gaps), b"\x01" * cells]),
        "33 million cells, some outside": lambda: sealed(header(10_000, cells), [bytes(10_000), b"\x7f" * cells, b"\x01" * cells]),
        "33 million counts of 8 bytes": lambda: sealed(
            header(10_000, 26_000_000), [bytes(10_000), bytes(gaps[:26_000_000]), LARGE * 26_000_000]
        ),
        "a header of 256 MiB": lambda: b"TBCM\x01" + zlib.compress(b"\xff" * 4 + b" " * (2**28 - 4), 1),
        "a bomb of 1 GiB": lambda: b"TBCM\x01" + zlib.compress(bytes(2**30), 1),
        "30 MiB of {} in a header": lambda: with_text(b'{"type":"matrix","x":[' + b"{}," * (bodies // 3) + b"0]}"),
        "30 MiB of names": lambda: with_text(b'{"type":"classes","names":[' + b'"a",' * (bodies // 4) + b'"b"]}'),
        "30 MiB of [ in a header": lambda: with_text(b"[" * bodies),
        "30 MiB of digits": lambda: with_text(b'{"type":"matrix","num_classes":' + b"9" * bodies + b"}"),
        "15 MiB of cells of examples": lambda: with_text(
            b'{"type":"examples","num_classes":9,"packs":[],"cells":[' + b"[0,0,1,1]," * (15 * 2**20 // 10) + b"[0,0,1,1]]}"
        ),
        "60 MiB in a pack": lambda: sealed({"type": "images", "images": [["0" * 16, bodies], ["1" * 16, bodies]]}, [bytes(2 * bodies)]),
    }


def memory_of(record: bytes) -> tuple[int, float, str]:
    """Peak bytes and seconds of a process of its own that gives a record to every reader, and what these said."""
    begin = time.perf_counter()
    ended = subprocess.run([sys.executable, "-c", READ], input=record, capture_output=True, check=False)
    if ended.returncode:
        raise AssertionError(ended.stderr.decode())
    peak, said = ended.stdout.decode().split(maxsplit=1)
    return int(peak) * 1024, time.perf_counter() - begin, said


def main() -> None:
    """Prints what was tried, and fails at the first defect."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    for name, make in worst_records().items():
        record = make()
        peak, seconds, said = memory_of(record)
        print(f"{name} ({len(record) / 1e3:,.0f} KB): {peak / 2**20:,.0f} MiB, {seconds:.1f} s; {said.strip()}", flush=True)
        assert peak < MOST_MEMORY, f"{name} took {peak / 2**20:,.0f} MiB"
    begin = time.perf_counter()
    tally = run(given.count, given.seed)
    print(f"{dict(tally)} in {time.perf_counter() - begin:.0f} s, no defect")


if __name__ == "__main__":
    main()
