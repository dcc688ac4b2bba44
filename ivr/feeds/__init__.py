"""Feeds: sources that are asked on a schedule for what is new: contacts for a campaign, payments, complaints.

A feed is a YAML file (`ivr.feeds.loader`, docs/feeds.md). `ivr.feeds.runner` asks the sources that are due,
`ivr.feeds.rows` turns their rows into ours or says why it can't, and `ivr.feeds.store` writes them together with
how far they have been read: a run that dies between two transactions is gone on with, and no row is taken twice.
`ivr.feeds.intake` is where contacts enter a campaign that has begun, from feeds and one by one over the API."""
