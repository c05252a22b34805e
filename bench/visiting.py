"""A server of pages and a tab of a real browser: what a step takes, and when it is given up."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Error, Page, sync_playwright

from bench.places import workspace

__all__ = ["HEAD", "Server", "Taken", "answered", "arrived", "line", "read", "served", "step", "tab", "timed"]

PATIENCE_MS = 60_000
"""A step that takes longer is given up, and its line says so."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDE = 58
HEAD = f"{'ms':>9}{'slowest':>9}{'aim':>7}{'CPU ms':>8}{'load':>6}"
PRESSED = """() => {
  window.argusPressed = 0;
  const heard = (event) => { window.argusPressed ||= performance.timeOrigin + event.timeStamp; };
  for (const name of ["pointerdown", "keydown", "input"]) addEventListener(name, heard, { capture: true, once: true });
}"""
"""Notes when the page hears of what a visitor does next, in milliseconds since 1970."""
FIND = """const find = (css, from = document) => {
  const here = from.querySelector(css);
  if (here) return here;
  for (const each of from.querySelectorAll("*")) {
    const found = each.shadowRoot && find(css, each.shadowRoot);
    if (found) return found;
  }
  return null;
};"""
"""Finds an element, within components too."""
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A server of pages in a process of its own, and how long it took until it listened."""

    url: str
    process: subprocess.Popen[str]
    listening_ms: float

    @property
    def memory(self) -> tuple[float, float]:
        """What it holds in memory now, and the most it ever did, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        now, most = (re.search(rf"{name}:\s+(\d+) kB", status) for name in ("VmRSS", "VmHWM"))
        assert now
        assert most
        return int(now[1]) / 1000, int(most[1]) / 1000

    @property
    def cpu_ms(self) -> float:
        """Processor time that it has used, all threads together."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / TICK


@dataclass(frozen=True)
class Taken:
    """What one step took: milliseconds on the clock, and of the server's processor time."""

    ms: float
    cpu_ms: float


def timed(server: Server, *acts: Callable[[], object]) -> Taken:
    """Do these things one after the other; what they took together."""
    begin, cpu = time.perf_counter(), server.cpu_ms
    for act in acts:
        act()
    return Taken((time.perf_counter() - begin) * 1000, server.cpu_ms - cpu)


def read(page: Page, told: str) -> str:
    """What an expression in JavaScript says of the page, which finds elements by ``find(css, from)``."""
    return str(page.evaluate(f"() => {{ {FIND} return {told}; }}"))


def answered(
    page: Page, server: Server, act: Callable[[], object], test: str, before: str | None = None
) -> Taken:
    """What a visitor waits: from the press until ``test`` holds, both by the page's own clock.

    That is an expression in JavaScript, in which ``find(css, from)`` finds an element and ``before`` is given;
    the page looks once for each picture that it draws. Before it presses, the driver looks for tens of
    milliseconds whether that can be done, and as long for what came of it. Nobody waits for that.
    """
    page.evaluate(PRESSED)
    cpu = server.cpu_ms
    act()
    now = "performance.timeOrigin + performance.now()"
    seen = page.wait_for_function(f"(before) => {{ {FIND} return ({test}) && {now}; }}", arg=before)
    return Taken(seen.json_value() - page.evaluate("argusPressed"), server.cpu_ms - cpu)


def arrived(page: Page, server: Server, url: str, css: str) -> Taken:
    """What a visitor waits: from when the browser sets out until it shows such an element, by the page's clock."""
    cpu = server.cpu_ms
    page.goto(url, wait_until="commit")
    visible = "checkVisibility({ visibilityProperty: true, opacityProperty: true })"
    shown = f"found?.getClientRects().length && found.{visible} && performance.now()"
    seen = page.wait_for_function(f"() => {{ {FIND} const found = find({css!r}); return {shown}; }}")
    return Taken(seen.json_value(), server.cpu_ms - cpu)


def line(name: str, taken: Sequence[Taken], aim: int | None = None) -> str:
    """A line of the table: the median, the slowest, what it should be at most, and how busy the machine was."""
    middle, slowest = statistics.median(each.ms for each in taken), max(each.ms for each in taken)
    cpu = statistics.median(each.cpu_ms for each in taken)
    goal = "" if aim is None else format(aim, ",")
    return f"{name:{WIDE}}{middle:9,.0f}{slowest:9,.0f}{goal:>7}{cpu:8,.0f}{os.getloadavg()[0]:6.1f}"


def step(name: str, act: Callable[[], Iterator[str] | list[str]]) -> Iterator[str]:
    """The lines of a step as they come; if the browser waited in vain, one that says for what."""
    try:
        yield from act()
    except (Error, TimeoutError) as error:
        yield f"{name}: GIVEN UP: {' '.join(str(error).split())[:300]}"


@contextmanager
def served(lake: str, cache: str) -> Iterator[Server]:
    """The pages of a lake, with what an earlier server left in ``cache``."""
    command = [sys.executable, "-P", "-m", "argus_server", "dashboard", "--lake", lake, "--port", "0"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_")}
    env["ARGUS_DASHBOARD_CACHE"] = cache
    begin = time.perf_counter()
    with Path(workspace(), "pages.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*command, "--no-browser"], stdout=subprocess.PIPE, stderr=log, text=True, env=env
        )
    assert process.stdout is not None
    found = re.search(r"http://[\d.:]+", process.stdout.readline())
    assert found, "the server of pages did not start"
    try:
        yield Server(found[0], process, (time.perf_counter() - begin) * 1000)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


@contextmanager
def tab() -> Iterator[Page]:
    """A tab of the Chromium of this machine."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        page.set_default_navigation_timeout(PATIENCE_MS)
        yield page
        browser.close()
