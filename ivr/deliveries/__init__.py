"""Results pushed back: other systems are told what became of calls and contacts.

Whoever writes an outcome calls one function of this package in the same transaction; it writes a row for each
system (`[deliveries.NAME]` in ivr.toml) that wants to know, and nothing at all, without asking the database, when
none does. `ivr.deliveries.runner` sends the rows afterwards, in order for each contact, at least once."""

from ivr.deliveries.outbox import (
    attach,
    attached,
    attempts_ended,
    grade_changed,
    success_confirmed,
    tasks_done,
    wants_tasks,
)

__all__ = [
    "attach",
    "attached",
    "attempts_ended",
    "grade_changed",
    "success_confirmed",
    "tasks_done",
    "wants_tasks",
]
