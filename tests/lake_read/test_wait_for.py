"""lake.wait_for(): what was acknowledged can be read, or the error says why it cannot."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import argus_lab as al
from argus_lab.errors import WaitTimedOut
from argus_lab.lake import keeper, progress, status
from argus_lab.lake.journal import JournalWriter
from argus_lab.lake.table import journal_root
from tests.lake_write.journalled import entry, made_for, numbered, taken_in, write

TRACE = f"{8:032x}"
SOON = 0.05
"""How long these tests wait for what does not come."""


@contextlib.contextmanager
def _kept(lake: Path) -> Iterator[None]:
    """A keeper of the lake, running beside the test."""
    stop = threading.Event()
    run = threading.Thread(
        target=keeper.run, args=(made_for(lake, commit_every=60.0),), kwargs={"should_stop": stop.is_set}
    )
    run.start()
    try:
        yield
    finally:
        stop.set()
        run.join(60)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with one span of another trace."""
    write(tmp_path / "lake", [entry(*numbered(1))])
    taken_in(tmp_path / "lake")
    return tmp_path / "lake"


def _spans(count: int) -> list[dict[str, object]]:
    return [{**span, "traceId": TRACE} for span in numbered(*range(7, 7 + count))]


def test_what_was_acknowledged_is_there(lake: Path):
    """Written to the journal before the call, in the frame after it, without waiting for the interval."""
    opened = al.open(lake)
    writer = JournalWriter(journal_root(str(lake)))
    with _kept(lake):
        for number in range(3):
            span = {**numbered(20 + number)[0], "traceId": TRACE}
            writer.append([entry(span)])
            assert len(opened.wait_for(TRACE, timeout=30)) == number + 1
    writer.close()


def test_a_number_of_spans_is_waited_for(lake: Path):
    """spans= waits for those that come later."""
    opened = al.open(lake)
    writer = JournalWriter(journal_root(str(lake)))
    writer.append([entry(_spans(2)[0])])
    with _kept(lake):
        later = threading.Timer(0.1, writer.append, ([entry(_spans(2)[1])],))
        later.start()
        assert len(opened.wait_for(TRACE.upper(), spans=2, timeout=30, columns=["name"])) == 2
        later.join()
    writer.close()


def test_refused_spans_are_told_at_once(lake: Path):
    """Waiting for what was refused is in vain, and the reason is in the error."""
    write(lake, [entry(*_spans(2), project=None)])
    taken_in(lake)
    with pytest.raises(al.NotFound, match=r"2 were refused \(no_project: .*redrive") as caught:
        al.open(lake).wait_for(TRACE, timeout=1000)
    assert not isinstance(caught.value, TimeoutError)


def test_a_trace_refused_in_part_is_not_whole(lake: Path):
    """Where spans= can no longer be reached, what is there and what was refused are counted."""
    there, refused = _spans(2)
    write(lake, [entry(there), entry(refused, project=None)])
    taken_in(lake)
    opened = al.open(lake)
    with pytest.raises(al.NotFound, match=r"not whole: 1 spans of it are in the lake and 1 were refused"):
        opened.wait_for(TRACE, spans=2, timeout=1000)
    assert len(opened.wait_for(TRACE)) == 1


def test_without_a_receiver_it_says_so(lake: Path):
    """Nothing arrived and no keeper runs; what waits in the journal is counted."""
    opened = al.open(lake)
    with pytest.raises(WaitTimedOut, match=r"nothing of it has arrived .*No receiver runs .*argus-lab serve"):
        opened.wait_for(TRACE, timeout=SOON)
    writer = JournalWriter(journal_root(str(lake)))
    writer.append([entry(*_spans(1))])
    with pytest.raises(TimeoutError, match=r"acknowledged bytes wait for one"):
        opened.wait_for(TRACE, timeout=SOON)
    writer.close()


def test_with_a_receiver_it_says_what_may_be_wrong(lake: Path):
    """The keeper has taken in everything, so the spans were never sent there."""
    with _kept(lake), pytest.raises(al.NotFound, match=r"1 spans of it are .*were not sent \(flush"):
        al.open(lake).wait_for(f"{2:032x}", spans=2, timeout=SOON)


def test_a_failing_keeper_is_named(lake: Path):
    """What the keeper says is wrong stands in the error."""
    root = journal_root(str(lake))
    status.write_status(root, status.Status("failing", "the disk is full", pid=os.getpid()))
    with pytest.raises(WaitTimedOut, match="failing: the disk is full"):
        al.open(lake).wait_for(TRACE, timeout=SOON)


def test_another_process_with_its_number_is_not_the_keeper(lake: Path):
    """A keeper was killed, and its process id is another's by now: no receiver runs."""
    root, pid = journal_root(str(lake)), os.getpid()
    for begun, state in ((status.begun(pid), "ok"), (1, "absent"), (None, "ok")):
        status.write_status(root, status.Status("ok", pid=pid, begun=begun))
        assert progress.status(root).state == state
    assert status.begun(pid) != 1


def test_what_a_newer_keeper_says_is_read_as_far_as_it_is_known(lake: Path):
    """A page that was not started anew since the receiver was reads its status all the same."""
    root = journal_root(str(lake))
    status.write_status(root, status.Status("ok", pid=os.getpid()))
    place = root / "keeper.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"mood": "fine"}))
    assert progress.status(root).state == "ok"


@pytest.mark.parametrize(
    "wrong",
    [
        {"trace_id": "abc"},
        {"trace_id": "xyz"},
        {"spans": 0},
        {"spans": True},
        {"timeout": -1},
        {"timeout": "5s"},
        {"trace_id": TRACE, "columns": ["nam"]},
    ],
)
def test_wrong_arguments_are_told(lake: Path, wrong: dict[str, object]):
    """Each is an argument error, at once."""
    with pytest.raises(al.InvalidArgument):
        al.open(lake).wait_for(**{"trace_id": f"{2:032x}", **wrong})


def test_a_pinned_lake_is_not_waited_for(lake: Path):
    """A lake as of a version never changes."""
    with pytest.raises(al.InvalidArgument, match="open it without"):
        al.open(lake, as_of=1).wait_for(TRACE)
