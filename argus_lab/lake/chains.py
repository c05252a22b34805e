"""Sessions inferred: traces that name none, one taking up the conversation where another left it.

A model is sent the whole conversation at each turn. So if the first model call of a trace was sent what the
last call of an earlier one was sent, and its answer, and then more, both are turns of one conversation.
That is told by the messages themselves, never by times or names alone: same project, same service, a user's
and an assistant's message at least in what is shared, and one trace only that it can go on from. System
prompts (which may hold the time of day), reasoning (which is not sent back) and what else stands beside role
and parts do not count.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pyarrow as pa

from argus_lab.lake import duck

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["chained", "inferred"]

_SYSTEM = frozenset({"system", "developer"})
_load = msgspec.json.Decoder().decode
_dump = msgspec.json.Encoder(order="deterministic").encode

_ENDS = """
WITH span AS NOT MATERIALIZED ({source}),
named AS (
  SELECT DISTINCT trace_id FROM span
  WHERE session_id IS NOT NULL AND coalesce(session_source, '') NOT IN ('trace', 'inherited', 'inferred')
),
call AS (
  SELECT project, service, trace_id, span_id, input, output, start_unix_nano AS start
  FROM span ANTI JOIN named USING (trace_id)
  WHERE span_type = 'llm' AND input IS NOT NULL AND start_unix_nano IS NOT NULL
    AND session_source IN ('trace', 'inherited', 'inferred')
)
SELECT project, service, trace_id,
  min(start) AS first_start, arg_min(input, (start, span_id)) AS first_input,
  max(start) AS last_start, arg_max(input, (start, span_id)) AS last_input,
  arg_max(coalesce(output, ''), (start, span_id)) AS last_output
FROM call GROUP BY project, service, trace_id
ORDER BY project, service, first_start, trace_id
"""


class _Turn(NamedTuple):
    """A trace as a turn of a conversation: hashes of how what it was sent starts, and of its end."""

    trace_id: str
    start: int
    end: int
    starts: tuple[bytes, ...]
    left: bytes | None


def inferred(source: str) -> pa.Table:
    """``trace_id`` and ``session_id`` of traces that form chains; ``source`` is SQL that reads spans."""
    reader = duck.connection().sql(_ENDS.format(source=source)).to_arrow_reader(1000)
    groups: dict[tuple[str, str], list[_Turn]] = {}
    for batch in reader:
        for row in batch.to_pylist():
            groups.setdefault((row["project"], row["service"]), []).append(_turn(row))
    found: dict[str, str] = {}
    for turns in groups.values():
        for trace, session in chained(turns).items():
            found.setdefault(trace, session)  # of a trace in which two services talk, the first by name
    return pa.table(
        {"trace_id": pa.array(found, pa.string()), "session_id": pa.array(found.values(), pa.string())}
    )


def chained(turns: Sequence[_Turn]) -> dict[str, str]:
    """The session of each trace that stands in a chain: the id of the chain's first trace."""
    ended: dict[bytes, list[_Turn]] = {}
    for turn in turns:
        if turn.left is not None:
            ended.setdefault(turn.left, []).append(turn)
    before = {turn.trace_id: earlier for turn in turns if (earlier := _before(turn, ended)) is not None}
    found: dict[str, str] = {}
    for trace in before:
        first = trace
        while first in before:
            first = before[first]
        found[trace] = found[first] = first
    return found


def _before(turn: _Turn, ended: Mapping[bytes, Sequence[_Turn]]) -> str | None:
    """The trace that this one goes on from: the one that shares most, if there is only one that does."""
    for start in reversed(turn.starts):
        # A chain goes forward in time, so it has no circles.
        found = [other.trace_id for other in ended.get(start, ()) if other.end < turn.start]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _turn(row: Mapping[str, Any]) -> _Turn:
    shorter = list(_hashes(_said(row["first_input"])))[:-1]
    starts = tuple(place for place, is_both in shorter if is_both)
    said = [*_said(row["last_input"]), *(answer := _said(row["last_output"]))]
    ends = list(_hashes(said))
    left = ends[-1][0] if answer and ends and ends[-1][1] else None
    return _Turn(row["trace_id"], row["first_start"], row["last_start"], starts, left)


def _hashes(messages: Sequence[tuple[str, bytes]]) -> Iterator[tuple[bytes, bool]]:
    """A hash of each start of the messages, and whether user and assistant both speak in it."""
    whole = hashlib.blake2b(digest_size=16)
    roles: set[str] = set()
    for role, text in messages:
        whole.update(len(text).to_bytes(8, "big") + text)
        roles.add(role)
        yield whole.digest(), roles >= {"user", "assistant"}


def _said(text: str | None) -> list[tuple[str, bytes]]:
    """Role and canonical text of each message that counts; nothing of what is no list of messages."""
    try:
        found = _load(text) if text else []
    except (msgspec.DecodeError, RecursionError):
        return []
    if not isinstance(found, list) or not all(isinstance(message, dict) for message in found):
        return []
    said = []
    for message in found:
        role, parts = message.get("role"), message.get("parts")
        if role in _SYSTEM:
            continue
        if not isinstance(role, str) or not isinstance(parts, list):
            return []
        kept = [part for part in parts if not (isinstance(part, dict) and part.get("type") == "reasoning")]
        said.append((role, _dump([role, kept])))
    return said
