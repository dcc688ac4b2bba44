"""The rows that figures about people count, as SQL: time in states, shifts, talks, staff.

`pieces` is an agent's time cut wherever something begins or ends: a state, a period, a shift. Every border is a
mark; marks in order of time, each carrying on the newest state, period and shift before it, are the pieces. So a
year of rows is cut in one sorted pass, whatever the periods. What the statement is told: `:periods` (hours or days
with the slice that each belongs to), `:since` and `:until` (the first's begin and the last's end).

The plus in `+b.agent_id` keeps both databases from looking a call's rows up among all of its agent's: a call has a
handful of them, an agent a hundred thousand a year."""

from __future__ import annotations

from ivr.metrics.metric import Relation
from ivr.metrics.team_of import team_of

_TIMES = frozenset({"day", "weekday", "week", "month"})
_PEOPLE = frozenset({"agent", "team", "organisation"})
_AGENT = " JOIN agent g ON g.id = x.agent_id"
_TEAM = ("tm", team_of("g", "x.day"))
_TEAM_WHEN_BEGUN = ("tm", team_of("g", "LOCAL_DAY(x.started_at)"))
_TEAM_WHEN_CALLED = ("tm", team_of("g", "LOCAL_DAY(a.started_at)"))
_TEAM_THEN = ("tm", team_of("g", "LOCAL_DAY(x.at)"))
_ORGANISATION = ("o", "JOIN above ON above.id = tm.organisation_id JOIN organisation o ON o.id = above.ancestor")

_PERIODS = ("periods", "PERIOD_ROWS")
# The shifts of the time, but for those planned for somebody after their last day; and whether the agent came: was
# signed in when the shift began, or at some time of it.
_PLANS = (
    "plans",
    """
  SELECT h.id AS id, h.agent_id AS agent_id, h.starts_at AS starts_at, h.ends_at AS ends_at,
    (COALESCE((SELECT b.state FROM agent_state_change b WHERE b.agent_id = h.agent_id AND b.at <= h.starts_at
      ORDER BY b.at DESC, b.number DESC LIMIT 1), 'signed_out') <> 'signed_out'
    OR EXISTS (SELECT 1 FROM agent_state_change b WHERE b.agent_id = h.agent_id AND b.at > h.starts_at
      AND b.at < h.ends_at AND b.state <> 'signed_out')) AS attended
  FROM shift h JOIN agent g ON g.id = h.agent_id WHERE h.starts_at < :until AND h.ends_at > :since
    AND (g.left_on IS NULL OR LOCAL_DAY(h.starts_at) <= CAST(g.left_on AS VARCHAR))
""",
)
# NULLIF(x, x) is a NULL of x's own type, on both databases.
_MARKS = (
    "marks",
    """
  SELECT c.agent_id AS agent_id, c.at AS at, c.number AS number, c.state AS state,
    CASE WHEN c.state IN ('dialing', 'talking') AND c.attempt_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM agent_state_change b WHERE b.attempt_id = c.attempt_id AND +b.agent_id = c.agent_id
      AND b.number < c.number AND b.state IN ('dialing', 'talking')) THEN 1 ELSE 0 END AS begins_call,
    NULLIF(c.at, c.at) AS begins, NULLIF(c.at, c.at) AS shift_at
  FROM agent_state_change c WHERE c.at >= :since AND c.at < :until
  UNION ALL SELECT g.id, p.begins, COALESCE(c.number, 0), COALESCE(c.state, 'signed_out'), 0, p.begins,
    NULLIF(p.begins, p.begins)
  FROM agent g JOIN periods p ON p.begins = :since LEFT JOIN agent_state_change c ON c.id = (
    SELECT b.id FROM agent_state_change b WHERE b.agent_id = g.id AND b.at < :since
    ORDER BY b.at DESC, b.number DESC LIMIT 1)
  UNION ALL SELECT g.id, p.begins, 0, '', 0, p.begins, NULLIF(p.begins, p.begins)
  FROM agent g JOIN periods p ON p.begins > :since
  UNION ALL SELECT g.id, e.ends, 0, '', 0, NULLIF(e.ends, e.ends), NULLIF(e.ends, e.ends)
  FROM agent g CROSS JOIN (SELECT MAX(ends) AS ends FROM periods) e
  UNION ALL SELECT h.agent_id, h.starts_at, 0, '', 0, NULLIF(h.starts_at, h.starts_at), h.starts_at FROM plans h
  UNION ALL SELECT h.agent_id, h.ends_at, 0, '', 0, NULLIF(h.ends_at, h.ends_at), NULLIF(h.ends_at, h.ends_at)
  FROM plans h WHERE h.ends_at < :until
""",
)
_CUT = (
    "cut",
    """
  SELECT agent_id, at, state, begins_call, LEAD(at) OVER w AS until, MAX(number) OVER w AS number,
    MAX(begins) OVER w AS begins, MAX(shift_at) OVER w AS shift_at
  FROM marks WINDOW w AS (PARTITION BY agent_id ORDER BY at, number ROWS UNBOUNDED PRECEDING)
""",
)
# Of the marks that carry one row's number only the row itself names its state: the others' are empty. Of marks at
# one moment borders come first (number 0), then rows in their order: what lasted for no time is no piece.
_PIECES = (
    "pieces",
    """
  SELECT x.agent_id AS agent_id, SECONDS(x.until, x.at) AS seconds, p.label AS label, p.day AS day,
    x.now_in AS state, x.begins_call AS begins_call, h.id AS shift_id,
    (h.id IS NOT NULL AND h.attended) AS attended
  FROM (SELECT cut.*, MAX(state) OVER (PARTITION BY agent_id, number) AS now_in FROM cut) x
  JOIN periods p ON p.begins = x.begins
  LEFT JOIN plans h ON h.agent_id = x.agent_id AND h.starts_at = x.shift_at AND h.ends_at > x.at
  WHERE x.until > x.at OR x.begins_call = 1
""",
)
_SHIFTS = (
    "shifts",
    """
  SELECT h.agent_id AS agent_id, p.label AS label, p.day AS day, h.attended AS attended
  FROM plans h JOIN periods p ON h.starts_at >= p.begins AND h.starts_at < p.ends
""",
)
_SPANS = (
    "spans",
    """
  SELECT label, MIN(day) AS first, MAX(day) AS last FROM periods GROUP BY label
""",
)
# Who was there at the start and at the end, and who left; each for the team of that day.
_STAFF = (
    "staff",
    """
  SELECT s.label AS label, b.id AS agent_id, 'start' AS at, s.first AS day FROM spans s JOIN agent b
    ON CAST(b.hired_on AS VARCHAR) < s.first AND COALESCE(CAST(b.left_on AS VARCHAR), s.last) >= s.first
  UNION ALL SELECT s.label, b.id, 'end', s.last FROM spans s JOIN agent b
    ON CAST(b.hired_on AS VARCHAR) <= s.last AND (b.left_on IS NULL OR CAST(b.left_on AS VARCHAR) > s.last)
  UNION ALL SELECT s.label, b.id, 'left', CAST(b.left_on AS VARCHAR) FROM spans s JOIN agent b
    ON CAST(b.left_on AS VARCHAR) BETWEEN s.first AND s.last
""",
)

