"""Both kinds of database."""

from __future__ import annotations

from tests.database_rig.fixture import (
    database_url,
    postgresql_rig,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)

__all__ = ["database_url", "postgresql_rig", "postgresql_url", "sqlite_template", "sqlite_url"]
