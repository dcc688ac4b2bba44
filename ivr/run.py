"""One run of a campaign, whatever network carries it: the simulated one (`ivr.rehearsal`) or real trunks
(`ivr.dialling`). Both open the same campaign, hear and speak with the same parts, dial with the same engine, pause
and finish alike; a `Network` is where they differ.

`run_campaign` runs on the loop and the clock it is given; who has neither takes `rehearse` or `dial`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Protocol

from flows.flow import Flow
from flows.linter import load_checked
from ivr import deliveries
from ivr.arms import arm_deps
from ivr.campaigns.opening import (
    CampaignPlan,
    OpenedCampaign,
    finish_campaign,
    open_campaign,
    pause_campaign,
    start_campaign,
)
from ivr.clock import Clock
from ivr.config import ConfigError, Settings
from ivr.contacts_import import ImportOptions
from ivr.database import Database, Place
from ivr.desk.crew import Crew, sign_in
from ivr.desk.supply import DeskAgents
from ivr.dialer.dialer import Dialer
from ivr.dialer.live import LiveRows
from ivr.dialer.options import DialerOptions
from ivr.dialer.pacer import Pacer
from ivr.dialer.recordings import Compressor, compressing
from ivr.dialer.routes import Routes
from ivr.dialer.station import Station, new_worker_id
from ivr.dialer.stops import heeding_stops
from ivr.dialer.trunk_routes import TrunkRoutes
from ivr.eligibility import eligibility_of
from ivr.errors import IvrError
from ivr.flow_queues import missing_queues, own_queues
from ivr.garbage import collecting_between_calls
from ivr.identity.checking import identity_checks, missing_checker
from ivr.pacing.factory import PaceDeps, callees_in_need, pacer_of
from ivr.pacing.limits import Least
from ivr.policy.loader import default_policy, load
from ivr.policy.policy import Policy, PolicyError
from ivr.report.build import build_results
from ivr.results import Results
from ivr.session.deps import CallDeps
from ivr.session.progress import Bus, Observer, RunBegan, TasksSkipped
from ivr.session.turns import TurnPlanner, questions_of
from ivr.strategy import Strategy, default_strategy, once
from ivr.strategy import load as load_strategy
from ivr.strategy.learning import hours_for
from ivr.studio import Studio, open_studio, recognizer_of
from ivr.supervision.runner import supervising
from ivr.worker.presence import presence_of
from ivr.worker.quotas import CampaignLimit
from prompts.catalogue import Catalogue
from speech.ports import Recognizer
from speech.tts import EspeakSynthesizer
from trunk.ports import TrunkError

_Warnings = tuple[TrunkError | ConfigError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to run. Paths may be relative to the working directory."""

    flow: Path
    contacts: Path
    settings: Settings = field(default_factory=Settings)
    name: str | None = None  # the campaign's; None: the flow's and the list's names
    recognizer: str | None = None  # None: the settings' or the best that is there
    record: Path | None = None  # directory for recordings
    concurrency: int | None = None  # None: the settings'
    database: Place | None = None  # None: what `rehearse` or `dial` takes then
    retries: bool = True
    policy: Path | None = None  # None: the campaign's own, or `usual_policy` when it is new
    strategy: Path | None = None  # None: the campaign's own, or the shipped one when it is new
    import_options: ImportOptions = field(default_factory=ImportOptions)
    crew: Crew | None = None  # takes calls over, in a database of the run's own; None: who is signed in there
    compresses: ClassVar[bool] = False  # recordings, after the call; in virtual time there is no after

    @property
    def campaign(self) -> str:
        return self.name or f"{self.flow.stem} · {self.contacts.name}"

    @property
    def calls_at_once(self) -> int:
        return self.concurrency or self.settings.dialer.concurrency

    @property
    def usual_policy(self) -> Policy:
        """What a new campaign takes that names no policy."""
        return default_policy()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a network may use of the run that it carries."""

    clock: Clock
    flow: Flow
    bus: Bus
    database: Database
    synthesizer: EspeakSynthesizer
    voices: Mapping[str, str]  # language -> voice


class Network(Protocol):
    """How a run's calls leave."""

    by: str  # who is said to have created what the run creates
    seed: int | None  # of a simulated network

    async def reach(self, stack: AsyncExitStack, flow: Flow) -> tuple[TrunkError, ...]:
        """Before anything is written or rendered: whether calls could leave, and a warning for each thing that
        it can't do as it was told. Raises what the user must mend."""

    async def open(self, stack: AsyncExitStack, parts: Parts) -> Routes:
        """Make it ready for calls. In both, `stack` closes what was opened."""

    def attempt_id(self, phone: str, number: int) -> str:
        """The id of a number's first, second … try."""


