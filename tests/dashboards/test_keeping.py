"""Tables that are kept for the next process are those of this lake at that version, or are not taken."""

from __future__ import annotations

import shutil
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import argus_lab as al
from argus_lab import settings
from argus_lab.dashboards import keeping, reckoning
from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.digest import Digest
from argus_lab.dashboards.keeping import Kept
from argus_lab.lake import renormalize
from argus_lab.lake.selection import select
from argus_lab.schema import SPANS
from argus_lab.testing import make_span
from tests.lake_read.lakes import write

MEMORY = 256 * 1024 * 1024


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A word for each slice of a lake that was read since; tables are kept however small they are."""
    monkeypatch.setattr(keeping, "KEPT_FROM", 0)
    found: list[str] = []
    real = reckoning.reckoned

    def noted(*given: Any) -> None:
        found.append("made")
        real(*given)

    monkeypatch.setattr(reckoning, "reckoned", noted)
    return found


def _shown(lake: str, kept: Path | None) -> tuple[list[str], int]:
    """The sessions that a new process shows, and the version; it ends then."""
    digest = Digest(lake, MEMORY, kept)
    digest.look()
    assert digest.state.problem is None
    assert digest.state.is_whole
    rows = digest.sessions(Choices(), order="first").rows
    numbers = [row["session"] for row in rows]
    assert len(set(numbers)) == len(numbers)
    found = sorted(row["session_id"] for row in rows), digest.state.version or 0
    digest.forget()
    return found


def _sessions(lake: str) -> list[str]:
    return sorted(al.open(lake).sessions()["session_id"])


def test_the_next_process_reads_no_lake(tmp_path: Path, made: list[str]):
    """It takes what was kept, goes on with what came since, and keeps that in turn."""
    lake, kept = str(tmp_path / "lake"), tmp_path / "kept"
    write(lake, [make_span(n, session_id=f"s-{n}") for n in range(40)])
    assert _shown(lake, kept)[0] == _sessions(lake)
    assert made == ["made"]
    write(lake, [make_span(n, session_id=f"s-{n}") for n in (39, 41)])
    for _ in range(2):
        found, version = _shown(lake, kept)
        assert found == _sessions(lake)
        assert version == al.open(lake).version
    assert made == ["made"]


def test_tables_are_kept_while_pages_read(tmp_path: Path, made: list[str]):
    """A query that goes on is waited for; it is not ended, and no reason to keep nothing."""
    lake = str(tmp_path / "lake")
    write(lake, [make_span(at) for at in range(50)])
    digest = Digest(lake, MEMORY, None)
    digest.look()
    store = digest._follower.store  # noqa: SLF001  no page reads for as long as a test wants
    assert store is not None
    reading = store.cursor()
    reading.execute("SELECT span_id FROM spans")  # and has not been read yet
    kept = Kept(tmp_path / "kept", lake)
    with ThreadPoolExecutor(1) as other:
        kept_now = other.submit(kept.put, store, digest._follower._reader.last, 50)  # noqa: SLF001
        time.sleep(0.2)
        assert not kept_now.done()
        assert len(reading.fetchall()) == 50
        assert kept_now.result(60)
    digest.forget()
    made.clear()
    assert _shown(lake, tmp_path / "kept")[0] == _sessions(lake)
    assert made == []


def test_what_is_kept_is_for_its_owner(tmp_path: Path, made: list[str]):
    """The tables hold first words of conversations: no other user of the machine may read them."""
    lake, kept = str(tmp_path / "lake"), tmp_path / "new" / "kept"
    write(lake, [make_span(0)])
    _shown(lake, kept)
    (file,) = kept.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    assert made


def test_a_lake_in_the_place_of_another_is_read(tmp_path: Path, made: list[str]):
    """The address and the version are the same, the lake is not."""
    lake, kept = tmp_path / "lake", tmp_path / "kept"
    write(str(lake), [make_span(0, session_id="old")])
    _shown(str(lake), kept)
    shutil.rmtree(lake)
    write(str(lake), [make_span(0, session_id="new")])
    assert _shown(str(lake), kept)[0] == ["new"]
    assert made == ["made", "made"]


def test_a_lake_that_was_rewritten_is_read(tmp_path: Path, made: list[str]):
    """Spans that say something else now cannot be told from the log."""
    lake, kept = str(tmp_path / "lake"), tmp_path / "kept"
    write(lake, [make_span(1, request_model="other", attributes='{"gen_ai.request.model": "llama3.2"}')])
    _shown(lake, kept)
    renormalize.renormalize(settings.read({}, lake=lake), select(SPANS, {}))
    _shown(lake, kept)
    assert made == ["made", "made"]


def test_other_code_makes_its_own(tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch):
    """What another release measured is not shown, and does not stay."""
    lake, kept = str(tmp_path / "lake"), tmp_path / "kept"
    write(lake, [make_span(0)])
    _shown(lake, kept)
    monkeypatch.setattr(keeping, "_maker", lambda: "another release")
    _shown(lake, kept)
    assert made == ["made", "made"]
    assert [path.name.split(".", 1)[1] for path in kept.iterdir()] == ["another release.db"]


def test_a_broken_copy_is_no_reason_to_stop(
    tmp_path: Path, made: list[str], caplog: pytest.LogCaptureFixture
):
    """A file that is no database is told of in the log, and the lake is read."""
    lake, kept = str(tmp_path / "lake"), tmp_path / "kept"
    write(lake, [make_span(0)])
    _shown(lake, kept)
    (file,) = kept.iterdir()
    file.write_bytes(b"no database" * 1000)
    assert _shown(lake, kept)[0] == _sessions(lake)
    assert made == ["made", "made"]
    assert "made anew" in caplog.text


def test_nothing_is_kept_where_nobody_wants_it(tmp_path: Path, made: list[str]):
    """Without a folder every process reads the lake."""
    lake = str(tmp_path / "lake")
    write(lake, [make_span(0)])
    for _ in range(2):
        _shown(lake, None)
    assert made == ["made", "made"]
