"""The audit of a page looks only where it must, and finds what the audit of all spans finds there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pandas.testing as pdt
import pytest

import argus_lab as al
from argus_lab.dashboards import tokens_audit
from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.digest import Digest
from argus_lab.testing import NOON, make_span
from tests.lake_read.lakes import write

DAYS = 4


def _spans(seed: int, day: int, *, at: Any = NOON, **more: Any) -> list[dict[str, Any]]:
    """A wrapper that repeats its call's usage, and the call, which comes a day later if ``day`` is odd."""
    start = at and at + timedelta(days=day)
    wrapper = make_span(seed, trace_id=f"{seed:032x}", start_time=start, span_type="chain", **more)
    call = make_span(
        seed + 1,
        trace_id=wrapper["trace_id"],
        parent_span_id=wrapper["span_id"],
        start_time=start and start + timedelta(days=day % 2),
        span_type="llm",
        **more,
    )
    return [wrapper, call]


@pytest.fixture
def audited(tmp_path: Path) -> Callable[..., tuple[tokens_audit.Audit, pd.DataFrame]]:
    """Audit a lake of these spans by its page, and all of them at once."""

    def audited(rows: list[dict[str, Any]], choices: Choices) -> tuple[tokens_audit.Audit, pd.DataFrame]:
        folder = str(tmp_path / "lake")
        write(folder, rows)
        digest = Digest(folder)
        digest.wait()
        found = tokens_audit.audit(digest, choices)
        digest.forget()
        return found, al.audit_tokens(al.open(folder).spans(columns="all"))

    return audited


def _rows(*, untimed: bool = False) -> list[dict[str, Any]]:
    used = {"input_tokens": 100, "output_tokens": 10, "request_model": "gpt-4o"}
    rows = [span for day in range(DAYS) for span in _spans(10 * day + 1, day, **used)]
    return rows + (_spans(101, 0, at=None, **used) if untimed else [])


def _told(findings: pd.DataFrame) -> pd.DataFrame:
    names = ["trace_id", "span_id", "finding"]
    return findings[names].astype(str).sort_values(names, ignore_index=True)


@pytest.mark.parametrize("untimed", [False, True])
@pytest.mark.parametrize("most", [tokens_audit.MOST, 2])
def test_it_finds_what_the_audit_of_all_spans_finds(
    audited: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, most: int, *, untimed: bool
) -> None:
    """In the newest traces if there are more than it reads; also in traces of two days, or with no start."""
    monkeypatch.setattr(tokens_audit, "MOST", most)
    monkeypatch.setattr(tokens_audit, "TOLD", most)
    rows = _rows(untimed=untimed)
    found, whole = audited(rows, Choices())
    assert len(whole) >= DAYS
    suspicious = pd.DataFrame(rows).query("span_type == 'chain'")
    newest = suspicious.sort_values("start_time", ascending=False)["trace_id"].head(most)
    pdt.assert_frame_equal(_told(found.findings), _told(whole[whole["trace_id"].astype(str).isin(newest)]))
    if most < DAYS:
        assert "in 2 traces with suspicious counts, the newest of more than 2, of more than 2" in found.words
    else:
        assert found.words == f"Looked for in {DAYS + untimed} traces with usage."


def test_it_tells_of_what_is_chosen_and_reads_the_traces_as_wholes(audited: Callable[..., Any]) -> None:
    """Whether a wrapper repeats its call is seen only with the call, which may not be chosen."""
    until = (NOON + timedelta(days=1, hours=1)).isoformat()
    found, whole = audited(_spans(1, 1, input_tokens=100, output_tokens=10), Choices(until=until))
    assert list(found.findings["span_id"]) == list(whole["span_id"])
    assert len(whole)


def test_where_to_look_is_known_only_of_traces_that_tell_their_time(tmp_path: Path) -> None:
    """Else spans would be left out."""
    folder = str(tmp_path / "lake")
    write(folder, _rows(untimed=True))
    digest = Digest(folder)
    digest.wait()
    timed = [f"{1:032x}", f"{11:032x}"]
    since, until = tokens_audit._window(digest, timed)  # noqa: SLF001  what reads are bounded by
    assert since == NOON
    assert until == NOON + timedelta(days=2, microseconds=1)
    nothing = (None, None)
    assert tokens_audit._window(digest, [*timed, f"{101:032x}"]) == nothing  # noqa: SLF001  the same
    assert tokens_audit._window(digest, []) == nothing  # noqa: SLF001  the same
    assert tokens_audit._window(digest, ["0"]) == nothing  # noqa: SLF001  the tables were made anew meanwhile
    digest.forget()
