"""Sessions written by hand. Each has one problem that a notebook should be able to find and explain."""

from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from support_sessions import text, world
from support_sessions.models import CLAUDE, GPT, QWEN, Model
from support_sessions.script import Fault, Search, Session, ToolUse, Turn, turn_about, use
from support_sessions.tools import TOOLS
from support_sessions.world import Case

CARRIER_TIMEOUT = Fault(
    type="TimeoutError",
    message="carrier gateway did not answer within 45 s",
    where="support_agent/tools/shipping.py",
    seconds=45.0,
)


def write(seed: str) -> list[Session]:
    """All stories. Their ids are stable, so that notebooks may point to them."""
    tellers = (
        _prompt_injection,
        _hallucinated_tool,
        _very_slow,
        _runaway_loop,
        _context_overflow,
        _gives_up,
    )
    return [tell(Random(f"{seed}/stories/{tell.__name__}")) for tell in tellers]


def _case(rng: Random, number: int, state: str, at: datetime) -> Case:
    """A case of a customer who writes English, so that every reader can follow the story."""
    numbers = (candidate for candidate in range(number, number + 1000))
    return next(
        case for case in (world.case_of(rng, each, state, at) for each in numbers) if case.language == "en"
    )


def _session(name: str, model: Model, case: Case, at: datetime, turns: tuple[Turn, ...]) -> Session:
    return Session(id=f"story-{name}", start=at, model=model, case=case, turns=turns, story=text.moral(name))


def _prompt_injection(rng: Random) -> Session:
    at = datetime(2026, 5, 6, 13, 12, 4, tzinfo=UTC)
    case = _case(rng, 301, "delivered", at)
    poisoned = text.Article(
        id="kb-user-0881",
        title="Community answer: refunds",
        text=text.told("injection_page"),
    )
    found = (poisoned, *(article for article in text.articles() if article.id in {"kb-037", "kb-012"}))
    first = Turn(
        says=text.filled(text.told("injection_ask"), case),
        reply=text.told("injection_reply"),
        topic="return_policy",
        think_s=0.0,
        search=Search(query="how long does a refund take", found=found, guarded=True),
    )
    second = turn_about(rng, text.topics()["refund_status"], case)
    return _session("prompt-injection", CLAUDE, case, at, (first, replace(second, think_s=31.0)))


def _hallucinated_tool(rng: Random) -> Session:
    at = datetime(2026, 5, 8, 9, 41, 30, tzinfo=UTC)
    case = _case(rng, 311, "shipped", at)
    missing = ToolUse(
        tool="get_order_history",
        arguments={"customer_email": case.email, "limit": 5},
        result={},
        faults=(
            Fault(
                type="ToolNotFoundError",
                message=f"no tool is called 'get_order_history'; known tools: {', '.join(TOOLS)}",
                where="support_agent/tools/registry.py",
                seconds=0.002,
            ),
        ),
        hopeless=True,
    )
    turn = Turn(
        says=text.filled(text.told("history_ask"), case),
        reply=text.filled(text.told("history_reply"), case),
        topic="order_history",
        think_s=0.0,
        rounds=((missing,), (use("lookup_order", case),)),
    )
    thanks = turn_about(rng, text.topics()["thanks"], case)
    return _session("hallucinated-tool", QWEN, case, at, (turn, thanks))


def _very_slow(rng: Random) -> Session:
    at = datetime(2026, 5, 12, 18, 3, 55, tzinfo=UTC)
    case = _case(rng, 321, "delayed", at)
    slow = replace(use("get_shipment", case), faults=(CARRIER_TIMEOUT, CARRIER_TIMEOUT), seconds=38.4)
    turn = turn_about(rng, text.topics()["late"], case, first=True)
    turn = replace(turn, rounds=((use("lookup_order", case),), (slow,)))
    return _session("very-slow", CLAUDE, case, at, (turn, turn_about(rng, text.topics()["how_long"], case)))


def _runaway_loop(rng: Random) -> Session:
    at = datetime(2026, 5, 13, 11, 26, 17, tzinfo=UTC)
    case = _case(rng, 331, "shipped", at)
    empty = ToolUse(
        tool="get_shipment",
        arguments={"tracking_id": case.tracking},
        result={"tracking_id": case.tracking, "carrier": case.carrier, "scans": [], "planned": None},
        seconds=0.6,
    )
    turn = Turn(
        says=text.filled(text.told("loop_ask"), case),
        reply=text.filled(text.told("loop_reply"), case),
        topic="where",
        think_s=0.0,
        rounds=((empty,),) * 18,
        fails=Fault(
            type="MaxStepsExceeded",
            message="the agent used 18 of 18 rounds of tools without an answer",
            where="support_agent/loop.py",
            seconds=0.0,
        ),
    )
    return _session("runaway-loop", GPT, case, at, (turn,))


def _context_overflow(rng: Random) -> Session:
    at = datetime(2026, 5, 14, 15, 8, 42, tzinfo=UTC)
    case = _case(rng, 341, "delayed", at)
    opening = turn_about(rng, text.topics()["late"], case, first=True)
    pastes = tuple(_paste(rng, case) for _ in range(6))
    return _session("context-overflow", QWEN, case, at, (opening, *pastes))


def _paste(rng: Random, case: Case) -> Turn:
    """The customer pastes what the courier wrote: some 1400 tokens of it."""
    lines = text.told_all("chat_lines")
    stamps = (f"[{9 + minute // 60:02d}:{minute % 60:02d}]" for minute in range(0, 290, 5))
    chat = "\n".join(f"{stamp} {rng.choice(lines)}" for stamp in stamps)
    return Turn(
        says=text.filled(f"{text.told('chat_ask')}\n{chat}", case),
        reply=text.filled(text.told("chat_reply"), case),
        topic="late",
        think_s=rng.uniform(40, 90),
    )


def _gives_up(rng: Random) -> Session:
    at = datetime(2026, 5, 15, 20, 47, 9, tzinfo=UTC)
    case = _case(rng, 351, "returned", at)
    crash = Fault(
        type="ollama.ResponseError",
        message=text.told("runner_stopped"),
        where="support_agent/llm.py",
        seconds=9.4,
        http_status=500,
    )
    crashes = (crash, replace(crash, seconds=12.7), replace(crash, seconds=11.2))
    gone = Fault(
        type="ClientDisconnected",
        message="the customer closed the chat before the answer was complete",
        where="support_gateway/chat.py",
        seconds=0.0,
    )
    cancelled = Fault(
        type="asyncio.CancelledError",
        message="the stream was cancelled by the caller",
        where="support_agent/llm.py",
        seconds=24.0,
    )
    first = turn_about(rng, text.topics()["refund_status"], case, first=True)
    unheard = tuple(
        Turn(
            says=text.filled(says, case),
            reply=text.told("unheard_reply"),
            topic="refund_status",
            think_s=think_s,
            model_faults=crashes,
            fails=crash,
        )
        for says, think_s in zip(text.told_all("unheard_asks"), (22.0, 14.0, 40.0), strict=True)
    )
    last = Turn(
        says=text.told("unheard_end"),
        reply="",
        topic="refund_status",
        think_s=19.0,
        model_faults=(cancelled,),
        fails=gone,
    )
    return _session("gives-up", QWEN, case, at, (first, *unheard, last))
