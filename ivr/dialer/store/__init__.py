"""The dialer's rows: functions for `Database.run`, each one transaction on the hot path, in Core SQL.

Every one of them is idempotent or guarded, so that a process may die between any two of them and nobody is called
twice: a task is leased by one statement; the policy is asked after the claim and again just before dialling; an
attempt is there before the network is asked; its end is written once, together with its answers and the task's
next state."""

from ivr.dialer.store.ending import AlreadyEnded, Ending, RecordingFacts, fail_over, finish
from ivr.dialer.store.express_ending import finish_at_once
from ivr.dialer.store.express_placing import place_at_once
from ivr.dialer.store.leasing import Lease, Leased, LeaseRequest, lease
from ivr.dialer.store.leftovers import (
    ALIVE,
    Ours,
    attempts_of,
    close_unknown,
    free_leases,
    judgeable,
    open_attempts,
    ownerless,
    sweep,
)
from ivr.dialer.store.placing import BUSY_ELSEWHERE_S, Placing, place
from ivr.dialer.store.promises import asked_for
from ivr.dialer.store.standing import Standing, next_due, shown_since, standing
from ivr.dialer.store.tables import attempt_table
from ivr.dialer.store.tasks import apply, release

__all__ = [
    "ALIVE",
    "BUSY_ELSEWHERE_S",
    "AlreadyEnded",
    "Ending",
    "Lease",
    "LeaseRequest",
    "Leased",
    "Ours",
    "Placing",
    "RecordingFacts",
    "Standing",
    "apply",
    "asked_for",
    "attempt_table",
    "attempts_of",
    "close_unknown",
    "fail_over",
    "finish",
    "finish_at_once",
    "free_leases",
    "judgeable",
    "lease",
    "next_due",
    "open_attempts",
    "ownerless",
    "place",
    "place_at_once",
    "release",
    "shown_since",
    "standing",
    "sweep",
]
