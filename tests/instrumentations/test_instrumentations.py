"""Real instrumentations of other makers, run against a stand-in: what they record is what the frame holds.

What is expected follows from what ``send.py`` asked and ``stand_in.py`` answered. Where a release records
less than that, it is written down below: a release that records it otherwise is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import argus_lab as al
from tests.instrumentations.conftest import Arrived, Row

Sent = Callable[[str], Arrived]

OPENAI = {
    "openinference_openai": "openinference",
    "traceloop_openai": "traceloop",
    "opentelemetry_openai": "otel_genai_legacy",
    "mlflow": "mlflow",
}
"""Senders that instrument the OpenAI client alone, and the dialect they speak."""

ASKED = [("system", "text", "Sei kurz."), ("user", "text", "Hallo, wie geht es?")]
WEATHER = ("user", "text", "Wie ist das weather in Zürich? 🌦")
ANSWER = ("assistant", "text", "Grüße aus Paris 🌤")
CALL = ("assistant", "tool_call", "get_weather", {"city": "Zürich"})

CALLED = {
    "span_type": "llm",
    "step_kind": "llm_call",
    "component_type": "llm",
    "provider": "openai",
    "request_model": "gpt-5-mini",
}
ANSWERED = {
    **CALLED,
    "response_model": "gpt-5-mini-2026-05-01",
    "input_tokens": 120,
    "output_tokens": 45,
    "cache_read_tokens": 64,
    "reasoning_tokens": 20,
    "error_type": None,
}

LEFT_OUT: dict[str, dict[str, Any]] = {
    "opentelemetry_openai": {"cache_read_tokens": None, "reasoning_tokens": None},
    "mlflow": {"provider": None},
}
"""What a sender never records."""
LEFT_OUT_OF: dict[tuple[str, str], dict[str, Any]] = {
    ("traceloop_openai", "tool"): {"finish_reason": "tool_call"},
    ("traceloop_openai", "stream"): {"reasoning_tokens": None},
    ("opentelemetry_openai", "stream"): {"finish_reason": None, "streaming": None},
}
"""What a sender records otherwise, or not, of one scenario."""


def _of(row: Row, expected: dict[str, Any]) -> dict[str, Any]:
    return {column: row[column] for column in expected}


def _said(turns: list[dict[str, Any]] | None) -> list[tuple[Any, ...]]:
    """Each part of each message: who, what kind, and what."""
    made = []
    for turn in turns or []:
        for part in turn["parts"]:
            names = {"tool_call": ("name", "arguments"), "tool_call_response": ("response",)}
            told = names.get(part["type"], ("content",))
            made.append((turn["role"], part["type"], *(part[key] for key in told)))
    return made


def _expected(name: str, scenario: str, **told: Any) -> dict[str, Any]:
    return {**ANSWERED, **told, **LEFT_OUT.get(name, {}), **LEFT_OUT_OF.get((name, scenario), {})}


@pytest.mark.parametrize("name", OPENAI)
def test_openai_plain(name: str, sent: Sent):
    """One call: models, tokens with cached and reasoning ones, finish reason, parameters, messages."""
    row = sent(name).call("plain")
    expected = _expected(name, "plain", finish_reason="stop", dialect=OPENAI[name])
    assert _of(row, expected) == expected
    assert row["streaming"] in {None, False}
    assert row["unread"] is None
    if name != "opentelemetry_openai":  # it sends content as log records
        assert (_said(row["input"]), _said(row["output"])) == (ASKED, [ANSWER])
        assert (row["system_prompt"], row["input_text"]) == ("Sei kurz.", "Hallo, wie geht es?")
        assert row["output_text"] == "Grüße aus Paris 🌤"


@pytest.mark.parametrize("name", OPENAI)
def test_openai_tool(name: str, sent: Sent):
    """The model asks for a tool: its name, arguments and id, and the tools it was offered, in one form."""
    row = sent(name).call("tool")
    expected = _expected(name, "tool", finish_reason="tool_calls")
    assert _of(row, expected) == expected
    if name != "opentelemetry_openai":
        assert (_said(row["input"]), _said(row["output"])) == ([WEATHER], [CALL])
        assert row["output"][0]["parts"][0]["id"] == "call_1"
        (tool,) = row["tool_definitions"]
        assert (tool["name"], tool["description"]) == ("get_weather", "Das Wetter")
        assert tool["parameters"]["required"] == ["city"]


@pytest.mark.parametrize("name", OPENAI)
def test_openai_stream(name: str, sent: Sent):
    """A streamed answer is put together, and its usage is read from the last chunk."""
    row = sent(name).call("stream")
    expected = _expected(name, "stream", finish_reason="stop", streaming=True)
    assert _of(row, expected) == expected
    if name != "opentelemetry_openai":
        assert (_said(row["input"]), _said(row["output"])) == (ASKED, [ANSWER])


@pytest.mark.parametrize("name", OPENAI)
def test_openai_error(name: str, sent: Sent):
    """A refused call is an error with its class; no model answered and nothing was used."""
    row = sent(name).call("error")
    told = {"status": "ERROR", "request_model": "nobody", "response_model": None, "finish_reason": None}
    nothing = {"input_tokens": None, "output_tokens": None, "output": None}
    expected = {**CALLED, **told, **nothing, **LEFT_OUT.get(name, {})}
    assert _of(row, expected) == expected
    assert row["error_type"].endswith("NotFoundError")


@pytest.mark.parametrize("name", [*OPENAI, "traceloop_ollama", "traceloop_langchain", "pydantic_ai"])
def test_no_usage_is_counted_twice(name: str, sent: Sent):
    """The audit finds nothing to correct, but agents that sum up what is below them."""
    found = al.audit_tokens(sent(name).frame)
    assert set(found["finding"]) <= {"agent"}
    assert len(found) == (2 if name == "pydantic_ai" else 0)


def test_ollama(sent: Sent):
    """OpenLLMetry for Ollama: streamed or not, counts from the last line, offered tools, an error."""
    arrived = sent("traceloop_ollama")
    calls = {scenario: arrived.call(scenario) for scenario in ("plain", "tool", "stream", "error")}
    for scenario in ("plain", "tool", "stream"):
        expected = {**CALLED, "provider": "ollama", "request_model": "qwen3", "response_model": "qwen3"}
        expected |= {"input_tokens": 31, "output_tokens": 7, "dialect": "traceloop", "error_type": None}
        assert _of(calls[scenario], expected) == expected
        assert calls[scenario]["streaming"] is (scenario == "stream")
    for scenario in ("plain", "stream"):
        assert _said(calls[scenario]["input"]) == ASKED
        assert _said(calls[scenario]["output"]) == [ANSWER]
    (tool,) = calls["tool"]["tool_definitions"]
    assert (tool["name"], tool["parameters"]["required"]) == ("get_weather", ["city"])
    assert calls["tool"]["output"] is None  # it does not record the calls of an answer
    error = calls["error"]
    assert (error["status"], error["error_type"], error["request_model"]) == (
        "ERROR",
        "ResponseError",
        "nobody",
    )
    assert (error["input_tokens"], error["response_model"]) == (None, None)


LANGCHAIN = {"openinference_langchain": "openinference", "traceloop_langchain": "traceloop"}
ARGUMENTS = {"openinference_langchain": "Zürich", "traceloop_langchain": {"city": "Zürich"}}
"""What is recorded of a tool's arguments: OpenInference writes the value alone where there is but one."""


