"""Every provider's shape of a message becomes the one form; media become references."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from argus_lab.conventions import messages as m
from argus_lab.conventions.indexed import listed, tree
from argus_lab.conventions.langchain import returned
from argus_lab.conventions.parts import part
from argus_lab.conventions.readers import literal
from tests.conventions.rows import row_of, rows_of
from tests.otlp import sent

HI = {"type": "text", "content": "hi"}
CALL = {"type": "tool_call", "id": "c", "name": "f", "arguments": {"x": 1}}
RESULT = {"type": "tool_call_response", "id": "c", "response": "done"}
USER, ASKS, ANSWERS = (
    {"role": "user", "parts": [HI]},
    {"role": "assistant", "parts": [CALL]},
    {"role": "tool", "parts": [RESULT]},
)

SHAPES: dict[str, list[Any]] = {
    "openai": [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"x": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ],
    "openai responses": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": '{"x": 1}'},
        {"type": "function_call_output", "call_id": "c", "output": "done"},
    ],
    "anthropic": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {"x": 1}}]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "done"}]}
            ],
        },
    ],
    "bedrock": [
        {"role": "user", "content": [{"text": "hi"}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c", "name": "f", "input": {"x": 1}}}]},
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "c", "status": "success", "content": [{"text": "done"}]}}
            ],
        },
    ],
    "gemini": [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{"functionCall": {"id": "c", "name": "f", "args": {"x": 1}}}]},
        {"role": "user", "parts": [{"function_response": {"id": "c", "name": "f", "response": "done"}}]},
    ],
    "langchain": [
        {"lc": 1, "type": "constructor", "id": ["langchain", "HumanMessage"], "kwargs": {"content": "hi"}},
        {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain", "AIMessageChunk"],
            "kwargs": {"content": "", "tool_calls": [{"id": "c", "name": "f", "args": {"x": 1}}]},
        },
        {"type": "tool", "data": {"content": "done", "tool_call_id": "c"}},
    ],
    "vercel": [
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {
            "role": "assistant",
            "content": [{"type": "tool-call", "toolCallId": "c", "toolName": "f", "input": '{"x": 1}'}],
        },
        {
            "role": "tool",
            "content": [
                {"type": "tool-result", "toolCallId": "c", "output": {"type": "text", "value": "done"}}
            ],
        },
    ],
    "opentelemetry": [USER, ASKS, ANSWERS],
    "opentelemetry, older": [
        USER,
        ASKS,
        {"role": "user", "parts": [{"type": "tool_call_response", "id": "c", "result": "done"}]},
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_becomes_the_one_form(shape: str):
    """Question, request for a tool, and its answer: the same three messages from every provider."""
    assert m.messages(SHAPES[shape]) == [USER, ASKS, ANSWERS]
    assert m.messages(json.dumps(SHAPES[shape])) == [USER, ASKS, ANSWERS]


def test_pairs_batches_and_choices_are_messages():
    """LangChain's short form, its batch of one, and OpenAI's choice."""
    assert m.messages([["user", "hi"]]) == [USER]
    assert m.messages([[{"role": "user", "content": "hi"}]]) == [USER]
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
    assert m.messages([choice]) == [{"role": "assistant", "parts": [HI], "finish_reason": "stop"}]


@pytest.mark.parametrize("value", [None, "", 5, True, [], {}, {"a": 1}, [5, None], {"type": ["x"]}])
def test_what_is_no_message_becomes_none(value: Any):
    """Nothing is made up."""
    assert m.messages(value) is None


def test_a_tool_call_written_twice_is_one_call():
    """Some senders write a call as content and as tool call."""
    content = [{"type": "tool_use", "id": "c", "name": "f", "input": {"x": 1}}]
    calls = [{"id": "c", "function": {"name": "f", "arguments": '{"x": 1}'}}]
    assert m.message({"role": "assistant", "content": content, "tool_calls": calls}) == ASKS


def test_reasoning_is_a_part_of_its_own():
    """Thinking blocks, thoughts and reasoning beside the content."""
    thought = {"type": "reasoning", "content": "hm"}
    assert part({"type": "thinking", "thinking": "hm", "signature": "s"}) == thought
    assert part({"text": "hm", "thought": True}) == thought
    assert part({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}) == thought
    made = m.message({"role": "assistant", "content": "hi", "reasoning_content": "hm"})
    assert made == {"role": "assistant", "parts": [thought, HI]}


PIXEL = "iVBORw0KGgo="
DIGEST = hashlib.sha256(b"\x89PNG\r\n\x1a\n").hexdigest()


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"image": {"format": "png", "source": {"bytes": {"$bytes": PIXEL}}}},
        {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
        {"type": "image", "image": PIXEL, "mediaType": "image/png"},
        {"type": "file", "data": PIXEL, "mediaType": "image/png"},
        {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PIXEL},
        {"type": "binary", "media_type": "image/png", "content": PIXEL},
    ],
)
def test_media_become_references(block: dict[str, Any]):
    """Kind, type, size and digest instead of the bytes, whoever wrote them; made once, they stay."""
    made = part(block)
    assert made == {
        "type": "blob",
        "modality": "image",
        "mime_type": "image/png",
        "size": 8,
        "sha256": DIGEST,
        "content": None,
    }
    assert part(made) == made
    row = row_of(attributes={"gen_ai.input.messages": [{"role": "user", "content": [block]}]})
    assert PIXEL not in json.dumps(row["input"])
    assert PIXEL in json.dumps(row["attributes"])


def test_media_elsewhere_keep_their_address():
    """A web address and a file's id are no bytes."""
    uri = {"type": "uri", "modality": "image", "uri": "https://example.org/a.png"}
    assert part({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}) == uri
    assert part({"type": "file", "file": {"file_id": "f1"}}) == {
        "type": "file",
        "modality": None,
        "file_id": "f1",
    }


