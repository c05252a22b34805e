"""Scripts: what is said and called in a session. No clock runs here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from opentelemetry.util.types import AnyValue

from support_sessions import text, world
from support_sessions.models import SHARES, Model
from support_sessions.tools import TOOLS
from support_sessions.world import Case

FROM = datetime(2026, 5, 4, tzinfo=UTC)
UNTIL = datetime(2026, 5, 18, tzinfo=UTC)
DEPLOYED = datetime(2026, 5, 11, 9, tzinfo=UTC)
"""Version 1.9.0 replaces 1.8.0: `lookup_order` becomes slow, and qwen3:8b fails more often."""

CUSTOMERS = 220

_HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 13, 16, 17, 15, 12, 13, 15, 15, 13, 12, 13, 14, 12, 8, 5, 2)
"""The load of a day, hour by hour in UTC: people write in the morning, after lunch and after dinner."""
_WEEKDAYS = (1.2, 1.0, 0.95, 0.95, 1.05, 0.5, 0.35)
"""The load of a week, Monday first."""
_STREAMED, _MARATHON, _GRATEFUL = 0.85, 0.03, 0.5
"""The shares of sessions that are streamed, that last for 8 turns or more, that end with thanks."""
_FOLLOW_UPS = ("invoice", "track_again", "address", "how_long", "how_long", "warranty", "voucher", "human")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How a call goes wrong: the exception that is seen, and how long it took to come."""

    type: str
    message: str
    where: str
    seconds: float
    http_status: int | None = None


@dataclass(frozen=True, kw_only=True)
class ToolUse:
    """One call of a tool that the model asks for."""

    tool: str
    arguments: Mapping[str, AnyValue]
    result: Mapping[str, AnyValue]
    faults: tuple[Fault, ...] = ()
    """Attempts that fail before one works. Empty: chance decides."""
    hopeless: bool = False
    """No attempt works after the faults; the model is told the last error."""
    seconds: float | None = None
    """How long the call takes that works. None: chance decides."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """A question to the help centre and the pages it finds."""

    query: str
    found: tuple[text.Article, ...]
    guarded: bool = False
    """The pages hold something the injection guard finds."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One message of the customer and all that happens until the answer."""

    says: str
    reply: str
    """Empty if the customer leaves before the answer is there."""
    topic: str
    think_s: float
    """How long the customer reads and types before this message."""
    search: Search | None = None
    rounds: tuple[tuple[ToolUse, ...], ...] = ()
    model_faults: tuple[Fault, ...] = ()
    """Attempts of the last model call that fail. Empty: chance decides."""
    fails: Fault | None = None
    """The turn as a whole ends with this error."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A conversation: who, when, with which model, and turn after turn."""

    id: str
    start: datetime
    model: Model
    case: Case
    turns: tuple[Turn, ...]
    streamed: bool = True
    story: str = field(default="")
    """What there is to find, for the few sessions that were written by hand."""


def load(at: datetime) -> float:
    """How busy the shop is at a moment, from 0 to about 1."""
    return _HOURS[at.hour] / max(_HOURS) * _WEEKDAYS[at.weekday()]


def write(seed: str, count: int) -> list[Session]:
    """``count`` everyday sessions in order of time."""
    rng = Random(f"{seed}/starts")
    starts = sorted(_start(rng) for _ in range(count))
    return [
        _session(Random(f"{seed}/script/{number}"), number, start) for number, start in enumerate(starts, 1)
    ]


def _start(rng: Random) -> datetime:
    days = [FROM + timedelta(days=offset) for offset in range((UNTIL - FROM).days)]
    day = rng.choices(days, [_WEEKDAYS[day.weekday()] for day in days])[0]
    hour = rng.choices(range(24), _HOURS)[0]
    # A conversation may take half an hour: the last ones begin early enough to end in time.
    return min(day + timedelta(hours=hour, seconds=rng.randrange(3600)), UNTIL - timedelta(minutes=45))


def _session(rng: Random, number: int, start: datetime) -> Session:
    opening = rng.choice([topic for topic in text.topics().values() if topic.opens])
    regular = int(CUSTOMERS * rng.random() ** 1.5)
    case = world.case_of(rng, regular, opening.state, start)
    return Session(
        id=f"cs-{number:04d}",
        start=start,
        model=rng.choices([model for model, _ in SHARES], [share for _, share in SHARES])[0],
        case=case,
        turns=tuple(
            turn_about(rng, topic, case, first=not place) for place, topic in enumerate(_course(rng, opening))
        ),
        streamed=rng.random() < _STREAMED,
    )


def _course(rng: Random, opening: text.Topic) -> list[text.Topic]:
    """The topics of a conversation. Most are short; a few go on and on."""
    length = min(12, 1 + int(rng.expovariate(1.0)))
    if rng.random() < _MARATHON:
        length = rng.randint(8, 12)
    course = [opening]
    for _ in range(length - 1):
        choices = [name for name in _FOLLOW_UPS if name != course[-1].name]
        course.append(text.topics()[rng.choice(choices)])
    if length > 1 and rng.random() < _GRATEFUL:
        course[-1] = text.topics()["thanks"]
    return course


def turn_about(rng: Random, topic: text.Topic, case: Case, *, first: bool = False) -> Turn:
    """A turn in which the customer raises ``topic`` and gets what they need."""
    return Turn(
        says=text.question(rng, topic, case, first=first),
        reply=text.reply(rng, topic, case),
        topic=topic.name,
        think_s=0.0 if first else rng.uniform(9, 75),
        search=Search(query=topic.search, found=_found(topic.search)) if topic.search else None,
        rounds=tuple(tuple(use(name, case, topic.name) for name in names) for names in topic.rounds),
    )


def use(tool: str, case: Case, topic: str = "") -> ToolUse:
    """The ordinary use of a tool in a case."""
    arguments = world.arguments_for(tool, case, "wrong_item" if topic == "wrong_item" else "damaged")
    result = {} if TOOLS[tool].component == "skill" else world.answer_of(tool, case)
    return ToolUse(tool=tool, arguments=arguments, result=result)


def _found(query: str) -> tuple[text.Article, ...]:
    """The three pages that share most words with the query: a search engine of one line."""
    words = set(query.lower().replace(",", "").split())

    def score(article: text.Article) -> int:
        return len(
            words & set(f"{article.title} {article.text}".lower().replace(".", "").replace(",", "").split())
        )

    return tuple(sorted(text.articles(), key=lambda article: (-score(article), article.id))[:3])
