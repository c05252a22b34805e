"""A chat in a page, whatever page it is: words typed and sent, buttons pressed."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

PATIENCE_MS = 60_000


class Chatting:
    """Who uses the live chat of a cell; a kind of page says where that is."""

    @property
    def chat(self) -> Locator:
        """The live chat."""
        raise NotImplementedError

    @property
    def area(self) -> Locator:
        """Where one writes."""
        return self.chat.get_by_label("Message", exact=True)

    def say(self, words: str) -> None:
        """Type and send; a turn begins."""
        turns = self.chat.locator(".ac-turn").count()
        self.area.click()
        self.area.press_sequentially(words)
        self.area.press("Enter")
        expect(self.chat.locator(".ac-turn")).to_have_count(turns + 1, timeout=PATIENCE_MS)

    def press(self, name: str, within: Locator | None = None) -> None:
        """Press a button."""
        (within or self.chat).get_by_role("button", name=name, exact=True).click()
