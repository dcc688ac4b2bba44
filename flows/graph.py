"""A picture of a flow: DOT, and SVG through graphviz' `dot`.

The only part of this package that starts a program; nothing else here needs graphviz."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

from flows.findings import FlowError
from flows.flow import Flow
from flows.nodes import (
    ApiNode,
    AskNode,
    CallbackNode,
    Computed,
    IdentityNode,
    MessageNode,
    Node,
    OptOutNode,
    PlayNode,
    SetNode,
    SmsNode,
    SplitNode,
    SubflowNode,
    SwitchNode,
    TransferNode,
)
from flows.parts import Prompt
from flows.ports import PromptBook

DOT_TIMEOUT_S = 30
LINE_CHARS = 28  # of a label; a Chinese character counts twice
MAX_LINES = 4
_NO_LINE_BEGINS_WITH = "，。、；：？！）】》”’,.;:?!)]"
_FONT = "Noto Sans CJK SC, Noto Sans, sans-serif"
SHAPES = {
    "ask": ("diamond", "#fff3cd"), "hangup": ("doublecircle", "#e9ecef"), "return": ("doublecircle", "#e9ecef"),
    "transfer": ("house", "#d1e7dd"), "callback": ("house", "#d1e7dd"), "switch": ("hexagon", "#e2e3e5"),
    "split": ("hexagon", "#e2e3e5"), "set": ("component", "#f8f9fa"), "sms": ("note", "#cfe2ff"),
    "call_api": ("cds", "#cfe2ff"), "subflow": ("box3d", "#f8f9fa"), "opt_out": ("octagon", "#f8d7da"),
    "identity": ("diamond", "#f8d7da"), "message": ("tab", "#e7f1ff"), "play": ("box", "#e7f1ff"),
}  # fmt: skip


def to_dot(flow: Flow, book: PromptBook | None = None) -> str:
    """The flow's own document as a DOT graph; prompts show their texts where a book is given."""
    spec = flow.spec
    lines = [
        f"digraph {_quote(spec.flow)} {{",
        f"  graph [rankdir=TB, fontname={_quote(_FONT)}, label={_quote(_title(flow))}, labelloc=t, fontsize=20];",
        f'  node [fontname={_quote(_FONT)}, fontsize=11, style=filled, color="#6c757d"];',
        f'  edge [fontname={_quote(_FONT)}, fontsize=10, color="#6c757d"];',
        '  "(start)" [shape=circle, label="", width=0.3, style=filled, fillcolor="#198754"];',
        f'  "(start)" -> {_quote(spec.start)} [penwidth=2];',
    ]
    for what in ("on_machine", "on_agent", "on_complaint", "on_callback"):
        target = getattr(spec, what)
        if target:
            lines += _entry(what, target)
    for entry in spec.entries:
        lines += _entry(f"entry {entry}", entry)
    for name, node in spec.nodes.items():
        shape, color = SHAPES[node.kind]
        label = "\n".join([name, *_text(flow, node, book), *_result(node)])
        lines.append(f'  {_quote(name)} [shape={shape}, fillcolor="{color}", label={_quote(label)}];')
    for name, node in spec.nodes.items():
        lines += _edges(name, node)
    return "\n".join([*lines, "}"]) + "\n"


