"""Who sees little, or nothing, can use the pages: contrast of every text, names of everything to press."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.dashboards.conftest import Server

PLACES = {
    "sessions": ("sessions", "tbody tr"),
    "session": ("sessions?session=story-hallucinated-tool&part=result", ".detail .argus-lab"),
    "request": ("sessions?session=story-hallucinated-tool&part=request", ".detail .argus-lab"),
    "raw": ("sessions?session=story-gives-up&part=raw", ".detail .argus-lab"),
    "latency": ("latency", 'section.sheet[data-chart="slowest"] table'),
    "tokens": ("tokens", 'section.sheet[data-chart="expensive"] table'),
    "nothing": ("latency?since=2020-01-01T00:00Z&until=2020-01-02T00:00Z", "text=Nothing matches"),
}

ALL = """
const all = (root) => [...root.querySelectorAll("*")].flatMap((each) =>
  each.shadowRoot ? [each, ...all(each.shadowRoot)] : [each]);
const above = (each) => each.assignedSlot ?? each.parentElement ?? each.getRootNode().host ?? null;
const isSeen = (each) => each.checkVisibility({ opacityProperty: true, visibilityProperty: true })
  && each.getClientRects().length > 0;
"""

DIM = (
    ALL
    + """
const numbers = (colour) => {
  const pen = isSeen.pen ??= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
};
const over = (top, bottom) => [0, 1, 2].map((at) => top[at] * top[3] + bottom[at] * (1 - top[3])).concat(1);
const ground = (each) => {
  const layers = [];
  for (let at = each; at; at = above(at)) {
    layers.push(numbers(getComputedStyle(at).backgroundColor));
    if (layers.at(-1)[3] === 1) break;
  }
  return layers.reverse().reduce((bottom, top) => over(top, bottom), [255, 255, 255, 1]);
};
const light = (colour) => {
  const [red, green, blue] = colour.map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (one, other) => {
  const [less, more] = [light(one), light(other)].sort((a, b) => a - b);
  return (more + 0.05) / (less + 0.05);
};
const found = new Map();
let texts = 0;
for (const each of all(document)) {
  const words = [...each.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("");
  if (!words.trim() || !isSeen(each) || each.closest("[disabled], script, style, option")) continue;
  const style = getComputedStyle(each), size = parseFloat(style.fontSize);
  if (size === 0) continue;
  texts += 1;
  const behind = ground(each), ratio = contrast(over(numbers(style.color), behind), behind);
  const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  if (ratio < (isLarge || each.role === "img" ? 3 : 4.5)) {
    const where = `${each.localName}.${each.className} on ${behind.slice(0, 3).map(Math.round)}`;
    found.set(where, `${where}: ${ratio.toFixed(2)} ${JSON.stringify(words.trim().slice(0, 30))}`);
  }
}
return [texts, [...found.values()]];
"""
)
"""How many texts are seen, and those whose contrast is less than WCAG 2.2 asks for: 4.5 of texts (1.4.3), 3
of large ones and of signs that stand for a picture (1.4.11)."""

NAMELESS = (
    ALL
    + """
const PRESSED = "button, input, select, textarea, a[href], summary, [tabindex='0'],"
  + "[role=button], [role=tab], [role=switch], [role=link], [role=checkbox]";
const text = (each) => [each.textContent, ...all(each).map((inner) => inner.getAttribute("aria-label") ?? "")]
  .join("").trim();
const name = (each) => each.getAttribute("aria-label")?.trim()
  || (each.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean)
    .map((id) => each.getRootNode().getElementById(id)?.textContent ?? "").join(" ").trim()
  || [...(each.labels ?? [])].map(text).join(" ").trim()
  || (each.matches("input, select, textarea") ? "" : text(each))
  || each.getAttribute("title")?.trim()
  || ofFigure(each);
const ofFigure = (canvas) => {
  for (let at = canvas; at; at = above(at)) if (at.matches("[role=img][aria-label]")) return at.ariaLabel;
  return "";
};
const pressed = all(document).filter((each) => each.matches(PRESSED) && isSeen(each));
return [pressed.length, pressed.filter((each) => !name(each)).map((each) => each.outerHTML.slice(0, 200))];
"""
)
"""How many things are there to press or to write in, and those that a screen reader has no name for."""


@pytest.mark.parametrize("name", PLACES)
def test_it_can_be_read(name: str, pages: Callable[..., Server], support: str, tab: Callable[..., Page]):
    """Buttons, fields, links and all that the keyboard reaches have names; texts stand out in both."""
    address, sign = PLACES[name]
    page = tab(f"{pages(support).url}/{address}")
    page.locator(sign).first.wait_for()
    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours)
        page.wait_for_timeout(500)  # what is drawn after it
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == colours
        texts, dim = page.evaluate(f"() => {{ {DIM} }}")
        assert texts > 10
        assert dim == []
    pressed, nameless = page.evaluate(f"() => {{ {NAMELESS} }}")
    assert pressed > 5
    assert nameless == []
