"""Conversations through a real receiver: asked, awaited, streamed, stopped, taken back, and failing well."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

import argus_lab as al
from argus_lab.chat.conversation import Conversation
from argus_lab.chat.setup import MOST_TOKENS, Place, Setup
from argus_lab.chat.transcript import folded
from argus_lab.errors import ChatError, InvalidArgument
from argus_lab.testing import FakeOllama
from tests.chat.conftest import PATIENCE, Wire, until
from tests.house.sources import ROOT


def weather(city: str) -> str:
    """Tell the weather of a city."""
    if city == "nowhere":
        raise LookupError("no such city")
    return f"Sunny in {city}."


def _asked(fake: FakeOllama, number: int = -1) -> list[tuple[str, str]]:
    return [(one["role"], one["content"]) for one in fake.chats[number].body["messages"]]


# --- how one talks -------------------------------------------------------------------------------


def test_asking_gives_the_turn(fake, talk):
    """The answer, its calls, usage and times; the next question carries what was said before."""
    chat = talk(system="Be brief.")
    fake.say("Good morning!")
    turn = chat.ask("Hello?")
    assert (turn.answer, turn.state, len(turn.trace_id)) == ("Good morning!", "done", 32)
    (call,) = turn.calls
    assert (call.reason, call.usage.output_tokens, call.model) == ("stop", 2, "llama3.2")
    assert call.timings.first_token_ms is not None
    chat.ask("And you?")
    assert _asked(fake) == [
        ("system", "Be brief."),
        ("user", "Hello?"),
        ("assistant", "Good morning!"),
        ("user", "And you?"),
    ]
    assert fake.chats[0].body["options"] == {"num_predict": MOST_TOKENS}, "a model does not talk for ever"


def test_awaiting_and_asking_under_a_running_loop(fake, talk):
    """In a notebook a loop runs: both ways work there, and the loop goes on meanwhile."""
    chat = talk()

    async def cell():
        go_on = threading.Event()

        async def tick():
            for _ in range(10):
                await asyncio.sleep(0.01)
            go_on.set()

        ticking = asyncio.create_task(tick())
        fake.say("one two", held={1: go_on})
        sent = await chat.send("First?")
        await ticking
        return sent.answer, chat.ask("Second?").answer

    assert asyncio.run(cell()) == ("one two", "You said: Second?")


def test_pieces_can_be_iterated(fake, talk):
    """With for and async for, as they come; twice the same; the end is the whole turn."""
    chat = talk()
    go_on = threading.Event()
    fake.say("one two three", held={2: go_on})
    running = chat.start("Count.")
    for piece in running:
        if piece == " two":
            assert not fake.chats[0].is_over
            go_on.set()
    assert "".join(running) == running.result().answer == "one two three"

    async def cell():
        fake.say("four five six")
        started = chat.start("Go on.")
        pieces = [piece async for piece in started]
        return pieces, (await started).answer

    assert asyncio.run(cell()) == (["four", " five", " six"], "four five six")


def test_stopping_stops_the_model(fake, talk):
    """What came stays in the conversation; the request to Ollama is closed; one can go on talking."""
    chat = talk()
    fake.say("word " * 1000, piece_s=0.02)
    running = chat.start("Talk.")
    for number, _ in enumerate(running):
        if number == 3:
            running.stop()
    turn = running.result()
    assert (turn.state, turn.failure) == ("stopped", None)
    assert turn.answer.startswith("word word word")
    until(lambda: fake.chats[0].was_cancelled, "the request to be closed")
    assert chat.ask("Next?").state == "done"
    assert _asked(fake)[1] == ("assistant", turn.answer)


def test_stopping_at_once_and_twice(fake, talk):
    """Before anything came, and again when it is over: nothing breaks."""
    chat = talk()
    fake.say("never", held={0: threading.Event()})
    running = chat.start("Talk.")
    chat.stop()
    chat.stop()
    assert running.result(PATIENCE).state == "stopped"
    chat.stop()
    fake.forget()  # nobody may have come for what was queued
    assert chat.ask("Next?").answer == "You said: Next?"


def test_a_task_that_is_cancelled_stops_the_model(fake, talk):
    """As asyncio does it: the await is cancelled, and the model is not left running."""
    chat = talk()
    fake.say("word " * 1000, piece_s=0.02)

    async def cell():
        task = asyncio.create_task(chat.send("Talk."))
        await asyncio.to_thread(until, lambda: fake.chats and fake.chats[0].sent > 3, "some words")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cell())
    until(lambda: fake.chats[0].was_cancelled, "the request to be closed")


def test_regenerating_and_editing_take_back(fake, talk):
    """The old answer is no longer part of what the model reads, nor what came after an edited turn."""
    chat = talk()
    for text in ("First?", "Second?", "Third?"):
        chat.ask(text)
    fake.say("Another.")
    assert chat.regenerate().result().answer == "Another."
    assert [turn.text for turn in chat.transcript.turns] == ["First?", "Second?", "Third?"]
    assert _asked(fake)[-1] == ("user", "Third?")
    assert len(_asked(fake)) == 5
    chat.edit(0, "Zeroth?").result()
    assert _asked(fake) == [("user", "Zeroth?")]
    with pytest.raises(InvalidArgument, match="no turn 5"):
        chat.edit(5, "?")


def test_one_answer_at_a_time(fake, talk):
    """A second question while one is answered is an error that says what to do."""
    chat = talk()
    go_on = threading.Event()
    fake.say("slow", held={0: go_on})
    running = chat.start("One?")
    with pytest.raises(InvalidArgument, match=r"\.stop\(\)"):
        chat.start("Two?")
    go_on.set()
    assert running.result().state == "done"
    with pytest.raises(InvalidArgument, match="nothing was asked"):
        talk().regenerate()


def test_tools_run_here_and_their_errors_are_told_to_the_model(fake, talk):
    """Results, what a tool raises, and a tool that is not there: the model reads all of it."""
    here = []

    async def place(city: str) -> str:
        """Find a place."""
        here.append(threading.get_ident())
        return city

    chat = talk(tools=(weather, place))
    fake.say(
        "Let me look.",
        tool_calls=[
            {"name": "weather", "arguments": {"city": "Hefei"}},
            {"name": "weather", "arguments": {"city": "nowhere"}},
            {"name": "place", "arguments": {"city": "Hefei"}},
            {"name": "dance", "arguments": {}},
            {"name": "weather", "arguments": {"town": "Hefei"}},
        ],
    )
    fake.say("Sunny.")
    turn = chat.ask("Weather?")
    assert turn.answer == "Sunny."
    results = [(one.content, one.is_error) for one in turn.calls[0].results]
    assert results[:3] == [
        ("Sunny in Hefei.", False),
        ("LookupError: no such city", True),
        ("Hefei", False),
    ]
    assert "no tool 'dance'" in results[3][0]
    assert "required field `city`" in results[4][0]
    assert here
    assert [role for role, _ in _asked(fake)] == ["user", "assistant", *["tool"] * 5]
    assert fake.chats[0].body["tools"][0]["function"]["name"] == "weather"


def test_a_model_that_only_asks_for_tools_is_ended(fake, talk):
    """After so many calls the turn fails and says so."""
    chat = talk(tools=(weather,), tool_rounds=3)
    for _ in range(4):
        fake.say(tool_calls=[{"name": "weather", "arguments": {"city": "Hefei"}}])
    with pytest.raises(ChatError, match="called 3 times") as found:
        chat.ask("Weather?")
    assert found.value.code == "too_many_rounds"
    assert len(fake.chats) == 3


def test_a_tool_can_be_stopped(fake, talk):
    """Stop does not wait for a tool that takes for ever."""
    is_waiting = threading.Event()

    async def wait() -> str:
        """Wait."""
        is_waiting.set()
        await asyncio.Event().wait()
        return "never"

    chat = talk(tools=(wait,))
    fake.say(tool_calls=[{"name": "wait"}])
    running = chat.start("Wait.")
    assert is_waiting.wait(PATIENCE)
    running.stop()
    assert running.result(PATIENCE).state == "stopped"
    assert chat.ask("Next?").state == "done"


def test_thinking_formats_options_and_images(fake, talk, tmp_path):
    """Thinking is kept apart; format and options reach Ollama; images as bytes, path or base64."""
    chat = talk(model="qwen3", think=True, format={"type": "object"}, options={"seed": 7, "num_predict": -1})
    fake.say("{}", thinking="Hm hm.")
    turn = chat.ask("Think.")
    assert (turn.thinking, turn.answer) == ("Hm hm.", "{}")
    body = fake.chats[0].body
    assert (body["think"], body["format"], body["options"]) == (
        True,
        {"type": "object"},
        {"num_predict": -1, "seed": 7},
    )
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"PNG")
    seeing = talk(model="llava")
    seeing.ask("What is it?", images=[picture, str(picture), b"PNG", "data:image/png;base64,UE5H"])
    assert fake.chats[-1].body["messages"][0]["images"] == ["UE5H"] * 4
    with pytest.raises(InvalidArgument, match="no image"):
        seeing.start("?", images=["nowhere.png"])


def test_models_pulls_and_another_model_in_between(fake, talk):
    """The list; a missing model; a pull with progress; then the same conversation goes on with it."""
    chat = talk(model="tiny")
    assert "llama3.2:latest" in [model.name for model in chat.models()]
    with pytest.raises(ChatError, match="ollama pull tiny") as found:
        chat.ask("Hello?")
    assert found.value.code == "model_missing"
    seen = []
    chat.pull("tiny", seen.append)
    assert seen[-1].status == "success"
    assert chat.ask("Hello?").calls[0].model == "tiny"
    assert _asked(fake) == [("user", "Hello?")], "the question that failed is not asked twice"
    with pytest.raises(ChatError, match="could not be downloaded"):
        chat.pull("nothing")
    del fake.api.models["tiny:latest"]


def test_a_pull_can_be_stopped(fake, talk):
    """From another thread, as the cell does it."""
    chat = talk()
    fake.api.pull_s, fake.api.pulled = 60.0, {}
    try:
        with pytest.raises(ChatError, match="was stopped") as found:
            chat.pull("tiny", lambda _: threading.Thread(target=chat.stop_pull).start())
        assert found.value.code == "pull_stopped"
    finally:
        fake.api.pull_s = 0.0


def test_watchers_hear_everything_and_may_fail(fake, talk, caplog):
    """Entries fold to the transcript; a watcher that raises is logged, and disturbs nobody."""
    chat = talk()
    entries, seen = [], []

    def broken(transcript, entry):
        raise RuntimeError("cannot draw")

    chat.watch(broken)
    forget = chat.watch(lambda transcript, entry: (entries.append(entry), seen.append(transcript)))
    chat.ask("Hello?")
    assert folded(entries).turns == chat.transcript.turns == seen[-1].turns
    assert "watcher" in caplog.text
    forget()
    forget()
    count = len(entries)
    chat.ask("Again?")
    assert len(entries) == count


def test_a_conversation_goes_on_from_a_transcript(fake, talk, receiver):
    """Saved and read back, it is the same session, and the model reads what was said before."""
    first = talk()
    first.ask("Hello?")
    place = Place(url=receiver.url, project="bot", service="kernel")
    second = Conversation(Setup(model="llama3.2"), place, first.transcript)
    second.ask("Again?")
    assert second.session == first.session
    assert len(_asked(fake)) == 3
    second.close()


def test_many_conversations_at_once(fake, talk):
    """Twenty in one process: each has its own answers."""
    chats = [talk() for _ in range(20)]
    running = [chat.start(f"Number {number}") for number, chat in enumerate(chats)]
    assert [one.result(PATIENCE).answer for one in running] == [
        f"You said: Number {number}" for number in range(20)
    ]


# --- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "code", "kept"),
    [
        ({"status": 503, "error": "server busy"}, "ollama_busy", ""),
        ({"content": "Half an", "error": "unexpected EOF"}, "model_error", "Half an"),
        ({"content": "Half an", "breaks": True}, "model_died", "Half an"),
    ],
)
def test_failures_are_raised_and_the_conversation_goes_on(fake, talk, answer, code, kept):
    """The error carries its code and the turn with what came; starting never raises."""
    chat = talk()
    fake.say(**answer)
    with pytest.raises(al.ChatError) as found:
        chat.ask("Hello?")
    assert (found.value.code, found.value.turn.answer, found.value.turn.state) == (code, kept, "failed")
    fake.say(**answer)
    running = chat.start("Hello?")
    until(lambda: running.is_over, "the end")
    assert running.turn.failure.code == code
    with pytest.raises(al.ChatError):
        list(running)
    assert chat.ask("Still there?").state == "done"


def test_a_receiver_that_is_down_is_told(talk):
    """With how to start it, and at once."""
    chat = talk("http://127.0.0.1:9")
    with pytest.raises(al.ChatError, match="argus-lab serve") as found:
        chat.ask("Hello?")
    assert found.value.code == "receiver_unreachable"
    assert (found.value.turn.calls[0].state, found.value.turn.failure.code) == (
        "failed",
        "receiver_unreachable",
    )
    with pytest.raises(al.ChatError, match="argus-lab serve"):
        chat.models()


def test_something_else_at_the_address_is_told(fake, talk):
    """A server that is no receiver: the status, and that it does not seem to be one."""
    with pytest.raises(al.ChatError, match="does not seem to be an Argus receiver") as found:
        talk(fake.url).ask("Hello?")
    assert found.value.code == "receiver_refused"


def test_of_two_addresses_the_one_that_answers(fake, receiver, monkeypatch):
    """The default looks at both ports of a receiver."""
    monkeypatch.setenv("ARGUS_RECEIVER", f"http://127.0.0.1:9 {receiver.url}")
    chat = Conversation(Setup(model="llama3.2"), Place(project="bot"))
    assert chat.ask("Hello?").state == "done"
    assert chat.url == receiver.url
    chat.close()


def test_a_dropped_socket_is_mended(fake, talk, cable: Wire):
    """Cut in the middle, several times: the answer is whole, and Ollama was asked once."""
    chat = talk(cable.url)
    go_on = {2: threading.Event(), 5: threading.Event()}
    fake.say("one two three four five six seven eight", held=go_on)
    running = chat.start("Count.")
    for number, _ in enumerate(running, 1):
        if number in go_on:
            cable.cut()
            go_on[number].set()
    turn = running.result()
    assert turn.answer == "one two three four five six seven eight"
    assert turn.calls[0].is_whole
    assert len(fake.chats) == 1
    cable.cut()
    assert chat.ask("Between two turns?").state == "done"


def test_a_receiver_that_dies_in_the_middle(launch, fake, talk):
    """What came stays and is marked; once a receiver runs again, the same conversation goes on."""
    first = launch("--ollama-host", fake.url)
    port = int(first.url.rpartition(":")[2])
    chat = talk(first.url)
    chat.ask("Hello?")
    fake.say("word " * 1000, piece_s=0.05)
    running = chat.start("Talk.")
    until(lambda: running.turn.answer.count("word") > 3, "some words")
    for child in ("worker 0", "keeper"):
        os.kill(first.pid(child), signal.SIGSTOP)
    first.process.kill()
    first.process.wait()
    for child in ("worker 0", "keeper"):
        os.kill(first.pid(child), signal.SIGKILL)
    again = launch("--ollama-host", fake.url, ports=(port,), lake=first.lake)
    with pytest.raises(ChatError) as found:
        running.result(PATIENCE)
    assert found.value.code == "connection_lost"
    assert found.value.turn.answer.startswith("word word word")
    assert "what came of the answer is kept" in str(found.value)
    assert chat.ask("Still there?").state == "done"
    assert again.stop() == 0


def test_a_receiver_that_stops_says_so(launch, fake, talk):
    """Stopped in order in the middle of an answer: the turn fails with that reason."""
    receiver = launch("--ollama-host", fake.url)
    chat = talk(receiver.url)
    fake.say("word " * 1000, piece_s=0.05)
    running = chat.start("Talk.")
    until(lambda: running.turn.answer.count("word") > 3, "some words")
    assert receiver.stop() == 0
    with pytest.raises(ChatError) as found:
        running.result(PATIENCE)
    assert found.value.code == "shutting_down"


def test_an_interrupt_stops_the_model(fake, receiver):
    """Ctrl-C in ask(), as a notebook's stop button sends it: KeyboardInterrupt, a stopped turn, no noise."""
    fake.say("word " * 1000, piece_s=0.02)
    code = textwrap.dedent(f"""
        from argus_lab.chat.conversation import Conversation
        from argus_lab.chat.setup import Place, Setup
        chat = Conversation(Setup(model="llama3.2"), Place(url={receiver.url!r}, project="bot"))
        try:
            chat.ask("Talk.")
        except KeyboardInterrupt:
            turn = chat.transcript.turns[0]
            print(turn.state, turn.failure.code, turn.answer[:14])
        print(chat.ask("Next?").answer)
        """)
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: fake.chats and fake.chats[0].sent > 5, "some words")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert out.splitlines() == ["stopped interrupted word word word", "You said: Next?"]
    assert err == ""
    assert fake.chats[0].was_cancelled


