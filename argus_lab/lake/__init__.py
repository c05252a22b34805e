"""Spans and the lake: the journal, the Delta tables, their upkeep, and reading them as frames.

Readers start at :func:`argus_lab.open`. The modules are imported one by one, so that a receiver's
worker, which writes journals, loads no pandas.
"""
