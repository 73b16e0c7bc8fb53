import json
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.context import RequestContext

from tb_confmat_plugin import ConfusionMatrix, Example, SummaryWriter, read_confusion_matrices
from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.event_file import EventFileError, find_event_files, write_event_file
from tb_confmat_plugin.names import EXAMPLES_PLUGIN_NAME, IMAGES_CONTENT, class_list_tag, examples_tag
from tb_confmat_plugin.record import RecordError
from tb_confmat_plugin.store import Store
from tb_confmat_plugin.summary import classes_summary, matrix_summary

NAMES = ["cat", "dog", "ant"]
CLASSES = Classes.of(3, NAMES)
RECORDS = Path(__file__).with_name("records")


def counts(step):
    return [[11, step, 5], [0, 13, 0], [1, 0, 300]]


def named(step):
    return ConfusionMatrix.from_dense(counts(step), NAMES)


def event(tag, matrix, step, wall_time=1.0):
    return Event(summary=matrix_summary(tag, matrix), step=step, wall_time=wall_time)


def event_of_record(record, step=7):
    found = event("val", named(1), step)
    found.summary.value[0].tensor.string_val[0] = record
    return found


CLASS_EVENT = Event(summary=classes_summary(CLASSES))


def write(logdir, *events):
    return write_event_file(logdir, [each.SerializeToString() for each in events])


def places(found):
    return [(logged.run, logged.tag, logged.step) for logged in found]


def test_reads_what_was_logged_among_all_else(tmp_path):
    for run in ("b", "a/deep", "."):
        with SummaryWriter(tmp_path / run) as writer:
            for step in range(3):
                writer.add_scalar("loss", 1 / (step + 1), step)
                writer.add_text("text", "about the confusion_matrix plugin, TBCM and all", step)
                writer.add_confusion_matrix("val", named(step + len(run)), step, walltime=1000.5 + step)
                writer.add_image("picture", np.zeros((3, 4, 5)), step)
            writer.add_confusion_matrix("train", [[4, 1], [0, 2]], -3, walltime=7)
    found = read_confusion_matrices(tmp_path)
    runs = (".", "a/deep", "b")
    assert places(found) == [(run, tag, step) for run in runs for tag, step in [("train", -3), ("val", 0), ("val", 1), ("val", 2)]]
    for logged in found:
        if logged.tag == "train":
            assert logged.wall_time == 7
            assert logged.matrix == ConfusionMatrix.from_dense([[4, 1], [0, 2]])
        else:
            assert logged.wall_time == 1000.5 + logged.step
            assert logged.matrix == named(logged.step + len(logged.run))
    assert read_confusion_matrices(tmp_path, run="b", tag="val") == found[9:]
    assert read_confusion_matrices(tmp_path, tag="train") == found[::4]
    assert read_confusion_matrices(tmp_path, run=["b", "."]) == found[:4] + found[8:]
    assert read_confusion_matrices(tmp_path, run=[]) == []
    assert "record" not in repr(found[0])


def test_what_is_not_there(tmp_path):
    for run, tag in [("first", "val"), ("second", "train")]:
        write(tmp_path / run, CLASS_EVENT, event(tag, named(1), 1))
    found = read_confusion_matrices(tmp_path)
    no_run = "there is no run 'frist'; there are 'first', 'second'"
    for options, rest, told in [
        ({"run": "frist"}, [], no_run),
        ({"run": "frist", "tag": "val"}, [], no_run),
        ({"run": ["second", "frist"]}, found[1:], no_run),
        ({"tag": "vla"}, [], "there is no tag 'vla'; there are 'train', 'val'"),
        ({"run": "first", "tag": "train"}, [], "there is no tag 'train'; there is 'val'"),
    ]:
        with pytest.warns(UserWarning, match=f"^{told}$") as warned:
            assert read_confusion_matrices(tmp_path, **options) == rest
        assert [warning.filename for warning in warned] == [__file__]
    (tmp_path / "empty").mkdir()
    with pytest.warns(UserWarning, match=r"^there is no run 'a'; there are none$"):
        assert read_confusion_matrices(tmp_path / "empty", run="a") == []
    write(tmp_path / "empty", CLASS_EVENT)
    assert read_confusion_matrices(tmp_path / "empty", tag="val") == []


