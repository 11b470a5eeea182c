"""What flags a Python module offers, read from its source: nothing of it is executed."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from guild_sync.programs import argparse_options, literals
from guild_sync.programs.literals import Evaluated
from guild_sync.programs.offered import ImportedFlag


@dataclass(frozen=True)
class ModuleFlags:
    """A module's flags in source order, and where their values go."""

    dest: Literal["args", "args:click", "args:fire", "globals"]
    flags: Mapping[str, ImportedFlag]


def module_flags(source: str, filename: str, words: Sequence[str] = ()) -> ModuleFlags:
    """The flags of a module that is run with these words: the options of its parser, else globals.

    Its parser is argparse's, click's or fire's. Raises SyntaxError for what is not Python,
    ValueError for what cannot be parsed.
    """
    return _module_flags(source, filename, tuple(words))


@lru_cache(maxsize=32)  # many operations of a project may have the same module
def _module_flags(source: str, filename: str, words: tuple[str, ...]) -> ModuleFlags:
    if "\0" in source:
        raise ValueError(f"{filename}: source code with NUL bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those on the user's code are for its run
            tree = ast.parse(source.removeprefix("\ufeff"), filename)
            return _flags_of(tree, words)
    except (RecursionError, MemoryError):  # the parser's own word for too deep is either
        raise ValueError(f"{filename}: source code is nested too deeply") from None


def _flags_of(tree: ast.Module, words: Sequence[str]) -> ModuleFlags:
    assigned = _constants(tree)
    constant = {name: assigned[name] for name in assigned.keys() & _assigned_once(tree)}
    if program := argparse_options.options(tree, constant):
        return ModuleFlags("args", program.chosen(words))
    imported = set(_imported(tree))
    if "click" in imported:
        from guild_sync.programs import click_options

        if program := click_options.options(tree, constant):
            return ModuleFlags("args:click", program.chosen(words))
    if "fire" in imported:
        from guild_sync.programs import fire_arguments

        if program := fire_arguments.arguments(tree, constant):
            return ModuleFlags("args:fire", program.chosen(words))
    public = {name: value for name, value in assigned.items() if not name.startswith("_")}
    flags = {name: ImportedFlag(name, found.value) for name, found in public.items()}
    return ModuleFlags("globals", flags)


def _imported(tree: ast.Module) -> Iterator[str]:
    """The modules that a module imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _constants(tree: ast.Module) -> dict[str, Evaluated]:
    """The names that are assigned a literal at top level, with the last one that they get."""
    known: dict[str, Evaluated] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = [statement.target]
        else:
            continue
        if value := literals.evaluated(statement.value):
            known.update((t.id, value) for t in targets if isinstance(t, ast.Name))
    return known


def _assigned_once(tree: ast.Module) -> set[str]:
    """The names that mean one thing throughout the module, whatever is executed of it."""
    counts = Counter(name for node in ast.walk(tree) for name in _bound(node))
    return {name for name, count in counts.items() if count == 1}


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a node gives a meaning."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
