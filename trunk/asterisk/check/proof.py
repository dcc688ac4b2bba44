"""What a proof says, and the questions that all of them ask Asterisk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trunk.asterisk.ami import AmiError, Fields
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.render import READ, WRITE


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing looked at: what was found, and what mends it; all of them templates for `params`."""

    title: str
    ok: bool
    template: str
    fix: str = ""
    params: Mapping[str, object] = field(default_factory=dict)


def denied(title: str, template: str, params: Mapping[str, object]) -> Proof:
    """That our manager user may not do or hear something."""
    return Proof(
        title,
        False,
        template,
        "manager.conf: write = {write}; read = {read}; then: asterisk -rx 'manager reload'",
        {**params, "write": ",".join(WRITE), "read": ",".join(READ)},
    )


async def allows(pbx: Pbx, action: Mapping[str, str]) -> bool:
    """Whether Asterisk says yes. Raises AmiError when the connection is lost."""
    try:
        await pbx.ami.ask(action)
    except AmiError:
        if not pbx.ami.connected:
            raise
        return False
    return True


async def listed(pbx: Pbx, action: Mapping[str, str]) -> Sequence[Fields]:
    """What Asterisk lists; nothing when it refuses. Raises AmiError when the connection is lost."""
    try:
        return await pbx.ami.ask_list(action)
    except AmiError:
        if not pbx.ami.connected:
            raise
        return ()
