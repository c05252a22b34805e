"""The other steps of the agent: tools, the help centre, middleware."""

from opentelemetry.util.types import AnyValue

from support_sessions import text
from support_sessions.calls import ATTEMPTS, Request, call
from support_sessions.models import GPT
from support_sessions.plan import EventPlan, Kind, Service, SpanPlan, failure_events, known, step
from support_sessions.script import Fault, Search, ToolUse
from support_sessions.stage import Message, Stage, failure_of
from support_sessions.tools import TOOLS, Component, Tool

_CARRIER = Fault(
    type="TimeoutError",
    message="carrier gateway did not answer within 5 s",
    where="support_agent/tools/shipping.py",
    seconds=5.0,
)
_CONNECTION = Fault(
    type="McpError",
    message="order-mcp: connection closed before the response",
    where="support_agent/tools/mcp.py",
    seconds=0.4,
)
_DATABASE = Fault(
    type="TimeoutError",
    message="orders-db did not answer within 2 s",
    where="support_agent/tools/orders.py",
    seconds=2.0,
)
_QUERIES = (
    "SELECT * FROM orders WHERE order_id = $1",
    "SELECT * FROM orders WHERE lower(order_id) = lower($1)",
)
"""The query of `lookup_order` before and after the deploy. The second one cannot use the index."""


def pii_filter(stage: Stage, says: str) -> SpanPlan:
    """The gateway masks what could identify a person before the agent sees the message."""
    start = stage.clock
    end = stage.wait(stage.around(0.004))
    masked = says.count("@") + says.count("+44")
    return SpanPlan(
        service="support-gateway",
        name="pii-filter",
        start=start,
        end=end,
        attributes={**step(None, "middleware", "pii-filter"), "support.masked": masked},
        events=(EventPlan("argus.output", end, {"masked": masked}),),
    )


def injection_guard(stage: Stage, search: Search) -> SpanPlan:
    """The agent looks for orders to the model in what it has found."""
    start = stage.clock
    end = stage.wait(stage.around(0.021))
    suspect = search.found[0]
    return SpanPlan(
        service="support-agent",
        name="injection-guard",
        start=start,
        end=end,
        attributes={
            **step(None, "middleware", "injection-guard"),
            "gen_ai.operation.name": "apply_guardrail",
        },
        events=(
            EventPlan("argus.input", start, {"text": suspect.text}),
            EventPlan("argus.output", end, {"verdict": "suspicious", "score": 0.97, "document": suspect.id}),
        ),
    )


def retrieval(stage: Stage, search: Search) -> SpanPlan:
    """The retrieval service looks the question up. It does not know the session."""
    start = stage.wait(0.002)
    end = stage.wait(stage.around(0.16) * stage.crowding())
    scores = (0.83, 0.71, 0.58)
    documents: tuple[dict[str, AnyValue], ...] = tuple(
        {"id": page.id, "title": page.title, "score": score, "content": page.text}
        for page, score in zip(search.found, scores, strict=False)
    )
    return SpanPlan(
        service="retrieval",
        name="retrieval help-centre",
        kind="SERVER",
        start=start,
        end=end,
        attributes={
            **step("external_resource", "external_resource", "help-centre-search"),
            "gen_ai.operation.name": "retrieval",
            "gen_ai.data_source.id": "help-centre",
            "gen_ai.retrieval.query.text": search.query,
            "gen_ai.request.top_k": 3,
        },
        events=(
            EventPlan("argus.input", start, {"text": search.query}),
            EventPlan("argus.output", end, {"documents": documents}),
        ),
    )


def tool(stage: Stage, use: ToolUse, call_id: str) -> tuple[tuple[SpanPlan, ...], str]:
    """A tool call with its retries, and the text the model gets back."""
    spans: list[SpanPlan] = []
    faults = use.faults or _faults(stage, use)
    for attempt, fault in enumerate(faults, 1):
        spans.append(_lost(stage, use, call_id, fault, attempt))
        stage.wait(stage.around(0.25 * attempt, 0.1))
    if use.hopeless or len(faults) >= ATTEMPTS:
        return tuple(spans), text.compact({"error": faults[-1].type, "message": faults[-1].message})
    span, result = _worked(stage, use, call_id, len(faults) + 1)
    return (*spans, span), result


def _faults(stage: Stage, use: ToolUse) -> tuple[Fault, ...]:
    """Chance: the carrier is often late, the rest seldom fails; now and then it does not come back."""
    if stage.session.story or use.tool not in TOOLS:
        return ()
    if use.tool == "get_shipment":
        fault, rate = _CARRIER, 0.09
    elif use.tool == "lookup_order":
        fault, rate = _DATABASE, 0.012
    else:
        fault, rate = _CONNECTION, 0.015 if _component(use) == "mcp" else 0.0
    if stage.rng.random() >= rate:
        return ()
    return (fault,) * stage.rng.choices((1, 2, 3), (0.75, 0.15, 0.10))[0]


