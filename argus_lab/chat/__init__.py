"""A conversation with a local model, without a screen.

By module, from pure to door:

``wire``
    The messages of the protocol ``argus-chat.v1``, used by both ends. Pure.
``transcript``
    A conversation as a fold over these messages: drawn live and replayed by the same code. Pure.
``tools``
    Python functions as tools: the definition that a model reads, and a call that it asks for.
``spans``
    What the spans of a turn say, as attributes and events. Pure.
``tracing``
    OpenTelemetry's SDK at both ends: who makes spans, and where they go.
``client``
    The socket: connects, and connects again after a drop. Door to the network.
``conversation``
    ``ask``, ``send``, ``start``, ``stop``, ``regenerate``, ``edit``; runs tools and traces turns.

The cell that people see stands in ``argus_lab.widgets`` and reads a conversation's transcript; a
conversation knows nothing of it. What needs the lake (a turn's trace, its spans, its messages as a frame)
stands there too: this room knows no lake.
"""
