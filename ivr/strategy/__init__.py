"""What follows a call: when a number is tried again and why, which grade an attempt gets, who is followed up, when
calls that customers asked for are made, at which hours, and what the arms of an A/B test hear.

A strategy is a YAML file (`load`), kept with its campaign as a document (`load_document`). The decisions are pure
functions (`ivr.strategy.next_call`, `ivr.strategy.grades`); the dialer's store brings the facts and writes what
follows. The policy (`ivr.policy`) has the last word on every call."""

from ivr.strategy.loader import default_strategy, lint, load, load_document, loads
from ivr.strategy.split import Arm, arm_of
from ivr.strategy.strategy import Strategy, StrategyError, once, strategy_of

__all__ = [
    "Arm",
    "Strategy",
    "StrategyError",
    "arm_of",
    "default_strategy",
    "lint",
    "load",
    "load_document",
    "loads",
    "once",
    "strategy_of",
]
