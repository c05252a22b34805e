"""A comparison: what each side measured, the difference, and how sure one may be of it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from argus_lab.display.markup import Html, element, joined
from argus_lab.display.page import Piece, head, note
from argus_lab.display.plain import plain_table, titled
from argus_lab.display.units import UNKNOWN, count, duration, number, share, usd
from argus_lab.display.visible import brief

__all__ = ["comparison_page", "comparison_text"]

Row = dict[str, Any]

SCALES = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""What the middle of the interval's picture may be from its ends, as a share of a."""
COLUMNS = ("metric", "a", "b", "difference", "interval", "change", "n a", "n b", "")
_WORD = re.compile(r"[a-z%]*")
SHARES = {"share", "rate", "ratio", "%", "percent", "1"}


def comparison_page(rows: list[Row], names: tuple[str, str], told: dict[str, Any], most: int) -> list[Piece]:
    """The pieces of a comparison's page."""
    scale = _scale(rows)
    top = element(
        "tr",
        element("th", "metric", scope="col"),
        *(element("th", name, scope="col", cls="al-right") for name in (*names, "difference")),
        element("th", "change, with interval ", _scale_words(scale), scope="col"),
        element("th", "n", scope="col", cls="al-right"),
    )
    body = element("tbody", *(_row(row, scale) for row in rows[:most]))
    clear = sum(bool(row.get("is_clear")) for row in rows)
    sub = f"{clear} of {len(rows)} differences are clear: their interval leaves out 0" if rows else "no rows"
    del told
    return [
        head(f"{names[0]} against {names[1]}", sub, []),
        element("table", element("thead", top), body, cls="al-wide"),
        note("Blue: clear. Grey: could as well be chance. A bar that reaches the edge goes on beyond it."),
    ]


def comparison_text(rows: list[Row], names: tuple[str, str]) -> str:
    """The same for a terminal."""
    cells = [
        [
            brief(row.get("metric"), 40),
            *(_told(row, name) for name in ("a", "b", "difference")),
            _ends(row),
            share(row.get("change"), signed=True),
            count(row.get("n_a")),
            count(row.get("n_b")),
            "clear" if row.get("is_clear") else "",
        ]
        for row in rows
    ]
    top = [*COLUMNS]
    top[1], top[2] = brief(names[0], 24), brief(names[1], 24)
    return titled(f"{names[0]} against {names[1]}", [], plain_table(top, cells, right=range(1, 8)))


def _row(row: Row, scale: float) -> Html:
    change = share(row.get("change"), signed=True)
    interval = [
        f"{change} ",
        element("span", _ends(row), cls="al-kind"),
        _interval(row, scale),
    ]
    cells = [
        element(
            "th",
            brief(row.get("metric"), 60),
            element("span", f" {brief(row.get('unit'), 40)}", cls="al-kind"),
            scope="row",
        ),
        *(element("td", _told(row, name), cls="al-right") for name in ("a", "b", "difference")),
        element("td", *interval),
        element("td", f"{count(row.get('n_a'))} / {count(row.get('n_b'))}", cls="al-right"),
    ]
    return element("tr", *cells, cls="al-clear" if row.get("is_clear") else "al-unclear")


def _interval(row: Row, scale: float) -> Html | None:
    """The interval as a bar about 0, and the difference as a point on it."""
    shares = [_of_a(row, name) for name in ("low", "difference", "high")]
    if any(value is None for value in shares):
        return None
    low, middle, high = (_percent(value, scale) for value in shares if value is not None)
    bar = element("span", cls="al-range", style=f"left:{low:.1f}%;width:{max(high - low, 0):.1f}%")
    return element(
        "span", bar, element("span", cls="al-point", style=f"left:{middle:.1f}%"), cls="al-interval"
    )


def _scale(rows: list[Row]) -> float:
    """The scale on which two of three rows fit; what does not fit goes to the edge."""
    told = ([_of_a(row, name) for name in ("low", "difference", "high")] for row in rows)
    reach = sorted(max(map(abs, known)) for values in told if (known := [v for v in values if v is not None]))
    most = reach[len(reach) * 2 // 3 - (len(reach) > 1)] if reach else SCALES[0]
    return next((scale for scale in SCALES if most <= scale), SCALES[-1])


def _scale_words(scale: float) -> Html:
    ends = (f"−{share(scale)}", "0", f"+{share(scale)}")
    return element("span", joined((element("span", end) for end in ends), " "), cls="al-scale")


def _of_a(row: Row, name: str) -> float | None:
    base, value = row.get("a"), row.get(name)
    if not isinstance(base, int | float) or not isinstance(value, int | float) or not base:
        return None
    found = value / abs(base)
    return found if math.isfinite(found) else None


def _percent(value: float, scale: float) -> float:
    return min(max(50 + value / scale * 50, 0.0), 100.0)


def _ends(row: Row) -> str:
    """The interval of the difference; nothing if it is not known."""
    low, high = _told(row, "low"), _told(row, "high")
    return f"{low} … {high}" if {low, high} != {UNKNOWN} else ""


def _told(row: Row, name: str) -> str:
    unit = row.get("unit")
    found = _WORD.match(unit.lower()) if isinstance(unit, str) else None
    unit = found[0] if found else ""
    value = row.get(name)
    if unit in SHARES:
        return share(value, signed=name == "difference")
    told: Callable[[Any], str] = {"ms": duration, "usd": usd}.get(unit, number)
    words = told(value)
    is_more = isinstance(value, int | float) and value > 0
    return f"+{words}" if name == "difference" and is_more and words != UNKNOWN else words
