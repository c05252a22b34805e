"""OTLP: bytes become spans, and back. Pure functions; no clock, no disk, no network.

``inflate`` undoes the content encoding, ``decode`` reads a request in either encoding into an
:class:`~argus_lab.otlp.export.Export`, ``encode`` writes spans as a request.
"""

from argus_lab.otlp.decode import decode
from argus_lab.otlp.encode import encode
from argus_lab.otlp.export import Broken, Encoding, Export, Group, Issue, Resource, Scope, Span
from argus_lab.otlp.inflate import inflate

__all__ = [
    "Broken",
    "Encoding",
    "Export",
    "Group",
    "Issue",
    "Resource",
    "Scope",
    "Span",
    "decode",
    "encode",
    "inflate",
]
