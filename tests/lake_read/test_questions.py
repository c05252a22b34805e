"""lake.traces(), sessions(), steps(), messages(), tool_calls(): against plain SQL on the same lake."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

import argus_lab as al
from argus_lab.testing import NOON, make_span
from tests.lake_read.lakes import TINY_TRACE, write

BY_TRACE = """
select trace_id, count(*) as spans, min(start_time) as start_time, max(end_time) as end_time,
  count(*) filter (status = 'ERROR') as errors
from spans where {where} group by all order by trace_id
"""
TALK = "talk-1"


def _message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


@pytest.fixture
def talk(tmp_path: Path) -> al.Lake:
    """A lake with one conversation of two model calls and a tool call between them."""
    hi, hello, bye = _message("user", "Hi"), _message("assistant", "Hello"), _message("user", "Bye")
    first = {
        "input": json.dumps([hi]),
        "output": json.dumps([hello]),
        "input_text": "Hi",
        "output_text": "Hello",
    }
    second = {
        "input": json.dumps([hi, hello, bye]),
        "output": json.dumps([_message("assistant", "See you")]),
        "input_text": "Bye",
        "output_text": "See you",
    }
    tool = {"input": '{"q": "parcel"}', "output": '{"found": true}', "output_text": "found"}
    rows = [make_span(1, **first), make_span(2, **tool), make_span(3, **second)]
    place = str(tmp_path / "lake")
    write(place, [row | {"session_id": TALK, "trace_id": TINY_TRACE} for row in rows])
    return al.open(place)


@pytest.mark.parametrize(
    ("picks", "where"),
    [
        ({}, "true"),
        ({"project": ["customer-bot", "a/b"]}, "project in ('customer-bot', 'a/b')"),
        ({"since": "2026-03-02T00:00Z"}, "start_time >= '2026-03-02T00:00Z'"),
        ({"where": "input_tokens > $n", "params": {"n": 400}}, "input_tokens > 400"),
    ],
)
def test_traces_of_what_is_picked(mixed_lake: al.Lake, picks: dict[str, object], where: str):
    """The filters pick spans; counts and times are those of plain SQL."""
    found = mixed_lake.traces(**picks)
    wanted = mixed_lake.sql(BY_TRACE.format(where=where))
    found = found.sort_values("trace_id", ignore_index=True)[list(wanted.columns)]
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False)


def test_a_frame_says_where_it_came_from(tiny: al.Lake):
    """Version, filters and columns stand in attrs, as in every frame of a lake."""
    told = tiny.traces(project="shop-bot").attrs["argus"]
    assert (told["version"], told["asked"], told["returned"]) == (tiny.version, {"project": "shop-bot"}, 1)
    assert "attributes" not in told["columns"]
    assert tiny.steps("session-9").attrs["argus"]["asked"]["session"] == "session-9"


def test_sessions_with_and_without_words(talk: al.Lake):
    """One row a session, with first question and last answer, which texts=False leaves unread."""
    (row,) = (row for _, row in talk.sessions().iterrows())
    assert (row["session_id"], row["spans"], row["model_calls"], row["tool_calls"]) == (TALK, 3, 2, 1)
    assert (row["first_user_message"], row["last_answer"]) == ("Hi", "See you")
    without = talk.sessions(texts=False)
    assert without["first_user_message"].isna().all()
    assert "input_text" not in without.attrs["argus"]["columns"]


def test_sessions_count_what_sql_counts(mixed_lake: al.Lake):
    """Every span is in one session, of one project."""
    found = mixed_lake.sessions(texts=False)
    assert found["spans"].sum() == mixed_lake.count()
    assert not found.duplicated(["project", "session_id"]).any()


def test_steps_and_messages_of_a_session(talk: al.Lake):
    """In reading order; the history that was sent again is marked."""
    assert talk.steps(TALK)["label"].tolist() == ["llama3.2", "search", "llama3.2"]
    messages = talk.messages(TALK)
    assert messages["text"].tolist() == ["Hi", "Hello", "Hi", "Hello", "Bye", "See you"]
    assert messages["is_resent"].tolist() == [False, False, True, True, False, False]


def test_tool_calls(talk: al.Lake):
    """Arguments and results are there; the filters narrow."""
    (row,) = (row for _, row in talk.tool_calls().iterrows())
    assert (row["tool_name"], json.loads(row["arguments"]), row["success"]) == (
        "search",
        {"q": "parcel"},
        True,
    )
    assert len(talk.tool_calls(project="other")) == 0


@pytest.mark.parametrize("question", ["steps", "messages"])
def test_an_unknown_session_names_the_nearest(talk: al.Lake, question: str):
    """As lake.session() does."""
    with pytest.raises(al.NotFound, match="Near: talk-1"):
        getattr(talk, question)("talk-2")


def test_an_empty_lake_has_the_same_columns(tmp_path: Path, talk: al.Lake):
    """No rows, and the dtypes that rows would have."""
    write(str(tmp_path / "empty"), [])
    empty = al.open(tmp_path / "empty")
    for question in ("traces", "sessions", "tool_calls"):
        none, some = getattr(empty, question)(), getattr(talk, question)()
        assert len(none) == 0
        assert none.dtypes.to_dict() == some.dtypes.to_dict()


def test_a_pinned_lake_answers_as_of_then(talk: al.Lake):
    """as_of= holds for questions too."""
    before = talk.version
    write(talk.address, [make_span(9, session_id="later", trace_id="f" * 32)])
    assert len(talk.sessions(texts=False)) == 2
    assert len(al.open(talk.address, as_of=before).sessions(texts=False)) == 1


@pytest.fixture
def split(tmp_path: Path) -> al.Lake:
    """A trace whose root names the session, and calls of it an hour later, each in a commit of its own."""
    root = make_span(0, session_id="chat-7", session_source="attribute")
    late = {
        "session_id": root["trace_id"],
        "session_source": "trace",
        "start_time": NOON + timedelta(hours=1),
    }
    for row in (root, make_span(1, **late), make_span(2, **late)):
        write(str(tmp_path), [row | {"trace_id": root["trace_id"]}])
    return al.open(tmp_path)


@pytest.mark.parametrize("question", ["sessions", "traces", "tool_calls"])
@pytest.mark.parametrize(
    "more", [{}, {"where": "input_tokens > 0 OR tool_name IS NOT NULL"}, {"session": "chat-7"}]
)
def test_a_part_belongs_to_the_session_that_the_whole_lake_knows(
    split: al.Lake, question: str, more: dict[str, str]
):
    """What names the session may lie outside of the window: questions say what lake.spans() says."""
    late = {"since": NOON + timedelta(minutes=30)} | more
    assert set(split.spans(**late)["session_id"]) == {"chat-7"}
    assert set(getattr(split, question)(**late)["session_id"]) == {"chat-7"}


def test_a_session_is_counted_as_far_as_the_window_goes(split: al.Lake):
    """One row a session, of the spans that are picked."""
    assert split.sessions(since=NOON + timedelta(minutes=30))["spans"].tolist() == [2]
    assert split.sessions(session="chat-7")["spans"].tolist() == [3]
    assert set(split.messages("chat-7")["session_id"]) <= {"chat-7"}
    assert split.steps("chat-7")["session_id"].unique().tolist() == ["chat-7"]
