"""Every view, panel and control beyond the plain heatmap, in a real browser against a real TensorBoard."""

import base64
import csv
import io
import json
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tb_confmat_plugin import ConfusionMatrix, SummaryWriter

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
NAMES = ["cat", "dog", "owl", "yak"]
PANELS = ("Summary", "Classes", "Confusions", "Cell")
VIEWS = ("Matrix", "Compare", "Difference", "Timeline")
STEPS = range(0, 60, 10)


def counts_at(step: int, run: str) -> list[list[int]]:
    """Asymmetric; the cat is taken for the dog ever less often, in run b at once."""
    taken = 4 if run == "b" else 60 - step
    return [[200 - taken, taken, 0, 3], [9, 150 + step, 1, 0], [0, 2, 80, 9], [0, 0, 0, 0]]


def large(step: int) -> ConfusionMatrix:
    rng = np.random.default_rng(step)
    target = np.repeat(np.arange(300), 20)
    wrong = rng.random(len(target)) < 0.2
    preds = np.where(wrong, (target + rng.geometric(0.2, len(target))) % 300, target)
    preds[target == 7] = 8
    return ConfusionMatrix.from_predictions(preds, target, num_classes=300, class_names=[f"kind {index}" for index in range(300)])


@pytest.fixture(scope="module")
def board(serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    logdir: Path = tmp_path_factory.mktemp("log")
    for run in "ab":
        with SummaryWriter(logdir / run) as writer:
            for step in STEPS:
                writer.add_confusion_matrix("val", counts_at(step, run), step, class_names=NAMES)
    with SummaryWriter(logdir / "other classes") as writer:
        # The same animals in another order, one of them unknown to the others.
        writer.add_confusion_matrix("val", [[70, 6, 0], [1, 30, 2], [4, 0, 90]], 50, class_names=["dog", "cat", "emu"])
    with SummaryWriter(logdir / "a") as writer:
        for step in range(3):
            writer.add_confusion_matrix("large", large(step), step)
        writer.add_confusion_matrix("checked", [[2, 0], [1, 1]], 0)  # a few samples before the training, as Lightning does
        writer.add_confusion_matrix("checked", [[90, 10], [20, 180]], 1)
    with serve(logdir) as running:
        yield running


@pytest.fixture
def tab(board: Any, reopen_tab: Any) -> Any:
    opened = reopen_tab(board.url)
    opened.choose("Tag", "val")
    opened.at_step(50)
    return opened


def panel(tab: Any) -> Any:
    return tab.frame.get_by_role("complementary", name="Details")


def view(tab: Any, name: str) -> None:
    tab.frame.get_by_role("radio", name=name).check()
    tab.settle()


def read(tab: Any) -> None:
    """Waits until all steps have been read."""
    expect(tab.frame.locator(".curves small")).not_to_contain_text("read")


def test_compare_tells_every_run_exactly_and_follows_its_checkbox(tab: Any) -> None:
    view(tab, "Compare")
    x, y = tab.places()["true cat, predicted dog: 10 (4.9% of true cat)"]
    tab.run("b").check()
    tab.settle()
    expect(tab.frame.get_by_label("Legend")).to_contain_text("b")
    box = tab.frame.locator("canvas").first.bounding_box()
    tab.page.mouse.move(box["x"] + x, box["y"] + y)
    expect(tab.frame.locator(".tooltip tr")).to_have_text([re.compile(r"^a104\.9%"), re.compile(r"^b42\.0%")])
    both = pixels(tab)
    tab.run("b").uncheck()
    tab.settle()
    assert pixels(tab) != both


def test_runs_with_other_classes_are_aligned_by_name(tab: Any) -> None:
    tab.run("other classes").check()
    tab.settle()
    tab.go_to(0, 1)
    tab.frame.get_by_label("Run", exact=True).select_option(label="other classes")
    table = panel(tab).get_by_role("table", name="The cell by run")
    panel(tab).get_by_role("tab", name="Cell").click()
    rows = table.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("a10")
    expect(rows.nth(2)).to_contain_text("other classes1")  # true cat, predicted dog, in its own order
    legend = tab.frame.get_by_label("Legend")
    expect(legend).to_contain_text("never seen")
    view(tab, "Compare")
    expect(legend).to_contain_text("zero, or no samples")  # one run has no emus
    expect(legend).to_contain_text("never seen")  # none has seen a yak


def test_difference_tells_what_is_more_than_noise(tab: Any) -> None:
    view(tab, "Difference")
    tab.frame.get_by_label("Baseline step").select_option(label="first")
    expect(tab.matrix).to_contain_text("a at step 50 against step 0")
    tab.go_to(0, 1)
    panel(tab).get_by_role("tab", name="Cell").click()
    expect(panel(tab)).to_contain_text(
        "a against step 0: \u221250 (60 \u2192 10), more than noise (raw p < 0.001, judged among 9 tested cells)"
    )
    expect(tab.status).to_contain_text("\u221250 (60 \u2192 10), more than noise")
    panel(tab).get_by_role("tab", name="Confusions").click()
    rows = panel(tab).locator("ol.ranked li")
    expect(rows.first).to_contain_text(re.compile("cat.*dog.*\u221250.*60 → 10.*shrank"))
    tab.frame.get_by_label("Baseline run").select_option(label="b")
    expect(tab.matrix).to_contain_text("against b at step 0")
    expect(rows.first).to_contain_text("4 → 10")
    expect(rows.first).to_contain_text("may be noise")
    expect(tab.frame.get_by_label("Legend")).to_contain_text("two-proportion test")


def test_differences_are_judged_and_listed_as_they_are_shown(tab: Any) -> None:
    view(tab, "Difference")
    tab.frame.get_by_label("Baseline step").select_option(label="first")
    heading, rows = tab.frame.locator(".head"), panel(tab).locator("ol.ranked li")
    expect(heading).to_contain_text("2 of 9 cells changed by more than noise, 1 on the diagonal")
    expect(rows.filter(has_not_text="may be noise")).to_have_text([re.compile("cat.*dog.*shrank"), re.compile("cat.*cat.*grew, correct")])
    tab.frame.get_by_label("Display").click()
    tab.frame.get_by_label("Hide the diagonal").check()
    tab.frame.get_by_label("Hide counts under").fill("9")
    tab.page.keyboard.press("Escape")
    expect(heading).to_contain_text("of 3 cells changed by more than noise")
    expect(rows.filter(has_text="correct")).to_have_count(0)
    tab.go_to(0, 0)
    expect(tab.status).to_contain_text("+50 (140 \u2192 190), not shown, and not tested")


def test_what_a_run_does_not_have_is_neither_never_seen_nor_noise(tab: Any) -> None:
    tab.frame.get_by_role("button", name="None", exact=True).click()
    tab.run("a").check()
    tab.run("other classes").check()
    panel(tab).get_by_role("tab", name="Classes").click()
    emu = panel(tab).get_by_role("row").filter(has_text="emu")
    expect(emu).to_contain_text("not a class of this run")
    expect(panel(tab).get_by_role("button", name="Never seen (1)")).to_be_visible()  # the yak, which is one of its classes
    view(tab, "Difference")
    tab.frame.get_by_label("Baseline run").select_option(label="other classes")
    vanished = panel(tab).locator("ol.ranked li").filter(has_text="emu").first
    expect(vanished).to_contain_text("not tested: one of the two has no such samples")


def test_changes_against_a_run_that_is_not_ticked(tab: Any) -> None:
    tab.frame.get_by_role("button", name="None", exact=True).click()
    tab.run("a").check()
    tab.frame.get_by_label("Baseline run").select_option(label="b")
    mine, other = (ConfusionMatrix.from_dense(counts_at(50, run)).metrics()["accuracy"] for run in "ab")
    expect(panel(tab).get_by_role("row", name="Accuracy", exact=False).first).to_contain_text(f"\u2212{other - mine:.3f}")
    expect(panel(tab)).to_contain_text("Changes are against b")


def test_pointing_at_cells_moves_nothing(tab: Any) -> None:
    tab.choose("Tag", "large")
    for name in VIEWS[:3]:
        view(tab, name)
        canvas = tab.frame.locator(".sheet canvas").first
        tab.page.mouse.move(0, 0)
        expect(tab.status).to_contain_text("Point at a cell")
        before = canvas.bounding_box()
        tab.page.mouse.move(before["x"] + before["width"] * 0.7, before["y"] + before["height"] * 0.6)
        expect(tab.status).to_contain_text("true kind")
        assert canvas.bounding_box() == before


def test_the_focus_is_never_lost(tab: Any) -> None:
    """What has it goes away with its tab or its menu; then the next thing to go on with has it."""
    focused = tab.frame.locator(":focus")
    button = panel(tab).get_by_role("button")
    for name, pressed in (
        ("Summary", button.filter(has_text="Most frequent confusion")),
        ("Classes", button.filter(has_text="dog").first),
        ("Confusions", panel(tab).locator("ol.ranked button").first),
    ):
        panel(tab).get_by_role("tab", name=name).click()
        pressed.focus()
        tab.page.keyboard.press("Enter")
        expect(focused).to_have_text("Cell")
    panel(tab).get_by_role("tab", name="Confusions").click()
    button.filter(has_text="Find groups").focus()
    tab.page.keyboard.press("Enter")
    expect(focused).to_have_role("heading")
    tab.frame.get_by_label("Display").click()
    tab.frame.get_by_label("Hide the diagonal").focus()
    tab.page.keyboard.press("Tab")
    expect(tab.frame.get_by_label("Hide the diagonal")).to_be_hidden()  # it would cover what has the focus now


def test_a_pair_is_found_by_its_names(tab: Any) -> None:
    find = tab.frame.get_by_label("Find a class")
    find.fill("owl -> yak")
    expect(tab.frame.get_by_role("listbox", name="Classes found").get_by_role("option")).to_have_text(["owl \u2192 yak"])
    tab.page.keyboard.press("Enter")
    expect(panel(tab).get_by_role("heading", name="true owl, predicted yak")).to_be_visible()
    find.fill("zebu")
    tab.page.keyboard.press("Escape")
    expect(find).to_have_value("zebu")
    tab.page.keyboard.press("Escape")
    expect(find).to_have_value("")


def test_timeline_in_cells_and_as_cards(tab: Any) -> None:
    view(tab, "Timeline")
    expect(tab.frame.locator(".sheet canvas").first).to_be_visible()
    now = pixels(tab)
    tab.step.focus()
    tab.page.keyboard.press("Home")
    tab.at_step(0)
    assert pixels(tab) != now, "the current step is marked"
    tab.choose("Tag", "large")
    cards = tab.frame.locator(".cards li")
    expect(cards).to_have_count(24)
    expect(cards.first).to_contain_text("kind 7")
    cards.first.get_by_role("button").click()
    expect(panel(tab).get_by_role("heading", name="true kind 7, predicted kind 8")).to_be_visible()
    expect(cards.first.get_by_role("button")).to_have_attribute("aria-current", "true")
    tab.frame.get_by_label("Find a class").fill("kind 250")
    tab.page.keyboard.press("Enter")
    expect(cards).to_have_count(25)
    expect(cards.first.get_by_role("button")).to_have_attribute("aria-current", "true")
    expect(cards.first).to_contain_text(f"kind 250→ kind 250{large(2).to_dense()[250, 250]}")
    tab.matrix.focus()
    for key, at in (("ArrowRight", 0), ("ArrowRight", 1), ("End", 24), ("Home", 0), ("ArrowLeft", 0)):
        tab.page.keyboard.press(key)
        expect(cards.nth(at).get_by_role("button")).to_be_focused()
    tab.page.keyboard.press("ArrowDown")
    above, below = cards.first.bounding_box(), tab.frame.locator(".cards button:focus").bounding_box()
    assert below["y"] > above["y"]
    assert below["x"] == pytest.approx(above["x"], abs=1)
    tab.page.keyboard.press("Enter")
    expect(tab.frame.locator(".cards button:focus")).to_have_attribute("aria-current", "true")
    expect(cards).to_have_count(25)  # the one that was gone to before stays where it is
    tab.choose("Show", "10 worst")
    expect(tab.frame.locator(".sheet canvas").first).to_be_visible()
    shown = pixels(tab)
    view(tab, "Matrix")
    tab.matrix.focus()
    tab.page.keyboard.press("Escape")
    view(tab, "Timeline")
    expect(tab.frame.locator(".sheet canvas").first).to_be_visible()
    assert pixels(tab) == shown, "each course is in its cell, whatever was gone to"


def test_the_best_step_of_a_class_tells_when_it_had_few_samples(tab: Any) -> None:
    tab.choose("Tag", "checked")
    tab.frame.get_by_label("Find a class").fill("0")
    tab.page.keyboard.press("Enter")
    best = panel(tab).get_by_role("table", name="The class at its best").get_by_role("cell")
    expect(best.nth(0)).to_contain_text(re.compile("100%step 0\\s*only 2 samples"))
    expect(best.nth(1)).to_contain_text("81.8%step 1")
    expect(best.nth(1)).not_to_contain_text("samples")


def test_summary_has_values_changes_and_a_chart_that_goes_to_a_step(tab: Any) -> None:
    read(tab)
    matrix = ConfusionMatrix.from_dense(counts_at(50, "a"), class_names=NAMES)
    before = ConfusionMatrix.from_dense(counts_at(40, "a"), class_names=NAMES)
    value = matrix.metrics()["accuracy"]
    tab.frame.get_by_label("Metric", exact=True).select_option(label="Accuracy")
    table = panel(tab).get_by_role("table", name="The metric by run")
    expect(table.get_by_role("row").nth(1)).to_contain_text(f"{value:.3f}")
    expect(table.get_by_role("row").nth(1)).to_contain_text(f"+{value - before.metrics()['accuracy']:.3f}")
    for label, name in (("Cohen's kappa", "cohen_kappa"), ("Macro recall", "recall_macro"), ("Matthews correlation", "matthews_corrcoef")):
        expect(panel(tab).get_by_role("row", name=label)).to_contain_text(f"{matrix.metrics()[name]:.3f}")
    chart = panel(tab).get_by_role("img", name=re.compile("Accuracy over the steps"))
    box = chart.bounding_box()
    tab.page.mouse.click(box["x"] + 60, box["y"] + 60)
    tab.at_step(0)
    expect(tab.frame.locator(".curves polyline")).to_have_count(1)


def test_runs_with_fewer_steps_stand_where_these_are(tab: Any) -> None:
    for name in "b", "other classes":
        tab.run(name).check()
    tab.settle()
    read(tab)
    dot = tab.frame.locator(".curves polyline").nth(2)
    ink = np.array([int(channel) for channel in re.findall(r"\d+", dot.evaluate("(line) => getComputedStyle(line).stroke"))])
    with Image.open(io.BytesIO(tab.frame.locator(".curves").screenshot())) as picture:
        seen = np.argwhere((np.abs(np.asarray(picture.convert("RGB")) - ink) < 20).all(axis=2))
    assert len(seen) > 5, "a run of one step has a dot, half of it within the picture"
    assert (seen[:, 1] > 0.9 * picture.width).all(), "at its step, the last"


def test_classes_are_sorted_filtered_and_windowed(tab: Any) -> None:
    panel(tab).get_by_role("tab", name="Classes").click()
    names = panel(tab).locator("tbody th")
    expect(names).to_have_text(["cat", "dog", "owl", "yaknever seen"])
    panel(tab).get_by_role("button", name="Recall").click()
    expect(names).to_have_text(["owl", "cat", "dog", "yaknever seen"])
    expect(panel(tab).locator("thead th").nth(3)).to_have_attribute("aria-sort", "ascending")
    panel(tab).get_by_role("button", name="Recall").click()
    expect(names).to_have_text(["dog", "cat", "owl", "yaknever seen"])
    recall = ConfusionMatrix.from_dense(counts_at(50, "a")).per_class()
    low, high = recall["recall_interval"][1]
    expect(panel(tab).locator("tbody tr").nth(1)).to_contain_text(f"{100 * recall['recall'][1]:.1f}%{100 * low:.0f}\u2013{100 * high:.0f}")
    tab.choose("Tag", "large")
    expect(names.first).to_be_visible()
    assert names.count() < 40, "only the rows in sight are in the page"
    panel(tab).get_by_role("button", name="Support").click()
    panel(tab).locator(".scroller").focus()
    tab.page.keyboard.press("End")
    expect(panel(tab).get_by_role("button", name="kind 299", exact=True)).to_be_visible()
    tab.frame.get_by_label("Find a class").fill("kind 12")
    expect(names).to_have_count(11)  # 12 and 120 to 129


def test_confusions_by_count_and_by_rate(tab: Any) -> None:
    panel(tab).get_by_role("tab", name="Confusions").click()
    rows = panel(tab).locator("ol.ranked li")
    expect(rows.first).to_contain_text(re.compile(r"cat.*→ dog.*10.*4.9%.*mutual: 9 the other way", re.DOTALL))
    panel(tab).get_by_role("button", name="By rate").click()
    expect(rows.first).to_contain_text(re.compile("owl.*yak"))  # 9 of 91 is surely more than 10 of 203
    rows.first.get_by_role("button").click()
    expect(
        panel(tab).get_by_role("heading", name=re.compile("true dog, predicted cat|true owl, predicted yak|true cat, predicted dog"))
    ).to_be_visible()


def test_a_cell_by_click_its_mirror_and_its_course(tab: Any) -> None:
    x, y = tab.places()["true dog, predicted cat: 9 (4.3% of true dog)"]
    box = tab.frame.locator("canvas").first.bounding_box()
    tab.page.mouse.click(box["x"] + x, box["y"] + y)
    expect(panel(tab).get_by_role("tab", name="Cell")).to_have_attribute("aria-selected", "true")
    expect(panel(tab).get_by_role("table", name="The cell by run").get_by_role("cell").last).to_have_text("104.9%")
    expect(panel(tab).locator(".course polyline")).to_have_count(1)
    tab.matrix.focus()
    tab.page.keyboard.press("m")
    expect(panel(tab).get_by_role("heading", name="true cat, predicted dog")).to_be_visible()


def test_a_click_goes_to_the_cell_that_is_told_also_between_pixels(tab: Any) -> None:
    tab.choose("Tag", "large")
    tab.settle()
    box = tab.frame.locator("canvas").first.bounding_box()
    for part in (0.2, 0.4, 0.6, 0.8, 0.95):
        tab.page.mouse.move(box["x"] + 230 + 9 * part, box["y"] + 160 + 4 * part)
        told = re.search(r"true (kind \d+), predicted (kind \d+)", tab.status.text_content())
        tab.page.mouse.down()
        tab.page.mouse.up()
        name = told[1] if told[1] == told[2] else told[0]
        expect(panel(tab).locator(".cell h2")).to_have_text(name)


# At step 50 the recalls are 0.936, 0.952, 0.879 and undefined, the precisions 0.955, 0.943, 0.988 and 0.
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("Name", ["cat", "dog", "owl", "yak"]),
        ("Support", ["dog", "cat", "owl", "yak"]),
        ("Recall", ["owl", "cat", "dog", "yak"]),
        ("Precision", ["yak", "dog", "cat", "owl"]),
    ],
)
def test_orders_stay_while_steps_change(tab: Any, order: str, expected: list[str]) -> None:
    tab.choose("Order", order)
    expect(tab.frame.locator(".part")).to_contain_text(f"Ordered by {order.lower()} in a at step 50")
    for step, key in ((50, "End"), (0, "Home")):
        tab.step.focus()
        tab.page.keyboard.press(key)
        tab.at_step(step)
        told = []
        for place in range(4):
            tab.go_to(place, place)
            told.append(re.findall(r"true (\w+)", tab.status.inner_text())[0])
        assert told == expected


