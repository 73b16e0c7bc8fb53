"""A TensorBoard of our own on 127.0.0.1: started, asked, weighed and ended."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

ROUTES = "/data/plugin/confusion_matrix"


class TensorBoard:
    """A running TensorBoard with its data server, if it has one.

    Attributes:
      ready: seconds from the start of the process to its first answer.
    """

    def __init__(self, logdir: Path, fast: bool, *more: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        options = ["--logdir", str(logdir), "--host", "127.0.0.1", "--port", str(self.port), f"--load_fast={'true' if fast else 'false'}"]
        begin = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", *options, *more],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait(begin)
        self.ready = time.perf_counter() - begin
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)  # kept alive, as a browser's is

    def _wait(self, begin: float) -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.request("GET", "/data/environment")
                connection.getresponse().read()
                return
            except (ConnectionError, http.client.HTTPException):
                if self._process.poll() is not None or time.perf_counter() - begin > 120:
                    raise RuntimeError(f"TensorBoard does not answer on port {self.port}") from None
                time.sleep(0.002)
            finally:
                connection.close()

    def get(self, path: str, **query: Any) -> tuple[int, bytes]:
        """Status and body of a route of the plugin, over the one connection."""
        self._connection.request("GET", quote(ROUTES + path) + ("?" + urlencode(query) if query else ""))
        response = self._connection.getresponse()
        return response.status, response.read()

    def get_json(self, path: str, **query: Any) -> Any:
        """The body of a route that answers with JSON, or None where it answers with an error."""
        status, body = self.get(path, **query)
        return json.loads(body) if status == 200 else None

    def memory(self) -> int:
        """Bytes of memory of all its processes, pages that they share counted once (PSS)."""
        return sum(_pss(pid) for pid in _tree(self._process.pid))

    def close(self) -> None:
        """Ends it and its data server, and nothing else."""
        self._connection.close()
        processes = _tree(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in processes[1:]:  # the data server ends with its parent; where it did not, it is helped
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


@contextlib.contextmanager
def tensorboard(logdir: Path, fast: bool, *more: str) -> Iterator[TensorBoard]:
    """A TensorBoard for the length of a `with`; `more` are further arguments of it."""
    running = TensorBoard(logdir, fast, *more)
    try:
        yield running
    finally:
        running.close()


def _tree(root: int) -> list[int]:
    """A process and its descendants."""
    found = [root]
    for pid in found:
        with contextlib.suppress(FileNotFoundError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
