"""The dashboard as a file of its own and in a notebook: opened from disk in a real browser, with no server and no network."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import REPORT_VIOLATIONS, Tab
from playwright.sync_api import Browser, expect

from tb_confmat_plugin import ConfusionMatrix, Example, SummaryWriter, show
from tb_confmat_plugin.cli import main

CLASSES, STEPS = 100, 50
NAMES = [f"class {index}" for index in range(CLASSES)]
HOSTILE = ["</script><script>alert(1)</script>", "<!--<script>", '"><img src=x onerror=alert(2)>', "\u2028\u202e'${alert(3)}"]


def matrix(run: int, step: int) -> ConfusionMatrix:
    """10,000 samples; ever fewer are taken for one of the next classes, in later runs fewer still."""
    rng = np.random.default_rng([run, step])
    target = rng.integers(CLASSES, size=10_000)
    wrong = rng.random(len(target)) < 0.6 - 0.1 * run - 0.005 * step
    preds = np.where(wrong, (target + rng.geometric(0.2, len(target))) % CLASSES, target)
    return ConfusionMatrix.from_predictions(preds, target, num_classes=CLASSES, class_names=NAMES)


LAST = matrix(0, STEPS - 1)
WORST = LAST.top_confusions(1)[0]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the command exports of 3 runs, with examples of the worst confusion at the last step of the first."""
    directory = tmp_path_factory.mktemp("report")
    for run in range(3):
        with SummaryWriter(directory / "log" / f"run {run}") as writer:
            for step in range(STEPS):
                examples = None
                if (run, step) == (0, STEPS - 1):
                    grey = [np.full((8, 8), shade) for shade in (0.2, 0.8)]
                    examples = [Example(WORST.true, WORST.predicted, image=image, text="taken for another") for image in grey]
                writer.add_confusion_matrix("val", matrix(run, step), step, examples=examples)
    path: Path = directory / "report.html"
    assert main(["export", "--logdir", str(directory / "log"), "--format", "html", "--output", str(path)]) == 0
    assert path.stat().st_size < 2_000_000
    return path