def test_the_worst_classes_with_the_rest_summed_up(tab: Any) -> None:
    tab.choose("Tag", "large")
    tab.choose("Show", "20 worst")
    matrix = large(2)
    errors = matrix.support + matrix.predicted - 2 * matrix.true_positives
    worst = np.argsort(-errors, kind="stable")[:20]
    share = matrix.support[worst].sum() / matrix.total
    expect(tab.frame.locator(".part")).to_contain_text(f"Showing 20 of 300 classes, {100 * share:.1f}% of samples.")
    tab.go_to(20, 20)
    rest = matrix.select([f"kind {index}" for index in sorted(worst)], other="rest")
    count = rest.to_dense()[20, 20]
    expect(tab.status).to_contain_text(f"true other (280 classes), predicted other (280 classes): {count:,}")
    tab.frame.get_by_label("Find a class").fill("kind 29")
    tab.frame.get_by_role("button", name="show only these").click()
    expect(tab.frame.locator(".part")).to_contain_text("Showing 11 of 300 classes")


def test_hidden_cells_are_not_drawn_but_still_told(tab: Any) -> None:
    places = tab.places()
    small, large_one, diagonal = (
        next((x + 9, y + 9) for text, (x, y) in places.items() if text.startswith(told))
        for told in ("true cat, predicted yak: 3", "true cat, predicted dog: 10", "true cat, predicted cat")
    )
    tab.frame.get_by_label("Display").click()
    least = tab.frame.get_by_label("Hide counts under")
    for typed, taken in (("1e308", str(2**53)), ("-5", str(2**53)), ("1e-3", "0.001"), ("", "0.001"), ("5", "5")):
        least.fill("")
        least.press_sequentially(typed)
        tab.page.keyboard.press("Enter")
        expect(least).to_have_value(taken)
    tab.frame.get_by_label("Hide the diagonal").check()
    tab.page.keyboard.press("Escape")
    tab.matrix.focus()
    tab.page.keyboard.press("Escape")
    assert tab.color_at(*small) == tab.color_at(*diagonal) == (255, 255, 255)
    assert tab.color_at(*large_one) != (255, 255, 255)
    tab.go_to(0, 3)
    tab.told("true cat, predicted yak: 3 (1.5% of true cat)")


