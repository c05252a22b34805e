"""Run notebooks and write them with their outputs, figures as pictures.

::

    python -m notebooks.render              # all of them
    python -m notebooks.render 03 06        # those whose names begin so

A Bokeh figure is a script, and scripts run neither on GitHub nor in a notebook that nobody trusts yet. What
is committed has a picture in the figure's place, made by the same script in Chromium. Whoever runs the cell
has the figure itself again.
"""

from __future__ import annotations

import base64
import shutil
import struct
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from bokeh.resources import INLINE
from nbclient import NotebookClient
from playwright.sync_api import sync_playwright

from notebooks.receiver import READERS_PORT, SENDERS, environment, receiving

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playwright.sync_api import Page

HERE = Path(__file__).resolve().parent
SCRIPT, FIGURE = "application/javascript", "application/vnd.bokehjs_exec.v0+json"
LOADER = "application/vnd.bokehjs_load.v0+json"
SHARP = 2
"""Pixels of the pictures for each pixel of the page: screens have two today."""

WIDTH = 1000
CELL_TIMEOUT_S = 600


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook with fresh outputs, as its reader's kernel makes them."""
    notebook = nbformat.read(path, as_version=4)
    around = receiving(READERS_PORT) if path.name in SENDERS else nullcontext({})
    with around as found:
        place = {"metadata": {"path": str(HERE)}}
        client = NotebookClient(notebook, timeout=CELL_TIMEOUT_S, kernel_name="python3", resources=place)
        client.execute(env=environment(**found))
    return notebook


def pictured(cell: nbformat.NotebookNode, page: Page) -> list[Any]:
    """The outputs of a cell with a picture in the place of each figure, and without what loads scripts."""
    made: list[Any] = []
    for output in cell.outputs:
        data = output.get("data", {})
        if LOADER in data:
            continue
        if FIGURE in data:
            frame = made.pop()["data"]["text/html"]  # Bokeh shows an empty element first, then its script
            image = _screenshot(frame, data[SCRIPT], page)
            made.append(_output(image, words=cell.source.strip().splitlines()[-1]))
        else:
            made.append(output)
    return made


def _screenshot(frame: str, script: str, page: Page) -> bytes:
    style = "<style>body { margin: 0; background: white }</style>"
    page.set_content(f"{INLINE.render()}{style}<main>{frame}</main>")
    page.evaluate(script)
    page.wait_for_function("Bokeh.documents.length && Bokeh.documents.every(each => each.is_idle)")
    return page.locator("main").screenshot()


def _output(image: bytes, words: str) -> nbformat.NotebookNode:
    width, height = (pixels // SHARP for pixels in struct.unpack(">II", image[16:24]))  # a PNG's first chunk
    picture = base64.b64encode(image).decode()
    return nbformat.v4.new_output(
        "display_data",
        data={"image/png": picture, "text/plain": f"[picture of the figure] {words}"},
        metadata={"image/png": {"width": width, "height": height}},
    )


def render(paths: Iterable[Path]) -> None:
    """Run each and write it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": 800}, device_scale_factor=SHARP)
        for path in paths:
            notebook = executed(path)
            for cell in notebook.cells:
                cell.metadata.pop("execution", None)
                if cell.cell_type == "code":
                    cell.outputs = pictured(cell, page)
            notebook.metadata["language_info"] = {"name": "python"}
            nbformat.write(notebook, path)
            print(f"{path.name}: {path.stat().st_size:,} bytes")
        browser.close()


if __name__ == "__main__":
    named = tuple(sys.argv[1:]) or ("",)
    render(path for path in sorted(HERE.glob("*.ipynb")) if path.name.startswith(named))
