"""What the figures of `ivr bench capacity` are called in its table. Its JSON has their names."""

from __future__ import annotations

from ivr.i18n import translate

TITLES = {
    "most_calls": "most calls with frames in time",
    "calls_asked": "calls asked for",
    "seconds": "held for, s",
    "speech_share": "share of callees who speak",
    "record_share": "share of calls recorded",
    "setups_per_s_asked": "set-ups a second asked for",
    "call_s": "length of each call, s (0: to the end)",
    "workers": "workers",
    "database": "database",
    "calls_held": "calls held, on average",
    "calls_held_most": "calls held, most at once",
    "setups": "calls that reached their callee",
    "setups_per_s": "set-ups a second, until all were there",
    "window_setups_per_s": "set-ups a second, while held",
    "lost_calls": "calls lost",
    "busy_share": "machine busy, share",
    "elsewhere_share": "of that, by none of the parts below",
    "late_p50_ms": "frames late, p50, ms",
    "late_p99_ms": "frames late, p99, ms",
    "late_max_ms": "frames late, most, ms",
    "frames_missing_share": "frames missing, share",
    "worst_call_missing_share": "frames missing, share of the worst call",
    "longest_gap_s": "longest time without a frame, s",
    "longest_silence_s": "longest time that a callee heard nothing, s",
    "silent_calls": "calls in which the callee heard too little",
    "calls_not_heard": "calls in which the callee wasn't heard",
    "recordings_not_whole": "recordings missing or not whole",
    "answers_given": "answers given",
    "answers_right": "answers right",
    "answers_wrong": "answers wrong",
    "keys_given": "keys pressed",
    "keys_not_right": "keys lost or wrong",
    "said": "answers said",
    "not_understood": "of those not understood",
    "not_understood_share": "share not understood",
    "recordings_said": "recordings that were said",
    "wrong_but_right_alone": "answers wrong that are right alone",
    "said_per_call_s": "answers said per call-second",
    "engine_share_of_asterisk": "engine's CPU as a share of Asterisk's",
    "engine_cpu_ms_per_call_s": "CPU of the engine, ms per call-second",
    "decoding_cpu_ms_per_call_s": "CPU of decoding, ms per call-second",
    "encoding_cpu_ms_per_call_s": "CPU of encoding recordings, ms per call-second",
    "asterisk_cpu_ms_per_call_s": "CPU of Asterisk, ms per call-second",
    "generator_cpu_ms_per_call_s": "CPU of the load generator, ms per call-second",
    "database_cpu_ms_per_call_s": "CPU of PostgreSQL, ms per call-second",
    "engine_mb": "memory of the workers, MB",
    "engine_mb_idle": "memory of the workers before the first call, MB",
    "engine_kb_per_call": "memory of the workers per call, KB",
    "decoding_mb": "memory of the processes that decode, MB",
    "decoding_mb_idle": "memory of the processes that decode before the first call, MB",
    "decoding_kb_per_call": "memory of the processes that decode per call, KB",
    "asterisk_mb": "memory of Asterisk, MB",
    "asterisk_mb_idle": "memory of Asterisk before the first call, MB",
    "asterisk_kb_per_call": "memory of Asterisk per call, KB",
    "generator_late_ticks": "late ticks of the load generator",
}


def titles() -> dict[str, str]:
    """By name, in the reader's language."""
    return {name: translate(title) for name, title in TITLES.items()}
