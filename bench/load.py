"""A load of requests over keep-alive connections, from a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from dataclasses import dataclass
from typing import Any

from argus_lab.otlp import Encoding
from bench import payloads

CONNECTIONS = 8
_TYPES = {"json": "application/json", "protobuf": "application/x-protobuf"}


@dataclass(frozen=True)
class Result:
    """How long a load took: seconds in all, and of each answer; and other answers than 200."""

    seconds: float
    answers: list[float]
    refused: int


def send(port: int, requests: int, encoding: Encoding, *, seed: int) -> Result:
    """Send so many requests and wait for all answers; an answer 429 or 503 is sent again."""
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue()
    process = context.Process(target=_run, args=(port, requests, encoding, seed, queue))
    process.start()
    result: Result = queue.get()
    process.join()
    return result


def _run(port: int, requests: int, encoding: Encoding, seed: int, queue: Any) -> None:
    bodies = payloads.bodies(requests, encoding, seed=seed)
    queue.put(asyncio.run(_load(port, bodies, _TYPES[encoding])))


async def _load(port: int, bodies: list[bytes], content_type: str) -> Result:
    waiting = list(reversed(bodies))
    answers: list[float] = []
    refused = 0

    async def connection() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        while waiting:
            body = waiting.pop()
            began = time.perf_counter()
            status = await _post(reader, writer, body, content_type)
            if status == 200:  # noqa: PLR2004
                answers.append(time.perf_counter() - began)
            else:
                refused += 1
                waiting.append(body)
                await asyncio.sleep(0.1)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return Result(time.perf_counter() - began, answers, refused)


async def _post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes, content_type: str
) -> int:
    head = (
        f"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode())
    writer.write(body)
    await writer.drain()
    answer = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in answer.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    await reader.readexactly(length)
    return int(answer.split(b" ", 2)[1])