def test_examples_as_they_were_logged(tmp_path, read_log):
    for run in ("a", "b"):
        with SummaryWriter(tmp_path / run) as writer:
            for step in (1, 2):
                examples = [Example("cat", "dog", image=np.full((5, 7), step / 9), text=f"{run}{step}")]
                writer.add_confusion_matrix("val", named(step), step, examples=examples)
            writer.add_confusion_matrix("val", named(3), 3)
            writer.add_confusion_matrix("train", named(1), 1)
    found = read_confusion_matrices(tmp_path, examples=True)
    plain = read_confusion_matrices(tmp_path)
    assert [replace(logged, examples=None) for logged in found] == plain
    assert all(logged.examples is None for logged in plain)
    assert [logged.step if logged.examples else None for logged in found] == [None, 1, 2, None] * 2
    for logged in found:
        values = [value for value in read_log(tmp_path / logged.run) if value.plugin == EXAMPLES_PLUGIN_NAME]
        if logged.examples:
            (record,) = [value.record for value in values if (value.tag, value.step) == (examples_tag(logged.tag), logged.step)]
            assert logged.examples.record == record
            assert logged.examples.packs == {value.tag: value.record for value in values if value.content == IMAGES_CONTENT}
            assert len(logged.examples.packs) == 2
    assert len({*found}) == 8
    assert "record" not in repr(found[1])


def test_the_same_as_the_dashboard(tmp_path):
    """Several files in a run, steps logged twice, out of order, names changed in between."""
    random = np.random.default_rng(3)
    for run in ("a", "b/c"):
        for file in range(3):
            with SummaryWriter(tmp_path / run, filename_suffix=str(file)) as writer, warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # the steps that do not grow
                for step in random.integers(8, size=20).tolist():
                    names = ["x", "y"] if step % 2 else [f"x{file}", "y"]
                    writer.add_confusion_matrix("val", random.integers(1000, size=(2, 2)), step, class_names=names)
    multiplexer = EventMultiplexer(tensor_size_guidance={"confusion_matrix": 0})
    multiplexer.AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    shown = Store(MultiplexerDataProvider(multiplexer, str(tmp_path))).series(RequestContext(), "", "val")
    found = read_confusion_matrices(tmp_path)
    assert {logged.run for logged in found} == set(shown) == {"a", "b/c"}
    for run, series in shown.items():
        of_run = [logged for logged in found if logged.run == run]
        assert len(of_run) == 8
        assert tuple(logged.step for logged in of_run) == series.steps
        assert tuple(logged.wall_time for logged in of_run) == series.wall_times
        assert tuple(logged.record for logged in of_run) == series.records
    assert {logged.matrix.class_names for logged in found} >= {("x", "y"), ("x1", "y"), ("x2", "y")}


def test_the_class_list_may_come_late_or_in_another_file(tmp_path):
    write(tmp_path, event("val", named(1), 1))
    write(tmp_path, event("val", named(2), 2), CLASS_EVENT)
    assert [logged.matrix for logged in read_confusion_matrices(tmp_path)] == [named(1), named(2)]


def test_the_first_event_of_a_tag_says_what_it_is(tmp_path):
    bare, foreign, unknown = event("val", named(2), 2), event("text", named(3), 3), event("odd", named(4), 4)
    bare.summary.value[0].ClearField("metadata")
    foreign.summary.value[0].metadata.plugin_data.plugin_name = "text"
    unknown.summary.value[0].metadata.plugin_data.content = b"what is to come"
    write(tmp_path, CLASS_EVENT, event("val", named(1), 1), bare, foreign, unknown)
    assert places(read_confusion_matrices(tmp_path)) == [(".", "val", 1), (".", "val", 2)]


@pytest.mark.parametrize("size", [-1, -5, -40])
def test_a_log_that_is_still_being_written(tmp_path, size):
    path = write(tmp_path, CLASS_EVENT, event("val", named(1), 1), event("val", named(2), 2))
    path.write_bytes(path.read_bytes()[:size])
    assert [logged.matrix for logged in read_confusion_matrices(tmp_path, errors="raise")] == [named(1)]


def test_a_resumed_run_has_what_its_last_attempt_logged(tmp_path):
    for attempt, (steps, purge_step) in enumerate([(range(6), None), (range(3, 5), 3)]):
        with SummaryWriter(tmp_path, purge_step=purge_step, filename_suffix=f".{attempt}") as writer:
            for step in steps:
                writer.add_confusion_matrix("val", [[5, step], [attempt, 3]], step)
            writer.add_scalar("loss", 0.5, 9)
    found = {logged.step: logged.matrix.to_dense().tolist() for logged in read_confusion_matrices(tmp_path)}
    assert found == {step: [[5, step], [int(step >= 3), 3]] for step in range(5)}


