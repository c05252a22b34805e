"""The webview of a notebook in VS Code: its page, served beside a Jupyter server, and its reader."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.jupyterlab.lab import TOKEN, Lab
from tests.widgets.chatting import PATIENCE_MS, Chatting

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
JUPYTER = Path(sys.prefix) / "share" / "jupyter"
"""Where Python packages put their ``nbextensions``, and VS Code looks for them."""
SERVED = f"--ServerApp.extra_static_paths={[str(HERE), str(JUPYTER)]}"
"""An option of the Jupyter server, by which the page and its scripts are at its own address."""

FONT = {"font-family": "system-ui, sans-serif", "font-size": "13px", "editor-font-family": "monospace"}
THEMES = {
    "vscode-light": {
        "editor-background": "#ffffff",
        "editor-foreground": "#3b3b3b",
        "foreground": "#3b3b3b",
        "descriptionForeground": "#3b3b3b",
        "focusBorder": "#005fb8",
        "textLink-foreground": "#005fb8",
        "textPreformat-foreground": "#3b3b3b",
        "textPreformat-background": "rgba(0, 0, 0, 0.12)",
        "textBlockQuote-background": "#f8f8f8",
        "textBlockQuote-border": "#e5e5e5",
        "notebook-editorBackground": "#ffffff",
    },
    "vscode-dark": {
        "editor-background": "#1f1f1f",
        "editor-foreground": "#cccccc",
        "foreground": "#cccccc",
        "descriptionForeground": "#9d9d9d",
        "focusBorder": "#0078d4",
        "textLink-foreground": "#4daafc",
        "textPreformat-foreground": "#d0d0d0",
        "textPreformat-background": "#3c3c3c",
        "textBlockQuote-background": "#2b2b2b",
        "textBlockQuote-border": "#616161",
        "notebook-editorBackground": "#1f1f1f",
    },
    "vscode-high-contrast": {
        "editor-background": "#000000",
        "editor-foreground": "#ffffff",
        "foreground": "#ffffff",
        "descriptionForeground": "#ffffff",
        "focusBorder": "#f38518",
        "textLink-foreground": "#21a6ff",
        "textPreformat-foreground": "#000000",
        "textPreformat-background": "#ffffff",
        "textBlockQuote-border": "#ffffff",
        "notebook-editorBackground": "#000000",
    },
    "vscode-high-contrast-light": {
        "editor-background": "#ffffff",
        "editor-foreground": "#292929",
        "foreground": "#292929",
        "descriptionForeground": "#292929",
        "focusBorder": "#006bbd",
        "textLink-foreground": "#0f4a85",
        "textPreformat-foreground": "#ffffff",
        "textPreformat-background": "#09345f",
        "textBlockQuote-background": "#f2f2f2",
        "textBlockQuote-border": "#292929",
        "notebook-editorBackground": "#ffffff",
    },
}
"""Of VS Code's own themes, those of its variables that our pages, or its rules for plain elements, read."""


class Webview(Chatting):
    """The outputs of one cell, and what the browser complained about."""

    def __init__(self, browser: Browser, lab: Lab) -> None:
        self.lab = lab
        self.complaints: list[str] = []
        self.page: Page = browser.new_page(viewport={"width": 1100, "height": 900})
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda asked: self._asked(asked.url))
        self.page.goto(f"{lab.base}/static/webview.html")
        self.page.wait_for_function("window.webview")
        self.wear("vscode-light")

    def _asked(self, address: str) -> None:
        if not address.startswith((self.lab.base, "data:", "blob:")):
            self.complaints.append(f"asked for {address}")

    def wear(self, theme: str) -> None:
        """Put on a theme as VS Code does: a class and an attribute of the body, variables of the page."""
        told = FONT | THEMES[theme]
        style = "; ".join(f"--vscode-{name}: {value}" for name, value in told.items())
        # An older name stays beside that of the light theme of high contrast.
        classes = f"{theme} vscode-high-contrast" if theme == "vscode-high-contrast-light" else theme
        self.page.evaluate(
            "([kind, classes, style]) => { document.documentElement.style.cssText = style;"
            " document.body.className = classes; document.body.dataset.vscodeThemeKind = kind }",
            [theme, classes, style],
        )

    def connect(self) -> Webview:
        """Start a kernel."""
        self.page.evaluate("told => webview.connect(...told)", [TOKEN, ["anywidget"]])
        return self

    def restart(self) -> None:
        """Restart it."""
        self.page.evaluate("webview.restart()")

    def run(self, code: str) -> Webview:
        """Run the cell, and wait for its chat."""
        assert self.page.evaluate("code => webview.run(code)", code) == "ok"
        self.area.wait_for()
        return self

    def open(self, outputs: list[dict[str, Any]]) -> Webview:
        """Show a saved cell, with no kernel."""
        self.page.evaluate("outputs => webview.open(outputs)", outputs)
        return self

    def saved(self) -> list[dict[str, Any]]:
        """The outputs, as VS Code would save them."""
        return list(self.page.evaluate("webview.outputs"))

    @property
    def chat(self) -> Locator:
        """The live chat."""
        return self.page.locator(".argus-chat:not([hidden])")

    @property
    def kept(self) -> Locator:
        """The copy that the notebook keeps."""
        return self.page.locator("[class*=al-kept-]")

    def answered(self) -> Locator:
        """The last turn, once it is over."""
        expect(self.page.locator(".ac-busy, .ac-live")).to_have_count(0, timeout=PATIENCE_MS)
        return self.chat.locator(".ac-turn").last

    def close(self) -> None:
        """Shut the kernel down, and leave."""
        self.page.evaluate("webview.close()")
        self.page.close()
