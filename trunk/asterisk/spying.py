"""A leg that listens to a channel: ChanSpy on it at one end of a Local channel, AudioSocket to us at its other.

It ends when its socket is closed, or when the channel ends: either way without the manager interface."""

from __future__ import annotations

from uuid import UUID

from trunk.asterisk.pbx import ORIGINATE, Pbx

ATTACH_S = 5.0  # for the leg's two ends to meet, inside Asterisk; 130 ms was measured


async def spy_on(channel: str, options: str, pbx: Pbx, leg_id: str, socket_id: UUID, *, context: str) -> None:
    """Ask for the leg. `channel` is the spied one's Uniqueid, `options` are ChanSpy's, and `context` is the end of
    the name of what connects the socket in our dialplan. Raises AmiError."""
    await pbx.ami.ask(
        {
            "Action": "Originate",
            "ActionID": ORIGINATE + leg_id,
            "Channel": f"Local/s@{pbx.config.dialplan}-{context}/n",
            "ChannelId": leg_id,
            "Application": "ChanSpy",
            "Data": f"{channel},{options}",
            "Timeout": str(round(ATTACH_S * 1000)),
            "Async": "true",
            "Variable": [f"IVR_SOCKET={socket_id}", f"IVR_AUDIO={pbx.audio.address}"],
        }
    )
