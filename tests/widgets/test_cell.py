"""The cell without a browser: what it sends, how often, and what it does with what the reader wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from argus_lab.chat.setup import Setup
from argus_lab.chat.wire import Model, Progress
from argus_lab.display.markup import Html
from argus_lab.errors import ChatError, InvalidArgument, NotFound
from argus_lab.widgets.cell import Cell
from argus_lab.widgets.knobs import KNOBS, knob, shown, value_of
from argus_lab.widgets.model import ChatWidget
from argus_lab.widgets.pace import DRAWINGS_A_SECOND, Pace
from tests.widgets.scripted import Scripted, answered

PATIENCE_S = 20.0


def until(true: Callable[[], Any]) -> Any:
    """Wait until it is."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


class Watched:
    """A cell, what it sent, and a way to be its browser."""

    def __init__(self, conversation: Any, monkeypatch: pytest.MonkeyPatch, traced: Any = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self.times: list[float] = []
        monkeypatch.setattr(ChatWidget, "send", self._sent)
        self.cell = Cell(conversation, traced or (lambda trace_id: Html(f"<p>{trace_id}</p>")))

    def _sent(self, content: dict[str, Any]) -> None:
        self.sent.append(content)
        self.times.append(time.monotonic())

    def wish(self, do: str, **more: Any) -> None:
        """The reader does something."""
        self.cell._asked(None, {"do": do, **more}, [])  # noqa: SLF001  what the browser's messages call

    @property
    def patches(self) -> list[dict[str, Any]]:
        """Every patch, in order."""
        return [patch for message in self.sent for patch in message["patches"]]

    def state(self) -> dict[str, Any]:
        """The state as the browser has it by now."""
        told: dict[str, Any] = {}
        for patch in list(self.patches):
            told |= patch.get("state", {})
        return told


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch):
    """Make cells that are closed at the end."""
    made: list[Watched] = []

    def make(conversation: Any, traced: Any = None) -> Watched:
        made.append(Watched(conversation, monkeypatch, traced))
        return made[-1]

    yield make
    for each in made:
        each.cell.close()


def _talk(words: str = "one two three", pause: float = 0.0) -> Scripted:
    return Scripted(lambda _text: answered("c1", words, pause=pause))


def test_a_pace_draws_at_once_then_at_most_so_often():
    """A thousand nudges in a second are about twenty drawings, and the last nudge is drawn."""
    drawn: list[int] = []
    newest = 0
    began = time.monotonic()
    pace = Pace(lambda: drawn.append(newest))
    pace.nudge()
    until(lambda: drawn)
    began_nudging = time.monotonic()
    while time.monotonic() < began_nudging + 1.0:
        newest += 1
        pace.nudge()
        time.sleep(0.001)
    until(lambda: drawn[-1] == newest)
    pace.close()
    assert 2 <= len(drawn) <= DRAWINGS_A_SECOND * (time.monotonic() - began) + 2


def test_a_browser_is_told_everything_then_what_changes(watched):
    """The first message has all of it; numbers have no gap; what streams is sent as what was added."""

    def script(_text: str) -> Iterator[Any]:
        for at, entry in enumerate(answered("c1", "word " * 60)):
            seen = len(cell.sent)
            yield entry
            if at % 10 == 5:  # here the model waits until the browser was told
                until(lambda seen=seen: len(cell.sent) > seen)

    cell = watched(Scripted(script))
    cell.wish("hello")
    cell.wish("send", text="Hello?", images=[])
    until(lambda: cell.state().get("busy"))
    until(lambda: not cell.state()["busy"])
    assert cell.sent[0]["patches"][0]["do"] == "all"
    assert [message["number"] for message in cell.sent] == list(range(1, len(cell.sent) + 1))
    more = [patch["text"] for patch in cell.patches if patch["do"] == "more"]
    assert len(more) >= 3
    assert sum(map(len, more)) <= len("word " * 61)
    assert "<p>word word" in str(cell.patches[-1]) + str(cell.patches[-2]) + str(cell.patches[-3])


def test_a_fast_model_is_drawn_at_most_twenty_times_a_second(watched):
    """Four hundred tokens a second do not make four hundred messages."""
    cell = watched(_talk("word " * 400, pause=0.001))
    cell.wish("hello")
    began, first = time.monotonic(), len(cell.sent)
    cell.wish("send", text="Hello?", images=[])
    until(lambda: any(patch["do"] == "end" for patch in cell.patches))
    took = time.monotonic() - began
    assert len(cell.sent) - first <= DRAWINGS_A_SECOND * took + 3


def test_a_long_conversation_costs_its_newest_turn(watched):
    """With two hundred turns before it, an answer is sent as one turn and its words."""
    talk = _talk()
    for at in range(200):
        talk.start(f"question {at}").join()
    cell = watched(talk)
    cell.wish("hello")
    assert len(cell.sent[0]["patches"][0]["turns"]) == 200
    before = len(cell.sent)
    cell.wish("send", text="and now?", images=[])
    until(lambda: "<p>one two three</p>" in str(cell.sent[before:]))
    assert len(str(cell.sent[before:])) < 6_000


