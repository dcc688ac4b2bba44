"""What a text means: the nearest phrase by sound decides, decoys compete, and a negation is never lost.

A text is compared whole, without the words around an answer that change nothing (嗯, 谢谢), and, when that fails,
clause by clause: clauses must not contradict each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from speech.answers.distance import Phrasebook
from speech.answers.lexicon import lexicon
from speech.answers.sounds import Units, clauses, units
from speech.ports import Question

# Edits per unit up to which a text counts as a phrase. One wrong syllable in four (.25) passes, one in three (.33)
# and one in two don't; a near pair (.2) passes even alone. Judgement, tried on tests/callers.
MATCH_MAX = 0.30
# The nearest phrase must be nearer by this than any phrase of another meaning, else the text is ambiguous.
MARGIN_MIN = 0.05
# Cutting words off an utterance costs this, so that an exact phrase ("好吗", a decoy) beats a trimmed one ("好").
TRIM_COST = 0.06
# Further than this nothing is near.
RANK_MAX = 0.6

NEGATIONS = {
    "zh-CN": frozenset({"bu", "mei", "bie"}),  # 不 没 别, by sound
    "en": frozenset(
        {"no", "not", "never", "nope", "nah", "none", "nothing", "neither", "nor", "without", "stop", "quit"}
    ),
}
_KOREAN_NEGATION = re.compile(r"아니|아뇨|않|못|없|싫|마세요|지마|안(?!녕|내)")
_WRITTEN_NEGATION = re.compile("[不没沒别別]")
_NEGATED_LATIN = re.compile(r"\b(?:no|not|\w+n't|never)\b")


@dataclass(frozen=True, slots=True)
class Match:
    """What a text was taken for. `meaning` None: no answer (too far from all phrases, ambiguous, or a decoy)."""

    meaning: str | None
    phrase: str  # the nearest phrase, whatever came of it; "" when the text holds no sound
    distance: float  # 0..1, of that phrase


@dataclass(frozen=True, slots=True)
class Ranked:
    """The nearest phrase of one meaning ("" for decoys)."""

    meaning: str
    phrase: str
    distance: float


@dataclass(frozen=True, slots=True)
class _Book:
    """A question's phrases, ready to be compared; `negated` tells which say no, not or don't."""

    phrases: Phrasebook
    negated: tuple[bool, ...]


def match(text: str, question: Question) -> Match:
    """What the text means as an answer to the question."""
    if question.digits is not None:
        digits = _spoken_digits(text, question)
        if digits is not None:
            fewest, most = question.digits
            return Match(digits if fewest <= len(digits) <= most else None, text, 0.0)
    whole = decide(rank(text, question))
    parts = clauses(text)
    if whole.meaning is not None or len(parts) < 2:
        return whole
    found = {decide(rank(part, question)).meaning for part in parts} - {"filler"}
    meanings = {meaning for meaning in found if meaning is not None}
    if len(meanings) != len(found):
        return whole
    commands = {meaning for meaning in meanings if meaning.startswith("command:")}
    if len(commands) == 1 and meanings - commands <= {"no"}:  # "不要,别再打了"
        meanings = commands
    return Match(meanings.pop(), text, whole.distance) if len(meanings) == 1 else whole


def decide(ranked: list[Ranked], limit: float = MATCH_MAX) -> Match:
    """The decision over a ranking: the nearest, unless too far, a decoy, or not alone."""
    if not ranked:
        return Match(None, "", 1.0)
    best = ranked[0]
    alone = len(ranked) == 1 or ranked[1].distance - best.distance >= MARGIN_MIN
    taken = best.meaning != "" and best.distance <= limit and alone
    return Match(best.meaning if taken else None, best.phrase, best.distance)


def rank(text: str, question: Question) -> list[Ranked]:
    """The nearest phrase of each meaning, nearest first, without phrases that would lose or invent a negation.

    A negated text is a yes only in the lexicon's own words (没问题), never by likeness."""
    language = question.language
    forms = _forms(units(text, language), language)
    if not forms:
        return []
    book = _book(question)
    nearness = book.phrases.distances(forms[0])
    for form in forms[1:]:
        nearness = np.minimum(nearness, book.phrases.distances(form) + TRIM_COST)
    negated = is_negated(text, language)
    best: dict[str, Ranked] = {}
    for index in np.flatnonzero(nearness <= RANK_MAX):
        phrase, far = question.phrases[index], float(nearness[index])
        if phrase.meaning != "" and book.negated[index] != negated:
            continue
        if negated and phrase.meaning == "yes" and far > TRIM_COST:
            continue
        if phrase.meaning not in best or far < best[phrase.meaning].distance:
            best[phrase.meaning] = Ranked(phrase.meaning, phrase.text, far)
    return sorted(best.values(), key=lambda item: item.distance)


