"""What changed: the period that is chosen against the one before it, with what may be chance."""
# ruff: noqa: S608  texts are made of names of this module; values are bound

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from argus_lab.dashboards.charts import Chart
from argus_lab.dashboards.choices import Choices, code_of
from argus_lab.dashboards.pieces import TIME, Fact, Piece, Within
from argus_lab.dashboards.stretches import periods_of
from argus_lab.figures.comparisons import WORDS, comparison, written
from argus_lab.figures.formats import count, plural
from argus_lab.measures.compare import compare

if TYPE_CHECKING:
    from argus_lab.dashboards.digest import Digest
    from argus_lab.dashboards.latency_charts import Facts

__all__ = ["compared"]

SAMPLED = 100_000
"""Spans that intervals are worked out from at most; of more, whole traces are drawn at random."""
RESAMPLES = 500


def compared(digest: Digest, choices: Choices, facts: Facts) -> Chart | None:
    """The period against the one before it; ``None`` if nothing has a start."""
    if facts.first is None or facts.last is None:
        return None
    periods = periods_of(choices, facts.first, facts.last)
    both = replace(choices, since=periods.before[0].isoformat(), until=periods.now[1].isoformat())
    whole = int(digest.query("SELECT count(*) AS n FROM chosen", both)["n"].iloc[0])
    part = -(-whole // SAMPLED) or 1
    rows = digest.query(_COMPARABLE.format(sampled=f"hash(trace_id) % {part} = 0"), both)
    is_before = rows["start_time"] < periods.before[1]
    found = compare(rows[is_before], rows[~is_before], resamples=RESAMPLES)
    names = {"name_a": periods.words, "name_b": "this period"}
    numbers = found.assign(**names)
    note = f"Compared with {periods.words}: {_between(*periods.before)} and {_between(*periods.now)}."
    if part > 1:
        note += (
            f" Numbers and intervals are of a part: one trace in {part}, drawn at random, which is "
            f"{count(len(rows))} of {count(whole)} spans."
        )
    clear = numbers[numbers["is_clear"]]
    words = f"{note} {len(clear)} of {plural(len(numbers), 'metric')} changed clearly"
    words += "".join(f"; {_change(row)}" for row in clear.to_dict("records")) + "."
    span = Within(TIME, periods.before[0], periods.now[1])
    return Chart(
        "periods",
        "This period and the one before",
        comparison(numbers),
        numbers,
        words,
        lambda rows: [(span, *OF_METRICS.get(name, ())) for name in rows["metric"]],
        code=_both(digest, periods.chosen(choices)),
        hide=("name_a", "name_b"),
        note=note,
        view=both,
        key=(periods.words, part),
    )


_COMPARABLE = f"""
SELECT project, trace_id, span_id, NULL::VARCHAR AS parent_span_id, NULL::VARCHAR AS session_id, provider,
    request_model, response_model, start_time, epoch_us(start_time) * 1000 AS start_unix_nano,
    (duration_ms * 1000000)::BIGINT AS duration_ns, duration_ms, time_to_first_token_ms, status, cost_usd,
    -- What counts was found in whole traces; here every span that counts is a call of its own.
    CASE WHEN is_counted OR is_model_call THEN span_type END AS span_type,
    CASE WHEN is_model_call THEN step_kind END AS step_kind,
    CASE WHEN is_counted THEN input_tokens END AS input_tokens,
    CASE WHEN is_counted THEN output_tokens END AS output_tokens,
    cache_read_tokens, cache_write_tokens, reasoning_tokens, component_type,
    NULL::VARCHAR AS component_name, NULL::VARCHAR AS tool_name, NULL::VARCHAR AS mcp_method
FROM chosen WHERE {TIME} IS NOT NULL AND {{sampled}}
"""
OF_METRICS: dict[str, Piece] = {
    "median_ms": (Fact("duration"),),
    "p95_ms": (Fact("duration"),),
    **dict.fromkeys(("call_median_ms", "call_p95_ms"), (Fact("call"), Fact("duration"))),
    "call_error_rate": (Fact("call"),),
    "ttft_median_ms": (Fact("call"), Fact("first token")),
    **dict.fromkeys(("input_tokens", "output_tokens", "cost_usd"), (Fact("usage"),)),
    "model_calls": (Fact("call"),),
}
"""By metric, which spans of both periods it is made of; the others are of all."""


def _both(digest: Digest, sides: tuple[Choices, Choices]) -> str:
    before, after = (code_of(side, lake=digest.address) for side in sides)
    head, first = before.split("\nspans = ", 1)
    second = after.split("\nspans = ", 1)[1]
    return f"{head}\nbefore = {first}\nafter = {second}\nchanged = al.compare(before, after)"


def _change(row: dict[str, Any]) -> str:
    a, b = (written(row[side], row["unit"]) for side in "ab")
    return f"{WORDS.get(row['metric'], row['metric'])} from {a} to {b}"


def _between(since: datetime, until: datetime) -> str:
    return f"{since:%d %b %H:%M} to {until:%d %b %H:%M}"
