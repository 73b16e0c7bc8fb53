import re

import numpy as np
import pytest
import tensorboardX
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.util.tensor_util import make_tensor_proto
from torch.utils.tensorboard import SummaryWriter

from tb_confmat_plugin import ConfusionMatrix, add_confusion_matrix, read_confusion_matrices
from tb_confmat_plugin.convert import convert_scalars, logged_matrix, write_log
from tb_confmat_plugin.event_file import write_event_file

NAMES = ["cat", "dog", "a_b"]


def counts(step):
    return np.array([[11, step, 5], [0, 13, 0], [1, 0, 300]])


def log(logdir, matrices, name="val_conf_{}_{}".format, writer=None, **options):
    """One scalar a cell, as people do it; each cell a hundredth of a second after the one before."""
    with SummaryWriter(logdir, **options) as writer:
        for step, matrix in matrices.items():
            for at, (i, j) in enumerate(np.ndindex(matrix.shape)):
                writer.add_scalar(name(i, j), matrix[i, j], step, walltime=1000 * (step + 1) + at / 100)
            writer.add_scalar("loss", 1 / (step + 2), step)


def dense(converted):
    return {(logged.run, logged.tag, logged.step): logged.matrix.to_dense().tolist() for logged in converted.matrices}


def test_thirty_classes_and_a_hundred_steps(tmp_path):
    random = np.random.default_rng(5)
    matrices = {step: random.poisson(3, (30, 30)) * random.integers(1, 1000, (30, 30)) for step in range(100)}
    log(tmp_path / "a", matrices)
    converted = convert_scalars(tmp_path)
    write_log(tmp_path, converted.matrices)
    found = read_confusion_matrices(tmp_path, errors="raise")
    assert [(logged.run, logged.tag, logged.step, logged.wall_time) for logged in found] == [
        ("a", "val", step, 1000 * (step + 1) + 8.99) for step in range(100)
    ]
    for logged in found:
        assert logged.matrix == ConfusionMatrix.from_dense(matrices[logged.step])
        assert not np.array_equal(matrices[logged.step], matrices[logged.step].T)
    assert converted.understood == ("run 'a', tag 'val': 100 steps (0 to 99) of 30 classes, with 'val_conf_0_1' as true 0, predicted 1",)


@pytest.mark.parametrize("writer_class", [SummaryWriter, tensorboardX.SummaryWriter])
def test_curves_of_add_scalars(writer_class, tmp_path):
    """Each is in a directory of its own."""
    with writer_class(str(tmp_path / "a")) as writer:
        for step in (2, 4):
            writer.add_scalars("val/set_conf", {f"{i}_{j}": count for (i, j), count in np.ndenumerate(counts(step))}, step)
            writer.add_scalars("test", {"TP": 7 + step, "FP": 1, "FN": 2, "TN": 5}, step)
    assert len([*tmp_path.glob("a/**/*tfevents*")]) >= 13
    converted = convert_scalars(tmp_path)
    assert dense(converted) == {("a", "test", step): [[5, 1], [2, 7 + step]] for step in (2, 4)} | {
        ("a", "val/set", step): counts(step).tolist() for step in (2, 4)
    }
    assert "with 'val/set_conf_0_1' as true 0, predicted 1" in converted.understood[1]
    with pytest.raises(ValueError, match=r"are called like x\{i\}_\{j\}; there are 13, such as 'test_FN', 'test_FP'"):
        convert_scalars(tmp_path, "x{i}_{j}")


def test_a_run_that_is_called_like_a_curve(tmp_path):
    """Its scalars are its own if they fit as they are."""
    log(tmp_path / "val_conf_0_1_m_a", {4: counts(7)}, "val_conf_{}_{}".format)
    assert [(logged.run, logged.tag) for logged in convert_scalars(tmp_path).matrices] == [("val_conf_0_1_m_a", "val")]


def test_tensorboard_shows_what_was_converted(tmp_path, serve, load_fast):
    log(tmp_path / "a", {0: counts(0), 5: counts(5)})
    write_log(tmp_path, convert_scalars(tmp_path, class_names=NAMES).matrices)
    with serve(tmp_path, load_fast) as board:
        board.wait(lambda board: board.steps("val") == {"a": [0, 5]})
        assert "loss" in board.json("/data/plugin/scalars/tags")["a"]


