"""What a user of the inspection can mend."""

from __future__ import annotations

from ivr.errors import IvrError


class InspectionError(IvrError):
    """A call can't be picked, scored, appealed against … as asked."""
