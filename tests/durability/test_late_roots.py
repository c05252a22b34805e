"""Roots that come late: a running receiver puts right by itself what is stored, killed as it may be."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

import argus_lab as al
from argus_lab.lake.selection import select
from argus_lab.schema import SPANS
from tests.durability import proof
from tests.durability.load import DAYS, NANO, packed_json
from tests.durability.receivers import Receiver, until

SPANS_A_TRACE = 5
EAGER = {"ARGUS_COMPACT_EVERY": "0.05", "ARGUS_TARGET_FILE_SIZE": "20KiB"}
"""Every file is too large to be merged, and has stood long enough after a second."""


def _span(trace: int, number: int, session: str | None) -> dict[str, Any]:
    begun = DAYS[0] * NANO + trace * 1000 + number
    named = [{"key": "session.id", "value": {"stringValue": session}}] if session else []
    above = {} if number == 0 else {"parentSpanId": f"{trace:08x}{0:08x}"}
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{trace:08x}{number:08x}",
        "name": "chat",
        "startTimeUnixNano": str(begun),
        "endTimeUnixNano": str(begun + NANO),
        "attributes": [{"key": "argus.input", "value": {"stringValue": f"{number} " * 50}}, *named],
        **above,
    }


def _send(receiver: Receiver, spans: list[dict[str, Any]]) -> None:
    status, said = receiver.ask(
        "POST", "/v1/traces", packed_json([("alpha", spans)]), {"Content-Type": "application/json"}
    )
    assert status == 200, said
    receiver.flush()


def _stored(lake: Path) -> Counter[tuple[str, str]]:
    """Sessions as an engine sees them that reads the table without us."""
    rows = DeltaTable(str(lake / "spans")).to_pyarrow_table(columns=["session_id", "session_source"])
    return Counter(zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True))


def _outdated_files(lake: Path) -> int:
    snapshot = al.open(lake)._spans.snapshot()  # noqa: SLF001  what readers have to work out
    return len(snapshot.pick(select(SPANS, {}), sessions=True).belonging.files)


def _told(traces: int) -> Counter[tuple[str, str]]:
    """What is to be stored: each trace in the session that its root names."""
    named = {(f"chat-{n}", "attribute"): 1 for n in range(1, traces + 1)}
    inherited = {(f"chat-{n}", "inherited"): SPANS_A_TRACE - 1 for n in range(1, traces + 1)}
    return Counter(named | inherited)


def _children_then_roots(receiver: Receiver, traces: int) -> None:
    """Each trace's children in a commit of their own; then, when these are old, their roots."""
    for trace in range(1, traces + 1):
        _send(receiver, [_span(trace, number, None) for number in range(1, SPANS_A_TRACE)])
    for trace in range(1, traces + 1):
        _send(receiver, [_span(trace, 0, f"chat-{trace}")])


def _until_put_right(receiver: Receiver, traces: int) -> None:
    until(
        lambda: _stored(receiver.lake) == _told(traces),
        lambda: f"it, {_stored(receiver.lake)}; {receiver.said()}; {receiver.doing('keeper')}",
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_stored_becomes_what_is_read(receiver_on):
    """Late roots in later commits: read right at once, and soon stored right, with nobody asking for it."""
    receiver = receiver_on(**EAGER)
    receiver.start()
    receiver.wait_until_ready()
    _children_then_roots(receiver, traces := 6)
    sessions = al.open(receiver.lake).spans()["session_id"]
    assert sessions.value_counts().to_dict() == {f"chat-{n}": SPANS_A_TRACE for n in range(1, traces + 1)}
    _until_put_right(receiver, traces)
    assert _outdated_files(receiver.lake) == 0
    swaps = proof.merges(receiver.lake)
    assert swaps >= traces, "not all was stored by rewriting"
    time.sleep(3)
    assert proof.merges(receiver.lake) == swaps, "files are rewritten that are right"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_again_and_again_while_it_does_so(receiver_on, rng):
    """``kill -9`` of the keeper at random moments of its rewrites: nothing lost, nothing twice."""
    receiver = receiver_on(**EAGER)
    receiver.start()
    receiver.wait_until_ready()
    _children_then_roots(receiver, traces := 12)
    for _ in range(6):
        time.sleep(rng.uniform(0, 1.5))
        receiver.kill_one("keeper", rng)
        rows = _stored(receiver.lake)
        assert rows.total() == traces * SPANS_A_TRACE
    _until_put_right(receiver, traces)
    assert _outdated_files(receiver.lake) == 0
    assert al.open(receiver.lake).spans(columns=["span_id"])["span_id"].is_unique
