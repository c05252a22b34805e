"""Sessions that are inferred: a trace that repeats what was said in another goes on from it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import argus_lab as al
from argus_lab.testing import NOON, make_span
from tests.lake_read.lakes import write

Message = dict[str, Any]


def said(role: str, text: str, **others: Any) -> Message:
    """A message of one text."""
    return {"role": role, "parts": [{"type": "text", "content": text}], **others}


def call(trace: int, sent: list[Message], answer: list[Message], **columns: Any) -> dict[str, Any]:
    """A trace of one model call that names no session; traces start in the order of their numbers."""
    given = {
        "trace_id": f"{trace:032x}",
        "span_id": f"{trace:016x}",
        "parent_span_id": None,
        "session_id": f"{trace:032x}",
        "session_source": "trace",
        "span_type": "llm",
        "start_time": NOON + timedelta(minutes=trace),
        "input": json.dumps(sent),
        "output": json.dumps(answer),
    }
    return make_span(1, **given | columns)


def sessions(lake: str, rows: list[dict[str, Any]], *, infer: bool = True) -> list[tuple[int, str]]:
    """Number of the session's trace and its source, by trace."""
    write(lake, rows)
    found = al.open(lake, infer_sessions=infer).spans(
        order="oldest", columns=["session_id", "session_source"]
    )
    return [
        (int(s, 16), source) for s, source in zip(found["session_id"], found["session_source"], strict=True)
    ]


HELLO = [said("user", "Where is my order?")]
ANSWER = [said("assistant", "On its way.", finish_reason="stop")]
AGAIN = [*HELLO, said("assistant", "On its way."), said("user", "And when?")]
TOMORROW = [said("assistant", "Tomorrow.")]
THANKS = [*AGAIN, *TOMORROW, said("user", "Thanks!")]
BYE = [said("assistant", "Bye.")]


def test_a_conversation_over_three_traces(tmp_path: Path):
    """Each turn repeats the ones before: all belong to the first; other conversations do not."""
    rows = [
        call(5, THANKS, BYE),
        call(1, HELLO, ANSWER),
        call(3, AGAIN, TOMORROW),
        call(4, [said("user", "Something else")], ANSWER),
    ]
    expected = [(1, "inferred"), (1, "inferred"), (4, "trace"), (1, "inferred")]
    assert sessions(str(tmp_path), rows) == expected
    lake = al.open(str(tmp_path), infer_sessions=True)
    first = f"{1:032x}"
    assert lake.count(session=first) == 3
    assert len(lake.session(first)) == 3
    assert lake.trace(f"{5:032x}")["session_id"].tolist() == [first]
    counts = lake.sql("SELECT session_source, count(*) AS n FROM spans GROUP BY ALL ORDER BY ALL")
    assert counts["n"].tolist() == [3, 1]
    assert lake.scan(session=first).aggregate("count(*)").fetchall() == [(3,)]
    assert lake.scan(engine="polars", session=first).collect().height == 3


def test_nobody_who_does_not_ask_is_told_a_guess(tmp_path: Path):
    """Without ``infer_sessions`` every trace is its own session."""
    found = sessions(str(tmp_path), [call(1, HELLO, ANSWER), call(2, AGAIN, TOMORROW)], infer=False)
    assert found == [(1, "trace"), (2, "trace")]


def test_system_prompts_and_reasoning_do_not_count(tmp_path: Path):
    """A system prompt with the time of day, and reasoning that is not sent back, hide no chain."""
    thought = {"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"}, *ANSWER[0]["parts"]]}
    rows = [
        call(1, [said("system", "It is 9."), *HELLO], [thought]),
        call(2, [said("system", "It is 10."), *AGAIN], TOMORROW),
    ]
    assert sessions(str(tmp_path), rows) == [(1, "inferred"), (1, "inferred")]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(call(2, HELLO, ANSWER), id="the same question again, and nothing more"),
        pytest.param(
            call(2, [*HELLO, said("assistant", "On its way!"), said("user", "?")], BYE), id="another answer"
        ),
        pytest.param(call(2, AGAIN, TOMORROW, service="other"), id="another service"),
        pytest.param(call(2, AGAIN, TOMORROW, project="other"), id="another project"),
        pytest.param(call(2, AGAIN, TOMORROW, start_time=NOON), id="earlier"),
        pytest.param(
            call(2, AGAIN, TOMORROW, session_id="c4a7", session_source="attribute"), id="a named session"
        ),
        pytest.param(call(2, AGAIN, TOMORROW, input='"no messages"'), id="no messages"),
        pytest.param(call(2, AGAIN, TOMORROW, span_type="tool"), id="no model call"),
    ],
)
def test_what_is_no_chain(tmp_path: Path, second: dict[str, Any]):
    """Anything less than a repeated beginning, in the same place and later, is no session."""
    found = sessions(str(tmp_path), [call(1, HELLO, ANSWER), second])
    assert "inferred" not in {source for _, source in found}


def test_only_a_users_and_an_assistants_message_tell(tmp_path: Path):
    """A beginning in which only one of them speaks is shared by many conversations."""
    rows = [call(1, [], ANSWER), call(2, [*ANSWER, *HELLO], TOMORROW)]
    assert sessions(str(tmp_path), rows) == [(1, "trace"), (2, "trace")]


def test_of_two_that_it_may_go_on_from_neither_is_taken(tmp_path: Path):
    """Two conversations that began alike: nobody can know which one goes on."""
    rows = [call(1, HELLO, ANSWER), call(2, HELLO, ANSWER), call(3, AGAIN, TOMORROW)]
    assert sessions(str(tmp_path), rows) == [(1, "trace"), (2, "trace"), (3, "trace")]


def test_the_longest_beginning_counts(tmp_path: Path):
    """What was said in inner calls is part of a conversation: the last call of a trace is where it ended."""
    inner = [*HELLO, {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "find"}]}]
    inner.append(
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "2 days"}]}
    )
    first = call(1, HELLO, inner[1:2])
    last = call(1, inner, ANSWER, span_id="f" * 16, start_time=first["start_time"] + timedelta(seconds=1))
    rows = [first, last, call(2, [*inner, *ANSWER, said("user", "And?")], TOMORROW)]
    assert sessions(str(tmp_path), rows) == [(1, "inferred")] * 3


def test_a_name_that_comes_later_ends_the_guess(tmp_path: Path):
    """Once a trace names its session, it is inferred no more, nor is who went on from it alone."""
    place = str(tmp_path)
    sessions(place, [call(1, HELLO, ANSWER), call(2, AGAIN, TOMORROW)])
    late = {"session_id": "chat", "session_source": "attribute", "span_type": "tool", "span_id": "e" * 16}
    write(place, [call(1, HELLO, ANSWER, **late)])
    spans = al.open(place, infer_sessions=True).spans(order="oldest")
    assert spans["session_source"].tolist().count("inferred") == 0
    assert set(spans.loc[spans["trace_id"] == f"{1:032x}", "session_id"]) == {"chat"}
