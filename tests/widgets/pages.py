"""Reading a kept copy back: a page of the vocabulary, within an element that names the copy."""

from __future__ import annotations

import re

from tests.display import pages

NAMES = re.compile(r"al-kept-[a-z0-9]+ al-copy-\d+\Z")


class KeptPage(pages.Page):
    """A kept copy; complains about anything out of the vocabulary."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """The outermost element's classes are the copy's name; all else is as ever."""
        if not self.elements:
            assert tag == "div"
            assert NAMES.match(dict(attrs)["class"] or "")
            self.elements.append((tag, dict(attrs)))
            self.stack.append(tag)
        else:
            super().handle_starttag(tag, attrs)
