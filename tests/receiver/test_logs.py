"""The log says how much was taken in and refused, and never what was in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading

import httpx


def test_counts_without_contents(launch, kit):
    """Accepted, refused and malformed requests are counted in the log; no text of theirs is."""
    running = launch("--log-level", "debug")
    url = f"{running.url}/v1/traces"
    secret = "SECRET"  # noqa: S105  it is what must not be found
    attributes = [{"key": f"{secret}-key", "value": {"stringValue": f"{secret}-value"}}]
    good = kit.span(name=f"{secret}-name", attributes=attributes)
    bad = kit.span(name=f"{secret}-name", traceId=f"{secret}-id", attributes=attributes)
    for request in (kit.export(good, bad), kit.export(bad), {"resourceSpans": secret}):
        httpx.post(url, content=kit.as_json(request), headers=kit.JSON)
    httpx.post(url, content=secret.encode(), headers=kit.JSON)
    httpx.post(url, content=secret.encode(), headers=kit.PROTOBUF)
    httpx.post(f"{running.url}/v1/flush", timeout=kit.PATIENCE)
    assert running.stop() == 0
    assert secret not in running.log_file.read_text()
    mixed, refused, *malformed = [x for x in running.log() if x["event"] == "traces"]
    assert (mixed["status"], mixed["accepted"], mixed["refused"]) == (200, 1, 1)
    assert (mixed["encoding"], mixed["projects"]) == ("json", {"test": 1})
    assert mixed["bytes"] > 0
    assert mixed["ms"] > 0
    assert (refused["status"], refused["accepted"], refused["refused"]) == (400, 0, 1)
    assert [x["status"] for x in malformed] == [400] * 3


def test_level(launch, kit):
    """With --log-level warning successes are silent and refusals are not."""
    running = launch("--log-level", "warning")
    httpx.post(f"{running.url}/v1/traces", content=kit.as_json(kit.export(kit.span())), headers=kit.JSON)
    httpx.post(f"{running.url}/v1/traces", content=b"{", headers=kit.JSON)
    assert running.stop() == 0
    assert [x["status"] for x in running.log() if x["event"] == "traces"] == [400]


def test_a_log_that_nobody_reads_stops_nothing(tmp_path, kit):
    """With stderr a pipe that is full and never read, requests are answered all the same."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "argus_server",
        "serve",
        "--port",
        "0",
        "--lake",
        str(tmp_path / "lake"),
    ]
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writing, text=True)
    os.close(writing)
    try:
        [url] = re.findall(r"http://\S+?(?=\s)", process.stdout.readline())
        with httpx.Client(timeout=kit.PATIENCE) as client:
            for _ in range(300):
                body = kit.as_json(kit.export(kit.span()))
                assert client.post(f"{url}/v1/traces", content=body, headers=kit.JSON).status_code == 200
        process.terminate()
        assert process.wait(kit.PATIENCE) == 0
    finally:
        drained = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reading, 65536), b"")])
        drained.start()
        process.kill()
        process.wait()
        process.stdout.close()
        drained.join()
        os.close(reading)
