"""Context growth: parts add up to the prompt, what was said before is known again, caches are counted."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import argus_lab as al
from argus_lab.measures.context_growth import context_growth
from argus_lab.testing import make_span
from tests.measures.engines import ENGINES, rows_of
from tests.measures.generated import tables
from tests.measures.samples import spans_of, support_sessions

PARTS = ("system_tokens", "tools_tokens", "resent_tokens", "new_tokens")


def _call(n: int, *messages: str, tokens: int | None = 1000, **columns: Any) -> dict[str, Any]:
    said = [{"role": "user", "parts": [{"type": "text", "content": text}]} for text in messages]
    kept = {"session_id": "s", "input_tokens": tokens, "provider": "openai", "request_model": "gpt-4o"}
    return make_span(2 * n + 1, **kept | {"input": json.dumps(said)} | columns)


def _story(session: str) -> pa.Table:
    spans = support_sessions().to_pandas()
    return pa.Table.from_pandas(spans[spans["session_id"] == session], preserve_index=False)


def test_a_conversation_by_hand():
    """Messages of equal length: the second call repeats one, the third two; the cache had the first only."""
    calls = [
        _call(0, "aaaa", tokens=100),
        _call(1, "aaaa", "bbbb", tokens=200, cache_read_tokens=60),
        _call(2, "aaaa", "bbbb", "cccc", tokens=300),
    ]
    found = rows_of(context_growth(spans_of(*calls)))
    assert [row["round"] for row in found] == [1, 2, 3]
    assert [row["resent_tokens"] for row in found] == [0, 100, 200]
    assert [row["new_tokens"] for row in found] == [100, 100, 100]
    assert [row["cacheable_tokens"] for row in found] == [0, 100, 200]
    assert [row["missed_tokens"] for row in found] == [0, 40, 200]
    # GPT-4o: 2.50 dollars a million tokens, 1.25 from the cache.
    assert [row["missed_cost_usd"] for row in found] == pytest.approx([0, 40 * 1.25e-6, 200 * 1.25e-6])


def test_what_was_written_to_the_cache_again_cost_more_than_fresh():
    """Of 100 missed tokens 60 were written to the cache, for which Claude charges a quarter more."""
    claude = {"provider": "anthropic", "request_model": "claude-sonnet-4-5"}
    calls = [
        _call(0, "aaaa", tokens=100, **claude),
        _call(1, "aaaa", "bbbb", tokens=200, cache_read_tokens=0, cache_write_tokens=60, **claude),
    ]
    found = rows_of(context_growth(spans_of(*calls)))
    assert found[1]["missed_tokens"] == 100
    # 3.00 dollars a million tokens, 0.30 from the cache, 3.75 into it.
    assert found[1]["missed_cost_usd"] == pytest.approx(60 * 3.45e-6 + 40 * 2.70e-6)


def test_a_changed_beginning_spoils_the_cache():
    """Another system prompt, other tools, another model: nothing could have come from the cache."""
    first = _call(0, "aaaa", system_prompt="be kind", tool_definitions="[1]")
    for changed in (
        {"system_prompt": "be brief"},
        {"tool_definitions": "[2]"},
        {"request_model": "gpt-5-mini"},
    ):
        again = _call(1, "aaaa", "bbbb", **{"system_prompt": "be kind", "tool_definitions": "[1]"} | changed)
        row = rows_of(context_growth(spans_of(first, again)))[1]
        same_tools = changed.keys() == {"system_prompt"}
        assert (row["cacheable_tokens"] > 0) == same_tools
        assert row["resent_tokens"] > 0


def test_a_system_prompt_among_the_messages_is_one():
    """Where the first message is the system's, it counts as system, and once."""
    said = json.dumps([{"role": "system", "parts": []}, {"role": "user", "parts": []}])
    (row,) = rows_of(context_growth(spans_of(_call(0, input=said, system_prompt="the same again"))))
    assert row["system_chars"] == len('{"role":"system","parts":[]}')
    assert row["new_chars"] == len('{"role":"user","parts":[]}')


def test_sessions_are_told_apart():
    """Rounds and histories begin anew with each session."""
    calls = [_call(0, "aaaa"), _call(1, "aaaa", session_id="t"), _call(2, "aaaa", "bbbb")]
    found = rows_of(context_growth(spans_of(*calls)))
    assert [(row["session_id"], row["round"]) for row in found] == [("s", 1), ("s", 2), ("t", 1)]
    assert found[2]["resent_tokens"] == 0
    twins = [_call(0, "aaaa", project="a"), _call(2, "aaaa", "bbbb", project="b")]
    assert [row["round"] for row in rows_of(context_growth(spans_of(*twins)))] == [1, 1]


def test_the_sample_story_of_an_overflowing_context():
    """The pasted chats fill the window: most of the last prompt was sent before, and the window is full."""
    found = rows_of(context_growth(_story("story-context-overflow")))
    resent = [row["resent_tokens"] / row["input_tokens"] for row in found]
    assert resent == sorted(resent)
    assert resent[-1] > 0.7
    assert found[-1]["input_tokens"] == found[-2]["input_tokens"] == 8096
    assert all(row["missed_cost_usd"] is None for row in found)


def test_the_sample_agrees_with_its_caches():
    """Where OpenAI reports cached tokens, the estimate of what could be cached is near them."""
    found = [row for row in rows_of(context_growth(_story("story-runaway-loop"))) if row["round"] > 1]
    for row in found:
        assert row["cache_read_tokens"] == pytest.approx(row["cacheable_tokens"], rel=0.08)


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=4), st.none() | st.integers(0, 9999)
        ),
        max_size=8,
    )
)
def test_parts_add_up(calls: list[tuple[list[str], int | None]]):
    """Whatever is said, the parts are the prompt; nothing is negative, nothing resent that was not said."""
    found = rows_of(
        context_growth(spans_of(*(_call(n, *said, tokens=t) for n, (said, t) in enumerate(calls))))
    )
    assert len(found) == len(calls)
    earlier: list[list[str]] = []
    for row, (said, sent) in zip(found, calls, strict=True):
        known = [row[part] for part in PARTS]
        if sent is None or not said:
            assert known == [None] * 4
        else:
            assert sum(known) == sent
            assert min(known) >= 0
            common = max((_shared(said, other) for other in earlier), default=0)
            whole = [
                len(json.dumps({"role": "user", "parts": [{"type": "text", "content": t}]})) for t in said
            ]
            assert row["resent_tokens"] == pytest.approx(
                sent * sum(whole[:common]) / sum(whole), rel=0.2, abs=1
            )
            assert row["cacheable_tokens"] <= sent
        earlier.append(said)


def _shared(one: list[str], other: list[str]) -> int:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


@given(spans=tables())
def test_any_spans(spans: pa.Table):
    """Broken spans break nothing; without texts nothing is divided."""
    for row in rows_of(context_growth(spans)):
        assert row["new_tokens"] is None
        assert row["is_estimate"] is False


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree(engine: str):
    """The same rows in the same order from every engine; nothing of nothing."""
    story = _story("story-very-slow").cast(support_sessions().schema)
    assert rows_of(context_growth(ENGINES[engine](story))) == rows_of(context_growth(story))
    assert rows_of(context_growth(ENGINES[engine](story.slice(0, 0)))) == []


def test_texts_are_needed():
    """A light frame is refused, with how to read the texts."""
    with pytest.raises(al.InvalidArgument, match='columns="all"'):
        context_growth(support_sessions().drop_columns("input"))
