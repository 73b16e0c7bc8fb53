"""What the tab must withstand: logs that grow, restart, change, carry hostile names or are damaged, and pages in odd places."""

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from tensorboard.compat.proto.summary_pb2 import Summary

from tb_confmat_plugin import SummaryWriter
from tb_confmat_plugin.matrix import to_confusion_matrix
from tb_confmat_plugin.names import MATRIX_CONTENT
from tb_confmat_plugin.record import MAGIC, encode_matrix
from tb_confmat_plugin.summary import matrix_summary

NAMES = ["cat", "dog"]
ASYMMETRIC = [[5, 2], [1, 9]]
TOLD = "true cat, predicted dog: 2 (28.6% of true cat)"


def log(logdir: Path, *steps: int, counts: Any = ASYMMETRIC, names: Any = NAMES, run: str = "run") -> None:
    # TensorBoard reads files in the order of their names: those of one second end in a number, and "10" comes before "9".
    while list((logdir / run).glob(f"*tfevents.{int(time.time())}.*")):
        time.sleep(0.02)
    with SummaryWriter(logdir / run) as writer:
        for step in steps:
            writer.add_confusion_matrix("val", counts, step, class_names=names)


def reload_data(tab: Any) -> None:
    tab.page.get_by_role("button", name="Last Updated").click()


def test_new_steps_appear_on_reload_and_the_view_stays(serve: Any, open_tab: Any, load_fast: str, tmp_path: Path) -> None:
    log(tmp_path, 0, 1, 2)
    with serve(tmp_path, load_fast, "--reload_interval", "1") as board:
        tab = open_tab(board.url)
        tab.choose("Normalize", "% of predicted")
        tab.go_to(0, 1)
        tab.page.keyboard.press("PageDown")
        tab.at_step(1)
        log(tmp_path, 3, counts=[[6, 1], [0, 8]], run="run")
        board.wait(lambda it: it.steps("val") == {"run": [0, 1, 2, 3]})
        reload_data(tab)
        expect(tab.step).to_have_attribute("max", "3")
        tab.at_step(1)
        tab.told("true cat, predicted dog: 2 (18.2% of predicted dog)")
        expect(tab.frame.get_by_label("Normalize")).to_have_value("pred")
        tab.step.focus()
        tab.page.keyboard.press("End")
        tab.told("true cat, predicted dog: 1 (11.1% of predicted dog)")
        log(tmp_path, 4, run="run")
        board.wait(lambda it: it.steps("val") == {"run": [0, 1, 2, 3, 4]})
        reload_data(tab)
        tab.at_step(4)  # who looks at the newest step follows the training
        tab.told("true cat, predicted dog: 2 (18.2% of predicted dog)")


def test_the_newest_record_of_a_step_and_names_that_change(serve: Any, open_tab: Any, load_fast: str, tmp_path: Path) -> None:
    log(tmp_path, 0, 1)
    log(tmp_path, 1, counts=[[5, 3], [1, 9]])
    log(tmp_path, 2, counts=[[1, 2, 3], [4, 5, 6], [7, 8, 9]], names=["fox", "hen", "bat"])
    with serve(tmp_path, load_fast) as board:
        board.wait(lambda it: it.steps("val") == {"run": [0, 1, 2]})
        tab = open_tab(board.url)
        tab.at_step(2)
        tab.go_to(2, 1)
        tab.told("true bat, predicted hen: 8 (33.3% of true bat)")
        tab.page.keyboard.press("PageDown")
        tab.at_step(1)  # its classes are others: a cell of step 2 is not there
        tab.go_to(0, 1)
        tab.told("true cat, predicted dog: 3 (37.5% of true cat)")
        tab.page.keyboard.press("PageDown")
        tab.told(TOLD)


HOSTILE = [
    "<img src=x onerror=\"alert('name')\">",
    "</script><script>alert(1)</script>",
    "x" * 200,
    "\N{CAT FACE} emoji",
    "\u202eright to left override",
    "שלום",
    "café & \"quotes\" 'n' `ticks`",
    "\ud800 lone surrogate",
    "javascript:alert(2)",
    "",
]


def test_hostile_names_are_text(serve: Any, open_tab: Any, tmp_path: Path) -> None:
    counts = [[row * 10 + column for column in range(10)] for row in range(10)]
    with SummaryWriter(tmp_path / "<b>run<svg onload=alert(3)>") as writer:
        writer.add_confusion_matrix("<i>tag</i>", counts, 0, class_names=HOSTILE)
    with serve(tmp_path) as board:
        tab = open_tab(board.url)
        tab.go_to(0, 1)
        expect(tab.status).to_contain_text(f"true {HOSTILE[0]}, predicted {HOSTILE[1]}: 1 ")
        tab.go_to(2, 3)
        expect(tab.status).to_contain_text(f"true {HOSTILE[2]}, predicted {HOSTILE[3]}: 23 ")
        tab.go_to(4, 5)
        expect(tab.status).to_contain_text(f"predicted {HOSTILE[5]}: 45 ")
        tab.go_to(9, 6)
        expect(tab.status).to_contain_text(f"true (no name), predicted {HOSTILE[6]}: 96 ")
        assert tab.frame.locator("img, svg[onload], i:text('tag')").count() == 0
        box = tab.frame.locator("canvas").first.bounding_box()
        assert box["width"] > 400, "long names leave room for the matrix"


