import json
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.classes import MAX_CLASSES, Classes
from tb_confmat_plugin.record import RecordError, class_list_id, decode_classes, decode_matrix, encode_classes, encode_matrix

modest = settings(deadline=None, derandomize=True, max_examples=100)

RECORDS = Path(__file__).parent / "records"
GOLDEN = {path.stem: json.loads(path.with_suffix(".json").read_text("ascii")) for path in sorted(RECORDS.glob("*.bin"))}
MATRICES = [name for name, content in GOLDEN.items() if "cells" in content]
CLASS_LISTS = [name for name, content in GOLDEN.items() if "names" in content]
BAD = [name for name, content in GOLDEN.items() if "error" in content]
WRITTEN_ELSEWHERE = "more_than_known"  # a record of the same version by a writer that knows more

PETS = ("cat", "dog", "ant")
HEADER = {"type": "matrix", "num_classes": 3, "cells": 3, "dtype": "int64", "total": 332, "classes": None}
PLANES = bytes([11, 13, 0xAC, 0x02, 1, 0, 3, 2, 5, 1])
DENSE = [[11, 2, 5], [0, 13, 0], [1, 0, 300]]


def golden(name: str) -> bytes:
    return (RECORDS / f"{name}.bin").read_bytes()


def body(record: bytes) -> bytes:
    return zlib.decompress(record[5:])


def sealed(header: object, planes: bytes = PLANES) -> bytes:
    text = json.dumps(header).encode("ascii")
    return b"TBCM\x01" + zlib.compress(struct.pack("<I", len(text)) + text + planes)


def cells(matrix: ConfusionMatrix) -> list[list[float]]:
    return [list(cell) for cell in zip(matrix.rows.tolist(), matrix.cols.tolist(), matrix.values.tolist(), strict=True)]


# Golden files: the contract with frontend/src/record.ts


def test_every_golden_file_is_read_here():
    assert {path.stem for path in RECORDS.glob("*.json")} - {"significance"} == set(MATRICES) | set(CLASS_LISTS) | set(BAD)
    assert len(GOLDEN) == len(MATRICES) + len(CLASS_LISTS) + len(BAD)
    assert min(len(MATRICES), len(BAD)) > 9 and len(CLASS_LISTS) == 2  # noqa: PT018  # an empty list would test nothing


@pytest.mark.parametrize("name", MATRICES)
def test_golden_matrix(name):
    record, expected = golden(name), GOLDEN[name]
    matrix = decode_matrix(record)
    assert matrix.num_classes == expected["num_classes"]
    assert matrix.values.dtype == expected["dtype"]
    assert matrix.total == expected["total"]
    assert cells(matrix) == expected["cells"]
    assert class_list_id(record) == expected["classes_id"]


@pytest.mark.parametrize("name", [name for name in MATRICES if name != WRITTEN_ELSEWHERE])
def test_golden_matrix_is_written_again(name):
    record, expected = golden(name), GOLDEN[name]
    names = {None: None, Classes.of(3, PETS).id: PETS, Classes.of(1, ["only"]).id: ["only"]}[expected["classes_id"]]
    rows, cols, counts = zip(*expected["cells"], strict=True) if expected["cells"] else ((), (), ())
    written = encode_matrix(ConfusionMatrix.from_coo(rows, cols, counts, expected["num_classes"], names))
    assert written[:5] == record[:5]
    assert body(written) == body(record)


@pytest.mark.parametrize("name", CLASS_LISTS)
def test_golden_class_list(name):
    record, names = golden(name), GOLDEN[name]["names"]
    assert list(decode_classes(record).names) == names
    written = encode_classes(Classes.of(len(names), names))
    assert written[:5] == record[:5]
    assert body(written) == body(record)


@pytest.mark.parametrize("name", BAD)
def test_golden_bad_record(name):
    with pytest.raises(RecordError, match=GOLDEN[name]["error"]):
        decode_matrix(golden(name))


