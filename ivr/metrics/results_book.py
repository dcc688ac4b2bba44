"""Figures about what came of calls, and distributions. Entries of the book."""

from __future__ import annotations

from ivr.metrics.metric import Metric, Said, Unit
from ivr.metrics.relations import ANSWERS, CALLS, FIRST_CALLS, LAST_CALLS, RATINGS
from ivr.metrics.terms import NOTHING, RETURNED, count

BY_PERSON = "EXISTS (SELECT 1 FROM segment s WHERE s.attempt_id = a.id AND s.kind = 'agent')"
PAID = (
    "EXISTS (SELECT 1 FROM payment_event e WHERE e.phone = a.phone AND e.paid_at >= a.started_at"
    " AND SECONDS(e.paid_at, a.started_at) < :payment_s)"
)
PAYMENT_KNOWN = "SECONDS(:now, a.started_at) >= :payment_s"

RESULTS: tuple[Metric, ...] = (
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
        part=count(f"{PAYMENT_KNOWN} AND {PAID}"),
        whole=count(PAYMENT_KNOWN),
    ),
    Metric(
        name="abandoned_rate",
        title=Said("Abandoned rate"),
        formula=Said("Calls that wanted a person and got none in time / calls that wanted a person."),
        excluded=Said(
            "Callees who left within two seconds, calls that never asked for a person; customers' calls back."
        ),
        unit=Unit.SHARE,
        source="S1d",
        relation=CALLS,
        part=count(f"a.abandoned AND NOT {RETURNED}"),
        whole=count(f"(a.abandoned OR {BY_PERSON}) AND NOT {RETURNED}"),
    ),
    Metric(
        name="transfer_answer_rate",
        title=Said("Transfer answer rate"),
        formula=Said("Calls in which a person took over / calls that wanted a person."),
        excluded=Said("Calls that never asked for a person."),
        unit=Unit.SHARE,
        source="S2c",
        relation=CALLS,
        part=count(BY_PERSON),
        whole=count(f"a.abandoned OR {BY_PERSON}"),
    ),
    Metric(
        name="voice_satisfaction",
        title=Said("Satisfaction by voice or keys"),
        formula=Said("Marks of 4 or 5 / marks given to the question `rating`, the last one of each call."),
        excluded=Said("Calls in which no mark was given."),
        unit=Unit.SHARE,
        source="S2c, S3",
        relation=ANSWERS,
        part=count("n.name = 'rating' AND n.value IN ('4', '5')"),
        whole=count("n.name = 'rating' AND n.value IN ('1', '2', '3', '4', '5')"),
    ),
    Metric(
        name="agent_satisfaction",
        title=Said("Satisfaction with the agent"),
        formula=Said("Marks of 4 or 5 / marks given to the question `agent_rating`, the last one of each call."),
        excluded=Said("Calls in which no mark was given."),
        unit=Unit.SHARE,
        source="S2c",
        relation=ANSWERS,
        part=count("n.name = 'agent_rating' AND n.value IN ('4', '5')"),
        whole=count("n.name = 'agent_rating' AND n.value IN ('1', '2', '3', '4', '5')"),
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
        part=count("r.rating >= 4"),
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
        part=count("n.modality = 'speech'"),
        whole=count("n.modality IN ('speech', 'keys')"),
    ),
    Metric(
        name="prompt_completion",
        title=Said("Prompts heard to the end"),
        formula=Said("Answers that came after the end of their prompt / answers whose moment is known."),
        excluded=Said("Questions that nobody answered."),
        unit=Unit.SHARE,
        source="S1d",
        relation=ANSWERS,
        part=count("n.reaction_ms >= 0"),
        whole=count("n.reaction_ms IS NOT NULL"),
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
)