def test_a_damaged_or_newer_record_hides_nothing_else(serve: Any, open_tab: Any, load_fast: str, tmp_path: Path) -> None:
    with SummaryWriter(tmp_path / "run") as writer:
        good = encode_matrix(to_confusion_matrix(ASYMMETRIC, NAMES))
        for step, record in enumerate([good, good[:-9] + b"\0" * 9, MAGIC + b"\x09" + good[5:], b"nonsense", good]):
            writer.add_confusion_matrix("other", ASYMMETRIC, step, class_names=NAMES)
            writer._get_file_writer().add_summary(summary_of("val", record), step)
    with serve(tmp_path, load_fast) as board:
        board.wait(lambda it: it.steps("val") == {"run": [0, 1, 2, 3, 4]})
        tab = open_tab(board.url)
        tab.choose("Tag", "val")
        tab.at_step(4)
        tab.go_to(0, 1)
        tab.told(TOLD)
        expect(tab.frame.locator(".curves")).to_have_text("Macro F1")  # all that can be read has been
        problems = tab.frame.locator(".problems")
        expect(problems).to_contain_text("run run, tag val, step 1: damaged record")
        expect(problems).to_contain_text("run run, tag val, step 2: written by a newer version (format 9, this one reads up to 1); upgrade")
        expect(problems).to_contain_text("run run, tag val, step 3: not a confusion matrix record")
        tab.page.keyboard.press("PageDown")
        unshown = "Step 3 of run run cannot be shown: not a confusion matrix record"
        expect(tab.frame.locator("figure")).to_contain_text(unshown)
        tab.step.focus()
        tab.page.keyboard.press("Home")
        tab.go_to(0, 1)
        tab.told(TOLD)
        tab.step.focus()
        tab.page.keyboard.press("End")
        tab.frame.get_by_role("radio", name="Difference").check()
        for problem in tab.frame.locator("main .problem"), tab.frame.locator(".panel .problem"):
            expect(problem).to_contain_text(unshown)


def summary_of(tag: str, record: bytes) -> Summary:
    """What the writer would log, with other bytes."""
    summary = matrix_summary(tag, to_confusion_matrix(ASYMMETRIC))
    summary.value[0].tensor.string_val[0] = record
    assert summary.value[0].metadata.plugin_data.content == MATRIX_CONTENT
    return summary


def test_class_names_that_were_lost_give_way_to_numbers(serve: Any, open_tab: Any, tmp_path: Path) -> None:
    with SummaryWriter(tmp_path / "run") as writer:
        record = encode_matrix(to_confusion_matrix(ASYMMETRIC, NAMES))
        writer._get_file_writer().add_summary(summary_of("val", record), 0)
    with serve(tmp_path) as board:
        tab = open_tab(board.url, expected_error="404")
        expect(tab.frame.locator(".problems")).to_contain_text("classes are shown by number")
        tab.go_to(0, 1)
        tab.told("true 0, predicted 1: 2 (28.6% of true 0)")


def test_nothing_logged_shows_how_to(serve: Any, open_tab: Any, tmp_path: Path) -> None:
    with SummaryWriter(tmp_path / "run") as writer:
        writer.add_scalar("loss", 0.5, 0)
    with serve(tmp_path, ready=None) as board:
        board.wait(lambda it: it.json("/data/runs") == ["run"])
        tab = open_tab(board.url)
        expect(tab.frame.get_by_text('writer.add_confusion_matrix("val", matrix, epoch)', exact=False).first).to_be_visible()
        log(tmp_path, 7)
        board.wait(lambda it: it.steps("val") == {"run": [7]})
        reload_data(tab)
        tab.at_step(7)


@pytest.mark.parametrize(
    ("arguments", "path", "run", "own_errors"),
    [
        (["--logdir", "{log}", "--path_prefix", "/some/prefix"], "", "run", "font-roboto"),
        (["--logdir", "{log}"], "experiment/anything/", "run", "defaultExperimentId|/experiment/anything/index.js"),
        (["--logdir_spec", "named:{log}"], "", "named/run", None),
    ],
    ids=["path_prefix", "experiment", "logdir_spec"],
)
def test_odd_places(serve: Any, open_tab: Any, tmp_path: Path, arguments: list[str], path: str, run: str, own_errors: str | None) -> None:
    """`own_errors` are what TensorBoard's own page does not find there."""
    log(tmp_path, 0)
    with serve(None, *[argument.format(log=tmp_path) for argument in arguments]) as board:
        tab = open_tab(board.url + path, expected_error=own_errors)
        tab.at_step(0)
        tab.go_to(0, 1)
        tab.told(TOLD)
        expect(tab.run(run)).to_be_checked()


def test_a_step_on_its_way_is_not_told_with_the_numbers_of_another(serve: Any, open_tab: Any, tmp_path: Path) -> None:
    log(tmp_path, 0, counts=[[1, 8], [0, 1]])
    log(tmp_path, 1, 2)
    with serve(tmp_path) as board:
        board.wait(lambda it: it.steps("val") == {"run": [0, 1, 2]})
        tab = open_tab(board.url, before=lambda page: page.route("**/records?*first=0*", lambda route: None))  # never answered
        tab.at_step(2)
        tab.go_to(0, 1)
        tab.told(TOLD)
        tab.page.keyboard.press("PageDown")
        tab.page.keyboard.press("PageDown")
        expect(tab.step).to_have_attribute("aria-valuetext", "0")
        expect(tab.matrix).to_have_attribute("aria-busy", "true")
        tab.told("Loading step 0…")
        expect(tab.frame.get_by_label("Runs")).not_to_contain_text("shows step")
