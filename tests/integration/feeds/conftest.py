"""The fixtures of `town`, for every test here."""

from tests.database_rig.fixture import database_url, postgresql_rig, postgresql_url, sqlite_template, sqlite_url
from tests.integration.feeds.town import billing, postgresql_billing, sqlite_billing, town
from tests.worker_rig.scene import scene_on, var

__all__ = [
    "billing",
    "database_url",
    "postgresql_billing",
    "postgresql_rig",
    "postgresql_url",
    "scene_on",
    "sqlite_billing",
    "sqlite_template",
    "sqlite_url",
    "town",
    "var",
]
