"""Argus Lab: traces of chatbots and agents, from OpenTelemetry to DataFrames.

>>> import argus_lab as al
>>> spans = al.open(tiny_lake).spans(project="customer-bot")
>>> len(spans)
6

The names below are loaded when they are first used: importing this package loads neither pandas nor
pyarrow. The list of names is ``__init__.pyi``, which type checkers and editors read too.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
