"""Campaigns, their calls and reports, as people meet them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from ivr.model import Attempt, AttemptState, Task, TaskState

if TYPE_CHECKING:
    from tests.acceptance.admin.conftest import Visit

pytestmark = pytest.mark.acceptance

PAINTED = """canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const pixels = copy.getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.some((value) => value !== 0);
}"""


def painted(page: Page, selector: str) -> list[bool]:
    """Has each chart's canvas anything on it?"""
    return [bool(canvas.evaluate(PAINTED)) for canvas in page.locator(f"{selector} canvas").all()]


def test_campaigns_show_their_state_and_progress(visit: Visit) -> None:
    visit.enter()
    row = visit.page.get_by_role("row", name=re.compile("十一月余额提醒"))
    expect(row).to_contain_text("进行中")
    expect(row).to_contain_text("已完成 90 / 120 位客户")
    expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "90")
    expect(visit.page.get_by_role("row", name=re.compile("宽带满意度回访"))).to_contain_text("已完成")


def test_a_call_appears_and_changes_while_the_page_is_open(visit: Visit) -> None:
    visit.enter(f"/campaigns/{visit.site.running}/live")
    expect(visit.page.get_by_text("当前没有呼叫")).to_be_visible()

    def dial(session: Session) -> tuple[str, str]:
        tasks = session.query(Task).filter_by(campaign_id=visit.site.running, state=TaskState.READY)
        attempt = visit.site.world.live(session, tasks.limit(1).one(), None, None)
        return attempt.id, attempt.phone

    attempt_id, phone = visit.site.world.run(dial)
    row = visit.page.locator("table.live tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(f"{phone[3:6]} {phone[6:10]} {phone[10:]}")
    expect(row).to_contain_text("振铃中")

    def talk(session: Session) -> None:
        attempt = session.get_one(Attempt, attempt_id)
        attempt.state, attempt.current_node, attempt.last_heard = AttemptState.TALKING, "consent", "需要"
        attempt.answered_at = attempt.started_at

    visit.site.world.run(talk)
    expect(row).to_contain_text("通话中")
    expect(row).to_contain_text("consent")
    expect(row).to_contain_text("需要")

    def end(session: Session) -> None:
        attempt = session.get_one(Attempt, attempt_id)
        session.get_one(Task, attempt.task_id).state = TaskState.READY
        session.delete(attempt)  # as if it had never been, so that other tests count the same calls

    visit.site.world.run(end)
    expect(visit.page.get_by_text("当前没有呼叫")).to_be_visible()


def test_live_calls_come_back_when_the_connection_broke(visit: Visit) -> None:
    visit.expected = re.compile("ERR_INTERNET_DISCONNECTED|ERR_FAILED|ERR_NETWORK|EventSource|disconnected")
    visit.enter("/live")
    expect(visit.page.locator("[data-line=open]")).to_be_attached()
    visit.page.context.set_offline(True)
    visit.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(visit.page.locator("[data-line=broken]")).to_contain_text("正在重连")
    visit.page.context.set_offline(False)
    expect(visit.page.locator("[data-line=open]")).to_be_attached(timeout=20_000)


def test_the_overview_counts_and_draws(visit: Visit) -> None:
    visit.enter(f"/campaigns/{visit.site.running}")
    tile = visit.page.locator(".tile", has_text="呼叫次数")
    expect(tile).to_contain_text("90")
    expect(visit.page.locator(".chart canvas")).to_have_count(2)
    visit.page.wait_for_timeout(500)  # the charts' own animation
    assert painted(visit.page, ".chart") == [True, True]


def test_attempts_are_paged_and_filtered_and_the_view_has_an_address(visit: Visit) -> None:
    visit.enter(f"/campaigns/{visit.site.running}/attempts")
    page, rows = visit.page, visit.page.locator("table.attempts tbody tr")
    expect(page.locator(".pager")).to_contain_text("第 1–50 条,共 90 条")
    page.get_by_role("button", name="下一页").click()
    expect(rows).to_have_count(40)
    assert "page=2" in page.url
    page.get_by_label("呼叫结果").select_option("busy")
    expect(page.locator(".pager")).to_contain_text("第 1–")
    expect(rows.first).to_contain_text("用户忙")
    assert "outcome=busy" in page.url
    assert "page=" not in page.url
    page.get_by_label("呼叫结果").select_option("")
    page.get_by_label("搜索号码或客户原话").fill("000007")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("0007")
    page.get_by_label("搜索号码或客户原话").fill("没有这样的话")
    expect(page.get_by_text("没有符合条件的呼叫,请清空搜索或更改筛选条件。")).to_be_visible()
    page.reload()
    expect(page.get_by_label("搜索号码或客户原话")).to_have_value("没有这样的话")


def test_the_report_is_drawn_and_can_be_taken_away(visit: Visit) -> None:
    visit.enter(f"/campaigns/{visit.site.running}/report")
    charts = visit.page.locator(".rep-chart canvas")
    expect(charts.first).to_be_attached()
    visit.page.wait_for_timeout(500)  # the charts' own animation
    drawn = painted(visit.page, ".rep-chart")
    assert len(drawn) >= 8
    assert all(drawn)
    expect(visit.page.locator(".rep-tile", has_text="同意率")).to_be_visible()
    with visit.page.expect_download() as download:
        visit.page.get_by_role("link", name="下载单文件报表").click()
    assert download.value.suggested_filename == f"report-{visit.site.running}.html"


def test_a_viewer_sees_masked_numbers_and_finds_them_by_their_end_only(visit: Visit) -> None:
    visit.enter(f"/campaigns/{visit.site.running}/attempts", name="watcher")
    page, rows = visit.page, visit.page.locator("table.attempts tbody tr")
    expect(rows).to_have_count(50)
    shown = rows.locator("td:nth-child(2)").all_inner_texts()
    assert all(re.fullmatch(r"138 \*{4} \d{4}", number) for number in shown), shown
    page.get_by_label("搜索号码或客户原话").fill("0007")
    expect(rows).to_have_count(1)
    page.get_by_label("搜索号码或客户原话").fill("0000007")
    expect(page.get_by_text("没有符合条件的呼叫,请清空搜索或更改筛选条件。")).to_be_visible()


@pytest.mark.parametrize("visit", [{"viewport": {"width": 390, "height": 844}}], indirect=True)
def test_pages_fit_a_phone(visit: Visit) -> None:
    visit.enter()
    for path in ("/", f"/campaigns/{visit.site.running}", f"/campaigns/{visit.site.running}/attempts", "/live"):
        visit.go(path)
        expect(visit.page.locator("main h1")).to_be_visible()
        wide = visit.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