def is_negated(text: str, language: str, *, by_sound: bool = True) -> bool:
    """Whether the text says no, not or don't, in this language or in English words within it.

    Chinese negations count by sound (布 is a misheard 不), or only as they are written."""
    if language == "ko":
        return _KOREAN_NEGATION.search(text.replace(" ", "")) is not None
    if language == "zh-CN" and _NEGATED_LATIN.search(text.lower()):
        return True
    if language == "zh-CN" and not by_sound:
        return _WRITTEN_NEGATION.search(text) is not None
    return not NEGATIONS[language].isdisjoint(units(text, language))


@lru_cache(maxsize=256)
def _book(question: Question) -> _Book:
    language = question.language
    texts = [phrase.text for phrase in question.phrases]
    return _Book(
        Phrasebook([units(text, language) for text in texts], language),
        tuple(is_negated(text, language) for text in texts),
    )


def _forms(sounds: Units, language: str) -> list[Units]:
    """The sounds as they are, without empty words around them, and said once where said twice (是的是的)."""
    if not sounds:
        return []
    forms = [sounds]
    for form in (_trimmed(sounds, language), _said_once(sounds), _said_once(_trimmed(sounds, language))):
        if form not in forms:
            forms.append(form)
    return forms


def _trimmed(sounds: Units, language: str) -> Units:
    leading, trailing = _edges(language)
    cut = True
    while cut:
        cut = False
        for edge in leading:
            if len(sounds) > len(edge) and sounds[: len(edge)] == edge:
                sounds, cut = sounds[len(edge) :], True
        for edge in trailing:
            if len(sounds) > len(edge) and sounds[-len(edge) :] == edge:
                sounds, cut = sounds[: -len(edge)], True
    return sounds


def _said_once(sounds: Units) -> Units:
    for size in range(1, len(sounds) // 2 + 1):
        if len(sounds) % size == 0 and sounds == sounds[:size] * (len(sounds) // size):
            return sounds[:size]
    return sounds


@lru_cache(maxsize=256)
def _edges(language: str) -> tuple[tuple[Units, ...], tuple[Units, ...]]:
    words = lexicon(language)
    return (
        tuple(units(text, language) for text in words.leading),
        tuple(units(text, language) for text in words.trailing),
    )


def _spoken_digits(text: str, question: Question) -> str | None:
    """The digits when the text is nothing but digits, longest words first; None otherwise."""
    sounds = units(text, question.language)
    words = _digit_words(question)
    digits = ""
    while sounds:
        found = next((word for word in words if sounds[: len(word)] == word), None)
        if found is None:
            return None
        digits += words[found]
        sounds = sounds[len(found) :]
    return digits or None


@lru_cache(maxsize=256)
def _digit_words(question: Question) -> dict[Units, str]:
    words = {
        units(phrase.text, question.language): phrase.meaning
        for phrase in question.phrases
        if phrase.meaning.isdigit()
    }
    return dict(sorted(words.items(), key=lambda item: -len(item[0])))
