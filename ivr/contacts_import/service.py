"""The import as a service: a file and a flow's needs in, contacts and a report out."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ivr.contacts_import.elsewhere import Elsewhere, numbers_of
from ivr.contacts_import.lists import ListError, changed, find_list, lists_in_use
from ivr.contacts_import.parse import Opening, Parsed, Parser, sha256_of
from ivr.contacts_import.rejects import Rejects, open_rejects, rejects_path_of
from ivr.contacts_import.removal import close_tasks_of_removed
from ivr.contacts_import.report import ContactsImportError, ImportReport
from ivr.contacts_import.values import Value
from ivr.contacts_import.writing import Into, Written, merge, write_new
from ivr.database import Database
from ivr.model import AuditEntry, ContactBefore, ContactList, ImportBatch, ImportMode

T = TypeVar("T")
PLAIN = Opening()


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read the file, and where its rows go."""

    by: str = "system"
    name: str | None = None  # of a new list; None: the file's name without its suffix
    columns: Mapping[str, str] = field(default_factory=dict)  # field -> header, where names don't tell
    optional: Mapping[str, str] = field(default_factory=dict)  # field -> type: taken when the list has it
    region: str = "CN"  # where numbers without a country code are
    rejects: Path | None = None  # None: beside the list, by `rejects_path_of`
    opening: Opening = PLAIN  # a workbook's sheet and password
    mode: ImportMode = ImportMode.NEW
    into: str | None = None  # the list to append to or to replace: its name or number
    skip_known: bool = False  # leave numbers that are on the list as they are
    not_in: tuple[str, ...] = ()  # leave out numbers that are on these lists
    not_in_use_for: str | None = None  # leave out numbers on lists that campaigns with this purpose call now
    new_name: bool = False  # a new list needs a name that no other has


@dataclass(frozen=True, slots=True)
class _Job:
    path: Path
    options: ImportOptions
    needs: Mapping[str, str]
    sha256: str
    parsed: Parsed
    go_on: Callable[[], None]
    at: datetime


@dataclass(frozen=True, slots=True)
class _Done:
    list_id: int
    list_name: str
    batch_id: int
    written: Written


async def import_contacts(
    db: Database, path: Path, needs: Mapping[str, str], options: ImportOptions | None = None
) -> ImportReport:
    """Import a CSV or XLSX list: as a new list, or into one that is there. `needs` is the flow's: field -> type.

    Good rows go in, in one transaction; bad rows and repeated numbers go to the rejects file with their reason.
    Raises ContactsImportError (nothing written) when the file as a whole can't be used, ListError when there is no
    such list. Cancelled, nothing is written either."""
    options = options or ImportOptions()
    outside = db.clock.outside
    elsewhere = await db.read(lambda session: _look_around(session, path, options))
    with _opened(await outside(asyncio.to_thread(_parser, path, needs, options))) as parser:
        password = options.opening.password if parser.secret else None
        target = options.rejects or rejects_path_of(path, locked=parser.secret)
        with open_rejects(target, parser.parsed.columns.headers, password) as rejects:
            parsed = await outside(_stoppable(parser, lambda: _parse(parser, rejects, elsewhere)))
            _check_somebody_stays(path, parsed, options)
            sha256 = await outside(asyncio.to_thread(sha256_of, path))
            job = _Job(path, options, needs, sha256, parsed, parser.go_on, db.clock.now())
            try:
                done = await db.run(lambda session: _write(session, job))
            except asyncio.CancelledError:
                parser.stop()  # the transaction, which goes on in its thread, ends by this and is undone
                await outside(db.run(lambda session: None))
                raise
            rejects_path = rejects.keep()
    return _report(done, parsed, rejects_path)


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
        # Nobody reads these; of a list under a password they are kept in memory all the same.
        password = "unread" if parser.secret else None
        with open_rejects(Path(folder) / "rejects", parser.parsed.columns.headers, password) as rejects:
            parsed = parser.run(rejects)
        yield parsed.contacts()


def _parser(path: Path, needs: Mapping[str, str], options: ImportOptions) -> Parser:
    return Parser(path, needs, options.columns, options.region, options.optional, options.opening)


def _parse(parser: Parser, rejects: Rejects, elsewhere: Elsewhere) -> Parsed:
    parsed = parser.run(rejects, elsewhere)
    rejects.finish()
    return parsed


def _check_somebody_stays(path: Path, parsed: Parsed, options: ImportOptions) -> None:
    """A file that isn't what it was (a column holds something else, phones are cut) takes nobody off a list."""
    if options.mode is ImportMode.REPLACE and not parsed.good:
        raise ContactsImportError(
            "no row of {file} can be taken, and nobody would be left on {list}; it stays as it was ({problem})",
            file=path.name,
            list=options.into,
            problem=str(parsed.problems[0]),
        )


