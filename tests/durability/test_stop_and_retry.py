"""Ending in order, and clients that send again afterwards."""

from __future__ import annotations

import random
import time

import pytest

import argus_lab as al
from tests.durability import proof
from tests.durability.load import Batch, Batches, Load
from tests.durability.receivers import Receiver, until


@pytest.mark.slow
def test_stop_under_load_leaves_nothing_behind(receiver_on, seed, rng):
    """SIGTERM under load, and again after a second start: at exit status 0 everything acknowledged is in
    the lake, with no restart and nothing left in the journal."""
    receiver = receiver_on(workers=2)
    with Load(seed, [receiver]) as load:
        for _ in range(2):
            receiver.start()
            load.go_on()
            time.sleep(rng.uniform(0, 1))
            if receiver.starts == 2:
                for sender in load.senders:
                    sender.abandoned.set()  # it will not come back
            assert receiver.stop() == 0, receiver.said()
            assert list((receiver.lake / "_journal").glob("*/*.wal")) == []
        ledger = load.abandon()
    assert len(ledger.acknowledged) >= 10
    proof.everything_once(receiver.lake, ledger)


def _post(receiver: Receiver, batch: Batch) -> None:
    def is_taken() -> bool:
        try:
            return receiver.ask("POST", "/v1/traces", batch.body, batch.headers)[0] == 200
        except OSError:
            return False

    until(is_taken, "an acknowledgement")


@pytest.mark.slow
def test_retry_across_a_restart_is_one_row(receiver_on, seed, rng):
    """Batches acknowledged before the receiver was killed, one already in the table and one in the journal
    only, and sent again after the restart, then again after an orderly stop, are rows once: what makes
    a second delivery known outlives the process."""
    receiver = receiver_on(workers=2, ARGUS_COMMIT_EVERY="60")
    receiver.start()
    source = Batches(1, random.Random(seed))  # noqa: S311  to be repeated, not secret
    committed, journalled = source.make(), source.make()
    _post(receiver, committed)
    until(lambda: _count(receiver) == len(committed.spans), "the first batch to be in the table")
    _post(receiver, journalled)  # the next commit is a minute away
    receiver.kill_everything()
    assert _count(receiver) == len(committed.spans), "the second batch was to be in the journal only"
    expected = len(committed.spans | journalled.spans)
    for end in (receiver.kill_everything, receiver.stop, receiver.stop):
        receiver.start()
        _post(receiver, committed)
        _post(receiver, journalled)
        end()
    receiver.start()
    receiver.wait_until_ready()
    receiver.flush()
    assert _count(receiver) == expected
    frame = al.open(receiver.lake).spans(columns=["span_id"])
    assert sorted(frame["span_id"]) == sorted(committed.spans | journalled.spans)


def _count(receiver: Receiver) -> int:
    if not (receiver.lake / "spans" / "_delta_log").exists():
        return 0
    return al.open(receiver.lake).count()