def test_color_ranges(tab: Any) -> None:
    read(tab)
    legend = tab.frame.get_by_label("Legend")
    expect(legend).to_contain_text("10")
    tab.frame.get_by_label("Display").click()
    tab.frame.get_by_label("Range").select_option(label="Shared over all steps")
    expect(legend).to_contain_text("60")
    tab.frame.get_by_label("Range").select_option(label="Fixed as it is now")
    tab.page.keyboard.press("Escape")
    for typed, taken in (("0", "60"), ("40", "40")):
        tab.frame.get_by_label("wrong up to").fill(typed)
        tab.page.keyboard.press("Enter")
        expect(tab.frame.get_by_label("wrong up to")).to_have_value(taken)
    tab.step.focus()
    tab.page.keyboard.press("Home")
    tab.at_step(0)
    expect(legend).to_contain_text("40")
    expect(legend).not_to_contain_text("60")


@pytest.mark.parametrize("palette", ["Green and red", "Cividis", "Viridis"])
def test_palettes(tab: Any, palette: str) -> None:
    before = pixels(tab)
    tab.frame.get_by_label("Display").click()
    tab.frame.get_by_label("Palette").select_option(label=palette)
    assert pixels(tab) != before


def export(tab: Any, item: str) -> bytes:
    tab.frame.get_by_label("Export").click()
    with tab.page.expect_download() as download:
        tab.frame.get_by_role("button", name=item, exact=True).click()
    tab.page.keyboard.press("Escape")
    return Path(download.value.path()).read_bytes()


