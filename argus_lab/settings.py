"""Settings: one row each, read from arguments and ``ARGUS_*`` environment variables.

Only :func:`read` looks at the environment, and only at the mapping it is given. The command line's
options and the page docs/reference/settings.md are made from :data:`ROWS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus_lab.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ROWS", "Row", "Settings", "read"]

MIB = 1024 * 1024
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: its name, how its text is read, its default and meaning."""

    name: str
    parse: Callable[[str], Any]
    default: Any
    meaning: str

    @property
    def variable(self) -> str:
        """The environment variable of this setting."""
        return f"ARGUS_{self.name.upper()}"


def _size(text: str) -> int:
    found = re.fullmatch(r"\s*(\d+)\s*(|[kKmMgG](?:i?[bB])?)\s*", text)
    if not found:
        raise ValueError("a size such as 67108864, 64MiB or 2GiB is expected")
    scale = {"": 0, "k": 1, "m": 2, "g": 3}[found[2][:1].lower()]
    size: int = int(found[1]) * 1024**scale
    return size


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError("a whole number of at least 1 is expected")
    return value


def _days(text: str) -> int | None:
    if text.strip().lower() in {"", "forever", "none"}:
        return None
    found = re.fullmatch(r"\s*([1-9]\d*)\s*d(?:ays?)?\s*", text)
    if not found:
        raise ValueError("a number of days such as 90d, or 'forever', is expected")
    return int(found[1])


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError("a positive number of seconds is expected")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError("a positive number is expected")
    return value


def _ports(text: str) -> tuple[int, ...]:
    ports = tuple(int(part) for part in text.replace(",", " ").split())
    if not all(0 <= port <= _LAST_PORT for port in ports):
        raise ValueError("ports from 0 to 65535 are expected")
    return ports


def _port(text: str) -> int:
    (port,) = _ports(text) or (0,)
    return port


