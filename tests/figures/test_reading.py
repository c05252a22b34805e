"""What figures read: one kind of pandas frame, whatever comes in."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

import argus_lab as al
from argus_lab.figures import reading

MEASURES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "latency": lambda spans: al.latency(spans, every="1m", by=["service", "status"]),
    "tokens": lambda spans: al.tokens(spans, by="request_model"),
    "answers": lambda spans: al.answers(spans, every="1h"),
    "sessions": al.sessions,
    "spans": lambda spans: spans,
}


@pytest.mark.parametrize("name", MEASURES)
def test_what_a_measure_gave_is_what_would_be_made_of_it(
    name: str, tiny_lake: str, monkeypatch: pytest.MonkeyPatch
):
    """A frame that is taken as it is, is the one that the way through Arrow would make."""
    frame = MEASURES[name](al.open(tiny_lake).spans()).iloc[::-1]
    found = reading.in_memory(frame)
    monkeypatch.setattr(reading, "_is_ours", lambda *_: False)
    pd.testing.assert_frame_equal(found, reading.in_memory(frame))


def test_frames_of_other_makers_get_the_dtypes_of_ours():
    """Categories, plain integers and times of another unit or zone are not taken as they are."""
    times = pd.Series(pd.to_datetime(["2026-05-01T10:00+02:00", None]))
    given = pd.DataFrame(
        {"service": pd.Categorical(["a", None]), "input_tokens": [1, 2], "start_time": times, "n": [3, 4]}
    )
    found = reading.in_memory(given)
    assert found.dtypes.astype(str).to_dict() == {
        "service": "str",
        "input_tokens": "Int64",
        "start_time": "datetime64[us, UTC]",
        "n": "Int64",
    }
    assert found["start_time"].iloc[0] == pd.Timestamp("2026-05-01T08:00Z")
