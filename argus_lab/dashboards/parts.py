"""What a page's own components are made of: scripts and styles of this package, in a language of messages."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import panel as pn
import param
from panel.custom import JSComponent

if TYPE_CHECKING:
    from collections.abc import Callable

    from bokeh.document import Document

__all__ = ["Part", "web"]


@cache
def web(name: str) -> str:
    """A script, style or template of this package."""
    return Path(__file__).with_name("web").joinpath(name).read_text(encoding="utf-8")


class Part(JSComponent):
    """A component that is told all at once what to show, and says in messages what a visitor does with it.

    Its script puts texts in as texts. It is loaded from this process, never from another place.
    """

    told = param.Dict(default={})

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)  # type: ignore[no-untyped-call]

    def whenever_told(self, act: Callable[[Any], None]) -> None:
        """Have ``act`` called with what a visitor did; the browser hears at once of all that follows from it.

        Each message to it costs some milliseconds, of this process and of the browser.
        """

        def heard(event: Any) -> None:
            with pn.io.hold():
                act(event.data)

        self.on_msg(heard)

    _esm = "export function render() {}"

    __abstract = True

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        """A bundle has a name of its own: Panel loads it once for all its components, and as it stands.

        Else each component, before it is shown, is taken for TypeScript and translated in the browser.
        """
        found: dict[str, Any] = super()._get_properties(doc)
        return found | {"bundle": sha256(found["esm"].encode()).hexdigest()}
