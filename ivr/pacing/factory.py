"""From a strategy's `pace` to the pacer of one campaign."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ivr.clock import Clock
from ivr.database import Database
from ivr.dialer.pacer import FixedPacer, Pacer
from ivr.errors import IvrError
from ivr.pacing.history import needed
from ivr.pacing.limits import Least, PerSecond
from ivr.pacing.lines import Lines
from ivr.pacing.people import Floor, People, Power, Predictive
from ivr.pacing.schema import PaceSpec
from ivr.pacing.tally import Needed, Tally
from ivr.ports import AgentSupply
from ivr.session.progress import Bus


class PacingError(IvrError):
    """A pace that nobody could keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceDeps:
    """What a pacer works with. `bus` tells of this campaign's calls alone; `floor` is one per process."""

    bus: Bus
    clock: Clock
    concurrency: int  # when the strategy doesn't say
    agents: AgentSupply | None = None
    queues: tuple[str, ...] = ()  # of the flow (`ivr.flow_queues.own_queues`), when the strategy doesn't say
    before: Sequence[tuple[datetime, bool]] = ()  # `callees_in_need`
    floor: Floor = field(default_factory=Floor)


async def callees_in_need(
    database: Database, clock: Clock, campaign_id: int, pace: PaceSpec
) -> list[tuple[datetime, bool]]:
    """For `PaceDeps.before`: of the cap's window; nothing where nobody counts them."""
    if not pace.by_people:
        return []
    since = clock.now() - timedelta(hours=pace.abandoned.window_h)
    return await database.read(lambda session: needed(session, campaign_id, since))


def pacer_of(pace: PaceSpec, deps: PaceDeps) -> Pacer:
    """The campaign's pacer; on the loop that the calls run on.

    Raises PacingError when it counts on people and there are none to count on."""
    time = asyncio.get_running_loop().time
    pacers: list[Pacer] = [FixedPacer(pace.concurrency or deps.concurrency)]
    if pace.calls_per_s is not None:
        limit = PerSecond(pace.calls_per_s, time)
        deps.bus.subscribe(limit.observe)
        pacers.append(limit)
    if pace.by_people:
        pacers.append(people_pacer(pace, deps))
    return Least(*pacers) if len(pacers) > 1 else pacers[0]


def people_pacer(pace: PaceSpec, deps: PaceDeps) -> Power | Predictive:
    """The part of `pacer_of` that looks at people, of power and predictive. Raises PacingError as it does."""
    queues = pace.queues or deps.queues
    if not queues:
        raise PacingError(
            "The strategy paces calls by people (mode: {mode}), and the flow hands calls to nobody: write "
            "mode: fixed, or give the flow a transfer.",
            mode=pace.mode,
        )
    if deps.agents is None or not set(queues) & set(deps.agents.queues):
        raise PacingError(
            "The strategy paces calls by people (mode: {mode}), and there is no queue with agents: add the "
            "queue {queue} to the roster (docs/desk.md), or write mode: fixed.",
            mode=pace.mode,
            queue=queues[0],
        )
    time, now = asyncio.get_running_loop().time, deps.clock.now()
    before = [Needed(time() - (now - at).total_seconds(), abandoned=abandoned) for at, abandoned in deps.before]
    lines = Lines(time, Tally(pace.abandoned, before))
    deps.bus.subscribe(lines.observe)
    people = People(
        spec=pace,
        queues=queues,
        agents=deps.agents,
        lines=lines,
        bus=deps.bus,
        time=time,
        floor=deps.floor,
    )
    return Predictive(people) if pace.mode == "predictive" else Power(people)
