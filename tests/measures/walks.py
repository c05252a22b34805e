"""Trees, sessions and model calls of a list of spans, by walking from span to span."""

from __future__ import annotations

from typing import Any

from argus_lab.measures.trees import UNKNOWN_START

Row = dict[str, Any]
Rows = list[Row]
COUNTED = {"llm", "embedding", "reranker"}
BORDERS = {"tool", "agent"}
SESSION = ("session_id", "session_source")
SAME = ("project", "component_name", "input")
"""What the two halves of a streamed call have in common."""
UNKNOWN = int(UNKNOWN_START)
"""A moment that nobody knows is later than all others."""


def start_of(row: Row) -> int:
    """Start in nanoseconds."""
    start = row["start_unix_nano"]
    if start is not None:
        return int(start)
    moment = row["start_time"]
    return UNKNOWN if moment is None else int(moment.timestamp() * 10**6) * 1000


def named_above(row: Row) -> tuple[str, str | None]:
    """The trace and id of the parent that a span names; a span that names itself has none."""
    parent = row["parent_span_id"]
    return row["trace_id"], None if parent == row["span_id"] else parent


def parents_of(rows: Rows) -> list[int | None]:
    """By row, the place of its parent; circles opened at the earliest span."""
    place = {(row["trace_id"], row["span_id"]): n for n, row in enumerate(rows)}
    found = [place.get(named_above(row)) for row in rows]
    for n in range(len(rows)):
        circle, at = [n], found[n]
        while at is not None and at not in circle:
            circle.append(at)
            at = found[at]
        if at == n:
            first = min(circle, key=lambda m: (start_of(rows[m]), rows[m]["span_id"]))
            found[first] = None
    return found


def read(rows: Rows) -> list[tuple[int, int]]:
    """The rows in reading order with their depth, by walking down from the roots."""
    up = parents_of(rows)
    first: dict[str, int] = {}
    for row in rows:
        first[row["trace_id"]] = min(first.get(row["trace_id"], start_of(row)), start_of(row))

    def below(parent: int | None, trace: str) -> list[int]:
        found = [n for n, row in enumerate(rows) if up[n] == parent and row["trace_id"] == trace]
        return sorted(found, key=lambda n: (start_of(rows[n]), rows[n]["span_id"]))

    def walk(n: int, depth: int) -> list[tuple[int, int]]:
        inner = [step for child in below(n, rows[n]["trace_id"]) for step in walk(child, depth + 1)]
        return [(n, depth), *inner]

    traces = sorted(first, key=lambda trace: (first[trace], trace))
    return [step for trace in traces for root in below(None, trace) for step in walk(root, 0)]


def above(rows: Rows, n: int) -> list[int]:
    """The places above a span, nearest first; once round if parents go in a circle."""
    place = {(row["trace_id"], row["span_id"]): m for m, row in enumerate(rows)}
    found: list[int] = []
    at = place.get(named_above(rows[n]))
    while at is not None and at not in found:
        found.append(at)
        at = place.get(named_above(rows[at]))
    return found


def is_answer(row: Row) -> bool:
    """The answer of a streamed call, in a span of its own."""
    return row["span_type"] == "llm" and row["step_kind"] is None and row["component_type"] == "llm"


TOLD = ("output", "output_text", "response_model", "input_tokens", "output_tokens", "cost_usd")


def joined(rows: Rows) -> Rows:
    """The rows with each streamed call as one, in the sessions that they belong to: by trying all pairs."""
    rows = [row | dict(zip(SESSION, session_of(rows, n), strict=True)) for n, row in enumerate(rows)]
    told = marks(rows)
    waiting = [
        n for n, row in enumerate(rows) if told[n][1] and _lacks_usage(row) and start_of(row) < UNKNOWN
    ]
    answers = [n for n, row in enumerate(rows) if is_answer(row) and start_of(row) < UNKNOWN]
    order = {n: (start_of(row), row["span_id"]) for n, row in enumerate(rows)}
    gone = set()
    for n in sorted(answers, key=order.__getitem__):
        for fits in (_is_beside, _is_alone):
            found = [m for m in waiting if start_of(rows[m]) <= order[n][0] and fits(rows[m], rows[n])]
            if found:
                request = max(found, key=order.__getitem__)
                rows[request] = _answered(rows[request], rows[n])
                waiting.remove(request)
                gone.add(n)
                break
    return [row for n, row in enumerate(rows) if n not in gone]


