"""What talk-over means once it is recognised: go on with the prompt, or stop it for good. Pure functions.

Chinese counts characters, languages with spaces count words: 我不需要 is four, "no thanks" two."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from enum import Enum, auto
from functools import lru_cache

from speech.ports import Hypothesis, Phrase, Question
from speech.turn.plan import COMMAND_MEANING, FILLER_MEANING, TalkOver

STOP_MEANING = "stop"  # of a TalkOver's `always` words where the question has no meaning for them
SECONDS_PER_UNIT = 0.1  # nobody says ten syllables a second: a cough "recognised" as a sentence isn't one

_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")  # kana and Chinese characters


class TalkOverVerdict(Enum):
    GO_ON = auto()  # a filler, a cough, an echo, or nothing understood: back to the phrase
    ANSWER = auto()  # an accepted phrase of the question, or a command
    STOP = auto()  # the caller wants to say something else: stop for good


def judge(heard: Hypothesis, talk_over: TalkOver, question: Question, voice_s: float) -> TalkOverVerdict:
    """Decide about speech over a prompt. `voice_s` is how long there was voice."""
    if is_filler(heard, question.fillers | frozenset(talk_over.ignore)):
        return TalkOverVerdict.GO_ON
    if is_answer(heard):
        return TalkOverVerdict.ANSWER
    if any(contains(heard.text, word) for word in talk_over.always):
        return TalkOverVerdict.STOP
    units = count_units(heard.text)
    if units >= max(1, talk_over.min_chars) and voice_s >= units * SECONDS_PER_UNIT:
        return TalkOverVerdict.STOP
    return TalkOverVerdict.GO_ON


def is_answer(heard: Hypothesis) -> bool:
    """Whether the recogniser accepted something that answers or commands; a decoy's meaning is empty."""
    return heard.accepted and bool(heard.meaning) and heard.meaning not in (STOP_MEANING, FILLER_MEANING)


def is_filler(heard: Hypothesis, fillers: frozenset[str]) -> bool:
    """Whether nothing but fillers was heard: 嗯, 嗯嗯, "uh huh". Nothing at all isn't a filler."""
    if heard.meaning == FILLER_MEANING:
        return True
    if heard.meaning is not None and heard.meaning.startswith(COMMAND_MEANING):
        return False
    rest = plain(heard.text)
    if not rest:
        return False
    for filler in sorted((plain(filler) for filler in fillers), key=len, reverse=True):
        if filler:
            rest = _without(rest, filler)
    return not rest.strip()


def contains(text: str, word: str) -> bool:
    """Whether the word is said in the text; a word of a language with spaces only as a whole word."""
    text, word = plain(text), plain(word)
    if not word:
        return False
    return word in text if _UNSPACED.search(word) else f" {word} " in f" {text} "


def count_units(text: str) -> int:
    """Chinese characters (and kana) plus words of everything else."""
    text = plain(text)
    return len(_UNSPACED.findall(text)) + len(_UNSPACED.sub(" ", text).split())


def plain(text: str) -> str:
    """Lower case, no punctuation, single spaces."""
    kept = (" " if unicodedata.category(char)[0] in "PSZC" else char for char in text.lower())
    return " ".join("".join(kept).split())


@lru_cache(maxsize=256)
def with_talk_over(question: Question, talk_over: TalkOver) -> Question:
    """The question as asked over a prompt: `always` words can be heard too, `ignore` words are fillers."""
    known = {phrase.text for phrase in question.phrases}
    meanings = dict.fromkeys(talk_over.ignore, FILLER_MEANING) | dict.fromkeys(talk_over.always, STOP_MEANING)
    more = tuple(Phrase(word, meaning) for word, meaning in meanings.items() if word not in known)
    fillers = question.fillers | frozenset(talk_over.ignore)
    return replace(question, phrases=question.phrases + more, fillers=fillers)


def _without(text: str, filler: str) -> str:
    if _UNSPACED.search(filler):
        return text.replace(filler, " ")
    padded = f" {' '.join(text.split())} ".replace(" ", "  ")  # doubled, so that neighbours don't share a space
    return padded.replace(f" {filler.replace(' ', '  ')} ", " ")
