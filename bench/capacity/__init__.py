"""`ivr bench capacity`: how many calls this machine holds, with everything on it: Asterisk, engine, decoding,
database, and the callees themselves."""

from bench.capacity.command import command

__all__ = ["command"]
