"""SQL by hand for what measures compute, on the spans of :mod:`bench.big_lake`, which it calls ``spans``.

Its columns are named as those of the measure, and the bench compares them row by row. It may use what is
known of these files: no trace is deeper than two, so that a span repeats at most its children; all spans
name their sessions; no ids are missing; every trace has one root.
"""
# ruff: noqa: S608  made of constants

from __future__ import annotations

__all__ = [
    "ERRORS",
    "NAMES",
    "OUTLIERS",
    "PRICED_TOKENS",
    "SESSIONS",
    "SESSIONS_WITH_TEXTS",
    "THROUGHPUT",
    "TOKENS",
    "TRACES",
    "latency",
]

NAMES = {"model-0": "gpt-5-mini", "model-1": "gpt-4.1", "model-2": "gpt-4o-mini"}
"""Models that have a list price, for those of the big lake, which have none."""

SPEED = """
  median(CASE WHEN (span_type = 'llm' OR step_kind = 'llm_call') AND output_tokens > 0 AND duration_ms > 0
    THEN output_tokens / ((duration_ms - CASE WHEN time_to_first_token_ms >= 0
      AND time_to_first_token_ms < duration_ms AND coalesce(reasoning_tokens, 0) = 0
      THEN time_to_first_token_ms ELSE 0 END) / 1000) END) AS output_tokens_per_s
"""


def latency(key: str, name: str) -> str:
    """Latencies by an expression that gets this name."""
    return f"""
SELECT * EXCLUDE (d, t), d[1] AS p50_ms, d[2] AS p90_ms, d[3] AS p95_ms, d[4] AS p99_ms,
  t[1] AS ttft_p50_ms, t[2] AS ttft_p95_ms
FROM (SELECT {key} AS {name}, count(duration_ms) AS count, avg(duration_ms) AS mean_ms,
  quantile_cont(duration_ms, [0.5, 0.9, 0.95, 0.99]) AS d, max(duration_ms) AS max_ms,
  count(*) FILTER (status = 'ERROR') AS errors, count(time_to_first_token_ms) AS ttft_count,
  quantile_cont(time_to_first_token_ms, [0.5, 0.95]) AS t, {SPEED}
FROM spans GROUP BY 1) ORDER BY 1
"""


# Joined by hashes of the ids, since DuckDB joins numbers faster than texts.
_CALLS = """
WITH used AS (
  SELECT {more} request_model, parent_span_id, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, cost_usd, hash(trace_id, span_id) AS own, hash(trace_id, parent_span_id) AS above
  FROM spans WHERE span_type IN ('llm', 'embedding', 'reranker')
    AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)
),
calls AS (
  SELECT * FROM used ANTI JOIN (SELECT above FROM used
    WHERE parent_span_id IS NOT NULL AND coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0) b
    ON used.own = b.above
)
"""
_SUMS = """
  request_model, count(*) AS calls, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  sum(cache_read_tokens) AS cache_read_tokens, sum(cache_write_tokens) AS cache_write_tokens,
  sum(reasoning_tokens) AS reasoning_tokens,
  sum(input_tokens - coalesce(cache_read_tokens, 0) - coalesce(cache_write_tokens, 0)) AS fresh_input_tokens,
  sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS total_tokens, sum(cost_usd) AS reported_cost_usd
"""
TOKENS = f"{_CALLS.format(more='')} SELECT {_SUMS} FROM calls GROUP BY 1 ORDER BY 1"

# Each call joined with a price list that says since when and until when a price holds, a million tokens.
PRICED_TOKENS = f"""
{_CALLS.format(more="provider, start_time,")},
prices(provider, model, since, until, input, cached, output) AS (VALUES
  ('openai', 'gpt-5-mini', TIMESTAMPTZ '2025-08-07 00:00+00', TIMESTAMPTZ '2030-01-01 00:00+00', 0.25, 0.025, 2.0),
  ('openai', 'gpt-4.1', TIMESTAMPTZ '2025-04-14 00:00+00', TIMESTAMPTZ '2030-01-01 00:00+00', 2.0, 0.5, 8.0),
  ('openai', 'gpt-4o-mini', TIMESTAMPTZ '2024-07-18 00:00+00', TIMESTAMPTZ '2030-01-01 00:00+00', 0.15, 0.075, 0.6))
SELECT {_SUMS}, sum(((input_tokens - coalesce(cache_read_tokens, 0)) * input::DOUBLE
    + coalesce(cache_read_tokens, 0) * cached::DOUBLE + output_tokens * output::DOUBLE) / 1e6) AS cost_usd,
  count(model) AS priced_calls, count(*) FILTER (model IS NULL) AS unpriced_calls
FROM calls LEFT JOIN prices p ON p.provider = calls.provider AND model = request_model
  AND start_time >= since AND start_time < until
GROUP BY 1 ORDER BY 1
"""

