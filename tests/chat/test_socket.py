"""``/v1/chat`` of a real receiver, spoken to by a plain WebSocket client; its Ollama is the stand-in."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from threading import Event

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from argus_lab.chat.failures import CODES
from argus_lab.testing import Answer
from tests.chat.conftest import PATIENCE, chat_of, opened, said, until
from tests.house.sources import ROOT
from tests.receiver.conftest import JSON, as_json, export, span

GIVES_BACK = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "32768", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""A process whose memory is measured returns what it no longer uses: left alone, it does so at times."""


def _text(heard) -> str:
    return "".join(one.get("content", "") for one in heard if one["type"] == "delta")


def _refused(url: str, **headers: str) -> httpx.Response:
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": "argus-chat.v1",
    }
    return httpx.get(f"{url}/v1/chat", headers=handshake | headers, timeout=PATIENCE)


def test_an_answer_streams_and_ends_with_numbers(fake, plain):
    """Started, pieces in order, done: numbered without a gap; usage and Ollama's own times at the end."""
    fake.say("Good morning to you!")
    heard = said(plain, chat_of())
    assert [one["type"] for one in heard] == ["started", *["delta"] * 4, "done"]
    assert [one["seq"] for one in heard] == [1, 2, 3, 4, 5, 6]
    assert _text(heard) == "Good morning to you!"
    done = heard[-1]
    assert (done["reason"], done["model"], done["usage"]) == (
        "stop",
        "llama3.2",
        {"input_tokens": 6, "output_tokens": 4},
    )
    assert done["timings"].keys() >= {"first_token_ms", "total_ms", "load_ms", "generation_ms"}


def test_pieces_come_as_they_are_made(fake, plain):
    """The first piece is here long before the last is made."""
    go_on = Event()
    fake.say("one two three", held={2: go_on})
    plain.send(json.dumps(chat_of()))
    while json.loads(plain.recv(PATIENCE)).get("content") != " two":
        pass
    assert not fake.chats[0].is_over
    time.sleep(0.2)
    go_on.set()
    assert said(plain)[-1]["timings"]["longest_gap_ms"] >= 200


def test_the_request_is_ollamas(fake, plain):
    """Options, tools, format, think, images, tool calls and results reach Ollama as its API has them."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"anyOf": [{"type": "object"}]}}}
    messages = [
        {"role": "user", "content": "?", "images": ["UE5H"]},
        {"role": "assistant", "tool_calls": [{"name": "f", "arguments": {"a": {"b": 1}}, "id": "x1"}]},
        {"role": "tool", "content": "2", "tool_name": "f", "tool_call_id": "x1"},
    ]
    said(
        plain,
        chat_of(
            messages=messages,
            options={"seed": 7, "mirostat": 1},
            tools=[tool],
            think=False,
            format={"type": "object"},
            keep_alive="5m",
            truncate=False,
            model="llama3.2:latest",
        )
        | {"messages": messages[1:]},
    )
    assert fake.chats[0].body == {
        "model": "llama3.2:latest",
        "messages": [
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "x1", "function": {"index": 0, "name": "f", "arguments": {"a": {"b": 1}}}}
                ],
            },
            {"role": "tool", "content": "2", "tool_name": "f", "tool_call_id": "x1"},
        ],
        "stream": True,
        "options": {"seed": 7, "mirostat": 1},
        "tools": [tool],
        "think": False,
        "format": {"type": "object"},
        "keep_alive": "5m",
        "truncate": False,
    }


def test_thinking_and_tool_calls_come_apart(fake, plain):
    """Thinking is not content; a call of a tool comes whole, with an id even if Ollama gave none."""
    calls = [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "id": "own"}]
    fake.say("Yes.", thinking="Hm hm.", tool_calls=calls)
    message = chat_of(model="qwen3", think=True)
    deltas = [one for one in said(plain, message) if one["type"] == "delta"]
    assert [one.get("thinking") for one in deltas] == ["Hm", " hm.", None, None, None]
    assert [one["tool_calls"] for one in deltas if "tool_calls" in one] == [
        [{"name": "f", "arguments": {"a": 1}, "id": f"{message['id']}-0"}],
        [{"name": "g", "id": "own"}],
    ]


def test_half_characters_do_not_break_the_stream(fake, plain):
    """A lone surrogate in a model's text is replaced, and the answer goes on."""
    fake.say(["caf\u00e9 ", "\ud83d", " ok"], tool_calls=[{"name": "f", "arguments": {"a": "\ud83d"}}])
    heard = said(plain, chat_of())
    assert _text(heard) == "caf\u00e9 ? ok"
    assert heard[-1]["type"] == "done"


