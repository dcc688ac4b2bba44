"""What an agent hears before a customer is put through: the flow's brief, and in it what the customer has
answered, in the agent's language.

Answers are said by lines of the prompt catalogue (`brief.consent.yes`, `brief.rating`), or with the question where
nobody has a line for them and the question is short. All agents of a language hear the same, so it is made once
per request, from the moment when an agent is looked for."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import replace

from flows.values import SECRET, Scalar
from flows.waits import PromptRef
from ivr.briefs import Brief, CameTo, Point
from ivr.clock import Clock
from ivr.session.faults import log_fault
from ivr.session.speaker import Speaker, joined
from prompts.errors import PromptError
from prompts.languages import family
from prompts.values import AS_IS
from speech.audio import FRAME_BYTES, FRAME_S, PromptAudio
from speech.ports import SpeechError

log = logging.getLogger(__name__)
LONGEST_S = 15.0  # a brief lasts so long at most: the customer waits meanwhile
MAKING_S = 5.0  # a voice that takes longer keeps nobody waiting who has picked up: they hear the keys alone
MOST_ANSWERS = 4  # the newest; the agent reads the others
MOST_QUESTION_CHARS = 60  # a question is said with its answer when it is no longer
MOST_DIGITS = 2  # an answer of more digits is an account or a phone: it is read, not said
KEYS_PROMPT = PromptRef(id="common.whisper_keys")
HIDDEN_PROMPT = PromptRef(id="common.whisper_hidden")  # the word for what nobody may hear
_QUESTION = re.compile(r"[^.。!!??;;]*[??]")
_ID_PART = re.compile(r"[a-z][a-z0-9_]*")


class Whisper:
    """One request's brief, in every language in which an agent wants it."""

    def __init__(
        self, brief: PromptRef | None, points: Brief, speaker: Speaker, clock: Clock, attempt_id: str
    ) -> None:
        self._brief = brief
        self._points = points
        self._speaker = speaker
        self._clock = clock
        self._attempt_id = attempt_id
        self._made: dict[str | None, asyncio.Task[PromptAudio]] = {}

    def begin(self, language: str | None = None) -> asyncio.Task[PromptAudio]:
        """Have it made, unless it is: the brief and the keys. `language` None: the flow's. The task raises
        PromptError or SpeechError: not even the keys can be said."""
        if language == self._speaker.language:
            language = None  # begun already
        task = self._made.get(language)
        if task is None:
            task = asyncio.create_task(self._make(language))
            task.add_done_callback(_taken_note_of)
            self._made[language] = task
        return task

    def close(self) -> None:
        """Nobody needs it any more: a slow voice keeps nobody waiting."""
        for task in self._made.values():
            task.cancel()
        self._made = {}

    async def _make(self, language: str | None) -> PromptAudio:
        keys = await self._clock.outside(self._speaker.render((KEYS_PROMPT,), language))
        if self._brief is None:
            return keys
        try:
            brief = await self._clock.outside(self._in_time(self._brief, language))
        except (PromptError, SpeechError, TimeoutError) as error:  # the customer is put through all the same
            log_fault(log, "brief_not_made", error, attempt_id=self._attempt_id)
            return keys
        return joined([brief, keys])

    async def _in_time(self, brief: PromptRef, language: str | None) -> PromptAudio:
        async with asyncio.timeout(MAKING_S):
            return await brief_audio(brief, self._points, self._speaker, language)


async def brief_audio(brief: PromptRef, points: Brief, speaker: Speaker, language: str | None) -> PromptAudio:
    """At most LONGEST_S of it: the oldest answers are left out first, then what comes last in the brief.

    Raises PromptError or SpeechError."""
    spoken = speaker.spoken_in(brief, language)
    brief = _hidden_in_words(_in_language(brief, speaker, spoken), speaker, spoken)
    answers = list(said_answers(points, brief, speaker, spoken))[-MOST_ANSWERS:]
    while True:
        text = ("" if family(spoken) == "zh" else " ").join(answers)
        filled = brief.model_copy(update={"variables": {**brief.variables, "answers": text}})
        audio = await speaker.render((filled,), language)
        if audio.seconds <= LONGEST_S or not answers:
            return shortened(audio, LONGEST_S)
        answers = answers[1:]


def said_answers(points: Brief, brief: PromptRef, speaker: Speaker, spoken: str) -> Iterator[str]:
    """What became of the questions, each as it is spoken, in their order; nothing twice in a row."""
    before = ""
    for point in points:
        said = _said(point, brief, speaker, spoken)
        if said and said != before:
            yield said
            before = said


async def prepare_answers(speaker: Speaker) -> None:
    """Make what every agent may hear of answers that can be counted. Raises PromptError or SpeechError."""
    for name, values in speaker.answers.items():
        for value in values:
            said = _line(Point(name, name, "", CameTo.ANSWER, value), PromptRef(), speaker, speaker.language)
            if said:
                await speaker.render((PromptRef(text=_plain(said)),))


