"""Every measure gives the same rows and numbers in every engine, in the kind of frame that came in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from argus_lab.frames import pandas_of
from argus_lab.measures.agents import with_agents
from argus_lab.measures.answers import answers
from argus_lab.measures.audit import audit_tokens
from argus_lab.measures.compare import compare
from argus_lab.measures.context_growth import context_growth
from argus_lab.measures.costs import costs
from argus_lab.measures.counted import counted
from argus_lab.measures.critical_path import critical_path
from argus_lab.measures.distribution import distribution
from argus_lab.measures.errors import errors
from argus_lab.measures.executions import executions
from argus_lab.measures.explain import explain
from argus_lab.measures.latency import latency
from argus_lab.measures.membership import members
from argus_lab.measures.messages import messages
from argus_lab.measures.outliers import outliers
from argus_lab.measures.rounds import rounds
from argus_lab.measures.sessions import sessions
from argus_lab.measures.steps import steps
from argus_lab.measures.throughput import throughput
from argus_lab.measures.tokens import tokens
from argus_lab.measures.tool_calls import tool_calls
from argus_lab.measures.traces import traces
from argus_lab.testing import make_span
from tests.measures.engines import differences, rows_of
from tests.measures.samples import spans_of, support_sessions

Measure = Callable[[Any], Any]

SESSIONS_IN_SPARK = 40
MODELS = {"by": "request_model", "values": ("gpt-5-mini", "qwen3:8b")}


def _growth(spans: Any) -> Any:
    one = nw.from_native(spans).filter(nw.col("session_id") == "cs-0003")
    return context_growth(one.to_native())


def _audited(spans: Any) -> Any:
    swollen = nw.from_native(spans).with_columns(nw.col("cache_read_tokens") + 1_000_000)
    return audit_tokens(swollen.to_native())


def _with_agents(spans: Any) -> Any:
    return with_agents(nw.from_native(spans).drop("tags").to_native())


def _counted(spans: Any) -> Any:
    return counted(nw.from_native(spans).drop("tags").to_native())  # pandas has no type for a list


MEASURES: dict[str, Measure] = {
    "audit_tokens": _audited,
    "answers": answers,
    "answers by model and day": partial(answers, by="request_model", every="1d"),
    "compare": partial(compare, **MODELS, resamples=100),
    "context_growth": _growth,
    "costs": costs,
    "counted": _counted,
    "critical_path": critical_path,
    "distribution": distribution,
    "distribution by service": partial(distribution, by=["service", "status"], column="input_tokens"),
    "errors": errors,
    "errors by service": partial(errors, by="service"),
    "executions": executions,
    "explain": partial(explain, **MODELS),
    "latency": latency,
    "latency by model and day": partial(latency, by=["request_model", "provider"], every="1d"),
    "messages": messages,
    "outliers": partial(outliers, by=["service", "name"]),
    "rounds": rounds,
    "sessions": sessions,
    "steps": steps,
    "throughput": partial(throughput, every="12h"),
    "throughput by service": partial(throughput, every="1d", by="service"),
    "tokens": tokens,
    "tokens by model and day": partial(tokens, by="request_model", every="1d"),
    "tool_calls": tool_calls,
    "traces": traces,
    "with_agents": _with_agents,
}
"""All of them, some with options."""

UNSORTED = {"counted", "with_agents"}
"""They give rows of the frame that came in, in its order."""


@cache
def _shuffled() -> pa.Table:
    """The sample spans in no order: what comes back must not depend on it."""
    rows = support_sessions()
    return rows.take(np.random.default_rng(5).permutation(rows.num_rows))


@cache
def _some() -> pa.Table:
    """The whole traces of forty sessions, shuffled; in one a parent is missing, in one calls repeat calls."""
    rows = _shuffled()
    named = sorted(pc.unique(members(rows)["session_id"]).to_pylist())[:SESSIONS_IN_SPARK]
    part = rows.filter(pc.is_in(members(rows)["session_id"], pa.array(named)))
    lost = pc.and_(pc.equal(part["session_id"], "cs-0003"), pc.equal(part["span_type"], "agent"))
    there = part.filter(pc.invert(pc.fill_null(lost, fill_value=False)))
    return pa.concat_tables([_repeating(), there])


def _repeating() -> pa.Table:
    """A call over MCP as its tool and both ends tell it, and a model call that the next span answers."""
    key = {"trace_id": "e" * 32, "session_id": "repeating"}
    tool = key | {"span_type": "tool", "step_kind": "tool_call", "tool_name": "search"}
    over_mcp = tool | {"component_type": "mcp", "mcp_method": "tools/call"}
    between = key | {"span_type": None, "step_kind": None, "component_type": "middleware"}
    kinds = (key, key | {"step_kind": None, "component_type": "llm"}, tool, between, over_mcp, over_mcp)
    up = (None, None, None, "3", "4", "5")
    return spans_of(
        *(
            make_span(1, **kind, span_id=str(n), parent_span_id=parent)
            for n, (kind, parent) in enumerate(zip(kinds, up, strict=True), 1)
        )
    )


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """One Spark session of two threads; it is slow to start. Its Java, which outlives it, ends with it."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master("local[2]").appName("argus-lab-tests")
    for name, value in options.items():
        builder = builder.config(name, value)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYSPARK_PYTHON", sys.executable)  # workers need the packages of this environment
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        yield session
        java = SparkContext._gateway.proc  # noqa: SLF001  nothing public ends it
        session.stop()
        java.stdin.close()  # at which it ends
        java.wait(60)


