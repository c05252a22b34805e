"""The instrumentors that are installed: which of them are turned on, and why others are not.

Instrumentations of libraries register under the entry point ``opentelemetry_instrumentor``. OpenInference,
OpenLLMetry and OpenTelemetry's own GenAI instrumentations all do, often for the same library; two of them
on would make two spans of each call, and count its tokens twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from argus_lab.errors import InvalidArgument

__all__ = ["Instrumentor", "Outcome", "installed", "turned_on"]

GROUP = "opentelemetry_instrumentor"
FAMILIES = ("OpenInference", "OpenTelemetry GenAI", "OpenLLMetry")
"""Of two for one library, the first is chosen: it tells more of messages and tools."""


@dataclass(frozen=True, slots=True)
class Instrumentor:
    """One that is installed: its name, where it comes from, and whose family it is, if of one above."""

    name: str
    distribution: str
    version: str
    family: str | None
    entry: metadata.EntryPoint

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an instrumentor: ``on``, ``left off`` or ``broken``, with the reason."""

    which: Instrumentor
    state: str
    reason: str = ""
    turned: Any = None

    def __str__(self) -> str:
        return f"{self.which}: {self.reason}" if self.reason else str(self.which)


def installed(distributions: Iterable[metadata.Distribution] | None = None) -> list[Instrumentor]:
    """Every instrumentor that is installed, by family, then name."""
    found: dict[tuple[str, str], Instrumentor] = {}
    for distribution in metadata.distributions() if distributions is None else distributions:
        for entry in distribution.entry_points.select(group=GROUP):
            name = distribution.name
            which = Instrumentor(entry.name, name, distribution.version, _family(distribution), entry)
            found.setdefault((entry.name, name), which)  # the first on the path is what is imported
    return sorted(found.values(), key=lambda which: (_rank(which), which.name, which.distribution))


def _family(distribution: metadata.Distribution) -> str | None:
    needs = " ".join(distribution.requires or [])
    if distribution.name.startswith("openinference-"):
        return "OpenInference"
    if "opentelemetry-semantic-conventions-ai" in needs:
        return "OpenLLMetry"
    return "OpenTelemetry GenAI" if "opentelemetry-util-genai" in needs else None


def _rank(which: Instrumentor) -> int:
    return len(FAMILIES) if which.family is None else FAMILIES.index(which.family)


def turned_on(
    found: Sequence[Instrumentor],
    provider: Any,
    *,
    only: Sequence[str] | None = None,
    disabled: str = "",
) -> list[Outcome]:
    """Turn instrumentors on, one family a library, and say what became of each.

    ``only`` are names of instrumentors or of their distributions; ``disabled`` is the value of
    ``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS``. Those whose library is not installed are left out.
    """
    off = {name.strip() for name in disabled.split(",")}
    wanted = [which for which in _chosen(found, only) if not off & {which.name, "*"}]
    outcomes: list[Outcome] = []
    taken: dict[str, Instrumentor] = {}
    for which, loaded in sorted(map(_loaded, wanted), key=_is_fresh):
        outcome = _outcome(which, loaded, provider, taken)
        if outcome is not None:
            outcomes.append(outcome)
    return outcomes


def _chosen(found: Sequence[Instrumentor], only: Sequence[str] | None) -> list[Instrumentor]:
    if only is None:
        return list(found)
    if isinstance(only, str):
        raise InvalidArgument(f"instrumentors={only!r}: a list of names is expected, such as [{only!r}].")
    known = {name for which in found for name in (which.name, which.distribution)}
    for name in only:
        if name not in known:
            there = ", ".join(sorted({which.name for which in found})) or "none"
            raise InvalidArgument(f"no instrumentor {name!r} is installed; there are: {there}.")
    return [which for which in found if {which.name, which.distribution} & set(only)]


def _loaded(which: Instrumentor) -> tuple[Instrumentor, Any]:
    try:
        return which, which.entry.load()()
    except Exception as error:  # noqa: BLE001  any fault of theirs is told, and none stops the others
        return which, error


def _is_fresh(pair: tuple[Instrumentor, Any]) -> bool:
    return not getattr(pair[1], "is_instrumented_by_opentelemetry", False)


def _outcome(
    which: Instrumentor, loaded: Any, provider: Any, taken: dict[str, Instrumentor]
) -> Outcome | None:
    if isinstance(loaded, Exception):
        return Outcome(which, "broken", f"cannot be loaded: {_said(loaded)}")
    libraries = _libraries(which, loaded)
    other = next((taken[name] for name in libraries if name in taken), None)
    if other is not None and which.family != other.family:
        return Outcome(which, "left off", f"{other.distribution} is on for the same library")
    outcome = _turned(which, loaded, provider)
    if outcome is not None and outcome.state != "left off" and which.family is not None:
        taken.update(dict.fromkeys(libraries, which))
    return outcome


def _libraries(which: Instrumentor, loaded: Any) -> set[str]:
    """The distributions that it instruments; its own name where it names none."""
    needs = (re.match(r"[\w.-]+", need) for need in loaded.instrumentation_dependencies())
    names = {re.sub(r"[-_.]+", "-", need[0]).lower() for need in needs if need}
    return names or {which.name}


def _turned(which: Instrumentor, loaded: Any, provider: Any) -> Outcome | None:
    if not _is_fresh((which, loaded)):
        return Outcome(which, "on", "was on already")
    try:
        loaded.instrument(tracer_provider=provider, raise_exception_on_conflict=True)
    except Exception as error:  # noqa: BLE001  the same
        conflict = getattr(error, "conflict", None)
        if conflict is None:
            return Outcome(which, "broken", f"cannot be turned on: {_said(error)}")
        # It is installed for a library that is not there (nothing to tell), or not in a version it knows.
        return Outcome(which, "left off", str(conflict)) if conflict.found else None
    return Outcome(which, "on", turned=loaded)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
