"""What a user does in the tab: open, choose, scrub, point, press keys, zoom, and read."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from tb_confmat_plugin import ConfusionMatrix, SummaryWriter

NAMES = ["cat", "dog", "owl"]


def counts_at(step: int) -> list[list[int]]:
    """An asymmetric matrix in which every cell tells its step apart; its true class owl is never seen."""
    return [[50 + step, 7 + step, 3], [1, 40 + step, 0], [0, 0, 0]]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    logdir: Path = tmp_path_factory.mktemp("log")
    with SummaryWriter(logdir / "fast") as writer:
        for step in range(12):
            writer.add_confusion_matrix("val", counts_at(step), step, class_names=NAMES)
        writer.add_confusion_matrix("binary", [[90, 10], [3, 97]], 0, class_names=["negative", "positive"])
        writer.add_confusion_matrix("nothing", np.zeros((3, 3), int), 0)
        writer.add_confusion_matrix("thousand", many_classes(1000), 0)
        for step in range(3):
            writer.add_confusion_matrix("ten thousand", many_classes(10_000, seed=step), step)
    with SummaryWriter(logdir / "slow") as writer:
        for step in (2, 8):
            writer.add_confusion_matrix("val", np.array(counts_at(step)) * 2, step, class_names=NAMES)
    return logdir


def many_classes(num_classes: int, seed: int = 0) -> ConfusionMatrix:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, num_classes, 20 * num_classes)
    wrong = rng.random(len(target)) < 0.2
    preds = np.where(wrong, (target + rng.geometric(0.05, len(target))) % num_classes, target)
    return ConfusionMatrix.from_predictions(preds, target, num_classes=num_classes)


@pytest.fixture(scope="module")
def board(serve: Any, log: Path) -> Iterator[Any]:
    with serve(log) as running:
        yield running


@pytest.fixture
def tab(board: Any, reopen_tab: Any) -> Any:
    opened = reopen_tab(board.url)
    opened.choose("Tag", "val")
    opened.at_step(11)
    return opened


def test_opens_on_both_data_paths_at_the_newest_step(serve: Any, log: Path, open_tab: Any, load_fast: str) -> None:
    with serve(log, load_fast) as running:
        tab = open_tab(running.url)
        tab.choose("Tag", "val")
        tab.at_step(11)
        expect(tab.run("fast")).to_be_checked()
        expect(tab.run("slow")).not_to_be_checked()
        expect(tab.step).to_have_attribute("max", "11")
        tab.go_to(0, 1)
        tab.told("true cat, predicted dog: 18 (22.0% of true cat)")


def test_the_pointer_finds_true_classes_down_and_predicted_classes_across(tab: Any) -> None:
    places = tab.places()
    assert set(places) == {
        "true cat, predicted cat: 61 (74.4% of true cat)",
        "true cat, predicted dog: 18 (22.0% of true cat)",
        "true cat, predicted owl: 3 (3.7% of true cat)",
        "true dog, predicted cat: 1 (1.9% of true dog)",
        "true dog, predicted dog: 51 (98.1% of true dog)",
        "true dog, predicted owl: 0 (0% of true dog)",
        "true owl, predicted cat: 0 (n/a of true owl)",
        "true owl, predicted dog: 0 (n/a of true owl)",
        "true owl, predicted owl: 0 (n/a of true owl)",
    }
    at = {tuple(re.findall(r"true (\w+), predicted (\w+)", text)[0]): place for text, place in places.items()}
    assert at["cat", "cat"][0] < at["cat", "dog"][0] < at["cat", "owl"][0]
    assert at["cat", "cat"][1] < at["dog", "cat"][1] < at["owl", "cat"][1]


def test_correct_wrong_zero_and_never_seen_cells_look_different(tab: Any) -> None:
    at = {tuple(re.findall(r"true (\w+), predicted (\w+)", text)[0]): place for text, place in tab.places().items()}
    tab.matrix.focus()
    tab.page.keyboard.press("Escape")
    correct, wrong, zero = (tab.color_at(*at[cell]) for cell in (("cat", "cat"), ("cat", "dog"), ("dog", "owl")))
    assert correct[2] > correct[0], "correct cells are blue"
    assert wrong[0] > wrong[2], "wrong cells are orange"
    assert zero == (255, 255, 255)
    x, y = at["owl", "owl"]
    row = {tab.color_at(x + offset, y + 4) for offset in range(10)}
    assert len(row) > 1, "a class that was never seen is hatched"
    expect(tab.frame.get_by_label("Legend")).to_contain_text("class never seen")


def test_every_normalization_in_words(tab: Any) -> None:
    tab.go_to(0, 1)
    for option, share in {
        "Counts": "22.0% of true cat",
        "% of true": "22.0% of true cat",
        "% of predicted": "26.1% of predicted dog",
        "% of all": "13.4% of all",
    }.items():
        tab.choose("Normalize", option)
        tab.told(f"true cat, predicted dog: 18 ({share})")
    tab.choose("Normalize", "% of predicted")
    tab.go_to(2, 2)
    tab.told("true owl, predicted owl: 0 (0% of predicted owl)")


def test_the_slider_by_keys_and_mouse_changes_what_is_told(tab: Any) -> None:
    tab.go_to(0, 1)
    tab.page.keyboard.press("PageDown")
    tab.at_step(10)
    tab.told("true cat, predicted dog: 17 (21.3% of true cat)")
    tab.step.focus()
    tab.page.keyboard.press("Home")
    tab.at_step(0)
    tab.told("true cat, predicted dog: 7 (11.7% of true cat)")
    tab.page.keyboard.press("ArrowRight")
    tab.at_step(1)
    box = tab.step.bounding_box()
    tab.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(tab.step).to_have_attribute("aria-valuetext", re.compile("5|6"))


def test_play_walks_to_the_last_step_and_stops(tab: Any) -> None:
    tab.step.focus()
    tab.page.keyboard.press("End")
    for _ in range(3):
        tab.page.keyboard.press("ArrowLeft")
    tab.at_step(8)
    tab.frame.get_by_role("button", name="Play").click()
    expect(tab.frame.get_by_role("button", name="Pause")).to_be_visible()
    tab.at_step(11)
    expect(tab.frame.get_by_role("button", name="Play")).to_be_visible()


def test_a_move_of_the_slider_asks_for_no_record_of_its_own(board: Any, open_tab: Any) -> None:
    tab = open_tab(board.url)
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url) if "/records?" in request.url else None)
    tab.choose("Tag", "val")
    tab.at_step(11)
    tab.page.wait_for_timeout(500)
    before = len(asked)
    assert before <= 3, f"12 steps come in batches, asked {asked}"
    tab.step.focus()
    for _ in range(11):
        tab.page.keyboard.press("ArrowLeft")
    tab.at_step(0)
    assert len(asked) == before


def test_two_runs_side_by_side_and_the_nearest_earlier_step_is_said(tab: Any) -> None:
    tab.run("slow").check()
    expect(tab.frame.locator("figure")).to_have_count(2)
    expect(tab.frame.get_by_label("Runs")).to_contain_text("shows step 8, its latest until 11")
    tab.go_to(0, 1)
    tab.told("fast: true cat, predicted dog: 18 (22.0% of true cat)")
    tab.run("fast").uncheck()
    tab.at_step(8)
    tab.go_to(0, 1)
    tab.told("true cat, predicted dog: 30 (19.7% of true cat)")
    tab.run("fast").check()
    tab.step.focus()
    tab.page.keyboard.press("Home")
    tab.at_step(0)
    expect(tab.frame.get_by_label("Runs")).to_contain_text("nothing up to step 0")


def test_keys_zoom_pan_and_leave(tab: Any) -> None:
    tab.choose("Tag", "thousand")
    tab.at_step(0)
    tab.go_to(0, 0)
    matrix = many_classes(1000)
    count, support = matrix.true_positives[0], matrix.support[0]
    tab.told(f"true 0, predicted 0: {count} ({100 * count / support:.1f}% of true 0)")
    tab.page.keyboard.press("Escape")
    fitted = pixels(tab)
    for _ in range(8):
        tab.page.keyboard.press("+")
    zoomed = pixels(tab)
    assert zoomed != fitted
    tab.page.keyboard.press("Control+End")
    expect(tab.status).to_contain_text("true 999, predicted 999")
    assert pixels(tab) != zoomed, "the view follows the cursor"
    tab.page.keyboard.press("0")
    tab.page.keyboard.press("Escape")
    assert pixels(tab) == fitted
    expect(tab.status).not_to_contain_text("true")


def test_a_slider_that_comes_back_shows_what_it_showed(tab: Any) -> None:
    tab.choose("Tag", "ten thousand")
    tab.at_step(2)
    wait_until(lambda: pixels(tab) != "")
    tab.page.wait_for_timeout(500)
    last = pixels(tab)
    tab.step.focus()
    tab.page.keyboard.press("Home")
    tab.at_step(0)
    first = pixels(tab)
    assert first != last
    tab.page.keyboard.press("End")
    tab.at_step(2)
    assert pixels(tab) == last
    tab.choose("Normalize", "% of true")
    wait_until(lambda: pixels(tab) != last)
    shares = pixels(tab)
    tab.page.keyboard.press("Escape")
    tab.step.focus()
    tab.page.keyboard.press("Home")
    tab.at_step(0)
    assert pixels(tab) not in (first, shares)
    tab.choose("Normalize", "Counts")
    wait_until(lambda: pixels(tab) == first)


def test_more_confusions_are_shown_when_asked_for(tab: Any) -> None:
    tab.choose("Tag", "thousand")
    tab.frame.get_by_role("tab", name="Confusions").click()
    rows = tab.frame.locator("ol.ranked li")
    expect(rows).to_have_count(40)
    tab.frame.get_by_role("button", name="Show 160 more").click()
    expect(rows).to_have_count(200)
    expect(rows.nth(40).get_by_role("button")).to_be_focused()
    expect(tab.frame.get_by_role("button", name=re.compile("Show .* more"))).to_have_count(0)


SEEN = """(body) => {
  window.bars = [];
  new MutationObserver(() => {
    for (const bar of document.querySelectorAll('progress[aria-label="Making the file"]')) window.bars.push(bar.value);
  }).observe(body, { subtree: true, childList: true, attributes: true });
}"""


def test_a_large_file_is_made_piece_by_piece_with_a_bar(tab: Any) -> None:
    tab.choose("Tag", "ten thousand")
    tab.frame.locator("body").evaluate(SEEN)
    tab.frame.get_by_label("Export").click()
    with tab.page.expect_download() as download:
        tab.frame.get_by_role("button", name="Confusions, ranked, JSON", exact=True).click()
    made = json.loads(Path(download.value.path()).read_bytes())
    matrix = many_classes(10_000, seed=made["step"])
    counts = [row["count"] for row in made["rows"]]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == matrix.total - sum(matrix.true_positives)
    expect(tab.frame.get_by_role("progressbar", name="Making the file")).to_have_count(0)
    bars = tab.frame.locator("body").evaluate("() => bars")
    assert len(set(bars)) > 3, "the page could do other things in between"
    assert bars == sorted(bars)
    tab.page.keyboard.press("Escape")


def test_the_wheel_zooms_where_it_points_and_a_double_click_fits(tab: Any) -> None:
    tab.choose("Tag", "thousand")
    tab.at_step(0)
    fitted = pixels(tab)
    box = tab.frame.locator("canvas").first.bounding_box()
    x, y = box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.6
    tab.page.mouse.move(x, y)
    before = tab.status.text_content()
    for _ in range(6):
        tab.page.mouse.wheel(0, -200)
    tab.page.wait_for_timeout(300)
    assert pixels(tab) != fitted
    tab.page.mouse.move(x + 1, y)
    numbers = [int(number) for number in re.findall(r"(?:true|predicted) (\d+)", before + (tab.status.text_content() or ""))]
    assert max(abs(numbers[0] - numbers[3]), abs(numbers[1] - numbers[4])) <= 3, "the point under the wheel stays"
    tab.page.mouse.dblclick(x, y)
    wait_until(lambda: pixels(tab) == fitted)
    expect(tab.frame.get_by_role("tab", name="Summary")).to_have_attribute("aria-selected", "true")  # it was no click on a cell


def test_settings_outlive_the_page(tab: Any) -> None:
    tab.choose("Normalize", "% of all")
    tab.choose("Color", "Log")
    tab.page.reload()
    expect(tab.frame.get_by_label("Normalize")).to_have_value("all")
    expect(tab.frame.get_by_label("Color")).to_have_value("log")


def test_two_classes_and_nothing_counted(tab: Any) -> None:
    tab.choose("Tag", "binary")
    tab.go_to(1, 0)
    tab.told("true positive, predicted negative: 3 (3.0% of true positive)")
    tab.choose("Tag", "nothing")
    tab.choose("Normalize", "% of all")
    tab.go_to(1, 2)
    tab.told("true 1, predicted 2: 0 (n/a of all)")
    expect(tab.frame.get_by_label("Legend")).to_contain_text("undefined")


def test_dark_mode_by_tensorboards_own_button(board: Any, open_tab: Any) -> None:
    tab = open_tab(board.url)
    tab.choose("Tag", "val")
    light = tab.frame.locator("body").evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    for _ in range(3):  # the button goes through automatic, light and dark
        if tab.page.locator("body.dark-mode").count():
            break
        tab.page.get_by_role("button", name=re.compile("theme|dark|light", re.IGNORECASE)).first.click()
        tab.page.get_by_role("menuitem", name=re.compile("dark", re.IGNORECASE)).or_(tab.page.locator("nothing")).first.click(timeout=2000)
    expect(tab.frame.locator(":root.dark")).to_have_count(1)
    assert tab.frame.locator("body").evaluate("() => getComputedStyle(document.documentElement).backgroundColor") != light
    at = {tuple(re.findall(r"true (\w+), predicted (\w+)", text)[0]): place for text, place in tab.places().items()}
    tab.matrix.focus()
    tab.page.keyboard.press("Escape")
    assert max(tab.color_at(*at["dog", "owl"])) < 80, "an empty cell is dark"


def test_everything_is_reached_by_tab(tab: Any) -> None:
    tab.frame.get_by_label("Tag", exact=True).focus()
    reached = []
    while tab.page.evaluate("() => document.activeElement.tagName") == "IFRAME":
        focused = tab.frame.locator(":focus")
        reached.append(focused.evaluate("(element) => element.ariaLabel ?? element.labels?.[0]?.textContent ?? element.textContent"))
        tab.page.keyboard.press("Tab")
    assert reached[:7] == ["Tag", "Matrix", "Normalize", "Color", "Order", "Show", "Find a class"]
    assert {"Display", "Export", "Copy link", "Confusion matrix", "Summary", "Baseline step", "Metric", "Play", "Step"} <= set(reached)


def test_a_tab_that_was_hidden_is_drawn_when_it_is_shown(board: Any, open_tab: Any) -> None:
    tab = open_tab(board.url)
    tab.choose("Tag", "val")
    tab.at_step(11)
    tab.page.evaluate("() => { location.hash = 'timeseries'; }")
    expect(tab.matrix).not_to_be_visible()
    tab.page.set_viewport_size({"width": 1024, "height": 640})
    tab.page.evaluate("() => { location.hash = 'confusion_matrix'; }")
    expect(tab.matrix).to_be_visible()
    tab.go_to(0, 1)
    tab.told("true cat, predicted dog: 18 (22.0% of true cat)")
    box = tab.frame.locator("canvas").first.bounding_box()
    assert box["width"] > 150
    assert box["y"] + box["height"] < 640


def pixels(tab: Any) -> str:
    """The picture of the first matrix."""
    picture: str = tab.frame.locator("canvas").first.evaluate("(canvas) => canvas.toDataURL()")
    return picture


def wait_until(condition: Any, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
