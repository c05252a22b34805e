"""A conversation as a value: the fold of what was said over the wire and done here.

:func:`after` takes a transcript and one entry and gives the next transcript; nothing else makes one. So
drawing while it streams, drawing a saved notebook and replaying a recording are the same code. Entries are
the messages of :mod:`argus_lab.chat.wire` and those below, which never travel: a turn begins, a tool
answers, a turn ends, turns are taken back.

>>> from argus_lab.chat.wire import Chat, Delta, Done
>>> said = [Asked("t1", "Hello?"), Chat("c1", "llama3.2")]
>>> said += [Delta("c1", 1, content="Hi"), Delta("c1", 2, content="!")]
>>> folded([*said, Done("c1", 3, reason="stop"), Ended("t1")]).turns[0].answer
'Hi!'
>>> folded([*said, said[-1]]).turns[0].answer  # delivered again, after a drop
'Hi!'
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from argus_lab.chat import failures, wire

__all__ = [
    "Asked",
    "Call",
    "Cut",
    "Ended",
    "Entry",
    "Lost",
    "ToolResult",
    "Transcript",
    "Turn",
    "TurnState",
    "after",
    "folded",
]

CallState = Literal["waiting", "streaming", "done", "cancelled", "failed"]
TurnState = Literal["running", "done", "stopped", "failed"]


# --- entries that never travel -----------------------------------------------------------------


class _Local(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type"):
    """An entry that is no message of the wire."""


class Asked(_Local, frozen=True, tag="asked"):
    """The user said something: a turn begins."""

    turn: str
    text: str
    images: tuple[str, ...] = ()
    """Base64, without a ``data:`` prefix."""
    trace_id: str = ""
    """Lowercase hex; the turn's trace in the lake."""


class ToolResult(_Local, frozen=True, tag="tool_result"):
    """A tool answered, or raised. ``call`` is the call of the model that asked for it."""

    call: str
    id: str
    name: str
    content: str = ""
    is_error: bool = False
    ms: float | None = None


class Lost(_Local, frozen=True, tag="lost"):
    """The connection dropped and the answer cannot be had any more: what came stays, the rest is missing."""

    id: str
    code: str
    message: str
    cure: str = ""


class Ended(_Local, frozen=True, tag="ended"):
    """The turn is over. A failure says what happened, and what to do."""

    turn: str
    state: TurnState = "done"
    failure: wire.Notice | None = None


class Cut(_Local, frozen=True, tag="cut"):
    """Turns are taken back, from the one with this index (from 0) on: to edit, or to ask again."""

    turn: int


Entry: TypeAlias = wire.Chat | wire.Cancel | wire.Event | Asked | ToolResult | Lost | Ended | Cut


# --- what they add up to -----------------------------------------------------------------------


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of the model."""

    id: str
    model: str = ""
    state: CallState = "waiting"
    seq: int = 0
    """The number of the last message that is part of this."""
    missed: int = 0
    """How many messages in between never came."""
    thinking: str = ""
    content: str = ""
    tool_calls: tuple[wire.ToolCall, ...] = ()
    results: tuple[ToolResult, ...] = ()
    reason: str = ""
    usage: wire.Usage = wire.Usage()
    timings: wire.Timings = wire.Timings()
    notices: tuple[wire.Notice, ...] = ()
    failure: wire.Notice | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.state in {"done", "cancelled", "failed"}

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing of what the model said."""
        return self.state == "done" and not self.missed


