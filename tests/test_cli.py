import csv
import importlib.metadata
import io
import itertools
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from tensorboard.compat.proto.event_pb2 import Event

from tb_confmat_plugin import ConfusionMatrix, Example, SummaryWriter, __version__, add_confusion_matrix, read_confusion_matrices
from tb_confmat_plugin.cli import main, make_parser
from tb_confmat_plugin.event_file import write_event_file
from tb_confmat_plugin.export import FORMATS
from tb_confmat_plugin.summary import matrix_summary

NAMES = ["cat", "dog", "owl"]
GUIDE = Path(__file__).parents[1] / "docs" / "logs.md"
README = GUIDE.parents[1] / "README.md"
BLOCKS = re.findall(r"```(python|sh)\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
COMMAND = [sys.executable, "-c", "import sys; from tb_confmat_plugin.cli import main; sys.exit(main())"]


def counts(step, worse=0):
    return np.array([[90 + step - worse, 10 + worse, 0], [step, 200, 3], [1, 0, 300]])


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    """Runs "first" and "second" with tags "train" (which only the first has) and "val"."""
    directory = tmp_path_factory.mktemp("log")
    for run, worse in (("first", 0), ("second", 30)):
        with SummaryWriter(directory / run) as writer:
            for step in (1, 3, 8):
                add_confusion_matrix(writer, "val", counts(step, worse), step, walltime=1000 + step, class_names=NAMES)
            if run == "first":
                add_confusion_matrix(writer, "train", [[2, 1], [0, 0]], 5, walltime=1005)
    return str(directory)


@pytest.fixture
def run(logdir, capsys, monkeypatch):
    """A function: the command with these arguments, for the log above unless another is named; gives exit code, output and errors."""
    monkeypatch.chdir(logdir)
    monkeypatch.delenv("NO_COLOR", raising=False)

    def call(*args):
        where = () if "--logdir" in args or args[0] == "convert" else ("--logdir", logdir)
        code = main([*args, *where])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def good(answer):
    code, out, err = answer
    assert (code, err) == (0, "")
    return out


def trouble(answer):
    code, out, err = answer
    assert (code, out) == (2, "")
    assert err.startswith("tb-confmat: ")
    return err.removeprefix("tb-confmat: ").rstrip("\n")


def records(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_list(run, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    lines = good(run("list")).splitlines()
    assert lines[0].split() == ["run", "tag", "steps", "first", "step", "last", "step", "classes", "samples", "last", "logged"]
    assert [line.split()[:7] for line in lines[2:]] == [
        ["first", "train", "1", "5", "5", "2", "3"],
        ["first", "val", "3", "1", "8", "3", "620"],
        ["second", "val", "3", "1", "8", "3", "620"],
    ]
    rows = json.loads(good(run("list", "--format", "json")))
    assert records(good(run("list", "--format", "csv"))) == [{name: str(value) for name, value in row.items()} for row in rows]
    assert rows[2] | {"last_logged": None} == {
        "run": "second",
        "tag": "val",
        "steps": 3,
        "first_step": 1,
        "last_step": 8,
        "classes": 3,
        "samples": 620,
        "last_logged": None,
    }
    assert rows[2]["last_logged"].startswith("1970-01-01 00:16:48+")


@pytest.mark.parametrize("wall_time", [float("nan"), float("inf"), 1e300, -1e300])
def test_a_time_that_no_calendar_has(run, tmp_path, wall_time):
    counted = ConfusionMatrix.from_dense([[5, 2], [0, 3]])
    event = Event(summary=matrix_summary("val", counted), step=4, wall_time=wall_time)
    write_event_file(tmp_path, [event.SerializeToString()])
    (row,) = json.loads(good(run("list", "--format", "json", "--logdir", str(tmp_path))))
    assert (row["last_step"], row["samples"]) == (4, 10)
    assert row["last_logged"] is None or row["last_logged"].startswith("19")
    (cells,) = json.loads(good(run("export", "--format", "json", "--logdir", str(tmp_path))), parse_constant=pytest.fail)
    assert cells["wall_time"] == (wall_time if abs(wall_time) == 1e300 else 0)


def test_show(run):
    assert good(run("show", "--run", "first", "--tag", "val", "--width", "60")).splitlines()[:5] == [
        "run first, tag val, step 8",
        "       cat dog owl",
        "0 cat   98  10   ·",
        "1 dog    8 200   3",
        "2 owl    1   · 300",
    ]
    shares = good(run("show", "--run", "second", "--step", "3", "--normalize", "pred")).splitlines()
    assert shares[2:5] == ["0 cat  94% 17%   ·", "1 dog   4% 83%  1%", "2 owl   1%   · 99%"]
    assert "\x1b[" in good(run("show", "--run", "second", "--step", "3", "--color", "always"))
    assert good(run("show", "--run", "second", "--step", "first")).startswith("run second, tag val, step 1\n")


def on_a_terminal(*args, **env):
    """What the command prints on a terminal of 40 columns."""
    leader, follower = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM", "COLUMNS")}
    env = {**clean, "TERM": "xterm-256color", "COLUMNS": "40", **env}
    process = subprocess.Popen([*COMMAND, *args], stdout=follower, stderr=follower, env=env)
    os.close(follower)
    output = b""
    while True:
        try:
            output += (piece := os.read(leader, 65536))
        except OSError:  # Linux' way to say that the other side is closed
            break
        if not piece:
            break
    os.close(leader)
    assert process.wait() == 0
    return output.decode()


def test_a_terminal(logdir):
    show = ("show", "--logdir", logdir, "--run", "first", "--tag", "val")
    colored = on_a_terminal(*show)
    assert "\x1b[48;5;" in colored
    assert "reading [" in colored, "progress, which is taken away again"
    assert colored.index("\r\x1b[K") < colored.index("run first")
    lines = re.sub(r"\x1b\[[0-9;]*[mK]", "", colored.split("\x1b[K")[-1]).splitlines()
    assert max(map(len, lines)) <= 40
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b[48;5;" not in on_a_terminal(*show, **env)
    assert "\x1b[48;5;" not in on_a_terminal(*show, "--color", "never")


def test_metrics(run):
    rows = json.loads(good(run("metrics", "--step", "all", "--format", "json")))
    assert [(row["run"], row["tag"], row["step"]) for row in rows] == [
        ("first", "train", 5),
        *((name, "val", step) for name in ("first", "second") for step in (1, 3, 8)),
    ]
    expected = ConfusionMatrix.from_dense(counts(3, 30)).metrics()
    assert {name: rows[5][name] for name in expected} == expected
    assert rows[0]["balanced_accuracy"] == pytest.approx(2 / 3)
    table = records(good(run("metrics", "--tag", "val", "--format", "csv")))
    assert [row["step"] for row in table] == ["8", "8"]
    assert float(table[1]["cohen_kappa"]) == ConfusionMatrix.from_dense(counts(8, 30)).metrics()["cohen_kappa"]
    lines = good(run("metrics", "--step", "first", "--metric", "accuracy", "--metric", "total")).splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["first", "train", "5", "0.667", "3"],
        ["first", "val", "1", "0.975", "606"],
        ["second", "val", "1", "0.926", "606"],
    ]
    assert good(run("metrics")).splitlines()[0].split()[:5] == ["run", "tag", "step", "accuracy", "balanced"]


def test_metrics_of_classes(run, tmp_path):
    lines = good(run("metrics", "--run", "first", "--step", "5", "--per-class")).splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["first", "train", "5", "0", "3", "2", "1.000", "0.667", "0.800"],
        ["first", "train", "5", "1", "0", "1", "0.000", "n/a", "0.000"],
    ]
    rows = json.loads(good(run("metrics", "--tag", "train", "--per-class", "--format", "json")))
    interval = ConfusionMatrix.from_dense([[2, 1], [0, 0]]).per_class()["recall_interval"][0]
    assert [rows[0]["recall_low"], rows[0]["recall_high"]] == interval.tolist()
    assert (rows[1]["class"], rows[1]["recall"], rows[1]["recall_low"]) == ("1", None, None)
    table = records(good(run("metrics", "--tag", "train", "--per-class", "--format", "csv", "--metric", "recall")))
    assert table == [
        {"run": "first", "tag": "train", "step": "5", "class": "0", "recall": str(2 / 3)},
        {"run": "first", "tag": "train", "step": "5", "class": "1", "recall": ""},
    ]
    with SummaryWriter(tmp_path / "formulas") as writer:
        add_confusion_matrix(writer, "val", [[1, 2], [0, 3]], 0, class_names=["=1+1", "-1"])
    table = records(good(run("metrics", "--logdir", str(tmp_path / "formulas"), "--per-class", "--format", "csv")))
    assert [row["class"] for row in table] == ["'=1+1", "-1"]
    assert trouble(run("metrics", "--per-class", "--metric", "acc")).startswith("there is no metric 'acc' of a class; there are support, ")
    assert trouble(run("metrics", "--metric", "acc")).startswith("there is no metric 'acc'; there are total, accuracy, ")


def test_diff(run):
    out = good(run("diff", "first", "second", "--tag", "val"))
    assert out.startswith("before: run first, tag val, step 8\nafter:  run second, tag val, step 8\n\nmetric ")
    assert re.search(r"^accuracy +0\.965 +0\.916 +-0\.048$", out, re.MULTILINE)
    assert "recall of each class: 3 of 3, those that fell most first; 1 of all significant (*)" in out
    p = scipy.stats.false_discovery_control([scipy.stats.chi2_contingency([[98, 10], [68, 40]], correction=False).pvalue, 1, 1])[0]
    assert 0 < p < 0.0001
    assert re.search(r"^cat +108 / 108 +0\.907 +0\.630 +-0\.278 +<0\.0001  \*$", out, re.MULTILINE)
    assert re.search(r"^owl +301 / 301 +0\.997 +0\.997 +0\.000 +1\.0000$", out, re.MULTILINE)
    assert re.search(r"^cat +dog +108 / 108 +0\.093 +0\.370 +\+0\.278 +<0\.0001  \*$", out, re.MULTILINE)
    assert "3 of 4" not in out
    short = good(run("diff", "first@1", "first@8", "--tag", "val", "--top", "1", "--metric", "precision"))
    assert "step 1\nafter:  run first, tag val, step 8" in short
    assert "precision of each class: 1 of 3," in short


def test_changes_that_are_none(run, tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for step, right in enumerate((10_000, 9_999, 9_989)):
            add_confusion_matrix(writer, "val", [[right, 10_000 - right], [1, 9_999]], step)
    for pair, change in ((("@0", "@0"), "0.000"), (("@0", "@1"), "0.000"), (("@1", "@0"), "0.000"), (("@0", "@2"), "-0.001")):
        out = good(run("diff", *pair, "--logdir", str(tmp_path)))
        assert re.search(rf"^accuracy .* {change}$", out, re.MULTILINE), out
        assert "+0.000" not in out
        assert "-0.000" not in out


def test_diff_as_json(run):
    found = json.loads(good(run("diff", "first@3", "second", "--tag", "val", "--format", "json")))
    assert (found["before"]["step"], found["after"]["run"], found["metric"], found["worse"]) == (3, "second", "recall", [])
    assert found["after"]["metrics"] == ConfusionMatrix.from_dense(counts(8, 30)).metrics()
    assert [each["class"] for each in found["classes"]] == ["cat", "dog", "owl"]
    assert (found["classes"][0]["before"], found["classes"][0]["significant"]) == (93 / 103, True)
    assert "predicted" not in found["classes"][0]
    assert (found["cells"][0]["true"], found["cells"][0]["predicted"], found["cells"][0]["after"]) == ("cat", "dog", 40 / 108)


def test_the_exit_code_for_ci(run):
    compare = ("diff", "first", "second", "--tag", "val", "--format", "json", "--fail-if-worse")
    code, out, err = run(*compare, "0.2")
    assert code == 1
    assert err == "tb-confmat: worse: cat: recall fell by 0.278, from 0.907 to 0.630, more than 0.2\n"
    assert json.loads(out)["worse"] == ["cat"]
    good(run(*compare, "0.3"))
    assert run("diff", "first@8", "first@1", "--tag", "val", "--fail-if-worse", "0.003")[0] == 1, "by chance, but that was not asked"
    good(run("diff", "first@8", "first@1", "--tag", "val", "--fail-if-worse", "0.003", "--significant"))
    assert run(*compare, "0.2", "--significant")[0] == 1
    assert trouble(run(*compare, "5")) == "expected the bound of --fail-if-worse from 0 to 1, got 5"
    assert trouble(run("diff", "first", "second", "--significant")).startswith("--significant says which falls make the command fail; pass")


@pytest.mark.parametrize("samples", [20, 100, 1000])
def test_a_fall_of_just_the_bound_is_not_worse(tmp_path, run, samples):
    with SummaryWriter(tmp_path) as writer:
        for step in range(20):
            right = samples - step * samples // 20
            add_confusion_matrix(writer, "val", [[right, samples - right], [0, samples]], step)
    for before in range(18):
        for after in range(before + 1, 20, 3):
            diff = ("diff", f"@{before}", f"@{after}", "--logdir", str(tmp_path), "--fail-if-worse")
            assert run(*diff, f"{(after - before) / 20:.2f}")[0] == 0
            assert run(*diff, f"{(after - before) / 20 - 0.001:.3f}")[0] == 1


def test_a_damaged_log_does_not_pass(tmp_path, run):
    for name in ("before", "after"):
        with SummaryWriter(tmp_path / name) as writer:
            for step, right in enumerate((90, 50)):
                add_confusion_matrix(writer, "val", [[right, 100 - right], [0, 90]], step)
    diff = ("diff", "before@first", "after", "--logdir", str(tmp_path), "--fail-if-worse", "0.05")
    assert run(*diff)[0] == 1
    (path,) = (tmp_path / "after").iterdir()
    data = bytearray(path.read_bytes())
    data[-6] ^= 1
    path.write_bytes(data)
    assert run(*diff[:-2])[0] == 0
    assert "is damaged" in trouble(run(*diff))
    other = tmp_path / "other"
    other.mkdir()
    (other / path.name).write_bytes(data)
    assert run("diff", "before@first", "before@first", *diff[3:])[0] == 0, "what is not compared may be damaged"


def test_the_exit_code_where_nobody_reads_on(tmp_path):
    matrices = np.diag([90] * 120), np.diag([50] * 120) + np.roll(np.diag([40] * 120), 1, 1)
    with SummaryWriter(tmp_path) as writer:
        for step, matrix in enumerate(matrices):
            add_confusion_matrix(writer, "val", matrix, step)
    diff = [*COMMAND, "diff", "@0", "@1", "--logdir", tmp_path, "--format", "json", "--fail-if-worse", "0.05"]
    process = subprocess.Popen(diff, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait() == 1
    assert process.stderr.read().count(b"tb-confmat: worse: ") == 120
    process.stderr.close()


@pytest.mark.parametrize(
    ("metric", "after", "reason"),
    [
        ("recall", [[9, 1, 0], [0, 0, 0], [0, 2, 5]], "was 0.800 and is undefined now: the class has no samples"),
        ("precision", [[9, 0, 1], [4, 0, 1], [0, 0, 5]], "was 0.667 and is undefined now: the class is never predicted"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--significant",)])
def test_a_class_that_became_undefined_is_worse(tmp_path, run, metric, after, reason, options):
    with SummaryWriter(tmp_path) as writer:
        for step, matrix in enumerate([[[9, 1, 0], [1, 4, 0], [0, 1, 4]], after]):
            add_confusion_matrix(writer, "val", matrix, step, class_names=NAMES)
    diff = ("diff", "@0", "@1", "--logdir", str(tmp_path), "--metric", metric, "--format", "json", "--fail-if-worse", "1", *options)
    code, out, err = run(*diff)
    assert (code, err, json.loads(out)["worse"]) == (1, f"tb-confmat: worse: dog: {metric} {reason}\n", ["dog"])
    good(run("diff", "@1", "@0", *diff[3:]))


def test_diff_of_other_classes(tmp_path, run):
    with SummaryWriter(tmp_path) as writer:
        add_confusion_matrix(writer, "val", [[9, 1], [2, 8]], 0, class_names=["cat", "dog"])
        add_confusion_matrix(writer, "val", [[7, 3, 0], [2, 6, 2], [0, 0, 4]], 1, class_names=["dog", "cat", "owl\x1b"])
    code, out, err = run("diff", "@0", "@1", "--logdir", str(tmp_path), "--format", "json")
    assert (code, err) == (0, "tb-confmat: classes differ and are matched by name; only after: 'owl\\x1b'\n")
    found = {each["class"]: (each["before"], each["after"]) for each in json.loads(out)["classes"]}
    assert found == {"cat": (0.9, 0.6), "dog": (0.8, 0.7), "owl\x1b": (None, 1)}


def test_diff_in_a_log_of_one_run(tmp_path, run):
    with SummaryWriter(tmp_path / "a@1") as writer:
        for step in (-1, 1):
            add_confusion_matrix(writer, "val", counts(step + 5), step)
    for before, after in [("@-1", "a@1"), ("@first", "@last"), ("a@1@first", "@1")]:
        out = good(run("diff", before, after, "--logdir", str(tmp_path)))
        assert out.startswith("before: run a@1, tag val, step -1\nafter:  run a@1, tag val, step 1\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["show"], "there are several runs: 'first', 'second'; name one by --run"),
        (["show", "--run", "first"], "there are several tags: 'train', 'val'; name one by --tag"),
        (["show", "--run", "third"], "there is no run 'third'; there are 'first', 'second'"),
        (["show", "--run", "second", "--tag", "train"], "there is no tag 'train'; there is 'val'"),
        (["show", "--run", "second", "--step", "4"], "nothing was logged at step 4; the nearest steps of 3 are 1, 3, 8"),
        (["show", "--run", "second", "--step", "all"], "expected one step, or first or last, got all"),
        (["diff", "first", "second"], "there are several tags: 'train', 'val'; name one by --tag"),
        (["diff", "first@5", "second"], "there are several tags: 'train', 'val'; name one by --tag"),
        (["diff", "@3", "@8"], "there are several runs: 'first', 'second'; name one as in RUN@STEP"),
        (["list", "--logdir", "nowhere"], "there is no log directory nowhere; pass --logdir with the one to read"),
        (
            ["export", "--format", "json", "--normalize", "all"],
            "json holds counts; leave --normalize out, or take csv-dense, latex, png or svg",
        ),
        (
            ["export", "--format", "html", "--normalize", "true"],
            "html holds counts; leave --normalize out, or take csv-dense, latex, png or svg",
        ),
        (["export", "--format", "csv", "--no-examples"], "csv has no examples; leave --no-examples out"),
        (["export", "--format", "csv", "-o", "none/x.csv"], "none/x.csv: No such file or directory"),
        (["convert", "--matrix", "x.csv"], "pass --output with the log directory to write to"),
        (["convert", "--predictions", "x.csv", "--output", "new"], "predictions have no tag; pass --tag"),
        (["convert", "--predictions", "x.csv", "--output", "new", "--tag", "val"], "x.csv: No such file or directory"),
        (
            ["convert", "--predictions", "x.csv", "--output", "new", "--tag", "val", "--transposed"],
            "the columns say which class is true and which predicted; exchange them with --columns, not with --transposed",
        ),
        *(
            (
                ["convert", f"--{source}", "x", "--output", "new", "--tag", "val", f"--{option}", *value],
                f"--{option} says nothing about --{source}; leave it out",
            )
            for source, options in {
                "predictions": (("scalars", "foo"), ("missing", "refuse"), ("weights",)),
                "matrix": (("scalars", "foo"), ("missing", "zero"), ("columns", "true=label")),
                "logdir": (("columns", "true=label"), ("step", "0")),
            }.items()
            for option, *value in options
        ),
        (["convert", "--logdir", "s3://bucket/runs"], "cannot write to s3://bucket/runs; pass a local directory as --output"),
    ],
)
def test_trouble(run, args, message):
    assert trouble(run(*args)) == message


def test_nothing_logged(run, tmp_path):
    assert trouble(run("list", "--logdir", str(tmp_path))) == (
        f"there are no confusion matrices in {tmp_path}; "
        "pass another --logdir, or make them of scalars, one a cell, or of CSV files by tb-confmat convert"
    )


def test_many_runs_are_not_all_listed(run, tmp_path):
    for at in range(13):
        with SummaryWriter(tmp_path / f"run{at:02}") as writer:
            add_confusion_matrix(writer, "val", [[1, 2], [0, 3]], 1)
    assert trouble(run("show", "--logdir", str(tmp_path))).endswith("'run08', 'run09' and 3 more; name one by --run")


def test_warnings_are_told(run, tmp_path, capsys):
    with SummaryWriter(tmp_path) as writer:
        add_confusion_matrix(writer, "val", [[1, 2], [0, 3]], 1)
        add_confusion_matrix(writer, "val", [[1, 2], [0, 4]], 2)
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    for _ in range(2):
        code, out, err = run("show", "--logdir", str(tmp_path))
        assert code == 0
        assert "step 1" in out
        assert re.fullmatch(rf"tb-confmat: warning: {re.escape(str(path))}: the event at byte [\d,]+ is damaged: .*\n", err)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["show", "--width", "7"], "argument --width: expected an integer of at least 20, got '7'"),
        (["diff", "a", "b", "--fail-if-worse", "5%"], "argument --fail-if-worse: expected a share, such as 0.05 for 5 percent, got '5%'"),
        (["show", "--step", "end"], "argument --step: expected an integer, first, last or all, got 'end'"),
        (["convert", "--matrix", "x", "--class-names", "@none.txt"], "argument --class-names: none.txt: No such file or directory"),
        (["convert", "--matrix", "x", "--class-names", "a,,b"], "expected a name for each class, got an empty one, number 2 of 3"),
        (["convert", "--matrix", "x", "--columns", "true"], "argument --columns: expected true=NAME,predicted=NAME and so on, got 'true'"),
        (["convert", "--tag", "x"], "one of the arguments --logdir --predictions --matrix is required"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_arguments_that_cannot_be(args, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(args)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["list", "show", "metrics", "diff", "export", "convert"])
def test_help_has_examples_that_are_right(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    examples = re.findall(rf"^  tb-confmat ({command} .*?)(?:   +.*| [|>] .*)?$", out, re.MULTILINE)
    assert len(examples) >= 2
    for example in examples:
        make_parser().parse_args(shlex.split(example))


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"tb-confmat {__version__}\n"


def test_export(run, logdir, tmp_path):
    found = read_confusion_matrices(logdir)
    cells = tmp_path / "cells.csv"
    code, out, err = run("export", "--format", "csv", "-o", str(cells))
    assert (code, out, err) == (0, "", f"{cells}: 7 matrices\n")
    assert cells.read_bytes() == FORMATS["csv"].write(found, None)
    picture = tmp_path / "val.png"
    code, out, err = run("export", "--format", "png", "--run", "second", "--normalize", "true", "--output", str(picture))
    assert (code, out, err) == (0, "", f"{picture}: 1 matrix\n")
    assert picture.read_bytes() == FORMATS["png"].write([found[-1]], "true")


def runs_of(data):
    return sorted({row["run"] for row in records(data)})


@pytest.mark.parametrize("name", ["csv-dense", "latex"])
def test_too_many_classes_for_a_table(run, tmp_path, name):
    with SummaryWriter(tmp_path) as writer:
        add_confusion_matrix(writer, "val", ConfusionMatrix.from_coo([7, 9000], [8, 1], [2, 3], 9001), 1)
    export = ("export", "--logdir", str(tmp_path), "--format")
    told = "9,001 classes are too many for a table; pass --format csv, a row for each cell above 0"
    for options in ((), ("--normalize", "true")):
        assert trouble(run(*export, name, *options)) == told
    assert [row["count"] for row in records(good(run(*export, "csv")))] == ["2", "3"]


def test_export_of_several_runs(run, logdir, tmp_path):
    with SummaryWriter(tmp_path / "third") as writer:
        add_confusion_matrix(writer, "val", [[1, 2], [0, 3]], 1)
    for name in ("first", "second"):
        (tmp_path / name).symlink_to(f"{logdir}/{name}")
    export = ("export", "--logdir", str(tmp_path), "--format", "csv")
    assert runs_of(good(run(*export))) == ["first", "second", "third"]
    assert runs_of(good(run(*export, "--run", "third", "--run", "first"))) == ["first", "third"]
    assert runs_of(good(run(*export, "--run", "third"))) == ["third"]
    wrong = trouble(run(*export, "--run", "third", "--run", "fourth"))
    assert wrong == "there is no run 'fourth'; there are 'first', 'second', 'third'"
    picture = ("export", "--logdir", str(tmp_path), "--tag", "val", "--format", "svg", "--run", "third", "--run", "second")
    assert trouble(run(*picture)) == "there are several runs: 'second', 'third'; name one by --run"


def test_export_of_the_dashboard(run, logdir, tmp_path):
    page = tmp_path / "report.html"
    code, out, err = run("export", "--format", "html", "-o", str(page))
    assert (code, out) == (0, "")
    assert err == f"{page}: 7 matrices, {page.stat().st_size / 1e6:.1f} MB\n"
    assert page.read_bytes() == FORMATS["html"].write(read_confusion_matrices(logdir), None)
    run("export", "--format", "html", "-o", str(page), "--run", "second", "--step", "last")
    assert page.read_bytes() == FORMATS["html"].write(read_confusion_matrices(logdir, run="second")[-1:], None)


def test_export_of_the_dashboard_with_and_without_examples(run, tmp_path):
    with SummaryWriter(tmp_path / "log") as writer:
        example = Example("cat", "dog", image=np.full((6, 8), 0.5), text="a cat on a dog")
        writer.add_confusion_matrix("val", counts(1), 1, class_names=NAMES, examples=[example])
    pages = [tmp_path / "with.html", tmp_path / "without.html"]
    for page, options in zip(pages, [(), ("--no-examples",)], strict=True):
        run("export", "--logdir", str(tmp_path / "log"), "--format", "html", "-o", str(page), *options)
        found = read_confusion_matrices(tmp_path / "log", examples=not options)
        assert page.read_bytes() == FORMATS["html"].write(found, None)
    assert ["data:image/" in page.read_text() for page in pages] == [True, False]


def test_a_dashboard_that_is_too_large(run, tmp_path, monkeypatch):
    monkeypatch.setattr("tb_confmat_plugin.page.MANY_BYTES", 100)
    page = tmp_path / "report.html"
    code, _, err = run("export", "--format", "html", "-o", str(page))
    assert code == 0
    assert err.startswith("tb-confmat: warning: a page of 0 MB takes browsers several seconds to open; to be faster, choose runs, a tag or")
    monkeypatch.setattr("tb_confmat_plugin.page.MOST_BYTES", 100)
    page.unlink()
    assert trouble(run("export", "--format", "html", "-o", str(page))).startswith("expected at most 0 MB in a page, which browsers open")
    assert not page.exists()


@pytest.mark.parametrize("name", ["json", "png"])
def test_export_to_a_pipe(name, logdir):
    command = [*COMMAND, "export", "--logdir", logdir, "--run", "second", "--step", "3", "--format", name]
    done = subprocess.run(command, capture_output=True, check=True)
    (logged,) = [logged for logged in read_confusion_matrices(logdir, run="second") if logged.step == 3]
    assert done.stdout == FORMATS[name].write([logged], None)
    assert done.stderr == b""


@pytest.mark.parametrize(
    "command",
    ["export --format csv", "export --format csv-dense", "export --format svg", "export --format json", "metrics --per-class --format csv"],
)
def test_no_name_commands_a_terminal(command, tmp_path):
    with SummaryWriter(tmp_path) as writer:
        add_confusion_matrix(writer, "val", [[1, 2], [0, 3]], 1, class_names=["cat\x1b[2J", "dog\x07"])
    shown = on_a_terminal(*command.split(), "--logdir", str(tmp_path)).replace("\r\n", "\n")
    shown = shown.replace("\r\x1b[K", "")  # the end of a bar
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert re.search(r"cat\\(x1b|u001b)\[2J", shown)
    piped = subprocess.run([*COMMAND, *command.split(), "--logdir", tmp_path], capture_output=True, check=True).stdout
    assert (b"cat\x1b[2J" in piped) == ("csv" in command), "programs get names as they are"


def test_no_picture_on_a_terminal(run, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for name in ("png", "html"):
        assert trouble(run("export", "--format", name, "--run", "second")) == f"{name} is nothing for a terminal; pass --output FILE"


def test_every_format_can_be_chosen(capsys):
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    assert "{" + ",".join(FORMATS) + "}" in capsys.readouterr().out


def test_convert_scalars(run, tmp_path):
    with SummaryWriter(tmp_path / "old" / "a") as writer:
        for (i, j), count in np.ndenumerate(counts(2)):
            writer.add_scalar(f"cm/{i}/{j}", count, 7, walltime=50)
    convert = ("convert", "--logdir", str(tmp_path / "old"), "--scalars", "{tag}/{i}/{j}", "--class-names", "cat,dog,owl")
    sentence = "run 'a', tag 'cm': 1 step (7) of 3 classes, with 'cm/0/1' as true cat, predicted dog\n"
    assert good(run(*convert, "--dry-run")) == f"{sentence}1 matrix; nothing was written\n"
    assert read_confusion_matrices(tmp_path) == []
    out = good(run(*convert))
    assert out.startswith(f"{sentence}wrote {tmp_path}/old/a/events.out.tfevents.")
    out = good(run(*convert, "--output", str(tmp_path / "new"), "--tag", "val", "--transposed"))
    assert f"wrote {tmp_path}/new/a/events" in out
    assert [(each.run, each.tag, each.step, each.wall_time, each.matrix) for each in read_confusion_matrices(tmp_path)] == [
        ("new/a", "val", 7, 50, ConfusionMatrix.from_dense(counts(2).T, NAMES)),
        ("old/a", "cm", 7, 50, ConfusionMatrix.from_dense(counts(2), NAMES)),
    ]
    assert "has confusion matrices of tag 'cm' already" in run(*convert)[2]


def test_convert_files(run, tmp_path):
    (tmp_path / "predictions.csv").write_text("label,predicted\ncat,dog\ndog,dog\ncat,dog\n")
    (tmp_path / "matrix.csv").write_text("1,2\n0,4\n")
    (tmp_path / "names.txt").write_text("dog\ncat\n")
    output = ("--tag", "val", "--class-names", f"@{tmp_path}/names.txt", "--output")
    good(
        run("convert", "--predictions", str(tmp_path / "predictions.csv"), "--columns", "true=label", *output, str(tmp_path / "log" / "p"))
    )
    good(run("convert", "--matrix", str(tmp_path / "matrix.csv"), "--step", "6", *output, str(tmp_path / "log" / "m")))
    (tmp_path / "weights.csv").write_text("1,2.5\n0,4\n")
    convert = ("convert", "--matrix", str(tmp_path / "weights.csv"), "--tag", "val", "--output", "new", "--dry-run")
    assert "pass --weights" in trouble(run(*convert))
    (tmp_path / "from1.csv").write_text("true,predicted\n1,2\n3,1\n")
    numbered = ("convert", "--predictions", str(tmp_path / "from1.csv"), "--tag", "val", "--output", "new", "--dry-run")
    assert "pass --first-class 1 if" in trouble(run(*numbered))
    assert "so that all is step 7\n" in good(run(*numbered, "--first-class", "1", "--step", "7"))
    assert "3 classes by their numbers from 1\n" in good(run(*numbered, "--first-class", "1"))
    good(run(*convert, "--weights"))
    assert [(each.run, each.step, each.matrix) for each in read_confusion_matrices(tmp_path / "log")] == [
        ("m", 6, ConfusionMatrix.from_dense([[1, 2], [0, 4]], ["dog", "cat"])),
        ("p", 0, ConfusionMatrix.from_dense([[1, 0], [2, 0]], ["dog", "cat"])),
    ]


def test_a_name_that_the_encoding_does_not_have(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        add_confusion_matrix(writer, "val", [[1, 2], [0, 3]], 1, class_names=["東京", "\ud83d"])
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*COMMAND, "show", "--logdir", tmp_path], capture_output=True, env=env, check=True)
    assert rb"0 \u6771\u4eac" in done.stdout
    assert done.stderr == b""


def test_a_reader_that_has_had_enough(logdir):
    process = subprocess.Popen(
        [*COMMAND, "metrics", "--logdir", logdir, "--step", "all", "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.wait() == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_interrupted(run, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("tb_confmat_plugin.commands.read_confusion_matrices", interrupt)
    assert run("list") == (130, "", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("command", "works"),
    [
        ("metrics --step all --logdir {log}", ["reading", "measuring"]),
        ("export --format csv -o cells.csv --logdir {log}", ["reading", "writing"]),
        ("export --format json -o cells.json --logdir {log}", ["reading", "writing"]),
        ("export --format html -o report.html --logdir {log}", ["reading", "writing"]),
        ("convert --matrix old.csv --output converted", ["converting", "writing"]),
        ("convert --predictions predictions.csv --tag test --output converted", ["converting", "writing"]),
        ("convert --logdir scalars", ["converting", "writing"]),
    ],
)
def test_long_works_draw_a_bar_on_a_terminal_and_take_it_away(command, works, logdir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("old.csv").write_text("true,predicted,count,tag,step\n" + "".join(f"a,b,{step + 1},val,{step}\n" for step in range(9)))
    Path("predictions.csv").write_text("true,predicted\n" + "cat,dog\n" * 500)
    with SummaryWriter("scalars") as writer:
        for step, cell in itertools.product(range(5), itertools.product((0, 1), repeat=2)):
            writer.add_scalar("val_conf_{}_{}".format(*cell), 3 + step, step)
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    assert main(command.format(log=logdir).split()) == 0
    bars = [(work, [int(percent) for _, percent in its]) for work, its in itertools.groupby(drawn(stream), lambda one: one[0])]
    assert [work for work, _ in bars] == works
    for _, percents in bars:
        assert percents == sorted(percents)
        assert percents[-1] == 100
    assert stream.getvalue().count("\r\x1b[K") == len(works)
    assert "\r" not in capsys.readouterr().out


def drawn(stream):
    return re.findall(r"\r(\w+) \[[█ ]{20}\] +(\d+)%", stream.getvalue())


def completions(line):
    """What a shell with argcomplete would offer at the end of a line."""
    shell = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout"}
    env = {**os.environ, **shell, "COMP_LINE": line, "COMP_POINT": str(len(line))}
    done = subprocess.run(COMMAND, capture_output=True, text=True, env=env, check=True)
    return [word.strip() for word in done.stdout.split("\n") if word]


def test_completion(logdir):
    assert {"list", "show", "metrics", "diff", "export", "convert"} <= set(completions("tb-confmat "))
    assert completions("tb-confmat export --format l") == ["latex"]
    assert completions("tb-confmat export --format h") == ["html"]
    assert completions("tb-confmat export --no") == ["--normalize", "--no-examples"]
    assert completions(f"tb-confmat export --logdir {logdir} --run first --run s") == ["second"]
    assert completions(f"tb-confmat export --logdir {logdir} --run second --tag ") == ["val"]
    assert completions(f"tb-confmat show --logdir {logdir} --run ") == ["first", "second"]
    assert completions(f"tb-confmat diff --logdir {logdir} s") == ["second"]
    assert completions(f"tb-confmat show --logdir {logdir} --run second --tag ") == ["val"]
    assert completions(f"tb-confmat show --logdir {logdir} --run third --tag ") == []
    assert completions(f"tb-confmat diff --logdir {logdir} --tag ") == ["train", "val"]
    assert completions("tb-confmat show --step ") == ["first", "last"]
    assert completions("tb-confmat metrics --step ") == completions("tb-confmat export --step ") == ["first", "last", "all"]
    assert completions("tb-confmat metrics --metric bal") == ["balanced_accuracy"]
    assert completions("tb-confmat metrics --per-class --metric pre") == ["predicted", "precision"]


def test_help_loads_little():
    script = (
        "import sys\nfrom tb_confmat_plugin.cli import main\n"
        "try: main(['show', '--help'])\nexcept SystemExit: pass\n"
        "assert not {'numpy', 'tensorboard', 'torch', 'argcomplete'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("module", ["tb_confmat_plugin", "tb_confmat_plugin.cli"])
def test_the_command_as_a_module(module, logdir):
    diff = ["diff", "first", "second", "--tag", "val", "--logdir", logdir, "--fail-if-worse", "0.2"]
    done = subprocess.run([sys.executable, "-m", module, *diff], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "tb-confmat: worse: cat: recall fell by 0.278, from 0.907 to 0.630, more than 0.2\n")


def test_the_command_is_installed():
    (entry,) = [entry for entry in importlib.metadata.entry_points(group="console_scripts") if entry.name == "tb-confmat"]
    assert entry.load() is main


@pytest.fixture(scope="module")
def guide(tmp_path_factory):
    """A directory with what the guide takes for granted: the logs that the snippets of the README make, old ones, and CSV files."""
    directory = tmp_path_factory.mktemp("guide")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        for snippet in re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL):
            if '"runs/' in snippet:
                exec(compile(snippet, README, "exec"), {})
    assert {path.name for path in directory.glob("runs/*")} == {"first", "second", "pictures"}
    with SummaryWriter(directory / "old" / "a") as writer:
        for (i, j), count in np.ndenumerate(counts(2)[:2, :2]):
            writer.add_scalar(f"val_conf_{i}_{j}", count, 7)
    (directory / "predictions.csv").write_text("label,guess,step\ncat,dog,1\ndog,dog,1\ncat,cat,2\n")
    (directory / "counts.csv").write_text("1,2\n0,4\n")
    return directory


@pytest.mark.parametrize("at", range(len(BLOCKS)))
def test_the_guide(at, guide, monkeypatch, capsys):
    """Its blocks run one after the other in one directory."""
    monkeypatch.chdir(guide)
    language, block = BLOCKS[at]
    if language == "python":
        done = subprocess.run([sys.executable, "-W", "error", "-c", block], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return
    for line in block.splitlines():
        command = line.partition("  #")[0].strip()
        expected = int(found[1]) if (found := re.search(r"# exits with (\d)", line)) else 0
        if command.startswith("tb-confmat"):
            assert main(shlex.split(command)[1:]) == expected, capsys.readouterr().err


def test_the_guide_has_the_recall_of_each_class_by_name(guide, monkeypatch):
    """As the matrices say themselves, in runs of other classes."""
    (block,) = [block for language, block in BLOCKS if "import pandas" in block]
    names = {}
    monkeypatch.chdir(guide)
    exec(compile(block, GUIDE, "exec"), names)
    recall = names["recall"]
    assert set(recall.index) >= set(NAMES)
    for logged in read_confusion_matrices("runs", run=("first", "second")):
        matrix = logged.matrix
        for name, value in zip(matrix.classes, matrix.to_dense().diagonal() / matrix.support, strict=True):
            assert recall.loc[name, (logged.run, logged.tag, logged.step)] == value
    assert np.isnan(recall.loc["owl", ("second", "val", 0)])


def test_the_guide_has_every_command():
    commands = {shlex.split(line)[1] for language, block in BLOCKS for line in block.splitlines() if line.startswith("tb-confmat ")}
    assert commands == {"list", "show", "metrics", "diff", "export", "convert"}
    assert sum(language == "python" for language, _ in BLOCKS) >= 2
