"""Playing a script: one tree of span plans per turn, with the agent's loop at its heart."""

from random import Random

from opentelemetry.util.types import AnyValue

from support_sessions import steps, text
from support_sessions.calls import Request, call
from support_sessions.plan import EventPlan, SpanPlan, failure_events, step
from support_sessions.script import Search, Session, ToolUse, Turn
from support_sessions.stage import Message, Stage, failure_of


def play(session: Session, seed: str) -> list[SpanPlan]:
    """All turns of a session, one trace each, in order of time."""
    rng = Random(f"{seed}/play/{session.id}")
    stage = Stage(session, rng, round(session.start.timestamp()) * 10**9 + rng.randrange(10**6) * 1000)
    return [_turn(stage, turn, first=not place) for place, turn in enumerate(session.turns)]


def _turn(stage: Stage, turn: Turn, *, first: bool) -> SpanPlan:
    """The gateway takes the message, filters it, asks the agent and delivers the answer."""
    start = stage.wait(turn.think_s)
    stage.wait(stage.around(0.003))
    children: list[SpanPlan] = []
    if first or "@" in turn.says:
        children.append(steps.pii_filter(stage, turn.says))
    agent, reply = _agent(stage, turn, first=first)
    children.append(agent)
    stage.wait(stage.around(0.002))
    if reply:
        children.append(_assistant_message(stage, reply))
    end = stage.wait(stage.around(0.001))
    failure = failure_of(turn.fails) if turn.fails else None
    return SpanPlan(
        service="support-gateway",
        name="POST /v1/chat",
        kind="SERVER",
        start=start,
        end=end,
        attributes={
            **step("user_message"),
            "http.request.method": "POST",
            "http.route": "/v1/chat",
            "http.response.status_code": 200 if reply else 499,
            "support.topic": turn.topic,
            "support.language": stage.session.case.language,
            **({"error.type": failure.type} if failure else {}),
        },
        events=(
            EventPlan("argus.input", start, {"text": turn.says}),
            *(failure_events(failure, end) if failure else ()),
        ),
        failure=failure,
        children=tuple(children),
    )


def _assistant_message(stage: Stage, reply: str) -> SpanPlan:
    start = stage.clock
    end = stage.wait(stage.around(0.002))
    return SpanPlan(
        service="support-gateway",
        name="assistant_message",
        start=start,
        end=end,
        attributes=step("assistant_message"),
        events=(EventPlan("argus.output", end, {"text": reply}),),
    )


def _agent(stage: Stage, turn: Turn, *, first: bool) -> tuple[SpanPlan, str]:
    """The agent: model, tools, model again, until there is an answer."""
    start = stage.wait(stage.around(0.002))
    children: list[SpanPlan] = []
    if first:
        children.append(_system_prompt(stage))
    if turn.search:
        children.extend(_look_up(stage, turn.search))
    stage.history.append({"role": "user", "content": turn.says})
    failed_tool = False
    for uses in turn.rounds:
        spans, failed = _round(stage, uses)
        children.extend(spans)
        failed_tool = failed_tool or failed
    wanted = turn.reply if not failed_tool else text.filled(_apology(stage), stage.session.case)
    reply = _answer(stage, turn, wanted, children)
    end = stage.wait(stage.around(0.001))
    failure = failure_of(turn.fails) if turn.fails else None
    span = SpanPlan(
        service="support-agent",
        name="invoke_agent mira",
        kind="SERVER",
        start=start,
        end=end,
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "mira",
            "gen_ai.provider.name": stage.session.model.provider,
            **({"error.type": failure.type} if failure else {}),
        },
        events=failure_events(failure, end) if failure else (),
        failure=failure,
        children=tuple(children),
    )
    return span, reply


def _apology(stage: Stage) -> str:
    return text.phrase(stage.rng, "apologies", stage.session.case.language)


def _answer(stage: Stage, turn: Turn, wanted: str, children: list[SpanPlan]) -> str:
    """The last call of the model. If it never works, the agent falls back to the scripted excuse."""
    exchange = call(stage, _request(stage, says=wanted or turn.says), turn.model_faults)
    children.extend(exchange.spans)
    reply = exchange.text if exchange.text is not None else turn.reply
    if reply:
        stage.history.append({"role": "assistant", "content": reply})
    return reply


def _system_prompt(stage: Stage) -> SpanPlan:
    start = stage.clock
    end = stage.wait(stage.around(0.001))
    said = text.prompt("system")
    stage.history.append({"role": "system", "content": said})
    return SpanPlan(
        service="support-agent",
        name="system_prompt",
        start=start,
        end=end,
        attributes=step("system_prompt"),
        events=(EventPlan("argus.input", start, {"text": said}),),
    )


def _look_up(stage: Stage, search: Search) -> list[SpanPlan]:
    spans = [steps.retrieval(stage, search)]
    stage.wait(0.002)
    if search.guarded:
        spans.append(steps.injection_guard(stage, search))
    pages = "\n\n".join(f"[{page.id}] {page.title}\n{page.text}" for page in search.found)
    stage.history.append({"role": "system", "content": f"From the help centre:\n\n{pages}"})
    return spans


def _round(stage: Stage, uses: tuple[ToolUse, ...]) -> tuple[list[SpanPlan], bool]:
    """The model asks for tools, and they run at the same time."""
    calls = tuple(_tool_call(stage, each) for each in uses)
    exchange = call(stage, _request(stage, tool_calls=calls))
    stage.history.append({"role": "assistant", "content": "", "tool_calls": calls})
    spans = list(exchange.spans)
    begin = stage.wait(stage.around(0.002))
    ends, failed = [], False
    for asked, each in zip(calls, uses, strict=True):
        stage.clock = begin
        done, result = steps.tool(stage, each, str(asked["id"]))
        spans.extend(done)
        ends.append(stage.clock)
        failed = failed or (done[-1].failure is not None and not each.hopeless)
        answer: Message = {"role": "tool", "tool_call_id": asked["id"], "content": result}
        stage.history.append(answer)
    stage.clock = max(ends)
    stage.wait(stage.around(0.001))
    return spans, failed


def _tool_call(stage: Stage, use: ToolUse) -> dict[str, AnyValue]:
    return {"id": stage.identifier("call_", 12), "name": use.tool, "arguments": use.arguments}


def _request(stage: Stage, *, says: str = "", tool_calls: tuple[dict[str, AnyValue], ...] = ()) -> Request:
    return Request(
        model=stage.session.model,
        messages=tuple(stage.history),
        says=says,
        tool_calls=tool_calls,
        streamed=stage.session.streamed,
    )