class Brake:
    """Stops a run from outside."""

    def __init__(self) -> None:
        self.pulled = False
        self.torn = False
        self._dialer: Dialer | None = None

    @property
    def works(self) -> bool:
        """Whether calls are being placed; a run that still prepares them is simply cancelled."""
        return self._dialer is not None

    def pull(self) -> None:
        """No more calls; those that are on are hung up, outcomes are written, the campaign is paused, and the run
        returns what there is."""
        self.pulled = True
        if self._dialer is not None:
            self._dialer.stop()

    def tear(self) -> None:
        """As `pull`, without waiting for the network's word: calls that it hasn't ended are written as unknown."""
        self.torn = True
        self.pull()
        if self._dialer is not None:
            self._dialer.give_up()

    def attach(self, dialer: Dialer) -> None:
        self._dialer = dialer
        if self.pulled:
            dialer.stop()


@dataclass(frozen=True, slots=True)
class Run:
    """What `run_campaign` is given beside the options."""

    database_url: str
    network: Network
    clock: Clock
    observer: Observer | None = None
    brake: Brake = field(default_factory=Brake)
    durable: bool = False  # no power cut may lose what was written: for real calls


async def run_campaign(options: RunOptions, run: Run) -> Results:
    """Run the campaign until everything is done, or the brake is pulled.

    Raises what a user can mend: flow, list, models, database, network. Cancelled, it hangs up, writes every
    outcome and pauses the campaign, which goes on when the same is run again on the same database."""
    clock = run.clock
    catalogue = Catalogue.load(options.settings.paths.prompts)
    flow = load_checked(options.flow, catalogue)
    policy = load(options.policy) if options.policy is not None else None
    strategy = load_strategy(options.strategy) if options.strategy is not None else None
    bus = Bus()
    if run.observer is not None:
        bus.subscribe(run.observer)
    async with AsyncExitStack() as stack:
        reached = await run.network.reach(stack, flow)
        warnings: _Warnings = (
            *reached,
            *missing_checker(flow, options.settings, real=run.durable),
        )
        recognizer = recognizer_of(options.settings, flow.language, options.recognizer, clock)
        database = Database(run.database_url, clock, durable=run.durable)
        if run.durable:  # nobody is told of rehearsals
            deliveries.attach(database, options.settings)
        stack.push_async_callback(database.close)
        await database.upgrade()
        if options.crew is not None:
            await sign_in(database, options.crew)
        plan = _plan(options, flow, (policy, strategy), recognizer.name, run.network)
        opened = await open_campaign(database, plan)
        async with compressing(options.record if options.compresses else None, database) as compressor:
            if not opened.finished:
                stack.push_async_callback(recognizer.close)
                await recognizer.start()
                ready = _Ready(options, run, catalogue, flow, recognizer, database, bus, warnings, compressor)
                await _call_everybody(ready, opened)
        return await build_results(database, opened.campaign_id)


@dataclass(frozen=True, slots=True)
class _Ready:
    """The parts of one run, ready to be put together."""

    options: RunOptions
    run: Run
    catalogue: Catalogue
    flow: Flow
    recognizer: Recognizer
    database: Database
    bus: Bus
    warnings: _Warnings
    compressor: Compressor | None


async def _call_everybody(ready: _Ready, opened: OpenedCampaign) -> None:
    options, clock = ready.options, ready.run.clock
    async with AsyncExitStack() as stack:
        worker = new_worker_id()
        desk = await _desk(ready, worker, stack)
        studio = await open_studio(stack, options.settings, clock, ready.catalogue, options.record, desk)
        speaker = await studio.speaker(ready.flow)
        parts = Parts(clock, ready.flow, ready.bus, ready.database, studio.synthesizer, studio.voices)
        routes = await ready.run.network.open(stack, parts)
        LiveRows(ready.database).open(stack, ready.bus)
        deps = studio.deps(ready.flow, speaker, ready.recognizer, ready.database, ready.bus)
        station = Station(ready.database, routes, worker=worker)
        stack.push_async_callback(station.close)
        account = routes.account if isinstance(routes, TrunkRoutes) else None
        presence, quotas = presence_of(ready.database, station, account, options.settings.worker)
        pacer, within_s = await _pacer(ready, opened, deps)
        checks = await identity_checks(
            options.settings, opened.rules, ready.database, real=ready.run.durable
        )  # nobody is asked about made-up people
        stack.push_async_callback(checks.close)
        deps = replace(deps, agent_within_s=within_s, identity=checks)
        hours = await ready.database.read(lambda session: hours_for(session, opened.strategy))
        arms = await arm_deps(stack, studio, ready.database, opened.strategy, deps)
        dialer_options = replace(_dialer_options(ready, opened, studio), hours=hours, arms=arms)
        if ready.run.durable:  # nobody is asked about made-up people
            eligibility = await eligibility_of(options.settings, opened.rules, ready.database)
            dialer_options = replace(dialer_options, eligibility=eligibility)
            if eligibility is not None:
                stack.push_async_callback(eligibility.close)
        limit = CampaignLimit(opened.campaign_id, options.calls_at_once, None, by_people=False, bus=ready.bus)
        dialer = Dialer(dialer_options, ready.database, routes, deps, station, Least(pacer, limit))
        limit.calls = lambda: dialer.calls
        if quotas is not None:
            quotas.add(limit)
        ready.run.brake.attach(dialer)
        await start_campaign(ready.database, opened.campaign_id)
        missing = missing_queues(ready.flow, () if desk is None else desk.queues)
        ready.bus.publish(await _began(ready, opened, deps.planner, missing))
        if opened.never:
            ready.bus.publish(TasksSkipped(opened.never))
        async with (
            presence.here(dialer.give_up),
            heeding_stops(ready.database, dialer, options.settings) as stopped,
            collecting_between_calls(lambda: bool(station.sessions)) if ready.run.durable else nullcontext(),
            supervising(ready.database, station, ready.bus) if ready.run.durable else nullcontext(),
        ):
            await _dial(dialer, ready, opened.campaign_id, stopped)


