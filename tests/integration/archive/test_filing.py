"""Recordings are filed whole or not at all, whenever the process ends; months' results too."""

from __future__ import annotations

import csv
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from admin.handlers.recordings import inside
from ivr.archive.errors import ArchiveError
from ivr.archive.places import Place, sha256_of
from ivr.dialer.recordings import _write_row
from ivr.dialer.store import RecordingFacts
from ivr.model import ArchiveEntry, Campaign, Intention, ProjectType, Recording, RecordingKind
from ivr.report.build import build_results

from .conftest import NOW, Yard, in_campaign

pytestmark = pytest.mark.integration

AN_HOUR, A_DAY = timedelta(hours=2), timedelta(days=1)


class Crash(BaseException):
    """The process is gone: nothing of it runs any more."""


async def test_a_recording_is_filed_by_year_month_and_project(yard: Yard) -> None:
    campaign = await in_campaign(yard, name="十一月/套餐 推荐", project_type=ProjectType.TELEMARKETING)
    # Half past midnight on the first, in Shanghai: the campaign's own month counts, not UTC's.
    call = await yard.call(campaign, NOW - NOW.replace(month=10, day=31, hour=16, minute=30))
    filed = await yard.file()
    assert (filed.recordings, filed.findings, filed.results) == (1, [], 0)
    file = f"archive/2026/11/telemarketing/{campaign}-十一月-套餐-推荐/{call}.flac"
    row, (entry,) = (await yard.rows())[call], await yard.entries()
    assert row.file == entry.file == file
    assert entry.file_sha256 == row.sha256 == sha256_of(yard.place.path(file))
    assert entry.bytes == yard.place.path(file).stat().st_size
    assert not (yard.place.recordings / f"{call}.flac").exists()
    assert await yard.findings() == []
    assert (await yard.file()).recordings == 0  # it stays what it is


async def test_reports_and_listening_pages_find_it(yard: Yard) -> None:
    campaign = await in_campaign(yard)
    call = await yard.call(campaign, A_DAY)
    await yard.file()
    results = await build_results(yard.database, campaign)
    (attempt,) = results.attempts
    assert attempt.recording is not None
    assert attempt.attempt_id == call
    assert inside(yard.place.recordings, attempt.recording) == yard.place.path(attempt.recording).resolve()


async def test_what_isnt_due_or_isnt_real_stays(yard: Yard) -> None:
    real, rehearsal = await in_campaign(yard), await in_campaign(yard, name="rehearsal", seed=7)
    await yard.call(real, timedelta(minutes=30))
    await yard.call(rehearsal, A_DAY)
    assert (await yard.file()).recordings == 0
    yard.clock.moment += AN_HOUR
    assert (await yard.file()).recordings == 1


async def test_a_changed_and_a_missing_recording_are_named_and_not_filed(yard: Yard) -> None:
    campaign = await in_campaign(yard)
    changed, missing, good = [await yard.call(campaign, A_DAY) for _ in range(3)]
    (yard.place.recordings / f"{changed}.flac").write_bytes(b"another call")
    (yard.place.recordings / f"{missing}.flac").unlink()
    filed = await yard.file()
    assert [str(one) for one in filed.findings] == [
        f"call {changed}: {changed}.flac was changed after it was recorded; it isn't filed",
        f"call {missing}: its recording {missing}.flac isn't in {yard.place.recordings}",
    ]
    assert filed.recordings == 1
    assert [entry.attempt_id for entry in await yard.entries()] == [good]
    assert (yard.place.recordings / f"{changed}.flac").exists()


async def test_a_crash_at_any_step_loses_nothing(yard: Yard) -> None:
    """Each time a call of another month, so that a list of results is filed too; the next run finishes."""
    campaign = await in_campaign(yard)
    step, seen = 0, set[str]()
    while True:
        call = await yard.call(campaign, timedelta(days=32 * (step + 1)))
        steps = 0

        def told(what: str, stop: int = step) -> None:
            nonlocal steps
            seen.add(what)
            if steps == stop:
                raise Crash
            steps += 1

        try:
            await yard.file(told)
            break  # there is no such step any more
        except Crash:
            pass
        row = (await yard.rows())[call]
        assert sha256_of(yard.place.path(row.file)) == row.sha256  # where the row says, at every moment
        again = await yard.file()
        assert again.findings == []
        filed = [entry for entry in await yard.entries() if entry.attempt_id == call]
        assert [entry.kind for entry in filed] == [RecordingKind.MARKETING]
        assert list(yard.place.recordings.glob("*.flac")) == []
        assert list((yard.place.folder / ".parts").iterdir()) == []
        step += 1
    assert seen == {
        "half copied", "copied", "named", "entered", "taken away", "list written", "list named", "list entered",
    }  # fmt: skip
    assert step == len(seen)
    assert await yard.findings() == []
    lists = [entry for entry in await yard.entries() if entry.kind is RecordingKind.RESULTS]
    assert len(lists) == step + 1


