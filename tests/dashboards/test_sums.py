"""Tokens summed up beforehand: what is added up of them is what is measured, or nothing is told."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pandas.testing as pdt
import pytest

from argus_lab.dashboards import sums
from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.digest import Digest
from argus_lab.testing import NOON, make_span
from tests.lake_read.lakes import write

CHOSEN = [
    Choices(),
    Choices(status=("OK",)),
    Choices(project=("customer-bot",), component=("llm",)),
    Choices(model=("gpt-4o", "unheard-of")),
    Choices(service=("a", "nobody's"), status=("ERROR",)),
    Choices(model=("nothing has it",)),
]
CUTS: list[tuple[Any, str | None]] = [
    (None, "6h"),
    ("request_model", "6h"),
    ("agent_name", None),
    (["project", "service"], None),
    (None, None),
]


def _spans(count: int, seed: int) -> list[dict[str, Any]]:
    """Calls with and without a price, a start, a model, caches; more cached tokens than input among them."""
    chance = random.Random(seed)  # noqa: S311  the same at every run
    number = lambda most: chance.choice([None, 0, chance.randrange(most)])  # noqa: E731
    return [
        make_span(
            n,
            trace_id=f"{seed * 10_000 + n:032x}",
            start_time=None if chance.random() < 0.1 else NOON + timedelta(minutes=chance.randrange(3000)),
            status=chance.choice([None, "OK", "ERROR"]),
            service=chance.choice(["a", "b"]),
            project=chance.choice(["customer-bot", "shop-bot"]),
            component_type=chance.choice([None, "llm", "mcp"]),
            agent_name=chance.choice([None, "planner"]),
            step_kind="llm_call",
            operation="chat",
            provider="openai",
            request_model=chance.choice([None, "gpt-4o", "unheard-of"]),
            response_model=chance.choice([None, "gpt-4o-2024-08-06"]),
            input_tokens=number(5000),
            output_tokens=number(900),
            cache_read_tokens=number(6000),
            cache_write_tokens=number(50),
            reasoning_tokens=number(300),
            cost_usd=chance.choice([None, 0.25]),
        )
        for n in range(count)
    ]


@pytest.fixture(name="digest")
def _digest(tmp_path: Path) -> Digest:
    write(str(tmp_path / "lake"), _spans(400, 1))
    found = Digest(str(tmp_path / "lake"), 256 * 1024 * 1024)
    found.wait(60)
    return found


def _from_sums(digest: Digest, choices: Choices, by: Any, every: str | None) -> pd.DataFrame | None:
    asked, state, cursor = digest._asked(choices), digest._rows_state, digest._cursor  # noqa: SLF001
    return digest._sums.tokens(choices, asked, state, cursor, (by, every))  # noqa: SLF001  whether it is used


def test_what_is_added_up_is_what_is_measured(digest: Digest):
    """Of every choice and cut: nulls, calls without a price and their models, groups without a call."""
    measured = [digest.tokens(choices, by=by, every=every) for choices in CHOSEN for by, every in CUTS]
    assert _from_sums(digest, Choices(), None, "6h") is None
    digest.order()
    asked = [(choices, *cut) for choices in CHOSEN for cut in CUTS]
    assert len(measured[0]) > 3
    for (choices, by, every), before in zip(asked, measured, strict=True):
        found = _from_sums(digest, choices, by, every)
        assert found is not None
        pdt.assert_frame_equal(found, before, rtol=1e-12)
        pdt.assert_frame_equal(digest.tokens(choices, by=by, every=every), before, rtol=1e-12)


def test_what_sums_do_not_tell_is_measured(digest: Digest):
    """A text, a range of time, another column, another length: the engine is asked, as before."""
    digest.tokens(Choices(), every="6h")
    digest.order()
    assert _from_sums(digest, Choices(), None, "6h") is not None
    for choices, by, every in [
        (Choices(text="hello"), None, "6h"),
        (Choices(since="2026-03-01T00:00Z"), None, "6h"),
        (Choices(until="2026-03-02T00:00Z"), None, None),
        (Choices(), "provider", "6h"),
        (Choices(), None, "1h"),
    ]:
        assert _from_sums(digest, choices, by, every) is None
    cut = digest.tokens(Choices(), by="provider", every="6h")
    assert cut["calls"].sum() == digest.tokens(Choices())["calls"].sum()


def test_tables_that_change_are_summed_up_anew(digest: Digest):
    """New calls, and rows that are changed this moment: what was summed up says nothing any more."""
    digest.tokens(Choices(), every="6h")
    digest.order()
    before = digest.tokens(Choices())["calls"].sum()
    write(digest.address, _spans(50, 2))
    digest.look()
    assert _from_sums(digest, Choices(), None, "6h") is None
    after = digest.tokens(Choices())["calls"].sum()
    assert after > before
    digest.order()
    assert _from_sums(digest, Choices(), None, "6h") is not None
    assert digest.tokens(Choices())["calls"].sum() == after
    digest._follower.writes += 1  # noqa: SLF001  as while spans are put in
    assert _from_sums(digest, Choices(), None, "6h") is None


def test_what_has_as_many_groups_as_calls_is_left_to_the_engine(
    digest: Digest, monkeypatch: pytest.MonkeyPatch
):
    """Sums of very many kinds of calls would be no quicker, and take memory."""
    monkeypatch.setattr(sums, "MOST", 5)
    measured = digest.tokens(Choices(), every="6h")
    digest.order()
    assert _from_sums(digest, Choices(), None, "6h") is None
    pdt.assert_frame_equal(digest.tokens(Choices(), every="6h"), measured)
