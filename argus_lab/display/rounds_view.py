"""One round: what the model was asked, what it answered, and what ran because of that."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from argus_lab.display.conversation import conversation, fold, messages_of, outline
from argus_lab.display.details import model_facts, raw, system_prompt, tools_offered
from argus_lab.display.json_tree import json_tree, parsed, passage
from argus_lab.display.markup import NOTHING, Html, element, joined
from argus_lab.display.repeats import repeated_or_full
from argus_lab.display.taken import call
from argus_lab.display.units import count, duration, plural
from argus_lab.display.visible import brief

__all__ = [
    "Round",
    "executions_of_round",
    "failure_of_round",
    "request_of_round",
    "result_of_round",
    "round_detail",
    "round_summary",
    "words_of",
]

Row = dict[str, Any]

GROUPS = (("internal", "Internal logic"), ("external", "External resources"))
TRIGGERS = {"user_message": "after the user's message", "initial": "at the start"}
MOST_EXECUTIONS = 40


@dataclass(frozen=True)
class Round:
    """A model call of a session: its row of ``al.rounds``, its span, its messages, its executions."""

    row: Row
    span: Row = field(default_factory=dict)
    messages: list[Row] = field(default_factory=list)
    executions: list[Row] = field(default_factory=list)

    @property
    def is_wrong(self) -> bool:
        """Whether the call or something it caused failed."""
        return any(row.get("status") == "ERROR" for row in (self.row, *self.executions))

    @property
    def asked(self) -> str | None:
        """The user's words that are new in this call."""
        new = (row for row in self.messages if row.get("role") == "user" and not row.get("is_resent"))
        return next((row["text"] for row in new if row.get("text")), None)


def round_summary(each: Round, total: int) -> Html:
    """The line of a round: what triggered it, who answered, how long, how much, what it asked for."""
    row = each.row
    asks = brief(row.get("requested_tools"), 80)
    parts = [
        _trigger(row),
        brief(row.get("request_model") or row.get("response_model"), 50),
        duration(row.get("duration_ms")),
        _tokens(row),
        f"asks for {asks}" if asks else "",
        plural(row["executions"], "execution") if row.get("executions") else "",
        brief(row.get("error_message"), 60) if each.is_wrong else "",
    ]
    told = " · ".join(part for part in parts if part)
    mark = element("span", "✗ ", cls="al-mark", title="failed") if each.is_wrong else None
    return element(
        "summary", mark, element("b", f"Round {count(row.get('round'))} of {count(total)}"), f" {told}"
    )


def round_detail(each: Round, most: int) -> Html:
    """Request, executions, result and what was sent."""
    where = call("trace", each.row.get("trace_id"))
    return joined(
        [
            failure_of_round(each, most, where),
            model_facts(each.row | each.span),
            _titled("Request", request_of_round(each, most, where)),
            _titled("Result", result_of_round(each, most, where)),
            _titled("Executions", executions_of_round(each, most, where)),
            raw(each.span, most, where),
        ]
    )


def words_of(rows: list[Row]) -> list[Row]:
    """Rows of ``al.messages`` as messages."""
    return [{"role": row.get("role"), "parts": _parts(row)} for row in rows]


def _parts(row: Row) -> list[Any]:
    found = parsed(row.get("parts"))
    return found if isinstance(found, list) else [{"type": "text", "content": row.get("text") or ""}]


def failure_of_round(each: Round, most: int, where: str) -> Html:
    """What went wrong with the call, if anything did."""
    words = each.row.get("error_message")
    if each.row.get("status") != "ERROR":
        return NOTHING
    title = element("p", element("b", brief(each.span.get("error_type") or "Error", 100), cls="al-wrong"))
    return joined([title, passage(words, most, where) if isinstance(words, str) else None])


def request_of_round(each: Round, most: int, where: str) -> Html:
    """What the model was asked: the prompt, what is new in it first, and the tools it was offered."""
    sent = [row for row in each.messages if row.get("direction") == "input" and row.get("role") != "system"]
    old = [row for row in sent if row.get("is_resent")]
    new = [row for row in sent if not row.get("is_resent")]
    tools = tools_offered(each.span, most // 2, where)
    return joined(
        [
            repeated_or_full(
                each.span, "system_prompt", "System prompt", system_prompt(each.span, most, where)
            ),
            repeated_or_full(each.span, "tool_definitions", _offered(each), tools),
            outline(words_of(old), where),
            conversation(words_of(new), most, where),
            _other_input(each, most, where) if not sent else None,
        ]
    )


def _other_input(each: Round, most: int, where: str) -> Html:
    sent = each.span.get("input")
    return json_tree(sent, most, where) if sent else NOTHING


def _offered(each: Round) -> str:
    number = each.row.get("prompt_tools")
    return f"{plural(number, 'tool')} offered" if number else "Tools offered"


def result_of_round(each: Round, most: int, where: str) -> Html:
    """What the model answered."""
    answered = messages_of(each.span.get("output"))
    if answered:
        return conversation(answered, most, where)
    words = each.row.get("result_text")
    if isinstance(words, str) and words:
        return passage(words, most, where)
    return json_tree(each.span["output"], most, where) if each.span.get("output") else NOTHING


def executions_of_round(each: Round, most: int, where: str) -> Html:
    """What ran because of the answer: our own logic, and what stands outside, by kind."""
    made: list[Html] = []
    for group, title in GROUPS:
        by_kind: dict[str, list[Row]] = defaultdict(list)
        for row in each.executions[:MOST_EXECUTIONS]:
            if row.get("group") == group:
                by_kind[row.get("category") or ""].append(row)
        for kind, rows in by_kind.items():
            name = f"{title}: {kind}" if kind else title
            listed = (element("li", _execution(row, most, where)) for row in rows)
            made.append(joined([element("p", name, cls="al-role"), element("ul", *listed, cls="al-rounds")]))
    hidden = len(each.executions) - MOST_EXECUTIONS
    if hidden > 0:
        made.append(element("p", f"… {plural(hidden, 'more execution')}, see {where}", cls="al-more"))
    return joined(made)


def _execution(row: Row, most: int, where: str) -> Html:
    is_wrong = row.get("status") == "ERROR"
    names = (row.get(name) for name in ("component_name", "tool_name", "component_type"))
    name = brief(next((name for name in names if name), "execution"), 80)
    told = f" {brief(row.get('component_type'), 40)} · {duration(row.get('duration_ms'))}"
    mark = element("span", "✗ ", cls="al-mark", title="failed") if is_wrong else None
    title = joined([mark, element("b", name), element("span", told, cls="al-kind")])
    error = row.get("error_message")
    inner = joined(
        [
            passage(error, most, where) if isinstance(error, str) and error else None,
            _titled("Arguments", json_tree(row["arguments"], most, where)) if row.get("arguments") else None,
            _titled("Result", json_tree(row["result"], most, where)) if row.get("result") else None,
        ]
    )
    return fold(title, inner) if inner else element("p", title)


def _trigger(row: Row) -> str:
    if row.get("trigger") == "tool_call":
        return f"after {brief(row.get('trigger_name') or 'a tool', 60)}"
    return TRIGGERS.get(row.get("trigger") or "", "")


def _tokens(row: Row) -> str:
    sent, got = row.get("input_tokens"), row.get("output_tokens")
    return "" if sent is None and got is None else f"{count(sent)} → {count(got)} tokens"


def _titled(title: str, content: Html) -> Html:
    return joined([element("h5", title), content]) if content else NOTHING
