"""A real receiver as a process of its own, on free ports, and the bodies to send to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}
PATIENCE = 60.0  # not a limit on speed: the time after which a hang is called a hang


@dataclass
class Running:
    """A receiver that was started."""

    process: subprocess.Popen[str]
    urls: list[str]
    lake: Path
    log_file: Path

    @property
    def url(self) -> str:
        """The first of its addresses."""
        return self.urls[0]

    def log(self) -> list[dict[str, Any]]:
        """The structured lines on its stderr so far."""
        lines = self.log_file.read_text().splitlines(keepends=True)
        # the last line may be half written
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    def pid(self, child: str) -> int:
        """The process id of the last start of a child."""
        return [x["pid"] for x in self.log() if x["event"] == "child started" and x["child"] == child][-1]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def until(truth: Callable[[], Any], what: str) -> Any:
    """Wait until something is so; fail after a time that means it never will be."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := truth():
            return found
        time.sleep(0.02)
    pytest.fail(f"waited in vain for: {what}")


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def _kill_whoever_has(mark: str) -> None:
    """SIGKILL to every process that was started with this in its environment.

    Never by an id that was noted earlier: after minutes it may be another process's.
    """
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            if mark.encode() in (place / "environ").read_bytes().split(b"\0"):
                os.kill(int(place.name), signal.SIGKILL)


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """Start receivers; whatever is left of them at the end is killed."""
    started: list[Running] = []
    name = "STARTED_BY_TESTS"

    def run(*options: str, lake: Path | None = None, ports: tuple[int, ...] = (0,), **env: str) -> Running:
        folder = tmp_path_factory.mktemp("receiver")
        lake = lake or folder / "lake"
        log_file = folder / "stderr"
        command = [sys.executable, "-P", "-m", "argus_server", "serve", "--lake", str(lake), *options]
        for port in ports:
            command += ["--port", str(port)]
        environment = {**os.environ, name: str(folder), **env}
        with log_file.open("w") as stderr:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment
            )
        assert process.stdout is not None
        first = process.stdout.readline()
        urls = re.findall(r"http://\S+", first)
        running = Running(process, urls, lake, log_file)
        started.append(running)
        assert urls, f"it did not start: {first}{log_file.read_text()}"
        return running

    yield run
    for running in started:
        running.process.kill()
        _kill_whoever_has(f"{name}={running.log_file.parent}")
        running.process.wait()
        assert running.process.stdout is not None
        running.process.stdout.close()


@pytest.fixture(scope="module")
def receiver(launch: Callable[..., Running]) -> Running:
    """One receiver for all tests that only ask it questions."""
    return launch("--max-body", "4MiB", "--cors-origins", "http://page.example")


@pytest.fixture
def client(receiver: Running) -> Iterator[httpx.Client]:
    """A client of the shared receiver."""
    with httpx.Client(base_url=receiver.url, timeout=PATIENCE) as found:
        yield found


_span_number = iter(range(1, 10**9))


def span(**fields: Any) -> dict[str, Any]:
    """An OTLP/JSON span with ids that no other span has."""
    number = next(_span_number) + (os.getpid() << 32)
    return {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": "1778574612000000000",
        "endTimeUnixNano": "1778574613000000000",
        **fields,
    }


def export(
    *spans: dict[str, Any], project: str | None = "test", service: str | None = "svc"
) -> dict[str, Any]:
    """An export request with one resource."""
    pairs = {"argus.project": project, "service.name": service}
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in pairs.items() if v is not None]
    scope_spans = [{"spans": list(spans)}]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": scope_spans}]}


def as_json(request: dict[str, Any]) -> bytes:
    return json.dumps(request).encode()


def as_protobuf(request: dict[str, Any]) -> bytes:
    """The same request in the other encoding; what cannot be said in it (a bad id) is left as bytes."""
    message = ExportTraceServiceRequest()
    for group in request["resourceSpans"]:
        into = message.resource_spans.add()
        for pair in group["resource"]["attributes"]:
            value = AnyValue(string_value=pair["value"]["stringValue"])
            into.resource.attributes.append(KeyValue(key=pair["key"], value=value))
        for scope in group["scopeSpans"]:
            spans = into.scope_spans.add().spans
            for one in scope["spans"]:
                spans.add(
                    trace_id=bytes.fromhex(one["traceId"]),
                    span_id=bytes.fromhex(one["spanId"]),
                    name=one["name"],
                    kind=one["kind"],
                    start_time_unix_nano=int(one["startTimeUnixNano"]),
                    end_time_unix_nano=int(one["endTimeUnixNano"]),
                )
    return message.SerializeToString()


ENCODED = {"json": (as_json, JSON), "protobuf": (as_protobuf, PROTOBUF)}


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """What tests make bodies with and wait with; test modules cannot import one another."""
    return SimpleNamespace(
        JSON=JSON,
        PROTOBUF=PROTOBUF,
        PATIENCE=PATIENCE,
        ENCODED=ENCODED,
        alive=alive,
        as_json=as_json,
        as_protobuf=as_protobuf,
        export=export,
        span=span,
        until=until,
    )


@pytest.fixture(params=["json", "protobuf"])
def encoding(request: pytest.FixtureRequest) -> str:
    """Both encodings, one after the other."""
    return str(request.param)
