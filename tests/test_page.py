import base64
import hashlib
import io
import json
import math
import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from tb_confmat_plugin import ConfusionMatrix, Example, SummaryWriter, page, read_confusion_matrices, show
from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.convert import logged_matrix
from tb_confmat_plugin.example_record import decode_examples, decode_images, encode_images
from tb_confmat_plugin.page import Page, page_html
from tb_confmat_plugin.reader import LoggedExamples, LoggedMatrix
from tb_confmat_plugin.record import class_list_id, decode_classes, decode_matrix, sealed

NAMES = ["cat", "dog", "owl"]
COUNTS = [[11, 2, 5], [0, 13, 0], [1, 0, 300]]
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]><img src=x onerror=alert(1)>",
    "\"'&quot;&lt;b&gt;&#x27;",
    "\u2028\u2029\x00\r\n",
    "\ud83d",
    "größe 日本 \u202e",
    "",
    "__proto__",
    "{policy}",
]


def named(counts=COUNTS, names=NAMES):
    return ConfusionMatrix.from_dense(counts, names)


class Document(HTMLParser):
    """A page as a browser takes it: its tags, its policy, its scripts by their types, and its log."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.scripts: dict[str, str] = {}
        self._type = ""
        self.feed(html)
        self.close()
        self.log = json.loads(self.scripts["application/json"])

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self._type = dict(attrs)["type"] if tag == "script" else ""
        if ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = dict(part.strip().partition(" ")[::2] for part in dict(attrs)["content"].split(";"))

    def handle_endtag(self, tag):
        self._type = ""

    def handle_data(self, data):
        if self._type:
            self.scripts[self._type] = self.scripts.get(self._type, "") + data

    def matrices(self):
        """(run, tag) -> step -> matrix."""
        lists = {identifier: decode_classes(base64.b64decode(record)) for identifier, record in self.log["classes"].items()}
        found = {}
        for series in self.log["matrices"]:
            assert len(series["steps"]) == len(series["wall_times"]) == len(series["records"])
            assert series["steps"] == sorted(set(series["steps"]))
            for step, record in zip(series["steps"], map(base64.b64decode, series["records"]), strict=True):
                found.setdefault((series["run"], series["tag"]), {})[step] = decode_matrix(record, lists.get(class_list_id(record)))
        return found


def of_step(step, counts=COUNTS, run="a", tag="val", wall_time=1.5, names=NAMES):
    return logged_matrix(run, tag, step, wall_time, named(counts, names) if names else ConfusionMatrix.from_dense(counts))


def test_what_was_logged_is_in_the_page_as_it_was_logged():
    other = np.array(COUNTS) + 1
    matrices = [of_step(7), of_step(-3, other), of_step(1, run="b"), of_step(0, [[1, 2], [0, 9]], tag="train", names=None)]
    document = Document(page_html(matrices))
    assert document.matrices() == {
        ("a", "train"): {0: ConfusionMatrix.from_dense([[1, 2], [0, 9]])},
        ("a", "val"): {-3: named(other), 7: named()},
        ("b", "val"): {1: named()},
    }
    assert [series["tag"] for series in document.log["matrices"]] == ["train", "val", "val"]
    assert base64.b64decode(document.log["matrices"][1]["records"][1]) == matrices[0].record
    assert document.log["matrices"][1]["wall_times"] == [1.5, 1.5]
    assert (document.log["examples"], document.log["images"]) == ([], {})
    assert len(document.log["classes"]) == 1, "the names of several runs are there once"


def test_class_names_go_by_the_id_that_the_records_have():
    """Whatever it was made from: another version may make it otherwise."""
    header = {"type": "matrix", "num_classes": 2, "cells": 0, "dtype": "int64", "total": 3, "classes": "00ff"}
    record = sealed(header, [b"\1\2"])
    document = Document(page_html([LoggedMatrix("a", "val", 1, 1.0, record, Classes.of(2, ["x", "y"]))]))
    assert document.log["classes"].keys() == {"00ff"}
    assert document.matrices() == {("a", "val"): {1: ConfusionMatrix.from_dense([[1, 0], [0, 2]], ["x", "y"])}}


def test_only_the_frontend_may_run_and_nothing_is_loaded():
    document = Document(page_html([of_step(1)]))
    assert document.scripts.keys() == {"text/plain", "application/json", "module"}
    digest = base64.b64encode(hashlib.sha256(document.scripts["module"].encode()).digest()).decode()
    assert document.policy == {
        "default-src": "'none'",
        "connect-src": "'none'",
        "img-src": "data:",
        "script-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not {name for _, names in document.tags for name in names if name in ("src", "href", "srcdoc", "style") or name.startswith("on")}
    assert "Preact" in document.scripts["text/plain"], "the licenses of what is in it go with every copy"


def test_hostile_names_are_data():
    tags = Document(page_html([of_step(1)])).tags
    hostile = named(np.arange(len(HOSTILE) ** 2).reshape(len(HOSTILE), -1), HOSTILE)
    html = page_html([logged_matrix(name, name, 3, 1.0, hostile) for name in HOSTILE])
    html.encode("ascii")
    document = Document(html)
    assert document.tags == tags
    assert document.matrices() == {(name, name): {3: hostile} for name in HOSTILE}
    assert "<" not in document.scripts["application/json"], "no script and no comment begins in it"
    assert html.count("</script") == 3
    assert "<!--" not in html


def test_of_a_step_that_is_there_twice_the_last_one_is_shown():
    document = Document(page_html([of_step(2), of_step(2, [[1, 0, 0], [9, 1, 0], [0, 0, 1]], wall_time=2.5)]))
    assert document.matrices() == {("a", "val"): {2: named([[1, 0, 0], [9, 1, 0], [0, 0, 1]])}}
    assert document.log["matrices"][0]["wall_times"] == [2.5]


@pytest.mark.parametrize("wall_time", [math.nan, math.inf, -math.inf])
def test_times_that_json_does_not_have(wall_time):
    assert Document(page_html([of_step(2, wall_time=wall_time)])).log["matrices"][0]["wall_times"] == [0]


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    """Runs "a" and "b" with examples of steps 1 and 2, and step 3 without; an image of a's at both steps."""
    directory = tmp_path_factory.mktemp("log")
    for run, grey in (("a", 0), ("b", 100)):
        with SummaryWriter(directory / run) as writer:
            for step in (1, 2):
                images = [Image.new("L", (8, 6), grey + shade) for shade in (10, 10 + step)]
                examples = [Example("cat", "owl", image=images[0], text=HOSTILE[0]), Example("owl", "cat", image=images[1], id=HOSTILE[1])]
                writer.add_confusion_matrix("val", COUNTS, step, class_names=NAMES, examples=examples)
            writer.add_confusion_matrix("val", COUNTS, 3, class_names=NAMES)
    return directory


