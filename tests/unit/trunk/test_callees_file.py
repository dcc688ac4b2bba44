"""The callees file: what it means, and one sentence with a position for everything that is wrong with it."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from trunk.carrier import CarrierError, load_callees
from trunk.carrier.callees_file import MAX_FILE_BYTES
from trunk.carrier.causes import Pickup

pytestmark = pytest.mark.unit

GOOD = """\
defaults: {pickup: answer, ring_s: 3, noise_snr_db: null}
callees:
  "+8613800000001":
    pickup: answer
    does:
      - {on: consent, after_s: 0.5, say: {wav: yes1.wav}}
      - {on: rating, keys: "5"}
      - {on: greet, at_s: 2.5, say: {text: "不要", voice: zh}}
      - {on: offer, silence_s: 10}
      - {on: confirm, hang_up: true}
  +8613800000002: {pickup: [busy, answer], ring_s: [2, 6], noise_snr_db: 15}
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "callees.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with wave.open(str(folder / "yes1.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    return path


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    book = load_callees(write(tmp_path, GOOD))
    first = book.callee("+8613800000001")
    assert [step.on for step in first.does] == ["consent", "rating", "greet", "offer", "confirm"]
    assert first.does[1].keys == "5"
    assert first.ring_s == (3, 3)
    second = book.callee("+8613800000002")
    assert [second.pickup_of(attempt) for attempt in (1, 2, 3)] == [Pickup.BUSY, Pickup.ANSWER, Pickup.ANSWER]
    assert second.ring_s == (2, 6)
    assert book.callee("+8613899999999") == book.defaults
    assert {say.wav or say.text for say in book.sayings()} == {"yes1.wav", "不要"}


def test_what_a_callee_leaves_open_comes_from_the_defaults(tmp_path: Path) -> None:
    text = """\
defaults: {ring_s: 9, echo_db: -20, does: [{on: consent, keys: 1}]}
callees:
  "+8613800000001": {echo_db: null}
  "+8613800000002": {does: []}
"""
    book = load_callees(write(tmp_path, text))
    first, second = book.callee("+8613800000001"), book.callee("+8613800000002")
    assert (first.ring_s, first.echo_db, [step.keys for step in first.does]) == ((9, 9), None, ["1"])
    assert (second.ring_s, second.echo_db, second.does) == ((9, 9), -20, ())


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_makes_everybody_answer(tmp_path: Path, text: str) -> None:
    assert load_callees(write(tmp_path, text)).callee("+8613800000001").pickup == (Pickup.ANSWER,)


