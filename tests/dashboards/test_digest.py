"""The tables that pages are answered from say what measures say of the lake, however spans arrived."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pandas.testing as pdt
import pytest

import argus_lab as al
from argus_lab import settings
from argus_lab.dashboards.choices import Choices, selection_of
from argus_lab.dashboards.digest import ORDERS, Digest
from argus_lab.lake import renormalize, upkeep
from argus_lab.lake.selection import select
from argus_lab.schema import SPANS
from argus_lab.testing import NOON, make_span
from tests.lake_read.lakes import write

EVERYTHING = Choices()
SESSION = [name for name in al.sessions(pd.DataFrame([make_span(0)])).columns if name != "last_answer"]


def _digest(lake: str) -> Digest:
    found = Digest(lake, 256 * 1024 * 1024)
    state = found.wait(60)
    assert state.problem is None
    return found


@pytest.fixture(scope="module")
def digest(support: str) -> Digest:
    """The digest of the sample sessions."""
    return _digest(support)


def _searched(digest: Digest, choices: Choices) -> None:
    while (search := digest.search(choices)) is not None and not search.is_done:
        time.sleep(0.02)


def _table(digest: Digest) -> pd.DataFrame:
    rows = digest.sessions(EVERYTHING, limit=10_000).rows
    return pd.DataFrame(rows).sort_values(["project", "session_id"]).reset_index(drop=True)[SESSION]


def _measured(lake: str) -> pd.DataFrame:
    found = al.open(lake).sessions().sort_values(["project", "session_id"]).reset_index(drop=True)
    found["first_user_message"] = found["first_user_message"].str.slice(0, 240)
    return found[SESSION]


def _same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Equal values, whatever their dtypes are called; null is null."""
    pdt.assert_frame_equal(_plain(found), _plain(wanted), check_dtype=False)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(object).where(frame.notna(), None)


def test_sessions_are_the_measures(digest: Digest, support: str):
    """Each session's row is that of ``al.sessions``."""
    _same(_table(digest), _measured(support))


@pytest.mark.parametrize("by", [None, "service", "component_name"])
def test_latency_is_the_measures(digest: Digest, support: str, by: str | None):
    """Percentiles of the tables are those of the lake, by anything, with and without choices."""
    for choices in (EVERYTHING, Choices(component=("llm", "mcp"), since="2026-05-06T00:00Z")):
        spans = al.open(support).spans(**selection_of(choices))
        _same(digest.latency(choices, by=by, every="1d"), al.latency(spans, by=by, every="1d"))


def test_tokens_are_the_measures(digest: Digest, support: str):
    """Tokens and costs too; each call counts once, as in its whole trace."""
    for by in (None, "request_model", ["project", "service"]):
        _same(
            digest.tokens(EVERYTHING, by=by, every="1d"),
            al.tokens(al.open(support).spans(), by=by, every="1d"),
        )


def test_a_wrapper_does_not_count_where_its_call_is_left_out(tmp_path: Path):
    """A choice that leaves out the inner call does not make the wrapper of another service count."""
    lake = str(tmp_path / "lake")
    outer = make_span(1, service="framework", component_type="agent")
    inner = make_span(2, trace_id=outer["trace_id"], parent_span_id=outer["span_id"], span_type="llm")
    inner |= {"step_kind": "llm_call", "input_tokens": 7, "output_tokens": 1, "request_model": "m"}
    write(lake, [outer, inner])
    digest = _digest(lake)
    assert digest.tokens(EVERYTHING)["input_tokens"].tolist() == [7]
    assert len(digest.tokens(Choices(service=("framework",)))) == 0 or digest.tokens(
        Choices(service=("framework",))
    )["calls"].tolist() == [0]


CHOSEN = [
    Choices(project=("customer-bot",)),
    Choices(service=("order-mcp", "retrieval")),
    Choices(model=("gpt-5-mini",)),
    Choices(component=("mcp",)),
    Choices(status=("ERROR",)),
    Choices(since="2026-05-10T00:00Z", until="2026-05-12T00:00Z"),
    Choices(text='refund "now"'),
    Choices(text="ESPRESSO"),
    Choices(text="espresso", model=("qwen3:8b",), status=("OK", "UNSET")),
]


@pytest.mark.parametrize("choices", CHOSEN, ids=range(len(CHOSEN)))
def test_choices_pick_what_the_lake_picks(digest: Digest, support: str, choices: Choices):
    """A choice means the same spans on a page as its lines of Python read from the lake."""
    _searched(digest, choices)
    spans = al.open(support).spans(columns=["project", "session_id", "span_id"], **selection_of(choices))
    assert digest.spans(choices).aggregate("count(*) AS n").to_arrow_table()["n"][0].as_py() == len(spans)
    found = digest.sessions(choices, limit=10_000)
    assert {row["session_id"] for row in found.rows} == set(spans["session_id"])
    assert found.total == len(found.rows)


def test_a_page_of_sessions_is_a_part_of_the_whole(digest: Digest):
    """Pages in any order put together are all sessions in that order, and neighbours are those beside."""
    for order in ORDERS:
        whole = digest.sessions(EVERYTHING, order=order, limit=10_000).rows
        parts = [
            row
            for at in range(0, len(whole), 70)
            for row in digest.sessions(EVERYTHING, order=order, offset=at, limit=70).rows
        ]
        assert [row["session"] for row in parts] == [row["session"] for row in whole]
        before, after = digest.neighbours(EVERYTHING, whole[5], order=order)
        assert before is not None
        assert after is not None
        assert (before["session"], after["session"]) == (whole[4]["session"], whole[6]["session"])


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("order", ORDERS)
def test_neighbours_are_those_of_the_table(digest: Digest, order: str, descending: bool):  # noqa: FBT001
    """Whatever it is sorted by, and whichever are left out, at its ends and among ties too."""
    for choices in (EVERYTHING, Choices(status=("ERROR",))):
        rows = digest.sessions(choices, order=order, descending=descending, limit=10_000).rows
        for at in (*range(0, len(rows), 9), len(rows) - 1):
            before, after = digest.neighbours(choices, rows[at], order=order, descending=descending)
            assert before == (rows[at - 1] if at else None)
            assert after == (rows[at + 1] if at + 1 < len(rows) else None)


