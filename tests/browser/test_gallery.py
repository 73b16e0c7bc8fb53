"""From a cell to the examples behind it, in a real browser, of a real training."""

import importlib.util
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from sklearn.datasets import load_digits

from tb_confmat_plugin import Example, SummaryWriter

DEMO = Path(__file__).parents[2] / "demo" / "train_digits.py"
AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
EPOCHS = 3
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demo logs, of few epochs, and examples that someone made up."""
    made: Path = tmp_path_factory.mktemp("log")
    spec = importlib.util.spec_from_file_location("train_digits", DEMO)
    assert spec is not None
    assert spec.loader is not None
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    demo.EPOCHS = EPOCHS
    for learning_rate in (0.003, 0.03):
        demo.train(made, learning_rate)
    with SummaryWriter(made / "texts") as writer:
        examples = [Example("b", "a", text=HOSTILE, id=HOSTILE, confidence=0.75), Example("a", "a", text="plain", id="plain")]
        writer.add_confusion_matrix("texts", [[5, 0], [3, 2]], 0, class_names=["a", "b"], examples=examples)
        writer.add_confusion_matrix("texts", [[4, 1], [1, 4]], 1, class_names=["a", "b"])
    return made


@pytest.fixture(scope="module")
def board(serve: Any, logdir: Path) -> Iterator[Any]:
    with serve(logdir) as running:
        yield running


def details(tab: Any) -> Any:
    return tab.frame.get_by_role("complementary", name="Details")


def worst_confusion(tab: Any) -> tuple[str, str, str]:
    """The true and the predicted class of the first that is ranked, and its count."""
    details(tab).get_by_role("tab", name="Confusions").click()
    text = details(tab).locator("ol.ranked li").first.inner_text()
    found: list[tuple[str, str, str]] = re.findall(r"(\w+)\s*→\s*(\w+?)\s*(\d+)", text)
    return found[0]


def pixels_of(tab: Any, image: Any) -> np.ndarray:
    """The grey values of an image of the page, as the server sends it."""
    content = tab.page.request.get(image.evaluate("(element) => element.src")).body()
    return np.asarray(Image.open(io.BytesIO(content)).convert("L"))


def test_from_the_tab_to_an_image_that_was_taken_for_another(board: Any, reopen_tab: Any) -> None:
    tab = reopen_tab(board.url)
    tab.choose("Tag", "val")
    tab.at_step(EPOCHS)
    expect(tab.frame.get_by_label("Legend")).to_contain_text("has examples")
    true, predicted, count = worst_confusion(tab)
    details(tab).locator("ol.ranked li").first.get_by_role("button").click()
    section = details(tab).get_by_role("region", name="Examples")
    expect(section).to_contain_text(f"8 of {count} samples kept")
    wrong = section.locator(".example.wrong img")
    expect(wrong).to_have_count(8)
    data = load_digits()
    for image in wrong.all():
        number, *said = re.findall(r"digit (\d+): true (\w+), predicted (\w+)", image.get_attribute("alt"))[0]
        assert said == [true, predicted]
        assert NAMES[data.target[int(number)]] == true
        np.testing.assert_array_equal(pixels_of(tab, image), np.round(data.images[int(number)] / 16 * 255))
    for exemplar in section.locator(".exemplars img").all():
        number, *said = re.findall(r"digit (\d+): true (\w+), predicted (\w+)", exemplar.get_attribute("alt"))[0]
        assert said[0] == said[1] == NAMES[data.target[int(number)]]
        assert said[0] in (true, predicted)


def test_an_example_in_large_by_keyboard_alone(board: Any, reopen_tab: Any) -> None:
    tab = reopen_tab(board.url)
    tab.choose("Tag", "val")
    tab.at_step(EPOCHS)
    true, predicted, _ = worst_confusion(tab)
    tab.go_to(NAMES.index(true), NAMES.index(predicted))
    press = tab.page.keyboard.press
    press("Enter")
    heading = details(tab).locator("h2")
    expect(heading).to_have_text(f"true {true}, predicted {predicted}")
    expect(details(tab).locator(".example.wrong").first).to_be_visible()
    focused = tab.frame.locator("*:focus")
    for _ in range(40):
        press("Tab")
        if "example" in (focused.first.get_attribute("class") or ""):
            break
    press("Enter")
    dialog = tab.frame.get_by_role("dialog")
    expect(dialog).to_contain_text(re.compile("1 of [2-8]"))
    large = dialog.locator(".pictures > img")
    first = large.get_attribute("src")
    beside = [re.sub(".*: ", "", image.get_attribute("alt")) for image in dialog.locator("figure img").all()]
    assert f"true {predicted}, predicted {predicted}" in beside
    assert set(beside) <= {f"true {name}, predicted {name}" for name in (true, predicted)}, "of each that was recognized at all"
    press("ArrowRight")
    expect(dialog).to_contain_text(re.compile("2 of [2-8]"))
    assert large.get_attribute("src") != first
    press("ArrowLeft")
    expect(large).to_have_attribute("src", first)
    press("Escape")
    expect(dialog).to_have_count(0)
    expect(focused).to_have_class("example wrong")
    press("Enter")
    expect(dialog).to_be_visible()
    press("m")
    expect(dialog).to_have_count(0)
    expect(heading).to_have_text(f"true {predicted}, predicted {true}")


def test_the_gallery_and_a_sample_that_is_followed_by_its_id(board: Any, reopen_tab: Any) -> None:
    tab = reopen_tab(board.url)
    tab.choose("Tag", "val")
    details(tab).get_by_role("tab", name="Cell").click()  # beside which there is still one dialog
    tab.frame.get_by_role("radio", name="Gallery").check()
    rows = tab.frame.locator(".gallery ol li:has(h3)")
    expect(rows).to_have_count(10)
    tab.frame.get_by_label("Confusions", exact=True).fill("3")
    tab.frame.get_by_label("Examples of each").fill("2")
    tab.page.keyboard.press("Enter")
    expect(tab.frame.get_by_label("Order")).to_be_disabled()
    expect(rows).to_have_count(3)
    expect(rows.first.locator(".row > .strip .example")).to_have_count(2)
    for row in rows.all():
        expect(row.locator("h3")).to_contain_text("samples kept")
    dialog = tab.frame.get_by_role("dialog")
    followed = dialog.get_by_role("table", name=re.compile("other steps"))
    for example in tab.frame.locator(".gallery .example").all():
        example.click()
        expect(dialog).to_be_visible()
        tab.page.wait_for_timeout(300)
        if followed.count():
            break
        tab.page.keyboard.press("Escape")
    else:
        pytest.fail("no example was kept at two steps")
    inside = next(frame for frame in tab.page.frames if "plugin_entry" in frame.url)
    inside.evaluate(AXE.read_text("utf-8"))
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in inside.evaluate("() => axe.run()")["violations"]] == []
    number, _ = dialog.get_attribute("aria-label").split(":")
    row = followed.get_by_role("row").nth(1)
    step, predicted = row.get_by_role("button").inner_text(), row.get_by_role("cell").nth(1).inner_text()
    row.get_by_role("button").click()
    expect(dialog).to_have_count(0)
    tab.at_step(int(step))
    there = details(tab).get_by_role("region", name="Examples").locator(f".example:has(img[alt^='{number}:'])")
    expect(there.first.locator("img")).to_have_attribute("alt", re.compile(f"predicted {predicted}$"))


def test_texts_are_texts_and_the_nearest_step_with_examples_is_said(board: Any, reopen_tab: Any) -> None:
    tab = reopen_tab(board.url)
    tab.choose("Tag", "texts")
    tab.at_step(1)
    tab.go_to(1, 0)
    details(tab).get_by_role("tab", name="Cell").click()
    section = details(tab).get_by_role("region", name="Examples")
    expect(section).to_contain_text("Step 1 has no examples; these are of step 0")
    expect(section.locator(".example.wrong q")).to_have_text(HOSTILE)
    expect(section.locator("img")).to_have_count(0)
    section.locator(".example.wrong").click()
    dialog = tab.frame.get_by_role("dialog")
    expect(dialog.locator("blockquote")).to_have_text(HOSTILE)
    expect(dialog).to_contain_text("75.0%")
    assert dialog.locator("script").count() == 0


def test_nothing_is_asked_for_where_nothing_was_kept(serve: Any, open_tab: Any, tmp_path: Path) -> None:
    with SummaryWriter(tmp_path / "run") as writer:
        writer.add_confusion_matrix("val", [[5, 2], [1, 9]], 0)
    with serve(tmp_path) as running:
        tab = open_tab(running.url)
        asked: list[str] = []
        tab.page.on("request", lambda request: asked.append(request.url) if "/example_records" in request.url else None)
        tab.go_to(0, 1)
        details(tab).get_by_role("tab", name="Cell").click()
        expect(details(tab).get_by_role("region", name="Examples")).to_have_count(0)
        expect(tab.frame.get_by_role("radio", name="Gallery")).to_have_count(0)
        assert asked == []
