import threading
import time
from types import SimpleNamespace

import grpc
import numpy as np
import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.util.tensor_util import make_tensor_proto
from torch.utils.tensorboard import SummaryWriter

from tb_confmat_plugin import ConfusionMatrix, add_confusion_matrix
from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.record import class_list_id, decode_classes, decode_matrix
from tb_confmat_plugin.store import DEFAULT_CACHE_BYTES, Series, Store
from tb_confmat_plugin.summary import matrix_summary

CONTEXT = RequestContext()
NAMES = ["cat", "dog", "ant"]
MATRIX = ConfusionMatrix.from_dense([[1, 2], [0, 3]])


def counts(step: int) -> list[list[int]]:
    return [[11, step, 5], [0, 13, 0], [1, 0, 300]]


class Log:
    """A real log directory read by TensorBoard's own provider in this process, whose calls are counted."""

    def __init__(self, logdir):
        self.logdir = logdir
        self.writers = {}
        self.calls = []
        self._multiplexer = EventMultiplexer(tensor_size_guidance={"confusion_matrix": 0})
        self._provider = MultiplexerDataProvider(self._multiplexer, str(logdir))

    def writer(self, run):
        if run not in self.writers:  # a second writer in a directory would end the reading of the first one's file
            self.writers[run] = SummaryWriter(self.logdir / run)
        return self.writers[run]

    def add(self, run, tag, *steps, names=NAMES):
        for step in steps:
            add_confusion_matrix(self.writer(run), tag, counts(step), step, class_names=names)

    def reload(self):
        for writer in self.writers.values():
            writer.flush()
        self._multiplexer.AddRunsFromDirectory(str(self.logdir))
        self._multiplexer.Reload()

    def list_tensors(self, ctx, **question):
        return self._provider.list_tensors(ctx, **question)

    def list_runs(self, ctx, **question):
        return self._provider.list_runs(ctx, **question)

    def read_tensors(self, ctx, **question):
        self.calls.append((sorted(question["run_tag_filter"].runs), sorted(question["run_tag_filter"].tags)))
        return self._provider.read_tensors(ctx, **question)

    @property
    def new_calls(self):
        calls, self.calls = self.calls, []
        return calls


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path)
    yield log
    for writer in log.writers.values():
        writer.close()


def series_of(store, tag):
    return store.series(CONTEXT, "", tag)


def steps_of(store, tag):
    return {run: series.steps for run, series in series_of(store, tag).items()}


def test_tags_and_runs_are_sorted_and_class_lists_left_out(log):
    log.add("b", "val", 0)
    log.add("b", "train", 0)
    log.add("a/deep", "val", 0)
    log.writer("c").add_scalar("loss", 0.5, 1)
    log.reload()
    assert Store(log).tags(CONTEXT, "") == ["train", "val"]
    assert list(series_of(Store(log), "val")) == ["a/deep", "b"]


def test_the_first_tag_is_that_of_the_first_runs_that_have_any(log):
    assert Store(log).first_tag(CONTEXT, "") is None
    for number in range(30):
        log.writer(f"{number:02}").add_scalar("loss", 0.5, 1)
    log.reload()
    assert Store(log).first_tag(CONTEXT, "") is None
    log.add("28", "val", 0)
    log.add("27", "zest", 0)
    log.reload()
    assert Store(log).first_tag(CONTEXT, "") == "val"
    log.add("03", "test", 0)
    log.add("29", "a", 0)  # far from the first ones
    log.reload()
    assert Store(log).first_tag(CONTEXT, "") == "test"


def test_the_first_tag_may_be_that_of_the_first_run_alone(log):
    log.add("a", "val", 0)
    log.reload()
    assert Store(log).first_tag(CONTEXT, "") == "val"


def test_a_series(log):
    log.add("a", "val", 0, 5, 6)
    log.add("b", "val", 2)
    log.add("b", "train", 1)
    log.reload()
    found = series_of(Store(log), "val")
    assert list(found) == ["a", "b"]
    series = found["a"]
    assert series.steps == (0, 5, 6)
    assert not series.sampled
    assert [decode_matrix(record).to_dense().tolist() for record in series.records] == [counts(0), counts(5), counts(6)]
    assert series.size == sum(len(record) for record in series.records) > 0
    assert series.wall_times == tuple(sorted(series.wall_times))
    assert abs(series.wall_times[0] - time.time()) < 60
    assert {type(value) for value in (*series.steps, *series.wall_times)} == {int, float}, "JSON knows no numpy"
    assert steps_of(Store(log), "nothing") == {}