def test_the_layout_byte_for_byte():
    """By hand, from the specification: an error on both sides of a round trip does not pass here."""
    record = encode_matrix(ConfusionMatrix.from_dense(DENSE))
    assert record[:5] == b"TBCM\x01"
    header = b'{"type":"matrix","num_classes":3,"cells":3,"dtype":"int64","total":332,"classes":null}'
    assert body(record) == struct.pack("<I", len(header)) + header + PLANES
    weighted = body(encode_matrix(ConfusionMatrix.from_dense([[0.5, 0.25], [0, 0]])))
    assert weighted.endswith(struct.pack("<dd", 0.5, 0) + b"\x01" + struct.pack("<d", 0.25))
    assert decode_matrix(sealed(HEADER)).to_dense().tolist() == DENSE


@pytest.mark.parametrize("count", [2 ** (7 * size) + beyond for size in range(1, 8) for beyond in (-1, 0, 1)])
def test_counts_about_the_limits_of_their_bytes(count):
    """As one integer after the other, by the definition of LEB128."""
    pieces = [count >> place & 127 for place in range(0, count.bit_length(), 7)]
    expected = bytes(piece + 128 for piece in pieces[:-1]) + bytes(pieces[-1:])
    record = encode_matrix(ConfusionMatrix.from_dense([[count]]))
    assert body(record).endswith(b"}" + expected)
    assert decode_matrix(record).total == count


# Round trips


