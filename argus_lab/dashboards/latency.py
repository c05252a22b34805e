"""The latency page: percentiles over time, by group, their spread, first tokens, periods, slowest spans."""

from __future__ import annotations

import panel as pn

from argus_lab.dashboards.desk import PageKind
from argus_lab.dashboards.latency_page import body, first
from argus_lab.dashboards.shell import serve

__all__ = ["PAGE"]

PAGE = PageKind("latency", "Latency", ("by", "every"), body, first)

if pn.state.served:
    serve(PAGE)
