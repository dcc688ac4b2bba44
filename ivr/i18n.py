"""What users read, in their language. English is in the code; Chinese in `ivr/locale/zh_CN/*.po`.

The .po files are read as they are, so that no build step stands between a translator and the result."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

LOCALE_DIR = Path(__file__).parent / "locale"
_language = "en"


def use_language(language: str | None) -> None:
    """Set the language of messages: "zh-CN" or "en"; None reads IVR_LANG, then LC_ALL, LC_MESSAGES, LANG."""
    global _language
    if language is None:
        names = (os.environ.get(name) for name in ("IVR_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))
        language = next((name for name in names if name), "en")
    _language = "zh_CN" if language.lower().startswith("zh") else "en"


def current_language() -> str:
    """The BCP 47 name of the language in use: "zh-CN" or "en"."""
    return "zh-CN" if _language == "zh_CN" else "en"


def translate(template: str, /, **params: object) -> str:
    """The template in the user's language, filled in."""
    return translate_into(current_language(), template, **params)


def translate_into(language: str, template: str, /, **params: object) -> str:
    """The template in a given language ("zh-CN" or "en"), for files that aren't in the user's own."""
    text = _catalogue("zh_CN" if language.lower().startswith("zh") else "en").get(template) or template
    return text.format(**params) if params else text


_ = translate


@cache
def _catalogue(language: str) -> dict[str, str]:
    messages: dict[str, str] = {}
    for path in sorted((LOCALE_DIR / language).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language, abort_invalid=True):
                if message.id and message.string:
                    messages[str(message.id)] = str(message.string)
    return messages
