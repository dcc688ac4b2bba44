"""Whatever is changed, lost, added or moved is named: in files, in entries, in rows, by anchors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from ivr.archive.chain import GENESIS, SAID, Anchor, By, Deed, anchor, append, digest, parse_anchors
from ivr.archive.errors import ArchiveError
from ivr.archive.holds import HoldRequest, hold, release
from ivr.model import ArchiveAction, ArchiveEntry, ArchiveHold, Base, Recording

from .conftest import ANN, NOW, Yard, in_campaign

pytestmark = pytest.mark.integration

CALLS = 5
ENTRY, HOLDS, RECORDING = (Base.metadata.tables[name] for name in ("archive_entry", "archive_hold", "recording"))


@pytest.fixture
async def filled(yard: Yard) -> Yard:
    """Five recordings, entries 1 to 5, then a hold on the first call and one that was released: 6 to 8."""
    campaign = await in_campaign(yard)
    calls = [await yard.call(campaign, timedelta(days=1, minutes=number)) for number in range(CALLS)]
    await yard.file()
    by = By(ANN, NOW)
    for call in calls[:2]:
        request = HoldRequest(why="a claim", attempt=call)
        number = await yard.database.run(partial(hold, request=request, by=by))
    await yard.database.run(lambda session: release(session, number, "settled", by))
    assert await yard.findings() == []
    return yard


def rewritten(session: Session, begin: int = 1) -> None:
    """What somebody does who can write the database and knows how: every hash is right again from there on."""
    previous = session.scalar(select(ArchiveEntry.sha256).where(ArchiveEntry.number == begin - 1)) or GENESIS
    rows = session.execute(select(ENTRY).where(ENTRY.c.number >= begin).order_by(ENTRY.c.number)).mappings().all()
    for row in rows:
        sha256 = digest({**{name: row[name] for name in SAID}, "previous_sha256": previous})
        session.execute(
            update(ENTRY).where(ENTRY.c.number == row["number"]).values(previous_sha256=previous, sha256=sha256)
        )
        previous = sha256


def renumbered(session: Session, numbers: dict[int, int]) -> None:
    for number in numbers:
        session.execute(update(ENTRY).where(ENTRY.c.number == number).values(number=-number))
    for number, new in numbers.items():
        session.execute(update(ENTRY).where(ENTRY.c.number == -number).values(number=new))


# ---- tampering with rows: what is done, what is said --------------------------------------------------------


def entry_changed(session: Session) -> None:
    session.execute(update(ENTRY).where(ENTRY.c.number == 2).values(why="nothing happened"))


def entry_changed_with_its_hash(session: Session) -> None:
    entry_changed(session)
    row = session.execute(select(ENTRY).where(ENTRY.c.number == 2)).mappings().one()
    sha256 = digest({name: row[name] for name in (*SAID, "previous_sha256")})
    session.execute(update(ENTRY).where(ENTRY.c.number == 2).values(sha256=sha256))


def hold_entry_taken_out(session: Session) -> None:
    session.execute(delete(ENTRY).where(ENTRY.c.number == 7))


def entry_taken_out_and_the_gap_closed(session: Session) -> None:
    session.execute(delete(ENTRY).where(ENTRY.c.number == 7))
    renumbered(session, {8: 7})


def first_taken_out_and_the_gap_closed(session: Session) -> None:
    session.execute(update(Recording).where(Recording.file.contains("00000001-")).values(file="00000001.flac"))
    session.execute(delete(ENTRY).where(ENTRY.c.number == 1))
    renumbered(session, {number: number - 1 for number in range(2, 9)})


def two_exchanged(session: Session) -> None:
    renumbered(session, {3: 4, 4: 3})


def one_put_in(session: Session) -> None:
    renumbered(session, {number: number + 1 for number in range(8, 5, -1)})
    deed = asdict(Deed(action=ArchiveAction.RELEASED, who=ANN, at=NOW, why="", about=None, file_sha256=""))
    previous = session.scalar(select(ENTRY.c.sha256).where(ENTRY.c.number == CALLS))
    sha256 = digest({**deed, "previous_sha256": previous})
    session.execute(insert(ENTRY).values(**deed, number=6, previous_sha256=previous, sha256=sha256))


def row_changed(session: Session) -> None:
    session.execute(update(Recording).where(Recording.file.contains("00000003-")).values(sha256="0" * 64))


def row_deleted(session: Session) -> None:
    session.execute(delete(Recording).where(Recording.file.contains("00000003-")))


def row_added(session: Session) -> None:
    made = Recording(attempt_id="00000003-0000-4000-8000-000000000000", file="archive/x.flac", sha256="0" * 64,
                     seconds=1.0, created_at=NOW)  # fmt: skip
    session.add(made)


def row_said_to_be_deleted(session: Session) -> None:
    session.execute(update(Recording).where(Recording.file.contains("00000003-")).values(removed_at=NOW))


def hold_changed(session: Session) -> None:
    session.execute(update(ArchiveHold).where(ArchiveHold.id == 1).values(until=NOW))


def hold_deleted(session: Session) -> None:
    session.execute(delete(ArchiveHold).where(ArchiveHold.id == 1))


def hold_released_on_the_quiet(session: Session) -> None:
    session.execute(update(ArchiveHold).where(ArchiveHold.id == 1).values(released_at=NOW, released_by=ANN))


def hold_put_in(session: Session) -> None:
    session.add(ArchiveHold(phone="+8613800000009", why="x", placed_at=NOW, placed_by=ANN))


CALL_3 = "the row of call 00000003-0000-4000-8000-000000000000's recording"
BREAK = (
    "entry {} isn't the one that entry {} was written after: it was exchanged, or others were put in or taken out"
)
MOVED = "entry {} was written as entry {}: it was moved"
HOLD = "hold {} isn't what its entries say: it was changed, deleted or put in"
TAMPERING: list[tuple[Callable[[Session], None], list[str]]] = [
    (entry_changed, ["entry 2 was changed after it was written"]),
    (
        entry_changed_with_its_hash,
        [BREAK.format(2, 3)],
    ),
    (hold_entry_taken_out, ["entry 7 is missing", HOLD.format(2)]),
    (
        entry_taken_out_and_the_gap_closed,
        [
            BREAK.format(6, 7),
            HOLD.format(2),
        ],
    ),
    (
        first_taken_out_and_the_gap_closed,
        ["entry 1 wasn't the first: entries before it were taken out", "{first} was added: no entry names it"],
    ),
    (two_exchanged, [MOVED.format(3, 4), MOVED.format(4, 3)]),
    (
        one_put_in,
        [BREAK.format(6, 7)],
    ),
    (row_changed, [f"{CALL_3} isn't what entry 3 says: it was changed or deleted"]),
    (row_deleted, [f"{CALL_3} isn't what entry 3 says: it was changed or deleted"]),
    (row_added, [f"{CALL_3} names archive/x.flac, which no entry does"]),
    (row_said_to_be_deleted, [f"{CALL_3} isn't what entry 3 says: it was changed or deleted"]),
    (hold_changed, [HOLD.format(1)]),
    (hold_deleted, [HOLD.format(1)]),
    (hold_released_on_the_quiet, [HOLD.format(1)]),
    (hold_put_in, [HOLD.format(3)]),
]


async def test_each_tampering_with_rows_is_named(filled: Yard) -> None:
    """One after the other on the same rows, each undone."""
    first = next(entry.file for entry in await filled.entries() if entry.number == 1)
    for tamper, said in TAMPERING:
        async with undone(filled):
            await filled.database.run(tamper)
            assert await filled.findings() == [one.replace("{first}", str(first)) for one in said], tamper.__name__
    assert await filled.findings() == []


class undone:  # noqa: N801 it reads like a function
    """What the block writes into the archive's tables is taken back."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._tables = (ENTRY, HOLDS, RECORDING)
        self._rows: list[list[dict[str, Any]]] = []

    async def __aenter__(self) -> None:
        def read(session: Session) -> list[list[dict[str, Any]]]:
            return [[dict(row) for row in session.execute(select(one)).mappings()] for one in self._tables]

        self._rows = await self._yard.database.read(read)

    async def __aexit__(self, *_: object) -> None:
        def write(session: Session) -> None:
            for table, rows in zip(self._tables, self._rows, strict=True):
                session.execute(delete(table))
                session.execute(insert(table), rows)
            if self._yard.database.kind == "postgresql":
                session.execute(text("SELECT setval('archive_hold_id_seq', 2)"))

        await self._yard.database.run(write)


