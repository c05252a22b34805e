"""Empty figures in the theme, their axes, legends and tooltips. The one door to Bokeh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from argus_lab.errors import MissingExtra
from argus_lab.figures.formats import plain
from argus_lab.figures.theme import CSS, FONT, GRID, MONO, TOOLTIP, Sizes

try:
    from bokeh.layouts import column
    from bokeh.models import (
        BasicTicker,
        ColumnDataSource,
        DataRange1d,
        FixedTicker,
        HoverTool,
        InlineStyleSheet,
        LinearAxis,
        NumeralTickFormatter,
        PlainText,
        Range1d,
    )
    from bokeh.models.annotations import Label, Legend, LegendItem, Title
    from bokeh.plotting import figure
except ImportError as error:
    raise MissingExtra.of("bokeh", "dash") from error

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from bokeh.models import Axis
    from bokeh.models.renderers import GlyphRenderer

__all__ = [
    "BasicTicker",
    "LinearAxis",
    "canvas",
    "column",
    "extent",
    "from_zero",
    "from_zero_to_right",
    "labelled",
    "legend",
    "lines",
    "note",
    "nothing",
    "number_axis",
    "quiet_axes",
    "said",
    "source",
    "tooltip",
    "utc",
]

QUIETLY: dict[str, Any] = {"--bk-text-color": "var(--argus-quiet)"}
ROOM, NARROW_ROOM = 92, 56
"""Letters that a legend has room for in one row, and in each of several rows of the narrowest figure."""
MOST_IN_A_ROW, MOST_ROWS = 6, 3
TOOLS = "xpan,xbox_zoom,xwheel_zoom,reset,save"


def canvas(title: str, subtitle: str = "", *, height: int = Sizes.HEIGHT, **given: Any) -> figure:
    """An empty figure with title and subtitle; ``given`` goes to :class:`bokeh.plotting.figure`.

    It is as wide as its place. The wheel scrolls the page until zooming is switched on in the toolbar.
    """
    left = given.pop("min_border_left", 64)
    drawn = figure(
        height=height,
        width=Sizes.WIDTH,
        min_width=Sizes.NARROWEST,
        max_width=Sizes.WIDEST,
        sizing_mode="stretch_width",
        tools=given.pop("tools", TOOLS),
        active_drag=given.pop("active_drag", "xbox_zoom"),
        active_scroll=None,
        toolbar_location="above" if title else None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border_left=left,
        min_border_right=given.pop("min_border_right", 16),
        stylesheets=[InlineStyleSheet(css=CSS)],
        # A canvas says nothing to a screen reader; this does.
        html_attributes={"role": "img", "aria-label": " ".join(f"{title}. {subtitle}".split())},
        **given,
    )
    drawn.toolbar.logo = None
    drawn.toolbar.autohide = True
    # Titles begin where the figure begins, not its frame. They are stacked from the frame upwards.
    drawn.title = _title(title, 6 - left, standoff=2 if subtitle else 10)
    if subtitle:
        drawn.add_layout(_subtitle(subtitle, 6 - left), "above")
        drawn.above.insert(0, drawn.above.pop())
    quiet_axes(drawn)
    return drawn


def _title(text: str, offset: float, standoff: int) -> Title:
    place: dict[str, Any] = {"offset": offset, "standoff": standoff, "name": "title" if text else None}
    return Title(text=said(text), text_font=FONT, text_font_size=Sizes.TITLE, text_font_style="bold", **place)


def _subtitle(text: str, offset: float) -> Title:
    place: dict[str, Any] = {
        "offset": offset, "standoff": 8, "css_variables": QUIETLY, "name": "subtitle",
    }  # fmt: skip
    return Title(
        text=said(text), text_font=FONT, text_font_size=Sizes.SUBTITLE, text_font_style="normal", **place
    )


def quiet_axes(drawn: figure) -> None:
    """Axes without rules, a fine grid, the theme's letters."""
    for axis in drawn.axis:
        axis.axis_line_color = None
        axis.major_tick_line_color = None
        axis.minor_tick_line_color = None
        axis.major_label_text_font = FONT
        axis.major_label_text_font_size = Sizes.TEXT
        axis.axis_label_text_font = FONT
        axis.axis_label_text_font_size = Sizes.TEXT
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_standoff = 10
    drawn.grid.grid_line_color = GRID


def lines(parts: Sequence[str], longest: int = 84) -> str:
    """Parts of a subtitle, as many in a line as a narrow notebook has room for.

    Examples
    --------
    >>> lines(["12 spans", "1.2 s", "x" * 80]).splitlines()[0]
    '12 spans · 1.2 s'
    """
    found: list[str] = []
    for part in parts:
        if found and len(found[-1]) + len(part) + 3 <= longest:
            found[-1] += f" · {part}"
        else:
            found.append(part)
    return "\n".join(found)


def number_axis(axis: Axis, words: str, numbers: str = "0,0.[000]") -> None:
    """An axis of numbers with thousands separators; ``words`` say what and in which unit."""
    axis.axis_label = words
    axis.formatter = NumeralTickFormatter(format=numbers)