@st.composite
def matrices(draw):
    num_classes = draw(st.integers(1, 12) | st.sampled_from([127, 128, 129, 1000, 10_000, MAX_CLASSES // 100]))
    index = st.integers(0, num_classes - 1)
    counts = st.integers(1, 300) | st.integers(0, 2**48) if draw(st.booleans()) else st.floats(0, 1e9)
    cells = draw(st.lists(st.tuples(index, index, counts), max_size=20))
    rows, cols, values = zip(*cells, strict=True) if cells else ((), (), ())
    return ConfusionMatrix.from_coo(rows, cols, values, num_classes)


@modest
@given(matrices())
def test_matrix_round_trip(matrix):
    read = decode_matrix(encode_matrix(matrix))
    assert read == matrix
    assert read.values.dtype == matrix.values.dtype
    assert read.total == matrix.total


@pytest.mark.parametrize(
    "matrix",
    [
        ConfusionMatrix.from_dense([[2**53 - 1]]),
        ConfusionMatrix.from_dense([[0, 2**53 - 1], [0, 0]]),
        ConfusionMatrix.from_dense([[2**53 - 3, 1], [0, 1]]),
        ConfusionMatrix.from_dense([[0.5, 0], [0, 0]]),
        ConfusionMatrix.from_dense([[0, 0], [5e-324, 0]]),
        ConfusionMatrix.from_predictions([1, 1], [0, 1], sample_weight=[2.0, 3.0]),
        ConfusionMatrix.from_dense(np.zeros((7, 7))),
        ConfusionMatrix.from_dense([[0]]),
        ConfusionMatrix.from_coo([2, 99_998], [99_999, 0], [3, 200], num_classes=100_000),
        ConfusionMatrix.from_dense(np.arange(2500).reshape(50, 50)),
    ],
    ids=repr,
)
def test_matrix_round_trip_at_the_edges(matrix):
    read = decode_matrix(encode_matrix(matrix))
    assert read == matrix
    assert read.values.dtype == matrix.values.dtype


@modest
@given(st.lists(st.text(st.characters(), max_size=20), min_size=1, max_size=8, unique=True))
def test_classes_round_trip(names):
    classes = Classes.of(len(names), names)
    assert decode_classes(encode_classes(classes)) == classes


def test_every_lone_surrogate_is_a_name():
    names = [chr(code) for code in range(0xD800, 0xE000)]
    assert list(decode_classes(encode_classes(Classes.of(len(names), names))).names) == names


def test_names_come_with_the_classes_given():
    classes = Classes.of(3, PETS)
    record = encode_matrix(ConfusionMatrix.from_dense(DENSE, PETS))
    assert class_list_id(record) == classes.id
    assert decode_matrix(record).class_names is None
    assert decode_matrix(record, classes) == ConfusionMatrix.from_dense(DENSE, PETS)
    assert decode_matrix(record, Classes.of(2, ["a", "b"])).class_names is None, "a list that does not fit is no reason to fail"
    assert b"dog" not in body(record), "names are not in every record"


def test_class_list_id_of_odd_headers():
    for odd in (None, 5, ["a"]):
        assert class_list_id(sealed({**HEADER, "classes": odd})) is None


def test_a_difference_is_no_matrix_of_counts():
    difference = ConfusionMatrix.from_dense(DENSE) - ConfusionMatrix.from_dense([[0, 0, 0], [4, 0, 0], [9, 0, 0]])
    message = "expected counts of at least 0, got -8 at (true 2, predicted 0); a difference of two matrices cannot be stored as counts"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        encode_matrix(difference)


def test_a_record_is_compact():
    random = np.random.default_rng(3)
    target = random.integers(0, 1000, 50_000)
    spread = np.where(random.random(50_000) < 0.5, random.integers(0, 1000, 50_000), target + random.geometric(0.5, 50_000))
    preds = np.where(random.random(50_000) < 0.7, target, np.minimum(999, spread))
    matrix = ConfusionMatrix.from_predictions(preds, target, num_classes=1000)
    assert len(matrix.values) > 10_000
    assert len(encode_matrix(matrix)) < 1.3 * len(matrix.values), "bytes a cell"


# What is not a record


def valid_or_refused(record: bytes) -> None:
    """Either RecordError, or a matrix that keeps the promises of ConfusionMatrix; no other exception."""
    try:
        matrix = decode_matrix(record)
    except RecordError:
        return
    positions = matrix.rows * matrix.num_classes + matrix.cols
    assert np.all(np.diff(positions) > 0)
    assert np.all((matrix.values > 0) & (matrix.values < np.inf))
    for index in (matrix.rows, matrix.cols):
        assert np.all((index >= 0) & (index < matrix.num_classes))
    assert decode_matrix(encode_matrix(matrix)) == matrix


SMALL = [name for name in MATRICES if len(golden(name)) < 200]


@pytest.mark.parametrize("name", SMALL)
def test_every_truncation_is_refused(name):
    record = golden(name)
    for length in range(len(record)):
        with pytest.raises(RecordError):
            decode_matrix(record[:length])
        with pytest.raises(RecordError):
            class_list_id(record[:length])


@pytest.mark.parametrize("name", SMALL)
def test_every_flipped_bit(name):
    record = golden(name)
    refused = 0
    for bit in range(8 * len(record)):
        flipped = bytearray(record)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            matrix = decode_matrix(bytes(flipped))
        except RecordError:
            refused += 1
        else:  # a bit of the zlib header, or the version, that says nothing of the content
            assert cells(matrix) == GOLDEN[name]["cells"]
    assert refused > 0.95 * 8 * len(record)


@pytest.mark.parametrize("name", ["asymmetric", "float_weights", "large_counts", "empty", "one_class"])
def test_every_flipped_bit_under_a_right_checksum(name):
    content = body(golden(name))
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        valid_or_refused(b"TBCM\x01" + zlib.compress(bytes(flipped), 1))


@modest
@given(st.binary(max_size=60))
def test_any_bytes_as_a_record(data):
    for record in (data, b"TBCM" + data, b"TBCM\x01" + data, b"TBCM\x01" + zlib.compress(data)):
        for decode in (decode_matrix, decode_classes, class_list_id):
            with pytest.raises(RecordError):
                decode(record)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=5,
)


@modest
@given(
    st.sampled_from([key for key in HEADER if key != "type"]),
    json_values | st.sampled_from(["int64", "float64", 0, 1, 2, 4, -1, 2**31, 2**53, 2**64, 10**400]),
    st.binary(max_size=40) | st.just(PLANES),
)
def test_any_header_and_planes(field, value, planes):
    valid_or_refused(sealed({**HEADER, field: value}, planes))


@modest
@given(st.binary(max_size=80), st.sampled_from(["int64", "float64"]), st.integers(1, 4), st.integers(0, 5))
@example(struct.pack("<4d", 1e308, 1e308, 1e308, 1e308), "float64", 4, 0)
@example(struct.pack("<2d", float("inf"), 1), "float64", 2, 0)
@example(struct.pack("<2d", float("nan"), 1), "float64", 2, 0)
@example(struct.pack("<2d", -1.0, 1), "float64", 2, 0)
@example(struct.pack("<2d", -0.0, 1), "float64", 2, 0)
def test_any_planes(planes, dtype, num_classes, count):
    valid_or_refused(sealed({**HEADER, "num_classes": num_classes, "dtype": dtype, "cells": count}, planes))


@pytest.mark.parametrize(
    ("header", "planes", "message"),
    [
        ({"num_classes": "3"}, PLANES, "damaged record: num_classes is '3', expected an integer from 1 to 94906265"),
        ({"num_classes": 10**9}, PLANES, "damaged record: num_classes is 1000000000, expected an integer from 1 to 94906265"),
        ({"num_classes": 3.0}, PLANES, "damaged record: num_classes is 3.0, expected an integer from 1 to 94906265"),
        ({"num_classes": True}, PLANES, "damaged record: num_classes is True, expected an integer from 1 to 94906265"),
        ({"num_classes": None}, PLANES, "damaged record: num_classes is None, expected an integer from 1 to 94906265"),
        ({"num_classes": 0}, PLANES, "damaged record: num_classes is 0, expected an integer from 1 to 94906265"),
        ({"num_classes": MAX_CLASSES}, PLANES, "damaged record: 94,906,265 classes and 3 cells, expected at most 33,554,432 of both"),
        ({"num_classes": 2**25 - 3}, PLANES, "damaged record: it has fewer cells than its header says"),
        ({"num_classes": 2**25 - 2}, PLANES, "damaged record: 33,554,430 classes and 3 cells, expected at most 33,554,432 of both"),
        ({"cells": -1}, PLANES, f"damaged record: cells is -1, expected an integer from 0 to {2**53 - 1}"),
        ({"cells": 2**53}, PLANES, f"damaged record: cells is {2**53}, expected an integer from 0 to {2**53 - 1}"),
        (
            {"cells": 2**53 - 1},
            PLANES,
            "damaged record: 3 classes and 9,007,199,254,740,991 cells, expected at most 33,554,432 of both",
        ),
        ({"cells": 4}, PLANES, "damaged record: it has fewer cells than its header says"),
        ({"dtype": "int32"}, PLANES, "damaged record: counts of type 'int32', expected int64 or float64"),
        ({"dtype": ["int64"]}, PLANES, "damaged record: counts of type ['int64'], expected int64 or float64"),
        ({"dtype": "float64"}, PLANES, "damaged record: it has fewer cells than its header says"),
        ({"type": "classes"}, PLANES, "expected a record of type 'matrix', got 'classes'"),
        ({"type": None}, PLANES, "expected a record of type 'matrix', got None"),
        ({}, b"", "damaged record: it has fewer cells than its header says"),
        ({}, PLANES[:-1], "damaged record: it has fewer cells than its header says"),
        ({}, PLANES[:-1] + b"\x80", "damaged record: it has fewer cells than its header says"),
        ({}, PLANES[:4] + bytes([1, 0, 6]) + PLANES[7:], "damaged record: a cell lies outside the matrix"),
        ({}, PLANES[:4] + bytes([1, 0, 5]) + PLANES[7:], "damaged record: a cell of the diagonal stands among those off it"),  # the last
        ({}, PLANES[:4] + bytes([1, 0, 1]) + PLANES[7:], "damaged record: a cell of the diagonal stands among those off it"),
        ({}, PLANES[:-1] + b"\x00", "damaged record: a count that is not a number above 0"),
        ({}, PLANES[:-1] + b"\x80" * 7 + b"\x10", "damaged record: an integer above 2**53 - 1"),
        ({}, PLANES[:-1] + b"\xff" * 7 + b"\x0f", "damaged record: a count that is not a number above 0"),  # a total above 2**53 - 1
        ({}, PLANES[:-1] + b"\x80" * 8 + b"\x01", "damaged record: an integer above 2**53 - 1"),
        ({}, PLANES[:-1] + b"\x81" + b"\x80" * 7 + b"\x00", "damaged record: an integer above 2**53 - 1"),  # 1 in nine bytes
        ({}, PLANES[:4] + (b"\xff" * 7 + b"\x0f") * 3 + PLANES[7:], "damaged record: a cell lies outside the matrix"),
    ],
)
def test_forged_matrices(header, planes, message):
    with pytest.raises(RecordError, match=f"^{re.escape(message)}$"):
        decode_matrix(sealed({**HEADER, **header}, planes))


def test_gaps_that_would_wrap_around():
    num_classes, gap = 4096, b"\xff" * 7 + b"\x0f"
    planes = bytes(num_classes) + gap * 2048 + bytes([1]) * 2048
    with pytest.raises(RecordError, match="a cell lies outside the matrix"):
        decode_matrix(sealed({**HEADER, "num_classes": num_classes, "cells": 2048}, planes))


def test_counts_that_would_wrap_around():
    counts = (b"\xff" * 7 + b"\x0f") * 1025  # each 2**53 - 1, together above 2**63
    with pytest.raises(RecordError, match="a count that is not a number above 0"):
        decode_matrix(sealed({**HEADER, "num_classes": 1025, "cells": 0}, counts))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "its header cannot be read"),
        (b"\x01\x00", "its header cannot be read"),
        (b"\x02\x00\x00\x00{", "its header cannot be read"),
        (b"\x02\x00\x00\x00\xff\xff", "its header cannot be read"),
        (struct.pack("<I", 200_000) + b"[" * 200_000, "its header cannot be read"),
        (struct.pack("<I", 5000) + b"9" * 5000, "its header cannot be read"),
        (b"\x02\x00\x00\x0012", "expected a record of type 'matrix', got 12"),
        (b"\x02\x00\x00\x00[]", r"expected a record of type 'matrix', got \[\]"),
        (b"\x02\x00\x00\x00{}", "expected a record of type 'matrix', got None"),
    ],
)
def test_forged_headers(content, message):
    with pytest.raises(RecordError, match=message):
        decode_matrix(b"TBCM\x01" + zlib.compress(content))


