"""A brief's points in words for people; templates are English, the .po files have the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flows.findings import Term
from ivr.briefs import CameTo, Point
from ivr.i18n import current_language
from ivr.identity.words import method_word, result_word
from ivr.model import IdentityResult
from ivr.report.labels import answer_label, label

Translate = Callable[..., str]
COMMANDS: Mapping[str, str] = {
    "agent": "wanted a person",
    "opt_out": "wanted no more calls",
    "complaint": "wanted to complain",
}


@dataclass(frozen=True, slots=True)
class PointWords:
    """One question and what became of it, as a sentence in the language of messages."""

    point: Point

    def render(self, translate: Translate) -> str:
        point = self.point
        language = current_language()
        asked = point.asked or label("question", point.name, language)
        match point.came_to:
            case CameTo.NO_INPUT:
                return translate("{asked} – said nothing", asked=asked)
            case CameTo.NO_MATCH if point.heard:
                return translate("{asked} – not understood: “{heard}”", asked=asked, heard=point.heard)
            case CameTo.NO_MATCH:
                return translate("{asked} – not understood", asked=asked)
            case CameTo.COMMAND:
                wish = translate(COMMANDS.get(point.answer, point.answer))
                return translate("{asked} – {wish}", asked=asked, wish=wish)
            case CameTo.IDENTITY:
                method = method_word(point.how)
                shown = method.render(translate) if isinstance(method, Term) else method
                result = result_word(IdentityResult(point.answer)).render(translate)
                return translate("Who they are, by {method}: {result}", method=shown, result=result)
        params = {"asked": asked, "answer": answer_label(point.name, point.answer, language)}
        params["how"] = label("modality", point.how, language)
        if point.heard:
            return translate("{asked} – {answer} ({how}: “{heard}”)", heard=point.heard, **params)
        return translate("{asked} – {answer} ({how})", **params)