AGENT_TIME = Relation(
    name="agents' time",
    tables=f"pieces x{_AGENT}",
    where="(x.state <> 'signed_out' OR x.shift_id IS NOT NULL)",
    label="x.label",
    joins=(_TEAM, _ORGANISATION),
    slices=_PEOPLE | _TIMES | {"hour"},
    organisation="tm.organisation_id",
    rows=(_PERIODS, _PLANS, _MARKS, _CUT, _PIECES),
)
SHIFTS = Relation(
    name="shifts",
    tables=f"shifts x{_AGENT}",
    where="",
    label="x.label",
    joins=(_TEAM, _ORGANISATION),
    slices=_PEOPLE | _TIMES,
    organisation="tm.organisation_id",
    rows=(_PERIODS, _PLANS, _SHIFTS),
)
STAFF = Relation(
    name="staff",
    tables=f"staff x{_AGENT}",
    where="",
    label="x.label",
    joins=(_TEAM, _ORGANISATION),
    slices=(_PEOPLE - {"agent"}) | (_TIMES - {"weekday"}),
    organisation="tm.organisation_id",
    rows=(_PERIODS, _SPANS, _STAFF),
)
# Talks of agents: what segments of calls say. A call may have several.
TALKS = Relation(
    name="agents' talks",
    tables="segment x JOIN attempt a ON a.id = x.attempt_id JOIN campaign c ON c.id = a.campaign_id"
    " JOIN agent g ON g.number = x.agent",
    where="x.kind = 'agent' AND x.ended_at IS NOT NULL",
    moment="x.started_at",
    joins=(_TEAM_WHEN_BEGUN, _ORGANISATION),
    slices=_PEOPLE | _TIMES | {"hour", "campaign"},
    organisation="tm.organisation_id",
)
# What was inspected: of each part of a call, an agent's or the robot's. Of a part that both levels inspected the
# judgement of the level above stands. What an agent has appealed against counts when that is decided.
INSPECTED = Relation(
    name="inspections",
    tables="inspection x JOIN attempt a ON a.id = x.attempt_id JOIN campaign c ON c.id = a.campaign_id"
    " LEFT JOIN agent g ON g.number = x.agent",
    where="x.settled_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM inspection b WHERE b.attempt_id = x.attempt_id"
    " AND b.agent = x.agent AND b.level > x.level AND b.settled_at IS NOT NULL)"
    " AND NOT EXISTS (SELECT 1 FROM inspection_appeal b WHERE b.inspection_id = x.id AND b.state = 'open')",
    moment="a.started_at",
    joins=(
        _TEAM_WHEN_CALLED,
        ("o", "JOIN above ON above.id = c.organisation_id JOIN organisation o ON o.id = above.ancestor"),
    ),
    slices=_PEOPLE | _TIMES | {"hour", "campaign"},
)
# The first row of each talk, once everything that the call brought its agent is over.
HANDLED = Relation(
    name="handled calls",
    tables="agent_state_change x JOIN attempt a ON a.id = x.attempt_id JOIN campaign c ON c.id = a.campaign_id"
    + _AGENT,
    where="x.state = 'talking' AND NOT EXISTS (SELECT 1 FROM agent_state_change b"
    " WHERE b.attempt_id = x.attempt_id AND +b.agent_id = x.agent_id AND b.state = 'talking'"
    " AND b.number < x.number)"
    " AND NOT EXISTS (SELECT 1 FROM agent_state_change b WHERE b.attempt_id = x.attempt_id"
    " AND +b.agent_id = x.agent_id AND NOT EXISTS (SELECT 1 FROM agent_state_change n"
    " WHERE n.agent_id = b.agent_id AND n.number = b.number + 1))",
    moment="x.at",
    joins=(_TEAM_THEN, _ORGANISATION),
    slices=_PEOPLE | _TIMES | {"hour", "campaign"},
    organisation="tm.organisation_id",
)
