"""What a visitor asks for: one value, to and from a page's address, a lake's filters, and Python."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from argus_lab.errors import ArgusError
from argus_lab.lake.times import instant

__all__ = [
    "EVER",
    "PRESETS",
    "Choices",
    "choices_of",
    "code_of",
    "query_of",
    "range_words",
    "selection_of",
    "window_of",
]

PRESETS: tuple[tuple[str, str], ...] = (
    ("15m", "Last 15 minutes"),
    ("1h", "Last hour"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
)
"""Stretches of time up to now: how they are written, and what they are called."""
EVER = "All time"

MODEL = "coalesce(request_model, response_model)"
SEARCHED = ("input_text", "output_text")
IN_JSON = ("input", "output")
MANY = ("project", "service", "model", "component", "status")
MOST_VALUES = 100
LONGEST = 2_000
"""Characters of one value of an address; nobody needs more, and addresses come from strangers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Which spans are meant, on every page. Nothing chosen means everything.

    ``since`` and ``until`` are as in ``lake.spans()``: how long ago, or ISO text with an offset.
    """

    lake: str | None = None
    project: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    component: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    text: str | None = None
    live: bool = True

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self.narrowing == Choices()

    @property
    def narrowing(self) -> Choices:
        """The choices without those that leave nothing out: whose lake, and whether it moves."""
        return replace(self, lake=None, live=True)


NAMES = tuple(each.name for each in fields(Choices))


def choices_of(query: str) -> tuple[Choices, dict[str, str]]:
    """The choices that an address's query holds, and what else it holds, for the page.

    What cannot be a choice is left out: an address may be old, or written by anybody.

    Examples
    --------
    >>> found, own = choices_of("?project=a&project=b&since=24h&live=off&session=s-1")
    >>> found.project, found.since, found.live, own
    (('a', 'b'), '24h', False, {'session': 's-1'})
    >>> choices_of("since=yesterday")[0].since is None
    True
    """
    many: dict[str, list[str]] = {name: [] for name in MANY}
    one: dict[str, str] = {}
    for name, value in parse_qsl(query.removeprefix("?"), max_num_fields=MOST_VALUES, errors="replace"):
        if len(value) > LONGEST:
            continue
        if name in many:
            many[name].append(value)
        else:
            one[name] = value
    given: dict[str, Any] = {name: tuple(dict.fromkeys(values)) for name, values in many.items()}
    given |= {name: one.pop(name, None) for name in ("lake", "since", "until", "text")}
    given["live"] = one.pop("live", "on") != "off"
    found = Choices(**given)
    return (found if _is_window(found) else replace(found, since=None, until=None)), one


def query_of(choices: Choices, own: Mapping[str, str | None] | None = None) -> str:
    """The query of an address with these choices and what the page itself keeps there.

    Examples
    --------
    >>> query_of(Choices(project=("a b",), since="24h"), {"session": "s-1", "step": None})
    '?project=a+b&since=24h&session=s-1'
    >>> query_of(Choices())
    ''
    """
    told: list[tuple[str, str]] = []
    for name in NAMES:
        value = getattr(choices, name)
        if name == "live":
            told += [] if value else [(name, "off")]
        elif isinstance(value, tuple):
            told += [(name, item) for item in value]
        elif value:
            told.append((name, value))
    told += [(name, value) for name, value in (own or {}).items() if value]
    return f"?{urlencode(told, errors='replace')}" if told else ""


def selection_of(choices: Choices) -> dict[str, Any]:
    """The same as filters of ``lake.spans(...)``.

    Examples
    --------
    >>> selection_of(Choices(project=("shop",), model=("llama3.2",), since="24h"))
    {'project': 'shop', 'since': '24h', 'where': 'coalesce(request_model, response_model) = $model',
     'params': {'model': 'llama3.2'}}
    """
    found: dict[str, Any] = {}
    for name in ("project", "service"):
        values = getattr(choices, name)
        if values:
            found[name] = values[0] if len(values) == 1 else list(values)
    found |= {name: getattr(choices, name) for name in ("since", "until") if getattr(choices, name)}
    tests, params = _condition(choices)
    return found | {"where": " AND ".join(tests), "params": params} if tests else found


def code_of(choices: Choices, *, lake: str | None = None, more: Mapping[str, Any] | None = None) -> str:
    """Python that reads the spans which are chosen, into ``spans``.

    Parameters
    ----------
    lake
        Where the lake is, if not where ``al.open()`` looks.
    more
        Further arguments of ``lake.spans()``.

    Examples
    --------
    >>> print(code_of(Choices(project=("shop",), since="24h"), lake="traces"))
    import argus_lab as al
    <BLANKLINE>
    lake = al.open("traces")
    spans = lake.spans(
        project="shop",
        since="24h",
    )
    """
    given = selection_of(choices) | dict(more or {})
    opened = f"al.open({_python(lake)})" if lake else "al.open()"
    lines = [f"    {name}={_python(value)}," for name, value in given.items()]
    asked = "\n".join(["lake.spans(", *lines, ")"]) if lines else "lake.spans()"
    return f"import argus_lab as al\n\nlake = {opened}\nspans = {asked}"


def window_of(choices: Choices, now: datetime | None = None) -> tuple[datetime | None, datetime | None]:
    """From when, included, until when, excluded; ``None`` is without end.

    Examples
    --------
    >>> window_of(Choices(since="1h"), datetime(2026, 3, 1, 12, tzinfo=UTC))[0].isoformat()
    '2026-03-01T11:00:00+00:00'
    """
    now = now or datetime.now(UTC)
    since, until = (
        instant(name, value, now=now) if (value := getattr(choices, name)) else None
        for name in ("since", "until")
    )
    return since, until


def range_words(choices: Choices) -> str:
    """The range of time in words.

    Examples
    --------
    >>> range_words(Choices(since="24h")), range_words(Choices()), range_words(Choices(since="90m"))
    ('Last 24 hours', 'All time', 'Last 90m')
    >>> range_words(Choices(since="2026-05-01T00:00Z", until="2026-05-02T12:30Z"))
    '2026-05-01 00:00 – 2026-05-02 12:30 UTC'
    """
    since, until = choices.since, choices.until
    if not since and not until:
        return EVER
    if since and not until and "-" not in since:
        return dict(PRESETS).get(since, f"Last {since}")
    told = (f"{end:%Y-%m-%d %H:%M}" if end else "…" for end in window_of(choices))
    return " – ".join(told) + " UTC"


def _is_window(choices: Choices) -> bool:
    try:
        since, until = window_of(choices)
    except ArgusError:
        return False
    return since is None or until is None or since < until


def _condition(choices: Choices) -> tuple[list[str], dict[str, Any]]:
    tests: list[str] = []
    params: dict[str, Any] = {}
    for name, column in (("model", MODEL), ("component", "component_type"), ("status", "status")):
        values: Sequence[str] = getattr(choices, name)
        if values:
            params[name] = values[0] if len(values) == 1 else list(values)
            tests.append(f"{column} = ${name}" if len(values) == 1 else f"list_contains(${name}, {column})")
    if choices.text:
        test, told = text_condition(choices.text)
        tests.append(test)
        params |= told
    return tests, params


def text_condition(text: str) -> tuple[str, dict[str, str]]:
    """The condition that a span's messages hold this text, whatever its case, with its parameters.

    Messages are JSON, in which quotes and line ends are written otherwise than in texts.

    Examples
    --------
    >>> text_condition("late")[1]
    {'text': 'late', 'json': 'late'}
    """
    plain = text.lower()
    told = {"text": plain, "json": json.dumps(plain, ensure_ascii=False)[1:-1]}
    tests = [f"contains(lower({column}), $text)" for column in SEARCHED]
    tests += [f"contains(lower({column}), $json)" for column in IN_JSON]
    # Of nothing it is not known whether it contains something.
    return f"({' OR '.join(f'coalesce({test}, false)' for test in tests)})", told


def _python(value: Any) -> str:
    """A value as Python writes it, with double quotes; nothing in it ends the text early."""
    if isinstance(value, str):
        told = repr(value)
        is_single = told.startswith("'") and '"' not in value
        return f'"{told[1:-1]}"' if is_single else told
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_python(key)}: {_python(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_python(item) for item in value) + "]"
    return repr(value)
