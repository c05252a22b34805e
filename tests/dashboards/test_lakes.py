"""A visitor chooses among the lakes that the settings name, and among no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from argus_lab.testing import make_span
from tests.dashboards.conftest import PATIENCE, Server
from tests.lake_read.lakes import write

expect.set_options(timeout=PATIENCE * 1000)


def test_a_lake_is_chosen_in_the_head(pages: Callable[..., Server], tab: Callable[..., Page], tmp_path: Path):
    """The other lake's sessions are shown; its place is in the address, and in the links to other pages."""
    here, there, secret = (str(tmp_path / name) for name in ("here", "there", "secret"))
    for lake, session in ((here, "in-here"), (there, "in-there"), (secret, "in-secret")):
        write(lake, [make_span(1, session_id=session)])
    server = pages(here, ARGUS_DASHBOARD_LAKES=there)
    page = tab(f"{server.url}/sessions")
    expect(page.locator("tbody tr")).to_have_attribute("data-id", "in-here")
    choice = page.get_by_label("Lake")
    expect(choice.locator("option")).to_have_text([here, there])
    choice.select_option(label=there)
    expect(page.locator("tbody tr")).to_have_attribute("data-id", "in-there")
    expect(page.get_by_label("Lake").locator("option:checked")).to_have_text(there)
    page.get_by_role("link", name="Latency").click()
    page.wait_for_url("**/latency?lake=*")
    expect(page.get_by_label("Lake").locator("option:checked")).to_have_text(there)
    page.goto(f"{server.url}/sessions?lake={secret}")  # an address may come from anybody
    expect(page.locator("tbody tr")).to_have_attribute("data-id", "in-here")
    expect(page.get_by_label("Lake").locator("option:checked")).to_have_text(here)
