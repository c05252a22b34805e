"""The recent ids against a plain set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from argus_lab.lake.recent import RecentIds, keys_of

PROJECTS = ("a", "b")
batches = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from(PROJECTS), st.integers(0, 40)), max_size=12),
        st.floats(0, 30, allow_nan=False),
    ),
    max_size=25,
)


def _keys(batch: list[tuple[str, int]]):
    # Numbers end in zero bytes on purpose: NumPy's byte strings make light of these.
    ids = [f"{number:048x}"[::-1] for _, number in batch]
    return keys_of([p for p, _ in batch], [i[:32] for i in ids], [i[32:] for i in ids])


@given(batches, st.sampled_from([1, 8, 40, 1000]), st.sampled_from([5.0, 60.0, 1e9]))
def test_recent_ids_are_a_set_with_a_window(
    sent: list[tuple[list[tuple[str, int]], float]], most: int, window: float
):
    """Never a false duplicate; never a missed one within the window and the size that are promised."""
    recent = RecentIds(window, most)
    now = 0.0
    ever: set[tuple[str, int]] = set()
    history: list[tuple[float, list[tuple[str, int]]]] = []
    for batch, pause in sent:
        now += pause
        fresh = recent.fresh(_keys(batch)).tolist()
        seen: set[tuple[str, int]] = set()
        for key, is_new in zip(batch, fresh, strict=True):
            if key in seen:
                assert not is_new, "twice in one batch"
            elif not is_new:
                assert key in ever, "a span that never came was called a duplicate"
            elif key in _promised(history, now, window, most):
                raise AssertionError(f"{key} came again and was taken for new")
            seen.add(key)
        new = [key for key, is_new in zip(batch, fresh, strict=True) if is_new]
        recent.add(_keys(new), now)
        history.append((now, new))
        ever |= set(new)
        assert len(recent) <= max(most, *(len(keys) for _, keys in history))


def _promised(history, now: float, window: float, most: int) -> set[tuple[str, int]]:
    """Keys that must be known: added within the window, with room for them and all that came later."""
    found, later = set(), 0
    for moment, keys in reversed(history):
        # Ids are forgotten by generations, of one batch or an eighth of the most.
        if now - moment > window or later + max(len(keys), most // 8) > most:
            break
        found |= set(keys)
        later += len(keys)
    return found


def test_projects_have_ids_of_their_own():
    """The same trace sent to two projects is no duplicate."""
    recent = RecentIds(60, 100)
    recent.add(_keys([("a", 1)]), 0)
    assert recent.fresh(_keys([("a", 1), ("b", 1)])).tolist() == [False, True]


def test_ids_are_forgotten_after_the_window():
    """Memory does not grow with time."""
    recent = RecentIds(10, 1000)
    for second in range(100):
        recent.add(_keys([("a", second)]), float(second))
    assert len(recent) <= 100
    recent.add(_keys([]), 1000.0)
    assert len(recent) == 0
