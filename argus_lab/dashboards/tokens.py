"""The tokens page: usage and cost over time, answers, expensive sessions, growing prompts, the audit."""

from __future__ import annotations

import panel as pn

from argus_lab.dashboards.desk import PageKind
from argus_lab.dashboards.shell import serve
from argus_lab.dashboards.tokens_page import body, first

__all__ = ["PAGE"]

PAGE = PageKind("tokens", "Tokens", ("by", "every", "values", "session"), body, first)

if pn.state.served:
    serve(PAGE)
