"""Measures on five million spans in DuckDB, each beside hand-written SQL for the same answer."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pyarrow.dataset as ds
from deltalake import DeltaTable

import argus_lab as al
from argus_lab.frames import pandas_of
from argus_lab.lake.selection import Picks
from argus_lab.measures.errors import errors
from argus_lab.measures.latency import latency
from argus_lab.measures.sessions import sessions
from argus_lab.measures.throughput import throughput
from argus_lab.measures.tokens import tokens
from argus_lab.measures.traces import traces
from argus_lab.schema import SPANS
from bench import big_lake
from bench.places import workspace

SPANS_IN_LAKE = 5_000_000
ROUNDS = 3
LIGHT_ROWS = 1_000_000

SPEED = """
  median(CASE WHEN (span_type = 'llm' OR step_kind = 'llm_call') AND output_tokens > 0 AND duration_ms > 0
    THEN output_tokens / ((duration_ms - CASE WHEN time_to_first_token_ms >= 0
      AND time_to_first_token_ms < duration_ms AND coalesce(reasoning_tokens, 0) = 0
      THEN time_to_first_token_ms ELSE 0 END) / 1000) END)
"""
LATENCY = """
SELECT {key} AS key, count(duration_ms), avg(duration_ms), quantile_cont(duration_ms, [0.5, 0.9, 0.95, 0.99]),
  max(duration_ms), count(*) FILTER (status = 'ERROR'), count(time_to_first_token_ms),
  quantile_cont(time_to_first_token_ms, [0.5, 0.95]), {speed}
FROM spans GROUP BY 1 ORDER BY 1
"""
# A span with usage that has another one right below it, with no tool or agent in between, does not count.
# In this lake no trace is deeper than two, so that one look at the parent is enough; by hashes of the ids,
# since DuckDB joins numbers far faster than texts.
COUNTED = """
used AS (
  SELECT *, hash(trace_id, span_id) AS own, hash(trace_id, parent_span_id) AS above
  FROM (SELECT {columns} FROM spans) WHERE span_type IN ('llm', 'embedding', 'reranker')
    AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)
),
calls AS (
  SELECT * FROM used ANTI JOIN
    (SELECT above FROM used WHERE parent_span_id IS NOT NULL AND coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0) b
    ON used.own = b.above
)
"""
USAGE = "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd"
TOKENS = """
WITH {counted}
SELECT request_model, count(*), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
  sum(reasoning_tokens), sum(input_tokens - coalesce(cache_read_tokens, 0) - coalesce(cache_write_tokens, 0)),
  sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), sum(cost_usd)
FROM calls GROUP BY 1 ORDER BY 1
"""
THROUGHPUT = """
WITH {counted},
a AS (SELECT time_bucket(INTERVAL 1 HOUR, start_time) AS t, count(*), count(DISTINCT trace_id),
  count(*) FILTER (step_kind = 'tool_call'), count(*) FILTER (status = 'ERROR') FROM spans GROUP BY 1),
b AS (SELECT time_bucket(INTERVAL 1 HOUR, start_time) AS t, count(*), sum(input_tokens), sum(output_tokens)
  FROM calls GROUP BY 1)
SELECT * FROM a LEFT JOIN b USING (t) ORDER BY t
"""
ERRORS = """
WITH failed AS (SELECT trace_id, span_id, parent_span_id, session_id, service, start_time, error_type,
  coalesce(error_message, status_message) AS message FROM spans WHERE status = 'ERROR'),
arisen AS (SELECT f.* FROM failed f WHERE NOT EXISTS (
  SELECT 1 FROM failed c WHERE c.trace_id = f.trace_id AND c.parent_span_id = f.span_id AND (contains(f.message, c.message)
    OR (f.message IS NULL AND (f.error_type IS NULL OR f.error_type = c.error_type)))))
SELECT regexp_replace(message, '\\d+', '<n>', 'g') AS error, error_type, count(*), count(DISTINCT trace_id),
  count(DISTINCT session_id), min(start_time), max(start_time), string_agg(DISTINCT service, ', '),
  max_by(trace_id, start_time), max_by(span_id, start_time), max_by(message, start_time)
FROM arisen GROUP BY 1, 2 ORDER BY 3 DESC
"""
GROUP = """
WITH {counted}, usage AS (SELECT {key}, sum(input_tokens) AS i, sum(output_tokens) AS o, sum(cache_read_tokens) AS r,
    sum(cache_write_tokens) AS w, sum(reasoning_tokens) AS t, sum(cost_usd) AS c FROM calls GROUP BY 1),
whole AS (SELECT {key}, any_value(project), min(start_time), max(end_time), count(*), count(DISTINCT trace_id),
    max(start_unix_nano + duration_ns) - min(start_unix_nano), count(*) FILTER (step_kind = 'llm_call'),
    count(*) FILTER (step_kind = 'tool_call'), count(*) FILTER (status = 'ERROR'), any_value(user_id),
    string_agg(DISTINCT request_model, ', '), string_agg(DISTINCT tool_name, ', '), {names}
  FROM spans GROUP BY 1)
