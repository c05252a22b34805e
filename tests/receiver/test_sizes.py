"""Bodies that are too large, and too many at once."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import zlib
from urllib.parse import urlsplit

import httpx
import pytest

LIMIT = 4 * 1024 * 1024  # of the shared receiver
MEGABYTE = 1_000_000


def connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=60)


def test_declared_too_large(client, kit, encoding):
    """A Content-Length over the limit is answered 413 in the request's encoding."""
    _, headers = kit.ENCODED[encoding]
    answer = client.post("/v1/traces", content=bytes(LIMIT + 1), headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (413, headers["Content-Type"])
    assert b"max_body" in answer.content


def test_chunked_too_large(client, kit):
    """A body without Content-Length is counted while it is read."""
    pieces = (bytes(MEGABYTE) for _ in range(20))
    assert client.post("/v1/traces", content=pieces, headers=kit.JSON).status_code == 413


def test_answer_comes_before_the_body_ends(receiver, kit):
    """The 413 is sent as soon as the limit is passed, not after the sender is done."""
    with connected(receiver.url) as raw:
        raw.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100000000\r\n\r\n"
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 413")


def test_hundred_megabytes(client, kit):
    """A sender of 100 MB can write all of it and then reads its 413; the connection is not reset."""
    answer = client.post("/v1/traces", content=bytes(100 * MEGABYTE), headers=kit.JSON)
    assert answer.status_code == 413
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(("name", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_bomb(client, kit, name, compress):
    """A small body that inflates to more than the limit is a 413."""
    bomb = compress(bytes(200 * MEGABYTE))
    assert len(bomb) < MEGABYTE
    answer = client.post("/v1/traces", content=bomb, headers={**kit.JSON, "Content-Encoding": name})
    assert answer.status_code == 413


def test_chunked_body_is_taken(client, kit, encoding):
    """JavaScript SDKs send chunked bodies without a length; they are as good as any."""
    encode, headers = kit.ENCODED[encoding]
    body = encode(kit.export(kit.span()))
    pieces = (body[i : i + 7] for i in range(0, len(body), 7))
    answer = client.post("/v1/traces", content=pieces, headers=headers)
    assert (answer.status_code, answer.headers["x-argus-accepted"]) == (200, "1")


def test_large_body_is_taken(client, kit):
    """A body of some megabytes, which is decoded beside the event loop, is accepted whole."""
    spans = [kit.span(attributes=[{"key": "k", "value": {"stringValue": "x" * 5000}}]) for _ in range(600)]
    body = kit.as_json(kit.export(*spans))
    assert MEGABYTE < len(body) < LIMIT
    assert client.post("/v1/traces", content=body, headers=kit.JSON).json() == {"accepted": 600}


def test_too_many_bytes_in_flight(launch, kit):
    """Beyond max_in_flight requests are told to come again in a second, and then are taken."""
    running = launch("--max-in-flight", "100000")
    url = f"{running.url}/v1/traces"
    body = kit.as_json(kit.export(kit.span()))
    with connected(running.url) as raw:
        raw.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 99999\r\n\r\n" + b" " * 99_990
        )
        refused = kit.until(
            lambda: (a := httpx.post(url, content=body, headers=kit.JSON)).status_code == 429 and a,
            "a 429",
        )
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"] == "overloaded"
    kit.until(lambda: httpx.post(url, content=body, headers=kit.JSON).status_code == 200, "room again")


def test_one_body_alone_is_never_too_many(launch, kit):
    """A body over max_in_flight is taken if nothing else is there: it would never fit otherwise."""
    running = launch("--max-in-flight", "10")
    body = kit.as_json(kit.export(kit.span()))
    assert httpx.post(f"{running.url}/v1/traces", content=body, headers=kit.JSON).status_code == 200


def test_backlog_limit(launch, kit):
    """While the keeper stands still, acknowledgements stop at max_backlog and go on afterwards."""
    running = launch("--max-backlog", "2000")
    url = f"{running.url}/v1/traces"
    kit.until(lambda: httpx.get(f"{running.url}/readyz").status_code == 200, "the keeper")
    keeper = running.pid("keeper")
    os.kill(keeper, signal.SIGSTOP)
    try:

        def refused() -> httpx.Response | None:
            answer = httpx.post(url, content=kit.as_json(kit.export(kit.span())), headers=kit.JSON)
            assert answer.status_code in {200, 429}
            return answer if answer.status_code == 429 else None

        answer = kit.until(refused, "a 429")
        assert answer.headers["retry-after"] == "1"
        assert "max_backlog" in httpx.get(f"{running.url}/readyz").json()["reasons"][0]
    finally:
        os.kill(keeper, signal.SIGCONT)
    body = kit.as_json(kit.export(kit.span()))
    kit.until(lambda: httpx.post(url, content=body, headers=kit.JSON).status_code == 200, "a 200 again")
