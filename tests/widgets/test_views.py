"""What is drawn of a turn: live, at its end, and when it goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.chat.transcript import Asked, Cut, Ended, Entry, ToolResult, Transcript, folded
from argus_lab.chat.wire import Chat, Delta, Done, Error, Notice, Timings, ToolCall, Usage
from argus_lab.widgets.patches import patches
from argus_lab.widgets.views import TurnView, doing, facts_of, turn_view
from tests.display.pages import Page
from tests.display.payloads import PAYLOADS

CALL = ToolCall("weather", {"city": "Berlin"}, "w1")
TIMINGS = Timings(first_token_ms=120.0, total_ms=620.0, generation_ms=500.0)


def _view(*entries: Entry) -> TurnView:
    return turn_view(folded([Asked("t1", "Hello?", trace_id="ab" * 16), *entries]).turns[0])


def _kinds(view: TurnView) -> list[str]:
    return [part.kind for part in view.parts]


def test_what_streams_is_text_and_what_is_over_is_html():
    """Thinking and words are plain while they come, and Markdown when the call has ended."""
    live = [Chat("c1", "llama3.2"), Delta("c1", 1, thinking="Hm *m*"), Delta("c1", 2, content="**Hi**")]
    view = _view(*live)
    assert _kinds(view) == ["thinking", "text"]
    assert view.parts[0].label == "thinking · 2 words"
    assert view.live
    over = _view(*live, Done("c1", 3), Ended("t1"))
    assert _kinds(over) == ["html", "html"]
    assert "<strong>Hi</strong>" in over.parts[1].html
    assert "<details" in over.parts[0].html
    assert not over.live


def test_a_call_without_words_yet_is_waited_for():
    """A cold start is told, and the telling goes with the first piece."""
    assert "waiting for llama3.2" in _view(Chat("c1", "llama3.2")).parts[0].html
    assert "waiting" not in _view(Chat("c1", "llama3.2"), Delta("c1", 1, content="Hi")).parts[0].html


def test_a_tool_is_shown_running_then_with_its_result():
    """Its arguments and result stand behind a line that says how it went."""
    asked = [Chat("c1", "llama3.2"), Delta("c1", 1, tool_calls=(CALL,)), Done("c1", 2)]
    assert "running …" in _view(*asked).parts[0].html
    done = _view(*asked, ToolResult("c1", "w1", "weather", '{"degrees": 18}', ms=12.0)).parts[0].html
    assert "12.0 ms" in done
    assert "degrees" in done
    failed = _view(*asked, ToolResult("c1", "w1", "weather", "KeyError: 'x'", is_error=True)).parts[0].html
    assert "al-wrong" in failed
    assert "failed" in failed


def test_a_failure_is_a_line_with_its_cure():
    """What happened, and what to do; what came before it stays."""
    error = Error("c1", 2, "model_missing", "llama3.2 is not installed.", "ollama pull llama3.2")
    notice = Notice(error.code, error.message, error.cure)
    view = _view(Chat("c1", "llama3.2"), Delta("c1", 1, content="Hi"), error, Ended("t1", "failed", notice))
    assert "<b>llama3.2 is not installed.</b><br>ollama pull llama3.2" in view.wrong
    assert "Hi" in view.parts[0].html


def test_the_trace_can_be_asked_for_when_the_turn_is_over():
    """Not before: its spans are not sent yet."""
    assert _view(Chat("c1", "llama3.2")).can == ()
    assert _view(Chat("c1", "llama3.2"), Done("c1", 1), Ended("t1")).can == ("trace",)


def test_numbers_of_several_calls_are_sums_and_unknown_stays_unknown():
    """Tokens of every call of a turn; where one told nothing, a dash and not a part of the sum."""
    one = [Chat("c1", "m"), Done("c1", 1, usage=Usage(100, 20), timings=TIMINGS)]
    two = [Chat("c2", "m"), Done("c2", 1, usage=Usage(150, 30), timings=TIMINGS)]
    turn = folded([Asked("t1", "?"), *one, *two, Ended("t1")]).turns[0]
    assert facts_of(turn) == [
        "2 model calls",
        "50 tokens/s",
        "first token after 120 ms",
        "250 tokens in, 50 out",
        "took 1.24 s",
    ]
    dark = [Chat("c2", "m"), Done("c2", 1, usage=Usage(None, 30))]
    assert "– tokens in, 50 out" in facts_of(folded([Asked("t1", "?"), *one, *dark, Ended("t1")]).turns[0])


def test_what_is_going_on_has_a_word():
    """Waiting, thinking, answering, running tools, and nothing when it is over."""
    begun: list[Any] = [Asked("t1", "?"), Chat("c1", "m")]
    steps = [Delta("c1", 1, thinking="a"), Delta("c1", 2, content="b"), Done("c1", 3), Ended("t1")]
    told = [doing(folded([*begun, *steps[:count]])) for count in range(len(steps) + 1)]
    assert told == ["waiting …", "thinking …", "answering …", "running tools …", ""]


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_hostile_words_of_every_part_are_text(payload: str):
    """Questions, answers, thoughts, tools, results, failures: nothing of them becomes markup."""
    tool = ToolCall(payload[:2_000], {payload[:500]: payload}, "w1")
    view = _view(
        Chat("c1", payload[:2_000]),
        Delta("c1", 1, thinking=payload, content=payload, tool_calls=(tool,)),
        Done("c1", 2, model=payload[:2_000], notices=(Notice("x", payload, payload),)),
        ToolResult("c1", "w1", payload, payload, is_error=True),
        Ended("t1", "failed", Notice("x", payload, payload)),
    )
    for html in (view.asked, view.facts, view.wrong, *(part.html for part in view.parts)):
        assert not Page(html).count("img")


class Browser:
    """What chat.js does with patches."""

    def __init__(self) -> None:
        self.turns: list[dict[str, Any]] = []

    def apply(self, made: Sequence[dict[str, Any]]) -> None:
        """Apply them in order."""
        for patch in made:
            getattr(self, f"_{patch['do']}")(patch)

    def _turns(self, patch: dict[str, Any]) -> None:
        self.turns[patch["at"] :] = [dict(turn) | {"parts": list(turn["parts"])} for turn in patch["turns"]]

    def _more(self, patch: dict[str, Any]) -> None:
        part = self.turns[patch["at"]]["parts"][patch["part"]]
        changed = part | {"text": part["text"] + patch["text"], "label": patch["label"]}
        self.turns[patch["at"]]["parts"][patch["part"]] = changed

    def _part(self, patch: dict[str, Any]) -> None:
        part = {name: patch[name] for name in ("kind", "html", "text", "label")}
        self.turns[patch["at"]]["parts"][patch["part"] : patch["part"] + 1] = [part]

    def _end(self, patch: dict[str, Any]) -> None:
        self.turns[patch["at"]] |= {name: value for name, value in patch.items() if name not in {"do", "at"}}


def _entries() -> st.SearchStrategy[list[Entry]]:
    words = st.text(max_size=6)
    call = st.sampled_from(["c1", "c2", "c3"])
    entry = st.one_of(
        st.builds(Asked, st.sampled_from(["t1", "t2", "t3"]), words),
        st.builds(Chat, call, st.just("m")),
        st.builds(Delta, call, st.just(0), words, words),
        st.builds(lambda key: Delta(key, 0, tool_calls=(CALL,)), call),
        st.builds(lambda key: Done(key, 0, usage=Usage(1, 2)), call),
        st.builds(lambda key: ToolResult(key, "w1", "weather", "18"), call),
        st.builds(Ended, st.sampled_from(["t1", "t2", "t3"])),
        st.builds(Cut, st.integers(0, 3)),
    )
    return st.lists(entry, max_size=30)


@given(entries=_entries(), pauses=st.sets(st.integers(0, 30)))
def test_patches_show_what_drawing_anew_would_show(entries: list[Entry], pauses: set[int]):
    """Whatever comes, in whatever bunches: the patched page equals the page drawn from the transcript."""
    browser, before, talk = Browser(), (), Transcript()
    for at, entry in enumerate(entries):
        talk = folded([entry], talk)
        if at in pauses or at == len(entries) - 1:
            now = tuple(turn_view(turn) for turn in talk.turns)
            browser.apply(patches(before, now))
            before = now
            assert browser.turns == [_as_told(view) for view in now]


def _as_told(view: TurnView) -> dict[str, Any]:
    (told,) = patches([], [view])[0]["turns"]
    return dict(told) | {"parts": list(told["parts"])}


def test_a_token_costs_a_token():
    """What is sent for one more word is that word, however long the answer is."""
    talk = folded([Asked("t1", "?"), Chat("c1", "m"), Delta("c1", 0, content="word " * 10_000)])
    more = folded([Delta("c1", 0, content="more")], talk)
    (patch,) = patches([turn_view(talk.turns[0])], [turn_view(more.turns[0])])
    assert patch == {"do": "more", "at": 0, "part": 0, "text": "more", "label": ""}
