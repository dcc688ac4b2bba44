"""Signing in and out, in both languages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.acceptance.admin.conftest import Visit

pytestmark = pytest.mark.acceptance


def test_a_wrong_password_is_refused_in_a_sentence_and_a_right_one_shows_the_campaigns(visit: Visit) -> None:
    visit.expected = re.compile("status of 401")
    visit.sign_in(password="not the password")
    expect(visit.page.get_by_role("alert")).to_have_text("用户名或密码错误,请核对后重新输入。")
    expect(visit.page.locator("input[name=password]")).to_be_focused()
    visit.page.fill("input[name=password]", visit.password)
    visit.page.keyboard.press("Enter")
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("外呼活动")
    expect(visit.page.get_by_text("系统管理员")).to_be_visible()


def test_signing_out_takes_everything_away(visit: Visit) -> None:
    visit.sign_in()  # a session of its own: others go on using theirs
    visit.page.get_by_role("button", name="退出登录").click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("登录")
    visit.page.reload()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("登录")


def test_an_address_that_needs_signing_in_is_shown_after_it(visit: Visit) -> None:
    visit.sign_in(path=f"/campaigns/{visit.site.running}/attempts")
    expect(visit.page.locator("table.attempts tbody tr")).to_have_count(50)


def test_the_language_can_be_switched_and_is_kept(visit: Visit) -> None:
    visit.enter()
    visit.page.get_by_role("button", name="English").click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Campaigns")
    assert visit.page.evaluate("document.documentElement.lang") == "en"
    visit.page.reload()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Campaigns")
    expect(visit.page.get_by_text("Administrator")).to_be_visible()


def test_colours_can_be_chosen_and_are_kept(visit: Visit) -> None:
    visit.enter()
    button = visit.page.get_by_role("button", name=re.compile("配色"))
    button.click()
    button.click()
    assert visit.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    visit.page.reload()
    assert visit.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