def test_the_series_of_some_runs(log):
    for run in "abcd":
        log.add(run, "val", 3)
    log.reload()
    store = Store(log)
    assert list(store.series(CONTEXT, "", "val", ["c", "a", "none"])) == ["a", "c"]
    assert log.new_calls == [(["a", "c"], ["val"])], "what nobody wants is not read"
    assert list(store.series(CONTEXT, "", "val", ["d", "b", "c"], 2)) == ["b", "c"]
    assert list(store.series(CONTEXT, "", "val", most=3)) == ["a", "b", "c"]
    assert list(store.series(CONTEXT, "", "val", most=100)) == ["a", "b", "c", "d"]
    assert list(store.series(CONTEXT, "", "val", [])) == []


def test_a_series_is_read_once_when_it_changes(log):
    store = Store(log)
    log.add("a", "val", 0)
    log.add("b", "val", 0)
    log.reload()
    assert steps_of(store, "val") == {"a": (0,), "b": (0,)}
    assert log.new_calls == [(["a", "b"], ["val"])]
    for _ in range(3):
        assert steps_of(store, "val") == {"a": (0,), "b": (0,)}
        assert store.one_series(CONTEXT, "", "a", "val").steps == (0,)
    assert log.new_calls == [], "nothing has changed"
    log.add("b", "val", 1)
    log.add("b", "train", 7)
    log.reload()
    assert steps_of(store, "val") == {"a": (0,), "b": (0, 1)}
    assert log.new_calls == [(["b"], ["val"])], "only what has changed"
    log.add("c", "val", 4)
    log.reload()
    assert steps_of(store, "val") == {"a": (0,), "b": (0, 1), "c": (4,)}
    assert log.new_calls == [(["c"], ["val"])]
    assert steps_of(store, "nothing") == {}
    assert log.new_calls == []


@pytest.mark.parametrize("wall_time", [float("nan"), float("inf")])
def test_a_time_that_is_no_number_is_none(log, wall_time):
    log.writer("a")._get_file_writer().add_summary(matrix_summary("val", MATRIX), 3, wall_time)
    log.reload()
    assert Store(log).series(CONTEXT, "", "val")["a"].wall_times == (0.0,)


def test_one_series_is_what_was_last_seen(log):
    store = Store(log)
    log.add("a", "val", 0)
    log.reload()
    assert store.one_series(CONTEXT, "", "a", "val").steps == (0,)
    assert log.new_calls == [(["a"], ["val"])], "read when it is not known yet"
    log.add("a", "val", 1)
    log.reload()
    assert store.one_series(CONTEXT, "", "a", "val").steps == (0,)
    assert log.new_calls == []
    assert steps_of(store, "val") == {"a": (0, 1)}
    assert store.one_series(CONTEXT, "", "a", "val").steps == (0, 1)
    assert log.new_calls == [(["a"], ["val"])]


def test_one_series_that_is_not_there(log):
    log.add("a", "val", 0)
    log.reload()
    store = Store(log)
    assert store.one_series(CONTEXT, "", "a", "nothing") is None
    assert store.one_series(CONTEXT, "", "b", "val") is None
    log.add("b", "val", 3)
    log.reload()
    assert store.one_series(CONTEXT, "", "b", "val").steps == (3,), "what was not there may come"


@pytest.mark.filterwarnings("ignore:step")
def test_the_newest_record_of_a_step_wins(log):
    store = Store(log)
    log.add("a", "val", 3, 4)
    log.reload()
    series_of(store, "val")
    add_confusion_matrix(log.writer("a"), "val", counts(99), 4)
    add_confusion_matrix(log.writer("a"), "val", counts(77), 3)
    log.add("a", "val", 1)
    log.reload()
    series = series_of(store, "val")["a"]
    assert series.steps == (1, 3, 4)
    assert [decode_matrix(record).to_dense()[0, 1] for record in series.records] == [1, 77, 99]
    assert series.wall_times[0] > series.wall_times[1] > series.wall_times[2], "each step with the time of its newest record"


def test_class_lists(log):
    log.add("a", "val", 0)
    log.add("a", "val", 1, names=["cat", "dog", "bee"])
    log.add("b", "val", 0, names=None)
    log.reload()
    store = Store(log)
    first, second = series_of(store, "val")["a"].records
    log.new_calls  # noqa: B018  # forgets them
    for record, names in [(first, ("cat", "dog", "ant")), (second, ("cat", "dog", "bee")), (first, ("cat", "dog", "ant"))]:
        assert decode_classes(store.class_list(CONTEXT, "", "a", class_list_id(record))).names == names
    assert len(log.new_calls) == 2, "each list is read once"
    assert store.class_list(CONTEXT, "", "b", Classes.of(3, NAMES).id) is None
    assert store.class_list(CONTEXT, "", "a", "nothing") is None


