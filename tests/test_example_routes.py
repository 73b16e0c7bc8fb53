"""The routes of examples in http_api.md, asked of a real TensorBoard on both of its data paths."""

import io
import shutil
import struct

import numpy as np
import pytest
from PIL import Image
from tensorboard.util.tensor_util import make_tensor_proto

from tb_confmat_plugin import Example, SummaryWriter
from tb_confmat_plugin.example_record import decode_examples, encode_images
from tb_confmat_plugin.names import EXAMPLES_CONTENT, EXAMPLES_PLUGIN_NAME, IMAGES_CONTENT, examples_tag, image_pack_tag
from tb_confmat_plugin.summary import tensor_summary

DATA = "/data/plugin/confusion_matrix"
COUNTS = [[11, 2], [7, 13]]
MANY = 250  # steps, more than the 100 of which TensorBoard keeps the examples
ODD = "välidierung/ä?&=#%2F+ \"'<i>"
NAME = "00112233445566aa"


def picture(level: int) -> np.ndarray:
    return np.full((6, 9, 3), [level % 256, level // 256, 7], np.uint8)


def log_steps(writer, tag, *steps):
    """Each step has a new image and one that all have."""
    for step in steps:
        examples = [Example(1, 0, picture(step), id=f"{step}.png", confidence=0.5), Example(0, 0, picture(999), id="<script>.png")]
        writer.add_confusion_matrix(tag, COUNTS, step, examples=examples)


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("log")
    with SummaryWriter(logdir / "many") as writer:
        log_steps(writer, "val", *range(MANY))
    for steps in ((0, 1), (2, 5)):
        with SummaryWriter(logdir / "resumed") as writer:
            log_steps(writer, "val", *steps)
            log_steps(writer, ODD, steps[0])
            writer.add_confusion_matrix("bare", COUNTS, steps[0])
        for path in (logdir / "resumed").glob("*tfevents*"):  # as if it had been begun long ago: files of one second have no order
            stem, _, rest = path.name.removeprefix("events.out.tfevents.").partition(".")
            path.rename(path.with_name(f"events.out.tfevents.{int(stem) - 1000}.{rest}"))
    with SummaryWriter(logdir / "foreign") as writer:
        log_steps(writer, "val", 0)
        for tag, pack in (
            ("svg", encode_images({NAME: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"})),
            ("html", encode_images({NAME: b"<script>alert(1)</script>"})),
            ("damaged", b"TBCM\x01 and so on"),
        ):
            summary = tensor_summary(image_pack_tag(tag), pack, IMAGES_CONTENT, EXAMPLES_PLUGIN_NAME)
            writer._get_file_writer().add_summary(summary, 0)
        summary = tensor_summary(examples_tag("bad"), b"no record", EXAMPLES_CONTENT, EXAMPLES_PLUGIN_NAME)
        writer._get_file_writer().add_summary(summary, 0)
        summary.value[0].tensor.CopyFrom(make_tensor_proto(0.5))
        writer._get_file_writer().add_summary(summary, 1)
        writer.add_confusion_matrix("end", COUNTS, 0)
    return logdir


def has_read_everything(board) -> bool:
    last = {run: steps[-1] for run, steps in board.steps("val").items()}
    return last == {"foreign": 0, "many": MANY - 1, "resumed": 5} and board.steps("end")


@pytest.fixture(scope="module")
def board(serve, logdir, load_fast, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy") / "log"
    shutil.copytree(logdir, copy)
    with serve(copy, load_fast, "--reload_interval", "1", ready=has_read_everything) as board:
        board.logdir = copy
        yield board
        assert "Traceback" not in board.output, board.output


def series(board, tag) -> dict[str, dict]:
    answer = board.json(f"{DATA}/example_series", tag=tag)
    assert (set(answer), answer["tag"]) == ({"tag", "series"}, tag)
    return {one["run"]: one for one in answer["series"]}


def records(board, run, tag, first, last) -> list[tuple[int, bytes]]:
    status, body, headers = board.get(f"{DATA}/example_records", run=run, tag=tag, first=first, last=last)
    assert status == 200, body
    assert headers["content-type"] == "application/octet-stream"
    found = []
    while body:
        step, _, length = struct.unpack_from("<ddI", body)
        found.append((int(step), body[20 : 20 + length]))
        body = body[20 + length :]
    return found


def level_of(board, run, place) -> int:
    """What `picture` was given for the image at a place of a record."""
    status, body, headers = board.get(f"{DATA}/image", run=run, pack=place[0], name=place[1])
    assert status == 200, body
    assert headers["content-type"] in ("image/png", "image/webp")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "private, max-age=31536000"
    red, green, _ = Image.open(io.BytesIO(body)).convert("RGB").getpixel((4, 3))
    return red + 256 * green


def test_series(board):
    found = series(board, "val")
    assert list(found) == ["foreign", "many", "resumed"]
    assert set(found["many"]) == {"run", "steps", "wall_times", "sizes", "sampled"}
    assert found["resumed"]["steps"] == [0, 1, 2, 5]
    assert series(board, "bare") == series(board, "nothing") == {}
    assert series(board, ODD)["resumed"]["steps"] == [0, 2]


def test_examples_are_sampled_apart_from_the_matrices(board):
    assert board.steps("val")["many"] == list(range(MANY))
    found = series(board, "val")["many"]
    assert len(found["steps"]) == 100
    assert found["steps"][-1] == MANY - 1
    assert found["sizes"] == [len(record) for _, record in records(board, "many", "val", 0, MANY)]


def test_every_image_is_found_after_sampling(board):
    """The one that all steps have was written at the first step, which may have been left out."""
    for step, record in records(board, "many", "val", 0, MANY)[::7]:
        kept, places = decode_examples(record)
        assert [(one.true, one.predicted, one.id) for one in kept] == [(0, 0, "<script>.png"), (1, 0, f"{step}.png")]
        assert [level_of(board, "many", place) for place in places] == [999, step]


def test_every_image_is_found_after_a_restart(board):
    for step in (0, 1, 2, 5):
        ((found, record),) = records(board, "resumed", "val", step, step)
        assert found == step
        assert [level_of(board, "resumed", place) for place in decode_examples(record)[1]] == [999, step]


def test_what_tells_of_tags_knows_no_examples(board):
    assert board.json(f"{DATA}/tags") == {"tags": sorted(["val", ODD, "bare", "end"])}


def test_a_record_that_can_not_be_read_passes_untouched(board):
    assert records(board, "foreign", "bad", 0, 0) == [(0, b"no record")]
    assert records(board, "foreign", "bad", 1, 1) == [(1, b"")]


@pytest.mark.parametrize(
    ("path", "query", "status", "message"),
    [
        ("/example_series", {}, 400, "Invalid argument: expected a query parameter 'tag', got []"),
        (
            "/example_records",
            {"run": "many", "tag": "bare", "first": 0, "last": 1},
            404,
            "Not found: run 'many' has no examples of tag 'bare'; /example_series lists what there is",
        ),
        (
            "/example_records",
            {"run": "many", "tag": "val", "first": "x", "last": 1},
            400,
            "Invalid argument: expected 'first' as an integer, got 'x'",
        ),
        ("/image", {"run": "many", "pack": "x"}, 400, "Invalid argument: expected a query parameter 'name', got ['pack', 'run']"),
        ("/image", {"run": "x", "pack": "y", "name": "z"}, 404, "Not found: run 'x' has no image 'z' in a pack 'y'"),
        ("/image", {"run": "foreign", "pack": "svg", "name": "z"}, 404, "Not found: run 'foreign' has no image 'z' in a pack 'svg'"),
        *(
            (
                "/image",
                {"run": "foreign", "pack": pack, "name": NAME},
                404,
                f"Not found: image {NAME!r} in pack {pack!r} of run 'foreign' is neither PNG nor WebP, and nothing else is sent",
            )
            for pack in ("svg", "html")
        ),
        (
            "/image",
            {"run": "foreign", "pack": "damaged", "name": NAME},
            404,
            "Not found: pack 'damaged' of run 'foreign' can't be read: "
            "damaged record: Error -3 while decompressing data: incorrect header check",
        ),
    ],
)
def test_errors(board, path, query, status, message):
    found, body, headers = board.get(f"{DATA}{path}", **query)
    assert (found, body.decode()) == (status, message)
    assert headers["content-type"].startswith("text/plain")
    assert headers["x-content-type-options"] == "nosniff"


def test_new_examples_appear_when_tensorboard_reloads(board):
    assert "new" not in series(board, "val")
    with SummaryWriter(board.logdir / "new") as writer:
        log_steps(writer, "val", 3)
    board.wait(lambda board: "new" in series(board, "val"))
    ((_, record),) = records(board, "new", "val", 3, 3)
    assert [level_of(board, "new", place) for place in decode_examples(record)[1]] == [999, 3]


def test_the_users_own_sampling(serve, logdir, load_fast):
    with serve(logdir, load_fast, "--samples_per_plugin", "confusion_matrix_examples=0,confusion_matrix=9", ready=None) as board:
        board.wait(lambda board: len(series(board, "val").get("many", {"steps": ()})["steps"]) == MANY)
        board.wait(lambda board: len(board.steps("val").get("many", ())) == 9)
