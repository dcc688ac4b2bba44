"""Workers on databases of both kinds, an Asterisk that takes calls back, and people at real SIP phones."""

from __future__ import annotations

from tests.asterisk_rig.returning import returning_rig  # noqa: F401 a fixture
from tests.database_rig.fixture import (  # noqa: F401 they depend on each other
    database_url,
    postgresql_rig,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)
from tests.worker_rig.scene import scene_on, var  # noqa: F401 fixtures
