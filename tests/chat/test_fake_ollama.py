"""The stand-in for Ollama, asked by the real client: the same lines, the same refusals, the same ends."""

from __future__ import annotations

import json
import socket
import time
from threading import Event

import httpx
import ollama
import pytest

from argus_lab.testing import Answer, FakeModel, FakeOllama
from tests.chat.conftest import until

HELLO = [{"role": "user", "content": "Hello?"}]
DURATIONS = {"total_duration", "load_duration", "prompt_eval_duration", "eval_duration"}


@pytest.fixture
def fake():
    thinker = FakeModel(name="qwen3", capabilities=("completion", "thinking"))
    with FakeOllama([FakeModel(), thinker], registry=["tiny"]) as found:
        yield found


@pytest.fixture
def client(fake):
    with ollama.Client(fake.url) as found:
        yield found


def _lines(fake: FakeOllama, **body) -> list[dict]:
    with httpx.stream("POST", f"{fake.url}/api/chat", json={"model": "llama3.2", **body}) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line) for line in answer.iter_lines()]


def test_lines_have_the_fields_of_the_real_ones(fake):
    """Each line has model, time, message, done; the last one reason, counts and nanoseconds."""
    fake.say("Hello there!")
    *pieces, last = _lines(fake, messages=HELLO)
    assert [line["message"] for line in pieces] == [
        {"role": "assistant", "content": "Hello"},
        {"role": "assistant", "content": " there!"},
    ]
    assert all(line.keys() == {"model", "created_at", "message", "done"} for line in pieces)
    assert last["message"] == {"role": "assistant", "content": ""}
    assert (last["done"], last["done_reason"], last["eval_count"]) == (True, "stop", 2)
    assert last.keys() >= DURATIONS - {"prompt_eval_duration"}
    assert all(isinstance(last[name], int) and last[name] > 0 for name in last.keys() & DURATIONS)


def test_fields_that_are_zero_are_left_out(fake):
    """A prompt from the cache has no count, not a count of zero."""
    fake.say("Hi.", is_cached=True)
    last = _lines(fake, messages=HELLO)[-1]
    assert last["done"]
    assert not last.keys() & {"prompt_eval_count", "prompt_eval_duration"}


def test_thinking_comes_first_and_tools_come_whole(fake, client):
    """The real client reads thinking, text and tool calls as they come from a real server."""
    call = {"name": "weather", "arguments": {"city": "Hefei"}, "id": "call_1"}
    fake.say("Let me look.", thinking="They want weather.", tool_calls=[call])
    said = list(client.chat("llama3.2", HELLO, stream=True))
    assert [part.message.thinking for part in said[:3]] == ["They", " want", " weather."]
    assert {part.message.content for part in said[:3]} == {""}
    (asked,) = [call for part in said for call in part.message.tool_calls or ()]
    assert (asked.function.name, asked.function.arguments) == ("weather", {"city": "Hefei"})


def test_refuses_what_ollama_refuses(fake, client):
    """Missing model, missing body, bad JSON, and what a model does not support."""
    with pytest.raises(ollama.ResponseError, match="model 'gone' not found") as found:
        client.chat("gone", HELLO)
    assert found.value.status_code == 404
    for model, options, words in (
        ("qwen3", {"tools": [{"type": "function", "function": {"name": "f"}}]}, "does not support tools"),
        ("llama3.2", {"think": True}, '"llama3.2" does not support thinking'),
    ):
        with pytest.raises(ollama.ResponseError, match=words) as found:
            client.chat(model, HELLO, **options)
        assert found.value.status_code == 400
    answer = httpx.post(f"{fake.url}/api/chat")
    assert (answer.status_code, answer.json()) == (400, {"error": "missing request body"})
    assert httpx.post(f"{fake.url}/api/chat", content="{").status_code == 400
    assert httpx.get(f"{fake.url}/nowhere").status_code == 404