@pytest.mark.parametrize(
    "tensor",
    [
        make_tensor_proto(0.5),
        make_tensor_proto(np.arange(4.0)),
        make_tensor_proto([b"TBCM", b"TBCM"]),
        make_tensor_proto(np.zeros(0, np.float32)),
    ],
    ids=["float", "vector", "strings", "empty"],
)
def test_a_foreign_tensor_is_an_empty_record(log, tensor):
    log.add("a", "val", 0, 2)
    log.add("b", "val", 0)
    summary = matrix_summary("val", MATRIX)
    summary.value[0].tensor.CopyFrom(tensor)
    log.writer("a")._get_file_writer().add_summary(summary, 3)
    log.reload()
    series = series_of(Store(log), "val")
    assert series["a"].steps == (0, 2, 3)
    assert [bool(record) for record in series["a"].records] == [True, True, False]
    assert series["b"].steps == (0,)


def test_a_content_of_another_kind_is_left_alone(log):
    log.add("a", "val", 0)
    summary = matrix_summary("other", MATRIX)
    summary.value[0].metadata.plugin_data.content = b"of a newer version"
    log.writer("a")._get_file_writer().add_summary(summary, 0)
    log.reload()
    assert Store(log).tags(CONTEXT, "") == ["val"]
    assert steps_of(Store(log), "other") == {}


# What a real provider cannot be brought to quickly


class Refused(grpc.RpcError):
    def __init__(self, status):
        self._status = status

    def code(self):
        return self._status


