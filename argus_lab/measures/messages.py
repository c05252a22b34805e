"""The messages of conversations, each where it was said, and which were only sent again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from argus_lab.measures.aggregates import BETWEEN
from argus_lab.measures.engines import asked, returned
from argus_lab.measures.prompts import (
    Message,
    asked_tools,
    json_text,
    message_text,
    messages_in,
    parts_of,
    text_message,
    tool_results,
)
from argus_lab.measures.replay import NEEDED as OF_REPLAY
from argus_lab.measures.replay import Replay, is_in, loaded, replay_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Places = NDArray[np.int64]

__all__ = ["messages", "messages_of"]

KEYS = ("project", "session_id", "trace_id", "span_id")
HEAVY = ("input", "output")
MORE = ("input_text", "output_text", "system_prompt")
NEEDED = tuple(dict.fromkeys((*OF_REPLAY, "request_model")))
ROLES = {"system_prompt": "system", "user_message": "user", "assistant_message": "assistant"}
"""Whose message a step of its own is."""
AT_ONCE = 1_000
"""Rows whose texts are Python's at a time."""

COLUMNS = pa.schema(
    [
        ("project", pa.string()),
        ("session_id", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("round", pa.int64()),
        ("message", pa.int64()),
        ("direction", pa.string()),
        ("role", pa.string()),
        ("text", pa.string()),
        ("parts", pa.string()),
        ("tool_calls", pa.int64()),
        ("tool_call_id", pa.string()),
        ("is_resent", pa.bool_()),
        ("start_time", pa.timestamp("us", "UTC")),
        ("request_model", pa.string()),
    ]
)


Told = tuple[list[Message], list[Message]]
"""What was sent, and what was answered."""


class Said(NamedTuple):
    """A message, and the row of the span that holds it."""

    row: int
    direction: str
    message: Message
    is_resent: bool


def messages(spans: Any) -> Any:
    """One row a message of a conversation, in the order in which they were said.

    Model calls send the whole conversation again each time. A message of a prompt is *re-sent* if an
    earlier call of the session had it in its history (its prompt and its answer) already: the same role
    and content, as many times as here. So ``found[~found.is_resent]`` is the conversation, each message
    once. Reasoning is not compared, since senders leave it out when they send an answer again.

    Parameters
    ----------
    spans
        A frame of spans of whole traces, of any engine, with the columns ``input`` and ``output``
        (``lake.session(..., columns="all")``). ``system_prompt``, ``input_text`` and ``output_text`` are
        used if they are there: a system prompt that is not among a call's messages comes before them, and
        a text stands for messages that are not there. Where no call of a trace tells its system prompt,
        what it was asked, or what it answered, the steps ``system_prompt``, ``user_message`` or
        ``assistant_message`` do.

    Returns
    -------
    A frame of the same kind, sorted by session (its first start), then ``message``:

    ``project``, ``session_id``, ``trace_id``, ``span_id``
        The span that holds the message.
    ``round``
        Of the model call (see ``al.rounds``); null for a step that is no call.
    ``message``
        1, 2, 3, ... in the session, re-sent ones included.
    ``direction``
        ``input`` (what the model was sent) or ``output`` (what it answered).
    ``role``
        ``system``, ``user``, ``assistant``, ``tool``, or what the sender wrote.
    ``text``
        What a person reads: the texts, else the results of tools.
    ``parts``
        The message's parts, JSON.
    ``tool_calls``, ``tool_call_id``
        How many tool calls it asks for; the ids of the calls whose results it brings, joined by ``", "``.
    ``is_resent``
        See above; never null.
    ``start_time``, ``request_model``
        Of the span.

    Examples
    --------
    >>> from argus_lab.frames import pandas_of
    >>> from argus_lab.measures.messages import messages
    >>> from argus_lab.measures.prompts import json_text
    >>> from argus_lab.testing import make_span
    >>> hi = {"role": "user", "parts": [{"type": "text", "content": "Hi"}]}
    >>> hello = {"role": "assistant", "parts": [{"type": "text", "content": "Hello!"}]}
    >>> calls = [
    ...     make_span(1, input=json_text([hi]), output=json_text([hello])),
    ...     make_span(3, input=json_text([hi, hello, hi]), output=json_text([hello])),
    ... ]
    >>> messages(pandas_of(pa.Table.from_pylist(calls)))[["round", "role", "text", "is_resent"]]
       round       role    text  is_resent
    0      1       user      Hi      False
    1      1  assistant  Hello!      False
    2      2       user      Hi       True
    3      2  assistant  Hello!       True
    4      2       user      Hi      False
    5      2  assistant  Hello!      False
    """
    asked(spans, HEAVY, by="messages")
    rows = loaded(spans, NEEDED, (*HEAVY, *MORE), by="messages")
    return returned(messages_of(rows, replay_of(rows)), spans)


def messages_of(rows: pa.Table, replay: Replay) -> pa.Table:
    """The messages of a table that is replayed already."""
    return _table(rows, replay, list(_said(rows, replay)))


def _said(rows: pa.Table, replay: Replay) -> Iterator[Said]:
    """The messages of all sessions, in order."""
    told = _told(rows, replay)
    speakers = np.fromiter(told, dtype=np.int64, count=len(told))
    place, start = replay.forest.place[speakers], replay.forest.start[speakers]
    order = np.lexsort((place, start, replay.session[speakers]))
    session, known = -1, Counter[bytes]()
    for row in speakers[order].tolist():
        if int(replay.session[row]) != session:
            session, known = int(replay.session[row]), Counter()
        seen = Counter[bytes]()
        for direction, found in zip(("input", "output"), told[row], strict=True):
            for message in found:
                content = _content(message)
                seen[content] += 1
                is_resent = direction == "input" and seen[content] <= known[content]
                yield Said(row, direction, message, is_resent)
        for content, times in seen.items():
            known[content] = max(known[content], times)


def _told(rows: pa.Table, replay: Replay) -> dict[int, Told]:
    """By row, the messages of calls, and of steps for what no call of their trace tells."""
    trace = replay.forest.trace
    found: dict[int, Told] = {}
    known: set[tuple[int, str]] = set()
    for row, held in _held(rows, replay.calls):
        sent, given = _of_call(held)
        found[row] = (sent, given)
        of = int(trace[row])
        known |= {(of, "system" if message["role"] == "system" else "user") for message in sent}
        known |= {(of, "assistant") for _ in given[:1]}
    is_step = is_in(rows["step_kind"], *ROLES)
    is_step[replay.calls] = False
    for row, held in _held(rows, np.flatnonzero(is_step)):
        role = ROLES[held["step_kind"]]
        said = _of_step(held, role)
        if said and (int(trace[row]), role) not in known:
            found[row] = ([], said) if role == "assistant" else (said, [])
    return found


def _held(rows: pa.Table, chosen: Places) -> Iterator[tuple[int, dict[str, Any]]]:
    taken = rows.select([*HEAVY, *MORE, "step_kind"]).take(pa.array(chosen, pa.int64()))
    held = (row for batch in taken.to_batches(max_chunksize=AT_ONCE) for row in batch.to_pylist())
    return zip(chosen.tolist(), held, strict=True)


def _of_call(held: dict[str, Any]) -> Told:
    """What a call sent and what it was answered; texts stand for messages that are not there."""
    sent, given = _messages_or_text(held, "input", "user"), _messages_or_text(held, "output", "assistant")
    if held["system_prompt"] and not any(message["role"] == "system" for message in sent):
        sent = [text_message("system", held["system_prompt"]), *sent]
    return sent, given


def _of_step(held: dict[str, Any], role: str) -> list[Message]:
    """What a step of its own says, wherever it stands; a text is of the step's role."""
    sides = ("output", "input") if role == "assistant" else ("input", "output")
    said = next((found for side in sides if (found := _messages_or_text(held, side, role))), [])
    if not said and role == "system" and held["system_prompt"]:
        said = [text_message(role, held["system_prompt"])]
    return said


def _messages_or_text(held: dict[str, Any], side: str, role: str) -> list[Message]:
    found, text = messages_in(held[side]), held[f"{side}_text"]
    if found is None:
        return [text_message(role, text)] if text else []
    return found


def _content(message: Message) -> bytes:
    """What makes two messages the same: role and parts, without reasoning."""
    parts = [part for part in parts_of(message) if part.get("type") != "reasoning"]
    return msgspec.json.encode([message["role"], parts or parts_of(message)], order="deterministic")


def _table(rows: pa.Table, replay: Replay, said: list[Said]) -> pa.Table:
    at = np.fromiter((one.row for one in said), dtype=np.int64, count=len(said))
    held = rows.select([*KEYS, "start_time", "request_model"]).take(at)
    session = replay.session[at]
    first = np.flatnonzero(np.diff(session, prepend=-1) != 0)
    number = np.arange(len(at)) - np.repeat(first, np.diff(first, append=len(at))) + 1
    results = [BETWEEN.join(filter(None, tool_results(one.message))) or None for one in said]
    made = {
        **{name: held[name] for name in KEYS},
        "round": pa.array(replay.round[at], mask=replay.round[at] == 0),
        "message": number,
        "direction": [one.direction for one in said],
        "role": [str(one.message["role"]) for one in said],
        "text": [message_text(one.message) for one in said],
        "parts": [json_text(one.message.get("parts") or []) for one in said],
        "tool_calls": [len(asked_tools([one.message])) for one in said],
        "tool_call_id": results,
        "is_resent": [one.is_resent for one in said],
        "start_time": held["start_time"],
        "request_model": held["request_model"],
    }
    return pa.table(made, schema=COLUMNS)