def _of_langchain(arrived: Arrived, scenario: str) -> list[Row]:
    """LangChain's own spans of model calls; the client's have another scope."""
    return [row for row in arrived.calls(scenario) if "langchain" in row["scope_name"]]


@pytest.mark.parametrize("name", LANGCHAIN)
def test_langchain_chain(name: str, sent: Sent):
    """A chain is a chain around one model call, whatever the wrappers are called."""
    arrived = sent(name)
    (call,) = _of_langchain(arrived, "chain")
    reasoning = {"reasoning_tokens": None} if name == "traceloop_langchain" else {}
    expected = {**ANSWERED, "dialect": LANGCHAIN[name], "finish_reason": "stop", **reasoning}
    assert _of(call, expected) == expected
    # OpenLLMetry sends the system prompt as gen_ai.system_instructions, beside the messages.
    asked = ASKED if name == "openinference_langchain" else ASKED[1:]
    assert (_said(call["input"]), _said(call["output"])) == (asked, [ANSWER])
    assert call["system_prompt"] == "Sei kurz."
    assert [row["span_type"] for row in arrived.scenarios["chain"]].count("chain") >= 2


@pytest.mark.parametrize("name", LANGCHAIN)
def test_langchain_agent(name: str, sent: Sent):
    """An agent's run: two model calls and one call of a tool, with arguments and result."""
    arrived = sent(name)
    first, second = _of_langchain(arrived, "agent")
    assert (_said(first["input"]), _said(first["output"])) == ([WEATHER], [CALL])
    assert _said(second["output"]) == [ANSWER]
    (offered,) = first["tool_definitions"]
    assert (offered["name"], offered["description"]) == ("get_weather", "Das Wetter.")
    (tool,) = [row for row in arrived.scenarios["agent"] if row["step_kind"] == "tool_call"]
    # OpenInference sends a single argument as its bare value, without its name.
    given = "Zürich" if name == "openinference_langchain" else {"city": "Zürich"}
    assert (tool["span_type"], tool["tool_name"], tool["input"]) == ("tool", "get_weather", given)
    assert (tool["output_text"], tool["dialect"]) == ("sonnig in Zürich", LANGCHAIN[name])


