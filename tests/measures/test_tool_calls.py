"""Tool calls: one a call however many spans it has, their success, and which were tried again."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.measures.tool_calls import tool_calls
from argus_lab.testing import make_span
from tests.measures.engines import differences, rows_of
from tests.measures.generated import conversations, make_times, shuffled
from tests.measures.samples import spans_of
from tests.measures.story import Story
from tests.measures.walks import Row, Rows, marks, tool_of


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except ValueError:
        return text


def _success(row: Row) -> bool | None:
    result = _parsed(row["output"])
    if isinstance(result, dict) and (result.get("isError") is True or result.get("is_error") is True):
        return False
    return None if row["status"] is None else row["status"] != "ERROR"


def _expected(story: Story) -> Rows:
    chosen = sorted(story.tool_calls)
    attempt: dict[int, int] = {}
    for n in sorted(chosen, key=story.start):
        row = story.rows[n]
        alike = [
            m
            for m in attempt
            if story.rows[m]["trace_id"] == row["trace_id"]
            and tool_of(story.rows[m]) == tool_of(row)
            and _parsed(story.rows[m]["input"]) == _parsed(row["input"])
        ]
        again = alike and _success(story.rows[alike[-1]]) is False
        attempt[n] = attempt[alike[-1]] + 1 if again else 1
    cause = {n: story.cause(n) if n in story.executions else None for n in chosen}
    return [
        {
            "trace_id": story.rows[n]["trace_id"],
            "span_id": story.rows[n]["span_id"],
            "session_id": story.session[n][1],
            "round_span_id": None if cause[n] is None else story.rows[cause[n]]["span_id"],
            "tool_name": tool_of(story.rows[n]),
            "arguments": story.rows[n]["input"],
            "result": story.rows[n]["output"],
            "result_text": story.rows[n]["output_text"],
            "success": _success(story.rows[n]),
            "error_message": story.rows[n]["error_message"],
            "attempt": attempt[n],
            "is_retry": attempt[n] > 1,
        }
        for n in sorted(chosen, key=story.place.__getitem__)
    ]


@given(conversations())
def test_tool_calls_are_those_of_the_definition(table: pa.Table):
    """Every column that is made, for broken traces, against the definition read span by span."""
    assert differences(rows_of(tool_calls(table)), _expected(Story(table.to_pylist()))) == []


@given(conversations(), st.integers(0, 99))
def test_tool_calls_do_not_depend_on_the_order_of_rows(table: pa.Table, seed: int):
    """The same spans shuffled give the same frame."""
    assert tool_calls(shuffled(table, seed)).equals(tool_calls(table))


def _span(name: str, up: str | None, **columns: Any) -> Row:
    known = {"span_type": None, "step_kind": None, "component_type": None, "tool_name": None}
    row = make_span(1, trace_id="t", span_id=name, parent_span_id=up, component_name=None, **known)
    return row | columns


TOOL = {"span_type": "tool", "step_kind": "tool_call", "tool_name": "search"}
MCP = TOOL | {"component_type": "mcp", "mcp_method": "tools/call"}


@pytest.mark.parametrize(
    ("between", "calls"),
    [
        ({"component_type": "middleware"}, 1),
        ({"step_kind": "external_resource", "component_type": "mcp"}, 1),
        ({"span_type": "agent"}, 2),
        ({"span_type": "llm"}, 2),
        ({"step_kind": "llm_call"}, 2),
        (TOOL | {"tool_name": "other"}, 3),
    ],
    ids=["middleware", "server", "agent", "model", "model by step", "another tool"],
)
def test_ends_of_one_call_are_one(between: dict[str, Any], calls: int):
    """A framework's, a client's and a server's span are one call, unless something of its own is between."""
    rows = [_span("framework", None, **TOOL), _span("between", "framework", **between)]
    rows += [_span("client", "between", **MCP), _span("server", "client", **MCP)]
    found = tool_calls(spans_of(*rows))["span_id"].to_pylist()
    assert found[0] == "framework"
    assert len(found) == calls


def test_attempts_start_anew_after_success():
    """Failed, failed, worked, worked: the third attempt is the last; keys of arguments have no order."""
    ends = [("ERROR", None), ("OK", '{"isError": true}'), ("OK", None), ("OK", None)]
    rows = [
        _span(str(n), None, **TOOL)
        | make_times(n, 1)
        | {"status": status, "output": output, "input": ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}')[n % 2]}
        for n, (status, output) in enumerate(ends)
    ]
    found = tool_calls(spans_of(*rows))
    assert found["attempt"].to_pylist() == [1, 2, 3, 1]
    assert found["success"].to_pylist() == [False, False, True, True]


ENDS = (MCP, MCP, TOOL, {"component_type": "middleware"}, {"span_type": "agent"}, {"step_kind": "llm_call"})
NESTED = st.lists(
    st.tuples(st.sampled_from(ENDS), st.sampled_from(["search", "refund", None]), st.integers(1, 3)),
    max_size=9,
)


@given(NESTED)
def test_ends_are_merged_in_any_nesting(drawn: list[tuple[Row, str | None, int]]):
    """Calls within calls, one of the three spans before as the parent, against a walk up from each."""
    rows = [
        _span(f"{n:02}", f"{n - back:02}", **kind) | {"tool_name": name}
        for n, (kind, name, back) in enumerate(drawn)
    ]
    expected = [row["span_id"] for row, (_, _, is_call) in zip(rows, marks(rows), strict=True) if is_call]
    assert sorted(tool_calls(spans_of(*rows))["span_id"].to_pylist()) == expected
