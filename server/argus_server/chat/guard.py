"""Who may chat: programs of this machine may, a web page may not reach a user's local model."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argus_server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argus_lab.settings import Settings

__all__ = ["refusal"]

ANY = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  to be told apart from an address


def refusal(hosts: Sequence[str], origins: Sequence[str], settings: Settings) -> Problem | None:
    """Why this handshake is refused, if it is; ``hosts`` and ``origins`` are the headers of these names.

    A browser names the page's origin, always: without an origin it is no browser. A page can make a name of
    its own mean this machine (DNS rebinding), so the name it asks for must be one of this machine's, too.

    Examples
    --------
    >>> from argus_lab.settings import read
    >>> refusal(["127.0.0.1:4000"], [], read({})) is None
    True
    >>> refusal(["127.0.0.1:4000"], ["https://evil.example"], read({})).status
    403
    >>> refusal(["rebound.example:4000"], [], read({})).status
    403
    """
    if len(hosts) != 1 or not _is_known(_name(hosts[0]), settings):
        return Problem(
            403,
            f"no chat under the name {', '.join(hosts)!r}: ask for 127.0.0.1, or allow the name with the "
            "setting chat_hosts (ARGUS_CHAT_HOSTS)",
            error="forbidden_host",
        )
    if origins and not (len(origins) == 1 and origins[0] in settings.chat_origins):
        return Problem(
            403,
            f"no chat for pages of {', '.join(origins)!r}: allow the origin with the setting chat_origins "
            "(ARGUS_CHAT_ORIGINS) if the page is yours",
            error="forbidden_origin",
        )
    return None


def _name(host: str) -> str:
    """The host without its port; brackets of IPv6 too."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_known(name: str, settings: Settings) -> bool:
    allowed = {one.lower() for one in settings.chat_hosts}
    if settings.host not in ANY:
        allowed.add(settings.host.lower())
    return name in allowed or name == "localhost" or _is_loopback(name)


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
