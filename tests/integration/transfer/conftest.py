"""PostgreSQL, and the scene of workers on it."""

from __future__ import annotations

from tests.database_rig.fixture import postgresql_rig, postgresql_url  # noqa: F401 they depend on each other
from tests.worker_rig.scene import scene_on, var  # noqa: F401 fixtures
