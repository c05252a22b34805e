"""How a range of time is cut into stretches, and which range comes before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from argus_lab.dashboards.choices import Choices, window_of
from argus_lab.measures.grouping import length_us

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LENGTHS", "Periods", "length_for", "periods_of"]

LENGTHS = ("1s", "10s", "1m", "5m", "15m", "1h", "3h", "6h", "12h", "1d", "1w", "4w")
MOST = 64
"""Stretches that are drawn next to each other, if the reader did not choose their length."""


def length_for(first: datetime, last: datetime, lengths: Sequence[str] = LENGTHS) -> str:
    """The shortest length that cuts a range into at most 64 stretches.

    Examples
    --------
    >>> start = datetime(2026, 5, 4, tzinfo=UTC)
    >>> length_for(start, start + timedelta(days=1)), length_for(start, start + timedelta(days=14))
    ('1h', '6h')
    """
    seconds = (last - first).total_seconds()
    return next((each for each in lengths if seconds <= MOST * length_us(each) / 1e6), lengths[-1])


class Periods:
    """Two ranges of time of one length, one after the other, and what they are called."""

    def __init__(self, before: tuple[datetime, datetime], now: tuple[datetime, datetime], words: str) -> None:
        self.before = before
        self.now = now
        self.words = words

    def chosen(self, choices: Choices) -> tuple[Choices, Choices]:
        """The choices for each of the two."""
        return tuple(  # type: ignore[return-value]
            replace(choices, since=since.isoformat(), until=until.isoformat())
            for since, until in (self.before, self.now)
        )


def periods_of(choices: Choices, first: datetime, last: datetime, now: datetime | None = None) -> Periods:
    """The range that is chosen and the one before it; of all time the later half and the earlier.

    ``first`` and ``last`` are the starts of the first and last span that are meant.

    Examples
    --------
    >>> noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    >>> found = periods_of(Choices(since="1h"), noon, noon, now=noon)
    >>> [f"{moment:%H:%M}" for moment in (*found.before, *found.now)], found.words
    (['10:00', '11:00', '11:00', '12:00'], 'the period before')
    """
    now = now or datetime.now(UTC)
    since, until = window_of(choices, now)
    if since is not None:
        end = until or now
        return Periods((since - (end - since), since), (since, end), "the period before")
    end = min(until, last + timedelta(microseconds=1)) if until else last + timedelta(microseconds=1)
    middle = first + (end - first) / 2
    return Periods((first, middle), (middle, end), "the earlier half")
