"""A client that takes nothing for long counts as gone."""

from __future__ import annotations

import asyncio

from argus_lab.settings import read
from argus_server.chat import socket as module
from argus_server.chat.outbox import Outbox


class Stuck:
    """A connection that takes no byte."""

    def __init__(self) -> None:
        self.io_proto = None
        self.codes: list[int] = []
        self.frames: asyncio.Queue[str] = asyncio.Queue()

    async def recv(self) -> str:
        """What the client sends; the end of it is a lost connection."""
        frame = await self.frames.get()
        if not frame:
            raise ConnectionError
        return frame

    async def send(self, _frame: str) -> None:
        """Never done."""
        await asyncio.Event().wait()

    def end_connection(self, code: int) -> None:
        """Ended by the receiver."""
        self.codes.append(code)
        self.frames.put_nowait("")


class Alone:
    """A job of which nobody is told any more, and a hub that notices."""

    def __init__(self) -> None:
        self.id, self.outbox, self.follower, self.was_left = "a", Outbox(100), None, False

    def take_over(self, follower) -> None:
        """As a job does."""
        self.follower = follower

    def job(self, _id: str) -> Alone:
        """The job of the hub."""
        return self

    def joined(self, job: Alone) -> None:
        """Somebody hears it."""

    def left(self, _job: Alone) -> None:
        """Nobody does."""
        self.was_left = True


def test_a_stalled_client_is_let_go(monkeypatch):
    """The connection is ended, and the answer is told to be alone, so that its model is stopped in time."""
    monkeypatch.setattr(module, "STALLED_S", 0.05)

    async def go():
        stuck, alone = Stuck(), Alone()
        client = module.Client(stuck, alone, read({}))
        await alone.outbox.put("text")
        serving = asyncio.create_task(client.serve())
        stuck.frames.put_nowait('{"type": "resume", "id": "a"}')
        await asyncio.wait_for(serving, 20)
        assert stuck.codes[0] == 1001
        assert alone.was_left

    asyncio.run(go())
