"""Good rows into the database, set by set: COPY on PostgreSQL, one prepared statement on SQLite.

A new list takes its rows at once. A list that is there already is compared with them in a temporary table, by a
handful of statements however long it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from ivr.contacts_import.spool import Spool
from ivr.database.locks import is_postgresql
from ivr.model import UtcDateTime

ROOM_KB = 64 << 10  # of SQLite's pages in memory while a list is written

GoOn = Callable[[], None]  # raises when nobody wants the import any more

CONTACT = "contact (list_id, batch_id, source_id, row_number, phone, attributes)"
_STAGE = "import_row (row_number, phone, attributes)"
# A contact of the list that stands in the file, too.
_SAME = "c.list_id = :list_id AND c.source_id = '' AND c.phone = s.phone"
# What the file changes about it: it comes back, or other attributes are to be taken over.
_CHANGED = "(c.removed_at IS NOT NULL OR (:update_known AND c.attributes <> s.attributes))"
_KEEP = "INSERT INTO contact_before (batch_id, contact_id, was_batch_id, row_number, attributes, removed_at)"
_BEFORE = "SELECT :batch_id, c.id, c.batch_id, c.row_number, c.attributes, c.removed_at FROM contact c"
_GONE = (
    "c.list_id = :list_id AND c.source_id = '' AND c.removed_at IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM import_row s WHERE s.phone = c.phone)"
)


KEEP_CHANGED = f"{_KEEP} {_BEFORE} JOIN import_row s ON {_SAME} WHERE {_CHANGED}"
CHANGE = (
    "UPDATE contact AS c SET batch_id = :batch_id, row_number = s.row_number, attributes = s.attributes,"  # noqa: S608 - of constants
    f" removed_at = NULL FROM import_row s WHERE {_SAME} AND {_CHANGED}"
)
ADD = (
    f"INSERT INTO {CONTACT} SELECT CAST(:list_id AS INTEGER), CAST(:batch_id AS INTEGER), '', s.row_number,"  # noqa: S608 - of constants
    " s.phone, s.attributes FROM import_row s"
    f" WHERE NOT EXISTS (SELECT 1 FROM contact c WHERE {_SAME}) ORDER BY s.row_number"
)
KEEP_GONE = f"{_KEEP} {_BEFORE} WHERE {_GONE}"
TAKE_OFF = f"UPDATE contact AS c SET removed_at = :now WHERE {_GONE}"  # noqa: S608 - of constants


@dataclass(frozen=True, slots=True)
class Into:
    """Where the rows go, and what they do to what is there."""

    list_id: int
    batch_id: int
    now: datetime
    update_known: bool = True  # take over the attributes of numbers that are on the list
    replace: bool = False  # take numbers off that aren't in the file


@dataclass(frozen=True, slots=True)
class Written:
    added: int  # new on the list, or back on it
    updated: int = 0
    removed: int = 0


def write_new(session: Session, into: Into, spool: Spool, go_on: GoOn) -> None:
    """All rows into a list that has none."""
    _load(session, CONTACT, (into.list_id, into.batch_id, ""), spool, go_on)


def merge(session: Session, into: Into, spool: Spool, go_on: GoOn) -> Written:
    """The rows into a list that has some. What is changed or taken off is kept in `contact_before`; closing the
    tasks of numbers that went is the caller's."""
    _stage(session, spool, go_on)
    given: dict[str, Any] = {
        "list_id": into.list_id,
        "batch_id": into.batch_id,
        "update_known": into.update_known,
        "now": into.now,
    }
    changed = _rows(session, KEEP_CHANGED, given)
    back = _count(session, into.batch_id)
    _rows(session, CHANGE, given)
    added = _rows(session, ADD, given)
    removed = 0
    if into.replace:
        _rows(session, KEEP_GONE, given)
        removed = _rows(session, TAKE_OFF, given)
    session.execute(text("DROP TABLE import_row"))
    return Written(added + back, changed - back, removed)


def _stage(session: Session, spool: Spool, go_on: GoOn) -> None:
    postgresql = is_postgresql(session)
    json, ends = ("jsonb", " ON COMMIT DROP") if postgresql else ("TEXT", "")
    table = f"import_row (row_number INTEGER, phone VARCHAR(16) PRIMARY KEY, attributes {json})"
    session.execute(text(f"CREATE TEMPORARY TABLE {table}{ends}"))
    _load(session, _STAGE, (), spool, go_on)
    if postgresql:
        session.execute(text("ANALYZE import_row"))


def _load(session: Session, target: str, same: tuple[object, ...], spool: Spool, go_on: GoOn) -> None:
    """`same` are the first columns of the target, alike in all rows."""
    driver: Any = session.connection().connection.driver_connection
    if is_postgresql(session):
        before = "".join(f"{value}\t" for value in same)
        with driver.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
            for block in spool.blocks():
                go_on()
                lines = block.removesuffix("\n").replace("\\", "\\\\").replace("\n", f"\n{before}")
                copy.write(f"{before}{lines}\n")
        return
    marks = ", ".join("?" * (len(same) + 3))
    statement = f"INSERT INTO {target} VALUES ({marks})"  # noqa: S608 - of constants
    with roomy(driver):
        driver.executemany(statement, _tuples(same, spool, go_on))


@contextmanager
def roomy(driver: Any) -> Iterator[None]:
    """Room for the indexes by phone of a million rows on a connection to SQLite: numbers come in no order, and in
    its usual 2 MB nearly every row would push a page out to the disk and fetch another."""
    (usual,) = driver.execute("PRAGMA cache_size").fetchone()
    driver.execute(f"PRAGMA cache_size = -{ROOM_KB}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA cache_size = {int(usual)}")


def _tuples(same: tuple[object, ...], spool: Spool, go_on: GoOn) -> Iterator[tuple[object, ...]]:
    for block in spool.blocks():
        go_on()
        for line in block.removesuffix("\n").split("\n"):
            yield (*same, *line.split("\t", 2))  # the column's type makes an integer of the row number


def _count(session: Session, batch_id: int) -> int:
    """Numbers that were off the list and are back."""
    found = session.execute(
        text("SELECT count(*) FROM contact_before WHERE batch_id = :batch AND removed_at IS NOT NULL"),
        {"batch": batch_id},
    ).scalar_one()
    return int(found)


def _rows(session: Session, statement: str, given: Mapping[str, Any]) -> int:
    """Run it with those of the parameters that it names; how many rows it touched."""
    named = {name: value for name, value in given.items() if f":{name}" in statement}
    moment = [bindparam("now", type_=UtcDateTime())] if "now" in named else []
    result: Any = session.execute(
        text(statement).bindparams(*moment), named, execution_options={"preserve_rowcount": True}
    )
    return int(result.rowcount)
