"""Databases of both kinds, and an Asterisk that takes calls back."""

from __future__ import annotations

from tests.asterisk_rig.returning import returning_rig  # noqa: F401 a fixture
from tests.database_rig.fixture import (  # noqa: F401 they depend on each other
    database_url,
    db,
    postgresql_rig,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)