def _one_of(*values: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(f"one of {', '.join(values)} is expected")
        return text

    return parse


def _optional(text: str) -> str | None:
    return text.strip() or None


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


ROWS: tuple[Row, ...] = (
    Row(
        "mode",
        _one_of("local"),
        "local",
        "Operating mode; `local` (one organisation, no log-in) is the only one.",
    ),
    Row(
        "lake",
        str,
        str(Path("datasets") / "lake"),
        "Lake: a directory (relative to the working directory) or an object-store URL.",
    ),
    Row("host", str, "127.0.0.1", "Address the receiver binds to."),
    Row(
        "port",
        _ports,
        (),
        "Ports of the receiver; empty means 4000 and 4318, or whichever of the two is free.",
    ),
    Row("workers", _count, 1, "Receiver processes that share the ports."),
    Row(
        "keep", _days, None, "Days of spans to keep, by span date, such as `90d`; empty keeps them for ever."
    ),
    Row("default_project", _optional, None, "Project for spans that name none; unset refuses them."),
    Row("rules", _optional, None, "TOML file with rules of your own: which attributes fill which column."),
    Row(
        "max_body", _size, 64 * MIB, "Largest request body, before and after inflating; more is answered 413."
    ),
    Row(
        "max_in_flight",
        _size,
        256 * MIB,
        "Bytes of request bodies a worker holds at once; more is answered 429.",
    ),
    Row("max_backlog", _size, 2048 * MIB, "Journal bytes not yet in the lake; more is answered 429."),
    Row("commit_every", _seconds, 0.5, "Seconds between commits to the lake while spans arrive."),
    Row("compact_every", _seconds, 30.0, "Seconds between looks for files to merge or rewrite."),
    Row("target_file_size", _size, 128 * MIB, "Size that merged Parquet files aim at."),
    Row("dedup_window", _seconds, 3600.0, "Seconds for which a delivered span id is remembered exactly."),
    Row("dedup_ids", _count, 5_000_000, "Most span ids remembered (32 bytes each); the newest win."),
    Row(
        "vacuum_after",
        _seconds,
        7 * 86400.0,
        "Seconds before files replaced by compaction are deleted; bounds `as_of`.",
    ),
    Row(
        "receiver",
        _words,
        ("http://127.0.0.1:4000", "http://127.0.0.1:4318"),
        "Where a chat looks for the receiver; of several addresses the first that answers.",
    ),
    Row("ollama_host", _optional, None, "Where the receiver finds Ollama; unset means `OLLAMA_HOST`."),
    Row(
        "chat_generations", _count, 64, "Answers of models that a worker lets run at once; more are refused."
    ),
    Row("chat_max_message", _size, 16 * MIB, "Largest message of a chat, images included."),
    Row("chat_rate", _rate, 100.0, "Messages a second that one chat connection may send."),
    Row(
        "chat_buffer",
        _size,
        MIB,
        "Bytes of an answer held for a client that is slow or gone; then it pauses.",
    ),
    Row("chat_grace", _seconds, 30.0, "Seconds an answer goes on after its client went away."),
    Row(
        "chat_origins",
        _words,
        (),
        "Web origins whose pages may chat; none by default, so that no web page reaches a local model.",
    ),
    Row(
        "chat_hosts",
        _words,
        (),
        "Names, besides this machine's own, under which a chat may ask for the receiver (the Host header).",
    ),
    Row("cors_origins", _words, (), "Web origins that may post traces from a page; none by default."),
    Row("dashboard_port", _port, 5006, "Port of the pages, on 127.0.0.1."),
    Row(
        "dashboard_origins",
        _words,
        (),
        "Further `host:port` by which visitors may ask for the pages, where a proxy stands in front.",
    ),
    Row("dashboard_lakes", _words, (), "Further lakes that visitors of the pages may choose, beside `lake`."),
    Row(
        "dashboard_memory",
        _size,
        1024 * MIB,
        "Memory of the tables that pages are answered from, a lake; the rest of them is on disk.",
    ),
    Row(
        "dashboard_cache",
        _optional,
        None,
        "Folder where the tables of a large lake wait for the next start of the pages; unset means the "
        "user's cache folder, `off` keeps none.",
    ),
    Row("log_level", _one_of("debug", "info", "warning", "error"), "info", "Least severe log lines shown."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, read and checked. Field by field the same as :data:`ROWS`."""

    mode: str
    lake: str
    host: str
    port: tuple[int, ...]
    workers: int
    keep: int | None
    default_project: str | None
    rules: str | None
    max_body: int
    max_in_flight: int
    max_backlog: int
    commit_every: float
    compact_every: float
    target_file_size: int
    dedup_window: float
    dedup_ids: int
    vacuum_after: float
    receiver: tuple[str, ...]
    ollama_host: str | None
    chat_generations: int
    chat_max_message: int
    chat_rate: float
    chat_buffer: int
    chat_grace: float
    chat_origins: tuple[str, ...]
    chat_hosts: tuple[str, ...]
    cors_origins: tuple[str, ...]
    dashboard_port: int
    dashboard_origins: tuple[str, ...]
    dashboard_lakes: tuple[str, ...]
    dashboard_memory: int
    dashboard_cache: str | None
    log_level: str


def read(environ: Mapping[str, str], **given: Any) -> Settings:
    """Settings from explicit values first, then ``ARGUS_*`` variables, then defaults.

    A given value of ``None`` means not given. Text is parsed; other values are taken as they are.

    Raises
    ------
    SettingError
        For an unknown name or a value that cannot be read; names the variable.

    Examples
    --------
    >>> read({"ARGUS_KEEP": "90d"}, workers=2).keep
    90
    >>> read({"ARGUS_WORKERS": "many"})
    Traceback (most recent call last):
    argus_lab.errors.SettingError: ARGUS_WORKERS='many' cannot be used: ...
    """
    unknown = sorted(given.keys() - {row.name for row in ROWS})
    if unknown:
        raise SettingError(f"no such setting: {', '.join(unknown)}. See docs/reference/settings.md.")
    return Settings(**{row.name: _value(row, environ, given.get(row.name)) for row in ROWS})


def _value(row: Row, environ: Mapping[str, str], given: Any) -> Any:
    if given is not None and not isinstance(given, str):
        return given
    text, origin = (given, row.name) if given is not None else (environ.get(row.variable), row.variable)
    if text is None:
        return row.default
    try:
        return row.parse(text)
    except ValueError as error:
        raise SettingError(f"{origin}={text!r} cannot be used: {error}. {row.meaning}") from error


assert [f.name for f in fields(Settings)] == [row.name for row in ROWS], "one row a setting"  # noqa: S101  import-time proof
