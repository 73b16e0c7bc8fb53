import os
import re
import stat
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from torch.utils.tensorboard import SummaryWriter

from tb_confmat_plugin.event_file import EventFile, EventFileError, find_event_files, write_event_file


def runs(logdir):
    return [(file.run, Path(file.path).name, file.size) for file in find_event_files(logdir)]


def touch(path, content=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def event_file(path):
    return EventFile(".", str(path), path.stat().st_size, lambda: open(path, "rb", buffering=0))


def read(path):
    return list(event_file(path).frames())


def frame(data):
    """A frame by TensorBoard's own checksums."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


def test_runs_are_named_as_tensorboard_names_them(tmp_path):
    touch(tmp_path / "events.out.tfevents.1", b"abc")
    touch(tmp_path / "b" / "events.out.tfevents.2.host")
    touch(tmp_path / "b" / "events.out.tfevents.1.host.v2", b"x")
    touch(tmp_path / "a" / "deep" / "er" / "tfevents")
    touch(tmp_path / "a" / "model.pt")
    touch(tmp_path / "p" / "events.out.tfevents.3.profile-empty")
    expected = [
        (".", "events.out.tfevents.1", 3),
        (os.path.join("a", "deep", "er"), "tfevents", 0),
        ("b", "events.out.tfevents.1.host.v2", 1),
        ("b", "events.out.tfevents.2.host", 0),
    ]
    assert runs(tmp_path) == runs(str(tmp_path) + "/") == expected


def test_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    touch(tmp_path / "logs" / "a" / "tfevents")
    assert runs("~/logs") == [("a", "tfevents", 0)]


def test_links_are_followed_but_not_in_circles(tmp_path):
    touch(tmp_path / "elsewhere" / "x" / "tfevents")
    logdir = tmp_path / "logs"
    touch(logdir / "a" / "tfevents")
    (logdir / "link").symlink_to(tmp_path / "elsewhere")
    (logdir / "a" / "up").symlink_to(logdir)
    assert [run for run, _, _ in runs(logdir)] == ["a", os.path.join("link", "x")]


def test_what_is_no_log_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"^there is no log directory {re.escape(str(tmp_path))}/none$"):
        find_event_files(tmp_path / "none")
    file = touch(tmp_path / "tfevents")
    with pytest.raises(NotADirectoryError, match=f"got the file {re.escape(str(file))}; pass the directory that it is in$"):
        find_event_files(file)
    with pytest.raises(FileNotFoundError, match=r"^there is no log directory memory://none$"):
        find_event_files("memory://none")


def test_file_systems_of_fsspec(tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/logs/runs/a/tfevents.1", frame(b"first"))
    memory.pipe("/logs/runs/tfevents.2", frame(b"second") * 2)
    memory.pipe("/logs/runs/a/model.pt", b"")
    memory.pipe("/logs/runs-of-others/tfevents.3", b"")
    try:
        root, below = find_event_files("memory://logs/runs/")
    finally:
        memory.rm("/logs", recursive=True)
    assert (root.run, root.path, root.size) == (".", "memory:///logs/runs/tfevents.2", 44)
    assert (below.run, below.path) == ("a", "memory:///logs/runs/a/tfevents.1")
    touch(tmp_path / "a" / "tfevents", frame(b"first"))
    (file,) = find_event_files(tmp_path.as_uri())
    assert file.run == "a"
    assert list(file.frames()) == [(0, b"first", True)]


def test_without_fsspec(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ImportError, match=re.escape("s3://bucket/runs needs fsspec: pip install fsspec")):
        find_event_files("s3://bucket/runs")


def test_events_as_tensorboard_reads_them(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for step in range(50):
            writer.add_scalar("loss", step / 7, step)
            writer.add_text("text", "word " * step, step)
    (path,) = tmp_path.iterdir()
    ours = [Event.FromString(data) for _, data, intact in read(path) if intact]
    theirs = [(event.step, event.wall_time) for event in EventFileLoader(str(path)).Load()]
    assert len(ours) == 101
    assert [(event.step, event.wall_time) for event in ours] == theirs


def test_a_frame_that_is_not_whole_is_left_out(tmp_path):
    data = frame(b"first") + frame(b"") + frame(b"the third one")
    for size in range(len(data) + 1):
        found = read(touch(tmp_path / "tfevents", data[:size]))
        assert found == [(0, b"first", True), (21, b"", True), (37, b"the third one", True)][: (size >= 21) + (size >= 37) + (size >= 66)]


def test_what_is_added_or_cut_off_after_the_file_was_found(tmp_path):
    path = touch(tmp_path / "tfevents", frame(b"first") + frame(b"second"))
    file = event_file(path)
    with path.open("ab") as end:
        end.write(frame(b"third"))
    assert [data for _, data, _ in file.frames()] == [b"first", b"second"]
    for size in range(43):
        path.write_bytes((frame(b"first") + frame(b"second"))[:size])
        assert [data for _, data, _ in file.frames()] == ([b"first"] if size >= 21 else [])


@pytest.mark.parametrize("at", range(21, 43))
def test_each_bit_is_under_a_checksum(tmp_path, at):
    for bit in range(8):
        data = bytearray(frame(b"first") + frame(b"second") + frame(b"third"))
        data[at] ^= 1 << bit
        path = touch(tmp_path / "tfevents", bytes(data))
        if at < 33:
            with pytest.raises(EventFileError, match=r"^the length of the event at byte 21 is damaged, so that nothing"):
                read(path)
        else:
            assert [(start, intact) for start, _, intact in read(path)] == [(0, True), (21, False), (43, True)]


@pytest.mark.parametrize("buffer", [1, 16, 100, 2**20])
def test_of_events_that_hold_none_of_some_bytes_only_the_damaged_ones_are_told(tmp_path, monkeypatch, buffer):
    monkeypatch.setattr("tb_confmat_plugin.event_file._BUFFER_BYTES", buffer)
    random = np.random.default_rng(buffer)
    wanted = [b"abab", b"wxyz"]
    extra = 0
    for _ in range(20):
        events = [bytes(random.choice(list(b"abwxyz"), random.choice([0, 3, 12, 40])).astype(np.uint8)) for _ in range(50)]
        for at in random.choice(50, 5):
            events[at] = events[at][:20] + wanted[at % 2] + events[at][20:]
        frames = [bytearray(frame(event)) for event in events]
        for at in random.choice(50, 3):
            frames[at][-1] ^= 1  # of the checksum
        path = touch(tmp_path / "tfevents", b"".join(frames))
        everything = read(path)
        found = list(event_file(path).frames(holding=wanted))
        assert len(everything) == 50
        assert set(found) <= set(everything)
        assert found == sorted(found)
        asked = [one for one in everything if not one[2] or any(each in one[1] for each in wanted)]
        assert set(asked) <= set(found)
        extra += len(found) - len(asked)
    assert extra < 10


def test_reading_is_told(tmp_path):
    path = touch(tmp_path / "tfevents", frame(bytes(700_000)) * 5)
    pieces = []
    assert len(list(event_file(path).frames(pieces.append))) == 5
    assert sum(pieces) == path.stat().st_size
    assert len(pieces) > 3


def test_a_new_file_is_whole_and_is_read_by_tensorboard(tmp_path):
    events = [Event(file_version="brain.Event:2").SerializeToString(), *(Event(step=step).SerializeToString() for step in (3, 1))]
    path = write_event_file(tmp_path / "new" / "run", events)
    assert path.parent == tmp_path / "new" / "run"
    assert list(path.parent.iterdir()) == [path]
    assert [event.step for event in EventFileLoader(str(path)).Load()] == [0, 3, 1]
    assert [data for _, data, _ in read(path)] == events
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_new_files_come_last(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", 1, 1)
    (old,) = tmp_path.iterdir()
    new = [write_event_file(tmp_path, []) for _ in range(3)]
    assert sorted(tmp_path.iterdir())[1:] == new
    assert old not in new


def test_nothing_is_left_of_a_file_that_cannot_be_finished(tmp_path):
    def events():
        yield b"first"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_event_file(tmp_path, events())
    assert list(tmp_path.iterdir()) == []


def test_the_checksum_is_not_the_slow_one():
    script = "import tb_confmat_plugin.event_file, google_crc32c; print(google_crc32c.implementation)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip() == "c"
