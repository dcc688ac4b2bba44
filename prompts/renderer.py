"""From a prompt to its sound: a recording if there is one, else synthesised phrase by phrase and kept.

Phrases are the unit: what many prompts share is made once, a personal prompt costs its personal phrases alone, and
an interrupted prompt goes on at the last one. The synthesiser runs in a process of its own; what happens on the
loop is looking up, joining and, for a new phrase, shaping (docs/prompts.md has the figures)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prompts import shaping
from prompts.cache import PhraseCache, SizedLru
from prompts.catalogue import Catalogue, Entry
from prompts.errors import PromptError
from prompts.languages import family
from prompts.phrases import Phrase
from prompts.templates import variables
from prompts.values import Scalar
from prompts.wording import DEFAULT_CURRENCY, Wording
from speech.audio import FRAME_BYTES, PromptAudio
from speech.audio.files import read_audio
from speech.ports import SpeechError, Synthesizer

MEMORY_BYTES = 64 * 1024 * 1024  # an hour of whole prompts, beside the phrases that the cache holds
MAX_PROMPT_S = 180.0
# Raise it when shaping or joining changes the sound: old files are then left alone and pruned in time.
RENDERING = 1


@dataclass(frozen=True, slots=True)
class PromptRequest:
    """What to say: an id of the catalogue or a template, with values; like flows.waits.PromptRef."""

    language: str
    id: str | None = None
    text: str | None = None
    variables: Mapping[str, Scalar] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What it takes to make a prompt: a recording, or phrases with their keys in one voice."""

    key: tuple[object, ...]
    template: str
    recording: Path | None = None
    phrases: tuple[tuple[Phrase, str], ...] = ()
    voice: str = ""


