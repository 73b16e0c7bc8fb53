import contextlib
import gc
import re
import threading
import time
import warnings

import numpy as np
import pytest
import scipy.sparse
import tensorboardX
import torch
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from torch.utils.tensorboard import SummaryWriter as TorchWriter

from tb_confmat_plugin import ConfusionMatrix, SummaryWriter, add_confusion_matrix, read_confusion_matrices, writer
from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.record import decode_classes, decode_matrix

COUNTS = [[11, 2, 5], [0, 13, 0], [1, 0, 300]]
NAMES = ("cat", "dog", "ant")
MATRIX = ConfusionMatrix.from_dense(COUNTS, NAMES)
BARE = ConfusionMatrix.from_dense(COUNTS)


def list_tag(*names: str) -> str:
    return f"confusion_matrix/classes/{Classes.of(len(names), names).id}"


@pytest.fixture
def log(tmp_path, read_log):
    """A function: what is in the log by now, as (tag, step) and the values."""
    return lambda: read_log(tmp_path)


def places(logged):
    return [(value.tag, value.step) for value in logged]


class Wrapped:
    """What is least to be a writer: `_get_file_writer()` with `add_summary`, over TensorBoard's own event file."""

    def __init__(self, logdir):
        self.events = EventFileWriter(str(logdir))

    def _get_file_writer(self):
        return self

    def add_summary(self, summary, step, walltime=None):
        self.events.add_event(Event(summary=summary, step=step, wall_time=time.time() if walltime is None else walltime))

    def close(self):
        self.events.close()


@pytest.mark.parametrize("writer_class", [TorchWriter, SummaryWriter, Wrapped])
def test_what_is_written(tmp_path, log, writer_class):
    run = writer_class(tmp_path)
    add_confusion_matrix(run, "val", MATRIX, 3, walltime=1234.5)
    add_confusion_matrix(run, "val", MATRIX + MATRIX, 4)
    run.close()
    names, first, second = log()
    assert places([names, first, second]) == [(list_tag(*NAMES), 0), ("val", 3), ("val", 4)]
    assert {(value.plugin, value.data_class) for value in log()} == {("confusion_matrix", DATA_CLASS_TENSOR)}
    assert [value.content for value in log()] == [b"classes", b"matrix", b"matrix"]
    assert decode_classes(names.record) == MATRIX.classes
    assert decode_matrix(first.record, MATRIX.classes) == MATRIX
    assert decode_matrix(second.record).to_dense().tolist() == [[22, 4, 10], [0, 26, 0], [2, 0, 600]]
    assert names.wall_time == first.wall_time == 1234.5
    assert abs(second.wall_time - time.time()) < 60


def test_the_method_of_our_writer(tmp_path, log):
    with SummaryWriter(tmp_path) as run:
        run.add_confusion_matrix("val", COUNTS, 3, 1234.5, class_names=NAMES)
        run.add_confusion_matrix(tag="val", matrix=MATRIX, global_step=4, walltime=1235.5)
        run.add_scalar("loss", 0.5, 4)
    ours = [value for value in log() if value.plugin == "confusion_matrix"]
    assert [(value.tag, value.step, value.wall_time) for value in ours] == [
        (list_tag(*NAMES), 0, 1234.5),
        ("val", 3, 1234.5),
        ("val", 4, 1235.5),
    ]
    assert ours[1].record == ours[2].record
    assert ("loss", 4) in places(log()), "it is torch's writer still"


@pytest.mark.parametrize(
    "matrix",
    [
        COUNTS,
        np.array(COUNTS, np.float32),
        torch.tensor(COUNTS),
        torch.tensor(COUNTS, dtype=torch.bfloat16),
        scipy.sparse.csr_array(COUNTS),
        scipy.sparse.csc_matrix(COUNTS),
        BARE,
        MATRIX,
    ],
    ids=lambda matrix: type(matrix).__name__,
)
def test_what_counts_as_a_matrix(tmp_path, log, matrix):
    with TorchWriter(tmp_path) as run:
        add_confusion_matrix(run, "val", matrix, 1)
        add_confusion_matrix(run, "named", matrix, 1, class_names=["x", "y", "z"])
    records = {value.tag: value.record for value in log()}
    assert decode_matrix(records["val"]) == BARE
    assert decode_matrix(records["named"]) == BARE
    assert list_tag("x", "y", "z") in records
    assert (list_tag(*NAMES) in records) == (matrix is MATRIX)


