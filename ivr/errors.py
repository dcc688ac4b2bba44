"""The base of the errors of `ivr` that a user can mend."""

from __future__ import annotations


class IvrError(Exception):
    """Something a user can mend: one sentence that says what is wrong, where, and what to do.

    `template` (English, with {placeholders}) and `params` let the command line and the web translate it."""

    def __init__(self, template: str, **params: object) -> None:
        super().__init__(template.format(**params))
        self.template = template
        self.params = params
