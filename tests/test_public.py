import doctest
import importlib
import importlib.metadata
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tb_confmat_plugin

MODULES = [tb_confmat_plugin.__name__, *(module.name for module in pkgutil.walk_packages(tb_confmat_plugin.__path__, "tb_confmat_plugin."))]


def run(script: str, *args: object) -> str:
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script, *map(str, args)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_public_names():
    assert tb_confmat_plugin.__all__ == [
        "ConfusionMatrix",
        "ConfusionMatrixAccumulator",
        "Example",
        "SummaryWriter",
        "add_confusion_matrix",
        "read_confusion_matrices",
        "show",
    ]
    assert set(tb_confmat_plugin.__all__) <= set(dir(tb_confmat_plugin))


@pytest.mark.parametrize("name", tb_confmat_plugin.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(tb_confmat_plugin, name).__name__ == name
    assert getattr(tb_confmat_plugin, name).__doc__


def test_a_name_that_is_not_there():
    message = f"module 'tb_confmat_plugin' has no attribute 'Confusion'; it has {', '.join(tb_confmat_plugin.__all__)}"
    with pytest.raises(AttributeError, match=f"^{re.escape(message)}$"):
        tb_confmat_plugin.Confusion  # noqa: B018


def test_the_version_is_that_of_the_distribution():
    assert re.fullmatch(r"\d+\.\d+\.\d+", tb_confmat_plugin.__version__)
    assert importlib.metadata.version("tb-confmat-plugin") == tb_confmat_plugin.__version__


LOADER = "tb_confmat_plugin.loader"
LOADED = "; import sys; print(*sorted({name.partition('.')[0] for name in sys.modules} & {'torch', 'tensorboard', 'numpy', 'google'}))"


@pytest.mark.parametrize(
    ("statement", "loaded"),
    [
        ("import tb_confmat_plugin", ""),
        ("import tb_confmat_plugin; dir(tb_confmat_plugin); tb_confmat_plugin.__version__", ""),
        ("import tb_confmat_plugin.names", ""),
        ("from tb_confmat_plugin import ConfusionMatrix; ConfusionMatrix.from_predictions([1], [0])", "numpy"),
    ],
)
def test_imports_are_late(statement, loaded):
    assert run(statement + LOADED).strip() == loaded


def test_what_tensorboard_loads_at_its_start_is_little():
    before, after = (set(run(f"import {name}, sys; print(*sys.modules)").split()) for name in ("tensorboard.plugins.base_plugin", LOADER))
    ours = {name for name in after - before if name.partition(".")[0] not in sys.stdlib_module_names}
    assert ours == {"tb_confmat_plugin", "tb_confmat_plugin.loader", "tb_confmat_plugin.names"}


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # import torch raises ImportError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tb_confmat_plugin import ConfusionMatrix, add_confusion_matrix

class Writer:
    def __init__(self, logdir):
        self.file = EventFileWriter(logdir)
    def _get_file_writer(self):
        return self
    def add_summary(self, summary, step, walltime):
        self.file.add_event(Event(summary=summary, step=step, wall_time=walltime))

writer = Writer(sys.argv[1])
add_confusion_matrix(writer, "val", ConfusionMatrix.from_predictions(["dog", "dog", "cat"], ["cat", "cat", "dog"]), 3, 1234.5)
writer.file.close()
try:
    from tb_confmat_plugin import SummaryWriter
except ImportError as error:
    print(error)
"""


def test_logging_without_torch(tmp_path, read_log):
    assert "torch" in run(WITHOUT_TORCH, tmp_path)
    assert [(value.content, value.step) for value in read_log(tmp_path)] == [(b"classes", 0), (b"matrix", 3)]


def test_every_module_has_been_found():
    assert len(MODULES) == len(list(Path(tb_confmat_plugin.__file__).parent.glob("**/*.py")))


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    failures, _ = doctest.testmod(importlib.import_module(name))
    assert failures == 0


def test_there_are_examples_in_docstrings():
    examples = {name: sum(len(test.examples) for test in doctest.DocTestFinder().find(importlib.import_module(name))) for name in MODULES}
    shown = {name for name, count in examples.items() if count}
    assert {"tb_confmat_plugin", "tb_confmat_plugin.matrix", "tb_confmat_plugin.writer", "tb_confmat_plugin.summary_writer"} <= shown
