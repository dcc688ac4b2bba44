"""The registered answer types, and the question each makes of the lexicon."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from speech.answers.lexicon import Lexicon, language_of, lexicon
from speech.ports import Phrase, Question, SpeechError

COMMANDS = ("agent", "repeat", "opt_out", "complaint")
FILLER = "filler"
DECOY = ""


@dataclass(frozen=True, slots=True)
class AnswerSpec:
    """What a flow's node asks for. `choices` maps a value to the ways of saying it, in `language`.

    `min_digits` and `max_digits` bound what counts as an answer to a `digits` question."""

    type: str  # yes_no | rating | choice | digits | any registered type
    language: str  # a BCP 47 tag
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    min_digits: int = 1
    max_digits: int = 1


Builder = Callable[[AnswerSpec, Lexicon], Mapping[str, tuple[str, ...]]]
_types: dict[str, Builder] = {}


def register(name: str, builder: Builder) -> None:
    """Add an answer type: its builder gives the ways of saying each value of a spec."""
    if name in _types:
        raise ValueError(f"answer type {name} is registered already")
    _types[name] = builder


def answer_types() -> tuple[str, ...]:
    return tuple(sorted(_types))


def build_question(spec: AnswerSpec, commands: Iterable[str] = COMMANDS) -> Question:
    """The question a recogniser gets: the answer's phrases, the commands that count here, fillers and decoys.

    Where two parts have the same text the first wins, in this order: answers, commands, fillers, decoys.
    Raises SpeechError for a type, language or command that isn't known, and for a choice without phrases."""
    if spec.type not in _types:
        raise SpeechError(
            "answer type {type} is not known: use one of {types}", type=spec.type, types=", ".join(answer_types())
        )
    words = lexicon(spec.language)
    commands = tuple(commands)
    for command in commands:
        if command not in words.commands:
            raise SpeechError(
                "command {command} is not known: use one of {commands}",
                command=command,
                commands=", ".join(words.commands),
            )
    parts: list[tuple[str, Iterable[str]]] = list(_types[spec.type](spec, words).items())
    parts += [(f"command:{command}", words.commands[command]) for command in commands]
    parts += [(FILLER, words.fillers), (DECOY, words.decoys.get(spec.type, ())), (DECOY, words.decoys["any"])]
    meanings: dict[str, str] = {}
    for meaning, texts in parts:
        for text in texts:
            meanings.setdefault(text, meaning)
    return Question(
        kind=spec.type,
        language=language_of(spec.language),
        phrases=tuple(Phrase(text, meaning) for text, meaning in meanings.items()),
        hint=words.hints.get(spec.type, ""),
        fillers=frozenset(words.fillers),
        digits=(spec.min_digits, spec.max_digits) if spec.type == "digits" else None,
    )


def _yes_no(_spec: AnswerSpec, words: Lexicon) -> Mapping[str, tuple[str, ...]]:
    return words.yes_no


def _rating(_spec: AnswerSpec, words: Lexicon) -> Mapping[str, tuple[str, ...]]:
    return words.rating


def _digits(_spec: AnswerSpec, words: Lexicon) -> Mapping[str, tuple[str, ...]]:
    return words.digits


def _choice(spec: AnswerSpec, _words: Lexicon) -> Mapping[str, tuple[str, ...]]:
    silent = [value for value, texts in spec.choices.items() if not texts]
    if silent or not spec.choices:
        raise SpeechError(
            "a choice needs the ways of saying it in {language}: none for {values}",
            language=spec.language,
            values=", ".join(silent) or "any value",
        )
    return spec.choices


def _commands(_spec: AnswerSpec, _words: Lexicon) -> Mapping[str, tuple[str, ...]]:
    """A prompt that asks nothing: the global commands alone may be said over it."""
    return {}


register("commands", _commands)
register("yes_no", _yes_no)
register("rating", _rating)
register("digits", _digits)
register("choice", _choice)
