"""How many calls may be going: the pacers behind `ivr.dialer.pacer.Pacer`, and fair shares between campaigns.

`schema` is what a strategy says of it, `factory.pacer_of` makes the pacer, `sharing` divides free slots. What
computes is pure and takes its time as a number; `watching` listens to the run's events and to the agents. Who the
agents are is behind `ivr.ports.AgentSupply`; which trunk a call takes is the routes' business."""