def test_exports_hold_what_is_shown(tab: Any) -> None:
    counts = counts_at(50, "a")
    dense = list(csv.reader(io.StringIO(export(tab, "Matrix, CSV").decode())))
    assert dense[0][1:] == NAMES
    assert [[int(count) for count in row[1:]] for row in dense[1:]] == counts
    cells = list(csv.DictReader(io.StringIO(export(tab, "Cells that are not zero, CSV").decode())))
    assert {(cell["true_class"], cell["predicted_class"]): int(cell["count"]) for cell in cells} == {
        (NAMES[row], NAMES[column]): count for row, line in enumerate(counts) for column, count in enumerate(line) if count
    }
    classes = list(csv.DictReader(io.StringIO(export(tab, "Classes with metrics, CSV").decode())))
    assert float(classes[1]["recall"]) == pytest.approx(200 / 210)
    made = json.loads(export(tab, "Matrix, JSON"))
    matrix = ConfusionMatrix.from_coo(made["rows"], made["cols"], made["counts"], made["num_classes"], made["class_names"])
    assert matrix == ConfusionMatrix.from_dense(counts, class_names=NAMES)
    expect(panel(tab).get_by_label("Baseline step")).to_have_value("previous")
    confusions = list(csv.DictReader(io.StringIO(export(tab, "Confusions, ranked, CSV").decode())))
    assert [(row["true_class"], row["predicted_class"], row["count"]) for row in confusions[:2]] == [
        ("cat", "dog", "10"),
        ("dog", "cat", "9"),
    ]
    changes = json.loads(export(tab, "Changes since the baseline, JSON"))
    assert (changes["step"], changes["baseline"]) == (50, {"run": "a", "step": 40})
    taken = next(row for row in changes["rows"] if (row["true_class"], row["predicted_class"]) == ("cat", "dog"))
    assert (taken["before"], taken["after"], taken["change"]) == (20, 10, -10)
    assert 0 < taken["p_value"] < taken["adjusted_p_value"] <= 1
    chart = json.loads(export(tab, "Chart, Vega-Lite"))
    assert {(value["true"], value["predicted"]): value["count"] for value in chart["data"]["values"]}[("cat", "dog")] == 10
    tab.run("a").uncheck()
    tab.frame.get_by_label("Export").click()
    for item in ("Picture, PNG", "Picture, SVG"):
        tab.frame.get_by_role("button", name=item).click()
        expect(tab.frame.get_by_role("alert")).to_have_text("Nothing is drawn here that could be saved as a picture")
    expect(tab.frame.get_by_role("button", name="Matrix, CSV")).to_have_count(0)


