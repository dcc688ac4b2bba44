"""Session descriptions (RFC 4566) as far as a G.711 call needs them: an offer is read, its answer written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.softphone.errors import MessageError

Codec = Literal["alaw", "ulaw"]

PAYLOAD_TYPES: dict[Codec, int] = {"ulaw": 0, "alaw": 8}  # RFC 3551, table 4
_NAMES: dict[Codec, str] = {"ulaw": "PCMU", "alaw": "PCMA"}
_ANSWERED_WITH = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


@dataclass(frozen=True, slots=True)
class Offer:
    """What the caller can do, and where it wants its audio."""

    host: str
    port: int
    codecs: tuple[Codec, ...]  # those that we know, in the caller's order
    key_type: int | None  # payload type of telephone-event (RFC 4733); None: not offered
    direction: str = "sendrecv"


def parse_offer(body: bytes) -> Offer:
    """Raises MessageError when there is no audio in it."""
    text = body.decode("utf-8", "replace")
    media = re.search(r"^m=audio (\d+) RTP/AVP ([\d ]+)", text, re.MULTILINE)
    host = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE)
    if media is None or host is None:
        raise MessageError("the offer has no audio over IPv4")
    offered = [int(number) for number in media[2].split()]
    known = {number: codec for codec, number in PAYLOAD_TYPES.items()}
    keys = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", text, re.MULTILINE | re.IGNORECASE)
    direction = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", text, re.MULTILINE)
    return Offer(
        host=host[1],
        port=int(media[1]),
        codecs=tuple(known[number] for number in offered if number in known),
        key_type=int(keys[1]) if keys else None,
        direction=direction[1] if direction else "sendrecv",
    )


def choose(offer: Offer, ours: Sequence[Codec]) -> Codec | None:
    """The caller's first codec that we have too; None when there is none."""
    return next((codec for codec in offer.codecs if codec in ours), None)


def offer(codecs: Sequence[Codec], host: str, port: int, key_type: int) -> bytes:
    """What somebody who calls can do."""
    types = [*(PAYLOAD_TYPES[codec] for codec in codecs), key_type]
    lines = [
        "v=0",
        f"o=softphone 1 1 IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join(map(str, types))}",
        *(f"a=rtpmap:{PAYLOAD_TYPES[codec]} {_NAMES[codec]}/8000" for codec in codecs),
        f"a=rtpmap:{key_type} telephone-event/8000",
        f"a=fmtp:{key_type} 0-15",
        "a=ptime:20",
        "a=sendrecv",
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


def answer(offer: Offer, codec: Codec, host: str, port: int, version: int = 1) -> bytes:
    """The answer to an offer: one codec, and keys if they were offered."""
    payload_type = PAYLOAD_TYPES[codec]
    types = [payload_type] if offer.key_type is None else [payload_type, offer.key_type]
    lines = [
        "v=0",
        f"o=softphone 1 {version} IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join(map(str, types))}",
        f"a=rtpmap:{payload_type} {_NAMES[codec]}/8000",
    ]
    if offer.key_type is not None:
        lines += [f"a=rtpmap:{offer.key_type} telephone-event/8000", f"a=fmtp:{offer.key_type} 0-15"]
    lines += ["a=ptime:20", f"a={_ANSWERED_WITH[offer.direction]}"]
    return ("\r\n".join(lines) + "\r\n").encode()
