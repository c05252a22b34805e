"""The stage of one session: its clock, its chance, and what the model has been told so far."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from opentelemetry.util.types import AnyValue

from support_sessions import text
from support_sessions.models import Cached, Model, cached
from support_sessions.plan import Failure
from support_sessions.script import DEPLOYED, Fault, Session, load
from support_sessions.tools import TOOLS

Message = dict[str, AnyValue]

_CACHE_LIFE_NS = 300 * 10**9
_MESSAGE_OVERHEAD = 4
"""Tokens a provider adds around each message."""


def tool_definitions() -> tuple[dict[str, AnyValue], ...]:
    """The tools as the model sees them in every call."""
    return tuple(tool.definition() for tool in TOOLS.values())


@dataclass
class Stage:
    """Everything that changes while a session is played. One per session; nothing else is mutable."""

    session: Session
    rng: Random
    clock: int
    history: list[Message] = field(default_factory=list)
    prompts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Tokens and time of the last prompt of each model: what its cache may still hold."""

    @property
    def now(self) -> datetime:
        """The clock as a time of day."""
        return datetime.fromtimestamp(self.clock // 10**9, tz=UTC)

    @property
    def deployed(self) -> bool:
        """Whether version 1.9.0 is running."""
        return self.now >= DEPLOYED

    def wait(self, seconds: float) -> int:
        """Let time pass, to the microsecond; returns the clock."""
        self.clock += round(seconds * 1e6) * 1000
        return self.clock

    def around(self, seconds: float, spread: float = 0.25) -> float:
        """A duration near ``seconds``: skewed to the long side, as latencies are."""
        return seconds * self.rng.lognormvariate(0.0, spread)

    def crowding(self) -> float:
        """How much slower shared services are at this hour."""
        return 1.0 + 0.4 * load(self.now)

    def identifier(self, prefix: str, digits: int = 24) -> str:
        """An id as providers make them."""
        return f"{prefix}{self.rng.getrandbits(4 * digits):0{digits}x}"

    def cache_hit(self, model: Model, prompt: int, constant: int) -> Cached:
        """What of a prompt the provider still has, and remember the prompt for the next call.

        ``constant`` tokens (system prompt and tools) are the same in all sessions; in business
        hours some other session has sent them in the last minutes.
        """
        before, at = self.prompts.get(model.request, (0, 0))
        self.prompts[model.request] = (prompt, self.clock)
        warm = before if self.clock - at < _CACHE_LIFE_NS else 0
        shared = constant if self.rng.random() < load(self.now) else 0
        return cached(model, prompt, max(warm, shared))


def prompt_tokens(messages: list[Message]) -> int:
    """Tokens of a list of messages as the provider counts them."""
    return sum(_message_tokens(message) for message in messages)


def _message_tokens(message: Message) -> int:
    calls = message.get("tool_calls")
    said = text.tokens(str(message["content"]))
    return _MESSAGE_OVERHEAD + said + (text.tokens(text.compact(calls)) if calls else 0)


def failure_of(fault: Fault) -> Failure:
    """A fault as the exception the service would have logged."""
    line = 20 + len(fault.message) * 7 % 180
    stack = (
        "Traceback (most recent call last):\n"
        f'  File "support_agent/loop.py", line 118, in run\n    return await step(context)\n'
        f'  File "{fault.where}", line {line}, in call\n'
        "    return await self._send(request, timeout=self.timeout)\n"
        f"{fault.type}: {fault.message}\n"
    )
    return Failure(fault.type, fault.message, stack)