@pytest.mark.parametrize("options", [{}, {"transposed": True}])
def test_which_axis_is_true(tmp_path, options):
    log(tmp_path, {4: counts(7)}, "m/{}/{}".format)
    converted = convert_scalars(tmp_path, "m/{i}/{j}", **options)
    assert dense(converted) == {(".", "m", 4): (counts(7).T if options else counts(7)).tolist()}
    assert converted.understood[0].endswith("with 'm/0/1' as true 1, predicted 0" if options else "with 'm/0/1' as true 0, predicted 1")
    assert dense(convert_scalars(tmp_path, "m/{j}/{i}", **options)) == {(".", "m", 4): (counts(7) if options else counts(7).T).tolist()}


def test_tags_and_runs(tmp_path):
    log(tmp_path / "a", {1: counts(1)}, "val/cm/{}-{}".format)
    log(tmp_path / "b" / "c", {2: counts(2)}, "train/cm/{}-{}".format)
    found = {("a", "val", 1): counts(1).tolist(), ("b/c", "train", 2): counts(2).tolist()}
    assert dense(convert_scalars(tmp_path, "{tag}/cm/{i}-{j}")) == found
    assert list(dense(convert_scalars(tmp_path, "val/cm/{i}-{j}", tag="x"))) == [("a", "x", 1)]
    assert list(dense(convert_scalars(tmp_path, "val/cm/{i}-{j}"))) == [("a", "val/cm", 1)]
    with pytest.raises(ValueError, match=r"^cannot give the one tag 'x' to several: 'train', 'val'; leave it out, or narrow the pattern$"):
        convert_scalars(tmp_path, "{tag}/cm/{i}-{j}", tag="x")


def test_a_pattern_that_names_nothing(tmp_path):
    log(tmp_path, {1: counts(1)}, "{}_{}".format)
    assert list(dense(convert_scalars(tmp_path, "{i}_{j}"))) == [(".", "confusion_matrix", 1)]
    log(tmp_path / "b", {1: counts(1)}, "Val.CM[p={1}|t={0}]".format)
    assert list(dense(convert_scalars(tmp_path / "b", "Val.CM[p={j}|t={i}]"))) == [(".", "Val.CM", 1)]


def test_class_names(tmp_path):
    log(tmp_path / "names", {1: counts(1)}, lambda i, j: f"val_conf_{NAMES[i]}_{NAMES[j]}")
    log(tmp_path / "numbers", {1: counts(1)})
    converted = convert_scalars(tmp_path, class_names=NAMES)
    assert [logged.matrix for logged in converted.matrices] == [ConfusionMatrix.from_dense(counts(1), NAMES)] * 2
    assert converted.understood[0].endswith("with 'val_conf_cat_dog' as true cat, predicted dog")
    assert [logged.matrix for logged in convert_scalars(tmp_path / "numbers", class_names=[*NAMES, "owl"], missing="zero").matrices] == [
        ConfusionMatrix.from_dense(np.pad(counts(1), (0, 1)), [*NAMES, "owl"])
    ]
    beyond = "class 2 is beyond the 2 class names, which begin at 0; pass --class-names with all, or --first-class"
    with pytest.raises(ValueError, match=f"^run 'numbers', tag 'val': {beyond}$"):
        convert_scalars(tmp_path, "{tag}_conf_{i}_{j}", class_names=["cat", "dog"], missing="zero")


def test_names_and_numbers_together(tmp_path):
    log(tmp_path, {1: counts(1)}, lambda i, j: f"val_conf_{NAMES[i]}_{j}")
    with pytest.raises(ValueError, match=r"some scalars have class names, such as 'a_b', and some have numbers; expected one of both$"):
        convert_scalars(tmp_path, class_names=NAMES)


