"""Lists as things of their own: found by name or number, described; numbers taken off, the last import undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, exists, func, select, update
from sqlalchemy.orm import Session

from ivr.contacts_import.removal import close_tasks_of_removed, take_off
from ivr.errors import IvrError
from ivr.model import (
    Attempt,
    AuditEntry,
    Campaign,
    CampaignList,
    CampaignState,
    Contact,
    ContactBefore,
    ContactList,
    ImportBatch,
    ImportMode,
    Task,
)


class ListError(IvrError):
    """A list can't be used as asked. One sentence: which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class ListFacts:
    """A list and how much is on it."""

    list: ContactList
    numbers: int  # on it now
    removed: int  # taken off it
    campaigns: tuple[str, ...]  # that call it, by name


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undone import left: `added` numbers are off the list again, `restored` ones as they were before."""

    batch: ImportBatch
    added: int
    restored: int
    deleted: bool  # the list came with this import, nobody uses it: it is gone


def find_list(session: Session, wanted: str, *, lock: bool = False) -> ContactList:
    """The list of that name, or else with that number. `lock`: nobody else changes it until the transaction ends.

    Raises ListError when there is none, or more than one of the name."""
    chosen = select(ContactList).order_by(ContactList.id)
    if lock:
        chosen = chosen.with_for_update()
    found = session.execute(chosen.where(ContactList.name == wanted)).scalars().all()
    if not found and wanted.isdecimal():
        found = session.execute(chosen.where(ContactList.id == int(wanted))).scalars().all()
    if not found:
        raise ListError("there is no list {list}; ivr lists list shows all", list=wanted)
    if len(found) > 1:
        raise ListError(
            "there are {count} lists {list}; say which by its number: {numbers}",
            count=len(found),
            list=wanted,
            numbers=", ".join(str(one.id) for one in found),
        )
    return found[0]


def lists_in_use(session: Session, purpose: str) -> list[ContactList]:
    """The lists of campaigns with that purpose that run or are paused."""
    rows = session.execute(
        select(ContactList)
        .join(CampaignList, CampaignList.list_id == ContactList.id)
        .join(Campaign, CampaignList.campaign_id == Campaign.id)
        .where(Campaign.purpose == purpose, Campaign.state.in_((CampaignState.RUNNING, CampaignState.PAUSED)))
        .distinct()
        .order_by(ContactList.id)
    )
    return list(rows.scalars())


def count_numbers(session: Session, list_ids: Sequence[int]) -> int:
    """How many numbers are on the lists now, counted once for each list."""
    on_it = select(func.count(Contact.id)).where(Contact.list_id.in_(list_ids), Contact.removed_at.is_(None))
    return session.execute(on_it).scalar_one()


def missing_fields(people: ContactList, needs: Mapping[str, str]) -> list[str]:
    """What a flow needs that the list's imports didn't bring, or brought as another type."""
    return [name for name, type_name in needs.items() if name != "phone" and people.fields.get(name) != type_name]


def facts_of(session: Session, people: ContactList) -> ListFacts:
    """Count what is on one list."""
    on_it, off_it = session.execute(
        select(func.count(case((Contact.removed_at.is_(None), 1))), func.count(Contact.removed_at)).where(
            Contact.list_id == people.id
        )
    ).one()
    names = session.execute(
        select(Campaign.name)
        .join(CampaignList, CampaignList.campaign_id == Campaign.id)
        .where(CampaignList.list_id == people.id)
        .order_by(Campaign.id)
    ).scalars()
    return ListFacts(people, on_it, off_it, tuple(names))


def all_lists(session: Session, limit: int) -> list[ListFacts]:
    """The newest lists first."""
    rows = session.execute(select(ContactList).order_by(ContactList.id.desc()).limit(limit)).scalars().all()
    return [facts_of(session, people) for people in rows]


def imports_of(session: Session, list_id: int) -> list[ImportBatch]:
    """Its imports, in order."""
    rows = session.execute(select(ImportBatch).where(ImportBatch.list_id == list_id).order_by(ImportBatch.id))
    return list(rows.scalars())


def rows_of(session: Session, list_id: int, limit: int | None = None) -> Iterator[Contact]:
    """The contacts of a list in its order, those that were taken off too."""
    chosen = select(Contact).where(Contact.list_id == list_id).order_by(Contact.id).limit(limit)
    yield from session.execute(chosen, execution_options={"yield_per": 2000}).scalars()


def reject(session: Session, wanted: str, phones: Sequence[str], by: str, now: datetime) -> int:
    """Take numbers (E.164) off a list; how many were on it."""
    people = find_list(session, wanted, lock=True)
    taken = take_off(session, people.id, phones, now)
    details = {"list": people.id, "numbers": taken}
    session.add(AuditEntry(at=now, who=by, action="contacts.reject", subject=people.name, details=details))
    return taken


def changed(session: Session, list_id: int, by: str, now: datetime) -> None:
    """Numbers came, or are known otherwise: whoever approved the list didn't approve this."""
    from ivr import campaigns  # not above: campaigns are made of lists, and import this package

    tell = getattr(campaigns, "lists_changed", None)
    if tell is not None:
        tell(session, [list_id], by, now)