def test_cancelling_closes_the_request(fake, plain):
    """The request to Ollama is closed, no more is generated, and the socket goes on."""
    fake.say("word " * 500, piece_s=0.02)
    message = chat_of()
    plain.send(json.dumps(message))
    while json.loads(plain.recv(PATIENCE))["seq"] < 5:
        pass
    heard = said(plain, {"type": "cancel", "id": message["id"]})
    assert (heard[-1]["type"], heard[-1]["reason"]) == ("done", "cancelled")
    until(lambda: fake.chats[0].was_cancelled, "the request to be closed")
    assert fake.chats[0].sent < 100
    fake.say("Fine.")
    assert _text(said(plain, chat_of())) == "Fine."


def test_cancelling_while_it_loads(fake, plain):
    """Before the first byte there is a request to close, too."""
    fake.say("never", first_s=60)
    message = chat_of()
    plain.send(json.dumps(message))
    until(lambda: fake.chats, "the request")
    assert said(plain, {"type": "cancel", "id": message["id"]})[-1]["reason"] == "cancelled"
    until(lambda: fake.chats[0].was_cancelled, "the request to be closed")


@pytest.mark.parametrize(
    ("answer", "fields", "code", "words"),
    [
        (None, {"model": "gone"}, "model_missing", "'gone' is not installed"),
        (None, {"think": True}, "unsupported", "does not support thinking"),
        (
            None,
            {"model": "llava", "tools": [{"type": "function", "function": {"name": "f"}}]},
            "unsupported",
            "does not support tools",
        ),
        (None, {"images": True}, "unsupported", "does not support images"),
        (Answer(status=503, error="server busy"), {}, "ollama_busy", "server busy"),
        (Answer(status=500, error="out of memory"), {}, "ollama_refused", "out of memory"),
        (Answer(content="Half an", error="unexpected EOF"), {}, "model_error", "unexpected EOF"),
        (Answer(content="Half an", breaks=True), {}, "model_died", "closed the connection"),
    ],
)
def test_failures_say_what_and_the_cure(fake, plain, answer, fields, code, words):  # noqa: PLR0917
    """Each with its code; what came before stays; the next answer comes over the same socket."""
    if answer is not None:
        fake.say(answer)
    message = chat_of(**fields)
    if message.pop("images", None):
        message["messages"][0]["images"] = ["UE5H"]
    heard = said(plain, message)
    assert (heard[-1]["type"], heard[-1]["code"]) == ("error", code)
    assert words in heard[-1]["message"]
    assert heard[-1]["seq"] == len(heard)
    assert _text(heard) == ("Half an" if answer and answer.content else "")
    assert code in CODES
    fake.say("Fine.")
    assert _text(said(plain, chat_of())) == "Fine."


def test_images_reach_a_model_that_sees(fake, plain):
    """And are refused only where Ollama says that the model cannot see."""
    message = chat_of(model="llava")
    message["messages"][0]["images"] = ["UE5H"]
    assert said(plain, message)[-1]["type"] == "done"
    assert fake.chats[0].body["messages"][0]["images"] == ["UE5H"]


def test_ollama_that_is_not_running_is_told(fake, plain):
    """How to start it; once it runs, the same socket works."""
    fake.stop()
    try:
        heard = said(plain, chat_of())
        assert heard[-1]["code"] == "ollama_unreachable"
        assert "ollama serve" in heard[-1]["cure"]
        assert said(plain, {"type": "models", "id": "m"})[-1]["code"] == "ollama_unreachable"
    finally:
        fake.start()
    assert said(plain, chat_of())[-1]["type"] == "done"


