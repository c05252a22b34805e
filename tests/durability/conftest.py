"""Receivers that are killed whatever a test did, and a seed that a failure names."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.durability.receivers import Receiver


@pytest.fixture
def seed() -> int:
    """Of everything drawn by chance: ``ARGUS_SEED``, else a new one at each run.

    The same seed sends the same batches and kills after the same waits; what the processes are at
    just then is for the machine to decide.
    """
    chosen = int(os.environ.get("ARGUS_SEED") or secrets.randbelow(10**6))
    print(f"ARGUS_SEED={chosen}")  # noqa: T201  pytest shows it beside a failure
    return chosen


@pytest.fixture
def rng(seed: int) -> random.Random:
    """Chance that can be had again."""
    return random.Random(seed)  # noqa: S311  to be repeated, not secret


@pytest.fixture
def receiver_on(tmp_path: Path) -> Iterator[Callable[..., Receiver]]:
    """Make receivers (on a lake of their own, unless told another), not started yet."""
    made: list[Receiver] = []

    def make(lake: Path | None = None, *, workers: int = 1, **settings: str) -> Receiver:
        made.append(Receiver(tmp_path, lake or tmp_path / "lake", workers=workers, **settings))
        return made[-1]

    yield make
    for receiver in made:
        if receiver.starts:
            receiver.kill_everything()
