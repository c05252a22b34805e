"""The tables of a lake: each column is written down once, here.

A row is ``Column(name, type, group, meaning, source)``. The Arrow schema, the pandas dtypes, the
documentation page (docs/reference/schema.md) and the coverage test against the OTLP protobuf
descriptors are all derived from these rows.

Nothing heavy is imported here; ``Table.arrow()`` enters pyarrow when it is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from argus_lab.errors import UnknownColumn

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

__all__ = [
    "COMPONENT_TYPES",
    "REFUSED",
    "SCHEMA_VERSION",
    "SPANS",
    "SPAN_KINDS",
    "SPAN_TYPES",
    "STATUS_CODES",
    "STEP_KINDS",
    "Column",
    "Table",
]

SCHEMA_VERSION = 1
"""Stamped into every table; a lake of another version is refused with the cure."""

type_name = Literal["string", "json", "int64", "float64", "bool", "timestamp", "date", "list<string>"]

STEP_KINDS = (
    "user_message",
    "assistant_message",
    "system_prompt",
    "llm_call",
    "tool_call",
    "external_resource",
)
COMPONENT_TYPES = ("llm", "skill", "mcp", "middleware", "custom_tool", "external_resource")
SPAN_TYPES = (
    "llm",
    "embedding",
    "tool",
    "retriever",
    "reranker",
    "agent",
    "chain",
    "prompt",
    "guardrail",
    "evaluator",
)
SPAN_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUS_CODES = ("UNSET", "OK", "ERROR")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called, holds, means, and where it comes from.

    ``otlp`` lists the protobuf fields this column keeps, as ``Message.field``.
    """

    name: str
    type: type_name
    group: str
    meaning: str
    source: str = ""
    otlp: tuple[str, ...] = ()
    required: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """An ordered set of columns with a partitioning."""

    name: str
    columns: tuple[Column, ...]
    partition_by: tuple[str, ...]
    light_groups: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Every column name, in order."""
        return [column.name for column in self.columns]

    @property
    def light(self) -> list[str]:
        """The columns a read returns unless it asks for others: all but long text and raw JSON."""
        return [column.name for column in self.columns if column.group in self.light_groups]

    def column(self, name: str) -> Column:
        """The column of that name; raises ``UnknownColumn`` with the nearest one."""
        found = self._by_name().get(name)
        if found is None:
            raise UnknownColumn.of([name], self.names)
        return found

    def choose(self, columns: Literal["light", "all"] | Iterable[str] = "light") -> list[str]:
        """The names that ``columns`` stands for: ``"light"``, ``"all"``, or a list of names.

        Examples
        --------
        >>> SPANS.choose(["name", "trace_id"])
        ['name', 'trace_id']
        >>> SPANS.choose(["input_token"])
        Traceback (most recent call last):
        argus_lab.errors.UnknownColumn: no such column: 'input_token' (did you mean ...
        """
        if columns == "light":
            return self.light
        if columns == "all":
            return self.names
        names = [columns] if isinstance(columns, str) else list(columns)
        known = self._by_name()
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UnknownColumn.of(unknown, self.names)
        return list(dict.fromkeys(names))

    def arrow(self) -> pa.Schema:
        """The Arrow schema of the table."""
        return _arrow(self)

    def _by_name(self) -> dict[str, Column]:
        return _by_name(self)


@cache
def _by_name(table: Table) -> dict[str, Column]:
    return {column.name: column for column in table.columns}


@cache
def _arrow(table: Table) -> pa.Schema:
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "json": pa.string(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", "UTC"),
        "date": pa.date32(),
        "list<string>": pa.list_(pa.string()),
    }
    return pa.schema([pa.field(c.name, types[c.type], nullable=not c.required) for c in table.columns])


def _group(group: str, *columns: Column) -> tuple[Column, ...]:
    return tuple(
        Column(c.name, c.type, group, c.meaning, c.source, c.otlp, c.required, c.values) for c in columns
    )


def _c(  # noqa: PLR0913  a table row, read across
    name: str,
    type: type_name,
    meaning: str,
    source: str = "",
    *,
    otlp: tuple[str, ...] | str = (),
    required: bool = False,
    values: tuple[str, ...] = (),
) -> Column:
    kept = (otlp,) if isinstance(otlp, str) else otlp
    return Column(name, type, "", meaning, source, kept, required, values)


IDENTITY = _group(
    "identity",
    _c("org", "string", "Organisation; `default` in local mode. Partition.", "setting", required=True),
    _c(
        "project",
        "string",
        "Project the spans belong to. Partition.",
        "resource `argus.project`, else header `X-Argus-Project`, else setting `default_project`",
        required=True,
    ),
    _c(
        "service",
        "string",
        "Service that recorded the span.",
        "resource `argus.service`, else `service.name`",
        required=True,
    ),
    _c("service_version", "string", "Version of the service.", "resource `service.version`"),
    _c(
        "environment",
        "string",
        "Where the service runs (production, staging, ...).",
        "resource `deployment.environment.name`, `deployment.environment`",
    ),
    _c("trace_id", "string", "Trace id, 32 lowercase hex digits.", otlp="Span.trace_id", required=True),
    _c("span_id", "string", "Span id, 16 lowercase hex digits.", otlp="Span.span_id", required=True),
    _c(
        "parent_span_id",
        "string",
        "Id of the parent span; null for a root. The parent may never have arrived.",
        otlp="Span.parent_span_id",
    ),
    _c(
        "session_id",
        "string",
        "Conversation the span belongs to: the one it names, else that of its trace, else the trace id.",
        "`session.id`, `gen_ai.conversation.id`, else inherited when read, else the trace id",
    ),
    _c(
        "session_source",
        "string",
        "Where session_id comes from: the span, others of its trace, messages, or the trace id.",
        values=("attribute", "inherited", "inferred", "trace"),
    ),
    _c("user_id", "string", "End user.", "`user.id`, `enduser.id`"),
    _c("tags", "list<string>", "Free labels.", "`argus.tags`"),
    _c("name", "string", "Span name as sent.", otlp="Span.name"),
    _c("kind", "string", "Span kind.", otlp="Span.kind", values=SPAN_KINDS),
    _c("scope_name", "string", "Instrumentation library.", otlp="InstrumentationScope.name"),
    _c("scope_version", "string", "Its version.", otlp="InstrumentationScope.version"),
    _c("dialect", "string", "Attribute dialect recognised; null if none."),
)

TIMING = _group(
    "timing",
    _c(
        "start_time",
        "timestamp",
        "Start, UTC, microseconds; null if sent as 0 (unknown).",
        otlp="Span.start_time_unix_nano",
    ),
    _c(
        "end_time",
        "timestamp",
        "End, UTC, microseconds; null if sent as 0 (unknown).",
        otlp="Span.end_time_unix_nano",
    ),
    _c(
        "start_unix_nano",
        "int64",
        "Start in nanoseconds since 1970, exact; null if unknown or after 2262-04-11.",
        otlp="Span.start_time_unix_nano",
    ),
    _c(
        "duration_ns",
        "int64",
        "End minus start in nanoseconds; null if either is unknown or the end is before the start.",
        otlp=("Span.start_time_unix_nano", "Span.end_time_unix_nano"),
    ),
    _c("duration_ms", "float64", "duration_ns in milliseconds."),
    _c(
        "time_to_first_token_ms",
        "float64",
        "From the start of a streamed model call to its first chunk, milliseconds.",
        "`gen_ai.response.time_to_first_chunk` (s), `gen_ai.client.operation.time_to_first_chunk` (s)",
    ),
    _c("received_at", "timestamp", "When the receiver took the span in, UTC.", required=True),
    _c(
        "date",
        "date",
        "UTC date of start_time, else of received_at. Partition.",
        required=True,
    ),
)

STATUS = _group(
    "status",
    _c("status", "string", "Span status.", otlp="Status.code", values=STATUS_CODES),
    _c("status_message", "string", "Text sent with the status.", otlp="Status.message"),
    _c(
        "error_type",
        "string",
        "Class of the error.",
        "event `argus.error` `type`, `error.type`, event `exception` `exception.type`",
    ),
    _c(
        "error_message",
        "string",
        "What went wrong, in words.",
        "event `argus.error` `message`, event `exception` `exception.message`, status message",
    ),
    _c(
        "error_stack",
        "string",
        "Stack trace.",
        "event `argus.error` `stack`, event `exception` `exception.stacktrace`",
    ),
)

STEP = _group(
    "step",
    _c("span_type", "string", "What the span does; null if unclear.", values=SPAN_TYPES),
    _c(
        "step_kind",
        "string",
        "Step kind of the Argus convention; null if none fits.",
        "`argus.step.kind`, else from the operation",
        values=STEP_KINDS,
    ),
    _c(
        "component_type",
        "string",
        "Component type of the Argus convention; null if none fits.",
        "`argus.component.type`, else from the operation",
        values=COMPONENT_TYPES,
    ),
    _c(
        "component_name",
        "string",
        "Concrete tool, skill, model or resource.",
        "`argus.component.name`, else the tool, model, agent or data source named by the span",
    ),
    _c("agent_name", "string", "Agent.", "`gen_ai.agent.name`"),
)

MODEL = _group(
    "model",
    _c(
        "provider",
        "string",
        "Model provider, OpenTelemetry names.",
        "`gen_ai.provider.name`, `gen_ai.system`",
    ),
    _c(
        "operation",
        "string",
        "GenAI operation (chat, embeddings, execute_tool, ...).",
        "`gen_ai.operation.name`",
    ),
    _c("request_model", "string", "Model asked for.", "`gen_ai.request.model`"),
    _c("response_model", "string", "Model that answered.", "`gen_ai.response.model`"),
    _c("temperature", "float64", "Sampling temperature.", "`gen_ai.request.temperature`"),
    _c("top_p", "float64", "Nucleus sampling share.", "`gen_ai.request.top_p`"),
    _c("max_tokens", "int64", "Cap on the answer, tokens.", "`gen_ai.request.max_tokens`"),
    _c("seed", "int64", "Sampling seed.", "`gen_ai.request.seed`"),
    _c(
        "finish_reason",
        "string",
        "Why the model stopped, as sent (first choice).",
        "event `argus.output` `stop_reason`, `gen_ai.response.finish_reasons`, `gen_ai.output.messages`",
    ),
    _c("streaming", "bool", "Whether the answer was streamed.", "`gen_ai.request.stream`"),
)

USAGE = _group(
    "usage",
    _c("input_tokens", "int64", "Prompt tokens, cached ones included.", "`gen_ai.usage.input_tokens`"),
    _c("output_tokens", "int64", "Answer tokens, reasoning included.", "`gen_ai.usage.output_tokens`"),
    _c(
        "cache_read_tokens",
        "int64",
        "Part of input_tokens read from the provider's cache.",
        "`gen_ai.usage.cache_read.input_tokens`",
    ),
    _c(
        "cache_write_tokens",
        "int64",
        "Part of input_tokens written to the provider's cache.",
        "`gen_ai.usage.cache_write.input_tokens`, `gen_ai.usage.cache_creation.input_tokens`",
    ),
    _c(
        "reasoning_tokens",
        "int64",
        "Part of output_tokens spent on reasoning.",
        "`gen_ai.usage.reasoning.output_tokens`",
    ),
    _c("cost_usd", "float64", "Cost as reported by the sender, US dollars.", "`gen_ai.usage.cost`"),
    _c("usage_source", "string", "Attribute that input_tokens (else output_tokens) came from."),
)

TOOL = _group(
    "tool",
    _c("tool_name", "string", "Tool that was called.", "`gen_ai.tool.name`"),
    _c("tool_call_id", "string", "Id that ties the call to the model's request.", "`gen_ai.tool.call.id`"),
    _c("mcp_method", "string", "MCP method.", "`mcp.method.name`"),
)

CONTENT = _group(
    "content",
    _c("input", "json", "Messages, tool arguments, or query."),
    _c("output", "json", "Messages, tool result, or retrieved documents."),
    _c("input_text", "string", "Input for people: the last user message, or the text."),
    _c("output_text", "string", "Output for people: the answer's text."),
    _c("system_prompt", "string", "System prompt."),
    _c("tool_definitions", "json", "Tools offered to the model."),
    _c("metadata", "json", "Sender's own metadata object.", "`argus.metadata`"),
)

RAW = _group(
    "raw",
    _c("attributes", "json", "Span attributes as sent, types kept.", otlp="Span.attributes"),
    _c("resource", "json", "Resource attributes as sent.", otlp="Resource.attributes"),
    _c("scope", "json", "Scope attributes as sent.", otlp="InstrumentationScope.attributes"),
    _c(
        "events",
        "json",
        "Events: time_unix_nano, name, attributes, dropped_attributes_count.",
        otlp=(
            "Span.events",
            "Event.time_unix_nano",
            "Event.name",
            "Event.attributes",
            "Event.dropped_attributes_count",
        ),
    ),
    _c(
        "links",
        "json",
        "Links: trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags.",
        otlp=(
            "Span.links",
            "Link.trace_id",
            "Link.span_id",
            "Link.trace_state",
            "Link.attributes",
            "Link.dropped_attributes_count",
            "Link.flags",
        ),
    ),
    _c("trace_state", "string", "W3C trace state.", otlp="Span.trace_state"),
    _c("flags", "int64", "W3C trace flags and OTLP's remote bits.", otlp="Span.flags"),
    _c(
        "dropped_attributes_count",
        "int64",
        "Attributes the sender's limits dropped.",
        otlp="Span.dropped_attributes_count",
    ),
    _c("dropped_events_count", "int64", "Events the sender dropped.", otlp="Span.dropped_events_count"),
    _c("dropped_links_count", "int64", "Links the sender dropped.", otlp="Span.dropped_links_count"),
    _c(
        "resource_dropped_attributes_count",
        "int64",
        "Resource attributes the sender dropped.",
        otlp="Resource.dropped_attributes_count",
    ),
    _c(
        "scope_dropped_attributes_count",
        "int64",
        "Scope attributes the sender dropped.",
        otlp="InstrumentationScope.dropped_attributes_count",
    ),
    _c("resource_schema_url", "string", "Schema URL of the resource.", otlp="ResourceSpans.schema_url"),
    _c("scope_schema_url", "string", "Schema URL of the scope's spans.", otlp="ScopeSpans.schema_url"),
    _c("entity_refs", "json", "Entities the resource refers to.", otlp="Resource.entity_refs"),
    _c(
        "unread",
        "json",
        "Values sent for a column that the column cannot hold: {column: value as sent}; null if none.",
    ),
)

SPANS = Table(
    name="spans",
    columns=IDENTITY + TIMING + STATUS + STEP + MODEL + USAGE + TOOL + CONTENT + RAW,
    partition_by=("org", "project", "date"),
    light_groups=("identity", "timing", "status", "step", "model", "usage", "tool"),
)

OTLP_CONTAINERS: dict[str, str] = {
    "ResourceSpans.resource": "its fields are columns",
    "ResourceSpans.scope_spans": "its fields are columns",
    "ScopeSpans.scope": "its fields are columns",
    "ScopeSpans.spans": "its fields are columns",
    "Span.status": "its fields are columns",
}
"""OTLP fields that hold no value of their own, with the reason they have no column."""

REFUSED = Table(
    name="refused",
    columns=_group(
        "refusal",
        _c("refusal_id", "string", "Stable id of this refusal.", required=True),
        _c("received_at", "timestamp", "When it was received, UTC.", required=True),
        _c("date", "date", "UTC date of received_at. Partition.", required=True),
        _c("reason", "string", "Short code of the reason.", required=True),
        _c("message", "string", "What is wrong and what to do.", required=True),
        _c("path", "string", "Where in the request the span stood.", required=True),
        _c("project", "string", "Project, if it could be told."),
        _c("service", "string", "Service, if it could be told."),
        _c("trace_id", "string", "Trace id as sent."),
        _c("span_id", "string", "Span id as sent."),
        _c("name", "string", "Span name."),
    )
    + _group(
        "raw",
        _c("encoding", "string", "How body is encoded.", required=True, values=("json", "protobuf")),
        _c(
            "body",
            "string",
            "The span as an OTLP request of its own: JSON text, or base64 of the protobuf bytes.",
            required=True,
        ),
    ),
    partition_by=("date",),
    light_groups=("refusal",),
)

TABLES = {table.name: table for table in (SPANS, REFUSED)}
