"""What a campaign says: its flow's prompts as sound, made before they are needed.

Three kinds: the same for everybody (made before the list is dialled), one contact's own (made between lease and
originate, where the flow itself says them), and those that depend on what happens in the call (made then, unless
every possible answer could be made before: a rating that is read back has five versions, and all are there). What
few calls come to, units that the flow enters only when the callee asks for it, is personal when it is said: making
it for everybody cost more than all the rest of a call's control."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from flows.flow import Flow
from flows.nodes import AskNode, IdentityNode, MessageNode, PlayNode, SubflowNode, TransferNode
from flows.parts import Prompt
from flows.values import Scalar
from flows.waits import PromptRef
from prompts.catalogue import Catalogue
from prompts.errors import PromptError
from prompts.renderer import PromptRequest, Renderer
from speech.audio import FRAME_BYTES, FRAME_S, PromptAudio

PAUSE_S = 0.3  # between two prompts that are said in one turn
PAUSE = bytes(round(PAUSE_S / FRAME_S) * FRAME_BYTES)
SPOKEN = (PlayNode, AskNode, IdentityNode, MessageNode, TransferNode)  # node kinds whose prompts somebody hears
SLOT = "slot_"  # begins the names of the slots for calling back
LATELY = 200  # prompts that are remembered to be made; the renderer keeps far more of them
MAX_VERSIONS = 12  # of one prompt, made ahead for answers that aren't given yet


@dataclass(frozen=True, slots=True)
class _Template:
    """A prompt of the flow and the variables that its text uses."""

    id: str | None
    text: str | None
    uses: frozenset[str]
    on_the_way: bool  # every call may come to it; else only calls that take a turn of their own


class Speaker:
    """Prompts of one flow. The renderer stays its owner's to close."""

    def __init__(self, flow: Flow, catalogue: Catalogue, renderer: Renderer) -> None:
        self._flow = flow
        self._catalogue = catalogue
        self._renderer = renderer
        self.language = flow.language
        self.flow_name = flow.name
        self._types = dict(flow.types)
        self._constants: dict[str, Scalar] = {"flow_name": flow.title}
        for unit in (*flow.units.values(), flow.units[flow.name]):  # the flow's own win
            self._constants |= {name: constant.value for name, constant in unit.spec.constants.items()}
        self.answers = dict(_possible_answers(flow))  # by variable, where they can be counted
        self._templates = _templates(flow, catalogue)
        self._made_lately: set[tuple[object, ...]] = set()

    @property
    def knows(self) -> frozenset[str]:
        """Variables that the flow knows: what else a list brings is none of its business."""
        return frozenset(self._types)

    def ready(self, prompts: tuple[PromptRef, ...]) -> PromptAudio | None:
        """The prompts as one sound when nothing has to be made for it, else None.

        Raises PromptError or SpeechError for a prompt that can't be made at all."""
        parts = [self._renderer.ready(self._request(prompt)) for prompt in prompts]
        return joined([part for part in parts if part is not None]) if None not in parts else None

    async def render(self, prompts: tuple[PromptRef, ...], language: str | None = None) -> PromptAudio:
        """The prompts as one sound, made if need be; in `language`, those that are there in it. Raises like
        `ready`."""
        return joined([await self._renderer.render(self._request(prompt, language)) for prompt in prompts])

    def written(self, prompt: PromptRef) -> str:
        """The prompt as a text message. Raises PromptError."""
        return self._renderer.written(self._request(prompt))

    def shown(self, prompt: PromptRef) -> str:
        """The prompt to read, for people; "" where it can't be written."""
        try:
            return self.written(prompt)
        except PromptError:
            return ""

    def words(self, prompt: PromptRef, language: str | None = None) -> str:
        """The prompt as it is spoken, in words. Raises PromptError."""
        return self._renderer.words(self._request(prompt, language))

    def has(self, prompt_id: str, language: str) -> bool:
        """Whether the catalogue has that line in the language."""
        return self._catalogue.entry(prompt_id, language) is not None

    def spoken_in(self, prompt: PromptRef, language: str | None) -> str:
        """The language in which the prompt is said to who wants `language`: the flow's, when there is no other."""
        if language is not None and prompt.id is not None and self.has(prompt.id, language):
            return language
        return self.language

    async def prepare_shared(self) -> None:
        """Make what everybody hears. Raises PromptError or SpeechError, one sentence, for what can't be made."""
        await self._renderer.prerender(self._requests(self._constants, personal=False))

    async def prepare(self, contact: Mapping[str, Scalar]) -> None:
        """Make what only this contact hears; `contact` holds everything that the flow is started with."""
        values = self._constants | {name: value for name, value in contact.items() if name in self._types}
        phone = contact.get("phone")
        if isinstance(phone, str):
            values["tail"] = phone[-4:]
        missing = [request for request in self._requests(values, personal=True) if not self._made(request)]
        await self._renderer.prerender(missing)

    def _made(self, request: PromptRequest) -> bool:
        """Whether it is there. What was a moment ago still is: asking the renderer costs more than the rest of a
        call's preparation, and most contacts share what is asked for (slots for calling back)."""
        key = (request.id, request.text, tuple(sorted(request.variables.items())))
        if key in self._made_lately:
            return True
        made = self._renderer.ready(request) is not None
        if made:
            if len(self._made_lately) >= LATELY:
                self._made_lately.clear()
            self._made_lately.add(key)
        return made

    def _requests(self, values: Mapping[str, Scalar], *, personal: bool) -> Iterator[PromptRequest]:
        """Every prompt whose variables are known; with `personal`, only those that others hear differently."""
        for template in self._templates:
            if personal and (self._is_shared(template, values) or self._can_wait(template, values)):
                continue
            open_names = sorted(template.uses - values.keys())
            if any(name not in self.answers for name in open_names):
                continue
            versions = list(product(*(self.answers[name] for name in open_names)))
            if len(versions) > MAX_VERSIONS:
                continue
            for version in versions:
                filled = {name: values[name] for name in template.uses if name in values}
                filled |= dict(zip(open_names, version, strict=True))
                types = {name: self._types[name] for name in filled if name in self._types}
                yield PromptRequest(self.language, template.id, template.text, filled, types)

    def _is_shared(self, template: _Template, values: Mapping[str, Scalar]) -> bool:
        """Whether this contact hears what everybody hears: a list may bring values of its own for constants."""
        constants = self._constants
        return all(
            name in constants and values[name] == constants[name] for name in template.uses if name in values
        )

    def _can_wait(self, template: _Template, values: Mapping[str, Scalar]) -> bool:
        """Whether it is for few calls and no two contacts hear the same. (Slots are the same for all that are
        called in one hour.)"""
        if template.on_the_way:
            return False
        own = template.uses & values.keys() - self._constants.keys()
        return any(not name.startswith(SLOT) for name in own)

    def _request(self, prompt: PromptRef, language: str | None = None) -> PromptRequest:
        spoken = self.spoken_in(prompt, language)
        return PromptRequest(spoken, prompt.id, prompt.text, prompt.variables, prompt.types)


