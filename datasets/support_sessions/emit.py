"""The door to OpenTelemetry: span plans become spans of the real SDK, and these OTLP/JSON."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from support_sessions.plan import Service, SpanPlan
from support_sessions.script import DEPLOYED, Session

PROJECT = "customer-bot"

_DEPLOYED_NS = round(DEPLOYED.timestamp()) * 10**9
_KNOWS_SESSION: frozenset[Service] = frozenset({"support-gateway", "support-agent"})
"""Services that write the session on every span. The others leave it to be found on the root."""
_OWN_VERSIONS: Mapping[Service, str] = {"order-mcp": "0.7.3", "retrieval": "2.4.1"}
_HEADERS = TraceContextTextMapPropagator()


class SeededIds(IdGenerator):
    """Ids that depend on nothing but a key, so that a session keeps its ids when others change."""

    def __init__(self) -> None:
        self._rng = Random(0)

    def restart(self, key: str) -> None:
        """Begin the ids of ``key``."""
        self._rng = Random(key)

    def generate_span_id(self) -> int:
        """A span id; never the invalid zero."""
        return self._rng.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        """A trace id; never the invalid zero."""
        return self._rng.getrandbits(128) or 1


class _Finished(SpanProcessor):
    """Keeps what has ended, in the order in which an exporter would send it."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


class Emitter:
    """The services of the bot, each with a tracer provider per version, in one process."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._ids = SeededIds()
        self._finished = _Finished()
        self._provider = cache(self._new_provider)

    def emit(self, session: Session, turns: Sequence[SpanPlan]) -> list[ReadableSpan]:
        """The spans of one session, in the order in which they ended."""
        self._ids.restart(f"{self._seed}/ids/{session.id}")
        self._finished.spans = []
        identity = {"session.id": session.id, "user.id": session.case.user_id}
        for turn in turns:
            version = "1.9.0" if turn.start >= _DEPLOYED_NS else "1.8.0"
            self._span(turn, Context(), version, identity)
        return self._finished.spans

    def _span(self, plan: SpanPlan, parent: Context, version: str, identity: Mapping[str, str]) -> None:
        tracer = self._provider(plan.service, _OWN_VERSIONS.get(plan.service, version)).get_tracer(
            f"{plan.service.replace('-', '_')}.tracing", "1.2.0"
        )
        span = tracer.start_span(
            plan.name,
            context=parent,
            kind=SpanKind[plan.kind],
            attributes={**(identity if plan.service in _KNOWS_SESSION else {}), **plan.attributes},
            start_time=plan.start,
        )
        context = trace.set_span_in_context(span, Context())
        for child in plan.children:
            below = context if child.service == plan.service else _over_the_wire(context)
            self._span(child, below, version, identity)
        for event in plan.events:
            span.add_event(event.name, event.attributes, timestamp=event.at)
        if plan.failure:
            span.set_status(Status(StatusCode.ERROR, plan.failure.message))
        elif plan.service in _KNOWS_SESSION:
            span.set_status(Status(StatusCode.OK))
        span.end(plan.end)

    def _new_provider(self, service: Service, version: str) -> TracerProvider:
        resource = Resource(
            {
                "argus.project": PROJECT,
                "service.name": service,
                "service.version": version,
                "deployment.environment.name": "production",
                "telemetry.sdk.language": "python",
                "telemetry.sdk.name": "opentelemetry",
            }
        )
        unlimited = SpanLimits.UNSET
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=resource,
            id_generator=self._ids,
            # Said outright, so that no OTEL_* variable of the machine changes the data.
            span_limits=SpanLimits(
                max_attributes=unlimited,
                max_events=unlimited,
                max_links=unlimited,
                max_span_attributes=unlimited,
                max_event_attributes=unlimited,
                max_link_attributes=unlimited,
                max_attribute_length=unlimited,
                max_span_attribute_length=unlimited,
            ),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(self._finished)
        return provider


def _over_the_wire(context: Context) -> Context:
    """The context as the next service receives it: through the `traceparent` header."""
    headers: dict[str, str] = {}
    _HEADERS.inject(headers, context)
    return _HEADERS.extract(headers, Context())


def request_json(spans: Sequence[ReadableSpan]) -> str:
    """One ExportTraceServiceRequest as OTLP/JSON, on one line."""
    return json.dumps(encode_spans(spans).to_dict(), ensure_ascii=False, separators=(",", ":"))
