"""Pacing by people over simulated days, ours and others' side by side: `ivr bench pacing`.

`day` draws what the world does, `world` runs one day with one pacer, `ways` names the pacers, `vicidial` is that
project's rule as it is published, `compare` sets days side by side, `command` prints. Nothing is imported here."""
