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