def test_a_context_that_is_full_is_told(fake, plain):
    """Ollama cuts without a word: the answer's notices say so; a cap that ends it is told apart."""
    fake.say("word " * 40)
    full = said(plain, chat_of("x" * 900, options={"num_ctx": 256}))[-1]
    assert [one["code"] for one in full["notices"]] == ["context_full"]
    fake.say("word " * 40)
    capped = said(plain, chat_of(options={"num_predict": 5}))[-1]
    assert (capped["reason"], [one["code"] for one in capped["notices"]]) == ("length", ["capped"])
    assert "notices" not in said(plain, chat_of())[-1]
    refused = said(plain, chat_of("x" * 4000, options={"num_ctx": 256}, truncate=False))[-1]
    assert refused["code"] == "context_too_long"
    fake.say("word " * 5000)
    unnamed = said(plain, chat_of("x" * 900))[-1]
    assert [one["code"] for one in unnamed["notices"]] == ["context_full"], "asked of Ollama itself"


def test_models_and_pulls(fake, plain):
    """What is installed; a download's progress to its success; one that does not exist."""
    (listed,) = said(plain, {"type": "models", "id": "m1"})
    assert [model["name"] for model in listed["models"]] == sorted(fake.api.models)
    assert listed["models"][0]["capabilities"]
    *told, done = said(plain, {"type": "pull", "id": "p1", "model": "tiny"})
    assert done["reason"] == "success"
    assert told[0]["status"] == "pulling manifest"
    assert told[-1]["status"] == "success"
    whole = [one for one in told if one.get("completed")]
    assert whole[-1]["completed"] == whole[-1]["total"]
    failed = said(plain, {"type": "pull", "id": "p2", "model": "nothing"})[-1]
    assert (failed["code"], "file does not exist" in failed["message"]) == ("pull_failed", True)
    del fake.api.models["tiny:latest"]


def test_a_pull_can_be_stopped(fake, plain):
    """Its request is closed; pulling again goes on from there."""
    fake.api.pull_s, fake.api.pulled = 0.2, {}
    try:
        plain.send(json.dumps({"type": "pull", "id": "p3", "model": "tiny"}))
        while not json.loads(plain.recv(PATIENCE)).get("completed"):
            pass
        assert said(plain, {"type": "cancel", "id": "p3"})[-1]["reason"] == "cancelled"
        until(lambda: fake.received[-1].was_cancelled, "the request to be closed")
        assert 0 < fake.api.pulled["tiny:latest"] < 8
    finally:
        fake.api.pull_s = 0.0
    assert said(plain, {"type": "pull", "id": "p4", "model": "tiny"})[-1]["reason"] == "success"
    del fake.api.models["tiny:latest"]


# --- after a drop --------------------------------------------------------------------------------


def test_resuming_gives_the_rest_once(fake, receiver):
    """A socket drops in the middle; on a new one the answer goes on after the last number heard."""
    fake.say("one two three four five six", piece_s=0.05)
    message = chat_of()
    heard = []
    with opened(receiver.url) as first:
        first.send(json.dumps(message))
        while len(heard) < 3:
            heard.append(json.loads(first.recv(PATIENCE)))
        first.socket.shutdown(socket.SHUT_RDWR)
    with opened(receiver.url) as second:
        heard += said(second, {"type": "resume", "id": message["id"], "after": heard[-1]["seq"]})
    assert [one["seq"] for one in heard] == list(range(1, len(heard) + 1))
    assert _text(heard) == "one two three four five six"
    assert not fake.chats[0].was_cancelled


def test_an_answer_that_is_over_can_be_had_again(fake, plain):
    """The drop may have come with the last message: it is kept for a while."""
    message = chat_of()
    first = said(plain, message)
    assert said(plain, {"type": "resume", "id": message["id"], "after": 2}) == first[2:]


def test_nobody_comes_back_so_the_model_is_stopped(launch, fake):
    """After the grace period the request is closed, and the place is free."""
    receiver = launch("--ollama-host", fake.url, "--chat-grace", "0.3", "--chat-generations", "1")
    fake.say("word " * 2000, piece_s=0.02)
    with opened(receiver.url) as gone:
        message = chat_of()
        gone.send(json.dumps(message))
        gone.recv(PATIENCE)
    until(lambda: fake.chats and fake.chats[0].was_cancelled, "the model to be stopped")
    with opened(receiver.url) as back:
        assert said(back, {"type": "resume", "id": message["id"], "after": 1})[-1]["code"] == "abandoned"
        assert said(back, chat_of())[-1]["type"] == "done"
    assert receiver.stop() == 0