def _in_duckdb(rows: pa.Table) -> Any:
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")  # as lake.scan() does: it shows times in the session's zone
    return session.from_arrow(rows)


def _in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in an order of their own: by everything but broken numbers, which may differ in the last digit."""
    return sorted(rows, key=lambda row: [str(v) for v in row.values() if not isinstance(v, float)])


def _kinds(result: Any) -> dict[str, str]:
    """By column what it holds: whole numbers, broken ones, texts, ..."""
    frame = nw.from_native(result)
    table = (
        frame.head(0).collect("pyarrow") if isinstance(frame, nw.LazyFrame) else frame.head(0)
    ).to_arrow()
    return {field.name: _kind(field.type) for field in table.schema}


def _kind(type: pa.DataType) -> str:
    if pa.types.is_large_string(type) or pa.types.is_string_view(type):
        return "string"
    if pa.types.is_timestamp(type):
        return f"timestamp {type.tz}"
    return "list" if pa.types.is_list(type) or pa.types.is_large_list(type) else str(type)


@pytest.mark.filterwarnings(
    "ignore:PySpark does not yet fully support pandas >= 3.0.0:FutureWarning",  # its own words, on import
)
@pytest.mark.parametrize("name", MEASURES)
def test_all_engines_agree(name: str, spark: Any):
    """The same kind of frame back, the same columns and types, the same rows; the same order where kept."""
    measure = MEASURES[name]
    frames = {
        "polars": pl.DataFrame(_some()),
        "polars lazy": pl.DataFrame(_some()).lazy(),
        "duckdb": _in_duckdb(_some()),
        "pyarrow": _some(),
        "spark": spark.createDataFrame(_some()),
    }
    given = pandas_of(_some())
    before = given.copy()
    first = measure(given)
    assert type(first) is type(given)
    assert given.equals(before)
    expected = rows_of(first)
    assert expected
    for engine, frame in frames.items():
        found = measure(frame)
        assert type(found) is type(frame), engine
        assert _kinds(found) == _kinds(first), engine
        rows = rows_of(found)
        in_order = engine in {"polars", "pyarrow"} or (engine != "spark" and name not in UNSORTED)
        both = (rows, expected) if in_order else (_in_order(rows), _in_order(expected))
        assert differences(*both) == [], engine
