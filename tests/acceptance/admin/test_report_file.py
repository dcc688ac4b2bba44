"""report.html as somebody opens it who was sent it: from disk, without any server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, expect

if TYPE_CHECKING:
    from tests.acceptance.admin.conftest import Site

pytestmark = pytest.mark.acceptance


def test_the_report_opens_from_disk_in_both_languages(browser: Browser, site: Site, tmp_path: Path) -> None:
    cookie = site.cookie("boss")
    asked = Request(
        f"{site.address}/api/campaigns/{site.running}/report.html",
        headers={"Cookie": f"{cookie['name']}={cookie['value']}"},
    )
    file = tmp_path / "report.html"
    with urlopen(asked) as answer:
        file.write_bytes(answer.read())
    page = browser.new_page(offline=True, reduced_motion="reduce")
    problems: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text("十一月余额提醒(城区)")
    assert page.locator(".rep-chart canvas").count() >= 8
    expect(page.locator(".rep-table tbody tr:not(.rep-details)")).to_have_count(50)
    page.get_by_label("呼叫结果").select_option("busy")
    expect(page.locator(".rep-table tbody tr:not(.rep-details)").first).to_contain_text("用户忙")
    page.get_by_role("button", name="展开详情").first.click()
    expect(page.locator(".rep-details").first).to_contain_text("sip 486, q850 17 User busy")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Network outcomes")).to_be_visible()
    assert problems == []
    assert requests == [file.as_uri()]
    page.close()