@pytest.mark.parametrize("name", ["val/{}", "val_{}", "VAL/{}"])
@pytest.mark.parametrize("upper", [False, True])
def test_outcomes_of_two_classes(tmp_path, name, upper):
    with SummaryWriter(tmp_path) as writer:
        for outcome, count in {"tp": 40, "tn": 50, "fp": 3, "fn": 7}.items():
            writer.add_scalar(name.format(outcome.upper() if upper else outcome), count, 2)
    converted = convert_scalars(tmp_path, class_names=["well", "ill"])
    (logged,) = converted.matrices
    assert logged.tag == name[:3]
    assert logged.matrix == ConfusionMatrix.from_dense([[50, 3], [7, 40]], ["well", "ill"])
    assert "as true well, predicted ill" in converted.understood[0]
    assert dense(convert_scalars(tmp_path, first_class=1)) == {(".", name[:3], 2): [[50, 3], [7, 40]]}
    with pytest.raises(ValueError, match=r"outcomes say themselves which class is the true one; leave out --transposed$"):
        convert_scalars(tmp_path, transposed=True)
    with pytest.raises(ValueError, match=r"tag '(val|VAL)': outcomes are of two classes, got 3 class names$"):
        convert_scalars(tmp_path, class_names=["well", "ill", "dead"])


