"""The rules, in the order in which they are told."""

from __future__ import annotations

from ivr.metrics.invariants import evidence, recomputed
from ivr.metrics.invariants.scope import Invariant, query
from ivr.metrics.metric import Said

RULES: tuple[Invariant, ...] = (
    Invariant(
        "call_ends",
        Said("A call has an outcome when it has ended, and only then."),
        Said("{count} calls have ended without an outcome, or have one without having ended: {examples}"),
        query(
            "call",
            "SELECT id FROM attempt WHERE (ended_at IS NULL) <> (outcome IS NULL)"
            " OR (ended_at IS NULL) <> (state <> 'ended')",
        ),
    ),
    Invariant(
        "sums",
        Said("Outcomes add up to attempts, and nobody is reached who wasn't dialled."),
        Said("{count} campaigns don't add up: {examples}"),
        evidence.sums,
    ),
    Invariant(
        "attempts_counted",
        Said("A contact's count of attempts is the number of its calls, which are numbered without gaps."),
        Said("{count} contacts have another number of calls than they say: {examples}"),
        query(
            "contact",
            "SELECT t.id FROM task t LEFT JOIN (SELECT task_id, COUNT(*) AS calls, MAX(number) AS top FROM attempt"
            " GROUP BY task_id) a ON a.task_id = t.id"
            " WHERE t.attempts <> COALESCE(a.calls, 0) OR COALESCE(a.top, 0) <> COALESCE(a.calls, 0)",
        ),
    ),
    Invariant(
        "call_of_campaign",
        Said("A call is of the same campaign as its contact, and to the contact's number."),
        Said("{count} calls are of another campaign or number than their contact: {examples}"),
        query(
            "call",
            "SELECT a.id FROM attempt a JOIN task t ON t.id = a.task_id JOIN contact p ON p.id = t.contact_id"
            " WHERE a.campaign_id <> t.campaign_id OR a.phone <> p.phone",
        ),
    ),
    Invariant(
        "done_has_result",
        Said("Every contact that is done has a result."),
        Said("{count} contacts are done without a result: {examples}"),
        query("contact", "SELECT id FROM task WHERE state = 'done' AND COALESCE(result, '') = ''"),
    ),
    Invariant(
        "open_too_long",
        Said("No call goes on for longer than the longest one."),
        Said("{count} calls have been going on for longer than any call may: {examples}"),
        query("call", "SELECT id FROM attempt WHERE ended_at IS NULL AND SECONDS(:now, started_at) > :longest_s"),
    ),
    Invariant(
        "one_live_call",
        Said("A number has one live call at a time."),
        Said("{count} numbers have several live calls: {examples}"),
        query("call", "SELECT MIN(id) FROM attempt WHERE ended_at IS NULL GROUP BY phone HAVING COUNT(*) > 1"),
    ),
    Invariant(
        "timelines",
        Said("Agents' states follow each other without gap or overlap, and the newest is what they do now."),
        Said("{count} agents have a day with a gap, an overlap or an impossible state: {examples}"),
        query(
            "agent",
            "SELECT g.number FROM agent g WHERE EXISTS (SELECT 1 FROM agent_state_change c"
            " LEFT JOIN agent_state_change b ON b.agent_id = c.agent_id AND b.number = c.number - 1"
            " WHERE c.agent_id = g.id AND c.at >= :since AND ((c.number > 1 AND b.id IS NULL) OR b.at > c.at"
            " OR (COALESCE(b.state, 'signed_out') = 'signed_out' AND c.state <> 'signed_in')))"
            " OR EXISTS (SELECT 1 FROM agent_presence p LEFT JOIN agent_state_change c"
            " ON c.agent_id = p.agent_id AND c.number = p.changes WHERE p.agent_id = g.id AND p.changes > 0"
            " AND (c.id IS NULL OR c.state <> p.state OR c.at <> p.since))"
            " OR EXISTS (SELECT 1 FROM agent_state_change c LEFT JOIN agent_presence p ON p.agent_id = c.agent_id"
            " WHERE c.agent_id = g.id AND c.number > COALESCE(p.changes, 0)) ORDER BY g.number",
        ),
    ),
    Invariant(
        "lease_too_long",
        Said("What was leased is called or given back."),
        Said("{count} contacts are held by a lease that ended long ago: {examples}"),
        query(
            "contact",
            "SELECT id FROM task WHERE state = 'leased' AND SECONDS(:now, lease_until) > :late_s",
        ),
    ),
    Invariant(
        "engagements",
        Said("A month's contact is used up by conversations alone, and held by nobody who is done."),
        Said("{count} contacts use up a month without a call, or talked without using one up: {examples}"),
        query(
            "contact",
            "SELECT e.task_id FROM engagement e JOIN task t ON t.id = e.task_id"
            " WHERE (e.state = 'committed' AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.task_id = e.task_id))"
            " OR (e.state <> 'committed' AND EXISTS (SELECT 1 FROM attempt a WHERE a.task_id = e.task_id"
            " AND a.outcome = 'answered' AND a.talk_ms > 0 AND a.ended_at > e.changed_at"
            " AND COALESCE(a.why, '') <> 'return'))"
            " OR (e.state = 'reserved' AND t.state = 'done')",
        ),
    ),
    Invariant(
        "month_full",
        Said("No number is reached by more campaigns in a month than policies allow."),
        Said("{count} numbers were reached more often in a month than policies allow: {examples}"),
        recomputed.month_too_full,
    ),
    Invariant(
        "window",
        Said("No call begins outside its policy's window."),
        Said("{count} calls began outside their window: {examples}"),
        recomputed.outside_window,
    ),
    Invariant(
        "limits",
        Said("No number is called more often than its policy allows."),
        Said("{count} calls were more than their policy allows: {examples}"),
        recomputed.above_limits,
    ),
    Invariant(
        "opted_out",
        Said("Nobody is called who doesn't want to be."),
        Said("{count} calls went to numbers that were on do not disturb by then: {examples}"),
        query(
            "call",
            "SELECT DISTINCT a.id FROM attempt a JOIN campaign c ON c.id = a.campaign_id"
            " JOIN do_not_disturb d ON d.phone = a.phone AND d.purpose IN (c.purpose, '*')"
            " WHERE a.started_at >= :since AND SECONDS(a.started_at, d.created_at) > :grace_s"
            " AND (d.expires_at IS NULL OR d.expires_at > a.started_at)",
        ),
    ),
    Invariant(
        "held_out",
        Said("Nobody is called who is held out."),
        Said("{count} calls went to numbers that are held out: {examples}"),
        recomputed.held_out_called,
    ),
    Invariant(
        "schedule",
        Said("No call begins before its campaign, after its end, or after it has finished."),
        Said("{count} calls began outside their campaign's time: {examples}"),
        query(
            "call",
            "SELECT a.id FROM attempt a JOIN campaign c ON c.id = a.campaign_id WHERE a.started_at >= :since"
            " AND COALESCE(a.why, '') <> 'return' AND (a.started_at < c.starts_at OR a.started_at >= c.ends_at"
            " OR (c.state = 'finished' AND a.started_at > c.finished_at))",
        ),
    ),
    Invariant(
        "stopped",
        Said("No call begins while all dialling is stopped."),
        Said("{count} calls began while all dialling was stopped: {examples}"),
        query(
            "call",
            "SELECT DISTINCT a.id FROM attempt a JOIN emergency_stop s"
            " ON SECONDS(a.started_at, s.at) > :stop_s AND (s.lifted_at IS NULL OR a.started_at < s.lifted_at)"
            " WHERE a.started_at >= :since",
        ),
    ),
    Invariant(
        "recorded",
        Said("Where calls are recorded, every answered one is."),
        Said("{count} answered calls have no recording: {examples}"),
        evidence.unrecorded,
    ),
    Invariant(
        "files",
        Said("Every recording's file is there."),
        Said("{count} recordings have lost their file: {examples}"),
        evidence.lost_files,
    ),
    Invariant(
        "deliveries",
        Said("What other systems are to be told is sent."),
        Said("{count} deliveries are stuck or were given up: {examples}"),
        query(
            "delivery",
            "SELECT id FROM delivery WHERE state = 'dead'"
            " OR (state = 'queued' AND SECONDS(:now, next_at) > :late_s)",
        ),
    ),
    Invariant(
        "answers",
        Said("Every answer belongs to a question that its call came to."),
        Said("{count} answers belong to questions that weren't asked: {examples}"),
        evidence.unasked,
    ),
)
