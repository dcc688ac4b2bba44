"""Once a night one worker files what was recorded, and deletes if it may; and what the commands say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from ivr.archive.errors import ArchiveError
from ivr.archive.filing import Filed
from ivr.archive.nightly import AGAIN, archive_nightly
from ivr.archive.places import Place
from ivr.cli.main import cli
from ivr.clock import RealClock
from ivr.config import ArchiveSettings, KeepSettings, load_settings
from ivr.database import Database
from ivr.i18n import use_language
from ivr.model import ArchiveAction, AuditEntry, Intention

from .conftest import HandClock, Yard, in_campaign

pytestmark = pytest.mark.integration

A_DAY = timedelta(days=1)


async def test_one_worker_files_once_a_night(yard: Yard, tmp_path: Path) -> None:
    yard.settings = ArchiveSettings(
        file_at="02:15", prune=True, anchors=tmp_path / "kept" / "anchors.txt",
        keep={"marketing": KeepSettings(min_days=0, max_days=5)},
    )  # fmt: skip
    midnight = datetime(2026, 11, 20).astimezone()  # of this machine: that is what settings say
    yard.clock.moment = midnight + timedelta(hours=1)
    campaign = await in_campaign(yard)
    await yard.call(campaign, 3 * A_DAY)

    async def look() -> list[int]:
        """What several workers find at once."""
        looks = [archive_nightly(yard.database, yard.settings, yard.place.recordings) for _ in range(3)]
        return [one.recordings for one in await asyncio.gather(*looks) if one is not None]

    assert await look() == []  # a new database waits for its first night
    assert await look() == []
    yard.clock.moment = midnight + timedelta(hours=2, minutes=16)
    assert await look() == [1]
    assert await look() == []
    yard.clock.moment += A_DAY
    assert await look() == [0]
    yard.clock.moment += 3 * A_DAY  # three nights were missed
    assert await look() == [0]
    assert [entry.action for entry in await yard.entries()] == [ArchiveAction.FILED, ArchiveAction.PRUNED]
    assert yard.settings.anchors is not None
    anchors = yard.settings.anchors.read_text().splitlines()
    assert [line.split()[1] for line in anchors] == ["1", "1", "1"]  # before what the third night deleted


async def test_a_turn_that_a_wrong_clock_took_holds_nobody_up(yard: Yard) -> None:
    right = yard.clock.moment
    yard.clock.moment = right + 400 * A_DAY
    await archive_nightly(yard.database, yard.settings, yard.place.recordings)
    yard.clock.moment = right
    await archive_nightly(yard.database, yard.settings, yard.place.recordings)  # the first night
    yard.clock.moment = right + 2 * A_DAY
    assert await archive_nightly(yard.database, yard.settings, yard.place.recordings) is not None


async def test_a_night_that_breaks_off_is_tried_again_the_same_night(yard: Yard) -> None:
    def look() -> Awaitable[Filed | None]:
        return archive_nightly(yard.database, yard.settings, yard.place.recordings)

    midnight = datetime(2026, 11, 20).astimezone()
    yard.settings = ArchiveSettings(file_at="02:15")
    yard.clock.moment = midnight + timedelta(hours=1)
    await yard.call(await in_campaign(yard), 3 * A_DAY)
    assert await look() is None  # the first night is to come
    yard.clock.moment = midnight + timedelta(hours=2, minutes=16)
    with yard.place.locked(alone=False), pytest.raises(ArchiveError, match="another process is working"):
        await look()  # somebody verifies
    assert await look() is None  # not every minute
    yard.clock.moment += AGAIN
    filed = await look()
    assert filed is not None
    assert filed.recordings == 1
    yard.clock.moment += AGAIN
    assert await look() is None  # done


@pytest.mark.parametrize("off", ["at", "folder"])
async def test_a_worker_that_isnt_to_file_doesnt(yard: Yard, off: str) -> None:
    settings = ArchiveSettings(file_at="") if off == "at" else ArchiveSettings()
    folder = None if off == "folder" else yard.place.recordings
    assert await archive_nightly(yard.database, settings, folder) is None
    audit = select(AuditEntry)
    assert await yard.database.read(lambda session: session.execute(audit).first()) is None


# ---- the commands -------------------------------------------------------------------------------------------


def run(*args: str) -> Result:
    return CliRunner().invoke(cli(), ["archive", *args])


def test_the_commands_say_what_they_did(
    sqlite_url: str, tmp_path: Path, sounds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var" / "recordings").mkdir(parents=True)
    (tmp_path / "ivr.toml").write_text("[archive]\nanchors = 'anchors.txt'\n")
    assert load_settings().archive.keep["success"].max_days is None
    folder = tmp_path / "var" / "recordings"
    call = asyncio.run(_one_call(sqlite_url, folder, sounds))
    db = ("--db", sqlite_url.removeprefix("sqlite:///"))
    use_language("en")
    assert run("anchor", *db).output == "The archive is empty.\n"
    assert "Recordings filed: 1 (0.0 MB); lists of results: 1" in run("run", *db).output
    listed = run("list", "--kind", "success", *db).output
    assert "accepted" in listed
    assert "for" in listed
    assert "filed by cli:" in run("show", call, *db).output
    assert "Everything is as it was." in run("verify", *db).output
    assert "anchors: 1" in run("verify", *db).output
    assert (
        "Hold 1 is placed"
        in run("hold", "--attempt", call, "--why", "a claim", "--until", "2999-01-01", *db).output
    )
    assert "under a hold" in run("show", call, *db).output
    assert "active" in run("holds", *db).output
    assert "Hold 1 has ended." in run("release", "1", "--why", "settled", *db).output
    assert "Files that would be deleted: 0" in run("prune", "--dry-run", *db).output
    assert run("reconcile", *db).exit_code == 0
    assert "write a month such as 2026-11" in run("reconcile", "--month", "November", *db).output
    next(folder.rglob(f"{call}.flac")).unlink()
    verified = run("verify", "--quick", *db)
    assert verified.exit_code == 1
    assert "Not as it was: 1" in verified.output
    compared = run("reconcile", "--csv", "found.csv", *db)
    assert compared.exit_code == 1
    assert "recording without file: 1" in compared.output
    assert (tmp_path / "found.csv").exists()


async def _one_call(url: str, folder: Path, sounds: list[Path]) -> str:
    database = Database(url)
    yard = Yard(database, HandClock(RealClock().now()), Place(folder), sounds)
    campaign = await in_campaign(yard)
    call = await yard.call(campaign, 40 * A_DAY, intention=Intention.SUCCESS)
    await database.close()
    return call
