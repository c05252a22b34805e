"""A conversation with a local model, without a screen.

By module, from pure to door:

``wire``
    The messages of the protocol ``argus-chat.v1``, used by both ends. Pure.
``transcript``
    A conversation as a fold over these messages: drawn live and replayed by the same code. Pure.
``prompts``, ``saved``
    What the model reads of a transcript; a transcript as JSON, and back. Pure.
``failures``
    Everything that can go wrong: a code, what happened, what to do. Pure.
``chunks``, ``spans``
    When pieces came, compactly; what the spans of a turn say, as attributes and events.
``tools``, ``images``
    Python functions as tools, and pictures, as a model takes them.
``tracing``, ``traces``, ``labels``, ``telemetry``
    OpenTelemetry's SDK at both ends; the spans of a turn here; whose they are; their way out of this process.
``client``, ``pulls``
    The socket: connects, and connects again after a drop; a download, followed. Door to the network.
``setup``, ``conversation``, ``turns``, ``running``, ``background``
    What a conversation is held with; ``ask``, ``send``, ``start``, ``stop``, ``regenerate``, ``edit``; one
    turn with its tools; an answer on its way; the thread that all of it runs in.

The cell that people see stands in ``argus_lab.widgets`` and reads a conversation's transcript; a
conversation knows nothing of it. What needs the lake (a turn's trace, its spans, its messages as a frame)
stands there too: this room knows no lake.
"""
