"""Every door of the lake gives the same sessions, in whatever order and files their spans arrived."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import argus_lab as al
from argus_lab import settings
from argus_lab.lake import joining, read, upkeep
from argus_lab.lake.rows import arrow_table
from argus_lab.lake.sessions import inherited
from argus_lab.lake.table import commit, open_table, write_files
from argus_lab.schema import SPANS
from tests.lake_read.lakes import write
from tests.lake_read.trees import Row, Sessions, random_traces, sent, sessions_of

IDS = ["trace_id", "span_id", "session_id", "session_source"]
QUERY = "SELECT trace_id, span_id, session_id, session_source FROM spans"


def write_as_sent(lake: str, rows: list[Row]) -> None:
    """Commit rows as another writer would: nothing is worked out, nothing sorted."""
    made = arrow_table(SPANS, [tuple(map(row.get, SPANS.names)) for row in rows])
    commit(open_table(lake, SPANS), write_files(lake, SPANS, made), {})


def seen(frame: Any) -> Sessions:
    """Session and source by span, each span once."""
    rows = list(zip(*(list(frame[name]) for name in IDS), strict=True))
    found = {(trace, span): (session, source) for trace, span, session, source in rows}
    assert len(found) == len(rows)
    return found


def check_loads(lake: al.Lake, rows: list[Row]) -> None:
    """Frames, queries and lazy frames show what the oracle says."""
    true = sessions_of(rows)
    assert seen(lake.spans()) == true
    assert seen(lake.spans(columns=IDS, order="newest")) == true
    assert seen(lake.spans(columns="all", limit=10**6)) == true
    assert seen(lake.sql(QUERY)) == true
    assert seen(lake.sql("FROM spans")) == true
    assert seen(lake.scan().to_arrow_table().to_pydict()) == true
    assert seen(lake.scan(engine="polars").collect()) == true
    counts = lake.sql("SELECT session_id, count(*) AS n FROM spans GROUP BY ALL")
    assert dict(zip(counts["session_id"], counts["n"], strict=True)) == Counter(s for s, _ in true.values())


def check_filters(lake: al.Lake, rows: list[Row]) -> None:
    """Filters match the sessions that are shown, also where the span that names them is filtered out."""
    true = sessions_of(rows)
    sources = {source for _, source in true.values()}
    for source in sources:
        some = {span: found for span, found in true.items() if found[1] == source}
        assert seen(lake.spans(where="session_source = ?", params=[source])) == some
    for session in {session for session, _ in true.values()} | {f"{2:032x}"}:
        some = {span: found for span, found in true.items() if found[0] == session}
        assert seen(lake.spans(session=session, columns=IDS)) == some
        assert lake.count(session=[session]) == len(some)
        assert seen(lake.scan(session=session).to_arrow_table().to_pydict()) == some
        assert seen(lake.scan(engine="polars", session=session).collect()) == some
        if some:
            assert seen(lake.session(session)) == some
        else:
            with pytest.raises(al.NotFound):
                lake.session(session)
    for day in ("2026-03-02", "2026-03-03"):
        window = {"since": f"{day}T00:00Z", "until": f"{day}T23:00Z"}
        inside = {
            (row["trace_id"], row["span_id"])
            for row in rows
            if row["start_time"] is not None
            and f"{row['start_time']:%Y-%m-%d %H}" in [f"{day} {h:02}" for h in range(23)]
        }
        some = {span: true[span] for span in inside}
        assert seen(lake.spans(**window)) == some
        assert seen(lake.spans(**window, service=["gateway", "tools"], columns=IDS)) == some
        for session in {session for session, _ in some.values()}:
            own = {span: found for span, found in some.items() if found[0] == session}
            assert seen(lake.spans(**window, session=session, columns=IDS)) == own
        assert seen(lake.scan(engine="polars", **window).collect()) == some
        check_questions(lake, window, some)
    for project in ("customer-bot", "other-bot"):
        some = {(r["trace_id"], r["span_id"]) for r in rows if r["project"] == project}
        assert seen(lake.spans(project=project)) == {span: true[span] for span in some}


def check_questions(lake: al.Lake, window: dict[str, str], some: Sessions) -> None:
    """What is counted of a window is counted by the sessions that the whole lake knows."""
    for picks in (window, window | {"where": "duration_ms >= 0 OR true"}):
        counts = lake.sessions(texts=False, **picks).groupby("session_id")["spans"].sum()
        assert counts.to_dict() == Counter(session for session, _ in some.values())
        found = lake.traces(**picks)
        for trace, session in zip(found["trace_id"], found["session_id"], strict=True):
            assert session in {own for (of, _), (own, _) in some.items() if of == trace}


def check_traces(lake: al.Lake, rows: list[Row]) -> None:
    """A trace by itself, or several, are what they are among all."""
    true = sessions_of(rows)
    traces = sorted({trace for trace, _ in true})
    for trace in traces[::3]:
        some = {span: found for span, found in true.items() if span[0] == trace}
        assert seen(lake.trace(trace)) == some
        assert seen(lake.spans(trace=trace)) == some
        assert seen(lake.scan(trace=trace).to_arrow_table().to_pydict()) == some
    assert (
        seen(lake.spans(trace=traces, since="2026-03-01T00:00Z", limit=7, columns=IDS)).items()
        <= true.items()
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_door_in_every_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int):
    """Random traces in random pieces, merged now and then: each version shows what its spans say."""
    monkeypatch.setattr(joining, "MANY", 0 if seed % 2 else joining.MANY)  # both ways of looking up
    chance = random.Random(seed)  # noqa: S311  the same rows at every run
    rows = random_traces(chance)
    chance.shuffle(rows)
    place = str(tmp_path)
    there: list[Row] = []
    versions: list[tuple[int, list[Row]]] = []
    write(place, [])
    tail = al.open(place).tail(columns=IDS, timeout=0.01)
    while rows:
        size = chance.choice([1, 3, 8, 20])
        part, rows = rows[:size], rows[size:]
        (write if chance.random() < 0.5 else write_as_sent)(place, part)
        there = there + part
        if chance.random() < 0.4:
            upkeep.compact(settings.read({}, lake=place))
        versions.append((al.open(place).version, there))
    for version, held in chance.sample(versions, min(len(versions), 2)):
        check_loads(al.open(place, as_of=version), held)
    lake = al.open(place)
    assert seen(pd.concat(tail)) == sessions_of(there)
    check_loads(lake, there)
    check_filters(lake, there)
    check_traces(lake, there)
    upkeep.compact(settings.read({}, lake=place))
    check_loads(lake, there)
    check_filters(al.open(place), there)


@given(st.integers(0, 10**6))
def test_the_rule_is_the_one_in_words(seed: int):
    """The fast rule over whole columns and the slow one in words agree, whatever the order of rows."""
    chance = random.Random(seed)  # noqa: S311  as above
    rows = random_traces(chance, 3)
    true = sessions_of(rows)
    chance.shuffle(rows)
    found = inherited(arrow_table(SPANS, [tuple(map(row.get, SPANS.names)) for row in rows]))
    assert seen(found.select(IDS).to_pandas()) == true
    assert seen(inherited(found).select(IDS).to_pandas()) == true


def test_a_nearer_ancestor_that_comes_later_counts(tmp_path: Path):
    """What was inherited and merged already changes when a span in between turns out to name a session."""
    place = str(tmp_path)
    rows = [sent(1, 1, None, "outer"), sent(1, 3, 2, None), sent(1, 4, 3, None)]
    write(place, rows)
    lake = al.open(place)
    assert {session for session, _ in seen(lake.spans()).values()} == {"outer"}
    upkeep.compact(settings.read({}, lake=place))
    rows.append(sent(1, 2, 1, "inner"))
    write(place, rows[-1:])
    assert seen(lake.spans()) == sessions_of(rows)
    assert lake.spans(order="oldest")["session_id"].tolist() == ["outer", "inner", "inner", "inner"]
    upkeep.compact(settings.read({}, lake=place))
    assert seen(lake.spans()) == sessions_of(rows)
    assert lake.count(session="inner") == 3


def test_what_is_merged_is_stored_as_it_is_read(tmp_path: Path):
    """After merging, the files themselves hold the sessions, for engines that read them without us."""
    place = str(tmp_path)
    rows = [
        sent(trace, trace * 10 + n, n or None, "chat" if n == 3 else None)
        for trace in range(1, 9)
        for n in range(4)
    ]
    write(place, [])
    for row in rows:
        write_as_sent(place, [row])
    upkeep.compact(settings.read({}, lake=place))
    stored = open_table(place, SPANS).to_pyarrow_table(columns=IDS).to_pandas()
    assert seen(stored) == sessions_of(rows)


def test_one_large_file_of_another_writer_is_put_right_on_demand(tmp_path: Path):
    """``compact`` rewrites a file, with nothing to merge it with, if most of it is stored otherwise."""
    place = str(tmp_path)
    rows = [
        sent(trace, trace * 10 + n, None, "chat" if n == 3 else None)
        for trace in range(1, 9)
        for n in range(4)
    ]
    write(place, [])
    write_as_sent(place, rows)
    assert upkeep.compact(settings.read({}, lake=place)).written == 1
    stored = open_table(place, SPANS).to_pyarrow_table(columns=IDS).to_pandas()
    assert seen(stored) == sessions_of(rows)
    assert upkeep.compact(settings.read({}, lake=place)).written == 0


def test_what_is_stored_in_no_session_is_found_where_it_belongs(tmp_path: Path):
    """Another writer leaves sessions null, and a root elsewhere names one: every door has the spans."""
    place = str(tmp_path)
    rows = [sent(1, 1, None, "chat"), sent(1, 2, 1, None), sent(2, 3, None, None)]
    write(place, rows[:1])
    write_as_sent(place, [row | {"session_id": None} for row in rows[1:]])
    check_loads(al.open(place), rows)
    check_filters(al.open(place), rows)


def test_reads_of_other_columns_look_at_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Who asks for no session pays for none."""
    place = str(tmp_path)
    write(place, [])
    write_as_sent(place, [sent(1, 1, None, "chat"), sent(1, 2, 1, None)])

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("argus_lab.lake.knowing.belonging", never)
    lake = al.open(place)
    assert len(lake.spans(columns=["name", "trace_id"], where="duration_ms > 0")) == 2
    assert lake.count(service="support-agent") + lake.count() >= 2
    assert lake.projects()["spans"].tolist() == [2]
    assert lake.sql("SELECT count(*) AS n, max(duration_ms) FROM spans")["n"].tolist() == [2]
    assert set(lake.trace(f"{1:032x}")["session_id"]) == {"chat"}
    with pytest.raises(AssertionError):
        lake.sql("SELECT * FROM spans")


