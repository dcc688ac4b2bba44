"""Everything that users read has its Chinese: one test over all packages, so that no sentence needs a list.

A sentence is what stands for a parameter called `template`, `fix`, `title` or `problem` in a call of ours. Names
are followed to what is assigned to them, in the function or the module; what comes out of an object is found where
the object is made. The other way round, no translation is kept that nothing says."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from itertools import chain, product
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import ivr
from flows import library
from flows.loader import load
from flows.values import Modality
from ivr.model import Intention
from ivr.policy.decide import Rule
from ivr.report.labels import Kind, label
from ivr.session.states import CallState
from trunk.ports import DialOutcome, EarlyMedia

pytestmark = pytest.mark.unit

ROOT = Path(ivr.__file__).parents[1]
# The pages' words are JSON: see unit/admin.
PACKAGES = ("yaml_faults", "flows", "prompts", "speech", "trunk", "ivr", "bench")
LOCALE = ROOT / "ivr" / "locale" / "zh_CN"
NOT_OURS = "click.po"  # the words of a library, and of the operating system

SPEAKING = {"template", "fix", "title", "problem"}
# Words of ours in a sentence, lists of commands, `super().__init__` of an error, `translate` by its other names.
ALSO = {"Term": {0}, "Elsewhere": {1}, "__init__": {0}, "translate": {0}, "_": {0}, "say": {0}}
PLACE = "{file}:{line}:{column}: "

Function = ast.FunctionDef | ast.AsyncFunctionDef
Binding = ast.Assign | ast.AnnAssign | ast.For | ast.comprehension


class Module:
    """One file: what it calls, what can be called in it, and what its names stand for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        self.tree = ast.parse(path.read_text("utf-8"))
        self._asked: list[str] = []  # names being followed, so that none is followed round and round
        self._looked: list[str] = []
        self._bindings: dict[Function, list[Binding]] = {}
        self._parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def functions(self) -> dict[str, Function]:
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, Function)}

    @cached_property
    def imports(self) -> dict[str, str]:
        """name here -> module it comes from."""
        nodes = (node for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom) and node.module)
        return {alias.asname or alias.name: str(node.module) for node in nodes for alias in node.names}

    @cached_property
    def speaking(self) -> dict[str, set[int]]:
        """function, method or class of this file -> positions of its speaking parameters."""
        found: dict[str, set[int]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                found.setdefault(node.name, set()).update(_positions(_parameters(node)))
            elif isinstance(node, ast.ClassDef):
                made = next(
                    (one for one in node.body if isinstance(one, Function) and one.name == "__init__"), None
                )
                fields = [one.target.id for one in node.body
                          if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]  # fmt: skip
                found[node.name] = _positions(_parameters(made) if made else fields)
        found.pop("__init__", None)
        return found

    @cached_property
    def bases(self) -> dict[str, list[str]]:
        classes = (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))
        return {node.name: [base.id for base in node.bases if isinstance(base, ast.Name)] for node in classes}

    def texts(self, node: ast.AST | None) -> set[str]:
        """The texts that an expression can be, as far as they stand in this file."""
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.IfExp(body=one, orelse=other):
                return self.texts(one) | self.texts(other)
            case (
                ast.BoolOp(values=values)
                | ast.Tuple(elts=values)
                | ast.List(elts=values)
                | ast.Dict(values=values)
            ):
                return {text for value in values for text in self.texts(value)}
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return {one + other for one, other in product(self.texts(left), self.texts(right))}
            case ast.Subscript(value=value):
                return self.texts(value)
            case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[_, default]):
                return self.texts(table) | self.texts(default)
            case ast.Call(func=ast.Name(id=name)) if name in self.functions:
                returns = (one for one in ast.walk(self.functions[name]) if isinstance(one, ast.Return))
                return {text for one in returns for text in self.texts(one.value)}
            case ast.Name(id=name) if name not in self._asked:
                self._asked.append(name)  # text = text + more
                found = {text for value in self._values(name, node) for text in self.texts(value)}
                self._asked.pop()
                return found
        return set()

    def called(self, call: ast.Call) -> Iterator[str]:
        """The name of what is called; several where a local name can stand for one or another."""
        match call.func:
            case ast.Attribute(attr=name):
                yield name
            case ast.Name(id=name):
                values = chain.from_iterable(map(ast.walk, self._values(name, call)))
                local = [value.attr for value in values if isinstance(value, ast.Attribute)]
                yield from local or [name]

    def _values(self, name: str, at: ast.AST) -> list[ast.AST]:
        """What a name is bound to: in the function it stands in when it is bound there, else in the module."""
        scope = at
        if name in self._looked:
            return []  # for name in name.parts
        while not isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)):
            scope = self._parents[scope]
        if isinstance(scope, Function):
            if name in _parameters(scope):
                return []  # found where the function is called
            self._looked.append(name)
            local = [value for node in self._binding(scope) for value in self._bound(name, node)]
            self._looked.pop()
            if local:
                return local
        return [value for node in self.tree.body for value in self._bound(name, node)]

    def _binding(self, scope: Function) -> list[Binding]:
        """What binds a name in that function; kept, for many names are looked up in each."""
        if scope not in self._bindings:
            self._bindings[scope] = [node for node in ast.walk(scope) if isinstance(node, Binding)]
        return self._bindings[scope]

    def _bound(self, name: str, node: ast.AST) -> Iterator[ast.AST]:
        match node:
            case (
                ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.AST() as value)
            ):
                looped = False
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                looped = True
            case _:
                return
        if not any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(target)):
            return
        rows = self._rows(value, node) if looped else [value]
        if isinstance(target, ast.Name) and target.id == name:
            yield from rows
        elif isinstance(target, ast.Tuple):
            for index, part in enumerate(target.elts):
                if isinstance(part, ast.Name) and part.id == name:
                    yield from (row.elts[index] for value in rows for row in self._tuples(value, node))

    def _rows(self, items: ast.AST, at: ast.AST) -> list[ast.AST]:
        """What a loop goes through, when it is written out: the elements of a tuple, the pairs of a dict."""
        if isinstance(items, ast.Call) and isinstance(items.func, ast.Attribute) and items.func.attr == "items":
            tables = [table for table in self._written(items.func.value, at) if isinstance(table, ast.Dict)]
            return [ast.Tuple([key, value]) for table in tables
                    for key, value in zip(table.keys, table.values, strict=True) if key]  # fmt: skip
        return [row for value in self._written(items, at) for row in getattr(value, "elts", ())]

    def _tuples(self, value: ast.AST, at: ast.AST) -> list[ast.Tuple]:
        """A tuple; or those of a dict that is looked up."""
        if isinstance(value, ast.Subscript):
            tables = self._written(value.value, at)
            return [row for table in tables for row in getattr(table, "values", ()) if isinstance(row, ast.Tuple)]
        return [value] if isinstance(value, ast.Tuple) else []

    def _written(self, value: ast.AST, at: ast.AST) -> list[ast.AST]:
        return self._values(value.id, at) if isinstance(value, ast.Name) else [value]


