"""The states of a call, as whoever watches it sees them too; `ivr.session.machine` says what leads where."""

from __future__ import annotations

from enum import StrEnum


class CallState(StrEnum):
    DIALING = "dialing"  # asked for; nothing rings yet
    RINGING = "ringing"
    TALKING = "talking"  # a speech turn says and hears
    WORKING = "working"  # on the line, waiting for something outside: a text message, an API, a rendered prompt
    TRANSFERRING = "transferring"  # on the line, being comforted while a person is called and told
    BRIDGED = "bridged"  # the callee and a person talk; we neither say nor hear
    TAKEN = "taken_over"  # a supervisor has taken the call over: the robot is out of it for good
    LEAVING = "leaving"  # we have asked for the end
    ENDED = "ended"