def test_a_slow_client_pauses_its_model_and_nobody_else(launch, fake):
    """Far more text than the buffer, and a client that does not read: memory stays bounded, Ollama waits."""
    receiver = launch("--ollama-host", fake.url, "--chat-buffer", "64KiB", **GIVES_BACK)
    worker = receiver.pid("worker 0")
    with opened(receiver.url) as quick, _narrow(receiver.url) as slow:
        size = 40_000
        # As much as a span keeps of an answer, which is copied on its way to the lake.
        fake.say(["x" * size] * 110)
        said(quick, chat_of())
        httpx.post(f"{receiver.url}/v1/flush", timeout=PATIENCE).raise_for_status()
        before = _resident(worker)
        fake.say(["x" * size] * 800)  # 32 MB, of which the system may hold some on its way here
        message = chat_of()
        slow.send(json.dumps(message))
        until(lambda: len(fake.chats) == 2 and fake.chats[1].sent > 5, "the slow one to begin")
        until(lambda: _stands(fake, quick), "the model to be paused")
        assert not fake.chats[1].is_over
        assert _resident(worker) - before < 0.75 * 800 * size, "less than the answer"
        heard = said(slow)
        assert len(_text(heard)) == 800 * size, "and nothing is lost"
        assert [one["seq"] for one in heard] == list(range(1, len(heard) + 1))
        httpx.post(f"{receiver.url}/v1/flush", timeout=PATIENCE).raise_for_status()
        assert _resident(worker) - before < 0.75 * 800 * size, "less than the answer"
        (line,) = until(
            lambda: [x for x in receiver.log() if x.get("chat") == message["id"]], "the line of the answer"
        )
        assert line["paused_ms"] > 0
    assert receiver.stop() == 0


