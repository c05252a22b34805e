"""Retrieved documents in one form, whatever the retriever: ``{"id"?, "content", "score"?, "metadata"?}``."""

from __future__ import annotations

from typing import Any

from argus_lab.conventions.parts import first_of
from argus_lab.conventions.readers import parsed

__all__ = ["documents"]

_LISTS = ("documents", "output", "results", "matches", "nodes")
"""Names under which a result keeps its list of documents."""


def documents(sent: Any) -> list[dict[str, Any]] | None:
    """The documents of a retriever's result; ``None`` if it is no list of documents.

    Examples
    --------
    >>> documents([{"page_content": "Paris is sunny.", "metadata": {"source": "a.txt"}}])
    [{'content': 'Paris is sunny.', 'metadata': {'source': 'a.txt'}}]
    """
    found = parsed(sent)
    if isinstance(found, dict):
        found = next((found[key] for key in _LISTS if isinstance(found.get(key), list)), None)
    if not isinstance(found, list) or not found:
        return None
    made = [_document(item) for item in found]
    return [item for item in made if item is not None] if all(made) else None


def _document(sent: Any) -> dict[str, Any] | None:
    if isinstance(sent, str):
        return {"content": sent} if sent else None
    if not isinstance(sent, dict):
        return None
    inner = sent.get("node") or sent.get("document")  # LlamaIndex and others: a document with its score
    inner = {**sent, **inner} if isinstance(inner, dict) else sent
    kwargs = inner.get("kwargs")
    if "lc" in inner and isinstance(kwargs, dict):  # LangChain's serialised form; its id is the class
        inner = kwargs
    made = {
        "id": first_of(inner, "id", "id_", "document_id"),
        "content": first_of(inner, "content", "page_content", "text", "document"),
        "score": first_of(inner, "score", "relevance_score"),
        "metadata": inner.get("metadata"),
    }
    made = {key: value for key, value in made.items() if value is not None and value != {}}
    return made if "content" in made or "id" in made else None