def images_of(document):
    """The middle pixel of each image that is in the page, by its name."""
    found = {}
    for name, address in document.log["images"].items():
        kind, _, data = address.partition(";base64,")
        assert kind in ("data:image/png", "data:image/webp")
        found[name] = Image.open(io.BytesIO(base64.b64decode(data))).convert("L").getpixel((4, 3))
    return found


def test_examples_and_their_images(logdir):
    document = Document(page_html(read_confusion_matrices(logdir, examples=True)))
    pixels = images_of(document)
    assert sorted(pixels.values()) == [10, 11, 12, 110, 111, 112], "each once, though one was shown at both steps"
    for series, grey in zip(document.log["examples"], (0, 100), strict=True):
        assert series["steps"] == [1, 2]
        for step, record in zip(series["steps"], series["records"], strict=True):
            examples, places = decode_examples(base64.b64decode(record))
            assert [(one.true, one.predicted, one.text, one.id) for one in examples.kept] == [
                (0, 2, HOSTILE[0], None),
                (2, 0, None, HOSTILE[1]),
            ]
            assert [pixels[name] for _, name in places] == [grey + 10, grey + 10 + step]


def test_only_images_that_are_shown_are_in_the_page(logdir):
    (last,) = [logged for logged in read_confusion_matrices(logdir, run="b", examples=True) if logged.step == 2]
    assert sorted(images_of(Document(page_html([last]))).values()) == [110, 112]