async def test_a_power_cut_that_undoes_the_row_loses_nothing(yard: Yard) -> None:
    """SQLite may lose its last commits then, and not the deletion that followed."""
    call = await yard.call(await in_campaign(yard), A_DAY)
    await yard.file()

    def undone(session: Session) -> None:
        session.execute(delete(ArchiveEntry))
        session.execute(update(Recording).values(file=f"{call}.flac"))

    await yard.database.run(undone)
    filed = await yard.file()
    assert (filed.recordings, filed.findings) == (1, [])
    assert await yard.findings() == []


async def test_a_recording_that_is_made_again_after_it_was_filed_changes_nothing(yard: Yard) -> None:
    call = await yard.call(await in_campaign(yard), A_DAY)
    await yard.file()
    facts = RecordingFacts(f"{call}.flac", "0" * 64, 1.0)
    await yard.database.run(lambda session: _write_row(session, call, facts, yard.database.clock.now()))
    assert await yard.findings() == []


async def test_a_months_results_are_filed_when_it_is_over(yard: Yard) -> None:
    campaign = await in_campaign(yard)
    success = await yard.call(campaign, timedelta(days=30), intention=Intention.SUCCESS, disposition="accepted")
    await yard.call(campaign, timedelta(days=30, minutes=1), file=False)
    await yard.call(campaign, A_DAY)
    assert (await yard.file()).results == 1
    entry = next(entry for entry in await yard.entries() if entry.kind is RecordingKind.RESULTS)
    assert entry.file == f"archive/2026/10/marketing/{campaign}-November/results-{campaign}-2026-10.csv"
    with yard.place.path(entry.file).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Recording"] != "" for row in rows] == [False, True]
    recording = (await yard.rows())[success]
    assert (rows[1]["Recording"], rows[1]["Recording's SHA-256"]) == (recording.file, recording.sha256)
    assert rows[1]["Result"] == "accepted"
    assert (await yard.file()).results == 0
    yard.clock.moment = NOW.replace(month=12, day=1)
    assert (await yard.file()).results == 1  # November's
    assert await yard.findings() == []


async def test_a_months_list_stays_when_the_campaign_moves(yard: Yard) -> None:
    campaign = await in_campaign(yard)
    await yard.call(campaign, timedelta(days=30))
    assert (await yard.file()).results == 1
    for changed in ({"timezone": "UTC"}, {"name": "December"}):
        await _change(yard, changed)
        await yard.call(campaign, timedelta(days=31))
        assert (await yard.file()).results == 0
    assert len(list(yard.place.folder.rglob("results-*.csv"))) == 1
    assert await yard.findings() == []
    # October's list ended at midnight in Shanghai: November's goes on there, not at midnight in London.
    between = await yard.call(campaign, NOW - NOW.replace(month=10, day=31, hour=17))
    later = await yard.call(campaign, A_DAY)
    yard.clock.moment = NOW.replace(month=12, day=2)
    assert (await yard.file()).results == 1
    (november,) = yard.place.folder.rglob("results-*-2026-11.csv")
    with november.open(encoding="utf-8-sig", newline="") as file:
        assert [row["Attempt"] for row in csv.DictReader(file)] == [between, later]


async def _change(yard: Yard, values: dict[str, str]) -> None:
    await yard.database.run(lambda session: session.execute(update(Campaign).values(values)))


async def test_what_is_entered_is_never_replaced(yard: Yard) -> None:
    call = await yard.call(await in_campaign(yard), A_DAY)
    await yard.file()
    (entry,) = await yard.entries()
    assert entry.file is not None
    other = yard.sounds[(yard.calls + 1) % len(yard.sounds)]
    shutil.copy(other, yard.place.recordings / f"{call}.flac")
    values = {"file": f"{call}.flac", "sha256": sha256_of(other)}
    await yard.database.run(lambda session: session.execute(update(Recording).values(values)))
    filed = await yard.file()
    assert [str(one) for one in filed.findings] == [f"{entry.file} was filed before and isn't replaced"]
    assert sha256_of(yard.place.path(entry.file)) == entry.file_sha256
    assert (yard.place.recordings / f"{call}.flac").exists()


async def test_two_at_a_time_are_refused(yard: Yard) -> None:
    with yard.place.locked(alone=False), pytest.raises(ArchiveError, match="another process is working"):
        await yard.file()


async def test_a_directory_that_isnt_there_is_said(yard: Yard, tmp_path: Path) -> None:
    yard.place = Place(tmp_path / "nowhere")
    with pytest.raises(ArchiveError, match=r"there is no directory of recordings .*nowhere"):
        await yard.file()
