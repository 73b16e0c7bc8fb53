"""Every snippet of docs/integrations.md runs, and logs."""

import importlib
import re
import subprocess
import sys
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs" / "integrations.md"
SECTIONS = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers")  # Lightning's advice, on machines of many cores
@pytest.mark.parametrize(("name", "text"), SECTIONS, ids=[name for name, _ in SECTIONS])
def test_snippet_runs_and_logs(name, text, tmp_path, monkeypatch, read_log):
    """In this process, since to import all of these libraries anew would take most of the time."""
    monkeypatch.chdir(tmp_path)
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(snippets) == 1
    exec(compile(snippets[0], f"{DOCS} {name}", "exec"), {"__name__": "__main__"})
    if name == "Weights & Biases":
        assert len(list(tmp_path.rglob("*.table.json"))) == 2
    else:
        logged = [value for path in {file.parent for file in tmp_path.rglob("*tfevents*")} for value in read_log(path)]
        assert any(value.content == b"matrix" for value in logged)


def test_the_table_leads_to_every_section():
    rows = re.findall(r"^\| \[(.+?)\]\(#(.+?)\)", DOCS.read_text("utf-8"), re.MULTILINE)
    assert rows == [(name, name.lower().replace(" ", "-").replace("&", "")) for name, _ in SECTIONS]
    assert len(rows) == 9


def test_the_extras_named_are_those_there_are_and_the_core_asks_for_none():
    head = DOCS.read_text("utf-8").partition("| you use")[0]
    named = set(re.findall(r"`([a-z]+)`", head)) | set(re.findall(r"'\.\[(.+?)\]'", head))
    needed = requires("tb-confmat-plugin")
    of_the_core = {"torch", "plot", "remote", "s3", "completion"}
    assert named == set(metadata("tb-confmat-plugin").get_all("Provides-Extra")) - of_the_core
    assert {re.split(r"[^\w-]", line)[0] for line in needed if "extra ==" not in line} == {
        "tensorboard",
        "numpy",
        "pillow",
        "google-crc32c",
    }


LIBRARIES = {
    "accelerate",
    "ignite",
    "keras",
    "lightning",
    "pytorch_lightning",
    "sklearn",
    "tensorboardX",
    "torchmetrics",
    "transformers",
    "wandb",
}
CORE = (
    "import sys, tb_confmat_plugin.integrations; from tb_confmat_plugin import *; print(*{name.partition('.')[0] for name in sys.modules})"
)


def test_the_core_loads_none_of_them():
    done = subprocess.run([sys.executable, "-W", "error", "-c", CORE], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"torch", "tensorboard", "tb_confmat_plugin"} <= loaded
    assert loaded & LIBRARIES == set()


# What comes with each: Lightning requires torchmetrics, and our extra of Transformers brings Accelerate. torchmetrics loads Transformers
# where it is installed, and asks the metadata of packages for that.
BESIDES = {"torchmetrics": {"transformers", "accelerate"}}
ALONE = """
import importlib, os, sys

os.environ["KERAS_BACKEND"] = "torch"
sys.modules.update(dict.fromkeys(sys.argv[2:]))  # as if they were not installed
importlib.import_module(f"tb_confmat_plugin.integrations.{sys.argv[1]}")
assert sys.argv[1] in sys.modules
"""


@pytest.mark.parametrize("name", ["ignite", "sklearn", "torchmetrics", "wandb"])  # the others take seconds each
def test_each_integration_loads_with_its_own_library_alone(name):
    others = LIBRARIES - {name} - BESIDES.get(name, set())
    done = subprocess.run([sys.executable, "-c", ALONE, name, *sorted(others)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "needs", "package"),
    [
        ("ignite", "ConfusionMatrixHandler needs Ignite", "pytorch-ignite"),
        ("keras", "ConfusionMatrixCallback needs Keras and its backend", "keras torch"),
        ("sklearn", "log_estimator needs scikit-learn", "scikit-learn"),
        ("torchmetrics", "ConfusionMatrixMetric needs torchmetrics", "torchmetrics"),
        ("transformers", "ConfusionMatrixCallback needs Transformers", "'transformers[torch]'"),
        ("wandb", "log_confusion_matrix needs Weights & Biases", "wandb"),
    ],
)
def test_an_integration_without_its_library_says_how_to_get_it(name, needs, package, monkeypatch):
    module = f"tb_confmat_plugin.integrations.{name}"
    monkeypatch.delitem(sys.modules, module, raising=False)
    for loaded in [name, *(each for each in sys.modules if each.startswith(f"{name}."))]:
        monkeypatch.setitem(sys.modules, loaded, None)
    with pytest.raises(ModuleNotFoundError, match=f"^import of .* halted; .*; {re.escape(f'{needs}: pip install {package}')}$"):
        importlib.import_module(module)
