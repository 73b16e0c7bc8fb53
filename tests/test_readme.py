"""Every snippet of the README runs, and every command in it exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_snippet_runs(snippet: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", snippet], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if "SummaryWriter" in snippet:
        assert list(tmp_path.glob("runs/*/*tfevents*")), "it logged"


def test_there_are_snippets_to_run() -> None:
    assert len(SNIPPETS) == 6


def test_every_make_target_named_exists() -> None:
    named = set(re.findall(r"`?make (\w+)", README))
    assert {"demo", "test", "check", "build", "bench", "picture"} <= named
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert named <= targets


def test_every_link_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert {"docs/dashboard.png", "docs/logs.md"} <= set(links)
    assert [link for link in links if not (ROOT / link).is_file()] == []
