"""TensorBoard in a notebook, as the guide has it, with a real kernel."""

import json
import os
import re
import signal
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

GUIDE = Path(__file__).parents[1] / "docs" / "logs.md"
(MAGICS,) = re.findall(r"```ipython\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
TRAINING = """
from tb_confmat_plugin import SummaryWriter
with SummaryWriter("runs/first") as writer:
    writer.add_confusion_matrix("val", [[50, 2], [7, 41]], 3)
"""


@pytest.fixture
def infos(tmp_path, monkeypatch):
    """Where a TensorBoard of a notebook tells its process and port; none is left afterwards."""
    for place in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):  # else in the home directory
        monkeypatch.setenv(place, str(tmp_path / "jupyter"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("TENSORBOARD_BINARY", str(Path(sys.executable).with_name("tensorboard")))
    # A kernel ends its children by one signal after another, and one that is cut off while it saves its coverage leaves a damaged file.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    directory = tmp_path / ".tensorboard-info"
    yield directory
    for file in directory.glob("pid-*.info"):
        os.kill(json.loads(file.read_text("utf-8"))["pid"], signal.SIGKILL)


def test_the_tab_is_served_as_long_as_the_kernel_lives(infos, tmp_path):
    cells = [nbformat.v4.new_code_cell(source) for source in (TRAINING, f"{MAGICS.rstrip()} --host 127.0.0.1 --port 0")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    with client.setup_kernel():
        for at, cell in enumerate(cells):
            client.execute_cell(cell, at)
        (file,) = infos.glob("pid-*.info")
        port = json.loads(file.read_text("utf-8"))["port"]
        shown = [output["data"]["text/html"] for output in cells[1]["outputs"] if "data" in output]
        assert f"const port = {port};" in shown[-1], "the frame in the cell is of this server"
        deadline = time.monotonic() + 30
        while not (tags := asked(f"http://127.0.0.1:{port}/data/plugin/confusion_matrix/tags")["tags"]) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert tags == ["val"]
    deadline = time.monotonic() + 10
    while file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not file.exists(), "a TensorBoard takes it away as it ends"


def asked(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)
