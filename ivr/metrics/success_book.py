"""Figures about successes: gross, pending, confirmed, and what they are worth. Entries of the book."""

from __future__ import annotations

from ivr.metrics.metric import Metric, Said, Unit
from ivr.metrics.relations import CALLS
from ivr.metrics.terms import NOT_TALKED, NOTHING, RETURNED, TALKED, count, tasks

# What a flow calls a success, what a callee has accepted and is still to confirm, and whatever was a success
# before somebody confirmed or rejected it: a word is only ever given on a success.
GROSS = "(a.intention = 'success' OR a.pending OR k.id IS NOT NULL)"
CONFIRMED = f"({GROSS} AND (k.state = 'confirmed' OR (k.id IS NULL AND NOT a.pending)))"
OPEN = "(a.pending AND k.id IS NULL)"
OVERDUE = f"({OPEN} AND SECONDS(:now, a.ended_at) > :confirm_s)"

SUCCESSES: tuple[Metric, ...] = (
    Metric(
        name="successes",
        title=Said("Successes (gross)"),
        formula=Said(
            "Calls whose flow says so: a sale made in telemarketing, a survey completed, a reminder taken note "
            "of. Acceptances by voice that are still to be confirmed count here."
        ),
        excluded=NOTHING,
        unit=Unit.COUNT,
        source="S3, S8",
        relation=CALLS,
        part=count(GROSS),
    ),
    Metric(
        name="returned_successes",
        title=Said("Successes in returned calls (gross)"),
        formula=Said("Successes (gross) of customers who called back."),
        excluded=NOTHING,
        unit=Unit.COUNT,
        source="S4",
        relation=CALLS,
        part=count(f"{RETURNED} AND {GROSS}"),
    ),
    Metric(
        name="success_rate",
        title=Said("Success rate (gross)"),
        formula=Said("Successes (gross) / connected calls."),
        excluded=NOT_TALKED,
        unit=Unit.SHARE,
        source="S3",
        relation=CALLS,
        part=count(GROSS),
        whole=count(TALKED),
    ),
    Metric(
        name="confirmed_successes",
        title=Said("Successes (confirmed)"),
        formula=Said(
            "Successes that a text message, an inspection or a person has confirmed, and those that need no "
            "confirmation, unless somebody rejected them."
        ),
        excluded=Said("Acceptances that nobody has confirmed yet."),
        unit=Unit.COUNT,
        source="S8",
        relation=CALLS,
        part=count(CONFIRMED),
    ),
    Metric(
        name="confirmed_success_rate",
        title=Said("Success rate (confirmed)"),
        formula=Said("Successes (confirmed) / connected calls."),
        excluded=NOT_TALKED,
        unit=Unit.SHARE,
        source="S8",
        relation=CALLS,
        part=count(CONFIRMED),
        whole=count(TALKED),
    ),
    Metric(
        name="contact_success_rate",
        title=Said("Contact success rate"),
        formula=Said("Contacts with a success (gross) / customers reached."),
        excluded=Said("Contacts without a connected call."),
        unit=Unit.SHARE,
        source="S6",
        relation=CALLS,
        part=tasks(GROSS),
        whole=tasks(TALKED),
    ),
    Metric(
        name="customers_won",
        title=Said("Customers won (gross)"),
        formula=Said("Contacts with a success (gross) / customers dialled."),
        excluded=Said("Contacts that weren't dialled."),
        unit=Unit.SHARE,
        source="S6",
        relation=CALLS,
        part=tasks(GROSS),
        whole="COUNT(DISTINCT a.task_id)",
    ),
    Metric(
        name="customers_won_confirmed",
        title=Said("Customers won (confirmed)"),
        formula=Said("Contacts with a success (confirmed) / customers dialled."),
        excluded=Said("Contacts that weren't dialled."),
        unit=Unit.SHARE,
        source="S8",
        relation=CALLS,
        part=tasks(CONFIRMED),
        whole="COUNT(DISTINCT a.task_id)",
    ),
    Metric(
        name="rejected_successes",
        title=Said("Successes taken away"),
        formula=Said("Successes that a text message, an inspection or a person has rejected."),
        excluded=NOTHING,
        unit=Unit.COUNT,
        source="S8",
        relation=CALLS,
        part=count("k.state = 'rejected'"),
    ),
    Metric(
        name="pending_successes",
        title=Said("Successes still to be confirmed"),
        formula=Said("Acceptances by voice without any confirmation, for at most {confirm_days} days."),
        excluded=Said("Those that have waited for longer: they are overdue."),
        unit=Unit.COUNT,
        source="S8",
        relation=CALLS,
        part=count(f"{OPEN} AND NOT {OVERDUE}"),
    ),
    Metric(
        name="overdue_successes",
        title=Said("Successes nobody confirmed in time"),
        formula=Said("Acceptances by voice without any confirmation for more than {confirm_days} days."),
        excluded=NOTHING,
        unit=Unit.COUNT,
        source="S8",
        relation=CALLS,
        part=count(OVERDUE),
    ),
    Metric(
        name="success_value",
        title=Said("Success value"),
        formula=Said("Successes (gross) × success rate (gross)."),
        excluded=NOT_TALKED,
        unit=Unit.NUMBER,
        source="S3",
        relation=CALLS,
        part=f"{count(GROSS)} * {count(GROSS)}",
        whole=count(TALKED),
    ),
    Metric(
        name="successes_per_person",
        title=Said("Successes per person"),
        formula=Said("Successes (gross) of agents' calls / days on which agents had calls, summed over agents."),
        excluded=Said("Calls without an agent."),
        unit=Unit.NUMBER,
        source="S6",
        relation=CALLS,
        part=count(f"g.id IS NOT NULL AND {GROSS}"),
        whole="COUNT(DISTINCT CAST(g.id AS VARCHAR) || ' ' || LOCAL_DAY(a.started_at))",
    ),
)
