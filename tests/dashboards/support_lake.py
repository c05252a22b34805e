"""Lakes that pages of charts are shown on: the sample sessions, and spans whose every text is hostile."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

from argus_lab import settings
from argus_lab.lake import keeper
from argus_lab.lake import table as t
from argus_lab.lake.journal import Entry, JournalWriter, journal_root, pack
from argus_lab.lake.rows import sorted_spans
from argus_lab.schema import REFUSED, SPANS
from argus_lab.testing import NOON, make_span
from tests.measures.samples import spans_of

DATASETS = Path(__file__).resolve().parents[2] / "datasets" / "support-sessions"
RECEIVED = 1_790_000_000_000_000_000


def write_support(place: str) -> None:
    """The sample sessions, as a receiver brings them into a lake."""
    writer = JournalWriter(journal_root(place))
    for path in sorted(DATASETS.glob("*.jsonl.gz")):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            writer.append([pack(Entry(RECEIVED, "json", "customer-bot", line))])
    writer.close()
    keeper.drain(settings.read({}, lake=place))


def write_rows(place: str, rows: list[dict[str, Any]]) -> None:
    """Rows of the span table as a lake."""
    found = t.open_table(place, SPANS, create=True)
    t.open_table(place, REFUSED, create=True)
    t.commit(found, t.write_files(place, SPANS, sorted_spans(spans_of(*rows))), {"test": 1})


def awkward_rows() -> list[dict[str, Any]]:
    """Wrappers, agents, unknown numbers, cached tokens apart, and names with quotes: what counts is not plain."""
    rows: list[dict[str, Any]] = []
    for n in range(40):
        trace = f"{n + 1:032x}"
        start = NOON + timedelta(minutes=7 * n)
        same = {
            "trace_id": trace,
            "session_id": f"s'{n // 4}",
            "project": 'the "shop"\\',
            "start_time": start,
        }
        agent = make_span(10 * n, **same, span_type="agent", agent_name="mira" if n % 3 else "o'tto; --", name="turn",
                          parent_span_id=None, duration_ms=900.0 + n, input_tokens=500, output_tokens=50)  # fmt: skip
        wrapper = make_span(10 * n + 1, **same, span_type="llm", step_kind="llm_call", name="wrapper",
                            parent_span_id=agent["span_id"], request_model="gpt-5-mini", provider="openai",
                            duration_ms=500.0, input_tokens=100 + n, output_tokens=10)  # fmt: skip
        model = "gpt-5-mini" if n % 2 else None
        call = make_span(10 * n + 2, **same, span_type="llm", step_kind="llm_call", name="chat",
                         parent_span_id=wrapper["span_id"], request_model=model, provider="openai",
                         duration_ms=450.0 + n, input_tokens=100 + n, output_tokens=10, cache_read_tokens=n,
                         time_to_first_token_ms=None if n % 5 else 80.0 + n, reasoning_tokens=n % 4,
                         usage_source="gen_ai.usage.input_tokens + cache" if n == 7 else None)  # fmt: skip
        other = make_span(10 * n + 3, **same, span_type="tool", step_kind="tool_call", name="search",
                          parent_span_id=agent["span_id"], status="ERROR" if n % 9 == 0 else "OK",
                          duration_ms=None if n % 11 == 0 else float(n))  # fmt: skip
        rows += [agent, wrapper, call, other]
    return rows
