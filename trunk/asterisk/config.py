"""How an Asterisk and its trunks are reached: plain values; `ivr.config` reads them from ivr.toml."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PbxConfig:
    """One Asterisk. `media_dir` is the recordings' folder as Asterisk names it, `media_dir_here` as we do."""

    user: str
    secret: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 5038
    audio_host: str = "127.0.0.1"  # our address, as Asterisk reaches it
    audio_port: int = 0  # 0: any free one
    packets_apart: bool = False  # a packet every 20 ms, not two every 40 ms
    media_dir: Path = Path("/var/spool/asterisk/ivr")
    media_dir_here: Path = Path("/var/spool/asterisk/ivr")
    dialplan: str = "ivr"  # prefix of our contexts' names
    return_calls: bool = False  # some trunk takes calls that come in


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """One PJSIP endpoint of that Asterisk, as a trunk."""

    name: str  # the trunk's
    endpoint: str  # PJSIP's
    channels: int = 30
    dial: str = "{e164}"  # what is dialled: {e164} +8613…, {digits} 8613…, {national} 13…
    keep_early_media: bool = True
    live_early_media: int = 0  # unanswered calls listened to at once
