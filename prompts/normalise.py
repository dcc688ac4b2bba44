"""Text for the ear: figures in the fixed wording of a prompt become words.

Chinese and English go through WeTextProcessing's grammars (`wetext`); a few expressions that these read wrongly
are put right first. Other languages pass as they are: their voices read figures themselves. Values of variables
don't need this: `prompts.speaking` has put them in words already."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from prompts.languages import family
from prompts.speaking import speak
from prompts.speaking.words import NormaliserError, in_words

_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

_NUMBER = r"(?<![A-Za-z\d.,:：/-])(\d+\.\d+)(?![\d.:：/])"
_COUNTED = "次|件|项|条|份|张|部|家|名|遍|笔|套|种|周|月份|点"


def normalise(text: str, language: str) -> str:
    """The text with figures in words, spaces and control characters tidied up."""
    tidy = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return _in_words(tidy, family(language)) if family(language) in _RULES else tidy


@lru_cache(maxsize=4096)
def _in_words(text: str, language: str) -> str:
    for pattern, replace in _RULES[language]:
        text = pattern.sub(replace, text)
    if not _WORTH_A_LOOK.search(text):
        return text  # nothing that the grammars would change, and they cost milliseconds
    try:
        return in_words(text, language)
    except NormaliserError:
        return text  # a few sequences of signs ("0¢") break the library; the voice then reads what it can


def _spoken(kind: str, language: str) -> Callable[[re.Match[str]], str]:
    return lambda match: speak(match[1], kind, language, "CNY")


def _thousands(language: str) -> _Rule:
    return re.compile(r"(?<![\d,.])(\d{1,3}(?:,\d{3})+)(?![\d,.元块])"), _spoken("number", language)


_WORTH_A_LOOK = re.compile(r"[\d$%&@#+=°€£]|\b(?:Mr|Mrs|Ms|Dr|Ltd)\.")
_AMOUNT = r"\d[\d,]*(?:\.\d{1,2})?"

_RULES: dict[str, tuple[_Rule, ...]] = {
    "zh": (
        (re.compile(rf"(?<![\d.])({_AMOUNT})\s*(?:元|块钱)"), _spoken("money", "zh")),
        (re.compile(rf"[¥￥]\s*({_AMOUNT})"), _spoken("money", "zh")),
        _thousands("zh"),
        (re.compile(r"(\d+(?:\.\d+)?)\s*[%％]"), _spoken("percent", "zh")),
        (re.compile(_NUMBER), _spoken("number", "zh")),  # the library takes 12.5 for a day in December
        (re.compile(r"(?<![\d-])(\d{1,3})\s*[-~～–—]\s*(?=\d{1,3}(?![\d-]))"), lambda match: f"{match[1]}到"),
        (re.compile(rf"(?<![\d第.])2(?={_COUNTED})"), lambda _: "两"),
        (re.compile(r"(?<=月)2(?=[日号])"), lambda _: "二"),
    ),
    "en": (
        (re.compile(rf"(\$\s?{_AMOUNT})(?!\.?\d)"), _spoken("money", "en")),
        (re.compile(rf"[¥￥]\s*({_AMOUNT})"), _spoken("money", "en")),
        (re.compile(rf"\b({_AMOUNT}) (?:yuan|RMB)\b"), _spoken("money", "en")),
        _thousands("en"),
        (re.compile(r"(\d+(?:\.\d+)?)\s?%"), _spoken("percent", "en")),
        (re.compile(r"(?<![\d-])(\d{1,3})\s*[-~–—]\s*(?=\d{1,3}(?![\d-]))"), lambda match: f"{match[1]} to "),
        (re.compile(r"\bNo\. ?(?=\d)"), lambda _: "number "),
    ),
}