@pytest.mark.parametrize("matrix", [np.zeros((4, 4)), [[0, 7], [2, 0]], [[5]]], ids=["nothing counted", "2 x 2", "one class"])
def test_small_matrices(tmp_path, log, matrix):
    with TorchWriter(tmp_path) as run:
        add_confusion_matrix(run, "val", matrix, 0)
    (value,) = log()
    np.testing.assert_array_equal(decode_matrix(value.record).to_dense(), matrix)


@pytest.mark.parametrize("step", [5, np.int64(5), np.int32(5), np.uint8(5), np.array(5), torch.tensor(5), torch.tensor([5])], ids=repr)
def test_integer_steps(tmp_path, log, step):
    with TorchWriter(tmp_path) as run:
        add_confusion_matrix(run, "val", BARE, step)
    assert places(log()) == [("val", 5)]


def test_steps_at_the_edges(tmp_path, log):
    with TorchWriter(tmp_path) as run:
        for step in (-(2**53 - 1), -1, 0, 2**53 - 1):
            add_confusion_matrix(run, "val", BARE, step)
    assert [step for _, step in places(log())] == [-(2**53 - 1), -1, 0, 2**53 - 1]


NOT_SQUARE = "expected a square array [num_classes, num_classes] with true classes as rows, got shape [1, 2]"
WAY_OUT = "; pass the epoch or the number of batches seen"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"tag": ""}, TypeError, "expected tag as a text that is not empty, got ''"),
        ({"tag": None}, TypeError, "expected tag as a text that is not empty, got None"),
        ({"tag": 5}, TypeError, "expected tag as a text that is not empty, got 5"),
        ({"global_step": None}, TypeError, f"expected global_step as an integer, got None{WAY_OUT}"),
        ({"global_step": 1.0}, TypeError, f"expected global_step as an integer, got 1.0{WAY_OUT}"),
        ({"global_step": True}, TypeError, f"expected global_step as an integer, got True{WAY_OUT}"),
        ({"global_step": "1"}, TypeError, f"expected global_step as an integer, got '1'{WAY_OUT}"),
        ({"global_step": np.float32(1)}, TypeError, f"expected global_step as an integer, got {np.float32(1)!r}{WAY_OUT}"),
        ({"global_step": np.True_}, TypeError, f"expected global_step as an integer, got {np.True_!r}{WAY_OUT}"),
        ({"global_step": np.array(1.5)}, TypeError, f"expected global_step as an integer, got array(1.5){WAY_OUT}"),
        ({"global_step": torch.tensor(1.5)}, TypeError, f"expected global_step as an integer, got tensor(1.5000){WAY_OUT}"),
        ({"global_step": torch.tensor([1, 2])}, TypeError, f"expected global_step as an integer, got tensor([1, 2]){WAY_OUT}"),
        ({"global_step": 2**53}, ValueError, f"expected global_step between -2**53 and 2**53, got {2**53}"),
        ({"global_step": -(2**64)}, ValueError, f"expected global_step between -2**53 and 2**53, got {-(2**64)}"),
        ({"walltime": "now"}, TypeError, "expected walltime as seconds since the epoch, got 'now'"),
        ({"walltime": True}, TypeError, "expected walltime as seconds since the epoch, got True"),
        ({"walltime": float("nan")}, TypeError, "expected walltime as seconds since the epoch, got nan"),
        ({"walltime": float("inf")}, TypeError, "expected walltime as seconds since the epoch, got inf"),
        ({"matrix": [[1, 2]]}, ValueError, NOT_SQUARE),
        ({"matrix": [[1, 2], [-3, 4]]}, ValueError, "expected counts of at least 0, got -3 at (true 1, predicted 0)"),
        ({"matrix": [[1, np.nan], [3, 4]]}, ValueError, "expected counts of at least 0, got nan at (true 0, predicted 1)"),
        ({"matrix": [["a"]]}, TypeError, "expected counts as integers, or floats for weighted samples, got dtype <U1"),
        (
            {"matrix": BARE - BARE - MATRIX},
            ValueError,
            "expected counts of at least 0, got -300 at (true 2, predicted 2); a difference of two matrices cannot be stored as counts",
        ),
        (
            {"class_names": ["a", "b"]},
            ValueError,
            "expected 3 class names, one for each class, got 2; pass 3 names or leave class_names out",
        ),
        (
            {"class_names": ["a", "b", "a"]},
            ValueError,
            "class names must be distinct, got 'a' at positions 0 and 2; make them distinct, for example with a prefix",
        ),
        (
            {"writer": None},
            TypeError,
            "expected a SummaryWriter of torch.utils.tensorboard, or anything with its _get_file_writer(), got NoneType",
        ),
        (
            {"writer": "runs"},
            TypeError,
            "expected a SummaryWriter of torch.utils.tensorboard, or anything with its _get_file_writer(), got str",
        ),
    ],
)
def test_an_error_writes_nothing(tmp_path, log, arguments, error, message):
    good = {"tag": "val", "matrix": MATRIX, "global_step": 1}
    with TorchWriter(tmp_path) as run:
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            add_confusion_matrix(**{"writer": run, **good, **arguments})
        run.flush()
        assert log() == []
        add_confusion_matrix(run, **good)
    assert places(log()) == [(list_tag(*NAMES), 0), ("val", 1)], "the error left no trace in the next call"