def _parameters(node: Function) -> list[str]:
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _positions(names: list[str]) -> set[int]:
    return {index for index, name in enumerate(names) if name in SPEAKING}


@cache
def modules() -> Mapping[str, Module]:
    """By name. Read when a test wants them: every process of a run of pytest loads this file."""
    paths = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {module.name: module for module in map(Module, paths)}


def positions(module: Module, name: str, method: bool) -> set[int]:
    """Where sentences stand in a call: by the function's own definition, wherever that is."""
    if name in ALSO:
        return ALSO[name]
    if method:  # of something from here or from a module that is imported
        near = {module.name, *module.imports.values()}
        return {index for one in near & modules().keys() for index in modules()[one].speaking.get(name, ())}
    home = modules().get(module.imports.get(name, module.name))
    if home is None:
        return set()
    if name in home.imports and home is not module:
        return positions(home, name, method)
    inherited = {index for base in home.bases.get(name, ()) for index in positions(home, base, method)}
    return home.speaking.get(name) or inherited


@cache
def said() -> Mapping[str, str]:
    """Every sentence -> a file that says it."""
    found: dict[str, str] = {}
    for module in modules().values():
        for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
            for name in module.called(call):
                method = isinstance(call.func, ast.Attribute) or name != getattr(call.func, "id", name)
                given = [call.args[index] for index in positions(module, name, method) if index < len(call.args)]
                given += [word.value for word in call.keywords if word.arg in SPEAKING - {"problem", "title"}]
                texts = {text for argument in given for text in module.texts(argument)}
                found |= {form: module.name for text in texts for form in _forms(name, text) if _is_read(form)}
    return found