def test_outcomes_that_are_not_all_there(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for name, count in {"a/tp": 40, "b/tp": 4, "b/fn": 3, "b/fp": 2, "b/tn": 1}.items():
            writer.add_scalar(name, count, 2)
    message = r"^run '\.', tag 'a', step 2: of tp, fp, fn and tn there is only 'a/tp'; pass --missing zero if .*, or --scalars with"
    with pytest.raises(ValueError, match=message):
        convert_scalars(tmp_path)
    assert dense(convert_scalars(tmp_path, "b/{outcome}")) == {(".", "b", 2): [[1, 2], [3, 4]]}
    assert dense(convert_scalars(tmp_path, missing="skip")) == {(".", "b", 2): [[1, 2], [3, 4]]}
    assert dense(convert_scalars(tmp_path, missing="zero"))[".", "a", 2] == [[0, 0], [0, 40]]


@pytest.mark.parametrize("names", [str.lower, str.title, lambda name: name.removesuffix("s")])
def test_outcomes_in_words(tmp_path, names):
    with SummaryWriter(tmp_path) as writer:
        for outcome, count in {"true_positives": 40, "true_negatives": 50, "false_positives": 3, "false_negatives": 7}.items():
            writer.add_scalar(f"val/{names(outcome)}", count, 2)
    assert dense(convert_scalars(tmp_path)) == {(".", "val", 2): [[50, 3], [7, 40]]}


def test_class_names_that_were_not_given(tmp_path):
    log(tmp_path, {1: counts(1)}, lambda i, j: f"cm/{NAMES[i]}->{NAMES[j]}")
    message = (
        "^'cm/a_b->a_b' is like cm/{i}->{j} only if 'a_b' and 'a_b' are names of classes; pass --class-names with all of them in order$"
    )
    for names in (None, ["bird", "emu"]):
        with pytest.raises(ValueError, match=message):
            convert_scalars(tmp_path, "cm/{i}->{j}", class_names=names)
    assert dense(convert_scalars(tmp_path, "cm/{i}->{j}", class_names=NAMES)) == {(".", "cm", 1): counts(1).tolist()}


def test_two_names_for_one_cell(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for name in ("val/tp", "val/tn", "val/fp", "val/fn", "val_tn"):
            writer.add_scalar(name, len(name), 2)
    message = r"^'val/tn' and 'val_tn' mean one cell of tag 'val'; pass --scalars with one pattern$"
    with pytest.raises(ValueError, match=message):
        convert_scalars(tmp_path)
    assert len(convert_scalars(tmp_path, "{tag}/{outcome}").matrices) == 1


def test_cells_and_outcomes_of_one_tag(tmp_path):
    log(tmp_path, {2: np.array([[1, 2], [0, 4]])})
    with SummaryWriter(tmp_path, filename_suffix="later") as writer:
        writer.add_scalar("val/tp", 4, 2)
    with pytest.raises(ValueError, match=r"tag 'val': there are both cells and outcomes; pass --scalars with the pattern of one of them$"):
        convert_scalars(tmp_path)
    assert dense(convert_scalars(tmp_path, "{tag}_conf_{i}_{j}")) == {(".", "val", 2): [[1, 2], [0, 4]]}


def test_a_step_that_lacks_cells(tmp_path):
    log(tmp_path, {1: counts(1), 2: counts(2)})
    with SummaryWriter(tmp_path, filename_suffix="later") as writer:
        writer.add_scalar("val_conf_0_2", 8, 3)
        writer.add_scalar("val_conf_2_1", 9, 3)
    message = (
        r"^run '\.', tag 'val', step 3: 2 of 9 cells were logged, \(0, 0\) for example was not; pass --missing zero if only counts above 0 "
        r"were logged, or --missing skip to leave such steps out$"
    )
    with pytest.raises(ValueError, match=message):
        convert_scalars(tmp_path)
    zero = dense(convert_scalars(tmp_path, missing="zero"))
    assert zero[".", "val", 3] == [[0, 0, 8], [0, 0, 0], [0, 9, 0]]
    skipped = convert_scalars(tmp_path, missing="skip")
    assert dense(skipped) == {key: zero[key] for key in [(".", "val", 1), (".", "val", 2)]}
    assert skipped.understood[0].endswith("; left out for lack of cells, or for a mix of several times: 1 step, such as 3")
    with pytest.raises(ValueError, match=r"^expected missing as one of 'refuse', 'zero', 'skip', got 'guess'$"):
        convert_scalars(tmp_path, missing="guess")


def test_steps_that_all_lack_cells(tmp_path):
    with SummaryWriter(tmp_path / "b") as writer:
        for step in (3, 5):
            writer.add_scalar("val_conf_0_2", 8, step)
    told = "run 'b', tag 'val': each step (3 to 5) lacks some of the 9 cells, or mixes those of several times"
    message = f"{told}; so that nothing is left: pass --missing zero if only counts above 0 were logged, or --scalars with the pattern of"
    with pytest.raises(ValueError, match=f"^{re.escape(message)} others$"):
        convert_scalars(tmp_path, missing="skip")
    with SummaryWriter(tmp_path / "a") as writer:
        for (i, j), count in np.ndenumerate(counts(1)):
            writer.add_scalar(f"val_conf_{i}_{j}", count, 4)
    converted = convert_scalars(tmp_path, missing="skip")
    assert dense(converted) == {("a", "val", 4): counts(1).tolist()}
    assert converted.understood[1] == told


@pytest.mark.parametrize(
    ("name", "pattern", "tag"),
    [
        ("a/val_conf_{}_{}", "a/val_conf_{i}_{j}", "a/val"),
        ("cm/val {}, {}", "cm/val {i}, {j}", "cm/val"),
        ("{}_{}", "{i}_{j}", "confusion_matrix"),
    ],
)
def test_the_tag_of_a_pattern_without_one(tmp_path, name, pattern, tag):
    """Where the name is a usual one, it is the tag that it has without a pattern."""
    log(tmp_path, {1: counts(1)}, name.format)
    expected = {(".", tag, 1): counts(1).tolist()}
    assert dense(convert_scalars(tmp_path, pattern)) == expected
    if "conf" in name:
        assert dense(convert_scalars(tmp_path)) == expected
    (logged,) = convert_scalars(tmp_path, pattern, tag="other").matrices
    assert logged.tag == "other"
    with pytest.raises(ValueError, match=r"^expected a tag as a text that is not empty, got ''; pass --tag with a name, such as val$"):
        convert_scalars(tmp_path, pattern, tag="")


MIXED = (
    r"^run '\.', tag 'val', step 1: it was logged more than once, and not with the same cells each time, .*; pass --missing skip to leave"
)


@pytest.mark.parametrize("missing", ["refuse", "zero"])
@pytest.mark.parametrize("suffix", ["", ".later"])
def test_a_cell_that_was_logged_twice(tmp_path, suffix, missing):
    log(tmp_path, {1: counts(1), 2: counts(2)})
    with SummaryWriter(tmp_path, filename_suffix=".later") as writer:
        writer.add_scalar("val_conf_0_1", 77, 1, walltime=5000)
        if not suffix:
            writer.add_scalar("val_conf_0_1", 78, 1, walltime=6000)
    with pytest.raises(ValueError, match=MIXED):
        convert_scalars(tmp_path, missing=missing)
    skipped = convert_scalars(tmp_path, missing="skip")
    assert dense(skipped) == {(".", "val", 2): counts(2).tolist()}
    assert skipped.understood[0].endswith("; left out for lack of cells, or for a mix of several times: 1 step, such as 1")


def test_counts_above_zero_of_a_step_that_was_logged_anew(tmp_path):
    """Of two attempts, each without its zeros, the cells make no matrix, though none was logged twice."""
    for attempt, cells in enumerate([{"0_0": 5, "0_1": 3}, {"1_0": 2, "1_1": 6}]):
        with SummaryWriter(tmp_path, filename_suffix=f".{attempt}") as writer:
            for cell, count in cells.items():
                writer.add_scalar(f"val_conf_{cell}", count, 1)
    with pytest.raises(ValueError, match=MIXED):
        convert_scalars(tmp_path, missing="zero")


def test_a_step_that_was_logged_again_whole(tmp_path):
    log(tmp_path, {0: counts(5), 1: counts(1)}, filename_suffix=".first")
    with SummaryWriter(tmp_path, filename_suffix=".interrupted") as writer:
        writer.add_scalar("val_conf_0_0", 99, 1)
    log(tmp_path, {1: counts(2)}, filename_suffix=".second")
    converted = convert_scalars(tmp_path)
    assert dense(converted) == {(".", "val", 0): counts(5).tolist(), (".", "val", 1): counts(2).tolist()}
    assert converted.understood[0].endswith("; logged more than once: 1 step, such as 1, of which the last time is taken")


def test_epochs_without_a_step(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for epoch in range(5):
            for i, j in np.ndindex(3, 3):
                writer.add_scalar(f"val_conf_{i}_{j}", counts(epoch)[i, j])
    converted = convert_scalars(tmp_path)
    assert dense(converted) == {(".", "val", 0): counts(4).tolist()}
    assert "1 step (0)" in converted.understood[0]
    assert converted.understood[0].endswith("; logged more than once: 1 step, such as 0, of which the last time is taken")


def test_a_training_that_began_anew_from_a_step_on(tmp_path):
    def curves(writer, step, matrix):
        writer.add_scalars("val_conf", {f"{i}_{j}": matrix[i, j] for i, j in np.ndindex(3, 3)}, step)

    log(tmp_path / "a", {step: counts(step) for step in range(6)}, filename_suffix=".first")
    log(tmp_path / "b", {step: counts(step) for step in range(6)})
    with SummaryWriter(tmp_path / "c", filename_suffix=".first") as writer:
        for step in range(4):
            curves(writer, step, counts(step))
    log(tmp_path / "a", {3: counts(30)}, filename_suffix=".second", purge_step=3)
    log(tmp_path / "d", {3: counts(3)}, filename_suffix=".first")
    with SummaryWriter(tmp_path / "d", filename_suffix=".second", purge_step=0) as writer:
        writer.add_scalar("loss", 1, 0)
    converted = convert_scalars(tmp_path)
    assert {(run, step): matrix for (run, _, step), matrix in dense(converted).items()} == {
        **{("a", step): counts(step).tolist() for step in range(3)},
        ("a", 3): counts(30).tolist(),
        **{("b", step): counts(step).tolist() for step in range(6)},
        **{("c", step): counts(step).tolist() for step in range(4)},
    }
    assert not any("more than once" in sentence for sentence in converted.understood)


@pytest.mark.parametrize(
    ("pattern", "names", "scalar", "ways"),
    [
        ("c{i}{j}", None, "c111", "i '1', j '11' or i '11', j '1'"),
        ("cm/{i}_{j}", ["a", "a_b", "b_c", "c"], "cm/a_b_c", "i 'a', j 'b_c' or i 'a_b', j 'c'"),
        ("{tag}-{i}{j}", None, "x-1-01", None),
        ("{tag}_{i}_{j}", ["a", "a_b", "b"], "x_a_b_b", "tag 'x', i 'a_b', j 'b' or tag 'x_a', i 'b', j 'b'"),
    ],
)
def test_a_name_that_means_two_cells(tmp_path, pattern, names, scalar, ways):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar(scalar, 3, 1)
    if ways is None:
        assert dense(convert_scalars(tmp_path, pattern, class_names=names, missing="zero")) == {(".", "x-1", 1): [[0, 3], [0, 0]]}
        return
    message = f"^{re.escape(f'{scalar!r} is like {pattern} in more than one way: {ways}; pass --scalars or --class-names that leave one')}$"
    for missing in ("refuse", "zero"):
        with pytest.raises(ValueError, match=message):
            convert_scalars(tmp_path, pattern, class_names=names, missing=missing)


def test_classes_that_begin_at_one(tmp_path):
    log(tmp_path, {1: counts(1)}, lambda i, j: f"val_conf_{i + 1}_{j + 1}")
    with pytest.raises(ValueError, match=r"the first class is 1; pass --first-class 1 if there is none before it, or --class-names"):
        convert_scalars(tmp_path)
    assert dense(convert_scalars(tmp_path, first_class=1)) == {(".", "val", 1): counts(1).tolist()}
    with pytest.raises(ValueError, match=r"there is a class 1, but the first one is 2; pass --first-class$"):
        convert_scalars(tmp_path, first_class=2)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            0.25,
            "'val_conf_0_1' is 0.25, expected a count; shares cannot be turned into counts, and for sums of .* pass --weights$",
        ),
        (float("nan"), "'val_conf_0_1' is nan, expected a count"),
        (float("inf"), "'val_conf_0_1' is inf, expected a count"),
        (-3, r"expected counts of at least 0, got -3.0 at \(true 0, predicted 1\)"),
    ],
)
def test_what_is_no_count(tmp_path, value, message):
    matrix = counts(1).astype(float)
    matrix[0, 1] = value
    log(tmp_path, {6: matrix})
    with pytest.raises(ValueError, match=rf"^run '\.', tag 'val', step 6: {message}"):
        convert_scalars(tmp_path)
    if value == 0.25:
        assert dense(convert_scalars(tmp_path, weights=True)) == {(".", "val", 6): matrix.tolist()}
    else:
        with pytest.raises(ValueError, match="expected"):
            convert_scalars(tmp_path, weights=True)