def _lacks_usage(row: Row) -> bool:
    return row["input_tokens"] is None and row["output_tokens"] is None


def _is_beside(request: Row, answer: Row) -> bool:
    return all(request[name] == answer[name] for name in ("trace_id", "parent_span_id", *SAME))


def _is_alone(request: Row, answer: Row) -> bool:
    alone = request["parent_span_id"] is None and answer["parent_span_id"] is None
    told = request["input"] is not None and all(request[name] == answer[name] for name in SAME)
    sources = [row["session_source"] == "trace" for row in (request, answer)]
    same = all(sources) or (not any(sources) and request["session_id"] == answer["session_id"])
    return alone and told and same


def _answered(request: Row, answer: Row) -> Row:
    told = {name: answer[name] for name in TOLD if answer[name] is not None}
    lengths = [request["duration_ns"]]
    if answer["duration_ns"] is not None:
        lengths.append(start_of(answer) - start_of(request) + answer["duration_ns"])
    return request | told | {"duration_ns": max((each for each in lengths if each is not None), default=None)}


def is_tool(row: Row) -> bool:
    """It is a tool call, or one end of a call over MCP."""
    return bool(row["step_kind"] == "tool_call" or (row["step_kind"] is None and row["span_type"] == "tool"))


def tool_of(row: Row) -> str | None:
    """What a tool call is called."""
    name: str | None = row["component_name"] if row["tool_name"] is None else row["tool_name"]
    return name


def is_inner(rows: Rows, n: int) -> bool:
    """A call over MCP below a call of the same tool, with no other call and no agent between."""
    row = rows[n]
    if row["component_type"] != "mcp" and row["mcp_method"] is None:
        return False
    for m in above(rows, n):
        if is_tool(rows[m]):
            return tool_of(rows[m]) == tool_of(row) is not None
        if rows[m]["span_type"] in {"llm", "agent"} or rows[m]["step_kind"] == "llm_call":
            return False
    return False


def marks(rows: Rows) -> list[tuple[bool, bool, bool]]:
    """By span: it counts, it is a model call, it is a tool call; by looking at every pair of spans."""
    numbers = range(len(rows))
    known = [row["input_tokens"] is not None or row["output_tokens"] is not None for row in rows]
    used = [(row["input_tokens"] or 0) + (row["output_tokens"] or 0) > 0 for row in rows]
    usage = [u and row["span_type"] in COUNTED for u, row in zip(used, rows, strict=True)]
    called = [row["span_type"] == "llm" or row["step_kind"] == "llm_call" for row in rows]
    call = [c and not is_answer(row) for c, row in zip(called, rows, strict=True)]
    counts = [k and row["span_type"] in COUNTED for k, row in zip(known, rows, strict=True)]
    untyped = [u and row["span_type"] is None for u, row in zip(used, rows, strict=True)]
    wrappers: dict[str, set[int]] = {"usage": set(), "call": set()}
    shadowed = set()
    for n in numbers:
        over = above(rows, n)
        for name, flags in (("usage", usage), ("call", call)):
            for m in over if flags[n] else ():
                if flags[m]:
                    wrappers[name].add(m)
                if flags[m] or rows[m]["span_type"] in BORDERS:
                    break
        if counts[n] or untyped[n]:
            shadowed |= {m for m in over if untyped[m]}
        if untyped[n] and any(counts[m] for m in over):
            shadowed.add(n)
    return [
        ((counts[n] and n not in wrappers["usage"]) or (untyped[n] and n not in shadowed),
         call[n] and n not in wrappers["call"],
         is_tool(rows[n]) and not is_inner(rows, n))
        for n in numbers
    ]  # fmt: skip


def session_of(rows: Rows, n: int) -> tuple[str, str]:
    """The session of a span and where it has it from, by a walk up."""
    row = rows[n]
    own = (row["session_id"] or row["trace_id"], row["session_source"] or "trace")
    if row["session_source"] in {"attribute", "inherited"}:
        return own
    named = [
        m
        for m, r in enumerate(rows)
        if r["session_source"] == "attribute" and r["session_id"] and r["trace_id"] == row["trace_id"]
    ]
    if not named:
        return own
    near = [m for m in above(rows, n) if m in named]
    by_start = sorted(
        named, key=lambda m: (rows[m]["start_time"] is None, rows[m]["start_time"], rows[m]["span_id"])
    )
    giver = rows[near[0] if near else by_start[0]]
    return giver["session_id"], "inherited"
