"""The database: one transaction is one function, run in a thread, one await for its caller.

`await db.run(work)` calls `work(session)` inside one write transaction and commits; `await db.read(work)` does the
same for queries. Both go through the clock's `outside`, here and nowhere else, so that on the virtual loop time
stands still while the database works and no caller can forget it (docs/decisions/0060-transactions-in-threads.md).

SQLite is a file with one writer at a time. PostgreSQL takes any number of processes and several transactions of
each at once: there `ivr.database.locks` says who waits for whom, and a transaction that lost against another is
done again, so `work` must be repeatable: it touches nothing but its session
(docs/decisions/0120-two-databases.md)."""

from ivr.database.driven import Driven
from ivr.database.express import Row, Statement
from ivr.database.failures import Again, DatabaseError
from ivr.database.questions import Question
from ivr.database.transactions import READERS, WRITERS, Database
from ivr.database.urls import Place, file_of, parse, shown, url_of

__all__ = [
    "READERS",
    "WRITERS",
    "Again",
    "Database",
    "DatabaseError",
    "Driven",
    "Place",
    "Question",
    "Row",
    "Statement",
    "file_of",
    "parse",
    "shown",
    "url_of",
]
