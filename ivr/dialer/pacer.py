"""How many calls a campaign may have going: the port that the dialer asks before each lease.

`FixedPacer` is a number of calls at once. Shares between campaigns and pacing by free agents implement the same
port (`ivr.worker`, `ivr.pacing`). The trunks have their own say after it (`ivr.dialer.routes`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ivr.dialer.routes import Ready


class Pacer(Protocol):
    """Asked on the loop, in no time: an implementation computes from what it was told before."""

    def ready(self, calls: int) -> Ready:
        """How many more calls may begin beside the `calls` that are on (prepared or placed); when that is
        none and time alone helps: in how many seconds to ask again."""

    def surplus(self) -> frozenset[str]:
        """Attempts that are to be hung up if they haven't been answered: nobody would be there for the callee."""

    def watch(self, changed: Callable[[], None]) -> None:
        """From now on call `changed()`, on the loop, when more calls may begin than `ready` last said,
        or when `surplus` says something else."""

    def close(self) -> None:
        """The campaign calls nobody any more: what the pacer held is others'."""


class FixedPacer:
    """At most `concurrency` calls at once."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency

    def ready(self, calls: int) -> Ready:
        return Ready(max(0, self._concurrency - calls))

    def surplus(self) -> frozenset[str]:
        return frozenset()

    def watch(self, changed: Callable[[], None]) -> None:
        del changed  # it never changes

    def close(self) -> None:
        pass
