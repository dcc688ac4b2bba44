"""Proves, one after the other, what calls through an Asterisk need; each failure names its mend.

Public: `check`, `Proof`."""

from trunk.asterisk.check.checking import check
from trunk.asterisk.check.proof import Proof

__all__ = ["Proof", "check"]
