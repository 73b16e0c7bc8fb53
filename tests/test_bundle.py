"""What a browser has to load before the tab shows anything."""

import gzip
from pathlib import Path

import tb_confmat_plugin

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