def test_a_span_that_is_gone_names_nothing_any_more(tmp_path: Path):
    """When the day of the span that named a session is dropped, the others are their trace's again."""
    place = str(tmp_path)
    day = pd.Timestamp.now("UTC").floor("D").to_pydatetime()
    old = day - pd.Timedelta(days=3)
    rows = [sent(1, 1, None, "chat", start_time=old), sent(1, 2, 1, None, start_time=day)]
    write(place, rows)
    lake = al.open(place)
    assert lake.count(session="chat") == 2
    upkeep.compact(settings.read({}, lake=place, keep=2))
    assert seen(lake.spans()) == sessions_of(rows[1:])
    assert lake.session(f"{1:032x}")["session_source"].tolist() == ["trace"]
    assert lake.count(session="chat") == 0


def test_files_in_which_nothing_moved_are_read_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Only the others are put right, those side by side together; all else is as of all files at once."""
    monkeypatch.setattr(read, "FEW_ROWS", 0)
    for number in range(1, 8):
        write(str(tmp_path), [sent(number, number * 10 + n, None, None) for n in range(number)])
    write(str(tmp_path), [sent(number, number * 10 + 9, None, "late") for number in (2, 3, 6)])
    put_right, real = list[list[int]](), read._put_right  # noqa: SLF001  which files it is given is the point

    def noting(picked: Any, *given: Any) -> Any:
        put_right.append([file.rows for file in picked.files])
        return real(picked, *given)

    monkeypatch.setattr(read, "_put_right", noting)
    lake, columns = al.open(tmp_path), ["session_id", "span_id", "duration_ms", "session_source"]
    apart = {limit: lake.spans(columns=columns, limit=limit) for limit in (None, 1, 3, 5, 20, 100)}
    assert put_right == [[2, 3], [6], [2, 3], [2, 3], [2, 3], [6], [2, 3], [6]]
    assert (apart[None]["session_id"] == "late").sum() == 2 + 3 + 6 + 3
    monkeypatch.setattr(read, "RUNS", 4)
    put_right.clear()
    for limit, frame in apart.items():
        pd.testing.assert_frame_equal(frame, lake.spans(columns=columns, limit=limit))
    assert put_right == [[1, 2, 3, 4, 5, 6, 7, 3]] * len(apart)
