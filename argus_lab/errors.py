"""Every error that Argus Lab raises on purpose.

::

    ArgusError
    ├── SettingError          a setting or environment variable holds a value it cannot hold (also ValueError)
    ├── MissingExtra          an optional part is not installed          (also ImportError)
    ├── InvalidArgument       a call was made with an unusable argument  (also ValueError)
    │   ├── NaiveTime         a time without a time zone
    │   └── UnknownColumn     a column that the table does not have
    ├── NotFound              a look-up found nothing                    (also LookupError)
    │   └── WaitTimedOut      what was waited for did not come in time   (also TimeoutError)
    ├── PayloadError          a request body that cannot be taken in  (also ValueError)
    │   ├── MalformedPayload  not OTLP; carries every issue with its path
    │   └── PayloadTooLarge   over the size limit, inflated size included
    ├── ChatError             a model did not answer, or not to the end; carries what came
    └── LakeError             the table on disk or in the object store
        ├── LakeNotFound      no lake at this address                 (also LookupError)
        ├── LakeVersionError  written by another schema version
        ├── LakeBusy          another process holds what this call needs
        └── LakeUnavailable   disk full, read-only, permission, object store out of reach (also OSError)

Each message says what happened, where, and what to do about it.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from typing import Any, Self

__all__ = [
    "ArgusError",
    "ChatError",
    "InvalidArgument",
    "LakeBusy",
    "LakeError",
    "LakeNotFound",
    "LakeUnavailable",
    "LakeVersionError",
    "MalformedPayload",
    "MissingExtra",
    "NaiveTime",
    "NotFound",
    "PayloadError",
    "PayloadTooLarge",
    "SettingError",
    "UnknownColumn",
    "WaitTimedOut",
]


class ArgusError(Exception):
    """The root: `except al.ArgusError` catches everything Argus Lab raises on purpose."""


class SettingError(ArgusError, ValueError):
    """A setting or environment variable holds a value it cannot hold."""


class MissingExtra(ArgusError, ImportError):
    """An optional part of the distribution is not installed."""

    @classmethod
    def of(cls, package: str, extra: str) -> Self:
        """Name the missing package and the line that installs it."""
        return cls(f"{package} is not installed. Install it with:  pip install 'argus-lab[{extra}]'")


class InvalidArgument(ArgusError, ValueError):
    """A call was made with an unusable argument."""


class NaiveTime(InvalidArgument):
    """A time without a time zone was given where an instant is needed."""

    @classmethod
    def of(cls, name: str, value: datetime) -> Self:
        """Show the value and its tz-aware spelling."""
        return cls(
            f"{name}={value.isoformat()!r} has no time zone, so it names no instant. "
            f"Write {name}={value.isoformat() + 'Z'!r} for UTC, or use "
            f"datetime(..., tzinfo=timezone.utc) or pandas.Timestamp(..., tz='Europe/Berlin')."
        )


class UnknownColumn(InvalidArgument):
    """A column that the table does not have."""

    @classmethod
    def of(cls, unknown: Sequence[str], known: Iterable[str]) -> Self:
        """List the unknown names, each with the nearest known one."""
        names = list(known)
        hints = [f"{name!r}{_nearest(name, names)}" for name in unknown]
        return cls(
            f"no such column: {', '.join(hints)}. "
            "See docs/reference/schema.md, or argus_lab.schema.SPANS.names for all of them."
        )


class NotFound(ArgusError, LookupError):
    """A look-up found nothing."""

    @classmethod
    def of(cls, kind: str, key: str, near: Sequence[str], where: str) -> Self:
        """Say what was looked for, where, and which names come near."""
        hint = f" Near: {', '.join(near)}." if near else ""
        return cls(f"no {kind} {key!r} in {where}.{hint}")


class WaitTimedOut(NotFound, TimeoutError):
    """What was waited for did not come in time; the message says what was seen instead."""


class PayloadError(ArgusError, ValueError):
    """A request body that cannot be taken in."""


class MalformedPayload(PayloadError):
    """A body that is not an OTLP export request.

    ``issues`` holds every problem found, each a ``(path, message)`` pair.
    """

    def __init__(self, message: str, issues: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.issues = list(issues)


class PayloadTooLarge(PayloadError):
    """A body over the size limit; the limit holds for the inflated body too."""


class ChatError(ArgusError):
    """A model did not answer, or not to the end.

    ``code`` is one of those in docs/reference/chat-protocol.md; ``turn`` holds what came, if it was a turn.
    """

    def __init__(self, message: str, code: str = "", turn: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.turn = turn


class LakeError(ArgusError):
    """Something about the table on disk or in the object store."""


class LakeNotFound(LakeError, LookupError):
    """There is no lake at this address."""


class LakeVersionError(LakeError):
    """The lake was written by another schema version."""


class LakeBusy(LakeError):
    """Another process holds what this call needs."""


class LakeUnavailable(LakeError, OSError):
    """Disk full, read-only directory, permission, or object store out of reach."""


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