@pytest.fixture
def open_file(chromium: Browser) -> Iterator[Callable[..., Tab]]:
    """A function: opens a file. The test fails at its end if anything but `expected` was told to the console, or asked for."""
    happened: list[str] = []
    contexts: list[Any] = []

    def open_it(path: Path, link: str = "", in_frame: bool = False, expected: str = "^$", **options: Any) -> Tab:
        def note(text: str) -> None:
            if text != f"request: {path.as_uri()}" and not re.search(expected, text):
                happened.append(text)

        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        context.add_init_script(REPORT_VIOLATIONS)
        page = context.new_page()
        page.on("console", lambda message: note(f"console: {message.text}"))
        page.on("pageerror", lambda error: note(f"exception: {error}"))
        page.on("dialog", lambda dialog: (note(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: note(f"request: {request.url}"))
        page.goto(path.as_uri() + link)
        tab = Tab(page, None if in_frame else page)
        tab.settle()
        return tab

    yield open_it
    for context in contexts:
        context.close()
    assert happened == []


def details(tab: Tab) -> Any:
    return tab.frame.get_by_role("complementary", name="Details")


def view(tab: Tab, name: str) -> None:
    tab.frame.get_by_role("radio", name=name).check()
    tab.settle()


def told_of(counts: ConfusionMatrix, row: int, column: int) -> re.Pattern[str]:
    count = counts.to_dense()[row, column]
    return re.compile(re.escape(f"true {NAMES[row]}, predicted {NAMES[column]}: {count} ({100 * count / counts.support[row]:.1f}%"))


def test_every_view_and_panel_of_a_file(report: Path, open_file: Any) -> None:
    tab = open_file(report)
    tab.at_step(STEPS - 1)
    tab.go_to(3, 4)
    expect(tab.status).to_have_text(told_of(LAST, 3, 4))
    panel = details(tab)
    accuracy = LAST.metrics()["accuracy"]
    expect(panel.get_by_role("row", name="Accuracy", exact=False).first).to_contain_text(f"{accuracy:.3f}")
    panel.get_by_role("tab", name="Classes").click()
    expect(panel.locator(".classes")).to_contain_text(NAMES[0])
    panel.get_by_role("tab", name="Confusions").click()
    row = panel.locator("ol.ranked li").first
    expect(row).to_contain_text(re.compile(f"{WORST.true}.*{WORST.predicted}.*{WORST.count}"))
    row.get_by_role("button").click()
    panel.get_by_role("tab", name="Cell").click()
    expect(panel.get_by_role("heading", level=2)).to_have_text(f"true {WORST.true}, predicted {WORST.predicted}")
    images = panel.get_by_role("region", name="Examples").locator(".example.wrong img")
    expect(images).to_have_count(2)
    assert [image.evaluate("(image) => image.decode().then(() => image.naturalWidth)") for image in images.all()] == [8, 8]

    tab.frame.get_by_role("button", name="All", exact=True).click()
    view(tab, "Compare")
    expect(tab.frame.get_by_label("Legend")).to_contain_text("run 2")
    view(tab, "Difference")
    tab.frame.get_by_label("Baseline step").select_option(label="first")
    expect(tab.matrix).to_contain_text(f"run 0 at step {STEPS - 1} against step 0")
    view(tab, "Timeline")
    expect(tab.frame.locator(".cards li").first).to_contain_text("class")
    view(tab, "Gallery")
    expect(tab.frame.locator(".gallery ol li:has(h3)").first).to_contain_text("2 kept")
    view(tab, "Matrix")
    tab.step.focus()
    tab.page.keyboard.press("Home")
    tab.at_step(0)
    tab.run("run 1").uncheck()
    tab.run("run 0").uncheck()
    tab.go_to(0, 1)
    expect(tab.status).to_have_text(told_of(matrix(2, 0), 0, 1))

    tab.frame.get_by_label("Export", exact=True).click()
    with tab.page.expect_download() as saved:
        tab.frame.get_by_role("button", name="Matrix, JSON").click()
    made = json.loads(Path(saved.value.path()).read_bytes())
    assert ConfusionMatrix.from_coo(made["rows"], made["cols"], made["counts"], CLASSES, made["class_names"]) == matrix(2, 0)


def test_a_link_into_a_file_and_a_dark_page(report: Path, open_file: Any) -> None:
    tab = open_file(report, permissions=["clipboard-read", "clipboard-write"])
    expect(tab.frame.locator(":root.dark")).to_have_count(0)
    view(tab, "Difference")
    tab.run("run 1").check()
    tab.step.focus()
    tab.page.keyboard.press("ArrowLeft")
    tab.at_step(STEPS - 2)
    tab.frame.get_by_role("button", name="Copy link").click()
    expect(tab.frame.get_by_role("button", name="Copy link")).to_have_attribute("title", "Copied")
    link = tab.page.evaluate("() => navigator.clipboard.readText()")
    assert link.startswith(report.as_uri() + "#")
    other = open_file(report, link.removeprefix(report.as_uri()), color_scheme="dark")
    other.at_step(STEPS - 2)
    expect(other.frame.get_by_role("radio", name="Difference")).to_be_checked()
    expect(other.run("run 1")).to_be_checked()
    expect(other.frame.locator(":root.dark")).to_have_count(1)


def test_whatever_names_hold_is_text(open_file: Any, tmp_path: Path) -> None:
    counts = np.arange(16).reshape(4, 4)
    path = tmp_path / "hostile # ?.html"
    show({name: ConfusionMatrix.from_dense(counts, HOSTILE) for name in HOSTILE}).save(path)
    tab = open_file(path)
    for name in HOSTILE:
        expect(tab.run(name)).to_be_visible()
    tab.go_to(1, 0)
    expect(tab.status).to_contain_text(f"true {HOSTILE[1]}, predicted {HOSTILE[0]}: 4 ")
    assert tab.page.locator("script").count() == 3
    assert tab.page.locator("img").count() == 0


def test_no_other_script_runs_and_nothing_is_asked_for(open_file: Any, tmp_path: Path) -> None:
    show([[5, 2], [0, 3]]).save(tmp_path / "matrix.html")
    page = open_file(tmp_path / "matrix.html", expected="Content Security Policy|CSP violation|^request: https://localhost/").page
    refused = page.evaluate("""() => new Promise((resolve) => {
        const refused = new Set();
        addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
            if (refused.add(effectiveDirective).size === 4) resolve([...refused].sort());
        });
        const add = (tag, what) => document.body.append(Object.assign(document.createElement(tag), what));
        add('script', { textContent: 'window.ran = true' });
        add('img', { src: 'https://localhost/image.png' });
        add('link', { rel: 'stylesheet', href: 'https://localhost/style.css' });
        fetch('https://localhost/').catch(() => undefined);
    })""")
    assert refused == ["connect-src", "img-src", "script-src-elem", "style-src-elem"]
    assert not page.evaluate("() => 'ran' in window")


def test_in_a_notebook(open_file: Any, tmp_path: Path) -> None:
    sources = [
        "from tb_confmat_plugin import ConfusionMatrix, show\n"
        "matrix = ConfusionMatrix.from_dense([[50, 2], [7, 41]], ['cat', 'dog'])\nmatrix",
        "show({'before': matrix, 'after': [[51, 1], [9, 39]]})",
    ]
    cells = [
        {"cell_type": "code", "id": str(at), "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for at, source in enumerate(sources)
    ]
    notebook = tmp_path / "notebook.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    # The template "basic" is that of a page around it: others load libraries from elsewhere.
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--template", "basic", "--execute", str(notebook)]
    places = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")  # else in the home directory
    env = {**os.environ, **{place: str(tmp_path / "jupyter") for place in places}}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    tab = open_file(notebook.with_suffix(".html"), in_frame=True)
    expect(tab.page.locator("table caption")).to_contain_text("2 classes")
    tab.go_to(1, 0)
    tab.told("true dog, predicted cat: 7 (14.6% of true dog)")
    tab.run("after").check()
    view(tab, "Compare")
    expect(tab.frame.get_by_label("Legend")).to_contain_text("after")
    expect(tab.frame.get_by_role("button", name="Copy link")).to_have_count(0)
    tab.frame.get_by_label("Export", exact=True).click()
    with tab.page.expect_download() as saved:
        tab.frame.get_by_role("button", name="Picture, PNG").click()
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")
    reached = tab.frame.locator("body").evaluate("() => { try { return parent.document.title; } catch (error) { return error.name; } }")
    assert reached == "SecurityError", "a notebook cannot be reached from its frame"
