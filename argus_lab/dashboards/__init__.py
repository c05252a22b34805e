"""Pages in a browser: choices, measures and figures arranged. Each page is a module of its name."""

from __future__ import annotations

from argus_lab.errors import MissingExtra

try:
    import panel as panel
except ImportError as error:
    raise MissingExtra.of("panel", "dash") from error
