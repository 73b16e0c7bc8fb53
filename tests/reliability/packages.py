"""What would be published: built from the tracked files, looked into, installed where there is nothing else, and used.

    python tests/reliability/packages.py

The wheel goes into an empty environment whose commands are its own alone - no compiler, no Node, no torch -, and a TensorBoard there
answers the routes of the plugin. The tests of the sdist run from the sdist. `twine check` reads the metadata, where twine can be had.
"""

import email
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_BYTES = 1_000_000
BUILD = "from setuptools import build_meta as build; build.build_wheel('dist'); build.build_sdist('dist')"
DATA = "data/plugin/confusion_matrix"

# Run in the empty environment: a log without torch, as the command converts it, and a reader.
LOG = """
import sys
import tb_confmat_plugin
from tb_confmat_plugin import ConfusionMatrix, read_confusion_matrices
from tb_confmat_plugin.cli import main
open("predictions.csv", "w").write("true,predicted\\ncat,cat\\ncat,dog\\ndog,dog\\n")
assert main(["convert", "--predictions", "predictions.csv", "--tag", "val", "--output", "runs/first"]) == 0
(logged,) = read_confusion_matrices("runs")
assert logged.matrix == ConfusionMatrix.from_predictions(preds=["cat", "dog", "dog"], target=["cat", "cat", "dog"])
assert "torch" not in sys.modules and "site-packages" in tb_confmat_plugin.__file__
print(tb_confmat_plugin.__version__)
"""


def tracked_files() -> list[str]:
    """The files of the repository, as they would be in a clean checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).exists()]


def build(directory: Path) -> tuple[Path, Path]:
    """Wheel and sdist, from a copy of the tracked files."""
    for name in tracked_files():
        (directory / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, directory / "source" / name)
    (directory / "source/dist").mkdir()
    subprocess.run([sys.executable, "-c", BUILD], cwd=directory / "source", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    (wheel,), (sdist,) = (list((directory / "source/dist").glob(pattern)) for pattern in ("*.whl", "*.tar.gz"))
    return wheel, sdist


def check_wheel(wheel: Path) -> None:
    """It holds the package and nothing else, for any system, below a megabyte, with the one version."""
    version = re.search(r'^__version__ = "(.+)"$', (ROOT / "tb_confmat_plugin/__init__.py").read_text("utf-8"), re.MULTILINE)
    assert version
    assert wheel.name == f"tb_confmat_plugin-{version[1]}-py3-none-any.whl"
    assert wheel.stat().st_size < MOST_BYTES, f"{wheel.stat().st_size} bytes"
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = email.message_from_bytes(archive.read(f"tb_confmat_plugin-{version[1]}.dist-info/METADATA"))
        licenses = [name for name in archive.namelist() if name.endswith("/LICENSE")]
    assert inside == {name for name in tracked_files() if name.startswith("tb_confmat_plugin/")}
    assert metadata["Version"] == version[1]
    assert licenses, "the license goes with every copy"


def check_sdist(sdist: Path) -> None:
    """It holds every tracked file: what builds the frontend and what the tests need, too."""
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    missing = set(tracked_files()) - inside
    assert not missing, f"not in the sdist: {sorted(missing)}"
    assert not [name for name in inside if "node_modules" in name or name.endswith(".pyc")]


def run_tests(sdist: Path, directory: Path) -> str:
    """The last line of pytest for the tests of the unpacked sdist that take no server and no browser."""
    with tarfile.open(sdist) as archive:
        archive.extractall(directory, filter="data")
    unpacked = directory / sdist.name.removesuffix(".tar.gz")
    tests = ["tests/test_record.py", "tests/test_writer.py", "tests/test_reader.py", "tests/test_bundle.py", "tests/test_readme.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    ended = subprocess.run(command, cwd=unpacked, env={**os.environ, "PYTHONPATH": "."}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout.splitlines()[-1]


def install(wheel: Path, directory: Path) -> dict[str, str]:
    """An empty environment with the wheel in it; returns what its processes see."""
    venv.create(directory / "env", with_pip=True)
    env = {"PATH": str(directory / "env/bin"), "HOME": str(directory), "LANG": "C.UTF-8"}
    passed_on = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    pip = [directory / "env/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--only-binary=:all:", wheel]
    subprocess.run(pip, env=env | passed_on, check=True)
    return env


def use(directory: Path, env: dict[str, str]) -> None:
    """Logs, reads and shows with what was installed."""
    for command in ("cc", "gcc", "node", "npm"):
        assert shutil.which(command, path=env["PATH"]) is None
    torch = subprocess.run(["python", "-c", "import torch"], env=env, check=False, stderr=subprocess.DEVNULL)
    assert torch.returncode, "torch is installed"
    said = subprocess.run([directory / "env/bin/python", "-c", LOG], cwd=directory, env=env, check=True, capture_output=True, text=True)
    listed = subprocess.run(["tb-confmat", "list"], cwd=directory, env=env, check=True, capture_output=True, text=True)
    assert "first  val" in listed.stdout
    command = ["tensorboard", "--logdir", "runs", "--host", "127.0.0.1", "--port", "0"]
    with (
        (directory / "board.log").open("w+") as output,
        subprocess.Popen(command, cwd=directory, env=env, stdout=output, stderr=output) as board,
    ):
        try:
            url = _address(directory / "board.log", board)
            assert json.loads(_get(f"{url}data/plugins_listing"))["confusion_matrix"]["tab_name"] == "Confusion Matrix"
            deadline = time.monotonic() + 60
            while not json.loads(_get(f"{url}{DATA}/tags"))["tags"] and time.monotonic() < deadline:
                time.sleep(0.1)
            (series,) = json.loads(_get(f"{url}{DATA}/series?tag=val"))["series"]
            assert (series["run"], len(series["steps"])) == ("first", 1)
            assert b"TBCM" in _get(f"{url}{DATA}/records?run=first&tag=val&first=0&last=9")
            assert _get(f"{url}{DATA}/index.js") == (ROOT / "tb_confmat_plugin/static/index.js").read_bytes()
        finally:
            board.terminate()
    print(f"version {said.stdout.split()[-1]} in an empty environment: logs, reads, lists and is shown")


def _address(log: Path, board: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and board.poll() is None:
        if found := re.search(r"at (http://127\.0\.0\.1:\d+/)", log.read_text("utf-8")):
            return found[1]
        time.sleep(0.1)
    raise RuntimeError(f"tensorboard did not start: {log.read_text('utf-8')}")


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        content: bytes = answer.read()
    return content


def twine(directory: Path, *files: Path) -> str:
    """What `twine check --strict` says, in an environment of its own."""
    venv.create(directory / "twine", with_pip=True)
    pip = [directory / "twine/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "twine"]
    if subprocess.run(pip, check=False, stderr=subprocess.DEVNULL).returncode:
        return "twine cannot be installed from here: not checked"
    checked = subprocess.run([directory / "twine/bin/twine", "check", "--strict", *files], check=True, capture_output=True, text=True)
    return f"twine check: {checked.stdout.count('PASSED')} of {len(files)} passed"


def main() -> None:
    """Prints sizes and verdicts, and fails at the first defect."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        wheel, sdist = build(directory)
        check_wheel(wheel)
        check_sdist(sdist)
        print(f"{wheel.name}: {wheel.stat().st_size / 1e3:.0f} KB")
        print(f"{sdist.name}: {sdist.stat().st_size / 1e3:.0f} KB, with every tracked file; its tests: {run_tests(sdist, directory)}")
        use(directory, install(wheel, directory))
        print(twine(directory, wheel, sdist))


if __name__ == "__main__":
    main()
