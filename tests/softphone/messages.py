"""SIP messages (RFC 3261 §7): read from a datagram, written to one. No state, no sockets.

Headers keep their order and repeat, as Via must; names are compared without case, and the short forms that
RFC 3261 §7.3.3 allows are read as the long ones."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.softphone.errors import MessageError

REASONS: Mapping[int, str] = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}
_LONG = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
}
_USER = re.compile(r"<?\s*sips?:(?:([^@>;]*)@)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Headers:
    """Name and value pairs in their order."""

    pairs: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for given, value in self.pairs if _long(given) == wanted]

    def get(self, name: str, default: str = "") -> str:
        """The first of that name."""
        return next(iter(self.all(name)), default)


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    uri: str
    headers: Headers
    body: bytes = b""

    @property
    def call_id(self) -> str:
        return self.headers.get("call-id")

    @property
    def cseq(self) -> int:
        return int(self.headers.get("cseq").split()[0])

    @property
    def branch(self) -> str:
        """What tells transactions apart: the topmost Via's branch."""
        return parameter(self.headers.get("via"), "branch")


@dataclass(frozen=True, slots=True)
class Response:
    code: int
    headers: Headers
    body: bytes = b""

    @property
    def call_id(self) -> str:
        return self.headers.get("call-id")

    @property
    def method(self) -> str:
        """Of the request that this answers."""
        return self.headers.get("cseq").split()[1]


def parse(datagram: bytes) -> Request | Response:
    """Raises MessageError for what isn't SIP, or lacks what every message must have (RFC 3261 §8.1.1)."""
    head, _, body = datagram.partition(b"\r\n\r\n")
    try:
        first, *lines = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError as error:
        raise MessageError("not text") from error
    headers = Headers(tuple(_header(line) for line in _unfolded(lines)))
    for name in ("via", "from", "to", "call-id", "cseq"):
        if not headers.get(name):
            raise MessageError(f"no {name} header")
    if not re.fullmatch(r"\d{1,10}\s+[A-Z]+", headers.get("cseq")):
        raise MessageError("the CSeq header isn't a number and a method")
    if match := re.fullmatch(r"SIP/2\.0 (\d{3})(?: .*)?", first):
        return Response(int(match[1]), headers, body)
    if match := re.fullmatch(r"([A-Z]+) (\S+) SIP/2\.0", first):
        return Request(match[1], match[2], headers, body)
    raise MessageError("neither a request line nor a status line")


def reply(
    request: Request, code: int, tag: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
) -> bytes:
    """The response to a request (RFC 3261 §8.2.6): Via, From, To, Call-ID and CSeq come back; `tag` is ours."""
    to = request.headers.get("to")
    if code > 100 and not parameter(to, "tag"):
        to = f"{to};tag={tag}"
    pairs = [("Via", via) for via in request.headers.all("via")]
    pairs += [("Record-Route", route) for route in request.headers.all("record-route")]
    pairs += [("From", request.headers.get("from")), ("To", to)]
    pairs += [("Call-ID", request.call_id), ("CSeq", request.headers.get("cseq")), *headers]
    reason = REASONS.get(code, "Refused" if code >= 300 else "OK")
    return compose(f"SIP/2.0 {code} {reason}", pairs, body)


def compose(first_line: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """A datagram: the first line, the headers, and a body (of SDP, when there is one)."""
    pairs = [*headers, ("Content-Length", str(len(body)))]
    if body:
        pairs.insert(-1, ("Content-Type", "application/sdp"))
    lines = [first_line, *(f"{name}: {value}" for name, value in pairs)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def parameter(header: str, name: str) -> str:
    """A header parameter (`;tag=…`) outside the angle brackets; empty when it isn't there."""
    outside = re.sub(r"<[^>]*>", "", header)
    match = re.search(rf";\s*{name}\s*=\s*([^;\s,]+)", outside, re.IGNORECASE)
    return match[1] if match else ""


def uri_of(header: str) -> str:
    """The address in a From, To or Contact header, without its brackets."""
    match = re.search(r"<([^>]+)>", header)
    return match[1] if match else header.split(";")[0].strip()


def user_of(uri: str) -> str:
    """The user part of a SIP address; empty when it has none."""
    match = _USER.match(uri)
    return (match[1] or "").split(";")[0] if match else ""


def token() -> str:
    """A fresh tag or branch suffix (RFC 3261 §19.3)."""
    return secrets.token_hex(6)


def _long(name: str) -> str:
    lower = name.lower()
    return _LONG.get(lower, lower)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise MessageError("a header line without a colon")
    return name.strip(), value.strip()


def _unfolded(lines: list[str]) -> list[str]:
    """Header lines with their continuation lines (RFC 3261 §7.3.1) joined to them."""
    joined: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t") and joined:
            joined[-1] += " " + line.strip()
        elif line:
            joined.append(line)
    return joined
