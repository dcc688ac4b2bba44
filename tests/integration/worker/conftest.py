"""Databases of both kinds, and the scene of workers on them."""

from __future__ import annotations

from tests.asterisk_rig.fixture import asterisk_rig  # noqa: F401 a fixture
from tests.database_rig.fixture import (  # noqa: F401 they depend on each other
    database_url,
    db,
    postgresql_rig,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)
from tests.worker_rig.scene import scene_on, var  # noqa: F401 fixtures