async def test_each_tampering_with_files_is_named(filled: Yard) -> None:
    entries = {entry.number: entry for entry in await filled.entries()}
    changed, shorter, gone = (filled.place.path(str(entries[number].file)) for number in (1, 2, 3))
    sound = bytearray(changed.read_bytes())
    sound[len(sound) // 2] ^= 1
    changed.write_bytes(sound)
    shorter.write_bytes(shorter.read_bytes()[:-1])
    gone.unlink()
    (gone.parent / "added.flac").write_bytes(b"x")
    expected = [
        f"{entries[1].file} of entry 1 was changed after it was filed",
        f"{entries[2].file} of entry 2 was changed after it was filed",
        f"{entries[3].file} of entry 3 is missing",
        f"{gone.parent.relative_to(filled.place.recordings)}/added.flac was added: no entry names it",
    ]
    assert await filled.findings() == expected
    assert await filled.findings(quick=True) == expected[1:]  # lengths alone


async def test_anchors_give_away_what_was_written_anew_or_cut_off(filled: Yard) -> None:
    newest = await filled.database.read(lambda session: anchor(session, NOW))
    assert newest is not None
    kept = parse_anchors(f"{newest}\n\n")
    assert kept == [Anchor(NOW, 8, newest.sha256)]
    assert await filled.findings(anchors=kept) == []

    def anew(session: Session) -> None:
        entry_changed(session)
        rewritten(session)

    async with undone(filled):
        await filled.database.run(anew)
        assert await filled.findings() == []  # nothing in the database gives it away
        assert await filled.findings(anchors=kept) == [
            "entry 8 isn't the one that the anchor of 2026-11-20 02:00 names: entries were written anew"
        ]

    def cut_off(session: Session) -> None:
        session.execute(delete(ENTRY).where(ENTRY.c.number > CALLS))
        session.execute(delete(ArchiveHold))

    async with undone(filled):
        await filled.database.run(cut_off)
        assert await filled.findings() == []
        assert await filled.findings(anchors=kept) == [
            "entry 8, which the anchor of 2026-11-20 02:00 names, isn't there: entries were cut off"
        ]


async def test_what_is_no_anchor_is_said_with_its_line() -> None:
    with pytest.raises(ArchiveError, match="line 2 of the anchors is none"):
        parse_anchors("2026-11-20T02:00:00Z 8 abc\nyesterday 9\n")


async def test_entries_of_several_writers_are_one_chain(filled: Yard) -> None:
    deed = Deed(action=ArchiveAction.RELEASED, who=ANN, at=NOW)
    writes = [filled.database.run(lambda session: append(session, [deed, deed])) for _ in range(10)]
    numbers = [number for pair in await asyncio.gather(*writes) for number in pair]
    assert sorted(numbers) == list(range(9, 29))
    assert await filled.findings() == []
