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
    """Wrappers, agents, unknown numbers, cached tokens apart, names with quotes: what counts is not plain."""
    return [row for n in range(40) for row in _awkward(n)]


def _awkward(n: int) -> list[dict[str, Any]]:
    """A trace of an agent, a model call in a wrapper, and a tool."""
    start = NOON + timedelta(minutes=7 * n)
    same = {"trace_id": f"{n + 1:032x}", "session_id": f"s'{n // 4}", "project": 'the "shop"\\'}
    same["start_time"] = start
    llm = {"span_type": "llm", "step_kind": "llm_call", "provider": "openai", "input_tokens": 100 + n}
    llm["output_tokens"] = 10
    name = {"agent_name": "mira" if n % 3 else "o'tto; --"}
    used = {"input_tokens": 500, "output_tokens": 50, "duration_ms": 900.0 + n, "parent_span_id": None}
    agent = make_span(10 * n, **same, **name, **used, span_type="agent", name="turn")
    below = {"parent_span_id": agent["span_id"]}
    own = {"request_model": "gpt-5-mini", "duration_ms": 500.0, "name": "wrapper"}
    wrapper = make_span(10 * n + 1, **same, **llm, **below, **own)
    parts = {"cache_read_tokens": n, "reasoning_tokens": n % 4, "duration_ms": 450.0 + n, "name": "chat"}
    parts["request_model"] = "gpt-5-mini" if n % 2 else None
    parts["time_to_first_token_ms"] = None if n % 5 else 80.0 + n
    parts["usage_source"] = "gen_ai.usage.input_tokens + cache" if n == 7 else None
    call = make_span(10 * n + 2, **same, **llm, **parts, parent_span_id=wrapper["span_id"])
    tool = {"span_type": "tool", "step_kind": "tool_call", "status": "ERROR" if n % 9 == 0 else "OK"}
    tool |= {"duration_ms": None if n % 11 == 0 else float(n), "name": "search"}
    return [agent, wrapper, call, make_span(10 * n + 3, **same, **tool, **below)]
