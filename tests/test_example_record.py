import json
import re
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.example_record import decode_examples, decode_images, encode_examples, encode_images, pack_id, packs_of
from tb_confmat_plugin.examples import Example, Examples
from tb_confmat_plugin.record import RecordError, decode_matrix

modest = settings(deadline=None, derandomize=True, max_examples=100)

RECORDS = Path(__file__).parent / "records" / "examples"
GOLDEN = {path.stem: json.loads(path.read_text("ascii")) for path in sorted(RECORDS.glob("*.json"))}
EXAMPLES = [name for name, content in GOLDEN.items() if "examples" in content]
IMAGES = [name for name, content in GOLDEN.items() if "images" in content]
BAD = [name for name, content in GOLDEN.items() if "error" in content]
NAMES = {None: None, Classes.of(3, ["cat", "dog", "ant"]).id: ["cat", "dog", "ant"]}


def golden(name: str) -> bytes:
    return (RECORDS / f"{name}.bin").read_bytes()


def header_of(record: bytes) -> dict:
    body = zlib.decompress(record[5:])
    (length,) = struct.unpack_from("<I", body)
    return json.loads(body[4 : 4 + length])


def test_every_golden_file_is_read_here():
    assert {path.stem for path in RECORDS.glob("*.bin")} == {*EXAMPLES, *IMAGES, *BAD}
    assert (len(EXAMPLES), len(IMAGES)) == (4, 2)
    assert len(BAD) > 15


@pytest.mark.parametrize("name", EXAMPLES)
def test_golden_examples(name):
    kept, places = decode_examples(golden(name))
    expected = GOLDEN[name]
    assert [{**vars(one), "image": place and list(place)} for one, place in zip(kept, places, strict=True)] == expected["examples"]
    assert kept.seen == {(true, predicted): seen for true, predicted, _, seen in expected["cells"] if seen is not None}
    assert [(one.true, one.predicted) for one in kept] == [tuple(cell[:2]) for cell in expected["cells"] for _ in range(cell[2])]
    header = header_of(golden(name))
    assert (header["num_classes"], header["classes"]) == (expected["num_classes"], expected["classes_id"])


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "more_than_known"])
def test_golden_examples_are_written_again(name):
    record = golden(name)
    kept, places = decode_examples(record)
    written = encode_examples(kept, places, Classes.of(3, NAMES[GOLDEN[name]["classes_id"]]))
    assert written[:5] == record[:5]
    assert zlib.decompress(written[5:]) == zlib.decompress(record[5:])


@pytest.mark.parametrize("name", IMAGES)
def test_golden_images(name):
    found = decode_images(golden(name))
    assert {name: image.hex() for name, image in found.items()} == GOLDEN[name]["images"]
    assert encode_images(found) == golden(name)


@pytest.mark.parametrize("name", BAD)
def test_bad_records(name):
    read = {"examples": decode_examples, "images": decode_images}[GOLDEN[name]["type"]]
    with pytest.raises(RecordError, match=GOLDEN[name]["error"]):
        read(golden(name))


def test_types_are_not_mistaken():
    with pytest.raises(RecordError, match=re.escape("expected a record of type 'matrix', got 'examples'")):
        decode_matrix(golden("full"))


def test_the_packs_that_a_record_names():
    assert packs_of(golden("full")) == sorted({place[0] for one in GOLDEN["full"]["examples"] if (place := one["image"])})
    assert packs_of(golden("none")) == packs_of(golden("pack_no_name")) == packs_of(golden("images")) == packs_of(b"") == []
    record = b"TBCM\x01" + zlib.compress(struct.pack("<I", 32) + b'{"type":"examples", "packs":  7}')
    assert packs_of(record) == []


def test_a_pack_is_called_by_the_names_of_its_images():
    assert pack_id(["0" * 16, "1" * 16]) == pack_id(("0" * 16, "1" * 16)) != pack_id(["1" * 16, "0" * 16])
    assert re.fullmatch("[0-9a-f]{16}", pack_id([]))


names = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")
shares = st.none() | st.integers(0, 10**5).map(lambda part: part / 10**5)
any_text = st.none() | st.text(st.characters(), max_size=20)


@st.composite
def stored(draw):
    cells = sorted(draw(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=5)))
    kept, places, seen = [], [], {}
    for cell in cells:
        count = draw(st.integers(1, 4))
        if draw(st.booleans()):
            seen[cell] = draw(st.integers(count, 10**6))
        for _ in range(count):
            place = draw(st.none() | st.tuples(names, names))
            reason = None if place else draw(st.none() | st.just("the image has no pixels"))
            kept.append(Example(*cell, None, draw(any_text), draw(any_text), draw(shares), draw(shares), reason))
            places.append(place)
    return Examples(tuple(kept), seen), places


@modest
@given(stored())
def test_what_is_written_is_read(given):
    assert decode_examples(encode_examples(*given, Classes(5))) == given


@modest
@given(st.dictionaries(names, st.binary(max_size=50), max_size=5))
def test_images_that_are_written_are_read(images):
    assert decode_images(encode_images(images)) == images


@pytest.mark.parametrize("name", ["full", "images"])
def test_any_damage_is_named(name):
    """Every byte changed, one by one: a record error, or what was not touched is right."""
    record, read = golden(name), {"full": decode_examples, "images": decode_images}[name]
    for at in range(5, len(record)):
        with pytest.raises(RecordError):
            read(record[:at] + bytes([record[at] ^ 0x21]) + record[at + 1 :])
