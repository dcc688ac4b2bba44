"""Rules in the words of people: a short name for tables, and a sentence with what the decision says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ivr.policy.decide import ANY_PURPOSE, Rule

Translate = Callable[..., str]
NO_ANSWER = "no answer"  # in a decision's detail: of the system that is asked just before dialling
WORDS: Mapping[object, str] = {ANY_PURPOSE: "every purpose", NO_ANSWER: "no answer in time"}

TITLES: Mapping[Rule, str] = {
    Rule.DO_NOT_DISTURB: "do not disturb",
    Rule.REMOVED_FROM_LIST: "taken off the list",
    Rule.INVALID_NUMBER: "no such number",
    Rule.EXCLUDED: "excluded by an attribute",
    Rule.PAID: "has paid",
    Rule.NOT_ELIGIBLE: "not eligible",
    Rule.HELD_OUT: "held out",
    Rule.NO_CONSENT: "no consent",
    Rule.HAS_RESULT: "has a result already",
    Rule.LAST_MONTHS_SUCCESS: "last month's success",
    Rule.ATTEMPTS: "attempts used up",
    Rule.MONTH_FULL: "the month's contacts used up",
    Rule.PER_30_DAYS: "calls in 30 days used up",
    Rule.PER_DAY: "calls of the day used up",
    Rule.PER_5_MINUTES: "too many calls in 5 minutes",
    Rule.WINDOW: "outside the calling window",
    Rule.BETTER_HOUR: "waits for a better hour",
}
SENTENCES: Mapping[Rule, str] = {
    Rule.DO_NOT_DISTURB: "the number is on do not disturb for {purpose}",
    Rule.REMOVED_FROM_LIST: "it was taken off the list",
    Rule.INVALID_NUMBER: "there was no such number on {since}; it is looked at again from {until} on",
    Rule.EXCLUDED: "the policy's exclusion {exclusion} holds for it",
    Rule.PAID: "it has paid since its row came in",
    Rule.NOT_ELIGIBLE: "asked just before dialling, {source} said: {said}",
    Rule.HELD_OUT: "it belongs to the part that {draw} holds out",
    Rule.NO_CONSENT: "no consent to {purpose} is registered that holds now",
    Rule.HAS_RESULT: "it was talked to with the flow {flow} not long ago",
    Rule.LAST_MONTHS_SUCCESS: "a call was a success in {month}",
    Rule.ATTEMPTS: "it was tried {attempts} times; the most is {most}",
    Rule.MONTH_FULL: "other campaigns have used up its contacts of {month}; the most is {most}",
    Rule.PER_30_DAYS: "it was called {most} times in 30 days",
    Rule.PER_DAY: "it was called {most} times today",
    Rule.PER_5_MINUTES: "it was called {most} times in 5 minutes",
    Rule.WINDOW: "the calling window is closed there ({timezone})",
    Rule.BETTER_HOUR: (
        "it waits for its segment's better hour ({segment}: {rate} answer then, {instead_of} before)"
    ),
}


def rule_title(rule: Rule, translate: Translate) -> str:
    """A rule's short name."""
    return str(translate(TITLES[rule]))


def reason(rule: Rule, detail: Mapping[str, object], translate: Translate) -> str:
    """Why, in a sentence without its beginning capital; `detail` is the decision's."""
    shown = {name: translate(WORDS[value]) if value in WORDS else value for name, value in detail.items()}
    return str(translate(SENTENCES[rule], **shown))
