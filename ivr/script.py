"""What the nodes of a flow say, for people who read a call afterwards: templates, with their variables in braces.

The wording is the catalogue's of today. What was really said is proved by the recording and by each answer's
prompt hash; this is for reading along."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.findings import FlowError
from flows.flow import Flow
from flows.loader import load_document
from flows.parts import Prompt
from ivr.database import Database
from ivr.model import Campaign, FlowVersion
from prompts.catalogue.book import Catalogue

KEPT = 32  # flow versions whose texts are remembered


class Scripts:
    """The texts of flow versions, made once for each."""

    def __init__(self, prompt_dirs: Sequence[Path] = ()) -> None:
        """Raises PromptError when a prompt directory can't be used."""
        self._catalogue = Catalogue.load(prompt_dirs)
        self._known: OrderedDict[str, Mapping[str, str]] = OrderedDict()  # by content hash

    async def of_campaign(self, database: Database, campaign_id: int) -> Mapping[str, str]:
        """Node (as attempts' paths name it) -> what it says; nodes that say nothing are left out."""

        def work(session: Session) -> tuple[str, str] | None:
            joined = select(FlowVersion.content_hash, FlowVersion.source).join(Campaign)
            row = session.execute(joined.where(Campaign.id == campaign_id)).first()
            return None if row is None else (row.content_hash, row.source)

        found = await database.read(work)
        if found is None:
            return {}
        content_hash, source = found
        if content_hash not in self._known:
            self._known[content_hash] = await asyncio.to_thread(self._texts, source)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return self._known[content_hash]

    def _texts(self, source: str) -> Mapping[str, str]:
        try:
            flow = load_document(source)
        except FlowError:
            return {}  # of a version whose language this program doesn't know any more: the path alone is shown
        nodes = ((flow.qualified(unit, name), node.prompts()) for unit, _, name, node in flow.walk())
        said = {name: self._said(flow, prompts) for name, prompts in nodes}
        return {node: text for node, text in said.items() if text}

    def _said(self, flow: Flow, prompts: Iterable[Prompt]) -> str:
        texts = (one.say if one.id is None else self._catalogue.text(one.id, flow.language) for one in prompts)
        return " ".join(text for text in texts if text)