def shortened(audio: PromptAudio, longest_s: float) -> PromptAudio:
    """The sound up to the last pause before that; all of it when it is no longer."""
    most = round(longest_s / FRAME_S)
    if audio.frames <= most:
        return audio
    end = max((start for start in audio.phrase_starts if 0 < start <= most), default=most)
    starts = tuple(start for start in audio.phrase_starts if start < end)
    digest = hashlib.sha256(f"{audio.sha256}/{end}".encode()).hexdigest()
    return replace(audio, pcm=audio.pcm[: end * FRAME_BYTES], phrase_starts=starts, sha256=digest)


def _in_language(brief: PromptRef, speaker: Speaker, spoken: str) -> PromptRef:
    """The brief without words of the flow's language where another one is spoken."""
    if family(spoken) == family(speaker.language):
        return brief
    line = f"brief.flow.{speaker.flow_name}"
    title = speaker.words(PromptRef(id=line), spoken) if speaker.has(line, spoken) else ""
    return brief.model_copy(
        update={"variables": {**brief.variables, "flow_name": title.rstrip("。. "), "summary": ""}}
    )


def _hidden_in_words(brief: PromptRef, speaker: Speaker, spoken: str) -> PromptRef:
    """The brief with a word for what is masked in it: asterisks are read out one by one, or are no value of a
    filter's type."""
    hidden = [name for name, value in brief.variables.items() if value == SECRET]
    if not hidden:
        return brief
    word = _tried(HIDDEN_PROMPT, speaker, spoken).rstrip(".。 ")
    return brief.model_copy(
        update={
            "variables": {**brief.variables, **dict.fromkeys(hidden, word)},
            "types": {**brief.types, **dict.fromkeys(hidden, AS_IS)},
        }
    )


def _said(point: Point, brief: PromptRef, speaker: Speaker, spoken: str) -> str:
    """Nothing where nobody can say it, or nobody may hear it."""
    if SECRET in point.answer:
        return ""
    match point.came_to:
        case CameTo.ANSWER:
            line = _line(point, brief, speaker, spoken)
            return line or _with_question(point, speaker, spoken)
        case CameTo.COMMAND:
            return _words(f"brief.wish.{point.answer}", brief, speaker, spoken)
        case CameTo.IDENTITY:
            return _words(f"brief.checked.{point.answer}", brief, speaker, spoken)
    return ""


def _line(point: Point, brief: PromptRef, speaker: Speaker, spoken: str) -> str:
    """By the catalogue's line for that answer, else for that question."""
    own: dict[str, Scalar] = {"answer": _value(point, speaker, spoken), point.name: point.answer}
    whole = f"brief.{point.name}.{point.answer}" if _ID_PART.fullmatch(point.answer) else ""
    for line in (whole, f"brief.{point.name}"):
        if line and speaker.has(line, spoken):
            return _words(line, brief, speaker, spoken, own)
    return ""


def _with_question(point: Point, speaker: Speaker, spoken: str) -> str:
    """Such as: Do you want the plan? Yes. Only in the language in which it was asked."""
    value = _value(point, speaker, spoken)
    asked = _QUESTION.findall(point.asked)
    question = asked[-1].strip() if asked else ""
    if (
        family(spoken) != family(speaker.language)
        or not question
        or len(question) > MOST_QUESTION_CHARS
        or SECRET in question
        or (point.answer.isdecimal() and len(point.answer) > MOST_DIGITS)
    ):
        return ""
    return _tried(PromptRef(text=_plain(f"{question} {value[:1].upper()}{value[1:]}.")), speaker, spoken)


def _value(point: Point, speaker: Speaker, spoken: str) -> str:
    """The answer's own word."""
    line = f"brief.answer.{point.answer}"
    if speaker.has(line, spoken):
        return speaker.words(PromptRef(id=line), spoken).rstrip(".。 ")
    return point.answer.replace("_", " ")


def _words(
    line: str, brief: PromptRef, speaker: Speaker, spoken: str, own: dict[str, Scalar] | None = None
) -> str:
    if not speaker.has(line, spoken):
        return ""
    types = {name: kind for name, kind in brief.types.items() if name not in (own or {})}
    prompt = PromptRef(id=line, variables={**brief.variables, **(own or {})}, types=types)
    return _tried(prompt, speaker, spoken)


def _tried(prompt: PromptRef, speaker: Speaker, spoken: str) -> str:
    """A line that lacks a variable is left out: the others are said."""
    try:
        return speaker.words(prompt, spoken)
    except PromptError:
        return ""


def _plain(text: str) -> str:
    """As a template that says just this."""
    return text.replace("{", "").replace("}", "")


def _taken_note_of(task: asyncio.Task[PromptAudio]) -> None:
    if not task.cancelled():
        task.exception()  # whoever waits gets it; that nobody does is no reason for asyncio to complain
