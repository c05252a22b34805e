"""Messages as a conversation: who said what, what was asked of which tool, what came back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from argus_lab.display.json_tree import json_tree, parsed, passage
from argus_lab.display.markup import Html, element, joined, text
from argus_lab.display.media import is_media, media
from argus_lab.display.prose import markdown
from argus_lab.display.units import plural
from argus_lab.display.visible import brief, shortened

__all__ = [
    "EARLIER",
    "conversation",
    "divided",
    "fold",
    "history",
    "message",
    "messages_of",
    "outline",
    "said",
]

ROLES = {"user", "assistant", "system", "tool"}
MOST_MESSAGES = 60
MOST_PARTS = 40
LONG_TEXTS = 4
SHORTEST = 160
EARLIER = 600
"""Characters of a message that stood in the prompt before: it was shown in full where it was new."""
Message = dict[str, Any]


def messages_of(sent: Any) -> list[Message] | None:
    """The messages that a column holds; ``None`` if it holds something else.

    Examples
    --------
    >>> messages_of('[{"role": "user", "parts": []}]')
    [{'role': 'user', 'parts': []}]
    >>> messages_of('{"query": "tea"}') is None
    True
    """
    found = parsed(sent)
    if not isinstance(found, list) or not found:
        return None
    return found if all(isinstance(item, dict) and "role" in item for item in found) else None


def conversation(messages: list[Message], most: int, where: str) -> Html:
    """Messages one below the other; of very many the first and the last."""
    hidden = len(messages) - MOST_MESSAGES
    most = divided(most, min(len(messages), MOST_MESSAGES))
    if hidden <= 0:
        return joined(message(item, most, where) for item in messages)
    half = MOST_MESSAGES // 2
    left_out = element("p", f"… {plural(hidden, 'more message')}, see {where}", cls="al-more")
    first = [message(item, most, where) for item in messages[:half]]
    last = [message(item, most, where) for item in messages[-half:]]
    return joined([*first, left_out, *last])


def history(messages: list[Message], most: int, where: str, *, resent: int = 0) -> Html:
    """A prompt: what stood in it before folded away, the newest message open.

    The first ``resent`` messages were in the call before and are told in a line each. The system prompt is
    left out where it is a message: it has a place of its own.
    """
    known = [item for item in messages[:resent] if item.get("role") != "system"]
    told = [item for item in messages[resent:] if item.get("role") != "system"]
    older = 0 if known else _older(told)
    words = plural(older, "earlier message")
    return joined(
        [
            outline(known, where),
            fold(words, conversation(told[:older], min(most, EARLIER), where)) if older else None,
            conversation(told[older:], most, where),
        ]
    )


def outline(messages: list[Message], where: str) -> Html:
    """Messages that were sent before and are sent again, a line each."""
    if not messages:
        return text("")
    roles = (element("span", f"{brief(item.get('role'), 20)} ", cls="al-key") for item in messages)
    pairs = zip(roles, messages[:MOST_MESSAGES], strict=False)
    shown = [element("li", role, brief(_gist(item), 100)) for role, item in pairs]
    hidden = len(messages) - len(shown)
    if hidden:
        shown.append(element("li", f"… {plural(hidden, 'more message')}, see {where}", cls="al-more"))
    return fold(f"{plural(len(messages), 'message')} re-sent", element("ul", *shown, cls="al-rounds"))


def _gist(item: Message) -> str:
    """A message in a few words."""
    parts = item.get("parts")
    for part in parts if isinstance(parts, list) else [{"content": item.get("content")}]:
        if not isinstance(part, dict):
            continue
        if isinstance(part.get("content"), str):
            return str(part["content"])
        if part.get("name"):
            return f"calls {part['name']}"
        if "response" in part:
            return f"result {brief(part['response'], 90)}"
    return ""


def message(item: Message, most: int, where: str) -> Html:
    """One message: its role, then its parts."""
    role = item.get("role")
    role = role if isinstance(role, str) else str(role)
    parts = item.get("parts")
    if not isinstance(parts, list):
        parts = [{"type": "text", "content": item.get("content")}]
    each = divided(most, min(len(parts), MOST_PARTS))
    shown = [_part(part, role, each, where) for part in parts[:MOST_PARTS]]
    hidden = len(parts) - len(shown)
    if hidden:
        shown.append(element("p", f"… {plural(hidden, 'more part')}, see {where}", cls="al-more"))
    cls = f"al-message al-is-{role}" if role in ROLES else "al-message"
    return element("div", element("p", brief(role, 40), cls="al-role"), *shown, cls=cls)


def said(value: str, most: int, where: str) -> Html:
    """What a person or a model wrote, its Markdown rendered."""
    shown, rest = shortened(value, most)
    more = element("p", f"… {rest} more, see {where}", cls="al-more") if rest else None
    return element("div", markdown(shown), more, cls="al-prose", dir="auto")


def divided(most: int, number: int) -> int:
    """Characters of each of so many texts: the first four may be long, more of them share."""
    return most if number <= LONG_TEXTS else max(SHORTEST, most * LONG_TEXTS // number)


def fold(title: Any, *content: Any) -> Html:
    """Something behind a line that opens it."""
    return element("details", element("summary", title), *content, cls="al-fold")


def _older(messages: list[Message]) -> int:
    """How many messages stand before what is new in a prompt: the last user message, or tool results."""
    at = len(messages)
    while at and messages[at - 1].get("role") == "tool":
        at -= 1
    if at == len(messages):
        while at and messages[at - 1].get("role") != "user":
            at -= 1
        at = max(at - 1, 0)
    return at


def _part(part: Any, role: str, most: int, where: str) -> Html:
    kind = part.get("type") if isinstance(part, dict) else None
    told = _PARTS.get(kind) if isinstance(kind, str) else None
    if is_media(part):
        return element("p", media(part))
    if kind == "text" and isinstance(part.get("content"), str):
        spoken = said if role in {"user", "assistant"} else passage
        return spoken(part["content"], most, where)
    return told(part, most, where) if told else json_tree(part, most, where)


def _reasoning(part: Message, most: int, where: str) -> Html:
    content = part.get("content")
    if content is None:
        return fold("reasoning", element("p", "kept by the provider", cls="al-note"))
    told = said if isinstance(content, str) else json_tree
    return fold("reasoning", told(content, most, where))


def _call(part: Message, most: int, where: str) -> Html:
    arguments = part.get("arguments")
    told = json_tree(arguments, most, where) if arguments not in (None, {}, "") else None
    return element("div", "calls ", element("b", brief(part.get("name"), 80)), _id(part), told, cls="al-call")


def _answer(part: Message, most: int, where: str) -> Html:
    response = part.get("response")
    if isinstance(response, list) and response and all(is_media(item) or _is_text(item) for item in response):
        shown = joined(
            media(item) if is_media(item) else passage(item["content"], most, where)
            for item in response[:MOST_PARTS]
        )
    else:
        shown = json_tree(response, most, where)
    return element("div", "result", _id(part), shown, cls="al-call")


_PARTS: dict[str, Callable[[Message, int, str], Html]] = {
    "reasoning": _reasoning,
    "tool_call": _call,
    "tool_call_response": _answer,
}


def _id(part: Message) -> Html:
    return element("span", f" {brief(part['id'], 40)}", cls="al-kind") if part.get("id") else text("")


def _is_text(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "text" and isinstance(item.get("content"), str)
