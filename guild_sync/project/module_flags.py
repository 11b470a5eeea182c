"""What flags a Python module offers, read from its source: nothing of it is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from guild_sync.programs import argparse_options, module_sources
from guild_sync.programs.offered import ImportedFlag


@dataclass(frozen=True)
class ModuleFlags:
    """A module's flags in source order, and where their values go."""

    dest: Literal["args", "args:click", "args:fire", "globals"]
    flags: Mapping[str, ImportedFlag]


def module_flags(
    source: str,
    filename: str,
    words: Sequence[str] = (),
    name: str = "",
    roots: Sequence[Path] = (),
) -> ModuleFlags:
    """The flags of a module that is run with these words: the options of its parser, else globals.

    Its parser is argparse's, click's or fire's. What argparse's gets from other modules, in the
    folders `roots`, is seen where the module imports argparse; `name` is its own name, dotted.
    Raises SyntaxError for what is not Python, ValueError for what cannot be parsed.
    """
    tree = module_sources.parsed(source, filename)
    try:
        return _flags_of(tree, words, name.rpartition(".")[0], module_sources.other_modules(roots))
    except (RecursionError, MemoryError):
        raise ValueError(f"{filename}: source code is nested too deeply") from None


def _flags_of(
    tree: ast.Module, words: Sequence[str], package: str, find: module_sources.Find
) -> ModuleFlags:
    constant = module_sources.constants_of(tree)
    imported = set(_imported(tree))
    own = module_sources.ModuleSource(tree, constant, package=package)
    others = find if "argparse" in imported else module_sources.no_other
    if program := argparse_options.options(own, others):
        return ModuleFlags("args", program.chosen(words))
    if "click" in imported:
        from guild_sync.programs import click_options

        if program := click_options.options(tree, constant):
            return ModuleFlags("args:click", program.chosen(words))
    if "fire" in imported:
        from guild_sync.programs import fire_arguments

        if program := fire_arguments.arguments(tree, constant):
            return ModuleFlags("args:fire", program.chosen(words))
    assigned = module_sources.assigned(tree).items()
    public = {name: value for name, value in assigned if not name.startswith("_")}
    flags = {name: ImportedFlag(name, found.value) for name, found in public.items()}
    return ModuleFlags("globals", flags)


def _imported(tree: ast.Module) -> Iterator[str]:
    """The modules that a module imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
