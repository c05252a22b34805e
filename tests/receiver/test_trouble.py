"""A lake that cannot be written: 503 with a reason, nothing lost, and well again by itself."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import argus_lab as al
from argus_lab.settings import read

NEVER = {500, 501, 301, 302, 303, 307, 308}


def post(url: str, kit) -> httpx.Response:
    body = kit.as_json(kit.export(kit.span()))
    return httpx.post(f"{url}/v1/traces", content=body, headers=kit.JSON, timeout=kit.PATIENCE)


def ready(url: str) -> httpx.Response:
    return httpx.get(f"{url}/readyz")


def test_disk_full(launch, kit):
    """A journal that cannot grow: 503 with Retry-After, /readyz says why, and 200 after the cure."""
    running = launch()
    acknowledged = 0
    assert post(running.url, kit).status_code == 200
    acknowledged += 1
    worker = running.pid("worker 0")
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    answer = post(running.url, kit)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["error"] == "unavailable"
    assert "journal" in ready(running.url).json()["reasons"][0]
    assert httpx.get(f"{running.url}/healthz").status_code == 200
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    # Ready again without any traffic: a probe found out.
    kit.until(lambda: ready(running.url).status_code == 200, "ready again")
    assert post(running.url, kit).status_code == 200
    acknowledged += 1
    assert httpx.post(f"{running.url}/v1/flush", timeout=kit.PATIENCE).status_code == 200
    assert al.open(str(running.lake)).count() == acknowledged


def test_read_only_lake(launch, kit, unwritable):
    """A lake where nothing can be written: the receiver starts, and says 503 and why."""
    running = launch(lake=unwritable / "lake")
    answer = post(running.url, kit)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert str(unwritable) in " ".join(ready(running.url).json()["reasons"])


@pytest.fixture
def unwritable(tmp_path):
    """A directory that this user cannot write to; root may write everywhere but to the kernel's."""
    if os.geteuid() == 0:
        yield Path("/sys/kernel")
        return
    tmp_path.chmod(0o555)
    yield tmp_path
    tmp_path.chmod(0o755)


def test_lake_that_is_a_file(launch, kit, tmp_path):
    """A file where the lake should be: the receiver starts, says 503 and why, and recovers."""
    lake = tmp_path / "lake"
    lake.write_text("not a directory")
    running = launch(lake=lake)
    answer = post(running.url, kit)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert str(lake) in " ".join(ready(running.url).json()["reasons"])
    lake.unlink()
    kit.until(lambda: post(running.url, kit).status_code == 200, "a 200 after the cure")
    kit.until(lambda: ready(running.url).status_code == 200, "ready after the cure")


def test_lake_of_another_schema(launch, kit, tmp_path):
    """A lake of another schema version is not written to: 503, with the versions in /readyz."""
    lake = tmp_path / "lake"
    first = launch(lake=lake)
    assert post(first.url, kit).status_code == 200
    assert first.stop() == 0
    rows = al.open(str(lake)).count()
    DeltaTable(str(lake / "spans")).alter.set_table_properties(
        {"argus.schema": "999"}, raise_if_not_exists=False
    )
    running = launch(lake=lake)
    kit.until(lambda: "999" in ready(running.url).text, "the reason in /readyz")
    assert post(running.url, kit).status_code == 503
    DeltaTable(str(lake / "spans")).alter.set_table_properties(
        {"argus.schema": "1"}, raise_if_not_exists=False
    )
    kit.until(lambda: post(running.url, kit).status_code == 200, "a 200 after the cure")
    assert httpx.post(f"{running.url}/v1/flush", timeout=kit.PATIENCE).status_code == 200
    assert al.open(str(lake)).count() == rows + 1


def exchanged(url: str, sent: bytes) -> bytes:
    """What comes back for these bytes on a connection of their own."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as raw:
        found = b""
        # Whoever closes with bytes unread resets the connection, and the answer may be lost on the way.
        with contextlib.suppress(ConnectionError):
            raw.sendall(sent)
            raw.shutdown(socket.SHUT_WR)
            while part := raw.recv(65536):
                found += part
    return found


HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100 + b"\r\n\r\n",
        b"POST /v1/traces HTTP/9.9\r\n\r\n",
        b"POST /v1/traces\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"BREW /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/traces HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Content-Length: many\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 99999999999999999999999999\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 200,
        HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
        HEAD + b"Expect: a miracle\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Content-Length: 100\r\n\r\ntoo short",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/traces HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request(receiver, sent):
    """Whatever arrives on the port, there is never a 500 or a redirect, and the receiver goes on."""
    answer = exchanged(receiver.url, sent)
    if answer:  # a sender that hung up in the middle may get none
        assert int(answer.split()[1]) not in NEVER
    assert httpx.get(f"{receiver.url}/healthz").status_code == 200


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(
                        ["resourceSpans", "resource", "scopeSpans", "spans", "attributes", "key", "value"]
                    ),
                    inner,
                    max_size=4,
                ),
            ),
            max_leaves=20,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    content_type=st.sampled_from(["application/json", "application/x-protobuf"]),
    content_encoding=st.sampled_from([None, "gzip", "deflate", "identity"]),
)
def test_any_body_gets_an_answer_of_the_contract(client, body, content_type, content_encoding):
    """Any bytes under any of our types are a 200 or a 400 in that type, never an error of the server."""
    headers = {"Content-Type": content_type}
    if content_encoding:
        headers["Content-Encoding"] = content_encoding
    answer = client.post("/v1/traces", content=body, headers=headers)
    assert answer.status_code in {200, 400}
    assert answer.headers["content-type"] == content_type


def test_a_neighbour_survives_garbage(receiver, client, kit):
    """A good span beside a broken one in the same request is accepted and readable."""
    good = kit.span(name="the neighbour")
    request = kit.export(good, {"traceId": 5, "spanId": [], "name": {}}, project="neighbours")
    answer = client.post("/v1/traces", content=kit.as_json(request), headers=kit.JSON)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    client.post("/v1/flush")
    lake = al.open(str(receiver.lake))
    assert list(lake.spans(project="neighbours")["name"]) == ["the neighbour"]


def test_an_unexpected_error_is_a_503(tmp_path):
    """A mistake of ours is answered 503, since a 500 makes clients drop the batch, and quotes nothing."""
    script = """
import sys
from argus_server import ingest
def broken(body, encoding): raise RuntimeError(body.decode())
ingest.decode = broken
from argus_server.child import main
sys.exit(main())
"""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        ours, theirs = os.pipe()
        command = [sys.executable, "-P", "-c", script, "worker", "--name", "worker 0"]
        command += ["--report", str(theirs), "--sockets", str(listening.fileno())]
        chosen = read({}, lake=str(tmp_path / "lake"))
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stderr=log, pass_fds=(theirs, listening.fileno())
            )
        os.close(theirs)
        try:
            process.stdin.write(msgspec.json.encode(chosen) + b"\n")
            process.stdin.flush()
            assert os.read(ours, 100) == b"ready\n"
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/traces"
            answer = httpx.post(url, content=b"SECRET", headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert "SECRET" not in answer.text
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            os.close(ours)
    log_text = (tmp_path / "log").read_text()
    assert "RuntimeError" in log_text
    assert "SECRET" not in log_text