@pytest.mark.parametrize("names", [None, [], "ab", [1, 2], ["a", None], {"a": 1}])
def test_forged_class_lists(names):
    with pytest.raises(RecordError, match=r"^damaged record: a class list without names$"):
        decode_classes(sealed({"type": "classes", "names": names}, b""))


def test_a_matrix_is_no_class_list():
    with pytest.raises(RecordError, match=r"^expected a record of type 'classes', got 'matrix'$"):
        decode_classes(golden("asymmetric"))


def test_a_newer_version_asks_for_an_upgrade():
    message = "written by a newer version (format 7, this one reads up to 1); upgrade tb-confmat-plugin"
    for decode in (decode_matrix, decode_classes, class_list_id):
        for record in (b"TBCM\x07 in a layout of its own", b"TBCM\x07"):
            with pytest.raises(RecordError, match=f"^{re.escape(message)}$"):
                decode(record)


def test_a_version_that_never_was():
    with pytest.raises(RecordError, match=r"^damaged record: there is no format 0$"):
        decode_matrix(b"TBCM\x00" + golden("asymmetric")[5:])


def bomb(mebibytes: int, head: bytes = b"") -> bytes:
    stream = zlib.compressobj(1)
    zeros = bytes(2**20)
    return b"TBCM\x01" + stream.compress(head) + b"".join(stream.compress(zeros) for _ in range(mebibytes)) + stream.flush()


