"""A hundred thousand odd requests to TensorBoard's own WSGI app with the plugin in it, over a log of damaged records.

    python tests/reliability/hostile_requests.py [--count 100000] [--seed 1]

Half of them are answered from TensorBoard's data server, half without it.
"""

import argparse
import contextlib
import gzip
import json
import random
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from mutations import TEXTS, damaged, golden_records, mutated
from tensorboard.compat.proto.event_pb2 import Event
from werkzeug.test import Client

from tb_confmat_plugin import names
from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.event_file import write_event_file
from tb_confmat_plugin.example_record import encode_images
from tb_confmat_plugin.loader import ConfusionMatrixLoader
from tb_confmat_plugin.matrix import ConfusionMatrix
from tb_confmat_plugin.record import encode_classes, encode_matrix
from tb_confmat_plugin.summary import tensor_summary

DATA = "/data/plugin/confusion_matrix"
ROUTES = ["/tags", "/series", "/records", "/classes", "/example_series", "/example_records", "/image", "/index.js"]
STEPS = [0, 1, 5, 2**53]
ODD_RUN, ODD_TAG = "r\N{LATIN SMALL LETTER A WITH DIAERESIS}ume & 100%<b>", "<script>alert(1)</script>&=#%2F+ \"'"
PETS = Classes.of(3, ["cat", "dog", "ant"])
PACK, PNG, SCRIPT = "00112233445566aa", "aa" * 8, "bb" * 8
MOST_SECONDS = 5.0
MOST_BYTES = 2**20  # of an answer: the log is small
REFUSALS = {400, 404, 405}
METHODS = ["GET"] * 12 + ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW"]


def write_log(directory: Path, seed: int) -> None:
    """Good and damaged records of all kinds, at odd steps, times, tags and runs."""
    rng, golden = random.Random(seed), list(golden_records().values())
    matrix = encode_matrix(ConfusionMatrix.from_dense([[11, 2, 5], [0, 13, 0], [1, 0, 300]], PETS.names))
    images = encode_images({PNG: b"\x89PNG\r\n\x1a\n and so on", SCRIPT: b"<svg onload=alert(1)>"})

    def add(tag: str, record: bytes, content: bytes, plugin: str = names.PLUGIN_NAME, step: int = 0) -> None:
        # Where a time is no number, the data server reads no further in that file.
        wall_time = rng.choice((float("nan"), float("inf")) if run == "times" else (1.79e9, 0.0, -1e9, 1e300))
        events.append(Event(summary=tensor_summary(tag, record, content, plugin), step=step, wall_time=wall_time))

    for run in ("good", ODD_RUN, "damaged/deep", "times"):
        events = [Event(file_version="brain.Event:2", wall_time=1.0)]

        for step in STEPS:
            hurt = run != "good"
            for tag in ("val", ODD_TAG, "\0", "../../up"):
                add(tag, mutated(rng.choice(golden), golden, rng) if hurt else matrix, names.MATRIX_CONTENT, step=step)
                record = mutated(rng.choice(golden), golden, rng)
                add(names.examples_tag(tag), record, names.EXAMPLES_CONTENT, names.EXAMPLES_PLUGIN_NAME, step)
        listed = encode_classes(PETS)
        add(names.class_list_tag(PETS.id or ""), damaged(listed, golden, rng) if hurt else listed, names.CLASSES_CONTENT)
        add(names.image_pack_tag(PACK), images, names.IMAGES_CONTENT, names.EXAMPLES_PLUGIN_NAME)
        for number in range(20):
            pack = f"{number:016x}"
            add(names.image_pack_tag(pack), mutated(images, golden, rng), names.IMAGES_CONTENT, names.EXAMPLES_PLUGIN_NAME)
        write_event_file(directory / run, (event.SerializeToString() for event in events))


