"""Words: the phrase book filled with the facts of a case, and how many tokens a text costs."""

import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from opentelemetry.util.types import AnyValue

from support_sessions.world import Case, Language

_WIDE = 0x2E80
"""From this code point on a character is (nearly always) Chinese or an emoji."""
_BEFORE_VOWEL = re.compile(r"\ba (?=[aeiou])")
"""An espresso machine, a kettle: the names of the articles know no grammar."""


@dataclass(frozen=True)
class Article:
    """A page of the help centre."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Topic:
    """Something customers write about; see the head of ``phrases.toml`` for the fields."""

    name: str
    opens: bool
    state: str
    rounds: tuple[tuple[str, ...], ...]
    search: str
    asks: Mapping[str, Sequence[str]]
    answers: Mapping[str, Sequence[str]]


@cache
def _book() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("phrases.toml").read_text(encoding="utf-8"))


@cache
def topics() -> Mapping[str, Topic]:
    """All topics by name."""
    return {name: _topic(name, entry) for name, entry in _book()["topics"].items()}


def _topic(name: str, entry: Mapping[str, Any]) -> Topic:
    spoken = {key: value for key, value in entry.items() if isinstance(value, dict)}
    return Topic(
        name=name,
        opens=bool(entry["opens"]),
        state=str(entry["state"]),
        rounds=tuple(tuple(names) for names in entry["rounds"]),
        search=str(entry["search"]),
        asks={language: value["ask"] for language, value in spoken.items()},
        answers={language: value["answer"] for language, value in spoken.items()},
    )


@cache
def articles() -> tuple[Article, ...]:
    """The pages of the help centre."""
    return tuple(Article(**entry) for entry in _book()["articles"])


def prompt(name: str) -> str:
    """The prompt ``name`` of the phrase book: ``system`` or ``summary``."""
    return str(_book()["prompts"][name]).strip()


def told(key: str) -> str:
    """A text of ``stories.py``, still a template."""
    return str(_book()["stories"][key])


def told_all(key: str) -> tuple[str, ...]:
    """Several texts of ``stories.py`` under one name."""
    return tuple(_book()["stories"][key])


def moral(name: str) -> str:
    """What there is to find in the story ``name``."""
    return str(_book()["stories"]["what"][name])


def phrase(rng: Random, group: str, language: Language) -> str:
    """One phrase of a group such as ``greetings``, still a template."""
    return str(rng.choice(_book()[group][language]))


def question(rng: Random, topic: Topic, case: Case, *, first: bool) -> str:
    """What the customer writes; the first message of a conversation has manners."""
    ask = str(rng.choice(topic.asks[case.language]))
    if first:
        ask = phrase(rng, "greetings", case.language) + ask + phrase(rng, "tails", case.language)
    return _capitalised(filled(ask, case))


def reply(rng: Random, topic: Topic, case: Case) -> str:
    """What the agent answers when its tools worked."""
    answer = str(rng.choice(topic.answers[case.language]))
    if topic.opens:
        opener = phrase(rng, "openers", case.language)
        said = _capitalised(answer) if opener.endswith(". ") else answer
        answer = opener + said + phrase(rng, "closers", case.language)
    return _capitalised(filled(answer, case))


def filled(template: str, case: Case) -> str:
    """A template with the facts of the case, written as the customer's language writes them."""
    text = template.format(
        first=case.first,
        name=case.name,
        order=case.order,
        item=case.item,
        item2=case.item2,
        price=money(case.price_cents, case.language),
        total=money(case.total_cents, case.language),
        carrier=case.carrier,
        tracking=case.tracking,
        hub=case.hub,
        invoice=case.invoice,
        return_no=case.return_no,
        refund_no=case.refund_no,
        email=case.email,
        phone=case.phone,
        city=case.city,
        street=case.street,
        bought=_day(case.bought.month, case.bought.day, case.language),
        eta=_day(case.eta.month, case.eta.day, case.language),
        warranty=case.warranty.strftime("%d.%m.%Y" if case.language == "de" else "%Y-%m-%d"),
    )
    return _BEFORE_VOWEL.sub("an ", text) if case.language == "en" else text


def money(cents: int, language: Language) -> str:
    """An amount in euros as the language writes it."""
    plain = f"{cents // 100}.{cents % 100:02d}"
    if language == "de":
        return plain.replace(".", ",") + " €"
    return f"€{plain}" if language == "en" else f"{plain} 欧元"


def _day(month: int, day: int, language: Language) -> str:
    if language == "de":
        return f"{day:02d}.{month:02d}."
    if language == "zh":
        return f"{month} 月 {day} 日"
    names = ("Jan", "Feb", "March", "April", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec")
    return f"{day} {names[month - 1]}"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def tokens(text: str) -> int:
    """About as many tokens as a tokenizer would make: 4 Latin characters, or 1.5 Chinese ones, each."""
    wide = sum(ord(character) >= _WIDE for character in text)
    return math.ceil((len(text) - wide) / 4 + wide / 1.5)


def compact(value: AnyValue) -> str:
    """A value as the JSON a tool or a model would see."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def shortened(text: str, limit: int) -> str:
    """The beginning of a text that fits into ``limit`` tokens, cut where the model was cut off."""
    while tokens(text) > limit:
        text = text[:-1]
    return text
