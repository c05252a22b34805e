"""``al.dashboard()``: a page in a notebook, without a server of its own."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Any

import panel as pn

from argus_lab.dashboards.choices import MANY, Choices, query_of
from argus_lab.dashboards.serving import KINDS
from argus_lab.dashboards.shell import Shell
from argus_lab.errors import InvalidArgument
from argus_lab.lake.lake import Lake
from argus_lab.lake.opening import address_of

__all__ = ["dashboard"]

LOWEST = 300


def dashboard(
    page: str = "sessions",
    lake: Lake | str | os.PathLike[str] | None = None,
    *,
    height: int = 720,
    **choices: Any,
) -> Any:
    """A page of a lake in this notebook: sessions, latency or tokens.

    It is answered by this kernel, so that it works wherever widgets of Jupyter do, and no port is opened. The
    same pages in a browser: ``argus-lab dashboard``.

    Parameters
    ----------
    page
        ``"sessions"``, ``"latency"`` or ``"tokens"``.
    lake
        A lake, or where it is. Default: where ``al.open()`` looks.
    height
        Of the page in the notebook, pixels.
    **choices
        What to begin with: ``project``, ``service``, ``model``, ``component``, ``status`` (a text or
        several), ``since``, ``until``, ``text``, and ``session`` for the page of sessions.

    Raises
    ------
    InvalidArgument
        There is no such page or choice.
    MissingExtra
        Panel is not installed: ``pip install 'argus-lab[dash]'``.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.dashboards.inline import dashboard
    >>> page = dashboard("sessions", tiny_lake, project="shop-bot")  # shown where a cell ends with it
    >>> dashboard("costs", tiny_lake)
    Traceback (most recent call last):
    argus_lab.errors.InvalidArgument: no page 'costs'; there are sessions, latency, tokens.
    """
    if page not in KINDS:
        raise InvalidArgument(f"no page {page!r}; there are {', '.join(KINDS)}.")
    address = lake.address if isinstance(lake, Lake) else address_of(lake)
    query = _query(choices)
    if height < LOWEST:
        raise InvalidArgument(f"height={height!r}: at least {LOWEST} pixels are expected.")
    pn.extension()
    shell = Shell(KINDS[page], query, [address], has_address=False)
    shell.begin()
    return pn.Column(shell.bar, shell.body, height=height, sizing_mode="stretch_width", margin=0)


def _query(choices: dict[str, Any]) -> str:
    """What is asked for as the query of an address, so that both are read alike."""
    names = {each.name for each in fields(Choices)} - {"lake"}
    unknown = sorted(choices.keys() - names - {"session"})
    if unknown:
        known = ", ".join(sorted(names | {"session"}))
        raise InvalidArgument(f"no choice {unknown[0]!r}; there are {known}.")
    own = {"session": choices.pop("session", None)}
    many = {
        name: (value,) if isinstance(value, str) else tuple(value)
        for name, value in choices.items()
        if name in MANY
    }
    return query_of(Choices(**(choices | many)), own)