@contextlib.contextmanager
def application(directory: Path, fast: bool) -> Iterator[Client]:
    """TensorBoard's WSGI app over a log directory, in this process, as `tensorboard` itself makes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TensorBoard's copy of html5lib
        from tensorboard import program
        from tensorboard.backend import application as backend
        from tensorboard.plugins.core.core_plugin import CorePluginLoader  # the flags are its
    server = program.TensorBoard(plugins=[CorePluginLoader, ConfusionMatrixLoader])
    server.configure(logdir=str(directory), load_fast="true" if fast else "false", reload_interval=0.0)
    provider, multiplexer = server._make_data_provider()
    app = backend.TensorBoardWSGIApp(server.flags, server.plugin_loaders, provider, None, multiplexer)
    client = Client(app)
    deadline = time.monotonic() + 30
    while len(json.loads(client.get(f"{DATA}/tags").data)["tags"]) < 4:
        if time.monotonic() > deadline:
            raise TimeoutError("the log was not read")
        time.sleep(0.05)
    yield client


def odd_request(rng: random.Random) -> dict[str, Any]:
    """Arguments for `Client.open`: a route that is there or nearly, with a query that is right, odd or nonsense."""
    path = DATA + rng.choice(ROUTES)
    if rng.random() < 0.1:
        path = rng.choice(
            (
                f"{path}/",
                f"{path}/../../../etc/passwd",
                f"{DATA}/static/../../record.py",
                f"{DATA}/..%2f..%2fetc/passwd",
                f"{DATA}/%2e%2e/scalars/tags",
                f"{DATA}//tags",
                DATA,
                f"{DATA}/{quote(rng.randbytes(5))}",
                f"/experiment/{quote(rng.choice(TEXTS), errors='replace')}{path}",
            )
        )
    request: dict[str, Any] = {"path": path, "method": rng.choice(METHODS), "query_string": _query(rng)}
    request["headers"] = {"Accept-Encoding": rng.choice(("gzip", "identity", "", "gzip;q=0", "*", "\xff"))}
    if request["method"] != "GET":
        request["data"] = rng.randbytes(rng.randint(0, 2000))
    return request


def _query(rng: random.Random) -> str:
    if rng.random() < 0.05:
        return quote(rng.randbytes(rng.randint(0, 100)), safe="&=;%+")
    texts = [*TEXTS, "x" * 20_000, "\u202e", "%", "\r\nX-Injected: 1"]
    right = {
        "run": ["good", ODD_RUN, "damaged/deep", "times"],
        "tag": ["val", ODD_TAG, "\0", "../../up"],
        "first": [str(step) for step in (*STEPS, -(2**53))],
        "last": [str(step) for step in (*STEPS, 2**70)],
        "id": [PETS.id or ""],
        "pack": [PACK, *(f"{number:016x}" for number in range(20))],
        "name": [PNG, SCRIPT],
    }
    numbers = ["", "-0", "1e3", "nan", "0x10", "9" * 5000, "-" + "9" * 400, "\N{ARABIC-INDIC DIGIT ONE}", "1_0", " 1", "None", "1\0"]
    pairs = []
    for name, values in right.items():
        odd = rng.random()
        if odd < 0.05:
            continue
        pairs.append((name, rng.choice(values) if odd < 0.85 else rng.choice(numbers if name in ("first", "last") else texts)))
        if odd > 0.98:
            pairs.append((name, rng.choice(texts)))
    return urlencode(pairs, errors="surrogatepass")


def check_answer(request: dict[str, Any], response: Any, logdir: str) -> None:
    """An answer, or an error in words: no page, no trace of a stack, nothing of the file system, no more than its content."""
    status, body, headers = response.status_code, response.data, response.headers
    if headers.get("Content-Encoding") == "gzip" and body:  # none for HEAD
        body = gzip.decompress(body)
    assert status == 200 or status in REFUSALS, f"status {status}"
    assert b"Traceback" not in body, "a stack trace"
    assert logdir.encode() not in body, "a path of the machine"
    assert len(body) < MOST_BYTES, f"{len(body)} bytes"
    assert "X-Injected" not in headers, "a header from the query"
    kind = headers["Content-Type"].partition(";")[0]
    ours = request["path"].startswith(DATA) and not request["path"].startswith(f"{DATA}//")
    if status == 200 and ours:
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert kind in ("application/json", "application/octet-stream", "application/javascript", "image/png", "image/webp"), kind
        if kind == "application/json" and request["method"] == "GET":
            json.loads(body, parse_constant=_refuse)
    elif ours and status != 405:
        assert kind == "text/plain", kind


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def run(client: Client, logdir: str, count: int, seed: int) -> Counter[int]:
    """Sends `count` requests, and returns how many were answered with each status."""
    rng = random.Random(seed)
    tally: Counter[int] = Counter()
    for number in range(count):
        request = odd_request(rng)
        begin = time.perf_counter()
        try:
            response = client.open(**request)
            check_answer(request, response, logdir)
        except Exception as error:
            raise AssertionError(f"request {number} of seed {seed}, {request}: {error!r}") from error
        seconds = time.perf_counter() - begin
        assert seconds < MOST_SECONDS, f"request {number} of seed {seed} took {seconds:.1f} s: {request}"
        tally[response.status_code] += 1
    return tally


def main() -> None:
    """Prints what was asked and answered, and fails at the first defect."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    for fast in (True, False):
        with tempfile.TemporaryDirectory() as directory:
            write_log(Path(directory), given.seed)
            with application(Path(directory), fast) as client:
                begin = time.perf_counter()
                tally = run(client, directory, given.count // 2, given.seed)
                seconds = time.perf_counter() - begin
                way = "with the data server" if fast else "without"
                print(f"{way}: {given.count // 2} requests in {seconds:.0f} s, by status: {dict(tally)}", flush=True)


if __name__ == "__main__":
    main()
