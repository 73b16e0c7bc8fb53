"""The routes of http_api.md, asked of a real TensorBoard on both of its data paths."""

import gzip
import shutil
import struct
import time
from pathlib import Path

import pytest
from tensorboard.util.tensor_util import make_tensor_proto
from torch.utils.tensorboard import SummaryWriter

import tb_confmat_plugin
from tb_confmat_plugin import ConfusionMatrix, add_confusion_matrix
from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.record import class_list_id, decode_classes, decode_matrix
from tb_confmat_plugin.summary import matrix_summary

pytestmark = pytest.mark.filterwarnings("ignore:step .* was logged")  # on purpose, here

DATA = "/data/plugin/confusion_matrix"
PETS = ("cat", "dog", "ant")
ODD_RUN, ODD_TAG = "räume & 100%/<b>x", "välidierung/ä?&=#%2F+ \"'<i>"
DAMAGED = b"TBCM\x01 this is no zlib stream \x00\xff"


def counts(step: int) -> list[list[int]]:
    return [[11, step % 1009, 5], [0, 13, 2 * (step % 1009)], [1, 0, 300]]


def wall_time(step: int) -> float:
    return 1_795_000_000.25 + step % 1009


def log_steps(logdir: Path, run: str, tag: str, *steps: int, names=PETS) -> None:
    with SummaryWriter(logdir / run) as writer:
        for step in steps:
            add_confusion_matrix(writer, tag, counts(step), step, wall_time(step), class_names=names)


def make_older(directory: Path) -> None:
    """Gives event files the names they had if they had been begun long ago: those of one second have no order."""
    for path in directory.glob("events.out.tfevents.*"):
        stem, _, rest = path.name.removeprefix("events.out.tfevents.").partition(".")
        path.rename(directory / f"events.out.tfevents.{int(stem) - 1000}.{rest}")


def log_raw(writer: SummaryWriter, tag: str, step: int, tensor=None, content: bytes | None = None) -> None:
    """Writes under our plugin's name what we would not."""
    summary = matrix_summary(tag, ConfusionMatrix.from_dense(counts(step)))
    if tensor is not None:
        summary.value[0].tensor.CopyFrom(tensor)
    if content is not None:
        summary.value[0].metadata.plugin_data.content = content
    writer._get_file_writer().add_summary(summary, step, wall_time(step))


# tag -> run -> steps, as all questions below find them
STEPS = {
    "val": {"fast": list(range(300)), "slow": [0, 2, 7]},
    "train": {"slow": [1, 2]},
    "resumed": {"group/resumed": [0, 1, 2, 3, 4]},
    "twice": {"twice": [0, 1]},
    "renamed": {"renamed": [0, 1, 2]},
    "float": {"foreign": [0, 1, 2]},
    "good": {"foreign": [0]},
    "damaged": {"damaged": [0, 1, 2]},
    "far": {"far": [-3, 0, 2**53 - 1]},
    "growing": {"growing": [0, 1]},
    "end": {"twice": [0], "unordered": [0]},  # once it is there, all before it has been read
    ODD_TAG: {ODD_RUN: [0]},
}


