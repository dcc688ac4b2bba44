"""This worker's share of the trunks and of the campaigns' concurrency, where several workers dial together.

Slots inside a quota are local: nothing is asked while calls are placed. A quota that couldn't be renewed in time
is nothing any more: others may have it by then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from ivr.database import Database
from ivr.dialer.routes import Ready
from ivr.dialer.trunk_routes import TrunkAccount
from ivr.model import QuotaKind
from ivr.pacing.limits import PerSecond
from ivr.session.progress import Bus, ProgressEvent
from ivr.virtual_loop import VirtualClock
from ivr.worker.rows import NOTHING, Ask, Grant, as_they_are, renew

log = logging.getLogger(__name__)
PEOPLE = (QuotaKind.PEOPLE, "people")


@dataclass
class CampaignLimit:
    """A campaign's concurrency and pace as this worker may use them: an `ivr.dialer.pacer.Pacer`.

    `by_people`: one worker at a time runs such campaigns, since who of the people is free is known there alone."""

    campaign_id: int
    concurrency: int
    calls_per_s: float | None
    by_people: bool
    bus: Bus
    calls: Callable[[], int] = lambda: 0  # how many are on
    grant: Grant | None = None  # None: this process is alone and may use all of it
    _watchers: list[Callable[[], None]] = field(default_factory=list)
    _per_second: PerSecond | None = None
    _rate: float | None = None

    def __post_init__(self) -> None:
        self._pace(self.calls_per_s)
        self.bus.subscribe(self._observe)

    @property
    def at_once(self) -> int:
        return self.concurrency if self.grant is None else self.grant.usable

    def ready(self, calls: int) -> Ready:
        free = Ready(max(0, self.at_once - calls))
        if self._per_second is None or free.calls == 0:
            return free
        paced = self._per_second.ready(calls)
        return Ready(min(free.calls, paced.calls), paced.again_in_s)

    def surplus(self) -> frozenset[str]:
        return frozenset()

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    def close(self) -> None:
        self._watchers.clear()

    def give(self, grant: Grant) -> None:
        """From now on this much."""
        if grant == self.grant:
            return
        self.grant = grant
        if self.calls_per_s is not None:
            self._pace(grant.calls_per_s)
        for changed in self._watchers:
            changed()

    def _pace(self, rate: float | None) -> None:
        if rate != self._rate:
            time = asyncio.get_running_loop().time
            self._rate, self._per_second = rate, PerSecond(rate, time) if rate else None

    def _observe(self, event: ProgressEvent) -> None:
        if self._per_second is not None:
            self._per_second.observe(event)


class Quotas:
    """Renewed by `ivr.worker.presence` with each heartbeat, and when a campaign begins or ends here."""

    def __init__(self, database: Database, worker: str, account: TrunkAccount | None, quota_s: float) -> None:
        self._database = database
        self._worker = worker
        self._account = account
        self._quota_s = quota_s
        self._campaigns: dict[int, CampaignLimit] = {}
        self._rules = () if account is None else account.rules()
        self._trunks: dict[str, Grant] = {rules.name: NOTHING for rules in self._rules}
        self._people = NOTHING
        self._lock = asyncio.Lock()
        self._renewed_s = float("-inf")  # on the loop's clock
        self._timer: asyncio.TimerHandle | None = None
        self._leaving = False
        self._apply({})

    def add(self, limit: CampaignLimit) -> None:
        """The campaign runs here from now on; nothing begins before the next `renew`."""
        limit.grant = NOTHING
        self._campaigns[limit.campaign_id] = limit

    def remove(self, campaign_id: int) -> None:
        self._campaigns.pop(campaign_id, None)

    async def renew(self) -> None:
        """Raises DatabaseError when the server is gone, and NoResultFound when this worker was declared dead."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            asks = self._asks()
            if began_s - self._renewed_s < self._quota_s / 2:  # by our time too: our timer runs by it
                given = await as_they_are(self._database, self._worker, asks, self._quota_s)
                if given is not None:
                    self._apply(given)
                    return
            here = self._database.clock.now()
            renewed = await self._database.run(
                lambda session: renew(session, self._worker, asks, self._quota_s, here)
            )
            self._apply(renewed)
            self._renewed_s = began_s
            if self._timer is not None:
                self._timer.cancel()
            if not isinstance(self._database.clock, VirtualClock):  # whose hours pass in no time
                self._timer = loop.call_at(began_s + self._quota_s, self.give_up)

    def leave(self) -> None:
        """Nothing more than the calls that are on is wanted from now on."""
        self._leaving = True

    def give_up(self) -> None:
        """Nothing is ours any more, until it is written anew."""
        self._renewed_s = float("-inf")
        self.close()
        self._apply({})

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _asks(self) -> list[Ask]:
        asks = [
            Ask(
                QuotaKind.TRUNK,
                rules.name,
                rules.channels,
                rules.calls_per_s,
                self._kept_of(rules.name),
                self._leaving,
            )
            for rules in self._rules
        ]
        if any(limit.by_people for limit in self._campaigns.values()):
            asks.append(Ask(*PEOPLE, channels=1, keep=self._people.channels))
        for limit in self._campaigns.values():
            if limit.by_people and not self._people.channels:
                continue  # whoever has the people needs all of it
            kept = max(limit.calls(), limit.grant.usable if limit.grant else 0)
            name = str(limit.campaign_id)
            per_s = limit.calls_per_s or 0.0
            asks.append(Ask(QuotaKind.CAMPAIGN, name, limit.concurrency, per_s, kept, self._leaving))
        return asks

    def _kept_of(self, trunk: str) -> int:
        """What of a trunk can't be given back now."""
        assert self._account is not None
        return max(self._account.on(trunk), 0 if self._leaving else self._trunks[trunk].usable)

    def _apply(self, given: dict[tuple[QuotaKind, str], Grant]) -> None:
        for trunk in self._trunks:
            grant = self._trunks[trunk] = given.get((QuotaKind.TRUNK, trunk), NOTHING)
            assert self._account is not None
            self._account.limit(trunk, grant.usable, grant.calls_per_s)
        self._people = given.get(PEOPLE, NOTHING)
        for limit in self._campaigns.values():
            limit.give(given.get((QuotaKind.CAMPAIGN, str(limit.campaign_id)), NOTHING))
