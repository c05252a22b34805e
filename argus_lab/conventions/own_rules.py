"""Rules of one's own: which attributes fill a column, written in TOML.

::

    [[rule]]
    column = "user_id"
    attributes = ["my.user", "my.login"]   # best first
    read = "text"                          # may be left out: the reader of the column's type

They go after explicit ``argus.*`` and before every dialect.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from argus_lab.conventions import messages
from argus_lab.conventions.derived import DERIVED
from argus_lab.conventions.readers import chosen, count, flag, number, parsed, signed, text, unquoted, words
from argus_lab.conventions.rules import Rule
from argus_lab.errors import SettingError
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["COLUMNS", "READERS", "OwnRules", "own_rules"]

_FOLLOWS = frozenset({"dialect", "session_source", "usage_source"})
"""Columns that say how others were filled."""

COLUMNS: tuple[str, ...] = tuple(name for name in DERIVED if name not in _FOLLOWS)
"""The columns that a rule may fill."""


def _milliseconds(value: Any) -> float | None:
    seconds = number(value)
    return None if seconds is None else seconds * 1000


def _messages(value: Any) -> Any:
    return messages.messages(value) or None


READERS: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "text": (text, "string", "text; a number is written out"),
    "first": (chosen, "string", "the first of a list of texts"),
    "count": (count, "int64", "a whole number that is not negative, also as text"),
    "integer": (signed, "int64", "a whole number, also as text"),
    "number": (number, "float64", "a number, also as text"),
    "seconds": (_milliseconds, "float64", "seconds, kept as milliseconds"),
    "flag": (flag, "bool", "true or false, also as text"),
    "words": (words, "list<string>", "a list of texts, or one text"),
    "json": (parsed, "json", "any value; JSON text of an object or list is read"),
    "any_json": (unquoted, "json", "any value; JSON text of any kind is read"),
    "messages": (_messages, "json", "chat messages of any common shape"),
}
"""By name: the reader, the type of the columns it is for, and what it reads."""

_USUAL = {"string": "text", "int64": "count", "float64": "number", "bool": "flag"} | {
    "list<string>": "words",
    "json": "json",
}


@dataclass(frozen=True, eq=False)
class OwnRules:
    """Checked rules. Compared by identity, so that what follows from them can be remembered quickly."""

    rules: tuple[Rule, ...]

    @cached_property
    def attributes(self) -> Mapping[str, frozenset[str]]:
        """By column, the attributes that the rules fill it from."""
        found: dict[str, set[str]] = {}
        for rule in self.rules:
            found.setdefault(rule.column, set()).update(rule.attributes)
        return {column: frozenset(names) for column, names in found.items()}

    def filled(self, origins: Mapping[str, str]) -> frozenset[str]:
        """The columns that these rules have filled, of those with an origin."""
        empty: frozenset[str] = frozenset()
        return frozenset(c for c, name in origins.items() if name in self.attributes.get(c, empty))


def own_rules(source: str, where: str) -> OwnRules:
    r"""The rules that a TOML text holds; ``where`` it is from, for the messages.

    Raises
    ------
    SettingError
        For text that is no TOML, and for a rule that cannot be followed: names the rule and the cure.

    Examples
    --------
    >>> rules = '[[rule]]\ncolumn = "user_id"\nattributes = ["my.user"]'
    >>> own_rules(rules, "rules.toml").rules[0].attributes
    ('my.user',)
    """
    try:
        found = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{where}: no TOML: {error}") from error
    extra = sorted(found.keys() - {"rule"})
    rules = found.get("rule", [])
    if extra or not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise SettingError(f"{where}: only [[rule]] tables are expected{_also(extra)}.")
    return OwnRules(tuple(_rule(rule, f"{where}: rule {n}") for n, rule in enumerate(rules, 1)))


def _rule(given: Mapping[str, Any], where: str) -> Rule:
    extra = sorted(given.keys() - {"column", "attributes", "read"})
    if extra:
        raise SettingError(f"{where}: a rule has column, attributes and read{_also(extra)}.")
    column = _column(given.get("column"), where)
    names = given.get("attributes")
    if not isinstance(names, list) or not names or not all(isinstance(n, str) and n for n in names):
        raise SettingError(
            f"{where}: attributes = {names!r} cannot be used; a list of attribute names is expected, such as "
            'attributes = ["my.user"].'
        )
    return Rule(column, _reader(given.get("read"), column, where), tuple(names))


def _column(name: object, where: str) -> str:
    if not isinstance(name, str) or name not in COLUMNS:
        why = (
            "it is kept as sent" if name in SPANS.names else f"there is no such column{_near(name, COLUMNS)}"
        )
        raise SettingError(
            f"{where}: column = {name!r} cannot be filled by a rule: {why}. "
            f"Columns that can: {', '.join(COLUMNS)}."
        )
    return name


def _reader(name: object, column: str, where: str) -> Callable[[Any], Any]:
    kind = SPANS.column(column).type
    fitting = [reader for reader, (_, of, _) in READERS.items() if of == kind]
    if kind == "json":
        fitting.append("text")
    name = _USUAL[kind] if name is None else name
    if not isinstance(name, str) or name not in fitting:
        raise SettingError(
            f"{where}: read = {name!r} does not fit the column {column} ({kind}){_near(name, READERS)}; "
            f"one of {', '.join(fitting)} does."
        )
    read = READERS[name][0]
    allowed = SPANS.column(column).values
    return _among(read, allowed) if allowed else read


def _among(read: Callable[[Any], Any], allowed: tuple[str, ...]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        found = read(value)
        return found if found in allowed else None

    return checked


def _near(name: object, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near and near[0] != name else ""


def _also(extra: list[str]) -> str:
    return f"; there is also {', '.join(extra)}" if extra else ""
