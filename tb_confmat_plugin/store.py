"""Every question asked of TensorBoard's data provider, and a bounded cache of the answers.

A small question can take the data server 44 ms and the provider gives a series only whole, so a series is read once, when it has
changed, and served from memory from then on. Records stay the bytes that were logged: nothing is decoded here.
"""

import ctypes
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tensorboard.data import provider

from tb_confmat_plugin.names import MATRIX_CONTENT, PLUGIN_NAME, class_list_tag

# The provider takes 0 for "nothing"; this is more than any series has.
_EVERY_STEP = 2**31 - 1
DEFAULT_CACHE_BYTES = 512 * 2**20
_FIRST_GROUP = 8  # runs
_GROUP_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Series:
    """All records of one tag in one run, by growing step.

    Attributes:
      steps: the logged steps, each once.
      wall_times: when each was logged, seconds since the epoch; 0 where the log has NaN or infinity, which JSON has not.
      records: the bytes of each; empty for an event that holds something else.
      sampled: whether steps were left out because the whole series is too large for the data server to give.
    """

    steps: tuple[int, ...]
    wall_times: tuple[float, ...]
    records: tuple[bytes, ...]
    sampled: bool = False

    @property
    def size(self) -> int:
        """Bytes of all records."""
        return sum(map(len, self.records))


@dataclass(frozen=True)
class _Cached:
    series: Series
    version: tuple[int, float] | None


