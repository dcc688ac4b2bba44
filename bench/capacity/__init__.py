"""`ivr bench capacity`: how many calls this machine holds, with everything on it: Asterisk, engine, decoding,
database, and the callees themselves. The command is in `bench.capacity.command`."""
