"""Durations in order: what is counted in them is what is measured, whatever is chosen, or nothing is told."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pandas.testing as pdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import argus_lab as al
from argus_lab.dashboards import ranks
from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.digest import Digest
from argus_lab.dashboards.latency_charts import facts_of, first_look
from argus_lab.measures.grouping import length_us
from argus_lab.measures.latency import DURATIONS, latency_of
from argus_lab.schema import SPANS
from argus_lab.testing import NOON, make_span
from tests.lake_read.lakes import write

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-(10**11), 10**11),
        st.none() | st.sampled_from([0.0, 0.5, 1.0, 1e-3, 1e9, -1.0]) | st.floats(-1e6, 1e6),
        st.sampled_from([None, "OK", "ERROR"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


def _table(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Spans as the tables of a digest hold them: starts, durations, statuses, all maybe null."""
    starts = [None if at is None else EPOCH + timedelta(microseconds=at) for at, *_ in rows]
    kinds = {
        name: SPANS.arrow().field(name).type for name in ("input_tokens", "output_tokens", "reasoning_tokens")
    }
    found = pd.DataFrame(
        {
            "start_time": pd.array(starts, "datetime64[us, UTC]"),
            "duration_ms": pd.array([row[1] for row in rows], "float64"),
            "status": pd.array([row[2] for row in rows], "str"),
        }
    )
    for name in ("time_to_first_token_ms", "span_type", "step_kind", *kinds):
        found[name] = None
    return found


MOST_US = {every: (ranks.MOST - 2) * length_us(every) for every in ("1s", "7m", "1h", "1d", "1w")}
"""Between the first start and the last: of more there are too many stretches."""


@given(ROWS, st.sampled_from([*MOST_US]))
def test_what_is_counted_is_what_is_measured(rows: list[tuple[Any, ...]], every: str):
    """Of any rows that are chosen: nulls of each kind, equal durations, starts before 1970."""
    spans = _table(rows)
    chosen = np.array([row[3] for row in rows])
    found = ranks.ranked(_database(spans), every)
    starts = spans["start_time"].dropna()
    if found is None:
        assert starts.empty or (starts.max() - starts.min()).total_seconds() * 1e6 > MOST_US[every]
        return
    kinds = DURATIONS | {"spans": "int"}
    whole = latency_of(spans[chosen].reset_index(drop=True), kinds, every=every)
    pdt.assert_frame_equal(found.latency(chosen), whole, check_dtype=False, rtol=1e-9, atol=1e-9)


