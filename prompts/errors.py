"""The base of the errors of `prompts` that a user can mend."""

from __future__ import annotations


class PromptError(ValueError):
    """A prompt can't be said as it is written. The message is one sentence and names the mend.

    `template` and `params` let the command line translate it."""

    def __init__(self, template: str, **params: object) -> None:
        super().__init__(template.format(**params))
        self.template = template
        self.params = params


class TemplateError(PromptError):
    """A template is malformed; `column` (from 1) is where in its text."""

    def __init__(self, template: str, column: int, **params: object) -> None:
        super().__init__(template, column=column, **params)
        self.column = column
