"""What flags a Python module offers, read from its source: nothing of it is executed."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_TYPES = {"int": "int", "float": "float", "str": "string", "bool": "boolean"}
_SWITCHES = {"store_true": True, "store_false": False}
# Actions that say something and exit, or take no value: `--name VALUE` is an error to them.
_NO_FLAG = frozenset({"help", "version", "count", "store_const", "append_const"})
_GROUPS = frozenset({"add_argument_group", "add_mutually_exclusive_group"})


@dataclass(frozen=True)
class ImportedFlag:
    """What a module says about one of its flags."""

    name: str  # as the user types it
    default: Any = None  # None where there is none, or it is not a literal
    type: str | None = None  # "string", "int", "float", "number" or "boolean"
    choices: tuple[Any, ...] = ()
    required: bool = False
    arg_name: str | None = None  # the long option without its dashes; None for a global
    switch: bool | None = None  # what giving the option means, where it takes no value
    nargs: bool = False  # the option takes several values
    help: str = ""


@dataclass(frozen=True)
class ModuleFlags:
    """A module's flags in source order, and where their values go."""

    dest: Literal["args", "globals"]
    flags: Mapping[str, ImportedFlag]


def module_flags(source: str, filename: str) -> ModuleFlags:
    """The flags of a module: the options of its argparse parser if it builds one, else globals.

    Raises SyntaxError for what is not Python, ValueError for what cannot be parsed.
    """
    if "\0" in source:
        raise ValueError(f"{filename}: source code with NUL bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those on the user's code are for its run
            tree = ast.parse(source.removeprefix("\ufeff"), filename)
            constants = _constants(tree)
            parser = _ParserReader(constants)
            parser.visit(tree)
    except (RecursionError, MemoryError):  # the parser's own word for too deep is either
        raise ValueError(f"{filename}: source code is nested too deeply") from None
    if parser.found:
        return ModuleFlags("args", parser.flags)
    flags = {
        name: ImportedFlag(name, default)
        for name, default in constants.items()
        if not name.startswith("_")
    }
    return ModuleFlags("globals", flags)


def find_module(name: str, roots: Sequence[Path]) -> Path | None:
    """The file that `python -m name` would run from the first root that has it, else None."""
    *packages, last = name.split(".")
    # A hyphen cannot be imported, but a script's file may have one.
    script = last.replace("-", "_") if last[:1] != "-" and last[-1:] != "-" else ""
    if not all(part.isidentifier() for part in (*packages, script)):
        return None
    for root in roots:
        folder = root.joinpath(*packages, last)
        module = folder.with_name(last + ".py")
        main = folder / "__main__.py"
        # As Python has it: a package hides a module, which hides a folder that is none.
        for path in (main,) if (folder / "__init__.py").is_file() else (module, main):
            if path.is_file() and path.resolve().is_relative_to(root.resolve()):
                return path
    return None


def _constants(tree: ast.Module) -> dict[str, object]:
    """The names that are assigned a literal at top level, with the last one that they get."""
    found: dict[str, object] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = [statement.target]
        else:
            continue
        value = _literal(statement.value)
        if value is not _NOT_LITERAL:
            found.update((t.id, value) for t in targets if isinstance(t, ast.Name))
    return found


_NOT_LITERAL = object()


def _literal(node: ast.expr | None) -> object:
    """The value of a literal that a flag can have, else _NOT_LITERAL."""
    if node is None:
        return _NOT_LITERAL
    try:
        value: object = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return _NOT_LITERAL
    return value if _is_flag_value(value) else _NOT_LITERAL


def _is_flag_value(value: object) -> bool:
    """Whether it is made of what a flag can hold: bytes, complex numbers and sets are not."""
    if isinstance(value, dict):
        return all(map(_is_flag_value, (*value.keys(), *value.values())))
    if isinstance(value, (list, tuple)):
        return all(map(_is_flag_value, value))
    return value is None or isinstance(value, (bool, int, float, str))


class _ParserReader(ast.NodeVisitor):
    """Reads the options of every argparse parser in a module, in source order.

    An option of a subcommand belongs to that subcommand alone. What a name stands for is
    followed from assignment to assignment within a function; a parser that comes in as a
    parameter counts as the main one.
    """

    def __init__(self, constants: Mapping[str, object]) -> None:
        self.found = False
        self.flags: dict[str, ImportedFlag] = {}
        self._constants = constants
        self._modules: set[str] = set()  # what argparse is called here
        self._classes: set[str] = set()  # and argparse.ArgumentParser
        self._subparsers: set[str] = set()

    def visit_Import(self, node: ast.Import) -> None:
        self._modules.update(a.asname or a.name for a in node.names if a.name == "argparse")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module == "argparse" and not node.level:
            names = (a.asname or a.name for a in node.names if a.name in ("ArgumentParser", "*"))
            self._classes.update("ArgumentParser" if name == "*" else name for name in names)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outside = self._subparsers
        arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        self._subparsers = outside - {argument.arg for argument in arguments}
        self.generic_visit(node)
        self._subparsers = outside

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        if self._is_subparser(node.value):
            self._subparsers = self._subparsers | _names(node)
        elif self._subparsers:
            self._subparsers = self._subparsers - _names(node)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        self.found |= self._is_parser_class(node.func)
        if not isinstance(node.func, ast.Attribute) or node.func.attr != "add_argument":
            return
        if not self._is_subparser(node.func.value):
            self._add(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if any(map(self._is_parser_class, node.bases)):
            self._classes.add(node.name)
        self.generic_visit(node)

    def _is_parser_class(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return node.attr == "ArgumentParser" and node.value.id in self._modules
        return isinstance(node, ast.Name) and node.id in self._classes

    def _is_subparser(self, node: ast.expr) -> bool:
        """Whether the expression is a subcommand's parser, or a group of its options."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in _GROUPS:
                return self._is_subparser(node.func.value)
            return node.func.attr == "add_parser"
        return isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node) in self._subparsers

    def _add(self, call: ast.Call) -> None:
        names = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
        longs = [n[2:] for n in names if isinstance(n, str) and n.startswith("--") and n != "--"]
        keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        action = _name_or_text(keywords.get("action"))
        if not longs or action in _NO_FLAG:
            return
        name = longs[0]
        switch = _SWITCHES.get(action)
        default = self._value(keywords.get("default"))
        if switch is not None and "default" not in keywords:
            default = not switch  # argparse has this default without a word
        kind = _TYPES.get(_name_or_text(keywords.get("type")))
        if action == "BooleanOptionalAction":
            kind = "boolean"
        nargs = _literal(keywords.get("nargs"))
        several = nargs in ("+", "*") or (isinstance(nargs, int) and nargs > 1)
        text = _literal(keywords.get("help"))
        self.flags[name] = ImportedFlag(
            name=name,
            default=default,
            type=kind,
            choices=tuple(self._choices(keywords.get("choices"))),
            required=_literal(keywords.get("required")) is True,
            arg_name=name,
            switch=switch,
            nargs=several or action in ("append", "extend"),
            help=text if isinstance(text, str) else "",
        )

    def _value(self, node: ast.expr | None) -> object:
        """The value of a literal, or of a name that the module gives one; else None."""
        value = _literal(node)
        if value is _NOT_LITERAL:
            return self._constants.get(node.id) if isinstance(node, ast.Name) else None
        return value

    def _choices(self, node: ast.expr | None) -> Iterator[object]:
        """The choices in their order; none unless all of them are known."""
        if isinstance(node, ast.Set):
            node = ast.List(node.elts, ast.Load())
        value = self._value(node)
        if isinstance(value, (list, tuple, dict)):
            yield from value


def _names(node: ast.Assign) -> set[str]:
    """The names that are assigned to, `self.parser` among them."""
    return {ast.unparse(target) for target in node.targets}


def _name_or_text(node: ast.expr | None) -> str:
    """`x` for the name `x`, the attribute `module.x` and the text "x"; else nothing."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