class Turn(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the user said, and all that followed until it was the user's turn again."""

    id: str
    text: str
    images: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    state: TurnState = "running"
    failure: wire.Notice | None = None
    trace_id: str = ""

    @property
    def answer(self) -> str:
        """What the model said last."""
        return self.calls[-1].content if self.calls else ""

    @property
    def thinking(self) -> str:
        """What it thought before."""
        return "".join(call.thinking for call in self.calls)

    @property
    def notices(self) -> tuple[wire.Notice, ...]:
        """What there is to know about it."""
        return tuple(notice for call in self.calls for notice in (*call.notices, *_gap(call)))


class Transcript(msgspec.Struct, frozen=True, omit_defaults=True):
    """A conversation."""

    session: str = ""
    turns: tuple[Turn, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether an answer is on its way."""
        return bool(self.turns) and self.turns[-1].state == "running"


def _gap(call: Call) -> tuple[wire.Notice, ...]:
    return (failures.some_lost(call.missed),) if call.missed else ()


def folded(entries: Iterable[Entry], start: Transcript | None = None) -> Transcript:
    """The transcript after all these entries."""
    return reduce(after, entries, start or Transcript())


def after(transcript: Transcript, entry: Entry) -> Transcript:
    """The transcript after one more entry; the same object if the entry changes nothing."""
    turns = transcript.turns
    match entry:
        case Asked():
            asked = Turn(entry.turn, entry.text, entry.images, trace_id=entry.trace_id)
            return replace(transcript, turns=(*turns, asked))
        case Cut():
            return replace(transcript, turns=turns[: max(entry.turn, 0)])
        case Ended():
            return _turn_after(transcript, entry)
        case wire.Chat() if turns:
            begun = (*turns[-1].calls, Call(entry.id, entry.model))
            return _with_turn(transcript, len(turns) - 1, replace(turns[-1], calls=begun))
        case wire.Started() | wire.Delta() | wire.Done() | wire.Error() | Lost() | ToolResult():
            return _call_after(transcript, entry)
        case _:
            return transcript


def _turn_after(transcript: Transcript, entry: Ended) -> Transcript:
    for at, turn in reversed(list(enumerate(transcript.turns))):
        if turn.id == entry.turn:
            ended = replace(turn, state=entry.state, failure=entry.failure)
            return _with_turn(transcript, at, ended)
    return transcript


_OfCall: TypeAlias = wire.Started | wire.Delta | wire.Done | wire.Error | Lost | ToolResult


def _call_after(transcript: Transcript, entry: _OfCall) -> Transcript:
    place = _place(transcript, entry.call if isinstance(entry, ToolResult) else entry.id)
    if place is None:
        return transcript
    call = transcript.turns[place.turn].calls[place.call]
    changed = _answered(call, entry) if isinstance(entry, ToolResult) else _heard(call, entry)
    if changed is call:
        return transcript
    turn = transcript.turns[place.turn]
    calls = (*turn.calls[: place.call], changed, *turn.calls[place.call + 1 :])
    return _with_turn(transcript, place.turn, replace(turn, calls=calls))


@dataclass(frozen=True, slots=True)
class _Place:
    turn: int
    call: int


def _place(transcript: Transcript, id: str) -> _Place | None:
    """Where a call stands, looked for from the end, where it nearly always is."""
    for turn in range(len(transcript.turns) - 1, -1, -1):
        calls = transcript.turns[turn].calls
        for call in range(len(calls) - 1, -1, -1):
            if calls[call].id == id:
                return _Place(turn, call)
    return None


def _answered(call: Call, result: ToolResult) -> Call:
    if any(result.id == known.id for known in call.results):
        return call
    return replace(call, results=(*call.results, result))


def _heard(call: Call, entry: wire.Started | wire.Delta | wire.Done | wire.Error | Lost) -> Call:
    if call.is_over:
        return call
    if isinstance(entry, Lost):
        return replace(call, state="failed", failure=wire.Notice(entry.code, entry.message, entry.cure))
    if 0 < entry.seq <= call.seq:
        return call  # it came before
    seq = entry.seq or call.seq
    missed = call.missed + max(0, seq - call.seq - 1)
    return replace(call, seq=seq, missed=missed, **_said(call, entry))


def _said(call: Call, entry: wire.Started | wire.Delta | wire.Done | wire.Error) -> dict[str, Any]:
    match entry:
        case wire.Delta():
            return {
                "state": "streaming",
                "thinking": call.thinking + entry.thinking,
                "content": call.content + entry.content,
                "tool_calls": call.tool_calls + entry.tool_calls,
            }
        case wire.Done():
            return {
                "state": "cancelled" if entry.reason == "cancelled" else "done",
                "model": entry.model or call.model,
                "reason": entry.reason,
                "usage": entry.usage,
                "timings": entry.timings,
                "notices": call.notices + entry.notices,
            }
        case wire.Error():
            failure = wire.Notice(entry.code, entry.message, entry.cure)
            return {"state": "failed", "failure": failure}
        case _:
            return {}


def _with_turn(transcript: Transcript, at: int, turn: Turn) -> Transcript:
    turns = transcript.turns
    return replace(transcript, turns=(*turns[:at], turn, *turns[at + 1 :]))
