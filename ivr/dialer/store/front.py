"""Where fresh tasks of a campaign begin: PostgreSQL is told, so that it needn't walk over those that are taken.

Whoever looks for the first fresh task passes by all that were taken lately: a row that was changed leaves its old
entry in each index until the server clears up, tens of thousands after a few seconds of dialling; and each row
that another worker is claiming just now has its lock tried. Together that is a third of what a lease costs the
server. So a lease begins behind the last fresh task of its own, and as far behind it as others were found to
take meanwhile.

What lies before that is taken, or was given back, or belongs to a worker that has stopped. So each second's first
leases begin at the beginning: whoever leases a few times a second keeps to the list's order, and who leases more
often looks again within a second (docs/decisions/0189-where-fresh-tasks-begin.md)."""

from __future__ import annotations

from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from ivr.database import Database
from ivr.dialer.store.tables import PRIORITIES

MOST_AGE = timedelta(seconds=1)  # after so long, or so many leases, leases begin at the beginning again
MOST_LEASES = 250
FIRST_LEASES = 5  # so many of them
MOST_OTHERS = 16  # who take as many as we do: what is further away isn't theirs, but another campaign's
_BEGINNING = "{" + ",".join("0" for _ in PRIORITIES) + "}"


class Front:
    """Of one campaign, as one process sees it: behind which task of each priority it looks next."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}  # the last task that was taken, by priority
        self._next: dict[int, int] = {}  # behind which one the next are
        self._since: datetime | None = None
        self._leases = 0

    @property
    def is_set(self) -> bool:
        """Whether the next lease leaves anything out."""
        return bool(self._next)

    def places(self, now: datetime) -> str:
        """For a lease: task ids by priority, as PostgreSQL writes an array."""
        since = self._since
        if since is None or not since <= now < since + MOST_AGE or self._leases >= MOST_LEASES:
            self.forget()
            self._since = now
        self._leases += 1
        if not self._next:
            return _BEGINNING
        return "{" + ",".join([str(self._next.get(priority, 0)) for priority in PRIORITIES]) + "}"

    def took(self, priority: int, first: int, last: int, count: int) -> None:
        """So many fresh tasks of one priority were taken, the first and the last with these ids."""
        before = self._last.get(priority)
        others = 0 if before is None else first - before - 1
        self._last[priority] = last
        if self._leases >= FIRST_LEASES:
            self._next[priority] = last + (others if 0 <= others <= MOST_OTHERS * count else 0)

    def forget(self) -> None:
        """Begin at the beginning."""
        self._last.clear()
        self._next.clear()
        self._since, self._leases = None, 0


_fronts: WeakKeyDictionary[Database, dict[int, Front]] = WeakKeyDictionary()


def front_of(database: Database, campaign_id: int) -> Front:
    """The campaign's, in this process."""
    campaigns = _fronts.get(database)
    if campaigns is None:
        campaigns = _fronts[database] = {}
    front = campaigns.get(campaign_id)
    if front is None:
        front = campaigns[campaign_id] = Front()
    return front