SELECT * FROM whole LEFT JOIN usage USING ({key}) ORDER BY 3, 1
"""
KEYED = f"trace_id, span_id, parent_span_id, span_type, {USAGE}"
OF_TRACES = "any_value(session_id), min_by(name, start_time), min_by(service, start_time)"
OF_SESSIONS = (
    "string_agg(DISTINCT agent_name, ', '), string_agg(DISTINCT service, ', '), count(step_kind), "
    "count(*) FILTER (step_kind = 'user_message')"
)


def _filled(sql: str, **parts: str) -> str:
    for name, part in parts.items():
        sql = sql.replace(f"{{{name}}}", part)
    return sql


def _by_group(key: str, names: str) -> str:
    return _filled(GROUP, counted=_filled(COUNTED, columns=f"session_id, {KEYED}"), key=key, names=names)


HOUR = "time_bucket(INTERVAL 1 HOUR, start_time)"
OF_CALLS = _filled(COUNTED, columns=f"request_model, {KEYED}")
ASKED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "latency(by='request_model')": (
        lambda s: latency(s, by="request_model"),
        _filled(LATENCY, key="request_model", speed=SPEED),
    ),
    "latency(every='1h')": (
        lambda s: latency(s, every="1h"),
        _filled(LATENCY, key=HOUR, speed=SPEED),
    ),
    "tokens(by='request_model'), unpriced": (
        lambda s: tokens(s, by="request_model", prices=False),
        _filled(TOKENS, counted=OF_CALLS),
    ),
    "tokens(by='request_model'), priced": (
        lambda s: tokens(s, by="request_model"),
        _filled(TOKENS, counted=OF_CALLS),
    ),
    "throughput(every='1h')": (
        lambda s: throughput(s, every="1h"),
        _filled(THROUGHPUT, counted=_filled(COUNTED, columns=f"start_time, {KEYED}")),
    ),
    "errors()": (errors, ERRORS),
    "traces()": (traces, _by_group("trace_id", OF_TRACES)),
    "sessions()": (sessions, _by_group("session_id", OF_SESSIONS)),
}
"""By title: the measure, and SQL for what it computes (of ``tokens``, without the prices)."""


def measure(spans: int = SPANS_IN_LAKE) -> list[str]:
    """Lines of the table."""
    folder = str(workspace() / f"lake-{spans}")
    big_lake.build(folder, spans)
    lake = al.open(folder)
    scanned = lake.scan()
    lines = [f"a lake of {lake.count():,} spans, read by DuckDB; medians of {ROUNDS}, taken in turns", ""]
    lines.append(f"{'measure':40}{'argus ms':>10}{'SQL ms':>10}{'ratio':>7}")
    for title, (act, sql) in ASKED.items():
        lines.append(_line(title, partial(_asked, act, scanned), partial(_sql, scanned, sql)))
    return [*lines, "", *_to_pandas(lake, folder)]


def _asked(act: Callable[[Any], Any], scanned: Any) -> Any:
    return act(scanned).to_arrow_table()


def _sql(scanned: Any, query: str) -> Any:
    return scanned.query("spans", query).to_arrow_table()


def _line(title: str, ours: Callable[[], object], bare: Callable[[], object]) -> str:
    """In turns, so that a busy machine is as busy for both; the first of each does not count."""
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(ROUNDS + 1):
        for name, act in (("ours", ours), ("bare", bare)):
            began = time.perf_counter()
            act()
            times[name].append(time.perf_counter() - began)
    mine, floor = (statistics.median(times[name][1:]) * 1e3 for name in ("ours", "bare"))
    return f"{title:40}{mine:10.0f}{floor:10.0f}{mine / floor:7.2f}"


def _to_pandas(lake: al.Lake, folder: str) -> list[str]:
    """A million rows of the light columns, beside bare pyarrow on the same files."""
    paths = DeltaTable(f"{folder}/spans").file_uris()
    days = sorted({path.split("date=")[1][:10] for path in paths})
    chosen, rows = [], 0
    for day in days:
        chosen.append(day)
        rows = lake.count(since=f"{chosen[0]}T00:00Z", until=f"{day}T23:59:59.999999Z")
        if rows >= LIGHT_ROWS:
            break
    window: Picks = {"since": f"{chosen[0]}T00:00Z", "until": f"{chosen[-1]}T23:59:59.999999Z"}
    files = [path for path in paths if path.split("date=")[1][:10] in chosen]
    schema = SPANS.arrow()
    hive = ds.partitioning(flavor="hive", schema=_hive())
    bare = ds.dataset(files, schema=schema, partitioning=hive)
    head = f"{'loading into pandas':40}{'argus ms':>10}{'pyarrow':>10}{'ratio':>7}"
    return [
        head,
        _line(
            f"{rows:,} rows, light columns",
            lambda: lake.spans(**window),
            lambda: pandas_of(bare.to_table(columns=SPANS.light)),
        ),
    ]


def _hive() -> object:
    import pyarrow as pa

    return pa.schema([SPANS.arrow().field(name) for name in SPANS.partition_by])


if __name__ == "__main__":
    print("\n".join(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SPANS_IN_LAKE)))
