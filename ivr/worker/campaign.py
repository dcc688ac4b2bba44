"""One campaign in a worker, from its rows: flow version, policy, strategy; prompts made, hearing opened, dialled.

What can't be prepared here (a prompt that is missing on this machine, a recogniser) is said and tried again later:
another worker may be able to."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.flow import Flow
from flows.loader import load_document
from ivr.arms import arm_deps
from ivr.byhand.connecting import PutThrough, connecting_flow
from ivr.byhand.dialing import Line, PeopleDialer
from ivr.campaigns.creating import people_queue
from ivr.campaigns.hashing import prompts_as_approved
from ivr.campaigns.rules import rules_of
from ivr.campaigns.running import finish_if_done
from ivr.dialer.dialer import Dialer
from ivr.dialer.options import DialerOptions
from ivr.dialer.trunk_routes import RoutingError, check_caller_ids
from ivr.eligibility import eligibility_of
from ivr.errors import IvrError
from ivr.identity.checking import identity_checks
from ivr.model import Campaign, FlowVersion, HandledBy, PeopleMode
from ivr.policy.policy import CampaignRules
from ivr.session.deaf import NONE, DeafRecognizer
from ivr.session.deps import CallDeps
from ivr.session.progress import Bus
from ivr.session.speaker import Speaker
from ivr.strategy import Strategy, default_strategy
from ivr.strategy import load_document as load_strategy
from ivr.strategy.learning import hours_for
from ivr.worker.parts import WorkerParts
from ivr.worker.quotas import CampaignLimit

DIALLED_BY_HAND = (PeopleMode.PREVIEW, PeopleMode.PROGRESSIVE)
LOOK_AGAIN_S = 2.0  # for tasks that feeds and other processes bring


class CampaignNotHere(IvrError):  # noqa: N818 it says what is the matter
    """This machine can't run the campaign now. One sentence: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Edition:
    """What a campaign was built from: when one of these changes it is built anew."""

    flow_version_id: int
    policy: str | None
    strategy: str | None
    concurrency: int
    trunks: tuple[str, ...]
    ends_at: datetime | None
    people_mode: PeopleMode | None
    teams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """A campaign's rows, read."""

    id: int
    name: str
    edition: Edition
    recognizer: str | None
    flow: Flow
    rules: CampaignRules
    strategy: Strategy
    prompts_hold: bool  # this machine's prompts are those that were approved


def edition_of(session: Session, campaign_id: int) -> Edition:
    row = session.get_one(Campaign, campaign_id)
    return Edition(
        flow_version_id=row.flow_version_id,
        policy=row.policy,
        strategy=row.strategy,
        concurrency=row.concurrency,
        trunks=tuple(row.trunks),
        ends_at=row.ends_at,
        people_mode=row.people_mode if row.handled_by is HandledBy.PEOPLE else None,
        teams=tuple(row.teams),
    )


def plan_of(session: Session, campaign_id: int, parts: WorkerParts) -> CampaignPlan:
    """Raises IvrError for what is stored and can't be read."""
    row = session.get_one(Campaign, campaign_id)
    source = session.execute(select(FlowVersion.source).where(FlowVersion.id == row.flow_version_id)).scalar_one()
    return CampaignPlan(
        id=campaign_id,
        name=row.name,
        edition=edition_of(session, campaign_id),
        recognizer=parts.recognizer or row.recognizer or None,
        flow=load_document(source),
        rules=rules_of(session, campaign_id),
        strategy=load_strategy(row.strategy) if row.strategy else default_strategy(),
        prompts_hold=prompts_as_approved(session, row, parts.studio.settings.paths.prompts),
    )


def check_prompts(plan: CampaignPlan) -> None:
    """Raises CampaignNotHere."""
    if not plan.prompts_hold:
        raise CampaignNotHere(
            "The prompts on this machine aren't those that {campaign} was approved with; bring them here, or "
            "submit the campaign again.",
            campaign=plan.name,
        )


