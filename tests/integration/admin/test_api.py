"""What the API gives, to whom."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from admin.handlers import ENDPOINTS

if TYPE_CHECKING:
    from tests.integration.admin.conftest import Web

pytestmark = pytest.mark.integration

ATTEMPT = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if not one.public], ids=lambda one: one.route)
async def test_nothing_is_given_to_who_is_not_signed_in(web: Web, endpoint: object) -> None:
    method, route = getattr(endpoint, "method"), getattr(endpoint, "route")  # noqa: B009 - parametrize says object
    path = route.replace("{attempt_id}", ATTEMPT).replace("{campaign_id}", "1").replace("{recording_id}", "1")
    path = path.replace("{campaign}", "1").replace("{source_id}", "T-1")
    answer = await web.client.request(method, path)
    assert answer.status == 401
    expected = "not_signed_in" if getattr(endpoint, "scope") is None else "no_token"  # noqa: B009 - as above
    assert (await answer.json())["code"] == expected


async def test_a_campaign_has_its_figures(signed_in: Web) -> None:
    (found,) = (await (await signed_in.client.get("/api/campaigns")).json())["campaigns"]
    one = await (await signed_in.client.get(f"/api/campaigns/{signed_in.campaign}")).json()
    assert one == found
    assert one["counts"] == {
        "contacts": 1, "done": 1, "live": 0, "attempts": 1, "dialled": 1, "connected": 1, "reached": 1,
        "talk_s": 30.0, "opted_out": 0, "outcomes": {"answered": 1}, "intentions": {"success": 1},
    }  # fmt: skip


async def test_an_attempt_row_shows_the_last_answer_of_each_question(signed_in: Web) -> None:
    page = await (await signed_in.client.get(f"/api/campaigns/{signed_in.campaign}/attempts")).json()
    (row,) = page["attempts"]
    assert row["answers"] == {"consent": "yes", "number": "13912345678"}
    assert row["has_recording"] is True
    assert (page["total"], page["page"], page["per_page"]) == (1, 1, 50)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=1234", 1),
        ("q=%2B86138", 1),
        ("q=需要", 1),
        ("q=consented", 1),
        ("q=%25", 0),
        ("q=_", 0),
        ("outcome=answered&intention=success", 1),
        ("outcome=busy", 0),
        ("page=2", 0),
    ],
)
async def test_attempts_are_found_by_what_people_know(signed_in: Web, query: str, found: int) -> None:
    page = await (await signed_in.client.get(f"/api/campaigns/{signed_in.campaign}/attempts?{query}")).json()
    assert len(page["attempts"]) == found


@pytest.mark.parametrize("query", ["outcome=nonsense", "page=0", "per_page=10000", "page=x", "unknown=1"])
async def test_a_query_that_is_not_described_is_refused_with_its_field(signed_in: Web, query: str) -> None:
    answer = await signed_in.client.get(f"/api/campaigns/{signed_in.campaign}/attempts?{query}")
    assert answer.status == 400
    assert (await answer.json())["details"][0].startswith(query.split("=")[0])


async def test_one_attempt_has_everything(signed_in: Web) -> None:
    one = await (await signed_in.client.get(f"/api/attempts/{ATTEMPT}")).json()
    assert one["phone"] == "+8613800001234"
    assert [answer["value"] for answer in one["answers"]] == ["no", "yes", "13912345678"]
    assert one["recording"]["id"] == signed_in.recording
    assert one["cause"] == "sip 200"


async def test_results_are_the_report(signed_in: Web) -> None:
    results = await (await signed_in.client.get(f"/api/campaigns/{signed_in.campaign}/results")).json()
    assert results["schema"] == 1
    assert results["summary"]["connected"] == 1
    report = await signed_in.client.get(f"/api/campaigns/{signed_in.campaign}/report.html?language=en")
    assert report.headers["Content-Disposition"].startswith("attachment")
    assert "+8613800001234" in await report.text()


async def test_a_viewer_gets_no_whole_number_anywhere(web: Web) -> None:
    web.enter("watcher")
    base = f"/api/campaigns/{web.campaign}"
    for path in (
        f"{base}/attempts",
        f"/api/attempts/{ATTEMPT}",
        f"{base}/results",
        f"{base}/report.html",
        "/api/live",
    ):
        text = await (await web.client.get(path)).text()
        assert "13800001234" not in text, path
        assert "13912345678" not in text, path
    row = (await (await web.client.get(f"{base}/attempts")).json())["attempts"][0]
    assert row["phone"] == "+86138****1234"


@pytest.mark.parametrize(("asked", "found"), [("1234", 1), ("01234", 0), ("138", 0), ("+86138", 0)])
async def test_a_viewer_cannot_find_a_number_out_by_searching(web: Web, asked: str, found: int) -> None:
    web.enter("watcher")
    page = await web.client.get(f"/api/campaigns/{web.campaign}/attempts", params={"q": asked})
    assert (await page.json())["total"] == found


@pytest.mark.parametrize(
    "path",
    ["/api/campaigns/999", "/api/campaigns/x", "/api/attempts/x", "/api/recordings/999", "/api/nothing",
     f"/api/campaigns/{2**70}", "/api/live?campaign_id=999", "/api/live/events?campaign_id=999",
     "/api/campaigns/999/results", "/api/campaigns/999/attempts"],
)  # fmt: skip
async def test_what_is_not_there_is_one_clear_answer(signed_in: Web, path: str) -> None:
    answer = await signed_in.client.get(path)
    assert answer.status == 404
    assert (await answer.json())["code"] == "not_found"


async def test_health_and_description_need_no_sign_in(web: Web) -> None:
    assert (await (await web.client.get("/api/health")).json())["status"] == "ok"
    assert json.loads(await (await web.client.get("/api/openapi.json")).text())["openapi"] == "3.1.0"
