"""The lexicons: per language, how people say yes, no, a rating, a command; read once, checked while read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from speech.ports import SpeechError

LEXICON_DIR = Path(__file__).parent / "lexicon"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Phrases as written in `lexicon/<language>.yaml`; see there for what each part means."""

    language: str
    yes_no: dict[str, tuple[str, ...]]
    rating: dict[str, tuple[str, ...]]
    commands: dict[str, tuple[str, ...]]
    digits: dict[str, tuple[str, ...]]
    fillers: tuple[str, ...]
    leading: tuple[str, ...]
    trailing: tuple[str, ...]
    decoys: dict[str, tuple[str, ...]]  # "any", or an answer type
    sounds_like: dict[str, str]
    hints: dict[str, str]


def languages() -> tuple[str, ...]:
    """The languages that have a lexicon."""
    return tuple(sorted(path.stem for path in LEXICON_DIR.glob("*.yaml")))


def language_of(tag: str) -> str:
    """The lexicon's name for a language tag: "zh", "zh-CN" and "zh-Hans" are all "zh-CN".

    Raises SpeechError for a language without a lexicon."""
    for language in languages():
        if language.split("-")[0] == tag.lower().replace("_", "-").split("-")[0]:
            return language
    raise SpeechError(
        "no spoken answers are known in language {language}: use one of {languages}, or add {path}",
        language=tag,
        languages=", ".join(languages()),
        path=f"speech/answers/lexicon/{tag}.yaml",
    )


def lexicon(tag: str) -> Lexicon:
    """The lexicon of a language. Raises SpeechError when there is none."""
    return _load(language_of(tag))


@cache
def _load(language: str) -> Lexicon:
    raw = yaml.safe_load((LEXICON_DIR / f"{language}.yaml").read_text(encoding="utf-8"))
    return Lexicon(
        language=raw["language"],
        yes_no=_phrases(raw["yes_no"]),
        rating=_phrases(raw["rating"]),
        commands=_phrases(raw["commands"]),
        digits=_phrases(raw["digits"]),
        fillers=tuple(raw["fillers"]),
        leading=tuple(raw["edges"]["leading"]),
        trailing=tuple(raw["edges"]["trailing"]),
        decoys=_phrases(raw["decoys"]),
        sounds_like=dict(raw.get("sounds_like", {})),
        hints=dict(raw["hints"]),
    )


def _phrases(raw: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    for meaning, texts in raw.items():
        # YAML reads a bare `no` as false: such a line must be quoted.
        if not isinstance(meaning, str) or not all(isinstance(text, str) for text in texts):
            raise TypeError(f"lexicon: {meaning!r} and its phrases must all be texts (quote yes and no)")
    return {meaning: tuple(texts) for meaning, texts in raw.items()}