def test_an_interrupt_while_iterating_stops_the_model(fake, receiver):
    """The same for a loop over the pieces, also while nothing comes."""
    fake.say("one two", held={1: threading.Event()})
    code = textwrap.dedent(f"""
        from argus_lab.chat.conversation import Conversation
        from argus_lab.chat.setup import Place, Setup
        import sys, threading, time, traceback

        def innermost(thread):
            return [one.name for one in traceback.extract_stack(sys._current_frames()[thread])][-2:]

        def tell_when(thread):
            while innermost(thread) != ["_after", "wait"]:  # to start this thread waits too, but elsewhere
                time.sleep(0.01)
            print("waits", flush=True)

        chat = Conversation(Setup(model="llama3.2"), Place(url={receiver.url!r}, project="bot"))
        try:
            for piece in chat.start("Talk."):
                print(piece, flush=True)
                threading.Thread(target=tell_when, args=[threading.get_ident()]).start()
        except KeyboardInterrupt:
            print(chat.transcript.turns[0].state)
        """)
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert [process.stdout.readline() for _ in range(2)] == ["one\n", "waits\n"]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (out, err) == ("stopped\n", "")
    assert fake.chats[0].was_cancelled


def test_several_workers(launch, fake, talk):
    """Conversations are spread over workers; each is whole, and its spans arrive."""
    receiver = launch("--ollama-host", fake.url, "--workers", "2")
    chats = [talk(receiver.url) for _ in range(6)]
    running = [chat.start("Hello?") for chat in chats]
    assert {one.result(PATIENCE).answer for one in running} == {"You said: Hello?"}
    lake = al.open(receiver.lake)
    for chat in chats:
        assert chat.flush(PATIENCE)
        trace_id = chat.transcript.turns[0].trace_id
        assert len(lake.wait_for(trace_id, spans=chat.spans_of(trace_id), timeout=PATIENCE)) == 4
    assert receiver.stop() == 0


def test_messages_that_are_too_large_are_told(launch, fake, talk):
    """The socket closes with 1009: no endless reconnecting, but the reason."""
    receiver = launch("--ollama-host", fake.url, "--chat-max-message", "16KiB")
    chat = talk(receiver.url)
    with pytest.raises(ChatError, match="ARGUS_CHAT_MAX_MESSAGE") as found:
        chat.ask("x" * 20_000)
    assert found.value.code == "too_large"
    assert talk(receiver.url).ask("Short?").state == "done"
    assert receiver.stop() == 0