async def robots_deps(stack: AsyncExitStack, plan: CampaignPlan, parts: WorkerParts, bus: Bus) -> CallDeps:
    """What the robot's calls hear, say and ask with; `stack` closes what is opened. Raises what can't be had."""
    recognizer = await parts.hearing(plan.flow.language, plan.recognizer)
    speaker = await parts.studio.speaker(plan.flow)
    deps = parts.studio.deps(plan.flow, speaker, recognizer, parts.database, bus)
    checks = await identity_checks(parts.studio.settings, plan.rules, parts.database)
    stack.push_async_callback(checks.close)
    return replace(deps, agent_within_s=plan.strategy.spec.pace.abandoned.within_s, identity=checks)


def dialer_options(plan: CampaignPlan, parts: WorkerParts) -> DialerOptions:
    return DialerOptions(
        rules=plan.rules,
        concurrency=plan.edition.concurrency,
        ring_timeout_s=parts.studio.settings.dialer.ring_timeout_s,
        call_limit_s=float(plan.flow.spec.limits.call_s),
        strategy=plan.strategy,
        attempt_id=lambda _phone, _number: str(uuid.uuid4()),
        agents_talk_s=parts.studio.longest_talk_s,
        compressor=parts.compressor,
        may_finish=lambda: finish_if_done(parts.database, plan.id),
        ends_at=plan.edition.ends_at,
        look_again_s=parts.look_again_s,
    )


