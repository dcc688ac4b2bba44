"""A rehearsal: a whole campaign over the simulated network, through the same engine that dials real numbers.

`rehearse(options, observer)` is the door: it picks the loop (virtual, or real with `realtime`) and runs
`run_rehearsal` on it. The same options give the same results, byte for byte, on the virtual loop."""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from flows.flow import Flow
from flows.linter import load_checked
from ivr.campaigns import (
    CampaignPlan,
    OpenedCampaign,
    finish_campaign,
    last_moment,
    open_campaign,
    pause_campaign,
    start_campaign,
)
from ivr.clock import Clock, RealClock
from ivr.config import Settings
from ivr.contacts_import import ImportOptions
from ivr.database import Database
from ivr.dialer.dialer import Dialer, DialerOptions
from ivr.dialer.ledger import DatabaseLedger
from ivr.dialer.live import LiveRows
from ivr.dialer.lock import dialling_lock
from ivr.dialer.routes import SingleRoute
from ivr.report.build import build_results
from ivr.results import Results
from ivr.retry import NO_RETRIES, RetryPolicy
from ivr.session.api import ApiClient
from ivr.session.deaf import NONE, DeafRecognizer
from ivr.session.deps import CallDeps
from ivr.session.hearing import HeldRecognizer
from ivr.session.progress import (
    Bus,
    NodeReached,
    Observer,
    ProgressEvent,
    PromptBegan,
    PromptEnded,
    RunBegan,
)
from ivr.session.speaker import Speaker
from ivr.session.turns import TurnPlanner, questions_of
from ivr.virtual_loop import VirtualClock, run_virtual
from prompts.catalogue import Catalogue
from prompts.renderer import Renderer
from speech.ports import Recognizer
from speech.recognizers import RecognizerOptions, choose, create
from speech.tts import DEFAULT_VOICES, EspeakSynthesizer
from trunk.carrier import Carrier, CarrierConfig, load_callees
from trunk.carrier.callees import CalleeBook

DEFAULT_START = datetime.fromisoformat("2026-01-05T10:00:00+08:00")  # a Monday morning
DEFAULT_SEED = 1
MODELS_VARIABLE = "IVR_MODELS"  # how speech, and its child processes, find the models
BY = "rehearsal"  # who is said to have created what a rehearsal creates
# In virtual time a decode may take as long as it needs: the clock waits, so that a slow machine hears the same.
PATIENT = RecognizerOptions(deadline_s=300.0, max_waiting=100_000)


@dataclass(frozen=True, slots=True)
class RehearsalOptions:
    """What to rehearse. Paths may be relative to the working directory."""

    flow: Path
    contacts: Path
    callees: Path
    settings: Settings = field(default_factory=Settings)
    name: str | None = None  # the campaign's; None: the flow's and the list's names
    recognizer: str | None = None  # None: the settings' or the best that is there
    realtime: bool = False
    record: Path | None = None  # directory for recordings
    concurrency: int | None = None  # None: the settings'
    seed: int = DEFAULT_SEED
    database: Path | None = None  # None: one of its own, gone afterwards
    retries: bool = True
    start: datetime = DEFAULT_START  # of virtual time
    import_options: ImportOptions = field(default_factory=ImportOptions)

    @property
    def campaign(self) -> str:
        return self.name or f"{self.flow.stem} · {self.contacts.name}"

    @property
    def calls_at_once(self) -> int:
        return self.concurrency or self.settings.dialer.concurrency

    @property
    def retry(self) -> RetryPolicy:
        return RetryPolicy(max_attempts=self.settings.dialer.max_attempts) if self.retries else NO_RETRIES


