"""Times of pieces: bounded, adding up, and never losing the longest silence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from argus_lab.chat.chunks import MOST, ChunkTimes


@given(st.lists(st.floats(0, 500), min_size=1, max_size=3000))
def test_gaps_add_up(gaps):
    """However many pieces: at most so many numbers, from the first piece to the last that is kept."""
    times, at, seen = ChunkTimes(), 0.0, []
    for gap in gaps:
        at += gap
        seen.append(at)
        times.add(at)
    assert times.count == len(gaps)
    assert len(times.gaps) <= MOST
    assert times.gaps[0] == round(seen[0])
    kept = seen[:: times.every]
    assert sum(times.gaps) == round(kept[-1])
    assert len(times.gaps) == len(kept)


def test_a_stall_is_seen_in_a_long_answer():
    """Merged times blur a stall; the longest gap is kept beside them."""
    times, at = ChunkTimes(), 0.0
    for number in range(5000):
        at += 2000.0 if number == 3333 else 10.0
        times.add(at)
    assert times.longest_gap == 2000.0
    assert times.every == 16
