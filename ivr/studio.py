"""What calls are made with, whatever their campaign: prompts as sound, hearing, other systems, people.

A run of one campaign (`ivr.run`) opens one, a worker (`ivr.worker`) opens one for all its campaigns."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from flows.flow import Flow
from flows.nodes import TransferNode
from ivr.clock import Clock
from ivr.config import Settings
from ivr.database import Database
from ivr.dialer.ledger import DatabaseLedger
from ivr.ports import AgentSupply
from ivr.session.api import ApiClient
from ivr.session.deaf import NONE, DeafRecognizer
from ivr.session.deps import CallDeps
from ivr.session.hearing import HeldRecognizer
from ivr.session.offering import prepare_agents
from ivr.session.progress import Bus
from ivr.session.speaker import Speaker
from ivr.session.turns import TurnPlanner
from ivr.virtual_loop import VirtualClock
from prompts.catalogue import Catalogue
from prompts.renderer import Renderer
from speech.ports import Recognizer
from speech.recognizers import RecognizerOptions, choose, create
from speech.tts import DEFAULT_VOICES, EspeakSynthesizer

MODELS_VARIABLE = "IVR_MODELS"  # how speech, and its child processes, find the models
# In virtual time decoding and synthesis may take as long as they need: the clock waits, so that a slow machine (or
# one that stopped us for a while) hears and says the same.
PATIENT = RecognizerOptions(deadline_s=300.0, max_waiting=100_000, late_s=300.0)


@dataclass(frozen=True, slots=True)
class Studio:
    """Shared by all calls of a process. `recordings`: the folder for them; None: calls aren't recorded."""

    settings: Settings
    clock: Clock
    catalogue: Catalogue
    synthesizer: EspeakSynthesizer
    voices: Mapping[str, str]  # language -> voice
    renderer: Renderer
    api: ApiClient
    agents: AgentSupply | None  # None: nobody takes calls over
    recordings: Path | None = None

    @property
    def longest_talk_s(self) -> float:
        """So long people may talk in one call."""
        return 0.0 if self.agents is None else self.agents.longest_talk_s

    async def speaker(self, flow: Flow, catalogue: Catalogue | None = None) -> Speaker:
        """The flow's prompts, those that everybody hears made. Raises what can't be said, in one sentence."""
        speaker = Speaker(flow, catalogue or self.catalogue, self.renderer)
        await self.clock.outside(speaker.prepare_shared())
        if self.agents is not None and any(isinstance(node, TransferNode) for _, _, _, node in flow.walk()):
            await self.clock.outside(prepare_agents(speaker))
        return speaker

    def deps(self, flow: Flow, speaker: Speaker, recognizer: Recognizer, database: Database, bus: Bus) -> CallDeps:
        """What the calls of one flow share."""
        return CallDeps(
            clock=self.clock,
            flow=flow,
            speaker=speaker,
            planner=TurnPlanner(flow.language, self.settings.hearing, hears=recognizer.name != NONE),
            recognizer=recognizer,
            ledger=DatabaseLedger(database),
            api=self.api,
            bus=bus,
            call_limit_s=float(flow.spec.limits.call_s),
            recordings=self.recordings,
            agents=self.agents,
        )


async def open_studio(
    stack: AsyncExitStack,
    settings: Settings,
    clock: Clock,
    catalogue: Catalogue,
    recordings: Path | None = None,
    agents: AgentSupply | None = None,
) -> Studio:
    """`stack` closes what is opened. `agents` None: nobody takes calls over."""
    patient = isinstance(clock, VirtualClock)
    synthesizer = EspeakSynthesizer(deadline_s=PATIENT.deadline_s) if patient else EspeakSynthesizer()
    stack.push_async_callback(_closing(clock, synthesizer.close))
    voices = DEFAULT_VOICES | {name: speech.voice for name, speech in settings.speech.items() if speech.voice}
    renderer = Renderer(catalogue, synthesizer, settings.cache_dir / "prompts", voices)
    stack.push_async_callback(_closing(clock, renderer.close))
    api = ApiClient(settings.api, clock)
    stack.push_async_callback(api.close)
    if recordings is not None:
        await clock.outside(asyncio.to_thread(recordings.mkdir, parents=True, exist_ok=True))
    return Studio(settings, clock, catalogue, synthesizer, voices, renderer, api, agents, recordings)


def recognizer_name(settings: Settings, language: str, wanted: str | None) -> str:
    """Which recogniser a language gets; `wanted` None: the settings' or the best that is there.

    Raises SpeechError when there is none for it."""
    os.environ.setdefault(MODELS_VARIABLE, str(settings.models_dir))
    wanted = wanted or settings.speech_of(language).recognizer
    return NONE if wanted == NONE else choose(language, wanted)


def recognizer_of(settings: Settings, language: str, wanted: str | None, clock: Clock) -> Recognizer:
    """The recogniser for a language (`recognizer_name`), not started."""
    name = recognizer_name(settings, language, wanted)
    if name == NONE:
        return DeafRecognizer()
    hearing = settings.hearing
    bounds = PATIENT if isinstance(clock, VirtualClock) else RecognizerOptions(deadline_s=hearing.deadline_s)
    bounds = replace(bounds, workers=hearing.workers or 0)
    return HeldRecognizer(create(name, language, bounds), clock, hearing.reaction_s)


def _closing(clock: Clock, close: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def closed() -> None:
        await clock.outside(close())

    return closed