# Which spans count, and which are calls: without those that repeat a child.
MARKED = """
above AS (
  SELECT hash(trace_id, parent_span_id) AS h, bool_or(span_type = 'llm' OR step_kind = 'llm_call') AS call,
    bool_or(span_type IN ('llm', 'embedding', 'reranker')
      AND coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0) AS usage
  FROM spans WHERE parent_span_id IS NOT NULL
    AND (span_type IN ('llm', 'embedding', 'reranker') OR step_kind = 'llm_call') GROUP BY 1
),
marked AS (
  SELECT spans.*, (span_type = 'llm' OR step_kind = 'llm_call') AND NOT coalesce(call, false) AS is_call,
    span_type IN ('llm', 'embedding', 'reranker') AND NOT (coalesce(usage, false)
      AND coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0) AS counts
  FROM spans LEFT JOIN above ON hash(trace_id, span_id) = h
)
"""

THROUGHPUT = f"""
WITH {MARKED},
found AS (
  SELECT time_bucket(INTERVAL 1 HOUR, start_time) AS time, count(*) AS spans,
    count(DISTINCT trace_id) AS traces, count(*) FILTER (is_call) AS model_calls,
    count(*) FILTER (step_kind = 'tool_call') AS tool_calls, count(*) FILTER (status = 'ERROR') AS errors,
    sum(input_tokens) FILTER (counts) AS input_tokens, sum(output_tokens) FILTER (counts) AS output_tokens
  FROM marked GROUP BY 1
),
hours AS (SELECT unnest(generate_series(min(time), max(time), INTERVAL 1 HOUR)) AS time FROM found)
SELECT time, coalesce(spans, 0) AS spans, coalesce(traces, 0) AS traces, coalesce(model_calls, 0) AS model_calls,
  coalesce(tool_calls, 0) AS tool_calls, coalesce(errors, 0) AS errors,
  coalesce(input_tokens, 0) AS input_tokens, coalesce(output_tokens, 0) AS output_tokens,
  coalesce(spans, 0) / 3600 AS spans_per_s, coalesce(input_tokens + output_tokens, 0) / 3600 AS tokens_per_s
FROM hours LEFT JOIN found USING (time) ORDER BY time
"""

ERRORS = r"""
WITH failed AS (SELECT trace_id, span_id, parent_span_id, session_id, service, start_time, error_type,
  coalesce(error_message, status_message) AS message FROM spans WHERE status = 'ERROR'),
arisen AS (SELECT f.* FROM failed f WHERE NOT EXISTS (
  SELECT 1 FROM failed c WHERE c.trace_id = f.trace_id AND c.parent_span_id = f.span_id AND (contains(f.message, c.message)
    OR (f.message IS NULL AND (f.error_type IS NULL OR f.error_type = c.error_type)))))
SELECT coalesce(regexp_replace(message, '\d+', '<n>', 'g'), '(no message)') AS error, error_type, count(*) AS count,
  count(DISTINCT trace_id) AS traces, count(DISTINCT session_id) AS sessions, min(start_time) AS first_seen,
  max(start_time) AS last_seen, string_agg(DISTINCT service, ', ') AS services,
  max_by(trace_id, start_time) AS example_trace_id, max_by(span_id, start_time) AS example_span_id,
  max_by(message, start_time) AS example_message
FROM arisen GROUP BY 1, 2 ORDER BY 3 DESC
"""

NUMBERS = """
  min(start_time) AS start_time, max(end_time) AS end_time,
  (max(start_unix_nano + duration_ns) - min(start_unix_nano)) / 1e6 AS duration_ms, count(*) AS spans,
  count(*) FILTER (is_call) AS model_calls, count(*) FILTER (step_kind = 'tool_call') AS tool_calls,
  count(*) FILTER (status = 'ERROR') AS errors,
  sum(input_tokens) FILTER (counts) AS input_tokens, sum(output_tokens) FILTER (counts) AS output_tokens,
  sum(cache_read_tokens) FILTER (counts) AS cache_read_tokens,
  sum(cache_write_tokens) FILTER (counts) AS cache_write_tokens,
  sum(reasoning_tokens) FILTER (counts) AS reasoning_tokens, sum(cost_usd) FILTER (counts) AS reported_cost_usd,
  min(user_id) AS user_id
"""


