"""What calling did: payments of those who could be called against those who were held out of it by lot.

By intention to treat: everybody who was entered into the draw counts on the side that the lot gave them, called or
not, reached or not, so that who happens to answer can't flatter the figure. Each number's days begin when it was
entered, or when the campaign started if that was later, the same way on both sides; a number counts once they are
over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from ivr.metrics.measure import portable
from ivr.metrics.statistics import Difference, Share, difference
from ivr.model import UtcDateTime

_ENTERED = """
SELECT g.held_out AS held_out,
  COUNT(*) AS numbers,
  COUNT(*) FILTER (WHERE g.known) AS known,
  COUNT(*) FILTER (WHERE g.known AND EXISTS (SELECT 1 FROM payment_event e WHERE e.phone = g.phone
    AND e.paid_at >= g.begun AND SECONDS(e.paid_at, g.begun) < :payment_s)) AS paid,
  COUNT(*) FILTER (WHERE g.known AND EXISTS (SELECT 1 FROM attempt a WHERE a.campaign_id = :campaign
    AND a.phone = g.phone)) AS called
FROM (
  SELECT b.phone AS phone, b.held_out AS held_out, b.begun AS begun, SECONDS(:now, b.begun) >= :payment_s AS known
  FROM (
    SELECT h.phone AS phone, h.held_out AS held_out,
      CASE WHEN h.campaign_id <> c.id OR h.entered_at < COALESCE(c.started_at, c.created_at)
        THEN COALESCE(c.started_at, c.created_at) ELSE h.entered_at END AS begun
    FROM campaign c JOIN hold_out h ON h.draw = :draw
    WHERE c.id = :campaign AND EXISTS (SELECT 1 FROM contact p JOIN task t ON t.contact_id = p.id
      WHERE p.phone = h.phone AND t.campaign_id = c.id)
  ) b
) g
GROUP BY g.held_out
"""


@dataclass(frozen=True, slots=True)
class Group:
    """One side of the draw. `paid` is of those whose days are over."""

    numbers: int
    called: int  # of those
    paid: Share

    @property
    def open(self) -> int:
        """Numbers whose days aren't over: they aren't counted yet."""
        return self.numbers - self.paid.whole


@dataclass(frozen=True, slots=True)
class Uplift:
    draw: str
    days: float
    treated: Group  # could be called
    held_out: Group
    difference: Difference  # of payment rates, treated minus held out


def uplift_of(session: Session, campaign_id: int, draw: str, days: float, now: datetime) -> Uplift:
    """The two sides of the draw in this campaign."""
    statement = text(portable(session, _ENTERED)).bindparams(bindparam("now", type_=UtcDateTime()))
    params = {"campaign": campaign_id, "draw": draw, "payment_s": days * 86400, "now": now}
    groups = {
        bool(row.held_out): Group(row.numbers, row.called, Share(row.paid, row.known))
        for row in session.execute(statement, params)
    }
    none = Group(0, 0, Share(0, 0))
    treated, held_out = groups.get(False, none), groups.get(True, none)
    return Uplift(draw, days, treated, held_out, difference(treated.paid, held_out.paid))
