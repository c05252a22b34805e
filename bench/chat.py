"""Chats: what the cell, the socket and the receiver add to the bare ``ollama`` client, in the same run.

Ollama is the stand-in, in a process of its own, so that a model's own time is nothing and what is added
is all that there is. Both ways are asked in turn, so that a busy machine disturbs both alike.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import ollama
from opentelemetry.context import Context

from argus_lab.chat.background import submit
from argus_lab.chat.conversation import Conversation
from argus_lab.chat.setup import Place, Setup
from argus_lab.chat.traces import TurnTrace
from argus_lab.chat.tracing import Tracing
from argus_lab.chat.transcript import Entry, Transcript
from argus_lab.chat.wire import Delta
from argus_lab.testing import Answer, FakeOllama
from argus_lab.widgets.chat import Chat
from bench.places import workspace
from bench.receiving import _free_port, _running, _serve

ROUNDS = 150
LONG = 2000
CONVERSATIONS = 50
PACE_S = 0.02
ROUNDS_AT_ONCE = 4
TURNS = 2000
MODEL = "llama3.2"


def measure(rounds: int = ROUNDS) -> list[str]:
    """Lines of the table."""
    with _stand_in() as ollama_url, tempfile.TemporaryDirectory(dir=workspace()) as folder:
        port = _free_port()
        os.environ["ARGUS_OLLAMA_HOST"] = ollama_url
        with _running(_serve(folder, port), port):
            url = f"http://127.0.0.1:{port}"
            lines = [*_first_token(ollama_url, url, rounds), "", *_per_token(ollama_url, url), ""]
            return [*lines, *_at_once(ollama_url, url), "", *_tracing(url)]


def answered(body: Mapping[str, Any]) -> Answer:
    """What the stand-in says: as many words as it is asked for, at the pace it is asked for."""
    count, _, pace = body["messages"][-1]["content"].partition(" ")
    return Answer(content=[" word"] * int(count), piece_s=float(pace or 0))


@contextmanager
def _stand_in() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "bench.chat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait()


def _conversation(url: str) -> Conversation:
    setup = Setup(model=MODEL, options={"num_ctx": 1_000_000, "num_predict": -1})
    return Conversation(setup, Place(url=url, project="bench"))


def _bare(client: ollama.Client, text: str) -> float:
    """Seconds to the first piece; the rest is read, too."""
    began = time.perf_counter()
    first = 0.0
    options = {"num_ctx": 1_000_000}
    for part in client.chat(MODEL, [{"role": "user", "content": text}], stream=True, options=options):
        if part.message.content and not first:
            first = time.perf_counter() - began
    return first


def _through(chat: Conversation, text: str) -> float:
    began = time.perf_counter()
    first = 0.0
    for _ in chat.start(text):
        first = first or time.perf_counter() - began
    return first


def _first_token(ollama_url: str, url: str, rounds: int) -> list[str]:
    client, cell = ollama.Client(ollama_url), Chat(MODEL, url=url, project="bench")
    drawing = _drawn(cell)
    chat = _conversation(url)
    for _ in range(5):
        _bare(client, "5")
        _through(chat, "5")
        _through(cell.conversation, "5")
    spent: dict[str, list[float]] = {"bare client": [], "conversation": [], "with the cell": []}
    for _ in range(rounds):
        spent["bare client"].append(_bare(client, "5"))
        spent["conversation"].append(_through(_fresh(chat), "5"))
        spent["with the cell"].append(_through(_fresh(cell.conversation), "5"))
    bare = statistics.median(spent["bare client"])
    lines = [f"first token, {rounds} of each in turn; ms", ""]
    lines += [
        f"{name:16}p10 {_at(one, 0.1) * 1e3:7.2f}   median {statistics.median(one) * 1e3:7.2f}   p95 {_at(one, 0.95) * 1e3:7.2f}   "
        f"added at p10 {(_at(one, 0.1) - _at(spent['bare client'], 0.1)) * 1e3:6.2f}, at the median {(statistics.median(one) - bare) * 1e3:6.2f}"
        for name, one in spent.items()
    ]
    chat.close()
    cell.close()
    return [
        *lines,
        f"the cell drew {drawing()} times (it sends to no browser here); aim: 10 ms at the median",
    ]


def _fresh(chat: Conversation) -> Conversation:
    """The same conversation with nothing said, so that prompts do not grow while measuring."""
    chat._transcript = Transcript(chat.session)  # noqa: SLF001  a bench may
    return chat


def _drawn(cell: Chat) -> Callable[[], int]:
    """Have the cell draw, as if it were shown; says how often it did."""
    from argus_lab.widgets.cell import Cell

    shown = Cell(cell.conversation, cell._traces.page)  # noqa: SLF001  the same
    draw, count = shown._pace._draw, [0]  # noqa: SLF001  the same

    def counted() -> None:
        count[0] += 1
        draw()

    shown._pace._draw = counted  # noqa: SLF001  the same
    cell._cell = shown  # noqa: SLF001  the same
    return lambda: count[0]


def _per_token(ollama_url: str, url: str) -> list[str]:
    client, chat = ollama.Client(ollama_url), _conversation(url)
    spent: dict[str, list[float]] = {"bare client": [], "conversation": []}
    ways: dict[str, Callable[[], float]] = {
        "bare client": lambda: _bare(client, str(LONG)),
        "conversation": lambda: _through(_fresh(chat), str(LONG)),
    }
    for number in range(8):
        for name, ask in ways.items():
            began = time.perf_counter()
            ask()
            if number:  # the first warms up
                spent[name].append((time.perf_counter() - began) / LONG)
    bare, through = (statistics.median(one) for one in spent.values())
    chat.close()
    return [
        f"{LONG} tokens as fast as they come; ms a token",
        "",
        f"bare client {bare * 1e3:.3f}   conversation {through * 1e3:.3f}   added {(through - bare) * 1e3:.3f}   (aim: 0.3)",
    ]


def _at_once(ollama_url: str, url: str) -> list[str]:
    text = f"50 {PACE_S}"
    ways: dict[str, Callable[[], Spread]] = {
        "bare client": lambda: asyncio.run(_many_bare(ollama_url, text)),
        "conversations": lambda: _many_through(url, text),
    }
    found: dict[str, list[Spread]] = {name: [] for name in ways}
    for _ in range(ROUNDS_AT_ONCE):
        for name, ask in ways.items():
            found[name].append(ask())
    lines = [
        f"{CONVERSATIONS} at once, 50 tokens each, one every {PACE_S * 1e3:.0f} ms; ms; "
        f"the quickest of {ROUNDS_AT_ONCE} rounds in turn",
        "",
    ]
    for name, spreads in found.items():
        firsts, gaps, whole = min(spreads, key=lambda one: one[2])
        lines.append(
            f"{name:16}first token median {statistics.median(firsts) * 1e3:6.1f} p95 {_at(firsts, 0.95) * 1e3:6.1f}   "
            f"between tokens median {statistics.median(gaps) * 1e3:5.1f} p99 {_at(gaps, 0.99) * 1e3:6.1f}   all {whole:5.2f} s"
        )
    return lines


Spread = tuple[list[float], list[float], float]


async def _many_bare(ollama_url: str, text: str) -> Spread:
    client = ollama.AsyncClient(ollama_url)
    times: list[list[float]] = []

    async def one() -> None:
        mine = [time.perf_counter()]
        times.append(mine)
        said = await client.chat(MODEL, [{"role": "user", "content": text}], stream=True)
        mine += [time.perf_counter() async for part in said if part.message.content]

    await asyncio.gather(*(one() for _ in range(CONVERSATIONS)))
    return _spread(times)


def _many_through(url: str, text: str) -> Spread:
    chats = [_conversation(url) for _ in range(CONVERSATIONS)]
    for running in [chat.start("1") for chat in chats]:
        running.result()  # the sockets are open now, as the bare client's would be after a first question
    times = [_timed(_fresh(chat)) for chat in chats]
    started = []
    for chat, mine in zip(chats, times, strict=True):
        mine.append(time.perf_counter())
        started.append(chat.start(text))
    for running in started:
        running.result()
    found = _spread(times)
    for chat in chats:
        submit(chat._client.close()).result()  # noqa: SLF001  a bench may
    return found


def _timed(chat: Conversation) -> list[float]:
    mine: list[float] = []

    def seen(_: Transcript, entry: Entry) -> None:
        if isinstance(entry, Delta):
            mine.append(time.perf_counter())

    chat.watch(seen)
    return mine


def _spread(times: Sequence[Sequence[float]]) -> Spread:
    firsts = [mine[1] - mine[0] for mine in times]
    gaps = [later - earlier for mine in times for earlier, later in pairwise(mine[1:])]
    return firsts, gaps, max(mine[-1] for mine in times) - min(mine[0] for mine in times)


def _tracing(url: str) -> list[str]:
    """The kernel's spans of a turn: made on the way, and altogether with sending them."""
    tracing = Tracing(url, {}, keeps=False)
    tracer = tracing.tracer("bench", "bench")
    on_the_way: list[float] = []
    used = time.process_time()
    for _ in range(TURNS):
        began = time.perf_counter()
        trace = TurnTrace(tracer, "bench", "Hello?", {}, Context())
        _ = trace.traceparent
        trace.piece()
        trace.answered("Good morning!", "stop")
        trace.end(None)
        on_the_way.append(time.perf_counter() - began)
        if len(on_the_way) % 500 == 0:
            tracing.flush()
    tracing.flush()
    used = time.process_time() - used
    tracing.shutdown()
    return [
        f"tracing a turn at the kernel's end, {TURNS} turns",
        "",
        f"on the way {statistics.median(on_the_way) * 1e6:.0f} us at the median; with sending {used / TURNS * 1e6:.0f} us of processor time a turn",
    ]


def _at(values: Sequence[float], part: float) -> float:
    return sorted(values)[int(len(values) * part)]


if __name__ == "__main__":
    with FakeOllama(otherwise=answered) as fake:
        print(fake.url, flush=True)
        sys.stdin.read()
