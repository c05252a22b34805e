"""A session as Markdown, to be put into an issue or a message: what was said, and what ran in between."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from argus_lab.display.session_page import Session, answer_of, question_of
from argus_lab.display.units import clock, count, duration, moment, plural, usd
from argus_lab.display.visible import brief, visible

if TYPE_CHECKING:
    from argus_lab.display.rounds_view import Round

__all__ = ["session_markdown"]


def session_markdown(session: Session) -> str:
    r"""The session's facts, then turn by turn question, rounds with what they ran, and answer.

    What somebody said stands in fences, so that it is read as text whatever it holds.

    Examples
    --------
    >>> from argus_lab.display.session_page import Session
    >>> session_markdown(Session({"session_id": "s-1", "turns": 0}, [], [], set())).splitlines()[0]
    '# Session `s-1`'
    """
    blocks = [f"# Session {_code(session.facts.get('session_id'))}", _facts(session.facts)]
    for number, (turn, rounds) in enumerate(zip(session.turns, session.by_turn(), strict=True), start=1):
        blocks += _turn(number, len(session.turns), turn, rounds)
    return "\n\n".join(block for block in blocks if block) + "\n"


def _facts(facts: dict[str, Any]) -> str:
    told = [
        ("Project", _code(facts.get("project"))),
        ("Started", moment(facts.get("start_time"))),
        ("Duration", duration(facts.get("duration_ms"))),
        ("Turns", count(facts.get("turns"))),
        ("Model calls", count(facts.get("model_calls"))),
        ("Tokens in", count(facts.get("input_tokens"))),
        ("Tokens out", count(facts.get("output_tokens"))),
        ("Cost reported", usd(facts.get("reported_cost_usd"))),
        ("Errors", count(facts.get("errors"))),
    ]
    return "\n".join(f"- {name}: {value}" for name, value in told if value not in {"–", "`–`"})


def _turn(number: int, total: int, turn: dict[str, Any], rounds: list[Round]) -> list[str]:
    when = f"{clock(turn.get('start_time'))}, {duration(turn.get('duration_ms'))}"
    blocks = [f"## Turn {number} of {total} ({when})"]
    asked, answered = question_of(rounds, turn), answer_of(rounds, turn)
    blocks += [f"**User**\n\n{_fenced(asked)}"] if asked else []
    if rounds:
        blocks.append("\n".join(line for each in rounds for line in _round(each)))
    else:
        blocks.append(f"No model call, {plural(turn.get('spans'), 'span')}.")
    blocks += [f"**Assistant**\n\n{_fenced(answered)}"] if answered else []
    return blocks


def _round(each: Round) -> list[str]:
    row = each.row
    told = [
        _code(row.get("request_model") or row.get("response_model")),
        duration(row.get("duration_ms")),
        f"{count(row.get('input_tokens'))} → {count(row.get('output_tokens'))} tokens",
        _failed(row),
    ]
    lines = [f"- Round {count(row.get('round'))}: {', '.join(part for part in told if part)}"]
    for ran in each.executions:
        name = next((ran[key] for key in ("component_name", "tool_name") if ran.get(key)), "execution")
        failed = ", **failed**" if ran.get("status") == "ERROR" else ""
        asked = f"{_code(name)} {_code(_brief_json(ran.get('arguments')))}"
        lines.append(f"  - ran {asked}, {duration(ran.get('duration_ms'))}{failed}")
    return lines


def _failed(row: dict[str, Any]) -> str:
    if row.get("status") != "ERROR":
        return ""
    return f"**failed**: {_code(row.get('error_message') or 'without a word')}"


def _brief_json(value: Any) -> str:
    return brief(value if isinstance(value, str) else json.dumps(value), 200) if value else ""


def _code(value: Any) -> str:
    """A word in code marks, longer ones than any in it."""
    text = brief(value, 300) if value not in (None, "") else ""
    if not text:
        return ""
    marks = "`" * (_longest(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{marks}{space}{text}{space}{marks}"


def _fenced(words: Any) -> str:
    text = visible(str(words))
    marks = "`" * max(3, _longest(text) + 1)
    return f"{marks}text\n{text}\n{marks}"


def _longest(text: str) -> int:
    found = run = 0
    for char in text:
        run = run + 1 if char == "`" else 0
        found = max(found, run)
    return found
