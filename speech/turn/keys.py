"""What the keys pressed in one turn amount to."""

from __future__ import annotations

from speech.audio.frames import FRAME_S
from speech.turn.plan import KeyPlan, TurnAnswer, TurnCommand, TurnNoMatch

LATE_TERMINATOR_S = 1.0  # after the last digit, wait for the "#" that many press, or it would be the next answer

KeyResult = TurnAnswer | TurnCommand | TurnNoMatch


class KeyEntry:
    """Collects keys. `press` and `tick` return a result when there is one; None while more is expected."""

    __slots__ = ("_digits", "_idle_ticks", "_plan", "_reaction_ms")

    def __init__(self, plan: KeyPlan) -> None:
        self._plan = plan
        self._digits = ""
        self._idle_ticks = 0
        self._reaction_ms: int | None = None

    def knows(self, key: str) -> bool:
        """Whether the key means something now."""
        plan = self._plan
        if key in plan.values or key in plan.commands:
            return True
        return plan.digits is not None and (key.isdigit() or key == plan.digits.terminator)

    def press(self, key: str, reaction_ms: int | None) -> KeyResult | None:
        """Take one key. A key that means nothing here is a no-match."""
        plan, self._idle_ticks = self._plan, 0
        if self._reaction_ms is None:
            self._reaction_ms = reaction_ms
        if not self._digits or not key.isdigit():
            # Once a number has begun its digits are digits; "repeat" on * still acts.
            if key in plan.commands:
                return TurnCommand(plan.commands[key], "keys")
            if key in plan.values:
                return self._answer(plan.values[key], "key")
        if plan.digits is None or not self.knows(key):
            return TurnNoMatch(None, "key")
        if key == plan.digits.terminator:
            return self._finish()
        if len(self._digits) < plan.digits.max_digits:
            self._digits += key
        if len(self._digits) == plan.digits.max_digits and plan.digits.terminator is None:
            return self._finish()
        return None

    def tick(self) -> KeyResult | None:
        """Note that 20 ms went by without a key."""
        digits = self._plan.digits
        assert digits is not None
        full = len(self._digits) >= digits.max_digits
        wait_s = min(LATE_TERMINATOR_S, digits.inter_digit_s) if full else digits.inter_digit_s
        self._idle_ticks += 1
        return self._finish() if self._idle_ticks * FRAME_S >= wait_s else None

    def _finish(self) -> KeyResult:
        digits = self._plan.digits
        assert digits is not None
        if len(self._digits) < digits.min_digits:
            return TurnNoMatch(None, "digits")
        return self._answer(self._digits, "digits")

    def _answer(self, value: str, rule: str) -> TurnAnswer:
        return TurnAnswer(value, "keys", reaction_ms=self._reaction_ms, rule=rule)
