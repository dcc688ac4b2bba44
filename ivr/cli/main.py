"""`ivr`: finds the command's module, sets the language, and turns user errors into a sentence and exit code 2."""

from __future__ import annotations

import logging
import sys
from typing import Any

import click

from ivr.cli.click_words import teach_click
from ivr.cli.lazy import Elsewhere, LazyGroup
from ivr.i18n import translate, use_language

COMMANDS = {
    "agent": Elsewhere("ivr.cli.agent", "Sign agents in and out, and say what they do."),
    "archive": Elsewhere(
        "ivr.cli.archive",
        "File recordings, keep them as long as they must be, check that they are what they were.",
    ),
    "asterisk": Elsewhere(
        "ivr.cli.asterisk", "Connect Asterisk: write its files, check it, start one of our own."
    ),
    "bench": Elsewhere("ivr.cli.bench", "Measure, and print figures beside their limits."),
    "campaign": Elsewhere("ivr.cli.campaign", "Create campaigns, have them approved, run them, report."),
    "call": Elsewhere("ivr.cli.call", "Place one test call to your own phone and tell what happens."),
    "capacity": Elsewhere(
        "ivr.cli.capacity", "What so many calls at once need: cores, memory, network, disk, machines, PostgreSQL."
    ),
    "confirm": Elsewhere(
        "ivr.cli.confirm", "Confirm a success or take it away: of one call, or by a file of text messages."
    ),
    "complaints": Elsewhere("ivr.cli.complaints", "Take complaints in: whoever complained isn't called any more."),
    "deliveries": Elsewhere(
        "ivr.cli.deliveries", "What other systems are told of results: what waits, what was given up."
    ),
    "db": Elsewhere("ivr.cli.db", "Bring the database up to this version, or move it to another one."),
    "demo": Elsewhere("ivr.cli.demo", "Call the shipped list with the shipped flow over the simulated network."),
    "dial": Elsewhere("ivr.cli.dial", "Call a list over real trunks."),
    "desk": Elsewhere("ivr.cli.desk", "Say who works here and when; see what they are doing."),
    "doctor": Elsewhere("ivr.cli.doctor", "Say what is present, what is missing, and what mends it."),
    "feed": Elsewhere(
        "ivr.cli.feed", "Sources that are asked on a schedule for contacts, payments and complaints."
    ),
    "flow": Elsewhere("ivr.cli.flow", "Check, draw, test, publish and roll back flows."),
    "grade": Elsewhere("ivr.cli.grade", "Give a call another grade (A to F) than the rules did."),
    "identity": Elsewhere(
        "ivr.cli.identity", "See how customers were identified, record it for agents, hash passwords for lists."
    ),
    "metrics": Elsewhere("ivr.cli.metrics", "The metrics book, its figures, and whether the books balance."),
    "inspect": Elsewhere(
        "ivr.cli.inspect", "Inspect calls: pick them, measure recordings, score, and what follows."
    ),
    "lists": Elsewhere("ivr.cli.lists", "Import lists, change them, undo that; look at them and export them."),
    "models": Elsewhere("ivr.cli.models", "List and fetch speech models."),
    "organisation": Elsewhere(
        "ivr.cli.organisation", "Say which organisations there are, and who belongs to them."
    ),
    "payments": Elsewhere("ivr.cli.payments", "Take payments in: whoever has paid isn't reminded any more."),
    "policy": Elsewhere("ivr.cli.policy", "Check policies, see what they do, and register consents and opt-outs."),
    "prompts": Elsewhere("ivr.cli.prompts", "Render and check what is said."),
    "ranking": Elsewhere("ivr.cli.ranking", "Agents or teams in order, adjusted for the calls that they had."),
    "rehearse": Elsewhere("ivr.cli.rehearse", "Run a campaign over the simulated network, in virtual time."),
    "report": Elsewhere(
        "ivr.cli.report", "A campaign's results, reports of days, weeks and months, advice on strategy."
    ),
    "returns": Elsewhere(
        "ivr.cli.returns", "Count the calls that came in over the trunks: customers who called back, and others."
    ),
    "serve": Elsewhere("ivr.cli.serve", "Serve the web pages and the API."),
    "stop": Elsewhere(
        "ivr.cli.stop", "End all dialling, in every process, within a second; without options: show."
    ),
    "strategy": Elsewhere(
        "ivr.cli.strategy", "Check strategies, see what follows each call, learn who answers when."
    ),
    "task": Elsewhere(
        "ivr.cli.task", "An agent's tasks: see the next one, dial it, go through the script, finish it."
    ),
    "token": Elsewhere("ivr.cli.token", "Keys for programs that use the API."),
    "user": Elsewhere("ivr.cli.user", "Add users who may sign in, and change their passwords."),
    "watch": Elsewhere(
        "ivr.cli.watch_calls", "See live calls; listen, whisper, join, take over, cut. CALL: an id's first signs."
    ),
    "worker": Elsewhere("ivr.cli.worker", "Run every running campaign of the database, several of them together."),
    "why": Elsewhere("ivr.cli.why", "Tell why a number was or wasn't called, and when it may be called next."),
}


def cli() -> click.Group:
    """The command line, in the language that is set: click asks for its texts once, when it is made."""

    @click.group(cls=LazyGroup, elsewhere=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(package_name="ivr-platform")
    @click.option("-v", "--verbose", is_flag=True, help=translate("Log more."))
    def ivr(verbose: bool) -> None:
        logging.basicConfig(
            level=logging.INFO if verbose else logging.WARNING,
            format="%(asctime)s %(levelname)s %(name)s %(message)s",
            stream=sys.stderr,
        )

    return ivr


def main(args: list[str] | None = None) -> Any:
    """Run a command. Exit codes: 0 fine, 1 the thing checked doesn't hold, 2 the user has something to mend."""
    use_language(None)
    teach_click()
    try:
        return cli().main(args=args, prog_name="ivr", standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except Exception as error:
        lines = user_lines(error)
        if not lines:
            raise
        for line in lines:
            click.echo(line, err=True)
        sys.exit(2)


def user_lines(error: Exception) -> list[str]:
    """What to tell the user: every finding about a flow, else one sentence; nothing when it is a fault of ours."""
    findings = getattr(error, "findings", ())
    if findings:
        return [finding.render(translate) for finding in findings]
    sentence = user_sentence(error)
    return [] if sentence is None else [f"{translate('error')}: {sentence}"]


def user_sentence(error: BaseException) -> str | None:
    """The translated sentence of an error that a user can mend, else None: of one that carries `template` and
    `params`, or what the system says of a path."""
    template, params = getattr(error, "template", None), getattr(error, "params", None)
    if isinstance(template, str) and isinstance(params, dict):
        return translate(template, **{name: _in_language(value) for name, value in params.items()})
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return translate("{path} can't be used: {reason}", path=error.filename, reason=translate(error.strerror))
    return None


def _in_language(value: object) -> object:
    """What stands in a sentence and has sentences of its own (a flow's finding) comes in the same language."""
    render = getattr(value, "render", None)
    return render(translate) if callable(render) else value
