"""What several ask for at the same time is found once; what is kept is bounded; a failure is not kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from argus_lab.dashboards.once import Once


def test_who_asks_meanwhile_waits_for_the_first():
    """Eight threads want one value that takes a while: one of them finds it."""
    found: list[int] = []
    gate = threading.Event()

    def find() -> int:
        gate.wait(60)
        found.append(1)
        return 7

    once: Once[int] = Once(2)
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(once.of, "key", find) for _ in range(8)]
        gate.set()
        assert [each.result(60) for each in answers] == [7] * 8
    assert found == [1]


def test_only_the_last_and_only_small_ones_are_kept():
    """The one that nobody asked for lately goes; one that is too large is found each time."""
    asked: list[str] = []
    once: Once[str] = Once(2, lambda value: len(value) < 5)

    def of(name: str) -> str:
        return once.of(name, lambda: asked.append(name) or name)

    for name in ("a", "b", "a", "c", "a", "b", "large", "large"):
        assert of(name) == name
    assert asked == ["a", "b", "c", "b", "large", "large"]


def test_a_failure_is_told_and_tried_again():
    """Whoever asks next looks again."""
    once: Once[int] = Once(2)
    with pytest.raises(ZeroDivisionError):
        once.of("key", lambda: 1 // 0)
    assert once.of("key", lambda: 3) == 3