def test_examples_that_were_not_asked_for(logdir):
    document = Document(page_html(read_confusion_matrices(logdir)))
    assert len(document.log["matrices"]) == 2
    assert (document.log["examples"], document.log["images"]) == ([], {})


def damaged(logged, change):
    """The matrix with the packs of its run changed."""
    packs = {tag: change(record) for tag, record in logged.examples.packs.items()}
    return replace(logged, examples=LoggedExamples(logged.examples.record, packs))


@pytest.mark.parametrize(
    "change",
    [
        lambda pack: pack[:-9],
        lambda pack: encode_images({}),
        lambda pack: encode_images(dict.fromkeys(decode_images(pack), b"<svg onload=alert(1)>")),
    ],
    ids=["a damaged pack", "a pack without it", "no image"],
)
def test_images_that_cannot_be_had(logdir, change):
    logged = read_confusion_matrices(logdir, run="a", examples=True)[0]
    with pytest.warns(UserWarning, match="^2 images of examples are left out: they are not in the log, or damaged$") as told:
        shown = show(damaged(logged, change))
    assert told[0].filename == __file__
    document = Document(shown.html)
    assert document.log["images"] == {}
    assert len(document.log["examples"]) == 1


def test_an_image_that_one_run_has_lost(logdir):
    """It is called by its pixels: that of another run is the same."""
    first, second = read_confusion_matrices(logdir, run="a", examples=True)[:2]
    only_of_first = replace(second, examples=LoggedExamples(second.examples.record, {}))
    with pytest.warns(UserWarning, match="^1 images"):
        document = Document(page_html([damaged(only_of_first, bytes), first]))
    assert sorted(images_of(document).values()) == [10, 11]


def test_a_record_of_examples_that_cannot_be_read_is_for_the_dashboard_to_tell(logdir):
    logged = read_confusion_matrices(logdir, run="a", examples=True)[0]
    broken = replace(logged, examples=LoggedExamples(logged.examples.record[:-5], logged.examples.packs))
    document = Document(page_html([broken]))
    assert base64.b64decode(document.log["examples"][0]["records"][0]) == broken.examples.record


LABELS = [f"class {index}" for index in range(100)]


def usual(step):
    """10,000 samples, 40% of them wrong, all over: about 3,300 of the 10,000 cells are filled."""
    rng = np.random.default_rng(step)
    target = rng.integers(100, size=10_000)
    preds = np.where(rng.random(10_000) < 0.4, rng.integers(100, size=10_000), target)
    return ConfusionMatrix.from_predictions(preds, target, num_classes=100, class_names=LABELS)


def filled(step):
    """350,000 samples, and each cell is filled."""
    return ConfusionMatrix.from_dense(np.random.default_rng(step).poisson(30, (100, 100)) + 500 * np.eye(100, dtype=int), LABELS)


def noise(step):
    """Each cell is filled, with a count of three digits that nothing foretells."""
    return ConfusionMatrix.from_dense(np.random.default_rng(step).integers(100, 1000, (100, 100)), LABELS)


def three_runs(matrix):
    return page_html([logged_matrix(f"run {run}", "val", step, step, matrix(50 * run + step)) for run in range(3) for step in range(50)])


def test_three_runs_of_fifty_steps_and_a_hundred_classes_take_less_than_2_mb():
    html = three_runs(usual)
    assert len(html) / 1e6 == pytest.approx(0.8, abs=0.1)
    assert sum(map(len, Document(html).matrices().values())) == 150


# As told in docs/logs.md. Noise of three digits takes 1.8 MB however it is packed, and a third more as text.
@pytest.mark.parametrize(("matrix", "megabytes"), [(filled, 1.7), (noise, 3.4)])
def test_they_take_more_where_each_cell_is_filled(matrix, megabytes):
    assert len(three_runs(matrix)) / 1e6 == pytest.approx(megabytes, abs=0.1)


