"""Frames that are shown: sample sessions, and spans made by hand."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import argus_lab as al
from argus_lab import settings
from argus_lab.lake import keeper
from argus_lab.lake.journal import Entry, JournalWriter, journal_root, pack

DATASETS = Path(__file__).resolve().parents[2] / "datasets" / "support-sessions"
STORIES = (b"story-hallucinated-tool", b"story-runaway-loop", b"cs-0088", b"cs-0001")


@pytest.fixture(scope="session")
def stories(tmp_path_factory: pytest.TempPathFactory) -> al.Lake:
    """A lake of four sample sessions: a wrong tool, a loop, one in Chinese, an ordinary one."""
    place = str(tmp_path_factory.mktemp("stories") / "lake")
    lines = [
        line
        for name in ("week-1.jsonl.gz", "week-2.jsonl.gz")
        for line in gzip.decompress((DATASETS / name).read_bytes()).splitlines()
        if any(b'"%s"' % story in line for story in STORIES)
    ]
    writer = JournalWriter(journal_root(place))
    writer.append([pack(Entry(1_790_000_000_000_000_000, "json", None, line)) for line in lines])
    writer.close()
    keeper.drain(settings.read({}, lake=place))
    return al.open(place)
