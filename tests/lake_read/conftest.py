"""Lakes that several tests read and none changes."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

import argus_lab as al
from argus_lab.testing import NOON, make_span
from tests.lake_read.lakes import write

PROJECTS = ["customer-bot", "shop-bot", "a/b", "Größe %41 =&?#", "2026-01-01", "__HIVE_DEFAULT_PARTITION__"]
SERVICES = ["gateway", "support-agent", "tools", "o'neill"]
SESSIONS = [f"session-{n}" for n in range(6)] + ['it\'s "one"', "é" * 60]


def _random_row(n: int, chance: random.Random) -> dict[str, Any]:
    start = NOON + timedelta(microseconds=chance.randrange(4 * 86400 * 10**6))
    return make_span(
        n,
        project=chance.choice(PROJECTS),
        service=chance.choice(SERVICES),
        session_id=chance.choice([*SESSIONS, None]),
        trace_id=f"{chance.randrange(40):032x}",
        span_id=f"{n:016x}",
        start_time=None if n % 29 == 0 else start,
        input_tokens=chance.choice([None, 1, 500, 1000]),
    )


@pytest.fixture(scope="session")
def mixed_rows() -> list[dict[str, Any]]:
    """400 spans over awkward names and four days, some without a start."""
    chance = random.Random(7)  # noqa: S311  the same rows at every run
    return [_random_row(n, chance) for n in range(400)]


@pytest.fixture(scope="session")
def mixed_lake(tmp_path_factory: pytest.TempPathFactory, mixed_rows: list[dict[str, Any]]) -> al.Lake:
    """Those spans in five commits, some hundred files."""
    place = str(tmp_path_factory.mktemp("mixed") / "lake")
    for part in range(5):
        write(place, mixed_rows[part::5])
    return al.open(place)


@pytest.fixture(scope="session")
def mixed_frame(mixed_rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The same spans as plain pandas, to hold answers against."""
    frame = pd.DataFrame(mixed_rows)
    frame["start_time"] = pd.to_datetime(frame["start_time"], utc=True)
    return frame


@pytest.fixture
def tiny(tiny_lake: str) -> al.Lake:
    """The lake of the documentation's examples, opened."""
    return al.open(tiny_lake)
