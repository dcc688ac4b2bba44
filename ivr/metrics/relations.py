"""The rows that metrics count."""

from __future__ import annotations

from ivr.metrics.metric import Relation
from ivr.metrics.team_of import team_of

_OF_CAMPAIGN = frozenset({"campaign", "organisation", "segment", "day", "week", "month"})
_OF_CALLS = _OF_CAMPAIGN | {"hour", "weekday", "attempt", "arm", "grade", "trunk", "agent", "team"}

# The newest word on a success: all others are history.
_CONFIRMATION = (
    "k",
    "LEFT JOIN (SELECT attempt_id, MAX(id) AS newest FROM confirmation GROUP BY attempt_id) kn"
    " ON kn.attempt_id = a.id LEFT JOIN confirmation k ON k.id = kn.newest",
)
_ORGANISATION = ("o", "JOIN above ON above.id = c.organisation_id JOIN organisation o ON o.id = above.ancestor")
# Whose call it is: the agent's who talked in it last, else of whoever dialled it by hand.
_NUMBER_OF_CALL = (
    "COALESCE((SELECT w.agent FROM segment w WHERE w.attempt_id = a.id AND w.kind = 'agent'"
    " AND w.agent IS NOT NULL ORDER BY w.number DESC LIMIT 1),"
    " (SELECT wg.number FROM handling w JOIN agent wg ON wg.id = w.agent_id WHERE w.attempt_id = a.id))"
)
_CALL_JOINS = (
    ("g", f"LEFT JOIN agent g ON g.number = {_NUMBER_OF_CALL}"),
    (
        "tm",
        f"LEFT JOIN agent tg ON tg.number = {_NUMBER_OF_CALL} {team_of('tg', 'LOCAL_DAY(a.started_at)')}",
    ),
    _CONFIRMATION,
    ("t", "JOIN task t ON t.id = a.task_id"),
    ("p", "JOIN task pt ON pt.id = a.task_id JOIN contact p ON p.id = pt.contact_id"),
    _ORGANISATION,
)

CUSTOMERS = Relation(
    name="customers",
    tables="task t JOIN campaign c ON c.id = t.campaign_id JOIN contact p ON p.id = t.contact_id"
    " LEFT JOIN import_batch b ON b.id = p.batch_id",
    where="COALESCE(t.result, '') <> 'removed_from_list'",
    moment="COALESCE(b.imported_at, c.created_at)",
    joins=(
        (
            "d",
            "LEFT JOIN (SELECT task_id, MAX(id) AS newest FROM contact_decision GROUP BY task_id) dn"
            " ON dn.task_id = t.id LEFT JOIN contact_decision d ON d.id = dn.newest",
        ),
        _ORGANISATION,
    ),
    slices=_OF_CAMPAIGN,
)
CALLS = Relation(
    name="calls",
    tables="attempt a JOIN campaign c ON c.id = a.campaign_id",
    where="a.ended_at IS NOT NULL",
    moment="a.started_at",
    joins=_CALL_JOINS,
    slices=_OF_CALLS,
)
LAST_CALLS = Relation(
    name="last calls",
    tables=CALLS.tables,
    where="a.ended_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM attempt later WHERE later.task_id = a.task_id"
    " AND later.number > a.number AND later.ended_at IS NOT NULL)",
    moment="a.started_at",
    joins=_CALL_JOINS,
    slices=_OF_CALLS,
)
FIRST_CALLS = Relation(
    name="first calls",
    tables=CALLS.tables,
    where="a.ended_at IS NOT NULL AND a.number = 1",
    moment="a.started_at",
    joins=_CALL_JOINS,
    slices=_OF_CALLS,
)
ANSWERS = Relation(
    name="answers",
    tables="answer n JOIN attempt a ON a.id = n.attempt_id JOIN campaign c ON c.id = a.campaign_id",
    where="a.ended_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM answer later WHERE later.attempt_id = n.attempt_id"
    " AND later.name = n.name AND later.number > n.number)",
    moment="a.started_at",
    joins=_CALL_JOINS,
    slices=_OF_CALLS,
)
RATINGS = Relation(
    name="ratings",
    tables="sms_rating r JOIN attempt a ON a.id = r.attempt_id JOIN campaign c ON c.id = a.campaign_id",
    where="a.ended_at IS NOT NULL",
    moment="a.started_at",
    joins=_CALL_JOINS,
    slices=_OF_CALLS,
)
