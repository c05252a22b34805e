"""A call of a language model: its prompt, its tokens, its time, its failures and retries."""

from collections.abc import Iterable
from dataclasses import dataclass

from opentelemetry.util.types import AnyValue

from support_sessions import text
from support_sessions.models import GPT, QWEN, Cached, Model
from support_sessions.plan import EventPlan, SpanPlan, failure_events, known, step
from support_sessions.script import Fault
from support_sessions.stage import Message, Stage, failure_of, prompt_tokens, tool_definitions

ATTEMPTS = 3

# How often an attempt fails by chance; for qwen3:8b before and after the deploy.
_GPT_RATE = 0.02
_CLAUDE_RATE = 0.022
_QWEN_RATES = (0.035, 0.21)

_RATE_LIMITED = Fault(
    type="openai.RateLimitError",
    message="Rate limit reached for gpt-5-mini on tokens per min (TPM): Limit 200000, Used 199214.",
    where="support_agent/llm.py",
    seconds=0.19,
    http_status=429,
)
_OVERLOADED = Fault(
    type="anthropic.OverloadedError",
    message="Overloaded",
    where="support_agent/llm.py",
    seconds=0.9,
    http_status=529,
)
_RUNNER_STOPPED = Fault(
    type="ollama.ResponseError",
    message=text.told("runner_stopped"),
    where="support_agent/llm.py",
    seconds=6.5,
    http_status=500,
)
_NO_ANSWER = Fault(
    type="httpx.ReadTimeout",
    message="no answer from gpu-box.internal:11434 within 30 s",
    where="support_agent/llm.py",
    seconds=30.0,
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a model is asked, and what it will say if it works."""

    model: Model
    messages: tuple[Message, ...]
    says: str = ""
    tool_calls: tuple[dict[str, AnyValue], ...] = ()
    tools: bool = True
    streamed: bool = True


@dataclass(frozen=True)
class Exchange:
    """The attempts of one logical call. ``text`` is what the model said in the end; None if it never did."""

    spans: tuple[SpanPlan, ...]
    text: str | None


def call(stage: Stage, request: Request, faults: tuple[Fault, ...] = ()) -> Exchange:
    """Ask the model, again after a failure, and the small model of another provider as a last resort."""
    spans: list[SpanPlan] = []
    for attempt in range(1, ATTEMPTS + 1):
        last_resort = attempt == ATTEMPTS and not faults and request.model is QWEN
        asked = _with_model(request, GPT) if last_resort else request
        fault = _fault(stage, asked.model, faults, attempt)
        if fault is None:
            span, said = _answered(stage, asked, attempt)
            return Exchange((*spans, span), said)
        spans.append(_failed(stage, asked, fault, attempt))
        if attempt == len(faults):
            break
        stage.wait(stage.around(0.6 * 2**attempt, 0.1))
    return Exchange(tuple(spans), None)


def _with_model(request: Request, model: Model) -> Request:
    return Request(
        model=model,
        messages=request.messages,
        says=request.says,
        tool_calls=request.tool_calls,
        tools=request.tools,
        streamed=request.streamed,
    )


def _fault(stage: Stage, model: Model, faults: tuple[Fault, ...], attempt: int) -> Fault | None:
    """The fault of this attempt: the scripted one, else what chance has in store for the model."""
    if faults:
        return faults[attempt - 1]
    if stage.session.story or attempt == ATTEMPTS:
        return None
    chance = stage.rng.random()
    if model is QWEN:
        rate = _QWEN_RATES[stage.deployed]
        return None if chance >= rate else _NO_ANSWER if chance < rate / 4 else _RUNNER_STOPPED
    if model is GPT:
        return _RATE_LIMITED if chance < _GPT_RATE * stage.crowding() else None
    return _OVERLOADED if chance < _CLAUDE_RATE else None


def _failed(stage: Stage, request: Request, fault: Fault, attempt: int) -> SpanPlan:
    start = stage.clock
    end = stage.wait(fault.seconds if fault.seconds >= 1 else stage.around(fault.seconds))
    failure = failure_of(fault)
    return SpanPlan(
        service="support-agent",
        name=f"chat {request.model.request}",
        kind="CLIENT",
        start=start,
        end=end,
        attributes={
            **_asked(request, attempt),
            **known({"error.type": fault.type, "http.response.status_code": fault.http_status}),
        },
        events=(_input(request, start), *failure_events(failure, end)),
        failure=failure,
    )


def _answered(stage: Stage, request: Request, attempt: int) -> tuple[SpanPlan, str]:
    """The attempt that works. Reading takes time for new tokens, writing for each token."""
    model = request.model
    constant = prompt_tokens(list(request.messages[:1])) + _tools_tokens(request)
    prompt = min(prompt_tokens(list(request.messages)) + _tools_tokens(request), model.window - 96)
    thought = _thought(stage, request)
    called = text.tokens(text.compact(request.tool_calls)) if request.tool_calls else 0
    room = min(model.max_tokens, model.window - prompt) - thought - called
    said = text.shortened(request.says, room)
    output = text.tokens(said) + called + thought
    stop = (
        model.stops[2] if said != request.says else model.stops[1] if request.tool_calls else model.stops[0]
    )
    hit = stage.cache_hit(model, prompt, constant)

    start = stage.clock
    first = (
        stage.around(model.first_token_s) * stage.crowding() + (prompt - (hit.read or 0)) / model.read_per_s
    )
    first_ns = stage.wait(first + thought / model.write_per_s)
    end = stage.wait((output - thought) / stage.around(model.write_per_s, 0.1))
    span = SpanPlan(
        service="support-agent",
        name=f"chat {model.request}",
        kind="CLIENT",
        start=start,
        end=end,
        attributes={
            **_asked(request, attempt),
            **known(
                {
                    "gen_ai.response.model": model.response,
                    "gen_ai.response.id": stage.identifier(model.id_prefix) if model.id_prefix else None,
                    "gen_ai.response.finish_reasons": (stop,),
                    "gen_ai.response.time_to_first_chunk": (first_ns - start) / 1e9
                    if request.streamed
                    else None,
                    "gen_ai.usage.input_tokens": prompt,
                    "gen_ai.usage.output_tokens": output,
                    "gen_ai.usage.reasoning.output_tokens": thought if model.thinks else None,
                }
            ),
            **_cache_usage(stage, hit),
        },
        events=(_input(request, start), _output(said, request.tool_calls, stop, end)),
    )
    return span, said


def _tools_tokens(request: Request) -> int:
    return text.tokens(text.compact(tool_definitions())) if request.tools else 0


def _thought(stage: Stage, request: Request) -> int:
    """Reasoning tokens, in steps of 64 as OpenAI counts them; little of it before a tool is called."""
    if request.model.thinks is None:
        return 0
    least, most = request.model.thinks
    return stage.rng.randrange(
        0 if request.tool_calls else least, most // (3 if request.tool_calls else 1) + 1, 64
    )


def _cache_usage(stage: Stage, hit: Cached) -> dict[str, AnyValue]:
    """Cached tokens. Version 1.9.0 came with a newer instrumentation, which renamed the writes."""
    written = "cache_write" if stage.deployed else "cache_creation"
    return known(
        {
            "gen_ai.usage.cache_read.input_tokens": hit.read,
            f"gen_ai.usage.{written}.input_tokens": hit.written,
        }
    )


def _asked(request: Request, attempt: int) -> dict[str, AnyValue]:
    model = request.model
    return {
        **step("llm_call", "llm", model.request),
        **known(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": model.provider,
                "gen_ai.request.model": model.request,
                "gen_ai.request.max_tokens": model.max_tokens,
                "gen_ai.request.temperature": model.temperature,
                "gen_ai.request.stream": True if request.streamed else None,
                "server.address": model.server,
                "server.port": model.port,
                "support.attempt": attempt if attempt > 1 else None,
            }
        ),
    }


def _input(request: Request, at: int) -> EventPlan:
    tools = {"tools": tool_definitions()} if request.tools else {}
    return EventPlan("argus.input", at, {"messages": request.messages, **tools})


def _output(said: str, tool_calls: Iterable[dict[str, AnyValue]], stop: str, at: int) -> EventPlan:
    payload: dict[str, AnyValue] = {"text": said} if said else {}
    calls = tuple(tool_calls)
    if calls:
        payload["tool_calls"] = calls
    return EventPlan("argus.output", at, {**payload, "stop_reason": stop})