def test_a_large_page_is_told_and_a_larger_one_refused(monkeypatch):
    logged = replace(of_step(1, names=None), record=bytes(3_000_000))
    less = "choose runs, a tag or a step, or leave the examples out"
    monkeypatch.setattr(page, "MANY_BYTES", 4_000_000)
    assert 4_000_000 < len(show(logged).html) < 4_500_000
    monkeypatch.setattr(page, "MANY_BYTES", 3_999_999)
    with pytest.warns(UserWarning, match=f"^a page of 4 MB takes browsers several seconds to open; to be faster, {less}$") as told:
        show(logged)
    assert told[0].filename == __file__
    monkeypatch.setattr(page, "MOST_BYTES", 3_999_999)
    with pytest.raises(ValueError, match=f"^expected at most 4 MB in a page, which browsers open, got 4 MB; {less}$"):
        show(logged)


def test_one_matrix():
    document = Document(show(named()).html)
    assert document.matrices() == {("matrix", "matrix"): {0: named()}}
    assert Document(named().show().html).matrices() == document.matrices()
    assert (named().show().height, named().show(height=300).height) == (640, 300)
    assert Document(show(COUNTS).html).matrices() == {("matrix", "matrix"): {0: ConfusionMatrix.from_dense(COUNTS)}}
    assert abs(document.log["matrices"][0]["wall_times"][0] - time.time()) < 600


def test_several_matrices_are_runs_in_their_order():
    document = Document(show({"new": named(), "a": COUNTS}).html)
    assert document.matrices() == {("new", "matrix"): {0: named()}, ("a", "matrix"): {0: ConfusionMatrix.from_dense(COUNTS)}}
    assert [series["run"] for series in document.log["matrices"]] == ["new", "a"]


def test_what_was_read_from_a_log(logdir):
    found = read_confusion_matrices(logdir)
    assert Document(show(found).html).matrices() == {(run, "val"): dict.fromkeys((1, 2, 3), named()) for run in "ab"}
    assert Document(show(found[-1]).html).matrices() == {("b", "val"): {3: named()}}


@pytest.mark.parametrize(
    ("matrices", "error", "message"),
    [
        ({}, ValueError, "expected at least one confusion matrix, got none"),
        ([named(), named()], TypeError, 'expected several matrices by name, got a list; pass {"before": one, "after": other}'),
        ((named(), COUNTS), TypeError, 'expected several matrices by name, got a tuple; pass {"before": one, "after": other}'),
        ({1: COUNTS}, TypeError, "expected matrices by name, got the names [1]"),
        (named() - named([[0, 3, 0], [0, 0, 0], [0, 0, 0]]), ValueError, "expected counts of at least 0, got -1 at (true 0, predicted 1)"),
        ("cat", TypeError, "expected"),
    ],
)
def test_what_cannot_be_shown(matrices, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        show(matrices)


def test_an_empty_log(tmp_path):
    with pytest.raises(ValueError, match=r"^expected at least one confusion matrix, got none$"):
        show(read_confusion_matrices(tmp_path))


def test_a_notebook_shows_it_in_a_frame_without_rights():
    shown = show({HOSTILE[3]: named()}, height=333)
    assert repr(shown) == "Page(height=333)"
    frames = []

    class Cell(HTMLParser):
        def handle_starttag(self, tag, attrs):
            frames.append((tag, dict(attrs)))

    Cell().feed(shown._repr_html_())
    ((tag, attributes),) = frames
    assert (tag, attributes["srcdoc"]) == ("iframe", shown.html)
    assert attributes["sandbox"].split() == ["allow-scripts", "allow-downloads"], "no origin, no navigation, no forms"
    assert "height: 333px" in attributes["style"]
    assert shown == Page(shown.html, 333)


def test_a_file(tmp_path):
    shown = show(named())
    shown.save(tmp_path / "matrix.html")
    assert (tmp_path / "matrix.html").read_bytes() == shown.html.encode("ascii")
