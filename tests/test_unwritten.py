"""An exit without close() loses nothing; the long form is tests/reliability/crashes.py."""

import gc
import multiprocessing
import multiprocessing.util
import os
import subprocess
import sys
import threading
import time
import weakref

import pytest
from torch.utils.tensorboard import SummaryWriter

from tb_confmat_plugin import add_confusion_matrix, read_confusion_matrices, unwritten

BIG = [[column * 7 + row for column in range(100)] for row in range(100)]
TRAINING = """
import sys
from torch.utils.tensorboard import SummaryWriter
from tb_confmat_plugin import add_confusion_matrix
import numpy as np
counts = np.random.default_rng(0).integers(0, 9999, (200, 200))
held = []
def train(directory):
    writer = SummaryWriter(directory)
    for step in range(10):
        add_confusion_matrix(writer, "val", counts, step)
    return writer
train(sys.argv[1] + "/dropped")
held.append(train(sys.argv[1] + "/held"))
raise RuntimeError("on purpose")
"""


def test_an_exit_without_close_loses_nothing(tmp_path):
    """The writer of one run was dropped by then, that of the other is still there; and an exception ends the training."""
    ended = subprocess.run([sys.executable, "-c", TRAINING, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.rstrip().endswith("RuntimeError: on purpose")
    assert "Warning" not in ended.stderr
    assert [(logged.run, logged.step) for logged in read_confusion_matrices(tmp_path, errors="raise")] == [
        (run, step) for run in ("dropped", "held") for step in range(10)
    ]


class Stuck:
    """A file that takes its time: nothing is written before `let_go`."""

    def __init__(self, writer):
        self.let_go = threading.Event()
        self._file = writer._get_file_writer().event_writer._async_writer._writer
        self.flushed = 0
        self._write, self._flush = self._file.write, self._file.flush
        self._file.write, self._file.flush = self.write, self.flush

    def write(self, data):
        self.let_go.wait(60)
        self._write(data)

    def flush(self):
        self.flushed += 1
        self._flush()


@pytest.fixture
def writer(tmp_path, monkeypatch):
    monkeypatch.setattr(unwritten, "_threads", weakref.WeakSet())
    with SummaryWriter(tmp_path) as writer:
        yield writer


def test_the_exit_waits_until_all_is_written_and_flushes(writer, tmp_path):
    stuck = Stuck(writer)
    for step in range(5):
        add_confusion_matrix(writer, "val", BIG, step)
    timer = threading.Timer(0.2, stuck.let_go.set)
    timer.start()
    unwritten.wait()
    assert stuck.let_go.is_set()
    assert stuck.flushed > 0
    assert len(read_confusion_matrices(tmp_path)) == 5


def test_the_exit_does_not_wait_for_ever(writer):
    stuck = Stuck(writer)
    add_confusion_matrix(writer, "val", BIG, 0)
    with pytest.warns(
        RuntimeWarning, match=r"^1 event files were not written within 0\.05 s of the exit, which goes on; close\(\) waits longer$"
    ):
        unwritten.wait(0.05)
    stuck.let_go.set()


def test_a_file_that_cannot_be_flushed_is_told(writer, monkeypatch):
    add_confusion_matrix(writer, "val", BIG, 0)
    file = writer._get_file_writer().event_writer._async_writer._writer

    def fail():
        raise OSError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(file, "flush", fail)
        with pytest.warns(RuntimeWarning, match="^an event file could not be written at the exit: gone$"):
            unwritten.wait()


def test_nothing_is_kept_alive(writer):
    add_confusion_matrix(writer, "val", BIG, 0)
    thread = weakref.ref(writer._get_file_writer().event_writer._async_writer._worker)
    assert len(unwritten._threads) == 1
    writer.close()
    gc.collect()
    assert thread() is None
    assert len(unwritten._threads) == 0
    unwritten.wait(0)


def log_in_a_child(directory, parents_writer):
    if parents_writer is not None:
        with pytest.raises(RuntimeError, match=rf"^this SummaryWriter was made before process {os.getpid()} was forked"):
            add_confusion_matrix(parents_writer, "val", BIG, 99)
    own = SummaryWriter(directory)
    for step in range(10):
        add_confusion_matrix(own, "val", BIG, step)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # of Python 3.12: this process has threads
def test_a_process_that_multiprocessing_forked(writer, tmp_path):
    add_confusion_matrix(writer, "val", BIG, 0)
    process = multiprocessing.get_context("fork").Process(target=log_in_a_child, args=(tmp_path / "child", writer))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    writer.flush()
    found = [(logged.run, logged.step) for logged in read_confusion_matrices(tmp_path, errors="raise")]
    assert found == [(".", 0), *(("child", step) for step in range(10))]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_that_is_forked_while_another_thread_logs(writer):
    """The lock that it holds is none of the child's."""
    from tb_confmat_plugin import writer as module

    with module._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if module._lock.acquire(timeout=5) else 1)
    deadline = time.monotonic() + 30
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert ended[1] == 0


def test_a_writer_without_its_thread_is_refused(writer):
    """As it is in a forked child, whose coverage cannot be measured."""
    writer._get_file_writer().event_writer._async_writer._worker.stop()
    with pytest.raises(RuntimeError, match="only its parent can write with it; log from the parent, or make a SummaryWriter here"):
        add_confusion_matrix(writer, "val", BIG, 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_file_that_cannot_be_written_is_told_by_the_next_call(writer, monkeypatch):
    def fail(data):
        raise OSError("no space left")

    monkeypatch.setattr(writer._get_file_writer().event_writer._async_writer._writer, "write", fail)
    add_confusion_matrix(writer, "val", BIG, 0)
    writer._get_file_writer().event_writer._async_writer._worker.join(30)
    with pytest.raises(OSError, match=r"^no space left$"):
        add_confusion_matrix(writer, "val", BIG, 1)
    unwritten.wait()
    writer.all_writers = None  # its close() would raise once more


def test_a_child_waits_by_a_finalizer_of_multiprocessing(writer, monkeypatch):
    finalizers = multiprocessing.util._finalizer_registry
    before = set(finalizers)
    monkeypatch.setattr(unwritten, "_child", 0)
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    for step in range(2):
        add_confusion_matrix(writer, "val", BIG, step)
    (added,) = set(finalizers) - before
    finalizers[added]()
    assert set(finalizers) == before


def test_the_lock_of_a_child_is_new(monkeypatch):
    from tb_confmat_plugin import writer as module

    monkeypatch.setattr(module, "_lock", threading.Lock())
    module._lock.acquire()
    module._unlock()
    assert module._lock.acquire(timeout=1)


def test_other_writers_are_none_of_ours():
    unwritten.remember(object())
    unwritten.remember(None)