def rehearse(options: RehearsalOptions, observer: Observer | None = None) -> Results:
    """Run the rehearsal to its end, on a loop of its own.

    Raises what a user can mend as errors with `template` and `params`: flow, list, callees, models, database."""
    with ExitStack() as stack:
        if options.database is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-rehearsal-"))
            options = replace(options, database=Path(folder) / "rehearsal.db")
        assert options.database is not None
        url = f"sqlite:///{options.database}"
        stack.enter_context(dialling_lock(url))
        if options.realtime:
            return asyncio.run(run_rehearsal(options, observer))
        start = options.start
        if options.database.exists():
            start = max(start, asyncio.run(_last_moment(url, options.campaign)) or start)
        return run_virtual(lambda clock: run_rehearsal(options, observer, clock), start)


async def run_rehearsal(
    options: RehearsalOptions, observer: Observer | None = None, clock: Clock | None = None
) -> Results:
    """Run the rehearsal on the running loop; `rehearse` is the door for everybody who has no loop yet.

    Raises what a user can mend (see `rehearse`). Cancelled, it hangs up, writes every outcome and pauses the
    campaign, which goes on when the same rehearsal is run again on the same database."""
    clock = clock or RealClock()
    assert options.database is not None, "`rehearse` names one"
    catalogue = Catalogue.load(options.settings.paths.prompts)
    flow = load_checked(options.flow, catalogue)
    book = load_callees(options.callees)
    recognizer = _recognizer(options, flow, clock)
    bus = Bus()
    if observer is not None:
        bus.subscribe(observer)
    async with AsyncExitStack() as stack:
        database = Database(f"sqlite:///{options.database}", clock)
        stack.push_async_callback(database.close)
        await database.upgrade()
        opened = await open_campaign(database, _plan(options, flow, recognizer.name))
        if not opened.finished:
            stack.push_async_callback(recognizer.close)
            await recognizer.start()
            await _call_everybody(_Run(options, clock, flow, catalogue, book, recognizer, database, bus), opened)
        return await build_results(database, opened.campaign_id)


@dataclass(frozen=True, slots=True)
class _Run:
    """The parts of one rehearsal, ready to be put together."""

    options: RehearsalOptions
    clock: Clock
    flow: Flow
    catalogue: Catalogue
    book: CalleeBook
    recognizer: Recognizer
    database: Database
    bus: Bus


async def _call_everybody(run: _Run, opened: OpenedCampaign) -> None:
    options, clock, settings = run.options, run.clock, run.options.settings
    async with AsyncExitStack() as stack:
        synthesizer = EspeakSynthesizer()
        stack.push_async_callback(_closing(clock, synthesizer.close))
        voices = DEFAULT_VOICES | {name: speech.voice for name, speech in settings.speech.items() if speech.voice}
        renderer = Renderer(run.catalogue, synthesizer, settings.cache_dir / "prompts", voices)
        stack.push_async_callback(_closing(clock, renderer.close))
        speaker = Speaker(run.flow, run.catalogue, renderer)
        await clock.outside(speaker.prepare_shared())
        carrier = Carrier(run.book, _carrier_config(options, run.flow, voices), synthesizer.synthesize)
        stack.push_async_callback(carrier.close)
        await clock.outside(carrier.start())
        run.bus.subscribe(_stage(carrier))
        live = LiveRows(run.database)
        stack.push_async_callback(live.close)
        run.bus.subscribe(live.observe)
        api = ApiClient(settings.api, clock)
        stack.push_async_callback(api.close)
        planner = TurnPlanner(run.flow.language, settings.hearing, hears=run.recognizer.name != NONE)
        if options.record is not None:
            options.record.mkdir(parents=True, exist_ok=True)
        deps = CallDeps(
            clock=clock,
            flow=run.flow,
            speaker=speaker,
            planner=planner,
            recognizer=run.recognizer,
            ledger=DatabaseLedger(run.database),
            api=api,
            bus=run.bus,
            call_limit_s=float(run.flow.spec.limits.call_s),
            recordings=options.record,
        )
        await start_campaign(run.database, opened.campaign_id)
        run.bus.publish(_began(run, opened, planner))
        dialer = Dialer(_dialer_options(options, run.flow, opened.campaign_id), run.database, SingleRoute(carrier), deps)
        try:
            done = await dialer.run()
        except asyncio.CancelledError:
            await pause_campaign(run.database, opened.campaign_id)
            raise
        if done:
            await finish_campaign(run.database, opened.campaign_id)


