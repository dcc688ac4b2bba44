"""Who is held out of a draw: by a stable hash of the number, settled for good when the number first comes up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ivr.model import HoldOut
from ivr.policy.policy import CampaignRules
from ivr.policy.schema import HoldOut as HoldOutSpec


def is_drawn(spec: HoldOutSpec, phone: str) -> bool:
    """Whether the number falls into the part that is held out. The same for every campaign of the draw."""
    digest = hashlib.sha256(f"{spec.draw}\n{phone}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < spec.percent / 100 * 2**64


def settle(session: Session, rules: CampaignRules, phones: Sequence[str], now: datetime) -> frozenset[str]:
    """Enter numbers that could be called into the draw; returns those of them that are held out.

    Numbers that came up before, in this campaign or a sibling, stay what they are."""
    spec = rules.policy.spec.hold_out
    if spec is None or not phones:
        return frozenset()
    rows = session.execute(
        select(HoldOut.phone, HoldOut.held_out).where(HoldOut.draw == spec.draw, HoldOut.phone.in_(phones))
    )
    known = {row.phone: row.held_out for row in rows}
    new = [
        {
            "draw": spec.draw,
            "phone": phone,
            "held_out": is_drawn(spec, phone),
            "campaign_id": rules.campaign_id,
            "entered_at": now,
        }
        for phone in phones
        if phone not in known
    ]
    if new:
        session.execute(insert(HoldOut), new)
    known |= {str(row["phone"]): bool(row["held_out"]) for row in new}
    return frozenset(phone for phone, held_out in known.items() if held_out)
