"""The quick tests with the oldest and the newest of what is claimed, each in an environment of its own.

    python tests/reliability/versions.py [NAME ...]

A Python that is not on this machine is passed over and said to be. Looks for `python3.10` and so on, on the PATH and among pyenv's.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TORCH = "torch==2.13.0"
NEEDED = ["pytest==9.2.0", "hypothesis", "scipy", "pandas"]  # by the tests below
READING = ["record", "example_record", "classes", "summary", "significance", "changes", "regroup", "scores", "html", "bundle"]
WRITING = ["loader", "event_file", "writer", "reader", "store", "matrix", "plugin", "unwritten"]  # and these need torch and tensorboardX
OLD_TORCH = "torch==2.2.2"  # the lowest that is claimed; it brings gigabytes of CUDA
# Torch's own: what it does that numpy 1.26, pillow 10 and setuptools disapprove of.
OLD_TORCH_TESTS = ["-W", "ignore::DeprecationWarning", "--deselect", "tests/test_reader.py::test_reads_what_was_logged_among_all_else"]
OLD_TORCH_TESTS += ["--deselect", "tests/test_reader.py::test_progress"]
# Name -> Python, whether with torch, and the versions that differ from the newest. torch is large: one Python has to be enough.
MATRIX = {
    "the oldest of all": (
        "3.10",
        False,
        ["tensorboard==2.21.0", "numpy==1.26.4", "protobuf==6.31.1", "pillow==10.0.0", "google-crc32c==1.5.0"],
    ),
    "the oldest with torch": ("3.11", True, ["tensorboard==2.21.0", "numpy==1.26.4", "protobuf==6.31.1", "pillow==10.0.0"]),
    "the lowest torch": ("3.10", True, [OLD_TORCH, "numpy==1.26.4", "pillow==10.0.0", "fsspec"]),
    "the newest with torch": ("3.11", True, []),
    "beside TensorFlow": ("3.11", True, ["tensorflow-cpu"]),
    "Python 3.12": ("3.12", False, []),
    "Python 3.13": ("3.13", False, []),
}


def find_python(version: str) -> str | None:
    """The command of a Python of this version, or None."""
    pyenv = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python"))
    return str(pyenv[-1]) if pyenv else shutil.which(f"python{version}")


def run(python: str, torch: bool, pins: list[str]) -> str:
    """Installs the package with these pins and runs the tests; returns pytest's last line, or what failed."""
    more = [*([TORCH] if OLD_TORCH not in pins else []), "tensorboardX", "grpcio"] if torch else []
    tests = [f"tests/test_{name}.py" for name in READING + WRITING * torch]
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([python, "-m", "venv", f"{place}/env"], check=True)
        pip = [f"{place}/env/bin/pip", "--disable-pip-version-check", "install", "--quiet", *NEEDED, *more, *pins, str(ROOT)]
        installed = subprocess.run(pip, check=False, capture_output=True, text=True)
        if installed.returncode:
            return f"cannot be installed: {installed.stderr.strip().splitlines()[-1]}"
        shutil.copytree(ROOT / "tests", f"{place}/tests", ignore=shutil.ignore_patterns("browser", "integrations", "bench"))
        shutil.copy(ROOT / "pyproject.toml", place)
        shutil.copytree(ROOT / "frontend/src", f"{place}/frontend/src")
        command = [
            f"{place}/env/bin/python",
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            "not s3",
            *tests,
            *(OLD_TORCH_TESTS if OLD_TORCH in pins else []),
        ]
        tested = subprocess.run(command, cwd=place, check=False, capture_output=True, text=True)
        failed = [line for line in tested.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return "; ".join([tested.stdout.strip().splitlines()[-1], *failed[:5]])


def main() -> int:
    """Prints a line for each, and fails if one failed."""
    code = 0
    for name, (version, torch, pins) in MATRIX.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        python = find_python(version)
        said = run(python, torch, pins) if python else f"there is no Python {version} on this machine: not run"
        print(f"{name}: Python {version}{' and torch' * torch}, {', '.join(pins) or 'the newest of the others'}: {said}", flush=True)
        code |= "failed" in said or "error" in said or "cannot be installed" in said
    return code


if __name__ == "__main__":
    sys.exit(main())
