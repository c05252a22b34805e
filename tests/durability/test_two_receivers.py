"""Two receivers on one lake: one keeper at a time, and none of them is needed."""

from __future__ import annotations

import pytest

from argus_lab.lake.status import read_status
from argus_lab.lake.table import journal_root
from tests.durability import proof
from tests.durability.load import Load
from tests.durability.receivers import Receiver, until


def _keeps(receiver: Receiver) -> bool:
    """Whether the keeper that spoke last is this receiver's, and lives."""
    return read_status(journal_root(str(receiver.lake))).pid in receiver.members("keeper")


@pytest.mark.slow
def test_the_second_takes_over(receiver_on, seed):
    """Both take spans while one keeper brings in what both received.

    The one that keeps is killed, the other's keeper takes over, with the dead one's journals; then the
    same the other way round, with the supervisor killed alone. Clients go to the other receiver with
    what they have, and every acknowledged span is there once.
    """
    one = receiver_on()
    two = receiver_on(one.lake)
    one.start()
    two.start()
    with Load(seed, [one, two], senders=4) as load:
        one.wait_until_ready()
        two.wait_until_ready()
        load.go_on(20)
        until(lambda: _keeps(one) != _keeps(two), "one of the two to keep the lake")
        first, second = (one, two) if _keeps(one) else (two, one)
        first.kill_everything()
        until(lambda: _keeps(second), "the other keeper to take over")
        load.go_on()
        second.flush()
        first.start()
        first.wait_until_ready()
        load.go_on()
        assert _keeps(second), "the one that came back stands by"
        second.kill_supervisor()
        until(lambda: _keeps(first), "the keeper that stood by to take over")
        load.go_on()
        ledger = load.finish()
    first.flush()
    assert proof.everything_once(one.lake, ledger) == len(ledger.sent)
