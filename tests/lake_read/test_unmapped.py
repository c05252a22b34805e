"""What fills no column is listed, counted exactly, with an example; what fills one is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import argus_lab as al
from argus_lab.conventions.dialect import Shape
from argus_lab.conventions.dialects import DIALECTS
from argus_lab.conventions.left_over import left_over
from argus_lab.lake import journal, unmapped
from tests.lake_write import journalled as lakes
from tests.otlp import sent


def _pairs(**attributes: Any) -> list[dict[str, Any]]:
    return [
        {
            "key": key.replace("__", "."),
            "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value},
        }
        for key, value in attributes.items()
    ]


def _take_in(lake: Path, *spans: Any, **options: Any) -> al.Lake:
    lakes.write(lake, [lakes.entry(*spans, **options)])
    lakes.taken_in(lake)
    return al.open(lake)


def _rows(found: pd.DataFrame, *levels: str) -> dict[str, int]:
    chosen = found[found["level"].isin(levels)]
    names = [
        key if pd.isna(event) else f"{event}: {key}"
        for event, key in zip(chosen["event"], chosen["key"], strict=True)
    ]
    return dict(zip(names, chosen["spans"].tolist(), strict=True))


def _span(number: int, *events: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    (span,) = lakes.numbered(number, attributes=_pairs(**attributes), events=list(events))
    return span


def test_only_what_fills_nothing_is_listed(tmp_path: Path):
    """Tables, names of content and errors count as read; the rest is told with how often it came."""
    lake = _take_in(
        tmp_path,
        _span(1, gen_ai__operation__name="chat", my__key="first", error__type="E"),
        _span(2, gen_ai__operation__name="chat", my__key="second", gen_ai__input__messages="[]"),
        _span(3, gen_ai__operation__name="chat", other="x", session__id="s"),
    )
    found = lake.unmapped()
    assert _rows(found, "span") == {"my.key": 2, "other": 1}
    row = found[found["key"] == "my.key"].iloc[0]
    assert (row["dialect"], row["scope_name"], row["example"]) == ("otel_genai", "test", "first")
    assert pd.isna(row["scope_version"])


def test_a_name_is_read_only_in_the_dialect_that_knows_it(tmp_path: Path):
    """What MLflow calls plainly ``temperature`` says nothing on a span of nobody's dialect."""
    (dialect,) = [d for d in DIALECTS if d.name == "mlflow"]
    key = dialect.content[1][1][0]
    assert left_over(Shape((key,), (), "")) == [key]
    assert left_over(Shape((key, "mlflow.spanType"), (), "")) == []
    assert _rows(_take_in(tmp_path, _span(1, **{key: "0.5"})).unmapped(), "span") == {key: 1}


def test_numbers_in_names_are_one_name_and_a_span_counts_once(tmp_path: Path):
    """Lists that were flattened into names do not fill the answer."""
    keys = {f"my.list.{n}.text": f"value {n}" for n in range(12)} | {"my.list[3].id": "x", "7": "y"}
    lake = _take_in(tmp_path, _span(1, **keys), _span(2, **{"my.list.99.text": "z"}))
    assert _rows(lake.unmapped(), "span") == {"my.list.N.text": 2, "my.list[N].id": 1, "N": 1}


def test_events_resources_and_scopes(tmp_path: Path):
    """Each level is told; events that a dialect reads, and what is read of an exception, are not."""
    event = {"timeUnixNano": "1790000000100000000"}
    span = _span(
        1,
        {**event, "name": "log", "attributes": _pairs(a="1", b="2")},
        {**event, "name": "log", "attributes": _pairs(a="3")},
        {**event, "name": "argus.input", "attributes": _pairs(text="hi", other="x")},
        {**event, "name": "exception", "attributes": _pairs(exception__type="E", exception__escaped="f")},
        {**event, "attributes": _pairs(nameless="n")},
    )
    request = sent.request(span)
    (group,) = request["resourceSpans"]
    group["resource"]["attributes"] += _pairs(host__name="h", service__version="1")
    group["scopeSpans"][0]["scope"] = {"name": "lib", "version": "2", "attributes": _pairs(key="k")}
    entry = journal.Entry(lakes.NOW, "json", None, json.dumps(request).encode())
    lakes.write(tmp_path, [journal.pack(entry)])
    lakes.taken_in(tmp_path)
    found = al.open(tmp_path).unmapped()
    assert _rows(found, "event") == {
        "log: a": 1,
        "log: b": 1,
        "exception: exception.escaped": 1,
        ": nameless": 1,
    }
    assert _rows(found, "resource", "scope") == {"host.name": 1, "key": 1}
    examples = dict(found[["key", "example"]].values)
    assert examples == {"a": "1", "b": "2", "exception.escaped": "f", "nameless": "n"} | {
        "host.name": "h",
        "key": "k",
    }
    assert set(found["scope_version"]) == {"2"}


