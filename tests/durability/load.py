"""Load as OTLP clients make it: batches sent again, with the same ids, until they are acknowledged."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.durability.receivers import PATIENCE, Receiver, until

PROJECTS = ("alpha", "beta/ü", "gamma gamma", "../delta")
DAYS = (1_778_574_612, 1_778_574_612 + 86_400)
TEXT = "".join(f"{number} bottles of beer, " for number in range(400))
NANO = 10**9

Place = tuple[str, str]
"""Project and trace id of a span."""

Group = tuple[str | None, list[dict[str, Any]]]
"""Spans of one resource, and the project it names."""


@dataclass(frozen=True)
class Batch:
    """One export request: its bytes, which spans (by id) it brings, and which will be refused."""

    body: bytes
    headers: dict[str, str]
    spans: dict[str, Place]
    refused: tuple[str, ...] = ()

    def brings(self, answer: bytes) -> bool:
        """Whether an answer with status 200 says what became of each span of the batch."""
        if self.headers["Content-Type"] == "application/json":
            return bool(json.loads(answer)["accepted"] == len(self.spans))
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
        return bool(partial.rejected_spans == len(self.refused))


class Ledger:
    """What was sent and what was acknowledged, by everybody."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.sent: dict[str, Place] = {}
        self.refusable: set[str] = set()
        self.acknowledged: list[Batch] = []
        """Only ever appended to, so that its length is a moment."""
        self.flushed = 0
        """So many of the acknowledged batches were acknowledged before a flush that succeeded."""
        self.answers: Counter[str] = Counter()
        self.complaints: list[str] = []
        self._lock = threading.Lock()

    def begin(self, batch: Batch) -> None:
        """Before the first byte leaves: from now on the spans may be in the lake."""
        with self._lock:
            self.sent |= batch.spans
            self.refusable |= set(batch.refused)

    def count(self, answer: str) -> None:
        """One more answer, or failure, of this kind."""
        with self._lock:
            self.answers[answer] += 1

    def complain(self, what: str) -> None:
        """Something that a sender must never see."""
        with self._lock:
            self.complaints.append(f"seed {self.seed}: {what}")

    def acknowledge(self, batch: Batch) -> None:
        """After the answer: from now on the spans must be in the lake."""
        with self._lock:
            self.acknowledged.append(batch)

    def acknowledged_spans(self) -> dict[str, Place]:
        """Every span that must be in the lake."""
        return {span: place for batch in list(self.acknowledged) for span, place in batch.spans.items()}


class Batches:
    """An endless source of batches with ids that no other source has."""

    def __init__(self, source: int, rng: random.Random) -> None:
        self._source, self._rng = source, rng
        self._number = 0

    def make(self) -> Batch:
        """The next batch: JSON or protobuf, one or two projects, now and then a span to be refused."""
        rng = self._rng
        headers = {"Content-Type": rng.choice(["application/json", "application/x-protobuf"])}
        groups: list[Group] = []
        spans: dict[str, Place] = {}
        from_header = rng.choice(PROJECTS[1:2] + PROJECTS[:1]) if rng.random() < 0.2 else None
        for project in rng.sample(PROJECTS, rng.choice([1, 1, 2])):
            made = self._spans(rng.randint(1, 25))
            groups.append((None if from_header else project, made))
            for span in made:
                spans[span["spanId"]] = (from_header or project, span["traceId"])
        refused: tuple[str, ...] = ()
        if from_header:
            headers["X-Argus-Project"] = from_header.encode().decode("latin-1")
        elif rng.random() < 0.1:
            groups.append((None, self._spans(1)))
            refused = (groups[-1][1][0]["spanId"],)
        packed = packed_json if headers["Content-Type"] == "application/json" else packed_protobuf
        return Batch(packed(groups), headers, spans, refused)

    def _spans(self, count: int) -> list[dict[str, Any]]:
        rng = self._rng
        made = []
        for _ in range(count):
            self._number += 1
            begun = rng.choice(DAYS if rng.random() < 0.002 else DAYS[:1]) * NANO + self._number * 1000
            trace = f"{self._source + 1:016x}{self._number // 7 + 1:016x}"
            made.append(
                {
                    "traceId": trace,
                    "spanId": f"{self._source + 1:04x}{self._number:012x}",
                    "name": "chat",
                    "kind": 3,
                    "startTimeUnixNano": str(begun),
                    "endTimeUnixNano": str(begun + NANO),
                    "attributes": [_pair("argus.input", TEXT[: rng.randint(1, 2000)])],
                }
            )
        return made