@pytest.mark.parametrize("writer_class", [TorchWriter, SummaryWriter])
def test_a_closed_writer(tmp_path, log, writer_class):
    run = writer_class(tmp_path)
    add_confusion_matrix(run, "val", MATRIX, 1)
    run.close()
    before = log()
    with pytest.raises(ValueError, match=r"^the SummaryWriter is closed; log before close\(\), or make a new SummaryWriter$"):
        add_confusion_matrix(run, "val", MATRIX, 2)
    assert log() == before
    assert len(list(tmp_path.iterdir())) == 1, "torch would have opened a second file"


def test_a_closed_writer_of_another_kind(tmp_path, log):
    run = Wrapped(tmp_path)
    run.close()
    with pytest.raises(OSError, match="closed"):
        add_confusion_matrix(run, "val", MATRIX, 2)
    assert log() == []


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (7, "step 7 of 'val' was logged twice: TensorBoard shows the newer matrix"),
        (
            6,
            "step 6 of 'val' was logged after step 7: TensorBoard's data server drops the steps from 6 on that "
            "were logged before; log steps in growing order, or start a new run",
        ),
    ],
)
def test_a_step_that_does_not_grow(tmp_path, log, step, message):
    with TorchWriter(tmp_path) as run:
        add_confusion_matrix(run, "val", BARE, 7)
        with pytest.warns(UserWarning, match=f"^{re.escape(message)}$") as caught:
            add_confusion_matrix(run, "val", BARE, step)
    assert len(caught) == 1
    assert caught[0].filename == __file__, "the warning points at the caller"
    assert places(log()) == [("val", 7), ("val", step)], "it is written all the same"


