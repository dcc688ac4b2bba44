"""The lists of a campaign: found, checked against what its flow needs, imported on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from flows.flow import Flow
from ivr.campaigns.errors import CampaignError
from ivr.contacts_import import ImportOptions, ImportReport, count_contacts, import_contacts
from ivr.contacts_import.lists import count_numbers, missing_fields, rows_of
from ivr.database import Database
from ivr.model import ContactList


def check_fields(session: Session, people: ContactList, flow: Flow) -> None:
    """Raises CampaignError for a list without contacts, or whose rows lack what the flow needs."""
    if not count_numbers(session, [people.id]):
        raise CampaignError("Nobody is on the list {name}; import contacts into it first.", name=people.name)
    missing = missing_fields(people, flow.needs) if people.fields else _missing_in_rows(session, people, flow)
    if missing:
        raise CampaignError(
            "The list {name} lacks what the flow {flow} needs: {fields}; import it with these columns.",
            name=people.name,
            flow=flow.name,
            fields=", ".join(f"{name} ({flow.needs[name]})" for name in sorted(missing)),
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


def _missing_in_rows(session: Session, people: ContactList, flow: Flow) -> set[str]:
    """Of a list that doesn't say what it brings: what some of its rows lack."""
    rows = (row.attributes for row in rows_of(session, people.id) if row.removed_at is None)
    return {name for attributes in rows for name in flow.needs if attributes.get(name) is None}
