"""What can be wrong with what a softphone is sent or asked to do."""

from __future__ import annotations


class MessageError(ValueError):
    """A datagram that isn't what it should be; the phone logs it and goes on."""


class CallStateError(RuntimeError):
    """The call isn't in a state in which this can be done; the message says which it is in."""


class CallEndedError(CallStateError):
    """The call is over. Raised inside a behaviour it ends that behaviour, and is no fault."""
