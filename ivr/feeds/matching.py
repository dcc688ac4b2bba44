"""Whether a feed brings what its campaign needs: the flow's variables, the policy's attributes, their types."""

from __future__ import annotations

from flows.findings import listed
from ivr.feeds.definition import Definition, FeedError
from ivr.feeds.rows import Fields
from ivr.policy.policy import CampaignRules

PHONE = "phone"  # every flow has it


def fields_of(definition: Definition, rules: CampaignRules) -> Fields:
    """The types of the feed's attributes, and which of them each row must have.

    Raises FeedError: the flow needs what the feed doesn't bring, nobody knows what it brings, or types differ."""
    needs = {name: kind for name, kind in rules.types.items() if name != PHONE}
    known = {**rules.policy.spec.attributes, **needs}
    brings = definition.spec.attributes
    missing = [name for name in needs if name not in brings]
    if missing:
        raise FeedError(
            "the flow {flow} needs {missing}, which the feed {name} doesn't bring; add it to `attributes`",
            flow=rules.flow,
            missing=", ".join(missing),
            name=definition.name,
        )
    for name, attribute in brings.items():
        if name not in known:
            raise FeedError(
                "neither the flow {flow} nor the campaign's policy knows {attribute}; take it out of `attributes`"
                " (they know {known})",
                flow=rules.flow,
                attribute=name,
                known=listed(known) or "-",
            )
        if attribute.type not in (None, known[name]):
            raise FeedError(
                "the feed {name} brings {attribute} as {type}, and the campaign takes it as {known}; write that",
                name=definition.name,
                attribute=name,
                type=attribute.type,
                known=known[name],
            )
    return Fields({name: known[name] for name in brings}, frozenset(needs))