@pytest.fixture(scope="module")
def logdir(tmp_path_factory) -> Path:
    logdir = tmp_path_factory.mktemp("log")
    log_steps(logdir, "fast", "val", *range(300))
    with SummaryWriter(logdir / "slow") as writer:
        writer.add_scalar("loss", 0.5, 1)
        for tag, steps in [("val", (0, 2, 7)), ("train", (1, 2))]:
            for step in steps:
                add_confusion_matrix(writer, tag, counts(step), step, wall_time(step), class_names=PETS)
    log_steps(logdir, "group/resumed", "resumed", 0, 1, 2)
    make_older(logdir / "group/resumed")
    log_steps(logdir, "group/resumed", "resumed", 3, 4)
    with SummaryWriter(logdir / "twice") as writer:
        for step, value in [(0, 50), (1, 51), (1, 99)]:
            add_confusion_matrix(writer, "twice", counts(value), step)
        add_confusion_matrix(writer, "end", counts(0), 0)
    with SummaryWriter(logdir / "renamed") as writer:
        for step, names in enumerate([PETS, ("bee", *PETS), PETS]):
            counted = ConfusionMatrix.from_coo([0], [2], [step + 1], len(names), names)
            add_confusion_matrix(writer, "renamed", counted, step)
    with SummaryWriter(logdir / "foreign") as writer:
        log_raw(writer, "float", 0)
        log_raw(writer, "float", 1, make_tensor_proto(0.5))
        log_raw(writer, "float", 2)
        log_raw(writer, "good", 0)
        log_raw(writer, "newer", 0, content=b"of a newer version")
    with SummaryWriter(logdir / "damaged") as writer:
        log_raw(writer, "damaged", 0)
        log_raw(writer, "damaged", 1, make_tensor_proto(DAMAGED))
        log_raw(writer, "damaged", 2)
    log_steps(logdir, "far", "far", -3, 0, 2**53 - 1)
    log_steps(logdir, ODD_RUN, ODD_TAG, 0)
    with SummaryWriter(logdir / "unordered") as writer:
        for step, value in [(0, 50), (1, 51), (2, 52), (1, 99)]:
            add_confusion_matrix(writer, "unordered", counts(value), step)
        add_confusion_matrix(writer, "end", counts(0), 0)
    return logdir


def has_read_everything(board) -> bool:
    return all(board.steps(tag) == runs for tag, runs in STEPS.items())


@pytest.fixture(scope="module")
def board(serve, logdir, load_fast, tmp_path_factory):
    """A TensorBoard over a copy of its own of the log, and of a training that still goes on, in the run "growing"."""
    copy = tmp_path_factory.mktemp("copy") / "log"
    shutil.copytree(logdir, copy)
    with SummaryWriter(copy / "growing") as training:
        for step in (0, 1):
            add_confusion_matrix(training, "growing", counts(step), step)
        training.flush()
        with serve(copy, load_fast, "--reload_interval", "1", ready=has_read_everything) as board:
            board.logdir, board.training = copy, training
            yield board
            assert "Traceback" not in board.output, board.output


def frames(board, run: str, tag: str, first: int = -(2**53), last: int = 2**53) -> list[tuple[float, float, bytes]]:
    """Step, wall time and record of each frame, read as http_api.md says."""
    status, body, headers = board.get(f"{DATA}/records", run=run, tag=tag, first=first, last=last)
    assert status == 200, body
    assert headers["content-type"] == "application/octet-stream"
    found = []
    while body:
        step, wall_time, length = struct.unpack_from("<ddI", body)
        assert len(body) >= 20 + length
        found.append((step, wall_time, body[20 : 20 + length]))
        body = body[20 + length :]
    return found


def test_the_tab(board):
    listed = board.json("/data/plugins_listing")["confusion_matrix"]
    assert listed["enabled"] is True
    assert listed["tab_name"] == "Confusion Matrix"
    assert listed["loading_mechanism"] == {"type": "IFRAME", "module_path": f"{DATA}/index.js"}


def test_the_frontend(board):
    script = (Path(tb_confmat_plugin.__file__).parent / "static/index.js").read_bytes()
    status, packed, headers = board.get(f"{DATA}/index.js", accept_encoding="gzip")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert headers["content-type"].startswith("application/javascript")
    assert gzip.decompress(packed) == script
    status, plain, headers = board.get(f"{DATA}/index.js")
    assert (status, plain) == (200, script)
    assert "content-encoding" not in headers


def test_tags(board):
    """All of ours, sorted; no class list, no scalar, no content of a newer version."""
    assert board.json(f"{DATA}/tags") == {"tags": sorted([*STEPS, "unordered"])}


def test_series_of_the_first_tag(board):
    first = min(tag for tag, runs in STEPS.items() if set(runs) & set(sorted({run for its in STEPS.values() for run in its})[:8]))
    assert board.json(f"{DATA}/series") == board.json(f"{DATA}/series", tag=first)


