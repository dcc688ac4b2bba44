"""Names of voices: `en-us+f3@155` is an espeak-ng voice, its variant and its rate; `zh`, `en`, `ko` are ours."""

from __future__ import annotations

import re
from dataclasses import dataclass

from speech.ports import SpeechError

# espeak-ng 1.51 reads Chinese characters with its voice "cmn" as English words ("ni three hao three"), because it
# takes the pinyin of its own dictionary for Latin text; "cmn-latn-pinyin" reads them as Mandarin and Latin words
# still as English (docs/decisions/0020-synthesis.md). The variant f3 is understood best over the phone of those we
# measured. Rates are slower than espeak's own 175 words a minute.
DEFAULT_VOICES = {"zh-CN": "cmn-latn-pinyin+f3@170", "en": "en-us+f3@155", "ko": "ko@160"}

_SHORT_NAMES = {
    "zh": DEFAULT_VOICES["zh-CN"],
    "cmn": DEFAULT_VOICES["zh-CN"],
    **DEFAULT_VOICES,
}
_DEFAULT_RATE_WPM = 160
_RATES_WPM = range(80, 451)  # what espeak-ng accepts
_VOICE = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_/-]*(?:\+[A-Za-z0-9_-]+)?)(?:@(?P<rate>\d{1,3}))?")


@dataclass(frozen=True, slots=True)
class Voice:
    name: str  # as espeak-ng knows it, with an optional variant: "en-us", "cmn-latn-pinyin+f3"
    rate_wpm: int


def parse_voice(spec: str) -> Voice:
    """The voice that a configuration names. Raises SpeechError unless it reads `name[+variant][@rate]`."""
    match = _VOICE.fullmatch(_SHORT_NAMES.get(spec, spec))
    rate_wpm = int(match["rate"] or _DEFAULT_RATE_WPM) if match else 0
    if match is None or rate_wpm not in _RATES_WPM:
        raise SpeechError(
            "{spec!r} isn't a voice: write an espeak-ng voice and a rate from {low} to {high}, like en-us@155",
            spec=spec,
            low=_RATES_WPM.start,
            high=_RATES_WPM.stop - 1,
        )
    return Voice(match["name"], rate_wpm)
