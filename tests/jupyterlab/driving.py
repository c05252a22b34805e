"""A notebook in a browser, driven as its reader would: cells run, words typed, buttons pressed."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.jupyterlab.lab import Lab
from tests.widgets.chatting import PATIENCE_MS, Chatting

OF_THE_KERNEL = ("Could not restore the debugger state", "Canceled future for create_subshell_request")
"""JupyterLab says these where a kernel is slow to start; they are about no widget."""


class Reader(Chatting):
    """One notebook in one tab, the chat of one of its cells, and what the browser complained about."""

    def __init__(self, browser: Browser, lab: Lab, name: str, *, kind: str = "lab", **options: Any) -> None:
        self.lab, self.name, self.kind, self.cell = lab, name, kind, 0
        self.complaints: list[str] = []
        self.outside: list[str] = []
        self.page: Page = browser.new_page(viewport={"width": 1240, "height": 1000}, **options)
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self._complain(message.text)

    def _complain(self, words: str) -> None:
        if not any(each in words for each in OF_THE_KERNEL):
            self.complaints.append(words)

    def _dialog(self, dialog: Any) -> None:
        if dialog.type != "beforeunload":  # JupyterLab asks whether to leave what is not saved
            self.complaints.append(dialog.message)
        dialog.accept()

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.lab.base, "data:", "blob:")):
            self.outside.append(request.url)

    def open(self) -> Reader:
        """Open the notebook and wait until its kernel is ready."""
        self.page.goto(self.lab.page(self.kind, self.name))
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        return self

    def run(self, cell: int = 0) -> None:
        """Run a cell. A kernel that is not there yet takes no cell, so it is asked until the cell runs."""
        code = self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell)
        prompt = code.locator(".jp-InputPrompt")
        before = prompt.inner_text()
        for _ in range(60):
            self._choose_kernel()
            code.locator(".jp-InputArea-editor").click()
            self.page.keyboard.press("Control+Enter")
            for _ in range(20):
                if prompt.inner_text() != before:
                    return
                self.page.wait_for_timeout(50)
        raise AssertionError("the cell does not run")

    def _choose_kernel(self) -> None:
        """A slow JupyterLab asks which kernel it is, before it knows the kernels there are."""
        dialog = self.page.locator(".jp-Dialog")
        if dialog.count():
            assert "Select Kernel" in dialog.inner_text()
            dialog.locator("button.jp-mod-accept").click()
            dialog.wait_for(state="detached")

    @property
    def code(self) -> Locator:
        """The cell that this is about."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(self.cell)

    @property
    def chat(self) -> Locator:
        """Its live chat."""
        return self.code.locator(".argus-chat:not([hidden])")

    def at(self, cell: int) -> Reader:
        """The same notebook: from here on about this cell, which is run; its chat is waited for."""
        self.cell = cell
        self.run(cell)
        self.area.wait_for()
        return self

    def turn(self, at: int = -1) -> Locator:
        """A turn of the conversation."""
        turns = self.chat.locator(".ac-turn")
        return turns.last if at == -1 else turns.nth(at)

    def answered(self, at: int = -1) -> Locator:
        """The turn, once it is over."""
        expect(self.code.locator(".ac-busy, .ac-live")).to_have_count(0, timeout=PATIENCE_MS)
        return self.turn(at)

    def save(self) -> None:
        """Save the notebook, and wait until it is on disk."""
        place = f"/api/contents/{self.name}"
        # The file alone does not tell: while it is written, it is there and empty.
        with self.page.expect_response(lambda one: one.request.method == "PUT" and place in one.url) as saved:
            self.page.keyboard.press("Control+s")
        assert saved.value.ok

    def restart(self) -> None:
        """Restart the kernel, from the menu."""
        self.page.get_by_role("menuitem", name="Kernel", exact=True).click()
        self.page.locator("[data-command='kernelmenu:restart']").click()
        self.page.locator(".jp-Dialog button.jp-mod-accept").click()

    def paste(self, words: str) -> None:
        """Paste into the chat's box, out of the browser's clipboard."""
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=self.lab.base)
        self.page.evaluate("words => navigator.clipboard.writeText(words)", words)
        self.area.click()
        self.area.press("Control+v")

    def gives_up(self) -> None:
        """Wait until JupyterLab has looked for a widget long enough; it writes that to its console."""
        for _ in range(600):
            if self.complaints:
                break
            self.page.wait_for_timeout(50)
        assert self.complaints
        assert all("widget model not found" in words for words in self.complaints)
        self.complaints.clear()

    def kept(self) -> Locator:
        """The copy that the notebook keeps."""
        return self.code.locator("[class*=al-kept-]")

    def keeps(self, words: str) -> None:
        """Wait until the notebook's copy says this."""
        expect(self.kept()).to_contain_text(words, timeout=PATIENCE_MS)

    def close(self) -> None:
        """Leave."""
        self.page.close()
