"""The project's own test softphone: a SIP user agent over asyncio, for tests, benches and the demo.

`async with Softphone(port) as phone: phone.on("13800000001", behaviour)`; a behaviour is a coroutine that acts on
a `SipCall`: ring, progress, answer, reject, play, keys, hang_up; `phone.call(…)` calls somebody. UDP over IPv4,
G.711, RFC 4733 keys; no authentication, no jitter buffer."""

from tests.softphone.call import CallState, End, SipCall
from tests.softphone.calling import OutgoingCall
from tests.softphone.errors import CallEndedError, CallStateError, MessageError
from tests.softphone.heard import Heard, HeardKey, HeardPacket, Sound
from tests.softphone.listening import Listener
from tests.softphone.phone import Behaviour, Softphone, answers
from tests.softphone.saying import Playing, Pressing

__all__ = [
    "Behaviour",
    "CallEndedError",
    "CallState",
    "CallStateError",
    "End",
    "Heard",
    "HeardKey",
    "HeardPacket",
    "Listener",
    "MessageError",
    "OutgoingCall",
    "Playing",
    "Pressing",
    "SipCall",
    "Softphone",
    "Sound",
    "answers",
]