@pytest.mark.parametrize("levels", [10, 100, 160, 240, 330, 2000])
def test_nesting_is_no_way_to_break_a_row(levels: int):
    """Results within results, deeper than any call stack: a row, with what was sent."""
    opened = '[{"type": "tool_result", "tool_use_id": "c", "content": '
    text = '{"messages": [{"role": "user", "content": ' + opened * levels + '"x"' + "}]" * levels + "}]}"
    for key in ("gen_ai.input.messages", "output.value", "traceloop.entity.output", "ai.prompt"):
        attributes = {key: text, "openinference.span.kind": "LLM"}
        assert row_of(attributes=attributes)["attributes"] == attributes


def test_results_of_langchain_are_unwrapped():
    """A command's update, a serialised message, a prompt."""
    answer = {"type": "ai", "data": {"content": "hi"}}
    assert returned([{"graph": None, "update": {"messages": [answer]}}], "chain")["output_text"] == "hi"
    prompt = {"messages": [{"content": "be kind", "type": "system"}, {"content": "hi", "type": "human"}]}
    assert [made["role"] for made in returned(prompt, "prompt")["output"]] == ["system", "user"]


@pytest.mark.parametrize(
    "text",
    [
        "{'a': ",
        "[1j]",
        "[...]",
        "{(1, 2): 3}",
        "[" * 99_999,
        "[" + "-" * 99_990 + "1]",
        "{'a': nan}",
        "['\\ud800']",
    ],
)
def test_only_literals_are_read_as_python(text: str):
    """Text that is no literal, or that JSON cannot say, stays text."""
    assert literal(text) == text


# --- indexed keys -------------------------------------------------------------------------------------


def test_indexes_are_names_and_cost_nothing():
    """A huge index is one entry; what is no number is no entry."""
    keys = {f"p.{index}.role": "user" for index in ("999999999", "0", "-1", "1.5", "x", "٣", "9" * 400)}
    assert len(listed(tree(keys, ("p.",))["p"])) == 3


def test_a_name_that_is_value_and_branch_keeps_both():
    """Whichever comes first."""
    for pairs in (("p.0", "p.0.role"), ("p.0.role", "p.0")):
        found = tree(dict.fromkeys(pairs, "v"), ("p.",))
        assert found == {"p": {"0": {"": "v", "role": "v"}}}


def test_a_hostile_index_is_read_as_the_messages_that_are_there():
    """The span of the encoding sample that claims a message number 999999999."""
    request = sent.sample("otlp_edge.json")
    spans = [
        span
        for resource in request["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    (hostile,) = [span for span in spans if span["name"] == "hostile index"]
    (row,) = rows_of(sent.body(hostile)).values()
    assert row["request_model"] == "m"
    assert row["input"][0] == USER
    assert len(row["input"]) <= len(hostile["attributes"])
