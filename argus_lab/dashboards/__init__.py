"""Pages in a browser: choices, measures and figures arranged. Each page is a module of its name."""

from __future__ import annotations

from importlib.util import find_spec

from argus_lab.errors import MissingExtra

if find_spec("panel") is None:  # not imported here: the tables of the pages are read without it
    raise MissingExtra.of("panel", "dash")
