"""Pages in a browser: choices, measures and figures arranged. Each page is a module of its name."""

from __future__ import annotations

from argus_lab.errors import MissingExtra

try:
    import panel  # noqa: F401, ICN001  every module of this room needs it
except ImportError as error:
    raise MissingExtra.of("panel", "dash") from error
