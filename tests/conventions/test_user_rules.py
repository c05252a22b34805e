"""Rules of one's own: where they stand among the others, what they may fill, and what is said if not."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import argus_lab as al
from argus_lab import conventions, settings
from argus_lab.conventions.own_rules import COLUMNS, READERS, OwnRules, own_rules
from argus_lab.lake.rows import arrow_table
from argus_lab.lake.rule_file import rules_of
from argus_lab.otlp import Span, decode
from argus_lab.schema import SPANS
from tests.house.sources import ROOT
from tests.lake_write import journalled as lakes
from tests.otlp import sent

TRACE, SPAN = "a" * 32, "b" * 16


def _rules(*rules: tuple[str, list[str], str | None]) -> OwnRules:
    parts = []
    for column, attributes, read in rules:
        parts.append(f"[[rule]]\ncolumn = {column!r}\nattributes = {attributes!r}")
        if read:
            parts.append(f"read = {read!r}")
    return own_rules("\n".join(parts), "rules.toml")


def _columns(attributes: dict[str, Any], own: OwnRules, **fields: Any) -> dict[str, Any]:
    return conventions.columns(Span(TRACE, SPAN, attributes=attributes, **fields), own=own)


def _event(name: str, **attributes: Any) -> dict[str, Any]:
    return {"time_unix_nano": 1, "name": name, "attributes": attributes}


# --- where they stand ---------------------------------------------------------------------------------


def test_they_go_before_every_dialect():
    """A dialect's attribute for the same column no longer counts, and the origin is said."""
    own = _rules(("input_tokens", ["my.tokens"], None), ("user_id", ["my.user"], None))
    sent_ = {"gen_ai.usage.input_tokens": 5, "my.tokens": "7", "my.user": 12, "user.id": "other"}
    found = _columns(sent_, own)
    assert (found["input_tokens"], found["usage_source"], found["user_id"]) == (7, "my.tokens", "12")
    assert _columns({"gen_ai.usage.input_tokens": 5}, own)["input_tokens"] == 5


def test_they_go_after_explicit_argus():
    """What is said in the convention's own words stands, on whatever span."""
    own = _rules(
        ("step_kind", ["my.kind"], None), ("tags", ["my.tags"], None), ("input", ["my.input"], "json")
    )
    found = _columns({"argus.step.kind": "tool_call", "my.kind": "llm_call"}, own)
    assert found["step_kind"] == "tool_call"
    assert _columns({"argus.tags": ["a"], "my.tags": ["b"]}, own)["tags"] == ["a"]
    events = [_event("argus.input", text="said", other=1)]
    assert _columns({"my.input": "mine"}, own, events=events)["input"] == '{"other":1}'
    assert _columns({"my.input": "mine"}, own)["input"] == '"mine"'


def test_the_first_readable_attribute_counts():
    """Attributes are asked in order; what cannot be read is told only if nothing else fills the column."""
    own = _rules(("input_tokens", ["my.first", "my.second"], "count"))
    assert _columns({"my.second": 2, "my.first": 1}, own)["input_tokens"] == 1
    assert _columns({"my.second": 2, "my.first": "x"}, own)["input_tokens"] == 2
    span = Span(TRACE, SPAN, attributes={"my.first": "x"})
    assert "input_tokens" not in conventions.columns(span, own=own)
    assert span.unread == {"input_tokens": "x"}


def test_a_kind_of_ones_own_classifies_the_span():
    """A span that a rule calls a tool call is a tool in every column."""
    own = _rules(("step_kind", ["my.kind"], None), ("component_name", ["my.tool"], None))
    found = _columns({"my.kind": "tool_call", "my.tool": "search"}, own)
    assert (found["span_type"], found["tool_name"]) == ("tool", "search")
    span = Span(TRACE, SPAN, attributes={"my.kind": "tool"})
    assert "step_kind" not in conventions.columns(span, own=own)
    assert span.unread == {"step_kind": "tool"}


def test_no_dialect_corrects_what_they_filled():
    """A figure known to be wrong in a dialect's attribute is right in one's own."""
    body = sent.sample("dialects/vercel_ai_v5.json")
    own = _rules(("input_tokens", ["my.tokens"], None), ("error_type", ["my.error"], None))

    export = decode(json.dumps(body).encode(), "json")
    for group, _, parsed in export.spans():
        span = export.read(parsed)
        span.attributes = {**span.attributes, "my.tokens": 10**6, "my.error": "Mine"}
        found = conventions.columns(span, group.scope, own)
        assert (found["input_tokens"], found["usage_source"]) == (10**6, "my.tokens")
        assert found["error_type"] == "Mine"


def test_errors_of_the_convention_stand():
    """The argus.error event is explicit; a mere exception is not."""
    own = _rules(("error_type", ["my.error"], None))
    told = {"exception.type": "ValueError", "type": "Timeout"}
    for name, expected in (("exception", "Mine"), ("argus.error", "Timeout")):
        found = _columns({"my.error": "Mine"}, own, events=[_event(name, **told)])
        assert found["error_type"] == expected


