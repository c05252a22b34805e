"""A small OTLP/HTTP sender over one keep-alive connection, for ``doctor`` and ``demo``."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from argus_lab.errors import ArgusError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

__all__ = ["Answer", "NoAnswer", "Sender"]

SECONDS: Final = 60.0
RETRYABLE: Final = frozenset({429, 502, 503, 504})
TRIES: Final = 10
RETRY_SECONDS: Final = 1.0


class NoAnswer(ArgusError):
    """Nothing that speaks HTTP answered at an address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    content_type: str

    @property
    def text(self) -> str:
        """The body for a person, on one line and not too long."""
        return " ".join(self.body.decode("utf-8", "replace").split())[:300]


class Sender:
    """Sends to one receiver; use it as a context manager."""

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def get(self, path: str) -> Answer:
        """One GET."""
        return self._asked("GET", path, b"", {})

    def post(self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """POST; again, a second later, as long as the receiver says that it is overloaded."""
        answer = self._asked("POST", path, body, headers or {})
        for _ in range(TRIES - 1):
            if answer.status not in RETRYABLE:
                break
            time.sleep(RETRY_SECONDS)
            answer = self._asked("POST", path, body, headers or {})
        return answer

    def _asked(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            self._connection.request(method, path, body=body, headers=dict(headers))
            response = self._connection.getresponse()
            return Answer(response.status, response.read(), response.headers.get("Content-Type", ""))
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise NoAnswer(f"no answer from {self.url}: {str(error) or type(error).__name__}") from error
