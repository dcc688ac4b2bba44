"""The Asterisk that these tests look at."""

from tests.asterisk_rig.fixture import asterisk_rig

__all__ = ["asterisk_rig"]
