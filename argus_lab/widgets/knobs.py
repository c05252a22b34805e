"""What the cell's settings panel can set: a row each, by which the panel is drawn and its text is read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from argus_lab.errors import InvalidArgument

__all__ = ["KNOBS", "THINK", "Knob", "knob", "rows", "shown", "value_of"]

THINK: dict[str, bool | str | None] = {
    "": None,
    "on": True,
    "off": False,
    "low": "low",
    "medium": "medium",
    "high": "high",
}
"""What the choice of thinking says to Ollama; nothing lets the model do as it does."""


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting of a conversation: its name, how it looks, and what may stand in it."""

    name: str
    label: str
    kind: Literal["text", "decimal", "whole", "choice"]
    meaning: str
    without: str = ""
    """What is said in the empty field: what holds when nothing is set."""
    least: float | None = None
    most: float | None = None
    step: float | None = None
    choices: tuple[tuple[str, str], ...] = ()


KNOBS: tuple[Knob, ...] = (
    Knob("system", "System prompt", "text", "What the model is told before the conversation.", "none"),
    Knob(
        "temperature",
        "temperature",
        "decimal",
        "How freely the next token is chosen: 0 takes the likeliest.",
        "the model's",
        least=0,
        most=2,
        step=0.1,
    ),
    Knob(
        "top_p",
        "top_p",
        "decimal",
        "Choose among the likeliest tokens that together have this probability.",
        "the model's",
        least=0,
        most=1,
        step=0.05,
    ),
    Knob(
        "num_ctx",
        "num_ctx",
        "whole",
        "Tokens of context: prompt and answer together.",
        "Ollama's",
        least=1,
        step=1,
    ),
    Knob(
        "num_predict",
        "num_predict",
        "whole",
        "Most tokens of an answer; the model stops there.",
        "the cap",
        least=1,
        step=1,
    ),
    Knob("seed", "seed", "whole", "The same seed gives the same answer again.", "random", step=1),
    Knob(
        "think",
        "think",
        "choice",
        "Whether a thinking model thinks before it answers, and how much.",
        choices=(("", "as the model does"), *((name, name) for name in THINK if name)),
    ),
)


def knob(name: str) -> Knob:
    """The knob of a name."""
    found = next((row for row in KNOBS if row.name == name), None)
    if found is None:
        raise InvalidArgument(f"no such setting: {name!r}; there are {', '.join(row.name for row in KNOBS)}.")
    return found


def rows() -> list[dict[str, Any]]:
    """The panel as the browser draws it."""
    return [asdict(row) for row in KNOBS]


def value_of(row: Knob, text: str) -> Any:
    """What a field's text says; None where it is empty.

    Examples
    --------
    >>> value_of(knob("temperature"), "0.2"), value_of(knob("seed"), ""), value_of(knob("think"), "on")
    (0.2, None, True)
    >>> value_of(knob("top_p"), "7")
    Traceback (most recent call last):
    argus_lab.errors.InvalidArgument: top_p=7.0 is out of range: 0 to 1.
    """
    if row.kind == "choice":
        if text not in THINK:
            raise InvalidArgument(f"{row.name}={text!r} is none of {', '.join(THINK)}.")
        return THINK[text]
    if not text.strip():
        return None
    if row.kind == "text":
        return text
    try:
        value = int(text) if row.kind == "whole" else float(text)
    except ValueError as error:
        kinds = {"whole": "a whole number", "decimal": "a number"}
        raise InvalidArgument(f"{row.name}={text!r} is not {kinds[row.kind]}.") from error
    if (row.least is not None and value < row.least) or (row.most is not None and value > row.most):
        upper = f"to {row.most:g}" if row.most is not None else "or more"
        raise InvalidArgument(f"{row.name}={value} is out of range: {row.least or 0:g} {upper}.")
    return value


def shown(value: Any) -> str:
    """A value as the text of its field.

    Examples
    --------
    >>> shown(0.5), shown(None), shown(True), shown("high"), shown(2048)
    ('0.5', '', 'on', 'high', '2048')
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
