"""A rehearsal: a whole campaign over the simulated network, through the same engine that dials real numbers.

`rehearse(options, observer)` is the door: it picks the loop (virtual, or real with `realtime`) and runs
`run_rehearsal` on it. The same options give the same results, byte for byte, on the virtual loop."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from flows.flow import Flow
from ivr.campaigns.opening import last_moment
from ivr.clock import Clock, RealClock
from ivr.database import Database, file_of, url_of
from ivr.dialer.lock import dialling_lock
from ivr.dialer.routes import Routes, SingleRoute
from ivr.flow_queues import queues_of
from ivr.policy.loader import default_policy
from ivr.policy.policy import Policy, policy_of
from ivr.results import Results
from ivr.run import Parts, Run, RunOptions, run_campaign
from ivr.session.progress import BRIDGED, WHISPER, NodeReached, Observer, ProgressEvent, PromptBegan, PromptEnded
from ivr.virtual_loop import run_virtual
from trunk.carrier import Carrier, CarrierConfig, Stage, load_callees
from trunk.carrier.callees import CalleeBook
from trunk.ports import TrunkError

DEFAULT_START = datetime.fromisoformat("2026-01-05T10:00:00+08:00")  # a Monday morning
DEFAULT_SEED = 1
BY = "rehearsal"  # who is said to have created what a rehearsal creates


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalOptions(RunOptions):
    """What to rehearse. Without a database it gets one of its own, gone afterwards."""

    callees: Path
    realtime: bool = False
    seed: int = DEFAULT_SEED
    start: datetime = DEFAULT_START  # of virtual time

    @property
    def usual_policy(self) -> Policy:
        """The shipped one, as far as it can hold for made-up people: none of them has a registered consent, and
        in real time nobody wants to wait for their morning."""
        spec = default_policy().spec.model_copy(update={"consent": ()})
        return policy_of(spec.model_copy(update={"windows": ()}) if self.realtime else spec)


def rehearse(options: RehearsalOptions, observer: Observer | None = None) -> Results:
    """Run the rehearsal to its end, on a loop of its own.

    Raises what a user can mend as errors with `template` and `params`: flow, list, callees, models, database."""
    with ExitStack() as stack:
        if options.database is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-rehearsal-"))
            options = replace(options, database=Path(folder) / "rehearsal.db")
        assert options.database is not None
        url = url_of(options.database)
        stack.enter_context(dialling_lock(url))
        if options.realtime:
            return asyncio.run(run_rehearsal(options, observer))
        start = options.start
        file = file_of(url)
        if file is None or file.exists():
            start = max(start, asyncio.run(_last_moment(url, options.campaign)) or start)
        return run_virtual(lambda clock: run_rehearsal(options, observer, clock), start)


async def run_rehearsal(
    options: RehearsalOptions, observer: Observer | None = None, clock: Clock | None = None
) -> Results:
    """Run the rehearsal on the running loop; `rehearse` is the door for everybody who has no loop yet.

    Raises what a user can mend (see `rehearse`). Cancelled, it hangs up, writes every outcome and pauses the
    campaign, which goes on when the same rehearsal is run again on the same database."""
    assert options.database is not None, "`rehearse` names one"
    url = url_of(options.database)
    return await run_campaign(options, Run(url, _Simulated(options), clock or RealClock(), observer))


class _Simulated:
    """`ivr.run.Network`: the carrier with the callees' book, drawn from the seed."""

    by = BY
    _book: CalleeBook

    def __init__(self, options: RehearsalOptions) -> None:
        self.seed: int | None = options.seed
        self._options = options

    async def reach(self, stack: AsyncExitStack, flow: Flow) -> tuple[TrunkError, ...]:
        del stack
        self._book = load_callees(self._options.callees)
        nodes = {flow.qualified(unit, node) for unit, _, node, _ in flow.walk()}
        return (*self._book.strangers(nodes | {WHISPER, BRIDGED}), *self._undescribed(flow))

    def _undescribed(self, flow: Flow) -> tuple[TrunkError, ...]:
        """A warning when none of the agents is among the callees: nobody of them will take a call."""
        crew = self._options.crew
        if crew is None or not queues_of(flow):
            return ()
        phones = {crew.roster.agents[number].phone for number in crew.ready}
        if not phones or phones & self._book.callees.keys():
            return ()
        return (
            TrunkError(
                "No agent of the roster is among the callees, so all of them do as `defaults` says: describe them "
                "under their phones (docs/callees.md)."
            ),
        )

    async def open(self, stack: AsyncExitStack, parts: Parts) -> Routes:
        language, voices = parts.flow.language, parts.voices
        voice = voices.get(language) or voices.get(language.split("-")[0]) or "en"
        legs = 2 if self._options.crew is not None else 1  # every call may need one more to an agent
        channels = legs * self._options.calls_at_once
        config = CarrierConfig(channels=channels, seed=self._options.seed, voice=voice)
        carrier = Carrier(self._book, config, parts.synthesizer.synthesize)
        stack.push_async_callback(carrier.close)
        await parts.clock.outside(carrier.start())
        parts.bus.subscribe(stage_observer(carrier))
        return SingleRoute(carrier)

    def attempt_id(self, phone: str, number: int) -> str:
        name = f"{self._options.campaign}/{self._options.seed}/{phone}/{number}"
        return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def stage_observer(stage: Stage) -> Observer:
    """Lets scripted callees see where the flow is."""

    def observe(event: ProgressEvent) -> None:
        match event:
            case NodeReached():
                stage.observe(event.attempt_id, "node", event.node)
            case PromptBegan():
                stage.observe(event.attempt_id, "prompt_began", event.node)
            case PromptEnded():
                stage.observe(event.attempt_id, "prompt_ended", event.node)
            case _:
                pass

    return observe


async def _last_moment(url: str, campaign: str) -> datetime | None:
    """When the last thing happened in a campaign that is there already; its clock goes on from then."""
    database = Database(url)
    try:
        await database.upgrade()
        return await database.read(lambda session: last_moment(session, campaign))
    finally:
        await database.close()
