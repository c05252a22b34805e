"""What the replay of a session shows at its left: turns, their rounds, and the steps in them, as words."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from argus_lab.display.units import UNKNOWN, clock, count, duration, moment, plural, usd
from argus_lab.display.visible import brief
from argus_lab.figures.theme import KINDS, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argus_lab.dashboards.opened import Opened
    from argus_lab.display.rounds_view import Round

__all__ = ["replay_of", "round_title", "step_title"]

LABEL = 160
ICONS = {name: [kind.symbol, kind.colour, kind.words] for name, kind in KINDS.items()}
OF_TRIGGER = {"user_message": "message", "tool_call": "custom_tool"}


def replay_of(opened: Opened, *, is_live: bool) -> dict[str, Any]:
    """All of it, for the component of the replay."""
    steps_of: list[list[int]] = [[] for _ in opened.rounds]
    for at, place in enumerate(opened.round_of):
        if place is not None:
            steps_of[place].append(at)
    outside = _outside(opened)
    return {
        "key": f"{opened.row['project']}/{opened.row['session_id']}",
        "title": brief(opened.row["first_user_message"] or f"Session {opened.row['session_id']}", LABEL),
        "facts": _facts(opened, is_live=is_live),
        "note": _note(opened),
        "icons": ICONS,
        "rounds": [_round(each) for each in opened.rounds],
        "steps": _steps(opened, steps_of, outside),
        "steps_of": steps_of,
        "turns": _turns(opened, outside),
    }


def round_title(each: Round, total: int) -> tuple[str, str]:
    """What a round is called above its detail, and its numbers."""
    row = each.row
    told = [
        brief(row.get("request_model") or row.get("response_model"), 60),
        "failed" if row.get("status") == "ERROR" else "",
        duration(row.get("duration_ms")),
        f"{count(row.get('input_tokens'))} → {count(row.get('output_tokens'))} tokens",
        plural(row.get("executions") or 0, "execution"),
    ]
    title = f"Round {count(row.get('round'))} of {count(total)}: {_trigger(row)}"
    return title, " · ".join(part for part in told if part)


def step_title(opened: Opened, at: int) -> tuple[str, str]:
    """What a step is called above its detail, and its numbers."""
    steps = opened.steps
    told = [
        _words(steps.kind[at]),
        steps.text("step_kind", at).replace("_", " "),
        "failed" if at in steps.is_wrong else "",
        duration(steps.duration[at]),
    ]
    return brief(steps.label[at], LABEL), " · ".join(dict.fromkeys(part for part in told if part))


def _facts(opened: Opened, *, is_live: bool) -> list[list[Any]]:
    row = opened.row
    sent, got = row["input_tokens"], row["output_tokens"]
    cost = (
        ("Cost reported", row["reported_cost_usd"])
        if row["reported_cost_usd"] is not None
        else ("List price", row["list_cost_usd"])
    )
    told = [
        ("Project", brief(row["project"], 60)),
        ("Service", brief(row["services"] or UNKNOWN, 80)),
        ("Session", brief(row["session_id"], 60)),
        ("Started", moment(row["start_time"])),
        ("Duration", duration(row["duration_ms"])),
        ("Turns", count(row["turns"])),
        ("Steps", count(row["spans"])),
        ("Tokens", UNKNOWN if sent is None and got is None else f"{count(sent)} in, {count(got)} out"),
        (cost[0], usd(cost[1])),
        ("Errors", count(row["errors"])),
        ("", "Live" if is_live else ""),
    ]
    return [
        [name, value, name == "Errors" and bool(row["errors"])]
        for name, value in told
        if value not in ("", UNKNOWN)
    ]


def _note(opened: Opened) -> str:
    notes = []
    if not opened.rounds:
        notes.append("No model call, so no rounds: the steps of each trace are listed.")
    if not opened.has_content:
        notes.append(
            f"{plural(opened.row['spans'], 'step')}: messages are read when a step is chosen, and rounds are "
            "told by parents and times, without the ids in messages."
        )
    return " ".join(notes)


def _trigger(row: Mapping[str, Any]) -> str:
    kind, name, text = row.get("trigger"), row.get("trigger_name"), row.get("trigger_text")
    if kind == "tool_call":
        return f"after {brief(name, LABEL)}"
    if kind == "user_message":
        return brief(text, LABEL) if text else "after the user's message"
    return brief(text, LABEL) if text else "Initial"


def _round(each: Round) -> list[Any]:
    row = each.row
    model = brief(row.get("request_model") or row.get("response_model"), 50)
    return [
        count(row.get("round")),
        _trigger(row),
        model,
        duration(row.get("duration_ms")),
        _tokens(row.get("input_tokens"), row.get("output_tokens")),
        each.is_wrong,
        OF_TRIGGER.get(row.get("trigger") or "", "llm"),
    ]


def _steps(opened: Opened, steps_of: list[list[int]], outside: list[list[int]]) -> list[list[Any]]:
    steps = opened.steps
    least: dict[int, int] = {}
    for group in (*steps_of, *outside):
        top = min((steps.depth[at] for at in group), default=0)
        least |= dict.fromkeys(group, top)
    step_kinds, span_types, types = (
        steps.table[name].to_pylist() for name in ("step_kind", "span_type", "component_type")
    )
    found = []
    for at in range(len(steps)):
        icon = kind_of(types[at], step_kinds[at], span_types[at])
        found.append(
            [
                brief(steps.label[at], LABEL),
                icon,
                steps.depth[at] - least[at],
                duration(steps.duration[at]),
                _tokens(*steps.tokens[at]),
                at in steps.is_wrong,
                (step_kinds[at] or _words(steps.kind[at])).replace("_", " "),
            ]
        )
    return found


def _outside(opened: Opened) -> list[list[int]]:
    """The steps of each turn that belong to no round."""
    turns = opened.session.turns
    turns_of: dict[Any, list[int]] = defaultdict(list)
    for at, turn in enumerate(turns):
        turns_of[turn["trace_id"]].append(at)
    found: list[list[int]] = [[] for _ in turns]
    table = opened.steps.table
    steps = zip(opened.round_of, table["trace_id"].to_pylist(), table["start_time"].to_pylist(), strict=True)
    for at, (place, trace, start) in enumerate(steps):
        if place is None:
            mine = turns_of[trace]
            begins = [turns[turn]["start_time"] for turn in mine[1:]]  # known: each began with a message
            found[mine[bisect_right(begins, start) if start is not None else 0]].append(at)
    return found


def _turns(opened: Opened, outside: list[list[int]]) -> list[list[Any]]:
    session = opened.session
    place_of = {(each.row["trace_id"], each.row["span_id"]): at for at, each in enumerate(opened.rounds)}
    total = len(session.turns)
    found: list[list[Any]] = []
    for number, (turn, rounds) in enumerate(zip(session.turns, session.by_turn(), strict=True), start=1):
        wrong = f" · {plural(turn['errors'], 'error')}" if turn.get("errors") else ""
        when = f"{clock(turn.get('start_time'))} · {duration(turn.get('duration_ms'))}"
        title = f"Turn {count(number)} of {count(total)} · {when}{wrong}"
        mine = [place_of[each.row["trace_id"], each.row["span_id"]] for each in rounds]
        found.append([number, title, mine, outside[number - 1]])
    return found


def _tokens(sent: Any, got: Any) -> str:
    return "" if sent is None and got is None else f"{count(sent)} → {count(got)}"


def _words(kind: str | None) -> str:
    return KINDS[kind].words if kind in KINDS else (kind or "")
