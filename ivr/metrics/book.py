"""The metrics book: each figure about calls, campaigns and people, as data. docs/metrics.md is made from it.

Long because it is a list: one entry a metric. Figures about people's time, plans and talks stand in
`ivr.metrics.people_book`; those about calls are told by agent and team here."""

from __future__ import annotations

from ivr.errors import IvrError
from ivr.metrics.metric import Metric, Said, Unit
from ivr.metrics.people_book import PEOPLE
from ivr.metrics.relations import ANSWERS, CALLS, CUSTOMERS, FIRST_CALLS, LAST_CALLS, RATINGS

TALKED = "a.talk_ms > 0"
# What a flow calls a success, what a callee has accepted and is still to confirm, and whatever was a success
# before somebody confirmed or rejected it: a word is only ever given on a success.
GROSS = "(a.intention = 'success' OR a.pending OR k.id IS NOT NULL)"
CONFIRMED = f"({GROSS} AND (k.state = 'confirmed' OR (k.id IS NULL AND NOT a.pending)))"
OPEN = "(a.pending AND k.id IS NULL)"
OVERDUE = f"({OPEN} AND SECONDS(:now, a.ended_at) > :confirm_s)"
BY_PERSON = "EXISTS (SELECT 1 FROM segment s WHERE s.attempt_id = a.id AND s.kind = 'agent')"
COMPLAINED = "(a.disposition = 'complaint' OR EXISTS (SELECT 1 FROM complaint m WHERE m.attempt_id = a.id))"
PAID = (
    "EXISTS (SELECT 1 FROM payment_event e WHERE e.phone = a.phone AND e.paid_at >= a.started_at"
    " AND SECONDS(e.paid_at, a.started_at) < :payment_s)"
)
PAYMENT_KNOWN = "SECONDS(:now, a.started_at) >= :payment_s"
NOT_VALID = (
    "(COALESCE(t.result, '') IN ('suspended', 'invalid_number', 'excluded', 'last_months_success')"
    " OR (t.state <> 'done' AND COALESCE(d.rule, '') = 'month_full'))"
)
TEN_MINUTES = "substr(CAST(a.started_at AS VARCHAR), 1, 15)"

NOTHING = Said("Nothing.")
_CUSTOMERS_ALONE = Said(
    "Rows of the list's file that brought no contact (bad numbers, repeated ones); contacts taken off again."
)
_NOT_TALKED = Said(
    "Calls without talk time. An answering machine's talk counts; the outcomes say how many those were."
)


def _count(condition: str) -> str:
    return f"COUNT(*) FILTER (WHERE {condition})"


def _tasks(condition: str) -> str:
    return f"COUNT(DISTINCT a.task_id) FILTER (WHERE {condition})"