def test_series_of_some_runs(board):
    fast, slow = board.json(f"{DATA}/series", tag="val")["series"]
    assert board.json(f"{DATA}/series", tag="val", run="slow")["series"] == [slow]
    assert board.json(f"{DATA}/series", tag="val", run=["slow", "fast", "none"])["series"] == [fast, slow]
    assert board.json(f"{DATA}/series", tag="val", most=1)["series"] == [fast]
    assert board.json(f"{DATA}/series", tag="val", most=1000)["series"] == [fast, slow]
    assert board.json(f"{DATA}/series", tag="val", run="slow", most=1)["series"] == [slow]


def test_series(board):
    answer = board.json(f"{DATA}/series", tag="val")
    assert (set(answer), answer["tag"]) == ({"tag", "series"}, "val")
    assert [series["run"] for series in answer["series"]] == ["fast", "slow"]
    fast, slow = answer["series"]
    assert set(slow) == {"run", "steps", "wall_times", "sizes", "sampled"}
    assert slow["steps"] == [0, 2, 7]
    assert slow["wall_times"] == [wall_time(0), wall_time(2), wall_time(7)]
    assert fast["steps"] == list(range(300)), "every step, on both data paths"
    assert fast["sampled"] is slow["sampled"] is False
    assert fast["sizes"] == [len(record) for _, _, record in frames(board, "fast", "val")]


def test_records_are_the_bytes_that_were_logged(board, read_log):
    found = frames(board, "fast", "val")
    assert [step for step, _, _ in found] == list(range(300))
    assert [seconds for _, seconds, _ in found] == [wall_time(step) for step in range(300)]
    assert [record for _, _, record in found] == [value.record for value in read_log(board.logdir / "fast") if value.tag == "val"]
    for step, _, record in (found[0], found[77], found[299]):
        assert decode_matrix(record).to_dense().tolist() == counts(int(step))


@pytest.mark.parametrize(
    ("first", "last", "steps"),
    [
        (10, 12, [10, 11, 12]),
        (299, 299, [299]),
        (298, 10**30, [298, 299]),
        (-5, 0, [0]),
        (12, 10, []),
        (300, 400, []),
    ],
)
def test_records_of_a_range(board, first, last, steps):
    assert [step for step, _, _ in frames(board, "fast", "val", first, last)] == steps


def test_records_of_a_range_with_gaps(board):
    assert [step for step, _, _ in frames(board, "slow", "val", 1, 6)] == [2]


def test_far_steps(board):
    assert [step for step, _, _ in frames(board, "far", "far")] == [-3, 0, 2**53 - 1]


def test_classes(board):
    record = frames(board, "fast", "val", 5, 5)[0][2]
    status, body, headers = board.get(f"{DATA}/classes", run="fast", id=class_list_id(record))
    assert (status, headers["content-type"]) == (200, "application/octet-stream")
    assert decode_classes(body).names == PETS
    assert board.get(f"{DATA}/classes", run="slow", id=class_list_id(record))[1] == body


def test_class_names_that_change_in_mid_run(board):
    names = []
    for _, _, record in frames(board, "renamed", "renamed"):
        classes = decode_classes(board.get(f"{DATA}/classes", run="renamed", id=class_list_id(record))[1])
        assert decode_matrix(record, classes).class_names == classes.names
        names.append(classes.names)
    assert names == [PETS, ("bee", *PETS), PETS]


def test_a_restart_in_the_same_directory(board):
    found = frames(board, "group/resumed", "resumed")
    assert [decode_matrix(record).to_dense()[0, 1] for _, _, record in found] == [0, 1, 2, 3, 4]
    for _, _, record in found:
        assert board.get(f"{DATA}/classes", run="group/resumed", id=class_list_id(record))[0] == 200


def test_the_newest_record_of_a_step_wins(board):
    assert [decode_matrix(record).to_dense()[0, 1] for _, _, record in frames(board, "twice", "twice")] == [50, 99]


def test_a_step_that_does_not_grow_does_what_the_warning_says(board, load_fast):
    """The data server drops the steps from 1 on that were logged before; without it, all stay, in order."""
    expected = {0: 50, 1: 99} if load_fast.endswith("true") else {0: 50, 1: 99, 2: 52}
    found = frames(board, "unordered", "unordered")
    assert {step: decode_matrix(record).to_dense()[0, 1] for step, _, record in found} == expected


