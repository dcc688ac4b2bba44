"""Schema migrations, run by Alembic without a configuration file: `upgrade_to_head(connection)`.

A new migration is a new module in `versions/`; a test says whether models and migrations agree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection

from ivr.errors import IvrError


def alembic_config(connection: Connection) -> Config:
    """Alembic's settings for one open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade did: from which version of the tables to which; the same when there was nothing to do."""

    before: str | None  # None: there were no tables
    after: str


def upgrade_to_head(connection: Connection) -> Upgrade:
    """Bring the tables up to this version inside the connection's transaction.

    Raises IvrError when the database was written by a newer version than this one."""
    before = MigrationContext.configure(connection).get_current_revision()
    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise IvrError(
            "the database was written by a newer version of ivr ({reason}); install that version",
            reason=error,
        ) from error
    return Upgrade(before, str(MigrationContext.configure(connection).get_current_revision()))