KEYS = {
    "Matrix": {"Correct", "Wrong", "200", "10", "zero", "class never seen", "a, step 50", "b, step 50"},
    "Compare": {"a", "b", "other classes", "a full bar: 196 correct, 20 wrong", "counts under 3 hidden"},
    "Difference": {"Fewer", "More", "may be noise, or not tested", "val, a step 50 against a step 0"},
    "Timeline": {"a", "b"},
}


@pytest.mark.parametrize("name", VIEWS)
def test_pictures_of_every_view(tab: Any, name: str) -> None:
    tab.run("b").check()
    view(tab, name)
    if name == "Difference":
        tab.frame.get_by_label("Baseline step").select_option(label="first")
    if name == "Compare":
        tab.run("other classes").check()
        tab.step.focus()
        tab.page.keyboard.press("ArrowLeft")
        tab.at_step(40)
        tab.frame.get_by_label("Display").click()
        tab.frame.get_by_label("Hide counts under").fill("3")
        tab.page.keyboard.press("Escape")
    expect(tab.frame.locator(".sheet canvas").first).to_be_visible()
    picture = Image.open(io.BytesIO(export(tab, "Picture, PNG"))).convert("RGB")
    assert min(picture.size) > 300
    assert len(np.unique(np.asarray(picture.resize((120, 120))).reshape(-1, 3), axis=0)) > 20
    drawing = ET.fromstring(export(tab, "Picture, SVG"))
    texts = ["".join(element.itertext()) for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {*NAMES, "True", "Predicted"} <= set(texts), "text is text"
    assert KEYS[name] <= set(texts), "the key says what the colors are"
    notes = {"Difference": "Change of: Counts.", "Compare": "Counts. other classes nothing up to step 40."}
    assert notes.get(name, "Counts.") in texts
    assert sum(1 for _ in drawing.iter("{http://www.w3.org/2000/svg}rect")) > 20


def test_a_link_holds_the_whole_view(tab: Any, open_tab: Any, board: Any) -> None:
    tab.run("b").check()
    view(tab, "Difference")
    tab.choose("Normalize", "% of predicted")
    tab.choose("Color", "Log")
    tab.choose("Order", "Recall")
    tab.frame.get_by_label("Baseline step").select_option(label="20")
    tab.step.focus()
    tab.page.keyboard.press("ArrowLeft")
    tab.at_step(40)
    tab.go_to(1, 2)
    tab.page.keyboard.press("+")
    panel(tab).get_by_role("tab", name="Classes").click()
    panel(tab).get_by_role("button", name="Never seen").click()
    panel(tab).get_by_role("button", name="Support").click()
    panel(tab).get_by_role("button", name="Wide panel").click()
    told = tab.status.text_content()
    drawn = pixels(tab)
    tab.page.wait_for_timeout(800)  # the address follows when one has stopped
    other = open_tab(tab.page.url)
    other.at_step(40)
    expect(other.frame.get_by_role("radio", name="Difference")).to_be_checked()
    expect(other.run("b")).to_be_checked()
    expect(other.frame.get_by_label("Order")).to_have_value("recall")
    expect(other.frame.get_by_label("Baseline step")).to_have_value("20")
    expect(panel(other).get_by_role("tab", name="Classes")).to_have_attribute("aria-selected", "true")
    expect(panel(other).get_by_role("button", name="Never seen")).to_have_attribute("aria-pressed", "true")
    expect(panel(other).get_by_role("columnheader", name="Support")).to_have_attribute("aria-sort", "descending")
    expect(panel(other).get_by_role("button", name="Wide panel")).to_have_attribute("aria-pressed", "true")
    other.told(told)
    deadline = time.monotonic() + 5
    while different(pixels(other), drawn) > 0.02:  # a fraction of a pixel may be rounded otherwise
        assert time.monotonic() < deadline, different(pixels(other), drawn)
        time.sleep(0.1)


def test_the_minimap_shows_where_one_is(tab: Any) -> None:
    tab.choose("Tag", "large")
    minimap = tab.frame.locator(".minimap")
    expect(minimap).to_have_count(0)
    tab.frame.get_by_label("Find a class").fill("kind 200")
    tab.page.keyboard.press("Enter")
    expect(minimap).to_be_visible()
    expect(tab.status).to_contain_text("true kind 200, predicted kind 200")
    before = pixels(tab)
    box = minimap.bounding_box()
    tab.page.mouse.click(box["x"] + 4, box["y"] + 4)
    assert pixels(tab) != before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_view_and_panel(board: Any, open_tab: Any, scheme: str) -> None:
    tab = open_tab(board.url, color_scheme=scheme)
    tab.choose("Tag", "val")
    if scheme == "dark":
        tab.page.evaluate("() => document.body.classList.add('dark-mode')")
        expect(tab.frame.locator(":root.dark")).to_have_count(1)
    tab.frame.get_by_role("button", name="All", exact=True).click()
    expect(tab.frame.locator("figure")).to_have_count(3)
    assert tab.matrix.evaluate("(element) => element.scrollWidth <= element.clientWidth"), "nothing is scrolled to"
    tab.go_to(0, 1)
    inside = next(frame for frame in tab.page.frames if "plugin_entry" in frame.url)
    inside.evaluate(AXE.read_text("utf-8"))
    for name, shown in zip(VIEWS, PANELS, strict=True):  # what is in the panel does not depend on the view
        view(tab, name)
        panel(tab).get_by_role("tab", name=shown).click()
        found = inside.evaluate("() => axe.run()")
        assert len(found["passes"]) > 10
        assert [(name, shown, rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []


def test_small_windows_and_double_size(board: Any, open_tab: Any) -> None:
    for viewport in ({"width": 1024, "height": 640}, {"width": 640, "height": 400}):
        tab = open_tab(board.url, viewport=viewport)
        tab.choose("Tag", "val")
        tab.go_to(0, 1)
        canvas = tab.frame.locator(".sheet canvas").first
        assert min(canvas.bounding_box()[side] for side in ("width", "height")) > 150
        inside = next(frame for frame in tab.page.frames if "plugin_entry" in frame.url)
        assert inside.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out at the side"
        canvas.scroll_into_view_if_needed()
        expect(canvas).to_be_in_viewport(ratio=0.9)
        expect(tab.step).to_be_in_viewport()
        view(tab, "Difference")
        tab.frame.get_by_label("Baseline run").select_option(label="other classes")
        head = tab.frame.locator(".head", has_text="changed by more")
        assert head.evaluate("(element) => element.scrollHeight <= element.clientHeight"), "the cells cover none of it"


def different(one: str, other: str) -> float:
    """The share of pixels in which two pictures differ; 1 if they are of different sizes."""
    a, b = (np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")) for url in (one, other))
    return 1.0 if a.shape != b.shape else float((a != b).any(axis=2).mean())


def pixels(tab: Any) -> str:
    """The picture of the first sheet."""
    picture: str = tab.frame.locator(".sheet canvas").first.evaluate("(canvas) => canvas.toDataURL()")
    return picture
