"""Draw the pictures of the documentation from the sample data, into docs/images.

    python docs/pictures.py              all of them
    python docs/pictures.py waterfall    those of that name

A picture is a figure of ``argus_lab.figures`` or what ``al.show`` makes, seen in Chromium in its light form,
at twice its size, with as many colours as it needs; or a page of the dashboards. They are committed; a test
holds how large they may be, and that each is on a page.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bokeh.embed import file_html
from bokeh.model import Model
from bokeh.resources import INLINE
from PIL import Image
from playwright.sync_api import sync_playwright

import argus_lab as al
from argus_lab import figures
from argus_lab.lake.journal import journal_root
from docs.measure_pages import ROOT, sample_lake

if TYPE_CHECKING:
    import pandas as pd
    from playwright.sync_api import Browser

FOLDER = ROOT / "docs" / "images"
PROJECT = "customer-bot"
DEPLOY = "2026-05-11T09:00Z"
WIDTH = 940
COLOURS = 256
FEW = 40


@dataclass(frozen=True)
class Picture:
    """A name, and what is seen."""

    name: str
    made: Callable[[al.Lake], Any]


def _spans(lake: al.Lake) -> pd.DataFrame:
    return lake.spans(project=PROJECT)


def _calls(lake: al.Lake) -> pd.DataFrame:
    spans = _spans(lake)
    return spans[spans["step_kind"] == "llm_call"]


def _first_trace(lake: al.Lake, session: str) -> pd.DataFrame:
    spans = lake.session(session)
    return spans[spans["trace_id"] == spans["trace_id"].iloc[0]]


def _answer(lake: al.Lake) -> pd.DataFrame:
    return lake.trace(_first_trace(lake, "story-hallucinated-tool")["trace_id"].iloc[0])


def _compared(lake: al.Lake) -> pd.DataFrame:
    sides = (lake.spans(project=PROJECT, until=DEPLOY), lake.spans(project=PROJECT, since=DEPLOY))
    return al.compare(*sides)


PICTURES = (
    Picture("waterfall", lambda lake: figures.waterfall(_first_trace(lake, "story-hallucinated-tool"))),
    Picture("slow-waterfall", lambda lake: figures.waterfall(_first_trace(lake, "story-very-slow"))),
    Picture(
        "latency-distribution", lambda lake: figures.latency_distribution(_calls(lake), by="request_model")
    ),
    Picture("latency-over-time", lambda lake: figures.latency_over_time(_calls(lake), every="12h")),
    Picture(
        "tokens-over-time",
        lambda lake: figures.tokens_over_time(_spans(lake), every="1d", by="request_model"),
    ),
    Picture("session-timeline", lambda lake: figures.session_timeline(lake.session("story-gives-up"))),
    Picture("context-growth", lambda lake: figures.context_growth(lake.session("story-context-overflow"))),
    Picture("comparison", lambda lake: figures.comparison(_compared(lake))),
    Picture("show-trace", lambda lake: al.show(_answer(lake))),
    Picture("show-session", lambda lake: al.show(lake.session("story-hallucinated-tool"))),
)


PAGES = {
    "page-sessions": ("sessions", "tbody tr", 760),
    "page-session": ("sessions?session=story-hallucinated-tool&part=result", ".detail .argus-lab", 760),
    "page-session-dark": ("sessions?session=story-runaway-loop", ".detail .argus-lab", 760),
    "page-latency": ("latency", "canvas", 1120),
    "page-tokens": ("tokens", "canvas", 1000),
}
"""Pages of the dashboards: where, what is there once there is something to see, and the height in pixels."""
SETTLED = 6_000


def draw(names: list[str]) -> None:
    """Draw the pictures of these names, or all, and say how large they became."""
    FOLDER.mkdir(exist_ok=True)
    chosen = [picture for picture in PICTURES if not names or picture.name in names]
    of_pages = [name for name in PAGES if not names or name in names]
    with sample_lake() as place, sync_playwright() as programs:
        lake = al.open(place)
        browser = programs.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for picture in chosen:
            _write(picture.name, _seen(browser, picture.made(lake)))
        if of_pages:
            shutil.rmtree(journal_root(str(place)))  # nobody is told that no receiver runs
            with _served(place) as url:
                for name in of_pages:
                    _write(name, _page(browser, url, name))
        browser.close()


def _write(name: str, png: bytes) -> None:
    target = FOLDER / f"{name}.png"
    target.write_bytes(compact(png, FEW if name in PAGES else COLOURS))
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")


@contextmanager
def _served(lake: Path) -> Iterator[str]:
    """The dashboards of a lake, which they call by its name."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "server")])
    command = [sys.executable, "-m", "argus_server", "dashboard", "--no-browser", "--port", "0"]
    command += ["--lake", lake.name]
    process = subprocess.Popen(  # noqa: S603  ours
        command, cwd=lake.parent, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": paths}
    )
    assert process.stdout is not None  # noqa: S101  it is a pipe
    found = re.search(r"http://[\d.:]+", process.stdout.readline())
    assert found  # noqa: S101  it says where it is
    try:
        yield found[0]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def _page(browser: Browser, url: str, name: str) -> bytes:
    where, sign, height = PAGES[name]
    scheme = "dark" if name.endswith("dark") else "light"
    page = browser.new_page(viewport={"width": 1280, "height": height}, color_scheme=scheme)
    page.goto(f"{url}/{where}")
    page.locator(sign).first.wait_for(timeout=120_000)
    page.wait_for_timeout(SETTLED)
    seen = page.screenshot()
    page.close()
    return seen


def _seen(browser: Browser, thing: Any) -> bytes:
    """What a reader sees of the thing, as PNG."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, device_scale_factor=2)
    if isinstance(thing, Model):
        page.set_content(file_html(thing, INLINE, "figure"))
        page.wait_for_function("Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle")
        seen = page.locator(".bk-Figure, .bk-GridPlot, .bk-Column").first.screenshot()
    else:
        page.set_content(f"<body style='margin:0;background:#fff'>{thing._repr_html_()}</body>")
        seen = page.locator(".argus-lab").first.screenshot()
    page.close()
    return seen


def compact(png: bytes, colours: int = COLOURS) -> bytes:
    """The same picture with a palette: a figure has few colours."""
    kept = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(colours, Image.Quantize.FASTOCTREE).save(
        kept, "PNG", optimize=True
    )
    return kept.getvalue()


def main(names: list[str]) -> None:
    """Draw those that are named, else all."""
    draw(names)


if __name__ == "__main__":
    main(sys.argv[1:])