BOOK: tuple[Metric, ...] = (
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
        part=_count(f"NOT {NOT_VALID}"),
        whole="COUNT(*)",
    ),
    # ---- calls ----------------------------------------------------------------------------------------------
    Metric(
        name="attempts",
        title=Said("Call attempts"),
        formula=Said("Tries over the network that have ended."),
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
        excluded=_NOT_TALKED,
        unit=Unit.COUNT,
        source="S3",
        relation=CALLS,
        part=_count(TALKED),
    ),
    Metric(
        name="customers_reached",
        title=Said("Customers reached"),
        formula=Said("Contacts with at least one connected call."),
        excluded=_NOT_TALKED,
        unit=Unit.COUNT,
        source="S3",
        relation=CALLS,
        part=_tasks(TALKED),
    ),
    Metric(
        name="contact_rate",
        title=Said("Contact rate"),
        formula=Said("Customers reached / customers dialled."),
        excluded=Said("Contacts that weren't dialled."),
        unit=Unit.SHARE,
        source="S3",
        relation=CALLS,
        part=_tasks(TALKED),
        whole="COUNT(DISTINCT a.task_id)",
    ),
    Metric(
        name="connection_rate",
        title=Said("Connection rate"),
        formula=Said("Connected calls / attempts."),
        excluded=Said("Attempts that another trunk took over before anything rang."),
        unit=Unit.SHARE,
        source="S1d",
        relation=CALLS,
        part=_count(TALKED),
        whole=_count("NOT a.failed_over"),
    ),
    Metric(
        name="attempts_per_customer",
        title=Said("Attempts per customer"),
        formula=Said("Attempts / customers dialled."),
        excluded=Said("Attempts that another trunk took over before anything rang."),
        unit=Unit.NUMBER,
        source="S6",
        relation=CALLS,
        part=_count("NOT a.failed_over"),
        whole="COUNT(DISTINCT a.task_id)",
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
        whole=_count(TALKED),
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
            "Attempts that another trunk took over before anything rang; slots in which nobody was called."
        ),
        unit=Unit.PER_HOUR,
        source="S3",
        relation=CALLS,
        part=_count("NOT a.failed_over"),
        whole=f"COUNT(DISTINCT {TEN_MINUTES}) / 6.0",
    ),
    Metric(
        name="hang_ups_under_5_s",
        title=Said("Hang-ups under 5 s"),
        formula=Said("Connected calls that the callee ended within 5 s / connected calls."),
        excluded=_NOT_TALKED,
        unit=Unit.SHARE,
        source="S1d",
        relation=CALLS,
        part=_count(f"{TALKED} AND a.talk_ms < 5000 AND a.hung_up_by = 'callee'"),
        whole=_count(TALKED),
    ),
    Metric(
        name="conversation_completion",
        title=Said("Conversations completed"),
        formula=Said("Answered calls that we ended ourselves, at the flow's end / answered calls."),
        excluded=Said("Answering machines."),
        unit=Unit.SHARE,
        source="S1d",
        relation=CALLS,
        part=_count("a.outcome = 'answered' AND a.hung_up_by = 'us'"),
        whole=_count("a.outcome = 'answered'"),
    ),
    Metric(
        name="opt_out_rate",
        title=Said("Opt-out rate"),
        formula=Said("Connected calls in which the callee asked for no more calls / connected calls."),
        excluded=_NOT_TALKED,
        unit=Unit.SHARE,
        source="S2d",
        relation=CALLS,
        part=_count(f"{TALKED} AND a.opted_out"),
        whole=_count(TALKED),
    ),
    Metric(
        name="opt_outs",
        title=Said("Opt-outs"),
        formula=Said("Attempts in which the callee asked for no more calls."),
        excluded=NOTHING,
        unit=Unit.COUNT,
        source="S2d",
        relation=CALLS,
        part=_count("a.opted_out"),
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
        part=_count(f"{TALKED} AND {COMPLAINED}"),
        whole=_count(TALKED),
    ),
    # ---- successes ------------------------------------------------------------------------------------------
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
        part=_count(GROSS),
    ),
    Metric(
        name="success_rate",
        title=Said("Success rate (gross)"),
        formula=Said("Successes (gross) / connected calls."),
        excluded=_NOT_TALKED,
        unit=Unit.SHARE,
        source="S3",
        relation=CALLS,
        part=_count(GROSS),
        whole=_count(TALKED),
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
        part=_count(CONFIRMED),
    ),
    Metric(
        name="confirmed_success_rate",
        title=Said("Success rate (confirmed)"),
        formula=Said("Successes (confirmed) / connected calls."),
        excluded=_NOT_TALKED,
        unit=Unit.SHARE,
        source="S8",
        relation=CALLS,
        part=_count(CONFIRMED),
        whole=_count(TALKED),
    ),
    Metric(
        name="contact_success_rate",
        title=Said("Contact success rate"),
        formula=Said("Contacts with a success (gross) / customers reached."),
        excluded=Said("Contacts without a connected call."),
        unit=Unit.SHARE,
        source="S6",
        relation=CALLS,
        part=_tasks(GROSS),
        whole=_tasks(TALKED),
    ),
    Metric(
        name="customers_won",
        title=Said("Customers won (gross)"),
        formula=Said("Contacts with a success (gross) / customers dialled."),
        excluded=Said("Contacts that weren't dialled."),
        unit=Unit.SHARE,
        source="S6",
        relation=CALLS,
        part=_tasks(GROSS),
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
        part=_tasks(CONFIRMED),
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
        part=_count("k.state = 'rejected'"),
    ),
    Metric(
        name="pending_successes",
        title=Said("Successes still to be confirmed"),
        formula=Said("Acceptances by voice without any confirmation, for at most {confirm_days} days."),
        excluded=Said("Those that have waited for longer: they are overdue."),
        unit=Unit.COUNT,
        source="S8",
        relation=CALLS,
        part=_count(f"{OPEN} AND NOT {OVERDUE}"),
    ),
    Metric(
        name="overdue_successes",
        title=Said("Successes nobody confirmed in time"),
        formula=Said("Acceptances by voice without any confirmation for more than {confirm_days} days."),
        excluded=NOTHING,
        unit=Unit.COUNT,
        source="S8",
        relation=CALLS,
        part=_count(OVERDUE),
    ),
    Metric(
        name="success_value",
        title=Said("Success value"),
        formula=Said("Successes (gross) × success rate (gross)."),
        excluded=_NOT_TALKED,
        unit=Unit.NUMBER,
        source="S3",
        relation=CALLS,
        part=f"{_count(GROSS)} * {_count(GROSS)}",
        whole=_count(TALKED),
    ),
    Metric(
        name="successes_per_person",
        title=Said("Successes per person"),
        formula=Said("Successes (gross) of agents' calls / days on which agents had calls, summed over agents."),
        excluded=Said("Calls without an agent."),
        unit=Unit.NUMBER,
        source="S6",
        relation=CALLS,
        part=_count(f"g.id IS NOT NULL AND {GROSS}"),
        whole="COUNT(DISTINCT CAST(g.id AS VARCHAR) || ' ' || LOCAL_DAY(a.started_at))",
    ),
    # ---- what came of it ------------------------------------------------------------------------------------
    Metric(
        name="payment_rate_after_call",
        title=Said("Payment rate after the call"),
        formula=Said(
            "Customers dialled who paid within {payment_days} days after their first call / customers dialled. It "
            "doesn't say what the calls did: the hold-out group in `ivr report campaign` does."
        ),
        excluded=Said("Customers whose first call is younger than that."),
        unit=Unit.SHARE,
        source="S1d",
        relation=FIRST_CALLS,
        part=_count(f"{PAYMENT_KNOWN} AND {PAID}"),
        whole=_count(PAYMENT_KNOWN),
    ),
    Metric(
        name="abandoned_rate",
        title=Said("Abandoned rate"),
        formula=Said("Calls that wanted a person and got none in time / calls that wanted a person."),
        excluded=Said("Callees who left within two seconds, calls that never asked for a person."),
        unit=Unit.SHARE,
        source="S1d",
        relation=CALLS,
        part=_count("a.abandoned"),
        whole=_count(f"a.abandoned OR {BY_PERSON}"),
    ),
    Metric(
        name="transfer_answer_rate",
        title=Said("Transfer answer rate"),
        formula=Said("Calls in which a person took over / calls that wanted a person."),
        excluded=Said("Calls that never asked for a person."),
        unit=Unit.SHARE,
        source="S2c",
        relation=CALLS,
        part=_count(BY_PERSON),
        whole=_count(f"a.abandoned OR {BY_PERSON}"),
    ),
    Metric(
        name="voice_satisfaction",
        title=Said("Satisfaction by voice or keys"),
        formula=Said("Marks of 4 or 5 / marks given to the question `rating`, the last one of each call."),
        excluded=Said("Calls in which no mark was given."),
        unit=Unit.SHARE,
        source="S2c, S3",
        relation=ANSWERS,
        part=_count("n.name = 'rating' AND n.value IN ('4', '5')"),
        whole=_count("n.name = 'rating' AND n.value IN ('1', '2', '3', '4', '5')"),
    ),
    Metric(
        name="agent_satisfaction",
        title=Said("Satisfaction with the agent"),
        formula=Said("Marks of 4 or 5 / marks given to the question `agent_rating`, the last one of each call."),
        excluded=Said("Calls in which no mark was given."),
        unit=Unit.SHARE,
        source="S2c",
        relation=ANSWERS,
        part=_count("n.name = 'agent_rating' AND n.value IN ('4', '5')"),
        whole=_count("n.name = 'agent_rating' AND n.value IN ('1', '2', '3', '4', '5')"),
    ),
    Metric(
        name="sms_satisfaction",
        title=Said("Satisfaction by text message"),
        formula=Said(
            "Marks of 4 or 5 / marks that came by text message (`ivr confirm --ratings`), one for each call."
        ),
        excluded=Said("Calls in which no mark was given."),
        unit=Unit.SHARE,
        source="S3",
        relation=RATINGS,
        part=_count("r.rating >= 4"),
        whole="COUNT(*)",
    ),
    Metric(
        name="speech_share",
        title=Said("Answers by speech"),
        formula=Said("Answers that were spoken / answers, the last one to each question."),
        excluded=Said("Answers that a person noted."),
        unit=Unit.SHARE,
        source="S1d",
        relation=ANSWERS,
        part=_count("n.modality = 'speech'"),
        whole=_count("n.modality IN ('speech', 'keys')"),
    ),
    Metric(
        name="prompt_completion",
        title=Said("Prompts heard to the end"),
        formula=Said("Answers that came after the end of their prompt / answers whose moment is known."),
        excluded=Said("Questions that nobody answered."),
        unit=Unit.SHARE,
        source="S1d",
        relation=ANSWERS,
        part=_count("n.reaction_ms >= 0"),
        whole=_count("n.reaction_ms IS NOT NULL"),
    ),
    # ---- distributions --------------------------------------------------------------------------------------
    Metric(
        name="outcomes",
        title=Said("Outcomes"),
        formula=Said("Attempts by how they ended over the network."),
        excluded=NOTHING,
        unit=Unit.COUNT,
        source="S1d",
        relation=CALLS,
        part="COUNT(*)",
        keys=(("outcome", "COALESCE(a.outcome, 'unknown')"),),
    ),
    Metric(
        name="dispositions",
        title=Said("Results"),
        formula=Said("Contacts by the result of their last attempt."),
        excluded=Said("Contacts that weren't dialled."),
        unit=Unit.COUNT,
        source="S2",
        relation=LAST_CALLS,
        part="COUNT(*)",
        keys=(("disposition", "COALESCE(a.disposition, a.outcome)"),),
    ),
    Metric(
        name="intentions",
        title=Said("Intention classes"),
        formula=Said("Contacts by the class of their last attempt."),
        excluded=Said("Contacts that weren't dialled."),
        unit=Unit.COUNT,
        source="S4",
        relation=LAST_CALLS,
        part="COUNT(*)",
        keys=(("intention", "COALESCE(a.intention, '')"),),
    ),
    Metric(
        name="grades",
        title=Said("Intention grades"),
        formula=Said("Contacts by the grade of their last attempt, A to F."),
        excluded=Said("Contacts that weren't dialled."),
        unit=Unit.COUNT,
        source="S4",
        relation=LAST_CALLS,
        part="COUNT(*)",
        keys=(("grade", "COALESCE(a.grade, '')"),),
    ),
    Metric(
        name="answers",
        title=Said("Answers given"),
        formula=Said("Attempts by their last answer to each question."),
        excluded=Said("Questions that nobody answered."),
        unit=Unit.COUNT,
        source="S2",
        relation=ANSWERS,
        part="COUNT(*)",
        keys=(("question", "n.name"), ("value", "n.value")),
    ),
    Metric(
        name="modalities",
        title=Said("How answers were given"),
        formula=Said("Answers by speech, by keys, or noted by a person, the last one to each question."),
        excluded=Said("Questions that nobody answered."),
        unit=Unit.COUNT,
        source="S1d",
        relation=ANSWERS,
        part="COUNT(*)",
        keys=(("modality", "n.modality"),),
    ),
    *PEOPLE,
)

_BY_NAME = {metric.name: metric for metric in BOOK}


class UnknownMetricError(IvrError):
    """The book has no such entry."""


def metric(name: str) -> Metric:
    """The entry of that name. Raises UnknownMetricError."""
    if name not in _BY_NAME:
        raise UnknownMetricError("there is no metric {name}; `ivr metrics list` names them", name=name)
    return _BY_NAME[name]


def metrics(*names: str) -> tuple[Metric, ...]:
    """The entries of those names, in that order."""
    return tuple(metric(name) for name in names)
