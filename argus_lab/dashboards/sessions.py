"""The sessions page."""

from __future__ import annotations

import panel as pn

from argus_lab.dashboards.desk import Desk, PageKind
from argus_lab.dashboards.shell import serve

__all__ = ["PAGE"]


def _body(desk: Desk) -> pn.viewable.Viewable:
    return pn.Column("to come")


PAGE = PageKind("sessions", "Sessions", ("session", "step", "tab", "sort"), _body)

if pn.state.served:
    serve(PAGE)
