"""Before the kernel of a notebook that sends spans starts, a receiver does; nbval runs the notebooks."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from notebooks.receiver import SENDERS, STEERING, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_running = pytest.StashKey[dict[str, "Mapping[str, str]"]]()
_stops = pytest.StashKey[ExitStack]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Nothing runs yet."""
    session.stash[_running] = {}
    session.stash[_stops] = ExitStack()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """The kernel starts with the notebook's first cell and takes the variables that are set then."""
    session = item.session
    steering = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(STEERING)}
    try:
        if item.path.name in SENDERS:
            if item.path.name not in session.stash[_running]:
                started = session.stash[_stops].enter_context(receiving())
                session.stash[_running][item.path.name] = started
            os.environ.update(session.stash[_running][item.path.name])
        yield
    finally:
        for name in [name for name in os.environ if name.startswith(STEERING)]:
            del os.environ[name]
        os.environ.update(steering)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the receivers."""
    session.stash[_stops].close()
