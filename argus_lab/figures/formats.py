"""Numbers, durations and other people's texts as a figure writes them."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Any

import pandas as pd

__all__ = [
    "count",
    "duration",
    "is_known",
    "percent",
    "plain",
    "plural",
    "time_unit",
    "unknown",
    "usd",
    "widened",
    "width",
]

unknown = "–"
"""What stands where nothing is known."""

_UNITS = ((1.0, "ms", 2_000.0), (1_000.0, "s", 180_000.0), (60_000.0, "min", 10_800_000.0))
_TEN, _SECOND, _MINUTE, _HOUR, _DAY = 10.0, 1_000.0, 60_000.0, 3_600_000.0, 86_400_000.0


def is_known(value: Any) -> bool:
    """Whether there is a value: not None, not NaN, not NA."""
    return value is not None and not pd.isna(value)


def duration(ms: float | None) -> str:
    """A length of time with three digits that mean something.

    Examples
    --------
    >>> [duration(ms) for ms in (0, 0.25, 4.5, 45.3, 1234, 65_000, 7_380_000, None)]
    ['0 ms', '250 µs', '4.5 ms', '45 ms', '1.23 s', '1 min 5 s', '2 h 3 min', '–']
    """
    if not is_known(ms) or ms is None:
        return unknown
    return f"−{_long(-ms)}" if ms < 0 else _long(ms)


def time_unit(longest_ms: float) -> tuple[float, str]:
    """Milliseconds in the unit that an axis up to ``longest_ms`` is labelled in, and the unit.

    Examples
    --------
    >>> time_unit(900), time_unit(45_000)
    ((1.0, 'ms'), (1000.0, 's'))
    """
    return next(((size, name) for size, name, end in _UNITS if longest_ms < end), (_HOUR, "h"))


def count(number: float | None) -> str:
    """A whole number with separators.

    Examples
    --------
    >>> count(1234567), count(None)
    ('1,234,567', '–')
    """
    return f"{round(number):,}" if is_known(number) and number is not None else unknown


def plural(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun.

    Examples
    --------
    >>> plural(1, "span"), plural(1200, "span"), plural(2, "query", "queries")
    ('1 span', '1,200 spans', '2 queries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def usd(amount: float | None) -> str:
    """Dollars: cents from a dollar on, three digits below.

    Examples
    --------
    >>> usd(1234.5), usd(0.012345), usd(0), usd(None)
    ('$1,234.50', '$0.0123', '$0', '–')
    """
    if not is_known(amount) or amount is None:
        return unknown
    sign = "−" if amount < 0 else ""
    size = abs(amount)
    if size == 0:
        return "$0"
    return f"{sign}${size:,.2f}" if size >= 1 else f"{sign}${_three(size)}"


def percent(share: float | None) -> str:
    """A signed relative change.

    Examples
    --------
    >>> percent(0.375), percent(-0.02), percent(12.5), percent(None)
    ('+37.5%', '−2.0%', '+1,250%', '–')
    """
    if not is_known(share) or share is None:
        return unknown
    sign = "−" if share < 0 else "+"
    size = abs(share) * 100
    return f"{sign}{size:,.0f}%" if size >= 100 else f"{sign}{size:.1f}%"  # noqa: PLR2004  a hundred percent


def plain(text: Any, limit: int = 200) -> str:
    r"""Other people's text in one line: no control characters, no marks that turn the reading, shortened.

    Examples
    --------
    >>> plain("a\n\tb\x00c"), plain("x" * 12, 10), plain(None)
    ('a b c', 'xxxxxxxxx…', '')
    """
    if not is_known(text):
        return ""
    # A limit on what is looked at keeps 10 MB of text from costing 10 MB of work.
    whole = str(text)
    looked = whole[: 4 * limit + 64]
    return _line(looked, limit, is_cut=len(looked) < len(whole))


@lru_cache(maxsize=4096)
def _line(text: str, limit: int, *, is_cut: bool) -> str:
    line = " ".join("".join(c if _is_shown(c) else " " for c in text).split())
    return f"{line[: limit - 1]}…" if is_cut or len(line) > limit else line


def widened(text: str, cells: int, *, right: bool = False) -> str:
    """The text filled with spaces that do not break up to this many columns of a monospaced font."""
    fill = "\u00a0" * (cells - width(text))
    return fill + text if right else text + fill


def width(text: str) -> int:
    """Columns of a monospaced font that a text takes: East Asian letters take two, marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _is_shown(character: str) -> bool:
    # Cc control, Cf format (zero width, bidirectional overrides), Cs surrogates, Co private use.
    return unicodedata.category(character)[0] != "C" and character not in "\u2028\u2029"


def _three(number: float) -> str:
    """Three digits that mean something, without zeros at the end."""
    digits = f"{number:.3g}"
    if "e" in digits:
        digits = f"{float(digits):.9f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _two(small: int, in_large: int, units: tuple[str, str]) -> str:
    """A length in a large unit and a small one."""
    whole, rest = divmod(small, in_large)
    return f"{whole:,} {units[0]} {rest} {units[1]}" if rest else f"{whole:,} {units[0]}"


def _long(ms: float) -> str:
    if ms < _SECOND - 0.5:
        return (
            f"{_three(ms * 1000)} µs" if 0 < ms < 1 else f"{_three(ms)} ms" if ms < _TEN else f"{ms:.0f} ms"
        )
    if ms < _MINUTE - 50:
        return f"{_three(ms / _SECOND)} s"
    if ms < _HOUR - 500:
        return _two(round(ms / _SECOND), 60, ("min", "s"))
    if ms < _DAY - 30_000:
        return _two(round(ms / _MINUTE), 60, ("h", "min"))
    return _two(round(ms / _HOUR), 24, ("d", "h"))
