"""A list on a page of charts: a table that is always open, whose rows lead somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import panel as pn

from argus_lab.dashboards.chart_view import Sheet
from argus_lab.dashboards.charts import MOST_ROWS, cells_of, columns_of
from argus_lab.figures.formats import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["ListView"]

HIGHEST = 366
"""Pixels of a list of as many rows as are shown without scrolling, with its title."""


class ListView:
    """A title and a table; ``view`` is what is shown.

    It is ``high`` pixels high before it has rows, so that little below it moves once it has.
    """

    def __init__(self, name: str, title: str, *, high: int = HIGHEST) -> None:
        self._told: dict[str, Any] = {"name": name, "label": title, "title": title, "view": "table"}
        self._sheet = Sheet(told=self._told, min_height=high, sizing_mode="stretch_width", margin=0)
        self._sheet.whenever_told(self._heard)
        self.view = pn.Column(self._sheet, sizing_mode="stretch_width", margin=(0, 6, 14, 6))

    def title(self, words: str) -> None:
        """Call the list something else."""
        if words != self._told["title"]:
            self._tell({"title": words, "label": words})

    def busy(self) -> None:
        """The rows are being worked out again."""
        self._sheet.busy = True

    def show(
        self,
        rows: pd.DataFrame,
        *,
        words: str = "",
        note: str = "",
        links: Sequence[str] | None = None,
        code: str = "",
        empty: str = "",
    ) -> None:
        """Show these rows; ``links`` lead from their first cells, ``empty`` says why there are none."""
        shown = rows.head(MOST_ROWS)
        if len(shown) < len(rows):
            note = f"The first {count(len(shown))} of {count(len(rows))} rows. {note}".strip()
        table = {
            "columns": columns_of(shown),
            "rows": cells_of(shown),
            "links": list(links[: len(shown)]) if links is not None else None,
            "note": note,
            "numbers": [],
            "picked": [],
        }
        told = {"hint": words, "code": code, "is_list": True, "empty": empty if rows.empty else ""}
        self._tell(told | {"table": table if len(shown) else None})
        self._sheet.param.update(busy=False, min_height=None)

    def _heard(self, message: Any) -> None:
        if isinstance(message, dict) and message.get("do") == "view" and message.get("view") in {"", "code"}:
            self._tell({"view": message["view"] or "table"})

    def _tell(self, told: dict[str, Any]) -> None:
        self._told = self._told | told
        self._sheet.told = self._told
