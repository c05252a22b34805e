"""What ran because of a model's answer: internal logic and external resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures.engines import returned
from argus_lab.measures.replay import NEEDED as OF_REPLAY
from argus_lab.measures.replay import is_in, loaded, replay_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from argus_lab.measures.replay import Replay

    Flags = NDArray[np.bool_]

__all__ = ["CATEGORIES", "categories", "executions", "executions_of", "is_external"]

CATEGORIES = {
    "knowledge": ("knowledge", "kb", "retriev", "vector", "embed", "rag", "search"),
    "memory": ("memory", "recall", "mem0"),
    "database": ("db", "sql", "database", "query", "postgres", "mysql", "mongo", "redis"),
    "http": ("http", "api", "fetch", "request", "url", "rest", "webhook"),
}
"""Kinds of external resources, by what stands in their name; the first that fits."""
OTHER = "other"
KEYS = ("project", "session_id", "trace_id")
TAKEN = (
    "component_type",
    "component_name",
    "tool_name",
    "start_time",
    "duration_ms",
    "status",
    "error_message",
)
NEEDED = tuple(dict.fromkeys((*KEYS, *OF_REPLAY, *TAKEN)))
HEAVY = ("input", "output")


def executions(spans: Any) -> Any:
    """One row an execution: a tool call or an external resource, and the round it belongs to.

    ``al.rounds`` says which round that is. The server's end of a call over MCP is no execution of its
    own: one of the component type ``mcp`` right within another, with the same name or tool and not with
    another MCP method.

    Parameters
    ----------
    spans
        A frame of spans of whole traces, of any engine. ``arguments`` and ``result`` need the heavy columns
        ``input`` and ``output``, and are null without them.

    Returns
    -------
    A frame of the same kind, traces by start, each in reading order:

    ``project``, ``session_id``, ``trace_id``, ``round``, ``span_id``
        ``round`` is null if it ran before every model call, or is a resource that began while one still ran.
    ``group``
        ``external`` for the component types ``external_resource`` and ``mcp`` (and for external resources
        of no known type), else ``internal``.
    ``category``
        Of external ones, by words in the name: ``knowledge``, ``memory``, ``database``, ``http``, ``other``.
    ``component_type``, ``component_name``, ``tool_name``, ``start_time``, ``duration_ms``, ``status``, \
``error_message``
        As in the span table.
    ``arguments``, ``result``
        What it was given and gave back, as JSON.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.executions import executions
    >>> executions(al.open(tiny_lake).spans())[["round", "group", "component_name"]]
       round     group component_name
    0      1  internal         search
    1   <NA>  internal         search
    """
    rows = loaded(spans, NEEDED, HEAVY, by="executions")
    return returned(executions_of(rows, replay_of(rows)), spans)


def executions_of(rows: pa.Table, replay: Replay) -> pa.Table:
    """The executions of a table that is replayed already."""
    chosen = rows.take(replay.executions)
    cause = replay.cause[replay.executions]
    made = {
        **{name: chosen[name] for name in KEYS},
        "round": pa.array(replay.round[cause], mask=cause < 0) if len(cause) else pa.array([], pa.int64()),
        "span_id": chosen["span_id"],
        "group": pc.if_else(pa.array(is_external(chosen), pa.bool_()), "external", "internal"),
        "category": pa.array(categories(chosen), pa.string()),
        **{name: chosen[name] for name in TAKEN},
        "arguments": chosen["input"],
        "result": chosen["output"],
    }
    return pa.table(made)


def is_external(rows: pa.Table) -> Flags:
    """Which executions run outside: external resources and what is reached over MCP."""
    is_typed = pc.is_valid(rows["component_type"]).to_numpy()
    is_resource = ~is_typed & is_in(rows["step_kind"], "external_resource")
    found: Flags = is_in(rows["component_type"], "external_resource", "mcp") | is_resource
    return found


def categories(rows: pa.Table) -> list[str | None]:
    """The category of each external execution, None for internal ones.

    Examples
    --------
    >>> names = ["help-centre search", "orders-db", "weather"]
    >>> row = {"component_type": "external_resource", "step_kind": "external_resource", "name": "call"}
    >>> categories(pa.Table.from_pylist([row | {"component_name": name} for name in names]))
    ['knowledge', 'database', 'other']
    """
    names = pc.coalesce(rows["component_name"], rows["name"])
    outside = is_external(rows).tolist()
    known: dict[str | None, str] = {}
    found: list[str | None] = []
    for name, is_out in zip(names.to_pylist(), outside, strict=True):
        if is_out and name not in known:
            known[name] = _category(name or "")
        found.append(known[name] if is_out else None)
    return found


def _category(name: str) -> str:
    lower = name.lower()
    return next((kind for kind, words in CATEGORIES.items() if any(word in lower for word in words)), OTHER)
