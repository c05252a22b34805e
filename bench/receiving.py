"""Receiving: spans acknowledged and durable a second, beside a floor; until visible; memory; disk."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import argus_lab as al
from argus_lab.lake import upkeep
from argus_lab.otlp import Encoding
from argus_lab.settings import read
from bench import load, payloads
from bench.places import workspace

REQUESTS = 400
ENCODINGS: tuple[Encoding, ...] = ("json", "protobuf")


def measure(requests: int = REQUESTS) -> list[str]:
    """Lines of the table."""
    lines = [
        f"{requests} requests of {payloads.SPANS_A_REQUEST} spans, {load.CONNECTIONS} keep-alive connections, "
        "one worker. acked: acknowledged and durable; drained: until readable in the lake.",
        "",
        f"{'':10}{'acked/s':>10}{'floor/s':>10}{'ratio':>7}{'p50 ms':>9}{'p99 ms':>9}"
        f"{'drained/s':>11}{'B/span':>8}{'on disk':>9}{'worker MB':>11}{'keeper MB':>11}",
    ]
    for encoding in ENCODINGS:
        floor = _floor(requests, encoding)
        lines.append(_receiver(requests, encoding, floor))
    lines += ["", _visibility()]
    return lines


def _rate(result: load.Result, requests: int) -> float:
    return requests * payloads.SPANS_A_REQUEST / result.seconds


def _floor(requests: int, encoding: Encoding) -> float:
    with tempfile.TemporaryDirectory(dir=workspace()) as folder:
        port = _free_port()
        command = [sys.executable, "-m", "bench.floor", str(port), f"{folder}/bodies"]
        with _running(command, port):
            load.send(port, 20, encoding, seed=1)
            return _rate(load.send(port, requests, encoding, seed=2), requests)


def _receiver(requests: int, encoding: Encoding, floor: float) -> str:
    with tempfile.TemporaryDirectory(dir=workspace()) as folder:
        port = _free_port()
        with _running(_serve(folder, port), port) as process:
            load.send(port, 20, encoding, seed=1)
            _flush(port)
            result = load.send(port, requests, encoding, seed=2)
            sent = time.perf_counter()
            _flush(port)
            drained = time.perf_counter() - sent + result.seconds
            memory = _memory(process.pid)
        spans = requests * payloads.SPANS_A_REQUEST
        body = len(payloads.bodies(1, encoding)[0]) / payloads.SPANS_A_REQUEST
        upkeep.compact(read({}, lake=folder, vacuum_after=1e-6))
        held = al.open(folder).count()
        if held != spans + 2000:
            raise RuntimeError(f"{held} spans in the lake, {spans + 2000} were acknowledged")
        answers = sorted(result.answers)
        rate = _rate(result, requests)
        return (
            f"{encoding:10}{rate:10,.0f}{floor:10,.0f}{rate / floor:7.2f}"
            f"{statistics.median(answers) * 1e3:9.1f}{answers[int(len(answers) * 0.99)] * 1e3:9.1f}"
            f"{spans / drained:11,.0f}{body:8.0f}{_stored(folder) / held:9.0f}"
            f"{memory['worker']:11.0f}{memory['keeper']:11.0f}"
        )


def _visibility(rounds: int = 30) -> str:
    """Time from the acknowledgement of one request until a reader's count includes it."""
    waits = []
    with tempfile.TemporaryDirectory(dir=workspace()) as folder:
        port = _free_port()
        with _running(_serve(folder, port), port):
            _flush(port)
            lake = al.open(folder)
            for round_ in range(rounds):
                load.send(port, 1, "json", seed=100 + round_)
                began = time.perf_counter()
                while lake.count() < (round_ + 1) * payloads.SPANS_A_REQUEST:
                    time.sleep(0.005)
                waits.append(time.perf_counter() - began)
    waits.sort()
    return (
        f"visible after the acknowledgement of a single request: median {statistics.median(waits) * 1e3:.0f} ms, "
        f"worst of {rounds} {waits[-1] * 1e3:.0f} ms"
    )


def _serve(folder: str, port: int) -> list[str]:
    command = [sys.executable, "-m", "argus_server", "serve"]
    return [*command, "--lake", folder, "--port", str(port), "--workers", "1"]


@contextmanager
def _running(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "ARGUS_LOG_LEVEL": "warning"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            _wait(port)
            yield process
        finally:
            process.terminate()
            process.wait()


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz"):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise RuntimeError("the server did not start within 30 seconds")


def _flush(port: int) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/flush?timeout=300", method="POST")
    with urllib.request.urlopen(request) as answer:
        json.load(answer)


def _memory(supervisor: int) -> dict[str, float]:
    """Peak resident megabytes of the supervisor's children."""
    peaks = {"worker": 0.0, "keeper": 0.0}
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    for pid in children:
        status = Path(f"/proc/{pid}/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
        role = "keeper" if b"keeper" in Path(f"/proc/{pid}/cmdline").read_bytes() else "worker"
        peaks[role] = max(peaks[role], peak)
    return peaks


def _stored(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder, "spans").rglob("*.parquet"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    print("\n".join(measure(int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS)))
