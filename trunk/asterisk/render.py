"""Asterisk's side of our settings, as files to include: an AMI user, the dialplan contexts, the PJSIP trunks.

Pure: values in, texts out; who calls writes them. No value can add a line or a comment of its own to a file: every
one is checked and escaped where it is filled in (`conf_value`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from trunk.asterisk.config import PbxConfig
from trunk.ports import TrunkError

# What the adapter listens to; receiving every event costs us four times as much (0.95 against 0.26 ms a call).
EVENTS = (
    "FullyBooted",
    "OriginateResponse",
    "DialState",
    "Newstate",
    "Hangup",
    "HangupRequest",
    "DTMFEnd",
    "ContactStatus",
)
# Classes of events we receive. system: FullyBooted, ContactStatus (a trunk's failed OPTIONS); call: all of a call;
# dtmf: keys.
READ = ("system", "call", "dtmf")
# Classes of actions we may ask for. originate: Originate; call: Hangup, Bridge, muting recordings; system:
# MixMonitor, ModuleCheck and the PJSIP lists demand it; reporting: CoreShowChannels, ShowDialPlan.
WRITE = ("system", "call", "originate", "reporting")

FILES = ("manager.conf", "extensions.conf", "pjsip.conf")
SECRET_FILES = ("manager.conf", "pjsip.conf")
PAGES = ("README.md", "README.zh-CN.md")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SERVER = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class SipTrunk:
    """A trunk's SIP side: what the operator says of it."""

    endpoint: str  # PJSIP endpoint's name
    server: str  # "host" or "host:port"
    username: str | None = None  # None: the operator knows us by our IP address
    password: str | None = field(default=None, repr=False)
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    return_calls: bool = False  # calls that come in are taken, where the Pbx's configuration says so too
    qualify_s: int = 30  # an OPTIONS this often; a trunk that doesn't answer is out of service

    @property
    def host(self) -> str:
        """The server without its port."""
        match = _SERVER.fullmatch(self.server)
        assert match is not None
        return match[1]


def render(pbx: PbxConfig, trunks: Sequence[SipTrunk]) -> dict[str, str]:
    """File name -> text: what Asterisk includes, and a page that says where, in two languages.

    Raises TrunkError for values that such files can't hold."""
    _check(pbx, trunks)
    values = {
        "pbx": pbx,
        "trunks": trunks,
        "events": (*EVENTS, *(("UserEvent",) if pbx.return_calls else ())),
        "read": (*READ, *(("user",) if pbx.return_calls else ())),
        "write": WRITE,
        "permit": _permit(pbx),
        "uri_user": _uri_user,
    }
    files = {name: _environment(conf_value).get_template(f"{name}.j2").render(values) for name in FILES}
    return files | {name: _environment(None).get_template(f"{name}.j2").render(values) for name in PAGES}


def render_template(name: str, values: Mapping[str, object]) -> str:
    """One configuration file from its template, every value checked and escaped."""
    return _environment(conf_value).get_template(f"{name}.j2").render(values)


def conf_value(value: object) -> str:
    """A value as it stands in an Asterisk configuration file: on one line, `;` (a comment's begin) escaped.

    Raises TrunkError for what no such file can hold: control characters, blanks at either end."""
    text = str(value)
    if text != text.strip() or any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise TrunkError(
            "A value for Asterisk's configuration has a line break, a control character or a blank at its end; "
            "mend it in [asterisk] or [trunks.*]."
        )
    return text.replace(";", "\\;")


def _check(pbx: PbxConfig, trunks: Sequence[SipTrunk]) -> None:
    if not pbx.secret:
        raise TrunkError(
            "There is no password for Asterisk's manager interface; set IVR_AMI_SECRET or [asterisk] secret."
        )
    if not _NAME.fullmatch(pbx.user):
        raise TrunkError("[asterisk] user: {value} can't be a name; use letters, digits, - and _.", value=pbx.user)
    for trunk in trunks:
        if not _NAME.fullmatch(trunk.endpoint):
            raise TrunkError(
                "PJSIP endpoint {value}: this can't be a name; use letters, digits, - and _.", value=trunk.endpoint
            )
        if not _SERVER.fullmatch(trunk.server):
            raise TrunkError(
                "PJSIP endpoint {endpoint}: server {value} isn't an address; write host or host:port.",
                endpoint=trunk.endpoint,
                value=repr(trunk.server),
            )
        if trunk.username is not None and not trunk.password:
            raise TrunkError(
                "PJSIP endpoint {endpoint} has a username but no password; set it in [trunks.*].",
                endpoint=trunk.endpoint,
            )


def _permit(pbx: PbxConfig) -> str:
    """Our own address, as Asterisk's access list writes it: nobody else may sign in as us."""
    try:
        address = ip_address(pbx.audio_host)
    except ValueError as error:
        raise TrunkError(
            "[asterisk] audio_host: {value} is a name; Asterisk's access list needs our IP address.",
            value=repr(pbx.audio_host),
        ) from error
    return f"{address}/{address.max_prefixlen}" if address.version == 6 else f"{address}/255.255.255.255"


def _uri_user(name: str) -> str:
    """A user name as it stands in a SIP URI."""
    return quote(name, safe="-_.!~*'()&=+$,;?/")


@cache
def _environment(finalize: Callable[[object], str] | None) -> Environment:
    return Environment(  # noqa: S701 - no HTML; `finalize` escapes for the format there is
        loader=PackageLoader("trunk.asterisk"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=finalize,
    )
