"""Instants as people write them: tz-aware datetimes, ISO text with an offset, or "24h" (ago)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from argus_lab.errors import InvalidArgument, NaiveTime

__all__ = ["When", "instant", "spelled"]

When = str | datetime | timedelta
"""A point in time: a tz-aware datetime (pandas Timestamps are), ISO text, or how long ago."""

UNITS = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?[wdhms])+")
PART = re.compile(r"(\d+(?:\.\d+)?)([wdhms])")


def instant(name: str, value: When, *, now: datetime) -> datetime:
    """The moment that ``value`` names, in UTC.

    ``name`` is the argument's name, for the error's text. A duration such as ``"24h"``, ``"7d"``,
    ``"90m"``, ``"1d12h"`` or a ``timedelta`` means that long before ``now``.

    Raises
    ------
    NaiveTime
        For a time without a time zone: it would name another instant on another machine.
    InvalidArgument
        For anything that is not a time.

    Examples
    --------
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> instant("since", "90m", now=noon).isoformat()
    '2026-03-01T10:30:00+00:00'
    >>> instant("since", "2026-03-01T09:00+01:00", now=noon).isoformat()
    '2026-03-01T08:00:00+00:00'
    >>> instant("since", "2026-03-01", now=noon)
    Traceback (most recent call last):
    argus_lab.errors.NaiveTime: since='2026-03-01T00:00:00' has no time zone, ...
    """
    moment = _moment(name, value, now)
    if moment.utcoffset() is None:
        raise NaiveTime.of(name, moment)
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        raise _unusable(name, value, "is outside the years 1 to 9999") from None
    # A plain datetime: pandas Timestamps carry nanoseconds, which the stored column does not.
    return datetime(*utc.timetuple()[:6], utc.microsecond, tzinfo=UTC)


def spelled(value: object) -> object:
    """``value`` as it goes into a frame's provenance: times become ISO text.

    Examples
    --------
    >>> spelled(datetime(2026, 3, 1, tzinfo=UTC)), spelled("24h")
    ('2026-03-01T00:00:00+00:00', '24h')
    """
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, timedelta) else value


def _moment(name: str, value: object, now: datetime) -> datetime:
    try:
        if isinstance(value, str):
            text = value.strip()
            if DURATION.fullmatch(text):
                return now - timedelta(seconds=_seconds(text))
            return datetime.fromisoformat(text[:-1] + "Z" if text.endswith("z") else text)
        if isinstance(value, timedelta):
            return now - value
    except OverflowError:
        raise _unusable(name, value, "reaches before the year 1") from None
    except ValueError:
        raise _unusable(name, value, "is not a time") from None
    if isinstance(value, datetime) and value == value:  # noqa: PLR0124  pandas.NaT is a datetime unequal to itself
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  refused as naive by the caller
    raise _unusable(name, value, "is not a time")


def _seconds(text: str) -> float:
    return sum(float(number) * UNITS[unit] for number, unit in PART.findall(text))


def _unusable(name: str, value: object, what: str) -> InvalidArgument:
    return InvalidArgument(
        f"{name}={value!r} {what}. Write an instant such as {name}='2026-03-01T12:00Z', a tz-aware "
        f"datetime, or how long ago, such as {name}='24h', '7d' or '90m'."
    )
