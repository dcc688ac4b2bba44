"""Which family of rules a language tag belongs to; tags are BCP 47 (zh-CN, en, ko)."""

from __future__ import annotations


def family(language: str) -> str:
    """The primary subtag: "zh" for zh-CN, "en" for en-GB."""
    return language.replace("_", "-").split("-", 1)[0].lower()


def babel_locale(language: str) -> str:
    """The name by which Babel knows the language, for what is written and for languages without rules here."""
    return {"zh": "zh_CN", "en": "en"}.get(family(language), family(language))
