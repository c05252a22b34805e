"""Messages: each where it was said, and conversations read once."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.measures.messages import messages
from argus_lab.testing import make_span
from tests.measures.engines import differences, rows_of
from tests.measures.generated import conversations, make_times, shuffled
from tests.measures.samples import spans_of
from tests.measures.story import Story, messages_of
from tests.measures.walks import Row, Rows

ROLES = {"system_prompt": "system", "user_message": "user", "assistant_message": "assistant"}


def _text(role: str, text: str | None) -> Rows:
    return [{"role": role, "parts": [{"type": "text", "content": text}]}] if text else []


def _side(row: Row, side: str, role: str) -> Rows:
    """What stands in the input or output: messages, else a text."""
    found = messages_of(row[side])
    return _text(role, row[f"{side}_text"]) if found is None else found


def _call(row: Row) -> tuple[Rows, Rows]:
    sent = _side(row, "input", "user")
    has_system = any(message["role"] == "system" for message in sent)
    return [] if has_system else _text("system", row["system_prompt"]), sent


def _told(story: Story, n: int) -> tuple[Rows, Rows]:
    """What a span says to the model, and what the model says."""
    row = story.rows[n]
    if n in story.calls:
        system, sent = _call(row)
        return [*system, *sent], _side(row, "output", "assistant")
    role = ROLES.get(row["step_kind"] or "")
    if role is None:
        return [], []
    for c in story.calls:
        if story.rows[c]["trace_id"] == row["trace_id"]:
            system, sent = _call(story.rows[c])
            by_call = {
                "system": [m for m in [*system, *sent] if m["role"] == "system"],
                "user": [m for m in sent if m["role"] != "system"],
                "assistant": _side(story.rows[c], "output", "assistant"),
            }
            if by_call[role]:
                return [], []
    if role == "assistant":
        return [], _side(row, "output", role) or _side(row, "input", role)
    own = _side(row, "input", role) or _side(row, "output", role)
    return own or (_text("system", row["system_prompt"]) if role == "system" else []), []


def _same(message: Row) -> tuple[str, Any]:
    """Role and content, without reasoning unless there is nothing else."""
    parts = [part for part in message["parts"] if part["type"] != "reasoning"] or message["parts"]
    return message["role"], json.dumps(parts, sort_keys=True)


def _expected(story: Story) -> Rows:
    """Every message of every session, and whether an earlier span held it as often as it is said so far."""
    found: Rows = []
    for _, n in sorted((key, n) for n, key in story.order().items()):
        sent, given_back = _told(story, n)
        before = [
            [_same(m) for side in _told(story, p) for m in side]
            for p in story.all
            if story.session[p] == story.session[n] and story.start(p) < story.start(n)
        ]
        for k, message in enumerate([*sent, *given_back]):
            same = _same(message)
            times = [_same(m) for m in [*sent, *given_back][: k + 1]].count(same)
            number = sum(row["key"] == story.session[n] for row in found) + 1
            found.append(
                {
                    "key": story.session[n],
                    "span_id": story.rows[n]["span_id"],
                    "session_id": story.session[n][1],
                    "message": number,
                    "direction": "input" if k < len(sent) else "output",
                    "role": message["role"],
                    "parts": message["parts"],
                    "is_resent": k < len(sent) and any(other.count(same) >= times for other in before),
                    "tool_calls": sum(part["type"] == "tool_call" for part in message["parts"]),
                    "tool_call_id": ", ".join(
                        part["id"] for part in message["parts"] if part["type"] == "tool_call_response"
                    )
                    or None,
                }
            )
    return found


@given(conversations())
def test_messages_are_those_of_the_definition(table: pa.Table):
    """Every message, its place, and whether it is re-sent, by looking at all earlier spans."""
    known = _expected(Story(table.to_pylist()))
    found = rows_of(messages(table))
    for row in found:
        row["parts"] = json.loads(row["parts"])
    for row in known:
        del row["key"]
    assert differences(found, known) == []


@given(conversations(), st.integers(0, 99))
def test_messages_do_not_depend_on_the_order_of_rows(table: pa.Table, seed: int):
    """The same spans shuffled give the same frame."""
    assert messages(shuffled(table, seed)).equals(messages(table))


TURN = st.tuples(
    st.sampled_from(["Hi", "Yes", "No"]), st.sampled_from(["Hello!", "Yes"]), st.booleans(), st.booleans()
)


@given(st.lists(TURN, min_size=1, max_size=6), st.sampled_from([None, "Be kind."]))
def test_a_conversation_reads_once_whatever_is_said_again(
    turns: list[tuple[str, str, bool, bool]], system: str | None
):
    """Calls that send all that was said, however often the same, read as what was said, in order."""
    history: Rows = _text("system", system)
    said = list(history)
    rows = []
    for n, (question, answer, thinks, is_sorted) in enumerate(turns):
        parts = [{"type": "text", "content": answer}]
        reply = {"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm."}] * thinks + parts}
        asked = _text("user", question)
        prompt = json.dumps([*history, *asked], sort_keys=is_sorted)
        row = make_span(1, span_id=f"{n:016x}", trace_id=f"{n:032x}", parent_span_id=None)
        rows.append(row | make_times(n, 1) | {"input": prompt, "output": json.dumps([reply])})
        history = [*history, *asked, {"role": "assistant", "parts": parts}]  # reasoning is not sent again
        said += [*asked, reply]
    found = messages(spans_of(*rows)).to_pylist()
    once = [(row["role"], json.loads(row["parts"])) for row in found if not row["is_resent"]]
    assert once == [(message["role"], message["parts"]) for message in said]


def test_steps_stand_for_what_no_call_tells():
    """A call that tells nothing usable hides no step; a step's text is of the step's own role."""
    rows = [
        make_span(1, input='{"not": "messages"}', output=None),
        make_span(2, step_kind="system_prompt", span_type=None, input_text="Be kind."),
        make_span(3, step_kind="user_message", span_type=None, output_text="Hi"),
    ]
    found = messages(spans_of(*rows)).to_pylist()
    assert [(row["role"], row["direction"], row["text"]) for row in found] == [
        ("system", "input", "Be kind."),
        ("user", "input", "Hi"),
    ]


def test_a_step_is_heard_beside_calls_that_do_not_tell_the_same():
    """A system prompt in a step of its own is not lost because calls tell what the user said."""
    question = json.dumps(_text("user", "Hi"))
    rows = [
        make_span(0, step_kind="system_prompt", input_text="Be kind."),
        make_span(1, input=question, output=None),
        make_span(2, step_kind="user_message", span_type=None, input_text="Hi"),
    ]
    assert [row["role"] for row in messages(spans_of(*rows)).to_pylist()] == ["system", "user"]
