"""What a browser has to load before the tab shows anything."""

import gzip
import re
from pathlib import Path

import pytest

import tb_confmat_plugin

SOURCES = Path(__file__).parents[1] / "frontend" / "src"
BUNDLE = Path(tb_confmat_plugin.__file__).with_name("static") / "index.js"


def test_the_bundle_is_light() -> None:
    assert len(gzip.compress(BUNDLE.read_bytes(), 9)) < 120_000


def test_the_bundle_asks_for_nothing_else() -> None:
    source = BUNDLE.read_text("utf-8")
    assert "sourceMappingURL" not in source
    assert "import(" not in source


def test_the_bundle_may_stand_in_a_page() -> None:
    """As may the licenses: nothing in them ends a script, or begins what hides its end."""
    for file in (BUNDLE, BUNDLE.with_name("LICENSES.txt")):
        text = file.read_bytes().lower()
        assert text.isascii()
        assert [part for part in (b"</script", b"<!--", b"<script", b"\r", b"\0") if part in text] == []


OF_CODE = [r"\beval\b", r"\bFunction\s*\(", r"document\.write", r"set(?:Timeout|Interval)\(\s*[\"'`]", r"importScripts"]
OF_MARKUP = r"\w*(?:inner|outer)HTML|insertAdjacentHTML|createContextualFragment|DOMParser|srcdoc"


@pytest.mark.parametrize("pattern", OF_CODE)
def test_the_bundle_makes_no_code_from_text(pattern: str) -> None:
    """Under a Content-Security-Policy without 'unsafe-eval' the browser tests run it; here it is told by name."""
    assert re.findall(pattern, BUNDLE.read_text("utf-8")) == []


def test_the_bundle_names_no_server() -> None:
    """Names of XML's that are never asked for, and the schema that an exported chart refers to."""
    names = set(re.findall(r"(?:https?|wss?):/{2}[^\s\"'`)]+", BUNDLE.read_text("utf-8")))
    assert {name for name in names if not name.startswith("http://www.w3.org/")} == {"https://vega.github.io/schema/vega-lite/v6.json"}


def test_the_sources_make_no_markup_from_text() -> None:
    """What a log holds becomes text nodes and attributes, which run nothing."""
    sources = sorted(SOURCES.rglob("*.ts*"))
    found = [f"{path.name}: {word}" for path in sources for word in re.findall(OF_MARKUP, path.read_text("utf-8"))]
    assert found == []
    assert len(sources) > 40, "nothing was looked at"
