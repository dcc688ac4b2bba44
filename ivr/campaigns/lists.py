"""The lists of a campaign: found, checked against what its flow needs, imported on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.flow import Flow
from ivr.campaigns.errors import CampaignError
from ivr.contacts_import import ImportOptions, ImportReport, count_contacts, import_contacts
from ivr.database import Database
from ivr.model import Contact, ContactList

ROWS_AT_ONCE = 5000


def find_list(session: Session, wanted: str) -> ContactList:
    """An imported list by its name or its number. Raises CampaignError: none, or several of that name."""
    if wanted.isdecimal():
        by_number = session.get(ContactList, int(wanted))
        if by_number is not None:
            return by_number
    found = session.scalars(select(ContactList).where(ContactList.name == wanted).order_by(ContactList.id)).all()
    if not found:
        raise CampaignError("There is no list {name}; see: ivr lists", name=wanted)
    if len(found) > 1:
        raise CampaignError(
            "There are several lists {name}; name one by its number: {numbers}.",
            name=wanted,
            numbers=", ".join(str(one.id) for one in found),
        )
    return found[0]


def check_fields(session: Session, people: ContactList, flow: Flow) -> None:
    """Raises CampaignError for a list without contacts, or whose rows lack what the flow needs."""
    contacts = lacking = 0
    missing: set[str] = set()
    for attributes in _attributes(session, people.id):
        contacts += 1
        here = {name for name in flow.needs if attributes.get(name) is None}
        lacking += bool(here)
        missing |= here
    if not contacts:
        raise CampaignError("Nobody is on the list {name}; import contacts into it first.", name=people.name)
    of_other_type = [
        name for name, kind in flow.needs.items() if people.fields.get(name, kind) != kind and name not in missing
    ]
    if missing or of_other_type:
        raise CampaignError(
            "{count} of the {contacts} contacts on the list {name} lack what the flow {flow} needs: {fields}; "
            "import the list with these columns.",
            count=lacking if missing else contacts,
            contacts=contacts,
            name=people.name,
            flow=flow.name,
            fields=", ".join(f"{name} ({flow.needs[name]})" for name in sorted({*missing, *of_other_type})),
        )


async def files_with_contacts(
    database: Database, files: Sequence[Path], flow: Flow, options: ImportOptions
) -> tuple[Path, ...]:
    """The files, each of which brings somebody. Raises CampaignError or ContactsImportError; writes nothing."""
    for path in files:
        good, _ = await database.clock.outside(asyncio.to_thread(count_contacts, path, flow.needs, options))
        if not good:
            raise CampaignError(
                "No row of {contacts} can be called; ivr lists import says why, row by row.", contacts=path
            )
    return tuple(files)


async def import_files(
    database: Database, files: Sequence[Path], flow: Flow, options: ImportOptions
) -> tuple[ImportReport, ...]:
    """Each file as a list of its own."""
    return tuple([await import_contacts(database, path, flow.needs, options) for path in files])


def _attributes(session: Session, list_id: int) -> Iterator[dict[str, object]]:
    after = 0
    while True:
        rows = session.execute(
            select(Contact.id, Contact.attributes)
            .where(Contact.list_id == list_id, Contact.id > after, Contact.removed_at.is_(None))
            .order_by(Contact.id)
            .limit(ROWS_AT_ONCE)
        ).all()
        if not rows:
            return
        after = rows[-1].id
        for row in rows:
            yield row.attributes
