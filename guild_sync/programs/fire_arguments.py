"""The arguments of what a module hands to fire, read from its source: they are its options."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import replace

from guild_sync.programs import literals
from guild_sync.programs.literals import Evaluated
from guild_sync.programs.offered import ImportedFlag, Program
from guild_sync.programs.spelling import Spelling

_Callable = ast.FunctionDef | ast.ClassDef


def arguments(tree: ast.Module, constants: Mapping[str, Evaluated]) -> Program | None:
    """The arguments of what `fire.Fire(...)` is given; None where it is not called."""
    names = _names(tree)
    calls = [node for node in ast.walk(tree) if _is_fire(node, names)] if names else []
    if not calls:
        return None
    defined = {node.name: node for node in tree.body if isinstance(node, _Callable)}
    made = Program()
    for call in calls:
        assert isinstance(call, ast.Call)
        given = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "component")]
        if not given:  # everything of the module is a command
            made.commands.update({n: _program(node, constants) for n, node in defined.items()})
        for component in given:
            _add(made, component, defined, constants)
    return made


def _add(
    made: Program,
    component: ast.expr,
    defined: Mapping[str, _Callable],
    constants: Mapping[str, Evaluated],
) -> None:
    """Put what a component offers into the program."""
    if isinstance(component, ast.Call):  # an instance of a class
        component = component.func
        found = defined.get(component.id) if isinstance(component, ast.Name) else None
        if isinstance(found, ast.ClassDef):
            made.commands.update(_program(found, constants).commands)
    elif isinstance(component, ast.Name) and component.id in defined:
        program = _program(defined[component.id], constants)
        made.flags.update(program.flags)
        made.commands.update(program.commands)
    elif isinstance(component, ast.Dict):
        for key, value in zip(component.keys, component.values, strict=True):
            word = literals.text_of(key)
            if word and isinstance(value, ast.Name) and value.id in defined:
                made.commands[word] = _program(defined[value.id], constants)


def _names(tree: ast.Module) -> set[str]:
    """What `fire.Fire` is called in the module."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(f"{a.asname or a.name}.Fire" for a in node.names if a.name == "fire")
        elif isinstance(node, ast.ImportFrom) and node.module == "fire" and not node.level:
            found.update(a.asname or a.name for a in node.names if a.name == "Fire")
    return found


def _is_fire(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in names


def _program(node: _Callable, constants: Mapping[str, Evaluated]) -> Program:
    """A function's arguments; those of a class's `__init__`, and its methods as commands."""
    if isinstance(node, ast.FunctionDef):
        return Program({flag.name: flag for flag in _arguments(node, constants)})
    made = Program()
    for method in node.body:
        if not isinstance(method, ast.FunctionDef):
            continue
        is_static = any(ast.unparse(d) == "staticmethod" for d in method.decorator_list)
        flags = list(_arguments(method, constants))[0 if is_static else 1 :]
        if method.name == "__init__":
            made.flags.update({flag.name: flag for flag in flags})
        elif not method.name.startswith("_"):
            made.commands[method.name] = Program({flag.name: flag for flag in flags})
            made.commands[method.name.replace("_", "-")] = made.commands[method.name]
    return made


def _arguments(node: ast.FunctionDef, constants: Mapping[str, Evaluated]) -> Iterator[ImportedFlag]:
    plain = [*node.args.posonlyargs, *node.args.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(node.args.defaults))
    defaults = [*missing, *node.args.defaults, *node.args.kw_defaults]
    for argument, default in zip([*plain, *node.args.kwonlyargs], defaults, strict=True):
        option = f"--{argument.arg}"
        spelling = Spelling(option=option, names=(option,), yes="True", no="False")
        flag = ImportedFlag(argument.arg, spelling=spelling)
        known = literals.value_of(default, constants)
        value = known.value if known else None
        # What has no value, or one that is not known, is what its text looks like.
        kind = "auto" if value is None else None
        yield replace(flag, default=value, type=kind, several=isinstance(value, (list, tuple)))
