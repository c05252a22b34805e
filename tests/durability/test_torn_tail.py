"""Journals whose end was being written when the worker died."""

from __future__ import annotations

import os
import signal
import struct
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.durability import proof
from tests.durability.load import TEXT, Batch, Load, Sender, packed_json
from tests.durability.receivers import PATIENCE, Receiver, until

LARGE = 32 * 1024 * 1024
GROWTH = 1024 * 1024
MOST_TRIES = 10

TAILS = {
    "a header cut short": b"\x10\x00\x00",
    "a payload cut short": struct.pack("<II", 5000, 1) + b"the begin",
    "a checksum that is not": struct.pack("<II", 9, 1) + b"the begin",
    "zeros where no data came": bytes(4096),
}
"""What a crash leaves behind the last whole record: of the process, or of the machine."""


def _journals(receiver: Receiver) -> set[Path]:
    return {path.parent for path in (receiver.lake / "_journal").glob("[0-9]*/*.wal")}


@pytest.mark.slow
def test_torn_tails_are_put_aside(receiver_on, seed, rng):
    """Each way in which a journal may end when a write was cut short, behind acknowledged records.

    No keeper had seen these. After the restart every acknowledged span is there once, and what was
    behind them is in ``_journal/damaged`` byte for byte.
    """
    receiver = receiver_on()
    receiver.start()
    receiver.wait_until_ready()
    os.kill(receiver.members("keeper")[0], signal.SIGSTOP)
    torn: dict[Path, bytes] = {}
    with Load(seed, [receiver]) as load:
        for tail in TAILS.values():
            if torn:
                receiver.kill_one("worker", rng)
            known = set(torn)
            journal = until(lambda old=known: _journals(receiver) - old, "a journal of the new worker").pop()
            load.go_on()
            torn[journal] = tail
        receiver.kill_everything()
        for journal, tail in torn.items():
            with max(journal.glob("*.wal")).open("ab") as file:
                file.write(tail)
        receiver.start()
        load.go_on()
        ledger = load.finish()
    receiver.wait_until_ready()
    receiver.flush()
    assert proof.everything_once(receiver.lake, ledger) == len(ledger.sent)
    damaged = receiver.lake / "_journal" / "damaged"
    until(lambda: {path.name for path in damaged.glob("*")} >= {path.name for path in torn}, "the tails")
    for journal, tail in torn.items():
        assert max((damaged / journal.name).glob("*.wal")).read_bytes().endswith(tail)


@pytest.mark.slow
def test_worker_killed_in_the_middle_of_a_write(receiver_on, seed):
    """``kill -9`` to the worker while a large body is being written, until one is cut short.

    The supervisor starts another worker, the cut body is put aside and was not acknowledged, and sent
    again it is there once, like everything that was acknowledged around it.
    """
    receiver = receiver_on()
    receiver.start()
    receiver.wait_until_ready()
    damaged = receiver.lake / "_journal" / "damaged"
    with Load(seed, [receiver], senders=2) as load:
        client = Sender(load.ledger, [receiver.port], 9)
        for number in range(MOST_TRIES):
            batch = _large(number)
            load.ledger.begin(batch)
            with _Killer(receiver):
                was_acknowledged = client.post(batch)
            load.go_on()
            receiver.flush()
            if was_acknowledged:
                load.ledger.acknowledge(batch)
            else:
                client.deliver(batch)
            if damaged.exists():
                break
        client.hang_up()
        ledger = load.finish()
    assert list(damaged.glob("*/*.wal")), f"{MOST_TRIES} kills, and no write was cut short by any"
    assert not was_acknowledged
    receiver.flush()
    assert proof.everything_once(receiver.lake, ledger) == len(ledger.sent)


def _large(number: int) -> Batch:
    """One span with so much text that a kill can come while it is written."""
    span = {
        "traceId": f"{9:032x}",
        "spanId": f"{(9 << 48) + number:016x}",
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": "1778574612000000000",
        "endTimeUnixNano": "1778574613000000000",
        "attributes": [{"key": "large", "value": {"stringValue": TEXT * (LARGE // len(TEXT))}}],
    }
    body = packed_json([("alpha", [span])])
    return Batch(body, {"Content-Type": "application/json"}, {span["spanId"]: ("alpha", span["traceId"])})


class _Killer(threading.Thread):
    """Kills the worker as soon as a journal grows by more than small batches make it grow."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(name="killer", daemon=True)
        self._worker = until(lambda: receiver.members("worker"), "a worker")[0]
        self._journals = receiver.lake / "_journal"
        self._finishing = threading.Event()

    def run(self) -> None:
        known: dict[Path, int] = {}
        while not self._finishing.is_set():
            for path in self._journals.glob("[0-9]*/*.wal"):
                with suppress(FileNotFoundError):  # brought in and deleted
                    size = path.stat().st_size
                    if size > known.get(path, size) + GROWTH:
                        os.kill(self._worker, signal.SIGKILL)
                        return
                    known[path] = size

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self._finishing.set()
        self.join(PATIENCE)
