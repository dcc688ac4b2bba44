"""Figures about customers and calls: how many, how long, how they went. Entries of the book."""

from __future__ import annotations

from ivr.metrics.metric import Metric, Said, Unit
from ivr.metrics.relations import CALLS, CUSTOMERS
from ivr.metrics.terms import NOT_PLACED, NOT_TALKED, NOTHING, PLACED, RETURNED, TALKED, count, tasks

COMPLAINED = "(a.disposition = 'complaint' OR EXISTS (SELECT 1 FROM complaint m WHERE m.attempt_id = a.id))"
NOT_VALID = (
    "(COALESCE(t.result, '') IN ('suspended', 'invalid_number', 'excluded', 'last_months_success')"
    " OR (t.state <> 'done' AND COALESCE(d.rule, '') = 'month_full'))"
)
TEN_MINUTES = "substr(CAST(a.started_at AS VARCHAR), 1, 15)"
_CUSTOMERS_ALONE = Said(
    "Rows of the list's file that brought no contact (bad numbers, repeated ones); contacts taken off again."
)

CUSTOMERS_AND_CALLS: tuple[Metric, ...] = (
    # ---- whom it is about -----------------------------------------------------------------------------------
    Metric(
        name="customer_data_volume",
        title=Said("Customer data volume"),
        formula=Said("Contacts that were taken into the campaign."),
        excluded=_CUSTOMERS_ALONE,
        unit=Unit.COUNT,
        source="S3",
        relation=CUSTOMERS,
        part="COUNT(*)",
    ),
    Metric(
        name="valid_number_rate",
        title=Said("Valid-number rate"),
        formula=Said(
            "Valid numbers / customer data volume. Not valid: suspended, not in service, excluded by the policy "
            "(an exclusive service, a data card), or this month's contacts are used up."
        ),
        excluded=_CUSTOMERS_ALONE,
        unit=Unit.SHARE,
        source="S3",
        relation=CUSTOMERS,
        part=count(f"NOT {NOT_VALID}"),
        whole="COUNT(*)",
    ),
    # ---- calls ----------------------------------------------------------------------------------------------
    Metric(
        name="attempts",
        title=Said("Call attempts"),
        formula=Said("Tries over the network that have ended, and customers' calls back."),
        excluded=Said("Calls that are still going on."),
        unit=Unit.COUNT,
        source="S3",
        relation=CALLS,
        part="COUNT(*)",
    ),
    Metric(
        name="customers_dialled",
        title=Said("Customers dialled"),
        formula=Said("Contacts with at least one attempt that has ended."),
        excluded=Said("Calls that are still going on."),
        unit=Unit.COUNT,
        source="S3",
        relation=CALLS,
        part="COUNT(DISTINCT a.task_id)",
    ),
    Metric(
        name="connected_calls",
        title=Said("Connected calls"),
        formula=Said("Attempts with talk time above 0 s."),
        excluded=NOT_TALKED,
        unit=Unit.COUNT,
        source="S3",
        relation=CALLS,
        part=count(TALKED),
    ),
    Metric(
        name="customers_reached",
        title=Said("Customers reached"),
        formula=Said("Contacts with at least one connected call."),
        excluded=NOT_TALKED,
        unit=Unit.COUNT,
        source="S3",
        relation=CALLS,
        part=tasks(TALKED),
    ),
    Metric(
        name="contact_rate",
        title=Said("Contact rate"),
        formula=Said(
            "Customers reached / customers dialled. The source divides connected calls; here a customer who is "
            "reached twice counts once, so that it stays below 100 %."
        ),
        excluded=Said("Contacts that weren't dialled."),
        unit=Unit.SHARE,
        source="S3",
        relation=CALLS,
        part=tasks(TALKED),
        whole="COUNT(DISTINCT a.task_id)",
    ),
    Metric(
        name="connection_rate",
        title=Said("Connection rate"),
        formula=Said("Connected calls that we placed / attempts that we made."),
        excluded=NOT_PLACED,
        unit=Unit.SHARE,
        source="S1d",
        relation=CALLS,
        part=count(f"{TALKED} AND NOT {RETURNED}"),
        whole=count(PLACED),
    ),
    Metric(
        name="attempts_per_customer",
        title=Said("Attempts per customer"),
        formula=Said("Attempts / customers dialled."),
        excluded=NOT_PLACED,
        unit=Unit.NUMBER,
        source="S6",
        relation=CALLS,
        part=count(PLACED),
        whole=f"COUNT(DISTINCT a.task_id) FILTER (WHERE NOT {RETURNED})",
    ),
    Metric(
        name="returned_calls",
        title=Said("Returned calls"),
        formula=Said("Calls in which a customer called back and got the campaign's conversation."),
        excluded=Said("Callers whom no campaign that takes calls back has called lately."),
        unit=Unit.COUNT,
        source="S4",
        relation=CALLS,
        part=count(RETURNED),
    ),
    Metric(
        name="talk_time",
        title=Said("Talk time"),
        formula=Said("Seconds from the answer to the hang-up, summed over connected calls."),
        excluded=Said("Ringing, and work after the call."),
        unit=Unit.SECONDS,
        source="S3",
        relation=CALLS,
        part="SUM(a.talk_ms) / 1000.0",
    ),
    Metric(
        name="mean_talk_time",
        title=Said("Mean talk time"),
        formula=Said("Talk time / connected calls."),
        excluded=Said("Ringing, and work after the call."),
        unit=Unit.SECONDS,
        source="S3",
        relation=CALLS,
        part="SUM(a.talk_ms) / 1000.0",
        whole=count(TALKED),
    ),
    Metric(
        name="calls_per_hour",
        title=Said("Calls per hour"),
        formula=Said(
            "Attempts / hours of calling. The source leaves hours undefined; here they are the ten-minute slots "
            "of the clock in which at least one call began, a sixth of an hour each. By hour it shows the day's "
            "course."
        ),
        excluded=Said(
            "Attempts that another trunk took over before anything rang; customers' calls back; slots in which "
            "nobody was called."
        ),
        unit=Unit.PER_HOUR,
        source="S3",
        relation=CALLS,
        part=count(PLACED),
        whole=f"COUNT(DISTINCT {TEN_MINUTES}) FILTER (WHERE NOT {RETURNED}) / 6.0",
    ),
    Metric(
        name="hang_ups_under_5_s",
        title=Said("Hang-ups under 5 s"),
        formula=Said("Connected calls that the callee ended within 5 s / connected calls."),
        excluded=NOT_TALKED,
        unit=Unit.SHARE,
        source="S1d",
        relation=CALLS,
        part=count(f"{TALKED} AND a.talk_ms < 5000 AND a.hung_up_by = 'callee'"),
        whole=count(TALKED),
    ),
    Metric(
        name="conversation_completion",
        title=Said("Conversations completed"),
        formula=Said("Answered calls that we ended ourselves, at the flow's end / answered calls."),
        excluded=Said("Answering machines."),
        unit=Unit.SHARE,
        source="S1d",
        relation=CALLS,
        part=count("a.outcome = 'answered' AND a.hung_up_by = 'us'"),
        whole=count("a.outcome = 'answered'"),
    ),
    Metric(
        name="opt_out_rate",
        title=Said("Opt-out rate"),
        formula=Said("Connected calls in which the callee asked for no more calls / connected calls."),
        excluded=NOT_TALKED,
        unit=Unit.SHARE,
        source="S2d",
        relation=CALLS,
        part=count(f"{TALKED} AND a.opted_out"),
        whole=count(TALKED),
    ),
    Metric(
        name="opt_outs",
        title=Said("Opt-outs"),
        formula=Said("Attempts in which the callee asked for no more calls."),
        excluded=NOTHING,
        unit=Unit.COUNT,
        source="S2d",
        relation=CALLS,
        part=count("a.opted_out"),
    ),
    Metric(
        name="complaint_rate",
        title=Said("Complaint rate"),
        formula=Said(
            "Connected calls that were complained about / connected calls: in the call itself, or afterwards by a "
            "complaint that is put down to it."
        ),
        excluded=Said("Complaints that are put down to no call."),
        unit=Unit.SHARE,
        source="S3",
        relation=CALLS,
        part=count(f"{TALKED} AND {COMPLAINED}"),
        whole=count(TALKED),
    ),
)