def _database(spans: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.register("rows", spans)
    database.execute("CREATE TABLE spans AS SELECT * REPLACE (status::VARCHAR AS status) FROM rows")
    return database


def test_too_many_are_left_to_the_engine(monkeypatch: pytest.MonkeyPatch):
    """Of very many rows, or stretches, the order would take memory for nothing; without any there is none."""
    database = _database(_table([(n * 10**7, 1.0, "OK", True) for n in range(5)]))
    assert ranks.ranked(database, "1s") is not None
    monkeypatch.setattr(ranks, "MOST", 40)
    assert ranks.ranked(database, "1s") is None
    assert ranks.ranked(database, "1m") is not None
    monkeypatch.setattr(ranks, "MOST_ROWS", 4)
    assert ranks.ranked(database, "1m") is None
    database.execute("DELETE FROM spans")
    assert ranks.ranked(database, "1m") is None


def _spans(count: int, seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)  # noqa: S311  the same at every run
    return [
        make_span(
            n,
            start_time=NOON + timedelta(minutes=chance.randrange(600)),
            duration_ms=chance.choice([None, 5.0, chance.random() * 1e4]),
            status=chance.choice(["OK", "ERROR"]),
            service=chance.choice(["a", "b"]),
        )
        for n in range(count)
    ]


SERVICE, EVERYTHING = Choices(service=("a",)), Choices()


def _told(digest: Digest) -> pd.DataFrame | None:
    found = digest.durations(SERVICE, "1h")
    if found is not None:
        kinds = DURATIONS | {"spans": "int"}
        spans = digest.spans(SERVICE).to_arrow_table().to_pandas()
        pdt.assert_frame_equal(found, latency_of(spans, kinds, every="1h"), check_dtype=False)
    return found


def test_tables_that_change_are_in_no_order_until_they_rest(tmp_path: Path):
    """New spans, and rows that are changed this moment: what was in order says nothing any more."""
    lake = str(tmp_path / "lake")
    write(lake, _spans(200, 1))
    digest = Digest(lake, 256 * 1024 * 1024)
    digest.wait(60)
    assert _told(digest) is None
    digest.order()
    before = _told(digest)
    assert before is not None
    write(lake, [span | {"trace_id": f"{n:032x}"} for n, span in enumerate(_spans(50, 2))])
    digest.look()
    assert _told(digest) is None
    digest.order()
    after = _told(digest)
    assert after is not None
    assert after["spans"].sum() > before["spans"].sum()
    digest._follower.writes += 1  # noqa: SLF001  as while spans are put in
    assert _told(digest) is None
    digest._follower.writes += 1  # noqa: SLF001
    assert _told(digest) is None


def test_rows_that_change_while_they_are_chosen_are_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Who began before a change and ended after it has seen neither state."""
    lake = str(tmp_path / "lake")
    write(lake, _spans(200, 1))
    digest = Digest(lake, 256 * 1024 * 1024)
    digest.wait(60)
    assert digest.durations(SERVICE, "1h") is None
    digest.order()
    cursor = digest._cursor  # noqa: SLF001

    def changed() -> duckdb.DuckDBPyConnection:
        found = cursor()
        found.execute("DELETE FROM spans WHERE service = 'b'")
        digest._follower.writes += 2  # noqa: SLF001  as a refresh does
        return found

    monkeypatch.setattr(digest, "_cursor", changed)
    assert digest.durations(SERVICE, "1h") is None


def test_tables_at_rest_are_put_in_order(tmp_path: Path):
    """By themselves, while somebody looks: for the length that was asked for, and the first look takes it."""
    lake = str(tmp_path / "lake")
    write(lake, _spans(300, 3))
    digest = Digest(lake, 256 * 1024 * 1024)
    stop = digest.watch(lambda _: None)
    digest.wait(60)
    before = first_look(digest, SERVICE, None, "1h")
    end = time.monotonic() + 60
    while _told(digest) is None:
        assert time.monotonic() < end, "the tables were never in order"
        time.sleep(0.1)
    found = first_look(digest, SERVICE, None, "1h")
    stop()
    assert found.facts == before.facts == facts_of(digest, SERVICE)
    assert found.chart is not None
    assert before.chart is not None
    pdt.assert_frame_equal(found.chart.numbers, before.chart.numbers, check_dtype=False)
    pdt.assert_frame_equal(
        found.chart.numbers,
        al.latency(al.open(lake).spans(service="a"), every="1h")[list(found.chart.numbers)],
        check_dtype=False,
    )


def test_a_short_range_is_left_to_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It reads that range alone, where to count goes through all that there is."""
    lake = str(tmp_path / "lake")
    write(lake, _spans(300, 4))
    digest = Digest(lake, 256 * 1024 * 1024)
    digest.wait(60)
    asked: list[Choices] = []
    monkeypatch.setattr(digest, "durations", lambda choices, _: asked.append(choices))
    until = (NOON + timedelta(minutes=60)).isoformat()
    for choices in (EVERYTHING, Choices(until=until)):
        assert first_look(digest, choices, None, "1h").facts == facts_of(digest, choices)
    assert asked == [EVERYTHING]


def test_the_lake_is_followed_though_it_cannot_be_put_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Without memory, say: that is told in the log, once, and new spans are shown as ever."""
    monkeypatch.setattr(ranks, "ranked", lambda *_: np.empty(-1))
    lake = str(tmp_path / "lake")
    write(lake, _spans(100, 5))
    digest = Digest(lake, 256 * 1024 * 1024)
    stop = digest.watch(lambda _: None)
    digest.wait(60)
    assert digest.durations(EVERYTHING, "1h") is None
    end = time.monotonic() + 60
    while "could not be put in order" not in caplog.text:
        assert time.monotonic() < end, "nothing was told"
        time.sleep(0.1)
    write(lake, [span | {"trace_id": f"{n:032x}"} for n, span in enumerate(_spans(20, 6))])
    while digest.state.version != al.open(lake).version:
        assert time.monotonic() < end, "the lake is followed no more"
        time.sleep(0.1)
    time.sleep(3)
    stop()
    assert caplog.text.count("could not be put in order") == 1
