"""Schema migrations: `upgrade_to_head(connection)`. Nearly always there is nothing to do, which a look at the
database's version tells; only else Alembic is imported and run (`ivr.migrations.running`).

A new migration is a new module in `versions/`, called m and its revision; a test says whether models and
migrations agree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, text

VERSION_TABLE = "alembic_version"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade did: from which version of the tables to which; the same when there was nothing to do."""

    before: str | None  # None: there were no tables
    after: str


def upgrade_to_head(connection: Connection) -> Upgrade:
    """Bring the tables up to this version inside the connection's transaction.

    Raises IvrError when the database was written by a newer version than this one."""
    before, head = version_of(connection), newest_revision()
    if before == head:
        return Upgrade(head, head)
    from ivr.migrations.running import run_to_head  # a tenth of a second that a database of this version saves

    run_to_head(connection)
    return Upgrade(before, str(version_of(connection)))


def version_of(connection: Connection) -> str | None:
    """The revision of the database's tables; None: there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608


def newest_revision() -> str:
    """The revision of this version, by the names of the migrations."""
    folder = Path(__file__).parent / "versions"
    return max(path.stem.partition("_")[0].removeprefix("m") for path in folder.glob("m*.py"))
