"""The view of one session: what its component says, and what it is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import param
import pyarrow.compute as pc
from bokeh.models import LayoutDOM

from argus_lab.dashboards.opened import PARTS, Opened
from argus_lab.dashboards.parts import Part, web
from argus_lab.dashboards.replay_rows import round_title, step_title
from argus_lab.display.page import page
from argus_lab.display.session_markdown import session_markdown
from argus_lab.display.session_page import session_page
from argus_lab.display.style import sheet
from argus_lab.display.units import clock, plural, size
from argus_lab.figures.traces import waterfall

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Chosen", "Replay", "chosen_of", "exported", "view_of"]

VIEWS = ("replay", "waterfall", "conversation")
TALK_BYTES = 3_000_000
MOST_EXPORTED = 12_000_000
"""Bytes that a page hands to its visitor; a websocket takes no more than 20 MB at once."""
ROWS = 120

Chosen = tuple[str, int]
"""What is chosen at the left: a ``round`` or a ``step``, and its place."""


def _styles() -> str:
    return str(sheet()).removeprefix("<style>").removesuffix("</style>")


class Replay(Part):
    """A session: its rounds and steps, and what is known of one of them."""

    around = param.Dict(default={"before": False, "after": False})
    chosen = param.Dict(default={})
    view = param.Dict(default={"name": "replay"})

    _esm = web("replay.js")
    _stylesheets = [web("look.css"), _styles(), web("replay.css")]  # noqa: RUF012  Panel's way to name them


def chosen_of(opened: Opened, chosen: Chosen | None, part: Mapping[str, str]) -> dict[str, Any]:
    """What is shown at the right of a choice at the left; ``part`` says which part of rounds and steps."""
    if chosen is None:
        return {"kind": "", "at": -1, "key": "", "title": "", "sub": "", "part": "", "html": "", "open": None}
    kind, at = chosen
    if kind == "round":
        title, sub = round_title(opened.rounds[at], len(opened.rounds))
        which = part["round"] if part["round"] in PARTS else PARTS[0]
        html = opened.round_detail(at, which)
        key, inside = str(opened.rounds[at].row["span_id"]), None
    else:
        title, sub = step_title(opened, at)
        which = part["step"]
        html = opened.step_detail(at, raw=which == "raw")
        key, inside = opened.steps.text("span_id", at), opened.round_of[at]
    return {
        "kind": kind,
        "at": at,
        "key": key,
        "title": title,
        "sub": sub,
        "part": which,
        "html": str(html),
        "open": inside,
    }


def view_of(opened: Opened, name: str, trace: int) -> tuple[dict[str, Any], LayoutDOM | None]:
    """What the tab of this name shows, and its figure if it has one."""
    if name == "conversation":
        session = opened.whole_session()
        return {"name": name, "html": str(page(lambda most: session_page(session, most), TALK_BYTES))}, None
    if name == "waterfall":
        traces = list(_traces(opened).items())
        at = min(max(trace, 0), len(traces) - 1)
        spans = opened.spans.filter(pc.equal(opened.spans["trace_id"], traces[at][0]))
        figure = waterfall(spans, max_rows=ROWS)
        figure.sizing_mode = "stretch_width"
        titles = [
            f"{number} · {clock(turns[0].get('start_time'))} · "
            f"{plural(sum(turn['spans'] for turn in turns), 'step')}"
            for number, (_, turns) in enumerate(traces, start=1)
        ]
        return {"name": name, "traces": titles, "trace": at}, figure
    return {"name": "replay"}, None


def exported(opened: Opened, kind: str) -> dict[str, Any]:
    """The session as text to copy or to save, or the words that say why not."""
    if kind == "markdown":
        text = session_markdown(opened.whole_session())
        return {"kind": kind, "text": text, "type": "text/markdown", "name": ""}
    spans = opened.digest.session_spans(opened.row, "all")
    text = spans.to_json(orient="records", date_format="iso", date_unit="us", force_ascii=False)
    found = json.dumps(json.loads(text), ensure_ascii=False, indent=1) if kind == "json" else text
    if len(found) > MOST_EXPORTED:
        line = f'lake.session({json.dumps(opened.row["session_id"])}).to_json("session.json")'
        return {"say": f"{size(len(found))} are too much for a page; in Python: {line}"}
    return {"kind": kind, "text": found, "type": "application/json", "name": _file(opened.row["session_id"])}


def _file(session_id: str) -> str:
    kept = "".join(char if char.isalnum() or char in "-_." else "-" for char in session_id)[:80]
    return f"session-{kept.strip('.') or 'unnamed'}.json"


def _traces(opened: Opened) -> dict[str, list[dict[str, Any]]]:
    """The turns of each trace, by its first start."""
    found: dict[str, list[dict[str, Any]]] = {}
    for turn in opened.session.turns:
        found.setdefault(turn["trace_id"], []).append(turn)
    return found
