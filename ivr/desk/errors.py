"""What a user of the desk can mend."""

from __future__ import annotations

from ivr.errors import IvrError


class DeskError(IvrError):
    """Agents, teams, queues or shifts can't be what was asked for."""
