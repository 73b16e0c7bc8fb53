"""What `add_confusion_matrix(..., examples=...)` puts into the event file."""

import io
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorboardX
from PIL import Image
from torch.utils.tensorboard import SummaryWriter as TorchWriter

from tb_confmat_plugin import ConfusionMatrixAccumulator, Example, SummaryWriter, add_confusion_matrix, example_log
from tb_confmat_plugin.example_record import decode_examples, decode_images
from tb_confmat_plugin.examples import MOST_ID, MOST_TEXT, Examples

COUNTS = [[11, 2, 5], [0, 13, 0], [1, 0, 300]]
NAMES = ("cat", "dog", "ant")


def picture(level: int) -> np.ndarray:
    return np.full((6, 9, 3), [level % 256, level // 256, 7], np.uint8)


@pytest.fixture
def log(tmp_path, read_log):
    """A function: what is in the log by now that is about examples."""
    return lambda: [value for value in read_log(tmp_path) if value.plugin == "confusion_matrix_examples"]


def images_in(logged) -> dict[tuple[str, str], Image.Image]:
    """Every image that a record may refer to."""
    return {
        (value.tag.rpartition("/")[2], name): Image.open(io.BytesIO(image))
        for value in logged
        if value.content == b"images"
        for name, image in decode_images(value.record).items()
    }


def shown(logged) -> dict[tuple[str, int], list[tuple]]:
    """Of each tag and step: cell, id and first pixel of every example, None without an image."""
    images, found = images_in(logged), {}
    for value in logged:
        if value.content == b"examples":
            kept, places = decode_examples(value.record)
            found[value.tag, value.step] = [
                (one.true, one.predicted, one.id, place and images[place].convert("RGB").getpixel((0, 0)))
                for one, place in zip(kept, places, strict=True)
            ]
    return found


@pytest.mark.parametrize("writer_class", [TorchWriter, SummaryWriter, tensorboardX.SummaryWriter])
def test_what_is_written(tmp_path, log, writer_class):
    with writer_class(str(tmp_path)) as writer:
        examples = [
            Example("dog", "cat", picture(3), "a text", "b.png", 0.75, 0.25),
            Example(0, 2, Image.fromarray(picture(5)), id=7),
            Example(np.int64(0), np.int64(2), picture(3) / 255, confidence=np.float32(0.5)),
        ]
        add_confusion_matrix(writer, "val", COUNTS, 3, 1234.5, class_names=NAMES, examples=examples)
    pack, record = log()
    assert (pack.content, pack.step, pack.wall_time, record.content, record.step, record.wall_time) == (
        *(b"images", 0, 1234.5),
        *(b"examples", 3, 1234.5),
    )
    assert record.tag == "confusion_matrix/examples/val"
    assert re.fullmatch("confusion_matrix/images/[0-9a-f]{16}", pack.tag)
    assert len(images_in(log())) == 2, "two of the three are of the same pixels"
    assert shown(log()) == {(record.tag, 3): [(0, 2, "7", (5, 0, 7)), (0, 2, None, (3, 0, 7)), (1, 0, "b.png", (3, 0, 7))]}
    kept, _ = decode_examples(record.record)
    assert [(one.text, one.confidence, one.true_confidence) for one in kept] == [
        (None, None, None),
        (None, 0.5, None),
        ("a text", 0.75, 0.25),
    ]
    assert kept.seen == {}


def test_an_image_is_written_once(tmp_path, log):
    with SummaryWriter(tmp_path) as writer:
        for step, levels in enumerate([(1, 2), (1, 2), (2, 3), (3,)]):
            examples = [Example(0, 1, picture(level), id=str(level)) for level in levels]
            writer.add_confusion_matrix("val", COUNTS, step, examples=examples)
            writer.add_confusion_matrix("train", COUNTS, step, examples=examples[:1])
    assert [len(decode_images(value.record)) for value in log() if value.content == b"images"] == [2, 1]
    assert [[one[3][0] for one in shown(log())["confusion_matrix/examples/val", step]] for step in range(4)] == [
        [1, 2],
        [1, 2],
        [2, 3],
        [3],
    ]
    assert [one[3][0] for one in shown(log())["confusion_matrix/examples/train", 2]] == [2]


def test_a_restart_has_its_images_again(tmp_path, log):
    for step in (0, 1):
        with SummaryWriter(tmp_path) as writer:
            writer.add_confusion_matrix("val", COUNTS, step, examples=[Example(0, 1, picture(5))])
    assert [value.content for value in log()] == [b"images", b"examples"] * 2
    assert len(images_in(log())) == 1


def test_what_an_accumulator_kept(tmp_path, log):
    accumulator = ConfusionMatrixAccumulator(3, NAMES, thumbnail_size=200)
    accumulator.update([0, 0, 0, 1], [1, 1, 1, 1], images=np.zeros((4, 150, 180)), ids=list("abcd"))
    with SummaryWriter(tmp_path) as writer:
        writer.add_confusion_matrix("val", accumulator.compute(), 1, examples=accumulator.examples())
    ((image,), record) = images_in(log()).values(), log()[-1]
    assert image.size == (180, 150)
    kept, _ = decode_examples(record.record)
    assert kept.seen == {(1, 0): 3, (1, 1): 1}
    assert sorted(one.id for one in kept) == list("abcd")


@pytest.mark.parametrize("examples", [None, [], Examples(), ConfusionMatrixAccumulator(3).examples()])
def test_without_examples_nothing_changes(tmp_path, read_log, examples):
    for directory, more in ((tmp_path / "with", {"examples": examples}), (tmp_path / "without", {})):
        with SummaryWriter(directory) as writer:
            add_confusion_matrix(writer, "val", COUNTS, 1, 1234.5, class_names=NAMES, **more)
    assert read_log(tmp_path / "with") == read_log(tmp_path / "without")


EXAMPLE = Example(0, 1)


@pytest.mark.parametrize(
    ("examples", "error", "message"),
    [
        (EXAMPLE, TypeError, "expected examples as a list of Example or what accumulator.examples() returns, got Example"),
        (7, TypeError, "expected examples as a list of Example or what accumulator.examples() returns, got int"),
        ([EXAMPLE, (0, 1)], TypeError, "expected examples as a list of Example, got tuple at position 1"),
        ([Example("cow", 1)], ValueError, "expected true of example 0 as one of the class names or an index, got 'cow'"),
        ([EXAMPLE, Example(0, 3)], ValueError, "expected predicted of example 1 from 0 to 2, got 3"),
        ([Example(True, 1)], TypeError, "expected true of example 0 as a class name or an index, got True"),
        ([Example(0.0, 1)], TypeError, "expected true of example 0 as a class name or an index, got 0.0"),
        ([Example(0, 1, confidence=1.5)], ValueError, "expected confidence of example 0 from 0 to 1, got 1.5"),
        ([Example(0, 1, true_confidence=float("nan"))], ValueError, "expected true_confidence of example 0 from 0 to 1, got nan"),
        ([Example(0, 1, confidence="high")], ValueError, "expected confidence of example 0 from 0 to 1, got 'high'"),
        ([Example(0, 1, text=5)], TypeError, "expected the text of example 0 as a string, got 5"),
        ([Example(0, 1, image="<svg/>")], TypeError, "expected the image of example 0 as a tensor, an array or a PIL image, got str"),
    ],
    ids=range(12),
)
def test_what_are_no_examples_writes_nothing(tmp_path, read_log, examples, error, message):
    with SummaryWriter(tmp_path) as writer, pytest.raises(error, match=f"^{re.escape(message)}$"):
        writer.add_confusion_matrix("val", COUNTS, 1, class_names=NAMES, examples=examples)
    assert read_log(tmp_path) == []


def test_hostile_images_are_told_and_stop_nothing(tmp_path, log):
    images = [np.full((4, 4), np.nan), np.zeros((0, 0)), np.broadcast_to(np.uint8(1), (20_000, 20_000)), picture(9)]
    with SummaryWriter(tmp_path) as writer, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        writer.add_confusion_matrix("val", COUNTS, 1, examples=[Example(0, 1, image) for image in images])
    (warning,) = warned
    assert str(warning.message) == "example 0 is logged without its image: the image has values that are NaN or infinite"
    assert warning.filename == __file__
    kept, places = decode_examples(log()[-1].record)
    assert [place is None for place in places] == [True, True, True, False]
    assert [one.no_image and one.no_image[:20] for one in kept] == [
        "the image has values",
        "the image has no pix",
        "the image is too lar",
        None,
    ]


def test_long_texts_and_ids_are_cut(tmp_path, log):
    with SummaryWriter(tmp_path) as writer:
        writer.add_confusion_matrix("val", COUNTS, 1, examples=[Example(0, 1, text="t" * 10**6, id="i" * 10**6)])
    (one,) = decode_examples(log()[0].record)[0]
    assert (len(one.text), len(one.id), one.text[-1]) == (MOST_TEXT, MOST_ID, "…")


def test_more_examples_than_a_step_may_have(tmp_path, log):
    with SummaryWriter(tmp_path) as writer, pytest.warns(UserWarning, match=r"^of 1001 examples the first 1000 are logged$"):
        writer.add_confusion_matrix("val", COUNTS, 1, examples=[Example(number % 2, 2, id=str(number)) for number in range(1001)])
    kept, _ = decode_examples(log()[0].record)
    assert {one.id for one in kept} == set(map(str, range(1000)))


def test_when_a_run_has_too_many_images(tmp_path, log, monkeypatch):
    monkeypatch.setattr(example_log, "IMAGE_BYTES", 120)
    with SummaryWriter(tmp_path) as writer, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for step in range(5):
            writer.add_confusion_matrix("val", COUNTS, step, examples=[Example(0, 1, picture(level)) for level in (0, step)])
    assert [str(one.message) for one in warned] == ["the log of this run has 32 MiB of images and takes no more"]
    assert warned[0].filename == __file__
    images = images_in(log())
    assert 0 < len(images) < 5
    pixels = [[one[3] and one[3][0] for one in examples] for examples in shown(log()).values()]
    assert pixels == [[0, step if step < len(images) else None] for step in range(5)]
    last, _ = decode_examples(log()[-1].record)
    assert last[1].no_image == example_log.FULL


LOGGING = """
import sys, numpy as np
from tb_confmat_plugin import Example, SummaryWriter
random = np.random.default_rng(0)
writer = SummaryWriter(sys.argv[1])
for step in range(10**6):
    images = random.integers(256, size=(40, 32, 32, 3), dtype=np.uint8)
    examples = [Example(0, 1, image, id=f"{step}/{number}") for number, image in enumerate(images)]
    writer.add_confusion_matrix("val", [[step, 40], [0, 1]], step, examples=examples)
    if step % 3 == 0:
        writer.flush()
        print(step, flush=True)
"""


@pytest.mark.parametrize("steps", [4, 7, 10])
def test_kill_9_loses_no_earlier_step(tmp_path, read_log, steps):
    """Killed while it logs: all that was flushed before is there, with its images."""
    process = subprocess.Popen([sys.executable, "-c", LOGGING, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        flushed = [int(process.stdout.readline()) for _ in range(steps)][-1]
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    logged = read_log(tmp_path)
    assert {value.step for value in logged if value.content == b"matrix"} >= set(range(flushed + 1))
    found = shown([value for value in logged if value.plugin == "confusion_matrix_examples"])
    for step in range(flushed + 1):
        examples = found["confusion_matrix/examples/val", step]
        assert [one[2] for one in examples] == [f"{step}/{number}" for number in range(40)]
        assert all(one[3] for one in examples)


def test_nothing_of_examples_is_loaded_with_the_plugin():
    script = "import tb_confmat_plugin.plugin, sys; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    assert done.stdout.strip() == "False"
