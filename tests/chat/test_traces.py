"""Every turn is a trace in the lake: whole, of one session, and read well by measures and pages."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import argus_lab as al
from argus_lab.chat.conversation import Conversation
from argus_lab.chat.setup import Setup
from argus_lab.errors import ChatError
from tests.chat.conftest import PATIENCE, until
from tests.house.sources import ROOT
from tests.notebook.conftest import free_port


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Sunny in {city}."


@pytest.fixture
def spans_of(receiver):
    """The spans of a turn, once all have arrived, all columns."""

    def read(chat: Conversation, turn: int = -1, lake=None):
        trace_id = chat.transcript.turns[turn].trace_id
        assert chat.flush(PATIENCE)
        count = chat.spans_of(trace_id)
        found = al.open(lake or receiver.lake).wait_for(trace_id, spans=count, timeout=PATIENCE)
        assert len(found) == count
        return found

    return read


def _named(spans, name: str):
    (row,) = spans[spans["name"] == name].to_dict("records")
    return row


def test_a_turn_with_tools_is_one_trace(fake, talk, spans_of, receiver):
    """Both ends' spans, parents and children as drawn in the module, one session, the right kinds."""
    chat = talk(system="Be brief.", tools=(weather,), options={"temperature": 0.5, "seed": 7, "mirostat": 1})
    fake.say("Let me look.", tool_calls=[{"name": "weather", "arguments": {"city": "Hefei"}}])
    fake.say("It is sunny.")
    turn = chat.ask("Weather in Hefei?")
    spans = spans_of(chat)
    assert len(spans) == 8
    assert set(spans["trace_id"]) == {turn.trace_id}
    assert set(spans["session_id"]) == {chat.session}
    assert set(spans["session_source"]) == {"attribute"}
    assert set(spans["project"]) == {"bot"}
    root = _named(spans, "chat turn")
    ids = dict(zip(spans["span_id"], spans["name"], strict=True))
    parents = [ids.get(parent) for parent in spans["parent_span_id"]]
    assert sorted(zip(spans["name"], spans["service"], parents, strict=True), key=str) == sorted(
        [
            ("chat turn", "kernel", None),
            ("system prompt", "kernel", "chat turn"),
            ("/v1/chat", "argus-chat", "chat turn"),
            ("chat llama3.2", "argus-chat", "/v1/chat"),
            ("execute_tool weather", "kernel", "chat turn"),
            ("/v1/chat", "argus-chat", "chat turn"),
            ("chat llama3.2", "argus-chat", "/v1/chat"),
            ("assistant message", "kernel", "chat turn"),
        ],
        key=str,
    )
    assert (root["step_kind"], root["input_text"], root["kind"]) == (
        "user_message",
        "Weather in Hefei?",
        "INTERNAL",
    )
    tool = _named(spans, "execute_tool weather")
    assert (tool["step_kind"], tool["component_type"], tool["tool_name"], tool["operation"]) == (
        "tool_call",
        "custom_tool",
        "weather",
        "execute_tool",
    )
    assert json.loads(tool["input"]) == {"city": "Hefei"}
    assert tool["output_text"] == "Sunny in Hefei."
    answer = _named(spans, "assistant message")
    assert (answer["step_kind"], answer["output_text"]) == ("assistant_message", "It is sunny.")
    assert _named(spans, "system prompt")["step_kind"] == "system_prompt"


def test_the_models_call_is_told_in_current_names(fake, talk, spans_of):
    """Provider, operation, models, options, usage, finish reason, first token, and Ollama's own times."""
    chat = talk(
        model="qwen3", think=True, options={"temperature": 0.5, "top_p": 0.9, "seed": 7, "mirostat": 1}
    )
    fake.say("one two three", thinking="Hm hm.", pauses={3: 1.0})
    chat.ask("Count.")
    call = _named(spans_of(chat), "chat qwen3")
    expected = {
        "provider": "ollama",
        "operation": "chat",
        "span_type": "llm",
        "step_kind": "llm_call",
        "component_type": "llm",
        "component_name": "qwen3",
        "request_model": "qwen3",
        "response_model": "qwen3",
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "max_tokens": 4096,
        "streaming": True,
        "finish_reason": "stop",
        "output_tokens": 5,
        "kind": "CLIENT",
        "input_text": "Count.",
        "output_text": "one two three",
    }
    assert {name: call[name] for name in expected} == expected
    assert call["input_tokens"] > 0
    assert 0 < call["time_to_first_token_ms"] < call["duration_ms"] - 990
    told = json.loads(call["attributes"])
    assert json.loads(told["argus.ollama.options"]) == {"mirostat": 1}
    assert told["argus.stream.chunks"] == 5
    assert told["argus.stream.thinking_chunks"] == 2
    assert told["argus.stream.thinking_characters"] == 6
    gaps = told["argus.stream.chunk_gaps_ms"]
    assert len(gaps) == 5
    assert gaps[3] >= 990
    assert told["argus.stream.longest_gap_ms"] >= 990
    assert {"argus.ollama.load_ms", "argus.ollama.generation_ms"} <= told.keys()
    assert [part["type"] for part in json.loads(call["output"])[0]["parts"]] == ["reasoning", "text"]


