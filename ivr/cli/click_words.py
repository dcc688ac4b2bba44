"""click's own words (usage, "no such option", …) in the user's language, from the same .po files as ours.

click asks `gettext`, which wants compiled catalogues in the system's places; ours are read as they are written
(see `ivr.i18n`), so click's modules are given our `translate` instead. In English nothing changes."""

from __future__ import annotations

from types import ModuleType

from click import core, decorators, exceptions, formatting, parser, termui, types

from ivr.i18n import translate

MODULES: tuple[ModuleType, ...] = (core, decorators, exceptions, formatting, parser, termui, types)


def teach_click() -> None:
    """From now on click speaks the language that `ivr.i18n.use_language` was told."""
    for module in MODULES:
        vars(module)["_"] = _translated
        if "ngettext" in vars(module):
            vars(module)["ngettext"] = _counted


def _translated(message: str) -> str:
    return translate(message)  # click fills it in


def _counted(one: str, many: str, count: int) -> str:
    """One or many, as English tells them apart; Chinese has the same sentence for both."""
    return translate(one if count == 1 else many)
