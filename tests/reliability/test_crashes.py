"""The short form of `crashes.py`, and directories that two writers or two clocks have shared."""

import re
import subprocess
import sys
import time
from pathlib import Path

import crashes
from torch.utils.tensorboard import SummaryWriter

from tb_confmat_plugin import add_confusion_matrix, read_confusion_matrices


def test_trainings_that_end_as_they_should_not():
    """In a process of its own: it forks, and its children end as interpreters do."""
    command = [sys.executable, crashes.__file__, "--count", "1", "--no-tensorboard"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = f"1 times, of 1 to {crashes.MOST_STEPS} matrices none was lost"
    assert len(re.findall(told, ended.stdout)) == len(crashes.LOSE_NOTHING)
    assert len(ended.stdout.splitlines()) == len(crashes.LOSE_NOTHING) + 5


def log(directory: Path, tag: str, *steps: int) -> None:
    with SummaryWriter(directory) as writer:
        for step in steps:
            add_confusion_matrix(writer, tag, [[5, step], [0, 3]], step)


def test_two_writers_and_two_clocks(serve, load_fast, tmp_path, monkeypatch):
    """What docs/reliability.md tells of them."""
    first, second = SummaryWriter(tmp_path / "shared", filename_suffix=".a"), SummaryWriter(tmp_path / "shared", filename_suffix=".b")
    for step in range(3):
        for writer, tag in ((first, "val"), (second, "train")):
            add_confusion_matrix(writer, tag, [[5, step], [0, 3]], step)
    first.close()
    second.close()
    log(tmp_path / "jumped", "val", 0, 1, 2)
    with monkeypatch.context() as patched:
        clock = time.time
        patched.setattr(time, "time", lambda: clock() - 86_400)  # set back by a day before a restart
        log(tmp_path / "jumped", "val", 3, 4)
    with serve(tmp_path, load_fast, ready=lambda board: len(board.steps("val")) == 2 and len(board.steps("train")) == 1) as board:
        shown = [0, 1, 2] if load_fast.endswith("true") else [0, 1, 2, 3, 4]
        board.wait(lambda it: it.steps("val") == {"jumped": shown, "shared": [0, 1, 2]})
        board.wait(lambda it: it.steps("train") == {"shared": [0, 1, 2]})
    found = [(logged.run, logged.tag, logged.step) for logged in read_confusion_matrices(tmp_path, errors="raise")]
    assert found == [
        *(("jumped", "val", step) for step in range(5)),
        *(("shared", tag, step) for tag in ("train", "val") for step in range(3)),
    ]
