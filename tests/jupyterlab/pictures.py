"""Draw the pictures of the chat cell, as it looks in JupyterLab, into docs/images.

    python -m tests.jupyterlab.pictures

What the model says is a script, played by the stand-in for Ollama; everything else is real.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import expect

from argus_lab.testing import Answer, FakeModel, FakeOllama
from argus_lab.testing.answers import pieces
from docs.pictures import FOLDER, compact
from notebooks.receiver import receiving
from tests.browsers import chromium
from tests.jupyterlab.driving import Reader
from tests.jupyterlab.lab import Lab, serving

MODELS = (
    FakeModel(capabilities=("completion", "tools", "thinking")),
    FakeModel(name="qwen3:8b", capabilities=("completion", "tools", "thinking"), parameters="8.2B"),
)
CELL = '''
import argus_lab as al

def orders(customer: str) -> list[dict]:
    """The orders of a customer."""
    return [{"id": 7, "item": "kettle"}, {"id": 9, "item": "mugs"}]

chat = al.Chat("llama3.2", tools=[orders], system="You help customers.")
chat
'''.strip()
PLAIN = 'import argus_lab as al\n\nchat = al.Chat("qwen3:8b")\nchat'
TOOL = Answer(tool_calls=[{"name": "orders", "arguments": {"customer": "Ada"}}], first_s=0.3)
FOUND = """Ada has two orders:

| order | item | state |
|---|---|---|
| 7 | kettle | **sent** |
| 9 | mugs | waiting for stock |

The kettle left yesterday. Shall I ask the warehouse about the mugs?"""
THOUGHT = (
    "The user wants the median of a column by group. In pandas that is a groupby followed by median. "
    "I should show it with the columns of a frame of spans, and say what comes back."
)
CODE = """Group, pick the column, take the median:

```python
spans.groupby("request_model")["duration_ms"].median()
```

You get a Series with one number a model. For percentiles and confidence intervals, `al.latency` does the
same with more"""


def draw() -> None:
    """Draw them all and say how large they became."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory(prefix="argus-pictures-")))
        ollama = stack.enter_context(FakeOllama(MODELS))
        variables = stack.enter_context(receiving(OLLAMA_HOST=ollama.url))
        lab = stack.enter_context(serving("jupyterlab", place, variables))
        browser = stack.enter_context(chromium())

        def cell(name: str, code: str) -> Reader:
            lab.write(f"{name}.ipynb", code)
            reader = Reader(browser, lab, f"{name}.ipynb", device_scale_factor=2)
            return reader.open().at(0)

        for theme, draws in (("JupyterLab Light", (_light, _trace)), ("JupyterLab Dark", (_dark, _thinking))):
            _choose(lab, theme)
            for each in draws:
                each(cell, ollama)


def _light(cell: Callable[[str, str], Reader], ollama: FakeOllama) -> None:
    _picture(_served(cell("light", CELL), ollama), "chat-light")


def _dark(cell: Callable[[str, str], Reader], ollama: FakeOllama) -> None:
    _picture(_served(cell("dark", CELL), ollama), "chat-dark")


def _trace(cell: Callable[[str, str], Reader], ollama: FakeOllama) -> None:
    reader = _served(cell("trace", CELL), ollama)
    reader.press("Trace", reader.turn())
    reader.turn().locator(".ac-trace .al-label").first.wait_for()
    reader.chat.locator(".ac-list").evaluate("each => { each.style.maxHeight = 'none' }")
    reader.page.set_viewport_size({"width": 1240, "height": 1500})
    _picture(reader, "chat-trace")


def _thinking(cell: Callable[[str, str], Reader], ollama: FakeOllama) -> None:
    reader = cell("thinking", PLAIN)
    reader.page.set_viewport_size({"width": 1240, "height": 1300})
    shown = len(pieces(THOUGHT)) + len(pieces(CODE))
    ollama.say(f"{CODE} detail.", thinking=THOUGHT, piece_s=0.03, pauses={shown: 60.0})
    reader.say("How do I get the median duration by model?")
    reader.turn().locator(".ac-thinking summary").click()
    expect(reader.turn().locator(".ac-parts > .ac-text")).to_contain_text("same with more", timeout=60_000)
    _picture(reader, "chat-thinking")
    reader.press("Stop")
    reader.close()


def _served(reader: Reader, ollama: FakeOllama) -> Reader:
    """A turn with a tool, its call opened."""
    ollama.say(TOOL)
    ollama.say(FOUND, piece_s=0.02)
    reader.say("Where are Ada's orders?")
    turn = reader.answered()
    turn.locator(".al-prose table").wait_for()
    return reader


def _picture(reader: Reader, name: str) -> None:
    reader.page.mouse.move(5, 5)
    reader.area.evaluate("each => each.blur()")
    reader.page.wait_for_timeout(400)
    target = FOLDER / f"{name}.png"
    target.write_bytes(compact(reader.code.screenshot()))
    print(f"{target.name}: {target.stat().st_size:,} bytes")  # noqa: T201  it says what it wrote
    if reader.complaints:
        sys.exit(f"{name}: {reader.complaints}")


def _choose(lab: Lab, theme: str) -> None:
    """The theme of the pages that are opened from now on."""
    told = lab.settings / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
    told.parent.mkdir(parents=True, exist_ok=True)
    told.write_text(json.dumps({"theme": theme}), encoding="utf-8")


if __name__ == "__main__":
    draw()
