"""Digits as people say them, Chinese, English and Korean: known ones are found in what was heard, however they
were read: one by one (四七幺幺, "four seven one one", 사칠일일), doubled or counted ("four seven double one",
四个七, 칠 네 개), in pairs ("forty-seven eleven", 四十七十一, 마흔일곱 열하나), or as a number (四千七百一十一,
"four thousand seven hundred and eleven", 사천칠백십일).

Pure. A word that sounds like a digit ("for", "to") counts as one only where the digits around it fit."""

from __future__ import annotations

from ivr.spoken_digits.search import LEAST_CUT, LEAST_SPOKEN, masked, runs

__all__ = ["LEAST_CUT", "LEAST_SPOKEN", "masked", "runs"]
