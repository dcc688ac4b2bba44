"""`ivr worker`: one process that runs every running campaign of a database, over the trunks that they share.

`host` looks for campaigns and runs each through a `Dialer` (`campaign`), `shares` says how many calls each may
begin, `networks` opens the trunks. Where several processes dial from one PostgreSQL, `presence` keeps this one's
heartbeat and clears up after those that died, and `quotas` holds its share of the trunks and campaigns. `door` is
what the command calls."""
