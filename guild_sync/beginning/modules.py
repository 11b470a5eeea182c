"""The modules of a folder that do something by themselves: nothing of them is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from guild_sync.beginning.packages import NeededPackages, needed
from guild_sync.config.file import text_of
from guild_sync.programs import module_sources
from guild_sync.programs.literals import Constant
from guild_sync.programs.modules import find_module
from guild_sync.programs.offered import ImportedFlag
from guild_sync.project.module_flags import ModuleFlags, module_flags
from guild_sync.project.sourcecode import source

_MOST = 500  # modules that are looked at
_MOST_FILES = 20_000  # of a folder that is one of a project
_LONGEST = 1 << 20  # bytes of one
_LONGEST_TEXT = 60  # characters of a global that is a setting, and no text of the program's
_FOLDERS = {"test", "tests", "docs", "doc", "build", "dist", "site-packages"}
_NOT_OPERATIONS = {"setup", "conftest", "noxfile", "fabfile"}
# Calls that prepare a module for those that import it, by what their names begin with.
_PREPARES = (
    "sys.path.", "sys.setrecursionlimit", "logging.", "warnings.", "os.environ.", "os.putenv",
    "matplotlib.use", "random.seed", "np.random.seed", "numpy.random.seed", "torch.manual_seed",
    "multiprocessing.set_start_method", "locale.setlocale", "signal.signal", "__all__.",
)  # fmt: skip
# What has names of its own.
_SCOPES = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip


@dataclass(frozen=True)
class FoundProgram:
    """A module that is a program: how guild.yml names it, and which flags it has."""

    name: str  # of its operation
    main: str
    path: str  # from the project's folder
    description: str
    dest: str  # of its flags, as `ModuleFlags` has it
    flags: Mapping[str, ImportedFlag]


@dataclass(frozen=True)
class FoundModules:
    """The programs of a folder, and what is no operation: its path, and why not."""

    programs: tuple[FoundProgram, ...]
    passed_over: Mapping[str, str]
    packages: NeededPackages
    beyond: int = 0  # modules that there are beside these: outside git not all are source code


@dataclass(frozen=True)
class _ReadModule:
    path: str
    main: str
    tree: ast.Module
    text: str


def programs_in(folder: Path) -> FoundModules:
    """What the modules among the source code in a folder are, as their source says it.

    A program is what has `if __name__ == "__main__"`, or does something as it is loaded and is
    imported by no other module there.
    """
    passed_over: dict[str, str] = {}
    code = source(folder, most=_MOST_FILES)
    names = [name for name in code.files if name.endswith(".py")]
    read = [*_read(folder, names, passed_over)]
    imported = {name for module in read for name in _imported(module.tree)}
    found: list[FoundProgram] = []
    for module in read:
        last = module.main.rpartition("/")[2]
        is_imported = bool({last, last.rpartition(".")[2]} & imported)
        if not _is_program(module.tree, is_imported):
            why = "another module imports it" if is_imported else "it does nothing by itself"
            passed_over[module.path] = why
            continue
        try:
            flags = _flags(folder, module)
        except (ValueError, SyntaxError) as e:
            passed_over[module.path] = f"it cannot be read: {e}"
            continue
        found.append(
            FoundProgram(
                _operation_name(module.main, found),
                module.main,
                module.path,
                _description(module.tree),
                flags.dest,
                _settings(flags, module.tree),
            )
        )
    packages = needed(folder, names, (module.tree for module in read))
    beyond = sum(name.endswith(".py") for name in code.beyond)
    return FoundModules(tuple(found), passed_over, packages, beyond)


def _read(folder: Path, names: Sequence[str], passed_over: dict[str, str]) -> Iterator[_ReadModule]:
    """The modules that `main` of an operation can name."""
    for at, name in enumerate(sorted(names, key=lambda name: (name.count("/"), name))):
        if at >= _MOST:
            passed_over[name] = f"of more than {_MOST} modules, no more are looked at"
            continue
        path = PurePosixPath(name)
        is_inner = path.stem.startswith("_") and path.stem != "__main__"
        is_test = path.stem.startswith("test_") or path.stem.endswith("_test")
        if _FOLDERS & {*path.parts[:-1]} or path.stem in _NOT_OPERATIONS or is_test or is_inner:
            continue
        main = _main(folder, path)
        if main is None:
            passed_over[name] = "its name is none that a module can have"
            continue
        try:
            text = text_of(folder / name, _LONGEST)
            yield _ReadModule(name, main, module_sources.parsed(text, name), text)
        except SyntaxError as e:
            passed_over[name] = f"it is no Python: line {e.lineno}"
        except (OSError, ValueError) as e:
            passed_over[name] = f"it cannot be read: {e}"


def _main(folder: Path, path: PurePosixPath) -> str | None:
    """The module as `main` names it, from the folder that its package is in; None: it cannot."""
    below = path.parent
    while (folder / below / "__init__.py").is_file() and str(below) != ".":
        below = below.parent
    inner = path.relative_to(below).with_suffix("")
    parts = inner.parts[:-1] if inner.name == "__main__" else inner.parts
    module = ".".join(parts)
    main = module if str(below) == "." else f"{below}/{module}"
    try:
        is_found = bool(parts) and find_module(main, [folder]) == folder / path
    except OSError:
        is_found = False
    return main if is_found and main.split() == [main] and "'" not in main else None


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module:
                yield node.module
            yield from (alias.name for alias in node.names)


def _is_program(tree: ast.Module, is_imported: bool) -> bool:
    if any(isinstance(node, ast.If) and _asks_for_main(node.test) for node in tree.body):
        return True
    return not is_imported and any(map(_acts, tree.body))


def _asks_for_main(test: ast.expr) -> bool:
    names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    texts = {node.value for node in ast.walk(test) if isinstance(node, ast.Constant)}
    return "__name__" in names and "__main__" in texts


def _acts(statement: ast.stmt) -> bool:
    """Whether a statement does something, other than to prepare the module."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return not ast.unparse(statement.value.func).startswith(_PREPARES)
    if isinstance(statement, (ast.For, ast.While, ast.With)):
        return any(map(_acts, statement.body)) or isinstance(statement, ast.While)
    return False