def test_a_damaged_event_is_named_and_the_rest_is_read(tmp_path):
    path = write(tmp_path / "a", CLASS_EVENT, event("val", named(1), 1), event("val", named(2), 2))
    last = event("val", named(3), 3)
    data = bytearray(path.read_bytes())
    begin = data.rindex(b"TBCM") - event("val", named(2), 2).SerializeToString().rindex(b"TBCM") - 12
    data[data.rindex(b"TBCM") + 20] ^= 1
    path.write_bytes(data + write(tmp_path / "other", CLASS_EVENT, last).read_bytes())
    message = f"{path}: the event at byte {begin:,} is damaged: run 'a', tag 'val', step 2, as far as can be told"
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$") as warned:
        found = read_confusion_matrices(tmp_path)
    assert [warning.filename for warning in warned] == [__file__]
    assert [logged.matrix for logged in found if logged.run == "a"] == [named(1), named(3)]
    with pytest.raises(EventFileError, match=f"^{re.escape(message)}$"):
        read_confusion_matrices(tmp_path, errors="raise")


def test_a_damaged_event_that_tells_nothing(tmp_path):
    path = write(tmp_path / "a", event("val", named(1), 1))
    data = bytearray(path.read_bytes())
    data[12:-4] = b"\xff" * (len(data) - 16)
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="byte 0 is damaged: run 'a', tag and step unknown$"):
        assert read_confusion_matrices(tmp_path) == []
    path.write_bytes(write(tmp_path / "other", Event(step=5)).read_bytes()[:-1] + b"?")
    with pytest.warns(UserWarning, match="byte 0 is damaged: run 'a', tag unknown, step 5, as far as can be told$"):
        assert read_confusion_matrices(tmp_path) == []


def test_a_file_that_is_none_from_some_point_on(tmp_path):
    first = write(tmp_path / "a", CLASS_EVENT, event("val", named(1), 1))
    with first.open("ab") as file:
        file.write(bytes(100))
    second = write(tmp_path / "a", event("val", named(2), 2))
    message = (
        f"{first}: the length of the event at byte {first.stat().st_size - 100:,} is damaged, so that nothing from there on can be read"
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}; the rest of this file is left out$"):
        found = read_confusion_matrices(tmp_path)
    assert [logged.matrix for logged in found] == [named(1), named(2)]
    assert second.exists()


def test_what_is_no_event(tmp_path):
    events = [each.SerializeToString() for each in (CLASS_EVENT, event("val", named(1), 1))]
    path = write_event_file(tmp_path, [*events, b"confusion_matrix"])
    with pytest.warns(UserWarning, match=f"^{re.escape(str(path))}: Error parsing message"):
        assert len(read_confusion_matrices(tmp_path)) == 1


def test_a_file_that_may_not_be_opened(tmp_path, monkeypatch):
    path = write(tmp_path, event("val", named(1), 1))
    (tmp_path / "tfevents.gone").symlink_to(path)
    files = find_event_files(tmp_path)
    path.unlink()
    monkeypatch.setattr("tb_confmat_plugin.reader.find_event_files", lambda logdir: files)
    with pytest.warns(UserWarning, match="No such file or directory.*; the rest of this file is left out$"):
        assert read_confusion_matrices(tmp_path) == []


GOLDEN = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RECORDS.glob("*.json"))}
BAD = {name: told["error"] for name, told in GOLDEN.items() if "error" in told}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_named_and_the_rest_is_read(tmp_path, name):
    record = (RECORDS / name).with_suffix(".bin").read_bytes()
    write(tmp_path / "a", CLASS_EVENT, event("val", named(1), 1), event_of_record(record), event("val", named(9), 9))
    message = f"^run 'a', tag 'val', step 7: .*{BAD[name]}"
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        found = read_confusion_matrices(tmp_path)
    assert [logged.matrix for logged in found if logged.step != 7] == [named(1), named(9)]
    with pytest.raises(RecordError, match=message):
        _ = [logged.matrix for logged in read_confusion_matrices(tmp_path, errors="raise")]


def test_a_record_of_a_newer_version(tmp_path):
    write(tmp_path / "a", event_of_record(b"TBCM\x02" + bytes(9)), event_of_record(b"", 8))
    with pytest.warns(UserWarning, match=r"^run 'a', tag 'val', step [78]: ") as warned:
        assert read_confusion_matrices(tmp_path) == []
    assert [str(warning.message) for warning in warned] == [
        "run 'a', tag 'val', step 7: written by a newer version (format 2, this one reads up to 1); upgrade tb-confmat-plugin",
        "run 'a', tag 'val', step 8: not a confusion matrix record: it does not begin with TBCM",
    ]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, f"run 'a' has no class list '{CLASSES.id}'"),
        (b"TBCM\x01oh", f"run 'a', class list '{CLASSES.id}': damaged record: .*"),
    ],
)
def test_without_its_class_list_a_matrix_has_numbers(tmp_path, record, reason):
    events = [event("val", named(1), 1), event("val", named(2), 2)]
    if record:
        events.append(Event.FromString(CLASS_EVENT.SerializeToString()))
        events[-1].summary.value[0].tensor.string_val[0] = record
        assert events[-1].summary.value[0].tag == class_list_tag(CLASSES.id)
    write(tmp_path / "a", *events)
    with pytest.warns(UserWarning, match=f"^{reason}; its matrices have class numbers instead$") as warned:
        found = read_confusion_matrices(tmp_path)
    assert len(warned) == 1
    assert [logged.matrix for logged in found] == [ConfusionMatrix.from_dense(counts(step)) for step in (1, 2)]


