"""``/v1/chat``: conversations with a local model, over a WebSocket.

``door`` is all that a receiver loads until somebody chats; it decides who may come in (``guard``). The
others are entered with the first conversation: a ``hub`` holds what runs, a ``socket`` is one client, a
``generation`` one answer, whose messages stand in an ``outbox`` until they are sent; ``upstream`` is Ollama.
"""
