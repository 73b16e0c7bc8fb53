"""Matrices as other libraries' trainings logged them."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from training_of_two import SECONDS

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.record import class_list_id, decode_classes, decode_matrix


@pytest.fixture(scope="session")
def read_matrices(read_log) -> Callable[[Any], dict[str, dict[int, ConfusionMatrix]]]:
    """A function: the matrices in a log directory by tag and step, with the class names that were logged beside them."""

    def read(logdir: Path) -> dict[str, dict[int, ConfusionMatrix]]:
        values = read_log(logdir)
        classes = {value.tag.rpartition("/")[2]: decode_classes(value.record) for value in values if value.content == b"classes"}
        found: dict[str, dict[int, ConfusionMatrix]] = {}
        for value in values:
            if value.content == b"matrix":
                steps = found.setdefault(value.tag, {})
                assert value.step not in steps, f"{value.tag} was logged twice at step {value.step}"
                steps[value.step] = decode_matrix(value.record, classes.get(class_list_id(value.record)))
        return found

    return read


class World(NamedTuple):
    """Two processes that have trained together: what each told of each training, and where they logged."""

    told: list[dict[str, Any]]
    where: Path


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    """The trainings of `training_of_two.py`; none may hang or fail."""
    where, deadline = tmp_path_factory.mktemp("world"), time.monotonic() + SECONDS
    script = Path(__file__).with_name("training_of_two.py")
    processes = [
        subprocess.Popen([sys.executable, script, str(rank), where], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for rank in range(2)
    ]
    try:
        for process in processes:
            output, _ = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
            assert process.returncode == 0, output
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
    return World([json.loads((where / f"told_{rank}.json").read_text("utf-8")) for rank in range(2)], where)