def test_errors_is_one_of_two(tmp_path):
    with pytest.raises(ValueError, match=r"^expected errors as 'warn' or 'raise', got 'ignore'$"):
        read_confusion_matrices(tmp_path, errors="ignore")


def test_progress(tmp_path):
    for run in "abc":
        with SummaryWriter(tmp_path / run) as writer:
            writer.add_confusion_matrix("val", named(1), 1)
            writer.add_image("picture", np.random.default_rng(0).integers(256, size=(3, 900, 900), dtype=np.uint8))
    total = sum(path.stat().st_size for path in tmp_path.glob("*/*"))
    told = []
    assert len(read_confusion_matrices(tmp_path, progress=lambda *at: told.append(at))) == 3
    assert told == sorted(told)
    assert told[-1] == (total, total)
    assert len(told) > 6
    assert {of for _, of in told} == {total}


def test_for_pandas(tmp_path):
    write(
        tmp_path / "a", CLASS_EVENT, event("val", named(4), 2, 8.5), event("train", ConfusionMatrix.from_dense([[0.5, 2], [0, 0]]), 1, 3.0)
    )
    found = read_confusion_matrices(tmp_path)
    frame = found.to_dataframe()
    assert frame.to_dict("list") == {
        "run": ["a"] * 8,
        "tag": ["train"] * 2 + ["val"] * 6,
        "step": [1] * 2 + [2] * 6,
        "wall_time": [3.0] * 2 + [8.5] * 6,
        "true": ["0", "0", "cat", "cat", "cat", "dog", "ant", "ant"],
        "predicted": ["0", "1", "cat", "dog", "ant", "dog", "cat", "ant"],
        "count": [0.5, 2, 11, 4, 5, 13, 1, 300],
    }
    table = frame[frame.tag == "val"].pivot_table("count", "true", "predicted", fill_value=0).loc[NAMES, NAMES]
    assert table.to_numpy().tolist() == counts(4)


def test_an_empty_log(tmp_path):
    found = read_confusion_matrices(tmp_path)
    assert found == []
    frame = found.to_dataframe()
    assert list(frame.columns) == ["run", "tag", "step", "wall_time", "true", "predicted", "count"]
    assert len(frame) == 0


def test_pandas_is_not_needed_for_the_rest(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"^to_dataframe needs pandas: pip install pandas$"):
        read_confusion_matrices(tmp_path).to_dataframe()


def test_reading_without_torch(tmp_path):
    write(tmp_path / "a", CLASS_EVENT, event("val", named(4), 2))
    script = """
import sys
from tb_confmat_plugin import read_confusion_matrices
print(read_confusion_matrices(sys.argv[1])[0].matrix.to_dense().tolist())
assert not {"torch", "pandas", "fsspec", "tensorflow"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script, tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == counts(4)


S3 = """
import sys, warnings
warnings.simplefilter("ignore")  # those of the server for tests
from moto.server import ThreadedMotoServer
import s3fs
from pathlib import Path
from tb_confmat_plugin import read_confusion_matrices

server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
try:
    address, port = server.get_host_and_port()
    options = {"endpoint_url": f"http://{address}:{port}", "key": "any", "secret": "any"}
    import fsspec.config
    fsspec.config.conf["s3"] = options
    store = s3fs.S3FileSystem()
    store.mkdir("bucket")
    store.put(sys.argv[1], "bucket/runs", recursive=True)
    warnings.simplefilter("error")
    for logged in read_confusion_matrices("s3://bucket/runs", errors="raise"):
        print(logged.run, logged.tag, logged.step, logged.matrix.to_dense().tolist())
finally:
    server.stop()
"""


def test_reading_from_s3(tmp_path):
    for run in ("a", "b/c"):
        write(tmp_path / run, CLASS_EVENT, event("val", named(4), 2), event("val", named(5), 3))
    done = subprocess.run([sys.executable, "-c", S3, f"{tmp_path}/"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{run} val {step} {counts(step + 2)}" for run in ("a", "b/c") for step in (2, 3)]