def test_a_cold_start_can_be_told(fake, talk, spans_of):
    """The time that loading took is Ollama's own number, and part of the time to the first token."""
    chat = talk(options={"num_ctx": 1234})
    fake.api.models["llama3.2:latest"] = model = fake.api.models["llama3.2:latest"]
    fake.api.models["slow:latest"] = type(model)(name="slow", load_s=0.4)
    chat.setup = Setup(model="slow")
    chat.ask("Hello?")
    call = _named(spans_of(chat), "chat slow")
    assert json.loads(call["attributes"])["argus.ollama.load_ms"] >= 390
    assert call["time_to_first_token_ms"] >= 390
    del fake.api.models["slow:latest"]


def test_measures_and_pages_read_it_well(fake, talk, spans_of, receiver):
    """Session, rounds with their triggers and tools, tokens counted once, messages, a page, an audit."""
    chat = talk(tools=(weather,))
    fake.say(tool_calls=[{"name": "weather", "arguments": {"city": "Hefei"}, "id": "call_7"}])
    fake.say("It is sunny.")
    chat.ask("Weather in Hefei?")
    chat.ask("Thanks.")
    spans_of(chat)
    lake = al.open(receiver.lake)
    session = lake.session(chat.session)
    rounds = al.rounds(session)
    assert list(rounds["trigger"]) == ["user_message", "tool_call", "user_message"]
    assert list(rounds["executions"]) == [1, 0, 0]
    assert list(rounds["trigger_text"]) == ["Weather in Hefei?", "Sunny in Hefei.", "Thanks."]
    assert rounds["result_text"].iloc[1] == "It is sunny."
    (row,) = al.sessions(session).to_dict("records")
    calls = [call for turn in chat.transcript.turns for call in turn.calls]
    assert row["input_tokens"] == sum(call.usage.input_tokens for call in calls)
    assert row["output_tokens"] == sum(call.usage.output_tokens for call in calls)
    said = lake.messages(chat.session)
    assert "Sunny in Hefei." in " ".join(map(str, said["text"]))
    page = str(al.show(lake.trace(chat.transcript.turns[0].trace_id)))
    assert "chat turn" in page
    assert "weather" in page
    assert "llama3.2" in page


@pytest.mark.parametrize(
    ("answer", "code", "spans"),
    [
        ({"content": "Half an", "breaks": True}, "model_died", 4),
        ({"content": "Half an", "error": "unexpected EOF"}, "model_error", 4),
        ({"status": 404, "error": "model 'llama3.2' not found"}, "model_missing", 3),
    ],
)
def test_failures_are_error_spans(fake, talk, spans_of, answer, code, spans):  # noqa: PLR0917
    """The turn, the receiver's span and the call say so; what came of the answer is in the trace too."""
    chat = talk()
    fake.say(**answer)
    with pytest.raises(ChatError) as found:
        chat.ask("Hello?")
    rows = spans_of(chat)
    assert len(rows) == spans
    failed = rows[rows["status"] == "ERROR"]
    assert sorted(failed["name"]) == ["/v1/chat", "chat llama3.2", "chat turn"]
    assert set(failed["error_type"]) == {code}
    assert failed["error_message"].iloc[0] in str(found.value)
    if spans == 4:
        assert _named(rows, "chat llama3.2")["output_text"] == "Half an"
        assert _named(rows, "assistant message")["output_text"] == "Half an"


def test_a_tool_that_raises_is_an_error_span(fake, talk, spans_of):
    """With type, message and stack; the turn itself is fine."""

    def broken() -> str:
        """Break."""
        raise LookupError("no such thing")

    chat = talk(tools=(broken,))
    fake.say(tool_calls=[{"name": "broken"}])
    chat.ask("Break.")
    rows = spans_of(chat)
    tool = _named(rows, "execute_tool broken")
    assert (tool["status"], tool["error_type"], tool["error_message"]) == (
        "ERROR",
        "LookupError",
        "no such thing",
    )
    assert "def broken" not in tool["error_stack"]
    assert "raise LookupError" in tool["error_stack"]
    assert _named(rows, "chat turn")["status"] != "ERROR"


