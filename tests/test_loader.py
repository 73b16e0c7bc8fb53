import logging
import sys
from argparse import Namespace
from importlib.metadata import entry_points

import pytest
from tensorboard.plugins.base_plugin import TBContext, TBLoader

from tb_confmat_plugin import SummaryWriter
from tb_confmat_plugin.loader import ConfusionMatrixLoader
from tb_confmat_plugin.plugin import ConfusionMatrixPlugin


def test_tensorboard_finds_it():
    (found,) = (entry for entry in entry_points(group="tensorboard_plugins") if entry.name == "confusion_matrix")
    assert found.load() is ConfusionMatrixLoader
    assert issubclass(ConfusionMatrixLoader, TBLoader)


def fixed(flags):
    ConfusionMatrixLoader().fix_flags(flags)
    return flags


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"confusion_matrix": 0, "confusion_matrix_examples": 100}),
        (None, {"confusion_matrix": 0, "confusion_matrix_examples": 100}),
        ({"images": 5}, {"images": 5, "confusion_matrix": 0, "confusion_matrix_examples": 100}),
        ({"confusion_matrix": 7}, {"confusion_matrix": 7, "confusion_matrix_examples": 100}),
        (
            {"confusion_matrix": 7, "images": 5, "confusion_matrix_examples": 0},
            {"confusion_matrix": 7, "images": 5, "confusion_matrix_examples": 0},
        ),
    ],
)
def test_every_step_is_kept_unless_the_user_says_otherwise(given, expected):
    assert fixed(Namespace(samples_per_plugin=given)).samples_per_plugin == expected


@pytest.mark.parametrize("flags", [Namespace(), None, object(), Namespace(samples_per_plugin=5), Namespace(samples_per_plugin=("a",))])
def test_flags_of_another_kind_stop_nothing(flags, caplog):
    before = dict(vars(flags)) if isinstance(flags, Namespace) else None
    fixed(flags)
    assert [record.getMessage() for record in caplog.records] == [
        "TensorBoard's sampling of steps could not be turned off for confusion matrices"
    ]
    assert before is None or vars(flags) == before


def test_flags_of_its_own_it_has_none():
    ConfusionMatrixLoader().define_flags(None)


def test_the_plugin_is_loaded():
    assert isinstance(ConfusionMatrixLoader().load(TBContext(data_provider=object())), ConfusionMatrixPlugin)


@pytest.mark.parametrize("broken", ["import", "context"])
def test_a_plugin_that_cannot_be_loaded_is_left_out(monkeypatch, caplog, broken):
    if broken == "import":
        monkeypatch.setitem(sys.modules, "tb_confmat_plugin.plugin", None)
    context = TBContext(data_provider=object()) if broken == "import" else object()
    assert ConfusionMatrixLoader().load(context) is None
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "the Confusion Matrix plugin could not be loaded; TensorBoard starts without it"
    assert record.exc_info


def test_tensorboard_starts_without_it(serve, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['tb_confmat_plugin.plugin'] = None", "utf-8")
    with SummaryWriter(tmp_path / "runs") as run:
        run.add_confusion_matrix("val", [[1, 2], [0, 3]], 1)
        run.add_scalar("loss", 0.5, 1)

    def has_scalars(board):
        return board.json("/data/plugin/scalars/tags")

    with serve(tmp_path / "runs", ready=has_scalars, env={"PYTHONPATH": str(tmp_path)}) as board:
        listed = board.json("/data/plugins_listing")
        assert "scalars" in listed
        assert "confusion_matrix" not in listed
        assert "the Confusion Matrix plugin could not be loaded; TensorBoard starts without it" in board.output
