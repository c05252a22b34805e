"""The cell's browser side in Chromium without Jupyter: what a kernel would send is sent from here."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Page

from argus_lab.chat.transcript import Transcript
from argus_lab.widgets.drawn import Drawn
from argus_lab.widgets.knobs import rows
from argus_lab.widgets.model import ChatWidget

ESM, CSS = str(ChatWidget._esm), str(ChatWidget._css)  # noqa: SLF001  anywidget's names

_MODEL = """
window.sent = []; window.heard = []; window.parts = [];
window.model = {
  send: (what) => sent.push(what), get: () => undefined, off: () => {},
  on: (name, callback) => (name === "msg:custom" ? heard : parts).push(callback),
};
window.el = document.querySelector("main");
window.ends = chat.render({ model, el });
window.receive = (message) => heard.forEach((each) => each(message));
window.drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
"""


class Tab:
    """A page with a chat cell in it."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.page: Page = browser.new_page(viewport={"width": 900, "height": 800}, **options)
        self.problems: list[str] = []
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.problems.append(request.url))
        self.page.on("dialog", lambda dialog: (self.problems.append(dialog.message), dialog.dismiss()))
        style = f"<style>{CSS}</style>"
        self.page.set_content(f"<!doctype html><meta charset=utf-8>{style}<main></main>")
        code = ESM.replace("export default", "window.chat =")
        self.page.add_script_tag(type="module", content=code)
        self.page.wait_for_function("window.chat")
        self.page.evaluate(_MODEL)
        self.number = 0
        self.drawn = Drawn(self._receive, "abc")

    def _receive(self, message: dict[str, Any]) -> None:
        self.number = message["number"]
        self.page.evaluate("message => { receive(message); return drawn(); }", message)

    def show(self, transcript: Transcript, **state: Any) -> None:
        """Draw all of a conversation."""
        self.drawn.everything(transcript, STATE | state)

    def change(self, transcript: Transcript, **state: Any) -> None:
        """Draw what is new."""
        self.drawn.changes(transcript, STATE | {"busy": transcript.is_running} | state)

    def sent(self) -> list[dict[str, Any]]:
        """What the cell told the kernel."""
        return list(self.page.evaluate("sent"))


STATE: dict[str, Any] = {
    "busy": False,
    "model": "llama3.2",
    "models": [{"name": "llama3.2", "detail": "3.2B · Q4_K_M"}, {"name": "qwen3", "detail": ""}],
    "status": "",
    "pull": None,
    "rows": rows(),
    "values": {},
    "most_image_chars": 1_000_000,
    "copies": 0,
}


def hard_to_read(page: Page, root: str = ".argus-chat") -> list[Any]:
    """Texts in this element with a contrast of less than 4.5 to 1 with what is behind them."""
    return list(page.evaluate(_CONTRAST, root))


_CONTRAST = """(root) => {
  const curve = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const channel = (value) => curve(value / 255);
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (each) => {
    for (; each; each = each.parentElement) {
      const found = parts(getComputedStyle(each).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.querySelector(root), NodeFilter.SHOW_TEXT);
  const poor = [];
  let seen = 0;
  while (texts.nextNode()) {
    const holder = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || ["STYLE", "OPTION"].includes(holder.tagName)) continue;
    seen += 1;
    const [one, two] = [light(parts(getComputedStyle(holder).color)), light(ground(holder))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) poor.push([texts.currentNode.data, ratio]);
  }
  return seen ? poor : ["nothing to read"];
}"""