def test_stop_regenerate_and_edit_reach_the_conversation(watched):
    """Each does what its button says."""
    talk = _talk("word " * 10_000, pause=0.002)
    cell = watched(talk)
    cell.wish("hello")
    cell.wish("send", text="first", images=[])
    until(lambda: talk.transcript.turns and talk.transcript.turns[0].answer)
    cell.wish("stop")
    until(lambda: talk.transcript.turns[0].state == "stopped")
    cell.wish("regenerate")
    until(lambda: talk.transcript.is_running)
    cell.wish("stop")
    until(lambda: not talk.transcript.is_running)
    cell.wish("edit", turn=talk.transcript.turns[0].id, text="second")
    until(lambda: talk.transcript.turns[0].text == "second")
    cell.wish("stop")
    until(lambda: not talk.transcript.is_running)
    assert len(talk.transcript.turns) == 1


def test_settings_become_the_setup(watched):
    """What a field says is what the next call is made with; an emptied field takes it back."""
    talk = _talk()
    cell = watched(talk)
    for name, value in (("system", "Be brief."), ("temperature", "0"), ("seed", "7"), ("think", "off")):
        cell.wish("set", name=name, value=value)
    assert talk.setup == Setup(
        model="llama3.2", system="Be brief.", options={"temperature": 0.0, "seed": 7}, think=False
    )
    assert until(lambda: cell.state().get("values", {}).get("temperature")) == "0"
    cell.wish("set", name="seed", value="")
    cell.wish("set", name="think", value="")
    assert talk.setup == Setup(model="llama3.2", system="Be brief.", options={"temperature": 0.0})


def test_what_cannot_be_done_is_said(watched):
    """A value out of range, a turn that is gone: a line in the cell, and nothing else changes."""
    talk = _talk()
    cell = watched(talk)
    cell.wish("set", name="top_p", value="7")
    cell.wish("edit", turn="t9", text="x")
    said = [patch["text"] for patch in cell.patches if patch["do"] == "say"]
    assert said[0] == "top_p=7.0 is out of range: 0 to 1."
    assert "no longer part" in said[1]
    assert talk.setup == Setup(model="llama3.2")


@pytest.mark.parametrize("row", KNOBS, ids=lambda row: row.name)
def test_every_setting_can_be_read_back(row):
    """What is shown of a value is read as that value; an empty field is nothing."""
    given = {"text": "words", "decimal": "0.5", "whole": "3", "choice": "high"}[row.kind]
    assert value_of(row, shown(value_of(row, given))) == value_of(row, given)
    assert value_of(row, "") is None
    assert knob(row.name) is row
    if row.kind != "text":
        with pytest.raises(InvalidArgument):
            value_of(row, "banana")


class Pulls(Scripted):
    """A conversation whose model is missing until it was downloaded."""

    installed = ()
    fails = ""

    def __init__(self) -> None:
        super().__init__(lambda _text: [])
        self.installed = ()
        self.go_on = threading.Event()

    def pull(self, model: str, seen: Callable[[Progress], None]) -> None:
        """Half of it, then wait."""
        seen(Progress("p", 1, "pulling manifest"))
        seen(Progress("p", 2, "pulling abc", 1_000_000, 2_000_000))
        assert self.go_on.wait(PATIENCE_S)
        if self.fails:
            raise ChatError(self.fails)
        self.installed = (Model(f"{model}:latest"),)


def test_a_missing_model_is_offered_and_its_download_shown(watched):
    """Not installed, half way, there."""
    talk = Pulls()
    cell = watched(talk)
    cell.wish("hello")
    until(lambda: (cell.state().get("pull") or {}).get("can") == "pull")
    assert cell.state()["pull"]["words"] == "llama3.2 is not installed."
    cell.wish("pull")
    until(lambda: (cell.state().get("pull") or {}).get("share") == 0.5)
    talk.go_on.set()
    until(lambda: cell.state()["models"])
    assert until(lambda: cell.state()["pull"] is None)
    assert cell.state()["models"] == [{"name": "llama3.2", "detail": ""}]


def test_a_download_that_fails_says_why_and_can_be_tried_again(watched):
    """The words are Ollama's or ours, and the button is back."""
    talk = Pulls()
    talk.fails = "no space left on device"
    cell = watched(talk)
    cell.wish("pull")
    talk.go_on.set()
    until(lambda: (cell.state().get("pull") or {}).get("can") == "pull")
    assert cell.state()["pull"]["words"] == "no space left on device"


def test_models_that_cannot_be_had_are_said(watched, monkeypatch):
    """Ollama is down: its cure stands in the cell, with a button to look again."""
    talk = _talk()

    def down(_timeout: float = 10.0) -> tuple[Model, ...]:
        raise ChatError("Ollama does not answer. Start it with: ollama serve")

    monkeypatch.setattr(talk, "models", down)
    cell = watched(talk)
    cell.wish("hello")
    until(lambda: (cell.state().get("pull") or {}).get("can") == "look")
    assert "ollama serve" in cell.state()["pull"]["words"]


def test_a_trace_that_cannot_be_read_says_so(watched):
    """The reason is shown where the trace would be."""

    def nowhere(_trace_id: str) -> Html:
        raise NotFound("no receiver <here>")

    talk = _talk()
    talk.start("Hello?").join()
    cell = watched(talk, nowhere)
    cell.wish("trace", turn="t1")
    (told,) = until(lambda: [patch for patch in cell.patches if patch["do"] == "trace"])
    assert "no receiver &lt;here&gt;" in told["html"]


def test_the_widget_that_jupyter_saves_is_small():
    """Its state is the browser's side and nothing of the conversation: well under 100 kB."""
    widget = ChatWidget()
    state = widget.get_state()
    assert sum(len(str(value)) for value in state.values()) < 60_000
    widget.close()