class HandMade:
    """Series given as {run: number of steps}, each of `size` bytes; no answer may have more than `limit` steps."""

    def __init__(self, runs, limit=10**9, size=10, error=None):
        self.runs, self.limit, self.size = runs, limit, size
        self.error = error or Refused(grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.asked = []
        self.listed = []
        self.slow = 0.0

    def list_tensors(self, ctx, *, experiment_id, plugin_name, run_tag_filter=None):
        assert (ctx, plugin_name) == (CONTEXT, "confusion_matrix")
        tags = run_tag_filter and run_tag_filter.tags and list(run_tag_filter.tags)
        assert tags is None or set(tags) <= {"val", "train"}
        self.listed.append((experiment_id, tags))
        data = {run: SimpleNamespace(max_step=steps - 1, max_wall_time=1.0, plugin_content=b"matrix") for run, steps in self.runs.items()}
        return {run: {"val": data[run], "train": data[run]} for run in data}

    def read_tensors(self, ctx, *, experiment_id, plugin_name, downsample, run_tag_filter):
        assert (ctx, plugin_name) == (CONTEXT, "confusion_matrix")
        runs, tags = sorted(run_tag_filter.runs), sorted(run_tag_filter.tags)
        self.asked.append((runs, ",".join(tags), downsample))
        time.sleep(self.slow)
        steps = {run: range(self.runs[run])[-downsample:] for run in runs if run in self.runs}
        if len(tags) * sum(map(len, steps.values())) > self.limit:
            raise self.error
        return {run: {tag: [self._datum(experiment_id, run, tag, step) for step in steps[run]] for tag in tags} for run in steps}

    def _datum(self, experiment, run, tag, step):
        record = f"{experiment}{run}{tag}{step}".encode().ljust(self.size)
        return SimpleNamespace(step=step, wall_time=1.0, numpy=np.array(record, object))


def test_too_much_for_one_answer_is_asked_for_in_fewer_runs():
    runs = {"a": 3, "b": 2, "c": 3, "d": 1, "e": 3}
    store = Store(HandMade(runs, limit=5))
    found = series_of(store, "val")
    assert {run: len(series.steps) for run, series in found.items()} == runs
    assert not any(series.sampled for series in found.values())
    assert found["c"].records[2].strip() == b"cval2"


def test_too_much_for_one_answer_in_a_single_run_is_asked_for_in_fewer_steps():
    provider = HandMade({"a": 3000, "b": 20}, limit=300)
    found = Store(provider).series(CONTEXT, "x", "val")
    assert (found["a"].sampled, found["b"].sampled) == (True, False)
    assert (len(found["a"].steps), found["a"].steps[-1], found["a"].records[-1].strip()) == (256, 2999, b"xaval2999")
    assert len(found["b"].steps) == 20
    assert [(runs, steps) for runs, _, steps in provider.asked] == [
        (["a", "b"], 2**31 - 1),
        (["a"], 2**31 - 1),
        (["a"], 1024),
        (["a"], 512),
        (["a"], 256),
        (["b"], 2**31 - 1),
    ]


def test_too_much_even_in_one_step():
    provider = HandMade({"a": 3000}, limit=0)
    with pytest.raises(Refused):
        series_of(Store(provider), "val")
    assert [steps for _, _, steps in provider.asked][-3:] == [4, 2, 1]


@pytest.mark.parametrize(
    "error",
    [Refused(grpc.StatusCode.UNAVAILABLE), RuntimeError("lost"), Refused(None), OSError(5, "lost")],
    ids=["grpc", "other", "none", "os"],
)
def test_other_errors_are_not_tried_again(error):
    provider = HandMade({"a": 3, "b": 3}, limit=0, error=error)
    with pytest.raises(type(error)) as raised:
        series_of(Store(provider), "val")
    assert raised.value is error
    assert len(provider.asked) == 1


def test_after_an_error_it_is_asked_again():
    provider = HandMade({"a": 3}, limit=0, error=RuntimeError("lost"))
    store = Store(provider)
    with pytest.raises(RuntimeError):
        series_of(store, "val")
    provider.limit = 10
    assert steps_of(store, "val") == {"a": (0, 1, 2)}


def test_a_run_that_goes_away_between_list_and_read():
    provider = HandMade({"a": 1, "b": 1})
    listed = provider.list_tensors(CONTEXT, experiment_id="", plugin_name="confusion_matrix")
    provider.list_tensors = lambda *_, **__: listed
    del provider.runs["a"]
    assert steps_of(Store(provider), "val") == {"b": (0,)}


def test_the_cache_drops_what_was_not_used_for_longest():
    provider = HandMade({"a": 4, "b": 4, "c": 4}, size=100)
    store = Store(provider, cache_bytes=800)

    def is_known(run):
        before = len(provider.asked)
        assert store.one_series(CONTEXT, "", run, "val").steps == (0, 1, 2, 3)
        return len(provider.asked) == before

    assert [is_known("a"), is_known("b"), is_known("a")] == [False, False, True]
    assert not is_known("c")  # 1200 bytes: b goes, since a was used after it
    assert [is_known("a"), is_known("c")] == [True, True]
    assert [is_known("b"), is_known("a")] == [False, False]
    assert store._cached_bytes == sum(cached.series.size for cached in store._cache.values()) == 800


def test_the_cache_counts_a_series_that_grows_once():
    provider = HandMade({"a": 1}, size=100)
    store = Store(provider, cache_bytes=10_000)
    for steps in range(1, 40):
        provider.runs["a"] = steps
        assert steps_of(store, "val") == {"a": tuple(range(steps))}
    assert store._cached_bytes == 3900
    provider.runs["a"] = 2
    assert steps_of(store, "val") == {"a": (0, 1)}
    assert store._cached_bytes == 200


def test_a_series_above_the_bound_is_kept_until_the_next():
    provider = HandMade({"a": 4}, size=1000)
    store = Store(provider, cache_bytes=10)
    for _ in range(3):
        assert len(store.one_series(CONTEXT, "", "a", "val").steps) == 4
    assert len(provider.asked) == 1
    store.one_series(CONTEXT, "", "a", "train")
    assert list(store._cache) == [("", "a", "train")]


def test_an_answer_larger_than_the_cache_is_whole_all_the_same():
    provider = HandMade({"a": 4, "b": 4, "c": 4}, size=1000)
    assert steps_of(Store(provider, cache_bytes=10), "val") == dict.fromkeys("abc", (0, 1, 2, 3))


def test_experiments_are_kept_apart():
    store = Store(HandMade({"a": 1}))
    assert store.one_series(CONTEXT, "x", "a", "val").records[0].strip() == b"xaval0"
    assert store.one_series(CONTEXT, "y", "a", "val").records[0].strip() == b"yaval0"
    assert store.series(CONTEXT, "x", "val")["a"].records[0].strip() == b"xaval0"


def test_no_more_is_listed_than_what_is_asked_for():
    provider = HandMade({"a": 1})
    store = Store(provider)
    store.series(CONTEXT, "x", "val")
    store.tags(CONTEXT, "y")
    store.one_series(CONTEXT, "z", "a", "val")
    assert provider.listed == [("x", ["val"]), ("y", None)]


def test_what_is_known_does_not_wait_for_what_is_being_read(monkeypatch):
    provider = HandMade({"a": 3})
    store = Store(provider)
    assert steps_of(store, "val") == {"a": (0, 1, 2)}
    reading, go_on, read, in_time = threading.Event(), threading.Event(), provider.read_tensors, []

    def wait_and_read(*context, **question):
        reading.set()
        in_time.append(go_on.wait(10))
        return read(*context, **question)

    monkeypatch.setattr(provider, "read_tensors", wait_and_read)
    thread = threading.Thread(target=series_of, args=(store, "train"))
    thread.start()
    assert reading.wait(10)
    assert store.one_series(CONTEXT, "", "a", "val").steps == (0, 1, 2)
    go_on.set()
    thread.join()
    assert in_time == [True]


@pytest.mark.parametrize("ask", [series_of, lambda store, tag: store.one_series(CONTEXT, "", "a", tag)], ids=["series", "one_series"])
def test_many_at_once_read_once(ask):
    provider = HandMade({"a": 3})
    provider.slow = 0.05
    store = Store(provider)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask(store, "val"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(answer == answers[0] for answer in answers)
    assert len(provider.asked) == 1


def test_the_default_bound():
    assert Store(HandMade({}))._cache_bytes == DEFAULT_CACHE_BYTES == 512 * 2**20
    empty = Series((), (), ())
    assert (empty.size, empty.sampled) == (0, False)


def test_many_runs_are_asked_for_in_groups():
    provider = HandMade({f"run{index:02}": 2 for index in range(20)})
    assert len(series_of(Store(provider), "val")) == 20
    assert [len(runs) for runs, _, _ in provider.asked] == [8, 12], "small runs come together, once their size is known"


@pytest.mark.parametrize(("most", "groups"), [(70, [8, 3, 1]), (30, [8, 1, 1, 1, 1]), (5, [8, 1, 1, 1, 1])])
def test_large_runs_are_asked_for_few_at_a_time(monkeypatch, most, groups):
    monkeypatch.setattr("tb_confmat_plugin.store._GROUP_BYTES", most)
    provider = HandMade({f"run{index:02}": 2 for index in range(12)})  # of 20 bytes each
    assert len(series_of(Store(provider), "val")) == 12
    assert [len(runs) for runs, _, _ in provider.asked] == groups


def test_a_system_that_cannot_take_memory_back_is_let_be(monkeypatch):
    monkeypatch.setattr("tb_confmat_plugin.store.ctypes.CDLL", lambda name: object())
    assert len(series_of(Store(HandMade({"a": 3})), "val")["a"].steps) == 3


def test_memory_is_given_back_after_reading_alone(monkeypatch):
    given_back = []
    monkeypatch.setattr("tb_confmat_plugin.store.ctypes.CDLL", lambda name: SimpleNamespace(malloc_trim=given_back.append))
    provider = HandMade({"a": 3})
    store = Store(provider)
    for steps, times in ((3, 1), (3, 1), (4, 2)):
        provider.runs["a"] = steps
        assert len(series_of(store, "val")["a"].steps) == steps
        assert given_back == [0] * times
    store.load(CONTEXT, "", "a", ["x", "y"])
    assert given_back == [0] * 3


def test_several_tags_are_loaded_in_one_question():
    provider = HandMade({"a": 1})
    store = Store(provider)
    assert store.one_series(CONTEXT, "", "a", "x").records[0].strip() == b"ax0"
    store.load(CONTEXT, "", "a", ["x", "y", "z"])
    store.load(CONTEXT, "", "a", ["x", "y", "z"])
    for tag in "xyz":
        series = store.one_series(CONTEXT, "", "a", tag)
        assert (series.records[0].strip(), series.sampled) == (f"a{tag}0".encode(), False)
    store.load(CONTEXT, "", "a", ["x", "w"])
    store.load(CONTEXT, "", "b", ["x", "w"])
    assert [(runs, tags) for runs, tags, _ in provider.asked] == [(["a"], "x"), (["a"], "y,z"), (["b"], "w,x")]


def test_too_much_to_be_loaded_at_once_is_left_for_later():
    provider = HandMade({"a": 1}, limit=1)
    store = Store(provider)
    store.load(CONTEXT, "", "a", ["x", "y"])
    assert store.one_series(CONTEXT, "", "a", "y").records[0].strip() == b"ay0"


def test_other_errors_while_loading_are_raised():
    error = OSError("disk")
    with pytest.raises(OSError, match="disk"):
        Store(HandMade({"a": 1}, limit=0, error=error)).load(CONTEXT, "", "a", ["x", "y"])
