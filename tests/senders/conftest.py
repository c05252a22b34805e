"""A receiver for real senders, and the frame of what arrived."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import argus_lab as al
from tests.receiver.conftest import PATIENCE, Running, launch

__all__ = ["launch"]

JSON_COLUMNS = ("attributes", "resource", "scope", "events", "links")
Arrived = Callable[[str], dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def receiver(launch: Callable[..., Running]) -> Running:
    """One receiver for all senders."""
    return launch()


@pytest.fixture(scope="module")
def arrived(receiver: Running) -> Arrived:
    """By span id, the rows of a trace, all columns, raw JSON parsed, once everything sent is readable."""

    def rows(trace_id: str) -> dict[str, dict[str, Any]]:
        httpx.post(f"{receiver.url}/v1/flush", timeout=PATIENCE).raise_for_status()
        frame = al.open(receiver.lake).spans(columns="all", trace=trace_id)
        assert list(frame.columns) == list(al.open(receiver.lake).spans(columns="all", limit=0).columns)
        found = [_plain(row) for row in frame.to_dict("records")]
        assert len({row["span_id"] for row in found}) == len(found)
        return {row["span_id"]: row for row in found}

    return rows


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A frame's row with None for what is missing, and raw columns parsed."""
    missing = {name for name, value in row.items() if value is None or value != value or str(value) == "<NA>"}  # noqa: PLR0124  NaN, NaT
    plain = {name: None if name in missing else value for name, value in row.items()}
    for name in JSON_COLUMNS:
        plain[name] = json.loads(plain[name]) if plain[name] else None
    return plain
