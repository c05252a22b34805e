"""The wire's messages: read back as they were written, tolerant to what is new, strict to what is wrong."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.chat import wire

TEXT = st.text(max_size=20)
SEQ = st.integers(0, 2**53)
COUNT = st.none() | st.integers(0, 10**9)
CALLS = st.lists(
    st.builds(wire.ToolCall, TEXT, st.dictionaries(TEXT, st.integers() | TEXT, max_size=3), TEXT), max_size=2
).map(tuple)
MESSAGES = st.lists(
    st.builds(wire.Message, TEXT, TEXT, TEXT, st.just(()), CALLS, TEXT, TEXT), max_size=3
).map(tuple)
REQUESTS = st.one_of(
    st.builds(
        wire.Chat,
        TEXT,
        TEXT,
        MESSAGES,
        st.dictionaries(TEXT, st.integers() | st.booleans(), max_size=3),
        think=st.none() | st.booleans() | st.just("high"),
        format=st.none() | st.just("json") | st.just({"type": "object"}),
        truncate=st.none() | st.booleans(),
    ),
    st.builds(wire.Cancel, TEXT),
    st.builds(wire.Resume, TEXT, SEQ),
    st.builds(wire.Models, TEXT),
    st.builds(wire.Pull, TEXT, TEXT),
)
NOTICES = st.lists(st.builds(wire.Notice, TEXT, TEXT, TEXT), max_size=2).map(tuple)
EVENTS = st.one_of(
    st.builds(wire.Started, TEXT, SEQ, TEXT),
    st.builds(wire.Delta, TEXT, SEQ, TEXT, TEXT, CALLS),
    st.builds(wire.Done, TEXT, SEQ, TEXT, TEXT, st.builds(wire.Usage, COUNT, COUNT), notices=NOTICES),
    st.builds(wire.Error, TEXT, SEQ, TEXT, TEXT, TEXT),
    st.builds(wire.ModelList, TEXT, st.lists(st.builds(wire.Model, TEXT), max_size=2).map(tuple)),
    st.builds(wire.Progress, TEXT, SEQ, TEXT, COUNT, COUNT),
)


@given(REQUESTS)
def test_requests_are_read_as_written(message):
    """What a client writes is what the server reads."""
    assert wire.decoded_request(wire.encoded(message)) == message


@given(EVENTS)
def test_events_are_read_as_written(message):
    """And the other way round."""
    assert wire.decoded_event(wire.encoded(message)) == message


def test_defaults_take_no_room():
    """A piece of an answer is little more than its text."""
    assert json.loads(wire.encoded(wire.Delta("a", 2, content="x"))) == {
        "type": "delta",
        "id": "a",
        "seq": 2,
        "content": "x",
    }


def test_new_fields_are_ignored():
    """A newer server's message is still read."""
    assert wire.decoded_event('{"type": "done", "id": "a", "seq": 1, "mood": "fine"}') == wire.Done("a", 1)


@pytest.mark.parametrize(
    "frame", ["", "[]", "{}", '{"type": "delta"}', '{"type": "chat", "id": 1}', '{"type": "chat", "id": "1"}']
)
def test_what_is_no_request_is_told(frame: str):
    """Wrong type, missing fields, another side's message: an error that names the place."""
    with pytest.raises(msgspec.DecodeError):
        wire.decoded_request(frame)


def test_speed_needs_both_numbers():
    """Tokens a second are unknown where the count or the time is."""
    assert wire.Timings(generation_ms=500.0).tokens_a_second(wire.Usage(None, 50)) == 100.0
    assert wire.Timings().tokens_a_second(wire.Usage(None, 50)) is None
    assert wire.Timings(generation_ms=500.0).tokens_a_second(wire.Usage()) is None