def _forms(name: str, text: str) -> list[str]:
    if name == "fail":  # a place in the catalogue says where it is
        return [PLACE + text]
    return [text, PLACE + text.removeprefix("column {column}: ")] if name == "TemplateError" else [text]


def _is_read(text: str) -> bool:
    """Whether there is a word in it besides what is filled in."""
    return any(char.isalpha() for literal, *_ in string.Formatter().parse(text) for char in literal)


def shown_values() -> set[str]:
    """Words that stand in the live table."""
    return {str(word) for word in CallState}


def labelled_values() -> Iterator[tuple[Kind, str]]:
    """Values that people see on the terminal, in sheets and on pages, by the report's labels."""
    yield from (("outcome", word.value) for word in DialOutcome)
    yield from (("intention", word.value) for word in Intention)
    yield from (("modality", word.value) for word in Modality)
    yield from (("early_media", word.value) for word in EarlyMedia)
    yield from (("disposition", word) for word in ("opted_out", "complaint", "incomplete"))
    yield from (("disposition", rule.value) for rule in list(Rule)[: list(Rule).index(Rule.MONTH_FULL)])
    for name in library.names():
        nodes = (node for *_, node in load(library.path(name, "zh-CN")).walk())
        yield from (("disposition", node.disposition) for node in nodes if node.disposition)


@pytest.fixture(scope="module")
def messages() -> Mapping[str, Mapping[str, str]]:
    """file -> msgid -> msgstr."""
    found = {}
    for path in sorted(LOCALE.glob("*.po")):
        with path.open("rb") as file:
            entries = [one for one in read_po(file, abort_invalid=True) if one.id]
        found[path.name] = {str(one.id): str(one.string) for one in entries}
        assert len(entries) + 1 == len(re.findall(r"(?m)^msgid ", path.read_text("utf-8"))), (
            f"{path.name}: one twice"
        )
    return found


def names(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_every_sentence_has_its_chinese(messages: Mapping[str, Mapping[str, str]]) -> None:
    known = {text for file in messages.values() for text, chinese in file.items() if chinese}
    found = said()
    assert len(found) > 600  # the collector still finds them
    assert {text: where for text, where in found.items() if text not in known} == {}
    assert shown_values() - known == set()


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_value_has_its_label(language: str) -> None:
    assert [pair for pair in labelled_values() if label(*pair, language) == pair[1]] == []


def test_nothing_is_translated_that_nobody_says(messages: Mapping[str, Mapping[str, str]]) -> None:
    ours = {text for name, file in messages.items() if name != NOT_OURS for text in file if _is_read(text)}
    assert ours - said().keys() - shown_values() == set()


def test_one_translation_for_each_sentence(messages: Mapping[str, Mapping[str, str]]) -> None:
    places: dict[str, list[str]] = {}
    for name, file in messages.items():
        for text in file:
            places.setdefault(text, []).append(name)
    assert {text: files for text, files in places.items() if len(files) > 1} == {}


def test_placeholders_are_the_same(messages: Mapping[str, Mapping[str, str]]) -> None:
    for name, file in messages.items():
        for text, chinese in file.items():
            extra = names(chinese) ^ names(text) if name != NOT_OURS else names(chinese) - names(text)
            assert not extra, (name, text)


def test_no_help_is_english_alone() -> None:
    """What click shows as help goes through `translate`."""
    plain = [
        f"{module.path.name}:{word.value.lineno}"
        for module in modules().values()
        if module.name.startswith(("ivr.cli", "bench"))
        for call in ast.walk(module.tree)
        if isinstance(call, ast.Call)
        for word in call.keywords
        if word.arg in ("help", "short_help", "prompt", "epilog") and isinstance(word.value, ast.Constant)
        if isinstance(word.value.value, str)
    ]
    assert plain == []
