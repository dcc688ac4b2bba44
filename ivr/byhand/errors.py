"""What an agent can mend about a task."""

from __future__ import annotations

from ivr.errors import IvrError


class TaskError(IvrError):
    """The task, or its script, can't be what was asked for."""