@contextmanager
def _opened(parser: Parser) -> Iterator[Parser]:
    try:
        yield parser
    finally:
        parser.close()


async def _stoppable(parser: Parser, work: Callable[[], T]) -> T:
    """Run `work` in a thread; cancelled, it stops, and is waited for: it uses files that are closed then."""
    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        parser.stop()
        await asyncio.wait([thread])
        thread.exception()  # seen
        raise


def _look_around(session: Session, path: Path, options: ImportOptions) -> Elsewhere:
    """Before the work: whether the lists are there, and which numbers are to be left out."""
    own = None if options.mode is ImportMode.NEW else find_list(session, options.into or "").id
    if own is None and options.new_name:
        _check_new(session, options.name or path.stem)
    found = [find_list(session, name) for name in options.not_in]
    if options.not_in_use_for is not None:
        found += lists_in_use(session, options.not_in_use_for)
    return numbers_of(session, {one.name: one.id for one in found if one.id != own})


def _check_new(session: Session, name: str) -> None:
    if session.execute(select(ContactList.id).where(ContactList.name == name)).first() is not None:
        raise ListError(
            "there is a list {list} already; give the new one a name of its own (--name), or say what is to happen"
            " to that one (--append or --replace)",
            list=name,
        )


def _write(session: Session, job: _Job) -> _Done:
    options, parsed = job.options, job.parsed
    people = _target(session, job)
    sums = {
        "rows": parsed.rows,
        "good": parsed.good,
        "rejected": parsed.rejected,
        "duplicates": parsed.duplicates,
        "elsewhere": parsed.elsewhere.total(),
    }
    batch = ImportBatch(
        list_id=people.id,
        file_name=job.path.name,
        file_sha256=job.sha256,
        imported_at=job.at,
        imported_by=options.by,
        mode=options.mode,
        **sums,
    )
    session.add(batch)
    session.flush()
    into = Into(people.id, batch.id, job.at, not options.skip_known, options.mode is ImportMode.REPLACE)
    if options.mode is ImportMode.NEW:
        write_new(session, into, parsed.spool, job.go_on)
        written = Written(parsed.good)
    else:
        _forget_before(session, people.id)
        written = merge(session, into, parsed.spool, job.go_on)
        if written.removed:
            close_tasks_of_removed(session, people.id, job.at)
    if written.added or written.updated:
        people.revision += 1
        people.content_sha256 = hashlib.sha256(
            f"{people.content_sha256}{parsed.spool.sha256}".encode()
        ).hexdigest()
        changed(session, people.id, options.by, job.at)
    batch.added, batch.updated, batch.removed = written.added, written.updated, written.removed
    batch.revision, batch.content_sha256 = people.revision, people.content_sha256
    details = {"list": people.id, "mode": options.mode.value, **sums, "added": written.added}
    details |= {"updated": written.updated, "removed": written.removed}
    session.add(
        AuditEntry(at=job.at, who=options.by, action="contacts.import", subject=people.name, details=details)
    )
    session.flush()
    job.go_on()
    return _Done(people.id, people.name, batch.id, written)


def _target(session: Session, job: _Job) -> ContactList:
    options = job.options
    if options.mode is not ImportMode.NEW:
        people = find_list(session, options.into or "", lock=True)
        people.optional_fields = {**people.optional_fields, **_brought(job)}
        return people
    if options.new_name:
        _check_new(session, options.name or job.path.stem)
    people = ContactList(
        name=options.name or job.path.stem,
        created_at=job.at,
        created_by=options.by,
        fields=dict(job.needs),
        optional_fields=_brought(job),
        revision=0,
        content_sha256="",
    )
    session.add(people)
    session.flush()
    return people


def _brought(job: _Job) -> dict[str, str]:
    """The optional fields that the file has columns for."""
    columns = job.parsed.columns
    return {name: type_name for name, type_name, _ in columns.fields if name in columns.optional}


def _forget_before(session: Session, list_id: int) -> None:
    """The newest import alone can be undone."""
    older = select(ImportBatch.id).where(ImportBatch.list_id == list_id)
    session.execute(delete(ContactBefore).where(ContactBefore.batch_id.in_(older)))


def _report(done: _Done, parsed: Parsed, rejects_path: Path | None) -> ImportReport:
    return ImportReport(
        list_id=done.list_id,
        list_name=done.list_name,
        batch_id=done.batch_id,
        rows=parsed.rows,
        good=parsed.good,
        rejected=parsed.rejected,
        duplicates=parsed.duplicates,
        encoding=parsed.encoding,
        unused_columns=parsed.columns.unused,
        rejects_path=rejects_path,
        problems=tuple(parsed.problems),
        added=done.written.added,
        updated=done.written.updated,
        removed=done.written.removed,
        elsewhere=dict(parsed.elsewhere),
    )