class Renderer:
    """Makes prompts audible. One per process; `close` it before its loop ends."""

    def __init__(
        self,
        catalogue: Catalogue,
        synthesizer: Synthesizer,
        cache_dir: Path,
        voices: Mapping[str, str],
        currency: str = DEFAULT_CURRENCY,
    ) -> None:
        """`voices`: language -> voice of the synthesiser. `currency` (ISO 4217): of amounts that name none."""
        self._catalogue = catalogue
        self._synthesizer = synthesizer
        self._cache = PhraseCache(cache_dir)
        self._voices = dict(voices)
        self._currency = currency
        self._types = catalogue.types()
        self._prompts: SizedLru[tuple[object, ...], PromptAudio] = SizedLru(MEMORY_BYTES)
        self._making: dict[str, asyncio.Task[bytes]] = {}
        self._started = False

    async def render(self, request: PromptRequest) -> PromptAudio:
        """The prompt's sound, made if need be. Raises PromptError (wording) or SpeechError (sound)."""
        if not self._started:  # the synthesiser's name, a part of every key, holds its version from now on
            await self._synthesizer.start()
            self._started = True
        found = self._find(request)
        if isinstance(found, PromptAudio):
            return found
        if found.recording is not None:  # decoding may run a program: not on the loop
            audio = await asyncio.to_thread(_recorded, found.recording, found.template)
        else:
            sounds = await asyncio.gather(
                *(self._phrase(phrase, key, found.voice) for phrase, key in found.phrases)
            )
            audio = self._join(request, found, sounds)
        return self._keep(found, audio)

    def ready(self, request: PromptRequest) -> PromptAudio | None:
        """The prompt's sound when nothing has to be made or decoded for it, else None. Raises like `render`."""
        found = self._find(request)
        return found if isinstance(found, PromptAudio) else None

    def _find(self, request: PromptRequest) -> PromptAudio | _Plan:
        """The sound from memory or from phrases on disk, else what it takes to make it."""
        template, key = self._template(request)
        audio = self._prompts.get(key)
        if audio is not None:
            return audio
        entry = self._entry(request)
        if entry is not None and entry.recording is not None and not variables(template):
            return _Plan(key, template, recording=entry.recording)
        voice = self._voice(request.language)
        phrases = tuple((phrase, self._phrase_key(phrase, voice)) for phrase in self._phrases(request, template))
        plan = _Plan(key, template, phrases=phrases, voice=voice)
        sounds = [self._cache.get(phrase_key) for _, phrase_key in phrases]
        whole = [sound for sound in sounds if sound is not None]
        return self._keep(plan, self._join(request, plan, whole)) if len(whole) == len(sounds) else plan

    async def prerender(self, requests: Iterable[PromptRequest]) -> None:
        """Make every prompt, so that calls find it ready; text messages are left out.

        Raises for the first one that can't be made."""
        for request in requests:
            entry = self._entry(request)
            if entry is None or not entry.written:
                await self.render(request)

    def written(self, request: PromptRequest) -> str:
        """The prompt as text to read (for text messages). Raises PromptError."""
        template, _ = self._template(request)
        return self._wording(request).written(template, request.variables)

    def words(self, request: PromptRequest) -> str:
        """The prompt as it is spoken, in words. Raises PromptError."""
        template, _ = self._template(request)
        return _text(self._phrases(request, template), request.language)

    async def close(self) -> None:
        """Stop what is being made. The synthesiser stays its owner's to close."""
        for task in list(self._making.values()):
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    # ---- words ------------------------------------------------------------------------------------------------

    def _template(self, request: PromptRequest) -> tuple[str, tuple[object, ...]]:
        """The request's template, and the key of what it says: values that it doesn't use are left out."""
        entry = self._entry(request)
        template = request.text if entry is None else entry.text
        assert template is not None
        used = sorted(variables(template))
        values = tuple((name, repr(request.variables.get(name)), self._type(request, name)) for name in used)
        return template, (request.language, request.id, template, values)

    def _entry(self, request: PromptRequest) -> Entry | None:
        if (request.id is None) == (request.text is None):
            raise PromptError("a prompt is either an id of the catalogue or a text")
        if request.id is None:
            return None
        entry = self._catalogue.entry(request.id, request.language)
        if entry is None:
            raise PromptError("no prompt {id} in {language}: add it", id=request.id, language=request.language)
        return entry

    def _type(self, request: PromptRequest, name: str) -> str | None:
        """The flow's type, unless it only says `text` where the catalogue knows better."""
        declared = request.types.get(name)
        return self._types.get(name, declared) if declared in (None, "text") else declared

    def _wording(self, request: PromptRequest) -> Wording:
        names = {*request.types, *self._types}
        types = {name: kind for name in names if (kind := self._type(request, name)) is not None}
        return Wording(types, request.language, self._currency)

    def _phrases(self, request: PromptRequest, template: str) -> tuple[Phrase, ...]:
        phrases = self._wording(request).spoken(template, request.variables)
        if not phrases:
            raise PromptError("there is nothing to say in the prompt {prompt}", prompt=request.id or template[:60])
        return phrases

    # ---- sound ------------------------------------------------------------------------------------------------

    def _voice(self, language: str) -> str:
        voice = self._voices.get(language) or next(
            (voice for tag, voice in self._voices.items() if family(tag) == family(language)), None
        )
        if voice is None:
            raise PromptError("no voice is configured for the language {language}", language=language)
        return voice

    def _phrase_key(self, phrase: Phrase, voice: str) -> str:
        made_of = [
            RENDERING,
            self._synthesizer.name,
            voice,
            phrase.text,
            shaping.TARGET_RMS_DBFS,
            shaping.PEAK_DBFS,
        ]
        return hashlib.sha256(json.dumps(made_of, ensure_ascii=False).encode()).hexdigest()

    async def _phrase(self, phrase: Phrase, key: str, voice: str) -> bytes:
        """One phrase from the cache, from whoever is making it already, or made now."""
        sound = self._cache.get(key)
        if sound is not None:
            return sound
        task = self._making.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._make(key, phrase, voice))
            self._making[key] = task
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task)  # others may wait for it when our caller gives up

    async def _make(self, key: str, phrase: Phrase, voice: str) -> bytes:
        sound = shaping.shape(await self._synthesizer.synthesize(phrase.text, voice))
        if not sound:
            raise SpeechError("the voice {voice} says nothing for {text}", voice=voice, text=phrase.text[:40])
        self._cache.put(key, sound)
        return sound

    def _made(self, key: str, task: asyncio.Task[bytes]) -> None:
        del self._making[key]
        if not task.cancelled():
            task.exception()  # whoever still waits gets it; nobody waiting is no reason for asyncio to complain

    def _join(self, request: PromptRequest, plan: _Plan, sounds: Iterable[bytes]) -> PromptAudio:
        phrases = tuple(phrase for phrase, _ in plan.phrases)
        parts: list[bytes] = []
        starts: list[int] = []
        frames = 0
        for index, (phrase, sound) in enumerate(zip(phrases, sounds, strict=True)):
            pause = shaping.silence(phrase.pause_ms) if index < len(phrases) - 1 else b""
            starts.append(frames)
            parts += [sound, pause]
            frames += (len(sound) + len(pause)) // FRAME_BYTES
        made_of = [[key, phrase.pause_ms] for phrase, key in plan.phrases]
        digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
        return _bounded(PromptAudio(b"".join(parts), tuple(starts), _text(phrases, request.language), digest))

    def _keep(self, plan: _Plan, audio: PromptAudio) -> PromptAudio:
        self._prompts.put(plan.key, audio, len(audio.pcm))
        return audio


def _text(phrases: tuple[Phrase, ...], language: str) -> str:
    return ("" if family(language) == "zh" else " ").join(phrase.text for phrase in phrases)


def _recorded(path: Path, text: str) -> PromptAudio:
    pcm = shaping.shape(read_audio(path))
    if not pcm:
        raise SpeechError("the recording {path} is silent", path=path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return _bounded(PromptAudio(pcm, shaping.phrase_starts(pcm), text, digest))


def _bounded(audio: PromptAudio) -> PromptAudio:
    if audio.seconds > MAX_PROMPT_S:
        raise PromptError(
            "a prompt of {seconds} s is too long: at most {limit} s",
            seconds=round(audio.seconds),
            limit=round(MAX_PROMPT_S),
        )
    return audio
