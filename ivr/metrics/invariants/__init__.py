"""The nightly look at the books: rules that the rows must keep, whatever the code did.

Every rule is looked at from the rows alone, without the code that wrote them. `check` looks now, `nightly` once a
night; what is found stands in `invariant_check`."""

from ivr.metrics.invariants.look import Found, check, nightly
from ivr.metrics.invariants.rules import RULES
from ivr.metrics.invariants.scope import Invariant, Scope

__all__ = ["RULES", "Found", "Invariant", "Scope", "check", "nightly"]
