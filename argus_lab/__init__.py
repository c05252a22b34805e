"""Argus Lab: traces of chatbots and agents, from OpenTelemetry to DataFrames.

>>> import argus_lab as al
>>> spans = al.open(tiny_lake).spans(project="customer-bot")
>>> len(spans)
6

The names below are loaded when they are first used: importing this package loads neither pandas nor
pyarrow. The list of names is ``__init__.pyi``, which type checkers and editors read too.
"""

from types import ModuleType
from typing import Any

import lazy_loader

from argus_lab import errors

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"


class _Errors(ModuleType):
    """``al.errors``: called, the measure of that name; else the module of the exceptions."""

    def __call__(self, spans: Any, **options: Any) -> Any:
        """Errors in a frame of spans, grouped; see ``argus_lab.measures.errors``."""
        from argus_lab.measures.errors import errors as grouped

        return grouped(spans, **options)


# One name with two good meanings: a submodule is an attribute of its package, whoever imports it first.
errors.__class__ = _Errors
