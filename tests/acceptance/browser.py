"""A real chromium for page tests, and where their screenshots go (DIPTYCH_SCREENSHOTS, else nowhere)."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",  # chromium refuses to run as root otherwise; only pages of this machine are opened
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("chromium is not installed, and could not be without root: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def picture(page: Page, name: str, guide: str = "") -> None:
    """A screenshot of the whole page, for somebody to look at; `guide`: also one for docs/images, of what is in the window."""
    folder = os.environ.get("DIPTYCH_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    if guide:
        guide_picture(page, guide)


def guide_picture(page: Page, name: str) -> None:
    """A small picture for the guide (GUIDE_IMAGES, else nowhere): the window, from the top of the page."""
    folder = os.environ.get("GUIDE_IMAGES")
    if not folder:
        return
    page.evaluate("scrollTo(0, 0)")
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": 70})
    session.detach()
    (Path(folder) / f"{name}.webp").write_bytes(base64.b64decode(taken["data"]))