async def _desk(ready: _Ready, worker: str, stack: AsyncExitStack) -> DeskAgents | None:
    """Who takes calls over. Without a crew a rehearsal has nobody: who is signed in isn't rung about made-up
    people."""
    alone = ready.options.crew is not None
    if not alone and not ready.run.durable:
        return None
    desk = DeskAgents(ready.database, worker, ready.options.settings.desk, alone=alone)
    return await desk.open(stack)


async def _pacer(ready: _Ready, opened: OpenedCampaign, deps: CallDeps) -> tuple[Pacer, float]:
    """Of the strategy's pace; with how soon an agent is to be found. Raises PacingError."""
    pace, clock = opened.strategy.spec.pace, ready.run.clock
    if ready.options.concurrency is not None:
        pace = pace.model_copy(update={"concurrency": ready.options.concurrency})
    given = PaceDeps(
        bus=ready.bus,
        clock=clock,
        concurrency=ready.options.calls_at_once,
        agents=deps.agents,
        queues=own_queues(ready.flow),
        before=await callees_in_need(ready.database, clock, opened.campaign_id, pace),
    )
    return pacer_of(pace, given), pace.abandoned.within_s


async def _dial(dialer: Dialer, ready: _Ready, campaign_id: int, stopped: asyncio.Event) -> None:
    try:
        done = await dialer.run()
    except asyncio.CancelledError:
        await pause_campaign(ready.database, campaign_id)
        raise
    if done:
        await finish_campaign(ready.database, campaign_id)
    elif ready.run.brake.pulled or stopped.is_set():
        await pause_campaign(ready.database, campaign_id)


def _plan(
    options: RunOptions,
    flow: Flow,
    named: tuple[Policy | None, Strategy | None],
    recognizer: str,
    network: Network,
) -> CampaignPlan:
    policy, strategy = named
    return CampaignPlan(
        name=options.campaign,
        flow=flow,
        contacts=options.contacts,
        concurrency=options.calls_at_once,
        by=network.by,
        usual_policy=options.usual_policy,
        usual_strategy=default_strategy(),
        policy=policy,
        strategy=strategy,
        seed=network.seed,
        approval=options.settings.approval if network.seed is None else None,
        recognizer=recognizer,
        import_options=options.import_options,
    )


def _dialer_options(ready: _Ready, opened: OpenedCampaign, studio: Studio) -> DialerOptions:
    options = ready.options
    return DialerOptions(
        rules=opened.rules,
        concurrency=options.calls_at_once,
        ring_timeout_s=options.settings.dialer.ring_timeout_s,
        call_limit_s=float(ready.flow.spec.limits.call_s),
        strategy=opened.strategy if options.retries else once(opened.strategy),
        attempt_id=ready.run.network.attempt_id,
        agents_talk_s=studio.longest_talk_s,
        compressor=ready.compressor,
    )


async def _began(
    ready: _Ready, opened: OpenedCampaign, planner: TurnPlanner, missing: tuple[IvrError, ...]
) -> RunBegan:
    imported = opened.imported
    unknown = await ready.recognizer.unknown_words(questions_of(ready.flow, planner))
    return RunBegan(
        campaign=ready.options.campaign,
        flow=ready.flow.title,
        contacts=imported.good if imported else 0,
        rejected_rows=imported.rejected + imported.duplicates if imported else 0,
        recognizer=ready.recognizer.name,
        resumed=opened.resumed,
        unknown_words=tuple(sorted(unknown)),
        warnings=(*ready.warnings, *missing, *_kept_back(opened)),
    )


def _kept_back(opened: OpenedCampaign) -> tuple[PolicyError, ...]:
    """What the policy does to a list, when it takes people off it for good."""
    if not opened.never or opened.imported is None:
        return ()
    sentence = (
        "The policy {policy} keeps {never} of {contacts} contacts from being called: ivr why PHONE says why."
    )
    name, contacts = opened.rules.policy.name, opened.imported.good
    return (PolicyError(sentence, policy=name, never=opened.never, contacts=contacts),)