# --- what they may fill -------------------------------------------------------------------------------


@pytest.mark.parametrize("column", COLUMNS)
@given(value=sent.values.map(sent.normal) | st.text(max_size=20))
def test_no_value_breaks_a_row(column: str, value: Any):
    """Any value, through any reader that fits the column: a row that the table can hold."""
    kind = SPANS.column(column).type
    names = [name for name, (_, of, _) in READERS.items() if of == kind] + ["text"] * (kind == "json")
    for name in names:
        span = Span(TRACE, SPAN, attributes={"my.value": value})
        found = conventions.columns(span, own=_rules((column, ["my.value"], name)))
        row = {"org": "o", "project": "p", "service": "s", "received_at": 0, "date": 0, **found}
        row |= {"trace_id": TRACE, "span_id": SPAN}
        arrow_table(SPANS, [tuple(map(row.get, SPANS.names))]).validate(full=True)
        allowed = SPANS.column(column).values
        assert not allowed or found.get(column) in {None, *allowed}


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("column = 'trace_id'\nattributes = ['a']", "rules.toml: rule 1: column = 'trace_id'.*kept as sent"),
        ("column = 'dialect'\nattributes = ['a']", "'dialect' cannot be filled"),
        ("column = 'attributes'\nattributes = ['a']", "kept as sent"),
        ("column = 'user'\nattributes = ['a']", "no such column .did you mean 'user_id'"),
        ("attributes = ['a']", "column = None"),
        ("column = 'user_id'", "attributes = None"),
        ("column = 'user_id'\nattributes = 'a'", "a list of attribute names"),
        ("column = 'user_id'\nattributes = []", "a list of attribute names"),
        ("column = 'user_id'\nattributes = ['a', 1]", "a list of attribute names"),
        ("column = 'user_id'\nattributes = ['a']\nread = 'txt'", "did you mean 'text'"),
        ("column = 'user_id'\nattributes = ['a']\nread = 'count'", "does not fit the column user_id"),
        ("column = 'input_tokens'\nattributes = ['a']\nread = 'text'", "one of count, integer does"),
        ("column = 'user_id'\nattributes = ['a']\nreads = 'text'", "there is also reads"),
    ],
)
def test_a_rule_that_cannot_be_followed_says_why(rule: str, says: str):
    """Place, value and cure stand in the message."""
    with pytest.raises(al.SettingError, match=f"(?s){says}"):
        own_rules(f"[[rule]]\n{rule}", "rules.toml")


@pytest.mark.parametrize("text", ["rule = 1", "[rule]\ncolumn = 'user_id'", "[[rules]]", "a ="])
def test_text_that_is_no_list_of_rules(text: str):
    """Other TOML, and what is no TOML, is refused with the file's name."""
    with pytest.raises(al.SettingError, match=r"rules\.toml: "):
        own_rules(text, "rules.toml")


def test_a_file_that_cannot_be_read(tmp_path: Path):
    """The setting is named; without it there are no rules."""
    assert rules_of(settings.read({})) is None
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(al.SettingError, match="ARGUS_RULES"):
            rules_of(settings.read({"ARGUS_RULES": str(path)}))
    (tmp_path / "latin.toml").write_bytes(b"# \xe4")
    with pytest.raises(al.SettingError, match="UTF-8"):
        rules_of(settings.read({}, rules=str(tmp_path / "latin.toml")))


# --- in a lake ----------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "howto" / "own-rules.md").read_text(encoding="utf-8")


def _example() -> str:
    return PAGE.partition("```text\n")[2].partition("```")[0]


def test_the_example_of_the_page_is_valid():
    """What the page shows can be used, and every reader stands on it."""
    assert len(own_rules(_example(), "own-rules.md").rules) == len(tomllib.loads(_example())["rule"])
    for name, (_, kind, _) in READERS.items():
        assert f"| `{name}` |" in PAGE
        assert kind in PAGE


def test_spans_are_taken_in_and_renormalised_by_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The same file does both: for what comes, and for what is there."""
    file = tmp_path / "rules.toml"
    file.write_text(_example(), encoding="utf-8")
    lake = tmp_path / "lake"
    pairs = [{"key": "shop.customer", "value": {"stringValue": "c-7"}}]
    lakes.write(lake, [lakes.entry(*lakes.numbered(1, attributes=pairs))])
    lakes.taken_in(lake)
    lakes.write(lake, [lakes.entry(*lakes.numbered(2, attributes=pairs))])
    lakes.taken_in(lake, rules=str(file))
    users = al.open(lake).sql("select user_id from spans order by span_id")["user_id"]
    assert users.isna().tolist() == [True, False]
    monkeypatch.setenv("ARGUS_RULES", str(file))
    assert al.open(lake).renormalize().columns == {"user_id": 1}
    assert al.open(lake).spans()["user_id"].tolist() == ["c-7", "c-7"]
    file.write_text("[[rule]]\ncolumn = 'user'\nattributes = ['a']", encoding="utf-8")
    with pytest.raises(al.SettingError, match="user_id"):
        al.open(lake).renormalize()
