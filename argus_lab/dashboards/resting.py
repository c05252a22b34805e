"""What makes answers quicker, and is made of the tables while they rest: it says nothing of changed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    import duckdb

__all__ = ["Resting"]

KEPT = 2
"""Lengths of stretches of time, those asked for last, that something is made for."""

T = TypeVar("T")


class Resting(Generic[T]):
    """What is made for the lengths of stretches that are asked for; ``None`` where that is not worth it.

    Examples
    --------
    >>> made = Resting(lambda cursor, every: f"made for {every}")
    >>> made.of("1h", state=1)
    >>> made.make(1, cursor=lambda: None)
    >>> made.of("1h", state=1), made.of("1h", state=2), made.latest(1)
    ('made for 1h', None, 'made for 1h')
    """

    def __init__(self, maker: Callable[[duckdb.DuckDBPyConnection, str], T | None]) -> None:
        self._maker = maker
        self._asked: list[str] = []
        self._made: dict[tuple[Hashable, str], T | None] = {}

    def of(self, every: str, state: Hashable) -> T | None:
        """What was made of the tables in this state; if there is nothing yet, it is asked for."""
        if self._asked[-1:] != [every]:
            self._asked = [*(each for each in self._asked if each != every), every][-KEPT:]
        return self._made.get((state, every))

    def latest(self, state: Hashable) -> T | None:
        """The same for any length, the one asked for last if there is a choice."""
        found = (self._made.get((state, every)) for every in reversed(self._asked))
        return next((each for each in found if each is not None), None)

    def make(self, state: Hashable, cursor: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        """Make what is asked for of the tables, which are in this state; forget all else."""
        wanted = [(state, every) for every in self._asked]
        self._made = {key: self._made[key] for key in wanted if key in self._made}
        for key in wanted:
            if key not in self._made:
                self._made = self._made | {key: self._maker(cursor(), key[1])}