def undo(session: Session, wanted: str, by: str, now: datetime) -> Undone:
    """Make a list what it was before its last import. Raises ListError when somebody was called since."""
    people = find_list(session, wanted, lock=True)
    batches = [batch for batch in imports_of(session, people.id) if batch.undone_at is None]
    if not batches:
        raise ListError("the list {list} has no import that could be undone", list=people.name)
    batch = batches[-1]
    _check_undoable(session, people, batch)
    details = {"list": people.id, "batch": batch.id, "file": batch.file_name}
    session.add(AuditEntry(at=now, who=by, action="contacts.undo", subject=people.name, details=details))
    if batch.mode is ImportMode.NEW and not _in_use(session, people.id):
        added = _delete(session, people, batch)
        return Undone(batch, added, 0, True)
    added, restored = _turn_back(session, people, batch, now)
    batch.undone_at, batch.undone_by = now, by
    before = batches[-2] if len(batches) > 1 else None
    people.revision = before.revision if before else 0
    people.content_sha256 = before.content_sha256 if before else ""
    if restored:
        changed(session, people.id, by, now)
    return Undone(batch, added, restored, False)


def _check_undoable(session: Session, people: ContactList, batch: ImportBatch) -> None:
    called = (
        select(Attempt.id)
        .join(Task, Attempt.task_id == Task.id)
        .join(Contact, Task.contact_id == Contact.id)
        .where(Contact.list_id == people.id, Attempt.started_at >= batch.imported_at)
    )
    if session.execute(called.limit(1)).first() is not None:
        raise ListError(
            "the import of {file} into {list} can't be undone: numbers of the list were called since; take numbers"
            " off it instead (ivr lists reject)",
            file=batch.file_name,
            list=people.name,
        )
    kept = session.execute(select(func.count()).where(ContactBefore.batch_id == batch.id)).scalar_one()
    if batch.mode is not ImportMode.NEW and kept < batch.updated + batch.removed:
        raise ListError(
            "the import of {file} into {list} can't be undone: a later one has come and gone since",
            file=batch.file_name,
            list=people.name,
        )


def _in_use(session: Session, list_id: int) -> bool:
    campaigns = exists().where(CampaignList.list_id == list_id)
    tasks = exists().where(Task.contact_id == Contact.id, Contact.list_id == list_id)
    return bool(session.execute(select(campaigns | tasks)).scalar_one())


def _delete(session: Session, people: ContactList, batch: ImportBatch) -> int:
    added: Any = session.execute(delete(Contact).where(Contact.list_id == people.id))
    session.execute(delete(ImportBatch).where(ImportBatch.list_id == people.id))
    session.execute(delete(ContactList).where(ContactList.id == people.id))
    session.expunge(batch)
    session.expunge(people)
    return int(added.rowcount)


def _turn_back(session: Session, people: ContactList, batch: ImportBatch, now: datetime) -> tuple[int, int]:
    """Take off what came, put back what was changed or taken off; how many of each.

    Numbers that somebody took off by hand since then stay off."""
    mine = select(ContactBefore.contact_id).where(ContactBefore.batch_id == batch.id)
    came: Any = session.execute(
        update(Contact)
        .where(Contact.batch_id == batch.id, Contact.removed_at.is_(None), Contact.id.not_in(mine))
        .values(removed_at=now)
        .execution_options(synchronize_session=False)
    )
    again: Any = session.execute(
        update(Contact)
        .where(
            Contact.id == ContactBefore.contact_id,
            ContactBefore.batch_id == batch.id,
            ContactBefore.removed_at.is_not(None),
            Contact.removed_at.is_(None),
        )
        .values(removed_at=now)
        .execution_options(synchronize_session=False)
    )
    back: Any = session.execute(
        update(Contact)
        .where(Contact.id == ContactBefore.contact_id, ContactBefore.batch_id == batch.id)
        .values(
            batch_id=ContactBefore.was_batch_id,
            row_number=ContactBefore.row_number,
            attributes=ContactBefore.attributes,
            removed_at=case((Contact.removed_at == batch.imported_at, None), else_=Contact.removed_at),
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(delete(ContactBefore).where(ContactBefore.batch_id == batch.id))
    close_tasks_of_removed(session, people.id, now)
    return int(came.rowcount + again.rowcount), int(back.rowcount - again.rowcount)