def test_stopping_early_leaves_nothing_behind(fake, talk, spans_of, caplog):
    """A stopped turn is whole and no error, its reason is told, and no context failed to be detached."""
    chat = talk()
    with caplog.at_level(logging.DEBUG, "opentelemetry"):
        for _ in range(3):
            fake.say("word " * 500, piece_s=0.01)
            for number, _ in enumerate(chat.start("Talk.")):
                if number == 2:
                    chat.stop()
                    break
            until(lambda: not chat.transcript.is_running, "the end")
        rows = spans_of(chat)
    assert set(rows["status"]) == {"UNSET"}
    assert _named(rows, "chat llama3.2")["finish_reason"] == "cancelled"
    assert "detach" not in caplog.text
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_spans_wait_for_a_receiver_that_is_down(launch, fake, talk, spans_of):
    """The error span of a turn that found no receiver arrives once one runs."""
    port = free_port()
    chat = talk(f"http://127.0.0.1:{port}")
    with pytest.raises(ChatError):
        chat.ask("Hello?")
    assert not chat.flush(2)
    receiver = launch("--ollama-host", fake.url, ports=(port,))
    (row,) = spans_of(chat, lake=receiver.lake).to_dict("records")
    assert (row["name"], row["status"], row["error_type"]) == ("chat turn", "ERROR", "receiver_unreachable")
    assert row["input_text"] == "Hello?"
    assert chat.ask("Now?").state == "done"
    assert receiver.stop() == 0


def test_the_standard_variable_sends_them_elsewhere_as_well(launch, fake, talk, spans_of, monkeypatch):
    """Both ends' spans arrive at both places."""
    other = launch()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", other.url)
    receiver = launch("--ollama-host", fake.url, OTEL_EXPORTER_OTLP_ENDPOINT=other.url)
    chat = talk(receiver.url)
    chat.ask("Hello?")
    here = spans_of(chat, lake=receiver.lake)
    there = al.open(other.lake).wait_for(chat.transcript.turns[0].trace_id, spans=len(here), timeout=PATIENCE)
    assert sorted(here["span_id"]) == sorted(there["span_id"])
    assert set(here["service"]) == {"kernel", "argus-chat"}
    for running in (receiver, other):
        assert running.stop() == 0


def test_receiving_is_never_traced(launch, fake, talk, spans_of):
    """Sending the spans makes no spans: after a while there are as many as the turns made."""
    receiver = launch("--ollama-host", fake.url)
    chat = talk(receiver.url)
    for number in range(3):
        chat.ask(f"Number {number}")
    spans_of(chat, lake=receiver.lake)
    for _ in range(3):
        assert chat.flush(PATIENCE)
    assert al.open(receiver.lake).count() == sum(chat.spans_of(one.trace_id) for one in chat.transcript.turns)
    assert receiver.stop() == 0


def test_turns_and_tools_join_the_users_own_spans(fake, talk, spans_of):
    """A turn within a user's span is part of its trace; a span that a tool makes is below the tool's."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("mine")

    def look_up() -> str:
        """Look up."""
        with tracer.start_as_current_span("database"):
            return "found"

    async def look_up_later() -> str:
        """Look up later."""
        with tracer.start_as_current_span("database later"):
            return "found"

    chat = talk(tools=(look_up, look_up_later))
    fake.say(tool_calls=[{"name": "look_up"}, {"name": "look_up_later"}])
    with tracer.start_as_current_span("mine") as mine:
        turn = chat.ask("Look.")
    assert turn.trace_id == trace.format_trace_id(mine.get_span_context().trace_id)
    rows = spans_of(chat)
    own = {span.name: span for span in exporter.get_finished_spans()}
    for name, tool in (("database", "look_up"), ("database later", "look_up_later")):
        assert (
            trace.format_span_id(own[name].parent.span_id) == _named(rows, f"execute_tool {tool}")["span_id"]
        )
    root = _named(rows, "chat turn")
    assert root["parent_span_id"] == trace.format_span_id(mine.get_span_context().span_id)


def test_labels_come_from_where_one_expects_them(fake, receiver):
    """Standard variables name project and service; without them ``chat``; a disabled SDK traces nothing."""
    code = textwrap.dedent(f"""
        from argus_lab.chat.conversation import Conversation
        from argus_lab.chat.setup import Place, Setup
        chat = Conversation(Setup(model="llama3.2"), Place(url={receiver.url!r}))
        turn = chat.ask("Hello?")
        chat.close()
        print(turn.answer, turn.trace_id)
        """)
    seen = []
    for given in (
        {},
        {"OTEL_RESOURCE_ATTRIBUTES": "argus.project=named,service.name=svc"},
        {"OTEL_SDK_DISABLED": "true"},
    ):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "JPY_"))}
        run = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=kept | given,
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stderr == ""
        trace_id = run.stdout.strip().removeprefix("You said: Hello?").strip()
        rows = al.open(receiver.lake).wait_for(trace_id, spans=4, timeout=PATIENCE) if trace_id else None
        seen.append(None if rows is None else (*set(rows["project"]), *sorted(set(rows["service"]))))
    assert seen == [("chat", "argus-chat", "chat"), ("named", "argus-chat", "svc"), None]
