"""A lake being written, for tests: settings, journal entries, and what came of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from argus_lab import settings
from argus_lab.lake import journal
from argus_lab.lake.intake import Intake
from argus_lab.lake.table import journal_root
from argus_lab.settings import Settings
from tests.otlp import sent

NOW = time.time_ns()


def made_for(lake: Path, **given: Any) -> Settings:
    """Settings of a lake, untouched by the environment."""
    return settings.read({}, lake=str(lake), **given)


def entry(
    *spans: Any, project: str | None = "bot", received_at: int = NOW, header: str | None = None
) -> bytes:
    """A packed journal entry of a JSON request."""
    body = sent.body(*spans, project=project)
    return journal.pack(journal.Entry(received_at, "json", header, body))


def numbered(*numbers: int, **fields: Any) -> list[dict[str, Any]]:
    """Good spans with these numbers as ids, one trace each."""
    return [sent.json_span(n, **{"traceId": f"{n + 1:032x}", **fields}) for n in numbers]


def write(lake: Path, entries: Iterable[bytes]) -> journal.JournalWriter:
    """A journal with these entries, closed: its writer is gone."""
    writer = journal.JournalWriter(journal_root(str(lake)))
    for packed in entries:
        writer.append([packed])
    writer.close()
    return writer


def taken_in(lake: Path, **given: Any) -> Intake:
    """Take in all journals, as a keeper does that starts anew."""
    intake = Intake.opened(made_for(lake, **given))
    while intake.step():
        pass
    return intake


def rows(lake: Path, table: str = "spans") -> pa.Table:
    """All rows of a table as Delta readers see them."""
    return DeltaTable(str(lake / table)).to_pyarrow_table()


def ids(lake: Path) -> list[int]:
    """The numbers of the spans in a lake, sorted; a span that is there twice is there twice."""
    return sorted(int(span_id, 16) for span_id in rows(lake)["span_id"].to_pylist())


def attributes(lake: Path) -> list[Any]:
    """The raw attributes of all spans."""
    return [json.loads(text) for text in rows(lake)["attributes"].to_pylist()]