def test_a_foreign_tensor_is_an_empty_record_and_hides_nothing(board):
    found = frames(board, "foreign", "float")
    assert [(step, bool(record)) for step, _, record in found] == [(0, True), (1, False), (2, True)]
    assert decode_matrix(found[2][2]).to_dense().tolist() == counts(2)
    (series,) = board.json(f"{DATA}/series", tag="float")["series"]
    assert series["sizes"][1] == 0
    assert len(frames(board, "foreign", "good")) == 1


def test_a_damaged_record_passes_untouched(board):
    found = frames(board, "damaged", "damaged")
    assert found[1] == (1, wall_time(1), DAMAGED)
    assert [decode_matrix(record).to_dense().tolist() for _, _, record in (found[0], found[2])] == [counts(0), counts(2)]


def test_names_of_any_text(board):
    found = frames(board, ODD_RUN, ODD_TAG)
    assert [decode_matrix(record).to_dense().tolist() for _, _, record in found] == [counts(0)]
    status, body, _ = board.get(f"{DATA}/records", run=ODD_RUN, tag="<script>ä", first=0, last=1)
    assert (status, body.decode()) == (
        404,
        f"Not found: run {ODD_RUN!r} has no confusion matrix of tag '<script>ä'; /tags lists what there is",
    )


RECORDS_QUERY = {"run": "fast", "tag": "val", "first": 0, "last": 1}


@pytest.mark.parametrize(
    ("path", "query", "status", "message"),
    [
        ("/series", {"tag": "val", "most": "many"}, 400, "Invalid argument: expected 'most' as an integer, got 'many'"),
        ("/series", {"most": 0}, 400, "Invalid argument: expected 'most' as a number of runs, at least 1, got 0"),
        (
            "/series",
            {"tag": "val", "run": "x"},
            404,
            "Not found: no run has a confusion matrix of tag 'val'; /tags lists the tags there are",
        ),
        ("/series", {"tag": "x"}, 404, "Not found: no run has a confusion matrix of tag 'x'; /tags lists the tags there are"),
        ("/series", {"tag": ""}, 404, "Not found: no run has a confusion matrix of tag ''; /tags lists the tags there are"),
        ("/series", {"tag": "loss"}, 404, "Not found: no run has a confusion matrix of tag 'loss'; /tags lists the tags there are"),
        ("/series", {"tag": "newer"}, 404, "Not found: no run has a confusion matrix of tag 'newer'; /tags lists the tags there are"),
        *(
            (
                "/records",
                {name: value for name, value in RECORDS_QUERY.items() if name != missing},
                400,
                f"Invalid argument: expected a query parameter {missing!r}, got {sorted({*RECORDS_QUERY} - {missing})}",
            )
            for missing in RECORDS_QUERY
        ),
        ("/records", {**RECORDS_QUERY, "first": "a"}, 400, "Invalid argument: expected 'first' as an integer, got 'a'"),
        ("/records", {**RECORDS_QUERY, "last": "1.5"}, 400, "Invalid argument: expected 'last' as an integer, got '1.5'"),
        ("/records", {**RECORDS_QUERY, "last": ""}, 400, "Invalid argument: expected 'last' as an integer, got ''"),
        (
            "/records",
            {**RECORDS_QUERY, "run": "x"},
            404,
            "Not found: run 'x' has no confusion matrix of tag 'val'; /tags lists what there is",
        ),
        (
            "/records",
            {**RECORDS_QUERY, "tag": "x"},
            404,
            "Not found: run 'fast' has no confusion matrix of tag 'x'; /tags lists what there is",
        ),
        ("/classes", {"run": "fast"}, 400, "Invalid argument: expected a query parameter 'id', got ['run']"),
        ("/classes", {"id": "x"}, 400, "Invalid argument: expected a query parameter 'run', got ['id']"),
        (
            "/classes",
            {"run": "fast", "id": "x"},
            404,
            "Not found: run 'fast' has no class list 'x'; its records show class numbers instead",
        ),
        (
            "/classes",
            {"run": "damaged", "id": Classes.of(3, PETS).id},
            404,
            f"Not found: run 'damaged' has no class list '{Classes.of(3, PETS).id}'; its records show class numbers instead",
        ),
    ],
)
def test_errors(board, path, query, status, message):
    found, body, headers = board.get(f"{DATA}{path}", **query)
    assert (found, body.decode()) == (status, message)
    assert headers["content-type"].startswith("text/plain"), "an error shows names, and must not be run as a page"
    assert headers["x-content-type-options"] == "nosniff"


