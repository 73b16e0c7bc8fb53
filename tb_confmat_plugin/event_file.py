"""Event files as they lie on disk: which run each belongs to, and the frames around its events.

A file is a sequence of frames: the length of the event (8 bytes, little endian), the masked CRC-32C of these 8 bytes (4), the event, which
is a protocol buffer, and its masked CRC-32C (4).
"""

import io
import os
import re
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c

from tb_confmat_plugin.progress import Tell

_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
_BUFFER_BYTES = 2**20


class EventFileError(ValueError):
    """Bytes that are not an event file, or no longer one."""


@dataclass(frozen=True)
class EventFile:
    """One event file of a log directory.

    Attributes:
      run: the name of its run, as TensorBoard has it: the directory relative to the log directory, "." for that itself.
      path: where it is.
      size: its bytes when it was found.
      opener: opens it for reading bytes, without a buffer of its own.
    """

    run: str
    path: str
    size: int
    opener: Callable[[], AbstractContextManager[Any]]

    def frames(self, on_read: Callable[[int], None] | None = None, holding: Sequence[bytes] = (b"",)) -> Iterator[tuple[int, bytes, bool]]:
        """The events in the order in which they were written: the byte each begins at, its own bytes, and whether its checksum is right.

        What was added to the file since it was found is left out, and so is a last frame that is not whole: its writer is still at it, or
        was killed.

        Args:
          on_read: called with the number of bytes of each piece that was read.
          holding: bytes of which an event has to hold one, or be damaged, to be told; all do hold none at all, b"". The checksums of all
            are looked at. Now and then an event that holds none of them is told, too.

        Raises:
          EventFileError: the length of an event is damaged, so that nothing behind it can be found.
        """
        with self.opener() as raw, io.BufferedReader(_Metered(raw, on_read), _BUFFER_BYTES) as file:
            yield from read_frames(file, self.size, holding)


class _Metered(io.RawIOBase):
    """Tells how much is read from another file."""

    def __init__(self, file: Any, on_read: Callable[[int], None] | None) -> None:
        self._file = file
        self._on_read = on_read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self._file.readinto(buffer)
        if self._on_read:
            self._on_read(count)
        return count


def find_event_files(logdir: str | os.PathLike[str]) -> list[EventFile]:
    """The event files below a directory, local or of any file system that fsspec knows ("s3://bucket/runs"), by run, oldest first.

    Raises:
      FileNotFoundError, NotADirectoryError: there is no such directory.
      ImportError: a directory elsewhere, and fsspec or its part for such directories is not installed.
    """
    address = os.fspath(logdir)
    found = _find_remote(address) if re.match(r"\w[\w.+:-]*://", address) else _find_local(os.path.expanduser(address))
    return sorted(found, key=lambda file: (file.run, file.path))


def _find_local(logdir: str) -> list[EventFile]:
    if not os.path.isdir(logdir):
        if os.path.exists(logdir):
            raise NotADirectoryError(f"expected a log directory, got the file {logdir}; pass the directory that it is in")
        raise FileNotFoundError(f"there is no log directory {logdir}")
    files = []
    for directory, subdirectories, names in os.walk(logdir, followlinks=True):
        here = os.path.realpath(directory)
        # A link to a directory above would lead here again, and again.
        subdirectories[:] = [name for name in subdirectories if not _is_above(os.path.realpath(os.path.join(directory, name)), here)]
        for name in filter(_is_event_file, names):
            path = os.path.join(directory, name)
            files.append(EventFile(os.path.relpath(directory, logdir), path, os.path.getsize(path), _local_opener(path)))
    return files


def _is_above(directory: str, other: str) -> bool:
    return os.path.commonpath([directory, other]) == directory


def _local_opener(path: str) -> Callable[[], BinaryIO]:
    return lambda: open(path, "rb", buffering=0)  # the caller closes it


def _find_remote(logdir: str) -> list[EventFile]:
    try:
        import fsspec
    except ImportError as error:
        raise ImportError(f"{logdir} needs fsspec: pip install fsspec") from error
    system, root = fsspec.core.url_to_fs(logdir)
    root = root.rstrip("/")
    if not system.isdir(root):
        raise FileNotFoundError(f"there is no log directory {logdir}")
    files = []
    for path, details in system.find(root, detail=True).items():
        directory, _, name = path.rpartition("/")
        if _is_event_file(name):
            run = directory[len(root) :].lstrip("/") or "."
            files.append(EventFile(run, system.unstrip_protocol(path), int(details["size"]), _remote_opener(system, path)))
    return files


