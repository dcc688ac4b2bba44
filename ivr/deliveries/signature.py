"""How webhooks are signed, and how whoever receives one checks it.

The signature is HMAC-SHA256 with the shared secret over the timestamp (seconds since 1970), a full stop and the
body, byte for byte; in hex after `v1=`. The timestamp is part of it so that an old message can't be sent again."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

TIMESTAMP, SIGNATURE = "X-IVR-Timestamp", "X-IVR-Signature"
VERSION = "v1="
TOLERANCE_S = 300.0


def sign(secret: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers that a message is sent with."""
    return {TIMESTAMP: str(timestamp_s), SIGNATURE: VERSION + _digest(secret, str(timestamp_s), body)}


def verify(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """Whether the message is ours and of the last five minutes; `now_s`: seconds since 1970."""
    timestamp, signature = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
    if not timestamp.isdecimal() or abs(now_s - int(timestamp)) > TOLERANCE_S:
        return False
    return hmac.compare_digest(signature.encode(), (VERSION + _digest(secret, timestamp, body)).encode())


def _digest(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