def test_counts_that_32_bits_have_rounded(tmp_path):
    log(tmp_path, {1: np.array([[2**24 - 1, 1], [2, 3]]), 2: np.array([[2**24 + 1, 1], [2, 3]])})
    converted = convert_scalars(tmp_path)
    assert dense(converted)[".", "val", 2][0][0] == 2**24
    assert converted.understood[0].endswith(
        "; counts above 16,777,216 had been rounded when they were logged, as scalars are 32-bit floats"
    )


def test_scalars_in_the_newer_form(tmp_path):
    log(tmp_path, {1: counts(1)})
    (path,) = tmp_path.iterdir()
    events = list(EventFileLoader(str(path)).Load())  # which turns all into tensors
    assert any(value.HasField("tensor") for event in events for value in event.summary.value)
    write_event_file(tmp_path / "new", [event.SerializeToString() for event in events])
    assert dense(convert_scalars(tmp_path / "new")) == {(".", "val", 1): counts(1).tolist()}


def test_what_is_no_scalar_is_left_alone(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("val_conf_0_1", np.arange(3), 1)
        writer.add_text("val_conf_1_0", "7", 1)
        writer.add_image("val_conf_1_1", np.zeros((3, 2, 2)), 1)
    event = Event(step=1)
    event.summary.value.add(tag="val_conf_0_0", tensor=make_tensor_proto(np.arange(2.0)))
    event.summary.value.add(tag="val_conf_0_0", tensor=make_tensor_proto(np.array(True)))
    write_event_file(tmp_path, [event.SerializeToString()])
    with pytest.raises(ValueError, match=r"; it has no scalars at all$"):
        convert_scalars(tmp_path)


def test_no_such_scalars(tmp_path):
    log(tmp_path, {1: counts(1)}, "cm-{}-{}".format)
    message = (
        "are called like {tag}_conf_{i}_{j} or {tag}/{outcome} or {tag}_{outcome}; "
        "there are 10, such as 'cm-0-0', 'cm-0-1', 'cm-0-2', 'cm-1-0', 'cm-1-1'; pass --scalars with their pattern"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        convert_scalars(tmp_path)
    with pytest.raises(ValueError, match="are called like val_"):
        convert_scalars(tmp_path, "val_{i}_{j}")
    log(tmp_path / "zeros", {1: counts(1)}, "val_conf_0{}_{}".format)
    with pytest.raises(ValueError, match="only if '00' and '0' are names of classes"):
        convert_scalars(tmp_path / "zeros")


@pytest.mark.parametrize("pattern", ["val", "val_{i}", "{tag}_{j}", "{i}_{j}_{outcome}", "{i}_{i}_{j}", "{tag}{tag}_{i}_{j}"])
def test_a_pattern_that_cannot_be(tmp_path, pattern):
    with pytest.raises(ValueError, match=r"^expected a pattern with \{i\} and \{j\}, or with \{outcome\}, each once, got "):
        convert_scalars(tmp_path, pattern)


def test_a_damaged_log_is_not_converted(tmp_path):
    log(tmp_path, {1: counts(1)})
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"is damaged; a matrix that lacks a cell is not converted$"):
        convert_scalars(tmp_path)


def test_progress(tmp_path):
    log(tmp_path, {1: counts(1)})
    told = []
    convert_scalars(tmp_path, progress=lambda *at: told.append(at))
    (path,) = tmp_path.iterdir()
    shares = [done / total for done, total in told]
    assert (shares == sorted(shares), shares[-1]) == (True, 1)
    size = path.stat().st_size
    assert (size, 2 * size) in told, "to read is half of it"
    assert told[-2:] == [(1, 2), (2, 2)], "and to make the matrix of the one step the other"


def test_written_beside_what_is_there_and_not_twice(tmp_path):
    with SummaryWriter(tmp_path / "a") as writer:
        add_confusion_matrix(writer, "train", [[1, 2], [0, 3]], 1)
    log(tmp_path / "a", {1: counts(1)}, filename_suffix="scalars")
    before = {path: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    converted = convert_scalars(tmp_path, class_names=NAMES)
    (path,) = write_log(tmp_path, converted.matrices)
    assert path.parent == tmp_path / "a"
    assert {path: path.read_bytes() for path in before} == before
    assert [logged.tag for logged in read_confusion_matrices(tmp_path)] == ["train", "val"]
    message = f"^run 'a' in {tmp_path} has confusion matrices of tag 'val' already; pass another tag or output$"
    with pytest.raises(ValueError, match=message):
        write_log(tmp_path, converted.matrices)
    assert len(list((tmp_path / "a").iterdir())) == 3


def test_written_elsewhere(tmp_path):
    matrices = [
        logged_matrix(run, tag, step, step + 0.5, ConfusionMatrix.from_dense(counts(step), names))
        for run, tag, step, names in [("b", "y", 4, NAMES), ("b", "x", 2, None), ("a/c", "x", 1, NAMES), ("b", "x", 1, ["p", "q", "r"])]
    ]
    paths = write_log(tmp_path / "new", matrices)
    assert [path.parent for path in paths] == [tmp_path / "new" / "b", tmp_path / "new" / "a" / "c"]
    found = read_confusion_matrices(tmp_path / "new", errors="raise")
    expected = sorted(matrices, key=lambda logged: (logged.run, logged.tag, logged.step))
    assert [(each.run, each.tag, each.step, each.wall_time, each.matrix) for each in found] == [
        (each.run, each.tag, each.step, each.wall_time, each.matrix) for each in expected
    ]
    assert write_log(tmp_path / "nothing", []) == []