def test_fails_in_the_three_ways(fake, client):
    """With a status before the first byte, with a last line of error, and by closing without a word."""
    fake.say(status=503, error="server busy, please try again.")
    with pytest.raises(ollama.ResponseError, match="busy") as found:
        client.chat("llama3.2", HELLO, stream=True).__next__()
    assert found.value.status_code == 503
    fake.say("Half an", error="unexpected EOF")
    heard = []
    with pytest.raises(ollama.ResponseError, match="unexpected EOF"):
        heard += [part.message.content for part in client.chat("llama3.2", HELLO, stream=True)]
    fake.say("Half an", breaks=True)
    with pytest.raises(httpx.RemoteProtocolError):
        list(client.chat("llama3.2", HELLO, stream=True))


def test_goes_on_when_it_is_let(fake, client):
    """A piece that is held comes once its event is set, and not before."""
    go_on = Event()
    fake.say("one two three", held={1: go_on})
    said = client.chat("llama3.2", HELLO, stream=True)
    assert next(said).message.content == "one"
    time.sleep(0.1)
    assert fake.chats[0].sent == 1
    go_on.set()
    assert [part.message.content for part in said] == [" two", " three", ""]


def test_notices_a_client_that_leaves(fake):
    """While pieces come, and also while nothing comes: the request counts as cancelled, and sends no more."""
    never = Event()
    for answer in (Answer(content="a " * 200, held={100: never}), Answer(content="a b", held={0: never})):
        fake.say(answer)
        asked = len(fake.chats)
        with socket.create_connection(("127.0.0.1", fake.port)) as raw:
            body = json.dumps({"model": "llama3.2", "messages": HELLO}).encode()
            raw.sendall(b"POST /api/chat HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            until(lambda number=asked: len(fake.chats) > number, "the request")
        until(lambda: fake.chats[-1].was_cancelled, "it to notice")
        sent = fake.chats[-1].sent
        time.sleep(0.1)
        assert fake.chats[-1].sent == sent < 200


def test_options_cap_and_context_cuts(fake):
    """``num_predict`` ends with ``length``; a prompt over ``num_ctx`` is cut unless refused."""
    fake.say("one two three four")
    last = _lines(fake, messages=HELLO, options={"num_predict": 2})[-1]
    assert (last["done_reason"], last["eval_count"]) == ("length", 2)
    long = [{"role": "user", "content": "x" * 400} for _ in range(8)]
    fake.say("fine")
    last = _lines(fake, messages=long, options={"num_ctx": 256})[-1]
    assert last["prompt_eval_count"] < 256
    body = {"model": "llama3.2", "messages": long, "truncate": False, "options": {"num_ctx": 256}}
    refused = httpx.post(f"{fake.url}/api/chat", json=body)
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "the input length exceeds the context length",
    )


def test_lists_loads_shows_and_pulls(fake, client):
    """Installed models, models in memory, capabilities; a pull reports bytes, goes on, and installs."""
    assert [model.model for model in client.list().models] == ["llama3.2:latest", "qwen3:latest"]
    assert client.ps().models == []
    assert client.chat("llama3.2", []).done_reason == "load"
    assert [model.context_length for model in client.ps().models] == [4096]
    assert client.show("qwen3").capabilities == ["completion", "thinking"]
    with pytest.raises(ollama.ResponseError, match="file does not exist"):
        list(client.pull("nothing", stream=True))
    seen = list(client.pull("tiny", stream=True))
    assert seen[0].status == "pulling manifest"
    assert seen[-1].status == "success"
    assert [part.completed for part in seen if part.completed][-1] == seen[1].total
    assert client.show("tiny").details.family == "llama"


def test_stops_and_starts_on_the_same_port(fake, client):
    """Stopped, nobody answers; started again, it is found where it was."""
    fake.stop()
    with pytest.raises(ConnectionError):
        client.list()
    fake.start()
    assert client.list().models
