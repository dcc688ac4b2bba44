"""Who may be called, when, how often, and why not.

A policy is a YAML file (`ivr.policy.loader`, docs/policy.md). `ivr.policy.decide` is the one pure function that
says of a number at a moment: call, later, or never, and by which rule. It is asked when a list is taken in, when a
number is leased and just before it is dialled; `ivr.policy.facts` brings what it needs from the database, a batch
at a time, and `ivr.policy.record` keeps the reason."""