def _lost(stage: Stage, use: ToolUse, call_id: str, fault: Fault, attempt: int) -> SpanPlan:
    start = stage.clock
    # A client's timeout is exact to the millisecond; a lost connection is not.
    late = (
        stage.rng.uniform(0.0, 0.002)
        if "timeout" in fault.type.lower()
        else fault.seconds * stage.rng.random()
    )
    end = stage.wait(fault.seconds + late)
    failure = failure_of(fault)
    return SpanPlan(
        service="support-agent",
        name=_name(use),
        kind=_kind(use),
        start=start,
        end=end,
        attributes={**_tool_attributes(use, call_id, attempt), "error.type": fault.type},
        events=(EventPlan("argus.input", start, {"arguments": use.arguments}), *failure_events(failure, end)),
        failure=failure,
        children=() if use.hopeless else _behind(use, start, end, timed_out=True, deployed=stage.deployed),
    )


def _worked(stage: Stage, use: ToolUse, call_id: str, attempt: int) -> tuple[SpanPlan, str]:
    start = stage.clock
    if TOOLS[use.tool].component == "skill":
        children, result = _skill(stage)
        end = stage.wait(0.001)
    else:
        end = stage.wait(use.seconds or _seconds(stage, TOOLS[use.tool]))
        children, result = (
            _behind(use, start, end, timed_out=False, deployed=stage.deployed),
            text.compact(use.result),
        )
    span = SpanPlan(
        service="support-agent",
        name=_name(use),
        kind=_kind(use),
        start=start,
        end=end,
        attributes=_tool_attributes(use, call_id, attempt),
        events=(
            EventPlan("argus.input", start, {"arguments": use.arguments}),
            EventPlan("argus.output", end, {"text": result}),
        ),
        children=children,
    )
    return span, result


def _seconds(stage: Stage, called: Tool) -> float:
    slower = 3.1 if called.name == "lookup_order" and stage.deployed else 1.0
    return stage.around(called.seconds * slower, 0.35) * stage.crowding()


def _component(use: ToolUse) -> Component:
    known_tool = TOOLS.get(use.tool)
    return known_tool.component if known_tool else "custom_tool"


def _name(use: ToolUse) -> str:
    return f"tools/call {use.tool}" if _component(use) == "mcp" else f"execute_tool {use.tool}"


def _kind(use: ToolUse) -> Kind:
    return "CLIENT" if _component(use) == "mcp" else "INTERNAL"


def _tool_attributes(use: ToolUse, call_id: str, attempt: int) -> dict[str, AnyValue]:
    component = _component(use)
    return {
        **step("tool_call", component, use.tool),
        **known(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": use.tool,
                "gen_ai.tool.call.id": call_id,
                "gen_ai.tool.type": "function",
                "gen_ai.skill.name": use.tool if component == "skill" else None,
                "mcp.method.name": "tools/call" if component == "mcp" else None,
                "server.address": "order-mcp.internal" if component == "mcp" else None,
                "support.attempt": attempt if attempt > 1 else None,
            }
        ),
    }


def _behind(use: ToolUse, start: int, end: int, *, timed_out: bool, deployed: bool) -> tuple[SpanPlan, ...]:
    """What happens on the other side of the call: in the MCP server, or in the database."""
    margin = min(2_000_000, (end - start) // 10)
    error: dict[str, AnyValue] = {"error.type": "timeout"} if timed_out else {}
    if _component(use) == "mcp":
        service: Service = "order-mcp"
        attributes = {
            **step("external_resource", "mcp", "order-mcp"),
            "mcp.method.name": "tools/call",
            "gen_ai.tool.name": use.tool,
            "network.transport": "tcp",
            **error,
        }
        name = f"tools/call {use.tool}"
    elif use.tool == "lookup_order":
        service = "support-agent"
        attributes = {
            **step("external_resource", "external_resource", "orders-db-query"),
            "db.system.name": "postgresql",
            "db.query.text": _QUERIES[deployed],
            "server.address": "orders-db.internal",
            **error,
        }
        name = "SELECT orders"
    else:
        return ()
    kind: Kind = "SERVER" if service == "order-mcp" else "CLIENT"
    return (
        SpanPlan(
            service=service,
            name=name,
            kind=kind,
            start=start + margin,
            end=end - margin,
            attributes=attributes,
        ),
    )


def _skill(stage: Stage) -> tuple[tuple[SpanPlan, ...], str]:
    """The summary for a colleague: a skill that asks a model of its own."""
    told = [
        message
        for message in stage.history
        if message["role"] in {"user", "assistant"} and message["content"]
    ]
    transcript = "\n".join(f"{message['role']!s}: {message['content']!s}" for message in told)
    messages: tuple[Message, ...] = (
        {"role": "system", "content": text.prompt("summary")},
        {"role": "user", "content": transcript},
    )
    says = text.filled(text.prompt("case"), stage.session.case)
    stage.wait(0.003)
    exchange = call(stage, Request(model=GPT, messages=messages, says=says, tools=False, streamed=False))
    return exchange.spans, exchange.text or ""
