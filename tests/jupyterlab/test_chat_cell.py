"""The chat cell as its reader meets it: a real JupyterLab in Chromium, a real receiver, Ollama's protocol."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from argus_lab.testing import Answer, FakeModel, FakeOllama
from notebooks.receiver import free_port, receiving
from tests.browsers import chromium
from tests.chat.conftest import Wire
from tests.display.payloads import PAYLOADS
from tests.jupyterlab.driving import Reader
from tests.jupyterlab.lab import Lab, serving
from tests.widgets.chatting import PATIENCE_MS
from tests.widgets.pages import KeptPage

pytestmark = pytest.mark.slow

CELL = 'import argus_lab as al\nchat = al.Chat("llama3.2")\nchat'
ENDLESS = Answer(content="one two three four five six seven eight nine ten " * 9, held={60: Event()})
"""An answer that stands still in the middle, and goes on only when it is stopped."""
THINKER = FakeModel(name="qwen3:latest", capabilities=("completion", "tools", "thinking"))
BIG = FakeModel(name="gemma3:latest", size=3_000_000_000)
HOSTILE = [payload for payload in PAYLOADS if len(payload) < 1_000]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


BUSY = """
import time
print('computes')
while chat.transcript.is_running:
    time.sleep(0.05)
print('computed')
"""
TOOLS = '''
import argus_lab as al

def weather(city: str) -> dict:
    """The weather in a city."""
    if city == "Atlantis":
        raise KeyError(city)
    return {"city": city, "degrees": 18}

chat = al.Chat("llama3.2", tools=[weather])
chat
'''
AT = 'import argus_lab as al\nchat = al.Chat("llama3.2", url="{url}")\nchat'
SCRIPT = """
import argus_lab as al
chat = al.Chat("llama3.2", project="scripts")
turn = await chat.send("Hello?")
again = chat.ask("And now?")
print(turn.answer, again.answer, sorted(chat.trace()["step_kind"].dropna().unique()))
print(len(chat.messages()), chat.spans()["project"].unique().tolist())
chat
"""
CELLS = {
    "plain": CELL,
    "busy": CELL,
    "computing": BUSY,
    "again": CELL,
    "tools": TOOLS,
    "errors": CELL,
    "missing": CELL.replace("llama3.2", "gemma3"),
    "settings": CELL,
    "pictures": CELL,
    "keys": CELL,
    "pasted": CELL,
    "absent": CELL.replace("llama3.2", "phi4"),
    "script": SCRIPT,
    "said": "print(chat.transcript.turns[-1].answer)",
}
"""The cells of the notebook that most tests share: opening JupyterLab takes longer than all they do in it."""

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Place:
    """All that runs for these tests."""

    ollama: FakeOllama
    lab: Lab
    browser: Browser
    variables: dict[str, str]
    readers: list[Reader] = field(default_factory=list)
    shared: Reader | None = None

    def read(self, name: str, *cells: str, kind: str = "lab", **options: Any) -> Reader:
        """A notebook of these cells, in a tab."""
        self.lab.write(name, *(cells or (CELL,)))
        return self.again(name, kind=kind, **options)

    def again(self, name: str, *, kind: str = "lab", **options: Any) -> Reader:
        """A notebook that is there, in a tab."""
        self.readers.append(Reader(self.browser, self.lab, name, kind=kind, **options))
        return self.readers[-1]

    def cell(self, name: str) -> Reader:
        """A cell of the shared notebook, run anew."""
        if self.shared is None:
            self.lab.write("shared.ipynb", *CELLS.values())
            self.shared = Reader(self.browser, self.lab, "shared.ipynb").open()
        return self.shared.at([*CELLS].index(name))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A stand-in for Ollama, a receiver, JupyterLab and Chromium."""
    with ExitStack() as stack:
        models = [FakeModel(capabilities=("completion", "tools", "thinking", "vision")), THINKER]
        ollama = stack.enter_context(FakeOllama(models, registry=[BIG, "phi4"]))
        variables = stack.enter_context(receiving(OLLAMA_HOST=ollama.url))
        place = tmp_path_factory.mktemp("jupyterlab")
        lab = stack.enter_context(serving("jupyterlab", place, variables))
        yield Place(ollama, lab, stack.enter_context(chromium()), dict(variables))


