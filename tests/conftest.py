"""Event files as they were written, and real TensorBoards to show them."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import settings
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

with warnings.catch_warnings():
    # TensorBoard's copy of html5lib warns of itself when it is first imported, and warnings are errors here.
    warnings.simplefilter("ignore", DeprecationWarning)
    import tensorboard.plugin_util  # noqa: F401

# Read by libraries when they are imported, here and in every process that a test starts: no network, and nothing in the home directory.
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "KERAS_BACKEND": "torch",
    "KERAS_HOME": os.devnull,
    "WANDB_MODE": "offline",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
}

# How long one example takes says more of what else the machine does than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

DATA = "/data/plugin/confusion_matrix"
_ADDRESS = re.compile(r"TensorBoard [\w.]+ at (http://\S+)")


@dataclass(frozen=True)
class Logged:
    """One summary value in an event file."""

    tag: str
    step: int
    wall_time: float
    record: bytes
    plugin: str
    content: bytes
    data_class: int


@pytest.fixture(scope="session")
def read_log() -> Callable[[Any], list[Logged]]:
    """A function: what TensorBoard's own reader finds in the event files of a directory, oldest file first."""

    def by_number(path: Path) -> list[Any]:  # the names end in the time, then a count
        return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]

    def read(logdir: Any) -> list[Logged]:
        return [
            Logged(
                value.tag,
                event.step,
                event.wall_time,
                value.tensor.string_val[0] if value.tensor.string_val else b"",
                value.metadata.plugin_data.plugin_name,
                value.metadata.plugin_data.content,
                value.metadata.data_class,
            )
            for path in sorted(Path(logdir).glob("*tfevents*"), key=by_number)
            for event in EventFileLoader(str(path)).Load()
            for value in event.summary.value
        ]

    return read


class TensorBoard:
    """A running `tensorboard`: its address, what it answers and what it printed.

    Attributes:
      url: the address of its page, ending in a slash.
    """

    def __init__(self, *args: str, env: dict[str, str] | None = None, seconds: float = 30) -> None:
        self._output = tempfile.NamedTemporaryFile("w+", suffix=".log")  # noqa: SIM115  # closed in stop()
        command = [sys.executable, "-m", "tensorboard.main", "--host", "127.0.0.1", "--port", "0", *map(str, args)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output, env={**os.environ, **(env or {})}
        )
        try:
            self.url = self._address(time.monotonic() + seconds)
        except BaseException:
            self.stop()
            raise

    def _address(self, deadline: float) -> str:
        while time.monotonic() < deadline:
            if found := _ADDRESS.search(self.output):
                return found[1].rstrip("/") + "/"
            if self._process.poll() is not None:
                raise RuntimeError(f"tensorboard ended with {self._process.returncode}: {self.output}")
            time.sleep(0.02)
        raise TimeoutError(f"tensorboard did not print its address: {self.output}")

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return Path(self._output.name).read_text("utf-8", errors="replace")

    def get(self, path: str, accept_encoding: str = "identity", **query: Any) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of an answer; `path` begins with a slash and comes after the path prefix."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        try:
            target = parts.path.rstrip("/") + path + (f"?{urlencode(query, doseq=True)}" if query else "")
            connection.request("GET", target, headers={"Accept-Encoding": accept_encoding})
            response = connection.getresponse()
            return response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}
        finally:
            connection.close()

    def json(self, path: str, **query: Any) -> Any:
        """The content of a JSON answer."""
        status, body, headers = self.get(path, **query)
        assert status == 200, body
        assert headers["content-type"].startswith("application/json")
        return json.loads(body)

    def steps(self, tag: str) -> dict[str, list[int]]:
        """The steps of a confusion matrix's tag in each run; nothing when there is no such tag."""
        if self.get(f"{DATA}/series", tag=tag)[0] == 404:
            return {}
        return {series["run"]: series["steps"] for series in self.json(f"{DATA}/series", tag=tag)["series"]}

    def wait(self, ready: Callable[["TensorBoard"], Any], seconds: float = 30) -> None:
        """Waits until `ready(self)` is true: TensorBoard reads its log in the background."""
        deadline = time.monotonic() + seconds
        while not ready(self):
            if time.monotonic() > deadline:
                raise TimeoutError(f"TensorBoard was not ready in {seconds} s; it printed: {self.output}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends the process, and with it its data server. May be called twice."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)  # it saves its coverage, which must not be cut off
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output.close()


def _has_tags(board: TensorBoard) -> bool:
    return bool(board.json(f"{DATA}/tags")["tags"])


@contextlib.contextmanager
def _serve(
    logdir: Any, *args: str, ready: Callable[[TensorBoard], Any] | None = _has_tags, env: dict[str, str] | None = None
) -> Iterator[TensorBoard]:
    where = () if logdir is None else ("--logdir", os.fspath(logdir))
    board = TensorBoard(*where, *args, env=env)
    try:
        if ready:
            board.wait(ready)
        yield board
    finally:
        board.stop()


@pytest.fixture(scope="session")
def serve() -> Callable[..., contextlib.AbstractContextManager[TensorBoard]]:
    """A context manager: `with serve(logdir, "--load_fast=false") as board:` starts a TensorBoard on 127.0.0.1 and ends it.

    It comes back when TensorBoard has a first confusion matrix to show, or when `ready(board)` is true, or at once with `ready=None`.
    Without a log directory (None), pass `--logdir_spec` or the like. `env` adds environment variables.
    """
    return _serve


@pytest.fixture(scope="session", params=["true", "false"], ids=["data_server", "multiplexer"])
def load_fast(request: pytest.FixtureRequest) -> str:
    """Both ways in which TensorBoard reads its data, as the argument to choose it."""
    return f"--load_fast={request.param}"
