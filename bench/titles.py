"""What figures are called in the tables of `ivr bench`, in the reader's language; JSON has their names.

A name is one of TITLES, or parts of it with dots between: of what it is (a scene, so many calls) and the figure.
`_#` at the end stands for a number."""

from __future__ import annotations

from ivr.i18n import translate

TITLES = {
    # of what
    "prompts": "prompts",
    "vad": "prompts, listening for voice",
    "answers": "questions and answers",
    "calls_#": "{number} calls",
    "last": "the last that was tried",
    "with_vad": "with voice activity",
    "without_vad": "without voice activity",
    "postgresql": "PostgreSQL",
    "sqlite": "SQLite",
    "batch_#": "batch of {number}",
    "agents_#": "{number} agents",
    # in several
    "calls": "calls",
    "calls_at_once": "calls at once",
    "talk_s": "length of each call, s",
    "contacts": "contacts",
    "database": "database",
    "wall_s": "took, s",
    "cpu_s": "CPU, s",
    "call_s": "call-seconds",
    "cpu_ms_per_call_s": "CPU ms per call-s",
    "late_p50_ms": "late p50, ms",
    "late_p99_ms": "late p99, ms",
    "frames_per_call_s": "frames per call-s",
    # engine
    "engine_ms": "engine, CPU ms per call-s",
    "kernel_ms": "of that the kernel, CPU ms per call-s",
    "decoding_ms": "decoding, CPU ms per call-s",
    "memory_kb": "memory per call, KB",
    "late_max_ms": "late most, ms",
    "silent_calls": "calls without sound",
    "answers_given": "answers",
    "answers_wrong": "answers wrong",
    "missed_ticks": "missed ticks",
    "generator_ms": "generator, CPU ms per call-s",
    "generator_late_p99_ms": "generator late p99, ms",
    "most_calls": "most calls on one core",
    # peers
    "memory_mb": "memory, MB",
    "times_our_cpu": "times our CPU",
    "its_#": "its {number} calls",
    "our_#": "our {number} calls",
    # reaction
    "key": "key → next prompt",
    "over": "talking over → silence",
    "answer": "answer → next prompt",
    "key_in": "of a key: its way in",
    "endpointing": "of an answer: endpointing",
    "decoding": "of an answer: decoding",
    "engine_and_out": "of an answer: engine and way out",
    "count": "how many",
    "median_ms": "median, ms",
    "p95_ms": "p95, ms",
    "late_ticks": "callees' late ticks",
    # hearing, decoding
    "callers": "callers with a meaning",
    "right_percent": "right at first try, %",
    "yes_taken_for_no": "yes taken for no",
    "no_taken_for_yes": "no taken for yes",
    "wrong_meaning": "wrong meaning taken",
    "no_answers": "sentences that are no answer",
    "accepted_percent": "of them accepted, %",
    "taken_for_repeat": "of them taken for repeat",
    "latency_median_ms": "latency after endpoint, median, ms",
    "latency_p95_ms": "latency after endpoint, p95, ms",
    "utterances": "utterances",
    "speech_s": "speech, s",
    "core_s_per_s": "decoding, core-s per s of speech",
    "speakers_#": "{number} speakers at once",
    "wait_median_ms": "wait, median, ms",
    "wait_p99_ms": "wait, p99, ms",
    "refused_or_late": "turned away or late",
    # lease
    "leases_per_s": "leases a second",
    "bare_per_s": "bare statements a second",
    "rate_ratio": "share of the bare statement's rate",
    "bare_p99_ms": "bare statement, p99, ms",
    "leased_twice": "leased twice",
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    # tasks
    "next_p50_ms": "next task, p50, ms",
    "next_p99_ms": "next task, p99, ms",
    "next_and_skip_cpu_ms": "next task and skipping it, CPU ms",
    # loop
    "callbacks": "callbacks",
    "recognizer": "recogniser",
    "answers_by_speech": "answers by speech",
    "p99.9_ms": "p99.9, ms",
    "max_ms": "most, ms",
    # dialer
    "cpu_ms_per_call": "CPU ms per call",
    "calls_per_s": "calls a second",
    "database_cpu_ms_per_call": "CPU of PostgreSQL, ms per call",
    "memory_mb_at_a_tenth": "memory at a tenth, MB",
    "memory_mb_at_the_end": "memory at the end, MB",
    "memory_growth_mb": "memory grown, MB",
    # rehearsal
    "synthesiser_cpu_s": "CPU of the synthesiser, s",
    "call_s_per_wall_s": "call-seconds a second",
    "peak_mb_at_#": "most memory with {number} calls, MB",
    "peak_growth_mb": "most memory, grown, MB",
    "simulated_minutes": "simulated minutes",
    "mb_before": "memory before, MB",
    "mb_when_warm": "memory when warm, MB",
    "mb_at_the_end": "memory at the end, MB",
    "growth_mb_per_hour": "memory grown in an hour, MB",
    "growth_kb_per_call": "memory grown per call, KB",
    # stop
    "ringing": "phones that rang",
    "stands_after_s": "the stop stands after, s",
    "silent_after_s": "nothing rings after, s",
    "written_after_s": "all is written after, s",
    "placed_afterwards": "calls placed afterwards",
    # transfers
    "agents": "agents",
    "customers": "customers",
    "on_at_once": "customers on at once",
    "result": "requests that came to",
    "faults": "faults",
    "rang_with_a_free_agent": "requests that rang with an agent free",
    "heard_each_other": "who heard each other",
    "to_ringing_p50_s": "request → ringing, p50, s",
    "to_ringing_p95_s": "request → ringing, p95, s",
    "key_to_hearing_p50_s": "key → hearing each other, p50, s",
    "key_to_hearing_p95_s": "key → hearing each other, p95, s",
    "cpu_engine_s": "CPU of the engine, s",
    "cpu_phones_s": "CPU of the phones, s",
    "cpu_asterisk_s": "CPU of Asterisk, s",
    # footprint
    "transactions_per_call": "transactions per call",
    "kb_per_call": "database grown per call, KB",
    "wal_kb_per_call": "write-ahead log per call, KB",
    "network_kb_per_call": "network per call, KB",
    "transactions_per_idle_worker_s": "transactions of an idle worker a second",
    "network_kb_per_idle_worker_s": "network of an idle worker, KB a second",
    # adapter
    "talking_ours_cpu_ms_per_call_s": "talking, ours, CPU ms per call-s",
    "talking_asterisk_cpu_ms_per_call_s": "talking, Asterisk's, CPU ms per call-s",
    "talking_missed_ticks": "talking, missed ticks",
    "talking_answered": "talking, calls answered",
    "recorded_ours_cpu_ms_per_call_s": "recorded, ours, CPU ms per call-s",
    "recorded_asterisk_cpu_ms_per_call_s": "recorded, Asterisk's, CPU ms per call-s",
    "recorded_missed_ticks": "recorded, missed ticks",
    "recorded_answered": "recorded, calls answered",
    # carrier
    "quiet_cpu_ms_per_call_s": "quiet line, CPU ms per call-s",
    "noisy_cpu_ms_per_call_s": "noisy line, CPU ms per call-s",
    "recorded_cpu_ms_per_call_s": "recorded, CPU ms per call-s",
    "echoing_cpu_ms_per_call_s": "with echo, CPU ms per call-s",
    "alone_cpu_ms_per_call_s": "one call alone, CPU ms per call-s",
    # media
    "playing_unbargeable_cpu_ms_per_call_s": "prompt, CPU ms per call-s",
    "playing_bargeable_cpu_ms_per_call_s": "prompt that may be interrupted, CPU ms per call-s",
    "playing_with_echo_cpu_ms_per_call_s": "prompt with its echo, CPU ms per call-s",
    "listening_silence_cpu_ms_per_call_s": "listening to silence, CPU ms per call-s",
    "listening_noise_cpu_ms_per_call_s": "listening to noise, CPU ms per call-s",
    "speaking_cpu_ms_per_call_s": "callee speaks, CPU ms per call-s",
    "longest_tick_ms": "longest tick, ms",
    "opened_while_nobody_spoke": "recognitions begun while nobody spoke",
    # import
    "rows": "rows",
    "ratio": "times as long as a bare COPY",
    "bare_s": "bare COPY, s",
    "import_s": "import, s",
    "entry_s": "entry into a campaign, s",
    "left_out": "rows left out",
    "never_called": "contacts never called",
    "peak_mb": "most memory, MB",
    # reports
    "at_#": "of {number} calls",
    "campaign_s": "campaign's report, s",
    "campaign_mb": "campaign's report, memory grown, MB",
    "results_s": "results, s",
    "results_mb": "results, memory grown, MB",
    "check_s": "nightly checks, s",
    "check_mb": "nightly checks, memory grown, MB",
    "tasks_csv_s": "tasks as CSV, s",
    "tasks_csv_mb": "tasks as CSV, memory grown, MB",
    "attempts_xlsx_s": "calls as a workbook, s",
    "attempts_xlsx_mb": "calls as a workbook, memory grown, MB",
    "locked_xlsx_s": "calls as a locked workbook, s",
    "locked_xlsx_mb": "calls as a locked workbook, memory grown, MB",
    # pacing
    "days": "days of each way",
    "hours": "hours of each",
    "predictive": "predictive",
    "power": "power dialling",
    "talk_percent": "time that agents talk, %",
    "abandoned_percent": "calls abandoned, %",
    "abandoned_percent_worst_day": "calls abandoned on the worst day, %",
    "days_over_cap": "days over the cap",
    "days_bound_over_cap": "days over the cap by bound",
    "points_above": "points of talk time above",
    "low": "at least",
    "high": "at most",
}


def title_of(name: str) -> str:
    """The figure's title."""
    if name in TITLES:
        return translate(TITLES[name])
    *of, figure = map(_word, name.split("."))
    return translate("{of}: {figure}", of=", ".join(of), figure=figure) if of else figure


def _word(part: str) -> str:
    stem, _, number = part.rpartition("_")
    if number.isdecimal() and f"{stem}_#" in TITLES:
        return translate(TITLES[f"{stem}_#"], number=number)
    return translate(TITLES[part]) if part in TITLES else part
