"""What is put into a page while its browser still draws what was put there before is shown as well."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.dashboards.conftest import PATIENCE, Server

expect.set_options(timeout=PATIENCE * 1000)
MEANS = """const body = Bokeh.documents[0].roots().find((each) => each.tags.includes("argus-lab"));
const put = (name, ...children) => new body.constructor({ css_classes: [name], children });
let release;
const gate = new Promise((resolve) => { release = resolve; });
const slow = (name) => {
  const made = put(name);
  class Slow extends made.default_view {
    async lazy_initialize() { await super.lazy_initialize(); await gate; }
  }
  Object.defineProperty(made, "default_view", { value: Slow });
  return made;
};
const moment = () => new Promise((resolve) => setTimeout(resolve, 50));
const first = slow("first"), second = put("second"), third = put("third");"""
CHANGES = {
    "a part that is not drawn yet": """const part = put("part", first);
body.children = [part];
await moment();
part.children = [second, third];""",
    "a part of a part": """const inner = put("inner", put("gone")), part = put("part", inner, first);
body.children = [part];
await moment();
inner.children = [second, third];
part.children = [inner];""",
    "one part after the other": """body.children = [first];
await moment();
body.children = [put("part", second, third)];""",
    "there and back": """const part = put("part", slow("second"), third);
body.children = [part];
await moment();
body.children = [first];
await moment();
body.children = [part];""",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_while_a_page_is_drawn_is_shown(
    change: str, pages: Callable[..., Server], support: str, tab: Callable[..., Page]
):
    """Children that change while views are made, one of which takes its time: the last are there, once."""
    page = tab(f"{pages(support).url}/sessions")
    expect(page.locator("tbody tr").first).to_be_visible()
    page.evaluate(f"async () => {{ {MEANS} {CHANGES[change]} await moment(); release(); }}")
    expect(page.locator(".third")).to_have_count(1)
    expect(page.locator(".second")).to_have_count(1)
    expect(page.locator(".part")).to_have_count(1)
    expect(page.locator(".first, .gone")).to_have_count(0)
