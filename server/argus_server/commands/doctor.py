"""``argus-lab doctor``: is everything well, and if not, what to do."""

from __future__ import annotations

import os
import platform
import shutil
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

import argus_lab
from argus_lab import schema
from argus_lab.errors import ArgusError, LakeNotFound, NotFound
from argus_lab.lake.table import open_table
from argus_server import specimens
from argus_server.addresses import DEFAULT_PORTS
from argus_server.checks import Check, failed, noted, passed
from argus_server.sending import NoAnswer, Sender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_lab.settings import Settings
    from argus_server.sending import Answer

__all__ = ["doctor"]

PACKAGES: Final = ("argus-lab", "deltalake", "duckdb", "pyarrow", "pandas", "sanic", "uvloop")
LEAST_FREE_BYTES: Final = 1024**3
QUICK_SECONDS: Final = 5.0


def doctor(settings: Settings) -> int:
    """Check everything, print a line for each, and return 1 if something failed."""
    checks = [*_installation(), *_disk(settings)]
    urls = _urls(settings)
    reached = [(url, _reach(url)) for url in urls]
    checks += _addresses(reached, exact=bool(settings.port))
    for url, check in reached:
        if check.ok:
            checks += _receiver(url, settings)
            break
    console = Console()
    table = _table(checks)
    console.print(table) if console.is_terminal else Console(width=160).print(table)
    return 1 if any(check.ok is False for check in checks) else 0


def _installation() -> Iterator[Check]:
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            yield noted(f"package {package}", "not installed as a package; running from its source?")
    yield passed("versions", ", ".join(found))


def _disk(settings: Settings) -> Iterator[Check]:
    """The lake's place and schema, as this machine sees them."""
    if "://" not in settings.lake:
        yield _space(Path(settings.lake).resolve())
    try:
        open_table(settings.lake, schema.SPANS)
    except LakeNotFound:
        yield noted("lake", f"none yet at {settings.lake}; the receiver makes it")
    except ArgusError as error:
        yield failed("lake", str(error), "see the message; docs/howto/run-the-receiver.md has the steps")
    else:
        yield passed("lake", f"{settings.lake}, schema version {schema.SCHEMA_VERSION}")


def _space(place: Path) -> Check:
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return failed("disk", f"{existing} cannot be written", "make it writable, or choose another --lake")
    free = shutil.disk_usage(existing).free
    text = f"{free / 1024**3:,.1f} GiB free at {existing}"
    if free < LEAST_FREE_BYTES:
        return failed("disk", text, "free some space, or choose a lake on another disk with --lake")
    return passed("disk", text)


def _urls(settings: Settings) -> list[str]:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104  compared, not bound
    return [f"http://{host}:{port}" for port in settings.port or DEFAULT_PORTS]


def _reach(url: str) -> Check:
    name = f"receiver at {url}"
    try:
        with Sender(url, QUICK_SECONDS) as sender:
            answer = sender.get("/healthz")
    except NoAnswer as error:
        return failed(name, str(error), "start it:  argus-lab serve   or name its port with --port")
    if answer.status == 200 and b'"status":"ok"' in answer.body:  # noqa: PLR2004
        return passed(name, "answers")
    return failed(
        name, f"something else answers there ({answer.status})", "stop that program, or use another --port"
    )


def _addresses(reached: list[tuple[str, Check]], *, exact: bool) -> list[Check]:
    """What to say of each address; of the two default ports one is enough."""
    enough = not exact and any(check.ok for _, check in reached)
    return [noted(c.name, c.found) if enough and not c.ok else c for _, c in reached]


def _receiver(url: str, settings: Settings) -> Iterator[Check]:
    try:
        with Sender(url) as sender:
            ready = _readiness(sender)
            if ready.status == 200:  # noqa: PLR2004
                yield passed("ready", "it takes spans")
            else:
                yield failed("ready", ready.text, "cure the reason it names; it takes spans again by itself")
            yield from _round_trip(sender, settings)
    except NoAnswer as error:
        yield failed("receiver", str(error), "it stopped while it was asked; its log says why")


def _readiness(sender: Sender) -> Answer:
    """What /readyz says; a receiver that has just been started gets a few seconds."""
    end = time.monotonic() + QUICK_SECONDS
    while (answer := sender.get("/readyz")).status != 200 and time.monotonic() < end:  # noqa: PLR2004
        time.sleep(0.1)
    return answer


def _round_trip(sender: Sender, settings: Settings) -> Iterator[Check]:
    """Test spans in, and out of the lake again."""
    sent = specimens.specimens()
    taken: list[specimens.Specimen] = []
    for specimen in sent:
        answer = sender.post("/v1/traces", specimen.body, specimen.headers)
        name = f"send {specimen.name}"
        if answer.status == 200 and answer.content_type == specimen.headers["Content-Type"]:  # noqa: PLR2004
            taken.append(specimen)
            yield passed(name, "accepted")
        else:
            yield failed(name, f"{answer.status} {answer.text}", "the receiver's log and /readyz say why")
    flushed = sender.post("/v1/flush")
    if flushed.status != 200:  # noqa: PLR2004
        yield failed("flush", flushed.text, "look at the keeper's lines in the receiver's log")
    elif taken:
        yield _readable(taken, settings)


def _readable(taken: list[specimens.Specimen], settings: Settings) -> Check:
    missing = []
    try:
        lake = argus_lab.open(settings.lake)
        for specimen in taken:
            try:
                lake.trace(specimen.trace_id)
            except NotFound:
                missing.append(specimen.name)
    except ArgusError as error:
        return failed("read", str(error), "name the lake the receiver writes to with --lake")
    if missing:
        return failed(
            "read",
            f"not in {settings.lake}: {', '.join(missing)}",
            "the receiver writes to another lake: name it with --lake (or ARGUS_LAKE)",
        )
    return passed("read", f"{len(taken)} test spans read back (project {specimens.PROJECT})")


def _table(checks: list[Check]) -> Table:
    table = Table(title="argus-lab doctor")
    for name in ("check", "", "found", "what to do"):
        table.add_column(name, overflow="fold")
    for check in checks:
        table.add_row(check.name, check.mark, check.found, check.cure)
    return table
