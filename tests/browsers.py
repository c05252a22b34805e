"""The one browser of the tests: the system's Chromium, and how long it may stay open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """A Chromium that is closed at the end.

    A fixture that holds one lasts a module at most: while Playwright is open, its event loop counts as the
    running one of the thread, and whatever calls ``asyncio.run`` there fails.
    """
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", *arguments]
        )
        yield browser
        browser.close()
