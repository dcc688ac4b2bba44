"""One call's page: what was asked and answered, and the recording."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, expect

if TYPE_CHECKING:
    from tests.acceptance.admin.conftest import Visit

pytestmark = pytest.mark.acceptance

# How many pixels of each lane are painted beyond its middle line: (above the divide, below it).
LANES = """canvas => {
  const { width, height } = canvas;
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const pixels = copy.getImageData(0, 0, width, height).data;
  const count = (from, to) => {
    let found = 0;
    for (let y = Math.round(from); y < to; y += 1)
      for (let x = 0; x < width; x += 1) if (pixels[(y * width + x) * 4 + 3] > 40) found += 1;
    return found;
  };
  return [count(height * 0.05, height * 0.2), count(height * 0.55, height * 0.7)];
}"""


def lanes(canvas: Locator) -> tuple[int, int]:
    above, below = canvas.evaluate(LANES)
    return above, below


@pytest.fixture
def player(visit: Visit) -> Locator:
    visit.enter(f"/attempts/{visit.site.recorded}")
    player = visit.page.locator(".player")
    expect(player).to_have_attribute("data-shape", "drawn")
    return player


def test_the_course_shows_what_was_asked_and_answered(visit: Visit) -> None:
    visit.enter(f"/attempts/{visit.site.recorded}")
    course = visit.page.locator(".course")
    expect(course.locator("code").first).to_have_text("greet")
    expect(course).to_contain_text("需要我把官方充值方式用短信发给您吗?")
    consent = course.locator("li", has=visit.page.locator("code", has_text="consent"))
    expect(consent.locator(".answer")).to_contain_text("是否同意")
    expect(course.locator(".end")).to_have_text("系统挂机")
    expect(visit.page.get_by_text("sip 200, q850 16 Normal call clearing")).to_be_visible()


def test_the_player_draws_two_lanes(player: Locator) -> None:
    customer, us = lanes(player.locator("canvas"))
    assert customer > 100
    assert us > 2 * customer  # we talk for most of the call
    silent = player.get_by_role("button", name="我方")
    silent.click()
    expect(silent).to_have_attribute("aria-pressed", "true")
    assert lanes(player.locator("canvas"))[1] < us / 2  # a muted lane steps back


def test_the_player_plays_and_seeks_by_click_and_key(visit: Visit, player: Locator) -> None:
    canvas = player.locator("canvas")
    player.get_by_role("button", name="播放").click()
    expect(player).to_have_attribute("data-playing", "true")
    expect(canvas).not_to_have_attribute("aria-valuenow", "0")  # it moves on
    player.get_by_role("button", name="暂停").click()
    expect(player).to_have_attribute("data-playing", "false")
    box = canvas.bounding_box()
    assert box is not None
    canvas.click(position={"x": box["width"] / 2, "y": 20})
    length_s = visit.page.evaluate("document.querySelector('audio').duration")
    at_s = visit.page.evaluate("document.querySelector('audio').currentTime")
    assert at_s == pytest.approx(length_s / 2, abs=0.5)
    canvas.press("ArrowRight")
    assert visit.page.evaluate("document.querySelector('audio').currentTime") == pytest.approx(at_s + 5, abs=0.2)
    canvas.press("Home")
    expect(canvas).to_have_attribute("aria-valuenow", "0")


def test_an_answer_can_be_heard_from_the_course(visit: Visit, player: Locator) -> None:
    visit.page.locator(".answer .link").first.click()
    expect(player.locator("canvas")).to_have_attribute("aria-valuenow", "13")  # three seconds before the answer


def test_the_recording_can_be_taken_away(visit: Visit, player: Locator) -> None:
    with visit.page.expect_download() as download:
        player.get_by_role("link", name="下载录音").click()
    assert download.value.suggested_filename.endswith(".flac")


def test_an_unknown_call_is_a_sentence_with_a_way_on(visit: Visit) -> None:
    visit.expected = re.compile("status of 404")
    visit.enter("/attempts/00000000-0000-4000-8000-000000000000")
    expect(visit.page.get_by_role("alert")).to_contain_text("未找到该内容")
