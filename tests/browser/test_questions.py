"""The questions that people bring to a confusion matrix, each answered within two interactions from the tab as it opens."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect
from sklearn.metrics import f1_score

from tb_confmat_plugin import ConfusionMatrix, SummaryWriter

SIZES = {"ten": 10, "thousand": 1000}
STEPS = (0, 10, 20, 30)
SAMPLES_A_CLASS = 60
# What the made-up models do, by class: these are planted, and everything else follows the noise.
BETTER_AT, MUTUAL, GROUP, NEVER_PREDICTED, NEVER_SEEN = 2, (3, 4), (5, 6, 7), 8, 9


def name(index: int) -> str:
    return f"class {index}"


def predictions(num_classes: int, run: str, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of a model that gets better over the steps, with the planted habits."""
    rng = np.random.default_rng([num_classes, step, run == "b"])
    target = np.repeat([index for index in range(num_classes) if index != NEVER_SEEN], SAMPLES_A_CLASS)
    preds = target.copy()
    wrong = rng.random(len(target)) < 0.2 - step / 300
    preds[wrong] = rng.integers(0, 2, wrong.sum())
    preds[preds == NEVER_SEEN] = 0

    def confuse(true: int, predicted: int, times: int) -> None:
        preds[np.flatnonzero(target == true)[:times]] = predicted

    for index in (BETTER_AT, *MUTUAL, *GROUP, NEVER_PREDICTED):
        preds[target == index] = index
    confuse(1, 0, 45 if step == 30 else 5)  # the most frequent mistake, which grew
    confuse(0, 1, 0 if step == 30 else 40)
    if step == 30:
        preds[target == 0] = 0  # which vanished
    confuse(BETTER_AT, 0, 6 if run == "b" else {0: 40, 10: 30, 20: 20, 30: 36}[step])
    confuse(*MUTUAL, 20)
    confuse(*MUTUAL[::-1], 18)
    for true in GROUP:
        for place, predicted in enumerate(GROUP):
            if predicted != true:
                preds[np.flatnonzero(target == true)[15 * place : 15 * place + 15]] = predicted
    preds[target == NEVER_PREDICTED] = 0
    preds[preds == NEVER_PREDICTED] = 0
    return preds, target


def matrix_of(num_classes: int, run: str, step: int) -> ConfusionMatrix:
    preds, target = predictions(num_classes, run, step)
    names = [name(index) for index in range(num_classes)]
    return ConfusionMatrix.from_predictions(preds, target, num_classes=num_classes, class_names=names)


@pytest.fixture(scope="module", params=SIZES)
def size(request: pytest.FixtureRequest) -> int:
    return SIZES[request.param]