class HostedCampaign:
    """A campaign that runs in this process. `run` until it is finished, held or stopped."""

    def __init__(
        self, campaign_id: int, parts: WorkerParts, begun: Callable[[HostedCampaign], None] = lambda _: None
    ) -> None:
        self.id = campaign_id
        self.name = str(campaign_id)
        self._begun = begun
        self.edition: Edition | None = None
        self._parts = parts
        self._dialer: Dialer | PeopleDialer | None = None
        self._held: bool | None = None  # before it began: whether to hang up what rings
        self._stopped = False

    @property
    def calls(self) -> int:
        return 0 if self._dialer is None else self._dialer.calls

    @property
    def on_hold(self) -> bool:
        """Whether nothing more begins: held from outside, or by the dialer, whose lease was refused."""
        return self._held is not None or (self._dialer is not None and self._dialer.held)

    def hold(self, *, ringing: bool) -> None:
        """No more calls; `run` ends when those that are on are over, unless `resume` comes first."""
        self._held = ringing
        if self._dialer is not None:
            self._dialer.hold(ringing=ringing)

    def resume(self) -> None:
        self._held = None
        if self._dialer is not None:
            self._dialer.resume()

    def stop(self) -> None:
        """No more calls; those that are on are hung up."""
        self._stopped = True
        if self._dialer is not None:
            self._dialer.stop()

    def give_up(self) -> None:
        """As `stop`, without waiting for the network."""
        self.stop()
        if self._dialer is not None:
            self._dialer.give_up()

    async def run(self) -> None:
        """Raises what keeps the campaign from running here."""
        async with AsyncExitStack() as stack:
            await self._run(stack)

    async def _run(self, stack: AsyncExitStack) -> None:
        parts = self._parts
        plan = await parts.database.read(lambda session: plan_of(session, self.id, parts))
        self.edition, self.name = plan.edition, plan.name
        self._check(plan)
        bus = Bus()
        bus.subscribe(parts.bus.publish)
        if plan.edition.people_mode in DIALLED_BY_HAND:
            await self._run_by_hand(plan, bus, stack)
        elif plan.edition.people_mode is PeopleMode.PREDICTIVE:
            await self._run_ahead(plan, bus, stack)
        else:
            deps = await robots_deps(stack, plan, parts, bus)
            options = await self._options(plan, stack)
            arms = await arm_deps(stack, parts.studio, parts.database, plan.strategy, deps)
            await self._run_calls(plan, replace(options, arms=arms), deps)

    async def _run_ahead(self, plan: CampaignPlan, bus: Bus, stack: AsyncExitStack) -> None:
        """Customers are called ahead for people: what becomes of whoever answers is a task of theirs, and the
        flow, that of an arm too, is their script."""
        parts = self._parts
        plan = replace(plan, flow=connecting_flow(plan.flow, people_queue(plan.strategy)), recognizer=NONE)
        through = PutThrough(parts.database, parts.studio.settings, parts.station.worker, self.id)
        bus.subscribe(through.observe)
        await stack.enter_async_context(through)
        deps = await robots_deps(stack, plan, parts, bus)
        options = await self._options(plan, stack)
        await self._run_calls(plan, replace(options, ending=through.ending), deps)

    async def _run_calls(self, plan: CampaignPlan, options: DialerOptions, deps: CallDeps) -> None:
        """Calls that the robot begins: as many as the campaign's pace and the others here leave it."""
        parts, spec = self._parts, plan.strategy.spec
        at_once = spec.pace.concurrency or plan.edition.concurrency
        limit = CampaignLimit(self.id, at_once, spec.pace.calls_per_s, spec.pace.by_people, deps.bus)
        limit.calls = lambda: self.calls
        paced = await parts.paced(limit, plan.flow, spec.pace, deps)
        pacer = parts.shares.add(self.id, paced, spec.priority, spec.share)
        routes = parts.account.routes(plan.rules.purpose, plan.edition.trunks)
        dialer = Dialer(options, parts.database, routes, deps, parts.station, pacer)
        parts.shares.at_work(self.id, dialer)
        self._dialer = dialer
        try:
            await parts.join(limit)
            await self._dial(dialer)
        finally:
            parts.shares.remove(self.id)
            await parts.part(limit)

    async def _run_by_hand(self, plan: CampaignPlan, bus: Bus, stack: AsyncExitStack) -> None:
        """People talk: nothing is heard or said by us, but to agents at outside numbers."""
        parts = self._parts
        settings = parts.studio.settings.tasks
        speaker = Speaker(plan.flow, parts.studio.catalogue, parts.studio.renderer)
        deps = parts.studio.deps(plan.flow, speaker, DeafRecognizer(), parts.database, bus)
        options = replace(await self._options(plan, stack), agents_talk_s=settings.longest_talk_s)
        line = Line(parts.account.routes(plan.rules.purpose, plan.edition.trunks), deps, parts.station)
        self._dialer = dialer = PeopleDialer(options, parts.database, line, settings)
        await self._dial(dialer)

    async def _dial(self, dialer: Dialer | PeopleDialer) -> None:
        """Begin as we were told meanwhile, and go on to the end."""
        if self._stopped:
            dialer.stop()
        elif self._held is not None:
            dialer.hold(ringing=self._held)
        else:
            self._begun(self)
        await dialer.run()

    def _check(self, plan: CampaignPlan) -> None:
        check_prompts(plan)
        trunks = set(plan.edition.trunks)
        rules = [one for one in self._parts.account.rules() if not trunks or one.name in trunks]
        if not any(one.prefixes for one in rules):
            raise RoutingError(
                "{campaign} may use the trunks {trunks}, and this worker has none of them.",
                campaign=plan.name,
                trunks=", ".join(sorted(trunks)),
            )
        check_caller_ids(rules, plan.rules.purpose)

    async def _options(self, plan: CampaignPlan, stack: AsyncExitStack) -> DialerOptions:
        parts = self._parts
        eligibility = await eligibility_of(parts.studio.settings, plan.rules, parts.database)
        if eligibility is not None:
            stack.push_async_callback(eligibility.close)
        hours = await parts.database.read(lambda session: hours_for(session, plan.strategy))
        return replace(dialer_options(plan, parts), eligibility=eligibility, hours=hours)
