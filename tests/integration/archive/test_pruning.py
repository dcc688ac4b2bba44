"""What is past its time goes and leaves its entry; nothing under its minimum or a hold ever does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from ivr.archive import pruning
from ivr.archive.chain import By
from ivr.archive.errors import ArchiveError
from ivr.archive.holds import HoldRequest, hold, holds, release
from ivr.archive.pruning import Pruned, PruneRequest, prune, would_prune
from ivr.archive.reconciling import reconcile
from ivr.archive.views import Filter, files
from ivr.config import ArchiveSettings, KeepSettings
from ivr.model import (
    ArchiveAction,
    Attempt,
    Complaint,
    Intention,
    ProjectType,
    RecordingKind,
    Segment,
    SegmentKind,
)
from ivr.queries import attempt as attempt_view

from .conftest import ANN, Yard, in_campaign

pytestmark = pytest.mark.integration

A_DAY = timedelta(days=1)
KEPT = ArchiveSettings(
    keep={
        "service": KeepSettings(min_days=30, max_days=60),
        "marketing": KeepSettings(min_days=30, max_days=60),
        "complaint": KeepSettings(min_days=90, max_days=120),
        "success": KeepSettings(min_days=90),
        "results": KeepSettings(min_days=3650),
    }
)


async def pruned(yard: Yard, **request: object) -> Pruned:
    by = By(ANN, yard.clock.moment)
    wanted = PruneRequest(**request)  # type: ignore[arg-type]  # the test's own words
    planned = await would_prune(yard.database, yard.settings, wanted, by)
    found = await prune(yard.database, yard.place, yard.settings, wanted, by)
    assert planned == found  # the dry run says what will be
    return found


async def later(yard: Yard, days: int) -> None:
    yard.clock.moment += days * A_DAY


async def test_what_is_past_its_maximum_goes_and_leaves_its_entry(yard: Yard) -> None:
    yard.settings = KEPT
    campaign = await in_campaign(yard)
    old, young = await yard.call(campaign, 40 * A_DAY), await yard.call(campaign, 10 * A_DAY)
    await yard.file()
    assert (await pruned(yard)).gone == []
    await later(yard, 21)
    found = await pruned(yard)
    (gone,) = found.gone
    assert old in gone.file
    assert not yard.place.path(gone.file).exists()
    *_, entry = await yard.entries()
    assert (entry.action, entry.attempt_id, entry.file) == (ArchiveAction.PRUNED, old, gone.file)
    assert entry.why == "archive.keep.marketing.max_days = 60"
    rows = await yard.rows()
    assert rows[old].removed_at == yard.clock.moment
    assert rows[young].removed_at is None
    view = await attempt_view(yard.database, old)
    assert view is not None
    assert view.recording is None  # no page offers what isn't there
    assert await yard.findings() == []
    yard.clock.moment += A_DAY
    compared = await reconcile(yard.database, yard.place)
    assert compared.differences == []
    assert [line.pruned for line in compared.lines] == [1, 0]


async def test_each_kind_has_its_own_time(yard: Yard) -> None:
    marketing = await in_campaign(yard)
    service = await in_campaign(yard, name="Reminder", purpose="service")
    survey = await in_campaign(yard, name="Ask", purpose="care", project_type=ProjectType.QUESTIONNAIRE)
    success: dict[str, Any] = {"intention": Intention.SUCCESS}
    calls = {
        RecordingKind.COMPLAINT: await yard.call(marketing, A_DAY, **success),
        RecordingKind.SUCCESS: await yard.call(marketing, A_DAY, **success, opted_out=True),
        RecordingKind.OPT_OUT: await yard.call(marketing, A_DAY, opted_out=True),
        RecordingKind.TRANSFER: await yard.call(service, A_DAY),
        RecordingKind.MARKETING: await yard.call(marketing, A_DAY),
        RecordingKind.SURVEY: await yard.call(survey, A_DAY),
        RecordingKind.SERVICE: await yard.call(service, A_DAY, **success),
    }

    def happened(session: Session) -> None:
        at = yard.clock.moment
        session.add(
            Complaint(
                phone="+8613800000001", at=at, source="12321", reference="1", purpose="*",
                attempt_id=calls[RecordingKind.COMPLAINT], created_at=at, created_by=ANN,
            )
        )  # fmt: skip
        for number, kind in enumerate((SegmentKind.BOT, SegmentKind.AGENT), start=1):
            segment = Segment(attempt_id=calls[RecordingKind.TRANSFER], number=number, kind=kind, started_at=at)
            session.add(segment)
        session.add(
            Segment(attempt_id=calls[RecordingKind.SERVICE], number=1, kind=SegmentKind.BOT, started_at=at)
        )

    await yard.database.run(happened)
    await yard.file()
    assert {entry.kind: entry.attempt_id for entry in await yard.entries()} == calls


async def test_a_complaint_that_comes_later_keeps_the_recording_longer(yard: Yard) -> None:
    yard.settings = KEPT
    campaign = await in_campaign(yard)
    call = await yard.call(campaign, A_DAY)
    await yard.file()
    await later(yard, 59)
    at = yard.clock.moment
    complaint = Complaint(
        phone="+8613800000001", at=at, source="12321", reference="1", purpose="*", attempt_id=call,
        created_at=at, created_by=ANN,
    )  # fmt: skip
    await yard.database.run(lambda session: session.add(complaint))
    assert (await pruned(yard)).gone == []
    (view,) = await yard.database.read(
        lambda session: files(session, Filter(attempt=call), yard.settings.keep, yard.clock.moment, 10)
    )
    assert (view.kind, view.entry.kind) == (RecordingKind.COMPLAINT, RecordingKind.MARKETING)
    await later(yard, 61)
    assert [one.kind for one in (await pruned(yard)).gone] == [RecordingKind.COMPLAINT]


async def test_a_success_that_was_taken_back_isnt_kept_for_good(yard: Yard) -> None:
    yard.settings = KEPT
    call = await yard.call(await in_campaign(yard), A_DAY, intention=Intention.SUCCESS)
    await yard.file()
    await later(yard, 500)
    assert (await pruned(yard)).gone == []
    taken_back = update(Attempt).where(Attempt.id == call).values(intention=Intention.DECLINED)
    await yard.database.run(lambda session: session.execute(taken_back))
    assert len((await pruned(yard)).gone) == 1


async def test_a_request_goes_early_and_not_below_the_minimum(yard: Yard) -> None:
    yard.settings = KEPT
    campaign = await in_campaign(yard)
    await yard.call(campaign, 40 * A_DAY, phone="+8613811112222")
    await yard.call(campaign, 20 * A_DAY, phone="+8613811112222")
    await yard.call(campaign, 40 * A_DAY)
    await yard.file()
    found = await pruned(yard, phone="13811112222", early=True, why="asked to be forgotten")
    assert (len(found.gone), found.young, found.held) == (1, 1, 0)
    assert (await yard.entries())[-1].why == "asked to be forgotten"
    for request, said in (
        ({"early": True, "why": "x"}, "name whose recordings"),
        ({"early": True, "phone": "13811112222"}, "say with --why"),
    ):
        with pytest.raises(ArchiveError, match=said):
            await pruned(yard, **request)


@pytest.mark.parametrize("on", ["campaign", "phone", "attempt"])
async def test_nothing_under_a_hold_goes(yard: Yard, on: str) -> None:
    yard.settings = ArchiveSettings(keep={"marketing": KeepSettings(min_days=0, max_days=1)})
    yard.settings = yard.settings.model_copy(
        update={"keep": {**yard.settings.keep, "results": KeepSettings(min_days=0, max_days=1)}}
    )
    held, other = await in_campaign(yard), await in_campaign(yard, name="December")
    call = await yard.call(held, 40 * A_DAY, phone="+8613811112222")
    await yard.call(other, 40 * A_DAY)
    await yard.file()
    what = {"campaign": "November", "phone": "138 1111 2222", "attempt": call}[on]
    ends, at = yard.clock.moment + 10 * A_DAY, yard.clock.moment
    request = HoldRequest(why="a claim", until=ends, **{on: what})
    number = await yard.database.run(lambda session: hold(session, request, By(ANN, at)))
    found = await pruned(yard)
    assert (len(found.gone), found.held) == (2, 2)  # the other's recording and list; the held one's stay
    early = await pruned(yard, campaign="November", early=True, why="asked")
    assert (early.gone, early.held) == ([], 2)
    (placed,) = await yard.database.read(holds)
    assert placed.active(at)
    if on == "campaign":  # its day comes
        await later(yard, 11)
        assert not placed.active(yard.clock.moment)
    else:
        await yard.database.run(lambda session: release(session, number, "settled", By(ANN, at)))
        with pytest.raises(ArchiveError, match="released already"):
            await yard.database.run(lambda session: release(session, number, "again", By(ANN, at)))
    assert len((await pruned(yard)).gone) == 2
    assert await yard.findings() == []


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (HoldRequest(why="x"), "name one of them"),
        (HoldRequest(why="x", campaign="November", attempt="y"), "name one of them"),
        (HoldRequest(why=" ", campaign="November"), "needs its reason"),
        (HoldRequest(why="x", attempt="nobody"), "there is no call nobody"),
    ],
)
async def test_a_hold_that_says_too_little_is_refused(yard: Yard, request_: HoldRequest, said: str) -> None:
    with pytest.raises(ArchiveError, match=said):
        await yard.database.run(lambda session: hold(session, request_, By(ANN, yard.clock.moment)))
    assert await yard.entries() == []


async def test_a_crash_between_entry_and_file_is_mended(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.settings = ArchiveSettings(keep={"marketing": KeepSettings(min_days=0, max_days=1)})
    await yard.call(await in_campaign(yard), 2 * A_DAY)
    await yard.file()

    class Crash(BaseException):
        pass

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(pruning, "_delete", lambda place, names: crash() if names else None)
        with pytest.raises(Crash):
            await prune(yard.database, yard.place, yard.settings, PruneRequest(), By(ANN, yard.clock.moment))
    (filed, gone) = await yard.entries()
    assert await yard.findings() == [
        f"{filed.file} of entry 1 was deleted and is there; `ivr archive prune` deletes it again"
    ]
    assert (await pruned(yard)).gone == []
    assert not yard.place.path(str(gone.file)).exists()
    assert await yard.findings() == []
