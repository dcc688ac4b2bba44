"""Just enough of a SIP callee for a load generator: replies to what Asterisk sends, and a BYE of our own. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tests.softphone.messages import Request, compose, parameter, reply, token, uri_of
from tests.softphone.sdp import Offer, answer, parse_offer

HOST = "127.0.0.1"
ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What one INVITE brought."""

    invite: Request
    offer: Offer
    tag: str  # ours

    @property
    def key_type(self) -> int:
        """The payload type of keys. Raises ValueError when Asterisk offers none."""
        if self.offer.key_type is None:
            raise ValueError("keys weren't offered")
        return self.offer.key_type


def dialogue(invite: Request) -> Dialogue:
    """Raises MessageError for an offer without audio."""
    return Dialogue(invite, parse_offer(invite.body), token())


def ringing(of: Dialogue, sip_port: int) -> bytes:
    return reply(of.invite, 180, of.tag, [_contact(sip_port)])


def accepted(of: Dialogue, sip_port: int, rtp_port: int) -> bytes:
    """200 with A-law alone."""
    return reply(of.invite, 200, of.tag, [_contact(sip_port), ALLOW], answer(of.offer, "alaw", HOST, rtp_port))


def bye(of: Dialogue, sip_port: int) -> bytes:
    """We hang up (RFC 3261 §15.1.1): the INVITE's To is our From."""
    headers = of.invite.headers
    ours = headers.get("to")
    if not parameter(ours, "tag"):
        ours = f"{ours};tag={of.tag}"
    return compose(
        f"BYE {uri_of(headers.get('contact'))} SIP/2.0",
        [
            ("Via", f"SIP/2.0/UDP {HOST}:{sip_port};branch=z9hG4bK{token()}"),
            ("Max-Forwards", "70"),
            ("From", ours),
            ("To", headers.get("from")),
            ("Call-ID", of.invite.call_id),
            ("CSeq", "1 BYE"),
        ],
    )


def _contact(sip_port: int) -> tuple[str, str]:
    return "Contact", f"<sip:callee@{HOST}:{sip_port}>"