def test_values_that_no_column_can_hold(tmp_path: Path):
    """They are listed under the column that they were meant for, as sent."""
    lake = _take_in(tmp_path, _span(1, gen_ai__request__seed="none", gen_ai__operation__name="chat"))
    found = lake.unmapped()
    assert _rows(found, "unread") == {"seed": 1}
    assert found["example"].tolist() == ["none"]


def test_examples_are_short_and_keep_their_type(tmp_path: Path):
    """A prompt does not fill the screen; a number is shown as one."""
    lake = _take_in(tmp_path, _span(1, long="x" * 10_000, size=7))
    found = dict(lake.unmapped()[["key", "example"]].values)
    assert found["size"] == "7"
    assert found["long"].endswith("x…")
    assert len(found["long"]) == unmapped.LONGEST_EXAMPLE


def test_a_key_sent_twice_is_not_ours_to_list(tmp_path: Path):
    """What we put beside attributes is no attribute."""
    (span,) = lakes.numbered(1, attributes=_pairs(a="1") + _pairs(a="2"))
    assert _rows(_take_in(tmp_path, span).unmapped(), "span") == {"a": 1}


def test_first_and_last_seen_and_filters(tmp_path: Path):
    """Spans are counted within the filters only; spans without a start have no time."""
    times = ("1790000000000000000", "1790000002000000000", "0")
    spans = [
        {**_span(n, my__key="v"), "startTimeUnixNano": start, "endTimeUnixNano": start}
        for n, start in enumerate(times, 1)
    ]
    lake = _take_in(tmp_path, *spans)
    _take_in(tmp_path, _span(9, my__key="v"), project="other")
    (row,) = lake.unmapped(project="bot").to_dict("records")
    assert row["spans"] == 3
    assert (row["first_seen"].value, row["last_seen"].value) == tuple(int(t) for t in times[:2])
    assert lake.unmapped(since="2026-09-21T14:13:22Z", project="bot")["spans"].tolist() == [1]
    assert lake.unmapped(project="bot", where="start_time is null")["first_seen"].isna().all()
    assert lake.unmapped()["spans"].sum() == 4


def test_own_rules_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An attribute that a rule of one's own reads is no longer missing."""
    lake = _take_in(tmp_path / "lake", _span(1, my__user="u", my__other="o"))
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\ncolumn = "user_id"\nattributes = ["my.user"]\n', encoding="utf-8")
    monkeypatch.setenv("ARGUS_RULES", str(rules))
    assert _rows(lake.unmapped(), "span") == {"my.other": 1}


def test_the_frame_is_the_same_with_and_without_rows(tmp_path: Path, tiny: al.Lake):
    """Dtypes and provenance, as of every frame."""
    full, empty = _take_in(tmp_path, _span(1, key="v")).unmapped(), tiny.unmapped(project="no-such")
    assert len(full) == 1
    assert not len(empty)
    assert full.dtypes.equals(empty.dtypes)
    assert list(full.columns) == unmapped.SCHEMA.names
    assert full.attrs["argus"]["matched"] == 1
    assert empty.attrs["argus"]["asked"] == {"project": "no-such"}


def test_an_argus_span_is_read_whole(tmp_path: Path):
    """The convention's own sample leaves nothing of its own names."""
    body = (sent.DATA / "dialects" / "argus_rich.json").read_bytes()
    lakes.write(tmp_path, [journal.pack(journal.Entry(lakes.NOW, "json", "samples", body))])
    lakes.taken_in(tmp_path)
    found = al.open(tmp_path).unmapped()
    assert not found["key"].str.startswith("argus.").any()