def _names(title: str, key: str, value: str) -> str:
    """Distinct names by themselves: several DISTINCT in one GROUP BY take DuckDB 1.5 times as long."""
    return f"""
{title}_of AS (
  SELECT {key}, array_to_string(list_sort(list(value)), ', ') AS {title}
  FROM (SELECT DISTINCT {key}, {value} AS value FROM spans WHERE {value} IS NOT NULL) GROUP BY {key}
)"""


MODEL = "coalesce(request_model, response_model)"
TOOL = "CASE WHEN step_kind = 'tool_call' THEN coalesce(tool_name, component_name) END"

TRACES = f"""
WITH {MARKED},
whole AS (
  SELECT trace_id, {NUMBERS}, any_value(project) FILTER (parent_span_id IS NULL) AS project,
    any_value(session_id) FILTER (parent_span_id IS NULL) AS session_id,
    any_value(service) FILTER (parent_span_id IS NULL) AS service,
    any_value(name) FILTER (parent_span_id IS NULL) AS name
  FROM marked GROUP BY 1
),
{_names("models", "trace_id", MODEL)}, {_names("tools", "trace_id", TOOL)},
lost AS (
  SELECT DISTINCT trace_id, true AS is_lost
  FROM (SELECT DISTINCT trace_id, parent_span_id AS span_id FROM spans WHERE parent_span_id IS NOT NULL)
  ANTI JOIN spans USING (trace_id, span_id)
)
SELECT * EXCLUDE (is_lost), is_lost IS NULL AS is_complete
FROM whole LEFT JOIN models_of USING (trace_id) LEFT JOIN tools_of USING (trace_id) LEFT JOIN lost USING (trace_id)
ORDER BY start_time, trace_id
"""

_SESSIONS = f"""
WITH {MARKED},
whole AS (
  SELECT project, session_id, {NUMBERS}, count(DISTINCT trace_id) AS traces,
    count(step_kind) AS steps, count(*) FILTER (step_kind = 'user_message') AS said,
    count(DISTINCT CASE WHEN is_call THEN trace_id END) AS calling,
    ['attribute', 'inherited', 'inferred', 'trace'][min(CASE session_source WHEN 'attribute' THEN 1
      WHEN 'inherited' THEN 2 WHEN 'inferred' THEN 3 ELSE 4 END)] AS session_source $texts
  FROM marked GROUP BY project, session_id
),
{_names("models", "project, session_id", MODEL)}, {_names("tools", "project, session_id", TOOL)},
{_names("agents", "project, session_id", "agent_name")}, {_names("services", "project, session_id", "service")}
SELECT * EXCLUDE (said, calling), CASE WHEN said > 0 THEN said ELSE calling END AS turns
FROM whole LEFT JOIN models_of USING (project, session_id) LEFT JOIN tools_of USING (project, session_id)
  LEFT JOIN agents_of USING (project, session_id) LEFT JOIN services_of USING (project, session_id)
ORDER BY start_time, session_id
"""

# All that was said stands in calls here, and no two of a session begin at once.
_TEXTS = """,
    arg_min(input_text, start_unix_nano) FILTER (is_call) AS first_user_message,
    arg_max(output_text, start_unix_nano) FILTER (is_call) AS last_answer
"""
SESSIONS = _SESSIONS.replace("$texts", "")
SESSIONS_WITH_TEXTS = _SESSIONS.replace("$texts", _TEXTS)

OUTLIERS = """
WITH logs AS (SELECT trace_id, span_id, name, duration_ms AS value, ln(duration_ms) AS log FROM spans WHERE duration_ms > 0),
middles AS (SELECT name, median(log) AS middle FROM logs GROUP BY name),
scales AS (SELECT name, middle, median(abs(log - middle)) AS mad FROM logs JOIN middles USING (name) GROUP BY ALL)
SELECT trace_id, span_id, name, value, exp(middle) AS median, mad, (log - middle) / (mad / 0.6745) AS score
FROM logs JOIN scales USING (name) WHERE (log - middle) / (mad / 0.6745) >= 0.84
ORDER BY score DESC, trace_id, span_id
"""
"""With a threshold that the most distant of evenly spread durations reach."""
