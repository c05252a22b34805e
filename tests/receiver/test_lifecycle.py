"""Starting, dying and stopping: nothing acknowledged is lost, and no process is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import argus_lab as al
from argus_lab.errors import ArgusError
from argus_server import addresses


def send(url: str, kit, count: int = 1) -> int:
    """Spans acknowledged; 0 if there was no answer or another one."""
    body = kit.as_json(kit.export(*(kit.span() for _ in range(count))))
    try:
        answer = httpx.post(f"{url}/v1/traces", content=body, headers=kit.JSON, timeout=kit.PATIENCE)
    except httpx.TransportError:
        return 0
    return answer.json()["accepted"] if answer.status_code == 200 else 0


def kept(lake) -> int:
    return al.open(str(lake)).count()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_brings_everything_into_the_lake(launch, kit, number):
    """After SIGTERM or Ctrl-C every acknowledged span is in the table, and the exit status is 0."""
    running = launch("--workers", "2", "--commit-every", "5")
    acknowledged = sum(send(running.url, kit, 3) for _ in range(10))
    assert acknowledged == 30
    assert running.stop(number) == 0
    assert kept(running.lake) == acknowledged


def test_stop_under_load(launch, kit):
    """Requests in flight when SIGTERM comes are answered or refused, and what was answered is kept."""
    running = launch("--workers", "2")
    stopped = threading.Event()

    def sender() -> int:
        total = 0
        while not stopped.is_set():
            total += send(running.url, kit)
        return total

    with ThreadPoolExecutor(4) as pool:
        senders = [pool.submit(sender) for _ in range(4)]
        kit.until(lambda: sum(x["event"] == "traces" for x in running.log()) > 100, "some load")
        status = running.stop()
        stopped.set()
        acknowledged = sum(future.result() for future in senders)
    assert status == 0
    assert acknowledged > 100
    assert kept(running.lake) == acknowledged


def test_request_begun_before_the_stop_is_answered(launch, kit):
    """A body that is half sent when SIGTERM comes is read to its end, answered and kept."""
    running = launch()
    body = kit.as_json(kit.export(kit.span()))
    head = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=kit.PATIENCE) as raw:
        raw.sendall(head.encode() + body[:50])
        kit.until(lambda: httpx.get(f"{running.url}/metrics").status_code == 200, "the head to be read")
        running.process.send_signal(signal.SIGTERM)
        kit.until(lambda: any(x["event"] == "stopping" for x in running.log()), "the stop to begin")
        raw.sendall(body[50:])
        answer = raw.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()
    assert running.process.wait(kit.PATIENCE) == 0
    assert kept(running.lake) == 1


@pytest.mark.parametrize("child", ["worker 0", "worker 1", "keeper"])
def test_killed_child_is_started_again(launch, kit, child):
    """A worker or keeper that is killed comes back, nothing acknowledged is lost, and the log says so."""
    running = launch("--workers", "2")
    acknowledged = send(running.url, kit, 5)
    before = running.pid(child)
    os.kill(before, signal.SIGKILL)
    kit.until(lambda: running.pid(child) != before, f"{child} to be started again")
    for _ in range(8):
        acknowledged += kit.until(lambda: send(running.url, kit), "an acknowledgement")
    assert httpx.post(f"{running.url}/v1/flush", timeout=kit.PATIENCE).status_code == 200
    assert kept(running.lake) == acknowledged
    death = next(x for x in running.log() if x["event"] == "child died")
    assert (death["child"], death["pid"], death["status"]) == (child, before, "signal SIGKILL")
    text = httpx.get(f"{running.url}/metrics").text
    assert f'argus_child_restarts_total{{role="{child.split()[0]}"}} 1.0' in text
    assert running.stop() == 0


def test_killed_supervisor_leaves_no_orphan(launch, kit):
    """When the supervisor is killed, its children end by themselves and give the port back."""
    running = launch("--workers", "2")
    acknowledged = send(running.url, kit, 7)
    pids = [running.pid(name) for name in ("worker 0", "worker 1", "keeper")]
    running.process.kill()
    running.process.wait()
    kit.until(lambda: not any(kit.alive(pid) for pid in pids), "the children to end")
    port = int(running.url.rpartition(":")[2])
    again = launch(lake=running.lake, ports=(port,))
    assert httpx.post(f"{again.url}/v1/flush", timeout=kit.PATIENCE).status_code == 200
    assert kept(running.lake) == acknowledged


def test_everything_killed_at_once(launch, kit):
    """A kill -9 of all processes loses nothing that was acknowledged, and stores nothing twice."""
    running = launch("--workers", "2", "--commit-every", "60")
    acknowledged = sum(send(running.url, kit, 2) for _ in range(20))
    for pid in [running.process.pid, *(running.pid(n) for n in ("worker 0", "worker 1", "keeper"))]:
        os.kill(pid, signal.SIGKILL)
    running.process.wait()
    again = launch(lake=running.lake)
    assert httpx.post(f"{again.url}/v1/flush", timeout=kit.PATIENCE).status_code == 200
    frame = al.open(str(running.lake)).spans()
    assert (len(frame), frame["span_id"].nunique()) == (acknowledged, acknowledged)


def test_second_signal_forces(launch, kit):
    """A keeper that does not end is not waited for after a second Ctrl-C; the exit status is 1."""
    running = launch()
    kit.until(lambda: httpx.get(f"{running.url}/readyz").status_code == 200, "the keeper")
    keeper = running.pid("keeper")
    os.kill(keeper, signal.SIGSTOP)
    running.process.send_signal(signal.SIGINT)
    kit.until(lambda: any(x["event"] == "stopping" for x in running.log()), "the stop to begin")
    assert running.stop(signal.SIGINT) == 1
    kit.until(lambda: not kit.alive(keeper), "the keeper to be gone")


def test_port_taken(tmp_path):
    """With --port exactly that port is served or none: one clear line and exit status 1."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [
            sys.executable,
            "-P",
            "-m",
            "argus_server",
            "serve",
            "--lake",
            str(tmp_path),
            "--port",
            str(port),
        ]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert len(ended.stderr.splitlines()) == 1
    assert f"port {port}" in ended.stderr
    assert "--port" in ended.stderr


def test_one_default_port_taken(monkeypatch):
    """Without --port the other of the two default ports is served, and the taken one is named."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        monkeypatch.setattr(addresses, "DEFAULT_PORTS", (taken, 0))
        bound = addresses.bind("127.0.0.1", ())
        try:
            assert len(bound.sockets) == 1
            assert str(taken) in bound.taken[0]
        finally:
            bound.close()
        monkeypatch.setattr(addresses, "DEFAULT_PORTS", (taken,))
        with pytest.raises(ArgusError, match="--port"):
            addresses.bind("127.0.0.1", ())


def test_host_that_is_not_ours():
    """An address that this machine does not have is an error that names it."""
    with pytest.raises(ArgusError, match=r"192\.0\.2\.1"):
        addresses.bind("192.0.2.1", (0,))