def _narrow(url: str) -> ClientConnection:
    """A client that takes little ahead of its reader: the system, too, would hold megabytes for it."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    narrow.connect(("127.0.0.1", int(url.rpartition(":")[2])))
    # It answers no ping while it takes nothing, and should not be cut off for its own.
    return opened(url, sock=narrow, max_queue=1, ping_interval=None)


def _stands(fake, quick) -> bool:
    """Whether the model said nothing more while somebody else had five answers, through the same loops."""
    sent = fake.chats[1].sent
    assert all(_text(said(quick, chat_of("Quick?"))) == "You said: Quick?" for _ in range(5))
    return fake.chats[1].sent == sent


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_ingestion_is_not_delayed_by_models(launch, fake):
    """Ten models at work, one of them stuck: spans are acknowledged as before, and readable."""
    receiver = launch("--ollama-host", fake.url)
    fake.say("stuck", first_s=120)
    for _ in range(9):
        fake.say("word " * 3000, piece_s=0.01)

    def acknowledged() -> float:
        began = time.monotonic()
        answer = httpx.post(
            f"{receiver.url}/v1/traces", content=as_json(export(span())), headers=JSON, timeout=PATIENCE
        )
        assert answer.status_code == 200
        return time.monotonic() - began

    alone = sorted(acknowledged() for _ in range(9))
    with opened(receiver.url) as connection:
        for _ in range(10):
            connection.send(json.dumps(chat_of()))
        until(lambda: sum(one.sent > 3 for one in fake.chats) == 9, "nine answers on their way")
        beside = sorted(acknowledged() for _ in range(9))
        # One that waited for a model would wait for its next word, or for two minutes.
        assert beside[4] < 10 * alone[4] + 1
        assert httpx.post(f"{receiver.url}/v1/flush", timeout=PATIENCE).status_code == 200
    began = time.monotonic()
    assert receiver.stop() == 0, "it stops in order with answers on their way"
    assert time.monotonic() - began < 20
    assert all(one.was_cancelled for one in fake.chats)


# --- who may come in -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({"Origin": "https://evil.example"}, 403, "forbidden_origin"),
        ({"Origin": "http://127.0.0.1:8888"}, 403, "forbidden_origin"),
        ({"Origin": "null"}, 403, "forbidden_origin"),
        ({"Host": "rebound.example:4000"}, 403, "forbidden_host"),
        ({"Host": "127.0.0.1.evil.example"}, 403, "forbidden_host"),
        ({"Sec-WebSocket-Protocol": "graphql-ws"}, 400, "unknown_subprotocol"),
        ({"Upgrade": "h2c"}, 426, "upgrade_required"),
    ],
)
def test_strangers_are_refused_before_the_handshake(receiver, fake, headers, status, error):
    """A page's origin, a name that was made to mean this machine, another protocol: a clear answer."""
    answer = _refused(receiver.url, **headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["message"]
    assert fake.received == []


def test_this_machine_is_let_in_by_its_names(receiver):
    """Under localhost and 127.0.0.1, with any port, without an origin."""
    for name in ("localhost:1234", "127.0.0.1", "[::1]:4000", "LOCALHOST"):
        with opened(receiver.url, additional_headers={}) as connection:
            assert connection.subprotocol == "argus-chat.v1"
        port = int(receiver.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(
                f"GET /v1/chat HTTP/1.1\r\nHost: {name}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                "Sec-WebSocket-Protocol: argus-chat.v1\r\n\r\n".encode()
            )
            assert raw.recv(100).startswith(b"HTTP/1.1 101"), name


def test_who_is_allowed_is_let_in(launch, fake):
    """Origins and hosts of the settings, and no others."""
    receiver = launch(
        *("--ollama-host", fake.url, "--chat-origins", "https://mine.example", "--chat-hosts", "lab.example")
    )
    for headers in ({"origin": "https://mine.example"}, {"additional_headers": {"Host": "lab.example:4000"}}):
        if "additional_headers" in headers:  # the client writes a Host of its own
            answer = _refused(receiver.url, Host="other.example")
            assert answer.status_code == 403
            continue
        with opened(receiver.url, **headers) as connection:
            assert said(connection, chat_of())[-1]["type"] == "done"
    with pytest.raises(InvalidStatus) as found, opened(receiver.url, origin="https://other.example"):
        pass
    assert found.value.response.status_code == 403
    assert receiver.stop() == 0


def test_messages_are_bounded(launch, fake):
    """Size closes the socket with 1009; speed and number are refused, and the socket goes on."""
    receiver = launch(
        *("--ollama-host", fake.url, "--chat-max-message", "64KiB", "--chat-rate", "5"),
        *("--chat-generations", "2"),
    )
    with opened(receiver.url) as large:
        large.send(json.dumps(chat_of("x" * 70_000)))
        with pytest.raises(ConnectionClosed) as found:
            large.recv(PATIENCE)
        assert found.value.rcvd.code == 1009
    with opened(receiver.url) as many:
        for _ in range(2):
            fake.say("word " * 1000, piece_s=0.05)
            many.send(json.dumps(chat_of()))
        until(lambda: len(fake.chats) == 2, "two answers on their way")
        third = chat_of()
        many.send(json.dumps(third))
        assert _about(many, third["id"])["code"] == "busy"
        for _ in range(30):
            many.send(json.dumps({"type": "models", "id": "m"}))
        codes = {json.loads(many.recv(PATIENCE)).get("code") for _ in range(60)}
        assert "rate_limited" in codes
    assert receiver.stop() == 0


def _about(connection, id: str) -> dict:
    while (message := json.loads(connection.recv(PATIENCE)))["id"] != id:
        pass
    return message


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "malformed"),
        ('{"type": "dance", "id": "1"}', "malformed"),
        ('{"type": "cancel", "id": "nobody"}', "unknown_call"),
        ('{"type": "resume", "id": "nobody"}', "unknown_call"),
        ('{"type": "models", "id": ""}', "malformed"),
        (json.dumps({"type": "models", "id": "x" * 65}), "malformed"),
        (b"\xff\xfe", "malformed"),
    ],
)
def test_what_cannot_be_done_is_told(fake, plain, frame, code):
    """With a code, and the socket goes on."""
    plain.send(frame)
    assert json.loads(plain.recv(PATIENCE))["code"] == code
    assert said(plain, chat_of())[-1]["type"] == "done"


def test_an_id_is_taken_once(fake, plain):
    """A second call with the id of the first is refused, and the first is not disturbed."""
    message = chat_of()
    assert said(plain, message)[-1]["type"] == "done"
    assert said(plain, message)[-1]["code"] == "duplicate_id"
    assert len(fake.chats) == 1