def _remote_opener(system: Any, path: str) -> Callable[[], Any]:
    return lambda: system.open(path, "rb")


def _is_event_file(name: str) -> bool:
    return "tfevents" in name and not name.endswith(".profile-empty")  # as TensorBoard knows them


def meter(files: Sequence[EventFile], progress: Tell | None) -> Callable[[int], None] | None:
    """What `EventFile.frames` of all these files is to call, so that `progress` is told the bytes read and the bytes of all files."""
    if progress is None:
        return None
    total, done = sum(file.size for file in files), 0

    def on_read(count: int) -> None:
        nonlocal done
        done += count
        progress(min(done, total), total)  # a file may have grown

    return on_read


def read_frames(file: Any, size: int, holding: Sequence[bytes] = (b"",)) -> Iterator[tuple[int, bytes, bool]]:
    """The frames in the first `size` bytes of a buffered file; `EventFile.frames` says more."""
    # A log has a hundred thousand events and more, most of which are not wanted: nothing is done for each that can be done for many.
    buffer, first, at = b"", 0, 0  # bytes of the file, where they begin in it, and the next frame among them
    places, nearest = [0], 0  # where each of the wanted bytes is next, and the first of these
    sound = set()  # headers with the right checksum: most events of a log are of a few lengths
    while size - first - at >= _HEADER.size:
        end = at + _HEADER.size
        if end <= len(buffer):
            header = buffer[at:end]
            length, checksum = _HEADER.unpack(header)
            if header not in sound:
                if _masked_crc32c(header[:8]) != checksum:
                    where = f"the length of the event at byte {first + at:,} is damaged"
                    raise EventFileError(f"{where}, so that nothing from there on can be read")
                sound.add(header)
            end += length + _CHECKSUM.size
            if first + end > size:
                return
        if end > len(buffer):
            missing, rest = max(_BUFFER_BYTES, end - len(buffer)), buffer[at:]
            buffer = event = b""  # an event may be large, and one in memory is enough
            piece = file.read(missing)
            if not piece:  # the file was cut off since
                return
            buffer, first, at = rest + piece, first + at, 0
            del piece
            places = [_place_of(each, buffer, 0) for each in holding]
            nearest = min(places)
            continue
        event = buffer[at + _HEADER.size : end - _CHECKSUM.size]
        intact = _masked_crc32c(event) == _CHECKSUM.unpack_from(buffer, end - _CHECKSUM.size)[0]
        if nearest < end or not intact:
            yield first + at, event, intact
        if nearest < end:
            places = [_place_of(each, buffer, end) if place < end else place for each, place in zip(holding, places, strict=True)]
            nearest = min(places)
        at = end


def _place_of(wanted: bytes, buffer: bytes, start: int) -> int:
    """Where these bytes are next, behind all others if nowhere."""
    found = buffer.find(wanted, start)
    return found if found >= 0 else len(buffer)


def write_event_file(directory: str | os.PathLike[str], events: Iterable[bytes]) -> Path:
    """Writes a new event file, which appears when it is whole or not at all, and returns its path.

    Its name sorts behind those that are there, so that TensorBoard reads it last.
    """
    Path(directory).mkdir(parents=True, exist_ok=True)
    there = re.findall(r"tfevents\.(\d{10})\.", "\n".join(os.listdir(directory)))
    second = max([int(time.time()), *(int(found) + 1 for found in there)])
    path = Path(directory, f"events.out.tfevents.{second:010d}.{socket.gethostname()}.{os.getpid()}.0.confmat")
    with tempfile.NamedTemporaryFile(dir=directory, suffix=".partial", delete=False) as file:
        try:
            for event in events:
                length = struct.pack("<Q", len(event))
                file.write(_HEADER.pack(len(event), _masked_crc32c(length)) + event + _CHECKSUM.pack(_masked_crc32c(event)))
            file.flush()
            os.chmod(file.name, 0o666 & ~_umask())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
    return path


def _umask() -> int:
    """What the system takes from the rights of a new file, which a temporary one does not have."""
    now = os.umask(0)
    os.umask(now)
    return now


def _masked_crc32c(data: bytes) -> int:
    """The checksum of frames: CRC-32C, rotated by 15 bits, plus a constant, so that a checksum of checksums is not a weak one."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