def _conversations(seed: int) -> list[dict[str, Any]]:
    """Spans of some sessions, of which the rest names what they belong to only in part, and late."""
    chance = random.Random(seed)  # noqa: S311  the same at every run
    rows = []
    for n in range(60):
        row = make_span(n, project=chance.choice(["a", "b"]), start_time=NOON + timedelta(hours=n))
        if n % 4 == chance.randrange(4):
            row |= {"session_id": f"chat-{n // 12}", "session_source": "attribute"}
        else:
            row |= {"session_id": row["trace_id"], "session_source": "trace"}
        rows.append(row | {"project": "a" if n < 40 else "b"})
    return rows


@pytest.mark.parametrize("seed", range(4))
def test_spans_in_any_order_give_the_same_tables(tmp_path: Path, seed: int):
    """Followed commit by commit the tables are those of the whole lake, though late spans move traces."""
    lake = str(tmp_path / "lake")
    rows = _conversations(seed)
    random.Random(seed).shuffle(rows)  # noqa: S311  the same at every run
    write(lake, rows[:5])
    digest = _digest(lake)
    for first in range(5, len(rows), 11):
        write(lake, rows[first : first + 11])
        digest.look()
    assert digest.state.version == al.open(lake).version
    _same(_table(digest), _measured(lake))
    _same(digest.tokens(EVERYTHING, by="project"), al.tokens(al.open(lake).spans(), by="project"))


@pytest.mark.parametrize("seed", range(4))
def test_a_session_is_read_as_the_lake_gives_it(tmp_path: Path, seed: int):
    """With the same spans and sources, also where sessions share a trace or a trace is in two projects."""
    lake = str(tmp_path / "lake")
    rows = _conversations(seed)
    for row in rows[::7]:
        row["trace_id"] = rows[0]["trace_id"]
    random.Random(seed).shuffle(rows)  # noqa: S311  the same at every run
    write(lake, rows[:30])
    write(lake, rows[30:])
    columns = ["trace_id", "span_id", "session_source", "session_id", "project"]
    digest, opened = _digest(lake), al.open(lake)
    found = digest.sessions(EVERYTHING, limit=1_000).rows
    assert len(found) > 5
    for row in found:
        shown = digest.session_spans(row, columns)
        wanted = opened.spans(session=row["session_id"], project=row["project"], columns=columns)
        _same(*(each.sort_values(["trace_id", "span_id"], ignore_index=True) for each in (shown, wanted)))


def test_a_search_hears_of_new_spans(tmp_path: Path):
    """A text that was looked for is found in what comes later too."""
    lake = str(tmp_path / "lake")
    write(lake, [make_span(0, input_text="good morning")])
    digest = _digest(lake)
    choices = Choices(text="Morning")
    digest.sessions(choices)
    _searched(digest, choices)
    assert digest.sessions(choices).total == 1
    write(lake, [make_span(40, input_text="Mornings are best"), make_span(80, input_text="evening")])
    digest.look()
    assert digest.sessions(choices).total == 2


def test_compaction_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Merged files are the same spans: nothing is measured again, and what comes after is seen."""
    lake = str(tmp_path / "lake")
    for n in range(6):
        write(lake, [make_span(n)])
    digest = _digest(lake)
    before, generation, version = _table(digest), digest.generation, digest.state.version
    upkeep.compact(settings.read({}, lake=lake))
    assert al.open(lake).version != version
    digest.look()
    assert digest.state.version == al.open(lake).version
    assert digest.generation == generation
    _same(_table(digest), before)
    write(lake, [make_span(9)])
    digest.look()
    _same(_table(digest), _measured(lake))


def test_renormalising_is_seen(tmp_path: Path):
    """Spans that say something else now, in as many files, are measured again."""
    lake = str(tmp_path / "lake")
    row = make_span(1, request_model="other", attributes='{"gen_ai.request.model": "llama3.2"}')
    write(lake, [row])
    digest = _digest(lake)
    assert _table(digest)["models"].tolist() == ["other"]
    renormalize.renormalize(settings.read({}, lake=lake), select(SPANS, {}))
    digest.look()
    _same(_table(digest), _measured(lake))
    assert _table(digest)["models"].tolist() != ["other"]


def test_a_session_is_read_with_all_its_spans(tmp_path: Path):
    """The window in which a session lies leaves none of its spans out, nor those without a start."""
    lake = str(tmp_path / "lake")
    named = {"session_id": "chat", "session_source": "attribute"}
    rows = [make_span(n, start_time=NOON + timedelta(days=n)) | named for n in range(3)]
    write(lake, [*rows, make_span(9)])
    digest = _digest(lake)
    row = digest.session("chat")
    assert row is not None
    wanted = {each["span_id"] for each in rows}
    assert set(digest.session_spans(row)["span_id"]) == wanted
    last = make_span(5, trace_id=rows[0]["trace_id"]) | named | {"start_time": None, "start_unix_nano": None}
    write(lake, [last])
    digest.look()
    row = digest.session("chat")
    assert row is not None
    assert set(digest.session_spans(row)["span_id"]) == wanted | {last["span_id"]}