def _possible_answers(flow: Flow) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Variable -> every value that a question may give it, where they can be counted."""
    for _, _, name, node in flow.walk():
        if isinstance(node, AskNode) and node.ask.values():
            yield node.ask.save_as or name, node.ask.values()


def _templates(flow: Flow, catalogue: Catalogue) -> tuple[_Template, ...]:
    """Every prompt that the flow may say to the callee or to an agent, once each."""
    on_the_way = _on_the_way(flow)
    found: dict[Prompt, _Template] = {}
    nodes = [(unit in on_the_way, node) for unit, _, _, node in flow.walk() if isinstance(node, SPOKEN)]
    # What few calls come to: last.
    for main, node in sorted(nodes, key=lambda one: (not one[0], isinstance(one[1], TransferNode))):
        for _, prompt in node.prompt_paths():
            if prompt.id is not None:
                uses = catalogue.variables(prompt.id, flow.language) or frozenset()
            else:
                uses = catalogue.text_variables(prompt.say or "", flow.language)
            found.setdefault(prompt, _Template(prompt.id, prompt.say, uses, main))
    return tuple(found.values())


def _on_the_way(flow: Flow) -> frozenset[str]:
    """The flow's own unit and those that it goes to by itself."""
    found: set[str] = set()
    coming = [flow.name]
    while coming:
        unit = coming.pop()
        if unit not in found:
            found.add(unit)
            nodes = flow.units[unit].spec.nodes.values()
            coming += [node.subflow.flow for node in nodes if isinstance(node, SubflowNode)]
    return frozenset(found)


def joined(parts: list[PromptAudio]) -> PromptAudio:
    """Several prompts as one, a pause between them; one at least."""
    if len(parts) == 1:
        return parts[0]
    starts: list[int] = []
    frames = 0
    for part in parts:
        starts += [frames + start for start in part.phrase_starts]
        frames += part.frames + len(PAUSE) // FRAME_BYTES
    return PromptAudio(
        pcm=PAUSE.join(part.pcm for part in parts),
        phrase_starts=tuple(starts),
        text=" ".join(part.text for part in parts),
        sha256=hashlib.sha256("+".join(part.sha256 for part in parts).encode()).hexdigest(),
    )
