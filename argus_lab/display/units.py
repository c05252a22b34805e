"""Numbers for people: durations, counts, sizes, shares, moments. Unknown is a dash, never 0."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

__all__ = ["UNKNOWN", "clock", "count", "duration", "moment", "number", "plural", "share", "size", "usd"]

UNKNOWN = "–"

SECOND = 1_000.0
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
STEPS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
ROUND = 100
TEN = 10
TINY = 0.01
HUGE = 10**15


def duration(milliseconds: Any) -> str:
    """A duration with three digits that matter.

    Examples
    --------
    >>> [duration(ms) for ms in (0.25, 812.4, 3210, 125_000, 7_500_000, None)]
    ['0.25 ms', '812 ms', '3.21 s', '2 min 05 s', '2 h 05 min', '–']
    """
    if not _is_known(milliseconds):
        return UNKNOWN
    ms = abs(float(milliseconds))
    sign = "−" if milliseconds < 0 else ""
    if ms < MINUTE - 5:
        return (
            f"{sign}{_three_digits(ms)} ms" if ms < SECOND - 0.5 else f"{sign}{_three_digits(ms / SECOND)} s"
        )
    if ms < HOUR:
        seconds = round(ms / SECOND)
        return f"{sign}{seconds // 60} min {seconds % 60:02d} s"
    minutes = round(ms / MINUTE)
    if ms < DAY:
        return f"{sign}{minutes // 60} h {minutes % 60:02d} min"
    return f"{sign}{minutes // 1440:,} d {minutes % 1440 // 60:02d} h"


def count(value: Any) -> str:
    """A whole number with its thousands apart.

    Examples
    --------
    >>> count(12345), count(None)
    ('12,345', '–')
    """
    return f"{int(value):,}" if _is_known(value) else UNKNOWN


def number(value: Any) -> str:
    """Any number: whole ones exactly, others with three digits that matter.

    Examples
    --------
    >>> [number(value) for value in (1200, 1200.0, 0.12345, -3.5, None)]
    ['1,200', '1,200', '0.123', '−3.5', '–']
    """
    if not _is_known(value):
        return UNKNOWN
    value = float(value) if not isinstance(value, int) else value
    sign = "−" if value < 0 else ""
    value = abs(value)
    if value == int(value) and value < HUGE:
        return f"{sign}{int(value):,}"
    return f"{sign}{value:,.1f}" if ROUND <= value < HUGE else f"{sign}{value:.3g}"


def usd(value: Any) -> str:
    """An amount of US dollars; small ones with the digits they need.

    Examples
    --------
    >>> usd(12.5), usd(0.00004), usd(None)
    ('$12.50', '$0.0000400', '–')
    """
    if not _is_known(value):
        return UNKNOWN
    value = float(value)
    sign = "−" if value < 0 else ""
    value = abs(value)
    if value == 0 or value >= 1:
        return f"{sign}${value:,.2f}"
    digits = min(12, 2 - math.floor(math.log10(value)))
    return f"{sign}${value:.{digits}f}"


def size(of_bytes: int) -> str:
    """A size in bytes.

    Examples
    --------
    >>> size(830), size(12_400), size(1_200_000)
    ('830 B', '12 kB', '1.2 MB')
    """
    for step, unit in STEPS:
        if of_bytes >= step:
            value = of_bytes / step
            return f"{value:.0f} {unit}" if value >= TEN else f"{value:.1f} {unit}"
    return f"{of_bytes} B"


def share(value: Any, *, signed: bool = False) -> str:
    """A share of one in percent.

    Examples
    --------
    >>> share(0.224), share(0.05, signed=True), share(-0.5, signed=True)
    ('22.4 %', '+5.0 %', '−50.0 %')
    """
    if not _is_known(value):
        return UNKNOWN
    percent = float(value) * 100
    sign = "−" if percent < 0 else "+" if signed and percent > 0 else ""
    percent = abs(percent)
    return f"{sign}{percent:,.0f} %" if percent >= ROUND else f"{sign}{percent:.1f} %"


def moment(value: Any) -> str:
    """An instant, UTC, to the second.

    Examples
    --------
    >>> moment(datetime(2026, 5, 8, 9, 41, 30, tzinfo=UTC))
    '2026-05-08 09:41:30 UTC'
    """
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if isinstance(value, datetime) else UNKNOWN


def clock(value: Any) -> str:
    """The time of day of an instant, UTC."""
    return f"{value.astimezone(UTC):%H:%M:%S}" if isinstance(value, datetime) else UNKNOWN


def plural(amount: Any, one: str, many: str | None = None) -> str:
    """How many of what.

    Examples
    --------
    >>> plural(1, "span"), plural(1200, "span"), plural(2, "reply", "replies")
    ('1 span', '1,200 spans', '2 replies')
    """
    word = one if amount == 1 else many or f"{one}s"
    return f"{count(amount)} {word}"


def _three_digits(value: float) -> str:
    if value >= ROUND:
        return f"{value:.0f}"
    if value >= TEN:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= TINY or value == 0 else f"{value:.6f}".rstrip("0").rstrip(".")


def _is_known(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (isinstance(value, int) or math.isfinite(value))
    )
