"""The one look of all figures: every colour, size and font stands here.

Two rules make a figure readable wherever it is shown:

- **Text and ground come from one source.** Both are CSS variables: JupyterLab's, else VS Code's, else dark
  on white. A figure paints its own ground, so on a page that says nothing it is a white card, never
  grey text on grey.
- **What is drawn is of middle lightness.** Bars, lines and marks keep a contrast of 3 to 1 or more (WCAG
  2.2, 1.4.11) with white and with the dark grounds of notebooks, and stay apart for colour-blind eyes.
  None of them speaks by colour alone: kinds have symbols, series have dashes, hatches or markers.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ACCENT",
    "CSS",
    "ERROR",
    "FONT",
    "GRID",
    "GROUNDS",
    "KINDS",
    "MONO",
    "QUIET",
    "RULE",
    "SERIES",
    "TOOLTIP",
    "Kind",
    "Series",
    "Sizes",
    "contrast",
    "kind_of",
    "luminance",
]

ACCENT = "#0f6ac3"
"""The colour of the house: what a figure is about."""
QUIET = "#866f6b"
"""What stands beside it: rules, breaks, the rest."""
ERROR = "#cf251a"
RULE = "#767676"
"""Lines that run through a figure, such as the critical path."""
GRID = "rgba(128, 128, 128, 0.22)"

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif'
MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'

GROUNDS = {"page": "#ffffff", "JupyterLab dark": "#111111", "VS Code dark": "#1e1e1e"}
"""What figures are looked at on."""


class Sizes:
    """Pixels and font sizes."""

    WIDTH = 940
    NARROWEST = 420
    WIDEST = 1500
    HEIGHT = 320
    PANEL = 96
    COUNTS = 126  # a panel below that has an axis of its own
    ROW = 22
    CELL = 7.23  # a column of the monospaced font
    TITLE = "15px"
    SUBTITLE = "12px"
    TEXT = "12px"
    LINE = 2
    MARK = 7


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of step looks and is called."""

    colour: str
    symbol: str
    words: str
    fill: float = 0.95
    """How much of the colour fills a bar; its outline has all of it."""


KINDS: dict[str, Kind] = {
    "llm": Kind(ACCENT, "◆", "model"),
    "custom_tool": Kind("#08a565", "■", "tool"),
    "mcp": Kind("#e2609f", "▲", "MCP"),
    "skill": Kind("#8c3ff2", "★", "skill"),
    "external_resource": Kind("#bd7f0a", "●", "external resource"),
    "middleware": Kind(QUIET, "▼", "middleware", 0.35),
    "message": Kind(QUIET, "»", "message", 0.35),
    "agent": Kind(QUIET, "○", "agent", 0.35),
    "other": Kind(QUIET, "·", "other", 0.35),
}
"""Kind of step -> its look. The quiet ones share a colour: symbol and name tell them apart."""


@dataclass(frozen=True, slots=True)
class Series:
    """How one of several series looks: each differs in colour, dash, marker and hatch at once."""

    colour: str
    dash: str
    marker: str
    hatch: str


SERIES: tuple[Series, ...] = (
    Series(ACCENT, "solid", "circle", " "),
    Series("#bd7f0a", "dashed", "square", "/"),
    Series("#08a565", "dotdash", "triangle", "."),
    Series("#e2609f", "dotted", "diamond", "x"),
    Series("#8c3ff2", "dashdot", "inverted_triangle", "-"),
    Series("#cf251a", "solid", "plus", "\\"),
    Series(QUIET, "dashed", "hex", "+"),
)
"""In the order of use; the last is for what is left."""

CSS = """
:host {
  --argus-ground: var(--jp-layout-color0, var(--vscode-editor-background, #ffffff));
  --argus-text: var(--jp-content-font-color1, var(--vscode-editor-foreground, #1f2328));
  --argus-quiet: var(--jp-content-font-color2, var(--vscode-descriptionForeground, #59636e));
  background: var(--argus-ground);
  --bk-text-color: var(--argus-text);
  --bk-major-label-text-color: var(--argus-text);
  --bk-axis-label-text-color: var(--argus-quiet);
  --bk-label-text-color: var(--argus-text);
  --bk-title-text-color: var(--argus-quiet);
}
"""
"""The host's colours for all text that is not a glyph: Bokeh reads ``--bk-…`` where it draws text."""

TOOLTIP = {"ground": "#ffffff", "text": "#1f2328", "quiet": "#59636e"}
"""Tooltips float above everything and are white cards everywhere."""


def kind_of(component_type: str | None, step_kind: str | None, span_type: str | None) -> str:
    """The name in :data:`KINDS` for a step.

    Examples
    --------
    >>> kind_of("mcp", "tool_call", "tool"), kind_of(None, "user_message", None), kind_of(None, None, "agent")
    ('mcp', 'message', 'agent')
    """
    if component_type in KINDS:
        return str(component_type)
    steps = {
        "llm_call": "llm",
        "tool_call": "custom_tool",
        "external_resource": "external_resource",
    } | dict.fromkeys(("user_message", "assistant_message", "system_prompt"), "message")
    types = {
        "llm": "llm",
        "embedding": "llm",
        "reranker": "llm",
        "tool": "custom_tool",
        "retriever": "external_resource",
        "agent": "agent",
        "chain": "agent",
        "guardrail": "middleware",
    }
    return steps.get(step_kind or "") or types.get(span_type or "") or "other"


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` as WCAG 2.2 defines it, 0 (black) to 1 (white)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)  # noqa: PLR2004  WCAG's
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21.

    Examples
    --------
    >>> round(contrast("#ffffff", "#000000"))
    21
    """
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
