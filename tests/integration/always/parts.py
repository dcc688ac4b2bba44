"""What the world of these tests is made of: a campaign's plan, a call, a worker, and scissors for connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, event

from ivr.database import Row
from ivr.database.express import Batch
from ivr.database.express_pool import Express
from ivr.dialer import store
from trunk.ports import DialOutcome

SHANGHAI = ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)
NOT_REACHED = {DialOutcome.FAILED, DialOutcome.CONGESTION, DialOutcome.CANCELLED}


class Cut(Exception):  # noqa: N818 it says what happened
    """The connection is gone."""


class Scissors:
    """Cuts the connection before a transaction's n-th statement."""

    def __init__(self) -> None:
        self.after: int | None = None  # statements
        event.listen(Engine, "before_cursor_execute", self._count)

    def close(self) -> None:
        event.remove(Engine, "before_cursor_execute", self._count)

    def also(self, express: Express) -> None:
        """Cut what goes without SQLAlchemy, too: before it is sent."""
        send = express.run

        async def run(batch: Batch, *, repeatable: bool) -> list[list[Row]]:
            for _ in batch:
                self._count()
            return await send(batch, repeatable=repeatable)

        express.run = run  # type: ignore[method-assign]  # this one's alone

    def _count(self, *_: object) -> None:
        if self.after is None:
            return
        if self.after == 0:
            self.after = None
            raise Cut
        self.after -= 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign is to be."""

    purpose: str
    opens: int  # o'clock
    closes: int
    per_5_minutes: int | None
    per_day: int | None
    per_30_days: int | None
    per_month: int | None  # engagements
    attempts: int | None
    days: int | None  # until its end; None: it has none

    @property
    def policy(self) -> str:
        lines = ["schema: 1", "policy: drawn"]
        lines.append(f"windows: [{{times: ['{self.opens:02d}:00-{self.closes:02d}:00']}}]")
        limits = {
            "per_5_minutes": self.per_5_minutes,
            "per_day": self.per_day,
            "per_30_days": self.per_30_days,
        }
        set_limits = ", ".join(f"{name}: {most}" for name, most in limits.items() if most is not None)
        if set_limits:
            lines.append(f"limits: {{{set_limits}}}")
        if self.per_month is not None:
            lines.append(f"engagements: {{per_month: {self.per_month}, remove_last_months_successes: false}}")
        if self.attempts is not None:
            lines.append(f"attempts: {self.attempts}")
        return "\n".join(lines) + "\n"


@dataclass(slots=True)
class Call:
    """One attempt, as we know it ourselves."""

    attempt_id: str
    campaign: int
    task: int
    phone: str
    at: datetime
    worker: str
    outcome: DialOutcome | None = None  # None: it is on
    rang: bool = True  # as far as anybody knows while it is on

    @property
    def counts(self) -> bool:
        """For the limits of calls."""
        return self.rang or self.outcome not in NOT_REACHED

    @property
    def connected(self) -> bool:
        """For the month's cap."""
        return self.outcome in (DialOutcome.ANSWERED, DialOutcome.UNKNOWN)


@dataclass(slots=True)
class Process:
    """What one worker has in its memory."""

    name: str
    leases: list[tuple[int, store.Lease]] = field(default_factory=list)  # with their campaign
    calls: list[tuple[store.Lease, Call]] = field(default_factory=list)
    buried: bool = False  # the others think it dead
