"""Customers who call back (docs/returns.md): whose campaign it is, and what comes of the call.

`matching` decides, pure; `rows` reads and writes; `calls` makes the conversation; `ivr.worker.returning` hears of
the calls and hosts all that."""
