"""The models that can be picked, and the download of one that is missing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from argus_lab.display.units import size
from argus_lab.display.visible import brief
from argus_lab.errors import ArgusError

if TYPE_CHECKING:
    from argus_lab.chat.conversation import Conversation
    from argus_lab.chat.wire import Model, Progress

__all__ = ["Offer", "called", "detail", "is_installed", "pulling"]

LATEST = ":latest"


class Offer:
    """What the model picker shows. Asking the server and downloading happen in threads of their own.

    Parameters
    ----------
    conversation
        Is asked for the models, and to download one.
    changed
        Called when there is something new to show.
    """

    def __init__(self, conversation: Conversation, changed: Callable[[], None]) -> None:
        self._conversation = conversation
        self._changed = changed
        self._is_pulling = False
        self.models: list[dict[str, str]] = []
        self.pull: dict[str, Any] | None = None
        """What is said above the composer about the model: its progress, that it is missing, or why not."""

    def look(self) -> None:
        """Ask anew which models are installed."""
        threading.Thread(target=self._look, name="argus-chat-models", daemon=True).start()

    def begin(self, model: str) -> None:
        """Download a model."""
        if not self._is_pulling:
            self._is_pulling = True
            self._say(f"Pulling {brief(model, 80)} …", "stop")
            threading.Thread(target=self._pull, args=(model,), name="argus-chat-pull", daemon=True).start()

    def stop(self) -> None:
        """Stop the download; what came of it stays with Ollama, and the next one goes on from there."""
        self._conversation.stop_pull()

    def _look(self) -> None:
        try:
            found = self._conversation.models()
        except ArgusError as error:
            self._say(str(error), "look")
            return
        except TimeoutError:
            self._say("The receiver does not say which models there are.", "look")
            return
        self.models = [{"name": called(model.name), "detail": detail(model)} for model in found]
        model = self._conversation.setup.model
        if self._is_pulling:
            self._changed()
        elif is_installed(model, [each.name for each in found]):
            self.pull = None
            self._changed()
        else:
            self._say(f"{brief(model, 80)} is not installed.", "pull")

    def _pull(self, model: str) -> None:
        try:
            self._conversation.pull(model, lambda progress: self._told(model, progress))
        except ArgusError as error:
            self._is_pulling = False
            self._say(str(error), "pull")
        else:
            self._is_pulling = False
            self._look()

    def _told(self, model: str, progress: Progress) -> None:
        self.pull = pulling(model, progress)
        self._changed()

    def _say(self, words: str, can: str) -> None:
        self.pull = {"words": words, "share": None, "can": can}
        self._changed()


def detail(model: Model) -> str:
    """What the picker says of a model.

    Examples
    --------
    >>> from argus_lab.chat.wire import Model
    >>> detail(Model("llama3.2:latest", 2_019_393_189, parameters="3.2B", quantization="Q4_K_M"))
    '3.2B · Q4_K_M · 2.0 GB'
    """
    told = [model.parameters, model.quantization, size(model.size) if model.size else ""]
    return " · ".join(brief(part, 40) for part in told if part)


def called(model: str) -> str:
    """A model's name as people say it: the latest goes without its tag.

    Examples
    --------
    >>> called("llama3.2:latest"), called("llama3.2:1b")
    ('llama3.2', 'llama3.2:1b')
    """
    return model.removesuffix(LATEST)


def is_installed(model: str, names: list[str]) -> bool:
    """Whether Ollama has it: a name without a tag means the latest.

    Examples
    --------
    >>> is_installed("llama3.2", ["llama3.2:latest"]), is_installed("llama3.2:1b", ["llama3.2:latest"])
    (True, False)
    """
    return called(model) in {called(name) for name in names}


def pulling(model: str, progress: Progress) -> dict[str, Any]:
    """How far a download is, in words and as a share.

    Examples
    --------
    >>> from argus_lab.chat.wire import Progress
    >>> pulling("llama3.2", Progress("p", 2, "pulling dde5aa3fc5ff", 500_000_000, 2_000_000_000))
    {'words': 'Pulling llama3.2: 500 MB of 2.0 GB', 'share': 0.25, 'can': 'stop'}
    >>> pulling("llama3.2", Progress("p", 3, "verifying sha256 digest"))["words"]
    'Pulling llama3.2: verifying sha256 digest'
    """
    name = brief(model, 80)
    if progress.total and progress.completed is not None:
        words = f"{size(progress.completed)} of {size(progress.total)}"
        share: float | None = progress.completed / progress.total
    else:
        words, share = brief(progress.status, 80), None
    return {"words": f"Pulling {name}: {words}", "share": share, "can": "stop"}