@pytest.fixture(scope="module")
def board(serve: Any, size: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    logdir: Path = tmp_path_factory.mktemp("log")
    for run in "ab":
        with SummaryWriter(logdir / run) as writer:
            for step in STEPS:
                writer.add_confusion_matrix("val", matrix_of(size, run, step), step)
    with serve(logdir) as running:
        yield running


class Visitor:
    """Someone who has just opened the tab, and may interact twice."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab
        self.frame = tab.frame
        self.panel = tab.frame.get_by_role("complementary", name="Details")
        self.interactions = 0
        tab.at_step(STEPS[-1])

    def does(self, act: Any) -> None:
        """Does one thing: a click, a choice, a text typed and entered."""
        self.interactions += 1
        assert self.interactions <= 2
        act()
        self.tab.settle()

    def opens(self, panel_tab: str) -> None:
        self.does(self.frame.get_by_role("tab", name=panel_tab).click)

    def chooses(self, label: str, option: str) -> None:
        self.does(lambda: self.frame.get_by_label(label, exact=True).select_option(label=option))

    def row(self, true: int, predicted: int) -> Any:
        """The row of a confusion in a ranked list."""
        return self.panel.locator(f'li:has([title="true {name(true)}, predicted {name(predicted)}"])')

    def finds(self, text: str) -> None:
        def type_it() -> None:
            self.frame.get_by_label("Find a class").fill(text)
            self.tab.page.keyboard.press("Enter")

        self.does(type_it)


@pytest.fixture
def visitor(board: Any, reopen_tab: Any) -> Visitor:
    return Visitor(reopen_tab(board.url))


def count_of(size: int, true: int, predicted: int, run: str = "a", step: int = STEPS[-1]) -> int:
    matrix = matrix_of(size, run, step)
    return int(matrix.values[(matrix.rows == true) & (matrix.cols == predicted)].sum())


def test_what_is_the_most_frequent_mistake_now(visitor: Visitor, size: int) -> None:
    worst = matrix_of(size, "a", 30).top_confusions(1)[0]
    expect(visitor.panel).to_contain_text(
        f"Most frequent confusion: true {worst.true}, predicted {worst.predicted}: {worst.count:,}", use_inner_text=True
    )


def test_which_mistakes_appeared_grew_or_vanished_since_a_step(visitor: Visitor, size: int) -> None:
    visitor.does(visitor.frame.get_by_role("radio", name="Difference").check)
    visitor.chooses("Baseline step", "10")
    expect(visitor.panel).to_contain_text("Since step 10")
    vanished = visitor.row(0, 1)
    before = count_of(size, 0, 1, step=10)
    expect(vanished).to_contain_text(f"{before} → 0")
    expect(vanished).to_contain_text("vanished")
    grew = visitor.row(1, 0)
    expect(grew).to_contain_text(f"{count_of(size, 1, 0, step=10)} → {count_of(size, 1, 0)}")
    expect(grew).to_contain_text("grew")


def test_when_was_a_class_at_its_best(visitor: Visitor, size: int) -> None:
    visitor.finds(name(BETTER_AT))
    best = max(STEPS, key=lambda step: matrix_of(size, "a", step).per_class()["recall"][BETTER_AT])
    assert best == 20
    table = visitor.panel.get_by_role("table", name="The class at its best")
    expect(table.get_by_role("cell").first).to_contain_text(f"step {best}")


def test_which_run_is_better_on_a_class_and_is_that_more_than_noise(visitor: Visitor, size: int) -> None:
    visitor.does(visitor.frame.get_by_role("button", name="All", exact=True).click)
    visitor.finds(name(BETTER_AT))
    recalls = [matrix_of(size, run, 30).per_class()["recall"][BETTER_AT] for run in "ab"]
    row = visitor.panel.get_by_role("table", name="The other runs").get_by_role("row", name="b")
    expect(row.get_by_role("cell").first).to_contain_text(f"+{100 * (recalls[1] - recalls[0]):.1f} pointsmore than noise")


def test_is_a_confusion_mutual(visitor: Visitor, size: int) -> None:
    visitor.opens("Confusions")
    there, back = count_of(size, *MUTUAL), count_of(size, *MUTUAL[::-1])
    row = visitor.row(*MUTUAL)
    expect(row).to_contain_text(str(there))
    expect(row).to_contain_text(f"mutual: {back} the other way")


def test_which_classes_are_confused_among_themselves_as_a_group(visitor: Visitor) -> None:
    visitor.opens("Confusions")
    visitor.does(visitor.panel.get_by_role("button", name=re.compile("Find groups")).click)
    groups = visitor.panel.locator(".groups li")
    expect(groups.first).to_be_visible()
    told = [set(re.findall(r"class (\d+)", text)) for text in groups.all_inner_texts()]
    assert {str(index) for index in GROUP} in told


def test_which_classes_are_never_predicted_or_never_seen(visitor: Visitor) -> None:
    expect(visitor.panel).to_contain_text("1 class that has samples is never predicted")
    expect(visitor.panel).to_contain_text("1 class is never seen")
    visitor.does(visitor.panel.get_by_role("button", name=re.compile("never predicted")).click)
    rows = visitor.panel.locator("tbody th")
    expect(rows).to_have_text([f"{name(NEVER_PREDICTED)}never predicted"])
    visitor.does(visitor.panel.get_by_role("button", name=re.compile("Never seen")).click)
    expect(rows).to_have_text([f"{name(NEVER_SEEN)}never seen"])


def test_where_is_a_class_among_all(visitor: Visitor, size: int) -> None:
    wanted = size - 3
    visitor.finds(name(wanted))
    count = count_of(size, wanted, wanted)
    visitor.tab.told(re.compile(f"true class {wanted}, predicted class {wanted}: {count} "))
    assert visitor.tab.color_at(*center_of_cursor(visitor)) != (255, 255, 255), "its cell is in view, and filled"


def center_of_cursor(visitor: Visitor) -> tuple[float, float]:
    """Where the frame around the chosen cell is drawn, by its dark pixels, darker than the names at the axes."""
    script = """(canvas) => {
        const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const found = [];
        for (let i = 0; i < width * height; i++) {
            if (data[4 * i + 3] > 200 && data[4 * i] < 25) found.push([i % width, Math.floor(i / width)]);
        }
        const ratio = width / canvas.clientWidth;
        const middle = (axis) => (Math.min(...found.map((p) => p[axis])) + Math.max(...found.map((p) => p[axis]))) / 2 / ratio;
        return found.length ? [middle(0), middle(1)] : null;
    }"""
    x, y = visitor.frame.locator("canvas.cursor").first.evaluate(script)
    return x, y + 6  # beside the number


def test_macro_f1_of_each_run_with_its_interval(visitor: Visitor, size: int) -> None:
    visitor.does(visitor.frame.get_by_role("button", name="All", exact=True).click)
    table = visitor.panel.get_by_role("table", name="The metric by run")
    for run in "ab":
        matrix = matrix_of(size, run, 30)
        value = matrix.metrics()["f1_macro"]
        preds, target = predictions(size, run, 30)
        present = np.union1d(preds, target)
        assert value == pytest.approx(f1_score(target, preds, average="macro", labels=present))
        low, high = matrix.metric_intervals()["f1_macro"]
        expect(table.get_by_role("row", name=re.compile(f"^{run} "))).to_contain_text(f"{value:.3f}{low:.3f}\u2013{high:.3f}")


def test_exactly_this_view_for_a_colleague(visitor: Visitor, open_tab: Any) -> None:
    visitor.chooses("Normalize", "% of true")
    visitor.tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.does(visitor.frame.get_by_role("button", name="Copy link").click)
    expect(visitor.frame.get_by_role("button", name="Copy link")).to_have_attribute("title", "Copied")
    link = visitor.tab.page.evaluate("() => navigator.clipboard.readText()")
    colleague = open_tab(link)
    expect(colleague.frame.get_by_label("Normalize")).to_have_value("true")
