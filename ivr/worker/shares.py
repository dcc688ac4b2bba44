"""How many calls each campaign of this process may begin, so that they share the trunks' channels fairly: by their
strategies' priority and share (`ivr.pacing.sharing`). What one doesn't want is lent to the others.

It counts channels of all trunks together; a campaign that may use only some of them is held back by those
themselves (`ivr.dialer.trunk_routes`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ivr.dialer.dialer import Dialer
from ivr.dialer.pacer import Pacer
from ivr.dialer.routes import Ready
from ivr.dialer.trunk_routes import TrunkAccount
from ivr.pacing.sharing import Claim, Turns, share


@dataclass(slots=True)
class _Member:
    pacer: Pacer  # its own limits
    priority: int
    weight: float
    dialer: Dialer | None = None

    def claim(self, campaign_id: int, turn: float) -> Claim[int]:
        if self.dialer is None:
            return Claim(campaign_id, 0)
        on = self.dialer.calls
        wants = 0 if self.dialer.idle or self.dialer.held else self.pacer.ready(on).calls
        return Claim(campaign_id, wants, on, self.priority, self.weight, turn)


class Shares:
    """Of the campaigns that run in this process."""

    def __init__(self, account: TrunkAccount) -> None:
        self._account = account
        self._members: dict[int, _Member] = {}
        self._turns: Turns[int] = Turns()

    def add(self, campaign_id: int, pacer: Pacer, priority: int, weight: float) -> Pacer:
        """The campaign joins; what its dialer is to be paced by. `at_work` names the dialer."""
        self._members[campaign_id] = _Member(pacer, priority, weight)
        return _Shared(self, campaign_id, pacer)

    def at_work(self, campaign_id: int, dialer: Dialer) -> None:
        self._members[campaign_id].dialer = dialer

    def remove(self, campaign_id: int) -> None:
        self._members.pop(campaign_id, None)

    def more(self, campaign_id: int) -> int:
        """How many more calls this campaign may begin now."""
        free = self._account.free
        if len(self._members) == 1:
            return free
        claims = [member.claim(key, self._turns.of(key)) for key, member in self._members.items()]
        more = share(free, claims)[campaign_id]
        if more:
            self._turns.note({campaign_id: more})
        return more


class _Shared:
    """`Pacer` of one campaign among others."""

    def __init__(self, shares: Shares, campaign_id: int, own: Pacer) -> None:
        self._shares = shares
        self._campaign_id = campaign_id
        self._own = own

    def ready(self, calls: int) -> Ready:
        own = self._own.ready(calls)
        if own.calls <= 0:
            return own
        return Ready(min(own.calls, self._shares.more(self._campaign_id)))

    def surplus(self) -> frozenset[str]:
        return self._own.surplus()

    def watch(self, changed: Callable[[], None]) -> None:
        self._own.watch(changed)

    def close(self) -> None:
        self._own.close()
