"""Takes the README's picture: the tab on the demo's log, as a user sees it.

python tests/browser/picture.py --logdir runs/digits --output docs/dashboard.png
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2] / "demo"))
from serve import launch

STEP_KEYS = 16  # to the left of the last: an early epoch, with something to see


def main() -> None:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description="Take a screenshot of the tab.")
    parser.add_argument("--logdir", default="runs/digits")
    parser.add_argument("--output", default="docs/dashboard.png")
    args = parser.parse_args()
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-background-networking"])
        page = browser.new_page(viewport={"width": 1360, "height": 800}, device_scale_factor=1.5)
        page.goto(launch(args.logdir, 0) + "#confusion_matrix")
        frame = page.frame_locator("iframe")
        frame.get_by_role("checkbox").first.wait_for()
        for checkbox in frame.get_by_role("checkbox").all():
            checkbox.check()
        frame.get_by_role("radio", name="Compare").check()
        frame.get_by_label("Normalize").select_option(label="% of true")
        frame.get_by_role("slider", name="Step").focus()
        for _ in range(STEP_KEYS):
            page.keyboard.press("ArrowLeft")
        frame.get_by_role("slider", name="Step").blur()
        frame.get_by_label("Find a class").fill("nine")
        page.keyboard.press("Enter")
        expect(frame.get_by_role("heading", name="nine")).to_be_visible()
        frame.get_by_label("Confusion matrix", exact=True).focus()
        page.keyboard.press("0")
        page.wait_for_timeout(1500)
        page.screenshot(path=args.output)
        browser.close()


if __name__ == "__main__":
    main()