@pytest.fixture
def place(running: Place) -> Iterator[Place]:
    """The same; at the end the browser has had nothing to complain about, and has asked nobody else."""
    running.readers.clear()
    running.ollama._queued.clear()  # noqa: SLF001  what a test that failed did not use
    yield running
    seen = [*running.readers, *([running.shared] if running.shared else [])]
    complaints = [words for reader in seen for words in reader.complaints]
    outside = [address for reader in seen for address in reader.outside]
    for reader in running.readers:
        reader.close()
    assert not outside
    assert not complaints


def _until(true: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def _stored_html(lab: Lab, name: str) -> str:
    outputs = lab.stored(name).cells[0].outputs
    return "".join(output.data.get("text/html", "") for output in outputs if "data" in output)


def test_an_answer_appears_while_it_is_made(place: Place):
    """Tokens are in the page before the answer has ended; then it is Markdown, with its numbers beneath."""
    more, end = Event(), Event()
    place.ollama.say(
        "A **cold start** takes a while. " + "And so on. " * 60,
        thinking="Hm. Let me see.",
        held={10: more, 60: end},
    )
    reader = place.cell("plain")
    reader.say("What is a cold start?")
    text = reader.turn().locator(".ac-parts > .ac-text")
    expect(text).to_contain_text("**cold")
    seen = text.inner_text()
    assert not place.ollama.chats[-1].is_over
    expect(reader.chat.get_by_role("button", name="Stop")).to_be_visible()
    more.set()
    later = _until(lambda: len(now) > len(seen) + 20 and now if (now := text.inner_text()) else None)
    assert later.startswith(seen)
    assert not place.ollama.chats[-1].is_over
    end.set()
    turn = reader.answered()
    expect(turn.locator("strong", has_text="cold start")).to_be_visible()
    numbers = turn.locator(".ac-numbers").inner_text()
    assert re.search(r"[\d,.]+ tokens/s · first token after .* · \d+ tokens in, \d+ out · took", numbers), (
        numbers
    )
    expect(turn.locator("details.al-fold > summary", has_text="thinking")).to_be_visible()
    assert place.ollama.chats[-1].body["options"]["num_predict"] == 4096


def test_stop_stops_the_model(place: Place):
    """The button and Esc: the request to Ollama is closed, what came stays, and one can go on."""
    reader = place.cell("plain")
    for stop in (lambda: reader.press("Stop"), lambda: reader.area.press("Escape")):
        place.ollama.say(ENDLESS)
        reader.say("Tell me everything.")
        reader.turn().locator(".ac-parts > .ac-text").wait_for()
        stop()
        _until(lambda: place.ollama.chats[-1].is_over)
        assert place.ollama.chats[-1].was_cancelled
        turn = reader.answered()
        expect(turn.locator(".ac-numbers")).to_contain_text("stopped")
        expect(turn.locator(".ac-parts")).to_contain_text("one two")
    place.ollama.say("Fine.")
    reader.say("Just say it is fine.")
    expect(reader.answered().locator(".ac-parts")).to_contain_text("Fine.")


def test_stop_reaches_a_kernel_that_is_busy(place: Place):
    """While another cell computes, the answer goes on streaming, and Stop still stops it.

    The cell computes until the answer is over: were Stop to wait for the cell, both would wait for ever.
    """
    reader = place.cell("busy")
    more = Event()
    place.ollama.say(ENDLESS, held={20: more, 60: Event()})
    reader.say("Tell me everything.")
    text = reader.turn().locator(".ac-parts > .ac-text")
    text.wait_for()
    reader.run([*CELLS].index("computing"))
    expect(reader.page.locator(".jp-CodeCell").nth([*CELLS].index("computing"))).to_contain_text("computes")
    seen = len(text.inner_text())
    more.set()
    _until(lambda: len(text.inner_text()) > seen)
    reader.press("Stop")
    _until(lambda: place.ollama.chats[-1].was_cancelled)
    expect(reader.answered().locator(".ac-numbers")).to_contain_text("stopped")
    computed = reader.page.locator(".jp-CodeCell").nth([*CELLS].index("computing"))
    expect(computed.locator(".jp-OutputArea-output").last).to_contain_text("computed")


def test_regenerate_and_edit(place: Place):
    """The last answer anew; an earlier question changed, and what came after it taken back."""
    reader = place.cell("again")
    for answer in ("First.", "Second."):
        place.ollama.say(answer)
        reader.say(f"Question for {answer}")
        expect(reader.answered().locator(".ac-parts")).to_contain_text(answer)
    place.ollama.say("Better.")
    reader.press("Regenerate", reader.turn())
    expect(reader.answered().locator(".ac-parts")).to_contain_text("Better.")
    assert [message["content"] for message in place.ollama.chats[-1].body["messages"]] == [
        "Question for First.",
        "First.",
        "Question for Second.",
    ]
    place.ollama.say("Edited.")
    reader.turn(0).hover()
    reader.press("Edit", reader.turn(0))
    reader.chat.get_by_label("Edit your message").fill("Another question")
    reader.press("Send again")
    expect(reader.chat.locator(".ac-turn")).to_have_count(1)
    expect(reader.answered().locator(".ac-parts")).to_contain_text("Edited.")
    assert [message["content"] for message in place.ollama.chats[-1].body["messages"]] == ["Another question"]


def test_tools_and_the_trace(place: Place):
    """A function of the notebook is called; its call is shown, and so is the trace."""
    place.ollama.say(tool_calls=[{"name": "weather", "arguments": {"city": "Berlin"}}])
    place.ollama.say("It is 18 degrees.")
    reader = place.cell("tools")
    reader.say("How is the weather in Berlin?")
    turn = reader.answered()
    call = turn.locator(".al-call")
    expect(call).to_contain_text("weather(city='Berlin')")
    call.locator("summary").click()
    expect(call).to_contain_text("degrees: 18")
    expect(turn.locator(".ac-parts")).to_contain_text("It is 18 degrees.")
    expect(turn.locator(".ac-numbers")).to_contain_text("2 model calls")
    reader.press("Trace", turn)
    trace = turn.locator(".ac-trace")
    for name in ("chat turn", "llama3.2", "weather"):
        expect(trace.locator(".al-label", has_text=name).first).to_be_visible()
    assert trace.locator(".al-bar").count() >= 4
    place.ollama.say(tool_calls=[{"name": "weather", "arguments": {"city": "Atlantis"}}])
    place.ollama.say("I cannot tell.")
    reader.say("And in Atlantis?")
    expect(reader.answered().locator(".al-call")).to_contain_text("failed")


def test_errors_are_lines_with_their_cure(place: Place):
    """A model that fails half way: a clear line, Retry, and the conversation goes on."""
    place.ollama.say("It began well", error="llama runner process has terminated")
    reader = place.cell("errors")
    reader.say("Go on.")
    turn = reader.answered()
    expect(turn.locator(".ac-wrong")).to_contain_text("llama runner process has terminated")
    expect(turn.locator(".ac-parts")).to_contain_text("It began well")
    place.ollama.say("It ended well.")
    reader.press("Retry", turn)
    expect(reader.answered().locator(".ac-parts")).to_contain_text("It ended well.")
    expect(reader.chat.locator(".ac-turn")).to_have_count(1)


def test_a_missing_model_is_pulled(place: Place):
    """Said at once, pulled with its progress shown, and then it answers."""
    place.ollama.api.pull_s = 2.0
    reader = place.cell("missing")
    notice = reader.chat.locator(".ac-notice")
    expect(notice).to_contain_text("gemma3 is not installed.")
    reader.say("Hello?")
    expect(reader.answered().locator(".ac-wrong")).to_contain_text("gemma3")
    reader.press("Pull gemma3")
    bar = reader.chat.get_by_role("progressbar")
    bar.wait_for()
    shares = {bar.evaluate("each => each.value")}
    expect(notice).to_contain_text("of 3.0 GB")
    while bar.count():
        shares.add(reader.page.evaluate("document.querySelector('.argus-chat progress')?.value ?? 1"))
    assert len(shares) >= 3
    expect(reader.chat.get_by_label("Model", exact=True).locator("option:checked")).to_contain_text("3.2B")
    expect(notice).to_be_hidden()
    place.ollama.say("Here I am.")
    reader.press("Retry")
    expect(reader.answered().locator(".ac-parts")).to_contain_text("Here I am.")


def test_a_pull_is_stopped(place: Place):
    """Stop ends the download and says so; pulled again, it goes on from there."""
    place.ollama.api.pull_s = 600.0
    reader = place.cell("absent")
    notice = reader.chat.locator(".ac-notice")
    reader.press("Pull phi4")
    expect(notice).to_contain_text("Pulling phi4")
    reader.press("Stop", notice)
    expect(notice).to_contain_text("stopped")
    assert _until(lambda: [one for one in place.ollama.received if one.path == "/api/pull"][-1].was_cancelled)
    place.ollama.api.pull_s = 0.0
    reader.press("Pull phi4", notice)
    expect(notice).to_be_hidden()
    place.ollama.say("Here I am, too.")
    reader.say("Hello?")
    expect(reader.answered().locator(".ac-parts")).to_contain_text("Here I am, too.")


def test_the_receiver_is_down_when_it_is_asked(place: Place):
    """The cell says so and how to start one; once it runs, the same cell works."""
    port = free_port()
    reader = place.read("down.ipynb", AT.format(url=f"http://127.0.0.1:{port}")).open().at(0)
    expect(reader.chat.locator(".ac-notice")).to_contain_text("argus-lab serve")
    reader.say("Hello?")
    wrong = reader.answered().locator(".ac-wrong")
    expect(wrong).to_contain_text(f"127.0.0.1:{port}")
    expect(wrong).to_contain_text("argus-lab serve")
    with receiving(port, OLLAMA_HOST=place.ollama.url):
        place.ollama.say("Now I hear you.")
        reader.press("Retry")
        expect(reader.answered().locator(".ac-parts")).to_contain_text("Now I hear you.")
        expect(reader.chat.locator(".ac-wrong:not(:empty)")).to_have_count(0)
        reader.press("Try again", reader.chat.locator(".ac-notice"))
        expect(reader.chat.locator(".ac-notice")).to_be_hidden()


def test_ollama_is_not_running(place: Place):
    """The cell says how to start it; once it runs, the conversation goes on."""
    reader = place.read("no-ollama.ipynb", 'import argus_lab as al\nchat = al.Chat("llama3.2")\nchat')
    reader.open().at(0)
    place.ollama.stop()
    try:
        reader.say("Hello?")
        expect(reader.answered().locator(".ac-wrong")).to_contain_text("ollama serve")
    finally:
        place.ollama.start()
    place.ollama.say("Now I hear you.")
    reader.press("Retry")
    expect(reader.answered().locator(".ac-parts")).to_contain_text("Now I hear you.")


def test_the_context_is_too_long(place: Place):
    """The cell says that the conversation does not fit and how to give it room; a shorter question works."""
    made = 'import argus_lab as al\nchat = al.Chat("llama3.2", num_ctx=256, truncate=False)\nchat'
    reader = place.read("long.ipynb", made).open().at(0)
    reader.paste("x" * 4000)
    reader.area.press("Enter")
    expect(reader.answered().locator(".ac-wrong")).to_contain_text("num_ctx")
    place.ollama.say("That fits.")
    reader.turn(0).hover()
    reader.press("Edit", reader.turn(0))
    reader.chat.get_by_label("Edit your message").fill("Short?")
    reader.press("Send again")
    expect(reader.answered().locator(".ac-parts")).to_contain_text("That fits.")


def test_the_socket_is_dropped_in_the_middle(place: Place):
    """Twice in one answer: it goes on where it was, nothing twice, nothing lost, and Ollama is asked once."""
    wire = Wire(place.variables["ARGUS_RECEIVER"])
    words = [f"word-{number}" for number in range(90)]
    go_on = {30: Event(), 60: Event()}
    try:
        reader = place.read("dropped.ipynb", AT.format(url=wire.url)).open().at(0)
        asked = len(place.ollama.chats)
        place.ollama.say(" ".join(words), held=go_on)
        reader.say("Count.")
        for number, event in go_on.items():
            expect(reader.turn().locator(".ac-parts")).to_contain_text(words[number - 1])
            wire.cut()
            event.set()
        turn = reader.answered()
        expect(turn.locator(".ac-parts")).to_have_text(" ".join(words))
        expect(turn.locator(".ac-wrong")).to_be_empty()
        assert len(place.ollama.chats) == asked + 1
    finally:
        wire.close()


def test_the_kernel_is_restarted(place: Place):
    """The cell says that it is a copy and how to begin anew; what was said can be read, and kept."""
    place.ollama.say("Before the restart.")
    reader = place.read("restarted.ipynb").open().at(0)
    reader.say("Hello?")
    reader.answered()
    reader.keeps("Before the restart.")
    reader.restart()
    notice = reader.chat.locator(".ac-notice")
    expect(notice).to_contain_text("The kernel was restarted")
    expect(notice).to_contain_text("run the cell again")
    expect(reader.turn().locator(".ac-parts")).to_contain_text("Before the restart.")
    expect(reader.area).to_be_hidden()
    expect(reader.chat.get_by_role("button")).to_have_count(0)
    reader.save()
    assert "Before the restart." in _stored_html(place.lab, "restarted.ipynb")
    reader.at(0)
    place.ollama.say("After the restart.")
    reader.say("Hello again?")
    expect(reader.answered().locator(".ac-parts")).to_contain_text("After the restart.")
    expect(notice).to_be_hidden()


def test_models_and_settings_hold_for_the_next_call(place: Place):
    """Picked and typed in the cell, sent to Ollama."""
    reader = place.cell("settings")
    picker = reader.chat.get_by_label("Model", exact=True)
    expect(picker.locator("option", has_text="qwen3")).to_have_count(1)
    picker.select_option("qwen3")
    reader.press("Settings")
    for name, value in (("System prompt", "Be brief."), ("temperature", "0.3"), ("num_predict", "50")):
        reader.chat.get_by_label(name).fill(value)
        reader.chat.get_by_label(name).press("Tab")
    reader.chat.get_by_label("think").select_option("off")
    place.ollama.say("Yes.")
    reader.say("Are you there?")
    reader.answered()
    body = place.ollama.chats[-1].body
    assert body["model"] == "qwen3"
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["options"] == {"temperature": 0.3, "num_predict": 50}
    assert body["think"] is False


def test_a_picture_reaches_the_model(place: Place):
    """Chosen in the cell, sent with the message, shown in the conversation."""
    reader = place.cell("pictures")
    dot = {"name": "dot.png", "mimeType": "image/png", "buffer": PIXEL}
    reader.chat.locator("input[type=file]").set_input_files([dot])
    reader.chat.get_by_role("img", name="dot.png").wait_for()
    place.ollama.say("A dot.")
    reader.say("What is it?")
    expect(reader.answered().locator(".ac-question img")).to_be_visible()
    assert place.ollama.chats[-1].body["messages"][0]["images"] == [base64.b64encode(PIXEL).decode()]


def test_keys_that_jupyter_wants_too(place: Place):
    """Shift+Enter breaks the line and runs no cell; Ctrl+S saves from within the chat."""
    reader = place.cell("keys")
    prompt = reader.code.locator(".jp-InputPrompt").inner_text()
    reader.area.click()
    reader.area.press_sequentially("one")
    reader.area.press("Shift+Enter")
    reader.area.press_sequentially("two dd a b")
    assert reader.area.input_value() == "one\ntwo dd a b"
    reader.save()
    assert reader.code.locator(".jp-InputPrompt").inner_text() == prompt
    assert reader.area.evaluate("each => each === document.activeElement")


def test_text_is_pasted(place: Place):
    """Lines stay lines, nothing is sent by pasting, the box grows; Shift+Enter adds one, Enter sends all."""
    reader = place.cell("pasted")
    pasted = "def f():\n    return 1\n\nWhat does it do?"
    low = reader.area.evaluate("each => each.clientHeight")
    reader.paste(pasted)
    assert reader.area.input_value() == pasted
    expect(reader.chat.locator(".ac-turn")).to_have_count(0)
    assert reader.area.evaluate("each => each.clientHeight") > low
    reader.area.press("Shift+Enter")
    reader.area.press_sequentially("Briefly.")
    place.ollama.say("It gives back 1.")
    reader.area.press("Enter")
    expect(reader.answered().locator(".ac-parts")).to_contain_text("It gives back 1.")
    assert place.ollama.chats[-1].body["messages"][-1]["content"] == f"{pasted}\nBriefly."


def test_the_page_is_loaded_anew(place: Place):
    """With the kernel alive the live chat is back, and the notebook keeps what is said after that too."""
    place.ollama.say("Before the reload.")
    reader = place.read("reload.ipynb").open().at(0)
    reader.say("First question")
    reader.answered()
    expect(reader.kept()).to_be_hidden()
    reader.keeps("Before the reload.")
    reader.save()
    assert "Before the reload." in _stored_html(place.lab, "reload.ipynb")
    reader.page.reload()
    reader.area.wait_for()
    expect(reader.turn(0).locator(".ac-parts")).to_contain_text("Before the reload.")
    expect(reader.kept()).to_be_hidden()
    place.ollama.say("After the reload.")
    reader.say("Second question")
    reader.answered()
    reader.keeps("After the reload.")
    reader.save()
    html = _stored_html(place.lab, "reload.ipynb")
    assert "Before the reload." in html
    assert "After the reload." in html
    assert len(html) < 60_000


def test_a_saved_notebook_shows_the_conversation_without_a_kernel(place: Place):
    """Opened again with nothing running: the copy is there, and no line says that a model was not found."""
    place.ollama.say("The answer is **42**.", thinking="Let me think.")
    reader = place.read("saved.ipynb").open().at(0)
    reader.say("What is the answer?")
    reader.answered()
    reader.keeps("42")
    reader.save()
    reader.close()
    stored = place.lab.stored("saved.ipynb")
    assert "widgets" not in stored.metadata
    kinds = [sorted(output.data) for output in stored.cells[0].outputs]
    assert kinds == [["text/html", "text/plain"], ["application/vnd.jupyter.widget-view+json", "text/plain"]]
    place.lab.end_kernel("saved.ipynb")
    later = place.again("saved.ipynb").open()
    expect(later.kept()).to_be_visible()
    expect(later.kept().locator("strong")).to_have_text("42")
    later.gives_up()
    expect(later.page.locator(".jp-OutputArea-output", has_text="Error displaying widget")).to_be_hidden()


def test_hostile_words_run_nothing(place: Place):
    """A model that says what it should not: live, kept, opened again, and in the trace, it is text."""
    reader = place.read("hostile.ipynb").open().at(0)
    for at in range(0, len(HOSTILE), 12):
        words = "\n\n".join(
            json.dumps(each)[1:-1] if "\ud800" in each else each for each in HOSTILE[at : at + 12]
        )
        place.ollama.say(words, thinking=words)
        reader.say(f"Say something {at}")
        reader.answered()
    reader.press("Trace", reader.turn())
    expect(reader.turn().locator(".ac-trace .al-label").first).to_be_visible()
    for chat in (reader,):
        chat.page.evaluate(
            "document.querySelectorAll('.argus-lab details').forEach(each => each.open = true)"
        )
        chat.page.evaluate(
            "document.querySelectorAll('.argus-lab .al-prose *').forEach(each => "
            "['mouseover', 'focus'].forEach(kind => each.dispatchEvent(new Event(kind))))"
        )
        assert chat.page.evaluate("typeof window.marker") == "undefined"
    reader.save()
    reader.close()
    KeptPage(_stored_html(place.lab, "hostile.ipynb"))
    place.lab.end_kernel("hostile.ipynb")
    later = place.again("hostile.ipynb").open()
    expect(later.kept()).to_be_visible()
    later.page.evaluate("document.querySelectorAll('.argus-lab details').forEach(each => each.open = true)")
    later.gives_up()
    assert later.page.evaluate("typeof window.marker") == "undefined"


def test_it_follows_jupyters_theme(place: Place):
    """Dark in JupyterLab's dark theme, whatever the system says."""
    reader = place.read("dark.ipynb", color_scheme="light").open().at(0)
    ground = "getComputedStyle(document.querySelector('.argus-chat')).backgroundColor"
    assert reader.page.evaluate(ground) == "rgb(255, 255, 255)"
    reader.page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    assert reader.page.evaluate(ground) == "rgb(20, 24, 29)"


def test_a_script_and_a_reader_share_a_conversation(place: Place):
    """What code said is shown in the cell, and goes on there; code sees what was said in the cell."""
    place.ollama.say("Good morning.")
    place.ollama.say("Good evening.")
    reader = place.cell("script")
    expect(reader.chat.locator(".ac-turn")).to_have_count(2)
    printed = reader.code.locator(".jp-OutputArea-output").first
    expect(printed).to_contain_text("Good morning. Good evening.")
    expect(printed).to_contain_text("'llm_call'")
    expect(printed).to_contain_text("['scripts']")
    place.ollama.say("Good night.")
    reader.say("And later?")
    reader.answered()
    reader.run([*CELLS].index("said"))
    expect(reader.page.locator(".jp-CodeCell").last).to_contain_text("Good night.")


def test_notebook_7(running: Place, tmp_path: Path):
    """The same cell in Notebook 7: streams, stops, is kept."""
    with serving("notebook", tmp_path, running.variables) as lab:
        notebook = Place(running.ollama, lab, running.browser, running.variables)
        reader = notebook.read("seven.ipynb", kind="notebooks").open()
        reader.page.wait_for_timeout(2_000)
        reader.complaints.clear()  # what Notebook itself complains of while it opens
        reader.at(0)
        running.ollama.say(ENDLESS)
        reader.say("Tell me everything.")
        reader.turn().locator(".ac-parts > .ac-text").wait_for()
        reader.area.press("Escape")
        expect(reader.answered().locator(".ac-numbers")).to_contain_text("stopped")
        reader.save()
        assert "Tell me everything." in _stored_html(lab, "seven.ipynb")
        assert not reader.complaints
        reader.close()
