"""The configured Asterisk and trunks, proven, to be read. For `ivr asterisk check` and `ivr doctor`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ivr.config import Settings
from ivr.i18n import translate as _
from ivr.pbx import endpoint_config, pbx_config
from trunk.asterisk.check import check
from trunk.asterisk.check.proof import Proof


@dataclass(frozen=True, slots=True)
class Checked:
    """One proof, to be read."""

    what: str
    ok: bool
    detail: str
    fix: str


async def check_asterisk(settings: Settings) -> AsyncIterator[Checked]:
    """Every proof as soon as it is there. Raises ConfigError when there is no password to try."""
    endpoints = [endpoint_config(name, trunk) for name, trunk in settings.trunks.items()]
    async for proof in check(pbx_config(settings), endpoints):
        yield _read(proof)
    if not endpoints:
        yield _read(
            Proof("trunks", False, "there are none", "ivr.toml: [trunks.NAME] with server = the operator's")
        )


def _read(proof: Proof) -> Checked:
    texts = (_(text, **proof.params) if text else "" for text in (proof.title, proof.template, proof.fix))
    what, detail, fix = texts
    return Checked(what, proof.ok, detail, fix)
