"""`ivr task …`: an agent's tasks, one at a time: the next one, its script, its call and what it came to. Their web
page calls the same functions."""

from __future__ import annotations

import click

from ivr.cli.lazy import Elsewhere, LazyGroup
from ivr.i18n import translate

_STEPS = "ivr.cli.task_steps"
COMMANDS = {
    "next": Elsewhere(_STEPS, "Show the agent's task: the one they have, else the next one.", "next_"),
    "show": Elsewhere(_STEPS, "Show the agent's task again.", "show"),
    "dial": Elsewhere(_STEPS, "Dial: the agent's phone is rung, then the customer's. A worker must run.", "dial"),
    "skip": Elsewhere(_STEPS, "Don't call this contact now: the task comes back later.", "skip"),
    "note": Elsewhere(_STEPS, "Keep a note with the call; it replaces the one before.", "note"),
    "answer": Elsewhere(
        _STEPS, "Enter what the customer answered (without a value: go on), and see what comes next.", "answer"
    ),
    "back": Elsewhere(_STEPS, "Go one step back in the script.", "back"),
    "finish": Elsewhere(_STEPS, "Write what the call came to; the agent is ready for the next one.", "finish"),
}


@click.group(
    cls=LazyGroup,
    elsewhere=COMMANDS,
    help=translate("An agent's tasks: see the next one, dial it, go through the script, finish it."),
)
def command() -> None:
    pass
