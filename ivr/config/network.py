"""Sections about the telephone network: the PBX, its trunks, and the people who take calls over."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from ivr.config.section import Section


class AsteriskSettings(Section):
    """The PBX that real calls go through. `ivr asterisk render` writes its side of this."""

    host: str = Field(default="127.0.0.1", description="Where the manager interface (AMI) listens.")
    port: int = Field(default=5038, ge=1, le=65535, description="Its TCP port.")
    user: str = Field(default="ivr", description="The AMI user.")
    secret: SecretStr | None = Field(
        default=None,
        description="The AMI user's password; better left to the environment variable IVR_AMI_SECRET.",
    )
    audio_host: str = Field(
        default="127.0.0.1", description="Our address, as Asterisk reaches it: it sends the calls' audio there."
    )
    audio_port: int = Field(default=0, ge=0, le=65535, description="Its TCP port; 0: any free one.")
    packets_apart: bool = Field(
        default=False,
        description="Send callees a packet every 20 ms, not two every 40 ms: for an operator who objects to the "
        "jitter; about an eighth more CPU, here and in Asterisk.",
    )
    media_dir: Path = Field(
        default=Path("/var/spool/asterisk/ivr"),
        description="Where Asterisk writes recordings, as Asterisk names it.",
    )
    media_dir_here: Path | None = Field(
        default=None, description="The same folder as we name it (a mount, a chroot); empty: the same name."
    )
    dialplan: str = Field(
        default="ivr", pattern=r"^[a-z][a-z0-9-]*$", description="Prefix of the names of our dialplan contexts."
    )


class CallerIdSettings(Section):
    """Numbers that calls of one purpose show: `[trunks.NAME.caller_ids.service]`."""

    numbers: tuple[str, ...] = Field(min_length=1, description="Numbers as the operator wants them to be sent.")
    calls_per_hour: int | None = Field(
        default=None, ge=1, description="Most calls an hour that one number shows; empty: no limit."
    )
    calls_per_callee: int = Field(
        default=3, ge=1, description="Most calls in 24 hours that one number shows to one callee."
    )


class TrunkSettings(Section):
    """One way into the telephone network: a SIP trunk of the PBX."""

    channels: int = Field(default=30, ge=1, le=2000, description="Calls at once.")
    calls_per_s: float = Field(default=5.0, gt=0, le=100, description="New calls a second.")
    prefixes: tuple[str, ...] = Field(
        default=("+",), description="Numbers it takes, by their beginning (E.164); the longest match wins."
    )
    priority: int = Field(default=1, ge=1, le=100, description="Of trunks that match alike, the lowest is first.")
    dial: str = Field(
        default="{e164}",
        description="How the operator wants numbers: `{e164}` +8613…, `{digits}` 8613…, `{national}` 13…",
    )
    endpoint: str | None = Field(default=None, description="PJSIP endpoint; empty: `ivr-` and the trunk's name.")
    server: str | None = Field(default=None, description="The operator's SIP address, `host` or `host:port`.")
    username: str | None = Field(default=None, description="To register with; empty: known by our IP address.")
    password: SecretStr | None = Field(default=None, description="The password for that name.")
    codecs: tuple[Literal["alaw", "ulaw"], ...] = Field(default=("alaw", "ulaw"), description="In this order.")
    keep_early_media: bool = Field(default=True, description="Keep what the network says before the answer.")
    live_early_media: int = Field(
        default=0,
        ge=0,
        le=100,
        description="So many unanswered calls at once are listened to: one that hears a busy tone is given up.",
    )
    return_calls: bool = Field(
        default=False,
        description="Take the calls of customers who call back (docs/returns.md); off: calls that come in are "
        "declined. Render Asterisk's files anew after a change.",
    )
    failures: int = Field(default=5, ge=1, description="So many failures of the trunk itself …")
    failures_within_s: float = Field(
        default=60.0,
        gt=0,
        description="… in so many seconds take it out of service; each good answer makes up for one.",
    )
    rest_s: float = Field(
        default=30.0, gt=0, description="How long it stays out before one call may try it again."
    )
    caller_ids: dict[Literal["service", "marketing", "survey", "care"], CallerIdSettings] = Field(
        default_factory=dict, description="Numbers to show, by purpose."
    )
