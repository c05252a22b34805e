"""A full disk: refused in time, said aloud, nothing lost, and over as soon as there is room."""

from __future__ import annotations

import random
import resource

import pyarrow as pa
import pytest

import argus_lab as al
from argus_lab.errors import LakeUnavailable
from argus_lab.lake.table import open_table, write_files
from argus_lab.schema import SPANS
from argus_lab.testing import make_span
from tests.durability import proof
from tests.durability.disks import SizeLimit, full_disk
from tests.durability.load import Load
from tests.durability.receivers import until

LIMIT = 1024 * 1024


@pytest.fixture(params=[full_disk, SizeLimit], ids=["small disk", "size limit"])
def disk(request, tmp_path):
    """A place where writing can be made to fail, and to work again."""
    place = tmp_path / "disk"
    place.mkdir()
    made = request.param(place)
    yield made
    made.remove()


@pytest.mark.slow
def test_disk_full_under_load(receiver_on, disk, seed):
    """While nothing can be written, senders get 503 with Retry-After and ``/readyz`` says why.

    What was brought in before can be read. With room again the same processes go on, and every
    acknowledged span is there once.
    """
    receiver = receiver_on(disk.place / "lake")
    receiver.start()
    receiver.wait_until_ready()
    with Load(seed, [receiver]) as load:
        load.go_on(20)
        receiver.flush()
        before, processes = al.open(receiver.lake).count(), receiver.members()
        for _ in range(2):
            disk.fill(receiver)
            refused = load.ledger.answers["503"]
            until(lambda seen=refused: load.ledger.answers["503"] >= seen + 10, "senders to be refused")
            status, said = until(lambda: _unready(receiver), "/readyz to say so")
            assert (status, said["status"]) == (503, "unavailable")
            assert any("written" in reason or "committed" in reason for reason in said["reasons"]), said
            assert al.open(receiver.lake).count() >= before
            disk.free(receiver)
            load.go_on(20)
        receiver.wait_until_ready()
        ledger = load.finish()
    receiver.flush()
    assert receiver.members() == processes, f"a process did not outlive it: {receiver.said()}"
    assert proof.everything_once(receiver.lake, ledger) == len(ledger.sent)
    assert receiver.stop() == 0


def _unready(receiver):
    answer = receiver.ask("GET", "/readyz")
    return answer if answer[0] != 200 else None


def test_a_failed_attempt_leaves_no_files(tmp_path):
    """Of a commit whose second file finds no room, the first one goes too: trying again fills no disk."""
    lake = str(tmp_path)
    large = random.Random(0).randbytes(2 * LIMIT).hex()  # noqa: S311  what no compression makes small
    made = [make_span(0, project="small"), make_span(1, project="too large", input=large)]
    rows = pa.Table.from_pylist(made, schema=SPANS.arrow())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    open_table(lake, SPANS, create=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    try:
        with pytest.raises(LakeUnavailable, match="File too large"):
            write_files(lake, SPANS, rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.rglob("*.parquet")) == []
    assert len(write_files(lake, SPANS, rows)) == 2