def to_svg(flow: Flow, book: PromptBook | None = None) -> bytes:
    """The picture as SVG. Raises FlowError when graphviz isn't installed or fails."""
    program = shutil.which("dot")
    if program is None:
        raise FlowError("drawing needs graphviz, which isn't installed: run `apt-get install graphviz`")
    try:
        done = subprocess.run(  # noqa: S603  # no shell; the graph goes in on stdin
            [program, "-Tsvg"], input=to_dot(flow, book).encode(), capture_output=True, timeout=DOT_TIMEOUT_S,
            check=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise FlowError("graphviz took longer than {limit} s to draw {flow}", limit=DOT_TIMEOUT_S,
                        flow=flow.name) from error  # fmt: skip
    except subprocess.CalledProcessError as error:
        problem = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise FlowError("graphviz can't draw {flow}: {problem}", flow=flow.name,
                        problem=problem[0] if problem else f"exit {error.returncode}") from error  # fmt: skip
    return done.stdout


def _title(flow: Flow) -> str:
    return f"{flow.title} ({flow.name}, {flow.language}, {flow.purpose}) {flow.version[:12]}"


def _entry(what: str, target: str) -> list[str]:
    return [
        f'  {_quote(f"({what})")} [shape=plaintext, style="", label={_quote(what)}];',
        f"  {_quote(f'({what})')} -> {_quote(target)} [style=dashed];",
    ]


def _edges(name: str, node: Node) -> Iterator[str]:
    """One edge for each target; arms that lead to the same node share it."""
    by_target: dict[str, list[str]] = {}
    for arm, target in node.arms().items():
        by_target.setdefault(target, []).append(arm)
    for target, arms in by_target.items():
        label = "" if arms == ["next"] else "\n".join(_wrapped(" / ".join(arms)))
        style = ", style=dashed" if set(arms) <= {"no_input", "no_match"} else ""
        yield f"  {_quote(name)} -> {_quote(target)} [label={_quote(label)}{style}];"


def _text(flow: Flow, node: Node, book: PromptBook | None) -> list[str]:
    """What stands in a node below its name."""
    if isinstance(node, (PlayNode, AskNode, MessageNode)):
        lines = [line for prompt in node.prompts() for line in _wrapped(_prompt(flow, prompt, book))]
        keys = node.ask.effective_keys() if isinstance(node, AskNode) else {}
        return lines + _wrapped(" ".join(f"[{key}]{value}" for key, value in keys.items()))
    text = ""
    if isinstance(node, IdentityNode):
        text = " → ".join(f"{one.by} ({one.tries}×)" for one in node.identity.methods)
    elif isinstance(node, TransferNode):
        text = f"→ {node.transfer.queue} ({node.transfer.mode})"
    elif isinstance(node, SmsNode):
        text = _prompt(flow, node.sms.prompt, book)
    elif isinstance(node, SubflowNode):
        text = node.subflow.flow + (f" @ {node.subflow.entry}" if node.subflow.entry else "")
    elif isinstance(node, SetNode):
        text = ", ".join(f"{k} = {v.cel if isinstance(v, Computed) else v}" for k, v in node.set.items())
    elif isinstance(node, ApiNode):
        text = f"{node.call_api.method} {node.call_api.url}"
    elif isinstance(node, OptOutNode):
        text = node.opt_out
    elif isinstance(node, CallbackNode):
        text = node.callback.when or ""
    elif isinstance(node, SplitNode):
        text = " / ".join(f"{arm} {weight}" for arm, weight in node.split.items())
    elif isinstance(node, SwitchNode):
        text = "?"
    return _wrapped(text)


def _prompt(flow: Flow, prompt: Prompt, book: PromptBook | None) -> str:
    if prompt.id is None:
        return prompt.say or ""
    text = book.text(prompt.id, flow.language) if book else None
    return text if text is not None else prompt.id


def _result(node: Node) -> list[str]:
    words = [word for word in (node.disposition, node.intention, "pending" if node.pending else None) if word]
    return [f"⟦{' · '.join(words)}⟧"] if words else []


def _wrapped(text: str) -> list[str]:
    """Lines of about LINE_CHARS columns; Chinese breaks anywhere, other text at spaces."""
    lines, line, width = [], "", 0
    for piece in _pieces(text):
        columns = sum(2 if ord(char) > 0x2E80 else 1 for char in piece)
        if line and width + columns > LINE_CHARS and piece not in _NO_LINE_BEGINS_WITH:
            lines.append(line.strip())
            line, width = "", 0
        line, width = line + piece, width + columns
    if line.strip():
        lines.append(line.strip())
    return lines if len(lines) <= MAX_LINES else [*lines[: MAX_LINES - 1], lines[MAX_LINES - 1] + "…"]


def _pieces(text: str) -> Iterator[str]:
    word = ""
    for char in text:
        if ord(char) > 0x2E80:
            if word:
                yield word
            yield char
            word = ""
        else:
            word += char
            if char == " ":
                yield word
                word = ""
    if word:
        yield word


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
