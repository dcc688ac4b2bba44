"""`ivr doctor` says which machine's recordings aren't where this one looks for them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from ivr.config import DatabaseSettings, PathSettings, Settings
from ivr.doctor import Finding, examine

from .conftest import Yard

pytestmark = pytest.mark.integration


async def recordings(
    yard: Yard, database_url: str, var: Path | None = None, named: Path | None = None
) -> list[Finding]:
    paths = PathSettings(var=var or yard.place.recordings.parent)
    settings = Settings(paths=paths, database=DatabaseSettings(url=database_url))
    assert var is not None or settings.recordings_dir == yard.place.recordings
    found = await asyncio.to_thread(lambda: list(examine(settings, named)))
    return [one for one in found if one.what == "recordings"]


async def test_recordings_of_another_machine_that_arent_here_are_named(yard: Yard, database_url: str) -> None:
    assert await recordings(yard, database_url) == []  # none yet
    campaign = await yard.campaign()
    for _ in range(2):
        await yard.call(campaign, timedelta(hours=1), worker="here-1-ab")
    (found,) = await recordings(yard, database_url)
    assert (found.ok, found.detail) == (True, f"{yard.place.recordings}: the newest 2 are there")
    call = await yard.call(campaign, timedelta(hours=1), worker="call-box-2-77-cd")
    await asyncio.to_thread((yard.place.recordings / f"{call}.flac").unlink)
    (found,) = await recordings(yard, database_url)
    assert (found.ok, found.required) == (False, False)
    assert found.detail.endswith("1 of the newest 3 aren't there; made by call-box-2")
    assert "docs/scaling.md" in found.mend


async def test_recordings_that_a_worker_makes_elsewhere_are_looked_for_there(
    yard: Yard, database_url: str, tmp_path: Path
) -> None:
    await yard.call(await yard.campaign(), timedelta(hours=1), worker="here-1-ab")
    (found,) = await recordings(yard, database_url, tmp_path / "other")
    assert not found.ok
    assert "ivr doctor --recordings DIR" in found.mend
    (found,) = await recordings(yard, database_url, tmp_path / "other", yard.place.recordings)
    assert found.ok
