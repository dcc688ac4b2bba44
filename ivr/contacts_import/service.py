"""The import as a service: a file and a flow's needs in, contacts and a report out."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ivr.contacts_import.parse import Parsed, Parser, sha256_of
from ivr.contacts_import.rejects import RejectsFile, rejects_path_of
from ivr.contacts_import.report import ImportReport
from ivr.contacts_import.values import Value
from ivr.database import Database
from ivr.model import AuditEntry, Contact, ContactList, ImportBatch

INSERT_ROWS = 500  # per statement: bounds memory


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read the file and what to call the result."""

    by: str = "system"
    name: str | None = None  # the list's; None: the file's name without its suffix
    columns: Mapping[str, str] = field(default_factory=dict)  # field -> header, where names don't tell
    optional: Mapping[str, str] = field(default_factory=dict)  # field -> type: taken when the list has it
    region: str = "CN"  # where numbers without a country code are
    rejects: Path | None = None  # None: <list>.rejects.csv beside the list


@dataclass(frozen=True, slots=True)
class _Job:
    path: Path
    name: str
    by: str
    sha256: str
    parsed: Parsed
    at: datetime


async def import_contacts(
    db: Database, path: Path, needs: Mapping[str, str], options: ImportOptions | None = None
) -> ImportReport:
    """Import a CSV or XLSX list as a new contact list. `needs` is the flow's: field -> type.

    Good rows go in, in one transaction; bad rows and repeated numbers go to the rejects file with their reason.
    Raises ContactsImportError (nothing written) when the file as a whole can't be used."""
    options = options or ImportOptions()
    outside = db.clock.outside
    with _opened(await outside(asyncio.to_thread(_parser, path, needs, options))) as parser:
        target = options.rejects or rejects_path_of(path)
        with RejectsFile(target, parser.parsed.columns.headers) as rejects:
            parsed = await outside(asyncio.to_thread(parser.run, rejects))
            sha256 = await outside(asyncio.to_thread(sha256_of, path))
            job = _Job(path, options.name or path.stem, options.by, sha256, parsed, db.clock.now())
            list_id, batch_id = await db.run(lambda session: _write(session, job))
            rejects_path = rejects.keep()
    return ImportReport(
        list_id=list_id,
        list_name=job.name,
        batch_id=batch_id,
        rows=parsed.rows,
        good=parsed.good,
        rejected=parsed.rejected,
        duplicates=parsed.duplicates,
        encoding=parsed.encoding,
        unused_columns=parsed.columns.unused,
        rejects_path=rejects_path,
        problems=tuple(parsed.problems),
    )


def count_contacts(path: Path, needs: Mapping[str, str], options: ImportOptions | None = None) -> tuple[int, int]:
    """How many rows an import would take and how many it would leave out. Writes nothing.

    Raises ContactsImportError when the file as a whole can't be used."""
    parser = _parser(path, needs, options or ImportOptions())
    with listed_contacts(parser):
        parsed = parser.parsed
        return parsed.good, parsed.rejected + parsed.duplicates


@contextmanager
def listed_contacts(parser: Parser) -> Iterator[Iterator[tuple[int, str, dict[str, Value]]]]:
    """Read the whole list and give its good rows (row number, phone, attributes), without importing it.

    Raises ContactsImportError. Closes the parser."""
    with tempfile.TemporaryDirectory() as folder, _opened(parser):
        with RejectsFile(Path(folder) / "rejects.csv", parser.parsed.columns.headers) as rejects:
            parsed = parser.run(rejects)
        yield parsed.contacts()


def _parser(path: Path, needs: Mapping[str, str], options: ImportOptions) -> Parser:
    return Parser(path, needs, options.columns, options.region, options.optional)


@contextmanager
def _opened(parser: Parser) -> Iterator[Parser]:
    try:
        yield parser
    finally:
        parser.close()


def _write(session: Session, job: _Job) -> tuple[int, int]:
    people = ContactList(name=job.name, created_at=job.at, created_by=job.by)
    session.add(people)
    session.flush()
    parsed = job.parsed
    sums = {
        "rows": parsed.rows,
        "good": parsed.good,
        "rejected": parsed.rejected,
        "duplicates": parsed.duplicates,
    }
    batch = ImportBatch(
        list_id=people.id,
        file_name=job.path.name,
        file_sha256=job.sha256,
        imported_at=job.at,
        imported_by=job.by,
        **sums,
    )
    session.add(batch)
    session.flush()
    connection, statement = session.connection(), insert(Contact)
    contacts = parsed.contacts()
    while some := list(islice(contacts, INSERT_ROWS)):
        connection.execute(
            statement,
            [
                {
                    "list_id": people.id,
                    "batch_id": batch.id,
                    "row_number": number,
                    "phone": phone,
                    "attributes": attributes,
                }
                for number, phone, attributes in some
            ],
        )
    session.add(
        AuditEntry(
            at=job.at, who=job.by, action="contacts.import", subject=job.name, details={"list": people.id} | sums
        )
    )
    return people.id, batch.id
