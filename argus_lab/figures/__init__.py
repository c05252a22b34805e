"""Pictures of what measures found: each function takes spans and returns a Bokeh figure to show or save.

>>> from argus_lab import figures
>>> "waterfall" in dir(figures)
True

Bokeh is an optional part (``pip install 'argus-lab[dash]'``); it is loaded with the first figure.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