def labelled(axis: Axis, labels: Mapping[float, str], *, mono: bool = False) -> None:
    """Ticks where there are labels, and nowhere else. The labels are texts, never formulas."""
    axis.ticker = FixedTicker(ticks=list(labels))
    axis.major_label_overrides = {at: said(text) for at, text in labels.items()}
    if mono:
        axis.major_label_text_font = MONO
    axis.major_tick_line_color = None
    axis.minor_tick_line_color = None
    axis.axis_line_color = None
    axis.major_label_text_font_size = Sizes.TEXT


def utc(times: pd.Series) -> pd.Series:
    """Instants as Bokeh takes them: without a zone, in UTC."""
    naive: pd.Series = times.dt.tz_convert("UTC").dt.tz_localize(None)
    return naive


def source(columns: Mapping[str, Any] | pd.DataFrame, name: str | None = None) -> ColumnDataSource:
    """Columns as Bokeh draws them; of a frame without its index."""
    given: Any = columns if isinstance(columns, Mapping) else columns.to_dict("list")
    return ColumnDataSource(dict(given), name=name)


def extent(start: float, end: float) -> Range1d:
    """A range from one number to another; backwards if the first is larger."""
    return Range1d(start=float(start), end=float(end))


def from_zero(drawn: figure) -> None:
    """Heights are compared, so the axis begins at 0."""
    drawn.y_range = DataRange1d(start=0)


def from_zero_to_right() -> DataRange1d:
    """The range of an axis on which lengths are compared."""
    return DataRange1d(start=0)


def said(text: str) -> PlainText:
    """The text as it stands: Bokeh would typeset what is between dollar signs."""
    return PlainText(text=text)


def legend(
    drawn: figure,
    items: Sequence[tuple[str, Sequence[GlyphRenderer[Any]]]],
    place: Literal["above", "below"] = "below",
) -> None:
    """A legend outside the frame, in one row; a click hides what it names."""
    made = Legend(
        items=[LegendItem(label=plain(text, 40), renderers=list(shown)) for text, shown in items],
        orientation="horizontal",
        ncols=_columns([text for text, _ in items]),
        location="left",
        click_policy="hide",
        background_fill_color=None,
        border_line_color=None,
        label_text_font=FONT,
        label_text_font_size=Sizes.TEXT,
        margin=4,
        spacing=14,
        glyph_height=14,
        glyph_width=26,
        stylesheets=[InlineStyleSheet(css=".bk-item .bk-label { color: var(--argus-text) !important; }")],
    )
    drawn.add_layout(made, place)
    if place == "above":
        drawn.above.insert(0, drawn.above.pop())  # next to the frame, below the titles


def _columns(texts: Sequence[str]) -> int:
    """In how many columns a legend stands: one row if it has room, else up to three for a narrow figure.

    Examples
    --------
    >>> _columns(["median", "90th percentile"]), _columns(["system prompt", "what was said before"] * 3)
    (2, 2)
    """
    wide = [min(len(text), 40) + 7 for text in texts]
    if len(texts) <= MOST_IN_A_ROW and sum(wide) <= ROOM:
        return len(texts)
    least = -(-len(texts) // MOST_ROWS)  # a figure of long names is wide rather than nothing but its legend
    fitting = (
        columns
        for columns in range(min(len(texts), MOST_IN_A_ROW), least, -1)
        if sum(max(wide[at::columns]) for at in range(columns)) <= NARROW_ROOM
    )
    return next(fitting, least)


def tooltip(
    drawn: figure, shown: Sequence[GlyphRenderer[Any]], head: str, lines: Sequence[str], **given: Any
) -> None:
    """Tooltips made of text columns: one as a head, others as lines below; empty lines take no place.

    Bokeh escapes what it puts into the places of a template, so the columns may hold any text.
    """
    style = (
        f"<style>.a{{font:12px {FONT.replace(chr(34), chr(39))};color:{TOOLTIP['text']};max-width:420px;"
        f"overflow-wrap:anywhere;padding:2px 4px;background:{TOOLTIP['ground']}}}"
        f".a b{{font-size:13px}}.a div{{color:{TOOLTIP['quiet']};margin-top:2px}}"
        ".a div:empty{display:none}</style>"
    )
    rows = "".join(f"<div>@{{{name}}}</div>" for name in lines)
    # The style stands inside: what precedes the first element of a template is lost.
    html = f'<div class="a">{style}<b>@{{{head}}}</b>{rows}</div>'
    drawn.add_tools(HoverTool(renderers=list(shown), tooltips=html, **given))


def nothing(title: str, why: str) -> figure:
    """A figure that says in words that there is nothing to draw, and why."""
    drawn = canvas(
        title, height=150, x_range=extent(0, 1), y_range=extent(0, 1), tools="save", active_drag=None
    )
    drawn.axis.visible = False
    drawn.grid.visible = False
    drawn.scatter(x=[], y=[])
    drawn.add_layout(note(0.5, 0.5, why))
    return drawn


def note(x: float, y: float, text: str) -> Label:
    """A quiet word in the middle of a place."""
    return Label(
        x=x,
        y=y,
        text=said(text),
        text_align="center",
        text_baseline="middle",
        text_font=FONT,
        text_font_size=Sizes.SUBTITLE,
        css_variables=QUIETLY,
    )
