"""The modules of a project as their source says what they are: nothing of them is executed."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from guild_sync.programs import literals
from guild_sync.programs.literals import Evaluated
from guild_sync.programs.modules import find_imported

_PARSES = re.compile(r"\badd_argument\b|ArgumentParser|parser\b")
_MOST = 30  # modules of a program that are read beside its own
_LONGEST = 1_000_000  # characters of one


@dataclass(frozen=True)
class ModuleSource:
    """A module: its source, and what the names mean that have one meaning in it."""

    tree: ast.Module
    constants: Mapping[str, Evaluated]
    name: str = ""  # dotted; empty for the program's own
    package: str = ""  # what its relative imports are relative to

    def value(self, node: ast.expr | None) -> Evaluated | None:
        """The value of a literal, or of a name that the module gives one and no other."""
        if isinstance(node, ast.Name):
            return self.constants.get(node.id)
        return literals.evaluated(node)

    def absolute(self, module: str | None, level: int) -> str | None:
        """The dotted name of what it imports from; None where that is above its package."""
        if not level:
            return module
        parts = self.package.split(".") if self.package else []
        if level > len(parts):
            return None
        return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])


Find = Callable[[str], ModuleSource | None]  # a module of the project by its dotted name


def no_other(_name: str) -> ModuleSource | None:
    """There is no module beside the program's own."""
    return None


def other_modules(roots: Sequence[Path]) -> Find:
    """Finds the modules in these folders that have to do with parsers."""
    read: list[str] = []

    def find(name: str) -> ModuleSource | None:
        path = find_imported(name, roots)
        if path is None or len(read) >= _MOST:
            return None
        is_package = path.name == "__init__.py"
        try:
            text = path.read_text(encoding="utf-8")
            # A package may have from its modules what none of its own lines tells of.
            if len(text) > _LONGEST or not (is_package or _PARSES.search(text)):
                return None
            read.append(name)
            tree = parsed(text, str(path))
        except (OSError, ValueError, SyntaxError):  # Python may have a word to say of it, later
            return None
        package = name if is_package else name.rpartition(".")[0]
        return ModuleSource(tree, constants_of(tree), name, package)

    return find


def parsed(source: str, filename: str) -> ast.Module:
    """The tree of a source. Raises SyntaxError or ValueError for what is none."""
    if "\0" in source:
        raise ValueError(f"{filename}: source code with NUL bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those on the user's code are for its run
            return ast.parse(source.removeprefix("\ufeff"), filename)
    except (RecursionError, MemoryError):  # the parser's own word for too deep is either
        raise ValueError(f"{filename}: source code is nested too deeply") from None


def constants_of(tree: ast.Module) -> dict[str, Evaluated]:
    """The names that are assigned a literal at top level, and nothing anywhere else."""
    known = assigned(tree)
    return {name: known[name] for name in known.keys() & _assigned_once(tree)}


def assigned(tree: ast.Module) -> dict[str, Evaluated]:
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