def test_an_experiment_in_the_path(board):
    assert board.json(f"/experiment/x{DATA}/tags") == board.json(f"{DATA}/tags")
    status, body, _ = board.get(f"/experiment/x{DATA}/records", **RECORDS_QUERY)
    assert (status, body) == (200, board.get(f"{DATA}/records", **RECORDS_QUERY)[1])


def test_new_steps_appear_when_tensorboard_reloads(board):
    assert [step for step, _, _ in frames(board, "growing", "growing")] == [0, 1]
    log_steps(board.logdir, "new", "growing", 3)
    for step in (2, 5):
        add_confusion_matrix(board.training, "growing", counts(step), step)
    board.training.flush()
    board.wait(lambda board: board.steps("growing") == {"growing": [0, 1, 2, 5], "new": [3]})
    found = frames(board, "growing", "growing", 2, 5)
    assert [decode_matrix(record).to_dense().tolist() for _, _, record in found] == [counts(2), counts(5)]


def test_the_prefix_of_a_proxy_and_the_users_own_sampling(serve, logdir, load_fast):
    def has_read_it(board):
        return set(board.steps("val")) == {"fast", "slow"} and board.steps("val")["fast"][-1] == 299

    with serve(logdir, load_fast, "--path_prefix", "/tb", "--samples_per_plugin", "confusion_matrix=7", ready=has_read_it) as board:
        assert board.url.endswith("/tb/")
        assert board.json("/data/plugins_listing")["confusion_matrix"]["loading_mechanism"]["module_path"] == f"/tb{DATA}/index.js"
        steps = board.steps("val")
        assert len(steps["fast"]) == 7
        assert steps["slow"] == [0, 2, 7]
        assert [step for step, _, _ in frames(board, "fast", "val")] == steps["fast"]
        assert board.json(f"/experiment/x{DATA}/tags") == board.json(f"{DATA}/tags")
        assert board.get(f"{DATA}/index.js")[0] == 200


def test_several_log_directories(serve, logdir):
    """`--logdir_spec` always goes without the data server."""
    spec = f"a:{logdir / 'slow'},b:{logdir / 'group'}"
    with serve(None, "--logdir_spec", spec, ready=lambda board: board.steps("val") and board.steps("resumed")) as board:
        ((run, steps),) = board.steps("val").items()
        assert (run.removesuffix("/."), steps) == ("a", [0, 2, 7])
        assert board.steps("resumed") == {"b/resumed": [0, 1, 2, 3, 4]}
        assert [step for step, _, _ in frames(board, run, "val", 1, 7)] == [2, 7]


def test_nothing_logged(serve, tmp_path, load_fast):
    with serve(tmp_path, load_fast, ready=None) as board:
        assert board.json(f"{DATA}/tags") == {"tags": []}
        assert board.json(f"{DATA}/series") == {"tag": None, "series": []}
        assert board.get(f"{DATA}/series", tag="val")[0] == 404
        assert board.json("/data/plugins_listing")["confusion_matrix"]["enabled"] is False
        assert board.get(f"{DATA}/index.js")[0] == 200, "the tab can be opened, and says what to do"


def test_a_tensorboard_leaves_nothing_running(serve, tmp_path):
    with serve(tmp_path, "--load_fast=true", ready=None) as board:
        process = board._process.pid
        children = Path(f"/proc/{process}/task/{process}/children")
        if not children.exists():
            pytest.skip("needs Linux")
        servers = children.read_text().split()
        assert servers
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{child}").exists() for child in servers):
        assert time.monotonic() < deadline, "the data server outlives its TensorBoard"
        time.sleep(0.02)