@pytest.mark.parametrize(("given", "keys"), [("5", "5"), ('"0"', "0"), ('"12#"', "12#"), ('[1, 2, "#"]', "12#")])
def test_keys_may_be_numbers_text_or_a_list(tmp_path: Path, given: str, keys: str) -> None:
    path = write(tmp_path, f"defaults: {{does: [{{on: a, keys: {given}}}]}}")
    assert load_callees(path).defaults.does[0].keys == keys


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ("defaults: {pickup: maybe}", "1:20", "pickup can't be maybe (fix: one of 'answer', 'busy'"),
        ("defaults: {pickup: [busy, maybe]}", "1:27", "pickup can't be maybe"),
        ("defaults: {ring: 3}", "1:12", "unknown key ring (fix: one of pickup, ring_s"),
        ("default: {}", "1:1", "unknown key default (fix: one of defaults, callees)"),
        ("defaults:\n  does:\n    - {on: a, key: 1}", "3:15", "unknown key key (fix: one of on, after_s"),
        ("defaults: {does: [{on: a, say: {txt: x}}]}", "1:33", "unknown key txt (fix: one of wav, text, voice)"),
        ("defaults: {does: [{keys: 1}]}", "1:19", "on is missing"),
        ("defaults: {does: {on: a}}", "1:18", "does must be a list"),
        ("defaults: {does: [{on: a, keys: 5x}]}", "1:33", "5x isn't a row of keys"),
        ("defaults: {does: [{on: a, keys: true}]}", "1:33", "isn't a row of keys"),
        ("defaults: {does: [{on: a}]}", "1:19", "a step does one thing"),
        ("defaults: {does: [{on: a, keys: 1, silence_s: 3}]}", "1:19", "a step does one thing"),
        ("defaults: {does: [{on: a, keys: 1, at_s: 1, after_s: 1}]}", "1:19", "either after_s or at_s"),
        ("defaults: {does: [{on: a, say: {wav: yes1.wav, text: x}}]}", "1:32", "either wav or text"),
        ("defaults: {does: [{on: a, say: {wav: no.wav}}]}", "1:38", "there is no sound file no.wav"),
        ("defaults: {does: [{on: 5, keys: 1}]}", "1:24", "on must be text"),
        ("defaults: {does: [{on: a, after_s: soon, keys: 1}]}", "1:36", "after_s must be a number"),
        ("defaults: {does: [{on: a, after_s: -1, keys: 1}]}", "1:36", "after_s is -1, but must be at least 0"),
        ("defaults: {does: [{on: a, silence_s: 0}]}", "1:38", "silence_s is 0, but must be more than 0"),
        ("defaults: {does: [{on: a, hang_up: perhaps}]}", "1:36", "hang_up must be true or false"),
        ("defaults: {ring_s: .nan}", "1:20", "ring_s must be a number"),
        ("defaults: {echo_db: 20}", "1:21", "echo_db is 20, but must be at most 0"),
        ("defaults: {voicemail: {beep_ms: 1.5}}", "1:33", "beep_ms must be a whole number"),
        ("defaults: 5", "1:11", "defaults must hold keys and values"),
        ("callees: []", "1:10", "callees must hold keys and values"),
        ("- 1", "1:1", "callees must hold keys and values"),
        ("callees:\n  13800000001: {}", "2:3", "a callee is named by its phone number"),
        ('callees:\n  "+861380000001": {}\n  "+861380000001": {}', "3:3", "+861380000001 is there twice"),
        ("callees: {[1]: {}}", "1:11", "a callee is named by its phone number"),
        ("defaults: {ring_s: 2026-13-45}", "1:20", "ring_s must be a number"),
        ("defaults: {pickup: !!python/name:os.system x}", "1:20", "pickup can't be"),
        ("defaults: [\n", "2:1", "this isn't YAML"),
        ("defaults: {a: &x 1, b: *x}", "1:15", "anchors and aliases aren't allowed"),
        ("a: " + "[" * 50_000, "1:15", "nested too deeply"),
        ("a: \x07", "callees.yaml", "this isn't YAML"),
    ],
)
def test_what_is_wrong_has_a_place_and_a_sentence(tmp_path: Path, text: str, place: str, sentence: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(CarrierError) as caught:
        load_callees(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:" if place[0].isdigit() else str(path))
    assert f"{place}:" in message
    assert sentence in message
    assert caught.value.template.format(**caught.value.params) == message


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CarrierError, match=r"isn't UTF-8 text \(fix: save it as UTF-8\)"):
        load_callees(write(tmp_path, "defaults: {} # 默认".encode("gb18030")))
    with pytest.raises(CarrierError, match=r"larger than 10000000 bytes"):
        load_callees(write(tmp_path, b"#" * (MAX_FILE_BYTES + 1)))
    with pytest.raises(CarrierError, match="can't be read: No such file"):
        load_callees(tmp_path / "none.yaml")
    with pytest.raises(CarrierError, match="can't be read: Is a directory"):
        load_callees(tmp_path)


def test_steps_on_nodes_that_the_flow_lacks_are_warned_of(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    book = load_callees(path)
    assert book.strangers({"consent", "rating", "greet", "offer", "confirm", "more"}) == ()
    first = book.strangers(["consent", "rating"])[0]
    assert str(first) == f"{path}:8:14: the flow has no node greet (fix: one of consent, rating)"