class Store:
    """The confusion matrices in a log directory.

    Args:
      data_provider: TensorBoard's `DataProvider`.
      cache_bytes: how many bytes of records are kept in memory; the least recently used series goes first.
      plugin_name: the name under which the records are logged.
      content: which of that plugin's tags are series.
    """

    def __init__(
        self,
        data_provider: Any,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        plugin_name: str = PLUGIN_NAME,
        content: bytes = MATRIX_CONTENT,
    ) -> None:
        self._provider = data_provider
        self._cache_bytes = cache_bytes
        self._plugin_name = plugin_name
        self._content = content
        self._cache: OrderedDict[tuple[str, str, str], _Cached] = OrderedDict()
        self._cached_bytes = 0
        self._cache_lock = threading.Lock()
        self._reading = threading.Lock()  # one reader at a time: a second one finds the answer in the cache

    def tags(self, context: Any, experiment: str) -> list[str]:
        """The tags that any run has, sorted."""
        return sorted(set().union(*self._list(context, experiment).values()))

    def first_tag(self, context: Any, experiment: str) -> str | None:
        """The first tag of the first runs that have any, or None; found without a look at all series, of which there may be 100,000."""
        runs = sorted(run.run_name for run in self._provider.list_runs(context, experiment_id=experiment))
        done, group = 0, _FIRST_GROUP
        while done < len(runs):
            found = self._list(context, experiment, runs=runs[done : done + group])
            if any(found.values()):
                return min(set().union(*found.values()))
            done, group = done + group, 2 * group
        return None

    def series(
        self, context: Any, experiment: str, tag: str, runs: Sequence[str] | None = None, most: int | None = None
    ) -> dict[str, Series]:
        """The series of a tag in each run that has it, as they are now; of these runs alone, and of at most so many of them."""
        listed = self._list(context, experiment, runs, [tag])
        versions = dict(sorted((run, tags[tag]) for run, tags in listed.items() if tag in tags)[:most])
        found: dict[str, Series] = {}

        def is_known(run: str) -> bool:
            cached = self._recall(experiment, run, tag)
            if cached and cached.version == versions[run]:
                found[run] = cached.series
            return run in found

        changed = [run for run in versions if not is_known(run)]
        done, group = 0, _FIRST_GROUP
        while done < len(changed):
            with self._reading:  # for one group alone: other questions wait no longer than that
                missing = [run for run in changed[done : done + group] if not is_known(run)]
                read = self._read(context, experiment, missing, tag) if missing else {}
                for run, series in read.items():
                    self._remember(experiment, run, tag, _Cached(series, versions[run]))
            found |= read
            done += group
            # Few large runs or many small ones at a time: each question has its price, and each answer is in memory twice.
            size = sum(series.size for series in read.values()) // max(len(read), 1)
            group = max(_GROUP_BYTES // max(size, 1), 1)
        if changed:
            _give_back_memory()
        return {run: found[run] for run in versions if run in found}

    def one_series(self, context: Any, experiment: str, run: str, tag: str) -> Series | None:
        """The series of a tag in a run as it was last seen, or None if there is none."""
        cached = self._recall(experiment, run, tag)
        if cached is None:
            with self._reading:
                cached = self._recall(experiment, run, tag)
                if cached is None:
                    series = self._read(context, experiment, [run], tag).get(run)
                    if series is None:
                        return None
                    cached = _Cached(series, None)
                    self._remember(experiment, run, tag, cached)
        return cached.series

    def class_list(self, context: Any, experiment: str, run: str, identifier: str) -> bytes | None:
        """The record of a class list, or None if the run has no such list."""
        series = self.one_series(context, experiment, run, class_list_tag(identifier))
        return series.records[-1] if series and series.records else None

    def load(self, context: Any, experiment: str, run: str, tags: Iterable[str]) -> None:
        """Reads what the cache does not have of these tags of a run in one question, so that `one_series` finds it there."""
        with self._reading:
            missing = [tag for tag in tags if not self._recall(experiment, run, tag)]
            if len(missing) < 2:  # one_series does that as well
                return
            try:
                answer = self._ask(context, experiment, [run], missing)
            except Exception as error:
                if not _is_too_large(error):
                    raise
                return  # then one by one, when they are asked for
            for tag, data in answer.get(run, {}).items():
                self._remember(experiment, run, tag, _Cached(_to_series(data, False), None))
            _give_back_memory()

    def _list(
        self, context: Any, experiment: str, runs: Sequence[str] | None = None, tags: Sequence[str] | None = None
    ) -> dict[str, dict[str, tuple[int, float]]]:
        """Run -> tag -> what changes when a record is added; of these runs and tags, or of all."""
        only = provider.RunTagFilter(runs=runs, tags=tags)
        listed = self._provider.list_tensors(context, experiment_id=experiment, plugin_name=self._plugin_name, run_tag_filter=only)
        return {
            run: {tag: (data.max_step, data.max_wall_time) for tag, data in tags.items() if data.plugin_content == self._content}
            for run, tags in listed.items()
        }

    def _read(self, context: Any, experiment: str, runs: Sequence[str], tag: str, most: int = _EVERY_STEP) -> dict[str, Series]:
        """The series of these runs, whole; where the data server cannot send so much at once, fewer runs and then fewer steps."""
        try:
            answer = self._ask(context, experiment, runs, [tag], most)
        except Exception as error:
            if not _is_too_large(error) or most == 1:
                raise
            if len(runs) > 1:
                half = len(runs) // 2
                return {
                    **self._read(context, experiment, runs[:half], tag, most),
                    **self._read(context, experiment, runs[half:], tag, most),
                }
            return self._read(context, experiment, runs, tag, 1024 if most == _EVERY_STEP else most // 2)
        return {run: _to_series(tags[tag], most != _EVERY_STEP) for run, tags in answer.items() if tag in tags}

    def _ask(self, context: Any, experiment: str, runs: Sequence[str], tags: Sequence[str], most: int = _EVERY_STEP) -> Any:
        """Run -> tag -> data."""
        return self._provider.read_tensors(
            context,
            experiment_id=experiment,
            plugin_name=self._plugin_name,
            downsample=most,
            run_tag_filter=provider.RunTagFilter(runs=runs, tags=tags),
        )

    def _recall(self, experiment: str, run: str, tag: str) -> _Cached | None:
        with self._cache_lock:
            cached = self._cache.get((experiment, run, tag))
            if cached is not None:
                self._cache.move_to_end((experiment, run, tag))
            return cached

    def _remember(self, experiment: str, run: str, tag: str, cached: _Cached) -> None:
        with self._cache_lock:
            old = self._cache.pop((experiment, run, tag), None)
            self._cached_bytes += cached.series.size - (old.series.size if old else 0)
            self._cache[experiment, run, tag] = cached
            while self._cached_bytes > self._cache_bytes and len(self._cache) > 1:
                _, dropped = self._cache.popitem(last=False)
                self._cached_bytes -= dropped.series.size


def _give_back_memory() -> None:
    """Returns to the system what reading took for a moment: the GNU C library would keep it, and that is more than the log itself."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim:
        trim(0)


def _to_series(data: Iterable[Any], sampled: bool) -> Series:
    # Without the data server, a step logged twice and steps out of order come as they were written: sort them, and the last one wins.
    newest = {datum.step: datum for datum in data}
    ordered = [newest[step] for step in sorted(newest)]
    return Series(
        steps=tuple(int(datum.step) for datum in ordered),
        wall_times=tuple(float(datum.wall_time) if math.isfinite(datum.wall_time) else 0.0 for datum in ordered),
        records=tuple(_to_bytes(datum.numpy) for datum in ordered),
        sampled=sampled,
    )


def _to_bytes(array: np.ndarray[Any, Any]) -> bytes:
    value = array.item() if array.size == 1 else b""
    return value if isinstance(value, bytes) else b""


def _is_too_large(error: Exception) -> bool:
    code = getattr(error, "code", None)  # that of a grpc.RpcError; the provider passes it on as it is
    return callable(code) and getattr(code(), "name", "") == "RESOURCE_EXHAUSTED"