def test_many_answers_on_one_socket(fake, receiver):
    """Twenty at once: each whole, each in order."""
    fake_answers = {f"question {number}": f"answer {number} " * 20 for number in range(20)}
    for _ in range(20):
        fake.say("word " * 30, piece_s=0.002)
    with opened(receiver.url) as connection:
        chats = [chat_of(text) for text in fake_answers]
        for chat in chats:
            connection.send(json.dumps(chat))
        heard: dict[str, list[dict]] = {chat["id"]: [] for chat in chats}
        while not all(one and one[-1]["type"] == "done" for one in heard.values()):
            message = json.loads(connection.recv(PATIENCE))
            heard[message["id"]].append(message)
    for messages in heard.values():
        assert [one["seq"] for one in messages] == list(range(1, len(messages) + 1))
        assert _text(messages) == "word " * 30


def test_metrics_count_chats(fake, receiver, plain):
    """By how they ended."""
    said(plain, chat_of())
    said(plain, chat_of(model="gone"))
    text = httpx.get(f"{receiver.url}/metrics").text
    assert 'argus_chats_total{end="stop"}' in text
    assert 'argus_chats_total{end="model_missing"}' in text
    assert "argus_chats_running" in text


def test_the_log_says_nothing_that_was_said(fake, receiver, plain):
    """A line an answer, with how it ended, and none of its words."""
    fake.say("a very private answer")
    message = chat_of("a very private question")
    said(plain, message)
    (line,) = until(
        lambda: [x for x in receiver.log() if x.get("chat") == message["id"]], "the line of the answer"
    )
    assert line["end"] == "stop"
    assert "private" not in receiver.log_file.read_text()


def test_a_receiver_without_the_extra_says_so(launch, tmp_path):
    """It receives spans as ever; a chat is answered 501, with what to install."""
    (tmp_path / "ollama.py").write_text("raise ImportError('not installed')")
    receiver = launch(PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "server")]))
    answer = _refused(receiver.url)
    assert (answer.status_code, answer.json()["error"]) == (501, "not_installed")
    assert "pip install 'argus-lab[chat]'" in answer.json()["message"]
    body = as_json(export(span()))
    assert httpx.post(f"{receiver.url}/v1/traces", content=body, headers=JSON).status_code == 200
    assert receiver.stop() == 0


def test_nothing_is_loaded_until_somebody_chats(launch, fake):
    """A worker maps the libraries of Ollama's client with the first chat, and not before."""
    receiver = launch("--ollama-host", fake.url)
    maps = Path(f"/proc/{receiver.pid('worker 0')}/maps")
    assert _refused(receiver.url, Origin="https://evil.example").status_code == 403
    assert "pydantic_core" not in maps.read_text()
    with opened(receiver.url) as connection:
        assert said(connection, chat_of())[-1]["type"] == "done"
    assert "pydantic_core" in maps.read_text()
    assert receiver.stop() == 0


def test_ollama_is_found_as_its_own_client_finds_it(launch, fake):
    """``OLLAMA_HOST`` says where, as for Ollama itself, with or without a scheme; a proxy is not asked."""
    receiver = launch(OLLAMA_HOST=fake.url.removeprefix("http://"), HTTP_PROXY="http://127.0.0.1:9")
    with opened(receiver.url) as connection:
        assert said(connection, chat_of())[-1]["type"] == "done"
    assert receiver.stop() == 0


def test_images_are_not_kept_after_the_answer(launch, fake):
    """Thirty questions with pictures of 3 MB: the worker keeps what it told, not what it was asked."""
    receiver = launch("--ollama-host", fake.url, **GIVES_BACK)
    worker = receiver.pid("worker 0")
    message = chat_of(model="llava")
    message["messages"][0]["images"] = ["A" * 3_000_000]
    with opened(receiver.url) as connection:
        for number in range(33):
            assert said(connection, message | {"id": f"i{number}"})[-1]["type"] == "done"
            if number in {2, 32}:
                httpx.post(f"{receiver.url}/v1/flush", timeout=PATIENCE).raise_for_status()
            if number == 2:
                before = _resident(worker)
        assert _resident(worker) - before < 45_000_000
    assert receiver.stop() == 0
