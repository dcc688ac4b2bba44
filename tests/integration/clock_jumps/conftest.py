"""Both kinds of database."""

from tests.database_rig.fixture import (
    database_url,
    db,
    postgresql_rig,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)

__all__ = ["database_url", "db", "postgresql_rig", "postgresql_url", "sqlite_template", "sqlite_url"]