def test_a_bomb_is_refused():
    assert len(bomb(257)) < 2 * 2**20
    with pytest.raises(RecordError, match=r"^damaged record: it ends early, or is larger than 256 MiB when unpacked$"):
        decode_matrix(bomb(257))


def test_a_header_that_is_too_long_is_not_parsed():
    length = 32 * 2**20
    with pytest.raises(RecordError, match=r"^damaged record: its header cannot be read \(it has more than 32 MiB\)$"):
        decode_matrix(bomb(33, struct.pack("<I", length + 1)))
    with pytest.raises(RecordError, match=r"^damaged record: its header cannot be read \(Expecting value"):  # is looked at
        decode_matrix(bomb(33, struct.pack("<I", length)))


def test_what_no_reader_would_take_is_not_written(monkeypatch):
    with pytest.raises(
        ValueError, match=r"^expected at most 256 MiB .* and 32 MiB for the names in it, got 34 and 34 MiB; shorten the names"
    ):
        encode_classes(Classes.of(1, ["\N{CAT FACE}" * 3_000_000]))  # each takes 12 bytes
    wide = ConfusionMatrix.from_coo([1, 2, 2], [0, 2, 3], [5, 1, 1], 2**25 - 1)
    with pytest.raises(
        ValueError, match=r"^expected a matrix of at most 33,554,432 classes and cells .*, got 33,554,431 and 2; put classes"
    ):
        encode_matrix(wide)
    monkeypatch.setattr("tb_confmat_plugin.record.MAX_CELLS", 6)
    assert decode_matrix(encode_matrix(ConfusionMatrix.from_dense(DENSE))).to_dense().tolist() == DENSE
    monkeypatch.setattr("tb_confmat_plugin.record.MAX_CELLS", 5)
    with pytest.raises(ValueError, match="got 3 and 3"):
        encode_matrix(ConfusionMatrix.from_dense(DENSE))


