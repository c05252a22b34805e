"""What a span will be, before OpenTelemetry knows of it: plain, frozen, with all its times."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from opentelemetry.util.types import AnyValue

Service = Literal["support-gateway", "support-agent", "order-mcp", "retrieval"]
Kind = Literal["INTERNAL", "SERVER", "CLIENT"]


@dataclass(frozen=True)
class EventPlan:
    """An event of a span."""

    name: str
    at: int
    attributes: Mapping[str, AnyValue]


@dataclass(frozen=True)
class Failure:
    """The exception that ended a span."""

    type: str
    message: str
    stack: str


@dataclass(frozen=True, kw_only=True)
class SpanPlan:
    """A span and everything below it. Times are nanoseconds since the epoch."""

    service: Service
    name: str
    start: int
    end: int
    kind: Kind = "INTERNAL"
    attributes: Mapping[str, AnyValue]
    events: tuple[EventPlan, ...] = ()
    failure: Failure | None = None
    children: tuple["SpanPlan", ...] = ()

    def walk(self) -> Iterator["SpanPlan"]:
        """The span and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def step(kind: str | None, component: str | None = None, name: str | None = None) -> dict[str, AnyValue]:
    """The attributes by which Argus classifies a span; what is None is not said."""
    said = {"argus.step.kind": kind, "argus.component.type": component, "argus.component.name": name}
    return {key: value for key, value in said.items() if value is not None}


def known(attributes: Mapping[str, AnyValue]) -> dict[str, AnyValue]:
    """The attributes that have a value: an unknown number is left out, never sent as zero."""
    return {key: value for key, value in attributes.items() if value is not None}


def failure_events(failure: Failure, at: int) -> tuple[EventPlan, EventPlan]:
    """A failure as the SDK records it and as Argus reads it."""
    return (
        EventPlan(
            "exception",
            at,
            {
                "exception.type": failure.type,
                "exception.message": failure.message,
                "exception.stacktrace": failure.stack,
                "exception.escaped": "False",
            },
        ),
        EventPlan(
            "argus.error", at, {"type": failure.type, "message": failure.message, "stack": failure.stack}
        ),
    )
