"""Ending in order, and clients that send again afterwards."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

import argus_lab as al
from tests.durability import proof
from tests.durability.load import Batch, Batches, Load
from tests.durability.receivers import Receiver, until


@pytest.mark.slow
def test_stop_under_load_leaves_nothing_behind(receiver_on, seed, rng):
    """After SIGTERM under load and exit status 0, everything acknowledged is in the lake.

    No restart is needed and nothing is left in the journal; the same when it was started again.
    """
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


@pytest.mark.slow
def test_retry_across_a_restart_is_one_row(receiver_on, seed):
    """What makes a second delivery known outlives the process.

    Two batches are acknowledged before the receiver is killed, one in the table by then, one in the
    journal only. Sent again after the restart, and after an orderly stop, both are rows once.
    """
    receiver = receiver_on()
    receiver.start()
    source = Batches(1, random.Random(seed))  # noqa: S311  to be repeated, not secret
    committed, journalled = source.make(), source.make()
    _post(receiver, committed)
    until(lambda: _count(receiver) == len(committed.spans), "the first batch to be in the table")
    os.kill(receiver.members("keeper")[0], signal.SIGSTOP)
    _post(receiver, journalled)
    receiver.kill_everything()
    assert _count(receiver) == len(committed.spans), "the second batch was to be in the journal only"
    for end in (receiver.stop, receiver.flush):
        receiver.start()
        _post(receiver, committed)
        _post(receiver, journalled)
        end()
        assert _count(receiver) == len(committed.spans | journalled.spans)
    frame = al.open(receiver.lake).spans(columns=["span_id"])
    assert sorted(frame["span_id"]) == sorted(committed.spans | journalled.spans)


def _post(receiver: Receiver, batch: Batch) -> None:
    def is_taken() -> bool:
        try:
            return receiver.ask("POST", "/v1/traces", batch.body, batch.headers)[0] == 200
        except OSError:
            return False

    until(is_taken, "an acknowledgement")


def _count(receiver: Receiver) -> int:
    if not (receiver.lake / "spans" / "_delta_log").exists():
        return 0
    return al.open(receiver.lake).count()


@pytest.mark.parametrize("role", ["worker", "keeper"])
def test_it_says_what_it_is_doing_and_goes_on(receiver_on, seed, role):
    """On SIGUSR1 a process tells where in the code its threads are, and takes in spans as before."""
    receiver = receiver_on()
    receiver.start()
    receiver.wait_until_ready()
    there = receiver.members(role)
    told = receiver.doing(role)
    assert "Current thread" in told
    assert f"in _{role}" in told
    assert receiver.members(role) == there
    batch = Batches(1, random.Random(seed)).make()  # noqa: S311  as above
    _post(receiver, batch)
    receiver.flush()
    assert _count(receiver) == len(batch.spans)
