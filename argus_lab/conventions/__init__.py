"""Conventions: attributes as sent become columns. Pure; one module a dialect, mostly a table.

``admit`` decides which spans of a request are taken in; ``columns`` fills the span table's columns
from one span.
"""

from argus_lab.conventions.admission import Admission, Refusal, admit
from argus_lab.conventions.combine import columns

__all__ = ["Admission", "Refusal", "admit", "columns"]
