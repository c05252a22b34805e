"""The sockets the receiver listens on, bound before any process is started."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from argus_lab.errors import ArgusError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DEFAULT_PORTS", "AddressTaken", "Bound", "bind"]

DEFAULT_PORTS: Final = (4000, 4318)
"""Argus' own port, and the port that OpenTelemetry SDKs send to by default."""
BACKLOG: Final = 1024


class AddressTaken(ArgusError):
    """A socket could not be bound; says which and what to do."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Listening sockets, their addresses, and what could not be had."""

    sockets: list[socket.socket]
    taken: list[str]

    @property
    def urls(self) -> list[str]:
        """The addresses to send to."""
        return [_url(*sock.getsockname()[:2]) for sock in self.sockets]

    def close(self) -> None:
        """Listen no more in this process."""
        for sock in self.sockets:
            sock.close()


def bind(host: str, ports: Sequence[int]) -> Bound:
    """Listen on exactly these ports; on none given, on those of 4000 and 4318 that are free.

    Raises
    ------
    AddressTaken
        If a given port, or both default ports, cannot be had.
    """
    sockets: list[socket.socket] = []
    taken: list[str] = []
    wanted = ports or DEFAULT_PORTS
    for place, port in enumerate(wanted):
        if port and port in wanted[:place]:
            continue  # the same port twice is one; 0 twice is two that are free
        try:
            sockets.append(_listening(host, port))
        except OSError as error:
            taken.append(_reason(host, port, error))
            if ports:
                break
    if taken and (ports or not sockets):
        Bound(sockets, taken).close()
        raise AddressTaken(
            f"{'; '.join(taken)}. Stop what listens there, or choose another port with --port N "
            "(--port 0 takes any that is free)."
        )
    return Bound(sockets, taken)


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        # So that a restart does not wait for connections of the last run to time out.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken by another program"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"port {port} on {host} needs more rights than this user has"
    return f"cannot listen on {host} port {port}: {error.strerror or error}"


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
