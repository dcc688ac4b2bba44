"""Lists that grow, are replaced, give numbers up, and are put back as they were."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.contacts_import import ContactsImportError, ImportOptions, import_contacts
from ivr.contacts_import import lists as service
from ivr.contacts_import.elsewhere import Elsewhere
from ivr.contacts_import.lists import ListError
from ivr.contacts_import.parse import Parser
from ivr.contacts_import.spool import Spool
from ivr.database import Database
from ivr.dialer import entry
from ivr.model import Contact, ContactBefore, ContactDecision, ContactList, ImportBatch, ImportMode
from tests.integration.lists.conftest import NEEDS

pytestmark = pytest.mark.integration

APPEND, REPLACE = ImportMode.APPEND, ImportMode.REPLACE


async def approved(db: Database, list_id: int = 1) -> tuple[int, str]:
    """What an approval is bound to."""

    def look(session: Session) -> tuple[int, str]:
        people = session.get_one(ContactList, list_id)
        return people.revision, people.content_sha256

    return await db.read(look)


async def test_appending_adds_new_numbers_and_updates_known_ones(lists: Any) -> None:
    await lists.load({1: "Wang", 2: "Li"})
    report = await lists.load({2: "Li Na", 3: "Zhang"}, APPEND, into="november")
    assert (report.added, report.updated, report.good, report.removed) == (1, 1, 2, 0)
    assert await lists.names() == {1: "Wang", 2: "Li Na", 3: "Zhang"}


async def test_appending_leaves_known_numbers_alone_when_asked_to(lists: Any) -> None:
    await lists.load({1: "Wang", 2: "Li"})
    before = await approved(lists.db)
    report = await lists.load({2: "Li Na"}, APPEND, into="november", skip_known=True)
    assert (report.added, report.updated) == (0, 0)
    assert await lists.names() == {1: "Wang", 2: "Li"}
    assert await approved(lists.db) == before  # nothing came, nothing is known otherwise


async def test_replacing_takes_off_who_is_not_in_the_file_and_ends_what_has_not_begun(lists: Any) -> None:
    await lists.load({1: "Wang", 2: "Li", 3: "Zhang"})
    rules = await lists.campaign(1)
    await lists.enter(rules)
    await lists.call(3)
    before = await approved(lists.db)
    report = await lists.load({1: "Wang"}, REPLACE, into="1")
    assert (report.added, report.updated, report.removed) == (0, 0, 2)
    assert await lists.names() == {1: "Wang"}
    assert await lists.tasks() == {
        1: ("ready", None),
        2: ("done", "removed_from_list"),
        3: ("ready", None),  # was called: its history stays, and the policy ends it when its turn comes
    }
    assert await approved(lists.db) == before  # removals void no approval
    rows = await lists.db.read(lambda session: session.scalars(select(ContactDecision)).all())
    assert [(row.rule, row.verdict) for row in rows] == [("removed_from_list", "never")]


async def test_a_number_that_comes_back_is_called_after_all(lists: Any) -> None:
    await lists.load({1: "Wang", 2: "Li"})
    rules = await lists.campaign(1)
    assert (await lists.enter(rules)).new == 2
    await lists.load({1: "Wang"}, REPLACE, into="november")
    before = await approved(lists.db)
    report = await lists.load({2: "Li"}, APPEND, into="november")
    assert (report.added, report.updated) == (1, 0)
    assert await approved(lists.db) != before
    taken = await lists.enter(rules)
    assert (taken.new, taken.never) == (1, 0)
    assert await lists.tasks() == {1: ("ready", None), 2: ("ready", None)}
    assert (await lists.enter(rules)).new == 0


async def test_undoing_an_import_puts_everything_back(lists: Any) -> None:
    await lists.load({1: "Wang", 2: "Li", 3: "Zhang"})
    rules = await lists.campaign(1)
    await lists.enter(rules)
    before = await approved(lists.db)
    await lists.load({2: "Li Na", 4: "Zhao"}, REPLACE, into="november")
    assert await lists.names() == {2: "Li Na", 4: "Zhao"}
    now = lists.db.clock.now()
    undone = await lists.db.run(lambda session: service.undo(session, "november", "ann", now))
    assert (undone.added, undone.restored, undone.deleted) == (1, 3, False)
    assert await lists.names() == {1: "Wang", 2: "Li", 3: "Zhang"}
    assert await approved(lists.db) == before
    kept = await lists.db.read(lambda session: session.scalar(select(func.count()).select_from(ContactBefore)))
    assert kept == 0
    await lists.enter(rules)
    assert {state for state, _ in (await lists.tasks()).values()} == {"ready"}


async def test_what_was_taken_off_by_hand_stays_off_when_the_import_is_undone(lists: Any) -> None:
    await lists.load({1: "Wang", 2: "Li"})
    await lists.load({2: "Li Na", 3: "Zhang"}, APPEND, into="november")
    later = lists.db.clock.now()
    taken = await lists.db.run(
        lambda session: service.reject(session, "november", ["+8613800000002", "+8613800000009"], "ann", later)
    )
    assert taken == 1
    await lists.db.run(lambda session: service.undo(session, "november", "ann", lists.db.clock.now()))
    assert await lists.names() == {1: "Wang"}


async def test_a_new_list_that_nobody_uses_goes_when_it_is_undone(lists: Any) -> None:
    await lists.load({1: "Wang"})
    undone = await lists.db.run(lambda session: service.undo(session, "november", "ann", lists.db.clock.now()))
    assert undone.deleted
    left = await lists.db.read(
        lambda session: [session.scalar(select(func.count()).select_from(one)) for one in (Contact, ContactList)]
    )
    assert left == [0, 0]


async def test_an_import_cannot_be_undone_once_somebody_was_called(lists: Any) -> None:
    await lists.load({1: "Wang"})
    rules = await lists.campaign(1)
    await lists.load({2: "Li"}, APPEND, into="november")
    await lists.enter(rules)
    await lists.call(1)
    with pytest.raises(ListError, match=r"can't be undone: numbers of the list were called since"):
        await lists.db.run(lambda session: service.undo(session, "november", "ann", lists.db.clock.now()))
    assert await lists.names() == {1: "Wang", 2: "Li"}


async def test_numbers_of_other_lists_are_left_out_each_with_its_reason(lists: Any) -> None:
    await lists.load({1: "Wang"}, name="may")
    await lists.load({2: "Li"}, name="june")
    await lists.load({4: "Zhao"}, name="july")
    await lists.campaign(3)
    report = await lists.load(
        {1: "A", 2: "B", 3: "C", 4: "D"}, name="all", not_in=("may", "june"), not_in_use_for="care"
    )
    assert (report.good, report.elsewhere) == (1, {"may": 1, "june": 1, "july": 1})
    assert str(report.problems[0]) == "row 2, column 1 (phone): the number is on the list may already"
    batch = await lists.db.read(lambda session: session.get_one(ImportBatch, report.batch_id))
    assert batch.rows == batch.good + batch.rejected + batch.duplicates + batch.elsewhere == 4
    assert await lists.names(4) == {3: "C"}
    assert (await lists.load({4: "D"}, name="care?", not_in_use_for="marketing")).good == 1


async def test_lists_are_found_by_name_or_number(lists: Any) -> None:
    await lists.load({1: "Wang"})
    await lists.load({2: "Li"})  # as `ivr dial` does: its lists may share a name

    assert await lists.db.read(lambda session: service.find_list(session, "2").id) == 2
    with pytest.raises(ListError, match="there are 2 lists november; say which by its number: 1, 2"):
        await lists.load({3: "C"}, APPEND, into="november")
    with pytest.raises(ListError, match="there is no list december; ivr lists list shows all"):
        await lists.load({3: "C"}, REPLACE, into="december")
    with pytest.raises(ListError, match="there is a list november already; give the new one a name of its own"):
        await lists.load({3: "C"}, new_name=True)


async def test_one_task_for_a_number_on_two_lists_of_a_campaign(
    lists: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "MANY", 1)  # as of lists that are long
    await lists.load({1: "Wang", 2: "Li"}, name="may")
    await lists.load({2: "Li", 3: "Zhang"}, name="june")
    taken = await lists.enter(await lists.campaign(1, 2))
    assert taken.new == 3
    assert set(await lists.tasks()) == {1, 2, 3}


class PulledError(Exception):
    pass


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "list.csv is empty"),
        ("phone,name,balance\n", "list.csv has column names but no rows below them"),
        ("phone,who,balance\n13800000001,Wang,5\n", "the list has no column for name; its columns are phone, who"),
        (
            "phone,name,balance\n1.38E+10,Wang,5\n1.38E+10,Li,5\n",
            "no row of list.csv can be taken, and nobody would be left on november; it stays as it was (row 2,",
        ),
        (
            "phone,name,balance\n13800000001,Wang,soon\n",
            "nobody would be left on november; it stays as it was (row 2, column 3 (balance): “soon” is not",
        ),
    ],
)
async def test_a_file_that_has_drifted_takes_nobody_off(lists: Any, content: str, sentence: str) -> None:
    await lists.load({1: "Wang", 2: "Li"})
    before = await approved(lists.db)
    path = lists.folder / "list.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ContactsImportError) as error:
        await import_contacts(lists.db, path, NEEDS, ImportOptions(mode=REPLACE, into="november"))
    assert sentence in str(error.value)
    assert await lists.names() == {1: "Wang", 2: "Li"}
    assert await approved(lists.db) == before
    assert not list(lists.folder.glob("*.part"))


async def test_a_failure_between_two_statements_leaves_the_list_as_it_was(
    lists: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ivr.contacts_import import service as importing

    await lists.load({1: "Wang", 2: "Li"})

    def fail(*_: object) -> int:
        raise PulledError

    monkeypatch.setattr(importing, "close_tasks_of_removed", fail)
    with pytest.raises(PulledError):
        await lists.load({3: "Zhang"}, REPLACE, into="november")
    assert await lists.names() == {1: "Wang", 2: "Li"}
    assert not list(lists.folder.glob("*.part"))


async def test_a_cancelled_import_writes_nothing(lists: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    original = Parser.run

    def slowly(self: Parser, *args: Any, **more: Any) -> Any:
        loop.call_soon_threadsafe(begun.set)
        while not self._stopped:
            os.sched_yield()
        return original(self, *args, **more)

    monkeypatch.setattr(Parser, "run", slowly)
    await _cancelled(lists, begun)
    assert sorted(path.name for path in lists.folder.iterdir() if "rejects" in path.name) == []


async def _cancelled(lists: Any, begun: asyncio.Event) -> None:
    """Import a list and cancel it once that has begun: there is none of it."""
    task = asyncio.create_task(lists.load({1: "Wang"}))
    await asyncio.wait_for(begun.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await lists.db.read(lambda session: session.scalar(select(func.count()).select_from(ContactList))) == 0


async def test_an_import_that_is_cancelled_while_it_is_written_is_undone(
    lists: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    original = Spool.blocks
    parsers: list[Parser] = []
    init = Parser.__init__

    def remember(self: Parser, *args: Any, **more: Any) -> None:
        parsers.append(self)
        init(self, *args, **more)

    def slowly(self: Spool) -> Any:
        loop.call_soon_threadsafe(begun.set)
        while not parsers[0]._stopped:
            os.sched_yield()
        yield from original(self)

    monkeypatch.setattr(Parser, "__init__", remember)
    monkeypatch.setattr(Spool, "blocks", slowly)
    await _cancelled(lists, begun)


async def test_a_full_disk_for_the_rejects_is_told_and_nothing_is_written(lists: Any, tmp_path: Path) -> None:
    (tmp_path / "left.csv.part").symlink_to("/dev/full")
    path = tmp_path / "bad.csv"
    path.write_text("phone,name,balance\n13800000001,Wang,5\nnone,Li,5\n")
    with pytest.raises(ContactsImportError, match=r"can't be written to .*left\.csv \(No space left on device\)"):
        await import_contacts(
            lists.db, path, {"name": "text", "balance": "money"}, ImportOptions(rejects=tmp_path / "left.csv")
        )
    assert await lists.db.read(lambda session: session.scalar(select(func.count()).select_from(ContactList))) == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)), st.integers(0, 60))
def test_elsewhere_knows_the_first_list_of_a_number(one: set[int], other: set[int], asked: int) -> None:
    from array import array

    elsewhere = Elsewhere({"one": array("q", sorted(one)), "other": array("q", sorted(other))})
    assert elsewhere.list_with(asked) == ("one" if asked in one else "other" if asked in other else None)
    assert bool(elsewhere) == bool(one | other)