def test_the_largest_record_is_written_and_read(monkeypatch):
    matrix = ConfusionMatrix.from_dense(DENSE)
    content = body(encode_matrix(matrix))
    for bound, size in [("MAX_BODY_BYTES", len(content)), ("MAX_HEADER_BYTES", int.from_bytes(content[:4], "little"))]:
        monkeypatch.setattr(f"tb_confmat_plugin.record.{bound}", size)
        assert decode_matrix(encode_matrix(matrix)) == matrix
        monkeypatch.setattr(f"tb_confmat_plugin.record.{bound}", size - 1)
        with pytest.raises(ValueError, match="expected at most"):
            encode_matrix(matrix)
        monkeypatch.undo()


@pytest.mark.parametrize("name", [name for name in MATRICES if name != WRITTEN_ELSEWHERE])
def test_planes_that_are_decoded_in_pieces(name, monkeypatch):
    monkeypatch.setattr("tb_confmat_plugin.record._AT_ONCE", 2)
    assert cells(decode_matrix(golden(name))) == GOLDEN[name]["cells"]


@pytest.mark.parametrize("nested", [{"a": 1}, ["x" * 10**6]])
def test_a_message_stays_short(nested):
    for _ in range(300):
        nested = [nested]
    for header in ({**HEADER, "num_classes": nested}, {**HEADER, "type": nested}, {**HEADER, "dtype": nested}):
        with pytest.raises(RecordError) as caught:
            decode_matrix(sealed(header))
        assert len(str(caught.value)) < 200


def test_bytes_after_the_end_are_refused():
    record = encode_matrix(ConfusionMatrix.from_dense([[5, 2], [0, 3]]))
    with pytest.raises(RecordError, match=r"^damaged record: it goes on after its end$"):
        decode_matrix(record + b"x")
