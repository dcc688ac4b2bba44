"""What a user can mend about the simulated network."""

from __future__ import annotations

from trunk.ports import TrunkError


class CarrierError(TrunkError):
    """The callees file or a sound in it can't be used; the sentence says where and what to do."""
