"""Runs of Weights & Biases, offline."""

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import wandb
from PIL import Image
from wandb.proto.wandb_internal_pb2 import Record

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.integrations.wandb import log_confusion_matrix

COUNTS = [[11, 2, 0], [0, 13, 5], [1, 0, 300]]
NAMES = ["cat", "dog", "owl"]


@pytest.fixture
def run(tmp_path):
    with wandb.init(mode="offline", dir=tmp_path, project="tests") as run:
        yield run


def records(data: bytes) -> Iterator[bytes]:
    """What is in the log file of a run: after 7 bytes a log in LevelDB's format, of blocks of 32 KiB with records and parts of records."""
    at, whole = 7, b""
    while at < len(data):
        if at // 32768 != (at + 6) // 32768:  # no room for a header: the rest of the block is empty
            at = (at // 32768 + 1) * 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield whole
            whole = b""


def logged(run) -> list[dict]:
    """What the file of a run that has finished holds of each `run.log`."""
    (path,) = Path(run.dir).parent.glob("*.wandb")
    found = []
    for data in records(path.read_bytes()):
        record = Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            row: dict = {}
            for item in record.history.item:
                *outer, key = item.nested_key
                (row.setdefault(outer[0], {}) if outer else row)[key] = json.loads(item.value_json)
            found.append(row)
    return found


def file_of(run, value: dict) -> Path:
    return Path(run.dir) / value["path"]


def test_a_table_and_a_picture(run):
    matrix = ConfusionMatrix.from_dense(COUNTS, NAMES)
    log_confusion_matrix(run, "val", matrix, 3, prefix="model_a/")
    log_confusion_matrix(run, "val", matrix + matrix, 5, prefix="model_a/")
    log_confusion_matrix(run, "val", COUNTS, 5, class_names=NAMES, image=False)
    run.finish()
    first, second = logged(run)
    assert (first["_step"], second["_step"]) == (3, 5)
    assert {key for key in second if key[0] != "_"} == {"model_a/val/table", "model_a/val/image", "val/table"}
    table = json.loads(file_of(run, first["model_a/val/table"]).read_text("utf-8"))
    assert table["columns"] == ["true", "predicted", "count"]
    assert table["data"] == [
        ["cat", "cat", 11],
        ["cat", "dog", 2],
        ["dog", "dog", 13],
        ["dog", "owl", 5],
        ["owl", "cat", 1],
        ["owl", "owl", 300],
    ]
    assert json.loads(file_of(run, second["val/table"]).read_text("utf-8")) == table
    with Image.open(file_of(run, first["model_a/val/image"])) as image:
        colors = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(colors, axis=0)) > 20, "something is drawn"


def test_a_thousand_classes_are_complete(run, monkeypatch):
    """More cells than both limits of W&B, of which the second is lowered here: 200,001 rows take it half a minute."""
    monkeypatch.setattr(wandb.Table, "MAX_ARTIFACT_ROWS", 12_000)
    random = np.random.default_rng(0)
    preds, target = random.integers(1000, size=(2, 15_000))
    matrix = ConfusionMatrix.from_predictions(preds, target, num_classes=1000)
    assert len(matrix.values) > 14_000
    artifacts = []
    monkeypatch.setattr(wandb.Artifact, "add", _keeping(wandb.Artifact.add, artifacts))
    log_confusion_matrix(run, "val", matrix, image=False)
    assert (wandb.Table.MAX_ROWS, wandb.Table.MAX_ARTIFACT_ROWS) == (10_000, 12_000), "as before"
    run.finish()
    rows = [
        [str(true), str(predicted), count] for true, predicted, count in zip(matrix.rows, matrix.cols, matrix.values.tolist(), strict=True)
    ]
    value = logged(run)[0]["val/table"]
    assert value["nrows"] == len(rows)
    assert json.loads(file_of(run, value).read_text("utf-8"))["data"] == rows
    assert artifacts == [rows], "the artifact, which the page of W&B shows, is complete as well"


def _keeping(add, kept):
    """Artifact.add, with a look at the table as it is stored."""

    def adding(self, table, name, *args, **kwargs):
        entry = add(self, table, name, *args, **kwargs)
        kept.append(json.loads(Path(entry.local_path).read_text("utf-8"))["data"])
        return entry

    return adding


@pytest.mark.parametrize(
    ("tag", "matrix", "error", "message"),
    [
        ("", COUNTS, TypeError, "expected tag as a text that is not empty, got ''"),
        (None, COUNTS, TypeError, "expected tag as a text that is not empty, got None"),
        ("val", [[1, 2]], ValueError, "expected a square array [num_classes, num_classes] with true classes as rows, got shape [1, 2]"),
    ],
)
def test_an_error_logs_nothing(tag, matrix, error, message, run):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        log_confusion_matrix(run, tag, matrix)
    run.finish()
    assert logged(run) == []


def test_the_limits_are_as_before_after_an_error(run):
    limits = wandb.Table.MAX_ROWS, wandb.Table.MAX_ARTIFACT_ROWS
    run.finish()
    with pytest.raises(wandb.errors.UsageError):
        log_confusion_matrix(run, "val", np.ones((200, 200)), image=False)
    assert limits == (wandb.Table.MAX_ROWS, wandb.Table.MAX_ARTIFACT_ROWS)


def test_what_is_no_run():
    with pytest.raises(TypeError, match=r"^expected run as what wandb.init\(\) returned, got None$"):
        log_confusion_matrix(None, "val", COUNTS)