def _flags(folder: Path, module: _ReadModule) -> ModuleFlags:
    below, _, name = module.main.rpartition("/")
    return module_flags(module.text, module.path, (), name, (folder / below,))


def _settings(flags: ModuleFlags, tree: ast.Module) -> dict[str, ImportedFlag]:
    """The flags but for globals that are hardly settings.

    Those are long texts, lists, mappings, and what the module itself computes anew: `loss = 2.0`
    in front of a loop that has `loss = ...` in it is where it begins, and no setting.
    """
    if flags.dest != "globals":
        return dict(flags.flags)
    computed = {*_computed(tree)}
    return {
        name: flag
        for name, flag in flags.flags.items()
        if name not in computed and _is_setting(flag.default)
    }


def _computed(tree: ast.Module) -> Iterator[str]:
    """The globals that get a value in a loop, or of what they were, or in a function."""
    left: list[tuple[ast.AST, bool]] = [(tree, False)]
    while left:
        node, in_loop = left.pop()
        if isinstance(node, _SCOPES):
            inner = [*ast.walk(node)]
            told = {name for one in inner if isinstance(one, ast.Global) for name in one.names}
            yield from (name for one in inner for name in _stored(one) if name in told)
            continue
        if in_loop:
            yield from _stored(node)
        elif isinstance(node, ast.AugAssign):
            yield from _stored(node.target)
        in_loop = in_loop or isinstance(node, (ast.For, ast.AsyncFor, ast.While))
        left += ((child, in_loop) for child in ast.iter_child_nodes(node))


def _stored(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id


def _is_setting(value: Constant) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_TEXT and "\n" not in value
    return isinstance(value, (bool, int, float))


def _operation_name(main: str, before: Sequence[FoundProgram]) -> str:
    """The module's last name, or all of it where another operation has that."""
    taken = {program.name for program in before}
    whole = main.replace("/", "-").replace(".", "-")
    last = main.rpartition("/")[2].rpartition(".")[2]
    return next(name for name in (last, whole, f"{whole}-{len(taken)}") if name not in taken)


def _description(tree: ast.Module) -> str:
    """The first line of its docstring, where that is a line by itself."""
    first = (ast.get_docstring(tree) or "").partition("\n\n")[0].strip()
    is_line = "\n" not in first and first.isprintable() and len(first) <= 100
    return first.rstrip(".") if is_line else ""
