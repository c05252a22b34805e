"""One trace: what it was, where its time went, and every step of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from argus_lab.display.markup import Html, element, joined
from argus_lab.display.page import Piece, code, cut_note, head, light_note, note, token_facts
from argus_lab.display.taken import Steps, call
from argus_lab.display.units import count, duration, moment, plural, usd
from argus_lab.display.visible import brief
from argus_lab.display.waterfall import tree_of, waterfall

if TYPE_CHECKING:
    from argus_lab.display.folding import Line

__all__ = ["failures", "rest_of", "steps_page", "trace_page"]

ERRORS = 5
HEAVY = {"input", "output"}


def trace_page(
    trace: dict[str, Any], steps: Steps, have: set[str], told: dict[str, Any], most: int
) -> list[Piece]:
    """The pieces of a trace's page, about ``most`` lines."""
    found = tree_of(steps, most)
    key = trace.get("trace_id")
    services = ", ".join(dict.fromkeys(steps.text("service", line.place) for line in found))
    sub = " · ".join(
        part
        for part in (
            moment(trace.get("start_time")),
            brief(trace.get("project"), 60),
            brief(services, 120),
            brief(trace.get("models"), 80),
            f"trace {brief(key, 64)}",
            f"session {brief(trace['session_id'], 64)}" if trace.get("session_id") not in (None, key) else "",
        )
        if part
    )
    facts = [
        ("Status", _status(steps)),
        ("Duration", duration(trace.get("duration_ms"))),
        ("Spans", count(trace.get("spans"))),
        *token_facts(trace),
        ("Cost reported", usd(trace.get("reported_cost_usd"))),
    ]
    title = brief(trace.get("name"), 120) or "Trace"
    first = head(title, sub, facts, failures(steps), _incomplete(trace), light_note(have, "trace", key))
    return [first, *waterfall(steps, found), rest_of(steps, found, key), cut_note(told)]


def steps_page(steps: Steps, told: dict[str, Any], most: int) -> list[Piece]:
    """The pieces of a page of steps of one trace or several."""
    found = tree_of(steps, most)
    traces = steps.table["trace_id"].unique() if "trace_id" in steps.table.column_names else []
    key = traces[0].as_py() if len(traces) else None
    sub = f"trace {brief(key, 64)}" if len(traces) == 1 else plural(len(traces), "trace")
    facts = [("Steps", count(len(steps))), ("Errors", count(len(steps.wrong)))]
    first = head("Steps", sub, facts, failures(steps))
    return [first, *waterfall(steps, found), rest_of(steps, found, key), cut_note(told)]


def failures(steps: Steps) -> Html | None:
    """The first errors in words: nobody should have to look for them."""
    if not steps.wrong:
        return None
    # What a span repeats from the one below it is told once, where it happened.
    words: dict[str, str] = {}
    times: Counter[tuple[str, str]] = Counter()
    for place in sorted(steps.wrong, key=lambda place: -steps.depth[place]):
        told = steps.text("error_message", place) or steps.text("error_type", place) or "failed"
        words.setdefault(told, steps.label[place])
        times[told, steps.label[place]] += 1
    shown = [
        element("li", element("b", brief(label, 60)), _times(times[told, label]), ": ", brief(told, 200))
        for told, label in list(words.items())[:ERRORS]
    ]
    hidden = len(words) - len(shown)
    if hidden:
        shown.append(element("li", f"… {plural(hidden, 'more error message')} below", cls="al-more"))
    return element("ul", *shown, cls="al-alert")


def rest_of(steps: Steps, found: list[Line], key: Any) -> Html:
    """How many spans are not lines of their own, and where they are."""
    hidden = len(steps) - sum(not line.folded for line in found)
    if hidden <= 0:
        return Html("")
    return note(f"{plural(hidden, 'more span')}, folded by label above, see ", code(call("trace", key)))


def _times(number: int) -> str:
    return f" ×{count(number)}" if number > 1 else ""


def _status(steps: Steps) -> Html | str:
    """The status of the root; the one it failed with if there are several."""
    if any(not steps.depth[place] for place in steps.wrong):
        return element("span", "ERROR", cls="al-wrong")
    return brief(steps.text("status", 0)) if len(steps) else ""


def _incomplete(trace: dict[str, Any]) -> Html | None:
    if trace.get("is_complete") is not False:
        return None
    return joined([note("Some spans name a parent that is not here: the trace is not whole, or not yet.")])
