"""The transcript as a fold: whatever the cuts, repeats and gaps, the same conversation."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from argus_lab.chat import wire
from argus_lab.chat.prompts import messages
from argus_lab.chat.saved import as_json, from_json, settled
from argus_lab.chat.transcript import Asked, Cut, Ended, Lost, ToolResult, Transcript, after, folded

CALL = wire.ToolCall("weather", {"city": "Hefei"}, "w1")


@st.composite
def conversations(draw):
    """Entries of a conversation as they happen, in order, with tools, failures, stops and cuts."""
    entries = []
    for turn in range(draw(st.integers(0, 4))):
        entries.append(Asked(f"t{turn}", draw(st.text(max_size=8)), trace_id="a" * 32))
        for call in range(draw(st.integers(0, 3))):
            id, seq = f"c{turn}-{call}-{draw(st.integers(0, 99))}", 1
            entries += [wire.Chat(id, "llama3.2"), wire.Started(id, seq)]
            for text in draw(st.lists(st.text(max_size=5), max_size=5)):
                seq += 1
                thinking = draw(st.sampled_from(["", "hm"]))
                entries.append(wire.Delta(id, seq, content=text, thinking=thinking))
            ends = draw(st.integers(0, 4))
            if ends == 0:
                entries.append(wire.Delta(id, seq + 1, tool_calls=(CALL,)))
                entries.append(wire.Done(id, seq + 2, reason="stop", usage=wire.Usage(5, seq)))
                entries.append(ToolResult(id, "w1", "weather", "Sunny."))
            elif ends == 1:
                entries.append(wire.Error(id, seq + 1, "model_died", "It died."))
            elif ends == 2:
                entries.append(Lost(id, "connection_lost", "Lost."))
            elif ends == 3:
                entries += [wire.Cancel(id), wire.Done(id, seq + 1, reason="cancelled")]
        entries.append(Ended(f"t{turn}", draw(st.sampled_from(["done", "stopped", "failed"]))))
        if draw(st.integers(0, 5)) == 0:
            entries.append(Cut(draw(st.integers(0, turn))))
    return entries


@given(conversations(), st.integers(0, 100))
def test_any_prefix_is_a_transcript(entries, at):
    """Stopped anywhere it can be drawn, saved and read back, and the rest goes on from there."""
    cut = min(at, len(entries))
    half = folded(entries[:cut])
    kept = copy.deepcopy(half)
    assert from_json(as_json(half)) == half
    assert not settled(half).is_running
    messages(half, "Be brief.")
    assert folded(entries[cut:], half) == folded(entries)
    assert half == kept, "a transcript never changes"


@given(conversations(), st.data())
def test_what_is_delivered_again_changes_nothing(entries, data):
    """After a drop a server may repeat what was heard: a repeated stretch gives the same conversation."""
    heard = []
    for at, entry in enumerate(entries):
        heard.append(entry)
        if isinstance(entry, wire.Started | wire.Delta | wire.Done | wire.Error | ToolResult):
            back = data.draw(st.integers(0, 3))
            repeats = (wire.Started, wire.Delta, wire.Done, wire.Error, ToolResult)
            heard += [one for one in entries[max(0, at - back) : at + 1] if isinstance(one, repeats)]
    assert folded(heard) == folded(entries)


@given(st.text(max_size=40), st.data())
def test_any_chunking_is_the_same_answer(text, data):
    """However a text is cut into pieces, between or within graphemes, the answer is the text."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    deltas = [wire.Delta("c", seq, content=piece) for seq, piece in enumerate(pieces, 1)]
    assert folded([Asked("t", "?"), wire.Chat("c", "m"), *deltas]).turns[0].answer == text


def test_out_of_date_messages_are_left_out():
    """A number that was heard already is ignored, and so is whatever follows the last message."""
    begun = folded([Asked("t", "?"), wire.Chat("c", "m"), wire.Delta("c", 5, content="five")])
    assert after(begun, wire.Delta("c", 4, content="four")) is begun
    assert after(begun, wire.Delta("c", 5, content="five")) is begun
    over = after(begun, wire.Done("c", 6, reason="stop"))
    assert after(over, wire.Delta("c", 7, content="late")) is over
    assert after(over, wire.Error("c", 8, "x", "late")) is over


def test_a_gap_is_counted():
    """What was missed is marked: the call is not whole, and says how much is missing."""
    made = folded(
        [
            *[Asked("t", "?"), wire.Chat("c", "m"), wire.Started("c", 1), wire.Delta("c", 2, content="a")],
            *[wire.Delta("c", 5, content="b"), wire.Done("c", 6, reason="stop")],
        ]
    )
    (call,) = made.turns[0].calls
    assert (call.content, call.missed, call.state, call.is_whole) == ("ab", 2, "done", False)
    assert [notice.code for notice in made.turns[0].notices] == ["some_lost"]


def test_strangers_change_nothing():
    """Messages about calls of nobody, or of turns that were taken back, leave the same object."""
    begun = folded([Asked("t", "?"), wire.Chat("c", "m")])
    for entry in (
        wire.Delta("other", 1, content="x"),
        Ended("other"),
        ToolResult("other", "1", "f"),
        wire.Models("m"),
        wire.ModelList("m"),
        wire.Progress("p", 1, "success"),
        wire.Cancel("c"),
    ):
        assert after(begun, entry) is begun
    cut = after(begun, Cut(0))
    assert cut == Transcript()
    assert after(cut, wire.Delta("c", 1, content="x")) is cut


def test_prompts_hold_what_a_model_can_use():
    """Partial answers stay; a turn that failed before a word, and tool calls without results, do not."""
    entries = [
        *[
            Asked("t1", "Weather?"),
            wire.Chat("c1", "m"),
            wire.Delta("c1", 1, thinking="hm", tool_calls=(CALL,)),
        ],
        *[wire.Done("c1", 2), ToolResult("c1", "w1", "weather", "Sunny.")],
        *[wire.Chat("c2", "m"), wire.Delta("c2", 1, content="Sun"), wire.Done("c2", 2, reason="cancelled")],
        Ended("t1", "stopped"),
        *[Asked("t2", "Failed?"), wire.Chat("c3", "m"), wire.Error("c3", 1, "x", "y"), Ended("t2", "failed")],
        *[Asked("t3", "Tool?"), wire.Chat("c4", "m"), wire.Delta("c4", 1, content="Hm.", tool_calls=(CALL,))],
        Ended("t3", "stopped"),
        Asked("t4", "Now?", images=("UE5H",)),
    ]
    made = messages(folded(entries), "Be brief.")
    assert [(one.role, one.content, len(one.tool_calls)) for one in made] == [
        ("system", "Be brief.", 0),
        ("user", "Weather?", 0),
        ("assistant", "", 1),
        ("tool", "Sunny.", 0),
        ("assistant", "Sun", 0),
        ("user", "Tool?", 0),
        ("assistant", "Hm.", 0),
        ("user", "Now?", 0),
    ]
    assert made[-1].images == ("UE5H",)
    assert not any(one.thinking for one in made)


def test_thinking_goes_back_within_its_turn_only():
    """A model that called a tool reads why it did; in later turns it does not."""
    running = [
        *[Asked("t", "?"), wire.Chat("c", "m"), wire.Delta("c", 1, thinking="hm", tool_calls=(CALL,))],
        *[wire.Done("c", 2), ToolResult("c", "w1", "weather", "Sunny.")],
    ]
    assert [one.thinking for one in messages(folded(running))] == ["", "hm", ""]
    assert [one.thinking for one in messages(folded([*running, Ended("t")]))] == ["", "", ""]
