"""The simulated phone network: `load_callees` reads who answers and how, `Carrier(book, config)` is the trunk."""

from trunk.carrier.callees import Callee, CalleeBook
from trunk.carrier.callees_file import load_callees
from trunk.carrier.carrier import ATTEMPT_NUMBER, Carrier, CarrierConfig
from trunk.carrier.errors import CarrierError
from trunk.carrier.stage import Stage, StageEvent

__all__ = [
    "ATTEMPT_NUMBER",
    "Callee",
    "CalleeBook",
    "Carrier",
    "CarrierConfig",
    "CarrierError",
    "Stage",
    "StageEvent",
    "load_callees",
]
