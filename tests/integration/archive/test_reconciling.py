"""Results and recordings are compared both ways, by month and campaign."""

from __future__ import annotations

import csv
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.archive.errors import ArchiveError
from ivr.archive.reconciling import Line, Span, reconcile, write_differences
from ivr.campaigns.errors import CampaignError
from ivr.model import Intention
from trunk.ports import DialOutcome

from .conftest import Yard, in_campaign

pytestmark = pytest.mark.integration

A_DAY = timedelta(days=1)
SUCCESS: dict[str, Any] = {"intention": Intention.SUCCESS}


async def test_what_agrees_has_no_difference(yard: Yard) -> None:
    campaign = await in_campaign(yard)
    filed = await yard.call(campaign, 30 * A_DAY, **SUCCESS)
    await yard.file()
    await yard.call(campaign, A_DAY)
    nobody = await yard.call(campaign, A_DAY, file=False, outcome=DialOutcome.NO_ANSWER, talk_ms=0)
    shutil.copy(yard.sounds[0], yard.place.recordings / f"{nobody}.early.flac")
    made = await yard.call(campaign, timedelta(minutes=10), file=False)  # its recording is being made
    (yard.place.recordings / f"{made}.wav").write_bytes(b"")
    found = await reconcile(yard.database, yard.place)
    assert found.differences == []
    assert found.early_media == 1
    assert found.lines == [Line("2026-10", "November", 1, 1, 1, 1), Line("2026-11", "November", 1, 1)]
    assert filed in (await yard.rows())


async def test_each_difference_is_named(yard: Yard, tmp_path: Path) -> None:
    campaign = await in_campaign(yard)
    before = await yard.call(campaign, 12 * A_DAY, file=False)  # nothing was recorded yet
    sold = await yard.call(campaign, 11 * A_DAY, file=False, **SUCCESS)  # missed all the same
    await yard.call(campaign, 10 * A_DAY)
    unrecorded = await yard.call(campaign, 9 * A_DAY, file=False)
    lost = await yard.call(campaign, 8 * A_DAY)
    filed = await yard.call(campaign, 7 * A_DAY)
    await yard.file()
    rows = await yard.rows()
    for call in (lost, filed):
        yard.place.path(rows[call].file).unlink()
    other = await yard.call(campaign, 6 * A_DAY)
    strange, twice = yard.place.recordings / "holiday.flac", yard.place.recordings / f"{other}.wav"
    for copy in (strange, twice, yard.place.folder / "2026" / "strange.flac"):
        shutil.copy(yard.sounds[0], copy)
    rehearsal = await in_campaign(yard, name="rehearsal", seed=1)
    await yard.call(rehearsal, A_DAY, file=False, **SUCCESS)

    found = await reconcile(yard.database, yard.place)
    assert [(one.what, one.attempt_id or one.file) for one in found.differences] == [
        ("success_without_recording", sold),
        ("call_without_recording", unrecorded),
        ("recording_without_file", lost),
        ("recording_without_file", filed),
        ("file_without_call", f"{other}.wav"),
        ("file_without_call", "holiday.flac"),
        ("file_without_call", "archive/2026/strange.flac"),
    ]
    assert before not in str(found.differences)
    assert found.lines == [Line("2026-11", "November", answered=7, recorded=4, successes=1)]

    target = tmp_path / "differences.csv"
    assert write_differences(found, target, "en") == len(found.differences)
    with target.open(encoding="utf-8-sig", newline="") as file:
        written = list(csv.DictReader(file))
    assert written[0] == {
        "Difference": "success without recording", "Month": "2026-11", "Campaign": "November", "Call": sold,
        "File": "", "What it is": "its result is a success, and there is no recording",
    }  # fmt: skip


async def test_one_month_or_one_campaign(yard: Yard) -> None:
    november, december = await in_campaign(yard), await in_campaign(yard, name="December")
    # The last minute of October in Shanghai is November's nowhere else.
    last = yard.clock.moment - yard.clock.moment.replace(month=10, day=31, hour=15, minute=59)
    first = last - timedelta(minutes=2)
    calls = [
        await yard.call(one, ago, file=False, **SUCCESS) for one in (november, december) for ago in (last, first)
    ]

    async def missed(span: Span) -> list[str]:
        return [one.attempt_id for one in (await reconcile(yard.database, yard.place, span)).differences]

    assert await missed(Span("2026-10")) == [calls[0], calls[2]]
    assert await missed(Span("2026-11", "December")) == [calls[3]]
    assert await missed(Span("2026-09")) == []
    with pytest.raises(CampaignError, match="no campaign Easter"):
        await missed(Span(campaign="Easter"))


async def test_nothing_is_compared_while_files_move(yard: Yard) -> None:
    with yard.place.locked(alone=True), pytest.raises(ArchiveError, match="another process is working"):
        await reconcile(yard.database, yard.place)
