"""The chat cell in the widget manager of VS Code's Jupyter extension: real kernel, receiver and Chromium.

VS Code itself is not here, since its Jupyter extension comes from no package registry; see webview.js for
what stands in its place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from argus_lab.testing import Answer, FakeModel, FakeOllama
from notebooks.receiver import receiving
from tests.browsers import chromium
from tests.jupyterlab.lab import Lab, serving
from tests.vscode.webview import PACKAGES, SERVED, THEMES, Webview
from tests.widgets.browser import hard_to_read
from tests.widgets.chatting import PATIENCE_MS

pytestmark = pytest.mark.slow

ALONE = {"JUPYTER_NO_CONFIG": "1"}
"""The server without its extensions, which take a while to load and are nothing to VS Code."""
CELL = 'import argus_lab as al\nchat = al.Chat("llama3.2")\nchat'
ENDLESS = Answer(content="one two three four five six seven eight nine ten " * 9, held={60: Event()})
"""An answer that stands still in the middle, and goes on only when it is stopped."""
RICH = """A list, `code`, a [link](https://example.org) and a table:

- one
- two

> quoted

| order | state |
|---|---|
| 7 | **sent** |

```python
spans.groupby("model")
```
"""


@dataclass
class Place:
    """All that runs for these tests."""

    ollama: FakeOllama
    lab: Lab
    browser: Browser
    cell: Webview
    views: list[Webview] = field(default_factory=list)

    def view(self) -> Webview:
        """Another webview, with nothing in it yet."""
        self.views.append(Webview(self.browser, self.lab))
        return self.views[-1]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A stand-in for Ollama, a receiver, a Jupyter server, Chromium, and a cell that has been run."""
    if not (PACKAGES / ".installed").exists():
        pytest.fail(f"{PACKAGES} is missing: run the tests with `make test`, which installs it.")
    with ExitStack() as stack:
        ollama = stack.enter_context(FakeOllama([FakeModel(capabilities=("completion", "thinking"))]))
        variables = stack.enter_context(receiving(OLLAMA_HOST=ollama.url))
        folder = tmp_path_factory.mktemp("vscode")
        lab = stack.enter_context(serving("jupyter_server", folder, ALONE | variables, SERVED))
        browser = stack.enter_context(chromium())
        cell = Webview(browser, lab).connect().run(CELL)
        yield Place(ollama, lab, browser, cell)
        cell.close()


@pytest.fixture
def place(running: Place) -> Iterator[Place]:
    """The same; at the end no browser has had anything to complain about, nor asked anybody else."""
    yield running
    seen = [running.cell, *running.views]
    complaints = [words for view in seen for words in view.complaints]
    for view in seen:
        view.complaints.clear()
    for view in running.views:
        view.close()
    running.views.clear()
    running.cell.wear("vscode-light")
    assert not complaints
    assert not running.cell.page.evaluate("[...webview.failed, ...webview.lost]")


def _until(true: Callable[[], Any], seconds: float = PATIENCE_MS / 1000) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_an_answer_appears_while_it_is_made(place: Place):
    """Nothing typed is lost, tokens are in the page before the answer has ended; then it is Markdown."""
    more, end = Event(), Event()
    words = "A **cold start** takes a while. " + "And so on. " * 60
    place.ollama.say(words, thinking="Hm.", held={10: more, 60: end})
    asked = "What is a cold start? (dd, a, b, x, Z, 1, m, y)"
    cell = place.cell
    cell.say(asked)
    text = cell.chat.locator(".ac-turn").last.locator(".ac-parts > .ac-text")
    expect(text).to_contain_text("**cold", timeout=PATIENCE_MS)
    seen = text.inner_text()
    assert not place.ollama.chats[-1].is_over
    assert place.ollama.chats[-1].body["messages"][-1]["content"] == asked
    more.set()
    later = _until(lambda: len(now) > len(seen) + 20 and now if (now := text.inner_text()) else None)
    assert later.startswith(seen)
    assert not place.ollama.chats[-1].is_over
    cell.area.press_sequentially("Typed while it streams")
    end.set()
    turn = cell.answered()
    expect(turn.locator("strong", has_text="cold start")).to_be_visible()
    expect(turn.locator(".ac-numbers")).to_contain_text("tokens/s")
    expect(cell.area).to_have_value("Typed while it streams")
    cell.area.fill("")


def test_stop_stops_the_model(place: Place):
    """The button and Esc: the request to Ollama is closed, and VS Code hears nothing of Enter and Esc."""
    cell = place.cell
    for stop in (lambda: cell.press("Stop"), lambda: cell.area.press("Escape")):
        place.ollama.say(ENDLESS)
        cell.say("Tell me everything.")
        cell.chat.locator(".ac-turn").last.locator(".ac-parts > .ac-text").wait_for()
        stop()
        _until(lambda: place.ollama.chats[-1].is_over)
        assert place.ollama.chats[-1].was_cancelled
        expect(cell.answered().locator(".ac-numbers")).to_contain_text("stopped")
    assert "Escape" not in cell.page.evaluate("heard")
    assert "Enter" not in cell.page.evaluate("heard")


def test_settings_open_and_hold(place: Place):
    """By keys, too, though the extension presses buttons itself; what was typed is sent to Ollama."""
    cell = place.cell
    opener = cell.chat.get_by_role("button", name="Settings", exact=True)
    group = cell.chat.get_by_role("group", name="Settings")
    for key in ("Enter", "Space"):
        opener.focus()
        opener.press(key)
        expect(group).to_be_visible()
        opener.click()
        expect(group).to_be_hidden()
    opener.click()
    cell.chat.get_by_label("System prompt").fill("Be brief.")
    cell.chat.get_by_label("temperature").fill("0.3")
    cell.chat.get_by_label("temperature").press("Tab")
    place.ollama.say("Yes.")
    cell.say("Are you there?")
    cell.answered()
    body = place.ollama.chats[-1].body
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["options"]["temperature"] == 0.3
    opener.click()
    expect(group).to_be_hidden()


def test_the_trace_opens_in_the_cell(place: Place):
    """The waterfall of the turn, out of the lake, beneath it; each step opens and can be read."""
    cell = place.cell
    place.ollama.say("Here you are.", thinking="Hm.")
    cell.say("Show me your trace.")
    turn = cell.answered()
    cell.press("Trace", turn)
    trace = turn.locator(".ac-trace")
    expect(trace.locator(".al-label", has_text="llama3.2").first).to_be_visible(timeout=PATIENCE_MS)
    trace.locator("summary.al-row").last.click()
    expect(trace.locator("details[open] .al-body").last).to_be_visible()
    for theme in ("vscode-light", "vscode-dark"):
        cell.wear(theme)
        assert not hard_to_read(cell.page, ".ac-turn:last-child .ac-trace")
    cell.press("Trace", turn)


@pytest.mark.parametrize("theme", THEMES)
def test_words_can_be_read(place: Place, theme: str):
    """In each kind of theme, on grounds of our own: live, and in the copy of a notebook without a kernel."""
    place.ollama.say(RICH, thinking="Hm.")
    cell = place.cell
    cell.say("Say something with everything in it.")
    cell.answered()
    cell.press("Settings")
    cell.wear(theme)
    assert not hard_to_read(cell.page)
    cell.press("Settings")
    copy = place.view().open(cell.saved())
    copy.wear(theme)
    assert not hard_to_read(copy.page, ".argus-lab")
    ground = "getComputedStyle(document.querySelector('.argus-lab')).backgroundColor"
    assert copy.page.evaluate(ground) == cell.page.evaluate(ground)
    light = theme.endswith("light")
    around = "getComputedStyle(document.querySelector('.cell-output-ipywidget-background')).backgroundColor"
    assert cell.page.evaluate(around) == "rgba(0, 0, 0, 0)"
    heads = "[...document.querySelectorAll('thead')].map(each => getComputedStyle(each).backgroundColor)"
    assert set(copy.page.evaluate(heads)) == {"rgba(0, 0, 0, 0)"}
    assert copy.page.evaluate(ground) == ("rgb(255, 255, 255)" if light else "rgb(20, 24, 29)")


def test_a_saved_notebook_shows_the_conversation_without_a_kernel(place: Place):
    """The copy is hidden beside the live cell, has each turn once it is over, and is all there is later."""
    cell = place.cell
    expect(cell.kept).to_be_hidden()
    place.ollama.say("The answer is **42**.")
    cell.say("What is the answer?")
    cell.answered()
    expect(cell.kept).to_contain_text("The answer is 42.", timeout=PATIENCE_MS)
    copy = place.view().open(cell.saved())
    expect(copy.kept).to_be_visible()
    expect(copy.kept.locator("strong", has_text="42")).to_be_visible()
    assert copy.page.locator(".output").last.inner_text() == ""


def test_the_kernel_is_restarted(place: Place):
    """VS Code tells the cell nothing of it: it says so when one writes, loses no word, and begins anew."""
    cell = place.cell
    cell.restart()
    cell.area.press_sequentially("Are you still there?")
    cell.area.press("Enter")
    expect(cell.chat.locator(".ac-notice")).to_contain_text("run the cell again")
    expect(cell.area).to_have_value("Are you still there?")
    cell.run(CELL)
    place.ollama.say("Here I am.")
    cell.say("Are you there now?")
    expect(cell.answered().locator(".ac-parts")).to_contain_text("Here I am.")
