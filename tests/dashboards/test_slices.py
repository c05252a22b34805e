"""A lake that is read in slices gives the tables of the whole, and what was read is told honestly."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pandas.testing as pdt
import pytest

import argus_lab as al
from argus_lab.dashboards import following, reckoning, slices
from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.digest import Digest
from argus_lab.dashboards.following import State
from argus_lab.testing import NOON, make_span
from tests.lake_read.lakes import write

ROWS = 50
MEMORY = 256 * 1024 * 1024
EVERYTHING = Choices()
TOLD = [
    "project",
    "session_id",
    "traces",
    "turns",
    "spans",
    "model_calls",
    "input_tokens",
    "start_time",
    "agents",
]


def _conversations(seed: int) -> list[dict[str, Any]]:
    """Sessions of hours and of weeks, traces of two sessions, spans that repeat the usage of others."""
    chance = random.Random(seed)  # noqa: S311  the same at every run
    rows: list[dict[str, Any]] = []
    for n in range(120):
        day = NOON + timedelta(days=n // 12)
        chat = chance.choice([f"day-{n // 12}", f"day-{n // 12}", f"week-{n // 60}"])
        named = {"session_id": chat, "session_source": "attribute", "input_tokens": n, "output_tokens": 1}
        outer = make_span(2 * n, start_time=day, span_type="llm", agent_name=chance.choice([None, "mira"]))
        rows.append(outer | named)
        if chance.random() < 0.6:
            late = day + timedelta(days=chance.choice([0, 0, 3]))
            below = {"trace_id": outer["trace_id"], "parent_span_id": outer["span_id"], "span_type": "llm"}
            inner = make_span(2 * n + 1, start_time=late, **below) | named
            if chance.random() < 0.2:
                inner["session_id"] = f"aside-{n // 30}"
            rows.append(inner)
    return rows


def _table(digest: Digest) -> pd.DataFrame:
    rows = pd.DataFrame(digest.sessions(EVERYTHING, limit=10_000).rows)[TOLD]
    return rows.sort_values(TOLD[:2]).reset_index(drop=True)


def _same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    plain = [frame.astype(object).where(frame.notna(), None) for frame in (found, wanted)]
    pdt.assert_frame_equal(*plain, check_dtype=False)


@pytest.fixture(params=range(2))
def lake(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A lake of many files, in which some sessions and traces lie in several."""
    rows, place = _conversations(request.param), str(tmp_path / "lake")
    for first in range(0, len(rows), 40):
        write(place, rows[first : first + 40])
    return place


@pytest.mark.parametrize("few", [0, slices.FEW])
def test_slices_give_what_the_whole_gives(lake: str, monkeypatch: pytest.MonkeyPatch, few: int):
    """Sessions and traces are wholes, wherever slices end and however linked ones are read."""
    monkeypatch.setattr(following, "slices", partial(slices.slices, rows=ROWS))
    monkeypatch.setattr(slices, "FEW", few)
    digest = Digest(lake, MEMORY)
    digest.look()
    assert digest.state.problem is None
    measured = al.open(lake).sessions()[TOLD].sort_values(TOLD[:2]).reset_index(drop=True)
    _same(_table(digest), measured)
    spans = al.open(lake).spans()
    _same(digest.tokens(EVERYTHING, every="1d"), al.tokens(spans, every="1d"))
    _same(digest.latency(EVERYTHING, by="agent_name"), al.latency(al.with_agents(spans), by="agent_name"))


def test_what_is_shown_meanwhile_is_all_there_is_since_then(lake: str, monkeypatch: pytest.MonkeyPatch):
    """At every look at a lake that is still read, the spans since the time that is told are all there."""
    monkeypatch.setattr(following, "slices", partial(slices.slices, rows=ROWS))
    monkeypatch.setattr(slices, "FIRST_ROWS", 10)
    monkeypatch.setattr(following, "GROWTH", 1.0)
    digest, seen = Digest(lake, MEMORY), []
    starts = pd.to_datetime(al.open(lake).spans()["start_time"])

    def told(state: State) -> None:
        count = digest.query("SELECT count(*) AS n FROM chosen", EVERYTHING)["n"][0]
        wanted = len(starts) if state.since is None else int((starts >= state.since).sum())
        seen.append((state.since, state.spans, count, wanted))

    stop = digest.watch(told)
    digest.look()
    stop()
    assert len(seen) > 2
    assert seen[-1][0] is None
    assert [since for since, *_ in seen[1:-1]] == sorted((since for since, *_ in seen[1:-1]), reverse=True)
    for _, spans, count, wanted in seen:
        assert spans == count == wanted


@pytest.mark.parametrize("is_new", [False, True])
def test_a_lake_whose_reading_failed_halfway_is_read_again(
    lake: str, monkeypatch: pytest.MonkeyPatch, *, is_new: bool
):
    """What had been read by then is never taken for all of it, whether or not spans came meanwhile."""
    monkeypatch.setattr(following, "slices", partial(slices.slices, rows=ROWS))
    monkeypatch.setattr(slices, "FIRST_ROWS", 10)
    monkeypatch.setattr(following, "GROWTH", 1.0)
    real, turns = reckoning.reckoned, itertools.count()

    def failing_once(cursor: duckdb.DuckDBPyConnection, part: slices.Slice, pause: Any) -> None:
        if next(turns) == 3:
            raise OSError("No space left on device")
        real(cursor, part, pause)

    monkeypatch.setattr(reckoning, "reckoned", failing_once)
    digest = Digest(lake, MEMORY)
    digest.look()
    assert "No space left" in str(digest.state.problem)
    assert digest.state.since is not None, "nothing had been read"
    if is_new:
        write(lake, [make_span(9_001, session_id="new", session_source="attribute")])
    digest.look()
    assert digest.state.problem is None
    assert digest.state.is_whole
    there = digest.query("SELECT count(*) AS n FROM chosen", EVERYTHING)["n"][0]
    assert digest.state.spans == there == al.open(lake).count()
