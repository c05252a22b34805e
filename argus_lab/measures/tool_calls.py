"""Calls of tools: what they were given, what came back, and which were tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures.counted import marks
from argus_lab.measures.engines import returned
from argus_lab.measures.prompts import json_of
from argus_lab.measures.replay import NEEDED as OF_REPLAY
from argus_lab.measures.replay import Replay, loaded, replay_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places = NDArray[np.int64]

__all__ = ["tool_calls"]

KEYS = ("project", "session_id", "trace_id", "span_id")
TAKEN = ("tool_call_id", "component_type", "mcp_method", "start_time", "duration_ms")
ENDS = ("status", "error_type", "error_message")
NEEDED = tuple(dict.fromkeys((*KEYS, *OF_REPLAY, *TAKEN, *ENDS)))
HEAVY = ("input", "output", "output_text")
FLAGS = ("isError", "is_error")
"""How a result says that it is none (MCP, Anthropic)."""


def tool_calls(spans: Any) -> Any:
    """One row a tool call: arguments, result, whether it went well, and which attempt it was.

    Tool calls are spans with the ``step_kind`` ``tool_call`` (or of the type ``tool``, if no step kind is
    known). A call over MCP that several spans recorded (the framework's, the client's, the server's) is
    one call, the outermost: a tool call over MCP (component type ``mcp``, or an MCP method) is left out if
    the nearest tool call, model call or agent above it is a call of the same tool.

    Parameters
    ----------
    spans
        A frame of spans of whole traces, of any engine. ``arguments``, ``result`` and ``result_text`` need
        the heavy columns ``input``, ``output`` and ``output_text`` and are null without them.

    Returns
    -------
    A frame of the same kind, traces by start, each in reading order:

    ``project``, ``session_id``, ``trace_id``, ``span_id``
        The call.
    ``round``, ``round_span_id``
        The model call that asked for it (see ``al.rounds``), its number in the session and its span; null if
        none is known.
    ``tool_name``
        The tool, else the component.
    ``tool_call_id``, ``component_type``, ``mcp_method``, ``start_time``, ``duration_ms``
        As in the span table.
    ``arguments``, ``result``, ``result_text``
        What it was given and gave back, as JSON, and the result for people.
    ``success``
        False if the status is ``ERROR`` or the result says that it is an error (``isError``), else True:
        OpenTelemetry leaves the status unset where nothing went wrong. Null if there is no status.
    ``error_type``, ``error_message``
        As in the span table.
    ``attempt``, ``is_retry``
        Calls of one tool with the same arguments in one trace, by start: after one that failed the next
        has a number more, after one that did not it is 1 again. Without arguments the tool's name decides.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.tool_calls import tool_calls
    >>> tool_calls(al.open(tiny_lake).spans())[["tool_name", "success", "attempt"]]
      tool_name  success  attempt
    0    search     True        1
    1    search     True        1
    """
    rows = loaded(spans, NEEDED, HEAVY, by="tool_calls")
    replay = replay_of(rows)
    is_call = marks(rows).is_tool_call
    place = replay.forest.order[is_call[replay.forest.order]]
    chosen = rows.take(place)
    cause = replay.cause[place]
    names = pc.coalesce(chosen["tool_name"], chosen["component_name"])
    success = _success(chosen)
    attempt = _attempts(replay, place, names.to_pylist(), chosen["input"].to_pylist(), success.to_pylist())
    made = {
        **{name: chosen[name] for name in KEYS},
        "round": pa.array(replay.round[cause], mask=cause < 0) if len(cause) else pa.array([], pa.int64()),
        "round_span_id": rows["span_id"].take(pa.array(cause, mask=cause < 0)),
        "tool_name": names,
        **{name: chosen[name] for name in TAKEN},
        "arguments": chosen["input"],
        "result": chosen["output"],
        "result_text": chosen["output_text"],
        "success": success,
        "error_type": chosen["error_type"],
        "error_message": chosen["error_message"],
        "attempt": attempt,
        "is_retry": attempt > 1,
    }
    return returned(pa.table(made), spans)


def _success(rows: pa.Table) -> pa.Array:
    said = [_says_error(text) for text in rows["output"].to_pylist()]
    fine = pc.and_(pc.not_equal(rows["status"], "ERROR"), pa.chunked_array([pa.array(said, pa.bool_())]))
    return pc.if_else(pa.array([one is False for one in said], pa.bool_()), False, fine)


def _says_error(text: str | None) -> bool:
    """False if a result says that it is an error."""
    if text is None or not any(flag in text for flag in FLAGS):
        return True
    found = json_of(text)
    return not (isinstance(found, dict) and any(found.get(flag) is True for flag in FLAGS))


def _attempts(
    replay: Replay,
    place: Places,
    names: list[str | None],
    arguments: list[str | None],
    success: list[bool | None],
) -> NDArray[np.int64]:
    attempt = np.ones(len(place), dtype=np.int64)
    failed: dict[tuple[int, str | None, bytes | None], int] = {}
    by_start = np.lexsort(
        (replay.forest.place[place], replay.forest.start[place], replay.forest.trace[place])
    )
    for at in by_start.tolist():
        key = (int(replay.forest.trace[place[at]]), names[at], _canonical(arguments[at]))
        attempt[at] = failed.get(key, 0) + 1
        failed[key] = int(attempt[at]) if success[at] is False else 0
    return attempt


def _canonical(text: str | None) -> bytes | None:
    """Arguments as a text that is the same for the same object."""
    if text is None:
        return None
    found = json_of(text)
    return text.encode() if found is None else msgspec.json.encode(found, order="deterministic")
