"""Each extra by itself: as `pip install '.[NAME]'` brings it, and with the lowest versions that setup.py claims.

    python tests/reliability/extras.py [NAME ...]

Into an empty environment goes the wheel with the one extra: there its snippet of docs/integrations.md runs, which trains and logs, and what
was logged is read back. Into another one go the lowest versions, with what the extra's own tests need besides, and these run. torch alone
keeps to one version, since each of its older builds for Linux brings gigabytes.
"""

import email
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from moto.server import ThreadedMotoServer
from packages import ROOT, build
from versions import TORCH

SECTIONS = re.findall(r"^## (.+?)\n.*?```python\n(.*?)```", (ROOT / "docs/integrations.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
SNIPPETS = {re.sub(r"\W", "", name).lower(): snippet for name, snippet in SECTIONS}
SNIPPETS |= {"sklearn": SNIPPETS["scikitlearn"], "wandb": SNIPPETS["weightsbiases"]}
# For those that are no training libraries.
SNIPPETS |= {
    "torch": """
from tb_confmat_plugin import SummaryWriter
with SummaryWriter("runs") as writer:
    writer.add_confusion_matrix("val", [[5, 2], [0, 3]], 1)
""",
    "plot": """
from tb_confmat_plugin import ConfusionMatrix
ConfusionMatrix.from_dense([[5, 2], [0, 3]]).plot().figure.savefig("matrix.png")
""",
    "remote": """
import fsspec
from tb_confmat_plugin import read_confusion_matrices
from tb_confmat_plugin.cli import main
open("predictions.csv", "w").write("true,predicted\\ncat,dog\\ndog,dog\\n")
assert main(["convert", "--predictions", "predictions.csv", "--tag", "val", "--output", "runs"]) == 0
fsspec.filesystem("memory").put("runs", "/there", recursive=True)
(logged,) = read_confusion_matrices("memory://there", errors="raise")
assert logged.matrix.to_dense().tolist() == [[0, 1], [0, 1]]
""",
    "s3": """
import s3fs
from tb_confmat_plugin import read_confusion_matrices
from tb_confmat_plugin.cli import main
open("predictions.csv", "w").write("true,predicted\\ncat,dog\\ndog,dog\\n")
assert main(["convert", "--predictions", "predictions.csv", "--tag", "val", "--output", "runs"]) == 0
store = s3fs.S3FileSystem()
store.mkdir("bucket")
store.put("runs/", "bucket/there", recursive=True)
(logged,) = read_confusion_matrices("s3://bucket/there", errors="raise")
assert logged.matrix.to_dense().tolist() == [[0, 1], [0, 1]]
""",
    "completion": """
import os, subprocess
asked = {"_ARGCOMPLETE": "1", "COMP_LINE": "tb-confmat exp", "COMP_POINT": "14", "_ARGCOMPLETE_STDOUT_FILENAME": "said.txt"}
subprocess.run(["tb-confmat"], env=os.environ | asked, check=True)
assert open("said.txt").read().strip() == "export"
""",
}
WITH_TORCH = {"accelerate", "ignite", "keras", "lightning", "torch", "torchmetrics", "transformers"}  # the others do without
# The tests of each, and what they need besides pytest and torch. matplotlib 3.8 is of the time before numpy 2.
TESTS = {
    "accelerate": (["integrations/test_accelerate.py"], ["scikit-learn"]),
    "completion": (["test_cli.py", "-k", "completion"], []),
    "ignite": (["integrations/test_ignite.py"], ["scikit-learn", "tensorboardX"]),
    "keras": (["integrations/test_keras.py"], ["scikit-learn"]),
    "lightning": (["integrations/test_lightning.py"], ["scikit-learn", "pytorch-lightning==2.4"]),
    "plot": (["test_plot.py"], ["numpy<2"]),
    "remote": (["test_event_file.py", "tests/test_reader.py", "-k", "not s3"], ["pandas"]),
    "s3": (["test_reader.py"], ["pandas", "moto[s3]", "flask", "flask-cors"]),
    "sklearn": (["integrations/test_sklearn.py"], []),
    "tensorboardx": (["test_writer.py"], []),
    "torch": (["test_writer.py"], ["tensorboardX"]),
    "torchmetrics": (["integrations/test_torchmetrics.py"], ["scikit-learn", "lightning"]),
    "transformers": (["integrations/test_transformers.py"], ["scikit-learn"]),
    "wandb": (["integrations/test_wandb.py"], ["numpy<2"]),
}
READ_BACK = """
from pathlib import Path
from tb_confmat_plugin import read_confusion_matrices
logged = [one for place in {file.parent for file in Path().rglob("*tfevents*")} for one in read_confusion_matrices(place, errors="raise")]
assert all(one.matrix.total > 0 for one in logged)
print(len(logged), "matrices and", len({*Path().rglob("*.table.json"), *Path().rglob("*.png")}), "tables and pictures were read back")
"""


def lowest(wheel: Path) -> dict[str, list[str]]:
    """What each extra needs, at the versions with which the claims begin."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = email.message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []
    found: dict[str, list[str]] = {}
    for line in lines:
        requirement, _, extra = line.replace(" ", "").partition(";extra==")
        if extra:
            found.setdefault(extra.strip("\"'"), []).append(TORCH if requirement.startswith("torch>") else requirement.replace(">=", "=="))
    return found


class Environment:
    """A new one in a directory, with these packages; `problem` says why they cannot be had together.

    It begins empty, or with what is in another environment: torch takes minutes to install.
    """

    def __init__(self, place: Path, base: "Environment | None", *packages: str) -> None:
        self.place, self.python = place / "work", place / "env/bin/python"
        self.place.mkdir(parents=True)
        if base:
            shutil.copytree(base.python.parents[1], place / "env", symlinks=True, copy_function=os.link)
        else:
            subprocess.run([sys.executable, "-m", "venv", place / "env"], check=True)
        (place / "constraints.txt").write_text(f"{TORCH}\n", "utf-8")
        pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile", "-c", place / "constraints.txt", *packages]
        done = subprocess.run([self.python, *pip], check=False, capture_output=True, text=True, cwd=place)
        errors = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR")]
        self.problem = (errors[0] if errors else done.stderr.strip() or "no word") if done.returncode else ""

    def run(self, *arguments: str) -> tuple[str, str]:
        """The last line of the trouble that Python has with these arguments, "" if none, and what it prints."""
        settings = {"KERAS_BACKEND": "torch", "HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline", "WANDB_SILENT": "true"}
        env = {**os.environ, **settings, "HOME": str(self.place), "PATH": f"{self.python.parent}:/usr/bin:/bin", "PYTHONPATH": ""}
        done = subprocess.run([self.python, *arguments], cwd=self.place, env=env, check=False, capture_output=True, text=True)
        said = done.stdout.strip()
        return (done.stderr.strip() or said or "no word").splitlines()[-1] if done.returncode else "", said

    def versions(self, requirements: list[str]) -> str:
        """What is installed of these."""
        names = [re.split(r"[^\w-]", requirement)[0] for requirement in requirements]
        script = f"from importlib.metadata import version; print(*(f'{{name}} {{version(name)}}' for name in {names}), sep=', ')"
        return self.run("-c", script)[1]


def serve_s3() -> None:
    """Starts what the snippet of s3 asks, which ends with this process, and tells the environments of it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}


def try_alone(name: str, wheel: Path, requirements: list[str], base: Environment, place: Path) -> tuple[bool, str]:
    """Whether the snippet runs and what it logged comes back where nothing but the extra was asked for; and what was seen."""
    environment = Environment(place, base if name in WITH_TORCH else None, f"{wheel}[{name}]")
    if environment.problem:
        return False, f"cannot be installed: {environment.problem}"
    problem, _ = environment.run("-c", SNIPPETS[name])
    problem, said = (problem, "") if problem else environment.run("-c", READ_BACK)
    return not problem, f"{environment.versions(requirements)}: {problem or said}"


def try_lowest(name: str, wheel: Path, requirements: list[str], base: Environment, place: Path) -> tuple[bool, str]:
    """Whether the tests of the extra pass with the lowest versions; and pytest's last line, with those that do not."""
    tests, besides = TESTS[name]
    environment = Environment(place, base, str(wheel), *requirements, "pytest==9.2.0", "hypothesis", "scipy", *besides)
    if environment.problem:
        return False, f"cannot be installed: {environment.problem}"
    for directory in ("tests", "docs"):
        shutil.copytree(ROOT / directory, environment.place / directory, ignore=shutil.ignore_patterns("browser", "bench", "reliability"))
    shutil.copy(ROOT / "pyproject.toml", environment.place)
    # Old libraries warn of what newer ones of others will do.
    problem, said = environment.run("-m", "pytest", "-q", "-W", "default", "-p", "no:cacheprovider", f"tests/{tests[0]}", *tests[1:])
    lines = said.splitlines() or [problem]
    failures = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
    return not problem, "\n  ".join([f"{environment.versions(requirements)}: {lines[-1]}", *failures])


def main() -> int:
    """Prints a line for each, and fails if one failed."""
    serve_s3()
    with tempfile.TemporaryDirectory() as directory:
        wheel, _ = build(Path(directory))
        extras = lowest(wheel)
        assert extras.keys() == TESTS.keys(), "each extra has its tests here"
        base = Environment(Path(directory) / "base", None, TORCH)
        assert not base.problem, base.problem
        failed = 0
        for name in sys.argv[1:] or sorted(extras):
            for attempt, how in ((try_alone, "alone"), (try_lowest, "at its lowest")):
                with tempfile.TemporaryDirectory(dir=directory) as place:  # where files can be linked
                    passed, said = attempt(name, wheel, extras[name], base, Path(place))
                print(f"{name} {how}: {'' if passed else 'FAILED: '}{said}", flush=True)
                failed += not passed
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
