"""The promise itself: killed at any moment, every acknowledged span is in the lake exactly once."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import pytest

from tests.durability import proof
from tests.durability.load import Flusher, Load
from tests.durability.receivers import Receiver, until

KILLS = int(os.environ.get("ARGUS_KILLS") or 0)
"""Kills of each test here; 0 for the few of a normal run. A soak: ``ARGUS_KILLS=100 pytest ...``."""

KINDS = ("everything", "supervisor", "worker", "keeper")
SOME_MINUTES = 240 + 20 * KILLS


def _kill(receiver: Receiver, kind: str, rng: random.Random) -> None:
    """Kill, and start again what nobody else starts again."""
    if kind in {"worker", "keeper"}:
        receiver.kill_one(kind, rng)
        return
    if kind == "everything":
        receiver.kill_everything()
    else:
        receiver.kill_supervisor()
    receiver.start()


def _let_work(receiver: Receiver, load: Load, rng: random.Random) -> None:
    """Until workers and keeper are at work, and some moment longer."""
    receiver.wait_until_ready()
    load.go_on()
    time.sleep(rng.uniform(0, 1))


@pytest.mark.slow
@pytest.mark.timeout(SOME_MINUTES)
def test_everything_killed_at_random_moments(receiver_on, seed, rng):
    """``kill -9`` of all processes under load, while serving and while recovering from the kill before.

    After the last restart every acknowledged span is there once, and none that was not sent.
    """
    receiver = receiver_on()
    receiver.start()
    with Load(seed, [receiver]) as load:
        for number in range(KILLS or 6):
            if number % 3 == 2:
                time.sleep(rng.uniform(0, 3))  # while it starts, recovers, or commits what it recovered
            else:
                _let_work(receiver, load, rng)
            _kill(receiver, "everything", rng)
        load.go_on()
        ledger = load.finish()
    receiver.wait_until_ready()
    receiver.flush()
    spans = proof.everything_once(receiver.lake, ledger)
    print(f"{KILLS or 6} kills, {spans} spans, {dict(ledger.answers)}")  # noqa: T201  for the soak's report


@pytest.mark.slow
@pytest.mark.timeout(SOME_MINUTES)
def test_anything_killed_while_a_reader_looks_on(receiver_on, seed, rng):
    """Two workers, merges all the time: all processes, the supervisor, a worker or the keeper killed.

    A reader that looks on never sees a span twice, nor one fewer than was flushed; in the end every
    acknowledged span is there once.
    """
    receiver = receiver_on(workers=2)
    receiver.start()
    kinds = [KINDS[number % len(KINDS)] for number in range(KILLS or 8)]
    rng.shuffle(kinds)
    with (
        Load(seed, [receiver]) as load,
        Flusher(receiver, load.ledger),
        proof.Onlooker(receiver.lake, load.ledger) as onlooker,
    ):
        for kind in kinds:
            _let_work(receiver, load, rng)
            _kill(receiver, kind, rng)
        _let_work(receiver, load, rng)
        until(lambda: proof.merges(receiver.lake) >= 3, "compactions to be disturbed")
        ledger = load.finish()
        receiver.flush()
    looks, merges = onlooker.verdict(), proof.merges(receiver.lake)
    spans = proof.everything_once(receiver.lake, ledger)
    assert looks > len(kinds), "the reader hardly looked"
    print(f"{dict(Counter(kinds))}, {spans} spans, {looks} looks, {merges} merges")  # noqa: T201
    print(dict(ledger.answers))  # noqa: T201  for the soak's report
