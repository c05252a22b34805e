"""What stands beside a session that spans are stored under says of each of them where it belongs."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from argus_lab.lake.belonging import SCHEMA, Belonging


def _rows(told: dict[str, str], source: str = "inherited", spans: int = 0) -> pa.Table:
    """Traces, or so many spans of each, with the sessions that they belong to."""
    rows = [
        {"trace_id": trace, "span_id": span, "session_id": session, "session_source": source}
        for trace, session in told.items()
        for span in ([f"{trace}-{n}" for n in range(spans)] or [None])
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


@pytest.mark.parametrize("seed", range(20))
def test_each_trace_is_told_where_it_is_stored(seed: int):
    """Whatever is stored under several sessions, and whoever else is: told are those traces, there alone."""
    chance = random.Random(seed)  # noqa: S311  the same at every run
    names = [f"{n:032x}" for n in range(60)]
    chance.shuffle(names)
    sessions = [f"chat-{n}" for n in range(8)]
    own, mended, single = (
        {name: f"to-{chance.randrange(9)}" for name in part}
        for part in (names[:20], names[20:45], names[45:])
    )
    under = [*sessions, *chance.sample(names, 5)]
    stored = {
        (name, chance.choice(under)) for name in (*mended, *single) for _ in range(chance.randint(1, 3))
    }
    pairs = list(stored)
    chance.shuffle(pairs)
    found = Belonging(
        _rows(own),
        _rows(mended),
        _rows(single, spans=2),
        frozenset({"a file"}),
        pa.table({"trace_id": [t for t, _ in pairs], "session_id": [s for _, s in pairs]}),
        is_alone=True,
    ).marks
    assert found is not None
    marks = {row["under"]: row for row in found.to_pylist()}
    assert len(marks) == len(found)
    assert marks.keys() == own.keys() | {session for _, session in stored}
    for session, row in marks.items():
        assert row["session_id"] == own.get(session)
        here = {trace for trace, place in stored if place == session}
        told = {name: mended[name] for name in here if name in mended}
        assert dict(row["told_session_id"] or ()) == told
        assert dict(row["told_session_source"] or ()) == dict.fromkeys(told, "inherited")
        assert (row["told_session_id"] is None) == (not told)
        assert row["is_told_by_span"] == bool(here & single.keys())


def test_there_are_none_where_that_is_not_known():
    """Or where nothing is stored under a session that is not its trace's."""
    own = _rows({"a" * 32: "chat"})
    assert Belonging(own, files=frozenset({"a file"})).marks is None
    assert Belonging(mended=own, files=frozenset({"a file"}), stored=None).marks is None
    assert Belonging(own, stored=pa.table({"trace_id": [], "session_id": []})).marks is None
