"""For tests of your own: rows of the span table, a clock, and a stand-in for Ollama.

>>> make_span(3, service="tools")["service"]
'tools'
>>> with FakeOllama() as ollama:
...     ollama.url.startswith("http://127.0.0.1:")
True
"""

from argus_lab.testing.answers import Answer, FakeModel
from argus_lab.testing.ollama import FakeOllama
from argus_lab.testing.ollama_api import Received
from argus_lab.testing.spans import NOON, make_span, ticks

__all__ = ["NOON", "Answer", "FakeModel", "FakeOllama", "Received", "make_span", "ticks"]
