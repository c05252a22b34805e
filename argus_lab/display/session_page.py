"""A session as it went: turn by turn what was asked and answered, and between them round by round why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from argus_lab.display.budget import Later
from argus_lab.display.conversation import message
from argus_lab.display.details import longest_of
from argus_lab.display.markup import Html, element, joined
from argus_lab.display.page import Piece, code, cut_note, head, light_note, note, token_facts
from argus_lab.display.rounds_view import Round, round_detail, round_summary
from argus_lab.display.taken import call
from argus_lab.display.units import clock, count, duration, moment, plural, usd
from argus_lab.display.visible import brief

__all__ = ["Session", "answer_of", "question_of", "session_page", "shown_turns"]

Row = dict[str, Any]
FIRST, LAST = 3, 2
"""Of turns that do not fit, so many of the first and of the last are shown, and those with errors."""


@dataclass(frozen=True)
class Session:
    """All that a session's page tells."""

    facts: Row
    turns: list[Row]
    rounds: list[Round]
    have: set[str]
    told: Row = field(default_factory=dict)

    def by_turn(self) -> list[list[Round]]:
        """The rounds of each turn."""
        place = {(turn["trace_id"], span): at for at, turn in enumerate(self.turns) for span in turn["calls"]}
        found: list[list[Round]] = [[] for _ in self.turns]
        for each in self.rounds:
            found[place[each.row["trace_id"], each.row["span_id"]]].append(each)
        return found


def session_page(session: Session, most: int) -> list[Piece]:
    """The pieces of a session's page, with about ``most`` rounds."""
    key = session.facts.get("session_id")
    shown = shown_turns(session, most)
    pieces: list[Piece] = [_head(session)]
    hidden: list[Row] = []
    for at, (turn, rounds) in enumerate(zip(session.turns, session.by_turn(), strict=True)):
        if at not in shown:
            hidden.append(turn)
            continue
        pieces += _left_out(hidden, key)
        hidden = []
        pieces += _turn(session, turn, at + 1, rounds, most)
    return [*pieces, *_left_out(hidden, key), cut_note(session.told)]


def shown_turns(session: Session, most: int) -> set[int]:
    """Which turns are shown: all, or the first, the last and those with errors, until there are enough."""
    weights = [1 + len(rounds) for rounds in session.by_turn()]
    if sum(weights) <= most:
        return set(range(len(weights)))
    wrong = [at for at, turn in enumerate(session.turns) if turn.get("errors")]
    order = [*range(FIRST), *range(len(weights) - LAST, len(weights)), *wrong, *range(len(weights))]
    shown: set[int] = set()
    left = most
    for at in order:
        if 0 <= at < len(weights) and at not in shown and (weights[at] <= left or not shown):
            shown.add(at)
            left -= weights[at]
    return shown


def _head(session: Session) -> Html:
    facts, key = session.facts, session.facts.get("session_id")
    sub = " · ".join(
        part
        for part in (
            moment(facts.get("start_time")),
            brief(facts.get("project"), 60),
            brief(facts.get("services"), 120),
            brief(facts.get("models"), 100),
            f"user {brief(facts['user_id'], 60)}" if facts.get("user_id") else "",
        )
        if part
    )
    numbers = [
        ("Turns", count(facts.get("turns"))),
        ("Duration", duration(facts.get("duration_ms"))),
        ("Spans", count(facts.get("spans"))),
        *token_facts(facts),
        ("Cost reported", usd(facts.get("reported_cost_usd"))),
    ]
    title = f"Session {brief(key, 80)}"
    empty = None
    if not session.rounds:
        words = "No model call, so no rounds. A trace of it shows its steps: "
        empty = note(words, code("al.show(lake.trace(...))"))
    return head(title, sub, numbers, light_note(session.have, "session", key), empty)


def _turn(session: Session, turn: Row, number: int, rounds: list[Round], most: int) -> list[Piece]:
    """One turn: the question, the rounds, the answer."""
    where = call("trace", turn.get("trace_id"))
    failed = turn.get("errors")
    when = f"{clock(turn.get('start_time'))} · {duration(turn.get('duration_ms'))}"
    title = [
        f"Turn {count(number)} of {count(len(session.turns))} ",
        element("span", when, cls="al-kind"),
        element("span", f" · {plural(failed, 'error')}", cls="al-kind al-wrong") if failed else None,
    ]
    pieces: list[Piece] = [Html('<section class="al-turn">'), element("h4", *title)]
    pieces += _said("user", question_of(rounds, turn), where)
    pieces += _rounds(rounds, len(session.rounds), most)
    pieces += _said("assistant", answer_of(rounds, turn), where)
    if not rounds:
        words = f"No model call in this trace of {plural(turn.get('spans'), 'span')}; its steps: "
        pieces.append(note(words, code(f"al.show({where})")))
    pieces.append(Html("</section>"))
    return pieces


def _rounds(rounds: list[Round], total: int, most: int) -> list[Piece]:
    if not rounds:
        return []
    shown = _shown_rounds(rounds, most)
    pieces: list[Piece] = [Html('<ul class="al-rounds">')]
    hidden = 0
    for at, each in enumerate(rounds):
        if at not in shown:
            hidden += 1
            continue
        pieces += _gap(hidden)
        hidden = 0
        pieces += [
            Html('<li><details class="al-fold">'),
            round_summary(each, total),
            Html('<div class="al-body al-is-wrong">' if each.is_wrong else '<div class="al-body">'),
            Later(_drawing(each), 0 if each.is_wrong else 2, longest_of(each.span)),
            Html("</div></details></li>"),
        ]
    return [*pieces, *_gap(hidden), Html("</ul>")]


def _shown_rounds(rounds: list[Round], most: int) -> set[int]:
    """All rounds of a turn, or the first half of what fits, those that failed, and the last."""
    if len(rounds) <= most:
        return set(range(len(rounds)))
    wrong = [at for at, each in enumerate(rounds) if each.is_wrong][: most // 4]
    return {*range(most // 2), *wrong, *range(len(rounds) - most // 4, len(rounds))}


def _drawing(each: Round) -> Any:
    return lambda most: round_detail(each, most)


def _gap(hidden: int) -> list[Piece]:
    return [element("li", f"… {plural(hidden, 'more round')}", cls="al-more")] if hidden else []


def _said(role: str, words: Any, where: str) -> list[Piece]:
    if not isinstance(words, str) or not words:
        return []
    told = {"role": role, "parts": [{"type": "text", "content": words}]}
    return [Later(lambda most: message(told, most, where), 1)]


def question_of(rounds: list[Round], turn: Row) -> Any:
    """What the user asked in this turn, if it is known: a step of theirs tells it before any prompt does."""
    if turn.get("input_text"):
        return turn["input_text"]
    for each in rounds:
        if each.row.get("trigger") == "user_message" and each.row.get("trigger_text"):
            return each.row["trigger_text"]
    return next((each.asked for each in rounds if each.asked), None)


def answer_of(rounds: list[Round], turn: Row) -> Any:
    """What the user was told, if it is known: it may be other words than the model's last."""
    words = (each.row["result_text"] for each in reversed(rounds) if each.row.get("result_text"))
    return turn.get("output_text") or next(words, None)


def _left_out(hidden: list[Row], key: Any) -> list[Piece]:
    if not hidden:
        return []
    spans = sum(turn.get("spans") or 0 for turn in hidden)
    words = f"… {plural(len(hidden), 'more turn')} ({plural(spans, 'span')}), see "
    return [joined([note(words, code(call("session", key)))])]
