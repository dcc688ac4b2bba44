"""Answering a call that came in: it goes where calls talk, with the socket and the address of this process."""

from __future__ import annotations

from uuid import UUID

from trunk.asterisk.pbx import Pbx


async def answer(pbx: Pbx, channel: str, socket_id: UUID) -> None:
    """Raises AmiError; AmiRefusedError: there is no such channel, the caller has left."""
    variables = {"IVR_SOCKET": str(socket_id), "IVR_AUDIO": pbx.audio.address}
    for name, value in variables.items():
        await pbx.ami.ask({"Action": "Setvar", "Channel": channel, "Variable": name, "Value": value})
    talking = {"Context": f"{pbx.config.dialplan}-call", "Exten": "s", "Priority": "1"}
    await pbx.ami.ask({"Action": "Redirect", "Channel": channel, **talking})
