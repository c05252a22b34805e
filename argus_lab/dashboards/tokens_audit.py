"""The token audit on a page: which counts cannot be right, what was sent, and what is counted instead.

The audit holds spans against those below them, so it reads whole traces. Which traces can have a finding is
known from the digest: those with usage that does not count, with parts larger than their whole, or with calls
that used nothing. Two findings need what was sent as attributes, and are looked for in every trace as long as
there are few.
"""
# ruff: noqa: S608  texts are made of names of this module; values are bound

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.from_lake import TIMES
from argus_lab.dashboards.latency_charts import measured_code
from argus_lab.figures.formats import count, plural
from argus_lab.lake.opening import open as open_lake
from argus_lab.measures.audit import ADDED, audit_tokens
from argus_lab.measures.audit import NEEDED as OF_AUDIT

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from argus_lab.dashboards.digest import Digest

__all__ = ["Audit", "audit"]

MOST = 2_000
"""Traces that are read for an audit, the newest first."""
USAGE = "(input_tokens IS NOT NULL OR output_tokens IS NOT NULL)"
CACHED = "coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)"
SUSPICIOUS = f"""
({USAGE} AND NOT is_counted) OR (input_tokens < {CACHED}) OR (reasoning_tokens > output_tokens)
OR ({USAGE} AND coalesce(input_tokens, 0) + coalesce(output_tokens, 0) = 0)
"""


@dataclass(frozen=True)
class Audit:
    """A row a finding, with where it is, and in words how far was looked."""

    findings: pd.DataFrame
    words: str
    code: str


def audit(digest: Digest, choices: Choices) -> Audit:
    """The findings in the spans that are chosen."""
    columns = [*OF_AUDIT, "attributes"]
    whole = None if _are_many(digest, choices) else _traces(digest, choices, USAGE)
    if whole is not None and len(whole) <= MOST:
        traces = whole
        words = f"Looked for in {plural(len(whole), 'trace')} with usage."
    else:
        suspicious = list(dict.fromkeys([*_traces(digest, choices, SUSPICIOUS), *_added(digest, choices)]))
        traces = suspicious[:MOST]
        words = f"Looked for in {plural(len(traces), 'trace')} with suspicious counts"
        words += f", the newest of {_many(suspicious)}" * (len(suspicious) > MOST)
        words += f", of {_many(whole)} with usage; totals and doubled responses in these only, and counts "
        words += f"sent apart from their caches in the newest {count(MOST)} spans of that kind."
    since, until = window = _window(digest, traces)
    lake = open_lake(digest.address)
    found = audit_tokens(lake.spans(trace=traces or ["0"], since=since, until=until, columns=columns))
    return Audit(_placed(digest, choices, found, window), words, _code(digest, choices))


def _traces(digest: Digest, choices: Choices, test: str) -> list[str]:
    """Traces with such a span, the newest first; at most one more than is said."""
    rows = digest.query(
        f"SELECT trace_id FROM chosen WHERE {test} GROUP BY trace_id "
        f"ORDER BY max(start_time) DESC NULLS LAST, trace_id LIMIT {TOLD + 1}",
        choices,
    )
    return [str(trace) for trace in rows["trace_id"]]


TOLD = 10_000
"""Up to so many traces are counted in words."""
GLANCE = 200_000
"""So many spans with usage mostly tell already that more traces have it."""


def _are_many(digest: Digest, choices: Choices) -> bool:
    """Whether it is seen at a glance that more traces have usage than are counted in words."""
    some = f"SELECT trace_id FROM chosen WHERE {USAGE} LIMIT {GLANCE}"
    rows = digest.query(f"SELECT count(DISTINCT trace_id) AS traces FROM ({some})", choices)
    return int(rows["traces"].iloc[0]) > TOLD


def _many(traces: list[str] | None) -> str:
    return f"more than {count(TOLD)}" if traces is None or len(traces) > TOLD else count(len(traces))


def _added(digest: Digest, choices: Choices) -> list[str]:
    """Traces in which cached tokens were added to a count that was sent without them."""
    lake = open_lake(digest.address)
    test = "usage_source LIKE '%' || $added"
    rows = lake.spans(columns=["trace_id"], where=test, params={"added": ADDED}, order="newest", limit=MOST)
    sent = list(dict.fromkeys(str(trace) for trace in rows["trace_id"]))
    if not sent:
        return []
    kept = digest.query(
        "SELECT DISTINCT trace_id FROM chosen WHERE trace_id IN $traces", choices, {"traces": sent}
    )
    return [trace for trace in sent if trace in set(kept["trace_id"])]


Window = tuple["datetime | None", "datetime | None"]


def _window(digest: Digest, traces: list[str]) -> Window:
    """From when to when all spans of these traces started, so that what is elsewhere need not be looked into.

    Nothing unless it is known of all of them.
    """
    if not traces or not digest.state.is_whole:
        return None, None
    found = digest.query(
        f"SELECT {TIMES} FROM chosen WHERE trace_id IN $traces", Choices(), {"traces": traces}
    ).iloc[0]
    if not found["timed"]:
        return None, None
    return found["since"].to_pydatetime(), found["until"].to_pydatetime()


def _placed(digest: Digest, choices: Choices, found: pd.DataFrame, window: Window) -> pd.DataFrame:
    """The findings in the chosen spans, with project, session, model and start, the newest first."""
    if found.empty:
        return found
    bound = {"traces": [str(trace) for trace in found["trace_id"].unique()]}
    spans = digest.query(
        "SELECT c.trace_id, c.span_id, s.session_id, c.project, c.name, c.request_model, c.start_time "
        "FROM chosen c LEFT JOIN sessions s USING (session) WHERE c.trace_id IN $traces "
        "AND ($until IS NULL OR (c.start_time >= $since AND c.start_time < $until))",
        choices,
        bound | {"since": window[0], "until": window[1]},
    )
    joined = found.merge(spans, on=["trace_id", "span_id"])
    names = ["finding", "sent", "corrected", "name", "request_model", "start_time", "session_id", "why"]
    ordered = joined.sort_values("start_time", ascending=False, kind="stable", ignore_index=True)
    return ordered[[*names, "project", "trace_id", "span_id"]]


def _code(digest: Digest, choices: Choices) -> str:
    code = measured_code(digest, choices, "found = al.audit_tokens(spans)")
    return code.replace("lake.spans()", 'lake.spans(columns="all")').replace(
        "lake.spans(\n", 'lake.spans(\n    columns="all",\n'
    )
