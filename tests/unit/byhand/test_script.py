"""The flow as a script: what an agent sees and enters, steps back, and what is done on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from flows.events import AnswerTaken, DispositionSet, NodeEntered
from flows.findings import WrongResultError
from flows.loader import loads
from flows.results import CallEnded, NoMatch, SmsQueued
from flows.waits import AskWait, SmsWait
from ivr.byhand.errors import TaskError
from ivr.byhand.forms import FormKind, result_of, wanted
from ivr.byhand.script import Entry, done_before, replay, without_last
from tests.unit.byhand.scripts import AT, HARMLESS, LATER_FLOW, START, entry, form, kept, said, script

pytestmark = pytest.mark.unit


def test_what_is_only_said_is_shown_with_the_next_question() -> None:
    found = script()
    assert [(one.node, one.prompts[0].text) for one in found.page] == [
        ("hello", "Hello."),
        ("which", "Which one?"),
    ]
    assert wanted(form(found)) == "1 red, 2 blue"


@pytest.mark.parametrize(("entered", "value"), [("red", "red"), ("1", "red"), ("BLUE", "blue"), (" 2 ", "blue")])
def test_a_choice_is_entered_by_its_value_or_its_key(entered: str, value: str) -> None:
    assert result_of(form(script()), entered, "1001") == said(value)


@pytest.mark.parametrize("entered", ["green", "", "3", "12"])
def test_what_is_no_answer_is_refused_with_what_may_be_entered(entered: str) -> None:
    with pytest.raises(TaskError, match="1 red, 2 blue"):
        result_of(form(script()), entered, "1001")


def test_no_usable_answer_is_said_once_however_often_the_robot_would_ask() -> None:
    found = script(entry(NoMatch()))
    assert isinstance(script().wait, AskWait)
    assert form(found).kind is FormKind.OVER
    assert [event.disposition for _, event in found.events if isinstance(event, DispositionSet)] == ["unclear"]


def test_an_errand_waits_for_the_platform_and_is_not_done_twice() -> None:
    found = script(entry(said("red")))
    errand = found.wait
    assert isinstance(errand, SmsWait)
    assert form(found).kind is FormKind.GO_ON
    entries = (entry(said("red")), Entry(AT, SmsQueued(), errand=errand))
    assert form(script(*entries)).kind is FormKind.TALK  # the flow wants a person: the agent is there
    back = without_last(kept(*entries))
    assert form(script(*back)).kind is FormKind.CHOICE
    assert done_before(back, errand) == SmsQueued()
    again = (*back, entry(said("red"), 5))
    assert done_before(again, script(*again).wait or errand) == SmsQueued()
    assert done_before(again, errand.model_copy(update={"to": "+8613900001234"})) is None


def test_back_leaves_out_the_last_entry_until_there_is_none() -> None:
    entries: tuple[Entry, ...] = (entry(said("blue")), entry(said("1234"), secret=True), entry(said("yes")))
    for count in (2, 1, 0):
        entries = without_last(entries)
        assert len(entries) == count
    assert without_last(entries) == ()


def test_a_script_to_its_end_leaves_what_a_call_leaves() -> None:
    found = script(entry(said("blue"), 1), entry(said("1234"), 2, secret=True), entry(said("yes"), 3))
    found.ended(CallEnded(by="callee"), AT)
    assert [event.node for _, event in found.events if isinstance(event, NodeEntered)] == [
        "hello", "which", "pin", "more", "end",
    ]  # fmt: skip
    taken = [(at, event.name, event.input.value) for at, event in found.events if isinstance(event, AnswerTaken)]
    assert taken == [
        (AT + timedelta(seconds=1), "colour", "blue"),
        (AT + timedelta(seconds=2), "pin", "***"),
        (AT + timedelta(seconds=3), "fine", "yes"),
    ]


@pytest.mark.parametrize("entered", ["123", "1234567", "12a4", "１２３４"])
def test_digits_are_digits_and_as_many_as_are_asked_for(entered: str) -> None:
    with pytest.raises(TaskError, match="4–6 digits"):
        result_of(form(script(entry(said("blue")))), entered, "1001")


def test_an_entry_survives_the_database_as_it_was() -> None:
    errand = script(entry(said("red"))).wait
    for one in (entry(said("red")), replace(Entry(AT, SmsQueued(), errand=errand), undone=True), entry(NoMatch())):
        assert kept(one) == (one,)


def test_a_script_goes_as_far_as_its_entries_fit() -> None:
    found = script(entry(said("red")), entry(said("yes"), 1))  # a text message is to be sent: nobody is asked
    assert isinstance(found.fault, WrongResultError)
    assert isinstance(found.wait, SmsWait)
    assert script(*without_last((entry(said("red")), entry(said("yes"), 1)))).fault is None
    needs = LATER_FLOW.format(first="sure", errand=HARMLESS[1]).replace("limits:", "needs: {plan: text}\nlimits:")
    none = replay(loads(needs.encode()), START, AT, ())
    assert (none.wait, none.page) == (None, [])
    assert str(none.fault).startswith("the contact has no plan, which the flow")
