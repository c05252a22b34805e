"""Provider names: what senders write, and OpenTelemetry's well-known value for it.

Source: OpenTelemetry semantic conventions, ``gen_ai.provider.name`` and the older values of
``gen_ai.system``.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions.rules import SILENT

__all__ = ["provider_name"]

_ALIASES = {
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "az.ai.inference": "azure.ai.inference",
    "aws": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "amazon": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gen_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "google-vertex": "gcp.vertex_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
    "watsonx": "ibm.watsonx.ai",
    "moonshot": "moonshot_ai",
    "ollama_chat": "ollama",
}


_FRAMEWORKS = frozenset(
    {"strands-agents", "langchain", "langgraph", "crewai", "microsoft.agent_framework", "gcp.vertex.agent"}
) | {"google_adk", "pydantic-ai", "llamaindex", "unknown"}
"""What frameworks write where the provider belongs; the provider is then unknown."""


def provider_name(sent: Any) -> Any:
    """The well-known name of a provider, lower-case; names that are not well known stay as sent.

    A framework's name says nothing about the provider (``SILENT``).

    Examples
    --------
    >>> provider_name("az.ai.openai"), provider_name("Anthropic"), provider_name("my-gateway")
    ('azure.ai.openai', 'anthropic', 'my-gateway')
    """
    if not isinstance(sent, str) or not sent:
        return None
    name = sent.lower()
    return SILENT if name in _FRAMEWORKS else _ALIASES.get(name, name)