def _pair(key: str, text: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": text}}


def _resource(project: str | None) -> dict[str, str]:
    return {"service.name": "svc"} | ({"argus.project": project} if project else {})


def packed_json(groups: list[Group]) -> bytes:
    """Spans by project as OTLP/JSON."""
    listed = [
        {
            "resource": {"attributes": [_pair(key, text) for key, text in _resource(project).items()]},
            "scopeSpans": [{"spans": spans}],
        }
        for project, spans in groups
    ]
    return json.dumps({"resourceSpans": listed}).encode()


def packed_protobuf(groups: list[Group]) -> bytes:
    """The same in the other encoding."""
    message = ExportTraceServiceRequest()
    for project, spans in groups:
        into = message.resource_spans.add()
        for key, text in _resource(project).items():
            into.resource.attributes.append(KeyValue(key=key, value=AnyValue(string_value=text)))
        place = into.scope_spans.add().spans
        for span in spans:
            text = span["attributes"][0]["value"]["stringValue"]
            place.add(
                trace_id=bytes.fromhex(span["traceId"]),
                span_id=bytes.fromhex(span["spanId"]),
                name=span["name"],
                kind=span["kind"],
                start_time_unix_nano=int(span["startTimeUnixNano"]),
                end_time_unix_nano=int(span["endTimeUnixNano"]),
                attributes=[KeyValue(key="argus.input", value=AnyValue(string_value=text))],
            )
    return message.SerializeToString()


class Sender(threading.Thread):
    """One client with a connection that it keeps: a batch, its answer, the next batch."""

    def __init__(self, ledger: Ledger, ports: list[int], number: int) -> None:
        super().__init__(name=f"sender {number}", daemon=True)
        self.finishing, self.abandoned = threading.Event(), threading.Event()
        self._ledger, self._ports = ledger, ports
        self._rng = random.Random(f"{ledger.seed}-{number}")  # noqa: S311  to be repeated, not secret
        self._batches = Batches(number, self._rng)
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        """Until told to finish, and then until the batch in hand is acknowledged."""
        try:
            while not self.finishing.is_set():
                self.deliver(self._batches.make())
                if self._ledger.acknowledged and self._rng.random() < 0.15:
                    self._deliver_again(self._rng.choice(self._ledger.acknowledged))
                time.sleep(self._rng.uniform(0, 0.05))
        except Exception as error:  # noqa: BLE001  a thread's failure would be seen by nobody
            self._ledger.complain(f"{self.name}: {error!r}")
        finally:
            self.hang_up()

    def deliver(self, batch: Batch) -> None:
        """Send a batch until it is acknowledged."""
        self._ledger.begin(batch)
        while not self.abandoned.is_set():
            if self.post(batch):
                self._ledger.acknowledge(batch)
                return
            time.sleep(self._rng.uniform(0.02, 0.1))

    def _deliver_again(self, batch: Batch) -> None:
        """As a client does whose answer was lost; whatever the answer, the spans are there once."""
        self._ledger.count("delivered again")
        self.post(batch)

    def post(self, batch: Batch) -> bool:
        """Send a batch once; whether it was acknowledged."""
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._ports[0], timeout=PATIENCE)
            self._connection.request("POST", "/v1/traces", batch.body, batch.headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.hang_up()
            self._ports.append(self._ports.pop(0))
            self._ledger.count(type(error).__name__)
            if isinstance(error, TimeoutError):
                self._ledger.complain("no answer, and no end of the connection")
            return False
        self._ledger.count(str(answer.status))
        if answer.status == 200 and batch.brings(said):
            return True
        if answer.status not in {429, 503} or answer.headers["Retry-After"] not in {"1", "2"}:
            self._ledger.complain(f"{answer.status} {answer.headers.items()} {said[:500]!r}")
        return False

    def hang_up(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Flusher(threading.Thread):
    """Flushes again and again, and writes down what a reader must see from then on."""

    def __init__(self, receiver: Receiver, ledger: Ledger) -> None:
        super().__init__(name="flusher", daemon=True)
        self.finishing = threading.Event()
        self._receiver, self._ledger = receiver, ledger

    def run(self) -> None:
        """Until told to finish; a receiver that is down, or falls over meanwhile, flushed nothing."""
        while not self.finishing.wait(0.2):
            moment = len(self._ledger.acknowledged)
            try:
                status, said = self._receiver.ask("POST", "/v1/flush?timeout=2")
            except (OSError, http.client.HTTPException):
                continue
            if status == 200:
                self._ledger.flushed = moment
            elif status != 503:
                self._ledger.complain(f"a flush was answered {status} {said}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finishing.set()
        self.join(PATIENCE)


class Load:
    """Senders at work, and the ledger they keep."""

    def __init__(self, seed: int, receivers: list[Receiver], *, senders: int = 3) -> None:
        self.ledger = Ledger(seed)
        self._receivers = receivers
        ports = [receiver.port for receiver in receivers]
        # Each starts with another receiver, and goes to the next one when a connection fails.
        turns = [number % len(ports) for number in range(senders)]
        self.senders = [
            Sender(self.ledger, ports[turn:] + ports[:turn], number) for number, turn in enumerate(turns)
        ]

    def __enter__(self) -> Self:
        for sender in self.senders:
            sender.start()
        return self

    def __exit__(self, *_: object) -> None:
        # After a failure nobody waits for answers that will not come.
        for sender in self.senders:
            sender.finishing.set()
            sender.abandoned.set()

    def go_on(self, batches: int = 5) -> None:
        """Return when that many more batches were acknowledged."""
        goal = len(self.ledger.acknowledged) + batches

        def reached() -> bool:
            for receiver in self._receivers:
                receiver.check_alive()
            return len(self.ledger.acknowledged) >= goal or bool(self.ledger.complaints)

        until(reached, lambda: f"{batches} more batches to be acknowledged; {self.ledger.answers}")
        assert not self.ledger.complaints, self.ledger.complaints[:5]

    def finish(self) -> Ledger:
        """No new batches; return when every batch is acknowledged."""
        for sender in self.senders:
            sender.finishing.set()
        return self._joined()

    def abandon(self) -> Ledger:
        """No new batches, and none is sent again; return when every answer under way has come."""
        for sender in self.senders:
            sender.abandoned.set()
        return self.finish()

    def _joined(self) -> Ledger:
        for sender in self.senders:
            sender.join(PATIENCE)
        stuck = [sender.name for sender in self.senders if sender.is_alive()]
        assert not stuck, f"seed {self.ledger.seed}: {stuck} wait for ever; {self.ledger.answers}"
        assert not self.ledger.complaints, self.ledger.complaints[:5]
        return self.ledger
