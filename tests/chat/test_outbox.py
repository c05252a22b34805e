"""The outbox: messages in order, within a bound, again for who comes back, none lost that was not sent."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_server.chat.outbox import Outbox


def _run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 20))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60), st.integers(1, 100), st.randoms())
def test_everything_arrives_once_and_within_the_bound(sizes, limit, chance):
    """Whatever the sizes and the reader's pace: all frames, in order, never more held than allowed."""

    async def go():
        outbox = Outbox(limit)
        frames = [f"{number:03}".ljust(size, ".") for number, size in enumerate(sizes, 1)]
        most = 0

        async def fill():
            for frame in frames[:-1]:
                await outbox.put(frame)
            outbox.finish(frames[-1])

        filling = asyncio.create_task(fill())
        heard, seq = [], 0
        while got := await outbox.after(seq):
            most = max(most, outbox.held)
            for frame in got:
                heard.append(frame)
                seq += 1
                outbox.sent(seq)
                if chance.random() < 0.3:
                    await asyncio.sleep(0)
        await filling
        assert heard == frames
        longest = max(len(frame) for frame in frames)
        assert most <= max(limit, longest) + len(frames[-1])

    _run(go())


def test_who_puts_waits_for_room():
    """Nobody takes: after the bound the next message waits; once one is sent, it goes on."""

    async def go():
        outbox = Outbox(10)
        await outbox.put("12345")
        await outbox.put("12345")
        third = asyncio.create_task(outbox.put("12345"))
        await asyncio.sleep(0.05)
        assert not third.done()
        assert outbox.held == 10
        outbox.sent(1)
        await third
        assert await outbox.after(1) == ["12345", "12345"]

    _run(go())


def test_what_was_sent_can_be_had_again():
    """As long as there is room; what is gone is skipped, so that the numbers show the gap."""

    async def go():
        outbox = Outbox(10)
        for _ in range(2):
            await outbox.put("12345")
        outbox.sent(2)
        assert len(await outbox.after(0)) == 2
        await outbox.put("12345")
        assert (outbox.oldest, len(await outbox.after(0))) == (2, 2)
        outbox.finish("x")
        assert await outbox.after(3) == ["x"]
        assert await outbox.after(4) == []

    _run(go())


def test_the_last_message_never_waits():
    """A full outbox takes the end, so that an answer always has one."""

    async def go():
        outbox = Outbox(5)
        await outbox.put("12345")
        outbox.finish("the end")
        assert await outbox.after(0) == ["12345", "the end"]

    _run(go())


def test_waits_until_there_is_something():
    """A reader that has heard all sleeps until more comes."""

    async def go():
        outbox = Outbox(100)
        waiting = asyncio.create_task(outbox.after(0))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await outbox.put("a")
        assert await waiting == ["a"]

    _run(go())
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(Outbox(1).after(0), 0.01))
