"""docs/configuration.md, made from the settings themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ivr.config.archive import ArchiveSettings, KeepSettings
from ivr.config.campaigns import ApprovalSettings, ApprovalStep
from ivr.config.installation import LanguageSpeech
from ivr.config.network import CallerIdSettings, TrunkSettings
from ivr.config.section import Section
from ivr.config.settings import Settings
from ivr.config.systems import CheckerSettings, DeliverySettings, EligibilitySettings

# Tables whose names the user chooses: what docs/configuration.md calls them, and the model of one.
_TABLES: dict[str, tuple[tuple[str, type[Section]], ...]] = {
    "speech": (("speech.LANGUAGE", LanguageSpeech),),
    "trunks": (("trunks.NAME", TrunkSettings), ("trunks.NAME.caller_ids.PURPOSE", CallerIdSettings)),
    "deliveries": (("deliveries.NAME", DeliverySettings),),
    "eligibility": (("eligibility.NAME", EligibilitySettings),),
    "checkers": (("checkers.NAME", CheckerSettings),),
    "approval": (("approval", ApprovalSettings), ("approval.steps", ApprovalStep)),
    "archive": (("archive", ArchiveSettings), ("archive.keep.KIND", KeepSettings)),
}
_OWN_TABLES = {
    ("trunks.NAME", "caller_ids"),
    ("approval", "steps"),
    ("archive", "keep"),
}  # keys that are tables of their own


def describe() -> str:
    """The reference part of docs/configuration.md, from the model itself."""
    return "\n".join(_describe_sections()).rstrip() + "\n"


def _describe_sections() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if name in _TABLES:
            tables = _TABLES[name]
        else:
            assert isinstance(section, type)
            assert issubclass(section, Section)
            tables = ((name, section),)
        for title, model in tables:
            yield f"## `[{title}]`\n\n{model.__doc__}\n"
            yield "| Key | Default | Meaning |\n|---|---|---|"
            for key, info in model.model_fields.items():
                if (title, key) in _OWN_TABLES:
                    continue
                default = None if info.is_required() else info.get_default(call_default_factory=True)
                shown = "required" if info.is_required() else _toml(default)
                yield f"| `{key}` | {shown} | {info.description} |"
            yield ""


def _toml(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, tuple):
        return "`[]`" if not value else f"`{list(value)}`"
    return f'`"{value}"`' if isinstance(value, (str, Path)) else f"`{value}`"
