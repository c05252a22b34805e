"""Filters: which rows of a table are meant. One definition for every call that reads.

The keyword arguments are typed dictionaries, so that ``lake.spans(projct="x")`` is an error in the
editor as well as at run time. :func:`select` turns them into a :class:`Filter`, which the readers
apply as a pyarrow expression, a DuckDB expression or a Narwhals one. Values are never pasted into
query text.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict

from argus_lab.errors import InvalidArgument
from argus_lab.lake.times import When, instant, spelled

if TYPE_CHECKING:
    from argus_lab.schema import Table

__all__ = [
    "Filter",
    "Picks",
    "RedriveSelection",
    "RefusedSelection",
    "Selection",
    "Values",
    "select",
    "shown",
    "trace_key",
]

Values = str | Iterable[str] | None
"""One value or several; ``None`` means any, an empty list means none."""

Params = Sequence[Any] | Mapping[str, Any] | None


class Picks(TypedDict, total=False):
    """Which spans: by what they belong to and when they started."""

    project: Values
    service: Values
    session: Values
    trace: Values
    since: When | None
    until: When | None


class Selection(Picks, total=False):
    """Which spans: :class:`Picks`, and a DuckDB condition with its bound parameters."""

    where: str | None
    params: Params


class RedriveSelection(TypedDict, total=False):
    """Which refused spans to take in; ``project`` is the project they get."""

    service: Values
    reason: Values
    since: When | None
    until: When | None
    where: str | None
    params: Params


class RefusedSelection(RedriveSelection, total=False):
    """Which refused spans; ``since`` and ``until`` are about when they were received."""

    project: Values


COLUMNS = {
    "spans": {
        "project": "project",
        "service": "service",
        "session": "session_id",
        "trace": "trace_id",
    },
    "refused": {"project": "project", "service": "service", "reason": "reason"},
}
TIME_COLUMN = {"spans": "start_time", "refused": "received_at"}
WINDOW = ("since", "until")
CONDITION = ("where", "params")
SESSION_WORDS = re.compile(r"session|columns|picked|\*", re.IGNORECASE)
"""What a condition contains that looks at sessions, by name or with all other columns."""
TRACE_ID = re.compile(r"[0-9a-f]{1,32}")


@dataclass(frozen=True, slots=True)
class Filter:
    """A checked selection. ``among`` holds, per column, the values that a row may have."""

    among: Mapping[str, tuple[str, ...]]
    time_column: str
    since: datetime | None
    until: datetime | None
    where: str | None
    params: Sequence[Any] | Mapping[str, Any] | None
    asked: Mapping[str, Any]

    @property
    def is_lookup(self) -> bool:
        """Whether few rows are meant, which the files' Bloom filters find without a scan."""
        return bool(self.among.keys() & {"trace_id", "session_id"})

    @property
    def asks_sessions(self) -> bool:
        """Whether it depends on sessions which rows are meant."""
        return "session_id" in self.among or bool(self.where and SESSION_WORDS.search(self.where))


def select(table: Table, given: Mapping[str, Any], *, now: datetime | None = None) -> Filter:
    """The filter that the keyword arguments ``given`` mean for ``table``.

    Raises
    ------
    InvalidArgument
        For an unknown filter, a value that is no text, ``params`` without ``where``,
        or a window that ends before it starts; ``NaiveTime`` for a time without a zone.

    Examples
    --------
    >>> from argus_lab.schema import SPANS
    >>> select(SPANS, {"project": "customer-bot", "trace": ["0AF7651916CD43DD8448EB211C80319C"]}).among
    {'project': ('customer-bot',), 'trace_id': ('0af7651916cd43dd8448eb211c80319c',)}
    >>> select(SPANS, {"projct": "customer-bot"})
    Traceback (most recent call last):
    argus_lab.errors.InvalidArgument: no filter 'projct' (did you mean 'project'?). ...
    """
    columns = COLUMNS[table.name]
    known = (*columns, *WINDOW, *CONDITION)
    _refuse_unknown(given, known)
    asked = {name: given[name] for name in known if given.get(name) is not None}
    among = {columns[name]: _values(name, asked[name]) for name in columns if name in asked}
    now = now or datetime.now(UTC)
    since, until = (instant(name, asked[name], now=now) if name in asked else None for name in WINDOW)
    if since and until and until < since:
        raise InvalidArgument(
            f"until={asked['until']!r} is before since={asked['since']!r}; swap them, or leave one out."
        )
    where, params = _condition(asked)
    pictures = {
        name: among[columns[name]] if name in columns and not isinstance(value, str) else value
        for name, value in asked.items()
    }
    asked = {name: shown(picture) for name, picture in pictures.items()}
    return Filter(among, TIME_COLUMN[table.name], since, until, where, params, asked)


def trace_key(trace_id: object) -> str:
    """A trace id (or the start of one) as it is stored: lowercase hex, no hyphens.

    Examples
    --------
    >>> trace_key(" 0AF76519-16CD-43DD-8448-EB211C80319C ")
    '0af7651916cd43dd8448eb211c80319c'
    """
    key = trace_id.strip().lower().replace("-", "") if isinstance(trace_id, str) else ""
    if not TRACE_ID.fullmatch(key):
        raise InvalidArgument(
            f"trace {trace_id!r} is no trace id: 32 hexadecimal digits are expected, such as "
            "'0af7651916cd43dd8448eb211c80319c'. Base64 ids: base64.b64decode(id).hex()."
        )
    return key


def shown(value: Any) -> Any:
    """A JSON-able picture of an argument, for a frame's provenance.

    Examples
    --------
    >>> shown({"since": datetime(2026, 3, 1, tzinfo=UTC), "ids": (1, 2)})
    {'since': '2026-03-01T00:00:00+00:00', 'ids': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {str(key): shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list | tuple) else _plain(value)


def _refuse_unknown(given: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise InvalidArgument(
                f"no filter {name!r}{hint}. There are {', '.join(known)}; for any other column use "
                f"where='{name} = $value', params={{'value': ...}}."
            )


def _values(name: str, given: str | Iterable[str]) -> tuple[str, ...]:
    values: tuple[Any, ...] = (given,) if isinstance(given, str) else _listed(name, given)
    for value in values:
        if not isinstance(value, str):
            raise InvalidArgument(f"{name}={given!r}: text is expected, or a list of texts; got {value!r}.")
    return tuple(dict.fromkeys(map(trace_key, values) if name == "trace" else values))


def _listed(name: str, given: object) -> tuple[Any, ...]:
    if isinstance(given, Iterable) and not isinstance(given, bytes | Mapping):
        return tuple(given)
    raise InvalidArgument(f"{name}={given!r}: text is expected, or a list of texts.")


def _condition(asked: Mapping[str, Any]) -> tuple[str | None, Any]:
    where, params = asked.get("where"), asked.get("params")
    if where is not None and not isinstance(where, str):
        raise InvalidArgument(
            f"where={where!r} is no text; a DuckDB condition such as where='input_tokens > 1000' is expected."
        )
    if params is not None and where is None:
        raise InvalidArgument("params are bound in where=, and no where= was given.")
    if isinstance(params, str | bytes) or not isinstance(params, Sequence | Mapping | None):
        raise InvalidArgument(f"params={params!r}: a list for ? or $1, or a dict for $name, is expected.")
    return where, params


def _plain(value: Any) -> Any:
    value = spelled(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | None) else str(value)
