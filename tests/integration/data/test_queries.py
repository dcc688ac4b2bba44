"""What pages read: the same campaign that the results are counted from, and the same figures."""

from __future__ import annotations

import pytest

from ivr import queries
from ivr.database import Database
from ivr.model import AttemptState, CampaignState, Intention
from ivr.report.build import build_results
from ivr.views import AttemptFilter, AttemptRow
from trunk.ports import DialOutcome

pytestmark = pytest.mark.integration


async def found(db: Database, campaign_id: int, wanted: AttemptFilter | None = None) -> list[str]:
    rows, total = await queries.attempts(db, campaign_id, wanted or AttemptFilter(), 50, 0)
    assert total == len(rows)
    return [row.id for row in rows]


async def test_the_counters_agree_with_the_results(db: Database, campaign_id: int) -> None:
    view = await queries.campaign(db, campaign_id)
    summary = (await build_results(db, campaign_id)).summary
    assert view is not None
    counts = view.counts
    assert (view.name, view.state, view.flow, view.flow_version) == (
        summary.campaign, CampaignState.RUNNING, summary.flow, 1
    )  # fmt: skip
    assert (counts.contacts, counts.attempts, counts.connected, counts.talk_s, counts.opted_out) == (
        summary.contacts, summary.attempts, summary.connected, summary.talk_s, summary.opted_out
    )  # fmt: skip
    assert {outcome.value: count for outcome, count in counts.outcomes.items()} == summary.outcomes
    assert counts.live == 1
    assert round(counts.reached / counts.dialled, 3) == summary.contact_rate
    assert (await queries.list_campaigns(db, 10)) == (view,)
    assert await queries.campaign(db, 99) is None


async def test_live_calls_are_those_without_an_end(db: Database, campaign_id: int) -> None:
    for wanted in (campaign_id, None):
        live = await queries.live_calls(db, wanted, 10)
        assert [(call.attempt_id, call.state, call.campaign) for call in live.calls] == [
            ("e", AttemptState.DIALING, "November")
        ]
        assert live.total == 1
    assert (await queries.live_calls(db, 99, 10)).total == 0


async def test_attempts_newest_first_page_by_page(db: Database, campaign_id: int) -> None:
    pages: list[AttemptRow] = []
    for offset in (0, 2, 4):
        rows, total = await queries.attempts(db, campaign_id, AttemptFilter(), 2, offset)
        assert total == 5
        assert len(rows) <= 2
        pages.extend(rows)
    assert [row.id for row in pages] == ["e", "c", "d", "b", "a"]
    assert dict(pages[1].answers) == {"consent": "yes", "rating": "5"}  # the last answer counts
    assert [row.has_recording for row in pages] == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (AttemptFilter(outcome=DialOutcome.BUSY), ["a"]),
        (AttemptFilter(intention=Intention.SUCCESS), ["c"]),
        (AttemptFilter(text="13800000003"), ["d"]),
        (AttemptFilter(text="opted"), ["b"]),
        (AttemptFilter(text="HYPERLINK"), ["c"]),
        (AttemptFilter(text="%"), []),  # a wildcard is a character like any other
        (AttemptFilter(text="0003", whole_numbers=False), ["d"]),
        (AttemptFilter(text="00003", whole_numbers=False), []),  # or numbers could be guessed digit by digit
        (AttemptFilter(text="1380000", whole_numbers=False), []),
    ],
)
async def test_filters(db: Database, campaign_id: int, wanted: AttemptFilter, ids: list[str]) -> None:
    assert await found(db, campaign_id, wanted) == ids


async def test_one_attempt_with_everything_on_it(db: Database, campaign_id: int) -> None:
    view = await queries.attempt(db, "c")
    assert view is not None
    assert (view.campaign, view.number, view.talk_s, view.path) == ("November", 2, 40.0, ("greet", "consent"))
    assert [(answer.number, answer.name, answer.value, answer.pending) for answer in view.answers] == [
        (1, "consent", "no", False),
        (2, "rating", "5", False),
        (3, "consent", "yes", True),
    ]
    assert view.recording is not None
    assert await queries.recording(db, view.recording.id) == view.recording
    assert await queries.attempt(db, "nowhere") is None
    assert await queries.recording(db, 99) is None
