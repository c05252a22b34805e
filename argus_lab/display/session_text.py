"""A session for a terminal: what was asked, which rounds it took, what was answered."""

from __future__ import annotations

from typing import Any

from argus_lab.display.plain import LINES, plain_table, titled, trace_facts
from argus_lab.display.rounds_view import Round
from argus_lab.display.session_page import Session, answer_of, question_of
from argus_lab.display.units import count, duration, plural
from argus_lab.display.visible import brief

__all__ = ["session_text"]

WORDS = 100


def session_text(session: Session) -> str:
    """The session's facts, then its turns."""
    blocks: list[str] = []
    lines = 0
    for number, (turn, rounds) in enumerate(zip(session.turns, session.by_turn(), strict=True), start=1):
        if lines >= LINES:
            blocks.append(f"… {plural(len(session.turns) - number + 1, 'more turn')}")
            break
        block = _turn(number, len(session.turns), turn, rounds)
        lines += block.count("\n") + 2
        blocks.append(block)
    title = f"Session {brief(session.facts.get('session_id'), 80)}"
    return titled(title, trace_facts(session.facts), *blocks)


def _turn(number: int, total: int, turn: dict[str, Any], rounds: list[Round]) -> str:
    failed = turn.get("errors")
    wrong = f" · {plural(failed, 'error')}" if failed else ""
    first = f"Turn {number} of {total} · {duration(turn.get('duration_ms'))}{wrong}"
    asked, answered = question_of(rounds, turn), answer_of(rounds, turn)
    told = [first]
    if asked:
        told.append(f"  user       {brief(asked, WORDS)}")
    if rounds:
        rows = [_round(each) for each in rounds]
        table = plain_table(["", "round", "model", "duration", "tokens", "then"], rows, right=(1, 3, 4))
        told += [f"  {line}" for line in table.splitlines()]
    else:
        told.append(f"  no model call, {plural(turn.get('spans'), 'span')}")
    if answered:
        told.append(f"  assistant  {brief(answered, WORDS)}")
    return "\n".join(told)


def _round(each: Round) -> list[str]:
    row = each.row
    sent, got = row.get("input_tokens"), row.get("output_tokens")
    tokens = "" if sent is None and got is None else f"{count(sent)} → {count(got)}"
    asks = brief(row.get("requested_tools"), 40)
    then = f"asks for {asks}" if asks else brief(row.get("error_message") or row.get("finish_reason"), 50)
    mark = "✗" if each.is_wrong else ""
    model = brief(row.get("request_model") or row.get("response_model"), 30)
    return [mark, count(row.get("round")), model, duration(row.get("duration_ms")), tokens, then]