def test_steps_grow_for_each_tag_and_each_file(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with TorchWriter(tmp_path / "a") as one, TorchWriter(tmp_path / "b") as two:
            add_confusion_matrix(one, "val", BARE, 7)
            add_confusion_matrix(one, "train", BARE, 3)
            add_confusion_matrix(two, "val", BARE, 5)
            add_confusion_matrix(one, "val", BARE, 8)
    assert caught == []


def test_the_last_step_counts_after_one_that_did_not_grow(tmp_path):
    with TorchWriter(tmp_path) as run:
        add_confusion_matrix(run, "val", BARE, 7)
        with pytest.warns(UserWarning, match="step 2 of 'val' was logged after step 7"):
            add_confusion_matrix(run, "val", BARE, 2)
        add_confusion_matrix(run, "val", BARE, 3)


def test_a_class_list_is_written_once_a_file_and_again_when_names_change(tmp_path, log):
    other = ConfusionMatrix.from_dense(COUNTS, ["cat", "dog", "bee"])
    with TorchWriter(tmp_path) as run:
        for step, matrix in enumerate([MATRIX, MATRIX, other, MATRIX, BARE, other]):
            add_confusion_matrix(run, "val", matrix, step)
        add_confusion_matrix(run, "train", MATRIX, 0)
    assert places(log()) == [
        (list_tag(*NAMES), 0),
        ("val", 0),
        ("val", 1),
        (list_tag("cat", "dog", "bee"), 0),
        ("val", 2),
        ("val", 3),
        ("val", 4),
        ("val", 5),
        ("train", 0),
    ]


def test_a_class_list_is_written_by_every_writer(tmp_path, log):
    for part in "ab":
        with TorchWriter(tmp_path, filename_suffix=part) as run:
            add_confusion_matrix(run, "val", MATRIX, ord(part))
    assert places(log()) == [(list_tag(*NAMES), 0), ("val", 97), (list_tag(*NAMES), 0), ("val", 98)]


def test_a_class_list_that_could_not_be_written_is_tried_again(tmp_path, log):
    class Failing(Wrapped):
        full = True

        def add_summary(self, summary, step, walltime=None):
            if self.full:
                raise OSError("disk full")
            super().add_summary(summary, step, walltime)

    run = Failing(tmp_path)
    with pytest.raises(OSError, match="disk full"):
        add_confusion_matrix(run, "val", MATRIX, 1)
    run.full = False
    add_confusion_matrix(run, "val", MATRIX, 1)
    run.close()
    assert places(log()) == [(list_tag(*NAMES), 0), ("val", 1)]


class Slow(Wrapped):
    """Lets other threads in with every summary."""

    def add_summary(self, summary, step, walltime=None):
        time.sleep(0.0001)
        super().add_summary(summary, step, walltime)


@pytest.mark.parametrize("writer_class", [TorchWriter, Slow])
def test_threads(tmp_path, log, writer_class):
    """Eight threads on one writer: each record whole, the class list once and before all matrices."""
    start = threading.Barrier(8)
    failed = []

    def train(worker):
        start.wait()
        try:
            for step in range(20):
                add_confusion_matrix(run, f"val/{worker}", [[worker, step + 1, 0], [0, 0, 7], [1, 0, 0]], step, class_names=NAMES)
        except Exception as error:
            failed.append(error)

    with contextlib.closing(writer_class(tmp_path)) as run:
        threads = [threading.Thread(target=train, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
    logged = log()
    assert [value.tag for value in logged].count(list_tag(*NAMES)) == 1
    assert logged[0].tag == list_tag(*NAMES)
    for worker in range(8):
        mine = [value for value in logged if value.tag == f"val/{worker}"]
        assert [value.step for value in mine] == list(range(20))
        assert [decode_matrix(value.record).to_dense()[0].tolist() for value in mine] == [[worker, step + 1, 0] for step in range(20)]


def test_a_writer_that_is_gone_is_forgotten(tmp_path):
    gc.collect()
    before = len(writer._written)
    run = TorchWriter(tmp_path)
    add_confusion_matrix(run, "val", MATRIX, 1)
    assert len(writer._written) == before + 1
    run.close()
    del run
    gc.collect()
    assert len(writer._written) == before


def test_the_warning_of_either_way_points_at_the_line_of_the_user(tmp_path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_confusion_matrix("method", [[1]], 1)
        with pytest.warns(UserWarning, match="logged twice") as method:
            writer.add_confusion_matrix("method", [[1]], 1)
        with pytest.warns(UserWarning, match="logged twice") as function:
            add_confusion_matrix(writer, "method", [[1]], 1)
    assert [warned[0].filename for warned in (method, function)] == [__file__, __file__]


@pytest.mark.parametrize(("suffixes", "kept"), [((".a", ".b"), {"a", "b"}), (("", ""), {"b"})], ids=["names of their own", "one name"])
def test_two_writers_of_tensorboardx_in_one_second(suffixes, kept, tmp_path, monkeypatch):
    """As docs/integrations.md tells: with one name the later one overwrites what the other logs."""
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.5)
    writers = [tensorboardX.SummaryWriter(str(tmp_path), filename_suffix=suffix) for suffix in suffixes]
    for tag, one in zip("ab", writers, strict=True):
        add_confusion_matrix(one, tag, [[5, 2], [0, 3]], 1)
    for one in writers:
        one.close()
    assert {logged.tag for logged in read_confusion_matrices(tmp_path)} == kept


def test_a_writer_of_tensorboardx(tmp_path, read_log):
    with tensorboardX.SummaryWriter(str(tmp_path)) as writer:
        add_confusion_matrix(writer, "val", MATRIX, 3)
    logged = {one.tag: one for one in read_log(tmp_path)}
    assert set(logged) == {"val", list_tag(*NAMES)}
    assert logged["val"].step == 3
    assert logged["val"].data_class == DATA_CLASS_TENSOR
    assert decode_matrix(logged["val"].record, MATRIX.classes) == MATRIX


def test_a_writer_that_must_not_write_writes_nothing():
    class Silent:
        def _get_file_writer(self):
            return None

    add_confusion_matrix(Silent(), "val", MATRIX, 3)