def _recognizer(options: RehearsalOptions, flow: Flow, clock: Clock) -> Recognizer:
    """The recogniser for the flow's language. Raises SpeechError when there is none for it."""
    settings = options.settings
    os.environ.setdefault(MODELS_VARIABLE, str(settings.models_dir))
    wanted = options.recognizer or settings.speech_of(flow.language).recognizer
    if wanted == NONE:
        return DeafRecognizer()
    hearing = settings.hearing
    bounds = PATIENT if isinstance(clock, VirtualClock) else RecognizerOptions(deadline_s=hearing.deadline_s)
    bounds = replace(bounds, workers=hearing.workers or 0)
    recognizer = create(choose(flow.language, wanted), flow.language, bounds)
    return HeldRecognizer(recognizer, clock, hearing.reaction_s)


def _plan(options: RehearsalOptions, flow: Flow, recognizer: str) -> CampaignPlan:
    return CampaignPlan(
        name=options.campaign,
        flow=flow,
        contacts=options.contacts,
        concurrency=options.calls_at_once,
        retry=options.retry,
        by=BY,
        seed=options.seed,
        recognizer=recognizer,
        import_options=options.import_options,
    )


def _dialer_options(options: RehearsalOptions, flow: Flow, campaign_id: int) -> DialerOptions:
    def attempt_id(phone: str, number: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{options.campaign}/{options.seed}/{phone}/{number}"))

    return DialerOptions(
        campaign_id=campaign_id,
        purpose=flow.purpose,
        concurrency=options.calls_at_once,
        ring_timeout_s=options.settings.dialer.ring_timeout_s,
        call_limit_s=float(flow.spec.limits.call_s),
        retry=options.retry,
        attempt_id=attempt_id,
    )


def _carrier_config(options: RehearsalOptions, flow: Flow, voices: Mapping[str, str]) -> CarrierConfig:
    voice = voices.get(flow.language) or voices.get(flow.language.split("-")[0]) or "en"
    return CarrierConfig(channels=options.calls_at_once, seed=options.seed, voice=voice)


def _stage(carrier: Carrier) -> Observer:
    """Lets the simulated callees see where the flow is."""

    def observe(event: ProgressEvent) -> None:
        match event:
            case NodeReached():
                carrier.observe(event.attempt_id, "node", event.node)
            case PromptBegan():
                carrier.observe(event.attempt_id, "prompt_began", event.node)
            case PromptEnded():
                carrier.observe(event.attempt_id, "prompt_ended", event.node)
            case _:
                pass

    return observe


def _began(run: _Run, opened: OpenedCampaign, planner: TurnPlanner) -> RunBegan:
    imported = opened.imported
    unknown = {
        word for question in questions_of(run.flow, planner) for word in run.recognizer.unknown_words(question)
    }
    return RunBegan(
        campaign=run.options.campaign,
        flow=run.flow.title,
        contacts=imported.good if imported else 0,
        rejected_rows=imported.rejected + imported.duplicates if imported else 0,
        recognizer=run.recognizer.name,
        resumed=opened.resumed,
        unknown_words=tuple(sorted(unknown)),
        warnings=run.book.strangers({run.flow.qualified(unit, node) for unit, _, node, _ in run.flow.walk()}),
    )


def _closing(clock: Clock, close: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def closed() -> None:
        await clock.outside(close())

    return closed


async def _last_moment(url: str, campaign: str) -> datetime | None:
    """When the last thing happened in a campaign that is there already; its clock goes on from then."""
    database = Database(url)
    try:
        await database.upgrade()
        return await database.read(lambda session: last_moment(session, campaign))
    finally:
        await database.close()
