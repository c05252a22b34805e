"""Requests to measure with: 100 spans each, about 2.3 kB of JSON a span, every id new."""

from __future__ import annotations

import random

from argus_lab import otlp
from argus_lab.otlp import Encoding, Resource, Scope, Span

SPANS_A_REQUEST = 100
PATTERNS = 40

_WORDS = [
    "the",
    "order",
    "was",
    "shipped",
    "on",
    "Tuesday",
    "and",
    "will",
    "arrive",
    "at",
    "the",
    "address",
    "you",
    "gave",
    "us",
    "before",
    "noon",
    "please",
    "reply",
    "to",
    "this",
    "message",
    "if",
    "the",
    "parcel",
    "is",
    "late",
    "or",
    "damaged",
    "and",
    "we",
    "will",
    "refund",
    "it",
]


def bodies(count: int, encoding: Encoding, *, seed: int = 0) -> list[bytes]:
    """Request bodies with ids that no other seed gives; the text repeats after 40 of them."""
    chance = random.Random(f"{seed}/{encoding}")
    patterns = [_pattern(chance, encoding) for _ in range(min(count, PATTERNS))]
    made = []
    for number in range(count):
        body, olds = patterns[number % len(patterns)]
        for old in olds:
            body = body.replace(old, _written(f"{chance.getrandbits(128):032x}", encoding))
        made.append(body)
    return made


def _pattern(chance: random.Random, encoding: Encoding) -> tuple[bytes, list[bytes]]:
    """A body, and the trace ids in it as they are written there."""
    resource = Resource({"argus.project": "bench", "service.name": "agent", "service.version": "1.0.0"})
    spans = [_span(chance, index) for index in range(SPANS_A_REQUEST)]
    body = otlp.encode(spans, resource=resource, scope=Scope("bench"), encoding=encoding)
    return body, sorted({_written(span.trace_id, encoding) for span in spans})


def _written(trace_id: str, encoding: Encoding) -> bytes:
    return trace_id.encode() if encoding == "json" else bytes.fromhex(trace_id)


def _span(chance: random.Random, index: int) -> Span:
    turn = index // 10
    trace = random.Random(f"trace {turn}")
    start = 1_790_000_000_000_000_000 + index * 50_000_000
    asked = [{"role": "user", "content": " ".join(chance.choices(_WORDS, k=90))}]
    return Span(
        trace_id=f"{trace.getrandbits(128):032x}",
        span_id=f"{chance.getrandbits(64):016x}",
        parent_span_id=f"{chance.getrandbits(64):016x}" if index % 10 else None,
        name="chat gpt-5-mini",
        kind="CLIENT",
        start=start,
        end=start + chance.randrange(10**8, 10**10),
        status="OK",
        attributes={
            "argus.step.kind": "llm_call",
            "argus.component.type": "llm",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5-mini",
            "gen_ai.response.model": "gpt-5-mini-2026-05-01",
            "gen_ai.request.temperature": 0.2,
            "gen_ai.request.stream": True,
            "gen_ai.response.time_to_first_chunk": chance.random(),
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": chance.randrange(10_000),
            "gen_ai.usage.output_tokens": chance.randrange(1_000),
            "session.id": f"session-{turn}",
            "user.id": f"user-{turn % 7}",
        },
        events=[
            _event(start, "argus.input", {"messages": asked}),
            _event(
                start, "argus.output", {"text": " ".join(chance.choices(_WORDS, k=40)), "stop_reason": "stop"}
            ),
        ],
    )


def _event(time: int, name: str, attributes: dict[str, object]) -> dict[str, object]:
    return {"time_unix_nano": time, "name": name, "attributes": attributes}
