"""Matrices as other libraries' trainings logged them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
