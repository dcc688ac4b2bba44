"""Migrations run by Alembic, without a configuration file."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
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


def run_to_head(connection: Connection) -> None:
    """Every migration that the tables lack. Raises IvrError when the database is newer than this version."""
    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise IvrError(
            "the database was written by a newer version of ivr ({reason}); install that version",
            reason=error,
        ) from error
