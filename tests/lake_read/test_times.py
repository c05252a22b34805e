"""since, until and as_of: what counts as an instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import argus_lab as al
from argus_lab.lake.times import instant

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001  the strategy adds zones
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=3))]),
)


@given(MOMENTS)
def test_every_spelling_of_an_instant_is_that_instant(moment: datetime):
    """A datetime, its ISO text with any offset, and a pandas Timestamp name the same moment, in UTC."""
    expected = moment.astimezone(UTC)
    for spelling in (moment, moment.isoformat(), pd.Timestamp(moment), str(moment)):
        found = instant("since", spelling, now=NOW)
        assert found == expected
        assert found.tzinfo is UTC
        assert type(found) is datetime


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("24h", timedelta(days=1)),
        ("7d", timedelta(days=7)),
        ("90m", timedelta(minutes=90)),
        ("2w", timedelta(weeks=2)),
        ("1.5h", timedelta(minutes=90)),
        ("1d12h", timedelta(hours=36)),
        (" 30s ", timedelta(seconds=30)),
    ],
)
def test_a_duration_means_that_long_ago(text: str, ago: timedelta):
    """The documented durations count back from now, and so does a timedelta."""
    assert instant("since", text, now=NOW) == NOW - ago
    assert instant("since", ago, now=NOW) == NOW - ago


@pytest.mark.parametrize("text", ["2026-03-01T12:00Z", "2026-03-01T12:00:00z", "2026-03-01 12:00+00:00"])
def test_the_usual_iso_forms_are_read(text: str):
    """Minutes, seconds, Z in either case, a space for the T."""
    assert instant("since", text, now=NOW) == datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 3, 1),  # noqa: DTZ001  the mistake itself
        "2026-03-01",
        "2026-03-01T12:00",
        pd.Timestamp("2026-03-01"),
        date(2026, 3, 1),
    ],
)
def test_a_time_without_a_zone_is_refused_with_the_cure(value: object):
    """No naive time is guessed to be local or UTC; the message shows how to write it."""
    with pytest.raises(al.NaiveTime, match=r"since='2026-03-01T.*Z' for UTC"):
        instant("since", value, now=NOW)


@pytest.mark.parametrize(
    "value",
    ["yesterday", "", "24", "h", "-3h", 3, 1.5, None, True, pd.NaT, np.datetime64("2026-03-01"), b"24h"],
)
def test_what_is_no_time_is_refused_with_examples(value: object):
    """Anything else is an error that shows the three ways to say when."""
    with pytest.raises(al.InvalidArgument, match=r"until=.*'24h', '7d' or '90m'"):
        instant("until", value, now=NOW)


@pytest.mark.parametrize("value", ["999999999999999999d", "999999w", timedelta.min, "0001-01-01T00:00+14:00"])
def test_times_out_of_range_are_refused(value: object):
    """Before the year 1 is an error of ours, not an overflow."""
    with pytest.raises(al.InvalidArgument, match="year"):
        instant("since", value, now=NOW)