@pytest.mark.parametrize("name", LANGCHAIN)
def test_langchain_stream_ollama_and_error(name: str, sent: Sent):
    """A streamed call is not said not to be streamed; placeholders are no models; an error has its class."""
    arrived = sent(name)
    (streamed,) = _of_langchain(arrived, "stream")
    assert (streamed["input_tokens"], streamed["output_tokens"], streamed["streaming"]) == (120, 45, None)
    assert _said(streamed["output"]) == [ANSWER]
    (local,) = _of_langchain(arrived, "ollama")
    assert (local["provider"], local["input_tokens"], local["output_tokens"]) == ("ollama", 31, 7)
    assert {local["request_model"], local["response_model"]} == {"qwen3", None}
    (error,) = _of_langchain(arrived, "error")
    assert error["error_type"].endswith("NotFoundError")
    assert (error["request_model"], error["response_model"], error["input_tokens"]) == ("nobody", None, None)


def test_two_instrumentations_of_one_call_are_found(sent: Sent):
    """OpenInference's LangChain and OpenAI spans of one call are neighbours; the audit names the second."""
    arrived = sent("openinference_langchain")
    found = al.audit_tokens(arrived.frame)
    twice = set(found[found["finding"] == "same_response"]["span_id"])
    clients = [
        row["span_id"]
        for scenario in ("chain", "agent")
        for row in arrived.calls(scenario)
        if row["scope_name"] == "openinference.instrumentation.openai"
    ]
    assert len(clients) == 3
    assert twice == set(clients)
    assert set(found["finding"]) == {"same_response"}


def test_openllmetry_records_a_call_once(sent: Sent):
    """OpenLLMetry leaves the client's span out where LangChain's has recorded the call."""
    arrived = sent("traceloop_langchain")
    assert [len(arrived.calls(name)) for name in ("chain", "stream", "agent", "ollama", "error")] == [
        1,
        1,
        2,
        1,
        1,
    ]


def test_pydantic_ai(sent: Sent):
    """Agent, model calls and tools of a run, and a tool that fails."""
    arrived = sent("pydantic_ai")
    (agent,) = [row for row in arrived.scenarios["agent"] if row["span_type"] == "agent"]
    calls = arrived.calls("agent")
    told = {"dialect": "pydantic_ai", "agent_name": "wetterfrosch", "operation": "invoke_agent"}
    assert _of(agent, told) == told
    assert agent["output_text"] == "Grüße aus Paris 🌤"
    assert len(calls) == 2
    for call in calls:
        expected = {**CALLED, "provider": "test", "request_model": "test", "response_model": "test"}
        expected |= {"operation": "chat", "dialect": "pydantic_ai", "session_source": "attribute"}
        assert _of(call, expected) == expected
        assert _said(call["input"])[:2] == [("system", "text", "Sei kurz."), WEATHER]
        assert [tool["name"] for tool in call["tool_definitions"]] == ["get_weather", "broken"]
    assert agent["input_tokens"] == sum(call["input_tokens"] for call in calls)
    assert _said(calls[0]["output"]) == [("assistant", "tool_call", "get_weather", {"city": "a"})]
    assert _said(calls[1]["output"]) == [ANSWER]
    (tool,) = [row for row in arrived.scenarios["agent"] if row["step_kind"] == "tool_call"]
    assert (tool["tool_name"], tool["input"], tool["output"]) == ("get_weather", {"city": "a"}, "sonnig in a")
    (failed,) = [row for row in arrived.scenarios["error"] if row["step_kind"] == "tool_call"]
    assert (failed["tool_name"], failed["status"], failed["error_type"]) == ("broken", "ERROR", "ValueError")
    assert failed["error_message"] == "kein Netz"
